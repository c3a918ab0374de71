"""Commands of `weir-bench`: each prints one line of JSON, or a sentence about what went wrong."""

import json
import select
import subprocess
import time

from . import paths
from harness.process import Failure, start, stop

# A command has so long beyond what it measures: filling, creating thousands of partitions, ending.
PATIENCE_SECONDS = 300


class Load:
    """A command that runs beside others; `with` ends it whatever happens."""

    def __init__(self, *arguments: object):
        self.name = f"weir-bench {arguments[0]}"
        self._log = paths.LOGS / "weir-bench.log"
        self._process = start([str(paths.LOAD), *map(str, arguments)], self._log, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        stop(self._process, 0)
        self._process.stdout.close()
        self._process.stderr.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self, seconds: float) -> dict:
        """Waits for a line that it prints while it goes on."""
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            raise Failure(f"{self.name} said nothing for {seconds:.0f} s")
        line = self._process.stdout.readline()
        return json.loads(line) if line else self.answer(seconds)

    def ended(self) -> bool:
        return self._process.poll() is not None

    def answer(self, seconds: float = PATIENCE_SECONDS) -> dict:
        """Waits for its end and returns what it printed."""
        try:
            output, problems = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} took longer than {seconds:.0f} s")
        if self._process.returncode != 0 or not output.strip():
            raise Failure(f"{self.name} failed with exit code {self._process.returncode}: {_said(problems)}")
        return json.loads(output.strip().splitlines()[-1])


def _said(problems: str) -> str:
    """The line that says what is wrong, among what a broker that it started may have logged."""
    lines = problems.strip().splitlines() or ["it said nothing"]
    return next((line for line in reversed(lines) if line.startswith(("weir-bench:", "error:"))), lines[-1])


def call(*arguments: object, seconds: float = PATIENCE_SECONDS) -> dict:
    """Runs a command to its end."""
    with Load(*arguments) as load:
        return load.answer(seconds)


def on(server) -> list[object]:
    """The options that name a server and the process to be sampled."""
    return ["--server", server.listens, "--pid", server.process.pid]


class Topic:
    """A topic for one measurement: `with` creates it and deletes it."""

    _count = 0

    def __init__(self, server, partitions: int, **configs: str):
        # Names of runs never meet: a server may still be deleting the last one's.
        Topic._count += 1
        self.name = f"bench-{int(time.time())}-{Topic._count}"
        self.partitions = partitions
        self._server = server
        self._configs = configs

    def __enter__(self):
        named = [f"{key.replace('_', '.')}={value}" for key, value in self._configs.items()]
        configs = [word for config in named for word in ("--config", config)]
        call("topic", "--server", self._server.listens, *self.options(), *configs)
        return self

    def __exit__(self, *_) -> None:
        # A server that was ended meanwhile has nothing to delete.
        if self._server.process is not None and self._server.process.poll() is None:
            call("delete-topic", "--server", self._server.listens, "--topic", self.name)

    def options(self) -> list[object]:
        return ["--topic", self.name, "--partitions", self.partitions]
