"""What a row is to reach, as data: `at_least("mb_per_s", 2, KAFKA)` is twice Kafka's rate."""

from dataclasses import dataclass

from .metrics import METRICS, show
from .summary import Summary


@dataclass(frozen=True)
class Of:
    """What a figure is compared with: the best of these servers, another row's figure, or a probe of the machine."""

    servers: tuple[str, ...] = ()
    row: str = ""
    probe: tuple[str, str] = ()
    # Of the probe's unit, in the metric's: MB/s from GB/s.
    scale: float = 1

    def figure(self, summary: Summary, row: str, server: str, metric: str) -> float | None:
        if self.probe:
            found = summary.probe(row, server, *self.probe)
            return None if found is None else found * self.scale
        if self.row:
            return summary.median(self.row, server, metric)
        found = [summary.median(row, each, metric) for each in self.servers]
        known = [value for value in found if value is not None]
        if len(known) < len(found):
            return None
        return max(known) if METRICS[metric].more_is_better else min(known)

    def __str__(self) -> str:
        if self.probe:
            return {"sync": "synced bandwidth", "fsync": f"fsync {self.probe[1].removesuffix('_ms')}"}[self.probe[0]]
        return self.row.rpartition("/")[2] if self.row else "/".join(self.servers)


KAFKA = Of(("kafka",))
FLOOR = Of(("floor",))
BETTER_OF_BOTH = Of(("kafka", "floor"))
SYNCED = Of(probe=("sync", "gb_per_s"), scale=1000)
FSYNC_P50 = Of(probe=("fsync", "p50_ms"))
FSYNC_P99 = Of(probe=("fsync", "p99_ms"))


@dataclass(frozen=True)
class Target:
    metric: str
    is_most: bool
    factor: float = 0
    of: Of | None = None
    plus: float = 0
    server: str = "weir"
    # Reached as well where this is: the machine is the limit.
    unless: "Target | None" = None

    def check(self, summary: Summary, row: str) -> "Verdict":
        value = summary.median(row, self.server, self.metric)
        base = self.of.figure(summary, row, self.server, self.metric) if self.of else 0
        if value is None or base is None:
            return Verdict(self, None, None)
        limit = self.factor * base + self.plus
        reached = value <= limit if self.is_most else value >= limit
        ratio = value / base if base else None
        if not reached and self.unless is not None:
            excuse = self.unless.check(summary, row)
            if excuse.reached:
                return excuse
        return Verdict(self, reached, ratio if self.of and not self.plus else value)

    def __str__(self) -> str:
        terms = [f"{self.factor:.3g} × {self.of}"] if self.of else []
        if self.plus:
            terms.append(show(self.metric, self.plus).removesuffix(".0"))
        return f"{METRICS[self.metric].title} {'≤' if self.is_most else '≥'} {' + '.join(terms)}"


@dataclass(frozen=True)
class Verdict:
    """`reached` is None where figures are missing; `found` is a ratio where the target is one, else a figure."""

    target: Target
    reached: bool | None
    found: float | None

    def __str__(self) -> str:
        if self.reached is None:
            return f"{self.target}: not known"
        unit = " ×" if self.target.of and not self.target.plus else ""
        shown = f"{self.found:.2f}" if unit else show(self.target.metric, self.found)
        return f"{self.target}: {shown}{unit} {'yes' if self.reached else '**no**'}"


def at_most(metric: str, factor: float = 0, of: Of | None = None, **more) -> Target:
    return Target(metric, True, factor, of, **more)


def at_least(metric: str, factor: float = 0, of: Of | None = None, **more) -> Target:
    return Target(metric, False, factor, of, **more)
