"""What is refused, and that nothing is left behind by it. The broker runs with auto.create.topics.enable=false."""

from typing import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType

from common.checks import PATIENCE_SECONDS, Checks, equal, eventually, true
from common.cluster import Cluster, poll
from common.samples import noise, now_ms, records


def register(checks: Checks, cluster: Cluster) -> None:
    for name, body in (("unknown_topic", _unknown_topic), ("message_too_large", _message_too_large),
                       ("invalid_topic", _invalid_topic), ("duplicate_topic", _duplicate_topic),
                       ("invalid_config", _invalid_config), ("invalid_shape", _invalid_shape),
                       ("offset_out_of_range", _offset_out_of_range), ("unknown_partition", _unknown_partition),
                       ("no_key", _no_key), ("timestamp", _timestamp), ("group_not_found", _group_not_found)):
        checks.add(f"error.{name}", lambda body=body: body(cluster))


def code_of(action: Callable[[], object]) -> int:
    """The code of the error that the action raises, 0 when it raises none."""
    try:
        action()
        return 0
    except KafkaException as problem:
        return problem.args[0].code()


def produce_code(cluster: Cluster, topic: str, key: bytes | None, value: bytes | None, **options) -> int:
    """The error code of producing one record, 0 for none."""
    codes: list[int] = []
    producer = cluster.producer(message_timeout_ms=20_000, topic_metadata_propagation_max_ms=1000)
    producer.produce(topic, key=key, value=value,
                     on_delivery=lambda error, _: codes.append(error.code() if error else 0), **options)
    producer.flush(PATIENCE_SECONDS)
    equal(1, len(codes), "answers")
    return codes[0]


def _error_of(consumer: Consumer) -> int:
    """The first error that the consumer is told; closes it."""
    codes: list[int] = []

    def failed() -> bool:
        codes.extend(message.error().code() for message in consumer.consume(1, timeout=0.2) if message.error())
        return bool(codes)

    eventually("an error", failed)
    consumer.close()
    return codes[0]


def _unknown_topic(cluster: Cluster) -> str:
    """Producing to a missing topic and reading it fail, and do not create it."""
    missing = cluster.name("missing")
    code = produce_code(cluster, missing, None, b"v")
    true(code in (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART), f"producing: {code}")
    consumer = cluster.consumer()
    consumer.subscribe([missing])
    equal(KafkaError.UNKNOWN_TOPIC_OR_PART, _error_of(consumer), "reading")
    admin = cluster.admin
    for what, action in (("describing", lambda: admin.describe_topics(TopicCollection([missing]))[missing].result()),
                         ("deleting", lambda: admin.delete_topics([missing])[missing].result()),
                         ("growing", lambda: admin.create_partitions([NewPartitions(missing, 2)])[missing].result())):
        equal(KafkaError.UNKNOWN_TOPIC_OR_PART, code_of(action), what)
    true(missing not in admin.list_topics(timeout=PATIENCE_SECONDS).topics, "it was created")
    return "refused in 5 ways"


def _message_too_large(cluster: Cluster) -> str:
    """A refused record takes no offset."""
    topic = cluster.topic("too-large", 1, {"max.message.bytes": "2000"})
    equal(KafkaError.MSG_SIZE_TOO_LARGE, produce_code(cluster, topic, None, noise(4000, 1)), "error")
    return cluster.round_trip(topic, records(1, 1, 1))


def _create(cluster: Cluster, topic: NewTopic) -> int:
    return code_of(lambda: cluster.admin.create_topics([topic])[topic.topic].result())


def _invalid_topic(cluster: Cluster) -> str:
    names = ["with space", "..", ".", "ä", "a/b", "x" * 250]
    for name in names:
        equal(KafkaError.TOPIC_EXCEPTION, _create(cluster, NewTopic(name, 1, 1)), f"creating '{name[:20]}'")
    true(produce_code(cluster, "with space", None, b"v") in (KafkaError.TOPIC_EXCEPTION, KafkaError._UNKNOWN_TOPIC),
         "producing")
    return f"{len(names)} names"


