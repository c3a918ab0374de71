"""The grammar of random sequences: what can be asked, how often, with which arguments.

Arguments are mostly right and drawn from what is there. Nothing here depends on time: all that a broker does a little
later is waited for.
"""

from typing import Callable

from . import batch, bodies
from .batch import Record
from .connection import Answer
from .random_state import INT32, Group, Partition, PoolTopic, Producer, Session, State

Step = Callable[[State], None]

# Steps, how often each comes, and the APIs that it needs.
STEPS: list[tuple[Step, int, tuple[str, ...]]] = []


def step(weight: int, *apis: str):
    """Registers a step of the grammar."""

    def register(function: Step) -> Step:
        STEPS.append((function, weight, apis))
        return function

    return register


@step(30, "Produce")
def produce(s: State) -> None:
    """One batch for one to three partitions, of an idempotent producer or of none."""
    topic, producer = s.topic(), s.pick([None, *s.producers])
    parts: dict[int, bytes] = {}
    counts: dict[int, int] = {}
    version = s.version("Produce")
    for _ in range(s.pick([1, 1, 1, 2, 3])):
        index = s.partition(topic)
        counts[index] = s.random.randint(1, 8)
        parts[index] = _batch(s, topic, index, counts[index], producer, version)
    acks = s.pick([-1, -1, -1, -1, 7]) if s.mistake() else -1
    answer = s.talk.send("Produce", bodies.produce_many(topic.topic, parts, acks), version=version)
    for part in answer["Responses"][0]["PartitionResponses"] if answer.get("Responses") else []:
        if part["ErrorCode"] == 0 and part["BaseOffset"] >= 0:
            own, count = topic.partitions[part["Index"]], counts[part["Index"]]
            own.end = max(own.end, part["BaseOffset"] + count)


def _batch(s: State, topic: PoolTopic, index: int, count: int, producer: Producer | None, version: int) -> bytes:
    content = [_record(s, topic) for _ in range(count)]
    codec = s.pick([0, 0, 1, 2, 3] + [4] * (version >= 7 or s.mistake()))
    wrong = s.pick([{"crc": 1}, {"count": count + 1}, {"base_offset": 3}, {"attributes": batch.CONTROL}, {"magic": 3},
                    {"last_offset_delta": count}]) if s.mistake() else {}
    if producer is None or not 0 <= index < len(topic.partitions):
        return batch.build(content, codec=codec, **wrong)
    sequences = topic.partitions[index].sequences
    number, epoch = sequences.get(producer.id, 0), producer.epoch
    if s.mistake():
        number += s.pick([-1, 1, 100])
    elif s.mistake():
        epoch += s.pick([-1, 1])
    elif not wrong:
        sequences[producer.id] = number + count
    return batch.build(content, codec=codec, producer_id=producer.id, producer_epoch=epoch, sequence=max(number, 0),
                       **wrong)


def _record(s: State, topic: PoolTopic) -> Record:
    keyed = s.random.random() < 0.4 or (topic.compacted and not s.mistake())
    headers = [(s.bytes(5), s.pick([None, b"", s.bytes(9)])) for _ in range(s.pick([0, 0, 0, 1, 2]))]
    value = s.bytes(s.pick([10, 100, 1000]))
    return Record(None if s.random.random() < 0.05 else value, s.bytes(6) if keyed else None, headers,
                  timestamp_delta=s.random.randint(0, 1000))


@step(12, "Fetch")
def fetch(s: State) -> None:
    topic = s.topic()
    offsets = {index: s.offset(topic, index) for index in {s.partition(topic) for _ in range(s.random.randint(1, 3))}}
    s.send("Fetch", bodies.fetch(topic.topic, dict(sorted(offsets.items())), min_bytes=s.pick([0, 1, 1, 1000]),
                                 max_wait=s.pick([0, 0, 20]), max_bytes=s.pick([INT32, INT32, 5000, 1, 0]),
                                 partition_bytes=s.pick([1 << 20, 1 << 20, 300, 1]), isolation=s.pick([0, 0, 1])))


@step(4, "Fetch")
def open_session(s: State) -> None:
    topic, version = s.topic(), s.random.randint(7, s.talk.versions("Fetch")[1])
    offsets = {index: s.offset(topic, index) for index in range(len(topic.partitions))}
    answer = s.talk.send("Fetch", bodies.fetch(topic.topic, offsets, epoch=0), version=version)
    if answer.get("SessionId"):
        s.sessions.append(Session(answer["SessionId"], 1, topic.topic))


