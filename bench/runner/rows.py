"""All rows, in the order in which they run: one medium after the other."""

from .row import ALL, BROKERS, LOAD_ON_DISK, NO_FLOOR, Group, Row
from .targets import BETTER_OF_BOTH, FLOOR, FSYNC_P50, FSYNC_P99, KAFKA, SYNCED, Of, Target, at_least, at_most

MB = 1 << 20
CACHING = "weir-caching"

# Records of a produce's shapes: pipelined batches, large ones, one record a request on few and on many connections.
SHAPES = {
    "16k": {"record_bytes": 1000, "batch_bytes": 16384, "connections": 4, "in_flight": 8},
    "1m": {"record_bytes": 1000, "batch_bytes": MB, "connections": 4, "in_flight": 2},
    "one-4x32": {"record_bytes": 100, "batch_bytes": 0, "connections": 4, "in_flight": 32},
    "one-64x1": {"record_bytes": 100, "batch_bytes": 0, "connections": 64, "in_flight": 1},
}
RATES = {"16k": 2, "1m": 1.4, "one-4x32": 2, "one-64x1": 1.2}

# As many as a topic may be created with: one request makes at most 10,000 metadata records, on Kafka and on Weir.
MOST_PARTITIONS = 9_999

# Kafka's rate with its own perf tool, about: how many records make a run of the wanted length.
PERF_RATES = {("100b", "default"): 450_000, ("100b", "large"): 700_000, ("1k", "default"): 100_000,
              ("1k", "large"): 130_000}
PERF_SIZES = {"100b": 100, "1k": 1000}
PERF_PROPERTIES = {"default": (), "large": ("batch.size=262144", "linger.ms=10")}


def _native_produce(acks: str) -> tuple[Row, ...]:
    """Each shape, with one kind of acks."""
    rows = []
    for shape, load in SHAPES.items():
        is_one = shape.startswith("one")
        targets: tuple[Target, ...] = (at_most("cpu_us", 1.6 if acks == "1" else 2.2, FLOOR),)
        if acks == "1":
            targets += (at_least("requests_per_s" if is_one else "mb_per_s", RATES[shape], KAFKA),)
        rows.append(Row(f"{shape}-acks-{acks}", "produce", load=load | {"acks": acks}, partitions=4, targets=targets,
                        rate="requests_per_s" if is_one else "mb_per_s",
                        cpu="cpu_s_per_gb" if shape == "1m" else "cpu_us", is_quick=acks == "1" or shape == "16k"))
    return tuple(rows)


def _native_fetch() -> tuple[Row, ...]:
    rows = []
    for size, bytes_ in (("16k", 16384), ("4m", 4 * MB)):
        for connections in (1, 8):
            if size == "4m":
                targets: tuple[Target, ...] = (at_least("mb_per_s", 0.95, BETTER_OF_BOTH),)
            else:
                targets = (at_most("cpu_us", 1.6, FLOOR),)
                targets += (at_least("mb_per_s", 2, KAFKA),) if connections == 8 else ()
            rows.append(Row(f"{size}-{connections}", "fetch", load={"connections": connections, "fetch_bytes": bytes_},
                            partitions=connections, targets=targets, cpu="cpu_us" if size == "16k" else "cpu_s_per_gb",
                            is_quick=connections == 8, extra_seconds=3))
    return tuple(rows)


def _perf(servers: tuple[str, ...], target, is_half: bool = False, probes: tuple[str, ...] = ()) -> tuple[Row, ...]:
    """Kafka's ProducerPerformance: record sizes, batches, acks."""
    rows = []
    for (size, batches), expected in PERF_RATES.items():
        for acks in ("1", "all"):
            name = f"{size}-{batches}-acks-{acks}"
            load = {"record_bytes": PERF_SIZES[size], "acks": acks, "properties": PERF_PROPERTIES[batches],
                    "expected": expected} | ({"half_of": f"perf-produce/{name}"} if is_half else {})
            rows.append(Row(name, "perf_produce", servers, load, targets=target(size), probes=probes,
                            rate="records_per_s", cpu="cpu_s_per_gb", extra_seconds=5 if is_half else 3, times=2))
    return tuple(rows)


