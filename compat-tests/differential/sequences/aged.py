"""A log with several leader epochs: where each ends, and what a reader is told that knows an older one."""

from .. import aged, bodies
from ..aged import DELETED, GROUP, GROWTH, NAME
from ..batch import BASE_TIMESTAMP
from ..sequence import sequence
from ..talk import Talk

# Ages: 0 is the first epoch of the log, 2 its current one; 3 one that is still to come.
CURRENT, FUTURE = aged.PHASES - 1, aged.PHASES
AGES = {"first": 0, "second": 1, "current": CURRENT, "future": FUTURE}


def _end_of(epoch: int, current: int = -1, partitions: list[int] | None = None) -> dict:
    return {"ReplicaId": -1, "Topics": [{"Topic": NAME, "Partitions": [
        {"Partition": index, "CurrentLeaderEpoch": current, "LeaderEpoch": epoch} for index in partitions or GROWTH]}]}


@sequence("aged.end_of_epoch", api="OffsetForLeaderEpoch", cases=AGES)
def end_of_epoch(t: Talk, age: int) -> None:
    """Of partitions that had records in all epochs, in some, in none; and one whose first ones were deleted."""
    t.send("OffsetForLeaderEpoch", _end_of(t.epoch(age)))


@sequence("aged.end_as_seen_from", api="OffsetForLeaderEpoch", cases=AGES)
def end_as_seen_from(t: Talk, age: int) -> None:
    """The reader's own idea of the current epoch may be an older one."""
    for asked in AGES.values():
        t.send("OffsetForLeaderEpoch", _end_of(t.epoch(asked), t.epoch(age), [0]))


@sequence("aged.fetch_as_seen_from", api="Fetch", versions=range(9, 19), cases=AGES)
def fetch_as_seen_from(t: Talk, age: int) -> None:
    for offset in (0, 9, 10):
        t.send("Fetch", bodies.fetch(aged.topic(t), {0: offset}, CurrentLeaderEpoch=t.epoch(age)))


@sequence("aged.diverging", api="Fetch", versions=(12, 13, 15, 18), cases=AGES)
def diverging(t: Talk, age: int) -> None:
    """What a reader read last was of this epoch: where that ended before the reader's offset, it read another log."""
    topic = aged.topic(t)
    for offset in (0, 2, 3, 4, 5, 6, 9, 10):
        t.send("Fetch", bodies.fetch(topic, {0: offset}, LastFetchedEpoch=t.epoch(age), CurrentLeaderEpoch=t.epoch(CURRENT)))
    for offset in (0, 1, 2):
        t.send("Fetch", bodies.fetch(topic, {1: offset, 2: offset, 3: offset, 4: offset, 6: offset}, LastFetchedEpoch=t.epoch(age)))
    for offset in (3, 4, 5, 9):
        t.send("Fetch", bodies.fetch(topic, {DELETED: offset}, LastFetchedEpoch=t.epoch(age)))


@sequence("aged.diverging_in_session", api="Fetch", versions=(12, 18))
def diverging_in_session(t: Talk) -> None:
    """A partition that diverges is answered anew in its session."""
    topic = aged.topic(t)
    session = t.send("Fetch", bodies.fetch(topic, {0: 9, 2: 2}, epoch=0, LastFetchedEpoch=t.epoch(0)))["SessionId"]
    for epoch in (1, 2):
        t.send("Fetch", bodies.fetch(session=session, epoch=epoch))
    t.send("Fetch", bodies.fetch(topic, {0: 9}, session=session, epoch=3, LastFetchedEpoch=t.epoch(CURRENT)))


@sequence("aged.list_offsets_as_seen_from", api="ListOffsets", versions=range(4, 12), cases=AGES)
def list_offsets_as_seen_from(t: Talk, age: int) -> None:
    for timestamp in (bodies.LATEST, bodies.EARLIEST, BASE_TIMESTAMP):
        t.send("ListOffsets", bodies.list_offsets(aged.topic(t), [0, DELETED], timestamp, leader_epoch=t.epoch(age)))


@sequence("aged.list_offsets", api="ListOffsets", versions=range(4, 12))
def list_offsets(t: Talk) -> None:
    """Each offset comes with the epoch of its batch, the end with the current one."""
    special = [bodies.LATEST, bodies.EARLIEST] + [bodies.MAX_TIMESTAMP] * (t.version >= 7) + [bodies.EARLIEST_LOCAL] * (t.version >= 8)
    for timestamp in (*special, *(BASE_TIMESTAMP + phase * aged.PHASE_MS for phase in range(4))):
        t.send("ListOffsets", bodies.list_offsets(aged.topic(t), GROWTH, timestamp))


@sequence("aged.records", api="Fetch", versions="newest")
def records(t: Talk) -> None:
    """Batches keep the epochs in which they were written."""
    for partition in GROWTH:
        t.send("Fetch", bodies.fetch(aged.topic(t), {partition: 4 if partition == DELETED else 0}))


@sequence("aged.metadata", api="Metadata", versions=range(7, 14))
def metadata(t: Talk) -> None:
    t.send("Metadata", {"Topics": [{"Name": NAME}]})


@sequence("aged.describe", api="DescribeTopicPartitions")
def describe(t: Talk) -> None:
    t.send("DescribeTopicPartitions", {"Topics": [{"Name": NAME}], "ResponsePartitionLimit": 2000})


@sequence("aged.committed", api="OffsetFetch", versions=range(5, 11))
def committed(t: Talk) -> None:
    """Commits of before the restarts, with the epochs of their time."""
    t.send("OffsetFetch", bodies.committed(GROUP, aged.topic(t), range(4)))
    t.send("OffsetFetch", bodies.committed(GROUP, None))
