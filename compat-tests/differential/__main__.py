"""Runs request sequences by hand: `python -m differential --sequence fetch.` starts both brokers and compares."""

import argparse
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness import brokers, paths
from harness.process import Failure
from harness.suites import remove

from . import aged, coverage, differences, random_sequences, runner, schema, sequences, show
from .connection import Exchange
from .sequence import ALL, Instance, Sequence


def main() -> int:
    options = _options()
    if options.list:
        for name in ALL:
            print(name)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    brokers.Weir.binary = options.weir.resolve()
    paths.RUNS.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="differential-", dir=paths.RUNS))
    whole = _Whole()
    try:
        for profile in runner.PROFILES:
            wanted = _chosen(options, profile)
            if not wanted and not (options.random and profile == runner.PROFILES[0]):
                continue
            settings, under = brokers.PROFILES[profile], directory / profile
            # In a long run a busy machine is no reason to lose partitions and to get them back in a later epoch.
            of_kafka = settings | ({"broker.session.timeout.ms": "600000"} if options.random else {})
            with brokers.Kafka(under / "kafka", of_kafka) as kafka, brokers.Weir(under / "weir", settings) as weir:
                if any(sequence.aged for sequence in wanted):
                    _age([kafka, weir])
                code = _run(options, profile, kafka.bootstrap, weir.bootstrap, whole)
                # Thousands of partitions take a long time to close, and nobody looks at them again.
                kafka.kill()
                weir.kill()
    except Failure as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    if not options.random:
        code = _report(options, whole)
    if options.keep:
        print(f"logs and data are in {directory}")
    else:
        remove(directory)
    return code


@dataclass
class _Whole:
    """What the runs of all profiles came to."""

    verdict: runner.Verdict = field(default_factory=runner.Verdict)
    chosen: list[Instance] = field(default_factory=list)
    transcripts: dict[str, list[Exchange]] = field(default_factory=dict)
    seconds: list[tuple[float, str]] = field(default_factory=list)
    broken: int = 0
    begin: float = field(default_factory=time.monotonic)


def _chosen(options: argparse.Namespace, profile: str) -> list[Sequence]:
    """The sequences of a profile of which some run may be asked for."""
    if options.random:
        return []
    return [sequence for name, sequence in ALL.items() if sequence.profile == profile
            and (not options.sequence or any(text.split("@")[0] in name for text in options.sequence))]


def _age(running: list[brokers.Broker]) -> None:
    """Lets both brokers lead the aged topic in several epochs."""
    schemas = schema.load(paths.LIBS)
    for phase in range(aged.PHASES):
        for broker in running:
            aged.grow(broker.name, broker.bootstrap, schemas, phase)
            if phase < aged.PHASES - 1:
                broker.stop()
                broker.start()


def _run(options: argparse.Namespace, profile: str, kafka: str, weir: str, whole: _Whole) -> int:
    """The sequences of one profile, or random ones. Only these have a result of their own."""
    schemas = schema.load(paths.LIBS)
    token = f"{random.getrandbits(20):05x}-"
    recording = runner.open_recording(kafka, schemas, token)
    targets = [runner.target("kafka", kafka, schemas, recording), runner.target("weir", weir, schemas, recording)]
    recording.first_epoch, recording.epochs = targets[0].first_epoch, targets[0].epochs
    if options.random:
        return _random(options, recording, targets)
    chosen = runner.instances(options.sequence, recording.versions, profile)
    whole.chosen += chosen
    for instance, (one, other), seconds in runner.run(chosen, targets, options.workers):
        whole.transcripts[instance.name] = one
        whole.seconds.append((seconds, instance.name))
        whole.verdict.judge(instance, targets[1], recording, one, other)
        if problem := runner.stopped(one):
            whole.broken += 1
            print(f"STOP {instance.name} on Kafka: {problem}", flush=True)
        if options.show:
            print(show.transcript(instance.name, one, other), flush=True)
    return 0


