"""Classic groups of one member or two, static members among them, and what they commit."""

from .. import bodies
from ..connection import Answer
from ..random_state import Group, State
from .steps import step

# Longer than any block: members that are not heard of for a while stay, and those that have not synced.
SESSION_MS = 1_800_000


@step(4, "FindCoordinator")
def find_coordinator(s: State) -> None:
    names = sorted({s.group().name for _ in range(2)})
    s.send("FindCoordinator", {"Key": names[0], "KeyType": 0, "CoordinatorKeys": names})


@step(8, "OffsetCommit")
def commit(s: State) -> None:
    """As a member where the group has one, otherwise from outside."""
    group = s.group()
    generation, member, instance = (group.generation, group.member, group.instance) if group.member else (-1, "", None)
    if s.mistake():
        generation += 1
    if s.mistake():
        member = "nobody"
    body = bodies.commit(group.name, s.topic().topic, {}, generation=generation, member=member, instance=instance)
    body["Topics"] = [{"Name": topic.topic.name, "TopicId": topic.topic.id, "Partitions": [
        {"PartitionIndex": index, "CommittedOffset": s.random.randint(0, 1000), "CommittedLeaderEpoch": s.pick([-1, -1, 3]),
         "CommittedMetadata": s.pick(["", "note", None])} for index in sorted({s.partition(topic) for _ in range(2)})]}
        for topic in s.topics_of(s.pick([1, 1, 2]))]
    s.send("OffsetCommit", body)


@step(6, "OffsetFetch")
def fetch_offsets(s: State) -> None:
    """Of one group, from version 8 on of two: some partitions or all."""
    version = s.version("OffsetFetch")
    body: dict = {}
    body["Groups"] = []
    for name in sorted({s.group().name for _ in range(2)}):
        everything = s.random.random() < 0.2 and version >= 2
        topics = None if everything else [
            {"Name": topic.topic.name, "TopicId": topic.topic.id,
             "PartitionIndexes": sorted({s.partition(topic) for _ in range(2)})} for topic in s.topics_of(s.pick([1, 2]))]
        body["Groups"].append({"GroupId": name, "MemberId": None, "MemberEpoch": -1, "Topics": topics})
        body |= {"GroupId": name, "Topics": topics and [{key: topic[key] for key in ("Name", "PartitionIndexes")}
                                                       for topic in topics]}
    body["RequireStable"] = s.pick([False, True])
    s.talk.send("OffsetFetch", body, version=version)


@step(2, "OffsetDelete")
def delete_offsets(s: State) -> None:
    """Mostly of a group without members that subscribe to the topic."""
    group = _without_member(s) if not s.mistake(5) else s.group()
    if group is None:
        return
    s.send("OffsetDelete", {"GroupId": group.name, "Topics": [
        {"Name": topic.topic.name, "Partitions": [{"PartitionIndex": s.partition(topic)}]} for topic in s.topics_of(1)]})


def _without_member(s: State) -> Group | None:
    """A group that is there and has no member."""
    found = [group for group in s.groups if group.generation >= 0 and not group.member]
    return s.pick(found) if found else None


@step(7, "JoinGroup", "SyncGroup")
def join(s: State) -> None:
    """The group's only member joins, for the first time or again, and mostly syncs. A static one may come back."""
    group = s.group()
    version, topics = s.version("JoinGroup"), [topic.topic.name for topic in s.topics if s.random.random() < 0.5]
    if group.instance and version < 5:
        # Without its name it would be another member.
        version = s.talk.versions("JoinGroup")[1]
    protocols = {"range": bodies.subscription(*topics, user_data=s.bytes(9))}
    if s.random.random() < 0.3:
        protocols["roundrobin"] = bodies.subscription(*topics)
    member, kind, session = group.member, "consumer", SESSION_MS
    if s.mistake():
        member = "nobody"
    elif s.mistake():
        kind = "other"
    elif s.mistake():
        session = s.pick([0, 1, 2**31 - 1])
    elif group.instance and s.random.random() < 0.3:
        member = ""
    body = bodies.join(group.name, member, protocols=protocols, kind=kind, session=session, rebalance=SESSION_MS,
                       instance=group.instance, reason=s.pick([None, "why"]))
    answer = s.talk.send("JoinGroup", body, version=version)
    if answer.get("ErrorCode") == 79:
        answer = s.talk.send("JoinGroup", body | {"MemberId": answer["MemberId"]}, version=version)
    if answer.get("ErrorCode") == 0:
        # A static member that comes back to a stable group stays in its generation and synced.
        group.synced = group.synced and answer["GenerationId"] == group.generation
        group.member, group.generation, group.kind = answer["MemberId"], answer["GenerationId"], kind
        if s.random.random() < 0.95:
            _sync(s, group)


