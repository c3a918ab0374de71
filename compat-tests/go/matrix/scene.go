package matrix

import (
	"fmt"
	"slices"
	"time"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

const (
	sceneParts = 6
	// Records for each partition in a round.
	roundRecords = 20
)

// scene is a topic of six partitions and the members of one group that read it.
type scene struct {
	cluster  *Cluster
	options  client.GroupOptions
	names    []string
	members  map[string]client.Member
	produced int64
}

// newScene makes the topic; options are those of every member.
func (c *Cluster) newScene(what string, options client.GroupOptions) *scene {
	options.Group, options.Topic = c.Unique(what), c.Topic(what, sceneParts, nil)
	if options.Session == 0 {
		options.Session = 6 * time.Second
	}
	return &scene{cluster: c, options: options, members: map[string]client.Member{}}
}

// join adds a member that lives in this process.
func (s *scene) join(name string) {
	s.add(name, checks.Must(s.cluster.Member(s.named(name))))
}

// joinInOwnProcess adds a member that can be killed.
func (s *scene) joinInOwnProcess(name string) {
	s.add(name, checks.Must(newChild(s.cluster.Client, s.named(name))))
}

func (s *scene) add(name string, member client.Member) {
	s.names = append(s.names, name)
	s.members[name] = member
}

// named gives static members their names.
func (s *scene) named(name string) client.GroupOptions {
	options := s.options
	if options.Instance != "" {
		options.Instance = name
	}
	return options
}

// leave closes a member; one in a process of its own is killed.
func (s *scene) leave(name string) {
	s.members[name].Close()
	delete(s.members, name)
	s.names = slices.DeleteFunc(s.names, func(each string) bool { return each == name })
}

func (s *scene) close() {
	for _, member := range s.members {
		member.Close()
	}
}

// settle waits until the group is stable and the members share all partitions evenly, each with one owner.
func (s *scene) settle() map[string][]int32 {
	settled := func() bool {
		if !s.shared() {
			return false
		}
		group, err := s.cluster.DescribeGroup(s.options.Group)
		return err == nil && group.State == "Stable" && len(group.Members) == len(s.members)
	}
	checks.Eventually(fmt.Sprintf("settled: %s of %v", s.options.Group, s.names), func() bool {
		if !settled() {
			return false
		}
		time.Sleep(300 * time.Millisecond)
		return settled()
	})
	shares := map[string][]int32{}
	for name, member := range s.members {
		shares[name] = member.Assigned()
	}
	return shares
}

func (s *scene) shared() bool {
	var all []int32
	for name, member := range s.members {
		checks.OK(member.Failure(), "member "+name)
		share := member.Assigned()
		if len(share) < sceneParts/len(s.members) || len(share) > (sceneParts+len(s.members)-1)/len(s.members) {
			return false
		}
		all = append(all, share...)
	}
	slices.Sort(all)
	return len(all) == sceneParts && len(slices.Compact(all)) == sceneParts
}

// expectRound produces a round of records; each comes once, to the member that has its partition, and is committed.
func (s *scene) expectRound(shares map[string][]int32) {
	expected := s.produceRound()
	found := map[string][]string{}
	count := 0
	checks.Eventually(fmt.Sprintf("a round of %d records in %s", len(expected), s.options.Group), func() bool {
		for name, member := range s.members {
			lines := member.Drain()
			found[name] = append(found[name], lines...)
			count += len(lines)
		}
		return count >= len(expected)
	})
	for name, share := range shares {
		for _, partition := range share {
			record.SameLines(linesOf(expected, partition), startingWith(found[name], partition))
		}
	}
	checks.Equal(len(expected), count, "records in all")
	checks.Eventually("the round is committed", func() bool {
		committed, err := s.cluster.Committed(s.options.Group, s.options.Topic, sceneParts)
		if err != nil {
			return false
		}
		return !slices.ContainsFunc(committed, func(each client.Offset) bool { return each.At != s.produced })
	})
}

func linesOf(records []record.Record, partition int32) []string {
	var lines []string
	for _, each := range records {
		if each.Partition == partition {
			lines = append(lines, each.Line())
		}
	}
	return lines
}

func startingWith(lines []string, partition int32) []string {
	prefix := fmt.Sprintf("p%d ", partition)
	var own []string
	for _, line := range lines {
		if len(line) > len(prefix) && line[:len(prefix)] == prefix {
			own = append(own, line)
		}
	}
	return own
}

func (s *scene) produceRound() []record.Record {
	var round []record.Record
	for index := range int64(roundRecords * sceneParts) {
		round = append(round, record.Record{Partition: int32(index % sceneParts), Time: record.Now(),
			Offset: s.produced + index/sceneParts, Key: fmt.Appendf(nil, "k%d", index),
			Value: fmt.Appendf(nil, "record %d", s.produced*sceneParts+index)})
	}
	s.produced += roundRecords
	producer := checks.Must(s.cluster.Producer(s.options.Topic, client.ProducerOptions{}))
	defer producer.Close()
	for index, answer := range producer.Send(round) {
		checks.OK(answer.Err, "producing a round")
		checks.Equal(round[index].Offset, answer.Offset, "offset")
	}
	return round
}
