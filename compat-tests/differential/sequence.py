"""The registry of sequences: what the decorator `@sequence` fills and the runner works through."""

import re
import zlib
from dataclasses import dataclass
from typing import Any, Callable, Iterable


@dataclass(frozen=True)
class Sequence:
    """A function that talks to a broker. `instances` says how often it runs: once for each case and version."""

    name: str
    function: Callable
    api: str | None
    versions: tuple[int, ...] | str | None
    case: Any
    has_case: bool
    alone: bool
    recompressed: bool

    @property
    def profile(self) -> str:
        """The settings of the broker that it runs on (`harness/brokers.py`)."""
        return "limits" if self.name.startswith("limits.") else "differential"

    @property
    def aged(self) -> bool:
        """Whether it is about the topic that was prepared in several epochs (`aged.py`)."""
        return self.name.startswith("aged.")

    def instances(self, advertised: dict[str, tuple[int, int]]) -> list["Instance"]:
        """One for each version of its API that Kafka advertises, or a single one without an API."""
        if self.api is None:
            return [Instance(self, None)]
        if self.api not in advertised:
            return []
        first, last = advertised[self.api]
        if self.versions == "newest":
            return [Instance(self, last)]
        return [Instance(self, version) for version in range(first, last + 1)
                if self.versions is None or version in self.versions]


@dataclass(frozen=True)
class Instance:
    """One run of a sequence."""

    sequence: Sequence
    version: int | None

    @property
    def name(self) -> str:
        return self.sequence.name + ("" if self.version is None else f"@{self.version}")

    @property
    def prefix(self) -> str:
        """What the names of its topics and groups begin with; no other run's names do."""
        plain = re.sub(r"[^A-Za-z0-9]+", "-", self.name).strip("-")
        return f"{plain}-{zlib.crc32(self.name.encode()):08x}."


ALL: dict[str, Sequence] = {}


def sequence(name: str, *, api: str | None = None, versions: Iterable[int] | str | None = None,
             cases: dict[str, Any] | Iterable[str] | None = None, alone: bool = False, recompressed: bool = False):
    """Registers a function `(talk)`, or `(talk, case)` with `cases`, as a sequence.

    api          it runs at every version of this API that Kafka advertises (`talk.version`); without, once
    versions     only at these of them; "newest": only at the last
    cases        one sequence each: names, or names and the values that the function gets
    alone        it sees or changes what others would see too, so nothing runs beside it
    recompressed the broker compresses batches anew: their compressed bytes are not compared, their records are
    """

    def register(function: Callable) -> Callable:
        named = {None: None} if cases is None else cases if isinstance(cases, dict) else {case: case for case in cases}
        chosen = versions if isinstance(versions, str) or versions is None else tuple(versions)
        for key, case in named.items():
            full = name if key is None else f"{name}[{key}]"
            if full in ALL:
                raise ValueError(f"two sequences are called {full}")
            ALL[full] = Sequence(full, function, api, chosen, case, cases is not None, alone, recompressed)
        return function

    return register
