//! The bytes of answers in memory that all connections together hold (`weir.max.response.bytes`).
//!
//! Invariant: at the limit a connection that holds an answer is not read, and one that holds none may have one, so that
//! each goes on by its own answers' leaving and nobody waits for another. The bytes are bounded by the limit and one
//! answer of each connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::metrics::{Collector, Kind, TextWriter};

/// The sum of all connections.
#[derive(Debug)]
pub struct ResponseMemory {
    limit: u64,
    bytes: AtomicU64,
}

impl ResponseMemory {
    /// Full from so many bytes on.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            bytes: AtomicU64::new(0),
        })
    }
}

impl Collector for ResponseMemory {
    fn collect(&self, out: &mut TextWriter) {
        let help = "Bytes of answers in memory that wait to be sent, as charged to weir.max.response.bytes.";
        out.single(
            "weir_responses_in_memory_bytes",
            Kind::Gauge,
            help,
            self.bytes.load(Relaxed),
        );
    }
}

/// One connection's part; given back when it is dropped.
#[derive(Debug)]
pub(super) struct ResponseShare {
    all: Arc<ResponseMemory>,
    bytes: u64,
}

impl ResponseShare {
    pub(super) fn new(all: Arc<ResponseMemory>) -> Self {
        Self { all, bytes: 0 }
    }

    /// The connection now holds so many bytes.
    pub(super) fn set(&mut self, bytes: u64) {
        if bytes > self.bytes {
            self.all.bytes.fetch_add(bytes - self.bytes, Relaxed);
        } else if bytes < self.bytes {
            self.all.bytes.fetch_sub(self.bytes - bytes, Relaxed);
        }
        self.bytes = bytes;
    }

    /// Whether this connection has to send something before it gets more.
    pub(super) fn must_drain(&self) -> bool {
        self.bytes > 0 && self.all.bytes.load(Relaxed) >= self.all.limit
    }
}

impl Drop for ResponseShare {
    fn drop(&mut self) {
        self.set(0);
    }
}
