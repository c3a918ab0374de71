"""Where the records lie in Produce requests and Fetch answers, at every version with record batches.

Nothing else of them is understood, and nothing else of the protocol: what a frame says besides stays as it is.
"""

import struct
from dataclasses import dataclass
from typing import Callable

from .batches import to_unsigned_varint, unsigned_varint

PRODUCE = 0
FETCH = 1

# The versions from which on: batches have magic 2; lengths are compact; topics have ids in the place of names.
FIRST = {PRODUCE: 3, FETCH: 4}
FLEXIBLE = {PRODUCE: 9, FETCH: 12}
TOPIC_IDS = 13


@dataclass
class Records:
    """A partition's records in a frame, with the length before them, and the partition's name for messages."""

    length_at: int
    start: int
    end: int
    place: str


def request_header(frame: bytes) -> tuple[int, int, int]:
    """The API's key, version and the correlation id of a request."""
    return struct.unpack_from(">hhi", frame)


def in_produce_request(frame: bytes) -> list[Records]:
    """The records of each partition."""
    _, version, _ = request_header(frame)
    if version < FIRST[PRODUCE]:
        return []
    reader = _Reader(frame, 8, False)
    reader.string()
    reader.flexible = version >= FLEXIBLE[PRODUCE]
    reader.tags()
    reader.string()
    reader.skip(2 + 4)
    return _topics(reader, version, lambda: reader.skip(4))


def in_fetch_answer(frame: bytes, version: int) -> list[Records]:
    """The records of each partition."""
    if version < FIRST[FETCH]:
        return []
    reader = _Reader(frame, 4, version >= FLEXIBLE[FETCH])
    reader.tags()
    reader.skip(4 + (2 + 4 if version >= 7 else 0))

    def before_records() -> None:
        # Index, error, high watermark, last stable offset, from 5 on the log's start.
        reader.skip(4 + 2 + 8 + 8 + (8 if version >= 5 else 0))
        for _ in range(reader.count()):
            reader.skip(8 + 8)
            reader.tags()
        # The preferred replica.
        reader.skip(4 if version >= 11 else 0)

    return _topics(reader, version, before_records)


def _topics(reader: "_Reader", version: int, before_records: Callable[[], None]) -> list[Records]:
    found = []
    for _ in range(reader.count()):
        topic = reader.skip(16).hex() if version >= TOPIC_IDS else reader.string()
        for _ in range(reader.count()):
            number = struct.unpack_from(">i", reader.frame, reader.at)[0]
            before_records()
            length_at = reader.at
            length = reader.length()
            if length > 0:
                found.append(Records(length_at, reader.at, reader.at + length, f"{topic}-{number}"))
                reader.skip(length)
            reader.tags()
        reader.tags()
    return found


def replaced(frame: bytes, parts: list[tuple[Records, bytes]], flexible: bool) -> bytes:
    """The frame with other records in these places."""
    pieces = []
    at = 0
    for place, content in parts:
        length = to_unsigned_varint(len(content) + 1) if flexible else struct.pack(">i", len(content))
        pieces += [frame[at:place.length_at], length, content]
        at = place.end
    return b"".join([*pieces, frame[at:]])


class _Reader:
    """Goes through a frame; lengths are compact where it is flexible."""

    def __init__(self, frame: bytes, at: int, flexible: bool):
        self.frame = frame
        self.at = at
        self.flexible = flexible

    def skip(self, count: int) -> bytes:
        skipped = self.frame[self.at:self.at + count]
        self.at += count
        return skipped

    def length(self, width: str = ">i") -> int:
        """The length of an array or of bytes, -1 for null."""
        if self.flexible:
            number, self.at = unsigned_varint(self.frame, self.at)
            return number - 1
        return struct.unpack(width, self.skip(struct.calcsize(width)))[0]

    def count(self) -> int:
        return max(0, self.length())

    def string(self) -> str:
        return self.skip(max(0, self.length(">h"))).decode(errors="replace")

    def tags(self) -> None:
        """Tagged fields, which only flexible versions have."""
        if not self.flexible:
            return
        count, self.at = unsigned_varint(self.frame, self.at)
        for _ in range(count):
            _, self.at = unsigned_varint(self.frame, self.at)
            size, self.at = unsigned_varint(self.frame, self.at)
            self.at += size
