"""The compaction suite, once the broker has stopped: the files that its log cleaner has left."""

import struct
from pathlib import Path

from . import dump_log
from .brokers import Broker

PREFIX = "compaction-"
# Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, base and largest timestamp, producer id,
# its epoch, base sequence, records.
HEADER = struct.Struct(">qiibIhiqqqhii")
DELETE_HORIZON = 0x40


def check_dump(broker: Broker) -> str:
    """DumpLogSegments finds nothing wrong with any file of the topics."""
    report = dump_log.dump(dump_log.find(_folders(broker)), is_compacted=True)
    if report.problems:
        shown = [f"{Path(file).parent.name}/{Path(file).name}: {problem}"
                 for file, problems in report.problems.items() for problem in problems[:3]]
        raise AssertionError(f"{len(report.problems)} files with problems:\n" + "\n".join(shown[:10]))
    return report.summary()


def check_batches(broker: Broker, folder: Path) -> str:
    """The other broker has left the same batches: their offsets, codecs, sequences, largest times, and whether they say
    when their tombstones go."""
    lines = [text for directory in _folders(broker) for text in _batches(directory)]
    own = folder / "batches.lst"
    own.write_text("".join(text + "\n" for text in lines))
    others = [path for path in folder.parent.glob("*/batches.lst") if path != own]
    for other in others:
        found = other.read_text().splitlines()
        for one, two in zip(found, lines):
            if one != two:
                raise AssertionError(f"{other.parent.name} has {one}, found {two}")
        if len(found) != len(lines):
            raise AssertionError(f"{other.parent.name} has {len(found)} batches, found {len(lines)}")
    empty = sum(" count 0 " in text for text in lines)
    return f"{len(lines)} batches, {empty} of them empty, compared with {len(others)} other"


def _folders(broker: Broker) -> list[Path]:
    return sorted(path for path in broker.data.rglob(f"{PREFIX}*-0") if path.is_dir())


def _batches(directory: Path) -> list[str]:
    lines = []
    # The last part of the name is another for each run.
    topic = directory.name.rsplit("-", 2)[0]
    for segment in sorted(directory.glob("*.log")):
        content, at = segment.read_bytes(), 0
        while at + HEADER.size <= len(content):
            (base, length, _, _, _, attributes, last, _, newest, producer, _, sequence, count) = HEADER.unpack_from(
                content, at)
            time = "" if "append_time" in topic else f" newest {newest}"
            lines.append(f"{topic} {segment.stem} {base}..{base + last} count {count} codec {attributes & 7}"
                         f" horizon {bool(attributes & DELETE_HORIZON)} idempotent {producer >= 0}"
                         f" sequence {sequence}{time}")
            at += 12 + length
    return lines
