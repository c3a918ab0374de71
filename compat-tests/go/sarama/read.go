package sarama

import (
	"time"

	"github.com/IBM/sarama"

	"weir/compat/client"
)

// reader has a consumer for each partition; all give their records to one channel.
type reader struct {
	client.Inbox
	consumer   sarama.Consumer
	topic      string
	partitions map[int32]sarama.PartitionConsumer
	stops      map[int32]chan struct{}
}

// Reader is client.Client's.
func (c *Client) Reader(topic string, starts map[int32]int64, options client.ReaderOptions) (client.Reader, error) {
	config := settings()
	config.Consumer.Return.Errors = !options.Lasting
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	if options.MinBytes > 0 {
		config.Consumer.Fetch.Min = int32(options.MinBytes)
	}
	if options.MaxBytes > 0 {
		// Max is what a fetch may grow to; zero is no limit, and needed for records that are larger.
		config.Consumer.Fetch.Default = int32(options.MaxBytes)
	}
	if options.ReadCommitted {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	consumer, err := sarama.NewConsumer([]string{c.bootstrap}, config)
	if err != nil {
		return nil, err
	}
	r := &reader{client.NewInbox(), consumer, topic, map[int32]sarama.PartitionConsumer{}, map[int32]chan struct{}{}}
	for partition, start := range starts {
		if err := r.open(partition, start); err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

func (r *reader) open(partition int32, offset int64) error {
	opened, err := r.consumer.ConsumePartition(r.topic, partition, offset)
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	r.partitions[partition], r.stops[partition] = opened, stop
	go func() {
		for each := range opened.Messages() {
			select {
			case r.Records <- fromLibrary(each):
			case <-stop:
				return
			}
		}
	}()
	go func() {
		for each := range opened.Errors() {
			select {
			case r.Errors <- each.Err:
			case <-stop:
				return
			}
		}
	}()
	return nil
}

func (r *reader) shut(partition int32) {
	close(r.stops[partition])
	_ = r.partitions[partition].Close()
	delete(r.partitions, partition)
}

// Seek opens the partition anew, as sarama's consumers have no seek.
func (r *reader) Seek(partition int32, offset int64) error {
	r.shut(partition)
	return r.open(partition, offset)
}

func (r *reader) Close() {
	for partition := range r.partitions {
		r.shut(partition)
	}
	_ = r.consumer.Close()
}
