"""Bodies of requests with their usual values. What a version lacks is left out when they are encoded."""

import struct
from dataclasses import dataclass
from typing import Any, Iterable
from uuid import UUID

from .schema import Message

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED = -1, -2, -3, -4, -5
# Kinds of config resources.
TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = range(4)


@dataclass(frozen=True)
class Topic:
    """A topic by its name, and by its id for the versions that want that."""

    name: str
    id: UUID


def produce(topic: Topic, partition: int, records: bytes | None, acks: int = -1, timeout: int = 30_000,
            transactional_id: str | None = None) -> Message:
    return produce_many(topic, {partition: records}, acks, timeout, transactional_id)


def produce_many(topic: Topic, partitions: dict[int, bytes | None], acks: int = -1, timeout: int = 30_000,
                 transactional_id: str | None = None) -> Message:
    return {"TransactionalId": transactional_id, "Acks": acks, "TimeoutMs": timeout, "TopicData": [
        {"Name": topic.name, "TopicId": topic.id, "PartitionData": [
            {"Index": index, "Records": records} for index, records in partitions.items()]}]}


def fetch(topic: Topic | None = None, offsets: dict[int, int] | None = None, *, max_wait: int = 0, min_bytes: int = 1,
          max_bytes: int = 0x7FFFFFFF, partition_bytes: int = 1 << 20, session: int = 0, epoch: int = -1,
          forgotten: Iterable[int] = (), isolation: int = 0, **partition_fields: Any) -> Message:
    """Fetches `offsets` (by partition) of one topic; `partition_fields` go to each (`CurrentLeaderEpoch=…`)."""
    topics = [] if not offsets else [{"Topic": topic.name, "TopicId": topic.id, "Partitions": [
        {"Partition": index, "FetchOffset": offset, "PartitionMaxBytes": partition_bytes} | partition_fields
        for index, offset in offsets.items()]}]
    gone = list(forgotten)
    return {"MaxWaitMs": max_wait, "MinBytes": min_bytes, "MaxBytes": max_bytes, "IsolationLevel": isolation,
            "SessionId": session, "SessionEpoch": epoch, "Topics": topics, "ForgottenTopicsData": [
                {"Topic": topic.name, "TopicId": topic.id, "Partitions": gone}] if gone else []}


def list_offsets(topic: Topic, partitions: Iterable[int], timestamp: int, isolation: int = 0,
                 leader_epoch: int = -1) -> Message:
    return {"ReplicaId": -1, "IsolationLevel": isolation, "TimeoutMs": 30_000, "Topics": [
        {"Name": topic.name, "Partitions": [
            {"PartitionIndex": index, "Timestamp": timestamp, "CurrentLeaderEpoch": leader_epoch}
            for index in partitions]}]}


def create_topic(name: str | None, partitions: int = 1, replication: int = 1,
                 configs: dict[str, str | None] | None = None, assignments: dict[int, list[int]] | None = None,
                 validate_only: bool = False, timeout: int = 30_000) -> Message:
    return {"timeoutMs": timeout, "validateOnly": validate_only, "Topics": [
        {"Name": name, "NumPartitions": partitions, "ReplicationFactor": replication,
         "Assignments": [{"PartitionIndex": index, "BrokerIds": brokers}
                         for index, brokers in (assignments or {}).items()],
         "Configs": [{"Name": key, "Value": value} for key, value in (configs or {}).items()]}]}


def describe_configs(kind: int, name: str, keys: list[str] | None = None, synonyms: bool = False,
                     documentation: bool = False) -> Message:
    return {"Resources": [{"ResourceType": kind, "ResourceName": name, "ConfigurationKeys": keys}],
            "IncludeSynonyms": synonyms, "IncludeDocumentation": documentation}


def alter_config(kind: int, name: str, values: dict[str, str | None], operation: int = SET,
                 validate_only: bool = False) -> Message:
    """IncrementalAlterConfigs with one operation for all values."""
    return {"ValidateOnly": validate_only, "Resources": [{"ResourceType": kind, "ResourceName": name, "Configs": [
        {"Name": key, "ConfigOperation": operation, "Value": value} for key, value in values.items()]}]}


def subscription(*topics: str, user_data: bytes = b"") -> bytes:
    """A consumer's metadata in JoinGroup, version 0. Kafka never answers a join whose metadata is anything else."""
    names = b"".join(struct.pack(">h", len(name)) + name.encode() for name in topics)
    return struct.pack(">hi", 0, len(topics)) + names + struct.pack(">i", len(user_data)) + user_data


def join(group: str, member: str = "", *, protocols: dict[str, bytes] | None = None, kind: str = "consumer",
         session: int = 30_000, rebalance: int = 30_000, instance: str | None = None,
         reason: str | None = None) -> Message:
    offered = {"range": subscription()} if protocols is None else protocols
    return {"GroupId": group, "MemberId": member, "SessionTimeoutMs": session, "RebalanceTimeoutMs": rebalance,
            "GroupInstanceId": instance, "ProtocolType": kind, "Reason": reason, "Protocols": [
                {"Name": name, "Metadata": metadata} for name, metadata in offered.items()]}


def sync(group: str, generation: int, member: str, assignments: dict[str, bytes] | None = None, *,
         instance: str | None = None, kind: str | None = "consumer", protocol: str | None = "range") -> Message:
    return {"GroupId": group, "GenerationId": generation, "MemberId": member, "GroupInstanceId": instance,
            "ProtocolType": kind, "ProtocolName": protocol, "Assignments": [
                {"MemberId": name, "Assignment": data} for name, data in (assignments or {}).items()]}


def heartbeat(group: str, generation: int, member: str, instance: str | None = None) -> Message:
    return {"GroupId": group, "GenerationId": generation, "MemberId": member, "GroupInstanceId": instance}


def leave(group: str, member: str, instance: str | None = None, reason: str | None = None) -> Message:
    return {"GroupId": group, "MemberId": member, "Members": [
        {"MemberId": member, "GroupInstanceId": instance, "Reason": reason}]}


def commit(group: str, topic: Topic, offsets: dict[int, int], *, generation: int = -1, member: str = "",
           instance: str | None = None, metadata: str | None = "", leader_epoch: int = -1,
           retention: int = -1) -> Message:
    return {"GroupId": group, "GenerationIdOrMemberEpoch": generation, "MemberId": member, "GroupInstanceId": instance,
            "RetentionTimeMs": retention, "Topics": [{"Name": topic.name, "TopicId": topic.id, "Partitions": [
                {"PartitionIndex": index, "CommittedOffset": offset, "CommittedLeaderEpoch": leader_epoch,
                 "CommittedMetadata": metadata} for index, offset in offsets.items()]}]}


def committed(group: str, topic: Topic | None, partitions: Iterable[int] = (0,), stable: bool = False) -> Message:
    """OffsetFetch of one group, in the old and in the new place; all its topics without a topic."""
    indexes = list(partitions)
    topics = None if topic is None else [{"Name": topic.name, "TopicId": topic.id, "PartitionIndexes": indexes}]
    old = None if topic is None else [{"Name": topic.name, "PartitionIndexes": indexes}]
    return {"GroupId": group, "Topics": old, "RequireStable": stable,
            "Groups": [{"GroupId": group, "MemberId": None, "MemberEpoch": -1, "Topics": topics}]}