def _duplicate_topic(cluster: Cluster) -> str:
    """One refused topic does not keep the others of the request from being made."""
    topic = cluster.topic("duplicate", 1)
    other = cluster.name("duplicate-other")
    answers = cluster.admin.create_topics([NewTopic(topic, 1, 1), NewTopic(other, 1, 1)])
    equal(KafkaError.TOPIC_ALREADY_EXISTS, code_of(answers[topic].result), "the duplicate")
    equal(0, code_of(answers[other].result), "the other")
    return "TOPIC_ALREADY_EXISTS"


def _invalid_config(cluster: Cluster) -> str:
    topic = cluster.topic("invalid-config", 1)
    wrong = {"retention.ms": "soon", "cleanup.policy": "shred", "max.message.bytes": "-5", "no.such.setting": "1",
             "segment.bytes": "1000"}
    for name, value in wrong.items():
        equal(KafkaError.INVALID_CONFIG, _create(cluster, NewTopic(cluster.name("wrong"), 1, 1, config={name: value})),
              f"creating with {name}={value}")
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)])
        equal(KafkaError.INVALID_CONFIG,
              code_of(lambda: cluster.admin.incremental_alter_configs([resource])[resource].result()),
              f"altering {name}={value}")
    return f"{len(wrong)} settings, each twice"


def _invalid_shape(cluster: Cluster) -> str:
    topic = cluster.topic("shape", 3)
    equal(KafkaError.INVALID_REPLICATION_FACTOR, _create(cluster, NewTopic(cluster.name("shape-other"), 1, 3)),
          "three replicas")
    for count in (2, 3):
        equal(KafkaError.INVALID_PARTITIONS,
              code_of(lambda: cluster.admin.create_partitions([NewPartitions(topic, count)])[topic].result()),
              f"{count} partitions where there are 3")
    return "partitions and replicas"


def _offset_out_of_range(cluster: Cluster) -> str:
    topic = cluster.topic("out-of-range", 1)
    cluster.send(topic, records(1, 10, 1))
    consumer = cluster.consumer()
    consumer.assign([TopicPartition(topic, 0, 11)])
    equal(KafkaError._AUTO_OFFSET_RESET, _error_of(consumer), "reading")
    consumer = cluster.consumer()
    consumer.assign([TopicPartition(topic, 0, 9)])
    equal(9, poll(consumer, 1)[0].offset(), "the last record's offset")
    consumer.close()
    return "_AUTO_OFFSET_RESET"


def _unknown_partition(cluster: Cluster) -> str:
    topic = cluster.topic("unknown-partition", 2)
    equal(KafkaError._UNKNOWN_PARTITION, produce_code(cluster, topic, None, b"v", partition=2), "producing")
    consumer = cluster.consumer()
    equal(KafkaError._UNKNOWN_PARTITION,
          code_of(lambda: consumer.get_watermark_offsets(TopicPartition(topic, 2), timeout=PATIENCE_SECONDS)),
          "asking for its ends")
    consumer.close()
    equal([], cluster.read(topic), "records")
    return "partition 2 of 2"


def _no_key(cluster: Cluster) -> str:
    """Compacted topics take no record without a key."""
    topic = cluster.topic("no-key", 1, {"cleanup.policy": "compact"})
    equal(KafkaError.INVALID_RECORD, produce_code(cluster, topic, None, b"no key"), "error")
    return cluster.round_trip(topic, records(1, 3, 1))


def _timestamp(cluster: Cluster) -> str:
    """Timestamps outside the topic's bounds."""
    topic = cluster.topic("timestamp", 1, {"message.timestamp.before.max.ms": "60000",
                                           "message.timestamp.after.max.ms": "60000"})
    for wrong in (now_ms() - 3_600_000, now_ms() + 3_600_000):
        equal(KafkaError.INVALID_TIMESTAMP, produce_code(cluster, topic, None, b"v", timestamp=wrong), "error")
    return cluster.round_trip(topic, records(1, 3, 1))


def _group_not_found(cluster: Cluster) -> str:
    group = cluster.name("nobody")
    equal(KafkaError.GROUP_ID_NOT_FOUND,
          code_of(lambda: cluster.admin.delete_consumer_groups([group])[group].result()), "deleting")
    return "GROUP_ID_NOT_FOUND"
