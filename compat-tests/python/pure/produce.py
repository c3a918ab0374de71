"""What a producer sends is what a consumer reads, to the byte."""

from common.checks import Checks, equal, true
from common.lines import Record, same
from common.samples import VOLUME, noise, now_ms, records
from pure.base import Bench, text_of


def register(checks: Checks, bench: Bench) -> None:
    for acks in (0, 1, "all"):
        checks.add(f"produce.acks_{acks}", lambda acks=acks: bench.round_trip(
            bench.cluster.topic(f"acks-{acks}", 3), records(3, 500, 1), acks=acks))
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        checks.add(f"produce.codec_{codec}", lambda codec=codec: bench.round_trip(
            bench.cluster.topic(f"codec-{codec}", 3), records(3, 2000, 2),
            compression_type=None if codec == "none" else codec))
    for name, body in (("topic_codec", _topic_codec), ("idempotent", _idempotent), ("large", _large),
                       ("nulls", _nulls), ("headers", _headers), ("create_time", _create_time),
                       ("log_append_time", _log_append_time), ("partitioner", _partitioner), ("volume", _volume)):
        checks.add(f"produce.{name}", lambda body=body: body(bench))


def _topic_codec(bench: Bench) -> str:
    """The topic's codec replaces the producer's."""
    for codec in ("uncompressed", "gzip", "snappy", "lz4", "zstd"):
        topic = bench.cluster.topic(f"topic-codec-{codec}", 1, {"compression.type": codec})
        detail = bench.round_trip(topic, records(1, 300, 3), compression_type="lz4")
    return f"5 codecs, each {detail}"


def _idempotent(bench: Bench) -> str:
    """Many small batches stay in order, none twice."""
    return bench.round_trip(bench.cluster.topic("idempotent", 2), records(2, 2000, 4), enable_idempotence=True,
                            batch_size=600)


def _large(bench: Bench) -> str:
    sample = [Record(i % 2, now_ms() + i, b"large %d" % i, noise(1_000_000, i)) for i in range(8)]
    return bench.round_trip(bench.cluster.topic("large", 2), sample, max_request_size=2_000_000, batch_size=1_040_000)


def _nulls(bench: Bench) -> str:
    """A tombstone is not an empty value, and no key is not the empty key. (The client refuses records without both.)"""
    sample = [Record(0, now_ms(), key, value) for key in (None, b"", b"key") for value in (None, b"", b"value")
              if key is not None or value is not None]
    bench.round_trip(bench.cluster.topic("nulls", 1), sample)
    return bench.round_trip(bench.cluster.topic("nulls-compressed", 1), sample, compression_type="zstd")


def _headers(bench: Bench) -> str:
    """Order, repeated names and empty values are kept; null ones are read as another client sent them."""
    rich = [("twice", b"first"), ("twice", b"second"), ("empty", b""), ("größe", noise(200, 1)), ("twice", b"first")]
    many = [(f"h{index}", b"x" * index) for index in range(300)]
    now = now_ms()
    detail = bench.round_trip(bench.cluster.topic("headers", 1), [
        Record(0, now, b"k", b"v", rich), Record(0, now, b"k", b"v"), Record(0, now, b"k", None, many)])
    topic = bench.cluster.topic("null-headers", 1)
    same(bench.cluster.send(topic, [Record(0, now, None, None, [("null", None), *rich])]), bench.read(topic))
    return detail


def _create_time(bench: Bench) -> str:
    """The producer's timestamps are kept, old ones and ones out of order too."""
    topic = bench.cluster.topic("create-time", 1, {"retention.ms": "-1"})
    now = now_ms()
    times = (now, 1, now - 86_400_000, now + 60_000, 1_500_000_000_000, now)
    detail = bench.round_trip(topic, [Record(0, time, None, b"at %d" % time) for time in times])
    equal({0}, {message.timestamp_type for message in bench.read_messages(topic)}, "timestamp types")
    return detail


def _log_append_time(bench: Bench) -> str:
    """The broker's clock replaces the producer's timestamps, in the answer and in the log."""
    topic = bench.cluster.topic("append-time", 1, {"message.timestamp.type": "LogAppendTime"})
    expected: list[str] = []
    before = now_ms()
    producer = bench.client.producer(acks="all", compression_type="lz4")
    for index in range(20):
        record = Record(0, 1000 + index, b"k%d" % index, b"v%d" % index)
        _, offset, time = producer.answer(producer.send(topic, record))
        true(before <= time <= now_ms(), f"append time {time} outside {before} to now")
        expected.append(record.line(offset, time))
    producer.close()
    messages = bench.read_messages(topic)
    equal({1}, {message.timestamp_type for message in messages}, "timestamp types")
    return same(expected, [text_of(message) for message in messages])


def _partitioner(bench: Bench) -> str:
    """Without explicit partitions: a key always goes to the same one, and every record arrives."""
    topic = bench.cluster.topic("partitioner", 4)
    producer = bench.client.producer(acks="all", linger_ms=5)
    sent = []
    for index in range(400):
        record = Record(0, now_ms(), None if index % 2 == 0 else b"key %d" % (index % 20), b"value %d" % index)
        sent.append((record, producer.send(topic, record, partition=False)))
    producer.close()
    expected = []
    for record, answer in sent:
        record.partition, offset, _ = producer.answer(answer)
        expected.append(record.line(offset))
    homes: dict[bytes, int] = {}
    for record, _ in sent:
        if record.key is not None:
            equal(homes.setdefault(record.key, record.partition), record.partition, "partition of a key")
    return same(sorted(expected), sorted(bench.read(topic)))


def _volume(bench: Bench) -> str:
    """Enough records for one wrong one among thousands to show."""
    return bench.round_trip(bench.cluster.topic("volume", 3), records(3, VOLUME, 12))
