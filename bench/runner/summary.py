"""Medians and spread over the rounds of each row and server."""

import statistics

from . import metrics
from .results import Result


class Summary:
    """Of each row and server the newest run counts: a row may be run again without the others."""

    def __init__(self, results: list[Result]):
        newest: dict[tuple[str, str], str] = {}
        for result in results:
            key = (result.row, result.server)
            newest[key] = max(newest.get(key, ""), result.run)
        self._good: dict[tuple[str, str], list[Result]] = {}
        self._values: dict[tuple[str, str], list[dict[str, float]]] = {}
        self.errors: list[Result] = []
        for result in results:
            key = (result.row, result.server)
            if result.run != newest[key]:
                continue
            if result.error:
                self.errors.append(result)
            else:
                self._good.setdefault(key, []).append(result)
                self._values.setdefault(key, []).append(metrics.of(result.load))

    def before(self, run: str) -> set[tuple[str, str]]:
        """Rows and servers whose figures are of another run than this."""
        return {key for key, results in self._good.items() if results[0].run != run}

    def rows(self) -> set[str]:
        return {row for row, _ in self._good} | {result.row for result in self.errors}

    def has(self, row: str, server: str) -> bool:
        return (row, server) in self._good

    def rounds(self, row: str, server: str) -> int:
        return len(self._good.get((row, server), []))

    def values(self, row: str, server: str, metric: str) -> list[float]:
        return [each[metric] for each in self._values.get((row, server), []) if metric in each]

    def median(self, row: str, server: str, metric: str) -> float | None:
        found = self.values(row, server, metric)
        return statistics.median(found) if found else None

    def latency(self, row: str, server: str, name: str) -> float | None:
        """The median of a percentile as the load named it."""
        found = [result.load.get("latency_ms", {}).get(name) for result in self._good.get((row, server), [])]
        known = [value for value in found if value is not None]
        return statistics.median(known) if known else None

    def probe(self, row: str, server: str, kind: str, field: str) -> float | None:
        """The median of a probe's figure over the rounds' nearest probes."""
        found = [result.probes.get(kind, {}).get(field) for result in self._good.get((row, server), [])]
        known = [value for value in found if value is not None]
        return statistics.median(known) if known else None
