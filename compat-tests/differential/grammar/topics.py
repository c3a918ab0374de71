"""Topics: what there is to know of them, their configs, and new ones in the place of old ones."""

from typing import Any

from .. import bodies
from ..primitives import ZERO_UUID
from ..random_state import Partition, PoolTopic, State
from .steps import step

# The records of random sequences are years old: nothing here may let them expire.
_CONFIGS = {"retention.ms": ["-1", "4000000000000"], "segment.bytes": ["1048576", "2097152"],
            "flush.messages": ["1", "100"], "max.message.bytes": ["2000", "100000", "1000000"],
            "compression.type": ["producer"], "min.compaction.lag.ms": ["0", "1000"], "preallocate": ["true", "false"],
            "index.interval.bytes": ["100", "4096"]}
_LISTS = {"follower.replication.throttled.replicas": ["0:1", "*"], "leader.replication.throttled.replicas": ["0:1", "1:1"]}
_GROUP_CONFIGS = {"consumer.session.timeout.ms": ["45000", "50000"], "consumer.heartbeat.interval.ms": ["5000", "6000"],
                  "share.session.timeout.ms": ["45000", "50000"], "share.auto.offset.reset": ["latest", "earliest"]}


@step(5, "Metadata")
def metadata(s: State) -> None:
    """By name, from version 10 on by id, too; now and then of all topics."""
    version = max(s.version("Metadata"), 1)
    if s.random.random() < 0.05:
        names: list[dict[str, Any]] | None = None
    elif version >= 12 and s.random.random() < 0.3:
        names = [{"Name": None, "TopicId": topic.topic.id} for topic in s.topics_of(2)]
    else:
        names = [{"Name": name, "TopicId": ZERO_UUID} for name in sorted({s.name() for _ in range(s.random.randint(1, 3))})]
    s.talk.send("Metadata", {"Topics": names, "AllowAutoTopicCreation": False,
                             "IncludeTopicAuthorizedOperations": s.pick([False, True])}, version=version)


@step(2, "DescribeTopicPartitions")
def describe_topic_partitions(s: State) -> None:
    names = sorted({s.name() for _ in range(2)})
    cursor = {"TopicName": names[-1], "PartitionIndex": s.pick([0, 1])} if s.random.random() < 0.2 else None
    s.send("DescribeTopicPartitions", {"Topics": [{"Name": name} for name in names],
                                       "ResponsePartitionLimit": s.pick([2000, 1, 2]), "Cursor": cursor})


@step(3, "DescribeConfigs")
def describe_configs(s: State) -> None:
    keys = s.pick([["retention.ms", "cleanup.policy"], ["segment.bytes"], ["compression.type", "nonsense"], [], [*_CONFIGS],
                   [*_LISTS]])
    kind, name = bodies.TOPIC, s.name()
    if s.random.random() < 0.2:
        kind, name, keys = s.pick([(bodies.GROUP, s.group().name, [*_GROUP_CONFIGS]),
                                   (bodies.BROKER, "1", ["log.retention.ms", "num.io.threads", "log.segment.bytes"])])
    s.send("DescribeConfigs", bodies.describe_configs(kind, name, keys, s.pick([False, True]), s.pick([False, True])))


@step(2, "IncrementalAlterConfigs")
def alter_configs(s: State) -> None:
    """One to three values of a topic or a group."""
    kind, name, known = bodies.TOPIC, s.name(), _CONFIGS
    if s.random.random() < 0.2:
        kind, name, known = bodies.GROUP, s.group().name, _GROUP_CONFIGS
    configs = []
    for key in sorted(s.random.sample(list(known), s.pick([1, 1, 2, 3]))):
        value = "nonsense value" if s.mistake(3) else s.pick(known[key])
        configs.append({"Name": key, "ConfigOperation": s.pick([bodies.SET, bodies.SET, bodies.DELETE]), "Value": value})
    if kind == bodies.TOPIC and s.random.random() < 0.2:
        key = s.pick(list(_LISTS))
        configs.append({"Name": key, "ConfigOperation": s.pick([bodies.APPEND, bodies.SUBTRACT]),
                        "Value": s.pick(_LISTS[key])})
    _alter(s, "IncrementalAlterConfigs", {"ResourceType": kind, "ResourceName": name, "Configs": configs})


