"""Record batches of magic 2: built with any field wrong on purpose, and taken apart so that they compare by field."""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import cramjam
import crc32c

from .primitives import Malformed, Reader, write_varint

# baseOffset, batchLength, partitionLeaderEpoch, magic, crc
_PREFIX = struct.Struct(">qiibI")
# attributes, lastOffsetDelta, baseTimestamp, maxTimestamp, producerId, producerEpoch, baseSequence, count
_HEADER = struct.Struct(">hiqqqhii")
_LENGTH_FROM = 12
_SMALLEST = _PREFIX.size + _HEADER.size

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODECS = {"none": NONE, "gzip": GZIP, "snappy": SNAPPY, "lz4": LZ4, "zstd": ZSTD}
LOG_APPEND_TIME, TRANSACTIONAL, CONTROL, DELETE_HORIZON = 0x08, 0x10, 0x20, 0x40

# A fixed moment, so that the same bytes go to both brokers in every run: 2024-01-01.
BASE_TIMESTAMP = 1_704_067_200_000

# An LZ4 frame as Kafka's clients write it: independent blocks of up to 64 KiB; Kafka reads no others.
_LZ4_HEADER = bytes.fromhex("04224d18604082")
_LZ4_BLOCK = 1 << 16

_XERIAL = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)


@dataclass
class Record:
    """A record as it stands in a batch. None as key or value is null; deltas not given count up from 0."""

    value: bytes | None = b"value"
    key: bytes | None = None
    headers: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    timestamp_delta: int = 0
    offset_delta: int | None = None
    attributes: int = 0
    # The record's own length field, where it should lie; and bytes after the headers.
    length: int | None = None
    trailing: bytes = b""

    def encode(self, index: int) -> bytes:
        body = bytearray((self.attributes & 0xFF,))
        write_varint(body, self.timestamp_delta)
        write_varint(body, index if self.offset_delta is None else self.offset_delta)
        for part in (self.key, self.value):
            _write_bytes(body, part)
        write_varint(body, len(self.headers))
        for name, value in self.headers:
            _write_bytes(body, name)
            _write_bytes(body, value)
        body += self.trailing
        out = bytearray()
        write_varint(out, len(body) if self.length is None else self.length)
        return bytes(out + body)


def records(*values: bytes | None) -> list[Record]:
    """Records without keys."""
    return [Record(value) for value in values]


def build(content: list[Record] | int = 1, *, codec: int = NONE, attributes: int = 0, base_offset: int = 0,
          leader_epoch: int = -1, magic: int = 2, length: int | None = None, crc: int | None = None,
          last_offset_delta: int | None = None, base_timestamp: int = BASE_TIMESTAMP, max_timestamp: int | None = None,
          producer_id: int = -1, producer_epoch: int = -1, sequence: int = -1, count: int | None = None,
          payload: bytes | None = None) -> bytes:
    """A batch of these records, or of this many small ones. What is given replaces what would be right."""
    if isinstance(content, int):
        content = records(*(b"value-%d" % index for index in range(content)))
    if payload is None:
        payload = compress(codec, b"".join(record.encode(index) for index, record in enumerate(content)))
    if max_timestamp is None:
        max_timestamp = base_timestamp + max((record.timestamp_delta for record in content), default=0)
    if last_offset_delta is None:
        last_offset_delta = len(content) - 1
    body = _HEADER.pack(attributes | codec, last_offset_delta, base_timestamp, max_timestamp, producer_id,
                        producer_epoch, sequence, len(content) if count is None else count) + payload
    if length is None:
        length = _PREFIX.size - _LENGTH_FROM + len(body)
    if crc is None:
        crc = crc32c.crc32c(body)
    return _PREFIX.pack(base_offset, length, leader_epoch, magic, crc) + body


def old_message(magic: int, value: bytes | None = b"value", key: bytes | None = None, timestamp: int = BASE_TIMESTAMP,
                offset: int = 0, attributes: int = 0) -> bytes:
    """A message of magic 0 or 1."""
    body = struct.pack(">bb", magic, attributes) + (struct.pack(">q", timestamp) if magic else b"")
    for part in (key, value):
        body += struct.pack(">i", -1 if part is None else len(part)) + (part or b"")
    return struct.pack(">qiI", offset, len(body) + 4, zlib.crc32(body)) + body