@step(10, "Fetch")
def use_session(s: State) -> None:
    """Changes offsets, forgets partitions, ends the session; or gets its number wrong."""
    if not s.sessions:
        return open_session(s)
    session = s.pick(s.sessions)
    topic = next((own for own in s.topics if own.topic == session.topic), None)
    if topic is None:
        return s.sessions.remove(session)
    version = s.random.randint(7, s.talk.versions("Fetch")[1])
    indexes = [index for index in range(len(topic.partitions)) if s.random.random() < 0.5]
    offsets = {index: s.offset(topic, index) for index in indexes}
    forgotten = [index for index in range(len(topic.partitions)) if index not in indexes and s.random.random() < 0.2]
    epoch = s.pick([session.epoch + 1, 0, session.epoch - 1]) if s.mistake() else session.epoch
    own = session.id + 1 if s.mistake(0.3) else session.id
    if s.random.random() < 0.1:
        epoch, forgotten = -1, []
    answer = s.talk.send("Fetch", bodies.fetch(topic.topic, offsets, session=own, epoch=epoch, forgotten=forgotten),
                         version=version)
    if epoch == session.epoch and own == session.id and answer.get("ErrorCode") == 0:
        session.epoch += 1
    elif own == session.id:
        # Ended, or begun anew under another number.
        s.sessions.remove(session)
    if len(s.sessions) > 8:
        s.sessions.pop(0)


@step(8, "ListOffsets")
def list_offsets(s: State) -> None:
    topic = s.topic()
    timestamp = s.pick([-1, -1, -2, -2, -3, -4, 0, batch.BASE_TIMESTAMP + s.random.randint(-10, 1010)])
    indexes = sorted({s.partition(topic) for _ in range(2)})
    version = max(s.version("ListOffsets"), {-3: 7, -4: 8}.get(timestamp, 1))
    s.talk.send("ListOffsets", bodies.list_offsets(topic.topic, indexes, timestamp, s.pick([0, 1])), version=version)


@step(4, "OffsetForLeaderEpoch")
def leader_epoch(s: State) -> None:
    topic, first = s.topic(), s.talk.target.first_epoch
    s.send("OffsetForLeaderEpoch", {"ReplicaId": -1, "Topics": [{"Topic": topic.topic.name, "Partitions": [
        {"Partition": s.partition(topic), "CurrentLeaderEpoch": s.pick([-1, first]), "LeaderEpoch": first}]}]})


@step(4, "InitProducerId")
def init_producer(s: State) -> None:
    answer = s.send("InitProducerId", {"TransactionalId": None, "TransactionTimeoutMs": 60_000, "ProducerId": -1,
                                       "ProducerEpoch": -1})
    if answer.get("ErrorCode") == 0:
        s.producers = [*s.producers, Producer(answer["ProducerId"], answer["ProducerEpoch"])][-3:]


@step(5, "Metadata")
def metadata(s: State) -> None:
    version = max(s.version("Metadata"), 1)
    names = sorted({s.name() for _ in range(s.random.randint(1, 3))})
    s.talk.send("Metadata", {"Topics": [{"Name": name} for name in names], "AllowAutoTopicCreation": False,
                             "IncludeTopicAuthorizedOperations": s.pick([False, True])}, version=version)


@step(2, "DescribeTopicPartitions")
def describe_topic_partitions(s: State) -> None:
    names = sorted({s.name() for _ in range(2)})
    s.send("DescribeTopicPartitions", {"Topics": [{"Name": name} for name in names],
                                       "ResponsePartitionLimit": s.pick([2000, 1, 2]), "Cursor": None})


@step(1, "DescribeCluster")
def describe_cluster(s: State) -> None:
    s.send("DescribeCluster", {"IncludeClusterAuthorizedOperations": s.pick([False, True])})


@step(1, "ApiVersions")
def api_versions(s: State) -> None:
    s.send("ApiVersions", {"ClientSoftwareName": "random", "ClientSoftwareVersion": "1"})


# Groups

@step(4, "FindCoordinator")
def find_coordinator(s: State) -> None:
    name = s.group().name
    s.send("FindCoordinator", {"Key": name, "KeyType": 0, "CoordinatorKeys": [name]})


@step(8, "OffsetCommit")
def commit(s: State) -> None:
    """As a member where the group has one, otherwise from outside."""
    group, topic = s.group(), s.topic()
    generation, member = (group.generation, group.member) if group.member else (-1, "")
    if s.mistake():
        generation += 1
    offsets = {index: s.random.randint(0, 1000) for index in sorted({s.partition(topic) for _ in range(2)})}
    s.send("OffsetCommit", bodies.commit(group.name, topic.topic, offsets, generation=generation, member=member,
                                         metadata=s.pick(["", "note", None])))


