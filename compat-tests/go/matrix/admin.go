package matrix

import (
	"fmt"
	"slices"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

// registerAdmin: admin calls on topics, configs and offsets: what they answer, and that they act.
func (c *Cluster) registerAdmin(all *checks.Checks) {
	all.Add("admin.create_topics", c.createTopics)
	all.Add("admin.delete_topics", c.deleteTopics)
	all.Add("admin.create_partitions", c.createPartitions)
	all.Add("admin.describe_topics", c.describeTopics)
	all.Add("admin.describe_cluster", c.describeCluster)
	all.Add("admin.describe_configs", c.describeConfigs)
	all.Add("admin.describe_broker", c.describeBroker)
	all.Add("admin.alter_configs", c.alterConfigs)
	if c.Features().OldAlterConfigs {
		all.Add("admin.replace_configs", c.replaceConfigs)
	}
	all.Add("admin.configs_act", c.configsAct)
	if !c.Features().NoDeleteRecords {
		all.Add("admin.delete_records", c.deleteRecords)
	}
}

func (c *Cluster) exists(topic string) bool {
	return slices.Contains(checks.Must(c.Topics()), topic)
}

func (c *Cluster) node() int32 {
	return checks.Must(c.DescribeCluster()).Nodes[0]
}

// createTopics: by count, by assignment, with configs; validating creates nothing.
func (c *Cluster) createTopics() string {
	counted, assigned, validated := c.Unique("counted"), c.Unique("assigned"), c.Unique("validated")
	for _, each := range []client.NewTopic{
		{Name: counted, Partitions: 3, Replicas: 1, Configs: map[string]string{"retention.ms": "123456"}},
		{Name: assigned, Assignment: [][]int32{{c.node()}, {c.node()}}},
		{Name: validated, Partitions: 1, Replicas: 1, ValidateOnly: true},
	} {
		checks.OK(c.CreateTopic(each), "creating "+each.Name)
	}
	checks.Eventually("topics", func() bool { return c.exists(counted) && c.exists(assigned) })
	checks.Equal(3, len(checks.Must(c.DescribeTopic(counted))), "partitions by count")
	checks.Equal(2, len(checks.Must(c.DescribeTopic(assigned))), "partitions by assignment")
	checks.Equal("123456", checks.Must(c.TopicConfigs(counted))["retention.ms"], "config")
	checks.True(!c.exists(validated), "validating created the topic")
	return "3 topics"
}

// deleteTopics: a topic made again under the same name is another one, and empty.
func (c *Cluster) deleteTopics() string {
	topic := c.Topic("delete", 2, nil)
	c.send(topic, record.Samples(2, 50, 1), client.ProducerOptions{})
	checks.OK(c.DeleteTopic(topic), "deleting")
	checks.Eventually("gone", func() bool { return !c.exists(topic) })
	checks.Eventually("the name is free", func() bool {
		err := c.CreateTopic(client.NewTopic{Name: topic, Partitions: 1, Replicas: 1})
		checks.True(err == nil || c.Code(err) == client.TopicAlreadyExists, "creating again: %v", err)
		return err == nil
	})
	c.awaitPartitions(topic, 1)
	return c.roundTrip(topic, record.Samples(1, 40, 2), client.ProducerOptions{})
}

func (c *Cluster) createPartitions() string {
	topic := c.Topic("create-partitions", 1, nil)
	checks.OK(c.CreatePartitions(topic, 4), "growing")
	c.awaitPartitions(topic, 4)
	// A library may answer from what it knew before.
	checks.Eventually("4 partitions", func() bool { return len(checks.Must(c.DescribeTopic(topic))) == 4 })
	return c.roundTrip(topic, record.Samples(4, 100, 2), client.ProducerOptions{})
}

func (c *Cluster) describeTopics() string {
	topic := c.Topic("describe", 3, nil)
	node := c.node()
	for index, found := range checks.Must(c.DescribeTopic(topic)) {
		expected := client.Partition{ID: int32(index), Leader: node, Replicas: []int32{node}, ISR: []int32{node}}
		checks.Equal(expected, found, "id, leader, replicas, in-sync ones")
	}
	return "3 partitions"
}

func (c *Cluster) describeCluster() string {
	found := checks.Must(c.DescribeCluster())
	checks.Equal(1, len(found.Nodes), "nodes")
	checks.Equal([]string{c.Bootstrap()}, found.Addresses, "addresses")
	checks.Equal(found.Nodes[0], found.Controller, "controller")
	return "1 node"
}

func (c *Cluster) describeConfigs() string {
	topic := c.Topic("describe-configs", 1,
		map[string]string{"cleanup.policy": "compact,delete", "segment.bytes": "2000000"})
	found := checks.Must(c.TopicConfigs(topic))
	for name, value := range map[string]string{"cleanup.policy": "compact,delete", "segment.bytes": "2000000",
		"retention.ms": "604800000", "max.message.bytes": "1048588", "compression.type": "producer"} {
		checks.Equal(value, found[name], name)
	}
	return fmt.Sprintf("%d settings", len(found))
}

func (c *Cluster) describeBroker() string {
	found := checks.Must(c.BrokerConfigs(c.node()))
	checks.Equal("false", found["auto.create.topics.enable"], "auto.create.topics.enable")
	checks.Equal("1048588", found["message.max.bytes"], "message.max.bytes")
	return fmt.Sprintf("%d settings", len(found))
}

// alterConfigs: set, delete, append, subtract.
func (c *Cluster) alterConfigs() string {
	topic := c.Topic("alter", 1, map[string]string{"cleanup.policy": "delete", "retention.bytes": "1000"})
	changes := []client.ConfigChange{{Name: "retention.ms", Value: "3600000", Operation: client.SetConfig},
		{Name: "retention.bytes", Operation: client.DeleteConfig},
		{Name: "cleanup.policy", Value: "compact", Operation: client.AppendConfig}}
	checks.OK(c.AlterConfigs(topic, changes), "altering")
	c.awaitConfigs(topic, "3600000", "-1", "delete,compact")
	changes = []client.ConfigChange{{Name: "cleanup.policy", Value: "delete", Operation: client.SubtractConfig}}
	checks.OK(c.AlterConfigs(topic, changes), "subtracting")
	c.awaitConfigs(topic, "3600000", "-1", "compact")
	return "set, delete, append, subtract"
}

// replaceConfigs: the older request puts what it does not name back to its default.
func (c *Cluster) replaceConfigs() string {
	topic := c.Topic("replace", 1, map[string]string{"retention.bytes": "1000", "cleanup.policy": "compact"})
	checks.OK(c.ReplaceConfigs(topic, map[string]string{"retention.ms": "3600000"}), "replacing")
	c.awaitConfigs(topic, "3600000", "-1", "delete")
	return "1 set, 2 put back"
}

// awaitConfigs waits until retention.ms, retention.bytes and cleanup.policy have these values.
func (c *Cluster) awaitConfigs(topic, millis, bytes, policy string) {
	checks.Eventually(fmt.Sprintf("the settings are %s, %s and %s", millis, bytes, policy), func() bool {
		found := checks.Must(c.TopicConfigs(topic))
		return found["retention.ms"] == millis && found["retention.bytes"] == bytes && found["cleanup.policy"] == policy
	})
}

// configsAct: a new max.message.bytes refuses, a larger one takes again.
func (c *Cluster) configsAct() string {
	topic := c.Topic("configs-act", 1, nil)
	big := record.Record{Time: record.Now(), Value: record.Noise(20_000, 1)}
	set := func(value string) {
		changes := []client.ConfigChange{{Name: "max.message.bytes", Value: value, Operation: client.SetConfig}}
		checks.OK(c.AlterConfigs(topic, changes), "altering")
	}
	checks.Equal(0, c.sendCode(topic, big), "error before")
	set("10000")
	checks.Eventually("refused", func() bool { return c.sendCode(topic, big) == client.MessageTooLarge })
	set("30000")
	checks.Eventually("taken", func() bool { return c.sendCode(topic, big) == 0 })
	return "refused and taken"
}

// deleteRecords moves the start of the log; what is left is read as before.
func (c *Cluster) deleteRecords() string {
	topic := c.Topic("delete-records", 1, nil)
	sent := c.send(topic, record.Samples(1, 100, 4), client.ProducerOptions{})
	checks.OK(c.DeleteRecords(topic, 0, 40), "deleting")
	start, end, err := c.Bounds(topic, 0)
	checks.OK(err, "asking for the ends")
	checks.Equal([]int64{40, 100}, []int64{start, end}, "ends of the log")
	reader := checks.Must(c.Reader(topic, map[int32]int64{0: 40}, client.ReaderOptions{}))
	defer reader.Close()
	return record.Same(sent[40:], read(reader, 60))
}
