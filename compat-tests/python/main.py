"""Runs the checks of one client: main.py confluent|kafka-python|aiokafka|kcat BOOTSTRAP [FILTER]…, or one member of a
group in a process of its own, which can be killed, or the checks of the log cleaner: main.py compaction BOOTSTRAP FOLDER
[FILTER]…; main.py member BOOTSTRAP CLIENT GROUP TOPIC CONFIGS-AS-JSON."""

import json
import sys
from pathlib import Path

from common import child
from common.checks import Checks
from common.cluster import Cluster

# Checks that run at once. Most of their time is waiting.
THREADS = 6


def main(command: str, bootstrap: str, *rest: str) -> None:
    if command == "member":
        client, group, topic, configs = rest
        child.run(_member(client, bootstrap, group, topic, json.loads(configs)))
        return
    checks = Checks()
    if command == "compaction":
        import compaction

        folder, *rest = rest
        compaction.register(checks, Cluster(bootstrap, "compaction"), Path(folder))
    else:
        _register(command, checks, bootstrap)
    checks.run(THREADS, rest)


def _register(client: str, checks: Checks, bootstrap: str) -> None:
    """The slowest checks first, as they wait most."""
    if client == "confluent":
        from confluent import admin, commit, consume, errors, groups, produce, restart

        modules = [groups, produce, consume, commit, admin, errors, restart]
        subject = Cluster(bootstrap, "python")
    elif client == "kcat":
        from kcat import consume, errors, groups, produce, restart

        modules = [groups, produce, consume, errors, restart]
        subject = Cluster(bootstrap, "kcat")
    else:
        from pure import admin, commit, consume, errors, groups, produce, restart
        from pure.base import Bench

        modules = [groups, produce, consume, commit, admin, errors, restart]
        subject = Bench(_pure(client, bootstrap), Cluster(bootstrap, client))
    for module in modules:
        module.register(checks, subject)


def _pure(client: str, bootstrap: str):
    """A client that is written in Python. Only the one under test is imported."""
    if client == "aiokafka":
        from pure.aio import Client
    else:
        from pure.kafka_python import Client
    return Client(bootstrap)


def _member(client: str, bootstrap: str, group: str, topic: str, configs: dict):
    if client == "confluent":
        from confluent.member import LocalMember

        return LocalMember(bootstrap, group, topic, configs)
    from pure.member import LocalMember

    return LocalMember(_pure(client, bootstrap), group, topic, configs)


if __name__ == "__main__":
    main(*sys.argv[1:])
