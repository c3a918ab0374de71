"""Clients' metrics (KIP-714): what a client is asked for, and what it pushes."""

import struct
from uuid import UUID

from .. import batch, bodies
from ..bodies import CLIENT_METRICS, DELETE
from ..connection import Answer
from ..primitives import ZERO_UUID
from ..sequence import sequence
from ..talk import Talk

# Shorter intervals there are not.
INTERVAL_MS = 100
LARGEST = 1_048_576


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field of a protobuf message."""
    out, length = bytearray([number << 3 | 2]), len(data)
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    out.append(length)
    return bytes(out) + data


def _metrics(name: str = "org.apache.kafka.producer.x", value: float = 1.5) -> bytes:
    """One gauge in OTLP."""
    point = b"\x19" + struct.pack("<Q", 1) + b"\x21" + struct.pack("<d", value)
    metric = _field(1, name.encode()) + _field(5, _field(1, point))
    return _field(1, _field(2, _field(2, metric)))


def _sized(length: int) -> bytes:
    """Metrics of exactly this size, if that is a large one: with a field that nobody knows."""
    metrics = _metrics()
    return metrics + _field(15, bytes(length - len(metrics) - 4))


def _subscribe(t: Talk, **configs: str) -> None:
    """A subscription for this run's client alone, and no other."""
    listed = t.ask("ListConfigResources", {"ResourceTypes": [CLIENT_METRICS]})
    for resource in listed["ConfigResources"]:
        known = ["metrics", "interval.ms", "match"]
        t.ask("IncrementalAlterConfigs", bodies.alter_config(
            CLIENT_METRICS, resource["ResourceName"], dict.fromkeys(known), DELETE))
    if configs:
        t.ask("IncrementalAlterConfigs", bodies.alter_config(
            CLIENT_METRICS, t.name("m"), {key.replace("_", "."): value for key, value in configs.items()}))
    t.settle()


def _ask(t: Talk, instance: UUID = ZERO_UUID, **header: str) -> Answer:
    return t.send("GetTelemetrySubscriptions", {"ClientInstanceId": instance}, **header)


def _push(t: Talk, asked: Answer, metrics: bytes = b"", *, codec: int = 0, terminating: bool = False, wrong_id: int = 0,
          instance: UUID | None = None) -> Answer:
    return t.send("PushTelemetry", {
        "ClientInstanceId": asked["ClientInstanceId"] if instance is None else instance,
        "SubscriptionId": asked["SubscriptionId"] ^ wrong_id, "Terminating": terminating, "CompressionType": codec,
        "Metrics": metrics})


def _wait(t: Talk) -> None:
    t.pause(INTERVAL_MS * 1.5 / 1000)


@sequence("telemetry.nothing_asked", api="GetTelemetrySubscriptions", alone=True)
def nothing_asked(t: Talk) -> None:
    """Without any subscription; and asked again too soon."""
    _subscribe(t)
    asked = _ask(t)
    _ask(t, asked["ClientInstanceId"])
    _ask(t, UUID(int=2**100 + 5))
    _push(t, asked, _metrics())


@sequence("telemetry.subscribed", api="PushTelemetry", alone=True, cases={
    "all": "*", "one": "org.apache.kafka.producer.", "several": "b.,a.,b.", "all_and_one": "a.,*", "none": ""})
def subscribed(t: Talk, metrics: str) -> None:
    _subscribe(t, metrics=metrics, interval_ms="60000")
    asked = _ask(t)
    _push(t, asked, _metrics())
    _push(t, asked)


@sequence("telemetry.interval", api="PushTelemetry", alone=True)
def interval(t: Talk) -> None:
    """Asking and pushing share a client's patience."""
    _subscribe(t, metrics="*", interval_ms="60000")
    asked = _ask(t)
    _push(t, asked, _metrics())
    _push(t, asked, _metrics())
    _ask(t, asked["ClientInstanceId"])
    _push(t, asked, terminating=True)
    _push(t, asked, terminating=True)
    _push(t, asked)
    _ask(t, asked["ClientInstanceId"])


