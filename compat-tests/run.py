#!/usr/bin/env python3
"""Runs real clients and Kafka's own tools against Weir and against Apache Kafka 4.3.0. See README.md."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from harness import brokers, paths, suites
from harness.process import Failure
from harness.results import Results


def main() -> int:
    options = _options()
    if options.list:
        for suite in suites.SUITES.values():
            print(f"{suite.name:7} {suite.about}")
        return 0
    # An ended runner unwinds, so that brokers stop and directories go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    brokers.Weir.binary = options.weir.resolve()
    chosen = [suites.SUITES[name] for name in suites.SUITES if not options.suite or name in options.suite]
    kinds = ["kafka", "weir"] if options.broker == "both" else [options.broker]
    results = Results()
    start = time.monotonic()
    try:
        for suite in chosen:
            suite.prepare()
        paths.RUNS.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix="run-", dir=paths.RUNS))
        for kind in kinds:
            suites.run_all(chosen, suites.Run(kind, directory / kind, options.records, options.check, results))
    except Failure as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    return _close(results, directory, time.monotonic() - start, options.keep)


def _close(results: Results, directory: Path, seconds: float, keep: bool) -> int:
    failures = results.failures()
    print(f"\n{results.table()}\n\n{results.summary()}, in {seconds:.0f} s")
    for failure in failures:
        print(f"FAIL {failure.broker} {failure.suite} {failure.check}: {failure.detail}")
    if failures or keep:
        print(f"logs and data are in {directory}")
    else:
        suites.remove(directory)
    return 1 if failures or not results.all else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", choices=["kafka", "weir", "both"], default="both")
    parser.add_argument("--suite", action="append", choices=list(suites.SUITES), metavar="SUITE",
                        help="one of " + ", ".join(suites.SUITES) + "; may be repeated; default all")
    parser.add_argument("--check", action="append", default=[], metavar="TEXT",
                        help="only checks whose name contains this; may be repeated")
    parser.add_argument("--records", type=int, default=100_000,
                        help="records that Kafka's tools produce and consume in all (default %(default)s)")
    parser.add_argument("--weir", type=Path, default=paths.WEIR, help="the binary (default %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep logs and data of a run without failures")
    parser.add_argument("--list", action="store_true", help="name the suites and end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
