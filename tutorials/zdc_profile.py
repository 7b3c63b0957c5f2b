"""Where the time of a draw of two devices goes: of both by one generator, and of each by itself.

usage: zdc_profile.py TEST MODEL: TEST is a sample of `zdc` (.npz), MODEL the name or folder of a generator of it. Prints a table
in Markdown: processor time [ms a particle] of the frame, of the network of the codes and of what makes cells of them, for
both devices in one pass and for one after the other, as two generators draw them (whose networks would be half as wide),
and how often the blocks of a batch are halved.
"""

import sys
import time
from collections import Counter

import numpy as np

from lamarr_like.responses.detectors.zdc import ZDC
from lamarr_like.responses.joint import load_any
from lamarr_like.responses.samples import read_any
from lamarr_like.responses.stack import Stack
from lamarr_like.rng import stream_keys

BATCHES = {1: 300, 100: 60, 2000: 3}
"""Particles a draw, and draws."""

TOLD = ("conditions and frame", "network of the codes", "codes into cells", "halvings of a batch")


class Counted(Stack):
    """A stack that counts how often blocks are halved."""

    halvings = 0

    def _law(self, node, device):
        self.halvings += 1
        return super()._law(node, device)


def draw(model, stacks, conditions, keys, spent):
    """One draw by stacks of some of the devices each, after `lamarr_like.responses.joint`."""
    known = np.concatenate(placed(model, range(len(model._blocks)), conditions)[1], axis=1).astype(np.float32)
    for stack, numbers in stacks:
        clock = [time.process_time()]
        places, given = placed(model, numbers, conditions)
        clock.append(time.process_time())
        scores = model._network.scores(known, keys, 0).astype(np.float64)
        own = np.split(scores, np.cumsum([blocks.n_codes for blocks in model._blocks])[:-1], axis=1)
        clock.append(time.process_time())
        before = stack.halvings
        stack.hits(places, given, [own[k] for k in numbers], [keys] * len(numbers))
        clock.append(time.process_time())
        spent.update(dict(zip(TOLD, [*np.diff(clock), stack.halvings - before], strict=True)))


def placed(model, numbers, conditions):
    """Placements of the particles in the frames of some devices, and what is given of them there."""
    seen = [model.response.responses[k].seen(conditions, "test") for k in numbers]
    places = [model._frames[k].place(one) for k, one in zip(numbers, seen, strict=True)]
    return places, [model._blocks[k].given(place) for k, place in zip(numbers, places, strict=True)]


def main():
    """Measure."""
    test, model = read_any(sys.argv[1], ZDC), load_any(sys.argv[2])
    ways = {
        "one generator": [(Counted(model._blocks), range(len(model._blocks)))],
        "two": [(Counted([blocks]), [k]) for k, blocks in enumerate(model._blocks)],
    }
    columns = {}
    for batch, draws in BATCHES.items():
        for way, stacks in ways.items():
            spent = Counter()
            for i in range(draws):
                rows = (np.arange(batch) + i * batch) % len(test)
                conditions = {name: values[rows] for name, values in test.conditions.items()}
                draw(model, stacks, conditions, stream_keys(i, "profile", rows), spent)
            columns[f"{batch} at a time, {way}"] = {
                name: f"{spent[name] / draws:.1f}" if name == TOLD[-1] else f"{1e3 * spent[name] / draws / batch:.3g}"
                for name in TOLD
            }
    print("| | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
    for name in TOLD:
        print(f"| {name} | " + " | ".join(column[name] for column in columns.values()) + " |")


if __name__ == "__main__":
    main()
