"""What the checks found, line by line as they end and in a table at the end."""

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

    def add(self, result: Result) -> None:
        self.all.append(result)
        verdict = "ok  " if result.ok else "FAIL"
        print(f"{verdict} {result.broker:5} {result.suite:6} {result.check:26} {result.millis / 1000:7.2f} s  "
              f"{result.detail[:MAX_DETAIL]}", flush=True)

    def failures(self, broker: str | None = None, suite: str | None = None) -> list[Result]:
        """What failed, of all brokers and suites or of one."""
        return [result for result in self.all if not result.ok
                and broker in (None, result.broker) and suite in (None, result.suite)]

    def forget(self, broker: str, suite: str, checks: list[str]) -> None:
        """Takes back the results of checks that run again: of all whose name contains one of these, of all if empty."""
        self.all = [result for result in self.all
                    if (result.broker, result.suite) != (broker, suite)
                    or (checks and not any(check in result.check for check in checks))]

    def table(self) -> str:
        """A row for each check, and for each client a column for each broker."""
        brokers = list(dict.fromkeys(result.broker for result in self.all))
        suites = list(dict.fromkeys(result.suite for result in self.all))
        checks = sorted({result.check for result in self.all})
        cells = {(r.broker, r.suite, r.check): "ok" if r.ok else "FAIL" for r in self.all}
        columns = [(suite, broker) for suite in suites for broker in brokers]
        width = max(map(len, checks), default=5)
        lines = [f"{'':{width}}  " + "  ".join(f"{suite:6}" for suite, _ in columns),
                 f"{'check':{width}}  " + "  ".join(f"{broker:6}" for _, broker in columns)]
        for check in checks:
            row = [cells.get((broker, suite, check), "-") for suite, broker in columns]
            lines.append(f"{check:{width}}  " + "  ".join(f"{cell:6}" for cell in row).rstrip())
        return "\n".join(lines)

    def summary(self) -> str:
        """How many cells (client × check) pass on every broker of this run."""
        cells: dict[tuple[str, str], bool] = {}
        for result in self.all:
            key = (result.suite, result.check)
            cells[key] = cells.get(key, True) and result.ok
        brokers = " and ".join(dict.fromkeys(result.broker for result in self.all)) or "no broker"
        return f"{sum(cells.values())} of {len(cells)} cells pass on {brokers}"
