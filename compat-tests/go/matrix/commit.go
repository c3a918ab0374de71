package matrix

import (
	"fmt"
	"strings"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

// registerCommit: committed offsets are written, read back by others, and where a group goes on.
func (c *Cluster) registerCommit(all *checks.Checks) {
	all.Add("commit.sync", c.commitSync)
	all.Add("commit.resume", c.commitResume)
	all.Add("commit.auto", c.commitAuto)
	all.Add("commit.reset", c.commitReset)
	all.Add("commit.lag", c.commitLag)
}

// commitSync: offset and metadata come back; never committed ones are missing.
func (c *Cluster) commitSync() string {
	topic, group := c.Topic("commit-sync", 3, nil), c.Unique("commit-sync")
	c.send(topic, record.Samples(3, 300, 1), client.ProducerOptions{})
	for _, each := range []client.Offset{{At: 10, Metadata: "größe " + strings.Repeat("m", 1000)},
		{At: 42, Metadata: "again"}} {
		committed := []client.Offset{each, {Partition: 1, At: 99}}
		checks.OK(c.Commit(group, topic, committed), "committing")
		found := checks.Must(c.Committed(group, topic, 3))
		checks.Equal(append(committed, client.Offset{Partition: 2, At: -1}), found, "committed")
	}
	return "2 partitions"
}

// commitResume: a second consumer of the group goes on where the first one stopped.
func (c *Cluster) commitResume() string {
	topic, group := c.Topic("commit-resume", 1, nil), c.Unique("commit-resume")
	sent := c.send(topic, record.Samples(1, 200, 2), client.ProducerOptions{})
	for start := 0; start < 200; start += 50 {
		found := checks.Must(c.Consume(client.GroupOptions{Group: group, Topic: topic}, 50))
		record.Same(sent[start:start+50], found)
		committed := checks.Must(c.Committed(group, topic, 1))
		checks.Equal(int64(start+50), committed[0].At, "committed")
	}
	return "4 consumers, 200 records"
}

// commitAuto: what was read is committed without a call.
func (c *Cluster) commitAuto() string {
	topic, group := c.Topic("commit-auto", 1, nil), c.Unique("commit-auto")
	sent := c.send(topic, record.Samples(1, 60, 2), client.ProducerOptions{})
	found := checks.Must(c.Consume(client.GroupOptions{Group: group, Topic: topic, AutoCommit: true}, 60))
	record.Same(sent, found)
	checks.Equal(60, checks.Must(c.Committed(group, topic, 1))[0].At, "committed")
	return "offset 60"
}

// commitReset: a group without offsets starts at the beginning or at the end, as it was told.
func (c *Cluster) commitReset() string {
	topic := c.Topic("commit-reset", 1, nil)
	sent := c.send(topic, record.Samples(1, 30, 2), client.ProducerOptions{})
	record.Same(sent, checks.Must(c.Consume(client.GroupOptions{Group: c.Unique("reset-earliest"), Topic: topic}, 30)))
	member := checks.Must(c.Member(client.GroupOptions{Group: c.Unique("reset-latest"), Topic: topic, Latest: true}))
	defer member.Close()
	checks.Eventually("it is assigned", func() bool { return len(member.Assigned()) == 1 })
	producer := checks.Must(c.Producer(topic, client.ProducerOptions{}))
	defer producer.Close()
	late := map[string]bool{}
	var found []string
	checks.Eventually("a record after the end comes", func() bool {
		// The member may ask for the end only after some of these.
		each := record.Samples(1, 1, uint64(len(late)))[0]
		answer := producer.Send([]record.Record{each})[0]
		checks.OK(answer.Err, "producing")
		late[each.At(answer.Offset).Line()] = true
		found = append(found, member.Drain()...)
		return len(found) > 0
	})
	checks.OK(member.Failure(), "the member")
	for _, line := range found {
		checks.True(late[line], "a record before the end came: %s", line)
	}
	return "2 policies"
}

// commitLag: the distance from what is committed to the end.
func (c *Cluster) commitLag() string {
	topic, group := c.Topic("commit-lag", 2, nil), c.Unique("commit-lag")
	c.send(topic, record.Samples(2, 100, 3), client.ProducerOptions{})
	for _, at := range []int64{0, 20, 50} {
		checks.OK(c.Commit(group, topic, []client.Offset{{Partition: 0, At: at}, {Partition: 1, At: 50}}), "committing")
		checks.Equal([]int64{50 - at, 0}, checks.Must(c.Lag(group, topic, 2)), fmt.Sprintf("lag at %d", at))
	}
	producer := checks.Must(c.Producer(topic, client.ProducerOptions{}))
	defer producer.Close()
	for _, answer := range producer.Send(record.Samples(2, 30, 4)) {
		checks.OK(answer.Err, "producing")
	}
	checks.Equal([]int64{15, 15}, checks.Must(c.Lag(group, topic, 2)), "lag after more was produced")
	return "4 lags"
}
