//! What was written after the last mark: synced first, verified whole past the page cache, and cut where it is torn.

use std::io;
use std::sync::Arc;

use super::super::Log;
use super::super::error::LogError;
use super::super::files::LOG;
use super::super::reader::LogPosition;
use super::super::segment::Segment;
use super::terms::Terms;
use super::{Recovered, Recovery, StopKind, Stopped, TailBatch};
use crate::disk::{DiskFile, read_exact_at};
use crate::journal::SyncedMark;
use crate::record_batch::{BatchHeader, HEADER_LEN, verify_crc};

/// Bytes that are searched at once for a batch behind a bad one.
const SEARCH: usize = 1 << 20;

/// How a walk over a segment of the tail ended.
enum Verdict {
    Whole,
    Cut { reason: String },
    Damaged { position: u64, reason: String },
}

/// What is wrong with the bytes where a batch should stand.
pub(in crate::log) enum Fault {
    /// They are no whole batch.
    Torn(String),
    /// They are one that does not belong there.
    Misplaced(String),
}

impl Recovery<'_> {
    /// Verifies what was written after the last mark, and cuts what is torn.
    pub(super) fn read_above_mark(&self, mut log: Log, mark: &SyncedMark) -> Result<Recovered, LogError> {
        let segments = log.reader.segments();
        let marked = segments.partition_point(|segment| segment.base_offset() < mark.segment_base);
        let mut terms = Terms::new(self.group, mark);
        let mut tail = Vec::new();
        let mut end = log.reader.end();
        // A mark at the beginning of a segment may be there for a cut whose sync failed.
        let is_cut = self.stop != StopKind::Clean && mark.position == 0;
        let is_unread = is_cut || segments[marked].size() > mark.position || segments.len() > marked + 1;
        // Without a mark not even the names need be durable.
        if !self.is_filesystem_synced && (is_unread || self.group.synced_mark.is_none() || log.dirty.directory) {
            self.sync_from(&segments[marked..])?;
            log.dirty.directory = false;
        }
        for (place, segment) in segments.iter().enumerate().skip(marked) {
            if place > marked {
                if segment.base_offset() != end.offset {
                    let reason = format!("the segment before ends at offset {}", end.offset);
                    if self.stop != StopKind::Rebooted {
                        return Ok(self.damaged(log, stopped(place, 0, reason)));
                    }
                    return self.cut(log, tail, terms, end, place, reason);
                }
                self.seal(&mut log, &segments[place - 1]);
                self.open_index(&mut log, segment, segment.base_offset(), 0)?;
                end = LogPosition {
                    offset: end.offset,
                    segment_base: segment.base_offset(),
                    position: 0,
                };
            }
            let is_last = place + 1 == segments.len();
            match self.verify(&mut log, segment, is_last, &mut end, &mut terms, &mut tail)? {
                Verdict::Whole => {}
                Verdict::Damaged { position, reason } => {
                    return Ok(self.damaged(log, stopped(place, position, reason)));
                }
                Verdict::Cut { reason } => return self.cut(log, tail, terms, end, place + 1, reason),
            }
        }
        *log.reader.end.write() = end;
        self.finish(log, tail, terms, 0)
    }

    fn sync_from(&self, segments: &[Arc<Segment>]) -> Result<(), LogError> {
        for segment in segments {
            let path = self.files.path(segment.base_offset(), LOG);
            // After a failed sync the file may be longer on the device than it seems here: the length is set again.
            let length = match self.stop {
                StopKind::Killed | StopKind::Rebooted => segment.file().set_len(segment.size()),
                StopKind::Clean => Ok(()),
            };
            // The first error may be an old one, that nobody was told of. What it may have lost shows when the bytes are
            // read past the page cache; so all that counts is that they can be synced now.
            let sync = || segment.file().sync_data();
            let synced = length.and_then(|()| sync().or_else(|_| sync()));
            synced.map_err(|error| LogError::io("sync", path, error))?;
        }
        self.files.sync_names()
    }

    /// Verifies one segment from `end` on, moving `end` past every good batch.
    fn verify(
        &self,
        log: &mut Log,
        segment: &Arc<Segment>,
        is_last: bool,
        end: &mut LogPosition,
        terms: &mut Terms<'_>,
        tail: &mut Vec<TailBatch>,
    ) -> Result<Verdict, LogError> {
        let path = self.files.path(segment.base_offset(), LOG);
        while end.position < segment.size() {
            let position = end.position;
            terms.consume_at(end.offset);
            let found = read_batch(segment, position, true).map_err(|error| LogError::io("read", &path, error))?;
            let header = match found.and_then(|header| in_place(header, end.offset, terms.term)) {
                Ok(header) => header,
                Err(fault) => return self.judge(segment, is_last, *end, terms.term, fault),
            };
            end.offset = header.next_offset();
            end.position += header.size() as u64;
            let index = terms.consume_batch();
            tail.push(TailBatch {
                index,
                header,
                end: *end,
            });
            log.note(segment, &header, position, self.now_ms);
        }
        Ok(Verdict::Whole)
    }

    /// A bad batch above the mark: torn, or damage?
    fn judge(
        &self,
        segment: &Segment,
        is_last: bool,
        at: LogPosition,
        term: u64,
        fault: Fault,
    ) -> Result<Verdict, LogError> {
        let position = at.position;
        let reason = match fault {
            Fault::Torn(reason) => reason,
            Fault::Misplaced(reason) if self.stop != StopKind::Rebooted => {
                return Ok(Verdict::Damaged { position, reason });
            }
            Fault::Misplaced(reason) => reason,
        };
        if self.stop == StopKind::Rebooted {
            return Ok(Verdict::Cut { reason });
        }
        let path = self.files.path(segment.base_offset(), LOG);
        let io = |error| LogError::io("read", &path, error);
        let is_torn = match read_batch(segment, position, false).map_err(io)? {
            // The page cache has it and the device does not: a sync had failed, and it was never acknowledged.
            Ok(header) => in_place(header, at.offset, term).is_ok(),
            // The last write, cut off by the kill.
            Err(_) => is_last && self.is_cut_off(segment, position).map_err(io)?,
        };
        Ok(match is_torn {
            true => Verdict::Cut { reason },
            false => Verdict::Damaged { position, reason },
        })
    }

    /// Whether the file ends inside the batch that begins at `position`, with no good one behind its beginning.
    fn is_cut_off(&self, segment: &Segment, position: u64) -> io::Result<bool> {
        let left = segment.size() - position;
        if left < HEADER_LEN as u64 {
            return Ok(true);
        }
        let mut head = [0; HEADER_LEN];
        read_exact_at(&**segment.file(), &mut head, position)?;
        match BatchHeader::parse(&head) {
            Ok(header) if header.size() as u64 > left => {
                Ok(!batch_follows(segment, position + 1, header.next_offset())?)
            }
            _ => Ok(false),
        }
    }

    /// Ends the log at `end`; the segments from `keep` on go.
    fn cut(
        &self,
        mut log: Log,
        tail: Vec<TailBatch>,
        terms: Terms<'_>,
        end: LogPosition,
        keep: usize,
        reason: String,
    ) -> Result<Recovered, LogError> {
        let segments = log.reader.segments();
        let last = segments[keep - 1].clone();
        let gone: u64 = segments[keep..].iter().map(|segment| segment.size()).sum();
        let bytes = last.size() - end.position + gone;
        tracing::warn!(
            segment = %self.files.path(last.base_offset(), LOG).display(),
            position = end.position, bytes, reason, "cutting the unsynced tail"
        );
        // The newest segment first: a stop in between leaves no gap.
        log.drop_segments(&segments[keep..])?;
        log.drop_snapshots_above(end.offset)?;
        self.files.sync_names()?;
        last.set_size(end.position);
        log.cut_file(&last, end.position)?;
        log.active.segment = last;
        log.swap_segments(segments[..keep].to_vec());
        *log.reader.end.write() = end;
        self.finish(log, tail, terms, bytes)
    }
}

