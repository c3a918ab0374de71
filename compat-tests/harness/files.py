"""The files suite: what a broker leaves on disk, seen by Apache Kafka.

While the broker runs, a topic is filled and dumped. When it has stopped, DumpLogSegments goes over everything it
wrote; bits are flipped in copies, which must be seen; and the topic's files are put under a topic of a fresh Apache
Kafka, which must serve the same.
"""

import shutil
from pathlib import Path

from . import dump_log, java
from .brokers import PROFILES, Broker, Kafka
from .process import Failure, run

TOPIC = "transplant"
PARTITIONS = 3
CHECKPOINT = "leader-epoch-checkpoint"
CLEAN_SHUTDOWN = ".kafka_cleanshutdown"


def write(broker: Broker) -> str:
    """Fills the topic and notes what can be read of it."""
    log = broker.directory / "write-files.log"
    run(java.ours("write-files", broker.bootstrap, TOPIC, str(_expected(broker))), log, "filling the topic")
    return log.read_text().splitlines()[-1]


def check_dump(broker: Broker) -> str:
    """DumpLogSegments finds nothing wrong with any file."""
    report = dump_log.dump(dump_log.find([broker.data]))
    if report.problems:
        shown = [f"{Path(file).parent.name}/{Path(file).name}: {problem}"
                 for file, problems in report.problems.items() for problem in problems[:3]]
        raise AssertionError(f"{len(report.problems)} files with problems:\n" + "\n".join(shown[:10]))
    if not report.batches or len(report.codecs) < 5:
        raise AssertionError(f"too little was written: {report.summary()}")
    return report.summary()


def check_planted(broker: Broker) -> str:
    """A flipped bit is seen in a log, an offset index, a time index and a snapshot."""
    copies = broker.directory / "planted"
    source = _partition(broker.data, 0)
    base = min(path.stem for path in source.glob("*.log"))
    snapshot = min(source.glob("*.snapshot"), default=None)
    if snapshot is None:
        raise AssertionError(f"no producer snapshot in {source}, though idempotent producers wrote to it")
    planted = []
    # In the middle: of a batch; an entry's offset; an entry's timestamp. Of the snapshot, the last byte.
    for suffix, entry, byte in ((".log", 1, 0), (".index", 8, 3), (".timeindex", 12, 7), (".snapshot", 0, -1)):
        folder = copies / suffix[1:]
        folder.mkdir(parents=True)
        for path in (*source.glob(f"{base}.*"), snapshot):
            shutil.copy(path, folder)
        victim = folder / (snapshot.name if suffix == ".snapshot" else base + suffix)
        content = bytearray(victim.read_bytes())
        if not content:
            raise AssertionError(f"{source / victim.name} is empty")
        content[len(content) // entry // 2 * entry + byte if entry else byte] ^= 1
        victim.write_bytes(content)
        planted.append(victim)
    sound = _problems(sorted(path for path in source.iterdir() if path.stem == base or path == snapshot))
    if sound:
        raise AssertionError(f"problems before anything was planted: {sound}")
    problems = _problems(planted)
    unseen = [path.name for path in planted if str(path) not in problems]
    if unseen:
        raise AssertionError(f"flipped bits not seen in {unseen}")
    return "; ".join(problems[str(path)][0][:60] for path in planted)


def check_transplant(broker: Broker) -> str:
    """A fresh Apache Kafka with these files serves every record, and finds the same by time.

    First it is made to rebuild indexes and producer state, then it gets the files again and trusts them.
    """
    sources = [_partition(broker.data, number) for number in range(PARTITIONS)]
    with Kafka(broker.directory / "target", PROFILES["matrix"]) as target:
        log = target.directory / "steps.log"
        run(java.ours("create-topic", target.bootstrap, TOPIC), log, "creating the topic")
        for recover in (True, False):
            target.stop()
            for number, source in enumerate(sources):
                _replace(source, _partition(target.data, number))
            if recover:
                (target.data / CLEAN_SHUTDOWN).unlink()
            target.start()
            found = target.directory / "found.txt"
            run(java.ours("read-files", target.bootstrap, TOPIC, str(found)), log, "reading the topic back")
            _compare(_expected(broker), found)
    return f"recovered and trusted: {log.read_text().splitlines()[-1]}"


def _compare(expected: Path, found: Path) -> None:
    """Both dumps hold the same lines."""
    ours, theirs = expected.read_text().splitlines(), found.read_text().splitlines()
    for index, (one, other) in enumerate(zip(ours, theirs)):
        if one != other:
            raise AssertionError(f"line {index}: expected {one}, found {other}")
    if len(ours) != len(theirs):
        raise AssertionError(f"expected {len(ours)} lines, found {len(theirs)}")


def _replace(source: Path, target: Path) -> None:
    """Puts the source's files in place of the target's. The target's partition.metadata stays: its topic has that id."""
    for path in target.iterdir():
        if path.name != "partition.metadata":
            path.unlink()
    for path in source.iterdir():
        if path.suffix in dump_log.SUFFIXES or path.name == CHECKPOINT:
            shutil.copy(path, target)
    if not any(target.glob("*.log")):
        raise Failure(f"there is no segment in {source}")


def _partition(data: Path, number: int) -> Path:
    """The folder of one of the topic's partitions."""
    found = [path for path in data.rglob(f"{TOPIC}-{number}") if path.is_dir()]
    if len(found) != 1:
        raise Failure(f"expected one folder {TOPIC}-{number} under {data}, found {found}")
    return found[0]


def _problems(files: list[Path]) -> dict[str, list[str]]:
    return dump_log.dump([path for path in files if path.suffix in dump_log.SUFFIXES]).problems


def _expected(broker: Broker) -> Path:
    return broker.directory / "expected.txt"
