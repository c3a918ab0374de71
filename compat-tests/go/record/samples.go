package record

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Now is the time in milliseconds since the epoch.
func Now() int64 {
	return time.Now().UnixMilli()
}

// Noise is bytes that no codec makes smaller, the same for the same seed.
func Noise(length int, seed uint64) []byte {
	noise := make([]byte, length)
	var key [32]byte
	key[0] = byte(seed)
	_, _ = rand.NewChaCha8(key).Read(noise)
	return noise
}

// Samples are keyed records for the partitions in turn, 1 ms apart and ending now; values compress well. But for
// their timestamps they are the same for the same seed.
func Samples(partitions, count int, seed uint64) []Record {
	random := rand.New(rand.NewPCG(seed, 0))
	start := Now() - int64(count)
	samples := make([]Record, 0, count)
	for index := range count {
		var headers []Header
		if index%3 == 0 {
			headers = []Header{{"number", fmt.Append(nil, index)}}
		}
		samples = append(samples, Record{
			Partition: int32(index % partitions),
			Time:      start + int64(index),
			Key:       fmt.Appendf(nil, "key %d", random.IntN(1000)),
			Value:     fmt.Appendf(nil, "value %d %s%d", index, strings.Repeat("weir ", random.IntN(60)), random.Int64()),
			Headers:   headers,
		})
	}
	return samples
}
