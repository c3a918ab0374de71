"""Several members of a classic group: who leads, what is agreed on, who leaves, who waits for whom; static members."""

from .. import bodies
from ..connection import Connection
from ..schema import Message
from ..sequence import sequence
from ..talk import Talk

# The last version of JoinGroup that gives a member its id and its place at once.
AT_ONCE = 3
STATIC_FROM = 5


class Member:
    """A member on a connection of its own. Its metadata is its name, so that lists of members have one order."""

    def __init__(self, t: Talk, group: str, name: str, instance: str | None = None, **joining):
        self.t, self.group, self.name, self.instance = t, group, name, instance
        self.connection: Connection = t.connect()
        self.id, self.generation, self.leader = "", -1, ""
        self.joining = {"protocols": {"range": bodies.subscription(user_data=name.encode())}, "session": 20_000, "rebalance": 20_000} | joining
        self._waiting = None

    def join(self, version: int | None = None) -> "Member":
        """Sends its JoinGroup, with an id where it needs one, and does not wait."""
        body = bodies.join(self.group, self.id, instance=self.instance, **self.joining)
        self._waiting = self.t.post("JoinGroup", body, version, on=self.connection)
        if self.t.at("JoinGroup", version) > AT_ONCE and not self.id and self.instance is None:
            answer = self._waiting.answer()
            if answer.get("ErrorCode") == 79:
                self.id = answer["MemberId"]
                self._waiting = self.t.post("JoinGroup", body | {"MemberId": self.id}, version, on=self.connection)
        return self

    def joined(self) -> "Member":
        """Waits for the answer to its JoinGroup."""
        answer = self._waiting.answer()
        self.id = answer.get("MemberId") or self.id
        self.generation, self.leader = answer.get("GenerationId", -1), answer.get("Leader", "")
        return self

    def post_sync(self, assignments: dict[str, bytes] | None = None, **fields):
        body = bodies.sync(self.group, self.generation, self.id, assignments, instance=self.instance, **fields)
        return self.t.post("SyncGroup", body, on=self.connection)

    def sync(self, assignments: dict[str, bytes] | None = None, **fields) -> Message:
        return self.post_sync(assignments, **fields).answer()

    def heartbeat(self) -> Message:
        return self.t.send("Heartbeat", bodies.heartbeat(self.group, self.generation, self.id, self.instance), on=self.connection)

    def leave(self) -> Message:
        return self.t.send("LeaveGroup", bodies.leave(self.group, self.id, self.instance), on=self.connection)


def await_state(t: Talk, group: str, state: str, members: int | None = None) -> None:
    t.ask_until(lambda answer: answer["Groups"][0]["GroupState"] == state
                and members in (None, len(answer["Groups"][0]["Members"])), "DescribeGroups", {"Groups": [group]},
                t.versions("DescribeGroups")[1])


def describe(t: Talk, group: str) -> None:
    t.send("DescribeGroups", {"Groups": [group]})


def alone(t: Talk, group: str, name: str = "one", **joining) -> Member:
    """A group of one, stable."""
    one = Member(t, group, name, **joining).join().joined()
    one.sync({one.id: b"all"})
    return one


def pair(t: Talk, **joining) -> tuple[Member, Member]:
    """A group of two, both joined; the first leads."""
    group = t.group()
    one = alone(t, group, **joining)
    two = Member(t, group, "two", **joining).join()
    await_state(t, group, "PreparingRebalance", 2)
    one.heartbeat()
    one.join().joined()
    two.joined()
    return one, two


def settled(t: Talk, **joining) -> tuple[Member, Member]:
    """A stable group of two."""
    one, two = pair(t, **joining)
    waiting = two.post_sync()
    one.sync({one.id: b"first", two.id: b"second"})
    waiting.answer()
    return one, two


@sequence("group_members.two", api="JoinGroup")
def two(t: Talk) -> None:
    one, two = settled(t)
    describe(t, one.group)
    one.heartbeat()
    two.heartbeat()


@sequence("group_members.two_synced", api="SyncGroup")
def two_synced(t: Talk) -> None:
    one, two = settled(t)
    two.sync()
    one.sync({one.id: b"other"})
    describe(t, one.group)


