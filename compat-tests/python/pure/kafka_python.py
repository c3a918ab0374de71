"""kafka-python, as the checks use it."""

from kafka import (ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetSpec,
                   TopicPartition, errors)
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from common.checks import PATIENCE_SECONDS
from common.lines import Record


class Client:
    """Makes producers and consumers, and does what an admin does."""

    name = "kafka-python"
    # What it can do.
    has_cooperative = True
    has_async_commit = True
    has_group_admin = True
    # `committed` tells the metadata too; each answer tells the timestamp of its record.
    keeps_metadata = True
    answers_timestamps = True
    invalid_record = 87

    error = KafkaError
    strategies = {"range": [RangePartitionAssignor], "cooperative": [CooperativeStickyAssignor]}

    def __init__(self, bootstrap: str):
        self.bootstrap = bootstrap

    def _common(self) -> dict:
        # By default it waits for up to half a minute before it connects again.
        return {"bootstrap_servers": self.bootstrap, "reconnect_backoff_max_ms": 1000}

    def producer(self, **settings) -> "Producer":
        return Producer(KafkaProducer(**self._common() | {"enable_idempotence": False} | settings))

    def consumer(self, **settings) -> "Consumer":
        defaults = {"enable_auto_commit": False, "auto_offset_reset": "none", "allow_auto_create_topics": False}
        return Consumer(KafkaConsumer(**self._common() | defaults | settings))

    def admin(self) -> "Admin":
        return Admin(KafkaAdminClient(**self._common()))


class Producer:
    """Sends records."""

    def __init__(self, raw: KafkaProducer):
        self._raw = raw

    def send(self, topic: str, record: Record, partition: bool = True):
        """Hands over a record, with its partition or as the client chooses; what `answer` waits for."""
        return self._raw.send(topic, value=record.value, key=record.key, headers=record.headers,
                              partition=record.partition if partition else None, timestamp_ms=record.timestamp)

    @staticmethod
    def answer(sent):
        """Partition, offset and timestamp that the broker answered; raises what it refused."""
        found = sent.get(timeout=PATIENCE_SECONDS)
        return found.partition, found.offset, found.timestamp

    def close(self) -> None:
        self._raw.flush(timeout=PATIENCE_SECONDS)
        self._raw.close()


class _Listener(ConsumerRebalanceListener):
    def __init__(self, on_revoked):
        self._on_revoked = on_revoked

    def on_partitions_revoked(self, revoked) -> None:
        self._on_revoked({part.partition for part in revoked})

    def on_partitions_assigned(self, assigned) -> None:
        pass


class Consumer:
    """Reads records. Partitions are pairs of a topic and a number."""

    def __init__(self, raw: KafkaConsumer):
        self._raw = raw

    def assign(self, parts) -> None:
        self._raw.assign([TopicPartition(*part) for part in parts])

    def subscribe(self, topic: str, on_revoked=lambda numbers: None) -> None:
        self._raw.subscribe([topic], listener=_Listener(on_revoked))

    def assignment(self) -> set[int]:
        return {part.partition for part in self._raw.assignment()}

    def poll(self, milliseconds: int, most: int = 500) -> list:
        polled = self._raw.poll(timeout_ms=milliseconds, max_records=most)
        return [message for messages in polled.values() for message in messages]

    def seek(self, part, offset: int) -> None:
        self._raw.seek(TopicPartition(*part), offset)

    def seek_to_beginning(self, parts) -> None:
        self._raw.seek_to_beginning(*(TopicPartition(*part) for part in parts))

    def seek_to_end(self, parts) -> None:
        self._raw.seek_to_end(*(TopicPartition(*part) for part in parts))

    def position(self, part) -> int:
        return self._raw.position(TopicPartition(*part), timeout_ms=PATIENCE_SECONDS * 1000)

    def ends(self, parts) -> list[int]:
        ends = self._raw.end_offsets([TopicPartition(*part) for part in parts])
        return [ends[TopicPartition(*part)] for part in parts]

    def at_times(self, times) -> dict:
        """The offset and timestamp of the first record at or after a time, by partition; None if there is none."""
        found = self._raw.offsets_for_times({TopicPartition(*part): time for part, time in times.items()})
        return {(part.topic, part.partition): answer and (answer.offset, answer.timestamp)
                for part, answer in found.items()}

    def commit(self, offsets=None) -> None:
        """Commits pairs of offset and metadata, or the position."""
        self._raw.commit(offsets and _commits(offsets))

    def commit_async(self, offsets, callback) -> None:
        self._raw.commit_async(_commits(offsets), callback=lambda committed, answer: callback(answer))

    def committed(self, part) -> tuple[int, str] | None:
        found = self._raw.committed(TopicPartition(*part), metadata=True)
        return None if found is None or found.offset < 0 else (found.offset, found.metadata)

    def close(self, commit: bool = True) -> None:
        self._raw.close(autocommit=commit)


