"""Where Weir differs from Kafka, and is meant to. DIFFERENCES.md is generated from this list.

A difference that no entry covers fails; so does, in a full run, an entry that covers nothing any more.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from .compare import Difference

ANY = object()


@dataclass(frozen=True)
class Accepted:
    """What is let pass: patterns (`*` stands for anything) for the sequence and for the field without indexes."""

    topic: str
    sequences: str
    api: str
    field: str
    reason: str
    # What is answered, for the page; compared only where it is not ANY.
    kafka: Any = ANY
    weir: Any = ANY

    def covers(self, difference: Difference) -> bool:
        return (fnmatchcase(difference.sequence, _literal_brackets(self.sequences))
                and fnmatchcase(difference.api, self.api)
                and fnmatchcase(difference.field, _literal_brackets(self.field))
                and self.kafka in (ANY, difference.kafka) and self.weir in (ANY, difference.weir))


def _literal_brackets(pattern: str) -> str:
    """In these patterns only `*` and `?` are special."""
    return pattern.replace("[", "[[]")


ACCEPTED: list[Accepted] = [
]


def page() -> str:
    """DIFFERENCES.md."""
    lines = ["# Where Weir differs from Kafka", "",
             "Generated from `differential/differences.py`: every difference from Apache Kafka 4.3.0 that the request",
             "sequences find and that is meant to be. Any other one fails the tests.", ""]
    if not ACCEPTED:
        lines.append("There is none.")
    for topic in dict.fromkeys(entry.topic for entry in ACCEPTED):
        lines += [f"## {topic}", "", "| API | field | Kafka | Weir | why |", "|---|---|---|---|---|"]
        for entry in ACCEPTED:
            if entry.topic == topic:
                cells = [entry.api, f"`{entry.field}`", _cell(entry.kafka), _cell(entry.weir), entry.reason]
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(value: Any) -> str:
    return "" if value is ANY else f"`{value}`"
