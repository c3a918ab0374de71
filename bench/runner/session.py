"""A run: all chosen rows on all chosen servers, round by round, so that each server meets the same minutes."""

import time
from dataclasses import dataclass

from . import kinds, machine, media
from .arena import Arena
from .ballast import Ballast, NoBallast
from .progress import Progress, span
from .results import Result, Results
from .row import Group, Row
from .summary import Summary
from .table import line
from harness.process import Failure

MEDIA = ("tmpfs", "disk")
BALLAST_SECONDS = 35
START_SECONDS = {"kafka": 35, "weir": 4, "weir-caching": 4, "floor": 4}


@dataclass(frozen=True)
class Choice:
    """What is to be run."""

    groups: list[Group]
    servers: tuple[str, ...]
    rounds: int
    seconds: float
    is_quick: bool

    def pairs(self, group: Group, round_: int) -> list[tuple[Row, str]]:
        """The measurements of a round; every other one has the servers in reverse."""
        found = []
        for row in group.rows:
            chosen = [name for name in row.servers if name in self.servers]
            if round_ < row.max_rounds:
                found += [(row, name) for name in (chosen if round_ % 2 == 0 else reversed(chosen))]
        return found

    def running(self, groups: list[Group]) -> list[str]:
        """The servers that must run for these groups."""
        return list(dict.fromkeys(name for group in groups for row, name in self.pairs(group, 0)
                                  if row.kind not in kinds.OWN_SERVERS))

    def cost(self, row: Row) -> float:
        """A guess, in seconds, for one measurement."""
        return row.times * self.seconds + min(1, self.seconds / 2) + row.extra_seconds + self.seconds * len(row.probes)


class Session:
    """Runs a choice; each measurement is saved and shown when it is there, each group as a table."""

    def __init__(self, choice: Choice, results: Results):
        self._choice = choice
        self._results = results
        self.run_id = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._commit = machine.commit()
        self.failed = 0

    def run(self, show) -> None:
        """`show` is given each group that is complete, and a way to print."""
        self._progress = Progress(sum(self._cost(name) for name in MEDIA))
        self._progress.say(f"about {span(self._progress.left())}")
        try:
            for name in MEDIA:
                if groups := self._groups(name):
                    if self._is_warmed(name):
                        self._progress.step(f"{name}: warming the memory")
                    with self._ballast(name) as ballast:
                        self._progress.done(self._ballast_seconds(name))
                        medium = media.medium(name, ballast)
                        self._on(Arena(medium, self._choice.is_quick, self._choice.seconds, self._median), groups, show)
        finally:
            self._progress.close()

    def _on(self, arena: Arena, groups: list[Group], show) -> None:
        with arena:
            for group in groups:
                for name in self._choice.running([group]):
                    if name not in arena.servers:
                        self._progress.step(f"{arena.medium.name}: starting and warming {name}")
                        arena.server(name, self._progress.say)
                        self._progress.done(START_SECONDS[name])
                self._progress.step(f"{arena.medium.name}: probes of the machine")
                arena.probes.take()
                self._progress.done(arena.probes.cost())
                for round_ in range(self._choice.rounds):
                    for row, name in self._choice.pairs(group, round_):
                        self._measure(arena, group, row, name, round_)
                self._progress.close()
                show(group, self._progress.say)

    def _measure(self, arena: Arena, group: Group, row: Row, name: str, round_: int) -> None:
        id_ = group.id(row)
        self._progress.step(f"{id_}, {name}, round {round_ + 1}")
        load, error = {}, ""
        try:
            if row.has_rehearsal and (id_, name) not in arena.rehearsed:
                kinds.KINDS[row.kind](arena, name, row)
                arena.rehearsed.add((id_, name))
            arena.medium.ballast.fill()
            if row.probes:
                # For as long as what is compared with it, so that it meets as much memory that nobody used of late.
                arena.probes.take(row.probes, self._choice.seconds)
                arena.medium.ballast.fill()
            load = kinds.KINDS[row.kind](arena, name, row)
        except Failure as problem:
            error = str(problem)
            self.failed += 1
            arena.restart_dead(self._progress.say)
        result = Result(self.run_id, self._commit, id_, name, round_ + 1, round(time.time(), 1), load,
                        dict(arena.probes.latest), error)
        self._results.add(result)
        self._progress.done(self._choice.cost(row), line(row, result))
        if not error and (kept := arena.settle(name)):
            self._progress.say(kept)

    def _is_warmed(self, medium: str) -> bool:
        """Whether the memory is: a quick look has no time for it."""
        return medium == "tmpfs" and not self._choice.is_quick

    def _ballast(self, medium: str) -> Ballast | NoBallast:
        return Ballast() if self._is_warmed(medium) else NoBallast()

    def _ballast_seconds(self, medium: str) -> float:
        return BALLAST_SECONDS if self._is_warmed(medium) else 0

    def _median(self, row: str, server: str, metric: str) -> float | None:
        return Summary(self._results.all).median(row, server, metric)

    def _groups(self, medium: str) -> list[Group]:
        return [group for group in self._choice.groups if group.medium == medium and self._choice.pairs(group, 0)]

    def _cost(self, medium: str) -> float:
        groups = self._groups(medium)
        starts = sum(START_SECONDS[name] for name in self._choice.running(groups))
        probes = len(groups) * (2.2 if medium == "tmpfs" else 4.4)
        warming = self._ballast_seconds(medium) if groups else 0
        rows = sum(self._choice.cost(row) for group in groups for round_ in range(self._choice.rounds)
                   for row, _ in self._choice.pairs(group, round_))
        return warming + starts + probes + rows