def _alter(s: State, api: str, resource: dict[str, Any]) -> None:
    """Alters the configs of a resource, or looks whether they could be."""
    only_look = s.random.random() < 0.3
    s.send(api, {"ValidateOnly": only_look, "Resources": [resource]})
    if not only_look:
        s.talk.settle()


@step(1, "AlterConfigs")
def replace_configs(s: State) -> None:
    """All configs of a topic that has no purpose of its own."""
    plain = [topic for topic in s.topics if topic.is_plain]
    if not plain:
        return
    configs = {key: "nonsense value" if s.mistake(3) else s.pick(_CONFIGS[key])
               for key in s.random.sample(list(_CONFIGS), s.pick([0, 1, 2]))}
    _alter(s, "AlterConfigs", {"ResourceType": bodies.TOPIC, "ResourceName": s.pick(plain).topic.name,
                               "Configs": [{"Name": key, "Value": value} for key, value in configs.items()]})


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
    s.sessions = [session for session in s.sessions if old not in session.topics]
    by_id = {"Name": None, "TopicId": old.topic.id}
    newest = s.talk.versions("DeleteTopics")[1]
    if newest >= 6 and s.random.random() < 0.3:
        s.talk.send("DeleteTopics", {"Topics": [by_id], "TimeoutMs": 30_000}, version=newest)
    else:
        s.send("DeleteTopics", {"TopicNames": [old.topic.name], "Topics": [{"Name": old.topic.name}], "TimeoutMs": 30_000})
    s.talk.settle()


@step(1, "CreateTopics")
def refused_topic(s: State) -> None:
    """Only a look whether a topic could be created; often it could not."""
    name = s.talk.name("y")
    body = s.pick([
        bodies.create_topic(name, s.random.randint(1, 5), validate_only=True),
        bodies.create_topic(name, -1, -1, validate_only=True),
        bodies.create_topic(name, -1, -1, assignments={0: [1], 1: [1]}, validate_only=True),
        bodies.create_topic(name, configs={"cleanup.policy": "compact,delete"}, validate_only=True)])
    if s.mistake(20):
        body = s.pick([
            bodies.create_topic(s.name()), bodies.create_topic(name, 0), bodies.create_topic(name, 1, 2),
            bodies.create_topic("a/b"), bodies.create_topic(name, configs={"nonsense": "1"}),
            bodies.create_topic(name, configs={"retention.ms": "nonsense"}),
            bodies.create_topic(name, -1, -1, assignments={0: [1], 2: [1]}),
            bodies.create_topic(name, -1, -1, assignments={0: [9]})])
    s.send("CreateTopics", body)


@step(1, "CreatePartitions")
def create_partitions(s: State) -> None:
    topic = s.topic()
    count = len(topic.partitions) + (s.pick([0, -1]) if s.mistake(5) else 1)
    if count > 5:
        return
    assigned = s.pick([None, [{"BrokerIds": [9]}] if s.mistake(5) else [{"BrokerIds": [1]}]])
    answer = s.send("CreatePartitions", {"Topics": [{"Name": topic.topic.name, "Count": count, "Assignments": assigned}],
                                         "TimeoutMs": 30_000, "ValidateOnly": False})
    if answer.get("Results") and answer["Results"][0]["ErrorCode"] == 0:
        s.talk.settle()
        s.talk.lead(topic.topic, count)
        topic.partitions.append(Partition())


@step(1, "DeleteTopics")
def delete_nothing(s: State) -> None:
    """A topic that there is not: an error, so it is rare."""
    if s.mistake(20):
        s.send("DeleteTopics", {"TopicNames": [s.talk.name("none")], "Topics": [{"Name": s.talk.name("none")}],
                                "TimeoutMs": 30_000})
