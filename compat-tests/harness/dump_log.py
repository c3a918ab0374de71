"""Runs Kafka's DumpLogSegments over a broker's files and judges what it prints.

The tool exits 0 on damage and prints its complaints between other lines. Here every line must be one that stands for a
sound file; any other is a problem, whether the tool meant it as one or not. Batches must also follow each other
without gaps, in offset and in position.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from . import java
from .process import Failure, die_with_parent

SUFFIXES = (".log", ".index", ".timeindex", ".txnindex", ".snapshot")
SECONDS = 900
MAX_PROBLEMS = 20

BATCH = re.compile(r"baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .* partitionLeaderEpoch: -?\d+ .*"
                   r"position: (\d+) \w+: -?\d+ size: (\d+) magic: 2 compresscodec: (\w+) crc: \d+ isvalid: true$")
RECORD = re.compile(r"\| offset: \d+ \w+: -?\d+ keySize: -?\d+ valueSize: -?\d+ sequence: -?\d+ headerKeys: \[")
SOUND = re.compile(r"|".join([
    r"Dumping \S+",
    r"Log starting offset: \d+",
    r"\S+ is empty\.",
    r"offset: \d+ position: \d+",
    r"timestamp: -?\d+ offset: \d+",
    r"producerId: \d+ producerEpoch: \d+ coordinatorEpoch: -?\d+ currentTxnFirstOffset: (None|OptionalLong\S*|\d+) "
    r"lastTimestamp: -?\d+ .*",
    # The tool takes -1 for the offset before each segment's first, and complains of the gap.
    r"Non-consecutive offsets in \S+",
    r"  -1 is followed by \d+",
    r"version: \d+ producerId: \d+ firstOffset: \d+ lastOffset: \d+ lastStableOffset: \d+",
]) + r"|$")
# Where the cleaner has left one.
GAP = re.compile(r"  -?\d+ is followed by \d+")
# What --offsets-decoder adds for a record of the group coordinator that is in one of Kafka's schemas.
GROUP_RECORD = re.compile(r' key: \{"type":"\d+","data":\{.* payload: (\{"version":"\d+","data":\{|<DELETE>)')


@dataclass
class Report:
    """What was read, and what is wrong with it."""

    files: Counter = field(default_factory=Counter)
    batches: int = 0
    records: int = 0
    codecs: Counter = field(default_factory=Counter)
    problems: dict[str, list[str]] = field(default_factory=dict)
    is_compacted: bool = False

    def add_problem(self, file: str, text: str) -> None:
        own = self.problems.setdefault(file, [])
        if len(own) < MAX_PROBLEMS:
            own.append(text)

    def summary(self) -> str:
        files = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self.files.items()))
        codecs = ", ".join(f"{count} {codec}" for codec, count in sorted(self.codecs.items()))
        return f"{files}; {self.batches} batches ({codecs}), {self.records} records"


def find(roots: list[Path]) -> list[Path]:
    """The files of the partitions under these folders; a file stands for itself. Deleted ones are left out."""
    found = []
    for root in roots:
        candidates = [root] if root.is_file() else sorted(root.rglob("*"))
        found += [path for path in candidates if path.suffix in SUFFIXES and path.is_file()
                  and re.fullmatch(r"\d{20}", path.stem) and not path.parent.name.endswith("-delete")]
    return found


def dump(files: list[Path], is_compacted: bool = False) -> Report:
    """Runs the tool over the files in one JVM. Beside an .index or .timeindex its .log must lie. In files of a compacted
    topic offsets may be missing, in batches and between them."""
    report = Report(is_compacted=is_compacted)
    with tempfile.NamedTemporaryFile("w", suffix=".list") as listing, tempfile.TemporaryFile() as errors:
        listing.write("".join(f"{path}\n" for path in files))
        listing.flush()
        process = subprocess.Popen(java.ours("dump-log", listing.name), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=errors, preexec_fn=die_with_parent)
        try:
            _judge(process.stdout, report)
            code = process.wait(timeout=SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        errors.seek(0)
        if code != 0:
            raise Failure(f"DumpLogSegments could not be run: {errors.read().decode(errors='replace')[-2000:]}")
    if sum(report.files.values()) != len(files):
        raise Failure(f"DumpLogSegments looked at {sum(report.files.values())} of {len(files)} files")
    return report


def _judge(output, report: Report) -> None:
    """Goes through the output line by line."""
    file, expected_offset, expected_position = "", None, 0
    for raw in output:
        text = raw.decode(errors="replace").rstrip("\n")
        if text.startswith("=== file "):
            file = text[len("=== file "):]
            report.files[Path(file).suffix] += 1
            expected_offset, expected_position = None, 0
        elif RECORD.match(text):
            report.records += 1
            if "/__consumer_offsets-" in file and not GROUP_RECORD.search(text):
                report.add_problem(file, text)
        elif match := BATCH.match(text):
            base, last, count, position, size = (int(group) for group in match.groups()[:5])
            report.batches += 1
            report.codecs[match.group(6)] += 1
            follows = expected_offset in (None, base) or (report.is_compacted and expected_offset < base)
            is_whole = count == last - base + 1 or (report.is_compacted and 0 <= count <= last - base)
            if not is_whole or not follows or position != expected_position:
                report.add_problem(file, f"should have offset {expected_offset} at {expected_position}: {text}")
            expected_offset, expected_position = last + 1, position + size
        elif not SOUND.fullmatch(text) and not (report.is_compacted and GAP.fullmatch(text)):
            report.add_problem(file, text)


def main() -> int:
    """python3 -m harness.dump_log FOLDER-OR-FILE…: prints a summary and every problem; 1 when there is one."""
    files = find([Path(argument) for argument in sys.argv[1:]])
    report = dump(files)
    print(report.summary())
    for file, problems in report.problems.items():
        for problem in problems:
            print(f"{file}: {problem}")
    return 1 if report.problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