def compress(codec: int, data: bytes) -> bytes:
    """As Kafka's clients do; a codec that there is not leaves the data alone."""
    if codec == GZIP:
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        return packer.compress(data) + packer.flush()
    if codec == SNAPPY:
        block = bytes(cramjam.snappy.compress_raw(data))
        return _XERIAL + struct.pack(">i", len(block)) + block
    if codec == LZ4:
        return _compress_lz4(data)
    if codec == ZSTD:
        return bytes(cramjam.zstd.compress(data))
    return data


def _compress_lz4(data: bytes) -> bytes:
    out = bytearray(_LZ4_HEADER)
    for start in range(0, len(data), _LZ4_BLOCK):
        block = data[start:start + _LZ4_BLOCK]
        packed = bytes(cramjam.lz4.compress_block(block, store_size=False))
        # The highest bit says that a block is not compressed.
        size, block = (len(packed), packed) if len(packed) < len(block) else (len(block) | 1 << 31, block)
        out += struct.pack("<I", size) + block
    return bytes(out + bytes(4))


def decompress(codec: int, data: bytes) -> bytes:
    if codec == GZIP:
        return zlib.decompress(data, 31)
    if codec == SNAPPY:
        return _decompress_snappy(data)
    if codec == LZ4:
        return bytes(cramjam.lz4.decompress(data))
    if codec == ZSTD:
        return bytes(cramjam.zstd.decompress(data))
    return data


def _decompress_snappy(data: bytes) -> bytes:
    """Framed as the Java client's library does, or one raw block."""
    if not data.startswith(_XERIAL[:8]):
        return bytes(cramjam.snappy.decompress_raw(data))
    reader, out = Reader(data[len(_XERIAL):]), b""
    while reader.left():
        (size,) = struct.unpack(">i", reader.take(4))
        out += bytes(cramjam.snappy.decompress_raw(reader.take(size)))
    return out


def parse(data: bytes) -> list[dict[str, Any]]:
    """The batches of a fetch answer, each as a dict of its fields; an incomplete one at the end as its size."""
    found, position = [], 0
    while position < len(data):
        left = len(data) - position
        if left < _SMALLEST:
            found.append({"PartialBytes": left})
            break
        base_offset, length, epoch, magic, crc = _PREFIX.unpack_from(data, position)
        end = position + _LENGTH_FROM + length
        if end > len(data):
            found.append({"PartialBytes": left, "BaseOffset": base_offset, "BatchLength": length})
            break
        if magic != 2 or length < _SMALLEST - _LENGTH_FROM:
            found.append({"Magic": magic, "Bytes": data[position:]})
            break
        found.append(_fields(base_offset, length, epoch, crc, data[position + _PREFIX.size:end]))
        position = end
    return found


def _fields(base_offset: int, length: int, epoch: int, crc: int, body: bytes) -> dict[str, Any]:
    attributes, last_delta, base_timestamp, max_timestamp, pid, pepoch, sequence, count = _HEADER.unpack_from(body)
    payload = body[_HEADER.size:]
    return {
        "BaseOffset": base_offset, "BatchLength": length, "PartitionLeaderEpoch": epoch, "Magic": 2, "Crc": crc,
        "CrcIsRight": crc32c.crc32c(body) == crc, "Attributes": attributes, "LastOffsetDelta": last_delta,
        "BaseTimestamp": base_timestamp, "MaxTimestamp": max_timestamp, "ProducerId": pid, "ProducerEpoch": pepoch,
        "BaseSequence": sequence, "RecordCount": count, "Payload": payload,
        "Records": _parse_records(attributes & 7, count, payload),
    }


def _parse_records(codec: int, count: int, payload: bytes) -> list[dict[str, Any]] | str:
    try:
        reader = Reader(decompress(codec, payload))
        parsed = [_parse_record(reader) for _ in range(count)]
        reader.finish("the last record")
        return parsed
    except (Malformed, ValueError, zlib.error, cramjam.DecompressionError) as problem:
        return f"unreadable: {problem}"


def _parse_record(reader: Reader) -> dict[str, Any]:
    inner = Reader(reader.take(reader.varint()))
    record = {"Attributes": inner.take(1)[0], "TimestampDelta": inner.varint(), "OffsetDelta": inner.varint(),
              "Key": _read_bytes(inner), "Value": _read_bytes(inner)}
    record["Headers"] = [(_read_bytes(inner), _read_bytes(inner)) for _ in range(inner.varint())]
    inner.finish("a record")
    return record


def _write_bytes(out: bytearray, data: bytes | None) -> None:
    if data is None:
        write_varint(out, -1)
    else:
        write_varint(out, len(data))
        out += data


def _read_bytes(reader: Reader) -> bytes | None:
    size = reader.varint()
    return None if size < 0 else reader.take(size)


