//! The scrub: every log is read through now and then, so that damage shows before a consumer meets it.
//!
//! Nothing here runs by itself: the owner calls [`Node::scrub`] as often as its rate allows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use storage::log::{Scrub, Scrubbed};

use super::Node;
use super::partition::Partition;

/// The first round begins this long after the start, if rounds are not to follow each other faster.
const FIRST_ROUND_MS: u64 = 10 * 60 * 1_000;
/// A disk that refuses to read is asked again so often; then the partition is left to the next round.
const MAX_REFUSALS: u32 = 3;

/// How far the present round has come.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// When the next one begins; `None` before the first call.
    next_ms: Option<u64>,
    waiting: VecDeque<Arc<Partition>>,
    at: Scrub,
    refusals: u32,
}

/// Counts of what the scrub did.
#[derive(Debug, Default)]
pub struct ScrubCounters {
    /// Good bytes read.
    pub bytes: AtomicU64,
    /// Rounds ended.
    pub rounds: AtomicU64,
    /// Damages found.
    pub damages: AtomicU64,
}

impl Node {
    /// Reads on where the last call stopped, about `budget` bytes; a round over all logs begins `interval_ms` after the
    /// last one did. Answers the bytes read: 0 where nothing is to be done for now.
    pub fn scrub(&self, budget: u64, interval_ms: u64) -> u64 {
        let now = self.clock.monotonic_ms();
        let mut round = self.scrub.lock();
        let next_ms = *round.next_ms.get_or_insert(now + interval_ms.min(FIRST_ROUND_MS));
        if round.waiting.is_empty() {
            if now < next_ms {
                return 0;
            }
            round.next_ms = Some(now + interval_ms);
            round.at = Scrub::default();
            round.waiting = self.topics.load().partitions().cloned().collect();
            round.waiting.push_back(self.metadata.clone());
        }
        let Some(partition) = round.waiting.front().cloned() else {
            return 0;
        };
        let (bytes, is_done) = self.scrub_partition(&partition, &mut round, budget);
        self.scrub_counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        if is_done {
            round.waiting.pop_front();
            round.at = Scrub::default();
            round.refusals = 0;
            if round.waiting.is_empty() {
                self.scrub_counters.rounds.fetch_add(1, Ordering::Relaxed);
            }
        }
        // Also an empty log costs something.
        bytes.max(1)
    }

    /// Reads on in one partition; the good bytes, and whether this round is over for it.
    fn scrub_partition(&self, partition: &Arc<Partition>, round: &mut Round, budget: u64) -> (u64, bool) {
        let synced = partition.with_replica(|replica| Ok(replica.synced_end())).flatten();
        let Some(synced) = synced.filter(|_| !partition.is_closed()) else {
            return (0, true);
        };
        let reader = partition.reader();
        let committed = reader.high_watermark();
        let limit = if committed.offset < synced.offset {
            committed
        } else {
            synced
        };
        match round.at.step(reader, limit, budget) {
            Ok(Scrubbed::More(bytes)) => (bytes, false),
            Ok(Scrubbed::End(bytes)) => (bytes, true),
            Ok(Scrubbed::Damaged(damage, end)) => {
                let _no_replacement = self.changing_segments.lock();
                if !round.at.is_current(reader) {
                    return (0, false);
                }
                self.scrub_counters.damages.fetch_add(1, Ordering::Relaxed);
                partition.quarantine(damage, end);
                (0, true)
            }
            Err(error) => {
                round.refusals += 1;
                tracing::warn!(%partition, %error, "the scrub cannot read");
                (0, round.refusals >= MAX_REFUSALS)
            }
        }
    }
}
