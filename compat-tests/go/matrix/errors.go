package matrix

import (
	"fmt"
	"strings"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

// registerErrors: what is refused, and that nothing is left behind by it. The broker does not create topics by itself.
func (c *Cluster) registerErrors(all *checks.Checks) {
	all.Add("error.unknown_topic", c.unknownTopic)
	all.Add("error.message_too_large", c.messageTooLarge)
	all.Add("error.invalid_topic", c.invalidTopic)
	all.Add("error.duplicate_topic", c.duplicateTopic)
	all.Add("error.invalid_config", c.invalidConfig)
	all.Add("error.invalid_shape", c.invalidShape)
	all.Add("error.offset_out_of_range", c.offsetOutOfRange)
	all.Add("error.unknown_partition", c.unknownPartition)
	all.Add("error.no_key", c.noKey)
	all.Add("error.timestamp", c.timestamp)
}

// unknownTopic: what names a missing topic fails, and does not create it.
func (c *Cluster) unknownTopic() string {
	missing := c.Unique("missing")
	checks.Equal(client.UnknownTopicOrPartition, c.sendCode(missing, record.Record{Time: record.Now()}), "producing")
	_, err := c.DescribeTopic(missing)
	checks.Equal(client.UnknownTopicOrPartition, c.Code(err), "describing")
	checks.Equal(client.UnknownTopicOrPartition, c.Code(c.DeleteTopic(missing)), "deleting")
	checks.Equal(client.UnknownTopicOrPartition, c.Code(c.CreatePartitions(missing, 2)), "growing")
	checks.True(!c.exists(missing), "it was created")
	return "refused in 4 ways"
}

// messageTooLarge: a refused record takes no offset.
func (c *Cluster) messageTooLarge() string {
	topic := c.Topic("too-large", 1, map[string]string{"max.message.bytes": "2000"})
	code := c.sendCode(topic, record.Record{Time: record.Now(), Value: record.Noise(4000, 1)})
	checks.Equal(client.MessageTooLarge, code, "error")
	return c.roundTrip(topic, record.Samples(1, 1, 1), client.ProducerOptions{})
}

func (c *Cluster) createCode(topic client.NewTopic) int16 {
	return c.Code(c.CreateTopic(topic))
}

func (c *Cluster) invalidTopic() string {
	names := []string{"with space", "..", ".", "ä", "a/b", strings.Repeat("x", 250)}
	for _, name := range names {
		code := c.createCode(client.NewTopic{Name: name, Partitions: 1, Replicas: 1})
		checks.Equal(client.InvalidTopic, code, fmt.Sprintf("creating '%.20s'", name))
	}
	return fmt.Sprintf("%d names", len(names))
}

func (c *Cluster) duplicateTopic() string {
	topic := c.Topic("duplicate", 1, nil)
	checks.Equal(client.TopicAlreadyExists, c.createCode(client.NewTopic{Name: topic, Partitions: 2, Replicas: 1}), "error")
	checks.Equal(1, len(checks.Must(c.DescribeTopic(topic))), "partitions")
	return "TOPIC_ALREADY_EXISTS"
}

func (c *Cluster) invalidConfig() string {
	topic := c.Topic("invalid-config", 1, nil)
	wrong := map[string]string{"retention.ms": "soon", "cleanup.policy": "shred", "max.message.bytes": "-5",
		"no.such.setting": "1", "segment.bytes": "1000"}
	for name, value := range wrong {
		code := c.createCode(client.NewTopic{Name: c.Unique("wrong"), Partitions: 1, Replicas: 1,
			Configs: map[string]string{name: value}})
		checks.Equal(client.InvalidConfig, code, fmt.Sprintf("creating with %s=%s", name, value))
		err := c.AlterConfigs(topic, []client.ConfigChange{{Name: name, Value: value, Operation: client.SetConfig}})
		checks.Equal(client.InvalidConfig, c.Code(err), fmt.Sprintf("altering %s=%s", name, value))
	}
	return fmt.Sprintf("%d settings, each twice", len(wrong))
}

func (c *Cluster) invalidShape() string {
	topic := c.Topic("shape", 3, nil)
	checks.Equal(client.InvalidReplicationFactor,
		c.createCode(client.NewTopic{Name: c.Unique("shape-other"), Partitions: 1, Replicas: 3}), "three replicas")
	for _, count := range []int{2, 3} {
		checks.Equal(client.InvalidPartitions, c.Code(c.CreatePartitions(topic, count)),
			fmt.Sprintf("%d partitions where there are 3", count))
	}
	return "partitions and replicas"
}

func (c *Cluster) offsetOutOfRange() string {
	topic := c.Topic("out-of-range", 1, nil)
	sent := c.send(topic, record.Samples(1, 10, 1), client.ProducerOptions{})
	reader, err := c.Reader(topic, map[int32]int64{0: 11}, client.ReaderOptions{})
	if err == nil {
		_, err = reader.Read(1, checks.Patience)
		reader.Close()
	}
	checks.Equal(client.OffsetOutOfRange, c.Code(err), "error")
	reader = checks.Must(c.Reader(topic, map[int32]int64{0: 9}, client.ReaderOptions{}))
	defer reader.Close()
	return record.Same(sent[9:], read(reader, 1))
}

func (c *Cluster) unknownPartition() string {
	topic := c.Topic("unknown-partition", 2, nil)
	_, _, err := c.Bounds(topic, 2)
	checks.True(err != nil, "the ends of partition 2 of 2 were answered")
	producer := checks.Must(c.Producer(topic, client.ProducerOptions{}))
	defer producer.Close()
	answer := producer.Send([]record.Record{{Partition: 2, Time: record.Now()}})[0]
	checks.True(answer.Err != nil, "a record for partition 2 of 2 was taken")
	checks.Equal(0, c.count(topic, 2), "records")
	return "partition 2 of 2"
}

// noKey: compacted topics take no record without a key.
func (c *Cluster) noKey() string {
	topic := c.Topic("no-key", 1, map[string]string{"cleanup.policy": "compact"})
	code := c.sendCode(topic, record.Record{Time: record.Now(), Value: []byte("no key")})
	checks.Equal(client.InvalidRecord, code, "error")
	return c.roundTrip(topic, record.Samples(1, 3, 1), client.ProducerOptions{})
}

// timestamp: timestamps outside the topic's bounds.
func (c *Cluster) timestamp() string {
	topic := c.Topic("timestamp", 1, map[string]string{"message.timestamp.before.max.ms": "60000",
		"message.timestamp.after.max.ms": "60000"})
	for _, distance := range []int64{-3_600_000, 3_600_000} {
		code := c.sendCode(topic, record.Record{Time: record.Now() + distance, Value: []byte("v")})
		checks.Equal(client.InvalidTimestamp, code, "error")
	}
	return c.roundTrip(topic, record.Samples(1, 3, 1), client.ProducerOptions{})
}
