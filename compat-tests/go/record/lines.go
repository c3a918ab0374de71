package record

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"weir/compat/checks"
)

// Sort orders records by partition; inside a partition they stay as they came.
func Sort(records []Record) []Record {
	slices.SortStableFunc(records, func(a, b Record) int { return cmp.Compare(a.Partition, b.Partition) })
	return records
}

// Numbered gives records that are produced, in this order, to empty partitions their offsets; by partition.
func Numbered(records []Record) []Record {
	ends := map[int32]int64{}
	numbered := make([]Record, 0, len(records))
	for _, each := range records {
		numbered = append(numbered, each.At(ends[each.Partition]))
		ends[each.Partition]++
	}
	return Sort(numbered)
}

// Lines are the records as text.
func Lines(records []Record) []string {
	lines := make([]string, 0, len(records))
	for _, each := range records {
		lines = append(lines, each.Line())
	}
	return lines
}

// Same fails unless both hold the same records in the same order; returns their count and digest.
func Same(expected, found []Record) string {
	return SameLines(Lines(expected), Lines(found))
}

// SameLines is Same of records that are text already.
func SameLines(expected, found []string) string {
	for index := range min(len(expected), len(found)) {
		checks.Equal(expected[index], found[index], fmt.Sprintf("record %d", index))
	}
	checks.Equal(len(expected), len(found), "number of records")
	sum := sha256.New()
	for _, line := range found {
		sum.Write([]byte(line + "\n"))
	}
	return fmt.Sprintf("%d records %s", len(found), hex.EncodeToString(sum.Sum(nil))[:12])
}
