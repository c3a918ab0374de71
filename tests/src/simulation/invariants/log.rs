//! What the logs hold, against what clients were told.

use std::collections::BTreeSet;
use std::sync::Arc;

use broker::node::Partition;
use bytes::Bytes;
use storage::log::LogError;
use storage::record_batch::{BatchHeader, Records, verify_crc};

use super::super::model::{PartitionModel, Placed};
use super::super::report::{Broken, Report, broken};
use super::super::world::World;

pub(crate) const CONFIRMED: &str = "1 what was acknowledged with acks=all survives";
const KILL: &str = "1 a kill alone loses nothing that was written";
const VISIBLE: &str = "2 what was visible stays, the same bytes";
const ONCE: &str = "3 offsets are assigned once, without gaps";
pub(crate) const EXACTLY_ONCE: &str = "4 a batch is in the log once";
const SEQUENCE: &str = "4 an idempotent producer's batches stand in order";
const REFUSED: &str = "what was refused is not in the log";
const NOT_CUT: &str = "10 damage below the synced mark is not cut";
const DELETED: &str = "records that were answered as deleted stay deleted";
const RETENTION: &str = "retention removes what has expired, and nothing else";
const READABLE: &str = "what is below the high watermark can be read";

/// Bytes read at once.
const READ_BYTES: u64 = 700;
const MAX_DECOMPRESSED: usize = 1 << 20;

impl World {
    /// A caching partition that could not be opened yet (the disk is full, say) shows only later what it has lost.
    fn forget_weak_that_are_closed(&mut self) {
        let open: Vec<_> = self.user_partitions().iter().map(|partition| partition.id).collect();
        let closed = self
            .partitions
            .iter_mut()
            .filter(|(id, model)| model.is_weak && !open.contains(id));
        closed.for_each(|(_, model)| model.forget_from(0));
    }

    /// After a start: everything is read again.
    pub(crate) fn check_logs_after_start(&mut self, is_calm: bool) -> Result<(), Broken> {
        let loses_cache = self.may_lose_cache();
        let was_troubled = self.trouble.disk || !is_calm;
        if loses_cache {
            self.forget_weak_that_are_closed();
        }
        for partition in self.user_partitions() {
            let reader = partition.reader().clone();
            let end = reader.end_offset();
            let is_up = partition.out_of_service().is_none();
            let (start, mark) = (reader.start_offset(), reader.high_watermark().offset);
            self.say(format!(
                "{partition} has {start} to {mark} of {end}, in service: {is_up}"
            ));
            let model = self.model(&partition);
            if model.is_weak && loses_cache && is_up {
                model.forget_from(end);
            }
            let written = std::mem::take(&mut model.written);
            if !is_up && model.flipped.is_none() {
                // Nothing of it can be read until the next start; what was written stays to be looked for.
                self.model(&partition).written = written;
                continue;
            }
            let known_end = model.end();
            if is_up && end < known_end && model.flipped.is_some() {
                return broken(
                    NOT_CUT,
                    format!("{partition} was seen up to {known_end} and ends at {end}"),
                );
            }
            if is_up && end < known_end {
                return broken(
                    CONFIRMED,
                    format!("{partition} was seen up to {known_end} and ends at {end}"),
                );
            }
            self.check_start(&partition, None)?;
            // Of what has expired a snapshot has each producer's last batch only.
            let producers = self.producers.iter_mut();
            producers.for_each(|producer| producer.forget_below(partition.id, start));
            self.read_from(&partition, reader.start_offset())?;
            self.check_confirmed(&partition, is_up)?;
            if !loses_cache && !was_troubled && is_up {
                self.report.checked(KILL);
                let model = self.model(&partition);
                let start = reader.start_offset();
                let lost = written
                    .iter()
                    .find(|written| written.base_offset >= start && !model.places.contains_key(&written.token));
                if let Some(lost) = lost.filter(|_| model.flipped.is_none()) {
                    return broken(
                        KILL,
                        format!("{partition} lost the batch written at {}", lost.base_offset),
                    );
                }
            }
            let mark = reader.high_watermark().offset;
            if is_up && is_calm && mark != reader.end_offset() {
                let end = reader.end_offset();
                return broken(
                    READABLE,
                    format!("{partition} ends at {end}, and its high watermark is {mark}"),
                );
            }
        }
        Ok(())
    }

    fn check_confirmed(&mut self, partition: &Arc<Partition>, is_up: bool) -> Result<(), Broken> {
        self.report.checked(CONFIRMED);
        let start = partition.reader().start_offset();
        let model = self.model(partition);
        let limit = model.flipped.unwrap_or(i64::MAX);
        for (base, token) in model.confirmed.range(start..) {
            let there = model.log.get(base).is_some_and(|placed| placed.token == *token);
            if !there && *base < limit {
                return broken(
                    CONFIRMED,
                    format!("{partition} has no batch {token} at {base}, in service: {is_up}"),
                );
            }
        }
        Ok(())
    }

