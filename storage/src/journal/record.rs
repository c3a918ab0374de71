//! The journal's records and their bytes.
//!
//! Big-endian, without gaps, one behind another in a write. A type byte first; records of a group go on with its topic id
//! (16 bytes) and partition (i32); then the fields:
//!
//! ```text
//!   1 HardState       term u64, vote u64
//!   2 Entry           index u64, term u64, next offset i64, kind u8 (0 empty, 1 conf change), length u32, payload
//!   3 Cut             from index u64
//!   4 Checkpoint      commit u64, applied u64, membership index u64, length u32, membership
//!   5 Anchor          segment base i64, index u64, term before u64, commit u64, applied u64
//!   6 AnchorsDropped  below i64
//!   7 SyncedMark      segment base i64, position u64, next offset i64, last index u64
//!   8 GroupRemoved
//!   9 StartOffset     offset i64
//!  10 Cleaned         base i64, end i64, size u64, stamps u32
//!  11 CleanedInPlace
//!  12 DirtyFrom       offset i64
//!  13 Epoch           term u64, start i64
//!  16 Started         length u8, boot id (UTF-8)           of the node, without group
//!  17 Stopped                                              of the node, without group
//!  18 Complete                                             of the file, without group
//! ```
//!
//! A type that is not known is an error: skipping it could skip a vote.

use bytes::Bytes;
use uuid::Uuid;

use super::error::JournalError;

/// Bytes that an entry's payload, or a membership, may have.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// The largest term that is taken from a file: a term is a leader epoch, an i32, and elections need some above it.
const MAX_TERM: u64 = 2_000_000_000;

/// Type, topic id and partition.
const KEY: usize = 1 + 16 + 4;

/// A Raft group: one partition of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId {
    /// The topic.
    pub topic_id: Uuid,
    /// The partition's number.
    pub partition: i32,
}

/// Term and vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HardState {
    /// The current term.
    pub term: u64,
    /// Whom this node voted for in it, 0 for none.
    pub vote: u64,
}

/// What an entry of raft's own is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Without content: a new leader's first entry, or a refused change of membership.
    Empty,
    /// A change of membership.
    ConfChange,
}

/// An entry of the Raft log that takes no Kafka offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftEntry {
    /// Its raft index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// The Kafka offset that the next batch behind it gets.
    pub next_offset: i64,
    /// What it is.
    pub kind: EntryKind,
    /// Its content, at most [`MAX_PAYLOAD`] bytes.
    pub payload: Bytes,
}

/// How far a group has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The commit index.
    pub commit: u64,
    /// The index up to which entries are applied; at most `commit`.
    pub applied: u64,
    /// The members as of `membership_index`, in the caller's coding, at most [`MAX_PAYLOAD`] bytes.
    pub membership: Bytes,
    /// The index of the change that made this membership.
    pub membership_index: u64,
}

/// Where a segment begins in the Raft log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The segment's base offset.
    pub segment_base: i64,
    /// The index of the last raft entry before the segment's first batch.
    pub index: u64,
    /// The term of that entry.
    pub term_before: u64,
    /// The commit index at that time. The log never begins behind the commit and applied index that are synced, so an
    /// anchor carries both.
    pub commit: u64,
    /// The applied index at that time.
    pub applied: u64,
}

/// How far a group's segments are synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncedMark {
    /// The base offset of the segment in which the synced end lies.
    pub segment_base: i64,
    /// The synced end in that segment's file, bytes.
    pub position: u64,
    /// The offset behind the last synced batch.
    pub next_offset: i64,
    /// The raft index of the last synced batch.
    pub last_index: u64,
}

/// A segment that the cleaner has written. It lies below Raft's beginning, and its offsets have gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanedSegment {
    /// Its base offset.
    pub base_offset: i64,
    /// The base offset of the next segment.
    pub end_offset: i64,
    /// Bytes of its file.
    pub size: u64,
    /// CRC32C of what stands before the CRCs of its batches (offset, length and epoch of each), one after the other.
    pub stamps: u32,
}

/// Where a term began, of which Raft has no entry any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochStart {
    /// The term.
    pub term: u64,
    /// The offset of its first batch.
    pub start: i64,
}

