"""Which error codes were provoked, taken from Kafka's answers. COVERAGE.md is generated from this."""

import re
from typing import Any, Iterator

from . import errors
from .connection import ANSWER, Exchange
from .schema import Schemas
from .sequence import Instance

# Why no sequence can provoke a code on one Kafka node that is up and has no security.
_REASONS = {
    "only a client says this to itself": (8, 13, 14, 15, 16, 97),
    "passes by itself while a broker starts or a partition moves": (5, 6, 9, 41, 78, 108),
    "one node: there is nobody else to elect, to reassign to or to be out of sync": (19, 20, 60, 80, 83, 84),
    "between brokers and controllers": (11, 77, 94, 98, 99, 101, 102, 104, 107, 119, 125, 126, 127),
    "Kafka no longer answers it": (4, 18, 28, 43, 46, 59),
    "needs security": (29, 30, 31, 33, 34, 53, 54, 58, 61, 62, 63, 64, 65, 66, 67, 93),
    "needs transactions": (48, 49, 50, 51, 52, 88, 90, 105, 120),
    "needs the consumer protocol of KIP-848": (110, 111, 112, 113, 128),
    "needs share groups": (121, 122, 123, 124, 133),
    "needs streams groups": (130, 131, 132),
    "needs quotas on changes of topics": (89,),
    "needs several listeners, log directories or tiered storage": (57, 72, 109),
    "needs a disk that fails": (56,),
    "needs another configuration of the broker": (129,),
}
# What comes and goes with how busy the machine is.
PASSING = {5, 6, 14, 15, 16, 41}
UNPROVOKED = {code: reason for reason, codes_of in _REASONS.items() for code in codes_of}


class Coverage:
    """API and code to version to the sequence that provoked it first, in the order of the sequences."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], dict[int, str]] = {}
        self._sequences: set[str] = set()
        self._runs = 0

    def add(self, instance: Instance, transcript: list[Exchange]) -> None:
        """Takes Kafka's answers of one run. Runs come in the order of the registry."""
        self._sequences.add(instance.sequence.name)
        self._runs += 1
        for exchange in transcript:
            if exchange.outcome == ANSWER and exchange.answer is not None:
                for code in codes(exchange.answer):
                    versions = self._seen.setdefault((exchange.api, code), {})
                    versions.setdefault(exchange.version, instance.sequence.name)

    def page(self, keys: dict[str, int]) -> str:
        """COVERAGE.md; `keys` are the numbers of the APIs."""
        lines = ["# Error codes provoked", "",
                 "Generated from Apache Kafka's answers (`differential/coverage.py`): for each API and version the codes",
                 "that it answered, and the sequence that provoked each first.", "",
                 f"{len(self._sequences)} sequences in {self._runs} runs.", "",
                 "| API | code | versions | sequence |", "|---|---|---|---|"]
        for (api, code), versions in sorted(self._seen.items(), key=lambda item: (keys[item[0][0]], item[0][1])):
            for span, name in _spans(versions):
                lines.append(f"| {api} | {errors.name(code)} | {span} | `{name}` |")
        provoked = {code for _, code in self._seen}
        lines += ["", "## Codes that no sequence provokes", "", "| code | why |", "|---|---|"]
        for code in errors.ERRORS:
            if code not in provoked:
                lines.append(f"| {errors.name(code)} | {UNPROVOKED.get(code, '')} |")
        return "\n".join(lines) + "\n"


def pages(transcripts: dict[str, list[Exchange]], chosen: list[Instance], schemas: Schemas) -> dict[str, str]:
    """The generated page by its name, from Kafka's answers to all sequences."""
    found = Coverage()
    for instance in chosen:
        found.add(instance, transcripts[instance.name])
    return {"COVERAGE.md": found.page({api: schemas.key(api) for api in schemas.apis()})}


def provoked(page: str) -> tuple[str, set[tuple[str, int]]]:
    """How many sequences a page is of, and the codes of each API in it but for those that pass by themselves. Which
    sequence was the first with a code may change from run to run."""
    count = next((line for line in page.splitlines() if " sequences in " in line), "")
    rows = re.findall(r"^\| (\w+) \| (-?\d+) \w+ \| [\d-]+ \| `", page, re.MULTILINE)
    return count, {(api, int(code)) for api, code in rows if int(code) not in PASSING}


def codes(value: Any) -> Iterator[int]:
    """Every error code in an answer, at whatever level."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key.endswith("ErrorCode"):
                yield each
            else:
                yield from codes(each)
    elif isinstance(value, list):
        for each in value:
            yield from codes(each)


def _spans(versions: dict[int, str]) -> Iterator[tuple[str, str]]:
    """Versions in a row with the same sequence, as `2-5`."""
    rows: list[list] = []
    for version, name in sorted(versions.items()):
        if rows and rows[-1][2] == name and rows[-1][1] == version - 1:
            rows[-1][1] = version
        else:
            rows.append([version, version, name])
    for first, last, name in rows:
        yield (str(first) if first == last else f"{first}-{last}"), name
