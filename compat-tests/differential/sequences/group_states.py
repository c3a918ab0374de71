"""Each state of a classic group, and what every request gets in it."""

from dataclasses import dataclass

from .. import bodies
from ..bodies import Topic
from ..connection import Connection
from ..sequence import sequence
from ..talk import Talk

STATES = ("none", "empty", "preparing", "completing", "stable")
# The last version of JoinGroup that gives a member its id and its place at once.
AT_ONCE = 3


@dataclass
class Scene:
    """A group in some state, and its first member, if it has one."""

    group: str
    member: str = "nobody"
    generation: int = 1

    @property
    def wrong_generation(self) -> int:
        return self.generation + 7


def enter(t: Talk, state: str) -> Scene:
    """Brings a new group into a state."""
    scene = Scene(t.group())
    if state == "none":
        return scene
    _join(t, scene)
    if state != "completing":
        t.ask("SyncGroup", bodies.sync(scene.group, scene.generation, scene.member, {scene.member: b"mine"}))
    if state == "empty":
        t.ask("LeaveGroup", bodies.leave(scene.group, scene.member))
    if state == "preparing":
        _second(t).post("JoinGroup", AT_ONCE, bodies.join(scene.group, protocols={"range": bodies.subscription(user_data=b"second")}), noted=False)
    expected = {"preparing": "PreparingRebalance", "completing": "CompletingRebalance", "stable": "Stable", "empty": "Empty"}
    t.ask_until(lambda answer: answer["Groups"][0]["GroupState"] == expected[state], "DescribeGroups",
                {"Groups": [scene.group]}, t.versions("DescribeGroups")[1])
    return scene


def _join(t: Talk, scene: Scene) -> None:
    joined = t.ask("JoinGroup", bodies.join(scene.group, rebalance=20_000), version=AT_ONCE)
    scene.member, scene.generation = joined["MemberId"], joined["GenerationId"]


def _second(t: Talk) -> Connection:
    """A connection whose requests may wait without holding up others'."""
    return t.connect()


def _describe(t: Talk, scene: Scene) -> None:
    t.send("DescribeGroups", {"Groups": [scene.group]}, version=t.versions("DescribeGroups")[1])


@sequence("group_state.join_new", api="JoinGroup", cases=STATES)
def join_new(t: Talk, state: str) -> None:
    """A member that comes. Where others are there, it waits for them to join again."""
    scene = enter(t, state)
    second = _second(t)
    third = bodies.join(scene.group, protocols={"range": bodies.subscription(user_data=b"third")})
    waiting = t.post("JoinGroup", third, on=second)
    if t.version > AT_ONCE:
        waiting = t.post("JoinGroup", third | {"MemberId": waiting.answer()["MemberId"]}, on=second)
    if state in ("preparing", "completing", "stable"):
        t.ask_until(lambda answer: answer["Groups"][0]["GroupState"] == "PreparingRebalance", "DescribeGroups",
                    {"Groups": [scene.group]}, t.versions("DescribeGroups")[1])
        t.ask_until(lambda answer: len(answer["Groups"][0]["Members"]) == (3 if state == "preparing" else 2), "DescribeGroups",
                    {"Groups": [scene.group]}, t.versions("DescribeGroups")[1])
        again = t.ask("JoinGroup", bodies.join(scene.group, scene.member, rebalance=20_000), version=AT_ONCE)
        assert again["ErrorCode"] == 0, again
    waiting.answer()
    t.send("DescribeGroups", {"Groups": [scene.group]})


@sequence("group_state.join_again", api="JoinGroup", cases=STATES)
def join_again(t: Talk, state: str) -> None:
    """The first member, as it was."""
    scene = enter(t, state)
    t.send("JoinGroup", bodies.join(scene.group, scene.member, rebalance=20_000))
    _describe(t, scene)


@sequence("group_state.join_changed", api="JoinGroup", cases=("empty", "preparing", "completing", "stable"))
def join_changed(t: Talk, state: str) -> None:
    """The first member, with another protocol."""
    scene = enter(t, state)
    t.send("JoinGroup", bodies.join(scene.group, scene.member, protocols={"range": bodies.subscription(user_data=b"new"), "other": b""}, rebalance=20_000))
    _describe(t, scene)


@sequence("group_state.join_mismatch", api="JoinGroup", cases=STATES)
def join_mismatch(t: Talk, state: str) -> None:
    """A member that comes with another type of protocol, with none that all have, with none."""
    scene = enter(t, state)
    # Into a group without members anybody may come, with an id it need not wait for.
    member = "stranger" if state in ("none", "empty") else ""
    for body in (bodies.join(scene.group, member, kind="connect"), bodies.join(scene.group, member, protocols={"else": b""}),
                 bodies.join(scene.group, member, kind=""), bodies.join(scene.group, member) | {"Protocols": []}):
        t.send("JoinGroup", body)
    _describe(t, scene)


@sequence("group_state.sync", api="SyncGroup", cases=STATES)
def sync(t: Talk, state: str) -> None:
    scene = enter(t, state)
    t.send("SyncGroup", bodies.sync(scene.group, scene.generation, scene.member, {scene.member: b"new"}))
    _describe(t, scene)


