package client

import (
	"slices"
	"sync"

	"weir/compat/record"
)

// Journal notes what happens to a member; its methods may be called from any goroutine. It is all of a Member but Close.
type Journal struct {
	mutex    sync.Mutex
	assigned map[int32]bool
	revoked  []int32
	lines    []string
	failure  error
}

// Assign adds partitions.
func (j *Journal) Assign(partitions ...int32) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.assigned == nil {
		j.assigned = map[int32]bool{}
	}
	for _, each := range partitions {
		j.assigned[each] = true
	}
}

// Revoke takes partitions away.
func (j *Journal) Revoke(partitions ...int32) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	for _, each := range partitions {
		delete(j.assigned, each)
	}
	j.revoked = append(j.revoked, partitions...)
}

// Read notes records.
func (j *Journal) Read(records ...record.Record) {
	lines := record.Lines(records)
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.lines = append(j.lines, lines...)
}

// Fail notes the first error that ended the member.
func (j *Journal) Fail(err error) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.failure == nil {
		j.failure = err
	}
}

// Assigned is Member's.
func (j *Journal) Assigned() []int32 {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	assigned := make([]int32, 0, len(j.assigned))
	for each := range j.assigned {
		assigned = append(assigned, each)
	}
	slices.Sort(assigned)
	return assigned
}

// Drain is Member's.
func (j *Journal) Drain() []string {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	drained := j.lines
	j.lines = nil
	return drained
}

// DrainRevoked is Member's.
func (j *Journal) DrainRevoked() []int32 {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	drained := j.revoked
	j.revoked = nil
	return drained
}

// Failure is Member's.
func (j *Journal) Failure() error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.failure
}
