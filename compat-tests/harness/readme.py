"""The table of clients in README.md, made from a whole run's results."""

from . import paths, suites
from .results import Results

BEGIN = "<!-- clients: written by compat-tests/run.py --readme -->"
END = "<!-- end of clients -->"

# Checks whose names begin like this stand in one column.
AREAS = ("produce", "consume", "seek", "commit", "group", "admin", "error", "restart")


def table(results: Results) -> str:
    """A row for each client with how many checks of each area pass on all brokers; then one for each other suite."""
    cells = results.cells()
    clients, others = [], []
    for suite in suites.SUITES.values():
        own = [(check, good) for (name, check), good in cells.items() if name == suite.name]
        row = f"| {suite.client} | {suite.version()} | "
        areas = [[good for check, good in own if check.split(".")[0] == area] for area in AREAS]
        if suite.profile and any(areas):
            clients.append(row + " | ".join(map(_cell, areas)) + " |")
        else:
            others.append(row + _cell([good for _, good in own]) + " |")
    return "\n".join(["| client | version | " + " | ".join(AREAS) + " |", "|---" * (len(AREAS) + 2) + "|", *clients, "",
                      "| tool | version | checks |", "|---|---|---|", *others])


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
