"""Images of tracks in the planes of symmetry: laws of the ideal fit, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import FakeGenerator, fake_stages, truth_events

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.schema import COVARIANCE_NAMES
from lamarr_like.stages import Covariance, Resolution
from lamarr_like.stages.tracking.covariance import _PARTIALS, _along, _azimuth, _radial, _rotate
from lamarr_like.stages.tracking.covariance_numbers import to_vine
from lamarr_like.stages.tracking.ideal_fit import expected_covariance
from lamarr_like.stages.tracking.mirrors import FLAGS, Mirrors
from lamarr_like.stages.tracking.residual_frames import TrackState


def moved(n=300):
    """States and what else an ideal fit asks for, in all quadrants."""
    rng = np.random.default_rng(1)
    slope, phi = np.exp(rng.normal(-2.3, 0.5, n)), rng.uniform(-np.pi, np.pi, n)
    tx, ty, d = slope * np.cos(phi), slope * np.sin(phi), rng.normal(0.0, 1.0, n)
    p, charge = 10.0 ** rng.uniform(3.3, 5.0, n), rng.choice([-1.0, 1.0], n)
    z = rng.normal(0.0, 50.0, n)
    state = TrackState(-d * np.sin(phi), d * np.cos(phi), z, tx, ty, p, charge)
    behind = tx + charge * 1200.0 / p
    rest = {"t3_x": 9.3e3 * tx + 4e3 * (behind - tx), "tx_after": behind, "ctb_d": d}
    return state, rest


def partials(state, rest):
    """Partial correlations of ideal fits by name, as `Covariance` names them."""
    track = {"log_p": np.log10(state.p), "tx": state.tx, "ty": state.ty, "ctb_z": state.z}
    kind = np.full(len(state.p), 3)
    matrix = expected_covariance(track | rest | {"vz": state.z, "track_type": kind})
    return dict(zip(_PARTIALS, to_vine(_rotate(matrix, state, 1.0))[1].T, strict=True))


def test_an_image_has_positive_slopes_and_is_its_own_inverse():
    state, rest = moved()
    mirrors = Mirrors.of(state)
    columns = state._asdict() | rest
    image = mirrors.image(columns)
    assert (image["tx"] >= 0.0).all() and (image["ty"] >= 0.0).all()
    for name, values in mirrors.image(image).items():
        np.testing.assert_array_equal(values, columns[name])
    flags = mirrors.flags()
    assert tuple(flags) == FLAGS
    np.testing.assert_array_equal(flags["is_left"], state.tx < 0.0)
    np.testing.assert_array_equal(flags["is_below"], state.ty < 0.0)
    np.testing.assert_array_equal(mirrors.one, state.tx * state.ty < 0.0)
    none = Mirrors.of(state, taken=False)
    assert not any(np.any(v) for v in none.flags().values())
    assert all(none.image(columns)[k] is not None for k in columns)
    np.testing.assert_array_equal(none.image(columns)["charge"], state.charge)


@pytest.mark.parametrize(
    ("x", "y", "most"), [(-1.0, -1.0, 1e-9), (-1.0, 1.0, 0.05), (1.0, -1.0, 0.05)]
)
def test_ideal_fits_of_images_are_images_of_ideal_fits(x, y, most):
    """About the axis exactly; in one plane but for the order of the stereo layers."""
    state, rest = moved()
    other = state._replace(
        x=x * state.x, y=y * state.y, tx=x * state.tx, ty=y * state.ty, charge=x * state.charge
    )
    there = {k: v * (x * y if k == "ctb_d" else x) for k, v in rest.items()}
    plain = partials(state, rest), partials(other, there)
    one, two = (Mirrors.of(s).image(z) for s, z in zip((state, other), plain, strict=True))
    for name, values in one.items():
        # The stereo layers of the TT matter for the curvature: in one plane it is no symmetry.
        if "qop" not in name or x == y:
            size = np.abs(values).mean()
            assert np.abs(values - two[name]).mean() < most * size + 1e-12, name
        odd = {"z_t_tan_u_rad": x != y, "z_t_rad_u_rad": False, "z_t_rad_qop": x < 0.0}
        if name in odd and (x == y or "qop" not in name):
            same = np.mean(plain[0][name] * plain[1][name] > 0.0)
            assert same == pytest.approx(1.0 - odd[name], abs=0.1), name


class Given(FakeGenerator):
    """Draws what it was given; may be a model that knows of no mirrors."""

    def __init__(self, stage, values, mirrored):
        super().__init__(stage, tuple(values))
        self.values = values
        if not mirrored:
            self.conditions = tuple(c for c in self.conditions if c not in FLAGS)

    def draw(self, conditions, uniforms):
        self.seen = conditions
        return self.values


@pytest.fixture(scope="module")
def drawn():
    return Pipeline(fake_stages())(truth_events(30), seed=3)


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("stage", [Covariance, Resolution])
def test_tracks_come_back_where_they_were(stage, mirrored, drawn):
    rows = stage.rows(drawn)
    slopes = [drawn.track[c][rows] for c in ("tx", "ty")]
    assert min((s < 0.0).mean() for s in slopes) > 0.2
    targets = stage.targets(drawn, rows)
    model = Given(stage, targets, mirrored)
    made = stage(model, {"frame": "carried"})
    if not mirrored:
        state = _state(stage, drawn, rows)
        image = Mirrors.of(state)
        if stage is Covariance:  # models that see tracks where they are draw along the azimuth
            targets = _radial(targets, state, image)
        model.values = image.image(targets)
    names = COVARIANCE_NAMES if stage is Covariance else ("x", "y", "z", "tx", "ty", "p", "charge")
    again = made(drawn, 5)
    for name in names:
        wanted = drawn.track[name][rows]
        scale = np.abs(wanted).mean()
        np.testing.assert_allclose(again.track[name][rows], wanted, rtol=2e-3, atol=1e-4 * scale)
    assert ((model.seen["tx"] < 0.0).any()) == (not mirrored)
    uniforms = np.zeros((int(rows.sum()), made.n_uniforms))
    for name, values in made.answers(drawn, rows, uniforms).items():
        np.testing.assert_allclose(
            values, stage.compared(drawn, rows)[name], rtol=1e-3, atol=1e-3, err_msg=name
        )


def test_correlations_with_the_curvature_are_drawn_along_x_and_y(drawn):
    """Of an image at some azimuth; a model of before, which draws them along it, is still one."""
    rows = Covariance.rows(drawn)
    state = _state(Covariance, drawn, rows)
    targets = Covariance.targets(drawn, rows)
    mirrors = Mirrors.of(state)
    cos, sin = _azimuth(state, mirrors)
    assert (cos >= 0.0).all() and (sin >= 0.0).all() and set(targets) == set(Covariance.outputs)
    radial = _radial(targets, state, mirrors)
    assert list(radial) != list(targets) and set(_PARTIALS) < set(radial)
    np.testing.assert_allclose(
        radial["z_t_tan_qop"], cos * targets["z_ty_qop"] - sin * targets["z_tx_qop"]
    )
    for name, values in _along(radial, state, mirrors).items():
        np.testing.assert_allclose(values, targets[name], atol=1e-12, err_msg=name)
    old = Covariance(Given(Covariance, radial, True), {})(drawn, 5).track
    new = Covariance(Given(Covariance, targets, True), {})(drawn, 5).track
    for name in COVARIANCE_NAMES:
        np.testing.assert_allclose(old[name], new[name], rtol=1e-5, err_msg=name)


def _state(stage, batch, rows):
    from lamarr_like.stages.tracking.resolution import reconstructed_state, true_state

    return (reconstructed_state if stage is Covariance else true_state)(batch, rows)