@sequence("telemetry.wrong_subscription", api="PushTelemetry", alone=True)
def wrong_subscription(t: Talk) -> None:
    """Who pushes by another subscription is told so, and may ask at once."""
    _subscribe(t, metrics="*", interval_ms="60000")
    asked = _ask(t)
    _push(t, asked, _metrics(), wrong_id=1)
    again = _ask(t, asked["ClientInstanceId"])
    _push(t, again, _metrics())
    _push(t, again, _metrics(), wrong_id=1)


@sequence("telemetry.changed_subscription", api="PushTelemetry", alone=True)
def changed_subscription(t: Talk) -> None:
    _subscribe(t, metrics="a.", interval_ms=str(INTERVAL_MS))
    asked = _ask(t)
    t.ask("IncrementalAlterConfigs", bodies.alter_config(CLIENT_METRICS, t.name("m"), {"metrics": "b."}))
    t.settle()
    _wait(t)
    _push(t, asked, _metrics())
    again = _ask(t, asked["ClientInstanceId"])
    _wait(t)
    _push(t, again, _metrics())


@sequence("telemetry.unknown_client", api="PushTelemetry", alone=True)
def unknown_client(t: Talk) -> None:
    """Clients that never asked, and ids that are none."""
    _subscribe(t, metrics="*", interval_ms=str(INTERVAL_MS))
    asked = _ask(t)
    for instance in (UUID(int=2**100 + 7), ZERO_UUID, UUID(int=1)):
        _push(t, asked, _metrics(), instance=instance)
    _ask(t, UUID(int=1))


@sequence("telemetry.size", api="PushTelemetry", alone=True, cases={"largest": 0, "larger": 1, "far": 1_000_000})
def size(t: Talk, more: int) -> None:
    _subscribe(t, metrics="*", interval_ms=str(INTERVAL_MS))
    asked = _ask(t)
    _wait(t)
    _push(t, asked, _sized(LARGEST + more))
    _wait(t)
    _push(t, asked, _metrics())


@sequence("telemetry.codec", api="PushTelemetry", alone=True, cases=batch.CODECS)
def codec(t: Talk, number: int) -> None:
    """Compressed as it says, and not."""
    _subscribe(t, metrics="*", interval_ms=str(INTERVAL_MS))
    asked = _ask(t)
    _wait(t)
    _push(t, asked, batch.compress(number, _metrics()), codec=number)
    _wait(t)
    _push(t, asked, _metrics(), codec=number)


@sequence("telemetry.unknown_codec", api="PushTelemetry", alone=True, cases={"5": 5, "-1": -1, "127": 127, "-128": -128})
def unknown_codec(t: Talk, number: int) -> None:
    _subscribe(t, metrics="*", interval_ms="60000")
    asked = _ask(t)
    _push(t, asked, _metrics(), codec=number)
    _ask(t, asked["ClientInstanceId"])


@sequence("telemetry.bad_metrics", api="PushTelemetry", alone=True, cases={
    "not_protobuf": b"\xff" * 20, "cut": _metrics()[:-3], "text": b"hello", "unknown_field": _field(15, b"x"), "empty_field": _field(1, b"")})
def bad_metrics(t: Talk, data: bytes) -> None:
    """What cannot be read; the client may go on afterwards."""
    _subscribe(t, metrics="*", interval_ms="60000")
    asked = _ask(t)
    _push(t, asked, data)
    _push(t, asked, _metrics())
    _ask(t, asked["ClientInstanceId"])


@sequence("telemetry.match", api="GetTelemetrySubscriptions", alone=True, cases={
    "client_id": "client_id=differential", "other_client": "client_id=somebody", "pattern": "client_id=diff.*",
    "part": "client_id=diff", "instance": "client_instance_id=.*", "address": "client_source_address=127.0.0.1",
    "both": "client_id=differential,client_source_address=127.*", "one_of_both": "client_id=differential,client_source_address=10.*",
    "software": "client_software_name=.*", "unknown": "client_software_name=unknown", "version": "client_software_version=.*"})
def match(t: Talk, pattern: str) -> None:
    """Who is meant; software is what the client said in ApiVersions."""
    _subscribe(t, metrics="a.", interval_ms="60000", match=pattern)
    _ask(t)
    t.send("ApiVersions", {"ClientSoftwareName": "differential", "ClientSoftwareVersion": "1"})
    _ask(t)
