"""Fetch: offsets, sizes, waiting, and what is not there."""

from uuid import UUID

from .. import bodies
from ..bodies import Topic
from ..sequence import sequence
from ..talk import Talk


@sequence("fetch.normal", api="Fetch")
def normal(t: Talk) -> None:
    topic = t.topic(partitions=2)
    t.fill(topic, 0, 3)
    t.fill(topic, 0, 2)
    t.fill(topic, 1, 1)
    t.send("Fetch", bodies.fetch(topic, {0: 0, 1: 0}))
    t.send("Fetch", bodies.fetch(topic, {0: 3, 1: 1}))


@sequence("fetch.inside_a_batch", api="Fetch")
def inside_a_batch(t: Talk) -> None:
    topic = t.topic()
    t.fill(topic, 0, 5)
    t.send("Fetch", bodies.fetch(topic, {0: 3}))


@sequence("fetch.offset", api="Fetch", cases={"-1": -1, "-2": -2, "min": -2**63, "end": 5, "past_end": 6, "max": 2**63 - 1})
def offset(t: Talk, value: int) -> None:
    topic = t.topic()
    t.fill(topic, 0, 5)
    t.send("Fetch", bodies.fetch(topic, {0: value}))


@sequence("fetch.unknown_partition", api="Fetch", cases={"1": 1, "-1": -1, "max": 2**31 - 1})
def unknown_partition(t: Talk, partition: int) -> None:
    topic = t.topic()
    t.fill(topic, 0, 1)
    t.send("Fetch", bodies.fetch(topic, {partition: 0, 0: 0}))


@sequence("fetch.unknown_topic", api="Fetch")
def unknown_topic(t: Talk) -> None:
    t.send("Fetch", bodies.fetch(Topic(t.name("none"), UUID(int=7)), {0: 0}))
    t.send("Fetch", bodies.fetch(Topic("", UUID(int=0)), {0: 0}))


@sequence("fetch.partition_bytes", api="Fetch", cases={"0": 0, "1": 1, "-1": -1, "100": 100, "min": -2**31})
def partition_bytes(t: Talk, size: int) -> None:
    """The first batch comes whole, the second only when it fits."""
    topic = t.topic(partitions=2)
    for partition in (0, 1):
        t.fill(topic, partition, 1)
        t.fill(topic, partition, 1)
    t.send("Fetch", bodies.fetch(topic, {0: 0, 1: 0}, partition_bytes=size))


@sequence("fetch.max_bytes", api="Fetch", cases={"0": 0, "1": 1, "-1": -1, "100": 100, "200": 200})
def max_bytes(t: Talk, size: int) -> None:
    topic = t.topic(partitions=2)
    for partition in (0, 1):
        t.fill(topic, partition, 1)
        t.fill(topic, partition, 1)
    t.send("Fetch", bodies.fetch(topic, {0: 0, 1: 0}, max_bytes=size))


@sequence("fetch.min_bytes", api="Fetch", versions=(4, 11, 18))
def min_bytes(t: Talk) -> None:
    """Too little is answered at the deadline; what comes meanwhile is answered at once."""
    topic = t.topic()
    t.fill(topic, 0, 1)
    t.send("Fetch", bodies.fetch(topic, {0: 0}, min_bytes=100_000, max_wait=300))
    waiting = t.post("Fetch", bodies.fetch(topic, {0: 1}, min_bytes=1, max_wait=20_000))
    # By then it waits: a Kafka that reads while the record comes may give it, and the high watermark of before.
    t.pause(0.3)
    t.fill(topic, 0, 1)
    waiting.answer()


@sequence("fetch.max_wait", api="Fetch", cases={"0": 0, "-1": -1, "min": -2**31})
def max_wait(t: Talk, wait: int) -> None:
    topic = t.topic()
    t.send("Fetch", bodies.fetch(topic, {0: 0}, max_wait=wait))


@sequence("fetch.session", api="Fetch", versions=range(7, 19))
def session(t: Talk) -> None:
    """A session names what changed only; forgotten partitions are left out."""
    topic = t.topic(partitions=3)
    t.fill(topic, 0, 1)
    first = t.send("Fetch", bodies.fetch(topic, {0: 0, 1: 0, 2: 0}, epoch=0))
    own = first["SessionId"]
    t.send("Fetch", bodies.fetch(topic, {0: 1}, session=own, epoch=1))
    t.fill(topic, 1, 1)
    t.fill(topic, 2, 1)
    t.send("Fetch", bodies.fetch(topic, forgotten=[2], session=own, epoch=2))
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=2))
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=7))
    t.send("Fetch", bodies.fetch(topic, {0: 0}, session=own, epoch=-1))
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=1))


@sequence("fetch.leader_epoch", api="Fetch", versions=range(9, 19), cases={"right": 0, "future": 1, "far": 1000})
def leader_epoch(t: Talk, distance: int) -> None:
    topic = t.topic()
    t.fill(topic, 0, 1)
    t.send("Fetch", bodies.fetch(topic, {0: 0}, CurrentLeaderEpoch=t.leader_epoch(topic) + distance))
