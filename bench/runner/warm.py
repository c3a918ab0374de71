"""Warming: a JIT needs half a minute of load before a JVM is as fast as it gets, and every server has first times."""

import time

from .load import Topic, call, on

JVM_SECONDS = 25
JVM_QUICK_SECONDS = 12
MAX_SECONDS = 90
STEADY = 1.10
READINGS = 3
# Small produces, large ones, one record each, and both sizes of fetches: what the rows will ask for.
PRODUCES = (
    ("--record-bytes", 1000, "--batch-bytes", 16384, "--connections", 4, "--in-flight", 8, "--acks", "1"),
    ("--record-bytes", 1000, "--batch-bytes", 1 << 20, "--connections", 4, "--in-flight", 2, "--acks", "all"),
    ("--record-bytes", 100, "--batch-bytes", 0, "--connections", 64, "--in-flight", 1, "--acks", "all"),
)
FETCHES = (("--fetch-bytes", 16384, "--connections", 8), ("--fetch-bytes", 4 << 20, "--connections", 1))
MAX_BYTES = 10**9


def warm(server, is_quick: bool) -> str:
    """Loads a server until its rate is steady; says how that went."""
    is_jvm = server.name == "kafka"
    least = (JVM_QUICK_SECONDS if is_quick else JVM_SECONDS) if is_jvm else 0
    begin = time.monotonic()
    readings: list[tuple[float, float]] = []
    while True:
        readings.append(_reading(server, 1 if is_jvm else 0.5))
        spent = time.monotonic() - begin
        # Nothing compiles the others while they run.
        if not is_jvm or (spent >= least and (is_quick or _is_steady(readings))):
            return f"{server.name} warmed for {spent:.0f} s"
        if spent > MAX_SECONDS:
            shown = ", ".join(f"{produced:.0f}" for produced, _ in readings[-READINGS:])
            return f"{server.name} was not steady after {spent:.0f} s: {shown} requests a second"


def _reading(server, seconds: float) -> tuple[float, float]:
    """Requests a second of a mix of produces, and of fetches."""
    common = [*on(server), "--warm-seconds", 0, "--seconds", seconds, "--max-bytes", MAX_BYTES]
    with Topic(server, 4) as topic:
        produced = [call("produce", *topic.options(), *common, *load) for load in PRODUCES]
        fetched = [call("fetch", *topic.options(), *common, *load) for load in FETCHES]
    return _rate(produced[0]), _rate(fetched[0])


def _rate(load: dict) -> float:
    return load["requests"] / load["seconds"]


def _is_steady(readings: list[tuple[float, float]]) -> bool:
    last = readings[-READINGS:]
    if len(last) < READINGS:
        return False
    return all(max(rates) <= STEADY * min(rates) for rates in zip(*last))