def _commits(offsets):
    return {TopicPartition(*part): OffsetAndMetadata(offset, text, -1) for part, (offset, text) in offsets.items()}


class Admin:
    """Admin calls; what is refused raises an error with the protocol's number in `errno`."""

    def __init__(self, raw: KafkaAdminClient):
        self._raw = raw

    def create(self, topic: str, partitions: int = -1, replicas: int = -1, configs=None, assignment=None,
               validate: bool = False) -> None:
        self._raw.create_topics([NewTopic(topic, partitions, replicas, assignment or {}, configs or {})],
                                validate_only=validate)

    def delete(self, topic: str) -> None:
        self._raw.delete_topics([topic])

    def grow(self, topic: str, partitions: int) -> None:
        self._raw.create_partitions({topic: partitions})

    def topics(self) -> list[str]:
        return self._raw.list_topics()

    def partitions(self, topic: str) -> list[tuple]:
        """Number, leader, replicas and in-sync replicas of each."""
        found = self._raw.describe_topics([topic])[0]
        return sorted((part["partition_index"], part["leader_id"], list(part["replica_nodes"]), list(part["isr_nodes"]))
                      for part in found["partitions"])

    def cluster(self) -> tuple:
        """The cluster's id, the nodes' numbers and addresses, the controller."""
        found = self._raw.describe_cluster()
        nodes = [(node["broker_id"], f"{node['host']}:{node['port']}") for node in found["brokers"]]
        return found["cluster_id"], nodes, found["controller_id"]

    def configs(self, kind: str, name: str) -> dict[str, str]:
        resource = ConfigResource(ConfigResourceType[kind], name)
        found = self._raw.describe_configs([resource], config_filter="all")[kind.lower()][name]
        return {key: entry["value"] if isinstance(entry, dict) else entry for key, entry in found.items()}

    def alter(self, topic: str, configs: dict) -> None:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs)
        answer = self._raw.alter_configs([resource], raise_on_unknown=False)["topic"][topic]
        if answer not in (None, "OK") and "NoError" not in str(answer):
            problem = KafkaError(str(answer))
            # The client answers the error's text only.
            problem.errno = _number_in(str(answer))
            raise problem

    def list_offsets(self, parts: dict) -> dict:
        """Offsets of pairs of topic and number, each earliest, latest, max_timestamp or a time."""
        specs = {"earliest": OffsetSpec.EARLIEST, "latest": OffsetSpec.LATEST,
                 "max_timestamp": OffsetSpec.MAX_TIMESTAMP}
        asked = {TopicPartition(*part): specs.get(what, what) for part, what in parts.items()}
        found = self._raw.list_partition_offsets(asked)
        return {(part.topic, part.partition): (answer.offset, answer.timestamp) for part, answer in found.items()}

    def group(self, group: str) -> tuple:
        """State, protocol, and client id and host of each member."""
        found = self._raw.describe_groups([group])[group]
        members = sorted((member["client_id"], member["client_host"]) for member in found["members"])
        return found["group_state"], found["protocol_data"], members

    def groups(self) -> set[str]:
        return {found["group_id"] for found in self._raw.list_groups()}

    def group_offsets(self, group: str) -> dict:
        found = self._raw.list_group_offsets([group])[group]
        return {(part.topic, part.partition): (each.offset, each.metadata) for part, each in found.items()
                if each.offset >= 0}

    def alter_group_offsets(self, group: str, offsets) -> None:
        self._raw.alter_group_offsets(group, _commits(offsets))

    def delete_group(self, group: str) -> None:
        # The client answers the error's name only.
        name = dict(self._raw.delete_groups([group]))[group]
        if name != "OK":
            raise getattr(errors, name)()

    def close(self) -> None:
        self._raw.close()


def _number_in(text: str) -> int:
    """The number in "[Error 40] InvalidConfigurationError…"."""
    return int(text.split("Error ", 1)[1].split("]")[0])
