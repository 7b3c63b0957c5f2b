"""What chance leaves: how near the best prediction of a detailed window comes to one draw of it.

usage: translation_bound.py WANTED [DRAWS]: WANTED is a sample of tpc_window (.npz), of which the first 500
windows are taken. Their tracks and ionisation are kept, avalanches and diffusion across are drawn anew so
many times (24). No function of tracks and ionisation is nearer in l1 than the median of a cell, none
nearer in l2 than its mean; a translation knows less.
"""

import sys

import numpy as np

from lamarr_like.responses.making import make_sample
from lamarr_like.responses.samples import read_sample

WINDOWS, SEED = 500, 5000


def main(words):
    """Draw anew and print distances."""
    wanted = read_sample(words[0]).take(slice(0, WINDOWS))
    draws = int(words[1]) if len(words) > 1 else 24
    name, n = wanted.response.name, len(wanted)
    made = [
        make_sample(name, n, SEED + k, like=wanted, progress=False).arrays for k in range(draws)
    ]
    for title, guess in (
        ("one draw", made[0]),
        ("median", np.median(made, axis=0)),
        ("mean", np.mean(made, axis=0)),
    ):
        away = guess - wanted.arrays.astype(np.float64)
        l1 = np.abs(away).mean(axis=(1, 2))
        error = l1.std() / np.sqrt(n)
        print(f"{title}: l1 {l1.mean():.3f} +- {error:.3f}, l2 {np.sqrt((away**2).mean()):.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
