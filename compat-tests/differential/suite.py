"""The request sequences as a suite of `run.py`: `python -m differential.suite KIND ADDRESS FOLDER PROFILE [TEXT…]`.

It runs the sequences of one profile. Against Kafka it keeps the answers in a file in FOLDER, against Weir it compares with them. It prints a PLAN and a CHECK
line for each area (the first word of a sequence's name), and all differences to standard error.
"""

import os
import random
import sys
import time
from collections import defaultdict
from pathlib import Path

from harness import paths

from . import coverage, differences, errors, random_sequences, runner, schema, sequences, show
from .compare import Difference
from .runner import Recording
from .sequence import Instance

MAX_DETAIL = 3

# How many random sequences, and their seed: the variables of the environment and their defaults.
RANDOM = ("WEIR_RANDOM_SEQUENCES", "1000")
SEED = ("WEIR_SEQUENCES_SEED", "1")


# The generated pages.
PAGES = ("COVERAGE.md", "DIFFERENCES.md")
# The profile whose suite runs the random sequences, and looks at the pages.
MAIN = "differential"


def main(kind: str, bootstrap: str, folder: Path, profile: str, filters: list[str]) -> int:
    sequences.load()
    answers = _answers(folder, profile)
    schemas = schema.load(paths.LIBS)
    if kind == "kafka":
        recording = runner.open_recording(bootstrap, schemas, f"{random.getrandbits(20):05x}-")
        if answers.exists():
            recording.now = Recording.load(answers).now
    else:
        recording = Recording.load(answers)
    chosen = [instance for instance in runner.instances([], recording.versions, profile)
              if not filters or any(text in f"differential.{instance.name}" for text in filters)]
    areas = list(dict.fromkeys(_area(instance) for instance in chosen))
    is_asked = not filters or any(text in "differential.random" for text in filters)
    random_blocks = _random_blocks() if is_asked and profile == MAIN else []
    # The pages say what a whole run came to.
    others = {other: _answers(folder, other) for other in runner.PROFILES if other != MAIN}
    pages = not filters and kind == "weir" and profile == MAIN and all(other.exists() for other in others.values())
    for check in areas + ["random"] * bool(random_blocks) + ["pages"] * pages:
        print(f"PLAN\tdifferential.{check}", flush=True)
    aim = runner.target(kind, bootstrap, schemas, recording)
    if kind == "kafka":
        return _record(recording, aim, chosen, areas, random_blocks, answers)
    return _compare(recording, aim, chosen, areas, random_blocks, others if pages else None)


def _answers(folder: Path, profile: str) -> Path:
    """Where Kafka's answers to the sequences of a profile are kept."""
    return folder / f"{profile}.answers"


def _random_blocks() -> list[Instance]:
    """As many as the environment says, from its seed."""
    count, seed = (int(os.environ.get(name, default)) for name, default in (RANDOM, SEED))
    return random_sequences.blocks(seed, 0, count)


def _record(recording: Recording, aim: runner.Target, chosen: list[Instance], areas: list[str],
            random_blocks: list[Instance], answers: Path) -> int:
    """Keeps Kafka's answers. A sequence that does not come to its end there is wrong."""
    recording.first_epoch, recording.epochs = aim.first_epoch, aim.epochs
    problems, seconds, counts = defaultdict(list), defaultdict(float), defaultdict(int)
    for instance, (transcript,), took in runner.run(chosen, [aim]):
        area = _area(instance)
        recording.transcripts[instance.name] = transcript
        seconds[area] += took
        counts[area] += 1
        if problem := runner.stopped(transcript):
            problems[area].append(f"{instance.name} stops: {problem}")
    tally, begin = random_sequences.Tally(), time.monotonic()
    for block, (transcript,), _ in runner.run(random_blocks, [aim]):
        recording.transcripts[block.name] = transcript
        tally.count(transcript)
        if problem := runner.stopped(transcript):
            problems["random"].append(f"{block.name} stops: {problem}")
    if answers.exists():
        # This is a second run, of what failed in the first.
        whole = Recording.load(answers)
        whole.replace(recording)
        whole.save(answers)
    else:
        recording.save(answers)
    for area in areas:
        _check(area, problems[area], seconds[area], f"{counts[area]} runs kept")
    if random_blocks:
        if tally.succeeded * 2 < tally.sequences:
            problems["random"].append("most sequences have an error on Kafka")
        _check("random", problems["random"], time.monotonic() - begin,
               f"seed {_seed(random_blocks)}: {tally.summary()}")
    return 0


