#!/usr/bin/env python3
"""Measures Weir beside Apache Kafka, and beside a bare server: what the machine charges any broker. See README.md."""

import argparse
import signal
import sys
from pathlib import Path

from runner import install, machine, paths, reference, report, rows, table
from runner.results import Results
from runner.row import ALL, Group
from runner.session import Choice, Session
from runner.summary import Summary
from harness.process import Failure

ROUNDS, SECONDS = 3, 3.0


def main() -> int:
    options = _options()
    # An ended runner unwinds, so that servers stop and directories go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if options.list:
            for group in rows.GROUPS:
                for row in group.rows:
                    print(f"{group.id(row):34} {group.medium:6} {', '.join(row.servers)}")
            return 0
        if options.report:
            return _report(Results(options.out))
        return _run(options)
    except Failure as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    choice = Choice(_groups(options), options.servers, options.rounds, options.seconds, options.quick)
    chosen = {name for group in choice.groups for row, name in choice.pairs(group, 0)}
    if not chosen:
        raise Failure("no row has these servers")
    install.prepare(options.build, chosen, {row.kind for group in choice.groups for row, _ in choice.pairs(group, 0)})
    results = Results(options.out)
    results.machine = machine.describe()
    session = Session(choice, results)
    session.run(lambda group, say: say(_shown(group, Summary(results.all), session.run_id)))
    print(f"saved in {options.out}")
    if not (options.only or options.quick or options.is_trial):
        _report(results)
    return 1 if session.failed else 0


def _report(results: Results) -> int:
    if not results.all:
        raise Failure("there are no saved results")
    report.write(results, paths.REPORT, paths.CHARTS)
    print(f"wrote {paths.REPORT} and {paths.CHARTS}")
    return 0


def _shown(group: Group, summary: Summary, run: str) -> str:
    """A group's tables, once it has been run; what an earlier run has found is there to compare with."""
    marks = dict.fromkeys(reference.doubts(summary), " †")
    marks |= {key: f"{marks.get(key, '')} (earlier)" for key in summary.before(run)}
    parts = ["", f"== {group.name}: {group.title}", table.group(group, summary, marks)]
    verdicts = [(row, verdict) for row, verdict in table.targets(group, summary) if verdict.reached is not None]
    if verdicts:
        parts += ["", report.reached(verdicts)]
    return "\n".join([*parts, ""])


def _groups(options: argparse.Namespace) -> list[Group]:
    """Groups by name, or rows by GROUP/ROW; a quick look has its own."""
    wanted = [word for word in options.only.split(",") if word]
    names = {group.name for group in rows.GROUPS} | {group.id(row) for group in rows.GROUPS for row in group.rows}
    unknown = [word for word in wanted if word not in names]
    if unknown:
        raise Failure(f"there is no group or row {', '.join(unknown)}; --list names them")
    found = []
    for group in rows.GROUPS:
        chosen = tuple(row for row in group.rows if (group.name in wanted or group.id(row) in wanted if wanted
                                                     else row.is_quick or not options.quick))
        if chosen:
            found.append(Group(group.name, group.title, group.medium, chosen, group.columns))
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look in less than two minutes: few rows, one round")
    parser.add_argument("--only", default="", metavar="GROUP[,GROUP/ROW]",
                        help="these groups or rows; --list names them")
    parser.add_argument("--servers", default="", metavar="NAME[,NAME]", help=f"of {', '.join(ALL)}; default all")
    parser.add_argument("--rounds", type=int, help=f"rounds (default {ROUNDS})")
    parser.add_argument("--seconds", type=float,
                        help=f"how long each native load is measured (default {SECONDS:g})")
    parser.add_argument("--out", type=Path,
                        help="where measurements are saved (default target/bench/results; runs with other rounds or "
                             "seconds: target/bench/trial; --quick: target/bench/quick)")
    parser.add_argument("--report", action="store_true",
                        help="only write RESULTS.md and charts from saved measurements")
    parser.add_argument("--no-build", dest="build", action="store_false", help="run the binaries that are there")
    parser.add_argument("--list", action="store_true", help="name groups and rows, and end")
    options = parser.parse_args()
    options.is_trial = options.rounds is not None or options.seconds is not None
    options.out = options.out or (paths.QUICK if options.quick else paths.TRIALS if options.is_trial else paths.RESULTS)
    options.rounds = options.rounds or (1 if options.quick else ROUNDS)
    options.seconds = options.seconds or (1.0 if options.quick else SECONDS)
    servers = tuple(name for name in options.servers.split(",") if name)
    if unknown := [name for name in servers if name not in ALL]:
        parser.error(f"there is no server {', '.join(unknown)}; there are {', '.join(ALL)}")
    options.servers = servers or (rows.QUICK_SERVERS if options.quick else ALL)
    return options


if __name__ == "__main__":
    sys.exit(main())
