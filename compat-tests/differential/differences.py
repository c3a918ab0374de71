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
    # Depends on what else happens, or only random sequences or brokers of another profile meet it.
    sometimes: bool = False

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
    Accepted("Features", "*", "ApiVersions", "SupportedFeatures[=*]", "a feature is named when it is served", weir=ABSENT),
    Accepted("Features", "*", "ApiVersions", "FinalizedFeatures[=*]", "a feature is named when it is served", weir=ABSENT),
    Accepted("Features", "*", "ApiVersions", "SupportedFeatures[=metadata.version].MinVersion",
             "no metadata of older releases has to be read"),
    Accepted("Features", "features.group_version[same]", "UpdateFeatures", "*", "a feature is named when it is served"),
    Accepted("Produce", "batch.bytes_after_compressed[zstd]", "Produce", "Responses[].PartitionResponses[].ErrorCode",
             "Kafka fails on bytes that do not decompress", kafka=-1, weir=87),
    Accepted("Configs of Weir's own", "*", "CreateTopics", "Topics[].Configs[=write.caching]",
             "whether an answer waits for the disk is chosen by topic", kafka=ABSENT),
    Accepted("Configs of Weir's own", "*", "DescribeConfigs", "Results[].Configs[=write.caching*]",
             "whether an answer waits for the disk is chosen by topic", kafka=ABSENT),
    Accepted("Configs of Weir's own", "*", "DescribeConfigs", "Results[].Configs[=weir.*]",
             "limits that Kafka does not have", kafka=ABSENT),
    Accepted("Configs of Weir's own", "*", "DescribeConfigs", "Results[].Configs[=queued.max.request.bytes].*",
             "the memory for requests has a limit, if not another one then this", kafka="-1"),
    *[Accepted("Configs", "*", "*", f"*[=min.insync.replicas]{field}",
               "Kafka sets it on all brokers for the sake of eligible leader replicas, which come later")
      for field in (".ConfigSource", ".Synonyms[]*", "")],
    Accepted("Configs", "topic_config.min_insync_from_broker", "IncrementalAlterConfigs", "Responses[].*",
             "Kafka keeps it on all brokers for the sake of eligible leader replicas, which come later"),
    Accepted("Configs", "topic_config.odd_number[*]", "IncrementalAlterConfigs", "Responses[].*",
             "numbers are finite and written in decimal digits; Java reads more"),
    Accepted("Configs", "*", "DescribeConfigs", "Results[].ErrorMessage", "Weir says why", kafka="", weir="(text)"),
    *[Accepted("Configs", sequences, api, f"Responses[].{field}", "a name that nobody reads is refused; Kafka keeps it")
      for sequences, api in (("config_kinds.alter[broker]", "IncrementalAlterConfigs"), ("broker_config.unknown[*]", "*"))
      for field in ("ErrorCode", "ErrorMessage")],
    Accepted("Configs", "config_kinds.alter_all[broker]", "AlterConfigs", "Responses[].ErrorCode",
             "the same refusal as of IncrementalAlterConfigs", kafka=40, weir=42),
    Accepted("Configs", "broker_config.change[metric.reporters]", "IncrementalAlterConfigs", "Responses[].*",
             "plug-ins in Java are not loaded, whatever their name"),
    Accepted("Configs", "broker_config.change[log.flush.interval.ms]", "IncrementalAlterConfigs", "Responses[].*",
             "a negative time between flushes is refused; Kafka takes it"),
    Accepted("Configs", "broker_config.change[max.connections.per.ip.overrides]", "IncrementalAlterConfigs", "Responses[].*",
             "a limit is for an address; Kafka takes an empty one"),
    Accepted("Configs", "alter_configs.twice", "AlterConfigs", "(outcome)",
             "Kafka never answers a request that names a resource twice", kafka="silent", weir="answer"),
    Accepted("Topics", "create_partitions.*", "CreatePartitions", "Results[].ErrorMessage", "Weir says why", kafka=None,
             weir="(text)"),
    Accepted("Topics", "create_partitions.far[*]", "CreatePartitions", "Results[].ErrorCode",
             "Kafka fails on more partitions than one request may make", kafka=-1, weir=44),
    *[Accepted("Topics", sequences, "Metadata", field, "Kafka fails on an entry with neither name nor id", kafka=-1)
      for sequences in ("metadata.by_id", "metadata.null_name") for field in ("ErrorCode", "Topics[].ErrorCode")],
    Accepted("Topics", "topic_partitions.name[empty]", "DescribeTopicPartitions", "Topics[].*", "Kafka fails on an empty name"),
    Accepted("Topics", "topic_partitions.cursor[max]", "DescribeTopicPartitions", "*",
             "Kafka counts on from the largest partition number to negative ones"),
    Accepted("Topics", "limits.deletion_disabled", "DeleteTopics", "Responses[].ErrorMessage", "Weir says why", kafka=None,
             weir="(text)", sometimes=True),
    Accepted("Groups", "group_members.first_has_nothing[no_*]", "DescribeGroups", "Groups[].*",
             "a member that is refused leaves no group behind"),
    Accepted("Groups", "coordinator.kind[*]", "FindCoordinator", "Coordinators[].ErrorMessage", "Weir says why",
             kafka="", weir="(text)"),
    Accepted("Groups", "group_members.rebalance_timeouts[*]", "SyncGroup", "*",
             "with no time to rebalance at all, whether the sync comes in time is a race"),
    Accepted("Frames", "frame.not_utf8[*]", "FindCoordinator", "(outcome)",
             "a string that is not UTF-8 makes no request; Kafka puts U+FFFD in its place", kafka="answer", weir="closed"),
    Accepted("Frames", "frame.client_id[bytes]", "DescribeCluster", "(outcome)",
             "a string that is not UTF-8 makes no request; Kafka puts U+FFFD in its place", kafka="answer", weir="closed"),
    Accepted("Frames", "frame.*_count[*]", "Metadata", "(outcome)",
             "a count below -1 makes no request; Kafka takes it for null", kafka="answer", weir="closed"),
    Accepted("Cluster", "quorum.describe", "DescribeQuorum", "Nodes[].Listeners[].Name",
             "the quorum has no listener of its own yet"),
    Accepted("Cluster", "elect_leaders.all", "ElectLeaders", "ReplicaElectionResults[].*",
             "topics come by name; Kafka's order is that of a hash table", sometimes=True),
    Accepted("Cluster", "log_dirs.all", "DescribeLogDirs", "Results[].Topics[].Partitions[].PartitionSize",
             "group metadata is not written as often", sometimes=True),
    Accepted("Produce", "*", "Produce", "Responses[].PartitionResponses[].ErrorMessage", "Weir says why",
             kafka=None, weir="(text)"),
    Accepted("Produce", "batch.field[codec_*]", "Produce", "Responses[].PartitionResponses[].LogStartOffset",
             "Kafka fails on a codec that there is not", kafka=-1, weir=0),
    Accepted("Produce", "batch.record[offset_*]", "Fetch", "Responses[].Partitions[].Records[].*",
             "offset deltas become those that the batch says; Kafka stores deltas that do not fit"),
    Accepted("Produce", "batch.record_compressed[offset_*]", "Produce", "Responses[].PartitionResponses[].ErrorCode",
             "Kafka fails on offset deltas that do not fit", kafka=-1, weir=87),
    Accepted("Produce", "batch.record_compressed[length_*]", "*", "*",
             "records are as long as they say; Kafka stores damaged ones"),
    Accepted("Produce", "batch.bytes_after_compressed[*]", "*", "*", "nothing follows the records; Kafka stores what does"),
    Accepted("Producers", "*", "DescribeProducers", "Topics[].Partitions[].ActiveProducers[].LastTimestamp",
             "when the last batch was appended, by which producers expire; Kafka goes by the producer's clock"),
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
    Accepted("Fetch", "session.mixed_versions", "Fetch", "*",
             "where a log diverges is told from version 12 on; Kafka fails when such a session goes on in an older one"),
    Accepted("ListOffsets", "list_offsets.deleted", "ListOffsets", "Topics[].Partitions[].*",
             "the newest record is one that can be read; in Kafka it may be one that was deleted"),
    Accepted("Fetch", "session.deleted_topic", "Fetch", "Responses[].Partitions[].*",
             "the id of a deleted topic is unknown, in a session, too"),
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
