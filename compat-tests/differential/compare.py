"""Compares two masked transcripts field by field."""

import re
from dataclasses import dataclass
from typing import Any, Iterator

ABSENT = "(absent)"


@dataclass(frozen=True)
class Difference:
    """One field that differs. `path` has the indexes of lists, `field` has not."""

    sequence: str
    version: int | None
    entry: int
    api: str
    api_version: int
    path: str
    kafka: Any
    weir: Any

    @property
    def field(self) -> str:
        return re.sub(r"\[\d+\]", "[]", self.path)


def compare(sequence: str, version: int | None, kafka: list[dict], weir: list[dict]) -> list[Difference]:
    """All differences, in order."""
    found = []

    def add(entry: int, path: str, ours: Any, theirs: Any) -> None:
        about = kafka[entry] if entry < len(kafka) else weir[entry]
        found.append(Difference(sequence, version, entry, about["api"], about["version"], path, ours, theirs))

    for entry in range(max(len(kafka), len(weir))):
        if entry >= len(kafka) or entry >= len(weir):
            add(entry, "(exchange)",
                *(side[entry]["outcome"] if entry < len(side) else ABSENT for side in (kafka, weir)))
            break
        one, other = kafka[entry], weir[entry]
        if (one["api"], one["version"]) != (other["api"], other["version"]):
            add(entry, "(exchange)", f"{one['api']} v{one['version']}", f"{other['api']} v{other['version']}")
            break
        if one["outcome"] != other["outcome"] or one.get("detail") != other.get("detail"):
            add(entry, "(outcome)", *(" ".join(filter(None, (side["outcome"], side.get("detail"))))
                                      for side in (one, other)))
            continue
        for path, ours, theirs in _walk("", one.get("answer"), other.get("answer")):
            add(entry, path, ours, theirs)
    return found


def _walk(path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    if type(one) is type(other) and one == other:
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            # Lists by key have keys that begin so.
            step = f"[{key}]" if key.startswith("=") else f".{key}" if path else key
            yield from _walk(path + step, one.get(key, ABSENT), other.get(key, ABSENT))
    elif isinstance(one, list) and isinstance(other, list):
        for index in range(max(len(one), len(other))):
            yield from _walk(f"{path}[{index}]", one[index] if index < len(one) else ABSENT,
                             other[index] if index < len(other) else ABSENT)
    else:
        yield path, one, other
