//! Where readers of a segment stopped: a consumer's next fetch begins there, and need not search.
//!
//! Invariant: a bookmark is a boundary between batches at or below the high watermark, which no cut passes; so it stays one
//! for as long as the segment lives.

use parking_lot::Mutex;

/// Readers that are remembered: those of one segment that are at different places of it.
const PLACES: usize = 8;

/// The places of one segment.
#[derive(Debug, Default)]
pub(super) struct Bookmarks {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    /// Offsets that are asked for next, each with the byte where the first batch begins that reaches it.
    places: [Option<(i64, u64)>; PLACES],
    /// The one that is forgotten next.
    oldest: usize,
}

impl Bookmarks {
    /// Where a read of `offset` begins, if a reader stopped there.
    pub(super) fn position_of(&self, offset: i64) -> Option<u64> {
        let places = self.places.lock();
        let mut known = places.places.iter().flatten();
        known.find(|place| place.0 == offset).map(|place| place.1)
    }

    /// Forgets all: the segment was cut.
    pub(super) fn clear(&self) {
        *self.places.lock() = Places::default();
    }

    /// A reader stops at `position`, and will ask for `offset`.
    pub(super) fn note(&self, offset: i64, position: u64) {
        let mut places = self.places.lock();
        if places.places.iter().flatten().any(|place| place.0 == offset) {
            return;
        }
        let oldest = places.oldest;
        places.places[oldest] = Some((offset, position));
        places.oldest = (oldest + 1) % PLACES;
    }
}