@sequence("group_members.follower_syncs_first", api="SyncGroup")
def follower_syncs_first(t: Talk) -> None:
    one, two = pair(t)
    waiting = two.post_sync({two.id: b"of a follower"})
    await_state(t, one.group, "CompletingRebalance")
    one.heartbeat()
    # Not on its connection: Kafka reads nothing there until the sync is answered.
    t.send("Heartbeat", bodies.heartbeat(two.group, two.generation, two.id))
    one.sync({two.id: b"second"})
    waiting.answer()
    describe(t, one.group)


@sequence("group_members.assigns_strangers", api="SyncGroup")
def assigns_strangers(t: Talk) -> None:
    one = Member(t, t.group(), "one").join().joined()
    one.sync({one.id: b"mine", "stranger": b"theirs", "": b"nobody's"})
    describe(t, one.group)


@sequence("group_members.assigns_nothing", api="SyncGroup")
def assigns_nothing(t: Talk) -> None:
    one = Member(t, t.group(), "one").join().joined()
    one.sync()
    describe(t, one.group)
    one.sync()


@sequence("group_members.sync_without_protocol", api="SyncGroup", versions=(4, 5), cases={
    "neither": {"kind": None, "protocol": None}, "type_only": {"protocol": None}, "name_only": {"kind": None},
    "other_type": {"kind": "connect"}, "other_name": {"protocol": "else"}, "empty": {"kind": "", "protocol": ""}})
def sync_without_protocol(t: Talk, fields: dict) -> None:
    one = Member(t, t.group(), "one").join().joined()
    one.sync({one.id: b"mine"}, **fields)
    describe(t, one.group)


@sequence("group_members.leader_leaves", api="LeaveGroup", cases=("stable", "completing"))
def leader_leaves(t: Talk, state: str) -> None:
    one, two = settled(t) if state == "stable" else pair(t)
    waiting = two.post_sync() if state == "completing" else None
    one.leave()
    if waiting:
        waiting.answer()
    describe(t, two.group)
    two.heartbeat()
    two.join().joined()
    two.sync({two.id: b"all"})
    describe(t, two.group)


@sequence("group_members.follower_leaves", api="LeaveGroup")
def follower_leaves(t: Talk) -> None:
    one, two = settled(t)
    two.leave()
    two.leave()
    two.heartbeat()
    one.heartbeat()
    one.join().joined()
    one.sync({one.id: b"all"})
    describe(t, one.group)


@sequence("group_members.leader_joins_again", api="JoinGroup")
def leader_joins_again(t: Talk) -> None:
    """A leader's JoinGroup makes all join again; a follower's with nothing new does not."""
    one, two = settled(t)
    two.join().joined()
    one.heartbeat()
    one.join()
    await_state(t, one.group, "PreparingRebalance")
    two.heartbeat()
    two.join().joined()
    one.joined()
    describe(t, one.group)


@sequence("group_members.leader_dies", api="Heartbeat")
def leader_dies(t: Talk) -> None:
    group = t.group()
    one = alone(t, group, session=1_500)
    two = Member(t, group, "two").join()
    two.joined()
    two.sync({two.id: b"all"})
    one.heartbeat()
    two.heartbeat()
    describe(t, group)


@sequence("group_members.pending_member_expires", api="JoinGroup", versions=(4, 9))
def pending_member_expires(t: Talk) -> None:
    """Who was given an id and does not come back with it is forgotten."""
    group = t.group()
    answer = t.send("JoinGroup", bodies.join(group, session=1_000))
    t.pause(2.5)
    t.send("JoinGroup", bodies.join(group, answer["MemberId"], session=1_000))


@sequence("group_members.rebalance_timeout", api="JoinGroup", versions=(0, 1, 4, 9))
def rebalance_timeout(t: Talk) -> None:
    """Who does not join again in time is left out."""
    group = t.group()
    one = alone(t, group, rebalance=1_000, session=8_000)
    two = Member(t, group, "two", rebalance=1_000, session=8_000).join().joined()
    two.sync({two.id: b"all"})
    one.heartbeat()
    describe(t, group)


