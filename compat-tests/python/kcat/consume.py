"""Reading by assignment and from any place in the log, and what kcat shows of a cluster."""

import json

from common.checks import Checks, equal
from common.cluster import Cluster
from common.lines import Record, partition_of, same
from common.samples import records
from kcat.command import read, succeed


def register(checks: Checks, cluster: Cluster) -> None:
    for name, body in (("consume.assign", _assign), ("consume.fetch_limits", _fetch_limits),
                       ("consume.read_committed", _read_committed), ("seek.offset", _seek_offset),
                       ("seek.beginning_end", _seek_ends), ("seek.time", _seek_time),
                       ("admin.describe_topics", _metadata), ("admin.list_offsets", _list_offsets)):
        checks.add(name, lambda body=body: body(cluster))


def _lines(cluster: Cluster, topic: str, *arguments: str) -> list[str]:
    return [each.line() for each in read(cluster.bootstrap, topic, *arguments)]


def _assign(cluster: Cluster) -> str:
    """Only the asked partition comes, whole and in order."""
    topic = cluster.topic("assign", 3)
    lines = cluster.send(topic, records(3, 900, 5))
    return same([text for text in lines if partition_of(text) == 1], _lines(cluster, topic, "-p", "1"))


def _fetch_limits(cluster: Cluster) -> str:
    topic = cluster.topic("fetch-limits", 2)
    lines = cluster.send(topic, records(2, 1000, 6), compression_type="gzip")
    return same(lines, _lines(cluster, topic, "-X", "fetch.message.max.bytes=1000"))


def _read_committed(cluster: Cluster) -> str:
    topic = cluster.topic("read-committed", 1)
    lines = cluster.send(topic, records(1, 200, 7), enable_idempotence=True)
    same(lines, _lines(cluster, topic, "-X", "isolation.level=read_uncommitted"))
    return same(lines, _lines(cluster, topic, "-X", "isolation.level=read_committed"))


def _seek_offset(cluster: Cluster) -> str:
    """Seeks land on the record, inside a compressed batch too."""
    topic = cluster.topic("seek-offset", 1)
    lines = cluster.send(topic, records(1, 1000, 8), compression_type="snappy")
    for offset in (0, 1, 333, 999):
        same(lines[offset:], _lines(cluster, topic, "-p", "0", "-o", str(offset)))
    return "4 seeks"


def _seek_ends(cluster: Cluster) -> str:
    topic = cluster.topic("seek-ends", 1)
    lines = cluster.send(topic, records(1, 100, 9))
    same(lines, _lines(cluster, topic, "-o", "beginning"))
    same([], _lines(cluster, topic, "-o", "end"))
    return same(lines[-7:], _lines(cluster, topic, "-o", "-7"))


def _times(cluster: Cluster, what: str) -> tuple[str, int, list[str]]:
    """A topic whose first partition has a record every 10 ms from a start."""
    topic = cluster.topic(what, 2, {"retention.ms": "-1"})
    start = 1_600_000_000_000
    lines = cluster.send(topic, [Record(0, start + 10 * i, b"k%d" % i, b"v%d" % i) for i in range(500)],
                         compression_type="zstd")
    return topic, start, lines


def _seek_time(cluster: Cluster) -> str:
    """From the first record at or after a time, to before another."""
    topic, start, lines = _times(cluster, "seek-time")
    for after, index in ((-1000, 0), (0, 0), (1, 1), (2495, 250), (4990, 499)):
        same(lines[index:], _lines(cluster, topic, "-p", "0", "-o", f"s@{start + after}"))
    same(lines[100:200], _lines(cluster, topic, "-p", "0", "-o", f"s@{start + 1000}", "-o", f"e@{start + 2000}"))
    return "6 times"


def _list_offsets(cluster: Cluster) -> str:
    """Earliest, latest and by time, of two partitions in one call."""
    topic, start, _ = _times(cluster, "list-offsets")
    for when, filled, empty in ((-2, 0, 0), (-1, 500, 0), (start + 1, 1, -1), (start + 4990, 499, -1),
                                (start + 4991, -1, -1)):
        text = succeed(cluster.bootstrap, "-Q", "-t", f"{topic}:0:{when}", "-t", f"{topic}:1:{when}")
        equal({f"{topic} [0] offset {filled}", f"{topic} [1] offset {empty}"}, set(text.splitlines()), f"at {when}")
    return "5 look-ups"


def _metadata(cluster: Cluster) -> str:
    """kcat -L: brokers, partitions, leaders, replicas."""
    topic = cluster.topic("metadata", 3)
    found = json.loads(succeed(cluster.bootstrap, "-L", "-J", "-t", topic))
    node = found["brokers"][0]["id"]
    equal([{"id": node, "name": cluster.bootstrap}], found["brokers"], "brokers")
    equal(node, found["controllerid"], "controller")
    equal([{"topic": topic, "partitions": [
        {"partition": number, "leader": node, "replicas": [{"id": node}], "isrs": [{"id": node}]}
        for number in range(3)]}], found["topics"], "topics")
    return "3 partitions"
