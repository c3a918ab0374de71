"""Admin calls on topics, configs, offsets and groups: what they answer and that they act."""

from confluent_kafka import (ConsumerGroupState, ConsumerGroupTopicPartitions, IsolationLevel, KafkaError,
                             KafkaException, TopicCollection, TopicPartition)
from confluent_kafka.admin import (AlterConfigOpType, ConfigEntry, ConfigResource, ConfigSource, NewPartitions,
                                   NewTopic, OffsetSpec, ResourceType)

from common.checks import PATIENCE_SECONDS, Checks, equal, eventually, true
from common.cluster import Cluster
from common.lines import Record
from common.samples import noise, records
from common.scene import PARTITIONS, Scene
from confluent.errors import code_of, produce_code
from confluent.member import LocalMember


def register(checks: Checks, cluster: Cluster) -> None:
    for name, body in (("create_topics", _create_topics), ("delete_topics", _delete_topics),
                       ("create_partitions", _create_partitions), ("describe_topics", _describe_topics),
                       ("describe_cluster", _describe_cluster), ("describe_configs", _describe_configs),
                       ("describe_broker", _describe_broker), ("alter_configs", _alter_configs),
                       ("configs_act", _configs_act), ("list_offsets", _list_offsets), ("groups", _groups),
                       ("group_offsets", _group_offsets)):
        checks.add(f"admin.{name}", lambda body=body: body(cluster))


def _names(cluster: Cluster) -> set[str]:
    return set(cluster.admin.list_topics(timeout=PATIENCE_SECONDS).topics)


def _node(cluster: Cluster) -> int:
    return cluster.admin.describe_cluster().result().nodes[0].id


def _describe(cluster: Cluster, topic: str):
    return cluster.admin.describe_topics(TopicCollection([topic]))[topic].result()


def _create_topics(cluster: Cluster) -> str:
    """By count, by assignment, with configs; validating creates nothing."""
    counted, assigned, validated = (cluster.name(f"create-{what}") for what in ("counted", "assigned", "validated"))
    node = _node(cluster)
    made = cluster.admin.create_topics([
        NewTopic(counted, 3, config={"retention.ms": "123456"}),
        NewTopic(assigned, 2, replica_assignment=[[node], [node]])])
    for answer in made.values():
        answer.result()
    cluster.admin.create_topics([NewTopic(validated, 1, 1)], validate_only=True)[validated].result()
    eventually("topics", lambda: _names(cluster) >= {counted, assigned})
    equal(3, len(_describe(cluster, counted).partitions), "partitions by count")
    equal(2, len(_describe(cluster, assigned).partitions), "partitions by assignment")
    equal("123456", _configs(cluster, ResourceType.TOPIC, counted)["retention.ms"].value, "config")
    true(validated not in _names(cluster), "validating created the topic")
    return "3 topics"


def _delete_topics(cluster: Cluster) -> str:
    """A topic made again under the same name is another one, and empty."""
    topic = cluster.topic("delete", 2)
    cluster.send(topic, records(2, 50, 1))
    old = _describe(cluster, topic).topic_id
    cluster.admin.delete_topics([topic])[topic].result()
    eventually("gone", lambda: topic not in _names(cluster))

    def recreated() -> bool:
        try:
            cluster.topic("delete", 1)
            return True
        except KafkaException as problem:
            equal(KafkaError.TOPIC_ALREADY_EXISTS, problem.args[0].code(), "error")
            return False

    eventually("the name is free", recreated)
    true(str(old) != str(_describe(cluster, topic).topic_id), "the new topic has the old one's id")
    return cluster.round_trip(topic, records(1, 40, 2))


def _create_partitions(cluster: Cluster) -> str:
    topic = cluster.topic("create-partitions", 1)
    cluster.admin.create_partitions([NewPartitions(topic, 4)])[topic].result()
    cluster.await_partitions(topic, 4)
    equal(4, len(_describe(cluster, topic).partitions), "partitions")
    return cluster.round_trip(topic, records(4, 100, 2))


