"""Running kcat and reading what it prints."""

import json
import subprocess
from dataclasses import dataclass

from common.checks import PATIENCE_SECONDS, equal, true
from common.lines import line

# Old librdkafka waits long before it believes that a topic is missing.
SETTINGS = ["-X", "topic.metadata.propagation.max.ms=1000"]


@dataclass
class Seen:
    """A record as kcat's JSON shows it."""

    partition: int
    offset: int
    timestamp: int
    timestamp_type: str
    key: str | None
    value: str | None
    headers: list[tuple[str, bytes | None]]

    def line(self, timestamp: int | None = None) -> str:
        """The record as a line, with its timestamp or another in its place."""
        return line(self.partition, self.offset, self.timestamp if timestamp is None else timestamp,
                    _bytes(self.key), _bytes(self.value), self.headers)


def run(bootstrap: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
    """Runs kcat to its end, whatever that is."""
    return subprocess.run(["kcat", "-b", bootstrap, *SETTINGS, *arguments], input=stdin, capture_output=True,
                          timeout=2 * PATIENCE_SECONDS)


def succeed(bootstrap: str, *arguments: str, stdin: bytes = b"") -> str:
    """Runs kcat, which must succeed, and returns its standard output."""
    done = run(bootstrap, *arguments, stdin=stdin)
    equal(0, done.returncode, f"exit code of kcat {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode()


def fail(bootstrap: str, message: str, *arguments: str, stdin: bytes = b"") -> None:
    """Runs kcat, which must fail with this message."""
    done = run(bootstrap, *arguments, stdin=stdin)
    text = done.stderr.decode(errors="replace")
    true(done.returncode != 0, f"kcat {' '.join(arguments)} succeeded: {text}")
    true(message in text, f"kcat said: {text}; expected: {message}")


def read(bootstrap: str, topic: str, *arguments: str) -> list[Seen]:
    """The records of a topic from the beginning (or as the arguments say) to the end, by partition and offset."""
    start = [] if "-o" in arguments else ["-o", "beginning"]
    text = succeed(bootstrap, "-C", "-q", "-t", topic, "-e", "-J", *start, *arguments)
    return sorted(map(parse, text.splitlines()), key=lambda seen: (seen.partition, seen.offset))


def parse(text: str) -> Seen:
    """One line of kcat -J."""
    fields = json.loads(text)
    flat = fields.get("headers", [])
    headers = [(flat[index], _bytes(flat[index + 1])) for index in range(0, len(flat), 2)]
    return Seen(fields["partition"], fields["offset"], fields["ts"], fields["tstype"], fields["key"],
                fields["payload"], headers)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
