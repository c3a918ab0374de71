"""What a suite is, and one pass of suites over one kind of broker."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from . import brokers
from .process import Failure
from .programs import WHOLE_PROGRAM, run_program
from .results import Result, Results

SUITE_SECONDS = 1800

# The checks that need a broker of their own, which restarts under them, have names that begin like this.
RESTART = "restart."


@dataclass
class Options:
    """What the user asked for."""

    # Texts of which one must stand in a check's name; all checks run if there is none.
    filters: list[str] = field(default_factory=list)
    # Records of Kafka's tools, and of each client's check produce.volume.
    records: int = 100_000
    volume: int = 5_000
    # How long a check waits for something that must come.
    patience: int = 120
    # Programs that run at once.
    jobs: int = 3
    # Runs what failed on Kafka a second time.
    again: bool = True


@dataclass
class Run:
    """One pass of the chosen suites over one kind of broker."""

    kind: str
    directory: Path
    options: Options
    results: Results

    def check(self, suite: str, name: str, body: Callable[[], str], always: bool = False) -> None:
        """Runs one check in this process and notes its result; `always` even if it was not asked for by name."""
        if not always and not self.wants(name):
            return
        start = time.monotonic()
        try:
            ok, detail = True, body()
        except (AssertionError, Failure, OSError, ValueError) as problem:
            ok, detail = False, " / ".join(str(problem).splitlines()) or repr(problem)
        self.results.add(Result(self.kind, suite, name, ok, int((time.monotonic() - start) * 1000), detail))

    def wants(self, name: str) -> bool:
        """Whether a check of this name was asked for."""
        return not self.options.filters or any(text in name for text in self.options.filters)

    def program(self, suite: str, command: list[str]) -> None:
        """Runs a program that reports checks; its last arguments name the checks to run, all if none does.

        What fails on Apache Kafka is a check that does not wait long enough for it on this machine, or is wrong: it
        gets a second run. What fails on Weir has failed.
        """
        self._program(suite, command + self.options.filters)
        failed = self.failed(suite)
        if failed and self.options.again:
            print(f"again: {suite} {', '.join(failed)}", flush=True)
            names = self.options.filters if WHOLE_PROGRAM in failed else failed
            self.results.forget(self.kind, suite, names)
            self._program(suite, command + names)

    def failed(self, suite: str) -> list[str]:
        """What failed on Apache Kafka so far."""
        return [result.check for result in self.results.failures(self.kind, suite)] if self.kind == "kafka" else []

    def restart_program(self, suite: str, command: list[str], control: str) -> None:
        """Runs the program's restart checks, which ask `control` to restart the broker."""
        self._program(suite, command, f"{suite}-restart.log", {"WEIR_COMPAT_CONTROL": control})

    def _program(self, suite: str, command: list[str], log: str = "",
                 environment: dict[str, str] | None = None) -> None:
        settings = {"WEIR_COMPAT_VOLUME": str(self.options.volume), "WEIR_COMPAT_PATIENCE": str(self.options.patience),
                    "WEIR_COMPAT_DIRECTORY": str(self.directory)}
        run_program(command, self.kind, suite, self.results, self.directory / (log or f"{suite}.log"), SUITE_SECONDS,
                    os.environ | settings | (environment or {}))


@dataclass(frozen=True)
class Suite:
    """A client or tool, what it needs, and how it is run against a broker.

    A program speaks the protocol of `programs.py`; `command` gives its command line for a broker's address. What is no
    program has a `body`.
    """

    name: str
    # The client as people call it, and what pins its version; together its row in the README's table.
    client: str
    version: Callable[[], str]
    # Installs and builds; does nothing when nothing has changed.
    prepare: Callable[[], None]
    command: Callable[[str], list[str]] | None = None
    body: Callable[[Run, brokers.Broker], None] | None = None
    # The kind of broker that its checks run on; none if all its checks are restart checks.
    profile: str | None = "matrix"
    # Whether it has restart checks.
    restarts: bool = True
    # What is done with the broker before its suites run, by the thread that started it: it may restart it.
    before: Callable[[Run, brokers.Broker], None] | None = None
    # What is done once the broker has stopped, with the files it left.
    after: Callable[[Run, brokers.Broker], None] | None = None

    def run(self, run: Run, broker: brokers.Broker) -> None:
        """Runs all but the restart checks."""
        if self.command:
            run.program(self.name, self.command(broker.bootstrap))
        elif self.body:
            self.body(run, broker)
