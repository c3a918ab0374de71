//! From the bytes of a Fetch answer to records: whole batches, checked, decompressed, without what was aborted.

use std::collections::BTreeSet;

use bytes::Bytes;
use storage::record_batch::{BatchError, BatchHeader, HEADER_LEN, Record, Records, TimestampType, verify_crc};

use crate::client::MAX_DECOMPRESSED_BYTES;

/// Where the type stands in the key of a control record: version i16, type i16.
const ABORT: [u8; 2] = [0, 0];

/// Records are handed on once they come to so many bytes, about.
const PIECE_BYTES: usize = 1 << 20;

/// A piece of what an answer held.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Its records, each with what its timestamp is.
    pub records: Vec<(Record, TimestampType)>,
}

/// Where the next fetch goes on: behind the last whole batch, or where this one began if there is none.
pub(super) fn next_offset(bytes: &Bytes, offset: i64) -> Result<i64, BatchError> {
    let (mut rest, mut next) = (bytes.as_ref(), offset);
    while rest.len() >= HEADER_LEN {
        let header = BatchHeader::parse(rest)?;
        let Some(after) = rest.get(header.size()..) else { break };
        next = next.max(header.next_offset());
        rest = after;
    }
    // What is left is the beginning of a batch; of an old one there may be less than a header.
    Ok(next)
}

/// The records from `offset` on, below `end`, in pieces: a batch at most is decompressed beyond those that `take` has, which
/// says whether more is wanted. `aborted` are transactions by producer and first offset, of which nothing is to be seen.
pub(super) fn decode(
    bytes: &Bytes,
    offset: i64,
    end: i64,
    aborted: &[(i64, i64)],
    mut take: impl FnMut(Decoded) -> bool,
) -> Result<(), BatchError> {
    let mut aborted = aborted.to_vec();
    aborted.sort_unstable_by_key(|(_, first)| std::cmp::Reverse(*first));
    let mut aborting = BTreeSet::new();
    let (mut piece, mut piece_bytes) = (Decoded::default(), 0);
    let mut rest = bytes.clone();
    while rest.len() >= HEADER_LEN {
        let header = BatchHeader::parse(&rest)?;
        if rest.len() < header.size() {
            break;
        }
        let batch = rest.split_to(header.size());
        verify_crc(&batch, &header)?;
        while let Some((producer, _)) = aborted.pop_if(|(_, first)| *first <= header.last_offset()) {
            aborting.insert(producer);
        }
        let attributes = header.attributes;
        if attributes.is_control() {
            let mut marker = Records::new(&batch, MAX_DECOMPRESSED_BYTES)?;
            let key = marker.next().transpose()?.and_then(|record| record.key);
            if key.as_ref().and_then(|key| key.get(2..4)) == Some(&ABORT) {
                aborting.remove(&header.producer_id);
            }
            continue;
        }
        if attributes.is_transactional() && aborting.contains(&header.producer_id) {
            continue;
        }
        for record in Records::new(&batch, MAX_DECOMPRESSED_BYTES)? {
            let record = record?;
            if !(offset..end).contains(&record.offset) {
                continue;
            }
            piece_bytes += size(&record);
            piece.records.push((record, attributes.timestamp_type()));
            if piece_bytes >= PIECE_BYTES {
                piece_bytes = 0;
                if !take(std::mem::take(&mut piece)) {
                    return Ok(());
                }
            }
        }
    }
    if !piece.records.is_empty() {
        take(piece);
    }
    Ok(())
}

/// The memory that a record takes, about.
fn size(record: &Record) -> usize {
    let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    size_of::<Record>() + len(&record.key) + len(&record.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::compression::Codec;
    use storage::record_batch::BatchBuilder;

    fn batch(base: i64, values: &[&str], make: impl FnOnce(BatchBuilder) -> BatchBuilder) -> Bytes {
        let mut builder = make(BatchBuilder::new(Codec::Lz4)).base_offset(base);
        for value in values {
            builder.push(1, None, Some(value.as_bytes()), &[]);
        }
        builder.build()
    }

    /// The values of all pieces.
    fn values(bytes: &Bytes, offset: i64, end: i64, aborted: &[(i64, i64)]) -> Vec<String> {
        let mut values = Vec::new();
        let take = |piece: Decoded| {
            let value = |record: &Record| String::from_utf8(record.value.as_ref().unwrap().to_vec()).unwrap();
            values.extend(piece.records.iter().map(|(record, _)| value(record)));
            true
        };
        decode(bytes, offset, end, aborted, take).unwrap();
        values
    }

    #[test]
    fn only_whole_batches_and_only_what_was_asked_for() {
        let (one, two) = (batch(5, &["a", "b", "c"], |it| it), batch(8, &["d"], |it| it));
        let all: Bytes = [&one[..], &two[..], &one[..20]].concat().into();
        assert_eq!(next_offset(&all, 6).unwrap(), 9);
        assert_eq!(values(&all, 6, i64::MAX, &[]), ["b", "c", "d"]);
        assert_eq!(values(&all, 6, 7, &[]), ["b"]);
        let cut: Bytes = all.slice(..one.len() + 70);
        assert_eq!(next_offset(&cut, 6).unwrap(), 8);
        assert_eq!(next_offset(&Bytes::new(), 6).unwrap(), 6);
    }

    #[test]
    fn what_was_aborted_is_not_seen() {
        let producer = |id| move |it: BatchBuilder| it.producer(id, 0, 0).transactional();
        let abort = {
            let mut builder = BatchBuilder::new(Codec::None)
                .producer(1, 0, -1)
                .transactional()
                .control()
                .base_offset(3);
            builder.push(1, Some(&[0, 0, 0, 0]), Some(&[0; 6]), &[]);
            builder.build()
        };
        let all = [
            batch(0, &["gone"], producer(1)),
            batch(1, &["stays"], producer(2)),
            batch(2, &["plain"], |it| it),
            abort,
            batch(4, &["later"], producer(1)),
        ];
        let all: Bytes = all.concat().into();
        assert_eq!(values(&all, 0, i64::MAX, &[(1, 0)]), ["stays", "plain", "later"]);
        assert_eq!(values(&all, 0, i64::MAX, &[]).len(), 4);
    }

    #[test]
    fn damage_is_told() {
        let mut one = batch(5, &["a"], |it| it).to_vec();
        *one.last_mut().unwrap() ^= 1;
        assert!(matches!(
            decode(&one.into(), 0, i64::MAX, &[], |_| true),
            Err(BatchError::CrcMismatch { .. })
        ));
        let mut old = vec![0; 70];
        old[16] = 1;
        assert!(matches!(
            next_offset(&old.into(), 0),
            Err(BatchError::OldMagic { magic: 1 })
        ));
    }

    #[test]
    fn much_comes_in_pieces_and_ends_when_nobody_wants_more() {
        const COUNT: usize = 5;
        let large = "x".repeat(PIECE_BYTES / 2);
        let all = batch(0, &[large.as_str(); COUNT], |it| it);
        assert!(all.len() < PIECE_BYTES / 10);
        let mut pieces = Vec::new();
        let take = |piece: Decoded| {
            pieces.push(piece.records.len());
            true
        };
        decode(&all, 0, i64::MAX, &[], take).unwrap();
        assert_eq!(pieces, [2, 2, 1]);
        let mut taken = 0;
        let take = |_| {
            taken += 1;
            false
        };
        decode(&all, 0, i64::MAX, &[], take).unwrap();
        assert_eq!(taken, 1);
    }
}
