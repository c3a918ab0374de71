package client

import (
	"time"

	"weir/compat/record"
)

// Inbox is where the goroutines of a Reader leave what they find.
type Inbox struct {
	Records chan record.Record
	Errors  chan error
}

// NewInbox makes one that holds nothing: whoever leaves something waits until it is taken.
func NewInbox() Inbox {
	return Inbox{make(chan record.Record), make(chan error)}
}

// Read is Reader's.
func (i Inbox) Read(count int, wait time.Duration) ([]record.Record, error) {
	var records []record.Record
	end := time.After(wait)
	for len(records) < count {
		select {
		case each := <-i.Records:
			records = append(records, each)
		case err := <-i.Errors:
			return records, err
		case <-end:
			return records, nil
		}
	}
	return records, nil
}

// LagOf is Lag for a library without one: the ends of the partitions less what is committed.
func LagOf(c Client, group, topic string, partitions int32) ([]int64, error) {
	committed, err := c.Committed(group, topic, partitions)
	if err != nil {
		return nil, err
	}
	var lags []int64
	for _, each := range committed {
		_, end, err := c.Bounds(topic, each.Partition)
		if err != nil {
			return nil, err
		}
		lags = append(lags, end-each.At)
	}
	return lags, nil
}