/// A record of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Replaces term and vote.
    HardState(HardState),
    /// Adds an entry; those at and behind its index are gone.
    Entry(RaftEntry),
    /// The entries at and behind the index are gone, and with them the anchors of segments that began behind them and a
    /// synced mark that covered them. The new mark goes behind the cut, into the same append.
    Cut {
        /// The first index that is gone.
        from_index: u64,
    },
    /// Replaces the checkpoint.
    Checkpoint(Checkpoint),
    /// Adds or replaces the anchor of a segment.
    Anchor(Anchor),
    /// The segments below an offset are gone: so are their anchors, and the entries at and before the first anchor left.
    AnchorsDropped {
        /// The base offset of the first segment left.
        below: i64,
    },
    /// Replaces the synced mark.
    SyncedMark(SyncedMark),
    /// The segments from a base offset up to another are replaced by one that the cleaner has written, which is synced under
    /// a name of its own and may still have to be put in its place. Raft begins no earlier than at its end: the anchors
    /// below are gone, and the entries at and before the first anchor left.
    Cleaned(CleanedSegment),
    /// The last one that was cleaned is in its place, durably.
    CleanedInPlace,
    /// The cleaner has looked at all below this offset.
    DirtyFrom {
        /// The first offset that it has to look at.
        offset: i64,
    },
    /// A term began at an offset below Raft's beginning. Such records stand in the live state of a rewritten journal alone.
    Epoch(EpochStart),
    /// The group is gone, with all its records.
    GroupRemoved,
    /// Replaces the log start offset that was asked for: what lies below it was deleted, though its segment may be there.
    StartOffset {
        /// The first offset that can be read.
        offset: i64,
    },
}

/// A record of the node or of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NodeRecord {
    /// The node has started.
    Started { boot_id: String },
    /// The node has stopped in order.
    Stopped,
    /// All that was live when the file was begun stands before this.
    Complete,
}

impl RaftEntry {
    /// Bytes of its record.
    pub(super) fn size(&self) -> usize {
        KEY + 8 + 8 + 8 + 1 + 4 + self.payload.len()
    }
}

impl Checkpoint {
    /// Bytes of its record.
    pub(super) fn size(&self) -> usize {
        KEY + 8 + 8 + 8 + 4 + self.membership.len()
    }
}

impl HardState {
    /// Bytes of its record.
    pub(super) const SIZE: usize = KEY + 16;
}

impl Anchor {
    /// Bytes of its record.
    pub(super) const SIZE: usize = KEY + 40;
}

impl SyncedMark {
    /// Bytes of its record.
    pub(super) const SIZE: usize = KEY + 32;
}

impl EpochStart {
    /// Bytes of its record.
    pub(super) const SIZE: usize = KEY + 16;
}

impl CleanedSegment {
    /// Bytes of its record.
    pub(super) const SIZE: usize = KEY + 28;
    /// Bytes of the record that it is in its place.
    pub(super) const IN_PLACE_SIZE: usize = KEY;
    /// Bytes of the record that says how far the cleaner has looked.
    pub(super) const DIRTY_SIZE: usize = KEY + 8;
}

