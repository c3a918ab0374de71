"""What is refused, and that nothing is left behind by it. The broker runs with auto.create.topics.enable=false."""

from common.checks import Checks, equal, true
from common.samples import noise, now_ms, records
from pure.base import Bench, lines

OFFSET_OUT_OF_RANGE = 1
UNKNOWN_TOPIC_OR_PARTITION = 3
MESSAGE_TOO_LARGE = 10
INVALID_TOPIC = 17
INVALID_TIMESTAMP = 32
TOPIC_ALREADY_EXISTS = 36
INVALID_PARTITIONS = 37
INVALID_REPLICATION_FACTOR = 38
INVALID_CONFIG = 40
GROUP_ID_NOT_FOUND = 69


def register(checks: Checks, bench: Bench) -> None:
    bodies = [("unknown_topic", _unknown_topic), ("message_too_large", _message_too_large),
              ("invalid_topic", _invalid_topic), ("duplicate_topic", _duplicate_topic),
              ("invalid_config", _invalid_config), ("invalid_shape", _invalid_shape),
              ("offset_out_of_range", _offset_out_of_range), ("no_key", _no_key), ("timestamp", _timestamp)]
    if bench.client.has_group_admin:
        bodies.append(("group_not_found", _group_not_found))
    for name, body in bodies:
        checks.add(f"error.{name}", lambda body=body: _with_admin(bench, body))


def _with_admin(bench: Bench, body) -> str:
    admin = bench.client.admin()
    try:
        return body(bench, admin)
    finally:
        admin.close()


def _unknown_topic(bench: Bench, admin) -> str:
    """A missing topic cannot be deleted or grown, and nothing creates it."""
    missing = bench.cluster.name("missing")
    equal(UNKNOWN_TOPIC_OR_PARTITION, bench.code_of(lambda: admin.delete(missing)), "deleting")
    equal(UNKNOWN_TOPIC_OR_PARTITION, bench.code_of(lambda: admin.grow(missing, 2)), "growing")
    consumer = bench.client.consumer(group_id=bench.cluster.name("missing"))
    consumer.subscribe(missing)
    consumer.poll(1000)
    consumer.close()
    true(missing not in admin.topics(), "it was created")
    return "refused in 2 ways"


def _message_too_large(bench: Bench, admin) -> str:
    """A refused record takes no offset."""
    topic = bench.cluster.topic("too-large", 1, {"max.message.bytes": "2000"})
    equal(MESSAGE_TOO_LARGE, bench.produce_code(topic, None, noise(4000, 1)), "error")
    return bench.round_trip(topic, records(1, 1, 1))


def _invalid_topic(bench: Bench, admin) -> str:
    names = ["with space", "..", ".", "ä", "a/b", "x" * 250]
    for name in names:
        equal(INVALID_TOPIC, bench.code_of(lambda: admin.create(name, 1, 1)), f"creating '{name[:20]}'")
    return f"{len(names)} names"


def _duplicate_topic(bench: Bench, admin) -> str:
    topic = bench.cluster.topic("duplicate", 1)
    equal(TOPIC_ALREADY_EXISTS, bench.code_of(lambda: admin.create(topic, 1, 1)), "the duplicate")
    return "TOPIC_ALREADY_EXISTS"


def _invalid_config(bench: Bench, admin) -> str:
    topic = bench.cluster.topic("invalid-config", 1)
    wrong = {"retention.ms": "soon", "cleanup.policy": "shred", "max.message.bytes": "-5", "no.such.setting": "1",
             "segment.bytes": "1000"}
    for name, value in wrong.items():
        new = bench.cluster.name("wrong")
        equal(INVALID_CONFIG, bench.code_of(lambda: admin.create(new, 1, 1, configs={name: value})),
              f"creating with {name}={value}")
        equal(INVALID_CONFIG, bench.code_of(lambda: admin.alter(topic, {name: value})), f"altering {name}={value}")
    return f"{len(wrong)} settings, each twice"


def _invalid_shape(bench: Bench, admin) -> str:
    topic = bench.cluster.topic("shape", 3)
    other = bench.cluster.name("shape-other")
    equal(INVALID_REPLICATION_FACTOR, bench.code_of(lambda: admin.create(other, 1, 3)), "three replicas")
    for count in (2, 3):
        equal(INVALID_PARTITIONS, bench.code_of(lambda: admin.grow(topic, count)),
              f"{count} partitions where there are 3")
    return "partitions and replicas"


def _offset_out_of_range(bench: Bench, admin) -> str:
    topic = bench.cluster.topic("out-of-range", 1)
    expected = bench.send(topic, records(1, 10, 1))
    consumer = bench.client.consumer()
    consumer.assign([(topic, 0)])
    consumer.seek((topic, 0), 11)
    try:
        consumer.poll(10_000)
        raise AssertionError("no error")
    except bench.client.error as problem:
        true("OffsetOutOfRange" in type(problem).__name__, f"{problem!r}")
    consumer.seek((topic, 0), 9)
    equal(expected[9:], lines(consumer, 1), "the last record")
    consumer.close()
    return "OFFSET_OUT_OF_RANGE"


def _no_key(bench: Bench, admin) -> str:
    """Compacted topics take no record without a key."""
    topic = bench.cluster.topic("no-key", 1, {"cleanup.policy": "compact"})
    equal(bench.client.invalid_record, bench.produce_code(topic, None, b"no key"), "error")
    return bench.round_trip(topic, records(1, 3, 1))


def _timestamp(bench: Bench, admin) -> str:
    """Timestamps outside the topic's bounds."""
    topic = bench.cluster.topic("timestamp", 1, {"message.timestamp.before.max.ms": "60000",
                                                 "message.timestamp.after.max.ms": "60000"})
    for wrong in (now_ms() - 3_600_000, now_ms() + 3_600_000):
        equal(INVALID_TIMESTAMP, bench.produce_code(topic, None, b"v", timestamp=wrong), "error")
    return bench.round_trip(topic, records(1, 3, 1))


def _group_not_found(bench: Bench, admin) -> str:
    equal(GROUP_ID_NOT_FOUND, bench.code_of(lambda: admin.delete_group(bench.cluster.name("nobody"))), "deleting")
    return "GROUP_ID_NOT_FOUND"
