"""What the checks found, line by line as they end and in a table at the end."""

import threading
from dataclasses import dataclass, field

# Longer details are cut in the line of a check; a failure's whole detail stands at the end of the run.
MAX_DETAIL = 300


@dataclass(frozen=True)
class Result:
    """One check of one client on one broker."""

    broker: str
    suite: str
    check: str
    ok: bool
    millis: int
    detail: str


@dataclass
class Results:
    """All results of a run, in the order in which they came."""

    all: list[Result] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, result: Result) -> None:
        """Notes a result and prints it. Suites run side by side.

        What fails on Apache Kafka is a "miss", as it may run again: a failure is what stands as one at the end.
        """
        verdict = "ok  " if result.ok else "miss" if result.broker == "kafka" else "FAIL"
        with self._lock:
            self.all.append(result)
            print(f"{verdict} {result.broker:5} {result.suite:12} {result.check:24} {result.millis / 1000:7.2f} s  "
                  f"{result.detail[:MAX_DETAIL]}", flush=True)

    def failures(self, broker: str | None = None, suite: str | None = None) -> list[Result]:
        """What failed, of all brokers and suites or of one."""
        return [result for result in self.all if not result.ok
                and broker in (None, result.broker) and suite in (None, result.suite)]

    def forget(self, broker: str, suite: str, checks: list[str]) -> None:
        """Takes back the results of checks that run again: of all whose name contains one of these, of all if empty."""
        with self._lock:
            self.all = [result for result in self.all
                        if (result.broker, result.suite) != (broker, suite)
                        or (checks and not any(check in result.check for check in checks))]

    def cells(self) -> dict[tuple[str, str], bool]:
        """For each suite and check, whether it passed on every broker of this run."""
        cells: dict[tuple[str, str], bool] = {}
        for result in self.all:
            key = (result.suite, result.check)
            cells[key] = cells.get(key, True) and result.ok
        return cells

    def brokers(self) -> list[str]:
        """The brokers of this run."""
        return list(dict.fromkeys(result.broker for result in self.all))

    def table(self) -> str:
        """A row for each check and a column for each suite."""
        cells = self.cells()
        suites = sorted({suite for suite, _ in cells})
        checks = sorted({check for _, check in cells})
        width = max(map(len, checks), default=5)
        lines = [f"{'check':{width}}  " + "  ".join(suites)]
        for check in checks:
            row = [{True: "ok", False: "FAIL", None: "-"}[cells.get((suite, check))] for suite in suites]
            lines.append(f"{check:{width}}  " + "  ".join(f"{cell:{len(suite)}}"
                                                          for cell, suite in zip(row, suites)).rstrip())
        return "\n".join(lines)

    def summary(self) -> str:
        """How many cells (client × check) pass on every broker of this run."""
        cells = self.cells()
        return f"{sum(cells.values())} of {len(cells)} cells pass on {' and '.join(self.brokers()) or 'no broker'}"
