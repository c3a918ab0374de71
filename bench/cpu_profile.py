#!/usr/bin/env python3
"""Where each microsecond of a server's CPU goes, per request: rows of the benchmark's native loads, sampled with `perf`.
Writes PROFILE.md. See README.md."""

import argparse
import sys
import time

from runner import cpu_profile, install, machine, media, paths, rows
from runner.arena import Arena
from runner.ballast import Ballast
from runner.row import Group, Row
from harness.process import Failure

ROWS = ("native-produce/one-4x32-acks-1", "native-produce/one-4x32-acks-all", "native-produce/one-64x1-acks-all",
        "native-produce/16k-acks-all", "native-produce/1m-acks-1", "partitions/10", "partitions/1000",
        "native-fetch/16k-8", "native-fetch/4m-8")
SERVERS = ("weir", "floor")
SECONDS = 4.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(ROWS), metavar="GROUP/ROW[,GROUP/ROW]",
                        help=f"rows of native loads in memory (default {', '.join(ROWS)})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of each (default {SECONDS:g})")
    parser.add_argument("--no-build", dest="build", action="store_false", help="run the binaries that are there")
    options = parser.parse_args()
    try:
        cpu_profile.check_perf()
        chosen = [_row(name) for name in options.only.split(",")]
        install.prepare(options.build, set(SERVERS), {row.kind for _, row in chosen})
        tables = []
        with Ballast() as ballast, Arena(media.medium("tmpfs", ballast), False, options.seconds) as arena:
            for group, row in chosen:
                found = {}
                for name in SERVERS:
                    arena.server(name)
                    ballast.fill()
                    found[name] = cpu_profile.take(arena, name, row, options.seconds)
                    arena.settle(name)
                tables.append(cpu_profile.table(group.id(row), found))
                print(f"\n{tables[-1]}", flush=True)
        paths.PROFILE.write_text(cpu_profile.page(machine.describe(), machine.commit(), time.gmtime(), tables))
        print(f"\nwrote {paths.PROFILE}")
    except Failure as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    return 0


def _row(name: str) -> tuple[Group, Row]:
    for group in rows.GROUPS:
        for row in group.rows:
            if group.id(row) == name and row.kind in ("produce", "fetch") and group.medium == "tmpfs":
                return group, row
    raise Failure(f"there is no row {name} of a native load in memory")


if __name__ == "__main__":
    sys.exit(main())
