"""A codec interpreted from Kafka's own message schemas, which lie as JSON in the kafka-clients jar.

It shares nothing with any broker's code. Messages are dicts with the schemas' field names, as in
`{"Topics": [{"Name": "t"}]}`. Encoding leaves out fields that the version lacks, fills in defaults, and lets null pass
everywhere, so that wrong requests can be sent; a name that no version has is a mistake of the caller. Each pair of
message and version is compiled once to closures.
"""

import functools
import json
import re
import zipfile
from pathlib import Path
from typing import Any, Callable

from . import primitives
from .primitives import Reader

Message = dict[str, Any]
Encoder = Callable[[bytearray, Any], None]
Decoder = Callable[[Reader], Any]

# What a decoded message carries besides its fields: tagged fields that the schema does not know.
UNKNOWN_TAGS = "UnknownTags"

_SCALARS = primitives.SCALARS
_NO_VERSIONS = (1, 0)
_LAST = 32767


class SchemaError(Exception):
    """A message that does not fit its schema."""


@functools.lru_cache(None)
def _span(text: str | None) -> tuple[int, int]:
    """First and last version of `3`, `0-5`, `2+` or `none`."""
    if not text or text == "none":
        return _NO_VERSIONS
    if text.endswith("+"):
        return int(text[:-1]), _LAST
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _has(text: str | None, version: int) -> bool:
    first, last = _span(text)
    return first <= version <= last


class Schema:
    """One message (`FetchRequest`) at all its versions."""

    def __init__(self, definition: dict):
        self.name: str = definition["name"]
        self.key: int | None = definition.get("apiKey")
        self.versions = _span(definition["validVersions"])
        self._flexible = definition.get("flexibleVersions")
        self._fields: list[dict] = definition["fields"]
        self._structs: dict[str, list[dict]] = {s["name"]: s["fields"] for s in definition.get("commonStructs", [])}
        self._collect(self._fields)
        self._encoders: dict[int, Encoder] = {}
        self._decoders: dict[int, Decoder] = {}

    def _collect(self, fields: list[dict]) -> None:
        for field in fields:
            if "fields" in field:
                self._structs[field["type"].removeprefix("[]")] = field["fields"]
                self._collect(field["fields"])

    def flexible(self, version: int) -> bool:
        """Whether this version has compact lengths and tagged fields."""
        return _has(self._flexible, version)

    def encode(self, message: Message, version: int) -> bytes:
        """The bytes of a message."""
        encoder = self._encoders.get(version)
        if encoder is None:
            encoder = self._encoders[version] = self._struct_encoder(self._fields, version, self.name)
        out = bytearray()
        encoder(out, message)
        return bytes(out)

    def decode(self, reader: Reader, version: int) -> Message:
        """Reads a message; what follows it stays in the reader."""
        decoder = self._decoders.get(version)
        if decoder is None:
            decoder = self._decoders[version] = self._struct_decoder(self._fields, version)
        return decoder(reader)

    # Encoding

    def _struct_encoder(self, fields: list[dict], version: int, path: str) -> Encoder:
        names = frozenset(field["name"] for field in fields) | {UNKNOWN_TAGS}
        plain, tagged = [], []
        for field in fields:
            if not _has(field["versions"], version):
                continue
            default = self._default(field, version)
            if _has(field.get("taggedVersions"), version):
                tagged.append((field["tag"], field["name"], self._field_encoder(field, version, path), default))
            else:
                plain.append((field["name"], self._field_encoder(field, version, path), default))
        tagged.sort()
        flexible = self.flexible(version)

        def encode(out: bytearray, message: Message) -> None:
            if not names.issuperset(message):
                raise SchemaError(f"{path} has no {sorted(set(message) - names)}")
            for name, encoder, default in plain:
                encoder(out, message.get(name, default))
            if flexible:
                _encode_tags(out, message, tagged)

        return encode

    def _field_encoder(self, field: dict, version: int, path: str) -> Encoder:
        kind, path = field["type"], f"{path}.{field['name']}"
        flexible = self.flexible(version) and field.get("flexibleVersions") != "none"
        if kind.startswith("[]"):
            return primitives.array_encoder(self._type_encoder(kind[2:], version, flexible, path), flexible)
        encoder = self._type_encoder(kind, version, flexible, path)
        if kind in self._structs and _has(field.get("nullableVersions"), version):
            return primitives.nullable_encoder(encoder)
        return encoder

    def _type_encoder(self, kind: str, version: int, flexible: bool, path: str) -> Encoder:
        if kind in self._structs:
            return self._struct_encoder(self._structs[kind], version, path)
        if kind in _SCALARS:
            return primitives.scalar_encoder(_SCALARS[kind])
        return primitives.VARIABLE_ENCODERS[kind, flexible]

    def _default(self, field: dict, version: int) -> Any:
        kind, given = field["type"], field.get("default")
        if given == "null":
            return None
        if kind.startswith("[]"):
            return []
        if kind in self._structs:
            return {}
        if kind == "string":
            return given or ""
        if kind in ("bytes", "records"):
            return b""
        if kind == "uuid":
            return primitives.ZERO_UUID
        if kind == "bool":
            return given in (True, "true")
        if kind == "float64":
            return float(given or 0)
        return int(str(given or 0), 0)

    # Decoding

    def _struct_decoder(self, fields: list[dict], version: int) -> Decoder:
        plain, tagged = [], {}
        for field in fields:
            if not _has(field["versions"], version):
                continue
            decoder = self._field_decoder(field, version)
            if _has(field.get("taggedVersions"), version):
                tagged[field["tag"]] = (field["name"], decoder)
            else:
                plain.append((field["name"], decoder))
        flexible = self.flexible(version)

        def decode(reader: Reader) -> Message:
            message = {name: decoder(reader) for name, decoder in plain}
            if flexible:
                _decode_tags(reader, message, tagged)
            return message

        return decode

    def _field_decoder(self, field: dict, version: int) -> Decoder:
        kind = field["type"]
        flexible = self.flexible(version) and field.get("flexibleVersions") != "none"
        if kind.startswith("[]"):
            return primitives.array_decoder(self._type_decoder(kind[2:], version, flexible), flexible)
        decoder = self._type_decoder(kind, version, flexible)
        if kind in self._structs and _has(field.get("nullableVersions"), version):
            return primitives.nullable_decoder(decoder)
        return decoder

    def _type_decoder(self, kind: str, version: int, flexible: bool) -> Decoder:
        if kind in self._structs:
            return self._struct_decoder(self._structs[kind], version)
        if kind in _SCALARS:
            return primitives.scalar_decoder(_SCALARS[kind])
        return primitives.VARIABLE_DECODERS[kind, flexible]


