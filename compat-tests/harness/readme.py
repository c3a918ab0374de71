"""The table of clients in README.md, made from a whole run's results."""

from . import paths, suites
from .results import Results

BEGIN = "<!-- clients: written by compat-tests/run.py --readme -->"
END = "<!-- end of clients -->"

# Checks whose names begin like this stand in one column.
AREAS = ("produce", "consume", "seek", "commit", "group", "admin", "error", "restart")


def table(results: Results) -> str:
    """A row for each client; how many checks of each area pass on all brokers."""
    cells = results.cells()
    lines = ["| client | version | " + " | ".join(AREAS) + " |", "|---" * (len(AREAS) + 2) + "|"]
    for suite in suites.SUITES.values():
        own = [(check, good) for (name, check), good in cells.items() if name == suite.name]
        areas = [[good for check, good in own if check.split(".")[0] == area] for area in AREAS]
        if any(areas):
            lines.append(f"| {suite.client} | {suite.version()} | " + " | ".join(map(_cell, areas)) + " |")
    for suite in suites.SUITES.values():
        own = [good for (name, check), good in cells.items()
               if name == suite.name and check.split(".")[0] not in AREAS]
        if own:
            lines.append(f"| {suite.client} | {suite.version()} | {_cell(own)} " + "| " * (len(AREAS) - 1) + "|")
    return "\n".join(lines)


def _cell(passed: list[bool]) -> str:
    if not passed:
        return "–"
    return str(len(passed)) if all(passed) else f"{sum(passed)} of {len(passed)}"


def check(results: Results, write: bool) -> int:
    """Compares README.md's table with these results, or writes it; 1 if it says something else."""
    path = paths.PROJECT / "README.md"
    text = path.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    wanted = f"\n{table(results)}\n"
    if text[begin:end] == wanted:
        return 0
    if not write:
        print(f"README.md's table of clients is not what was found; compat-tests/run.py --readme writes it:\n{wanted}")
        return 1
    path.write_text(text[:begin] + wanted + text[end:])
    print("README.md's table of clients is written")
    return 0
