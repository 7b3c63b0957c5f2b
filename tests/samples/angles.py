"""Angles of decays, written apart from the package: by boosts and cross products."""

import numpy as np


def mass(p):
    return np.sqrt(np.maximum(p[:, 3] ** 2 - (p[:, :3] ** 2).sum(1), 0.0))


def in_rest_of(p, frame):
    """Momenta in the rest frame of others: px, py, pz, E."""
    velocity = frame[:, :3] / frame[:, 3:]
    squared = (velocity**2).sum(1)
    gamma = 1.0 / np.sqrt(1.0 - squared)
    along = (velocity * p[:, :3]).sum(1)
    factor = (gamma - 1.0) * along / squared - gamma * p[:, 3]
    return np.c_[p[:, :3] + factor[:, None] * velocity, gamma * (p[:, 3] - along)]


def unit(p):
    return p[:, :3] / np.linalg.norm(p[:, :3], axis=1)[:, None]


def helicity_cosine(daughter, mother, grandmother):
    """Cosine between a daughter and the flight of its mother, in the rest of the mother."""
    back = in_rest_of(grandmother, mother)
    return -(unit(in_rest_of(daughter, mother)) * unit(back)).sum(1)


def plane_angle(first, second, one, two, head):
    """Azimuth of `second` less that of `first`, about the flight of `one`, in the rest of the head.

    Args:
        first: a daughter of `one`.
        second: a daughter of `two`.
        one, two: what the head decays to.
    """
    axis = unit(in_rest_of(one, head))
    normal = [np.cross(axis, unit(in_rest_of(p, head))) for p in (first, second)]
    sine = (np.cross(normal[0], normal[1]) * axis).sum(1)
    return np.arctan2(sine, (normal[0] * normal[1]).sum(1))
