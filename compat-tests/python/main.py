"""Runs the checks of one client: main.py confluent|kcat BOOTSTRAP [FILTER]…, or one member of a group in a process of
its own, which can be killed: main.py member BOOTSTRAP TOPIC CONFIGS-AS-JSON."""

import json
import sys

from common.checks import Checks
from common.cluster import Cluster

# Checks that run at once. Most of their time is waiting.
THREADS = 6


def main(command: str, bootstrap: str, *rest: str) -> None:
    if command == "member":
        from confluent import member

        member.run(bootstrap, rest[0], json.loads(rest[1]))
        return
    if command == "confluent":
        from confluent import admin, commit, consume, errors, groups, produce, restart

        modules = [groups, produce, consume, commit, admin, errors, restart]
        cluster = Cluster(bootstrap, "python")
    else:
        from kcat import consume, errors, groups, produce

        modules = [groups, produce, consume, errors]
        cluster = Cluster(bootstrap, "kcat")
    checks = Checks()
    for module in modules:
        module.register(checks, cluster)
    checks.run(THREADS, rest)


if __name__ == "__main__":
    main(*sys.argv[1:])
