package franz

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"weir/compat/client"
	"weir/compat/record"
)

type reader struct {
	client  *kgo.Client
	topic   string
	lasting bool
}

// Reader is client.Client's.
func (c *Client) Reader(topic string, starts map[int32]int64, options client.ReaderOptions) (client.Reader, error) {
	offsets := map[int32]kgo.Offset{}
	for partition, start := range starts {
		offsets[partition] = kgo.NewOffset().At(start)
	}
	settings := append(common(c.bootstrap),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.FetchMaxWait(100*time.Millisecond))
	if options.MinBytes > 0 {
		settings = append(settings, kgo.FetchMinBytes(int32(options.MinBytes)))
	}
	if options.MaxBytes > 0 {
		settings = append(settings, kgo.FetchMaxBytes(int32(options.MaxBytes)),
			kgo.FetchMaxPartitionBytes(int32(options.MaxBytes)))
	}
	if options.ReadCommitted {
		settings = append(settings, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	made, err := kgo.NewClient(settings...)
	if err != nil {
		return nil, err
	}
	return &reader{made, topic, options.Lasting}, nil
}

func (r *reader) Read(count int, wait time.Duration) ([]record.Record, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	return poll(ctx, r.client, count, r.lasting)
}

// poll gives so many records, or what came until the time was up; a lasting one goes on after errors.
func poll(ctx context.Context, from *kgo.Client, count int, lasting bool) ([]record.Record, error) {
	var records []record.Record
	for len(records) < count {
		fetches := from.PollRecords(ctx, count-len(records))
		fetches.EachRecord(func(each *kgo.Record) { records = append(records, fromLibrary(each)) })
		if err := fetches.Err0(); errors.Is(err, context.DeadlineExceeded) {
			return records, nil
		}
		if lasting {
			continue
		}
		for _, each := range fetches.Errors() {
			return records, each.Err
		}
	}
	return records, nil
}

func (r *reader) Seek(partition int32, offset int64) error {
	to := map[int32]kgo.EpochOffset{partition: {Epoch: -1, Offset: offset}}
	r.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{r.topic: to})
	return nil
}

func (r *reader) Close() { r.client.Close() }
