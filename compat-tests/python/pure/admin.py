"""Admin calls on topics, configs, offsets and groups, as far as the clients have them."""

from confluent_kafka import ConsumerGroupState

from common.checks import Checks, equal, eventually, true
from common.lines import Record
from common.samples import noise, records
from common.scene import Scene
from pure.base import Bench
from pure.member import LocalMember

MESSAGE_TOO_LARGE = 10
NON_EMPTY_GROUP = 68
TOPIC_ALREADY_EXISTS = 36


def register(checks: Checks, bench: Bench) -> None:
    bodies = [("create_topics", _create_topics), ("delete_topics", _delete_topics),
              ("create_partitions", _create_partitions), ("describe_topics", _describe_topics),
              ("describe_cluster", _describe_cluster), ("describe_configs", _describe_configs),
              ("describe_broker", _describe_broker), ("alter_configs", _alter_configs), ("configs_act", _configs_act),
              ("groups", _groups)]
    if bench.client.has_group_admin:
        bodies += [("group_offsets", _group_offsets), ("list_offsets", _list_offsets)]
    for name, body in bodies:
        checks.add(f"admin.{name}", lambda body=body: _with_admin(bench, body))


def _with_admin(bench: Bench, body) -> str:
    admin = bench.client.admin()
    try:
        return body(bench, admin)
    finally:
        admin.close()


def _create_topics(bench: Bench, admin) -> str:
    """By count, by assignment, with configs; validating creates nothing."""
    counted, assigned, validated = (bench.cluster.name(f"create-{what}") for what in
                                    ("counted", "assigned", "validated"))
    node = admin.cluster()[1][0][0]
    admin.create(counted, 3, 1, configs={"retention.ms": "123456"})
    admin.create(assigned, assignment={0: [node], 1: [node]})
    admin.create(validated, 1, 1, validate=True)
    eventually("topics", lambda: {counted, assigned} <= set(admin.topics()))
    equal((3, 2), (len(admin.partitions(counted)), len(admin.partitions(assigned))), "partitions")
    equal("123456", admin.configs("TOPIC", counted)["retention.ms"], "config")
    true(validated not in admin.topics(), "validating created the topic")
    return "3 topics"


def _delete_topics(bench: Bench, admin) -> str:
    """A topic made again under the same name is empty."""
    topic = bench.cluster.topic("delete", 2)
    bench.send(topic, records(2, 50, 1))
    admin.delete(topic)
    eventually("gone", lambda: topic not in admin.topics())
    eventually("the name is free", lambda: bench.code_of(lambda: admin.create(topic, 1, 1)) in (0, TOPIC_ALREADY_EXISTS)
               and topic in admin.topics())
    bench.cluster.await_partitions(topic, 1)
    return bench.round_trip(topic, records(1, 40, 2))


def _create_partitions(bench: Bench, admin) -> str:
    topic = bench.cluster.topic("create-partitions", 1)
    admin.grow(topic, 4)
    bench.cluster.await_partitions(topic, 4)
    equal(4, len(admin.partitions(topic)), "partitions")
    return bench.round_trip(topic, records(4, 100, 2))


def _describe_topics(bench: Bench, admin) -> str:
    topic = bench.cluster.topic("describe", 3)
    node = admin.cluster()[1][0][0]
    equal([(number, node, [node], [node]) for number in range(3)], admin.partitions(topic),
          "numbers, leaders, replicas, in-sync ones")
    return "3 partitions"


def _describe_cluster(bench: Bench, admin) -> str:
    cluster_id, nodes, controller = admin.cluster()
    true(bool(cluster_id), "no cluster id")
    equal([(controller, bench.cluster.bootstrap)], nodes, "nodes")
    return "1 node"


def _describe_configs(bench: Bench, admin) -> str:
    topic = bench.cluster.topic("describe-configs", 1, {"cleanup.policy": "compact,delete", "segment.bytes": "2000000"})
    found = admin.configs("TOPIC", topic)
    for name, value in (("cleanup.policy", "compact,delete"), ("segment.bytes", "2000000"),
                        ("retention.ms", "604800000"), ("max.message.bytes", "1048588"),
                        ("compression.type", "producer")):
        equal(value, found[name], name)
    return f"{len(found)} settings"


