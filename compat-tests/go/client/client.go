// Package client is what the shared checks ask of a client library. Each library has a package of its own that
// implements it; what only one of them can do is checked there.
package client

import (
	"time"

	"weir/compat/record"
)

// Client is one library, connected to one broker. Its calls fail after checks.Patience at the latest.
type Client interface {
	// Name is the prefix of the names of topics and groups.
	Name() string
	// Bootstrap is the broker's address.
	Bootstrap() string
	Features() Features
	// Code is the number of Kafka's error in an error of the library, -1 for an error of its own, 0 for none.
	Code(err error) int16

	Producer(topic string, options ProducerOptions) (Producer, error)
	// Reader reads the partitions from the given offsets on, without a group.
	Reader(topic string, starts map[int32]int64, options ReaderOptions) (Reader, error)
	// Bounds are the offsets of a partition's first record and of the one that comes next.
	Bounds(topic string, partition int32) (start, end int64, err error)
	// OffsetAt is the offset of the first record at or after a time; -1, or the end, when there is none.
	OffsetAt(topic string, partition int32, millis int64) (int64, error)

	// Consume joins a group, reads so many records, commits and leaves.
	Consume(options GroupOptions, count int) ([]record.Record, error)
	Member(options GroupOptions) (Member, error)
	Commit(group, topic string, offsets []Offset) error
	// Committed gives an offset of -1 where nothing is committed.
	Committed(group, topic string, partitions int32) ([]Offset, error)
	// Lag is, for each partition, how many records the group has not committed.
	Lag(group, topic string, partitions int32) ([]int64, error)

	Admin
}

// ExactReader is of libraries whose usual reader cannot tell null and empty apart, but another way of reading can.
type ExactReader interface {
	ReadExactly(topic string, partition int32, count int) ([]record.Record, error)
}

// Features are what the libraries differ in.
type Features struct {
	Idempotence   bool
	Cooperative   bool
	StaticMembers bool
	// EmptyIsNull: its usual reader gives an empty key or value as null.
	EmptyIsNull     bool
	NoDeleteRecords bool
	// NoAppendTime: its readers do not know of the broker's timestamps and show the producer's.
	NoAppendTime bool
	// OldAlterConfigs: it has AlterConfigs, which replaces all settings.
	OldAlterConfigs bool
}

// ProducerOptions hold the library's own defaults where they are zero.
type ProducerOptions struct {
	// Acks is "0", "1" or "all", the default.
	Acks string
	// Codec is "none", the default, "gzip", "snappy", "lz4" or "zstd".
	Codec      string
	Idempotent bool
	// BatchRecords is how many records a batch has at most.
	BatchRecords int
	// Lasting: it goes on, for checks.Patience, while the broker is away.
	Lasting bool
	// ByKey: the library's partitioner chooses; else the records' partitions hold.
	ByKey bool
}

// Producer produces to one topic.
type Producer interface {
	// Send hands over all records at once and gives their answers in the order of the records.
	Send(records []record.Record) []Answer
	Close()
}

// Answer is what came back for one record.
type Answer struct {
	Partition int32
	Offset    int64
	Err       error
}

// ReaderOptions hold the library's own defaults where they are zero.
type ReaderOptions struct {
	MinBytes, MaxBytes int
	ReadCommitted      bool
	// Lasting: errors are not told, so that it goes on when the broker was away.
	Lasting bool
}

// Reader reads partitions of one topic, each in order.
type Reader interface {
	// Read gives so many records, or what came until the time was up.
	Read(count int, wait time.Duration) ([]record.Record, error)
	Seek(partition int32, offset int64) error
	Close()
}

// GroupOptions are those of a group's member. They travel to members in processes of their own.
type GroupOptions struct {
	Group, Topic string
	// Strategy is "range", the default, or "cooperative-sticky".
	Strategy string
	// Instance is the name of a static member, empty for a dynamic one.
	Instance string
	ClientID string
	Session  time.Duration
	// AutoCommit: offsets are committed on leaving, not by a call.
	AutoCommit bool
	// Lasting: only a fenced member fails; others go on when the broker was away.
	Lasting bool
	// Latest: without a committed offset it starts at the end, not at the beginning.
	Latest bool
}

// Member reads and commits by itself until it leaves or dies.
type Member interface {
	// Assigned are the partitions it has now.
	Assigned() []int32
	// Drain gives the lines of the records that it read since the last call.
	Drain() []string
	// DrainRevoked gives the partitions that were taken from it since the last call.
	DrainRevoked() []int32
	// Failure is what ended it, if it did not end by itself.
	Failure() error
	// Close leaves the group; a static member only stops.
	Close()
}

// Offset is a committed offset.
type Offset struct {
	Partition int32
	At        int64
	Metadata  string
}
