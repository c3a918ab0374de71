//! Which neighbouring segments become one (Kafka: `Cleaner.groupSegmentsBySize`).
//!
//! Invariant: what a group becomes fits a segment: by its bytes, the entries of its indexes, and the offsets that they can
//! express.

use std::ops::Range;

/// A segment to be cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSize {
    /// Its base offset.
    pub base_offset: i64,
    /// Its bytes.
    pub size: u64,
}

/// Bytes of an entry of the larger of the two indexes.
const ENTRY_BYTES: u64 = 12;

/// Groups `segments`, which are neighbours and in order, and of which the last ends at `end_offset`. A group has at most
/// `max_bytes`, and its indexes `max_index_bytes` each with one entry per `index_interval` bytes: unless a single segment
/// has more.
pub fn group(
    segments: &[SegmentSize],
    end_offset: i64,
    max_bytes: u64,
    max_index_bytes: u64,
    index_interval: u64,
) -> Vec<Range<usize>> {
    let max_entries = max_index_bytes / ENTRY_BYTES;
    let max_bytes = max_bytes.min(max_entries.saturating_mul(index_interval.max(1)));
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (place, segment) in segments.iter().enumerate() {
        let end = segments.get(place + 1).map_or(end_offset, |next| next.base_offset);
        let fits = |group: &Range<usize>| {
            let base = segments[group.start].base_offset;
            bytes + segment.size <= max_bytes && (segment.size == 0 || end - 1 - base <= i64::from(i32::MAX))
        };
        match groups.last_mut().filter(|group| fits(group)) {
            Some(group) => {
                group.end = place + 1;
                bytes += segment.size;
            }
            None => {
                groups.push(place..place + 1);
                bytes = segment.size;
            }
        }
    }
    groups
}