def _encode_tags(out: bytearray, message: Message, tagged: list) -> None:
    """The tagged fields that differ from their defaults, and unknown ones that the caller wants sent."""
    parts = []
    for tag, name, encoder, default in tagged:
        if name in message and message[name] != default:
            part = bytearray()
            encoder(part, message[name])
            parts.append((tag, part))
    parts += message.get(UNKNOWN_TAGS, {}).items()
    primitives.write_uvarint(out, len(parts))
    for tag, part in sorted(parts):
        primitives.write_uvarint(out, tag)
        primitives.write_uvarint(out, len(part))
        out += part


def _decode_tags(reader: Reader, message: Message, tagged: dict) -> None:
    for _ in range(reader.uvarint()):
        tag, size = reader.uvarint(), reader.uvarint()
        if tag in tagged:
            name, decoder = tagged[tag]
            inner = Reader(reader.take(size))
            message[name] = decoder(inner)
            inner.finish(name)
        else:
            message.setdefault(UNKNOWN_TAGS, {})[tag] = reader.take(size)


class Schemas:
    """All messages of a kafka-clients jar."""

    def __init__(self, jar: Path):
        self._all: dict[str, Schema] = {}
        self._keys: dict[str, int] = {}
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if re.fullmatch(r"common/message/\w*(Request|Response|RequestHeader|ResponseHeader)\.json", name):
                    self._add(json.loads(_without_comments(archive.read(name).decode())))

    def _add(self, definition: dict) -> None:
        if definition["validVersions"] == "none":
            return
        schema = self._all[definition["name"]] = Schema(definition)
        if definition["type"] == "request":
            self._keys[schema.name.removesuffix("Request")] = schema.key

    def __getitem__(self, name: str) -> Schema:
        """A message by its full name, as `FetchRequest`."""
        return self._all[name]

    def key(self, api: str) -> int:
        """The number of an API."""
        return self._keys[api]

    def api(self, key: int) -> str | None:
        """The name of an API, for example `Fetch`."""
        return next((api for api, own in self._keys.items() if own == key), None)

    def apis(self) -> list[str]:
        """All APIs by their keys."""
        return sorted(self._keys, key=self._keys.get)


def _without_comments(text: str) -> str:
    """Kafka's schemas have `//` comments, which JSON has not."""
    return re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*', lambda match: match.group(1) or "", text)


def load(libs: Path) -> Schemas:
    """The schemas of the clients jar in a folder of Kafka's jars."""
    jars = [jar for jar in sorted(libs.glob("kafka-clients-*.jar"))
            if re.fullmatch(r"kafka-clients-[\d.]+\.jar", jar.name)]
    if not jars:
        raise SchemaError(f"no kafka-clients jar in {libs}")
    return Schemas(jars[-1])
