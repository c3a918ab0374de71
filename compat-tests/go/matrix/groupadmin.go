package matrix

import (
	"strings"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

// registerGroupAdmin: admin calls on groups.
func (c *Cluster) registerGroupAdmin(all *checks.Checks) {
	all.Add("admin.groups", c.groups)
	all.Add("admin.group_offsets", c.groupOffsets)
	all.Add("error.group_not_empty", c.groupNotEmpty)
	all.Add("error.group_not_found", c.groupNotFound)
}

// groups are listed, described with members and their partitions, deleted when empty.
func (c *Cluster) groups() string {
	s := c.newScene("admin-groups", client.GroupOptions{ClientID: "seen"})
	defer s.close()
	s.join("a")
	s.join("b")
	s.settle()
	checks.Equal("consumer", checks.Must(c.Groups())[s.options.Group], "listed protocol")
	group := checks.Must(c.DescribeGroup(s.options.Group))
	checks.True(group.Strategy == "range" || group.Strategy == "", "strategy %s", group.Strategy)
	partitions := 0
	for _, member := range group.Members {
		checks.Equal("seen", member.ClientID, "client id")
		checks.True(strings.Contains(member.Host, "127.0.0.1"), "host %s", member.Host)
		partitions += member.Partitions
	}
	checks.Equal(sceneParts, partitions, "partitions of the members")
	s.leave("a")
	s.leave("b")
	checks.Eventually("empty", func() bool { return checks.Must(c.DescribeGroup(s.options.Group)).State == "Empty" })
	checks.OK(c.DeleteGroup(s.options.Group), "deleting")
	_, listed := checks.Must(c.Groups())[s.options.Group]
	checks.True(!listed, "listed after it was deleted")
	return "listed, described, deleted"
}

// groupOffsets: offsets of an empty group can be set and deleted from outside; the others go with the group.
func (c *Cluster) groupOffsets() string {
	topic, group := c.Topic("admin-offsets", 2, nil), c.Unique("admin-offsets")
	c.send(topic, record.Samples(2, 30, 1), client.ProducerOptions{})
	committed := func() []int64 {
		found := checks.Must(c.Committed(group, topic, 2))
		return []int64{found[0].At, found[1].At}
	}
	checks.OK(c.Commit(group, topic, []client.Offset{{Partition: 0, At: 7}, {Partition: 1, At: 8}}), "setting")
	checks.Equal([]int64{7, 8}, committed(), "set")
	checks.OK(c.DeleteOffset(group, topic, 0), "deleting one")
	checks.Equal([]int64{-1, 8}, committed(), "after one was deleted")
	checks.OK(c.DeleteGroup(group), "deleting the group")
	checks.Equal([]int64{-1, -1}, committed(), "after the group was deleted")
	return "set and deleted"
}

// groupNotEmpty: neither a group with members nor the offsets that they use can be deleted.
func (c *Cluster) groupNotEmpty() string {
	s := c.newScene("not-empty", client.GroupOptions{})
	defer s.close()
	s.join("a")
	s.expectRound(s.settle())
	checks.Equal(client.NonEmptyGroup, c.Code(c.DeleteGroup(s.options.Group)), "deleting the group")
	checks.Equal(client.GroupSubscribedToTopic, c.Code(c.DeleteOffset(s.options.Group, s.options.Topic, 0)),
		"deleting an offset")
	s.expectRound(s.settle())
	return "refused in 2 ways"
}

func (c *Cluster) groupNotFound() string {
	checks.Equal(client.GroupIDNotFound, c.Code(c.DeleteGroup(c.Unique("nobody"))), "deleting")
	return "GROUP_ID_NOT_FOUND"
}
