"""aiokafka, as the checks use it: its event loop runs on a thread, and calls wait for it."""

import asyncio
import threading

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, for_code

from common.checks import PATIENCE_SECONDS
from common.lines import Record

_loop = asyncio.new_event_loop()
threading.Thread(target=_loop.run_forever, daemon=True).start()


def _wait(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, _loop).result(PATIENCE_SECONDS)


async def _make(kind, settings):
    """Clients must be made on their loop."""
    made = kind(**settings)
    try:
        await made.start()
    except BaseException:
        await getattr(made, "stop", getattr(made, "close", None))()
        raise
    return made


class Client:
    """Makes producers and consumers, and does what an admin does."""

    name = "aiokafka"
    # What it can do.
    has_cooperative = False
    has_async_commit = False
    has_group_admin = False
    # `committed` tells the offset only; an answer tells the timestamp of the first record of its batch.
    keeps_metadata = False
    answers_timestamps = False
    # It has no name for INVALID_RECORD.
    invalid_record = -1

    error = KafkaError
    strategies = {"range": [RangePartitionAssignor]}

    def __init__(self, bootstrap: str):
        self.bootstrap = bootstrap

    def producer(self, **settings) -> "Producer":
        if "batch_size" in settings:
            settings["max_batch_size"] = settings.pop("batch_size")
        return Producer(_wait(_make(AIOKafkaProducer, {"bootstrap_servers": self.bootstrap} | settings)))

    def consumer(self, **settings) -> "Consumer":
        defaults = {"bootstrap_servers": self.bootstrap, "enable_auto_commit": False, "auto_offset_reset": "none"}
        return Consumer(_wait(_make(AIOKafkaConsumer, defaults | settings)))

    def admin(self) -> "Admin":
        return Admin(_wait(_make(AIOKafkaAdminClient, {"bootstrap_servers": self.bootstrap})))


class Producer:
    """Sends records."""

    def __init__(self, raw: AIOKafkaProducer):
        self._raw = raw

    def send(self, topic: str, record: Record, partition: bool = True):
        """Hands over a record, with its partition or as the client chooses; what `answer` waits for."""
        return _wait(self._raw.send(topic, value=record.value, key=record.key, headers=record.headers,
                                    partition=record.partition if partition else None, timestamp_ms=record.timestamp))

    @staticmethod
    def answer(sent):
        """Partition, offset and timestamp that the broker answered; raises what it refused."""

        async def done():
            return await sent

        found = _wait(done())
        return (found.partition, found.offset, found.timestamp) if found else (None, -1, None)

    def close(self) -> None:
        _wait(self._raw.stop())


class _Listener(ConsumerRebalanceListener):
    def __init__(self, on_revoked):
        self._on_revoked = on_revoked

    def on_partitions_revoked(self, revoked) -> None:
        self._on_revoked({part.partition for part in revoked})

    def on_partitions_assigned(self, assigned) -> None:
        pass


class Consumer:
    """Reads records. Partitions are pairs of a topic and a number."""

    def __init__(self, raw: AIOKafkaConsumer):
        self._raw = raw

    def _call(self, method, *arguments):
        async def called():
            return method(*arguments)

        return _wait(called())

    def assign(self, parts) -> None:
        self._call(self._raw.assign, [TopicPartition(*part) for part in parts])

    def subscribe(self, topic: str, on_revoked=lambda numbers: None) -> None:
        self._call(lambda: self._raw.subscribe([topic], listener=_Listener(on_revoked)))

    def assignment(self) -> set[int]:
        return {part.partition for part in self._call(self._raw.assignment)}

    def poll(self, milliseconds: int, most: int = 500) -> list:
        polled = _wait(self._raw.getmany(timeout_ms=milliseconds, max_records=most))
        return [message for messages in polled.values() for message in messages]

    def seek(self, part, offset: int) -> None:
        self._call(self._raw.seek, TopicPartition(*part), offset)

    def seek_to_beginning(self, parts) -> None:
        _wait(self._raw.seek_to_beginning(*(TopicPartition(*part) for part in parts)))

    def seek_to_end(self, parts) -> None:
        _wait(self._raw.seek_to_end(*(TopicPartition(*part) for part in parts)))

    def position(self, part) -> int:
        return _wait(self._raw.position(TopicPartition(*part)))

    def ends(self, parts) -> list[int]:
        ends = _wait(self._raw.end_offsets([TopicPartition(*part) for part in parts]))
        return [ends[TopicPartition(*part)] for part in parts]

    def at_times(self, times) -> dict:
        """The offset and timestamp of the first record at or after a time, by partition; None if there is none."""
        found = _wait(self._raw.offsets_for_times({TopicPartition(*part): time for part, time in times.items()}))
        return {(part.topic, part.partition): answer and (answer.offset, answer.timestamp)
                for part, answer in found.items()}

    def commit(self, offsets=None) -> None:
        """Commits pairs of offset and metadata, or the position."""
        _wait(self._raw.commit(offsets and {TopicPartition(*part): pair for part, pair in offsets.items()}))

    def committed(self, part) -> tuple[int, str] | None:
        found = _wait(self._raw.committed(TopicPartition(*part)))
        return None if found is None else (found, "")

    def close(self, commit: bool = True) -> None:
        _wait(self._raw.stop())


