package segmentio

import (
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

type producer struct {
	writer  *kafka.Writer
	lasting bool

	mutex   sync.Mutex
	answers []client.Answer
}

// place travels with a message: its number among those sent together, and the partition it is meant for.
type place struct {
	index, partition int
}

var codecs = map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4,
	"zstd": kafka.Zstd}

var acks = map[string]kafka.RequiredAcks{"0": kafka.RequireNone, "1": kafka.RequireOne, "": kafka.RequireAll,
	"all": kafka.RequireAll}

// Producer is client.Client's.
func (c *Client) Producer(topic string, options client.ProducerOptions) (client.Producer, error) {
	p := &producer{lasting: options.Lasting}
	p.writer = &kafka.Writer{
		Addr: c.address, Topic: topic, Transport: c.transport, RequiredAcks: acks[options.Acks],
		Compression: codecs[options.Codec], BatchSize: 500, BatchTimeout: 5 * time.Millisecond,
		Balancer: &kafka.Hash{}, Completion: p.completed,
	}
	if !options.ByKey {
		p.writer.Balancer = kafka.BalancerFunc(func(message kafka.Message, _ ...int) int {
			return message.WriterData.(place).partition
		})
	}
	if options.Lasting {
		p.writer.MaxAttempts = int(checks.Patience / (100 * time.Millisecond))
		p.writer.WriteBackoffMax = 100 * time.Millisecond
	}
	if options.BatchRecords > 0 {
		p.writer.BatchSize = options.BatchRecords
	}
	return p, nil
}

func (p *producer) completed(messages []kafka.Message, err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, each := range messages {
		index := each.WriterData.(place).index
		p.answers[index] = client.Answer{Partition: int32(each.Partition), Offset: each.Offset, Err: err}
	}
}

func (p *producer) Send(records []record.Record) []client.Answer {
	p.answers = make([]client.Answer, len(records))
	messages := make([]kafka.Message, 0, len(records))
	for index, each := range records {
		messages = append(messages, toLibrary(each, index))
	}
	ctx, cancel := patient()
	defer cancel()
	err := p.writer.WriteMessages(ctx, messages...)
	for p.lasting && err != nil && ctx.Err() == nil {
		// It does not retry where a partition has no leader for a moment.
		time.Sleep(100 * time.Millisecond)
		err = p.writer.WriteMessages(ctx, p.failed(messages, err)...)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if err != nil && p.answers[0].Err == nil {
		p.answers[0].Err = err
	}
	return p.answers
}

// failed are the messages that were not taken; all, if the error is not about single ones.
func (p *producer) failed(messages []kafka.Message, err error) []kafka.Message {
	var each kafka.WriteErrors
	if !errors.As(err, &each) {
		return messages
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var failed []kafka.Message
	for _, message := range messages {
		if p.answers[message.WriterData.(place).index].Err != nil {
			failed = append(failed, message)
		}
	}
	return failed
}

func (p *producer) Close() { _ = p.writer.Close() }

func toLibrary(each record.Record, index int) kafka.Message {
	made := kafka.Message{Time: time.UnixMilli(each.Time), Key: each.Key, Value: each.Value,
		WriterData: place{index, int(each.Partition)}}
	for _, header := range each.Headers {
		made.Headers = append(made.Headers, kafka.Header{Key: header.Name, Value: header.Value})
	}
	return made
}

func fromLibrary(read kafka.Message) record.Record {
	each := record.Record{Partition: int32(read.Partition), Offset: read.Offset, Time: read.Time.UnixMilli(),
		Key: read.Key, Value: read.Value}
	for _, header := range read.Headers {
		each.Headers = append(each.Headers, record.Header{Name: header.Key, Value: header.Value})
	}
	return each
}
