"""Frames and headers: sizes, versions, client ids, tagged fields, and bodies that are cut or overlong."""

import struct

from .. import batch, bodies
from ..connection import Connection
from ..sequence import sequence
from ..talk import Talk

# Every API that is served, with a body that asks for little.
SERVED = {
    "Produce": {"Acks": -1, "TimeoutMs": 1000, "TopicData": []},
    "Fetch": bodies.fetch(),
    "ListOffsets": {"ReplicaId": -1, "Topics": []},
    "Metadata": {"Topics": []},
    "OffsetCommit": {"GroupId": "frames", "MemberId": "", "Topics": []},
    "OffsetFetch": {"GroupId": "frames", "Topics": [], "Groups": []},
    "FindCoordinator": {"Key": "frames", "CoordinatorKeys": ["frames"]},
    "JoinGroup": {"GroupId": "", "ProtocolType": "consumer"},
    "Heartbeat": {"GroupId": ""},
    "LeaveGroup": {"GroupId": ""},
    "SyncGroup": {"GroupId": ""},
    "DescribeGroups": {"Groups": []},
    "ListGroups": {"StatesFilter": ["none"]},
    "CreateTopics": {"Topics": [], "timeoutMs": 1000},
    "DeleteTopics": {"Topics": [], "TopicNames": [], "TimeoutMs": 1000},
    "DeleteRecords": {"Topics": [], "TimeoutMs": 1000},
    "InitProducerId": {"TransactionalId": "", "TransactionTimeoutMs": 1000},
    "OffsetForLeaderEpoch": {"ReplicaId": -1, "Topics": []},
    "DescribeConfigs": {"Resources": []},
    "AlterConfigs": {"Resources": []},
    "DescribeLogDirs": {"Topics": []},
    "CreatePartitions": {"Topics": [], "TimeoutMs": 1000},
    "DeleteGroups": {"GroupsNames": []},
    "ElectLeaders": {"TopicPartitions": [], "TimeoutMs": 1000},
    "IncrementalAlterConfigs": {"Resources": []},
    "AlterPartitionReassignments": {"Topics": [], "TimeoutMs": 1000},
    "ListPartitionReassignments": {"Topics": [], "TimeoutMs": 1000},
    "OffsetDelete": {"GroupId": "", "Topics": []},
    "DescribeClientQuotas": {"Components": [], "Strict": False},
    "DescribeQuorum": {"Topics": []},
    "UpdateFeatures": {"FeatureUpdates": [], "timeoutMs": 1000},
    "DescribeCluster": {},
    "DescribeProducers": {"Topics": []},
    "ListConfigResources": {"ResourceTypes": [99]},
    "DescribeTopicPartitions": {"Topics": [{"Name": "none-such"}], "ResponsePartitionLimit": 1},
}


def _alive(connection: Connection) -> None:
    """Whether the connection still answers."""
    connection.send("DescribeCluster", 0, {})


@sequence("frame.empty_body", cases=list(SERVED))
def empty_body(t: Talk, api: str) -> None:
    """A request that asks for nothing, at every version."""
    first, last = t.versions(api)
    for version in range(first, last + 1):
        t.send(api, SERVED[api], version=version)


@sequence("frame.null_client_id", cases=list(SERVED))
def null_client_id(t: Talk, api: str) -> None:
    t.send(api, SERVED[api], client_id=None)
    t.send(api, SERVED[api], client_id="")


@sequence("frame.version_outside", cases=list(SERVED))
def version_outside(t: Talk, api: str) -> None:
    """Versions that Kafka does not have close the connection."""
    first, last = t.versions(api)
    for version in {first - 1, last + 1, last + 100, 32767, -1, -32768}:
        connection = t.connect()
        frame = connection.frame(api, first, SERVED[api])
        connection.post_frame(api, max(version, 0), frame[:2] + struct.pack(">h", version) + frame[4:]).answer(5)


@sequence("frame.cut_body", cases=list(SERVED))
def cut_body(t: Talk, api: str) -> None:
    """The last byte is missing."""
    for version in t.versions(api):
        connection = t.connect()
        connection.post_frame(api, version, connection.frame(api, version, SERVED[api])[:-1]).answer(5)


@sequence("frame.bytes_after_body", cases=list(SERVED))
def bytes_after_body(t: Talk, api: str) -> None:
    for version in t.versions(api):
        connection = t.connect()
        connection.post_frame(api, version, connection.frame(api, version, SERVED[api]) + b"abc").answer(5)
        _alive(connection)


@sequence("frame.unknown_tags", cases=list(SERVED))
def unknown_tags(t: Talk, api: str) -> None:
    """Tagged fields of the future, in header and body, are passed over."""
    tags = {77: b"", 1_000_000: b"abc"}
    t.send(api, SERVED[api] | {"UnknownTags": tags}, header_tags=tags)


@sequence("frame.client_id", cases={"long": "x" * 32767, "umlaut": "ä", "nul": "a\0b", "space": " ", "bytes": b"\xff\xfe"})
def client_id(t: Talk, name: str | bytes) -> None:
    for version in (0, 2):
        t.send("DescribeCluster", version=version, client_id=name, seconds=5)


@sequence("frame.size", cases={"0": 0, "-1": -1, "1": 1, "7": 7, "8": 8, "min": -2**31, "max": 2**31 - 1, "limit": 104_857_600,
                              "over_limit": 104_857_601})
def size(t: Talk, number: int) -> None:
    """A frame of this size, of which eight bytes come."""
    connection = t.connect()
    connection.post_bytes("Metadata", 0, struct.pack(">i", number) + bytes(8)).answer(2)


