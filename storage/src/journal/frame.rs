//! The header of a journal file and the frame around each write (layout: see the journal's module page).

/// Bytes of the file's header.
pub(super) const HEADER: usize = 24;
/// Bytes of a write before its records.
pub(super) const HEAD: usize = 24;
/// Bytes of a write that its length does not count.
const UNCOUNTED: usize = 8;
/// Records that a frame may hold: what one append may have.
const MAX_BODY: usize = super::MAX_APPEND;

pub(super) const VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"weirjrnl";

/// What stands at the front of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The header of this generation.
    Sound,
    /// A sound header of another version.
    Version(u32),
    /// None, torn, or another file's.
    Bad,
}

/// The header of a file.
pub(super) fn header(generation: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_be_bytes());
    header[12..20].copy_from_slice(&generation.to_be_bytes());
    let crc = crc32c::crc32c(&header[..20]);
    header[20..].copy_from_slice(&crc.to_be_bytes());
    header
}

/// Looks at the front of a file.
pub(super) fn read_header(file: &[u8], generation: u64) -> Header {
    let Some(header) = file.first_chunk::<HEADER>() else {
        return Header::Bad;
    };
    let crc = crc32c::crc32c(&header[..20]);
    if header[..8] != *MAGIC || header[12..20] != generation.to_be_bytes() || header[20..] != crc.to_be_bytes() {
        return Header::Bad;
    }
    match u32_at(header, 8) {
        VERSION => Header::Sound,
        other => Header::Version(other),
    }
}

/// What stands before the records `body` of a write.
pub(super) fn head(generation: u64, position: u64, synced_end: u64, body: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let length = u32::try_from(HEAD - UNCOUNTED + body.len()).expect("the body is bounded");
    head[..4].copy_from_slice(&length.to_be_bytes());
    head[8..16].copy_from_slice(&position.to_be_bytes());
    head[16..].copy_from_slice(&synced_end.to_be_bytes());
    let crc = crc(generation, &[&head[UNCOUNTED..], body]);
    head[4..8].copy_from_slice(&crc.to_be_bytes());
    head
}

/// A sound write.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// How far the file was known to be synced.
    pub(super) synced_end: u64,
    /// The records.
    pub(super) body: &'a [u8],
    /// Where the next write begins.
    pub(super) end: usize,
}

/// The write that begins at byte `at` of a file's content, if a sound one does.
pub(super) fn read(file: &[u8], at: usize, generation: u64) -> Option<Frame<'_>> {
    let bytes = file.get(at..)?;
    let head = bytes.first_chunk::<HEAD>()?;
    let synced_end = u64_at(head, 16);
    if u64_at(head, 8) != at as u64 || synced_end > at as u64 {
        return None;
    }
    let length = u32_at(head, 0) as usize;
    if !(HEAD - UNCOUNTED..=HEAD - UNCOUNTED + MAX_BODY).contains(&length) {
        return None;
    }
    let counted = bytes.get(UNCOUNTED..UNCOUNTED + length)?;
    if u32_at(head, 4) != crc(generation, &[counted]) {
        return None;
    }
    Some(Frame {
        synced_end,
        body: &counted[HEAD - UNCOUNTED..],
        end: at + UNCOUNTED + length,
    })
}

fn crc(generation: u64, parts: &[&[u8]]) -> u32 {
    let start = crc32c::crc32c(&generation.to_be_bytes());
    parts.iter().fold(start, |crc, part| crc32c::crc32c_append(crc, part))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}