    /// Reads from `from` to the high watermark, and takes in what is new.
    pub(crate) fn read_from(&mut self, partition: &Arc<Partition>, from: i64) -> Result<(), Broken> {
        let reader = partition.reader().clone();
        let mut next = from.max(reader.start_offset());
        loop {
            let limit = reader.high_watermark();
            if next >= limit.offset {
                return Ok(());
            }
            let read = reader
                .read(next, limit, READ_BYTES)
                .map(|slice| slice.map(|slice| slice.read()));
            let bytes = match read {
                Ok(Some(Ok(bytes))) => bytes,
                Ok(None) => return broken(READABLE, format!("{partition} has nothing at {next} below {limit:?}")),
                Ok(Some(Err(_))) | Err(LogError::Io { .. }) if self.is_troubled() || self.is_stopped() => return Ok(()),
                Ok(Some(Err(error))) => return broken(READABLE, format!("{partition} at {next}: {error}")),
                Err(error) if self.is_flipped(partition) => {
                    self.report.outcome("reads refused for a flipped bit");
                    self.say(format!("{partition} at {next}: {error}"));
                    return Ok(());
                }
                Err(error) => return broken(READABLE, format!("{partition} at {next}: {error}")),
            };
            let Some(after) = self.take_in(partition, next, bytes.into())? else {
                return Ok(());
            };
            if after <= next {
                return broken(READABLE, format!("{partition}: a read from {next} ends at {after}"));
            }
            next = after;
        }
    }

    pub(crate) fn is_flipped(&self, partition: &Partition) -> bool {
        self.partitions
            .get(&partition.id)
            .is_some_and(|model| model.flipped.is_some())
    }

    /// Takes in batches that were read from `from` on. Answers the offset after them; `None` where a flipped bit shows.
    pub(crate) fn take_in(
        &mut self,
        partition: &Arc<Partition>,
        from: i64,
        mut bytes: Bytes,
    ) -> Result<Option<i64>, Broken> {
        let is_flipped = self.is_flipped(partition);
        let mut next = from;
        let mut is_first = true;
        while !bytes.is_empty() {
            let (header, placed, batch_len) = match parse(&bytes) {
                Ok(parsed) => parsed,
                Err(_) if is_flipped => {
                    self.report.outcome("flipped bits seen by consumers");
                    return Ok(None);
                }
                Err(error) => return broken(READABLE, format!("{partition} at {next}: {error}")),
            };
            let _ = bytes.split_to(batch_len);
            if is_first && !(header.base_offset <= from && from < placed.next_offset) && !is_flipped {
                let (base, end) = (header.base_offset, placed.next_offset);
                return broken(
                    "7 what the index answers is what a scan finds",
                    format!("{partition}: a read from {from} begins with the batch {base}..{end}"),
                );
            }
            is_first = false;
            next = placed.next_offset;
            let result = self.place(partition, &header, placed);
            match result {
                Err(_) if is_flipped => {
                    self.report.outcome("flipped bits seen by consumers");
                    return Ok(None);
                }
                result => result?,
            }
        }
        Ok(Some(next))
    }

    fn place(&mut self, partition: &Arc<Partition>, header: &BatchHeader, placed: Placed) -> Result<(), Broken> {
        let sent = self.sent.get(&placed.token).cloned();
        self.model(partition);
        let World {
            partitions,
            report,
            trace,
            ..
        } = self;
        let Some(model) = partitions.get_mut(&partition.id) else {
            return Ok(());
        };
        let base = header.base_offset;
        let at = format!("{partition} at {base}");
        if let Some(known) = model.log.get(&base) {
            report.checked(VISIBLE);
            if *known != placed {
                return broken(VISIBLE, format!("{at}: {known:?} was seen, now {placed:?}"));
            }
            return Ok(());
        }
        check_new(model, report, header, &placed, &at)?;
        report.checked(REFUSED);
        match sent {
            None => return broken(REFUSED, format!("{at}: nobody sent batch {}", placed.token)),
            Some(sent) if sent.partition != partition.id => {
                return broken(
                    REFUSED,
                    format!("{at}: batch {} was sent to {:?}", placed.token, sent.partition),
                );
            }
            Some(sent) if !sent.may_be_there => {
                return broken(REFUSED, format!("{at}: batch {} was refused every time", placed.token));
            }
            Some(_) => {}
        }
        trace.number(placed.hash);
        model.places.insert(placed.token, base);
        model.log.insert(base, placed);
        Ok(())
    }

