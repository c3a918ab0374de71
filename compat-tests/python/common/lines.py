"""A record as one line of text: partition, offset, timestamp, key, value, headers.

Null is "-" and the empty value is "=", so that the two never look alike; long values stand as length and SHA-256. Two
records are the same if and only if their lines are.
"""

import hashlib
from dataclasses import dataclass, field

from .checks import equal

# Bytes up to this length are written out in hexadecimal.
SHORT = 48


@dataclass
class Record:
    """What is produced; headers are pairs of a name and bytes or None."""

    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)

    def line(self, offset: int, timestamp: int | None = None) -> str:
        """The line of this record at an offset, with its own timestamp or the one that it got."""
        return line(self.partition, offset, self.timestamp if timestamp is None else timestamp, self.key, self.value,
                    self.headers)


def line(partition: int, offset: int, timestamp: int, key, value, headers) -> str:
    """One record as text."""
    written = "".join(f"[{_bytes(name.encode())} {_bytes(content)}]" for name, content in headers)
    return f"p{partition} o{offset} t{timestamp} k{_bytes(key)} v{_bytes(value)} h{written}"


def partition_of(text: str) -> int:
    """The partition that a line names."""
    return int(text[1:text.index(" ")])


def offset_of(text: str) -> int:
    """The offset that a line names."""
    return int(text.split(" ", 2)[1][1:])


def place(text: str) -> tuple[int, int]:
    """Partition and offset, to sort by."""
    return partition_of(text), offset_of(text)


def same(expected: list[str], found: list[str]) -> str:
    """Both hold the same lines in the same order; returns their count and digest."""
    for index, (one, other) in enumerate(zip(expected, found)):
        equal(one, other, f"record {index}")
    equal(len(expected), len(found), "number of records")
    equal(_digest(expected), _digest(found), "digest")
    return f"{len(found)} records {_digest(found)[:12]}"


def numbered(records: list[Record]) -> list[str]:
    """The lines of records that are produced, in this order, to empty partitions; by partition."""
    partitions: dict[int, list[str]] = {}
    for record in records:
        own = partitions.setdefault(record.partition, [])
        own.append(record.line(len(own)))
    return [text for number in sorted(partitions) for text in partitions[number]]


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("".join(text + "\n" for text in lines).encode()).hexdigest()


def _bytes(content: bytes | None) -> str:
    if content is None:
        return "-"
    if len(content) <= SHORT:
        return "=" + content.hex()
    return f"#{len(content)}:{hashlib.sha256(content).hexdigest()}"