@sequence("group_members.sync_timeout", api="SyncGroup", versions=(0, 3, 5))
def sync_timeout(t: Talk) -> None:
    """A leader that does not assign in time is put out, and the others are told to join again."""
    one, two = pair(t, rebalance=1_500)
    two.post_sync().answer()
    t.send_until(lambda answer: answer["ErrorCode"] == 25, "Heartbeat", bodies.heartbeat(one.group, one.generation, one.id))


@sequence("group_members.selection", api="JoinGroup", cases={
    "common": ("ab", "ba"), "one": ("ab", "b"),
    "votes": ("ba", "ba")})
def selection(t: Talk, names: tuple[str, str]) -> None:
    """The protocol that all have and most prefer."""
    protocols = [{name: bodies.subscription(user_data=who) for name in each} for who, each in zip((b"1", b"2"), names)]
    group = t.group()
    one = Member(t, group, "one", protocols=protocols[0]).join().joined()
    two = Member(t, group, "two", protocols=protocols[1]).join()
    await_state(t, group, "PreparingRebalance", 2)
    one.join().joined()
    two.joined()


@sequence("group_members.mismatch", api="JoinGroup", cases={
    "name": {"protocols": {"else": b""}}, "type": {"kind": "connect"}, "none": {"protocols": {}}, "no_type": {"kind": ""}})
def mismatch(t: Talk, joining: dict) -> None:
    one = alone(t, t.group())
    Member(t, one.group, "two", **joining).join().joined()
    one.heartbeat()
    describe(t, one.group)


@sequence("group_members.first_has_nothing", api="JoinGroup", cases={
    "no_protocols": {"protocols": {}}, "no_type": {"kind": ""}, "empty_name": {"protocols": {"": b""}}})
def first_has_nothing(t: Talk, joining: dict) -> None:
    group = t.group()
    body = bodies.join(group, session=20_000, **joining)
    answer = t.send("JoinGroup", body)
    if answer.get("ErrorCode") == 79:
        t.send("JoinGroup", body | {"MemberId": answer["MemberId"]})
    describe(t, group)


@sequence("group_members.group_id", api="JoinGroup", cases={
    "empty": "", "dot": ".", "space": "a b", "slash": "a/b", "umlaut": "ä", "long": "g" * 400, "newline": "a\nb"})
def group_id(t: Talk, text: str) -> None:
    group = text and t.name(text)
    if group:
        t.coordinator(group)
    answer = t.send("JoinGroup", bodies.join(group))
    if answer["ErrorCode"] == 79:
        answer = t.send("JoinGroup", bodies.join(group, answer["MemberId"]))
    t.send("LeaveGroup", bodies.leave(group, answer["MemberId"]))
    describe(t, group)


@sequence("group_members.rebalance_timeouts", api="JoinGroup", cases={"-1": -1, "max": 2**31 - 1, "min": -2**31})
def rebalance_timeouts(t: Talk, timeout: int) -> None:
    alone(t, t.group(), rebalance=timeout)


@sequence("group_members.large", api="JoinGroup", versions="newest")
def large(t: Talk) -> None:
    one = Member(t, t.group(), "one", protocols={"range": bodies.subscription(user_data=b"m" * 300_000), "other": b""}).join().joined()
    one.sync({one.id: b"a" * 300_000}, protocol="range")
    describe(t, one.group)


# Static members (KIP-345)


@sequence("group_static.joins", api="JoinGroup", versions=range(STATIC_FROM, 10))
def static_joins(t: Talk) -> None:
    one = alone(t, t.group(), instance="fixed")
    describe(t, one.group)
    one.heartbeat()
    one.leave()
    describe(t, one.group)


@sequence("group_static.replaced", api="JoinGroup", versions=range(STATIC_FROM, 10), cases=("stable", "completing", "changed"))
def static_replaced(t: Talk, state: str) -> None:
    """Another with its name comes: the first is fenced."""
    group = t.group()
    one = Member(t, group, "one", instance="fixed").join().joined()
    if state != "completing":
        one.sync({one.id: b"all"})
    two = Member(t, group, "two" if state == "changed" else "one", instance="fixed").join().joined()
    one.heartbeat()
    one.sync()
    one.join().joined()
    two.heartbeat()
    two.sync({two.id: b"anew"})
    describe(t, group)


