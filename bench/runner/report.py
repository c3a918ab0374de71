"""bench/RESULTS.md, from saved results."""

from pathlib import Path

from . import charts, reference, rows, table
from .metrics import show
from .results import Results
from .summary import Summary

INTRODUCTION = """\
# Weir beside Apache Kafka

Both on one machine, in the same minutes: servers take turns under the same load, round by round, and the order
changes with each. Kafka runs from its published jars with the flags of its start script and its defaults, warmed
until its rate is steady. *Weir* answers acks=all after the sync; *Weir, caching* (`write.caching=true`) answers, as
Kafka does, when the data is in the page cache. The *floor* is a bare server, one that checks, writes and answers
and does nothing else: what this machine charges any broker. Written by `bench/run.py`; [README.md](README.md) says
how to repeat it.

Figures are medians over the rounds, with the lowest and the highest beside the rate. CPU is the server's (user and
system), per request or per 10⁹ bytes of values; MB are 10⁶ bytes; memory is RssAnon. Where client and broker
together use all cores, the rate says how they share them, and the CPU says what the broker costs.
"""


def write(results: Results, report: Path, directory: Path) -> None:
    """The report and its charts."""
    summary = Summary(results.all)
    doubts = reference.doubts(summary)
    marks = dict.fromkeys(doubts, " †")
    made = charts.write(summary, directory)
    groups = [group for group in rows.GROUPS if any(group.id(row) in summary.rows() for row in group.rows)]
    parts = [INTRODUCTION, _machine(results), _loses(groups, summary), _not_reached(groups, summary), _doubts(doubts),
             *(_group(group, summary, marks) for group in groups), _probes(results), _charts(made, directory.name),
             _errors(summary)]
    report.write_text("\n".join(part for part in parts if part))


def _machine(results: Results) -> str:
    runs = sorted({result.run for result in results.all})
    lines = [f"| {name} | {value} |" for name, value in results.machine.items()]
    between = runs[0] if len(runs) == 1 else f"{runs[0]} to {runs[-1]}, {len(runs)} runs"
    commits = ", ".join(sorted({result.commit for result in results.all}))
    return "\n".join(["## The machine", "", "| | |", "|---|---|", *lines, f"| begun | {between} |",
                      f"| trees | {commits} |", ""])


def _loses(groups: list, summary: Summary) -> str:
    """Rows whose rate is below Kafka's, or whose p99 or CPU is above it."""
    lines = []
    for group in groups:
        for row in group.rows:
            for server in ("weir", "weir-caching"):
                for metric in dict.fromkeys((row.rate, "p99_ms", row.cpu, *group.columns)):
                    if text := _loss(summary, group.id(row), server, metric):
                        lines.append(f"- `{group.id(row)}`, {table.SERVERS[server]}: {text}")
    return "\n".join(["## Where Weir loses", "", "More than 5 % worse than Kafka:" if lines else
                      "Nowhere more than 5 % behind Kafka.", "", *lines, ""])


COMPARED = ("mb_per_s", "requests_per_s", "records_per_s", "p99_ms", "cpu_us", "cpu_s_per_gb", "ready_ms", "memory_mb",
            "kb_per_connection", "p99_over_alone", "p99_over_harmless", "cleaned_mb_per_core_s")


def _loss(summary: Summary, row: str, server: str, metric: str) -> str:
    if metric not in COMPARED:
        return ""
    ours, theirs = summary.median(row, server, metric), summary.median(row, "kafka", metric)
    if not ours or not theirs:
        return ""
    definition = table.METRICS[metric]
    ratio = theirs / ours if definition.more_is_better else ours / theirs
    if ratio <= 1.05:
        return ""
    return f"{definition.title} {show(metric, ours)}, Kafka {show(metric, theirs)}"


def _not_reached(groups: list, summary: Summary) -> str:
    lines, reached = [], 0
    for group in groups:
        for row, verdict in table.targets(group, summary):
            reached += verdict.reached is True
            if verdict.reached is False:
                lines.append(f"- `{group.id(row)}`: {verdict}")
    count = f"{reached} targets are reached, {len(lines)} are not."
    return "\n".join(["## What was to be reached and is not", "", count, "", *lines, ""])


def _doubts(doubts: dict) -> str:
    if not doubts:
        return ""
    lines = [f"- `{row}`, {table.SERVERS[server]}: {text}" for (row, server), text in doubts.items()]
    meaning = "Kafka or the floor are more than 20 % away from what they did on such a machine when it was quiet."
    return "\n".join(["## Rows in doubt (†)", "", f"{meaning} See the probes.", "", *lines, ""])


def _group(group, summary: Summary, marks: dict) -> str:
    parts = [f"## {group.title}", "", f"`bench/run.py --only {group.name}`; a single row: "
             f"`--only {group.id(group.rows[0])}`. Rounds: {_rounds(group, summary)}.", "",
             table.group(group, summary, marks), ""]
    verdicts = table.targets(group, summary)
    if verdicts:
        parts += [reached(verdicts), ""]
    return "\n".join(parts)


def reached(verdicts: list) -> str:
    """The table of targets."""
    lines = []
    for row, verdict in verdicts:
        what, _, found = str(verdict).partition(": ")
        server = "" if verdict.target.server == "weir" else f"{table.SERVERS[verdict.target.server]}: "
        lines.append([row.name, server + what, found])
    return table.render(["row", "to reach", "found"], lines, left=3)


def _rounds(group, summary: Summary) -> str:
    counts = [summary.rounds(group.id(row), server) for row in group.rows for server in row.servers]
    counts = [count for count in counts if count]
    return str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)}–{max(counts)}" if counts else "none"


def _probes(results: Results) -> str:
    """What the machine could do over the run, lowest to highest."""
    seen: dict[tuple[str, str, str], list[float]] = {}
    media = {group.name: group.medium for group in rows.GROUPS}
    for result in results.all:
        medium = media.get(result.row.partition("/")[0])
        for kind, found in result.probes.items():
            for field, value in found.items():
                if medium and field != "time" and isinstance(value, (int, float)):
                    seen.setdefault((medium, kind, field), []).append(value)
    if not seen:
        return ""
    lines = [[medium, kind, field.replace("_", " "), f"{min(values):.3g}", f"{sorted(values)[len(values) // 2]:.3g}",
              f"{max(values):.3g}"] for (medium, kind, field), values in seen.items()]
    return "\n".join(["## Probes of the machine", "", table.render(
        ["medium", "probe", "figure", "lowest", "median", "highest"], lines, left=3), ""])


def _charts(made: list[tuple[str, str]], directory: str) -> str:
    if not made:
        return ""
    return "\n".join(["## Charts", "", *(f"![{title}]({directory}/{file})\n" for file, title in made)])


def _errors(summary: Summary) -> str:
    if not summary.errors:
        return ""
    lines = [f"- `{error.row}`, {table.SERVERS[error.server]}, round {error.round}: {error.error.splitlines()[0]}"
             for error in summary.errors]
    return "\n".join(["## Measurements that failed", "", *lines, ""])
