"""How often the verdict fails for two halves of one detailed sample.

    python tests/benchmarks/false_alarm.py SAMPLE ... --splits 100 --events 2000 \
        --decay "KS: K(S)0 -> pi+ pi-"

Every split is judged as `lamarr-like validate` judges, by the shipped thresholds and all kinds of
checks that they name, decays included; the classifier tests, which take most of the time, only with
`--classify`.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from lamarr_like.decays.request import DecayRequest
from lamarr_like.statistics.distances import halves
from lamarr_like.statistics.judgement import Status
from lamarr_like.validation.report.compute import ReportConfig, compare
from lamarr_like.validation.report.gather import Gatherer, paired, stream
from lamarr_like.validation.report.measure import JUDGED_SCHEMES
from lamarr_like.validation.verdict import load_thresholds


def main() -> None:
    """Split, judge, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path, nargs="+")
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="seed of the first split")
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--decay", action="append", default=[])
    parser.add_argument("--classify", action="store_true")
    args = parser.parse_args()
    decays = [DecayRequest.parse(text) for text in args.decay]
    gatherer = Gatherer("detailed", decays)
    for batch in stream(args.samples, decays=decays):
        gatherer.add(batch.events(0, min(len(batch), args.events - gatherer.n_events)))
        if gatherer.n_events >= args.events:
            break
    whole = gatherer.sample()
    whole = paired(whole, whole)[0]
    thresholds = load_thresholds()
    config = ReportConfig(schemes=JUDGED_SCHEMES, classify=args.classify, floor=False)
    verdicts, failed, nearest = Counter[str](), Counter[str](), []
    start = time.process_time()
    for seed in range(args.first, args.first + args.splits):
        first = halves(whole.n_events, seed)
        pair = whole.of_units(first, "one half"), whole.of_units(~first, "the other half")
        verdict = compare(*pair, thresholds, config).verdict
        verdicts[verdict.status.value] += 1
        failed.update(f"{c.group} of {c.subject}" for c in verdict.of(Status.failed))
        nearest.append(min((c.p for c in verdict.checks if c.p == c.p), default=1.0))
        judged = Counter(c.group for c in verdict.checks if c.judged)
    print(f"{args.splits} splits of {whole.n_events} events: {dict(verdicts)}")
    print(f"checks that failed: {dict(failed) or 'none'}; kinds judged: {dict(judged)}")
    alpha = thresholds.false_alarm / len(verdict.checks)
    print(f"smallest p of any check {min(nearest):.2g}, fails below {alpha:.2g}")
    print(f"{(time.process_time() - start) / args.splits:.2f} s of processor time a split")


if __name__ == "__main__":
    main()
