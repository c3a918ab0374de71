"""The primitive types of Kafka's protocol: scalars, strings, bytes and arrays, in their old and their compact forms."""

import struct
import uuid
from typing import Any, Callable

ZERO_UUID = uuid.UUID(int=0)

# Big-endian formats of the scalar types.
SCALARS = {kind: struct.Struct(layout) for kind, layout in [
    ("bool", ">?"), ("int8", ">b"), ("int16", ">h"), ("uint16", ">H"), ("int32", ">i"), ("uint32", ">I"),
    ("int64", ">q"), ("float64", ">d")]}

_INT16, _INT32 = SCALARS["int16"], SCALARS["int32"]


class Malformed(Exception):
    """Bytes that are no message of their schema."""


class Reader:
    """Bytes and a position in them."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes):
        self.data = data
        self.position = 0

    def take(self, size: int) -> bytes:
        """The next bytes, exactly this many."""
        start, end = self.position, self.position + size
        if size < 0 or end > len(self.data):
            raise Malformed(f"{size} bytes wanted at {start} of {len(self.data)}")
        self.position = end
        return self.data[start:end]

    def scalar(self, layout: struct.Struct) -> Any:
        start = self.position
        self.position = end = start + layout.size
        if end > len(self.data):
            raise Malformed(f"{layout.size} bytes wanted at {start} of {len(self.data)}")
        return layout.unpack_from(self.data, start)[0]

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            if self.position >= len(self.data) or shift > 63:
                raise Malformed(f"no varint at {self.position}")
            byte = self.data[self.position]
            self.position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def varint(self) -> int:
        """A zig-zag encoded number, as in records."""
        value = self.uvarint()
        return (value >> 1) ^ -(value & 1)

    def left(self) -> int:
        return len(self.data) - self.position

    def finish(self, what: str) -> None:
        """Nothing may follow."""
        if self.left():
            raise Malformed(f"{self.left()} bytes after {what}")


def write_uvarint(out: bytearray, value: int) -> None:
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def write_varint(out: bytearray, value: int) -> None:
    """Zig-zag, as in records; 64 bits."""
    write_uvarint(out, ((value << 1) ^ (value >> 63)) & 0xFFFFFFFFFFFFFFFF)


def scalar_encoder(layout: struct.Struct) -> Callable[[bytearray, Any], None]:
    pack = layout.pack

    def encode(out: bytearray, value: Any) -> None:
        out += pack(value)

    return encode


def scalar_decoder(layout: struct.Struct) -> Callable[[Reader], Any]:
    return lambda reader: reader.scalar(layout)


def _write_size(out: bytearray, size: int | None, layout: struct.Struct, compact: bool) -> None:
    """A length or count; None is null."""
    if compact:
        write_uvarint(out, 0 if size is None else size + 1)
    else:
        out += layout.pack(-1 if size is None else size)


def _read_size(reader: Reader, layout: struct.Struct, compact: bool) -> int:
    """A length or count; negative is null."""
    return reader.uvarint() - 1 if compact else reader.scalar(layout)


def _blob(layout: struct.Struct, compact: bool, text: bool):
    """Encoder and decoder of strings and bytes. A string may be given as bytes, to send what is not UTF-8."""

    def encode(out: bytearray, value: Any) -> None:
        if value is None:
            return _write_size(out, None, layout, compact)
        data = value.encode() if isinstance(value, str) else value
        _write_size(out, len(data), layout, compact)
        out += data

    def decode(reader: Reader) -> Any:
        size = _read_size(reader, layout, compact)
        if size < 0:
            return None
        data = reader.take(size)
        return data.decode(errors="backslashreplace") if text else data

    return encode, decode


def _encode_uuid(out: bytearray, value: uuid.UUID) -> None:
    out += value.bytes


def _decode_uuid(reader: Reader) -> uuid.UUID:
    return uuid.UUID(bytes=reader.take(16))


VARIABLE_ENCODERS: dict[tuple[str, bool], Callable] = {}
VARIABLE_DECODERS: dict[tuple[str, bool], Callable] = {}
for _compact in (False, True):
    for _kind, _layout, _text in [("string", _INT16, True), ("bytes", _INT32, False), ("records", _INT32, False)]:
        _pair = _blob(_layout, _compact, _text)
        VARIABLE_ENCODERS[_kind, _compact], VARIABLE_DECODERS[_kind, _compact] = _pair
    VARIABLE_ENCODERS["uuid", _compact], VARIABLE_DECODERS["uuid", _compact] = _encode_uuid, _decode_uuid


def array_encoder(element: Callable, compact: bool) -> Callable[[bytearray, Any], None]:
    def encode(out: bytearray, values: Any) -> None:
        _write_size(out, None if values is None else len(values), _INT32, compact)
        for value in values or ():
            element(out, value)

    return encode


def array_decoder(element: Callable, compact: bool) -> Callable[[Reader], Any]:
    def decode(reader: Reader) -> Any:
        count = _read_size(reader, _INT32, compact)
        if count < 0:
            return None
        if count > reader.left():
            raise Malformed(f"{count} elements in {reader.left()} bytes")
        return [element(reader) for _ in range(count)]

    return decode


def nullable_encoder(element: Callable) -> Callable[[bytearray, Any], None]:
    """A struct that may be null has a byte before it: -1 or 1."""

    def encode(out: bytearray, value: Any) -> None:
        if value is None:
            out.append(0xFF)
        else:
            out.append(1)
            element(out, value)

    return encode


def nullable_decoder(element: Callable) -> Callable[[Reader], Any]:
    return lambda reader: None if reader.take(1) == b"\xff" else element(reader)
