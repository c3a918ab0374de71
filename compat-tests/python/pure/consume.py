"""Reading by assignment, under fetch limits, and from any place in the log."""

from common.checks import Checks, equal, true
from common.lines import Record, partition_of, place, same
from common.samples import now_ms, records
from pure.base import Bench, lines


def register(checks: Checks, bench: Bench) -> None:
    for name, body in (("consume.assign", _assign), ("consume.fetch_limits", _fetch_limits),
                       ("consume.read_committed", _read_committed), ("seek.offset", _seek_offset),
                       ("seek.beginning_end", _seek_ends), ("seek.time", _seek_time)):
        checks.add(name, lambda body=body: body(bench))


def _assign(bench: Bench) -> str:
    """Only the assigned partitions come, each whole and in order."""
    topic = bench.cluster.topic("assign", 3)
    expected = [text for text in bench.send(topic, records(3, 900, 5)) if partition_of(text) != 1]
    consumer = bench.client.consumer()
    consumer.assign([(topic, 0), (topic, 2)])
    consumer.seek_to_beginning([(topic, 0), (topic, 2)])
    found = lines(consumer, len(expected))
    true(not consumer.poll(300), "more came than was produced")
    consumer.close()
    return same(expected, sorted(found, key=partition_of))


def _fetch_limits(bench: Bench) -> str:
    """However small the limits, whole batches come and nothing is left out."""
    topic = bench.cluster.topic("fetch-limits", 2)
    expected = bench.send(topic, records(2, 1000, 6), compression_type="gzip")
    same(expected, bench.read(topic, max_partition_fetch_bytes=1000, fetch_max_bytes=1000))
    same(expected, bench.read(topic, fetch_min_bytes=100_000, fetch_max_wait_ms=100))
    return f"{len(expected)} records under 2 limits"


def _read_committed(bench: Bench) -> str:
    topic = bench.cluster.topic("read-committed", 1)
    expected = bench.send(topic, records(1, 200, 7), enable_idempotence=True)
    same(expected, bench.read(topic, isolation_level="read_uncommitted"))
    return same(expected, bench.read(topic, isolation_level="read_committed"))


def _seek_offset(bench: Bench) -> str:
    """Seeks land on the record, inside a compressed batch too."""
    topic = bench.cluster.topic("seek-offset", 1)
    found = bench.send(topic, records(1, 1000, 8), compression_type="snappy")
    consumer = bench.client.consumer()
    consumer.assign([(topic, 0)])
    for offset in (500, 0, 999, 1, 777, 333):
        consumer.seek((topic, 0), offset)
        count = min(100, 1000 - offset)
        same(found[offset:offset + count], lines(consumer, count))
    consumer.close()
    return "6 seeks"


def _seek_ends(bench: Bench) -> str:
    topic = bench.cluster.topic("seek-ends", 2)
    parts = [(topic, 0), (topic, 1)]
    early = bench.send(topic, records(2, 100, 9))
    consumer = bench.client.consumer()
    consumer.assign(parts)
    consumer.seek_to_end(parts)
    equal([50, 50], [consumer.position(part) for part in parts], "positions at the end")
    true(not consumer.poll(300), "a record past the end")
    late = [Record(number, now_ms(), b"late", b"%d" % number) for number in (0, 1)]
    producer = bench.client.producer(acks="all")
    for record in late:
        producer.send(topic, record)
    producer.close()
    expected = [record.line(50) for record in late]
    same(expected, sorted(lines(consumer, 2), key=place))
    consumer.seek_to_beginning(parts)
    detail = same(sorted(early + expected, key=place), sorted(lines(consumer, 102), key=partition_of))
    consumer.close()
    return detail


def _seek_time(bench: Bench) -> str:
    """The first record at or after a time: inside batches, before all, after all."""
    topic = bench.cluster.topic("seek-time", 2, {"retention.ms": "-1"})
    start = 1_600_000_000_000
    found = bench.send(topic, [Record(0, start + 10 * i, b"k%d" % i, b"v%d" % i) for i in range(500)],
                       compression_type="zstd")
    filled, empty = (topic, 0), (topic, 1)
    consumer = bench.client.consumer()
    consumer.assign([filled])
    for time, offset in ((0, 0), (start, 0), (start + 1, 1), (start + 10, 1), (start + 2495, 250), (start + 4990, 499)):
        answers = consumer.at_times({filled: time, empty: time})
        equal((offset, start + 10 * offset), answers[filled], f"offset and timestamp at {time}")
        equal(None, answers[empty], "in an empty partition")
        consumer.seek(filled, offset)
        same([found[offset]], lines(consumer, 1))
    equal(None, consumer.at_times({filled: start + 4991})[filled], "after the last")
    consumer.close()
    return "7 times"