def _sync(s: State, group: Group) -> None:
    generation = group.generation + (s.pick([-1, 1]) if s.mistake() else 0)
    member = "nobody" if s.mistake() else group.member
    body = bodies.sync(group.name, generation, member, {group.member: s.bytes(20)}, instance=group.instance,
                       kind=group.kind, protocol=None if s.mistake() else "range")
    version = s.version("SyncGroup")
    # The version that can name a protocol wants it to be the chosen one.
    answer = s.talk.send("SyncGroup", body, version=min(version, 4) if group.kind != "consumer" else version)
    group.synced = group.synced or answer.get("ErrorCode") == 0


@step(2, "SyncGroup")
def sync_again(s: State) -> None:
    """The same assignment once more."""
    group = _member(s)
    if group is None:
        return join(s)
    _sync(s, group)


def _member(s: State) -> Group | None:
    """A group that has a member with its assignment."""
    stable = [group for group in s.groups if group.member and group.synced]
    return s.pick(stable) if stable else None


@step(6, "Heartbeat")
def heartbeat(s: State) -> None:
    group = _member(s)
    if group is None:
        return join(s)
    generation = group.generation + (s.pick([-1, 1]) if s.mistake() else 0)
    member = "nobody" if s.mistake() else group.member
    s.send("Heartbeat", bodies.heartbeat(group.name, generation, member, group.instance))


@step(2, "LeaveGroup")
def leave(s: State) -> None:
    group = _member(s)
    if group is None:
        return join(s)
    member = "nobody" if s.mistake() else group.member
    s.send("LeaveGroup", bodies.leave(group.name, member, group.instance, s.pick([None, "why"])))
    if member == group.member:
        group.leave()


@step(2, "JoinGroup", "SyncGroup", "LeaveGroup", "Heartbeat")
def second_member(s: State) -> None:
    """Another member comes, both get an assignment, it leaves, the first is alone again."""
    group = _member(s)
    if group is None or group.kind != "consumer":
        return join(s)
    version, connection = s.version("JoinGroup"), s.talk.connect()
    if group.instance:
        version = max(version, 5)
    other = ""
    join_body = bodies.join(group.name, session=SESSION_MS, rebalance=SESSION_MS)
    if version >= 4:
        other = connection.send("JoinGroup", version, join_body)["MemberId"]
    waiting = connection.post("JoinGroup", version, join_body | {"MemberId": other})
    _rejoin(s, group, version)
    other = waiting.answer()["MemberId"]
    body = bodies.sync(group.name, group.generation, group.member, {group.member: b"a", other: b"b"},
                       instance=group.instance)
    s.talk.send("SyncGroup", body)
    connection.send("SyncGroup", s.version("SyncGroup"), bodies.sync(group.name, group.generation, other))
    s.send("DescribeGroups", {"Groups": [group.name]})
    connection.send("LeaveGroup", s.version("LeaveGroup"), bodies.leave(group.name, other))
    connection.close()
    _rejoin(s, group, version)
    _sync(s, group)


def _rejoin(s: State, group: Group, version: int) -> None:
    """Waits until the member hears of a rebalance, then joins again."""
    def told(answer: Answer) -> bool:
        return answer["ErrorCode"] != 0

    s.talk.ask_until(told, "Heartbeat", bodies.heartbeat(group.name, group.generation, group.member, group.instance))
    body = bodies.join(group.name, group.member, session=SESSION_MS, rebalance=SESSION_MS, instance=group.instance)
    answer = s.talk.send("JoinGroup", body, version=version)
    group.generation, group.synced = answer["GenerationId"], False


@step(4, "DescribeGroups")
def describe_groups(s: State) -> None:
    version = s.version("DescribeGroups")
    groups = sorted({s.group().name for _ in range(2)})
    # A group that there is not is an error from version 6 on.
    known = all(group.generation >= 0 for group in s.groups if group.name in groups)
    s.talk.send("DescribeGroups", {"Groups": groups, "IncludeAuthorizedOperations": s.pick([False, True])},
                version=version if known else min(version, 5))


@step(2, "ListGroups")
def list_groups(s: State) -> None:
    s.send("ListGroups", {"StatesFilter": s.pick([[], ["Stable"], ["Empty", "Stable"], ["nonsense"]]),
                          "TypesFilter": s.pick([[], ["classic"], ["consumer"]])})


@step(1, "DeleteGroups")
def delete_groups(s: State) -> None:
    """Mostly of a group without members."""
    group = _without_member(s) if not s.mistake(10) else s.group()
    if group is None:
        return
    answer = s.send("DeleteGroups", {"GroupsNames": [group.name]})
    if answer.get("Results") and answer["Results"][0]["ErrorCode"] == 0:
        group.generation = -1
