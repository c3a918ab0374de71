"""What may differ between two brokers that do the same: all of it is here.

Ids, ports and times are replaced by what they stand for; the same id in two places gets the same name, so that which
id stands where is compared. Of texts only whether there is one is compared. Lists without an order of their own are
sorted, long ones with a key become dicts, and what belongs to other sequences is left out of lists of everything.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from . import aged, batch
from .connection import Exchange
from .primitives import ZERO_UUID

# Field: what its values are called. Null, empty, zero and -1 stand for themselves.
IDS = {"MemberId": "member", "Leader": "member", "TopicId": "topic id", "ProducerId": "producer id",
       "SessionId": "session", "ClientInstanceId": "client instance"}
UNNAMED_IDS = (None, "", 0, -1, ZERO_UUID)

# Where the broker is and what it calls itself.
OWN = {"Port", "ClusterId", "FinalizedFeaturesEpoch", "ReplicaDirectoryId", "LogDir", "TotalBytes", "UsableBytes",
       "SubscriptionId"}

# API and field: offsets and epochs of the metadata, which each broker keeps in its own way.
OWN_OF = {("DescribeQuorum", "HighWatermark"), ("DescribeQuorum", "LogEndOffset"), ("DescribeQuorum", "LeaderEpoch")}

# Messages for people: only their presence counts.
TEXTS = {"ErrorMessage", "BatchIndexErrorMessage", "Documentation"}

# Epochs in which a broker leads: counted from its first, which need not be 0.
EPOCHS = {"LeaderEpoch", "PartitionLeaderEpoch", "Epoch"}
AGED_EPOCHS = EPOCHS | {"CommittedLeaderEpoch"}

# Wall-clock times. A value from before the run was sent by the sequence and is compared.
CLOCKS = {"LogAppendTimeMs", "Timestamp", "BaseTimestamp", "MaxTimestamp", "LastTimestamp", "LastCaughtUpTimestamp",
          "LastFetchTimestamp"}
RUN_MS = 86_400_000

# API and field of lists that have no order.
UNORDERED = {("JoinGroup", "Members"), ("DescribeGroups", "Members"), ("DescribeGroups", "Groups"),
             ("ListGroups", "Groups"), ("Metadata", "Topics"), ("Metadata", "Brokers"),
             ("ElectLeaders", "ReplicaElectionResults"), ("DescribeLogDirs", "Topics"),
             ("DescribeLogDirs", "Partitions"), ("ListConfigResources", "ConfigResources"),
             ("DescribeProducers", "ActiveProducers"), ("Produce", "Responses"), ("Produce", "PartitionResponses"),
             ("Fetch", "Partitions"), ("ListOffsets", "Topics"), ("ListOffsets", "Partitions"), ("DeleteRecords", "Topics"), ("OffsetForLeaderEpoch", "Partitions"),
             ("OffsetCommit", "Topics"), ("OffsetCommit", "Partitions"), ("OffsetFetch", "Topics"),
             ("OffsetFetch", "Partitions"), ("CreateTopics", "Topics"), ("DeleteTopics", "Responses"), ("CreatePartitions", "Results"),
             ("IncrementalAlterConfigs", "Responses"), ("AlterConfigs", "Responses"), ("DescribeConfigs", "Results"),
             ("DeleteGroups", "Results"), ("GetTelemetrySubscriptions", "RequestedMetrics")}

# API and field of lists that are compared by key: the field that is their key.
KEYED = {("ApiVersions", "ApiKeys"): "ApiKey", ("ApiVersions", "SupportedFeatures"): "Name",
         ("ApiVersions", "FinalizedFeatures"): "Name", ("DescribeConfigs", "Configs"): "Name",
         ("CreateTopics", "Configs"): "Name"}

# Configs whose values are the broker's own.
OWN_CONFIGS = {"advertised.listeners", "listeners", "log.dir", "log.dirs", "controller.quorum.voters",
               "controller.quorum.bootstrap.servers", "controller.listener.names", "metadata.log.dir", "process.roles"}

# Loggers are named after a broker's own code, but for the root.
BROKER_LOGGER = 8

_NAMES = ("Name", "GroupId", "TopicName", "Topic", "ResourceName")


@dataclass(frozen=True)
class Run:
    """What masking must know of a run: how names of its topics and groups begin, of all runs' and its own; when the run
    began; the broker's first leader epoch, and those of the topic that was led in several, if it is about that; whether batches are compressed anew."""

    token: str
    prefix: str
    now: int
    first_epoch: int
    epochs: tuple[int, ...]
    recompressed: bool


