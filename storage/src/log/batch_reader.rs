//! Reads the batches of a sealed segment one after the other, in large pieces, and verifies each.
//!
//! Invariant: a batch that is answered is whole and good, and stands where it belongs: right behind the one before it, or in
//! a segment that the cleaner has written, anywhere behind it.

use std::sync::Arc;

use super::error::{Damage, LogError};
use super::files::{LOG, display_name};
use super::reader::{LogPosition, LogReader};
use super::recovery::{Fault, read_batch};
use super::segment::Segment;
use crate::disk::read_exact_at;
use crate::record_batch::{BatchHeader, HEADER_LEN, PREFIX_LEN, prefix, verify_crc};

/// A cursor over the batches of one segment.
#[derive(Debug)]
pub(crate) struct BatchReader {
    segment: Arc<Segment>,
    /// The base offset of the segment after it.
    end_offset: i64,
    place: Place,
    position: u64,
    chunk: Vec<u8>,
    chunk_start: u64,
    chunk_len: usize,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Met<'a> {
    /// A good batch.
    Batch { header: BatchHeader, bytes: &'a [u8] },
    /// The segment's end, where it should be.
    End,
    /// What is no good batch, and where the good ones end.
    Damaged(Damage, LogPosition),
}

impl BatchReader {
    /// All batches of a segment that ends where the one at `end_offset` begins; `chunk` bytes are read at once.
    pub(crate) fn whole(segment: Arc<Segment>, end_offset: i64, chunk: usize) -> Self {
        BatchReader {
            place: Place::at_start(&segment),
            segment,
            end_offset,
            position: 0,
            chunk: vec![0; chunk.max(HEADER_LEN)],
            chunk_start: 0,
            chunk_len: 0,
        }
    }

    /// The same from the batch on that holds `offset`, or from one before it.
    pub(crate) fn from(
        reader: &LogReader,
        segment: Arc<Segment>,
        offset: i64,
        end_offset: i64,
        chunk: usize,
    ) -> Result<Self, LogError> {
        let position = match offset > segment.base_offset() {
            true => segment.walk_to(reader.files(), offset, segment.size())?.position(),
            false => 0,
        };
        let mut batches = BatchReader::whole(segment, end_offset, chunk);
        if position > 0 {
            batches.position = position;
            batches.place.is_known = false;
            batches.place.is_part = true;
        }
        Ok(batches)
    }

    /// The next batch. What is bad is read again, past the page cache: it is the disk that is judged, not one read of it.
    /// Who began in the middle is given the batches from the segment's beginning on then: where the good ones end shows only
    /// from there.
    pub(crate) fn next(&mut self, reader: &LogReader) -> Result<Met<'_>, LogError> {
        if self.position >= self.segment.size() {
            return match self.place.end(&self.segment, self.end_offset) {
                None => Ok(Met::End),
                Some(_) if self.begins_anew() => self.next(reader),
                Some(reason) => Ok(self.damaged(reader, reason)),
            };
        }
        let position = self.position;
        let (header, from) = match self.load(reader)? {
            Ok(loaded) => loaded,
            Err(_) if self.begins_anew() => return self.next(reader),
            Err(reason) => return self.judge(reader, reason),
        };
        let bytes = &self.chunk[from..from + header.size()];
        let checked = verify_crc(bytes, &header).map_err(|error| error.to_string());
        let checked = checked.and_then(|()| self.place.next(&self.segment, reader, &header, bytes, self.end_offset));
        if let Err(reason) = checked {
            return match self.begins_anew() {
                true => self.next(reader),
                false => self.judge(reader, reason),
            };
        }
        self.position = position + header.size() as u64;
        Ok(Met::Batch {
            header,
            bytes: &self.chunk[from..from + header.size()],
        })
    }

    /// Goes back to the segment's beginning, if it did not begin there. Once only: then it has.
    fn begins_anew(&mut self) -> bool {
        let is_part = self.place.is_part;
        if is_part {
            *self = BatchReader::whole(self.segment.clone(), self.end_offset, self.chunk.len());
        }
        is_part
    }

    /// Sees to it that the batch at the position is in the chunk; answers where.
    fn load(&mut self, reader: &LogReader) -> Result<Result<(BatchHeader, usize), String>, LogError> {
        let left = self.segment.size() - self.position;
        let mut wanted = HEADER_LEN;
        loop {
            if left < wanted as u64 {
                return Ok(Err(format!("a batch of {wanted} bytes begins where {left} are left")));
            }
            let is_there = self.position >= self.chunk_start
                && self.position + wanted as u64 <= self.chunk_start + self.chunk_len as u64;
            if !is_there {
                if self.chunk.len() < wanted {
                    self.chunk.resize(wanted, 0);
                }
                let len = left.min(self.chunk.len() as u64) as usize;
                let path = || reader.files().path(self.segment.base_offset(), LOG);
                read_exact_at(&**self.segment.file(), &mut self.chunk[..len], self.position)
                    .map_err(|error| LogError::io("read", path(), error))?;
                self.chunk_start = self.position;
                self.chunk_len = len;
            }
            let from = (self.position - self.chunk_start) as usize;
            let header = match BatchHeader::parse(&self.chunk[from..from + HEADER_LEN]) {
                Ok(header) => header,
                Err(error) => return Ok(Err(error.to_string())),
            };
            if header.size() <= self.chunk_len - from {
                return Ok(Ok((header, from)));
            }
            wanted = header.size();
        }
    }

