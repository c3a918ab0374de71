// Package record writes a record as one line of text: partition, offset, timestamp, key, value, headers. Null is "-"
// and the empty value is "=", so that the two never look alike; long values stand as length and SHA-256. Two records
// are the same if and only if their lines are.
package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Bytes up to this length are written out in hexadecimal.
const short = 48

// Header is one header of a record; a nil value is null.
type Header struct {
	Name  string
	Value []byte
}

// Record is what is produced and read, in any client. Time is in milliseconds since the epoch. A nil key or value is
// null, an empty one is not.
type Record struct {
	Partition int32
	Offset    int64
	Time      int64
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Line is the record as text.
func (r Record) Line() string {
	var headers strings.Builder
	for _, header := range r.Headers {
		fmt.Fprintf(&headers, "[%s %s]", text([]byte(header.Name)), text(header.Value))
	}
	return fmt.Sprintf("p%d o%d t%d k%s v%s h%s", r.Partition, r.Offset, r.Time, text(r.Key), text(r.Value), &headers)
}

// At is the same record at another offset.
func (r Record) At(offset int64) Record {
	r.Offset = offset
	return r
}

func text(content []byte) string {
	switch {
	case content == nil:
		return "-"
	case len(content) <= short:
		return "=" + hex.EncodeToString(content)
	default:
		sum := sha256.Sum256(content)
		return fmt.Sprintf("#%d:%s", len(content), hex.EncodeToString(sum[:]))
	}
}
