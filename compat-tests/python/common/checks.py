"""Running checks and reporting them as the runner reads it: "PLAN name", then "CHECK name ok|fail ms detail"."""

import os
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Sequence

# How long a check waits for something that must come; generous, as other work shares the machine.
PATIENCE_SECONDS = int(os.environ.get("WEIR_COMPAT_PATIENCE", "120"))

# The checks of this kind run if the runner has said how the broker is restarted, and then no others.
RESTART = "restart."
WITH_RESTARTS = "WEIR_COMPAT_CONTROL" in os.environ

Body = Callable[[], str]


class Checks:
    """The checks of one client."""

    def __init__(self) -> None:
        self._bodies: dict[str, Body] = {}
        self._output = threading.Lock()

    def add(self, name: str, body: Body) -> None:
        """A check; its body says in a few words what was compared, and raises when the broker did something else."""
        self._bodies[name] = body

    def run(self, threads: int, filters: Sequence[str]) -> None:
        """Runs those whose name contains one of the filters (all without a filter)."""
        chosen = [name for name in self._bodies if name.startswith(RESTART) == WITH_RESTARTS
                  and (not filters or any(text in name for text in filters))]
        for name in chosen:
            self._print("PLAN", name)
        with ThreadPoolExecutor(threads) as pool:
            for name in chosen:
                pool.submit(self._run, name)

    def _run(self, name: str) -> None:
        start = time.monotonic()
        verdict = "ok"
        try:
            detail = self._bodies[name]()
        except BaseException as problem:
            verdict = "fail"
            place = traceback.extract_tb(problem.__traceback__)
            own = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in place][-3:]
            detail = f"{type(problem).__name__}: {problem} at {' '.join(own)}"
        self._print("CHECK", name, verdict, str(int((time.monotonic() - start) * 1000)), detail)

    def _print(self, *fields: str) -> None:
        line = "\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields)
        with self._output:
            print(line, flush=True)


def equal(expected, found, what: str) -> None:
    """Fails with both values when they differ."""
    if expected != found:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def true(holds: bool, what: str) -> None:
    """Fails unless it holds."""
    if not holds:
        raise AssertionError(what)


def eventually(what: str, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Waits until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        true(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.05)