fn stopped(segment: usize, position: u64, reason: String) -> Stopped {
    Stopped {
        segment,
        position,
        reason,
    }
}

/// Reads and verifies the batch at `position`, past the page cache or through it.
pub(in crate::log) fn read_batch(
    segment: &Segment,
    position: u64,
    is_uncached: bool,
) -> io::Result<Result<BatchHeader, Fault>> {
    let read = |bytes: &mut [u8]| match is_uncached {
        true => read_exact_uncached(&**segment.file(), bytes, position),
        false => read_exact_at(&**segment.file(), bytes, position),
    };
    let left = segment.size().saturating_sub(position);
    if left < HEADER_LEN as u64 {
        let reason = format!("{left} bytes are left, a header has {HEADER_LEN}");
        return Ok(Err(Fault::Torn(reason)));
    }
    let mut bytes = vec![0; HEADER_LEN];
    read(&mut bytes)?;
    let header = match BatchHeader::parse(&bytes) {
        Ok(header) if header.size() as u64 > left => {
            let reason = format!("a batch of {} bytes begins where {left} are left", header.size());
            return Ok(Err(Fault::Torn(reason)));
        }
        Ok(header) => header,
        Err(error) => return Ok(Err(Fault::Torn(error.to_string()))),
    };
    bytes.resize(header.size(), 0);
    read(&mut bytes)?;
    // Parsed again from the same bytes that are verified.
    Ok(match BatchHeader::parse(&bytes) {
        Ok(again) if again.size() == bytes.len() => match verify_crc(&bytes, &again) {
            Ok(()) => Ok(again),
            Err(error) => Err(Fault::Torn(error.to_string())),
        },
        _ => Err(Fault::Torn("its header changed between two reads".to_string())),
    })
}

fn read_exact_uncached(file: &dyn DiskFile, buf: &mut [u8], position: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_uncached_at(&mut buf[done..], position + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => done += n,
        }
    }
    Ok(())
}

/// Whether a good batch with this base offset begins anywhere from `position` on, in what the page cache has.
fn batch_follows(segment: &Segment, mut position: u64, base_offset: i64) -> io::Result<bool> {
    let wanted = base_offset.to_be_bytes();
    while position + HEADER_LEN as u64 <= segment.size() {
        let mut chunk = vec![0; (segment.size() - position).min(SEARCH as u64) as usize];
        read_exact_at(&**segment.file(), &mut chunk, position)?;
        let places = chunk.windows(wanted.len()).enumerate();
        for (at, _) in places.filter(|(_, window)| *window == wanted) {
            if read_batch(segment, position + at as u64, false)?.is_ok() {
                return Ok(true);
            }
        }
        position += (chunk.len() - (wanted.len() - 1)) as u64;
    }
    Ok(false)
}

/// A whole batch must also stand where it belongs: at the next offset, in the term that the journal says.
fn in_place(header: BatchHeader, offset: i64, term: u64) -> Result<BatchHeader, Fault> {
    if header.base_offset != offset {
        let reason = format!("offset {} stands where {offset} belongs", header.base_offset);
        return Err(Fault::Misplaced(reason));
    }
    if i64::from(header.leader_epoch) != term as i64 {
        let reason = format!("epoch {} stands where the journal says {term}", header.leader_epoch);
        return Err(Fault::Misplaced(reason));
    }
    if header.last_offset_delta < 0 {
        return Err(Fault::Misplaced("it ends before it begins".to_string()));
    }
    Ok(header)
}
