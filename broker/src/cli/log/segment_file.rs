//! A segment's file, batch by batch, whoever wrote it: Weir, Apache Kafka, or a Kafka of old (formats v0 and v1, which are
//! named and passed over).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;
use storage::record_batch::{BatchHeader, HEADER_LEN, LOG_OVERHEAD};

/// Where the magic byte stands in every format.
const MAGIC_AT: usize = 16;
/// A message of formats v0 and v1 has at least offset, length, CRC, magic, attributes and two lengths.
const LEAST_OLD_MESSAGE: u64 = 26;
/// The largest batch that is read: no broker writes one of more.
const MAX_BATCH_BYTES: usize = 1 << 30;

/// The batches of a file.
pub(super) struct SegmentFile {
    file: File,
    size: u64,
    position: u64,
}

/// What stands in the file next.
pub(super) enum Entry {
    /// A whole batch.
    Batch {
        position: u64,
        header: BatchHeader,
        bytes: Bytes,
    },
    /// A message, or a compressed set of messages, of format v0 or v1.
    Old {
        position: u64,
        offset: i64,
        magic: i8,
        size: u64,
    },
    /// No batch. Nothing behind it is read.
    Bad {
        position: u64,
        reason: String,
        /// The file ends before the batch does.
        is_cut_off: bool,
    },
}

impl SegmentFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(SegmentFile {
            file,
            size,
            position: 0,
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The next entry; `None` at the end, and behind what is bad.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let (position, left) = (self.position, self.size - self.position);
        if left == 0 {
            return Ok(None);
        }
        let mut head = [0; HEADER_LEN];
        let length = left.min(HEADER_LEN as u64) as usize;
        self.file.read_exact_at(&mut head[..length], position)?;
        if length > MAGIC_AT && matches!(head[MAGIC_AT], 0 | 1) && head[..MAGIC_AT].iter().any(|byte| *byte != 0) {
            return Ok(Some(self.old(position, left, &head)));
        }
        if length < HEADER_LEN {
            let reason = format!("{left} bytes are left, a batch's header has {HEADER_LEN}");
            return Ok(Some(self.bad(position, reason, true)));
        }
        let header = match BatchHeader::parse(&head) {
            Ok(header) => header,
            Err(problem) => return Ok(Some(self.bad(position, problem.to_string(), false))),
        };
        let size = header.size();
        if size as u64 > left {
            let reason = format!("a batch of {size} bytes begins where {left} are left");
            return Ok(Some(self.bad(position, reason, true)));
        }
        if size > MAX_BATCH_BYTES {
            let reason = format!("a batch says that it has {size} bytes");
            return Ok(Some(self.bad(position, reason, false)));
        }
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, position)?;
        self.position += size as u64;
        Ok(Some(Entry::Batch {
            position,
            header,
            bytes: bytes.into(),
        }))
    }

    fn old(&mut self, position: u64, left: u64, head: &[u8; HEADER_LEN]) -> Entry {
        let field = |from: usize, length: usize| {
            head[from..from + length]
                .iter()
                .fold(0u64, |all, byte| all << 8 | u64::from(*byte))
        };
        let size = field(8, 4) + LOG_OVERHEAD as u64;
        let magic = head[MAGIC_AT] as i8;
        if size > left || size < LEAST_OLD_MESSAGE {
            let reason = format!("a message of format v{magic} and {size} bytes begins where {left} are left");
            return self.bad(position, reason, size > left);
        }
        self.position += size;
        Entry::Old {
            position,
            offset: field(0, 8) as i64,
            magic,
            size,
        }
    }

    fn bad(&mut self, position: u64, reason: String, is_cut_off: bool) -> Entry {
        self.position = self.size;
        Entry::Bad {
            position,
            reason,
            is_cut_off,
        }
    }
}

/// An index file without the zeros that Kafka reserves behind the last entry while it writes.
pub(super) fn without_reserve(bytes: &[u8], entry: usize) -> &[u8] {
    let mut end = bytes.len();
    while end >= entry && bytes.len().is_multiple_of(entry) && bytes[end - entry..end].iter().all(|byte| *byte == 0) {
        end -= entry;
    }
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use super::{Entry, SegmentFile, without_reserve};
    use storage::compression::Codec;
    use storage::record_batch::BatchBuilder;

    fn entries(bytes: &[u8]) -> Vec<Entry> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut segment = SegmentFile::open(file.path()).unwrap();
        std::iter::from_fn(|| segment.next().unwrap()).collect()
    }

    #[test]
    fn formats_and_tails() {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.push(1, None, Some(b"v"), &[]);
        let batch = builder.build();
        // Offset 7, 14 bytes, CRC, magic 1, attributes, and what else a message has.
        let mut old = [&7i64.to_be_bytes()[..], &22i32.to_be_bytes(), &[9; 4], &[1, 0]].concat();
        old.resize(34, 0);
        let found = entries(&[&batch[..], &old, &batch[..70.min(batch.len() - 1)]].concat());
        assert!(matches!(&found[0], Entry::Batch { position: 0, header, .. } if header.record_count == 1));
        assert!(matches!(
            found[1],
            Entry::Old {
                offset: 7,
                magic: 1,
                size: 34,
                ..
            }
        ));
        assert!(matches!(&found[2], Entry::Bad { is_cut_off: true, .. }) && found.len() == 3);
        assert!(matches!(
            &entries(&[0; 100])[..],
            [Entry::Bad { is_cut_off: false, .. }]
        ));
        assert!(matches!(&entries(&[5; 10])[..], [Entry::Bad { is_cut_off: true, .. }]));
        assert!(entries(&[]).is_empty());
    }

    #[test]
    fn reserves_are_cut() {
        assert_eq!(without_reserve(&[0, 0, 0, 1, 0, 0, 0, 0], 4), [0, 0, 0, 1]);
        assert!(without_reserve(&[0, 0, 0, 0], 4).is_empty());
        assert_eq!(without_reserve(&[1, 0, 0, 0, 0], 4), [1, 0, 0, 0, 0]);
    }
}