def masked(transcript: list[Exchange], run: Run) -> list[dict]:
    """A transcript as it is compared."""
    masks = _Masks(run)
    entries = []
    for exchange in transcript:
        entry: dict[str, Any] = {"api": exchange.api, "version": exchange.version, "outcome": exchange.outcome}
        if exchange.detail:
            entry["detail"] = exchange.detail
        masks.see(exchange.request)
        if exchange.answer is not None:
            entry["answer"] = masks.message(exchange.api, dict(exchange.answer))
        entries.append(entry)
    return entries


class _Masks:
    """The names given so far within one transcript."""

    def __init__(self, run: Run):
        self._run = run
        self._names: dict[str, dict[Any, str]] = {}

    def see(self, request: Any) -> None:
        """Names the topic ids of a request, whose order is the same on both brokers; that of an answer need not be."""
        for value in request.values() if isinstance(request, dict) else request if isinstance(request, list) else ():
            self.see(value)
        if isinstance(request, dict) and isinstance(request.get("TopicId"), UUID):
            self._id("topic id", request["TopicId"])

    def message(self, api: str, message: dict) -> dict:
        if api == "DescribeConfigs" and message.get("Name") in OWN_CONFIGS:
            message = message | {"Value": "(own)", "ConfigSource": "(own)", "Synonyms": "(own)"}
        if api == "DescribeConfigs" and message.get("ResourceType") == BROKER_LOGGER:
            message = message | {"Configs": [each for each in message["Configs"] if each["Name"] == "root"]}
        if str(message.get("Name")).startswith("__"):
            # It is as old as the broker, which may have been restarted.
            message = {key: [part | {"LeaderEpoch": "(own)"} if "LeaderEpoch" in part else part for part in value]
                       if key == "Partitions" else value for key, value in message.items()}
        return {key: self._value(api, key, value) for key, value in message.items()}

    def _value(self, api: str, key: str, value: Any) -> Any:
        if key == "Records" and isinstance(value, bytes):
            value = [self._batch(one) for one in batch.parse(value)]
        if isinstance(value, dict):
            return self.message(api, value)
        if isinstance(value, list):
            return self._list(api, key, value)
        if key in IDS:
            return self._id(IDS[key], value)
        if key in OWN:
            return "(own)"
        if key in TEXTS:
            return "(text)" if value else value
        if (api, key) in OWN_OF:
            return "(own)" if value > 0 else value
        if key in AGED_EPOCHS and value in self._run.epochs:
            return f"(epoch {self._run.epochs.index(value)})"
        if key in EPOCHS and isinstance(value, int) and value >= 0:
            return value - self._run.first_epoch
        if isinstance(value, str):
            return value.replace(self._run.prefix, "~")
        if key in CLOCKS and self._run.now < value < self._run.now + RUN_MS:
            return "(now)"
        return value

    def _id(self, kind: str, value: Any) -> Any:
        if value in UNNAMED_IDS:
            return value
        names = self._names.setdefault(kind, {})
        return names.setdefault(value, f"({kind} {len(names) + 1})")

    def _list(self, api: str, key: str, values: list) -> Any:
        values = [value for value in values if not self._foreign(api, value)]
        if (api, key) in UNORDERED:
            values = sorted(values, key=self._order)
        if (api, key) in KEYED and all(isinstance(value, dict) for value in values):
            named: dict[str, Any] = {}
            for value in values:
                name = f"={value[KEYED[api, key]]}"
                while name in named:
                    name += " again"
                named[name] = self.message(api, value)
            return named
        return [self.message(api, value) if isinstance(value, dict) else self._value(api, "", value)
                for value in values]

    def _order(self, value: Any) -> str:
        """Sorts elements by what is neither an id nor a text, and by the names of ids that came before."""
        if not isinstance(value, dict):
            return repr(value)
        return repr({key: self._names.get(IDS[key], {}).get(each, "") if key in IDS else each
                     for key, each in value.items() if key not in TEXTS})

    def _foreign(self, api: str, value: Any) -> bool:
        """Whether an element of a list is about another sequence's topic or group, or about what was prepared for others, or the size of what all share."""
        if not isinstance(value, dict):
            return False
        for key in _NAMES:
            name = value.get(key)
            if name in (aged.NAME, aged.GROUP) and not self._run.epochs:
                return True
            if api == "DescribeLogDirs" and isinstance(name, str) and name.startswith("__"):
                return True
            if isinstance(name, str) and name.startswith(self._run.token) and not name.startswith(self._run.prefix):
                return True
        return False

    def _batch(self, fields: dict[str, Any]) -> Any:
        """A batch with timestamps or a producer id of the broker has a CRC of its own; whether it is right counts."""
        if "PartialBytes" in fields:
            return "(part of a batch)"
        fields = dict(fields)
        if fields.get("Attributes", 0) & batch.LOG_APPEND_TIME or fields.get("ProducerId", -1) >= 0:
            fields["Crc"] = "(own)"
        if self._run.recompressed:
            fields |= {"Crc": "(own)", "Payload": "(own)", "BatchLength": "(own)"}
        return fields
