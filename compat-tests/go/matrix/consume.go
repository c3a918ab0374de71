package matrix

import (
	"fmt"
	"time"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

// registerConsume: reading by assignment and under fetch limits.
func (c *Cluster) registerConsume(all *checks.Checks) {
	all.Add("consume.assign", c.assign)
	all.Add("consume.fetch_limits", c.fetchLimits)
	all.Add("consume.read_committed", c.readCommitted)
}

// assign: only the assigned partitions come, each whole and in order.
func (c *Cluster) assign() string {
	topic := c.Topic("assign", 3, nil)
	var expected []record.Record
	for _, each := range c.send(topic, record.Samples(3, 900, 5), client.ProducerOptions{}) {
		if each.Partition != 1 {
			expected = append(expected, each)
		}
	}
	reader := checks.Must(c.Reader(topic, map[int32]int64{0: 0, 2: 0}, client.ReaderOptions{}))
	defer reader.Close()
	found := record.Sort(read(reader, len(expected)))
	nothingComes(reader)
	return record.Same(expected, found)
}

// nothingComes looks for a moment whether another record comes.
func nothingComes(reader client.Reader) {
	more, err := reader.Read(1, 500*time.Millisecond)
	checks.OK(err, "reading")
	checks.Equal(0, len(more), "more records")
}

// fetchLimits: however small the limits, whole batches come and nothing is left out.
func (c *Cluster) fetchLimits() string {
	topic := c.Topic("fetch-limits", 2, nil)
	expected := c.send(topic, record.Samples(2, 1000, 6), client.ProducerOptions{Codec: "gzip"})
	limits := []client.ReaderOptions{{MaxBytes: 10_000}, {MinBytes: 100_000}}
	for _, limit := range limits {
		record.Same(expected, c.readAll(topic, 2, limit))
	}
	return fmt.Sprintf("%d records under %d limits", len(expected), len(limits))
}

func (c *Cluster) readCommitted() string {
	topic := c.Topic("read-committed", 1, nil)
	expected := c.send(topic, record.Samples(1, 200, 7), client.ProducerOptions{Idempotent: c.Features().Idempotence})
	record.Same(expected, c.readAll(topic, 1, client.ReaderOptions{}))
	return record.Same(expected, c.readAll(topic, 1, client.ReaderOptions{ReadCommitted: true}))
}
