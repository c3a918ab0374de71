//! The cluster's metadata: a partition like any other, whose committed records make the image.
//!
//! Invariant: what is decided sees every record that was appended; what is shown, and acted on, is committed. One
//! operation is one batch, so it is whole or absent.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use consensus::{Append, AppendError};
use storage::compression::Codec;
use storage::disk::read_exact_at;
use storage::log::{HeaderWalk, LOG, LogError, LogFiles, LogReader, Step, parse_name};
use storage::record_batch::{BatchBuilder, BatchHeader, ProducedBatch, Records, verify_crc};
use uuid::Uuid;

use super::partition::Partition;
use crate::controller::decide::Decision;
use crate::controller::image::{Image, ImageBuilder, ImageError};
use crate::controller::record::{Record, RecordError};

/// Name of the topic.
pub const TOPIC: &str = "__cluster_metadata";
/// Its fixed id, as in Kafka.
pub const TOPIC_ID: Uuid = Uuid::from_u128(1);

/// Bytes read at once while the image is built.
const READ_BYTES: u64 = 1 << 20;
/// One batch's records may decompress to this much; they are written uncompressed.
const MAX_BATCH_BYTES: usize = 64 << 20;

/// Why the metadata log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Reading it failed.
    #[error("the metadata log cannot be read: {0}")]
    Log(#[from] LogError),
    /// A batch, a record or what it says makes no sense.
    #[error(
        "the metadata log makes no sense at offset {offset}: {reason}: restore the data directory from a copy, or run `weir \
         log repair --accept-loss` on its partition"
    )]
    Content {
        /// The offset.
        offset: i64,
        /// What is wrong.
        reason: String,
    },
    /// The append was refused.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A record cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The records do not fit the image: a wrong decision, nothing was appended.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// What is decided next sees this image: all that was appended.
#[derive(Debug)]
pub(super) struct Appended {
    pub(super) image: Image,
}

/// An answer, to be given once the metadata log has committed up to `offset`.
#[derive(Debug)]
pub struct Proposal<R> {
    /// The answer.
    pub response: R,
    /// The high watermark to wait for; `None` where nothing was to be written.
    pub offset: Option<i64>,
}

impl Appended {
    /// Appends what was decided, as one batch.
    pub(super) fn propose<R>(
        &mut self,
        log: &Partition,
        decision: Decision<R>,
        now_ms: i64,
    ) -> Result<Proposal<R>, MetadataError> {
        let Decision { records, response } = decision;
        if records.is_empty() {
            return Ok(Proposal { response, offset: None });
        }
        let mut builder = ImageBuilder::after(&self.image);
        let mut batch = BatchBuilder::new(Codec::None);
        for record in &records {
            builder.apply(record)?;
            batch.push(now_ms, None, Some(&record.encode()?), &[]);
        }
        let bytes = batch.build();
        let header = BatchHeader::parse(&bytes).expect("the builder builds whole batches");
        let Append::Written(appended) = log.append(&ProducedBatch { header, bytes }, now_ms)? else {
            unreachable!("metadata batches have no producer, so none is a repeat")
        };
        self.image = builder.finish(appended.header.last_offset(), appended.header.leader_epoch);
        Ok(Proposal {
            response,
            offset: Some(appended.end.offset),
        })
    }
}

/// The image after `image` and all records up to the high watermark. Told of each record: `see`.
pub(super) fn replay(
    reader: &Arc<LogReader>,
    image: &Image,
    mut see: impl FnMut(&Record),
) -> Result<Image, MetadataError> {
    let limit = reader.high_watermark();
    let mut replay = Replay::after(image, reader.start_offset());
    while replay.next < limit.offset {
        let Some(slice) = reader.read(replay.next, limit, READ_BYTES)? else {
            break;
        };
        let bytes = slice.read().map_err(|error| replay.senseless(error))?;
        replay.apply(bytes.into(), &mut see)?;
    }
    Ok(replay.finish())
}

/// The image that the files of a node that is stopped give, below the offset `end`; up to there they were verified.
pub(crate) fn replay_files(files: &LogFiles, end: i64, cluster_id: &str) -> Result<Image, MetadataError> {
    let unreadable = |error: io::Error| MetadataError::Content {
        offset: 0,
        reason: error.to_string(),
    };
    let entries = files.disk.list(&files.dir).map_err(unreadable)?;
    let mut bases: Vec<i64> = entries
        .iter()
        .filter_map(|entry| parse_name(&entry.name))
        .filter_map(|(base, suffix)| (suffix == LOG && base < end).then_some(base))
        .collect();
    bases.sort_unstable();
    let mut replay = Replay::after(&Image::empty(cluster_id), bases.first().copied().unwrap_or(0));
    for base in bases {
        let file = files.disk.open(&files.path(base, LOG)).map_err(unreadable)?;
        let size = file.len().map_err(unreadable)?;
        let mut walk = HeaderWalk::new(file.clone(), 0, size);
        while replay.next < end
            && let Step::Batch { position, header } = walk.step().map_err(unreadable)?
        {
            let mut bytes = vec![0; header.size()];
            read_exact_at(&*file, &mut bytes, position).map_err(unreadable)?;
            replay.apply(bytes.into(), &mut |_| ())?;
        }
    }
    Ok(replay.finish())
}

/// An image on its way.
struct Replay {
    builder: ImageBuilder,
    next: i64,
    epoch: i32,
}

impl Replay {
    fn after(image: &Image, start: i64) -> Self {
        Replay {
            builder: ImageBuilder::after(image),
            next: (image.offset() + 1).max(start),
            epoch: image.epoch(),
        }
    }

    fn senseless(&self, reason: impl ToString) -> MetadataError {
        MetadataError::Content {
            offset: self.next,
            reason: reason.to_string(),
        }
    }

    /// Applies whole batches, and tells of each record.
    fn apply(&mut self, mut bytes: Bytes, see: &mut dyn FnMut(&Record)) -> Result<(), MetadataError> {
        while !bytes.is_empty() {
            let header = BatchHeader::parse(&bytes).map_err(|error| self.senseless(error))?;
            // Offsets lie outside the CRC, and a log leaves no gaps: a record that is passed over could be a topic.
            if !(header.base_offset..header.next_offset()).contains(&self.next) {
                return Err(self.senseless(format!("a batch of offset {} stands there", header.base_offset)));
            }
            let batch = bytes.split_to(header.size().min(bytes.len()));
            // A wrong name here would cost a topic.
            verify_crc(&batch, &header).map_err(|error| self.senseless(error))?;
            let records = Records::new(&batch, MAX_BATCH_BYTES).map_err(|error| self.senseless(error))?;
            for record in records {
                let record = record.map_err(|error| self.senseless(error))?;
                let change = Record::decode(&record.value.unwrap_or_default());
                let change = change.map_err(|error| self.senseless(error))?;
                see(&change);
                self.builder.apply(&change).map_err(|error| self.senseless(error))?;
            }
            self.epoch = header.leader_epoch;
            self.next = header.next_offset();
        }
        Ok(())
    }

    fn finish(self) -> Image {
        self.builder.finish(self.next - 1, self.epoch)
    }
}