def _perf_consume() -> tuple[Row, ...]:
    return tuple(Row(size, "perf_consume", BROKERS, {"record_bytes": bytes_, "expected": expected},
                     rate="records_per_s", cpu="cpu_s_per_gb", extra_seconds=6)
                 for size, bytes_, expected in (("100b", 100, 900_000), ("1k", 1000, 180_000)))


def _rdkafka() -> tuple[Row, ...]:
    return tuple(Row(f"{size}-acks-{acks}", "rdkafka", NO_FLOOR, {"record_bytes": bytes_, "acks": acks,
                                                                 "expected": expected},
                     rate="records_per_s", cpu="cpu_s_per_gb")
                 for size, bytes_, expected, acks in (("100b", 100, 600_000, "1"), ("1k", 1000, 200_000, "all")))


def _growth_partitions() -> tuple[Row, ...]:
    rows = []
    for count in (1, 10, 100, 1000, MOST_PARTITIONS):
        limit = {1000: 1.3, MOST_PARTITIONS: 2}.get(count)
        targets = (at_most("cpu_us", limit, Of(row="partitions/10")),) if limit else ()
        rows.append(Row(str(count), "produce", ("weir",) if count == MOST_PARTITIONS else ("kafka", "weir", "floor"),
                        SHAPES["16k"] | {"acks": "1"}, count, targets, extra_seconds=1.5 + count / 200))
    return tuple(rows)


def _growth_connections() -> tuple[Row, ...]:
    """One request in flight on each."""
    rows = []
    for count in (1, 10, 100, 1000, 10_000):
        limit = {1000: 1.3, 10_000: 2}.get(count)
        targets = (at_most("cpu_us", limit, Of(row="connections/10")),) if limit else ()
        load = {"record_bytes": 1000, "batch_bytes": 0, "connections": count, "in_flight": 1, "acks": "1"}
        rows.append(Row(str(count), "produce", BROKERS if count == 10_000 else ("kafka", "weir", "floor"), load, 4,
                        targets, rate="requests_per_s", extra_seconds=1.5 + count / 1000))
    return tuple(rows)


def _start() -> tuple[Row, ...]:
    return tuple(Row(name, "start", BROKERS, partitions=count, targets=(at_most("ready_ms", plus=limit),),
                     extra_seconds=8 + count / 150, times=0, max_rounds=2 if count > 1000 else 3)
                 for name, count, limit in (("empty", 1, 50), ("1000", 1000, 200),
                                            (str(MOST_PARTITIONS), MOST_PARTITIONS, 1500)))


def _memory() -> tuple[Row, ...]:
    return tuple(Row(name, "memory", BROKERS, partitions=count, targets=(at_most("memory_mb", plus=limit),),
                     extra_seconds=6 + count / 150, times=0, max_rounds=1 if count else 2)
                 for name, count, limit in (("idle", 0, 20), ("1000", 1000, 50),
                                            (str(MOST_PARTITIONS), MOST_PARTITIONS, 200)))


def _full_rate(size: str) -> tuple[Target, ...]:
    return (at_least("records_per_s", 1.1 if size == "100b" else 1.15, KAFKA), at_most("cpu_s_per_gb", 1 / 3, KAFKA))


def _half_rate(_: str) -> tuple[Target, ...]:
    return (at_most("p99_ms", 1 / 2, KAFKA),)


def _full_rate_on_disk(_: str) -> tuple[Target, ...]:
    at_the_limit = at_least("mb_per_s", 0.8, SYNCED)
    return (at_least("records_per_s", 1.0, KAFKA, server=CACHING),
            at_least("records_per_s", 0.9, KAFKA, unless=at_the_limit))


END_TO_END = {"record_bytes": 1000, "rate": 1000, "acks": "all"}

