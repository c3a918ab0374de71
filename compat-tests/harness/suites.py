"""The suites, and the order in which they share brokers.

The suites of one profile use one broker, one after the other. When it has stopped, `files` looks at what it wrote.
"""

import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from . import brokers, files, install, java, paths
from .process import Failure
from .programs import WHOLE_PROGRAM, run_program
from .results import Result, Results

SUITE_SECONDS = 1800


@dataclass
class Run:
    """One pass of the chosen suites over one kind of broker."""

    kind: str
    directory: Path
    records: int
    filters: list[str]
    results: Results

    def check(self, suite: str, name: str, body: Callable[[], str], always: bool = False) -> None:
        """Runs one check in this process and notes its result; `always` even if it was not asked for by name."""
        if not always and self.filters and not any(text in name for text in self.filters):
            return
        start = time.monotonic()
        try:
            ok, detail = True, body()
        except (AssertionError, Failure, OSError, ValueError) as problem:
            ok, detail = False, " / ".join(str(problem).splitlines()) or repr(problem)
        self.results.add(Result(self.kind, suite, name, ok, int((time.monotonic() - start) * 1000), detail))

    def program(self, suite: str, command: list[str]) -> None:
        """Runs a program that reports checks; its last arguments name the checks to run, all if none does.

        What fails on Apache Kafka is a check that does not wait long enough for it on this machine, or is wrong: it gets
        a second run. What fails on Weir has failed.
        """
        self._program(suite, command + self.filters)
        failed = [result.check for result in self.results.failures(self.kind, suite)] if self.kind == "kafka" else []
        if failed:
            print(f"again: {', '.join(failed)}", flush=True)
            names = self.filters if WHOLE_PROGRAM in failed else failed
            self.results.forget(self.kind, suite, names)
            self._program(suite, command + names)

    def _program(self, suite: str, command: list[str]) -> None:
        run_program(command, self.kind, suite, self.results, self.directory / f"{suite}.log", SUITE_SECONDS)


@dataclass(frozen=True)
class Suite:
    """A client or tool, what it needs, and how it is run against a broker."""

    name: str
    about: str
    profile: str
    prepare: Callable[[], None]
    run: Callable[[Run, brokers.Broker], None]
    # What is done once the broker has stopped, with the files it left.
    after: Callable[[Run, brokers.Broker], None] | None = None


def _java(run: Run, broker: brokers.Broker) -> None:
    run.program("java", java.ours("matrix", broker.bootstrap))


def _prepare_python() -> None:
    install.libs()
    install.venv()


def _confluent(run: Run, broker: brokers.Broker) -> None:
    run.program("python", _python("confluent", broker.bootstrap))


def _tools(run: Run, broker: brokers.Broker) -> None:
    run.program("tools", java.ours("tools", broker.bootstrap, str(run.records), heap="2g"))


def _write_files(run: Run, broker: brokers.Broker) -> None:
    run.check("files", "files.write", lambda: files.write(broker), always=True)


def _check_files(run: Run, broker: brokers.Broker) -> None:
    run.check("files", "files.dump_log", lambda: files.check_dump(broker))
    run.check("files", "files.planted", lambda: files.check_planted(broker))
    run.check("files", "files.transplant", lambda: files.check_transplant(broker))


def _prepare_kcat() -> None:
    _prepare_python()
    install.kcat()


def _kcat(run: Run, broker: brokers.Broker) -> None:
    run.program("kcat", _python("kcat", broker.bootstrap))


def _weir(run: Run, broker: brokers.Broker) -> None:
    run.program("weir", [sys.executable, "-B", str(paths.SOURCES / "python" / "weir_tools" / "main.py"),
                         broker.bootstrap, str(brokers.Weir.binary)])


def _python(*arguments: str) -> list[str]:
    return [str(paths.VENV / "bin" / "python"), "-B", str(paths.SOURCES / "python" / "main.py"), *arguments]


SUITES = {suite.name: suite for suite in [
    Suite("java", "kafka-clients 4.3.0: produce, consume, groups, admin calls, errors", "matrix", install.classes,
          _java),
    Suite("python", "confluent-kafka-python: the same", "matrix", _prepare_python, _confluent),
    Suite("kcat", "Debian's kcat: the same but for admin calls", "matrix", _prepare_kcat, _kcat),
    Suite("weir", "Weir's own command line tools", "matrix", install.libs, _weir),
    Suite("files", "DumpLogSegments over all that the broker wrote, and Apache Kafka started with its files", "matrix",
          install.classes, _write_files, _check_files),
    Suite("tools", "Kafka's perf, console and verifiable producer and consumer; topics create themselves", "tools",
          install.classes, _tools),
]}


def run_all(chosen: list[Suite], run: Run) -> None:
    """Starts a broker for each profile that is needed and runs its suites."""
    run.directory.mkdir(parents=True)
    for profile, settings in brokers.PROFILES.items():
        members = [suite for suite in chosen if suite.profile == profile]
        if not members:
            continue
        with brokers.BROKERS[run.kind](run.directory / profile, settings) as broker:
            for suite in members:
                suite.run(run, broker)
            run.check("broker", f"broker.stops_{profile}", broker.stop, always=True)
        for suite in members:
            if suite.after:
                suite.after(run, broker)


def remove(directory: Path) -> None:
    """Removes the files of a run."""
    shutil.rmtree(directory, ignore_errors=True)
    if not any(paths.RUNS.iterdir()):
        paths.RUNS.rmdir()
