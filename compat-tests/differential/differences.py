"""Where Weir differs from Kafka, and is meant to. DIFFERENCES.md is generated from this list.

A difference that no entry covers fails; so does, in a full run, an entry that covers nothing any more.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from .compare import ABSENT, Difference

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


def _unserved(reason: str, *keys: int) -> list[Accepted]:
    """APIs that Kafka advertises and Weir does not serve yet."""
    return [Accepted("APIs that are not served yet", "*", "ApiVersions", f"ApiKeys[={key}]", reason, weir=ABSENT)
            for key in keys]


ACCEPTED: list[Accepted] = [
    *_unserved("transactions come later", 24, 25, 26, 27, 28, 65, 66),
    *_unserved("security comes later", 17, 29, 30, 31, 36, 38, 39, 40, 41, 50, 51),
    *_unserved("quotas come later", 49),
    *_unserved("the consumer protocol of KIP-848 comes later", 68, 69),
    *_unserved("share groups come later", 76, 77, 78, 79, 83, 84, 85, 86, 87, 90, 91, 92),
    *_unserved("streams groups come later", 88, 89),
    *_unserved("there is one node and one data directory", 34, 64, 80, 81),
    Accepted("Configs of Weir's own", "*", "CreateTopics", "Topics[].Configs[=write.caching]",
             "whether an answer waits for the disk is chosen by topic", kafka=ABSENT),
    Accepted("Groups", "group_members.first_has_nothing[no_*]", "DescribeGroups", "Groups[].*",
             "a member that is refused leaves no group behind"),
    Accepted("Groups", "coordinator.kind[*]", "FindCoordinator", "Coordinators[].ErrorMessage", "Weir says why",
             kafka="", weir="(text)"),
    Accepted("Groups", "group_members.rebalance_timeouts[*]", "SyncGroup", "*",
             "with no time to rebalance at all, whether the sync comes in time is a race"),
    Accepted("Produce", "produce.null_records", "Produce", "(outcome)",
             "Kafka fails on null records and never answers; they are no batch", kafka="silent"),
    Accepted("Produce", "batch.field[codec_*]", "Produce", "Responses[].PartitionResponses[].ErrorCode",
             "Kafka fails on a codec that there is not", kafka=-1, weir=76),
    Accepted("Produce", "batch.not_compressed[*]", "Produce", "Responses[].PartitionResponses[].ErrorCode",
             "Kafka fails on bytes that do not decompress", kafka=-1, weir=87),
    Accepted("Produce", "batch.field[length_max]", "Produce", "Responses[].PartitionResponses[].ErrorCode",
             "Kafka fails on a length beyond the request", kafka=-1, weir=87),
    Accepted("Fetch", "*", "Fetch", "Responses[].Partitions[].Records[]",
             "Kafka fills the asked size with the first bytes of a batch, which clients throw away",
             kafka="(part of a batch)", weir=ABSENT),
    Accepted("Fetch", "session.wrong_id[max]", "Fetch", "*",
             "the largest session id makes Kafka fail with UNKNOWN_SERVER_ERROR; to Weir it is an unknown one"),
    Accepted("Fetch", "fetch.*bytes[*", "Fetch", "Responses[].Partitions[].*",
             "a negative size makes Kafka fail with UNKNOWN_SERVER_ERROR; to Weir it is 0"),
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