GROUPS = (
    Group("native-produce", "Produce, native load, in memory", "tmpfs", _native_produce("1") + _native_produce("all")),
    Group("native-fetch", "Fetch, native load, in memory", "tmpfs", _native_fetch()),
    Group("end-to-end", "End to end, 1,000 records of 1 KB a second, in memory", "tmpfs", (
        Row("1k", "end_to_end", load=END_TO_END, rate="records_per_s", is_quick=True, times=2,
            targets=(at_most("p50_ms", 2 / 3, KAFKA), at_most("p99_ms", 1 / 2, KAFKA))),)),
    Group("perf-produce", "Kafka's ProducerPerformance at full rate, in memory", "tmpfs", _perf(ALL, _full_rate)),
    Group("perf-half", "Kafka's ProducerPerformance at half of Kafka's rate, in memory", "tmpfs",
          _perf(ALL, _half_rate, is_half=True)),
    Group("perf-consume", "Kafka's ConsumerPerformance, in memory", "tmpfs", _perf_consume()),
    Group("rdkafka", "librdkafka's rdkafka_performance, in memory", "tmpfs", _rdkafka()),
    Group("noise", "A good client beside floods of connections and of malformed frames", "tmpfs", tuple(
        Row(attack, "noise", BROKERS, {"attack": attack, "rate": 2000}, rate="records_per_s", times=4, extra_seconds=10,
            targets=(at_most("p99_over_harmless", plus=1.5),)) for attack in ("connect", "malformed")),
          ("p50_ms", "p99_ms", "harmless_p99_ms", "p99_over_harmless", "broker_cores")),
    Group("compaction", "The log cleaner", "tmpfs", (
        Row("1gb", "compaction", BROKERS, {"bytes": 10**9}, has_rehearsal=True, extra_seconds=40, times=0, max_rounds=3,
            targets=(at_least("cleaned_mb_per_core_s", 3, KAFKA),)),), ("cleaned_mb_per_core_s", "left_mb")),
    Group("idle", "Idle connections", "tmpfs", (
        Row("10000", "idle", BROKERS, {"connections": 10_000}, extra_seconds=10, times=0,
            targets=(at_most("kb_per_connection", plus=10), at_most("idle_cpu_percent", plus=1))),),
          ("kb_per_connection", "idle_cpu_percent")),
    Group("connections", "More and more connections, one request of one record of 1 KB in flight on each", "tmpfs",
          _growth_connections()),
    Group("partitions", "More and more partitions, batches of 16 KB", "tmpfs", _growth_partitions()),

    Group("start", "From exec to the first answers to acks=all on 100 random partitions", "disk", _start(),
          ("ready_ms", "first_ms", "memory_mb")),
    Group("memory", "Memory with nothing to do", "disk", _memory(), ("memory_mb",)),
    Group("recovery", "Ready after SIGKILL under load", "disk", (
        Row("10gb", "recovery", BROKERS, {"bytes": 10 * 10**9}, max_rounds=2, extra_seconds=90, times=0,
            targets=(at_most("ready_ms", plus=500),)),), ("ready_ms", "log_gb")),
    Group("disk-produce", "Produce, native load, on the disk, acks=all", "disk", (
        # As many in flight as Kafka's producers have at most, so that a sync has something beside it.
        Row("1m", "produce", ALL, SHAPES["1m"] | {"in_flight": 5, "acks": "all"}, 4,
            (at_least("mb_per_s", 0.8, SYNCED),), ("sync",), cpu="cpu_s_per_gb"),
        *(Row(f"16k-over-{count}", "produce", ("kafka", "weir", "weir-caching"),
              SHAPES["16k"] | {"in_flight": 64, "acks": "all"}, count,
              (at_least("mb_per_s", 0.5, Of(row="disk-produce/16k-over-10")),) if count == 1000 else (), ("sync",),
              extra_seconds=2 + count / 200) for count in (10, 1000))), LOAD_ON_DISK),
    Group("disk-end-to-end", "End to end, 1,000 records of 1 KB a second, on the disk", "disk", (
        Row("1k", "end_to_end", load=END_TO_END, rate="records_per_s", times=2, probes=("fsync",),
            targets=(at_most("p50_ms", 1.6, FSYNC_P50, plus=0.2), at_most("p99_ms", 2, FSYNC_P99, plus=1))),),
          LOAD_ON_DISK),
    Group("disk-perf", "Kafka's ProducerPerformance at full rate, on the disk", "disk",
          _perf(NO_FLOOR, _full_rate_on_disk, probes=("sync",)), LOAD_ON_DISK),
    Group("cold", "A producer and a consumer beside a reader of 10 GB from the disk", "disk", (
        Row("10gb", "cold", ("kafka", CACHING), {"bytes": 10 * 10**9}, max_rounds=2, extra_seconds=80, times=5,
            targets=(at_most("p99_over_alone", plus=1.5, server=CACHING),)),),
          ("p50_ms", "p99_ms", "alone_p99_ms", "p99_over_alone", "cold_mb_per_s")),
)

# What a quick look compares.
QUICK_SERVERS = ("kafka", "weir", "floor")
