"""Saved measurements, one line of JSON each, so that the report can be made again and rows added by later runs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.process import Failure

NAME = "results.jsonl"
MACHINE = "machine.json"


@dataclass(frozen=True)
class Result:
    # When the run began, as ISO 8601; names the run.
    run: str
    # The tree it was built from.
    commit: str
    # Group and row, with a slash.
    row: str
    server: str
    round: int
    # Seconds since the epoch, at the measurement's end.
    time: float
    load: dict
    # The latest of each kind before the measurement.
    probes: dict
    error: str = ""


class Results:
    """Those of a directory; new ones are written at once."""

    def __init__(self, directory: Path):
        self._file = directory / NAME
        self._machine = directory / MACHINE
        self.all: list[Result] = []
        if self._file.exists():
            for number, line in enumerate(self._file.read_text().splitlines(), 1):
                try:
                    self.all.append(Result(**json.loads(line)))
                except (ValueError, TypeError) as problem:
                    raise Failure(f"{self._file}, line {number} is no measurement: {problem}")

    def add(self, result: Result) -> None:
        self.all.append(result)
        with open(self._file, "a") as output:
            output.write(json.dumps(asdict(result)) + "\n")

    @property
    def machine(self) -> dict[str, str]:
        return json.loads(self._machine.read_text()) if self._machine.exists() else {}

    @machine.setter
    def machine(self, found: dict[str, str]) -> None:
        self._machine.parent.mkdir(parents=True, exist_ok=True)
        self._machine.write_text(json.dumps(found, indent=1) + "\n")
