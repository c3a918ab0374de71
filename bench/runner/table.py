"""Tables that read well as text and as Markdown."""

from . import metrics
from .metrics import METRICS
from .results import Result
from .row import Group, Row
from .summary import Summary

SERVERS = {"kafka": "Kafka", "weir": "Weir", "weir-caching": "Weir, caching", "floor": "floor"}


def render(header: list[str], rows: list[list[str]], left: int = 2) -> str:
    """Markdown, padded; the first columns are text, the others figures."""
    widths = [max(len(line[at]) for line in [header, *rows]) for at in range(len(header))]
    is_text = [at < left or at == len(header) - 1 and not header[at] for at in range(len(header))]

    def one(cells: list[str]) -> str:
        padded = [cell.ljust(width) if text else cell.rjust(width) for cell, width, text in zip(cells, widths, is_text)]
        return f"| {' | '.join(padded)} |"

    rule = [("-" * width) if text else "-" * (width - 1) + ":" for width, text in zip(widths, is_text)]
    return "\n".join([one(header), f"| {' | '.join(rule)} |", *map(one, rows)])


def group(group_: Group, summary: Summary, marks: dict[tuple[str, str], str]) -> str:
    """A group's figures, medians with the spread of the rate; `marks` follow the servers' names."""
    header = ["row", "server", *(_title(name) for name in group_.columns)]
    lines = []
    for row in group_.rows:
        for name in row.servers:
            if not summary.has(group_.id(row), name):
                continue
            lines.append([row.name, SERVERS[name] + marks.get((group_.id(row), name), ""),
                          *(_cell(summary, group_.id(row), name, row, column) for column in group_.columns)])
    return render(header, lines)


def targets(group_: Group, summary: Summary) -> list[tuple[Row, object]]:
    """Each row's targets, checked."""
    return [(row, target.check(summary, group_.id(row))) for row in group_.rows for target in row.targets]


def line(row: Row, result: Result) -> str:
    """One measurement, for the terminal."""
    start = f"{result.row:32} {SERVERS[result.server]:14} #{result.round}"
    if result.error:
        return f"{start} failed: {result.error.splitlines()[0]}"
    found = metrics.of(result.load)
    names = [row.rate, "p50_ms", "p99_ms", row.cpu, "client_cores", "ready_ms", "memory_mb", "kb_per_connection",
             "idle_cpu_percent", "p99_over_alone", "p99_over_harmless", "cleaned_mb_per_core_s"]
    shown = [f"{metrics.show(name, found[name])} {METRICS[name].title}" for name in names if name in found]
    if found.get("errors"):
        shown.append(f"{found['errors']:.0f} ERRORS")
    return f"{start} {', '.join(shown)}"


def _title(column: str) -> str:
    return {"rate": "rate (min–max)", "cpu": "CPU"}.get(column) or METRICS[column].title


def _cell(summary: Summary, id_: str, server: str, row: Row, column: str) -> str:
    name = {"rate": row.rate, "cpu": row.cpu}.get(column, column)
    shown = metrics.show(name, summary.median(id_, server, name))
    if not shown:
        return ""
    if column == "rate":
        spread = summary.values(id_, server, name)
        around = f" ({metrics.show(name, min(spread))}–{metrics.show(name, max(spread))})" if len(spread) > 1 else ""
        return f"{shown} {_unit(name)}{around}"
    return f"{shown} {_unit(name)}" if column == "cpu" else shown


def _unit(name: str) -> str:
    return {"mb_per_s": "MB/s", "requests_per_s": "req/s", "records_per_s": "rec/s", "cpu_us": "µs/req",
            "cpu_s_per_gb": "s/GB"}[name]
