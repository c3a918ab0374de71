"""The charts of the report: growth, latencies, CPU."""

from pathlib import Path

from . import rows
from .metrics import METRICS
from .row import Group
from .summary import Summary
from .svg import Chart
from .table import SERVERS

PERCENTILES = ("p50", "p90", "p99", "p999", "max")
PERCENTILE_TITLES = ["p50", "p90", "p99", "p99.9", "max"]


def write(summary: Summary, directory: Path) -> list[tuple[str, str]]:
    """Writes what there are figures for; returns files and what they show."""
    groups = {group.name: group for group in rows.GROUPS}
    made = []
    for name, title in (("partitions", "Partitions"), ("connections", "Connections")):
        group = groups[name]
        for metric in (group.rows[0].rate, group.rows[0].cpu):
            made.append((f"{name}-{metric}", f"{title}: {METRICS[metric].title}",
                         _growth(summary, group, f"Over {title.lower()}", metric)))
    for name, row, title in (("native-produce", "16k-acks-1", "Produce of 16 KB batches, acks=1, in memory"),
                             ("native-produce", "16k-acks-all", "Produce of 16 KB batches, acks=all, in memory"),
                             ("end-to-end", "1k", "End to end, in memory"),
                             ("disk-end-to-end", "1k", "End to end, on the disk")):
        made.append((f"latency-{name}-{row}", title, _latency(summary, f"{name}/{row}", title)))
    for name, title in (("perf-produce", "Kafka's ProducerPerformance"), ("native-produce", "Native produce")):
        made.append((f"cpu-{name}", f"{title}: CPU per GB", _cpu(summary, groups[name], title)))
    directory.mkdir(parents=True, exist_ok=True)
    for name, _, text in made:
        if text:
            (directory / f"{name}.svg").write_text(text)
    return [(f"{name}.svg", title) for name, title, text in made if text]


def _growth(summary: Summary, group: Group, title: str, metric: str) -> str:
    series = {server: [summary.median(group.id(row), server, metric) for row in group.rows] for server in SERVERS}
    return _draw(series, [f"{int(row.name):,}" for row in group.rows], title, METRICS[metric].title, "lines")


def _latency(summary: Summary, row: str, title: str) -> str:
    series = {server: [summary.latency(row, server, name) for name in PERCENTILES] for server in SERVERS}
    return _draw(series, PERCENTILE_TITLES, title, "ms", "lines", is_log=True)


def _cpu(summary: Summary, group: Group, title: str) -> str:
    """Rows of one record a request would hide the others."""
    wanted = [row for row in group.rows if not row.name.startswith("one")]
    series = {server: [summary.median(group.id(row), server, "cpu_s_per_gb") for row in wanted] for server in SERVERS}
    names = [row.name.replace("-acks-", "\nacks=").replace("-default", "").replace("-", " ") for row in wanted]
    return _draw(series, names, title, METRICS["cpu_s_per_gb"].title, "bars")


def _draw(series: dict[str, list], names: list[str], title: str, unit: str, kind: str, is_log: bool = False) -> str:
    """Nothing where there are no figures."""
    series = {server: values for server, values in series.items() if any(values)}
    known = [value for values in series.values() for value in values if value]
    if not known:
        return ""
    chart = Chart(title, unit, max(known), min(known), is_log)
    chart.columns(names)
    for place, (server, values) in enumerate(series.items()):
        chart.legend(server, SERVERS[server])
        values = [value or None for value in values]
        if kind == "lines":
            chart.line(server, values)
        else:
            chart.bars(server, values, place, len(series))
    return chart.text()