@step(6, "OffsetFetch")
def fetch_offsets(s: State) -> None:
    group, topic = s.group(), s.topic()
    indexes = sorted({s.partition(topic) for _ in range(2)})
    version = s.version("OffsetFetch")
    everything = s.random.random() < 0.2 and version >= 2
    body = bodies.committed(group.name, None if everything else topic.topic, indexes)
    s.talk.send("OffsetFetch", body, version=version)


@step(2, "OffsetDelete")
def delete_offsets(s: State) -> None:
    group, topic = s.group(), s.topic()
    s.send("OffsetDelete", {"GroupId": group.name, "Topics": [
        {"Name": topic.topic.name, "Partitions": [{"PartitionIndex": s.partition(topic)}]}]})


@step(6, "JoinGroup", "SyncGroup")
def join(s: State) -> None:
    """The group's only member joins, for the first time or again, and mostly syncs."""
    group = s.group()
    version, topics = s.version("JoinGroup"), [topic.topic.name for topic in s.topics if s.random.random() < 0.5]
    protocols = {"range": bodies.subscription(*topics, user_data=s.bytes(9))}
    if s.random.random() < 0.3:
        protocols["roundrobin"] = bodies.subscription(*topics)
    answer = s.talk.send("JoinGroup", bodies.join(group.name, group.member, protocols=protocols), version=version)
    if answer.get("ErrorCode") == 79:
        answer = s.talk.send("JoinGroup", bodies.join(group.name, answer["MemberId"], protocols=protocols),
                             version=version)
    if answer.get("ErrorCode") == 0:
        group.member, group.generation, group.synced = answer["MemberId"], answer["GenerationId"], False
        if s.random.random() < 0.95:
            _sync(s, group)


def _sync(s: State, group: Group) -> None:
    version = s.version("SyncGroup")
    body = bodies.sync(group.name, group.generation, group.member, {group.member: s.bytes(20)})
    answer = s.talk.send("SyncGroup", body, version=version)
    group.synced = answer.get("ErrorCode") == 0


def _member(s: State) -> Group | None:
    """A group that has a member with its assignment."""
    stable = [group for group in s.groups if group.member and group.synced]
    return s.pick(stable) if stable else None


@step(6, "Heartbeat")
def heartbeat(s: State) -> None:
    group = _member(s)
    if group is None:
        return join(s)
    generation = group.generation + (s.pick([-1, 1]) if s.mistake() else 0)
    member = "nobody" if s.mistake() else group.member
    s.send("Heartbeat", bodies.heartbeat(group.name, generation, member))


@step(2, "LeaveGroup")
def leave(s: State) -> None:
    group = _member(s)
    if group is None:
        return join(s)
    member = "nobody" if s.mistake() else group.member
    s.send("LeaveGroup", bodies.leave(group.name, member))
    if member == group.member:
        group.member, group.generation, group.synced = "", -1, False


@step(2, "JoinGroup", "SyncGroup", "LeaveGroup", "Heartbeat")
def second_member(s: State) -> None:
    """Another member comes, both get an assignment, it leaves, the first is alone again."""
    group = _member(s)
    if group is None:
        return join(s)
    version, connection = s.version("JoinGroup"), s.talk.connect()
    other = ""
    if version >= 4:
        other = connection.send("JoinGroup", version, bodies.join(group.name))["MemberId"]
    waiting = connection.post("JoinGroup", version, bodies.join(group.name, other))
    _rejoin(s, group, version)
    other = waiting.answer()["MemberId"]
    body = bodies.sync(group.name, group.generation, group.member, {group.member: b"a", other: b"b"})
    s.talk.send("SyncGroup", body)
    connection.send("SyncGroup", s.version("SyncGroup"), bodies.sync(group.name, group.generation, other))
    s.send("DescribeGroups", {"Groups": [group.name]})
    connection.send("LeaveGroup", s.version("LeaveGroup"), bodies.leave(group.name, other))
    connection.close()
    _rejoin(s, group, version)
    _sync(s, group)


def _rejoin(s: State, group: Group, version: int) -> None:
    """Waits until the member hears of a rebalance, then joins again."""
    def told(answer: Answer) -> bool:
        return answer["ErrorCode"] != 0

    s.talk.ask_until(told, "Heartbeat", bodies.heartbeat(group.name, group.generation, group.member))
    answer = s.talk.send("JoinGroup", bodies.join(group.name, group.member), version=version)
    group.generation = answer["GenerationId"]


