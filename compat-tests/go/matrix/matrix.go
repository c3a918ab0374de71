// Package matrix holds the checks that all client libraries run.
package matrix

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

// Cluster is the broker under test, reached by one library. Names are unique for each run, so that a broker can be
// used again.
type Cluster struct {
	client.Client
	run string
}

// NewCluster is a cluster with names of its own.
func NewCluster(library client.Client) *Cluster {
	run := make([]byte, 4)
	_, _ = rand.Read(run)
	return &Cluster{library, hex.EncodeToString(run)}
}

// AwaitBroker waits until the broker says that it is there. Kafka takes connections a little before, and a library may
// keep what it is told then.
func (c *Cluster) AwaitBroker() error {
	end := time.Now().Add(checks.Patience)
	for {
		found, err := c.DescribeCluster()
		if err == nil && slices.Contains(found.Nodes, found.Controller) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("no broker within %v: %+v, %w", checks.Patience, found, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Register adds the checks, the slowest first, as they wait most; volume is how many records one of them moves.
func Register(all *checks.Checks, cluster *Cluster, volume int) {
	cluster.registerGroup(all)
	cluster.registerVolume(all, volume)
	cluster.registerProduce(all)
	cluster.registerConsume(all)
	cluster.registerSeek(all)
	cluster.registerCommit(all)
	cluster.registerAdmin(all)
	cluster.registerGroupAdmin(all)
	cluster.registerErrors(all)
}

// Unique is a name that no other run uses.
func (c *Cluster) Unique(what string) string {
	return fmt.Sprintf("%s-%s-%s", c.Client.Name(), what, c.run)
}

// Topic creates a topic, waits until its partitions answer, and returns its name.
func (c *Cluster) Topic(what string, partitions int, configs map[string]string) string {
	name := c.Unique(what)
	checks.OK(c.CreateTopic(client.NewTopic{Name: name, Partitions: partitions, Replicas: 1, Configs: configs}),
		"creating "+name)
	c.awaitPartitions(name, partitions)
	return name
}

// awaitPartitions waits until the partitions lead. Kafka answers CreateTopics before; with acks=0 records would be lost.
func (c *Cluster) awaitPartitions(topic string, partitions int) {
	checks.Eventually(topic+" leads", func() bool {
		for partition := range partitions {
			if _, _, err := c.Bounds(topic, int32(partition)); err != nil {
				return false
			}
		}
		return true
	})
}

// send produces to empty partitions, checks what is answered, and returns the records as they must be read.
func (c *Cluster) send(topic string, records []record.Record, options client.ProducerOptions) []record.Record {
	producer := checks.Must(c.Producer(topic, options))
	defer producer.Close()
	ends := map[int32]int64{}
	for index, answer := range producer.Send(records) {
		checks.OK(answer.Err, fmt.Sprintf("record %d", index))
		partition := records[index].Partition
		if options.Acks != "0" {
			checks.Equal(ends[partition], answer.Offset, fmt.Sprintf("offset of record %d", index))
			checks.Equal(partition, answer.Partition, fmt.Sprintf("partition of record %d", index))
		}
		ends[partition]++
	}
	return record.Numbered(records)
}

// roundTrip produces to an empty topic, reads it whole and compares.
func (c *Cluster) roundTrip(topic string, records []record.Record, options client.ProducerOptions) string {
	expected := c.send(topic, records, options)
	partitions := partitionsOf(records)
	if options.Acks == "0" || options.Acks == "1" {
		// Nobody says when the records can be read: with acks=1 they are written, and not yet committed.
		checks.Eventually("all records are committed", func() bool {
			return c.count(topic, partitions) >= int64(len(records))
		})
	}
	return record.Same(expected, c.readAll(topic, partitions, client.ReaderOptions{}))
}

func partitionsOf(records []record.Record) int {
	partitions := int32(0)
	for _, each := range records {
		partitions = max(partitions, each.Partition+1)
	}
	return int(partitions)
}

func (c *Cluster) count(topic string, partitions int) int64 {
	count := int64(0)
	for partition := range partitions {
		start, end, err := c.Bounds(topic, int32(partition))
		checks.OK(err, "asking for the ends")
		count += end - start
	}
	return count
}

// readAll reads every record of the topic's first partitions, by partition and offset.
func (c *Cluster) readAll(topic string, partitions int, options client.ReaderOptions) []record.Record {
	starts := map[int32]int64{}
	for partition := range partitions {
		starts[int32(partition)] = 0
	}
	reader := checks.Must(c.Reader(topic, starts, options))
	defer reader.Close()
	return record.Sort(read(reader, int(c.count(topic, partitions))))
}

// read reads exactly so many records.
func read(reader client.Reader, count int) []record.Record {
	records, err := reader.Read(count, checks.Patience)
	checks.OK(err, fmt.Sprintf("reading, after %d of %d records", len(records), count))
	checks.Equal(count, len(records), "records that came")
	return records
}

// sendCode is the error code of producing one record.
func (c *Cluster) sendCode(topic string, each record.Record) int16 {
	producer := checks.Must(c.Producer(topic, client.ProducerOptions{}))
	defer producer.Close()
	return c.Code(producer.Send([]record.Record{each})[0].Err)
}
