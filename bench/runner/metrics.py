"""What is shown of a measurement, and how: names, units, digits."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    title: str
    digits: int
    # In a chart and in "where Weir loses": whether more is better.
    more_is_better: bool = False


METRICS = {
    "mb_per_s": Metric("MB/s", 0, True),
    "requests_per_s": Metric("requests/s", 0, True),
    "records_per_s": Metric("records/s", 0, True),
    "p50_ms": Metric("p50 ms", 3),
    "p99_ms": Metric("p99 ms", 3),
    "p999_ms": Metric("p99.9 ms", 3),
    "max_ms": Metric("max ms", 2),
    "cpu_us": Metric("CPU µs/request", 1),
    "cpu_s_per_gb": Metric("CPU s/GB", 2),
    "user_share": Metric("of it user %", 0),
    "broker_cores": Metric("broker cores", 2),
    "client_cores": Metric("client cores", 2),
    "peak_mb": Metric("peak MB", 0),
    "written_ratio": Metric("written/received", 2),
    "errors": Metric("errors", 0),
    "ready_ms": Metric("ready ms", 0),
    "first_ms": Metric("first answer ms", 0),
    "memory_mb": Metric("memory MB", 1),
    "log_gb": Metric("log GB", 1),
    "kb_per_connection": Metric("KB/connection", 1),
    "idle_cpu_percent": Metric("idle CPU %", 2),
    "alone_p99_ms": Metric("alone p99 ms", 3),
    "p99_over_alone": Metric("p99 / alone", 2),
    "cold_mb_per_s": Metric("cold MB/s", 0, True),
    "harmless_p99_ms": Metric("harmless p99 ms", 3),
    "p99_over_harmless": Metric("p99 / harmless", 2),
    "cleaned_mb_per_core_s": Metric("MB/s per core", 0, True),
    "left_mb": Metric("left MB", 0),
}


def of(load: dict) -> dict[str, float]:
    """The metrics of one measurement; those that it does not have are missing."""
    found = _rates(load) | _latencies(load) | _resources(load) | _special(load)
    return {name: value for name, value in found.items() if value is not None}


def show(name: str, value: float | None) -> str:
    """A figure with the digits that mean something: three of small ones, whole numbers of large ones."""
    if value is None:
        return ""
    digits = METRICS[name].digits
    if abs(value) >= 100:
        digits = 0
    elif abs(value) >= 10:
        digits = min(digits, 1)
    return f"{value:,.{digits}f}"


def _rates(load: dict) -> dict:
    seconds = load.get("seconds")
    if not seconds or "payload_bytes" not in load:
        return {}
    rates = {"mb_per_s": load["payload_bytes"] / seconds / 1e6, "records_per_s": load["records"] / seconds,
             "errors": load.get("errors", 0)}
    if load.get("requests"):
        rates["requests_per_s"] = load["requests"] / seconds
    if "records_per_s" in load:
        rates["mb_per_s"] *= load["records_per_s"] / rates["records_per_s"]
        rates["records_per_s"] = load["records_per_s"]
    return rates


def _latencies(load: dict) -> dict:
    return {f"{name}_ms": load.get("latency_ms", {}).get(name) for name in ("p50", "p99", "p999", "max")}


def _resources(load: dict) -> dict:
    broker, client = load.get("broker"), load.get("client_cpu_seconds")
    seconds = load.get("seconds")
    found = {}
    if broker and seconds:
        cpu = broker["user"] + broker["system"]
        found["broker_cores"] = cpu / seconds
        found["user_share"] = 100 * broker["user"] / cpu if cpu else None
        found["peak_mb"] = broker["rss_anon_peak"] / 1e6
        if load.get("requests"):
            found["cpu_us"] = cpu / load["requests"] * 1e6
        if load.get("payload_bytes"):
            found["cpu_s_per_gb"] = cpu / load["payload_bytes"] * 1e9
            found["written_ratio"] = broker["written"] / load["payload_bytes"]
    if client and seconds:
        found["client_cores"] = (client["user"] + client["system"]) / seconds
    return found


def _special(load: dict) -> dict:
    found = {name: load.get(name) for name in ("ready_ms", "first_ms", "cold_mb_per_s")}
    if "rss_anon" in load:
        found["memory_mb"] = load["rss_anon"] / 1e6
    if "log_bytes" in load:
        found["log_gb"] = load["log_bytes"] / 1e9
    if "rss_anon_before" in load:
        found["kb_per_connection"] = (load["rss_anon_after"] - load["rss_anon_before"]) / load["connections"] / 1000
        found["idle_cpu_percent"] = 100 * load["cpu_seconds_while_idle"] / load["seconds"]
    for name in ("alone", "harmless"):
        if name in load:
            found[f"{name}_p99_ms"] = load[name]["p99"]
            found[f"p99_over_{name}"] = load["latency_ms"]["p99"] / load[name]["p99"] if load[name]["p99"] else None
    if load.get("cleaner_cpu_seconds"):
        found["cleaned_mb_per_core_s"] = load["cleaned_bytes"] / load["cleaner_cpu_seconds"] / 1e6
        found["left_mb"] = load["left_bytes"] / 1e6
    return found
