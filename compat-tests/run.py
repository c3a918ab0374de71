#!/usr/bin/env python3
"""Runs real clients and Kafka's own tools against Weir and against Apache Kafka 4.3.0. See README.md."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from harness import behind_proxy, brokers, paths, readme, suites
from harness.process import Failure
from harness.results import Results
from harness.suite import Options, Run


def main() -> int:
    options = _options()
    if options.list:
        for suite in suites.SUITES.values():
            print(f"{suite.name:12} {suite.client} {suite.version()}")
        return 0
    # An ended runner unwinds, so that brokers stop and directories go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    brokers.Weir.binary = options.weir.resolve()
    chosen = [suites.SUITES[name] for name in suites.SUITES if not options.suite or name in options.suite]
    try:
        for suite in chosen:
            suite.prepare()
        paths.RUNS.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix="run-", dir=paths.RUNS))
        return _prove(options, chosen, directory) if options.proxy else _run(options, chosen, directory)
    except Failure as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, chosen: list, directory: Path) -> int:
    """Runs the suites and says what they found."""
    start = time.monotonic()
    results = Results()
    settings = Options(options.check, options.records, options.volume or Options.volume, jobs=options.jobs)
    for kind in _kinds(options):
        begin = time.monotonic()
        suites.run_all(chosen, Run(kind, directory / kind, settings, results))
        print(f"{kind}: {time.monotonic() - begin:.0f} s", flush=True)
    failures = results.failures()
    print(f"\n{results.table()}\n\n{results.summary()}, in {time.monotonic() - start:.0f} s")
    for failure in failures:
        print(f"FAIL {failure.broker} {failure.suite} {failure.check}: {failure.detail}")
    if failures or options.keep:
        print(f"logs and data are in {directory}")
    else:
        suites.remove(directory)
    if failures or not results.all:
        return 1
    whole = options.broker == "both" and not options.suite and not options.check
    return readme.check(results, options.readme) if whole else 0


def _prove(options: argparse.Namespace, chosen: list, directory: Path) -> int:
    """Runs each suite behind a proxy that spoils records, which it must notice."""
    kinds = ["weir"] if options.broker == "both" else [options.broker]
    settings = Options(options.check, volume=options.volume or behind_proxy.VOLUME, jobs=1, again=False,
                       patience=behind_proxy.PATIENCE_SECONDS)
    failed = 0
    for kind in kinds:
        for mode in options.proxy:
            for suite in chosen:
                if suite.command and suite.profile:
                    verdict = behind_proxy.prove(suite, mode, options.every, kind, directory, settings)
                    print(f"\n{verdict}\n", flush=True)
                    failed += not verdict.good
    if not failed and not options.keep:
        suites.remove(directory)
    return 1 if failed else 0


def _kinds(options: argparse.Namespace) -> list[str]:
    return ["kafka", "weir"] if options.broker == "both" else [options.broker]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", choices=["kafka", "weir", "both"], default="both")
    parser.add_argument("--suite", action="append", choices=list(suites.SUITES), metavar="SUITE",
                        help="one of " + ", ".join(suites.SUITES) + "; may be repeated; default all")
    parser.add_argument("--check", action="append", default=[], metavar="TEXT",
                        help="only checks whose name contains this; may be repeated")
    parser.add_argument("--records", type=int, default=100_000,
                        help="records that Kafka's tools produce and consume in all (default %(default)s)")
    parser.add_argument("--volume", type=int, default=0, metavar="N",
                        help=f"records of each client's check produce.volume (default {Options.volume}, behind a proxy "
                             f"{behind_proxy.VOLUME})")
    parser.add_argument("--jobs", type=int, default=Options.jobs, help="suites that run at once (default %(default)s)")
    parser.add_argument("--proxy", action="append", choices=behind_proxy.MODES, metavar="MODE",
                        help="run suites behind a proxy that spoils records, one of " + ", ".join(behind_proxy.MODES)
                             + "; succeeds if each suite notices (with none: if it passes); may be repeated")
    parser.add_argument("--every", type=int, default=behind_proxy.EVERY, metavar="N",
                        help="the proxy spoils one record in so many (default %(default)s)")
    parser.add_argument("--readme", action="store_true",
                        help="after a whole run: write the table of clients into README.md instead of comparing it")
    parser.add_argument("--weir", type=Path, default=paths.WEIR, help="the binary (default %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep logs and data of a run without failures")
    parser.add_argument("--list", action="store_true", help="name the suites and end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
