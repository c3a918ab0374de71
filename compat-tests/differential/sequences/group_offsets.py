"""Offsets of groups: committing, fetching, deleting; which coordinator; describing, listing and deleting groups."""

from uuid import UUID

from .. import bodies
from ..bodies import Topic
from ..sequence import sequence
from ..talk import Talk

I64_MAX, I64_MIN = 2**63 - 1, -2**63
UNKNOWN_ID = UUID(int=77)


def missing(t: Talk) -> Topic:
    """A topic that there is not."""
    return Topic(t.name("missing"), UNKNOWN_ID)


@sequence("offsets.commit", api="OffsetCommit")
def commit(t: Talk) -> None:
    topic, group = t.topic(partitions=3), t.group()
    t.send("OffsetCommit", bodies.commit(group, topic, {0: 0, 2: 7}, metadata="why", leader_epoch=0))
    t.send("OffsetFetch", bodies.committed(group, topic, range(4)))
    t.send("OffsetCommit", bodies.commit(group, topic, {0: 5}))
    t.send("OffsetFetch", bodies.committed(group, topic, range(3)))
    t.send("OffsetFetch", bodies.committed(group, None))
    t.send("DescribeGroups", {"Groups": [group]})


@sequence("offsets.fetch", api="OffsetFetch")
def fetch(t: Talk) -> None:
    topic, other, group = t.topic(partitions=3), t.topic("u"), t.group()
    t.ask("OffsetCommit", bodies.commit(group, topic, {0: 3, 2: 7}, metadata="why", leader_epoch=0))
    t.ask("OffsetCommit", bodies.commit(group, other, {0: 9}))
    t.send("OffsetFetch", bodies.committed(group, topic, range(4)))
    t.send("OffsetFetch", bodies.committed(group, other))
    t.send("OffsetFetch", bodies.committed(group, topic, []))
    t.send("OffsetFetch", bodies.committed(group, topic, [-1, 2**31 - 1]))
    t.send("OffsetFetch", bodies.committed(group, topic, [0, 0, 1]))
    t.send("OffsetFetch", bodies.committed(group, missing(t)))
    t.send("OffsetFetch", bodies.committed(group, topic, stable=True))
    if t.version >= 2:
        t.send("OffsetFetch", bodies.committed(group, None))


@sequence("offsets.fetch_nobody", api="OffsetFetch")
def fetch_nobody(t: Talk) -> None:
    topic = t.topic()
    t.send("OffsetFetch", bodies.committed(t.group(), topic))
    t.send("OffsetFetch", bodies.committed("", topic))
    if t.version >= 2:
        t.send("OffsetFetch", bodies.committed(t.group(), None))


@sequence("offsets.fetch_several", api="OffsetFetch", versions=range(8, 11))
def fetch_several(t: Talk) -> None:
    topic, first, second = t.topic(), t.group("g"), t.group("h")
    t.ask("OffsetCommit", bodies.commit(first, topic, {0: 1}))
    t.ask("OffsetCommit", bodies.commit(second, topic, {0: 2}))
    wanted = [{"Name": topic.name, "TopicId": topic.id, "PartitionIndexes": [0]}]
    for groups in ([(first, wanted), (second, wanted)], [(first, wanted), (t.name("none"), wanted)], [(first, wanted), (first, wanted)],
                   [(first, None), (second, wanted)], [("", wanted), (first, [])], []):
        t.send("OffsetFetch", {"Groups": [{"GroupId": group, "Topics": topics} for group, topics in groups]})


@sequence("offsets.fetch_as_member", api="OffsetFetch", versions=range(9, 11))
def fetch_as_member(t: Talk) -> None:
    topic, group = t.topic(), t.group()
    joined = t.ask("JoinGroup", bodies.join(group), version=3)
    wanted = [{"Name": topic.name, "TopicId": topic.id, "PartitionIndexes": [0]}]
    for member, epoch in ((joined["MemberId"], 1), (joined["MemberId"], 9), ("stranger", 1), ("", -1), (None, 0), ("", 5)):
        t.send("OffsetFetch", {"Groups": [{"GroupId": group, "MemberId": member, "MemberEpoch": epoch, "Topics": wanted}]})


@sequence("offsets.value", api="OffsetCommit", cases={"0": 0, "-1": -1, "-2": -2, "max": I64_MAX, "min": I64_MIN})
def value(t: Talk, offset: int) -> None:
    topic, group = t.topic(), t.group()
    t.send("OffsetCommit", bodies.commit(group, topic, {0: offset}))
    t.send("OffsetFetch", bodies.committed(group, topic))


@sequence("offsets.leader_epoch", api="OffsetCommit", versions=range(6, 11), cases={
    "0": 0, "-1": -1, "-2": -2, "later": 77, "max": 2**31 - 1})
def leader_epoch(t: Talk, epoch: int) -> None:
    topic, group = t.topic(), t.group()
    t.send("OffsetCommit", bodies.commit(group, topic, {0: 1}, leader_epoch=epoch))
    t.send("OffsetFetch", bodies.committed(group, topic))


