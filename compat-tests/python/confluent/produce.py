"""What a producer sends is what a consumer reads, to the byte."""

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME

from common.checks import PATIENCE_SECONDS, Checks, equal, true
from common.cluster import Cluster, text_of
from common.lines import Record, same
from common.samples import VOLUME, noise, now_ms, records


def register(checks: Checks, cluster: Cluster) -> None:
    for acks in ("0", "1", "all"):
        checks.add(f"produce.acks_{acks}", lambda acks=acks: cluster.round_trip(
            cluster.topic(f"acks-{acks}", 3), records(3, 500, 1), acks=acks))
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        checks.add(f"produce.codec_{codec}", lambda codec=codec: cluster.round_trip(
            cluster.topic(f"codec-{codec}", 3), records(3, 2000, 2), compression_type=codec))
    for name, body in (("topic_codec", _topic_codec), ("idempotent", _idempotent), ("large", _large),
                       ("nulls", _nulls), ("headers", _headers), ("create_time", _create_time),
                       ("log_append_time", _log_append_time), ("partitioner", _partitioner), ("volume", _volume)):
        checks.add(f"produce.{name}", lambda body=body: body(cluster))


def _topic_codec(cluster: Cluster) -> str:
    """The topic's codec replaces the producer's."""
    for codec in ("uncompressed", "gzip", "snappy", "lz4", "zstd"):
        topic = cluster.topic(f"topic-codec-{codec}", 1, {"compression.type": codec})
        detail = cluster.round_trip(topic, records(1, 300, 3), compression_type="lz4")
    return f"5 codecs, each {detail}"


def _idempotent(cluster: Cluster) -> str:
    """Many small batches in flight at once stay in order, none twice."""
    return cluster.round_trip(cluster.topic("idempotent", 2), records(2, 3000, 4), enable_idempotence=True,
                              batch_num_messages=3, max_in_flight=5)


def _large(cluster: Cluster) -> str:
    sample = [Record(i % 2, now_ms() + i, b"large %d" % i, noise(1_000_000, i)) for i in range(8)]
    return cluster.round_trip(cluster.topic("large", 2), sample, message_max_bytes=2_000_000)


def _nulls(cluster: Cluster) -> str:
    """A tombstone is not an empty value, and no key is not the empty key."""
    sample = [Record(0, now_ms(), key, value) for key in (None, b"", b"key") for value in (None, b"", b"value")]
    cluster.round_trip(cluster.topic("nulls", 1), sample)
    return cluster.round_trip(cluster.topic("nulls-compressed", 1), sample, compression_type="zstd")


def _headers(cluster: Cluster) -> str:
    """Order, repeated names, null and empty values are kept."""
    rich = [("twice", b"first"), ("null", None), ("twice", b"second"), ("empty", b""), ("größe", noise(200, 1)),
            ("twice", b"first")]
    many = [(f"h{index}", b"x" * index) for index in range(300)]
    now = now_ms()
    return cluster.round_trip(cluster.topic("headers", 1), [
        Record(0, now, b"k", b"v", rich), Record(0, now, b"k", b"v"), Record(0, now, None, None, many)])


def _create_time(cluster: Cluster) -> str:
    """The producer's timestamps are kept, old ones and ones out of order too. (To librdkafka 0 means now.)"""
    topic = cluster.topic("create-time", 1, {"retention.ms": "-1"})
    now = now_ms()
    times = (now, 1, now - 86_400_000, now + 60_000, 1_500_000_000_000, now)
    detail = cluster.round_trip(topic, [Record(0, time, None, b"at %d" % time) for time in times])
    for message in cluster.read_messages(topic):
        equal(TIMESTAMP_CREATE_TIME, message.timestamp()[0], "timestamp type")
    return detail


def _log_append_time(cluster: Cluster) -> str:
    """The broker's clock replaces the producer's timestamps, in the answer and in the log."""
    topic = cluster.topic("append-time", 1, {"message.timestamp.type": "LogAppendTime"})
    expected: list[str] = []
    before = now_ms()
    producer = cluster.producer(compression_type="lz4", linger_ms=0)
    for index in range(20):
        record = Record(0, 1000 + index, b"k%d" % index, b"v%d" % index)

        def delivered(error, message, record=record) -> None:
            true(error is None, f"{error}")
            kind, time = message.timestamp()
            equal(TIMESTAMP_LOG_APPEND_TIME, kind, "timestamp type of the answer")
            true(before <= time <= now_ms(), f"append time {time} outside {before} to now")
            expected.append(record.line(message.offset(), time))

        producer.produce(topic, key=record.key, value=record.value, partition=0, timestamp=record.timestamp,
                         on_delivery=delivered)
        producer.flush(PATIENCE_SECONDS)
    messages = cluster.read_messages(topic)
    for message in messages:
        equal(TIMESTAMP_LOG_APPEND_TIME, message.timestamp()[0], "timestamp type")
    return same(expected, [text_of(message) for message in messages])


def _partitioner(cluster: Cluster) -> str:
    """Without explicit partitions: a key always goes to the same one, and every record arrives."""
    topic = cluster.topic("partitioner", 4)
    sent: list[str] = []
    producer = cluster.producer()
    for index in range(400):
        key = None if index % 2 == 0 else b"key %d" % (index % 20)
        producer.produce(topic, key=key, value=b"value %d" % index,
                         on_delivery=lambda error, message: sent.append(text_of(message)))
    producer.flush(PATIENCE_SECONDS)
    homes: dict[bytes, int] = {}
    messages = cluster.read_messages(topic)
    for message in messages:
        if message.key() is not None:
            equal(homes.setdefault(message.key(), message.partition()), message.partition(), "partition of a key")
    equal(400, len(sent), "records answered")
    return same(sorted(sent), sorted(text_of(message) for message in messages))


def _volume(cluster: Cluster) -> str:
    """Enough records for one wrong one among thousands to show."""
    return cluster.round_trip(cluster.topic("volume", 3), records(3, VOLUME, 12), acks="all",
                              queue_buffering_max_messages=2 * VOLUME)
