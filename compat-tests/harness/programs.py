"""Suites that are programs of their own, in any language; README.md says what they are given.

They print two kinds of lines, fields between tabs:

    PLAN   name                      each check that will run
    CHECK  name  ok|fail  ms  detail  how one ended
"""

import selectors
import subprocess
import threading
import time
from pathlib import Path

from .process import start, stop, tail
from .results import Result, Results

# The name of a result that concerns no single check.
WHOLE_PROGRAM = "(the program)"

# Set when the runner is being ended: programs are ended too.
ending = threading.Event()


def run_program(command: list[str], broker: str, suite: str, results: Results, log: Path, seconds: float,
                environment: dict[str, str]) -> None:
    """Runs a suite, its results as they come; a planned check without a result has failed."""
    process = start(command, log, stdout=subprocess.PIPE, env=environment)
    planned: dict[str, bool] = {}
    end = time.monotonic() + seconds
    try:
        for line in _lines(process, end):
            fields = line.split("\t")
            if fields[0] == "PLAN" and len(fields) == 2:
                planned[fields[1]] = False
            elif fields[0] == "CHECK" and len(fields) == 5:
                planned[fields[1]] = True
                results.add(Result(broker, suite, fields[1], fields[2] == "ok", int(fields[3]), fields[4]))
        code = process.wait(timeout=30) if time.monotonic() < end else None
    except subprocess.TimeoutExpired:
        code = None
    finally:
        stop(process, 5)
    reason = f"no result within {seconds:.0f} s" if code is None else f"no result; exit code {code}"
    for check, seen in planned.items():
        if not seen:
            results.add(Result(broker, suite, check, False, 0, f"{reason}; see {log}"))
    if code != 0 or not planned:
        results.add(Result(broker, suite, WHOLE_PROGRAM, False, 0,
                           f"exit code {code}; the end of {log}: {' / '.join(tail(log, 3).splitlines())}"))


def _lines(process: subprocess.Popen, end: float):
    """The lines of the process's output, until it ends or the time is up."""
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    pending = b""
    while time.monotonic() < end and not ending.is_set():
        if not selector.select(timeout=1):
            continue
        chunk = process.stdout.read1(65536)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
