package franz

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"weir/compat/client"
	"weir/compat/record"
)

type producer struct {
	client *kgo.Client
}

var codecs = map[string]kgo.CompressionCodec{
	"": kgo.NoCompression(), "none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// sampleBytes is about how large a record of the samples is.
const sampleBytes = 300

var acks = map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "": kgo.AllISRAcks(), "all": kgo.AllISRAcks()}

// Producer is client.Client's. franz-go is idempotent unless told otherwise.
func (c *Client) Producer(topic string, options client.ProducerOptions) (client.Producer, error) {
	settings := append(common(c.bootstrap),
		kgo.UnknownTopicRetries(20),
		kgo.DefaultProduceTopic(topic), kgo.RequiredAcks(acks[options.Acks]),
		kgo.ProducerBatchCompression(codecs[options.Codec]), kgo.ProducerLinger(5*time.Millisecond),
		// What a topic takes is the broker's to say.
		kgo.ProducerBatchMaxBytes(1_048_588))
	if !options.ByKey {
		settings = append(settings, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	if !options.Idempotent {
		settings = append(settings, kgo.DisableIdempotentWrite())
	}
	if options.BatchRecords > 0 {
		// The library bounds a batch by bytes only.
		settings = append(settings, kgo.ProducerBatchMaxBytes(int32(max(1024, options.BatchRecords*sampleBytes))))
	}
	made, err := kgo.NewClient(settings...)
	if err != nil {
		return nil, err
	}
	return &producer{made}, nil
}

func (p *producer) Send(records []record.Record) []client.Answer {
	ctx, cancel := patient()
	defer cancel()
	answers := make([]client.Answer, len(records))
	for index, each := range records {
		p.client.Produce(ctx, toLibrary(each), func(answered *kgo.Record, err error) {
			answers[index] = client.Answer{Partition: answered.Partition, Offset: answered.Offset, Err: err}
		})
	}
	if err := p.client.Flush(ctx); err != nil {
		answers[0].Err = err
	}
	return answers
}

func (p *producer) Close() { p.client.Close() }

func toLibrary(each record.Record) *kgo.Record {
	made := &kgo.Record{Partition: each.Partition, Timestamp: time.UnixMilli(each.Time), Key: each.Key, Value: each.Value}
	for _, header := range each.Headers {
		made.Headers = append(made.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
	}
	return made
}

func fromLibrary(read *kgo.Record) record.Record {
	each := record.Record{Partition: read.Partition, Offset: read.Offset, Time: read.Timestamp.UnixMilli(),
		Key: read.Key, Value: read.Value}
	for _, header := range read.Headers {
		each.Headers = append(each.Headers, record.Header{Name: header.Key, Value: header.Value})
	}
	return each
}
