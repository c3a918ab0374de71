//! Reads entries that are not in memory: batches' headers from the segments, Raft's own from the journal's part.

use raft::GetEntriesContext;
use raft::eraftpb::Entry;
use storage::log::{HeaderWalk, LogPosition, Segment, Step};

use super::{RaftLog, Slot, batch_entry, own_entry};

/// Entries read at once for a follower that lags behind what is in memory.
const MAX_FETCHED: u64 = 1024;

impl RaftLog {
    /// The index of the last entry in `segment`, which begins after `index`, or of the journal's after it.
    pub(super) fn count(&self, segment: &Segment, mut index: u64) -> Result<u64, String> {
        let mut walk = HeaderWalk::new(segment.file().clone(), 0, segment.size());
        loop {
            index = self.last_own_after(index);
            match walk.step().map_err(|error| error.to_string())? {
                Step::Batch { .. } => index += 1,
                Step::End => return Ok(index),
                Step::Bad { position, reason } => return Err(format!("byte {position}: {reason}")),
            }
        }
    }

    /// Reads the entries `[low, high)` from headers and journal.
    pub(super) fn walk(&self, low: u64, high: u64) -> Result<Vec<Slot>, String> {
        let (mut index, mut end) = self.place_before(low);
        let segments = self.log.reader().segments();
        let first = segments.partition_point(|segment| segment.base_offset() < end.segment_base);
        let mut slots = Vec::new();
        for segment in &segments[first..] {
            if segment.base_offset() != end.segment_base {
                end = LogPosition {
                    segment_base: segment.base_offset(),
                    position: 0,
                    ..end
                };
            }
            let mut walk = HeaderWalk::new(segment.file().clone(), end.position, segment.size());
            loop {
                for own in self.own_after(index).take_while(|own| own.index < high) {
                    index = own.index;
                    if index >= low {
                        slots.push(Slot {
                            entry: own_entry(own),
                            end,
                        });
                    }
                }
                if index + 1 >= high {
                    self.walked.set(Some((index + 1, end)));
                    return Ok(slots);
                }
                match walk.step().map_err(|error| error.to_string())? {
                    Step::End => break,
                    Step::Bad { position, reason } => return Err(format!("byte {position}: {reason}")),
                    Step::Batch { position, header } => {
                        index += 1;
                        end.offset = header.next_offset();
                        end.position = position + header.size() as u64;
                        if index >= low {
                            let term = self.term_at(index).unwrap_or(header.leader_epoch as u64);
                            slots.push(Slot {
                                entry: batch_entry(index, term, &header),
                                end,
                            });
                        }
                    }
                }
            }
        }
        Ok(slots)
    }

    /// A place before the entry at `index` from which to walk to it: the last index before the place, and the place.
    fn place_before(&self, index: u64) -> (u64, LogPosition) {
        let start = self.begin;
        let anchor = self.anchors.iter().rfind(|&(_, &before)| before < index);
        let (base, before) = anchor.map_or((start, self.first_index - 1), |(&base, &before)| (base, before));
        match self.walked.get() {
            Some((next, place)) if next <= index && next > before => (next - 1, place),
            _ => (
                before,
                LogPosition {
                    offset: base,
                    segment_base: base,
                    position: 0,
                },
            ),
        }
    }

    /// Reads the first of what Raft asked for and did not get, and hands out the context to call it back with.
    pub(crate) fn fetch_wanted(&mut self) -> Option<GetEntriesContext> {
        loop {
            let (low, high, context) = self.wanted.get_mut().pop_front()?;
            match self.walk(low, high.min(low + MAX_FETCHED)) {
                Ok(slots) if !slots.is_empty() => {
                    self.fetched = slots.into_iter().map(|slot| slot.entry).collect();
                    return Some(context);
                }
                // Raft asks again with the follower's next answer.
                Ok(_) => tracing::error!(low, "no entries where a follower needs some"),
                Err(error) => tracing::error!(error, low, "cannot read entries for a follower"),
            }
        }
    }

    pub(super) fn fetched(&self, low: u64, high: u64) -> Option<Vec<Entry>> {
        let first = self.fetched.first()?.index;
        let from = usize::try_from(low.checked_sub(first)?).ok()?;
        let to = from.checked_add((high - low) as usize)?.min(self.fetched.len());
        (from < to).then(|| self.fetched[from..to].to_vec())
    }
}
