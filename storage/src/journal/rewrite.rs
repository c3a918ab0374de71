//! Rewriting the journal as its next generation (the steps: see the journal's module page).
//!
//! Invariant: at every step one whole generation on the disk holds everything that is synced, and no append goes to the old
//! file once the new one may count.

use std::io;
use std::path::PathBuf;

use super::error::JournalError;
use super::frame::{self, HEAD};
use super::record::NodeRecord;
use super::recovery::{create, file_path};
use super::{Journal, OpenFile, State};
use crate::disk::write_all_at;

/// A smaller file is never rewritten.
const MIN_LEN: u64 = 1 << 20;
/// A file is mostly dead when it is this many times the size of its live state.
const DEAD_FACTOR: u64 = 4;
/// Bytes appended during a rewriting beyond which it is given up; the next try finds more dead bytes to gain.
const MAX_CATCH_UP: usize = 64 << 20;

/// What was appended since the live state was taken.
#[derive(Debug, Default)]
pub(super) struct CatchUp {
    writes: Vec<Vec<u8>>,
    bytes: usize,
    too_much: bool,
}

/// A rewriting under way.
#[derive(Debug)]
pub(super) struct Rewriting {
    generation: u64,
    old_path: PathBuf,
    /// The live state, as the records of several writes.
    live: Vec<Vec<u8>>,
}

impl CatchUp {
    pub(super) fn push(&mut self, body: Vec<u8>) {
        self.bytes += body.len();
        self.too_much |= self.bytes > MAX_CATCH_UP;
        if self.too_much {
            self.writes = Vec::new();
        } else {
            self.writes.push(body);
        }
    }
}

impl Journal {
    /// Rewrites the journal where it is larger than 1 MiB and four times its live state, and answers whether it was.
    /// Appends and syncs go on meanwhile, but for two short moments. On an error the journal goes on with the old file.
    pub fn rewrite_if_mostly_dead(&self) -> Result<bool, JournalError> {
        let mostly_dead = {
            let state = self.state.lock();
            state.file.len > MIN_LEN.max(DEAD_FACTOR * state.mirror.live_bytes() as u64)
        };
        if mostly_dead { self.rewrite() } else { Ok(false) }
    }

    /// Rewrites the journal, unless this is being done already.
    pub(super) fn rewrite(&self) -> Result<bool, JournalError> {
        let Some(rewriting) = self.begin_rewriting()? else {
            return Ok(false);
        };
        let new = self.build(&rewriting)?;
        if !self.switch_to(new)? {
            return Ok(false);
        }
        self.finish(&rewriting)?;
        Ok(true)
    }

    /// Takes the live state. From here on appends are kept for catching up.
    pub(super) fn begin_rewriting(&self) -> Result<Option<Rewriting>, JournalError> {
        let mut state = self.state.lock();
        state.sound()?;
        if state.catch_up.is_some() {
            return Ok(None);
        }
        state.catch_up = Some(CatchUp::default());
        let OpenFile { generation, path, .. } = &state.file;
        Ok(Some(Rewriting {
            generation: generation + 1,
            old_path: path.clone(),
            live: state.mirror.live(),
        }))
    }

    /// Creates the new file with the live state; it and its name are synced.
    pub(super) fn build(&self, rewriting: &Rewriting) -> Result<OpenFile, JournalError> {
        let Rewriting { generation, live, .. } = rewriting;
        // What an earlier try left behind is not whole.
        let new = self
            .remove_generation(*generation)
            .and_then(|()| create(&*self.disk, &self.dir, *generation, live));
        if new.is_err() {
            let _ = self.remove_generation(*generation); // not whole: harmless where it stays
            self.state.lock().catch_up = None;
        }
        new
    }

    /// Completes the new file and lets it take the old one's place. Answers false where too much was appended meanwhile.
    pub(super) fn switch_to(&self, mut new: OpenFile) -> Result<bool, JournalError> {
        let mut state = self.state.lock();
        let catch_up = state.catch_up.take().unwrap_or_default();
        let result = match state.sound() {
            Ok(_) if !catch_up.too_much => complete(&mut new, &catch_up),
            Ok(_) => Ok(false),
            Err(error) => Err(error),
        };
        match result {
            Ok(true) => {
                state.take_over(new);
                Ok(true)
            }
            other => {
                // It may look whole, after a write that failed: an append to the old file would not be in it.
                if let Err(error) = self.remove_generation(new.generation) {
                    state.poison(&error);
                }
                other
            }
        }
    }

    /// Syncs the new file and removes the old one.
    pub(super) fn finish(&self, rewriting: &Rewriting) -> Result<(), JournalError> {
        self.sync()?;
        let removed = self
            .disk
            .remove_file(&rewriting.old_path)
            .and_then(|()| self.disk.sync_dir(&self.dir));
        if let Err(error) = removed {
            let path = rewriting.old_path.display();
            tracing::warn!(%path, %error, "cannot remove the journal's old generation");
        }
        Ok(())
    }

    fn remove_generation(&self, generation: u64) -> Result<(), JournalError> {
        let path = file_path(&self.dir, generation);
        match self.disk.remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(JournalError::io("remove", &path, error)),
            Ok(()) => self
                .disk
                .sync_dir(&self.dir)
                .map_err(|error| JournalError::io("sync", &self.dir, error)),
        }
    }
}

impl State {
    /// Goes on with the new file: every position answered so far lies before its first byte's.
    fn take_over(&mut self, mut new: OpenFile) {
        new.base = self.written();
        let waiting = self.urgent_end > self.synced;
        self.file = new;
        if waiting {
            self.urgent_end = self.written();
        }
    }
}

/// Writes what was appended meanwhile, and `Complete` last, in one go.
fn complete(new: &mut OpenFile, catch_up: &CatchUp) -> Result<bool, JournalError> {
    let mut last = Vec::new();
    NodeRecord::Complete.encode(&mut last);
    let mut bytes = Vec::with_capacity(catch_up.bytes + HEAD * (catch_up.writes.len() + 1) + last.len());
    for body in catch_up.writes.iter().chain([&last]) {
        let position = new.len + bytes.len() as u64;
        bytes.extend_from_slice(&frame::head(new.generation, position, new.synced, body));
        bytes.extend_from_slice(body);
    }
    write_all_at(&*new.file, &[&bytes], new.len).map_err(|error| JournalError::io("write", &new.path, error))?;
    new.len += bytes.len() as u64;
    Ok(true)
}