@sequence("group_static.fenced", api="OffsetCommit", versions=range(7, 11))
def static_fenced(t: Talk) -> None:
    topic, group = t.topic(), t.group()
    one = alone(t, group, instance="fixed")
    two = Member(t, group, "one", instance="fixed").join().joined()
    for member, instance in ((one.id, "fixed"), (two.id, "fixed"), (two.id, None), (two.id, "else"), ("", "fixed")):
        t.send("OffsetCommit", bodies.commit(group, topic, {0: 1}, generation=two.generation, member=member, instance=instance))
        t.send("Heartbeat", bodies.heartbeat(group, two.generation, member, instance))
        t.send("SyncGroup", bodies.sync(group, two.generation, member, instance=instance))
    t.send("LeaveGroup", bodies.leave(group, one.id, "fixed"))
    describe(t, group)


@sequence("group_static.follower_replaced", api="JoinGroup", versions=range(STATIC_FROM, 10))
def static_follower_replaced(t: Talk) -> None:
    """In a group of two: nobody else has to join again."""
    group = t.group()
    one = Member(t, group, "one", instance="first").join().joined()
    two = Member(t, group, "two", instance="second").join()
    await_state(t, group, "PreparingRebalance", 2)
    one.join().joined()
    two.joined()
    waiting = two.post_sync()
    one.sync({one.id: b"1", two.id: b"2"})
    waiting.answer()
    other = Member(t, group, "two", instance="second").join().joined()
    other.sync()
    one.heartbeat()
    two.heartbeat()
    describe(t, group)


@sequence("group_static.leader_replaced", api="JoinGroup", versions=range(STATIC_FROM, 10))
def static_leader_replaced(t: Talk) -> None:
    group = t.group()
    one = Member(t, group, "one", instance="first").join().joined()
    two = Member(t, group, "two", instance="second").join()
    await_state(t, group, "PreparingRebalance", 2)
    one.join().joined()
    two.joined()
    waiting = two.post_sync()
    one.sync({one.id: b"1", two.id: b"2"})
    waiting.answer()
    other = Member(t, group, "one", instance="first").join().joined()
    other.sync()
    two.heartbeat()
    describe(t, group)


@sequence("group_static.wrong_id", api="JoinGroup", versions=range(STATIC_FROM, 10))
def static_wrong_id(t: Talk) -> None:
    one = alone(t, t.group(), instance="fixed")
    for member, instance in ((one.id, "else"), ("stranger", "fixed"), ("stranger", "else"), (one.id, None), (one.id, "")):
        t.send("JoinGroup", bodies.join(one.group, member, instance=instance, protocols={"range": bodies.subscription(user_data=b"one")}))


@sequence("group_static.leave", api="LeaveGroup", versions=range(3, 6), cases={
    "by_instance": [("", "a")], "by_both": [("(a)", "a")], "by_id": [("(a)", None)], "wrong_instance": [("(a)", "b")],
    "unknown": [("", "c")], "fenced": [("stranger", "a")], "several": [("", "a"), ("", "b")],
    "twice": [("", "a"), ("", "a")], "mixed": [("", "c"), ("", "b"), ("stranger", None)], "none": []})
def static_leave(t: Talk, who: list) -> None:
    """Members are named by instance, by id, or both, several at once."""
    group = t.group()
    one = Member(t, group, "one", instance="a").join().joined()
    two = Member(t, group, "two", instance="b").join()
    await_state(t, group, "PreparingRebalance", 2)
    one.join().joined()
    two.joined()
    t.send("LeaveGroup", {"GroupId": group, "Members": [
        {"MemberId": one.id if member == "(a)" else member, "GroupInstanceId": instance} for member, instance in who]})
    t.send("Heartbeat", bodies.heartbeat(group, one.generation, one.id, "a"))
    t.send("Heartbeat", bodies.heartbeat(group, two.generation, two.id, "b"))


@sequence("group_static.expires", api="Heartbeat", versions=(3, 4))
def static_expires(t: Talk) -> None:
    one = alone(t, t.group(), instance="fixed", session=1_200)
    await_state(t, one.group, "Empty")
    one.heartbeat()
    again = Member(t, one.group, "one", instance="fixed").join().joined()
    again.heartbeat()
