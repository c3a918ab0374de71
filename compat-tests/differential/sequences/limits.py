"""On brokers with other settings: what expires, and limits that are met (the profile `limits` of `harness/brokers.py`)."""

from .. import bodies
from ..connection import Pending
from ..sequence import sequence
from ..talk import Talk

MANY_MS = 10**9


def _state(t: Talk, group: str, state: str) -> None:
    """A group, once it is in this state."""
    t.send_until(lambda answer: answer["Groups"][0]["GroupState"] == state, "DescribeGroups", {"Groups": [group]}, version=5)


def _committed(t: Talk, group: str, topic: bodies.Topic, offset: int) -> None:
    """What two partitions have, once the first has this."""
    t.send_until(lambda answer: answer["Groups"][0]["Topics"][0]["Partitions"][0]["CommittedOffset"] == offset, "OffsetFetch",
                 bodies.committed(group, topic, (0, 1)))


@sequence("limits.offset_expires", api="OffsetCommit", versions=(2, 3, 4), cases={"1": 1, "0": 0, "-2": -2})
def offset_expires(t: Talk, retention: int) -> None:
    """Old clients say how long an offset is kept; when the last one goes, so does the group."""
    topic, group = t.topic(partitions=2), t.group()
    t.send("OffsetCommit", bodies.commit(group, topic, {0: 5, 1: 6}, retention=retention))
    _committed(t, group, topic, -1)
    _state(t, group, "Dead")


@sequence("limits.one_of_two_expires", api="OffsetCommit", versions=(2, 4))
def one_of_two(t: Talk) -> None:
    topic, group = t.topic(partitions=2), t.group()
    t.send("OffsetCommit", bodies.commit(group, topic, {1: 6}, retention=MANY_MS))
    t.send("OffsetCommit", bodies.commit(group, topic, {0: 5}, retention=1))
    _committed(t, group, topic, -1)
    _state(t, group, "Empty")


@sequence("limits.offset_kept", api="OffsetCommit", cases={"default": -1, "long": MANY_MS})
def offset_kept(t: Talk, retention: int) -> None:
    """Without a time of its own for as long as the broker keeps them; versions from 5 on have none."""
    topic, group = t.topic(partitions=2), t.group()
    t.send("OffsetCommit", bodies.commit(group, topic, {0: 5}, retention=retention))
    t.pause(1.2)
    _committed(t, group, topic, 5)
    _state(t, group, "Empty")


@sequence("limits.members_offset", api="OffsetCommit", versions=(2, 4), cases={"subscribed": True, "other": False})
def members_offset(t: Talk, is_subscribed: bool) -> None:
    """Of a member, to a topic that it reads or does not."""
    topic, group = t.topic(partitions=2), t.group()
    metadata = bodies.subscription(topic.name if is_subscribed else t.name("other"))
    joined = t.ask("JoinGroup", bodies.join(group, protocols={"range": metadata}), version=3)
    member, generation = joined["MemberId"], joined["GenerationId"]
    t.ask("SyncGroup", bodies.sync(group, generation, member, {member: b""}))
    t.send("OffsetCommit", bodies.commit(group, topic, {0: 5}, generation=generation, member=member, retention=1))
    if is_subscribed:
        t.pause(1.2)
    _committed(t, group, topic, 5 if is_subscribed else -1)
    t.send("LeaveGroup", bodies.leave(group, member))
    _committed(t, group, topic, -1)
    _state(t, group, "Dead")


@sequence("limits.empty_group", api="LeaveGroup", versions=(0, 3, 5))
def empty_group(t: Talk) -> None:
    """A group that nobody is in, and that has no offsets, goes."""
    group = t.group()
    joined = t.ask("JoinGroup", bodies.join(group), version=3)
    t.ask("SyncGroup", bodies.sync(group, joined["GenerationId"], joined["MemberId"], {joined["MemberId"]: b""}))
    t.send("LeaveGroup", bodies.leave(group, joined["MemberId"]))
    _state(t, group, "Dead")
    t.send("DeleteGroups", {"GroupsNames": [group]})


@sequence("limits.silent_group", api="JoinGroup", versions=(3, 4, 9))
def silent_group(t: Talk) -> None:
    """Its only member falls silent."""
    group = t.group()
    joined = t.ask("JoinGroup", bodies.join(group, session=1000), version=3)
    t.ask("SyncGroup", bodies.sync(group, joined["GenerationId"], joined["MemberId"], {joined["MemberId"]: b""}))
    _state(t, group, "Dead")
    t.send("JoinGroup", bodies.join(group, joined["MemberId"], session=1000))


def _gather(t: Talk, group: str, members: int) -> list[Pending]:
    """So many join beside the first one, which has not heard of it yet."""
    waiting = []
    for number in range(members):
        waiting.append(t.connect().post("JoinGroup", t.version, bodies.join(group)))
        t.ask_until(lambda answer: len(answer["Groups"][0]["Members"]) == number + 2, "DescribeGroups", {"Groups": [group]})
    return waiting


@sequence("limits.group_size", api="JoinGroup", versions=(0, 3))
def group_size(t: Talk) -> None:
    """One more than a group may have, once it has gathered."""
    group = t.group()
    first = t.send("JoinGroup", bodies.join(group))
    waiting = _gather(t, group, 2)
    t.send("JoinGroup", bodies.join(group, first["MemberId"]))
    for each in waiting:
        each.answer()
    t.send("JoinGroup", bodies.join(group))


@sequence("limits.gathering_group_size", api="JoinGroup", versions=(0, 3))
def gathering_group_size(t: Talk) -> None:
    """While it gathers those count who wait; so its first member may find that it came too late."""
    group = t.group()
    first = t.send("JoinGroup", bodies.join(group))
    _gather(t, group, 3)
    t.send("JoinGroup", bodies.join(group))
    t.send("JoinGroup", bodies.join(group, first["MemberId"]))


@sequence("limits.no_sessions", api="Fetch", versions=range(7, 19))
def no_sessions(t: Talk) -> None:
    """Where there is no room for fetch sessions, every fetch is a full one."""
    topic = t.topic()
    t.fill(topic, count=2)
    t.send("Fetch", bodies.fetch(topic, {0: 0}, epoch=0))
    t.send("Fetch", bodies.fetch(topic, {0: 0}, epoch=0))
    t.send("Fetch", bodies.fetch(session=1, epoch=1))


@sequence("limits.deletion_disabled", api="DeleteTopics")
def deletion_disabled(t: Talk) -> None:
    topic = t.topic()
    for name in (topic.name, t.name("none")):
        t.send("DeleteTopics", {"TimeoutMs": 30_000, "Topics": [{"Name": name}], "TopicNames": [name]})


@sequence("limits.auto_create", api="Metadata")
def auto_create(t: Talk) -> None:
    """Topics that come into being when they are asked for, and those that do not."""
    body = {"AllowAutoTopicCreation": True}
    t.send_until(lambda answer: answer["Topics"][0]["ErrorCode"] == 0 and answer["Topics"][0]["Partitions"][0]["ErrorCode"] == 0,
                 "Metadata", body | {"Topics": [{"Name": t.name("new")}]})
    t.send("Metadata", body | {"Topics": [{"Name": "a/b"}]})
    if t.version >= 4:
        t.send("Metadata", {"AllowAutoTopicCreation": False, "Topics": [{"Name": t.name("other")}]})
