package matrix

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

// Codecs are all that a client may use.
var Codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// registerProduce: what a producer sends is what a reader reads, to the byte.
func (c *Cluster) registerProduce(all *checks.Checks) {
	for _, acks := range []string{"0", "1", "all"} {
		all.Add("produce.acks_"+acks, func() string {
			return c.roundTrip(c.Topic("acks-"+acks, 3, nil), record.Samples(3, 500, 1), client.ProducerOptions{Acks: acks})
		})
	}
	for _, codec := range Codecs {
		all.Add("produce.codec_"+codec, func() string {
			return c.roundTrip(c.Topic("codec-"+codec, 3, nil), record.Samples(3, 2000, 2),
				client.ProducerOptions{Codec: codec})
		})
	}
	if c.Features().Idempotence {
		all.Add("produce.idempotent", c.idempotent)
	}
	all.Add("produce.topic_codec", c.topicCodec)
	all.Add("produce.large", c.large)
	all.Add("produce.nulls", c.nulls)
	all.Add("produce.headers", c.headers)
	all.Add("produce.create_time", c.createTime)
	if !c.Features().NoAppendTime {
		all.Add("produce.log_append_time", c.logAppendTime)
	}
	all.Add("produce.partitioner", c.partitioner)
	all.Add("produce.at_once", c.atOnce)
}

// topicCodec: the topic's codec replaces the producer's.
func (c *Cluster) topicCodec() string {
	detail := ""
	for _, codec := range []string{"uncompressed", "gzip", "snappy", "lz4", "zstd"} {
		topic := c.Topic("topic-codec-"+codec, 1, map[string]string{"compression.type": codec})
		detail = c.roundTrip(topic, record.Samples(1, 300, 3), client.ProducerOptions{Codec: "lz4"})
	}
	return "5 codecs, each " + detail
}

// idempotent: many small batches in flight at once stay in order, none twice.
func (c *Cluster) idempotent() string {
	return c.roundTrip(c.Topic("idempotent", 2, nil), record.Samples(2, 3000, 4),
		client.ProducerOptions{Idempotent: true, BatchRecords: 3})
}

func (c *Cluster) large() string {
	sample := make([]record.Record, 0, 8)
	for i := range 8 {
		sample = append(sample, record.Record{Partition: int32(i % 2), Time: record.Now() + int64(i),
			Key: fmt.Appendf(nil, "large %d", i), Value: record.Noise(1_000_000, uint64(i))})
	}
	return c.roundTrip(c.Topic("large", 2, nil), sample, client.ProducerOptions{})
}

// Nulls are all ways in which a key and a value can be missing or empty.
func Nulls() []record.Record {
	var sample []record.Record
	for _, key := range [][]byte{nil, {}, []byte("key")} {
		for _, value := range [][]byte{nil, {}, []byte("value")} {
			sample = append(sample, record.Record{Time: record.Now(), Key: key, Value: value})
		}
	}
	return sample
}

// nulls: a tombstone is not an empty value, and no key is not the empty key.
func (c *Cluster) nulls() string {
	detail := ""
	for _, codec := range []string{"none", "zstd"} {
		topic := c.Topic("nulls-"+codec, 1, nil)
		expected := c.send(topic, Nulls(), client.ProducerOptions{Codec: codec})
		detail = c.sameNulls(topic, expected)
	}
	return detail
}

// sameNulls reads a topic of one partition, in all ways that the library has, and compares.
func (c *Cluster) sameNulls(topic string, expected []record.Record) string {
	if exact, ok := c.Client.(client.ExactReader); ok {
		record.Same(expected, checks.Must(exact.ReadExactly(topic, 0, len(expected))))
	}
	if c.Features().EmptyIsNull {
		for index := range expected {
			expected[index] = emptyToNull(expected[index])
		}
	}
	return record.Same(expected, c.readAll(topic, 1, client.ReaderOptions{}))
}

func emptyToNull(each record.Record) record.Record {
	if len(each.Key) == 0 {
		each.Key = nil
	}
	if len(each.Value) == 0 {
		each.Value = nil
	}
	headers := slices.Clone(each.Headers)
	for index := range headers {
		if len(headers[index].Value) == 0 {
			headers[index].Value = nil
		}
	}
	each.Headers = headers
	return each
}

