"""Where partitions begin and end, what deletes from them, and who writes to them."""

from ..random_state import Producer, State
from .steps import step

# The first versions of ListOffsets with these special times.
_SINCE = {-3: 7, -4: 8, -5: 9}


@step(9, "ListOffsets")
def list_offsets(s: State) -> None:
    """Of one time, or of another for each partition."""
    topics, version = s.topics_of(s.pick([1, 1, 2])), s.version("ListOffsets")
    asked = []
    for topic in topics:
        parts = []
        for index in sorted({s.partition(topic) for _ in range(2)}):
            time = s.pick([-1, -1, -2, -2, -3, -4, -5, 0, s.timestamp(topic) + s.random.randint(-10, 1010)])
            deleted = 0 <= index < len(topic.partitions) and topic.partitions[index].start > 0
            if time == -3 and (topic.stamped or deleted) or time >= 0 and topic.rolled and deleted:
                # In Kafka the newest record may be one that is deleted, and a time is looked for in deleted segments for
                # as long as their files are there: see `list_offsets.deleted`.
                time = -2
            version = max(version, _SINCE.get(time, 1))
            parts.append({"PartitionIndex": index, "Timestamp": time, "CurrentLeaderEpoch": s.epoch()})
        asked.append({"Name": topic.topic.name, "Partitions": parts})
    s.talk.send("ListOffsets", {"ReplicaId": -1, "IsolationLevel": s.pick([0, 1]), "TimeoutMs": 30_000,
                                "Topics": asked}, version=version)


@step(4, "OffsetForLeaderEpoch")
def leader_epoch(s: State) -> None:
    topics, first = s.topics_of(s.pick([1, 1, 2])), s.talk.target.first_epoch
    s.send("OffsetForLeaderEpoch", {"ReplicaId": -1, "Topics": [{"Topic": topic.topic.name, "Partitions": [
        {"Partition": s.partition(topic), "CurrentLeaderEpoch": s.epoch(),
         "LeaderEpoch": first + s.pick([1, 100]) if s.mistake() else first}]} for topic in topics]})


@step(2, "DeleteRecords")
def delete_records(s: State) -> None:
    topics = [topic for topic in s.topics_of(s.pick([1, 1, 2])) if not topic.compacted or s.mistake()]
    if not topics:
        return
    chosen = [(topic, s.partition(topic)) for topic in topics]
    answer = s.send("DeleteRecords", {"TimeoutMs": 30_000, "Topics": [{"Name": topic.topic.name, "Partitions": [
        {"PartitionIndex": index, "Offset": -1 if s.random.random() < 0.1 else s.offset(topic, index)}]}
        for topic, index in chosen]})
    for topic, part in s.answered(answer, "Topics", "Partitions"):
        if part["ErrorCode"] == 0:
            own = topic.partitions[part["PartitionIndex"]]
            own.start = max(own.start, part["LowWatermark"])


@step(4, "InitProducerId")
def init_producer(s: State) -> None:
    known = s.pick(s.producers) if s.producers and s.mistake(3) else None
    answer = s.send("InitProducerId", {
        "TransactionalId": None, "TransactionTimeoutMs": s.pick([60_000, 60_000, 0, -1]),
        "ProducerId": known.id if known else -1, "ProducerEpoch": known.epoch if known else -1})
    if answer.get("ErrorCode") == 0:
        s.producers = [*s.producers, Producer(answer["ProducerId"], answer["ProducerEpoch"])][-3:]


@step(2, "DescribeProducers")
def describe_producers(s: State) -> None:
    s.send("DescribeProducers", {"Topics": [
        {"Name": topic.topic.name, "PartitionIndexes": sorted({s.partition(topic) for _ in range(2)})}
        for topic in s.topics_of(s.pick([1, 1, 2]))]})


@step(1, "DescribeLogDirs")
def describe_log_dirs(s: State) -> None:
    """Of topics whose logs are one segment, which does not go when its records are deleted."""
    topics = [topic for topic in s.topics_of(2) if not topic.rolled]
    s.send("DescribeLogDirs", {"Topics": [
        {"Topic": topic.topic.name, "Partitions": sorted({s.partition(topic) for _ in range(2)})} for topic in topics]})