impl Record {
    /// Bytes of a [`Record::StartOffset`].
    pub(super) const START_OFFSET_SIZE: usize = KEY + 8;

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Record::HardState(_) => HardState::SIZE,
            Record::Entry(entry) => entry.size(),
            Record::Checkpoint(checkpoint) => checkpoint.size(),
            Record::Anchor(_) => Anchor::SIZE,
            Record::SyncedMark(_) => SyncedMark::SIZE,
            Record::Cut { .. } | Record::AnchorsDropped { .. } => KEY + 8,
            Record::StartOffset { .. } => Record::START_OFFSET_SIZE,
            Record::DirtyFrom { .. } => CleanedSegment::DIRTY_SIZE,
            Record::Epoch(_) => EpochStart::SIZE,
            Record::Cleaned(_) => CleanedSegment::SIZE,
            Record::CleanedInPlace => CleanedSegment::IN_PLACE_SIZE,
            Record::GroupRemoved => KEY,
        }
    }

    /// Whether it is small enough.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        let len = match self {
            Record::Entry(entry) => entry.payload.len(),
            Record::Checkpoint(checkpoint) => checkpoint.membership.len(),
            _ => 0,
        };
        if len > MAX_PAYLOAD {
            return Err(JournalError::TooLarge {
                len,
                limit: MAX_PAYLOAD,
            });
        }
        Ok(())
    }

    /// Appends its bytes; [`Self::check`] has passed.
    pub(super) fn encode(&self, group: GroupId, out: &mut Vec<u8>) {
        let mut key = |kind: u8| {
            out.push(kind);
            out.extend_from_slice(group.topic_id.as_bytes());
            out.extend_from_slice(&group.partition.to_be_bytes());
        };
        match self {
            Record::HardState(HardState { term, vote }) => {
                key(1);
                put(out, &[*term, *vote]);
            }
            Record::Entry(entry) => {
                key(2);
                put(out, &[entry.index, entry.term, entry.next_offset as u64]);
                out.push(match entry.kind {
                    EntryKind::Empty => 0,
                    EntryKind::ConfChange => 1,
                });
                put_bytes(out, &entry.payload);
            }
            Record::Cut { from_index } => {
                key(3);
                put(out, &[*from_index]);
            }
            Record::Checkpoint(checkpoint) => {
                key(4);
                put(
                    out,
                    &[checkpoint.commit, checkpoint.applied, checkpoint.membership_index],
                );
                put_bytes(out, &checkpoint.membership);
            }
            Record::Anchor(anchor) => {
                key(5);
                let Anchor {
                    segment_base,
                    index,
                    term_before,
                    commit,
                    applied,
                } = *anchor;
                put(out, &[segment_base as u64, index, term_before, commit, applied]);
            }
            Record::AnchorsDropped { below } => {
                key(6);
                put(out, &[*below as u64]);
            }
            Record::SyncedMark(mark) => {
                key(7);
                put(
                    out,
                    &[
                        mark.segment_base as u64,
                        mark.position,
                        mark.next_offset as u64,
                        mark.last_index,
                    ],
                );
            }
            Record::GroupRemoved => key(8),
            Record::StartOffset { offset } => {
                key(9);
                put(out, &[*offset as u64]);
            }
            Record::Cleaned(cleaned) => {
                key(10);
                put(
                    out,
                    &[cleaned.base_offset as u64, cleaned.end_offset as u64, cleaned.size],
                );
                out.extend_from_slice(&cleaned.stamps.to_be_bytes());
            }
            Record::CleanedInPlace => key(11),
            Record::DirtyFrom { offset } => {
                key(12);
                put(out, &[*offset as u64]);
            }
            Record::Epoch(epoch) => {
                key(13);
                put(out, &[epoch.term, epoch.start as u64]);
            }
        }
    }
}

impl NodeRecord {
    /// Whether it is small enough.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        match self {
            NodeRecord::Started { boot_id } if boot_id.len() > usize::from(u8::MAX) => Err(JournalError::TooLarge {
                len: boot_id.len(),
                limit: usize::from(u8::MAX),
            }),
            _ => Ok(()),
        }
    }

    /// Appends its bytes; [`Self::check`] has passed.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            NodeRecord::Started { boot_id } => {
                out.extend_from_slice(&[16, u8::try_from(boot_id.len()).expect("checked")]);
                out.extend_from_slice(boot_id.as_bytes());
            }
            NodeRecord::Stopped => out.push(17),
            NodeRecord::Complete => out.push(18),
        }
    }
}

/// A record read back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Group(GroupId, Record),
    Node(NodeRecord),
}