@sequence("group_state.sync_wrong", api="SyncGroup", cases=STATES)
def sync_wrong(t: Talk, state: str) -> None:
    scene = enter(t, state)
    t.send("SyncGroup", bodies.sync(scene.group, scene.wrong_generation, scene.member))
    t.send("SyncGroup", bodies.sync(scene.group, scene.generation, "stranger"))
    t.send("SyncGroup", bodies.sync(scene.group, scene.generation, ""))
    t.send("SyncGroup", bodies.sync(scene.group, scene.generation, scene.member, kind="connect"))
    t.send("SyncGroup", bodies.sync(scene.group, scene.generation, scene.member, protocol="else"))
    t.send("SyncGroup", bodies.sync(scene.group, scene.generation, scene.member, instance="stranger"))
    _describe(t, scene)


@sequence("group_state.heartbeat", api="Heartbeat", cases=STATES)
def heartbeat(t: Talk, state: str) -> None:
    scene = enter(t, state)
    t.send("Heartbeat", bodies.heartbeat(scene.group, scene.generation, scene.member))
    t.send("Heartbeat", bodies.heartbeat(scene.group, scene.wrong_generation, scene.member))
    t.send("Heartbeat", bodies.heartbeat(scene.group, -1, scene.member))
    t.send("Heartbeat", bodies.heartbeat(scene.group, scene.generation, "stranger"))
    t.send("Heartbeat", bodies.heartbeat(scene.group, scene.generation, ""))
    t.send("Heartbeat", bodies.heartbeat(scene.group, scene.generation, scene.member, instance="stranger"))


@sequence("group_state.leave", api="LeaveGroup", cases=STATES)
def leave(t: Talk, state: str) -> None:
    scene = enter(t, state)
    t.send("LeaveGroup", bodies.leave(scene.group, "stranger"))
    t.send("LeaveGroup", bodies.leave(scene.group, ""))
    t.send("LeaveGroup", bodies.leave(scene.group, scene.member))
    t.send("LeaveGroup", bodies.leave(scene.group, scene.member))
    if state != "preparing":
        _describe(t, scene)


@sequence("group_state.commit", api="OffsetCommit", cases=STATES)
def commit(t: Talk, state: str) -> None:
    scene, topic = enter(t, state), t.topic()
    t.send("OffsetCommit", bodies.commit(scene.group, topic, {0: 1}, generation=scene.generation, member=scene.member))
    t.send("OffsetFetch", bodies.committed(scene.group, topic))
    _describe(t, scene)


@sequence("group_state.commit_wrong", api="OffsetCommit", cases=STATES)
def commit_wrong(t: Talk, state: str) -> None:
    scene, topic = enter(t, state), t.topic()
    for generation, member, instance in (
            (scene.wrong_generation, scene.member, None), (scene.generation, "stranger", None), (scene.generation, "", None),
            (-1, scene.member, None), (-1, "stranger", None), (-1, "", "stranger"), (scene.generation, scene.member, "stranger"),
            (-5, "", None)):
        t.send("OffsetCommit",
               bodies.commit(scene.group, topic, {0: 2}, generation=generation, member=member, instance=instance))
    t.send("OffsetFetch", bodies.committed(scene.group, topic))


@sequence("group_state.commit_alone", api="OffsetCommit", cases=STATES)
def commit_alone(t: Talk, state: str) -> None:
    """Without being a member, as tools and simple consumers do."""
    scene, topic = enter(t, state), t.topic()
    t.send("OffsetCommit", bodies.commit(scene.group, topic, {0: 3}))
    t.send("OffsetFetch", bodies.committed(scene.group, topic))
    _describe(t, scene)


@sequence("group_state.fetch_offsets", api="OffsetFetch", cases=STATES)
def fetch_offsets(t: Talk, state: str) -> None:
    scene, topic = enter(t, state), t.topic()
    t.send("OffsetFetch", bodies.committed(scene.group, topic))
    t.send("OffsetFetch", bodies.committed(scene.group, topic, stable=True))
    if t.version >= 2:
        t.send("OffsetFetch", bodies.committed(scene.group, None))


@sequence("group_state.describe", api="DescribeGroups", cases=STATES)
def describe(t: Talk, state: str) -> None:
    scene = enter(t, state)
    t.send("DescribeGroups", {"Groups": [scene.group]})
    t.send("DescribeGroups", {"Groups": [scene.group], "IncludeAuthorizedOperations": True})


@sequence("group_state.list", api="ListGroups", cases=STATES)
def list_groups(t: Talk, state: str) -> None:
    enter(t, state)
    t.send("ListGroups")
    if t.version >= 4:
        for name in ("Stable", "stable", "Empty", "PreparingRebalance", "preparingrebalance", "CompletingRebalance", "Dead", "Nothing", ""):
            t.send("ListGroups", {"StatesFilter": [name]})
    if t.version >= 5:
        for name in ("classic", "Classic", "consumer", "share", "nothing", ""):
            t.send("ListGroups", {"TypesFilter": [name]})


@sequence("group_state.delete", api="DeleteGroups", cases=STATES)
def delete(t: Talk, state: str) -> None:
    scene = enter(t, state)
    t.send("DeleteGroups", {"GroupsNames": [scene.group]})
    t.send("DeleteGroups", {"GroupsNames": [scene.group]})
    _describe(t, scene)


@sequence("group_state.delete_offsets", api="OffsetDelete", cases=STATES)
def delete_offsets(t: Talk, state: str) -> None:
    scene, topic = enter(t, state), t.topic()
    t.send("OffsetDelete", _offsets_to_delete(scene, topic))
    t.send("OffsetDelete", _offsets_to_delete(scene, Topic(t.name("missing"), topic.id)))


def _offsets_to_delete(scene: Scene, topic: Topic) -> dict:
    return {"GroupId": scene.group, "Topics": [{"Name": topic.name, "Partitions": [{"PartitionIndex": 0}, {"PartitionIndex": 9}]}]}
