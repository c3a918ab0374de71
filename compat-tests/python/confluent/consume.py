"""Reading by assignment, under fetch limits, and from any place in the log."""

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, TopicPartition

from common.checks import PATIENCE_SECONDS, Checks, equal, true
from common.cluster import Cluster, poll, text_of
from common.lines import Record, partition_of, place, same
from common.samples import now_ms, records


def register(checks: Checks, cluster: Cluster) -> None:
    for name, body in (("consume.assign", _assign), ("consume.fetch_limits", _fetch_limits),
                       ("consume.read_committed", _read_committed), ("seek.offset", _seek_offset),
                       ("seek.beginning_end", _seek_ends), ("seek.time", _seek_time)):
        checks.add(name, lambda body=body: body(cluster))


def _lines(consumer: Consumer, count: int) -> list[str]:
    return [text_of(message) for message in poll(consumer, count)]


def _assign(cluster: Cluster) -> str:
    """Only the assigned partitions come, each whole and in order."""
    topic = cluster.topic("assign", 3)
    expected = [text for text in cluster.send(topic, records(3, 900, 5)) if partition_of(text) != 1]
    consumer = cluster.consumer()
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in (0, 2)])
    found = _lines(consumer, len(expected))
    true(not consumer.consume(1, timeout=0.3), "more came than was produced")
    consumer.close()
    return same(expected, sorted(found, key=partition_of))


def _fetch_limits(cluster: Cluster) -> str:
    """However small the limits, whole batches come and nothing is left out."""
    topic = cluster.topic("fetch-limits", 2)
    expected = cluster.send(topic, records(2, 1000, 6), compression_type="gzip")
    same(expected, cluster.read(topic, fetch_message_max_bytes=1000, fetch_max_bytes=65536, message_max_bytes=65536))
    same(expected, cluster.read(topic, fetch_min_bytes=100_000, fetch_wait_max_ms=100))
    return f"{len(expected)} records under 2 limits"


def _read_committed(cluster: Cluster) -> str:
    topic = cluster.topic("read-committed", 1)
    expected = cluster.send(topic, records(1, 200, 7), enable_idempotence=True)
    same(expected, cluster.read(topic, isolation_level="read_uncommitted"))
    return same(expected, cluster.read(topic, isolation_level="read_committed"))


def _seek_offset(cluster: Cluster) -> str:
    """Seeks land on the record, inside a compressed batch too."""
    topic = cluster.topic("seek-offset", 1)
    lines = cluster.send(topic, records(1, 1000, 8), compression_type="snappy")
    consumer = cluster.consumer()
    consumer.assign([TopicPartition(topic, 0, 0)])
    same(lines[:1], _lines(consumer, 1))
    for offset in (500, 0, 999, 1, 777, 333):
        consumer.seek(TopicPartition(topic, 0, offset))
        count = min(100, 1000 - offset)
        same(lines[offset:offset + count], _lines(consumer, count))
    consumer.close()
    return "6 seeks"


def _seek_ends(cluster: Cluster) -> str:
    topic = cluster.topic("seek-ends", 2)
    lines = cluster.send(topic, records(2, 100, 9))
    consumer = cluster.consumer()
    for number in (0, 1):
        equal((0, 50), consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=PATIENCE_SECONDS),
              "ends of the log")
    consumer.assign([TopicPartition(topic, number, OFFSET_END) for number in (0, 1)])
    true(not consumer.consume(1, timeout=1), "a record past the end")
    late = [Record(number, now_ms(), b"late", b"%d" % number) for number in (0, 1)]
    producer = cluster.producer()
    for record in late:
        producer.produce(topic, key=record.key, value=record.value, partition=record.partition,
                         timestamp=record.timestamp)
    producer.flush(PATIENCE_SECONDS)
    expected = [record.line(50) for record in late]
    same(expected, sorted(_lines(consumer, 2), key=place))
    for number in (0, 1):
        consumer.seek(TopicPartition(topic, number, OFFSET_BEGINNING))
    detail = same(sorted(lines + expected, key=place), sorted(_lines(consumer, 102), key=partition_of))
    consumer.close()
    return detail


def _seek_time(cluster: Cluster) -> str:
    """The first record at or after a time: inside batches, before all, after all."""
    topic = cluster.topic("seek-time", 2, {"retention.ms": "-1"})
    start = 1_600_000_000_000
    lines = cluster.send(topic, [Record(0, start + 10 * i, b"k%d" % i, b"v%d" % i) for i in range(500)],
                         compression_type="zstd")
    consumer = cluster.consumer()
    cases = ((0, 0), (start, 0), (start + 1, 1), (start + 10, 1), (start + 2495, 250), (start + 4990, 499),
             (start + 4991, OFFSET_END))
    for time, offset in cases:
        query = [TopicPartition(topic, number, time) for number in (0, 1)]
        filled, empty = consumer.offsets_for_times(query, timeout=PATIENCE_SECONDS)
        equal(offset, filled.offset, f"offset at {time}")
        equal(OFFSET_END, empty.offset, "offset in an empty partition")
        if offset >= 0:
            consumer.assign([TopicPartition(topic, 0, filled.offset)])
            same([lines[offset]], _lines(consumer, 1))
    consumer.close()
    return f"{len(cases)} times"