    /// Looks at where the log begins: what is gone had to go.
    /// `left` are the bytes of what is still there, unless it may have had more when retention ran.
    pub(crate) fn check_start(&mut self, partition: &Arc<Partition>, left: Option<u64>) -> Result<(), Broken> {
        use broker::node::Clock;
        let start = partition.reader().start_offset();
        let now_ms = self.clock.wall_ms();
        self.report.checked(RETENTION);
        let model = self.model(partition);
        if start > model.start {
            if model.flipped.is_none()
                && start > model.asked_start
                && let Err(reason) = model.may_be_removed_below(start, now_ms, left)
            {
                return broken(RETENTION, format!("{partition} begins at {start}: {reason}"));
            }
            model.start = start;
            self.report.outcome("log starts moved by retention");
        }
        // Where a start found damage nothing may be readable at all.
        let model = self.model(partition);
        if start < model.answered_start && model.flipped.is_none() && partition.out_of_service().is_none() {
            let answered = model.answered_start;
            return broken(
                DELETED,
                format!("{partition} begins at {start}, and {answered} was answered"),
            );
        }
        // Damage below what was deleted takes the watermark below the start.
        let mark = partition.reader().high_watermark().offset;
        if start > mark && partition.out_of_service().is_none() {
            return broken(
                RETENTION,
                format!("{partition} begins at {start}, above its high watermark {mark}"),
            );
        }
        Ok(())
    }

    /// Forgets what was known of topics that are gone.
    pub(crate) fn drop_deleted_topics(&mut self) {
        let Some(node) = self.node() else { return };
        let image = node.image();
        let ids: BTreeSet<_> = image.topics().map(|topic| topic.id).collect();
        self.partitions.retain(|id, _| ids.contains(&id.topic_id));
        self.compacted.retain(|id, _| ids.contains(&id.topic_id));
        let gone = |id: &storage::journal::GroupId| !ids.contains(&id.topic_id);
        self.producers.iter_mut().for_each(|producer| producer.leave_all(&gone));
    }
}

/// A batch that was not seen before must follow the last one that was.
fn check_new(
    model: &mut PartitionModel,
    report: &mut Report,
    header: &BatchHeader,
    placed: &Placed,
    at: &str,
) -> Result<(), Broken> {
    report.checked(ONCE);
    let end = model.end();
    if header.base_offset != end && !(model.log.is_empty() || header.base_offset == model.start) {
        return broken(ONCE, format!("{at}: the batch before ends at {end}"));
    }
    if header.base_offset < end {
        return broken(ONCE, format!("{at}: offsets up to {end} were assigned before"));
    }
    if header.base_offset != end {
        // What lies between has expired without having been seen, its sequences included: reads of it had failed.
        model.sequences.clear();
    }
    report.checked(EXACTLY_ONCE);
    if let Some(other) = model.places.get(&placed.token) {
        return broken(
            EXACTLY_ONCE,
            format!("{at}: batch {} stands at {other} already", placed.token),
        );
    }
    if header.has_producer() {
        report.checked(SEQUENCE);
        let sequence = header.base_sequence;
        let expected = model.sequences.insert(header.producer_id, header.last_sequence() + 1);
        if expected.is_some_and(|expected| expected != sequence) {
            let producer = header.producer_id;
            return broken(
                SEQUENCE,
                format!("{at}: producer {producer} sequence {sequence}, not {expected:?}"),
            );
        }
    }
    Ok(())
}

fn parse(bytes: &Bytes) -> Result<(BatchHeader, Placed, usize), String> {
    let header = BatchHeader::parse(bytes).map_err(|error| error.to_string())?;
    let batch = bytes.get(..header.size()).ok_or("half a batch")?;
    verify_crc(batch, &header).map_err(|error| error.to_string())?;
    let batch = bytes.slice(..header.size());
    let mut token = None;
    let mut timestamps = Vec::new();
    for record in Records::new(&batch, MAX_DECOMPRESSED).map_err(|error| error.to_string())? {
        let record = record.map_err(|error| error.to_string())?;
        timestamps.push(record.timestamp);
        let key = record
            .key
            .as_deref()
            .and_then(|key| key.try_into().ok())
            .map(u64::from_be_bytes);
        token = token.or(key);
    }
    let placed = Placed {
        token: token.ok_or("a record without our key")?,
        next_offset: header.next_offset(),
        epoch: header.leader_epoch,
        hash: hash_of(&batch),
        size: batch.len() as u64,
        timestamps,
    };
    Ok((header, placed, batch.len()))
}

fn hash_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
