//! The bytes of answers in memory that all connections together hold (`weir.max.response.bytes`).
//!
//! Invariant: at the limit a connection that holds an answer is not read, and a request whose answer may be far larger
//! than itself ([`may_be_large`]) is called only for an address that holds none. So the bytes are bounded by the limit,
//! one large answer of each address, and small ones; each address goes on by its own answers' leaving, and who does not
//! read them is closed soon, so nobody waits long for another.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use kafka_protocol::messages::ApiKey;
use parking_lot::Mutex;

use crate::metrics::{Collector, Kind, TextWriter};

/// The sum of all connections.
#[derive(Debug)]
pub struct ResponseMemory {
    limit: u64,
    bytes: AtomicU64,
    /// The sums of the addresses that have connections.
    addresses: Mutex<BTreeMap<IpAddr, Arc<AtomicU64>>>,
}

impl ResponseMemory {
    /// Full from so many bytes on.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            bytes: AtomicU64::new(0),
            addresses: Mutex::default(),
        })
    }

    fn is_full(&self) -> bool {
        self.bytes.load(Relaxed) >= self.limit
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
    address: IpAddr,
    /// Of all connections of the address.
    of_address: Arc<AtomicU64>,
    bytes: u64,
}

impl ResponseShare {
    pub(super) fn new(all: Arc<ResponseMemory>, address: IpAddr) -> Self {
        let of_address = all.addresses.lock().entry(address).or_default().clone();
        Self {
            all,
            address,
            of_address,
            bytes: 0,
        }
    }

    /// The connection now holds so many bytes.
    pub(super) fn set(&mut self, bytes: u64) {
        for sum in [&self.all.bytes, &self.of_address] {
            if bytes > self.bytes {
                sum.fetch_add(bytes - self.bytes, Relaxed);
            } else if bytes < self.bytes {
                sum.fetch_sub(self.bytes - bytes, Relaxed);
            }
        }
        self.bytes = bytes;
    }

    /// Whether this connection has to send something before it gets more.
    pub(super) fn must_drain(&self) -> bool {
        self.bytes > 0 && self.all.is_full()
    }

    /// Whether its address has to, before it gets what may be large.
    pub(super) fn must_drain_address(&self) -> bool {
        self.all.is_full() && self.of_address.load(Relaxed) > 0
    }
}

impl Drop for ResponseShare {
    fn drop(&mut self) {
        self.set(0);
        let mut addresses = self.all.addresses.lock();
        // The map's own, and ours: no other connection of the address is left, and none comes while we hold the lock.
        if Arc::strong_count(&self.of_address) == 2 {
            addresses.remove(&self.address);
        }
    }
}

/// Whether the answer to a request of this API key may be far larger than the request. Of a key that is not known: yes.
pub(super) fn may_be_large(key: i16) -> bool {
    const IN_PROPORTION: [ApiKey; 15] = [
        ApiKey::Produce,
        ApiKey::Fetch,
        ApiKey::ListOffsets,
        ApiKey::OffsetCommit,
        ApiKey::FindCoordinator,
        ApiKey::JoinGroup,
        ApiKey::Heartbeat,
        ApiKey::LeaveGroup,
        ApiKey::SyncGroup,
        ApiKey::ApiVersions,
        ApiKey::InitProducerId,
        ApiKey::AddPartitionsToTxn,
        ApiKey::AddOffsetsToTxn,
        ApiKey::EndTxn,
        ApiKey::TxnOffsetCommit,
    ];
    !IN_PROPORTION.iter().any(|known| *known as i16 == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_holds_nothing_is_not_kept_waiting_by_others() {
        let all = ResponseMemory::new(100);
        let address = |last: u8| IpAddr::from([127, 0, 0, last]);
        let mut greedy = ResponseShare::new(all.clone(), address(2));
        let beside = ResponseShare::new(all.clone(), address(2));
        let good = ResponseShare::new(all.clone(), address(1));
        greedy.set(99);
        assert!(!greedy.must_drain() && !beside.must_drain_address());
        greedy.set(100);
        assert!(greedy.must_drain() && beside.must_drain_address());
        assert!(!beside.must_drain() && !good.must_drain_address());
        drop(greedy);
        assert!(!beside.must_drain_address());
        drop((beside, good));
        assert!(all.addresses.lock().is_empty());
    }
}