class Admin:
    """Admin calls; what is refused raises an error with the protocol's number in `errno`."""

    def __init__(self, raw: AIOKafkaAdminClient):
        self._raw = raw

    def create(self, topic: str, partitions: int = -1, replicas: int = -1, configs=None, assignment=None,
               validate: bool = False) -> None:
        new = NewTopic(topic, partitions, replicas, assignment, configs or {})
        _raise_first(_wait(self._raw.create_topics([new], validate_only=validate)).topic_errors)

    def delete(self, topic: str) -> None:
        _raise_first(_wait(self._raw.delete_topics([topic])).topic_error_codes)

    def grow(self, topic: str, partitions: int) -> None:
        _wait(self._raw.create_partitions({topic: NewPartitions(partitions)}))

    def topics(self) -> list[str]:
        return _wait(self._raw.list_topics())

    def partitions(self, topic: str) -> list[tuple]:
        """Number, leader, replicas and in-sync replicas of each."""
        found = _wait(self._raw.describe_topics([topic]))[0]
        _raise_first([(topic, found["error_code"])])
        return sorted((part["partition"], part["leader"], list(part["replicas"]), list(part["isr"]))
                      for part in found["partitions"])

    def cluster(self) -> tuple:
        """The cluster's id, the nodes' numbers and addresses, the controller."""
        found = _wait(self._raw.describe_cluster())
        nodes = [(node["node_id"], f"{node['host']}:{node['port']}") for node in found["brokers"]]
        return found["cluster_id"], nodes, found["controller_id"]

    def configs(self, kind: str, name: str) -> dict[str, str]:
        answers = _wait(self._raw.describe_configs([ConfigResource(ConfigResourceType[kind], name)]))
        code, _, _, _, entries = answers[0].resources[0]
        _raise_first([(name, code)])
        return {entry[0]: entry[1] for entry in entries}

    def alter(self, topic: str, configs: dict) -> None:
        """Sets these; all others go back to their defaults (it has no incremental call)."""
        answers = _wait(self._raw.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)]))
        _raise_first([(topic, answers[0].resources[0][0])])

    def group(self, group: str) -> tuple:
        """State, protocol, and client id and host of each member."""
        found = _wait(self._raw.describe_consumer_groups([group]))[0].groups[0]
        members = sorted((member[-4], member[-3]) for member in found[5])
        return found[2], found[4], members

    def groups(self) -> set[str]:
        return {found[0] for found in _wait(self._raw.list_consumer_groups())}

    def group_offsets(self, group: str) -> dict:
        found = _wait(self._raw.list_consumer_group_offsets(group))
        return {(part.topic, part.partition): (each.offset, each.metadata) for part, each in found.items()
                if each.offset >= 0}

    def close(self) -> None:
        _wait(self._raw.close())


def _raise_first(errors) -> None:
    """Raises the first error in (name, code, …)."""
    for name, code, *_ in errors:
        if code:
            raise for_code(code)(name)
