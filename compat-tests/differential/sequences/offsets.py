"""ListOffsets, OffsetForLeaderEpoch and DeleteRecords."""

from uuid import UUID

from .. import batch, bodies
from ..batch import Record
from ..bodies import Topic
from ..sequence import sequence
from ..talk import Talk


BASE = batch.BASE_TIMESTAMP
NONE = Topic("no-such-topic", UUID(int=7))


def _stepped(t: Talk) -> Topic:
    """Three batches of two records, a minute apart, the middle one the latest in time."""
    topic = t.topic()
    for minutes in (0, 2, 1):
        content = [Record(b"a"), Record(b"b", timestamp_delta=1000)]
        t.fill(topic, data=batch.build(content, base_timestamp=BASE + 60_000 * minutes))
    return topic


@sequence("list_offsets.time", api="ListOffsets", cases={
    "0": 0, "before": BASE - 1, "first": BASE, "second": BASE + 1, "last_of_batch": BASE + 1000, "between": BASE + 1001,
    "out_of_order": BASE + 60_000, "latest": BASE + 120_000, "last": BASE + 121_000, "after": BASE + 121_001,
    "max": 2**63 - 1})
def at_time(t: Talk, timestamp: int) -> None:
    t.send("ListOffsets", bodies.list_offsets(_stepped(t), [0], timestamp))


@sequence("list_offsets.special", api="ListOffsets", cases={
    "latest": -1, "earliest": -2, "max_timestamp": -3, "earliest_local": -4, "latest_tiered": -5, "earliest_pending": -6,
    "-7": -7, "-100": -100, "min": -2**63})
def special(t: Talk, timestamp: int) -> None:
    """Of a partition with records, and of an empty one."""
    t.send("ListOffsets", bodies.list_offsets(_stepped(t), [0], timestamp))
    t.send("ListOffsets", bodies.list_offsets(t.topic("empty"), [0], timestamp))


@sequence("list_offsets.isolation", api="ListOffsets", cases={"0": 0, "1": 1, "2": 2, "-1": -1})
def isolation(t: Talk, level: int) -> None:
    for timestamp in (-1, -2, BASE):
        t.send("ListOffsets", bodies.list_offsets(_stepped(t) if timestamp == -1 else Topic(t.name("t"), NONE.id), [0],
                                                  timestamp, isolation=level))


@sequence("list_offsets.unknown_partition", api="ListOffsets", cases={"1": 1, "-1": -1, "max": 2**31 - 1, "min": -2**31})
def unknown_partition(t: Talk, partition: int) -> None:
    t.send("ListOffsets", bodies.list_offsets(t.topic(), [0, partition], -1))


@sequence("list_offsets.unknown_topic", api="ListOffsets", cases={"none": "no-such-topic", "empty": "", "bad": "a/b",
                                                                 "long": "x" * 250, "null": None})
def unknown_topic(t: Talk, name: str | None) -> None:
    t.send("ListOffsets", bodies.list_offsets(Topic(name, NONE.id), [0], -1))


@sequence("list_offsets.twice", api="ListOffsets")
def twice(t: Talk) -> None:
    """A partition that stands twice in a request, and a topic that does."""
    topic = _stepped(t)
    t.send("ListOffsets", bodies.list_offsets(topic, [0, 0], -1))
    body = bodies.list_offsets(topic, [0], -1)
    t.send("ListOffsets", body | {"Topics": body["Topics"] * 2})


@sequence("list_offsets.nothing", api="ListOffsets", cases={"no_topics": [], "null_topics": None})
def nothing(t: Talk, topics: list | None) -> None:
    t.send("ListOffsets", {"ReplicaId": -1, "Topics": topics})


@sequence("list_offsets.no_partitions", api="ListOffsets")
def no_partitions(t: Talk) -> None:
    t.send("ListOffsets", bodies.list_offsets(t.topic(), [], -1))