def _describe_topics(cluster: Cluster) -> str:
    topic = cluster.topic("describe", 3)
    node = _node(cluster)
    found = _describe(cluster, topic)
    equal((topic, False), (found.name, found.is_internal), "name and whether internal")
    for index, partition in enumerate(found.partitions):
        equal((index, node, [node], [node]), (partition.id, partition.leader.id, [n.id for n in partition.replicas],
                                              [n.id for n in partition.isr]), "id, leader, replicas, in-sync ones")
    return "3 partitions"


def _describe_cluster(cluster: Cluster) -> str:
    found = cluster.admin.describe_cluster().result()
    true(bool(found.cluster_id), "no cluster id")
    equal([cluster.bootstrap], [f"{node.host}:{node.port}" for node in found.nodes], "addresses")
    equal(found.nodes[0].id, found.controller.id, "controller")
    return "1 node"


def _configs(cluster: Cluster, kind: ResourceType, name: str) -> dict[str, ConfigEntry]:
    resource = ConfigResource(kind, name)
    return cluster.admin.describe_configs([resource])[resource].result()


def _describe_configs(cluster: Cluster) -> str:
    topic = cluster.topic("describe-configs", 1, {"cleanup.policy": "compact,delete", "segment.bytes": "2000000"})
    found = _configs(cluster, ResourceType.TOPIC, topic)
    dynamic, default = ConfigSource.DYNAMIC_TOPIC_CONFIG.value, ConfigSource.DEFAULT_CONFIG.value
    for name, value, source in (("cleanup.policy", "compact,delete", dynamic), ("segment.bytes", "2000000", dynamic),
                                ("retention.ms", "604800000", default), ("max.message.bytes", "1048588", default),
                                ("compression.type", "producer", default)):
        entry = found[name]
        source_found = getattr(entry.source, "value", entry.source)
        equal((value, source), (entry.value, source_found), name)
    return f"{len(found)} settings"


def _describe_broker(cluster: Cluster) -> str:
    found = _configs(cluster, ResourceType.BROKER, str(_node(cluster)))
    equal("false", found["auto.create.topics.enable"].value, "auto.create.topics.enable")
    true(bool(found["node.id"].is_read_only), "node.id is not read-only")
    equal("1048588", found["message.max.bytes"].value, "message.max.bytes")
    return f"{len(found)} settings"


def _alter(cluster: Cluster, topic: str, *operations: tuple[str, str | None, AlterConfigOpType]) -> None:
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry(name, value, incremental_operation=kind) for name, value, kind in operations])
    cluster.admin.incremental_alter_configs([resource])[resource].result()


def _alter_configs(cluster: Cluster) -> str:
    topic = cluster.topic("alter", 1, {"cleanup.policy": "delete", "retention.bytes": "1000"})
    _alter(cluster, topic, ("retention.ms", "3600000", AlterConfigOpType.SET),
           ("retention.bytes", None, AlterConfigOpType.DELETE),
           ("cleanup.policy", "compact", AlterConfigOpType.APPEND))

    def values() -> tuple:
        found = _configs(cluster, ResourceType.TOPIC, topic)
        return tuple(found[name].value for name in ("retention.ms", "retention.bytes", "cleanup.policy"))

    eventually("altered", lambda: values() == ("3600000", "-1", "delete,compact"))
    _alter(cluster, topic, ("cleanup.policy", "delete", AlterConfigOpType.SUBTRACT))
    eventually("subtracted", lambda: values() == ("3600000", "-1", "compact"))
    return "set, delete, append, subtract"


def _configs_act(cluster: Cluster) -> str:
    """A new max.message.bytes refuses, a larger one takes again."""
    topic = cluster.topic("configs-act", 1)
    big = noise(20_000, 1)

    def answer() -> int:
        return produce_code(cluster, topic, None, big)

    equal(0, answer(), "error before")
    _alter(cluster, topic, ("max.message.bytes", "10000", AlterConfigOpType.SET))
    eventually("refused", lambda: answer() == KafkaError.MSG_SIZE_TOO_LARGE)
    _alter(cluster, topic, ("max.message.bytes", "30000", AlterConfigOpType.SET))
    eventually("taken", lambda: answer() == 0)
    return "refused and taken"


