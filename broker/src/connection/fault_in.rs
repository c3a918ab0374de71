//! Reads file ranges into the page cache on a bounded pool, so that no connection's task waits for a device.
//!
//! A device error is the read's errno here, before any byte of the range is promised to the socket by `sendfile`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use storage::disk::DiskFile;
use tokio::sync::Semaphore;

use crate::metrics::{Limit, LimitCounters};

/// Bytes read at a time.
const BUFFER: usize = 128 * 1024;

/// A read under way.
pub(super) type Reading = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// The pool: tokio's blocking threads, of which so many are used for this at the same time.
#[derive(Debug, Clone)]
pub struct FaultIn {
    permits: Arc<Semaphore>,
    counters: Arc<LimitCounters>,
}

impl FaultIn {
    /// At most `limit` reads at the same time.
    pub fn new(limit: usize, counters: Arc<LimitCounters>) -> Self {
        Self {
            counters,
            permits: Arc::new(Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    /// Reads a range and throws it away: it is in the page cache then. `UnexpectedEof` where the file is shorter.
    pub(super) fn read(&self, file: Arc<dyn DiskFile>, position: u64, len: u64) -> Reading {
        let permits = self.permits.clone();
        if permits.available_permits() == 0 {
            self.counters.reached(Limit::MaxColdReads);
        }
        Box::pin(async move {
            let _permit = permits.acquire_owned().await.map_err(io::Error::other)?;
            tokio::task::spawn_blocking(move || read_through(&*file, position, len))
                .await
                .map_err(io::Error::other)?
        })
    }
}

fn read_through(file: &dyn DiskFile, mut position: u64, len: u64) -> io::Result<()> {
    let end = position.saturating_add(len);
    let mut buffer = vec![0; BUFFER.min(usize::try_from(len).unwrap_or(BUFFER))];
    while position < end {
        let want = buffer.len().min(usize::try_from(end - position).unwrap_or(usize::MAX));
        match file.read_at(&mut buffer[..want], position)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => position += n as u64,
        }
    }
    Ok(())
}