@sequence("list_offsets.leader_epoch", api="ListOffsets", versions=range(4, 12), cases={"right": 0, "future": 1, "far": 10**6})
def leader_epoch(t: Talk, distance: int) -> None:
    topic = t.topic()
    t.send("ListOffsets", bodies.list_offsets(topic, [0], -1, leader_epoch=t.leader_epoch(topic) + distance))


@sequence("list_offsets.leader_epoch_negative", api="ListOffsets", versions=range(4, 12), cases={"-1": -1, "-2": -2})
def leader_epoch_negative(t: Talk, epoch: int) -> None:
    t.send("ListOffsets", bodies.list_offsets(t.topic(), [0], -1, leader_epoch=epoch))


@sequence("list_offsets.replica", api="ListOffsets", cases={"0": 0, "1": 1, "-2": -2, "-3": -3, "7": 7})
def replica(t: Talk, replica_id: int) -> None:
    """As another broker or a debugging tool would ask."""
    t.send("ListOffsets", bodies.list_offsets(_stepped(t), [0], -1) | {"ReplicaId": replica_id})


@sequence("list_offsets.many", api="ListOffsets")
def many(t: Talk) -> None:
    topic = t.topic(partitions=5)
    for partition in range(5):
        t.fill(topic, partition, partition + 1)
    for timestamp in (-1, -2, BASE):
        t.send("ListOffsets", bodies.list_offsets(topic, range(5), timestamp))


@sequence("list_offsets.compressed", api="ListOffsets", cases=batch.CODECS)
def compressed(t: Talk, codec: int) -> None:
    """A time inside of a compressed batch."""
    topic = t.topic()
    t.fill(topic, data=batch.build([Record(b"a", timestamp_delta=delta) for delta in (0, 10, 5, 20)], codec=codec))
    for timestamp in (BASE, BASE + 5, BASE + 11, -3, BASE + 21):
        if timestamp > 0 or t.version >= 7:
            t.send("ListOffsets", bodies.list_offsets(topic, [0], timestamp))


@sequence("list_offsets.log_append_time", api="ListOffsets")
def log_append_time(t: Talk) -> None:
    topic = t.topic(configs={"message.timestamp.type": "LogAppendTime"})
    t.fill(topic, count=3)
    for timestamp in (BASE, t.now, -3):
        if timestamp > 0 or t.version >= 7:
            t.send("ListOffsets", bodies.list_offsets(topic, [0], timestamp))


@sequence("list_offsets.after_delete_records", api="ListOffsets")
def after_delete_records(t: Talk) -> None:
    topic = t.topic()
    t.fill(topic, count=2)
    t.fill(topic, count=3)
    for offset in (1, 2, 4, -1):
        t.send("DeleteRecords", {"Topics": [{"Name": topic.name, "Partitions": [{"PartitionIndex": 0, "Offset": offset}]}],
                                 "TimeoutMs": 30_000})
        for timestamp in (-1, -2, BASE):
            t.send("ListOffsets", bodies.list_offsets(topic, [0], timestamp))


def _epochs(topic: Topic, epoch: int, current: int = -1, partitions: tuple[int, ...] = (0,), replica: int = -1) -> dict:
    return {"ReplicaId": replica, "Topics": [{"Topic": topic.name, "Partitions": [
        {"Partition": index, "CurrentLeaderEpoch": current, "LeaderEpoch": epoch} for index in partitions]}]}


@sequence("leader_epoch.end", api="OffsetForLeaderEpoch", cases={"own": 0, "next": 1, "far": 10**6})
def epoch_end(t: Talk, distance: int) -> None:
    topic = t.topic()
    own = t.leader_epoch(topic)
    t.send("OffsetForLeaderEpoch", _epochs(topic, own + distance))
    t.fill(topic, count=3)
    t.send("OffsetForLeaderEpoch", _epochs(topic, own + distance))


@sequence("leader_epoch.negative", api="OffsetForLeaderEpoch", cases={"-1": -1, "-2": -2, "min": -2**31})
def epoch_negative(t: Talk, epoch: int) -> None:
    topic = t.topic()
    t.fill(topic, count=3)
    t.send("OffsetForLeaderEpoch", _epochs(topic, epoch))


