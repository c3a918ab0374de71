//! Moves the log start offset by request (DeleteRecords).
//!
//! In two steps, so that no crash brings back what was answered as deleted: [`Log::plan_start`] checks and says what the
//! journal is to be told; once that is durable, [`Log::advance_start`] hides what lies below. Segments that lie wholly
//! below go with the next retention run. The start never passes what is synced: a crash leaves no start behind the end.

use super::{Log, LogError};

impl Log {
    /// Whether `offset` is behind what the journal was told, so that it is to be told. Only what is below the high
    /// watermark can be deleted.
    pub fn plan_start(&self, offset: i64) -> Result<bool, LogError> {
        self.check_sound()?;
        let end = self.reader.high_watermark().offset;
        if !(0..=end).contains(&offset) {
            let start = self.reader.start_offset();
            return Err(LogError::OutOfRange { offset, start, end });
        }
        Ok(offset > self.noted_start.max(self.reader.start_offset()))
    }

    /// The journal was told this start, durably or not yet.
    pub fn note_start(&mut self, offset: i64) {
        self.noted_start = offset;
    }

    /// Hides what lies below `offset`: the journal's record of it is durable. Answers the log start offset.
    pub fn advance_start(&mut self, offset: i64) -> i64 {
        let start = self.reader.start_offset().max(offset);
        assert!(
            start <= self.reader.high_watermark().offset.max(self.reader.start_offset()),
            "the log start offset passed the high watermark"
        );
        self.set_start(start);
        self.epochs_changed = true;
        start
    }

    /// At start: what the journal says, at most the log's end.
    pub(super) fn restore_start(&mut self, offset: i64) {
        self.noted_start = offset;
        self.set_start(offset.max(self.reader.start_offset()));
    }

    /// How many segments lie wholly below the log start offset; never the active one.
    pub(super) fn count_below_start(&self) -> usize {
        let segments = self.reader.segments.load();
        let start = self.reader.start_offset();
        let is_below = |pair: &&[std::sync::Arc<super::Segment>]| pair[1].base_offset() <= start;
        segments.windows(2).take_while(is_below).count()
    }
}