def _list_offsets(cluster: Cluster) -> str:
    """Earliest, latest, of the largest timestamp, and by time; in one call for several partitions."""
    topic = cluster.topic("list-offsets", 2, {"retention.ms": "-1"})
    base = 1_650_000_000_000
    cluster.send(topic, [Record(0, base + after, None, b"at %d" % after) for after in (0, 50, 500, 20, 100)])

    def found(number: int, spec: OffsetSpec) -> tuple[int, int]:
        part = TopicPartition(topic, number)
        answer = cluster.admin.list_offsets({part: spec}, isolation_level=IsolationLevel.READ_COMMITTED)[part].result()
        return answer.offset, answer.timestamp

    for number, spec, expected in ((0, OffsetSpec.earliest(), (0, -1)), (0, OffsetSpec.latest(), (5, -1)),
                                   (0, OffsetSpec.max_timestamp(), (2, base + 500)),
                                   (0, OffsetSpec.for_timestamp(base + 51), (2, base + 500)),
                                   (0, OffsetSpec.for_timestamp(base + 1), (1, base + 50)),
                                   (0, OffsetSpec.for_timestamp(base + 501), (-1, -1)),
                                   (1, OffsetSpec.earliest(), (0, -1)), (1, OffsetSpec.latest(), (0, -1)),
                                   (1, OffsetSpec.max_timestamp(), (-1, -1))):
        equal(expected, found(number, spec), f"{spec} of partition {number}")
    return "9 look-ups"


def _groups(cluster: Cluster) -> str:
    """Listed, described with members and their partitions, deleted when empty."""

    def make(group: str, topic: str) -> LocalMember:
        return LocalMember(cluster.bootstrap, group, topic,
                           {"client.id": "seen", "partition.assignment.strategy": "range"})

    with Scene(cluster, "admin-groups") as scene:
        scene.join("a", make)
        scene.join("b", make)
        scene.settle()
        equal(ConsumerGroupState.STABLE, _listed(cluster, scene.group), "listed state")
        found = scene.describe()
        equal("range", found.partition_assignor, "assignor")
        equal(["seen", "seen"], [member.client_id for member in found.members], "client ids")
        true(all("127.0.0.1" in member.host for member in found.members), "hosts")
        equal(PARTITIONS, sum(len(member.assignment.topic_partitions) for member in found.members), "partitions")
        equal(KafkaError.NON_EMPTY_GROUP, code_of(lambda: _delete_group(cluster, scene.group)), "deleting with members")
        scene.leave("a")
        scene.leave("b")
        eventually("empty", lambda: scene.describe().state == ConsumerGroupState.EMPTY)
        _delete_group(cluster, scene.group)
        equal(None, _listed(cluster, scene.group), "listed after it was deleted")
    return "listed, described, deleted"


def _listed(cluster: Cluster, group: str):
    listed = cluster.admin.list_consumer_groups().result()
    true(not listed.errors, f"errors: {listed.errors}")
    return next((each.state for each in listed.valid if each.group_id == group), None)


def _delete_group(cluster: Cluster, group: str) -> None:
    cluster.admin.delete_consumer_groups([group])[group].result()


def _group_offsets(cluster: Cluster) -> str:
    """Offsets of an empty group can be set by an admin; they go with the group."""
    topic = cluster.topic("admin-offsets", 1)
    group = cluster.name("admin-offsets")
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 7)])
    cluster.admin.alter_consumer_group_offsets([wanted])[group].result()

    def committed() -> list[int]:
        request = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])]
        answer = cluster.admin.list_consumer_group_offsets(request)[group].result()
        return [part.offset for part in answer.topic_partitions]

    equal([7], committed(), "set by an admin")
    _delete_group(cluster, group)
    equal([-1001], committed(), "after the group was deleted")
    return "set and deleted"