def _report(options: argparse.Namespace, whole: _Whole) -> int:
    """Says what differs; the exit code."""
    lines = (show.differences if options.each else show.summary)(
        difference for bad in whole.verdict.failed.values() for difference in bad[:options.most])
    for line in lines:
        print(f"DIFF {line}")
    print(f"{len({instance.sequence.name for instance in whole.chosen})} sequences, {len(whole.chosen)} runs, "
          f"{len(whole.verdict.failed)} differ, {whole.broken} stop on Kafka, in {time.monotonic() - whole.begin:.0f} s")
    for seconds, name in sorted(whole.seconds, reverse=True)[:options.slowest]:
        print(f"{seconds:7.2f} s  {name}")
    if not options.sequence:
        for entry in whole.verdict.stale():
            print(f"accepted, but not seen any more: {entry.sequences} {entry.api} {entry.field}")
        if options.write:
            pages = coverage.pages(whole.transcripts, whole.chosen, schema.load(paths.LIBS))
            for name, text in (pages | {"DIFFERENCES.md": differences.page()}).items():
                (paths.SOURCES / name).write_text(text)
    return 1 if whole.verdict.failed or whole.broken else 0


def _random(options: argparse.Namespace, recording: runner.Recording, targets: list) -> int:
    """Random sequences, reported as they come."""
    seed = random.getrandbits(32) if options.seed is None else options.seed
    print(f"seed {seed}, from {options.start}", flush=True)
    lacking = frozenset(recording.versions) - frozenset(
        runner.open_recording("%s:%d" % targets[1].address, targets[1].schemas, "").versions)
    tally, broken = random_sequences.Tally(everything=options.everything), 0
    begin = told = time.monotonic()
    left = {block.sequence.case.number: block
            for block in random_sequences.blocks(seed, options.start, options.random, lacking)}
    for instance, (one, other), _ in runner.run(list(left.values()), targets, options.workers):
        del left[instance.sequence.case.number]
        if problem := runner.stopped(one):
            broken += 1
            print(f"STOP {instance.name} on Kafka: {problem}", flush=True)
        if options.show:
            print(show.transcript(instance.name, one, other), flush=True)
        for number, difference in tally.add(instance, targets[1], recording, one, other):
            if options.each:
                print(f"DIFF {number} {show.differences([difference])[0]}", flush=True)
        if time.monotonic() > told + 60:
            told = time.monotonic()
            print(f"{told - begin:.0f} s: {tally.summary()}; to go on: --seed {seed} "
                  f"--from {min(left, default=0) * random_sequences.BLOCK}", flush=True)
    for line in [] if options.each else show.summary(difference for _, difference in tally.differences):
        print(f"DIFF {line}")
    print(f"seed {seed}: {tally.summary()}, {len(tally.apis)} pairs of API and version, "
          f"in {time.monotonic() - begin:.0f} s")
    return 1 if tally.differences or broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="differential", description=__doc__)
    parser.add_argument("--sequence", action="append", default=[], metavar="TEXT",
                        help="only runs whose name contains this; may be repeated")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="run N random sequences instead")
    parser.add_argument("--seed", type=int, help="of random sequences; default any")
    parser.add_argument("--from", dest="start", type=int, default=0, metavar="K",
                        help="the first random sequence (default %(default)s)")
    parser.add_argument("--everything", action="store_true",
                        help="also what differs after the first difference of a block")
    parser.add_argument("--show", action="store_true", help="print what was sent and answered")
    parser.add_argument("--each", action="store_true", help="print the differences of each sequence, not by field")
    parser.add_argument("--most", type=int, default=12, help="differences printed of one run (default %(default)s)")
    parser.add_argument("--slowest", type=int, default=0, metavar="N", help="name the N slowest runs")
    parser.add_argument("--workers", type=int, default=runner.WORKERS)
    parser.add_argument("--write", action="store_true", help="write COVERAGE.md and DIFFERENCES.md (full runs only)")
    parser.add_argument("--weir", type=Path, default=paths.WEIR, help="the binary (default %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep logs and data")
    parser.add_argument("--list", action="store_true", help="name the sequences and end")
    return parser.parse_args()


if __name__ == "__main__":
    sequences.load()
    sys.exit(main())
