//! What Raft carries in place of a batch.

use storage::record_batch::BatchHeader;

/// Names one batch: enough to find it in the log and to tell that it is the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Its first offset.
    pub base_offset: i64,
    /// Its last offset.
    pub last_offset: i64,
    /// Its bytes.
    pub size: u32,
    /// Its CRC, as in its header.
    pub crc: u32,
}

const LEN: usize = 24;

impl Descriptor {
    /// The descriptor of a stamped batch.
    pub fn of(header: &BatchHeader) -> Self {
        Descriptor {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            size: header.size() as u32,
            crc: header.crc,
        }
    }

    /// Big-endian: base offset i64, last offset i64, size u32, CRC u32.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend_from_slice(&self.base_offset.to_be_bytes());
        bytes.extend_from_slice(&self.last_offset.to_be_bytes());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.extend_from_slice(&self.crc.to_be_bytes());
        bytes
    }

    /// The reverse; `None` for anything but an encoded descriptor.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LEN] = bytes.try_into().ok()?;
        let word = |at: usize| i64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let half = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        Some(Descriptor {
            base_offset: word(0),
            last_offset: word(8),
            size: half(16),
            crc: half(20),
        })
    }
}