@sequence("leader_epoch.current", api="OffsetForLeaderEpoch", cases={"own": 0, "next": 1, "far": 10**6})
def epoch_current(t: Talk, distance: int) -> None:
    topic = t.topic()
    t.fill(topic, count=3)
    own = t.leader_epoch(topic)
    t.send("OffsetForLeaderEpoch", _epochs(topic, own, own + distance))


@sequence("leader_epoch.unknown", api="OffsetForLeaderEpoch")
def epoch_unknown(t: Talk) -> None:
    topic = t.topic()
    t.send("OffsetForLeaderEpoch", _epochs(NONE, 0))
    t.send("OffsetForLeaderEpoch", _epochs(topic, t.leader_epoch(topic), partitions=(0, 1, -1, 2**31 - 1)))
    t.send("OffsetForLeaderEpoch", _epochs(topic, t.leader_epoch(topic), partitions=()))
    t.send("OffsetForLeaderEpoch", _epochs(topic, t.leader_epoch(topic), partitions=(0, 0)))
    t.send("OffsetForLeaderEpoch", {"ReplicaId": -1, "Topics": []})


@sequence("leader_epoch.replica", api="OffsetForLeaderEpoch", versions=(3, 4), cases={"1": 1, "-2": -2, "7": 7})
def epoch_replica(t: Talk, replica: int) -> None:
    topic = t.topic()
    t.fill(topic, count=1)
    t.send("OffsetForLeaderEpoch", _epochs(topic, t.leader_epoch(topic), replica=replica))


@sequence("delete_records.offset", api="DeleteRecords", cases={
    "0": 0, "inside": 1, "end": 3, "high_watermark": -1, "past": 4, "-2": -2, "max": 2**63 - 1, "min": -2**63})
def delete_to(t: Talk, offset: int) -> None:
    topic = t.topic()
    t.fill(topic, count=3)
    body = {"Topics": [{"Name": topic.name, "Partitions": [{"PartitionIndex": 0, "Offset": offset}]}], "TimeoutMs": 30_000}
    t.send("DeleteRecords", body)
    t.send("DeleteRecords", body)
    t.send("Fetch", bodies.fetch(topic, {0: 0}))
    t.send("Fetch", bodies.fetch(topic, {0: 2}))
    t.send("Produce", bodies.produce(topic, 0, batch.build(1)))


@sequence("delete_records.unknown", api="DeleteRecords")
def delete_unknown(t: Talk) -> None:
    topic = t.topic()
    for name, index in ((NONE.name, 0), (topic.name, 1), (topic.name, -1), ("", 0), ("a/b", 0)):
        t.send("DeleteRecords", {"Topics": [{"Name": name, "Partitions": [{"PartitionIndex": index, "Offset": 0}]}],
                                 "TimeoutMs": 30_000})
    t.send("DeleteRecords", {"Topics": [{"Name": topic.name, "Partitions": []}], "TimeoutMs": 30_000})
    t.send("DeleteRecords", {"Topics": [], "TimeoutMs": 30_000})
    t.send("DeleteRecords", {"Topics": [{"Name": topic.name, "Partitions": [
        {"PartitionIndex": 0, "Offset": 0}, {"PartitionIndex": 0, "Offset": 5}]}], "TimeoutMs": 30_000})


@sequence("delete_records.policy", api="DeleteRecords", cases=["compact", "compact,delete", "delete"])
def delete_by_policy(t: Talk, policy: str) -> None:
    topic = t.topic(configs={"cleanup.policy": policy})
    t.fill(topic, data=batch.build([Record(b"v", b"k")]))
    t.send("DeleteRecords", {"Topics": [{"Name": topic.name, "Partitions": [{"PartitionIndex": 0, "Offset": 1}]}],
                             "TimeoutMs": 30_000})


@sequence("delete_records.internal", api="DeleteRecords")
def delete_internal(t: Talk) -> None:
    t.send("DeleteRecords", {"Topics": [{"Name": "__consumer_offsets", "Partitions": [{"PartitionIndex": 0, "Offset": 0}]}],
                             "TimeoutMs": 30_000})
