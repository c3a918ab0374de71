"""Record batches (magic 2) taken apart and put together: bytes in, bytes out.

What comes out is a sound batch: lengths, count, deltas and CRC fit. Only what it says is not what was produced.
"""

import struct
from typing import Iterator

# baseOffset i64, batchLength i32, partitionLeaderEpoch i32, magic i8, crc u32, attributes i16, lastOffsetDelta i32,
# baseTimestamp i64, maxTimestamp i64, producerId i64, producerEpoch i16, baseSequence i32, count i32
HEADER = struct.Struct(">qiibIhiqqqhii")
# What comes before the bytes that batchLength counts, and before those that the CRC covers.
BEFORE_LENGTH = 12
BEFORE_CRC = 21
MAGIC = 2
CODEC_BITS = 7
CONTROL_BIT = 32


class Batch:
    """A batch, uncompressed if its records are to be touched."""

    def __init__(self, content: bytes):
        self.content = content
        (self.base_offset, _, self.epoch, _, _, self.attributes, self.last_delta, self.base_time, self.max_time,
         self.producer, self.producer_epoch, self.sequence, self.count) = HEADER.unpack_from(content)

    @property
    def is_plain(self) -> bool:
        """Whether it holds records of users and no codec is in the way."""
        return not self.attributes & (CODEC_BITS | CONTROL_BIT)

    @property
    def is_idempotent(self) -> bool:
        """Whether its records have sequence numbers, which nobody between producer and broker can change unseen."""
        return self.producer >= 0

    def dropped(self, index: int) -> bytes:
        """Without one record; the others keep their offsets."""
        records = self._records()
        del records[index]
        return self._with(records, self.last_delta)

    def swapped(self, index: int) -> bytes:
        """One record and its neighbour have changed places."""
        records = self._records()
        other = index - 1 if index + 1 == len(records) else index + 1
        (one_delta, one), (other_delta, another) = records[index], records[other]
        records[index], records[other] = (one_delta, another), (other_delta, one)
        return self._with(records, self.last_delta)

    def doubled(self, index: int) -> bytes:
        """One record stands there twice; what follows moves up."""
        records = self._records()
        delta, content = records[index]
        later = [(after + 1, other) for after, other in records[index + 1:]]
        return self._with(records[:index + 1] + [(delta + 1, content)] + later, self.last_delta + 1)

    def _records(self) -> list[tuple[int, tuple[bytes, bytes]]]:
        """Each record's offset delta, and what stands before and after it."""
        records = []
        at = HEADER.size
        for _ in range(self.count):
            length, at = varint(self.content, at)
            end = at + length
            _, delta_at = varint(self.content, at + 1)
            delta, after = varint(self.content, delta_at)
            records.append((delta, (self.content[at:delta_at], self.content[after:end])))
            at = end
        return records

    def _with(self, records: list[tuple[int, tuple[bytes, bytes]]], last_delta: int) -> bytes:
        body = bytearray()
        for delta, (before, after) in records:
            record = before + to_varint(delta) + after
            body += to_varint(len(record)) + record
        header = bytearray(HEADER.pack(self.base_offset, HEADER.size - BEFORE_LENGTH + len(body), self.epoch, MAGIC, 0,
                                       self.attributes, last_delta, self.base_time, self.max_time, self.producer,
                                       self.producer_epoch, self.sequence, len(records)))
        struct.pack_into(">I", header, BEFORE_CRC - 4, crc32c(bytes(header[BEFORE_CRC:]) + bytes(body)))
        return bytes(header + body)


def whole_batches(records: bytes) -> Iterator[tuple[int, int]]:
    """Where batches begin and end; ends at one that is cut off or has another format."""
    at = 0
    while at + HEADER.size <= len(records):
        end = at + BEFORE_LENGTH + struct.unpack_from(">i", records, at + 8)[0]
        if records[at + 16] != MAGIC or end > len(records) or end < at + HEADER.size:
            return
        yield at, end
        at = end


def varint(content: bytes, at: int) -> tuple[int, int]:
    """A signed (zigzag) number and where it ends."""
    number, at = unsigned_varint(content, at)
    return (number >> 1) ^ -(number & 1), at


def unsigned_varint(content: bytes, at: int) -> tuple[int, int]:
    """An unsigned number and where it ends."""
    number = shift = 0
    while True:
        byte = content[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7


def to_varint(number: int) -> bytes:
    """A signed (zigzag) number of up to 64 bits."""
    return to_unsigned_varint(((number << 1) ^ (number >> 63)) & (2 ** 64 - 1))


def to_unsigned_varint(number: int) -> bytes:
    """An unsigned number."""
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC_TABLE = _crc_table()


def crc32c(content: bytes) -> int:
    """The checksum of batches. Slow, and only few batches are made."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _CRC_TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
