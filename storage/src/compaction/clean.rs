//! One round over one log: maps the dirty part, then writes group after group of segments anew.
//!
//! Invariant: the log is only read here. What is written goes to files of names of their own, synced, names included,
//! before they are handed out; the owner has them take their place, and tells the journal first.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::filter::{Filter, Filtered, LOOKED_UP_AT_ONCE, NoTransactions};
use super::{Choice, KeyHash, OffsetMap, SegmentSize, group};
use crate::log::{BatchReader, CleanedWriter, Damage, LogError, LogPosition, LogReader, Met, Replacement, Segment};
use crate::record_batch::{BatchError, BatchHeader, HEADER_LEN, KeyedRecords};

/// What a round goes by.
#[derive(Debug, Clone, Copy)]
pub struct CleanOptions {
    /// The clock when the round begins, in milliseconds since the epoch.
    pub now_ms: i64,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `segment.bytes`: segments become one up to this size.
    pub segment_bytes: u64,
    /// `segment.index.bytes`, the same for the indexes.
    pub segment_index_bytes: u64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u64,
    /// Bytes of the map (`log.cleaner.dedupe.buffer.size`, shared by the threads).
    pub map_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`.
    pub load_factor: f64,
    /// Bytes read and written at once (`log.cleaner.io.buffer.size`).
    pub io_bytes: usize,
    /// Bytes written after which they are synced. Who stops the round waits for that sync at most.
    pub sync_bytes: u64,
    /// What a batch may decompress to.
    pub max_decompressed: usize,
    /// The secret of the map's hash.
    pub secret: (u64, u64),
}

/// Why a round ended early. The log is as it was after the last replacement.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// A batch is damaged; the good ones end at the position.
    #[error("{0}")]
    Damaged(Damage, LogPosition),
    /// The disk refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The directory could not be synced: names in it are in doubt.
    #[error("names in the partition's directory are in doubt: {0}")]
    NamesInDoubt(LogError),
    /// A batch with a right CRC makes no sense.
    #[error("the batch at offset {offset} cannot be read: {source}")]
    Batch {
        /// Its base offset.
        offset: i64,
        /// What is wrong.
        source: BatchError,
    },
    /// The partition is not here any more.
    #[error("the partition is gone")]
    Gone,
}

/// How far a round has come.
#[derive(Debug)]
pub enum Progress {
    /// There is more to do.
    More,
    /// This is to take the place of old segments before the round goes on.
    Replace(Box<Replacement>),
    /// The round is over: all below this offset was looked at.
    Done {
        /// Where the next round begins.
        dirty_from: i64,
    },
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CleanStats {
    /// Bytes read, for the map and to be written anew.
    pub bytes_read: u64,
    /// Bytes of batches written.
    pub bytes_written: u64,
    /// Bytes of the segments that were replaced.
    pub bytes_replaced: u64,
    /// Batches read to be written anew.
    pub batches_read: u64,
    /// Of those, dropped.
    pub batches_dropped: u64,
    /// Of those, with less records, or another time for its tombstones.
    pub batches_rewritten: u64,
    /// Keys in the map.
    pub keys: u64,
    /// How full the map is, 0 to 1.
    pub map_utilization: f64,
}

/// A round.
#[derive(Debug)]
pub struct Clean {
    reader: Arc<LogReader>,
    options: CleanOptions,
    choice: Choice,
    /// The sealed segments below the round's end.
    segments: Vec<Arc<Segment>>,
    map: OffsetMap,
    mapped_until: i64,
    phase: Phase,
    stats: CleanStats,
}

#[derive(Debug)]
enum Phase {
    /// Reads the dirty part.
    Map {
        place: usize,
        batches: Option<BatchReader>,
    },
    /// Writes the groups that are left, the next one last.
    Write {
        groups: Vec<Range<usize>>,
        at: Option<Box<Writing>>,
    },
    Done,
}

/// A group that is being written.
#[derive(Debug)]
struct Writing {
    group: Range<usize>,
    place: usize,
    batches: BatchReader,
    writer: CleanedWriter,
    producers: BTreeMap<i64, i64>,
    out: Vec<u8>,
}

impl Clean {
    /// Begins a round over what was chosen of the log.
    pub fn new(reader: Arc<LogReader>, choice: Choice, options: CleanOptions) -> Self {
        let all = reader.segments();
        let below = all.partition_point(|segment| segment.base_offset() < choice.first_uncleanable);
        let segments = all[..below.min(all.len() - 1)].to_vec();
        // Offsets bound the keys that there can be.
        let keys = (choice.first_uncleanable - choice.first_dirty).max(0) as u64;
        let map = OffsetMap::new(keys, options.map_bytes, options.load_factor, options.secret);
        let place = segments.partition_point(|segment| segment.base_offset() <= choice.first_dirty);
        Clean {
            reader,
            options,
            choice,
            segments,
            map,
            mapped_until: choice.first_dirty - 1,
            phase: Phase::Map {
                place: place.saturating_sub(1),
                batches: None,
            },
            stats: CleanStats::default(),
        }
    }

    /// What the round did so far.
    pub fn stats(&self) -> CleanStats {
        CleanStats {
            keys: self.map.len() as u64,
            map_utilization: self.map.utilization(),
            ..self.stats
        }
    }

    /// The bytes that the next step puts on the disk, at most: but for one batch, which may be larger than `budget`.
    pub fn next_writes(&self, budget: u64) -> u64 {
        match &self.phase {
            Phase::Write { at: Some(writing), .. } => writing.out.len() as u64 + budget + writing.writer.index_bytes(),
            _ => 0,
        }
    }

    /// The offset behind the last that it may touch.
    pub fn end(&self) -> i64 {
        self.choice.first_uncleanable
    }

    /// Goes on, for about `budget` bytes read and written. `producers` answers the last offset of each producer's last
    /// batch, as of now; `None` where the partition is gone. After an error the round is to be abandoned.
    pub fn step(
        &mut self,
        budget: u64,
        producers: impl FnOnce() -> Option<BTreeMap<i64, i64>>,
    ) -> Result<Progress, CleanError> {
        match &mut self.phase {
            Phase::Map { .. } => self.map(budget),
            Phase::Write { at: None, groups } => match groups.pop() {
                Some(group) => {
                    let producers = producers().ok_or(CleanError::Gone)?;
                    let writing = self.begin(group, producers)?;
                    if let Phase::Write { at, .. } = &mut self.phase {
                        *at = Some(Box::new(writing));
                    }
                    Ok(Progress::More)
                }
                None => {
                    self.phase = Phase::Done;
                    Ok(self.done())
                }
            },
            Phase::Write { at, .. } => match at.take() {
                Some(writing) => self.write(writing, budget),
                None => Ok(Progress::More),
            },
            Phase::Done => Ok(self.done()),
        }
    }

    /// Ends the round here: what was written and not handed out goes.
    pub fn abandon(self) {
        if let Phase::Write { at: Some(writing), .. } = self.phase {
            writing.writer.discard();
        }
    }

    fn done(&self) -> Progress {
        Progress::Done {
            dirty_from: self.mapped_until + 1,
        }
    }

    /// Where the segment at `place` ends.
    fn end_of(&self, place: usize) -> i64 {
        let next = self.segments.get(place + 1);
        next.map_or(self.choice.first_uncleanable, |next| next.base_offset())
    }

    fn map(&mut self, budget: u64) -> Result<Progress, CleanError> {
        let Phase::Map { mut place, mut batches } = std::mem::replace(&mut self.phase, Phase::Done) else {
            return Ok(Progress::More);
        };
        let mut left = budget;
        let mut is_full = false;
        while left > 0 && !is_full {
            if place >= self.segments.len() {
                break;
            }
            let end = self.end_of(place);
            let reading = match &mut batches {
                Some(reading) => reading,
                None => {
                    let segment = self.segments[place].clone();
                    let io_bytes = self.options.io_bytes;
                    let from = self.choice.first_dirty.max(segment.base_offset());
                    batches.insert(BatchReader::from(&self.reader, segment, from, end, io_bytes)?)
                }
            };
            match reading.next(&self.reader)? {
                Met::Batch { header, bytes, .. } => {
                    left = left.saturating_sub(bytes.len() as u64);
                    self.stats.bytes_read += bytes.len() as u64;
                    let first = self.choice.first_dirty;
                    is_full = !note_keys(
                        &mut self.map,
                        &mut self.mapped_until,
                        &header,
                        bytes,
                        first,
                        self.options.max_decompressed,
                    )
                    .map_err(|source| CleanError::Batch {
                        offset: header.base_offset,
                        source,
                    })?;
                }
                Met::End => {
                    self.mapped_until = self.mapped_until.max(end - 1);
                    place += 1;
                    batches = None;
                }
                Met::Damaged(damage, end) => return Err(CleanError::Damaged(damage, end)),
            }
        }
        if place < self.segments.len() && !is_full {
            self.phase = Phase::Map { place, batches };
            return Ok(Progress::More);
        }
        // Also the segment in which the map became full.
        let until = self.mapped_until;
        let mut groups = self.groups(until);
        groups.reverse();
        self.phase = Phase::Write { groups, at: None };
        Ok(Progress::More)
    }

    /// The groups of the segments that begin at or below `until`.
    fn groups(&self, until: i64) -> Vec<Range<usize>> {
        let below = self.segments.partition_point(|segment| segment.base_offset() <= until);
        let sizes: Vec<SegmentSize> = self.segments[..below]
            .iter()
            .map(|segment| SegmentSize {
                base_offset: segment.base_offset(),
                size: segment.size(),
            })
            .collect();
        let end = match below {
            0 => return Vec::new(),
            below => self.end_of(below - 1),
        };
        let CleanOptions {
            segment_bytes,
            segment_index_bytes,
            index_interval_bytes,
            ..
        } = self.options;
        group(&sizes, end, segment_bytes, segment_index_bytes, index_interval_bytes)
    }

    fn begin(&self, group: Range<usize>, producers: BTreeMap<i64, i64>) -> Result<Writing, CleanError> {
        let base = self.segments[group.start].base_offset();
        let CleanOptions {
            index_interval_bytes,
            sync_bytes,
            ..
        } = self.options;
        let writer = CleanedWriter::create(self.reader.files(), base, index_interval_bytes, sync_bytes)?;
        let writer = writer.ok_or(CleanError::Gone)?;
        Ok(Writing {
            place: group.start,
            batches: self.read(group.start),
            group,
            writer,
            producers,
            out: Vec::with_capacity(self.options.io_bytes),
        })
    }

    fn read(&self, place: usize) -> BatchReader {
        BatchReader::whole(self.segments[place].clone(), self.end_of(place), self.options.io_bytes)
    }

    fn write(&mut self, mut writing: Box<Writing>, budget: u64) -> Result<Progress, CleanError> {
        match self.write_some(&mut writing, budget) {
            Ok(false) => {
                self.phase_write(writing);
                Ok(Progress::More)
            }
            Ok(true) => {
                let end = self.end_of(writing.group.end - 1);
                let old = self.segments[writing.group.clone()].to_vec();
                self.stats.bytes_replaced += old.iter().map(|segment| segment.size()).sum::<u64>();
                match writing.writer.finish(old, end) {
                    Ok(replacement) => Ok(Progress::Replace(Box::new(replacement))),
                    Err(error) => Err(error),
                }
            }
            Err(error) => {
                writing.writer.discard();
                Err(error)
            }
        }
    }

    fn phase_write(&mut self, writing: Box<Writing>) {
        if let Phase::Write { at, .. } = &mut self.phase {
            *at = Some(writing);
        }
    }

    /// Whether the group is written as a whole.
    fn write_some(&mut self, writing: &mut Writing, budget: u64) -> Result<bool, CleanError> {
        let Writing {
            group,
            place,
            batches,
            writer,
            producers,
            out,
        } = writing;
        let mut filter = Filter::new(
            &self.map,
            self.mapped_until,
            self.choice.first_uncleanable,
            producers,
            self.options.now_ms,
            self.options.delete_retention_ms,
            self.options.max_decompressed,
            NoTransactions,
        );
        let mut left = budget;
        while left > 0 {
            let (header, bytes) = match batches.next(&self.reader)? {
                Met::Batch { header, bytes, .. } => (header, bytes),
                Met::Damaged(damage, end) => return Err(CleanError::Damaged(damage, end)),
                Met::End => {
                    *place += 1;
                    if *place == group.end {
                        writer.write(out)?;
                        return Ok(true);
                    }
                    *batches = BatchReader::whole(
                        self.segments[*place].clone(),
                        match self.segments.get(*place + 1) {
                            Some(next) => next.base_offset(),
                            None => self.choice.first_uncleanable,
                        },
                        self.options.io_bytes,
                    );
                    continue;
                }
            };
            let begin = out.len();
            let filtered = filter.batch(&header, bytes, out);
            let filtered = filtered.map_err(|source| CleanError::Batch {
                offset: header.base_offset,
                source,
            })?;
            self.stats.bytes_read += bytes.len() as u64;
            self.stats.batches_read += 1;
            left = left.saturating_sub((bytes.len() + out.len() - begin) as u64);
            match filtered {
                Filtered::Dropped => {
                    self.stats.batches_dropped += 1;
                    continue;
                }
                Filtered::Whole => writer.note(&header, &out[begin..]),
                Filtered::Rewritten(header) => {
                    self.stats.batches_rewritten += 1;
                    writer.note(&header, &out[begin..]);
                }
            }
            self.stats.bytes_written += (out.len() - begin) as u64;
            if out.len() >= self.options.io_bytes {
                writer.write(out)?;
            }
        }
        Ok(false)
    }
}

/// Puts a batch's keys into the map. False where it is full; `mapped_until` is the last offset that is in it then.
fn note_keys(
    map: &mut OffsetMap,
    mapped_until: &mut i64,
    header: &BatchHeader,
    batch: &[u8],
    first_dirty: i64,
    max_decompressed: usize,
) -> Result<bool, BatchError> {
    use crate::compression::{Codec, decompress};
    if header.last_offset() < first_dirty {
        return Ok(true);
    }
    if !header.attributes.is_control() && header.record_count > 0 {
        let plain;
        let records = match header.attributes.codec()? {
            Codec::None => &batch[HEADER_LEN..],
            codec => {
                plain = decompress(codec, &batch[HEADER_LEN..], max_decompressed)?;
                &plain[..]
            }
        };
        let mut all = KeyedRecords::new(header, records);
        let mut some: Vec<(i64, Option<KeyHash>)> = Vec::with_capacity(LOOKED_UP_AT_ONCE);
        loop {
            some.clear();
            for record in all.by_ref().take(LOOKED_UP_AT_ONCE) {
                let record = record?;
                let offset = header.base_offset + i64::from(record.offset_delta);
                let key = record.key.filter(|_| offset >= first_dirty);
                some.push((offset, key.map(|key| map.hash(key))));
            }
            if some.is_empty() {
                break;
            }
            std::hint::black_box(map.bring_near(some.iter().filter_map(|(_, key)| *key)));
            for &(offset, key) in &some {
                if key.is_some_and(|key| !map.insert(key, offset)) {
                    return Ok(false);
                }
                *mapped_until = (*mapped_until).max(offset);
            }
        }
    }
    *mapped_until = (*mapped_until).max(header.last_offset());
    Ok(true)
}
