package matrix

import (
	"fmt"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

// registerSeek: reading from any place in the log.
func (c *Cluster) registerSeek(all *checks.Checks) {
	all.Add("seek.offset", c.seekOffset)
	all.Add("seek.beginning_end", c.seekEnds)
	all.Add("seek.time", c.seekTime)
}

// seekOffset: seeks land on the record, inside a compressed batch too.
func (c *Cluster) seekOffset() string {
	topic := c.Topic("seek-offset", 1, nil)
	sent := c.send(topic, record.Samples(1, 1000, 8), client.ProducerOptions{Codec: "snappy"})
	reader := checks.Must(c.Reader(topic, map[int32]int64{0: 0}, client.ReaderOptions{}))
	defer reader.Close()
	record.Same(sent[:1], read(reader, 1))
	offsets := []int{500, 0, 999, 1, 777, 333}
	for _, offset := range offsets {
		checks.OK(reader.Seek(0, int64(offset)), "seeking")
		count := min(100, 1000-offset)
		record.Same(sent[offset:offset+count], read(reader, count))
	}
	return fmt.Sprintf("%d seeks", len(offsets))
}

func (c *Cluster) seekEnds() string {
	topic := c.Topic("seek-ends", 2, nil)
	early := c.send(topic, record.Samples(2, 100, 9), client.ProducerOptions{})
	starts := map[int32]int64{}
	for partition := range int32(2) {
		start, end, err := c.Bounds(topic, partition)
		checks.OK(err, "asking for the ends")
		checks.Equal([]int64{0, 50}, []int64{start, end}, "ends of the log")
		starts[partition] = end
	}
	reader := checks.Must(c.Reader(topic, starts, client.ReaderOptions{}))
	defer reader.Close()
	nothingComes(reader)
	var late []record.Record
	producer := checks.Must(c.Producer(topic, client.ProducerOptions{}))
	defer producer.Close()
	for partition := range int32(2) {
		late = append(late, record.Record{Partition: partition, Offset: 50, Time: record.Now(), Key: []byte("late")})
	}
	for _, answer := range producer.Send(late) {
		checks.OK(answer.Err, "producing")
		checks.Equal(50, answer.Offset, "offset")
	}
	record.Same(late, record.Sort(read(reader, 2)))
	for partition := range int32(2) {
		checks.OK(reader.Seek(partition, 0), "seeking")
	}
	return record.Same(record.Sort(append(early, late...)), record.Sort(read(reader, 102)))
}

// seekTime: the first record at or after a time: inside batches, before all, after all.
func (c *Cluster) seekTime() string {
	topic := c.Topic("seek-time", 2, map[string]string{"retention.ms": "-1"})
	const start = 1_600_000_000_000
	var sample []record.Record
	for i := range 500 {
		sample = append(sample, record.Record{Time: start + 10*int64(i), Key: fmt.Appendf(nil, "k%d", i),
			Value: fmt.Appendf(nil, "v%d", i)})
	}
	sent := c.send(topic, sample, client.ProducerOptions{Codec: "zstd"})
	cases := []struct{ time, offset int64 }{{0, 0}, {start, 0}, {start + 1, 1}, {start + 10, 1}, {start + 2495, 250},
		{start + 4990, 499}}
	for _, each := range cases {
		checks.Equal(each.offset, checks.Must(c.OffsetAt(topic, 0, each.time)), fmt.Sprintf("offset at %d", each.time))
		reader := checks.Must(c.Reader(topic, map[int32]int64{0: each.offset}, client.ReaderOptions{}))
		record.Same(sent[each.offset:each.offset+1], read(reader, 1))
		reader.Close()
	}
	after := checks.Must(c.OffsetAt(topic, 0, start+4991))
	checks.True(after == -1 || after == 500, "offset after the last record: %d", after)
	empty := checks.Must(c.OffsetAt(topic, 1, start))
	checks.True(empty == -1 || empty == 0, "offset in an empty partition: %d", empty)
	return fmt.Sprintf("%d times", len(cases)+2)
}
