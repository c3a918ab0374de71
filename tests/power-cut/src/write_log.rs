//! What reached the disk, in order. The bytes go to a file, where they lie one write after the other; the rest is in
//! memory.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::tools::{During, PowerCutError};

/// A place in the log of writes and flushes at which the power can be cut: after so many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CutPoint(usize);

/// Counts of what arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Writes.
    pub writes: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Flushes.
    pub flushes: u64,
}

#[derive(Debug)]
pub(crate) struct WriteLog {
    file: Arc<File>,
    entries: Vec<Entry>,
    totals: Totals,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry {
    Write(LoggedWrite),
    Flush,
}

/// One write, as it arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoggedWrite {
    /// Where on the disk.
    pub(crate) position: u64,
    pub(crate) len: usize,
    /// Where its bytes are in the log's file.
    pub(crate) in_log: u64,
}

impl WriteLog {
    pub(crate) fn create(path: &Path) -> Result<Self, PowerCutError> {
        let file = File::options().read(true).write(true).create_new(true).open(path);
        let file = Arc::new(file.during("creating the log of writes")?);
        Ok(WriteLog {
            file,
            entries: Vec::new(),
            totals: Totals::default(),
        })
    }

    pub(crate) fn write(&mut self, position: u64, data: &[u8]) -> io::Result<()> {
        (&*self.file).write_all(data)?;
        self.entries.push(Entry::Write(LoggedWrite {
            position,
            len: data.len(),
            in_log: self.totals.bytes,
        }));
        self.totals.writes += 1;
        self.totals.bytes += data.len() as u64;
        Ok(())
    }

    pub(crate) fn flush(&mut self) {
        self.entries.push(Entry::Flush);
        self.totals.flushes += 1;
    }

    pub(crate) fn end(&self) -> CutPoint {
        CutPoint(self.entries.len())
    }

    pub(crate) fn cut_points(&self) -> Vec<CutPoint> {
        (0..=self.entries.len()).map(CutPoint).collect()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// The entries before a cut, and the file with their bytes.
    pub(crate) fn before(&self, cut: CutPoint) -> Result<(Vec<Entry>, Arc<File>), PowerCutError> {
        let entries = self
            .entries
            .get(..cut.0)
            .ok_or(PowerCutError::NoSuchCut { cut, end: self.end() })?;
        Ok((entries.to_vec(), self.file.clone()))
    }
}
