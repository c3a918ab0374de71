package segmentio

import (
	"context"

	"github.com/segmentio/kafka-go"

	"weir/compat/client"
)

// reader has a Reader for each partition; all give their records to one channel.
type reader struct {
	client.Inbox
	partitions map[int32]*partition
}

type partition struct {
	reader *kafka.Reader
	stop   context.CancelFunc
	ended  chan struct{}
}

// Reader is client.Client's.
func (c *Client) Reader(topic string, starts map[int32]int64, options client.ReaderOptions) (client.Reader, error) {
	r := &reader{client.NewInbox(), map[int32]*partition{}}
	for number, start := range starts {
		config := kafka.ReaderConfig{
			Brokers: []string{c.bootstrap}, Topic: topic, Partition: int(number), MaxWait: fetchWait,
			MinBytes: max(1, options.MinBytes), MaxBytes: options.MaxBytes, OffsetOutOfRangeError: true,
		}
		if config.MaxBytes == 0 {
			config.MaxBytes = fetchBytes
		}
		if options.ReadCommitted {
			config.IsolationLevel = kafka.ReadCommitted
		}
		opened := &partition{reader: kafka.NewReader(config)}
		r.partitions[number] = opened
		if err := opened.reader.SetOffset(start); err != nil {
			return nil, err
		}
		r.run(opened, options.Lasting)
	}
	return r, nil
}

func (r *reader) run(from *partition, lasting bool) {
	ctx, stop := context.WithCancel(context.Background())
	from.stop, from.ended = stop, make(chan struct{})
	go func() {
		defer close(from.ended)
		for {
			message, err := from.reader.FetchMessage(ctx)
			if ctx.Err() != nil {
				return
			}
			if err != nil && lasting {
				continue
			}
			if err != nil {
				select {
				case r.Errors <- err:
				case <-ctx.Done():
				}
				return
			}
			select {
			case r.Records <- fromLibrary(message):
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (r *reader) Seek(number int32, offset int64) error {
	from := r.partitions[number]
	from.stop()
	<-from.ended
	if err := from.reader.SetOffset(offset); err != nil {
		return err
	}
	r.run(from, false)
	return nil
}

func (r *reader) Close() {
	for _, each := range r.partitions {
		if each.stop != nil {
			each.stop()
			<-each.ended
		}
		_ = each.reader.Close()
	}
}
