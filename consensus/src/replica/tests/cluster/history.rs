//! What was committed, as the replicas showed it one after the other.

use std::collections::BTreeMap;

use storage::record_batch::BatchHeader;

/// A batch below some replica's high watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Committed {
    last_offset: i64,
    crc: u32,
    epoch: i32,
}

#[derive(Debug, Default)]
pub(super) struct History {
    batches: BTreeMap<i64, Committed>,
    /// Where each idempotent batch is, by producer and first sequence number.
    sequences: BTreeMap<(i64, i32), i64>,
    acknowledged: BTreeMap<i64, u32>,
    /// The newest term in which any replica has led.
    pub(super) newest_term: u64,
}

impl History {
    /// The end of what any replica has shown as committed.
    pub(super) fn end(&self) -> i64 {
        self.batches
            .values()
            .next_back()
            .map_or(0, |batch| batch.last_offset + 1)
    }

    /// A replica shows this batch below its high watermark.
    pub(super) fn see(&mut self, node: u64, header: &BatchHeader) {
        let seen = Committed {
            last_offset: header.last_offset(),
            crc: header.crc,
            epoch: header.leader_epoch,
        };
        let base = header.base_offset;
        if base < self.end() {
            let known = self.batches.get(&base);
            assert_eq!(
                known,
                Some(&seen),
                "node {node} differs below the high watermark at offset {base}"
            );
            return;
        }
        assert_eq!(base, self.end(), "node {node} leaves a gap");
        if header.has_producer() {
            let key = (header.producer_id, header.base_sequence);
            if let Some(first) = self.sequences.insert(key, base) {
                panic!("the batch {key:?} is at offset {first} and again at {base}");
            }
        }
        self.batches.insert(base, seen);
    }

    /// A producer was answered.
    pub(super) fn acknowledge(&mut self, base: i64, crc: u32) {
        let known = self.batches.get(&base).map(|batch| batch.crc);
        assert_eq!(known, Some(crc), "offset {base} was acknowledged with another batch");
        self.acknowledged.insert(base, crc);
    }

    /// Every acknowledged batch is in the log that ends at `end`; how many there are.
    pub(super) fn check_acknowledged(&self, end: i64) -> usize {
        assert!(
            self.end() <= end,
            "committed up to {}, the log ends at {end}",
            self.end()
        );
        self.acknowledged.len()
    }
}
