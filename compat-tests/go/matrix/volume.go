package matrix

import (
	"fmt"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

// registerVolume: enough records that a fault in one of 10,000 shows.
func (c *Cluster) registerVolume(all *checks.Checks, volume int) {
	all.Add("produce.volume", func() string {
		const parts = 3
		topic := c.Topic("volume", parts, nil)
		sample := record.Samples(parts, volume, 7)
		var expected []record.Record
		ends := map[int32]int64{}
		producer := checks.Must(c.Producer(topic, client.ProducerOptions{Codec: "none"}))
		defer producer.Close()
		var answered []int64
		for len(sample) > 0 {
			chunk := sample[:min(len(sample), 5000)]
			sample = sample[len(chunk):]
			for index, answer := range producer.Send(chunk) {
				checks.OK(answer.Err, "producing")
				partition := chunk[index].Partition
				answered = append(answered, answer.Offset)
				expected = append(expected, chunk[index].At(ends[partition]))
				ends[partition]++
			}
		}
		// All are sent and read before any is compared.
		found := c.readAll(topic, parts, client.ReaderOptions{})
		for index, offset := range answered {
			checks.Equal(expected[index].Offset, offset, fmt.Sprintf("offset of record %d", index))
		}
		return record.Same(record.Sort(expected), found)
	})
}
