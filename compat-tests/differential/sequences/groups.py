"""Classic groups: joining, syncing, heartbeats, leaving."""

from .. import bodies
from ..sequence import sequence
from ..talk import Talk


@sequence("group.one_member", api="JoinGroup")
def one_member(t: Talk) -> None:
    group = t.group()
    joined = t.send("JoinGroup", bodies.join(group))
    if joined["ErrorCode"] == 79:
        joined = t.send("JoinGroup", bodies.join(group, joined["MemberId"]))
    member, generation = joined["MemberId"], joined["GenerationId"]
    t.send("DescribeGroups", {"Groups": [group]})
    t.send("SyncGroup", bodies.sync(group, generation, member, {member: b"mine"}))
    t.send("Heartbeat", bodies.heartbeat(group, generation, member))
    t.send("DescribeGroups", {"Groups": [group]})
    t.send("LeaveGroup", bodies.leave(group, member))
    t.send("DescribeGroups", {"Groups": [group]})


@sequence("group.heartbeat_errors", api="Heartbeat")
def heartbeat_errors(t: Talk) -> None:
    group = t.group()
    t.send("Heartbeat", bodies.heartbeat(group, 1, "nobody"))
    t.send("Heartbeat", bodies.heartbeat("", 1, "nobody"))
    joined = t.ask("JoinGroup", bodies.join(group), version=3)
    member, generation = joined["MemberId"], joined["GenerationId"]
    t.send("Heartbeat", bodies.heartbeat(group, generation, member))
    t.ask("SyncGroup", bodies.sync(group, generation, member, {member: b""}))
    for wrong in (generation + 1, generation - 1, -1, 2**31 - 1):
        t.send("Heartbeat", bodies.heartbeat(group, wrong, member))
    t.send("Heartbeat", bodies.heartbeat(group, generation, "nobody"))
    t.send("Heartbeat", bodies.heartbeat(group, generation, member, instance="nobody"))


@sequence("group.session_timeout", api="JoinGroup", cases={"0": 0, "-1": -1, "999": 999, "1000": 1000, "1800000": 1_800_000,
                                                          "1800001": 1_800_001, "max": 2**31 - 1, "min": -2**31})
def session_timeout(t: Talk, timeout: int) -> None:
    t.send("JoinGroup", bodies.join(t.group(), session=timeout))


@sequence("group.member_expires", api="Heartbeat", versions=(0, 4))
def member_expires(t: Talk) -> None:
    group = t.group()
    joined = t.ask("JoinGroup", bodies.join(group, session=1000), version=3)
    member, generation = joined["MemberId"], joined["GenerationId"]
    t.ask("SyncGroup", bodies.sync(group, generation, member, {member: b""}))
    t.send("Heartbeat", bodies.heartbeat(group, generation, member))
    t.send_until(lambda answer: answer["Groups"][0]["GroupState"] == "Empty", "DescribeGroups", {"Groups": [group]})
    t.send("Heartbeat", bodies.heartbeat(group, generation, member))
