//! Makes lengths and checksums what they should be, so that damage gets behind them.

use std::path::Path;

use storage::record_batch::BatchHeader;

/// Of a journal file: its header, and what stands before the records of a write.
const JOURNAL_HEADER: usize = 24;
const JOURNAL_HEAD: usize = 24;

/// Mends a file of the kind that its name says.
pub(super) fn mend(path: &Path, bytes: &mut [u8]) {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("log") => batches(bytes),
        Some("snapshot") => snapshot(bytes),
        Some("journal") => journal(bytes),
        _ => {}
    }
}

fn batches(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..)
        && let Ok(header) = BatchHeader::parse(rest)
        && let Some(batch) = rest.get_mut(..header.size())
    {
        crate::batches::mend(batch);
        at += header.size();
    }
}

/// Version, then the CRC of what follows it.
pub(super) fn snapshot(bytes: &mut [u8]) {
    if let Some((head, covered)) = bytes.split_at_mut_checked(6) {
        head[2..].copy_from_slice(&crc32c::crc32c(covered).to_be_bytes());
    }
}

/// The layout is on the module page of `storage::journal`.
pub(super) fn journal(bytes: &mut [u8]) {
    if bytes.len() < JOURNAL_HEADER {
        return;
    }
    let crc = crc32c::crc32c(&bytes[..20]);
    bytes[20..24].copy_from_slice(&crc.to_be_bytes());
    let generation = crc32c::crc32c(&bytes[12..20]);
    let mut at = JOURNAL_HEADER;
    while at + JOURNAL_HEAD <= bytes.len() {
        let position = (at as u64).to_be_bytes();
        let rest = &mut bytes[at..];
        let length = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        rest[8..16].copy_from_slice(&position);
        let Some(counted) = rest.get(8..8 + length).filter(|_| length > 0) else {
            return;
        };
        let crc = crc32c::crc32c_append(generation, counted);
        rest[4..8].copy_from_slice(&crc.to_be_bytes());
        at += 8 + length;
    }
}