def _compare(recording: Recording, aim: runner.Target, chosen: list[Instance], areas: list[str],
             random_blocks: list[Instance], pages: dict[str, Path] | None) -> int:
    verdict, seconds, counts = runner.Verdict(), defaultdict(float), defaultdict(int)
    failed: dict[str, list[Difference]] = defaultdict(list)
    for instance, (transcript,), took in runner.run(chosen, [aim]):
        area = _area(instance)
        seconds[area] += took
        counts[area] += 1
        failed[area] += verdict.judge(instance, aim, recording, recording.of(instance), transcript)
    for area in areas:
        lines = show.differences(failed[area])
        for line in lines:
            print(line, file=sys.stderr)
        _check(area, lines, seconds[area], f"{counts[area]} runs as on Kafka")
    if random_blocks:
        tally, begin = random_sequences.Tally(), time.monotonic()
        for block, (transcript,), _ in runner.run(random_blocks, [aim]):
            tally.add(block, aim, recording, recording.of(block), transcript)
        lines = [f"random sequence {number}, seed {_seed(random_blocks)}: {show.differences([difference])[0]}"
                 for number, difference in tally.differences]
        for line in lines:
            print(line, file=sys.stderr)
        _check("random", lines, time.monotonic() - begin, f"seed {_seed(random_blocks)}: {tally.summary()}")
    if pages is not None:
        for profile, path in pages.items():
            recording.transcripts |= Recording.load(path).transcripts
            chosen += runner.instances([], recording.versions, profile)
        stale = [f"accepted, but not seen any more: {entry.sequences} {entry.api} {entry.field}"
                 for entry in verdict.stale()]
        _check("pages", _old_pages(recording, chosen, aim.schemas) + stale, 0,
               f"COVERAGE.md is up to date, and so is DIFFERENCES.md: all {len(verdict.accepted)} were seen")
    return 0


def _old_pages(recording: Recording, chosen: list[Instance], schemas: schema.Schemas) -> list[str]:
    """The generated pages that say something else than they would now."""
    old = {path.name: path.read_text() if path.exists() else "" for path in map(paths.SOURCES.joinpath, PAGES)}
    lines = ["DIFFERENCES.md is out of date: python -m differential --write"] * (old["DIFFERENCES.md"] != differences.page())
    page = coverage.pages(recording.transcripts, chosen, schemas)["COVERAGE.md"]
    (old_count, was), (count, now) = coverage.provoked(old["COVERAGE.md"]), coverage.provoked(page)
    changed = [f"{api} {errors.name(code)}" for api, code in sorted(was ^ now)]
    if changed or old_count != count:
        lines.append(f"COVERAGE.md is out of date ({', '.join(changed) or count}): python -m differential --write")
    return lines


def _seed(random_blocks: list[Instance]) -> int:
    return random_blocks[0].sequence.case.seed


def _area(instance: Instance) -> str:
    return instance.sequence.name.split(".")[0]


def _check(area: str, problems: list[str], seconds: float, good: str) -> None:
    detail = good if not problems else f"{len(problems)}: " + " / ".join(problems[:MAX_DETAIL])
    verdict = "fail" if problems else "ok"
    print(f"CHECK\tdifferential.{area}\t{verdict}\t{int(seconds * 1000)}\t{' '.join(detail.split())}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4], sys.argv[5:]))