def _describe_broker(bench: Bench, admin) -> str:
    found = admin.configs("BROKER", str(admin.cluster()[1][0][0]))
    equal(("false", "1048588"), (found["auto.create.topics.enable"], found["message.max.bytes"]), "settings")
    return f"{len(found)} settings"


def _alter_configs(bench: Bench, admin) -> str:
    topic = bench.cluster.topic("alter", 1, {"cleanup.policy": "delete"})
    admin.alter(topic, {"retention.ms": "3600000", "cleanup.policy": "compact"})

    def values() -> tuple:
        found = admin.configs("TOPIC", topic)
        return found["retention.ms"], found["cleanup.policy"]

    eventually("altered", lambda: values() == ("3600000", "compact"))
    return "2 settings"


def _configs_act(bench: Bench, admin) -> str:
    """A new max.message.bytes refuses, a larger one takes again."""
    topic = bench.cluster.topic("configs-act", 1)
    big = noise(20_000, 1)
    equal(0, bench.produce_code(topic, None, big), "error before")
    admin.alter(topic, {"max.message.bytes": "10000"})
    eventually("refused", lambda: bench.produce_code(topic, None, big) == MESSAGE_TOO_LARGE)
    admin.alter(topic, {"max.message.bytes": "30000"})
    eventually("taken", lambda: bench.produce_code(topic, None, big) == 0)
    return "refused and taken"


def _list_offsets(bench: Bench, admin) -> str:
    """Earliest, latest, of the largest timestamp, and by time."""
    topic = bench.cluster.topic("list-offsets", 2, {"retention.ms": "-1"})
    base = 1_650_000_000_000
    bench.send(topic, [Record(0, base + after, None, b"at %d" % after) for after in (0, 50, 500, 20, 100)])
    for number, what, expected in ((0, "earliest", (0, -1)), (0, "latest", (5, -1)),
                                   (0, "max_timestamp", (2, base + 500)), (0, base + 51, (2, base + 500)),
                                   (0, base + 1, (1, base + 50)), (1, "earliest", (0, -1)), (1, "latest", (0, -1)),
                                   (1, "max_timestamp", (-1, -1))):
        equal(expected, admin.list_offsets({(topic, number): what})[topic, number], f"{what} of partition {number}")
    both = admin.list_offsets({(topic, 0): "latest", (topic, 1): "earliest"})
    equal((5, 0), (both[topic, 0][0], both[topic, 1][0]), "two in one call")
    return "9 look-ups"


def _groups(bench: Bench, admin) -> str:
    """Listed, described with members, deleted when empty."""

    def make(group: str, topic: str) -> LocalMember:
        return LocalMember(bench.client, group, topic, {"client_id": "seen", "strategy": "range"})

    with Scene(bench.cluster, "admin-groups") as scene:
        scene.join("a", make)
        scene.join("b", make)
        scene.settle()
        true(scene.group in admin.groups(), "not listed")
        state, protocol, members = admin.group(scene.group)
        equal(("Stable", "range", [("seen", "/127.0.0.1")] * 2), (state, protocol, members), "the group")
        if bench.client.has_group_admin:
            equal(NON_EMPTY_GROUP, bench.code_of(lambda: admin.delete_group(scene.group)), "deleting with members")
        scene.leave("a")
        scene.leave("b")
        eventually("empty", lambda: scene.describe().state == ConsumerGroupState.EMPTY)
        equal("Empty", admin.group(scene.group)[0], "state")
        if bench.client.has_group_admin:
            admin.delete_group(scene.group)
            true(scene.group not in admin.groups(), "listed after it was deleted")
    return "listed and described"


def _group_offsets(bench: Bench, admin) -> str:
    """Offsets of an empty group can be set by an admin; they go with the group."""
    topic = bench.cluster.topic("admin-offsets", 1)
    group = bench.cluster.name("admin-offsets")
    admin.alter_group_offsets(group, {(topic, 0): (7, "set")})
    equal({(topic, 0): (7, "set")}, admin.group_offsets(group), "set by an admin")
    admin.delete_group(group)
    equal({}, admin.group_offsets(group), "after the group was deleted")
    return "set and deleted"