func header(name, value string) record.Header {
	return record.Header{Name: name, Value: []byte(value)}
}

// headers: order, repeated names, null and empty values are kept.
func (c *Cluster) headers() string {
	rich := []record.Header{header("twice", "first"), {Name: "null"}, header("twice", "second"), header("empty", ""),
		{Name: "größe", Value: record.Noise(200, 1)}, header("twice", "first")}
	var many []record.Header
	for index := range 300 {
		many = append(many, record.Header{Name: fmt.Sprintf("h%d", index), Value: bytes.Repeat([]byte("x"), index)})
	}
	now := record.Now()
	topic := c.Topic("headers", 1, nil)
	expected := c.send(topic, []record.Record{
		{Time: now, Key: []byte("k"), Value: []byte("v"), Headers: rich},
		{Time: now, Key: []byte("k"), Value: []byte("v")},
		{Time: now, Headers: many},
	}, client.ProducerOptions{})
	return c.sameNulls(topic, expected)
}

// createTime: the producer's timestamps are kept, old ones and ones out of order too.
func (c *Cluster) createTime() string {
	now := record.Now()
	var sample []record.Record
	for _, time := range []int64{now, 1, now - 86_400_000, now + 60_000, 1_500_000_000_000, now} {
		sample = append(sample, record.Record{Time: time, Value: fmt.Appendf(nil, "at %d", time)})
	}
	return c.roundTrip(c.Topic("create-time", 1, map[string]string{"retention.ms": "-1"}), sample, client.ProducerOptions{})
}

// logAppendTime: the broker's clock replaces the producer's timestamps; all of a batch get the same one.
func (c *Cluster) logAppendTime() string {
	topic := c.Topic("append-time", 1, map[string]string{"message.timestamp.type": "LogAppendTime"})
	sample := record.Samples(1, 50, 5)
	before := record.Now()
	for index := range sample {
		sample[index].Time = 1000 + int64(index)
	}
	expected := c.send(topic, sample, client.ProducerOptions{Codec: "lz4"})
	found := c.readAll(topic, 1, client.ReaderOptions{})
	last := before
	for index := range min(len(expected), len(found)) {
		time := found[index].Time
		checks.True(last <= time && time <= record.Now(), "append time %d outside %d to now", time, last)
		last, expected[index].Time = time, time
	}
	return record.Same(expected, found)
}

// partitioner: without explicit partitions a key always goes to the same one, and every record arrives.
func (c *Cluster) partitioner() string {
	topic := c.Topic("partitioner", 4, nil)
	var sample []record.Record
	for index := range 400 {
		each := record.Record{Time: record.Now(), Value: fmt.Appendf(nil, "value %d", index)}
		if index%2 == 1 {
			each.Key = fmt.Appendf(nil, "key %d", index%20)
		}
		sample = append(sample, each)
	}
	producer := checks.Must(c.Producer(topic, client.ProducerOptions{ByKey: true}))
	defer producer.Close()
	var expected []string
	homes := map[string]int32{}
	for index, answer := range producer.Send(sample) {
		checks.OK(answer.Err, "producing")
		sample[index].Partition, sample[index].Offset = answer.Partition, answer.Offset
		expected = append(expected, sample[index].Line())
		if key := string(sample[index].Key); key != "" {
			if _, seen := homes[key]; !seen {
				homes[key] = answer.Partition
			}
			checks.Equal(homes[key], answer.Partition, "partition of "+key)
		}
	}
	found := record.Lines(c.readAll(topic, 4, client.ReaderOptions{}))
	slices.SortFunc(expected, strings.Compare)
	slices.SortFunc(found, strings.Compare)
	return record.SameLines(expected, found)
}

// atOnce: topics take records as soon as their creation is answered; what the library retries, it retries.
func (c *Cluster) atOnce() string {
	for index := range 20 {
		topic := c.Unique(fmt.Sprintf("at-once-%d", index))
		checks.OK(c.CreateTopic(client.NewTopic{Name: topic, Partitions: 1, Replicas: 1}), "creating")
		c.send(topic, record.Samples(1, 1, uint64(index)), client.ProducerOptions{})
	}
	return "20 topics"
}