/// Takes one record off the front of a sound write's bytes. An error says what is not understood.
pub(super) fn decode(bytes: &mut &[u8]) -> Result<Decoded, &'static str> {
    let mut fields = Fields(bytes);
    let kind = fields.u8()?;
    let decoded = match kind {
        16 => {
            let len = usize::from(fields.u8()?);
            let boot_id = str::from_utf8(fields.bytes(len)?)
                .map_err(|_| "a boot id that is not UTF-8")?
                .to_owned();
            Decoded::Node(NodeRecord::Started { boot_id })
        }
        17 => Decoded::Node(NodeRecord::Stopped),
        18 => Decoded::Node(NodeRecord::Complete),
        _ => {
            let topic_id = Uuid::from_bytes(fields.array()?);
            let group = GroupId {
                topic_id,
                partition: i32::from_be_bytes(fields.array()?),
            };
            Decoded::Group(group, decode_fields(kind, &mut fields)?)
        }
    };
    *bytes = fields.0;
    Ok(decoded)
}

fn decode_fields(kind: u8, fields: &mut Fields<'_>) -> Result<Record, &'static str> {
    Ok(match kind {
        1 => Record::HardState(HardState {
            term: fields.term()?,
            vote: fields.u64()?,
        }),
        2 => Record::Entry(RaftEntry {
            index: fields.u64()?,
            term: fields.term()?,
            next_offset: fields.offset()?,
            kind: match fields.u8()? {
                0 => EntryKind::Empty,
                1 => EntryKind::ConfChange,
                _ => return Err("a kind of entry"),
            },
            payload: fields.payload()?,
        }),
        3 => Record::Cut {
            from_index: fields.u64()?,
        },
        4 => {
            let (commit, applied, membership_index) = (fields.u64()?, fields.u64()?, fields.u64()?);
            Record::Checkpoint(Checkpoint {
                commit,
                applied,
                membership: fields.payload()?,
                membership_index,
            })
        }
        5 => Record::Anchor(Anchor {
            segment_base: fields.offset()?,
            index: fields.u64()?,
            term_before: fields.term()?,
            commit: fields.u64()?,
            applied: fields.u64()?,
        }),
        6 => Record::AnchorsDropped {
            below: fields.offset()?,
        },
        7 => Record::SyncedMark(fields.synced_mark()?),
        8 => Record::GroupRemoved,
        9 => Record::StartOffset {
            offset: fields.offset()?,
        },
        10 => Record::Cleaned(CleanedSegment {
            base_offset: fields.offset()?,
            end_offset: fields.offset()?,
            size: fields.u64()?,
            stamps: u32::from_be_bytes(fields.array()?),
        }),
        11 => Record::CleanedInPlace,
        12 => Record::DirtyFrom {
            offset: fields.offset()?,
        },
        13 => Record::Epoch(EpochStart {
            term: fields.term()?,
            start: fields.offset()?,
        }),
        _ => return Err("a type of record"),
    })
}

fn put(out: &mut Vec<u8>, words: &[u64]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(
        &u32::try_from(bytes.len())
            .expect("checked against the limit")
            .to_be_bytes(),
    );
    out.extend_from_slice(bytes);
}

/// Takes fields off the front of a slice.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (field, rest) = self.0.split_at_checked(len).ok_or("a record that ends too early")?;
        self.0 = rest;
        Ok(field)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        Ok(self.bytes(N)?.try_into().expect("as long as asked"))
    }

    fn u8(&mut self) -> Result<u8, &'static str> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, &'static str> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn term(&mut self) -> Result<u64, &'static str> {
        match self.u64()? {
            term if term <= MAX_TERM => Ok(term),
            _ => Err("a term that no log has come to"),
        }
    }

    fn offset(&mut self) -> Result<i64, &'static str> {
        match i64::from_be_bytes(self.array()?) {
            offset if offset >= 0 => Ok(offset),
            _ => Err("an offset below 0"),
        }
    }

    fn synced_mark(&mut self) -> Result<SyncedMark, &'static str> {
        let mark = SyncedMark {
            segment_base: self.offset()?,
            position: self.u64()?,
            next_offset: self.offset()?,
            last_index: self.u64()?,
        };
        match mark.segment_base <= mark.next_offset {
            true => Ok(mark),
            false => Err("a synced mark before its segment"),
        }
    }

    fn payload(&mut self) -> Result<Bytes, &'static str> {
        let len = u32::from_be_bytes(self.array()?) as usize;
        Ok(Bytes::copy_from_slice(self.bytes(len)?))
    }
}