@sequence("frame.short", cases={str(length): length for length in range(1, 12)})
def short(t: Talk, length: int) -> None:
    """A frame that ends within the header."""
    connection = t.connect()
    connection.post_frame("Metadata", 9, connection.frame("Metadata", 9, {"Topics": []})[:length]).answer(5)


@sequence("frame.in_pieces")
def in_pieces(t: Talk) -> None:
    """A request byte by byte, and two requests in one piece."""
    connection = t.connect()
    frame = connection.frame("DescribeCluster", 0, {})
    data = struct.pack(">i", len(frame)) + frame
    pending = connection.post_bytes("DescribeCluster", 0, data[:1])
    for index in range(1, len(data)):
        t.pause(0.002)
        connection.push(data[index:index + 1])
    pending.answer()
    both = [connection.frame("DescribeCluster", 0, {}) for _ in range(2)]
    data = b"".join(struct.pack(">i", len(one)) + one for one in both)
    connection.post_bytes("DescribeCluster", 0, data, correlation=2)
    connection.post_bytes("DescribeCluster", 0, b"", correlation=3).answer()


@sequence("frame.pipelined")
def pipelined(t: Talk) -> None:
    """A hundred requests before the first answer is read: they are answered in order."""
    topic = t.topic()
    waiting = []
    for index in range(25):
        waiting.append(t.post("Produce", bodies.produce(topic, 0, batch.build(1))))
        waiting.append(t.post("Fetch", bodies.fetch(topic, {0: index})))
        waiting.append(t.post("ListOffsets", bodies.list_offsets(topic, [0], bodies.LATEST)))
        waiting.append(t.post("Metadata", {"Topics": [{"Name": topic.name}]}))
    for pending in waiting:
        pending.answer()


@sequence("frame.error_in_the_middle")
def error_in_the_middle(t: Talk) -> None:
    """What closes the connection comes after requests that are answered."""
    connection = t.connect()
    waiting = [connection.post("DescribeCluster", 0, {}) for _ in range(3)]
    frame = connection.frame("Metadata", 9, {"Topics": []})
    waiting.append(connection.post_frame("Metadata", 9, struct.pack(">h", 999) + frame[2:]))
    waiting.append(connection.post("DescribeCluster", 0, {}))
    for pending in waiting:
        pending.answer()


@sequence("frame.array_count", cases={"-2": -2, "min": -2**31, "max": 2**31 - 1, "100000": 100_000})
def array_count(t: Talk, count: int) -> None:
    """Metadata version 1 with a count of topics and no topic."""
    connection = t.connect()
    frame = connection.frame("Metadata", 1, {"Topics": []})
    connection.post_frame("Metadata", 1, frame[:-4] + struct.pack(">i", count)).answer(5)


@sequence("frame.compact_count", cases={"over": b"\xff\x01", "huge": b"\xff\xff\xff\xff\x0f", "too_long": b"\xff" * 6})
def compact_count(t: Talk, count: bytes) -> None:
    """Metadata version 9 with a compact count of topics and no topic."""
    connection = t.connect()
    frame = connection.frame("Metadata", 9, {"Topics": []})
    # Topics, three booleans, tags: the count is the fifth byte from the end.
    connection.post_frame("Metadata", 9, frame[:-5] + count + frame[-4:]).answer(5)


@sequence("frame.string_length", cases={"-2": -2, "min": -32768, "past_end": 100, "max": 32767})
def string_length(t: Talk, length: int) -> None:
    """FindCoordinator version 0 whose key has a wrong length."""
    connection = t.connect()
    frame = connection.frame("FindCoordinator", 0, {"Key": "abc"})
    connection.post_frame("FindCoordinator", 0, frame[:-5] + struct.pack(">h", length) + frame[-3:]).answer(5)


@sequence("frame.not_utf8", cases={"key": b"a\xff\xfeb", "surrogate": b"\xed\xa0\x80", "overlong": b"\xc0\x80"})
def not_utf8(t: Talk, name: bytes) -> None:
    for version in (0, 3, 4):
        t.send("FindCoordinator", {"Key": name, "CoordinatorKeys": [name]}, version=version)


@sequence("frame.null_string", cases={"0": 0, "3": 3, "4": 4})
def null_string(t: Talk, version: int) -> None:
    """Null where there may be none."""
    connection = t.connect()
    connection.send("FindCoordinator", version, {"Key": None, "CoordinatorKeys": [None]})


@sequence("frame.null_array", cases=["FindCoordinator", "DescribeGroups", "DeleteGroups", "CreateTopics"])
def null_array(t: Talk, api: str) -> None:
    field = {"FindCoordinator": "CoordinatorKeys", "DescribeGroups": "Groups", "DeleteGroups": "GroupsNames",
             "CreateTopics": "Topics"}[api]
    for version in {t.versions(api)[1], 4 if api == "FindCoordinator" else t.versions(api)[0]}:
        t.connect().send(api, version, SERVED[api] | {field: None})


@sequence("frame.boolean", cases={"2": 2, "255": 255})
def boolean(t: Talk, byte: int) -> None:
    """A boolean that is neither 0 nor 1."""
    connection = t.connect()
    frame = connection.frame("Metadata", 4, {"Topics": []})
    connection.post_frame("Metadata", 4, frame[:-1] + bytes([byte])).answer(5)


@sequence("frame.produce_of_old", cases={"0": 0, "1": 1, "2": 2})
def produce_of_old(t: Talk, version: int) -> None:
    """Advertised for an old client's sake, and yet not served."""
    connection = t.connect()
    body = struct.pack(">hii", -1, 1000, 0)
    header = struct.pack(">hhih", 0, version, 1, 1) + b"x"
    connection.post_frame("Produce", 3, header + body).answer(5)