    fn judge(&mut self, reader: &LogReader, reason: String) -> Result<Met<'_>, LogError> {
        let path = || reader.files().path(self.segment.base_offset(), LOG);
        let again = read_batch(&self.segment, self.position, true);
        let again = again.map_err(|error| LogError::io("read", path(), error))?;
        let is_good = match again {
            Ok(header) => self.place.fits(&self.segment, reader, &header, self.end_offset).is_ok(),
            Err(Fault::Torn(_) | Fault::Misplaced(_)) => false,
        };
        if is_good {
            let error = std::io::Error::other(format!("it reads differently each time: {reason}"));
            return Err(LogError::io("read", path(), error));
        }
        Ok(self.damaged(reader, reason))
    }

    fn damaged(&self, reader: &LogReader, reason: String) -> Met<'static> {
        let path = reader.files().path(self.segment.base_offset(), LOG);
        let end = LogPosition {
            offset: self.place.offset,
            segment_base: self.segment.base_offset(),
            position: self.position,
        };
        let damage = Damage {
            file: display_name(&path),
            position: end.position,
            offset: end.offset,
            reason,
        };
        Met::Damaged(damage, end)
    }
}

/// Which batch may come next on a walk through a segment that does not change any more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// The offset behind the last batch.
    pub(super) offset: i64,
    /// CRC32C of the stamps so far.
    stamps: u32,
    /// Whether `offset` is where the next batch of an unclean segment begins.
    is_known: bool,
    /// The walk began in the middle: the stamps say nothing.
    is_part: bool,
}

impl Place {
    /// At the beginning of a segment.
    pub(super) fn at_start(segment: &Segment) -> Self {
        Place {
            offset: segment.base_offset(),
            stamps: 0,
            is_known: true,
            is_part: false,
        }
    }

    /// In the middle of a segment, where `offset` comes next.
    pub(super) fn at(offset: i64) -> Self {
        Place {
            offset,
            stamps: 0,
            is_known: true,
            is_part: true,
        }
    }

    /// Whether a batch with this header may come next; an error says why not.
    pub(super) fn fits(
        &self,
        segment: &Segment,
        reader: &LogReader,
        header: &BatchHeader,
        end_offset: i64,
    ) -> Result<(), String> {
        let found = header.base_offset;
        if header.last_offset_delta < 0 {
            return Err("it ends before it begins".to_string());
        }
        if segment.cleaned().is_some() {
            if found < self.offset || header.next_offset() > end_offset {
                let (from, to) = (self.offset, end_offset);
                return Err(format!(
                    "the offsets {found} to {} stand where some from {from} to {} belong",
                    header.last_offset(),
                    to - 1
                ));
            }
        } else if found != self.offset && self.is_known {
            return Err(format!("offset {found} stands where {} belongs", self.offset));
        }
        // Outside of the CRC, and known from elsewhere.
        match reader.epoch_of(found).filter(|&known| known != header.leader_epoch) {
            Some(known) => Err(format!("epoch {} stands where {known} belongs", header.leader_epoch)),
            None => Ok(()),
        }
    }

    /// Passes a batch that fits; an error says why it does not.
    pub(super) fn next(
        &mut self,
        segment: &Segment,
        reader: &LogReader,
        header: &BatchHeader,
        bytes: &[u8],
        end_offset: i64,
    ) -> Result<(), String> {
        self.fits(segment, reader, header, end_offset)?;
        self.pass(header, bytes);
        Ok(())
    }

    /// Passes a batch, of which `bytes` has the beginning.
    pub(super) fn pass(&mut self, header: &BatchHeader, bytes: &[u8]) {
        self.stamps = crc32c::crc32c_append(self.stamps, &bytes[..PREFIX_LEN]);
        self.offset = header.next_offset();
        self.is_known = true;
    }

    /// Passes a batch.
    pub(super) fn pass_header(&mut self, header: &BatchHeader) {
        let stamp = prefix(header.base_offset, header.batch_length, header.leader_epoch);
        self.pass(header, &stamp);
    }

    /// What is wrong with a segment that ends here, if anything is.
    pub(super) fn end(&self, segment: &Segment, end_offset: i64) -> Option<String> {
        match segment.cleaned() {
            Some(cleaned) if !self.is_part && self.stamps != cleaned.stamps => {
                Some("offsets or epochs in it are not those that the cleaner wrote".to_string())
            }
            Some(_) => None,
            None if self.offset != end_offset => Some(format!(
                "it ends before offset {}, and offset {end_offset} was to follow",
                self.offset
            )),
            None => None,
        }
    }

    /// CRC32C of what stands before the CRCs of the batches passed.
    pub(super) fn stamps(&self) -> u32 {
        self.stamps
    }
}