@sequence("offsets.metadata", api="OffsetCommit", cases={
    "empty": "", "null": None, "most": "m" * 4096, "too_long": "m" * 4097, "umlauts": "ä" * 4096, "nul": "a\0b"})
def metadata(t: Talk, text: str | None) -> None:
    topic, group = t.topic(), t.group()
    t.send("OffsetCommit", bodies.commit(group, topic, {0: 1}, metadata=text))
    t.send("OffsetFetch", bodies.committed(group, topic))


@sequence("offsets.retention", api="OffsetCommit", versions=range(2, 5), cases={"-1": -1, "day": 86_400_000, "max": I64_MAX, "-2": -2})
def retention(t: Talk, ms: int) -> None:
    topic, group = t.topic(), t.group()
    t.send("OffsetCommit", bodies.commit(group, topic, {0: 1}, retention=ms))
    t.send("OffsetFetch", bodies.committed(group, topic))


@sequence("offsets.unknown", api="OffsetCommit")
def unknown(t: Talk) -> None:
    """Topics and partitions that there are not, alone and beside good ones."""
    topic, group = t.topic(partitions=2), t.group()
    good, bad = bodies.commit(group, topic, {0: 1, 2: 1, -1: 1, 2**31 - 1: 1}), bodies.commit(group, missing(t), {0: 1})
    t.send("OffsetCommit", good)
    t.send("OffsetCommit", bad)
    t.send("OffsetCommit", good | {"Topics": bad["Topics"] + good["Topics"]})
    t.send("OffsetFetch", bodies.committed(group, topic, range(3)))


@sequence("offsets.repeated", api="OffsetCommit")
def repeated(t: Talk) -> None:
    """A partition, a topic twice; a topic without partitions; nothing at all."""
    topic, group = t.topic(), t.group()
    one, two = bodies.commit(group, topic, {0: 1}), bodies.commit(group, topic, {0: 2})
    both = one["Topics"][0]["Partitions"] + two["Topics"][0]["Partitions"]
    t.send("OffsetCommit", one | {"Topics": [one["Topics"][0] | {"Partitions": both}]})
    t.send("OffsetFetch", bodies.committed(group, topic))
    t.send("OffsetCommit", one | {"Topics": two["Topics"] + one["Topics"]})
    t.send("OffsetFetch", bodies.committed(group, topic))
    t.send("OffsetCommit", one | {"Topics": [one["Topics"][0] | {"Partitions": []}]})
    t.send("OffsetCommit", one | {"Topics": []})


@sequence("offsets.group_id", api="OffsetCommit", cases={"dot": ".", "space": "a b", "umlaut": "ä", "long": "g" * 1000})
def group_id(t: Talk, text: str) -> None:
    topic, group = t.topic(), t.name(text)
    t.coordinator(group)
    t.send("OffsetCommit", bodies.commit(group, topic, {0: 1}))
    t.send("OffsetFetch", bodies.committed(group, topic))


@sequence("offsets.no_group_id", api="OffsetCommit", versions="newest", alone=True)
def no_group_id(t: Talk) -> None:
    """The group without a name is everybody's."""
    topic = t.topic()
    t.send("OffsetCommit", bodies.commit("", topic, {0: 1}))
    t.send("OffsetFetch", bodies.committed("", topic))
    t.send("DescribeGroups", {"Groups": [""]})
    t.send("DeleteGroups", {"GroupsNames": [""]})


@sequence("offsets.internal_topic", api="OffsetCommit", versions=range(2, 10))
def internal_topic(t: Talk) -> None:
    group = t.group()
    t.send("OffsetCommit", bodies.commit(group, Topic("__consumer_offsets", UNKNOWN_ID), {0: 1}))
    t.send("OffsetFetch", bodies.committed(group, Topic("__consumer_offsets", UNKNOWN_ID)), version=min(t.version, 9))


@sequence("offsets.topic_deleted", api="OffsetFetch")
def topic_deleted(t: Talk) -> None:
    """With the topic go the offsets that groups have in it."""
    topic, group = t.topic(), t.group()
    t.ask("OffsetCommit", bodies.commit(group, topic, {0: 1}))
    t.ask("DeleteTopics", {"Topics": [{"Name": topic.name, "TopicId": UUID(int=0)}], "TopicNames": [topic.name], "TimeoutMs": 30_000})
    t.settle()
    named = 9 if t.version == 10 else t.version
    t.ask_until(lambda answer: answer["Groups"][0]["Topics"][0]["Partitions"][0]["CommittedOffset"] == -1, "OffsetFetch",
                bodies.committed(group, topic), 9)
    t.send("OffsetFetch", bodies.committed(group, topic))
    if t.version >= 2:
        t.send("OffsetFetch", bodies.committed(group, None), version=named)


