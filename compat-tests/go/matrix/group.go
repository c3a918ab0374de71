package matrix

import (
	"slices"
	"time"

	"weir/compat/checks"
	"weir/compat/client"
)

// registerGroup: groups of three whose members come, go, die and come back.
func (c *Cluster) registerGroup(all *checks.Checks) {
	if c.Features().StaticMembers {
		all.Add("group.static", c.groupStatic)
	}
	all.Add("group.range", c.groupRange)
	if c.Features().Cooperative {
		all.Add("group.cooperative", c.groupCooperative)
	}
}

// groupRange is eager: at each change everybody gives up everything.
func (c *Cluster) groupRange() string {
	s := c.newScene("group-range", client.GroupOptions{})
	defer s.close()
	s.join("a")
	s.expectRound(s.settle())
	s.join("b")
	s.joinInOwnProcess("c")
	s.expectRound(s.settle())
	checks.Equal([]int32{0, 1, 2, 3, 4, 5}, revoked(s.members["a"]), "given up when others joined")
	s.leave("c")
	s.expectRound(s.settle())
	s.leave("a")
	s.expectRound(s.settle())
	s.join("d")
	s.expectRound(s.settle())
	return "5 rounds: one, three, one killed, one left, one new"
}

// revoked are the partitions that a member gave up, each once.
func revoked(member client.Member) []int32 {
	partitions := member.DrainRevoked()
	slices.Sort(partitions)
	return slices.Compact(partitions)
}

// groupCooperative: only what moves is given up.
func (c *Cluster) groupCooperative() string {
	s := c.newScene("group-cooperative", client.GroupOptions{Strategy: "cooperative-sticky"})
	defer s.close()
	s.join("a")
	s.expectRound(s.settle())
	s.join("b")
	two := s.settle()
	s.expectRound(two)
	checks.Equal(two["b"], revoked(s.members["a"]), "given up when another joined")
	s.joinInOwnProcess("c")
	s.expectRound(s.settle())
	s.leave("b")
	s.expectRound(s.settle())
	revoked(s.members["a"])
	s.leave("c")
	s.expectRound(s.settle())
	checks.Equal(0, len(revoked(s.members["a"])), "given up when another died")
	return "5 rounds: one, two, three, one left, one killed"
}

// groupStatic: a static member that comes back within its session disturbs nobody; a second one with its name drives
// it out.
func (c *Cluster) groupStatic() string {
	s := c.newScene("group-static", client.GroupOptions{Instance: "of the scene", Session: 12 * time.Second})
	defer s.close()
	s.join("a")
	s.join("b")
	s.joinInOwnProcess("c")
	shares := s.settle()
	s.expectRound(shares)
	revoked(s.members["b"])
	s.leave("a")
	s.join("a")
	checks.Equal(shares, s.settle(), "shares after a came back")
	s.expectRound(shares)
	checks.Equal(0, len(revoked(s.members["b"])), "given up when a came back")
	old := s.members["b"]
	defer old.Close()
	s.join("b")
	checks.Eventually("the old b is fenced", func() bool { return old.Failure() != nil })
	checks.Equal(client.FencedInstanceID, c.Code(old.Failure()), "the old b's error")
	s.expectRound(s.settle())
	s.leave("c")
	s.expectRound(s.settle())
	return "4 rounds: three, one restart, one fenced, one killed and expired"
}
