"""The request sequences as a suite of `run.py`: `python -m differential.suite KIND ADDRESS ANSWERS [TEXT…]`.

Against Kafka it keeps the answers in the file ANSWERS, against Weir it compares with them. It prints a PLAN and a CHECK
line for each area (the first word of a sequence's name), and all differences to standard error.
"""

import random
import sys
from collections import defaultdict
from pathlib import Path

from harness import paths

from . import coverage, differences, runner, schema, sequences, show
from .compare import Difference
from .runner import Recording
from .sequence import Instance

MAX_DETAIL = 3


def main(kind: str, bootstrap: str, answers: Path, filters: list[str]) -> int:
    sequences.load()
    schemas = schema.load(paths.LIBS)
    if kind == "kafka":
        recording = runner.open_recording(bootstrap, schemas, f"{random.getrandbits(20):05x}-")
    else:
        recording = Recording.load(answers)
    chosen = [instance for instance in runner.instances([], recording.versions)
              if not filters or any(text in f"differential.{instance.name}" for text in filters)]
    areas = list(dict.fromkeys(_area(instance) for instance in chosen))
    whole = not filters
    for check in areas + (["pages"] if whole else []):
        print(f"PLAN\tdifferential.{check}", flush=True)
    aim = runner.target(kind, bootstrap, schemas, recording)
    if kind == "kafka":
        return _record(recording, aim, chosen, areas, answers, whole)
    return _compare(recording, aim, chosen, areas, whole)


def _record(recording: Recording, aim: runner.Target, chosen: list[Instance], areas: list[str], answers: Path,
            whole: bool) -> int:
    """Keeps Kafka's answers. A sequence that does not come to its end there is wrong."""
    recording.first_epoch = aim.first_epoch
    problems, seconds, counts = defaultdict(list), defaultdict(float), defaultdict(int)
    for instance, (transcript,), took in runner.run(chosen, [aim]):
        area = _area(instance)
        recording.transcripts[instance.name] = transcript
        seconds[area] += took
        counts[area] += 1
        if problem := runner.stopped(transcript):
            problems[area].append(f"{instance.name} stops: {problem}")
    recording.save(answers)
    for area in areas:
        _check(area, problems[area], seconds[area], f"{counts[area]} runs kept")
    if whole:
        _check("pages", _old_pages(recording, chosen, aim.schemas), 0, "COVERAGE.md and DIFFERENCES.md are up to date")
    return 0


def _compare(recording: Recording, aim: runner.Target, chosen: list[Instance], areas: list[str], whole: bool) -> int:
    verdict, seconds, counts = runner.Verdict(), defaultdict(float), defaultdict(int)
    failed: dict[str, list[Difference]] = defaultdict(list)
    for instance, (transcript,), took in runner.run(chosen, [aim]):
        area = _area(instance)
        seconds[area] += took
        counts[area] += 1
        failed[area] += verdict.judge(instance, aim, recording, recording.transcripts[instance.name], transcript)
    for area in areas:
        lines = show.differences(failed[area])
        for line in lines:
            print(line, file=sys.stderr)
        _check(area, lines, seconds[area], f"{counts[area]} runs as on Kafka")
    if whole:
        stale = [f"accepted, but not seen any more: {entry.sequences} {entry.api} {entry.field}"
                 for entry in verdict.stale()]
        _check("pages", stale, 0, f"{len(verdict.accepted)} accepted differences seen")
    return 0


def _old_pages(recording: Recording, chosen: list[Instance], schemas: schema.Schemas) -> list[str]:
    """The generated pages that are not what they would be now."""
    found = coverage.pages(recording.transcripts, chosen, schemas) | {"DIFFERENCES.md": differences.page()}
    return [f"{name} is out of date: python -m differential --write" for name, text in found.items()
            if not (paths.SOURCES / name).exists() or (paths.SOURCES / name).read_text() != text]


def _area(instance: Instance) -> str:
    return instance.sequence.name.split(".")[0]


def _check(area: str, problems: list[str], seconds: float, good: str) -> None:
    detail = good if not problems else f"{len(problems)}: " + " / ".join(problems[:MAX_DETAIL])
    verdict = "fail" if problems else "ok"
    print(f"CHECK\tdifferential.{area}\t{verdict}\t{int(seconds * 1000)}\t{' '.join(detail.split())}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:]))
