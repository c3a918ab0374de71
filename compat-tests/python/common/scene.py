"""A topic of six partitions and the members of one group that read it, whatever client they are."""

import time
from typing import Callable, Protocol

from confluent_kafka import ConsumerGroupState

from .checks import PATIENCE_SECONDS, equal, eventually, true
from .cluster import Cluster, produce
from .lines import Record, partition_of, place, same
from .samples import now_ms

PARTITIONS = 6


class Member(Protocol):
    """A member that reads and commits by itself until it leaves or dies."""

    def assigned(self) -> set[int]:
        """The partitions it has now."""

    def drain(self) -> list[str]:
        """The lines it read since the last call."""

    def drain_revoked(self) -> list[set[int]]:
        """The sets of partitions taken from it since the last call."""

    def failure(self) -> object:
        """What ended it, if it did not end by itself; else None."""

    def die(self) -> None:
        """Goes without a word to the broker."""

    def close(self) -> None:
        """Leaves the group (a static member only stops)."""


class Scene:
    """Members come and go; `settle` waits for the group to be stable, `expect_round` checks who reads what."""

    def __init__(self, cluster: Cluster, what: str):
        self.cluster = cluster
        self.group = cluster.name(what)
        self.topic = cluster.topic(what, PARTITIONS)
        self.members: dict[str, Member] = {}
        self._produced = 0

    def __enter__(self):
        return self

    def __exit__(self, *problem) -> None:
        for member in self.members.values():
            member.close()

    def join(self, name: str, make: Callable[[str, str], Member]) -> None:
        self.members[name] = make(self.group, self.topic)

    def leave(self, name: str) -> None:
        self.members.pop(name).close()

    def die(self, name: str) -> None:
        self.members.pop(name).die()

    def describe(self):
        return self.cluster.admin.describe_consumer_groups([self.group])[self.group].result()

    def settle(self) -> dict[str, set[int]]:
        """Waits until the group is stable and the members share all partitions evenly, each with one owner."""

        def stable() -> bool:
            found = self.describe()
            return found.state == ConsumerGroupState.STABLE and len(found.members) == len(self.members)

        def settled() -> bool:
            if not self._shared() or not stable():
                return False
            time.sleep(0.3)
            return self._shared() and stable()

        eventually(f"settled: {self.group} of {list(self.members)}", settled)
        return {name: member.assigned() for name, member in self.members.items()}

    def _shared(self) -> bool:
        for name, member in self.members.items():
            true(member.failure() is None, f"member {name} failed: {member.failure()}")
        shares = [member.assigned() for member in self.members.values()]
        least = PARTITIONS // len(shares)
        most = -(-PARTITIONS // len(shares))
        return (all(least <= len(share) <= most for share in shares)
                and sorted(number for share in shares for number in share) == list(range(PARTITIONS)))

    def expect_round(self, shares: dict[str, set[int]]) -> None:
        """Produces a round of records; each comes once, to the member that has its partition, and is committed."""
        expected = self._produce_round()
        found: dict[str, list[str]] = {name: [] for name in self.members}

        def all_read() -> bool:
            for name, member in self.members.items():
                found[name] += member.drain()
            return sum(map(len, found.values())) >= len(expected)

        eventually(f"a round of {len(expected)} records in {self.group}", all_read)
        for name, share in shares.items():
            same(sorted((text for text in expected if partition_of(text) in share), key=place),
                 sorted(found[name], key=place))

        def committed() -> bool:
            offsets = self.cluster.committed(self.group, self.topic, PARTITIONS)
            return set(offsets.values()) == {self._produced // PARTITIONS}

        eventually("the round is committed", committed)

    def _produce_round(self) -> list[str]:
        lines: list[str] = []
        producer = self.cluster.producer()
        for index in range(PARTITIONS * 20):
            record = Record(index % PARTITIONS, now_ms(), b"k%d" % index, b"record %d" % self._produced)
            offset = self._produced // PARTITIONS
            self._produced += 1

            def delivered(error, message, record=record, offset=offset) -> None:
                if error is None and message.offset() == offset:
                    lines.append(record.line(offset))

            produce(producer, self.topic, record, delivered)
        producer.flush(PATIENCE_SECONDS)
        equal(PARTITIONS * 20, len(lines), "records answered with the right offset")
        return lines