@sequence("offsets.delete", api="OffsetDelete")
def delete(t: Talk) -> None:
    topic, group = t.topic(partitions=3), t.group()
    t.ask("OffsetCommit", bodies.commit(group, topic, {0: 1, 1: 2, 2: 3}))
    for partitions in ([1], [1, 1], [9, -1], []):
        t.send("OffsetDelete", _deletion(group, (topic.name, partitions)))
    t.send("OffsetDelete", _deletion(group, (t.name("missing"), [0]), (topic.name, [0])))
    t.send("OffsetDelete", _deletion(group, (topic.name, [2]), (topic.name, [0])))
    t.send("OffsetDelete", _deletion(group))
    t.send("OffsetFetch", bodies.committed(group, topic, range(3)))
    t.send("OffsetDelete", _deletion(t.group("none"), (topic.name, [0])))
    t.send("OffsetDelete", _deletion("", (topic.name, [0])))


@sequence("offsets.delete_subscribed", api="OffsetDelete", cases={"consumer": "consumer", "connect": "connect"})
def delete_subscribed(t: Talk, kind: str) -> None:
    """What a living group subscribes to stays; a group that does not say stays whole."""
    mine, other, group = t.topic("mine"), t.topic("other"), t.group()
    for topic in (mine, other):
        t.ask("OffsetCommit", bodies.commit(group, topic, {0: 1}))
    subscription = b"\0\0\0\0\0\x01" + len(mine.name).to_bytes(2, "big") + mine.name.encode() + b"\xff\xff\xff\xff"
    joined = t.ask("JoinGroup", bodies.join(group, protocols={"range": subscription}, kind=kind), version=3)
    t.ask("SyncGroup", bodies.sync(group, joined["GenerationId"], joined["MemberId"], {joined["MemberId"]: b""}), version=3)
    t.send("OffsetDelete", _deletion(group, (mine.name, [0]), (other.name, [0])))
    for topic in (mine, other):
        t.send("OffsetFetch", bodies.committed(group, topic))


def _deletion(group: str, *topics: tuple[str, list[int]]) -> dict:
    return {"GroupId": group, "Topics": [{"Name": name, "Partitions": [{"PartitionIndex": index} for index in partitions]}
                                         for name, partitions in topics]}


# Groups as a whole


@sequence("groups.delete", api="DeleteGroups")
def delete_groups(t: Talk) -> None:
    topic, group, other = t.topic(), t.group(), t.group("h")
    for name in (group, other):
        t.ask("OffsetCommit", bodies.commit(name, topic, {0: 1}))
    t.send("DeleteGroups", {"GroupsNames": [group, t.name("none")]})
    t.send("OffsetFetch", bodies.committed(group, topic))
    t.send("DeleteGroups", {"GroupsNames": []})
    t.send("DeleteGroups", {"GroupsNames": [""]})
    t.send("DeleteGroups", {"GroupsNames": [other, other]})
    t.send("DescribeGroups", {"Groups": [group, other]})


@sequence("groups.describe", api="DescribeGroups")
def describe_groups(t: Talk) -> None:
    topic, group = t.topic(), t.group()
    t.ask("OffsetCommit", bodies.commit(group, topic, {0: 1}))
    for names in ([group], [t.name("none")], [""], [], [group, group], [group, t.name("none")]):
        t.send("DescribeGroups", {"Groups": names})
    t.send("DescribeGroups", {"Groups": [group], "IncludeAuthorizedOperations": True})


@sequence("groups.list", api="ListGroups")
def list_groups(t: Talk) -> None:
    topic, group = t.topic(), t.group()
    t.ask("OffsetCommit", bodies.commit(group, topic, {0: 1}))
    t.send("ListGroups")
    if t.version >= 4:
        t.send("ListGroups", {"StatesFilter": ["Empty", "Stable"]})
        t.send("ListGroups", {"StatesFilter": ["EMPTY", "Nothing"]})
    if t.version >= 5:
        t.send("ListGroups", {"StatesFilter": ["Empty"], "TypesFilter": ["classic"]})
        t.send("ListGroups", {"StatesFilter": ["Stable"], "TypesFilter": ["CLASSIC", "nothing"]})


@sequence("coordinator.group", api="FindCoordinator")
def find_group(t: Talk) -> None:
    for key in (t.group(), ""):
        t.send("FindCoordinator", _coordinator(0, key))
    if t.version >= 4:
        t.send("FindCoordinator", _coordinator(0, t.name("a"), t.name("b"), t.name("a")))
        t.send("FindCoordinator", _coordinator(0))


@sequence("coordinator.kind", api="FindCoordinator", cases={"2": 2, "3": 3, "-1": -1, "127": 127})
def find_other(t: Talk, kind: int) -> None:
    if t.version >= 1:
        t.send("FindCoordinator", _coordinator(kind, "a"))
        t.send("FindCoordinator", _coordinator(kind, ""))
        t.send("FindCoordinator", _coordinator(kind, "a:b:c"))


def _coordinator(kind: int, *keys: str) -> dict:
    return {"Key": keys[0] if keys else "", "KeyType": kind, "CoordinatorKeys": list(keys)}