@step(4, "DescribeGroups")
def describe_groups(s: State) -> None:
    version = s.version("DescribeGroups")
    group = s.group()
    # A group that there is not is an error from version 6 on.
    s.talk.send("DescribeGroups", {"Groups": [group.name], "IncludeAuthorizedOperations": s.pick([False, True])},
                version=version if group.member else min(version, 5))


@step(2, "ListGroups")
def list_groups(s: State) -> None:
    s.send("ListGroups", {"StatesFilter": s.pick([[], ["Stable"], ["Empty", "Stable"], ["nonsense"]]),
                          "TypesFilter": s.pick([[], ["classic"], ["consumer"]])})


@step(1, "DeleteGroups")
def delete_groups(s: State) -> None:
    """Mostly of a group without members, which may not be there: half of these are errors, so they are rare."""
    s.send("DeleteGroups", {"GroupsNames": [s.group().name]})


# Topics and configs

@step(3, "DescribeConfigs")
def describe_configs(s: State) -> None:
    keys = s.pick([["retention.ms", "cleanup.policy"], ["segment.bytes"], ["compression.type", "nonsense"], []])
    s.send("DescribeConfigs", bodies.describe_configs(bodies.TOPIC, s.name(), keys, s.pick([False, True]),
                                                      s.pick([False, True])))


_CONFIGS = {"retention.ms": ["86400000", "-1"], "segment.bytes": ["1048576", "2097152"], "flush.messages": ["1", "100"],
            "max.message.bytes": ["100000", "1000000"], "compression.type": ["producer"],
            "min.compaction.lag.ms": ["0", "1000"]}


@step(1, "IncrementalAlterConfigs")
def alter_configs(s: State) -> None:
    key = s.pick(list(_CONFIGS))
    value = "nonsense value" if s.mistake(5) else s.pick(_CONFIGS[key])
    operation = s.pick([bodies.SET, bodies.SET, bodies.DELETE])
    s.send("IncrementalAlterConfigs", bodies.alter_config(bodies.TOPIC, s.name(), {key: value}, operation,
                                                          s.pick([False, False, True])))
    s.talk.settle()


@step(1, "CreateTopics", "DeleteTopics")
def other_topic(s: State) -> None:
    """Creates a topic that takes the place of one of the pool."""
    s.extra += 1
    name, partitions = s.talk.name(f"x{s.extra}"), s.random.randint(1, 3)
    answer = s.send("CreateTopics", bodies.create_topic(name, partitions, configs=s.pick([{}, {"retention.ms": "-1"}])))
    if not answer.get("Topics") or answer["Topics"][0]["ErrorCode"] != 0:
        return
    s.talk.settle()
    described = s.talk.ask("Metadata", {"Topics": [{"Name": name}]})["Topics"][0]
    topic = s.talk.lead(bodies.Topic(name, described["TopicId"]), partitions)
    old = s.topics.pop(s.random.randrange(len(s.topics)))
    s.topics.append(PoolTopic(topic, [Partition() for _ in range(partitions)]))
    s.send("DeleteTopics", {"TopicNames": [old.topic.name], "Topics": [{"Name": old.topic.name}], "TimeoutMs": 30_000})
    s.talk.settle()


@step(1, "CreatePartitions")
def create_partitions(s: State) -> None:
    topic = s.topic()
    count = len(topic.partitions) + (s.pick([0, -1]) if s.mistake(5) else 1)
    if count > 6:
        return
    answer = s.send("CreatePartitions", {"Topics": [{"Name": topic.topic.name, "Count": count, "Assignments": None}],
                                         "TimeoutMs": 30_000, "ValidateOnly": False})
    if answer.get("Results") and answer["Results"][0]["ErrorCode"] == 0:
        s.talk.settle()
        s.talk.lead(topic.topic, count)
        topic.partitions.append(Partition())


@step(2, "DeleteRecords")
def delete_records(s: State) -> None:
    topic = s.topic()
    if topic.compacted:
        return
    index = s.partition(topic)
    offset = s.offset(topic, index)
    answer = s.send("DeleteRecords", {"TimeoutMs": 30_000, "Topics": [{"Name": topic.topic.name, "Partitions": [
        {"PartitionIndex": index, "Offset": offset}]}]})
    part = answer["Topics"][0]["Partitions"][0] if answer.get("Topics") else {}
    if part.get("ErrorCode") == 0:
        topic.partitions[index].start = max(topic.partitions[index].start, part["LowWatermark"])


@step(1, "DescribeProducers")
def describe_producers(s: State) -> None:
    topic = s.topic()
    s.send("DescribeProducers", {"Topics": [{"Name": topic.topic.name, "PartitionIndexes": [s.partition(topic)]}]})
