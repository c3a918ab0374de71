//! The bytes of answers in memory that all connections together hold (`weir.max.response.bytes`).
//!
//! Invariant: at the limit a connection that holds an answer is not read, and a request whose answer may be far larger
//! than itself ([`may_be_large`]) is called only for an address that holds none. So the bytes are bounded by the limit,
//! one large answer of each address, and small ones; each address goes on by its own answers' leaving, and who does not
//! read them is closed soon, so nobody waits long for another.
//!
//! Large answers are built one at a time ([`Room::build`]), since what one is built of takes far more than itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::service::{Build, Outcome};
use crate::metrics::{Collector, Kind, TextWriter};

/// How often it is looked whether there is memory for a large answer again: nobody tells.
pub(super) const POLL: Duration = Duration::from_millis(20);

/// The sum of all connections.
#[derive(Debug)]
pub struct ResponseMemory {
    limit: u64,
    bytes: AtomicU64,
    /// The addresses that have connections.
    addresses: Mutex<BTreeMap<IpAddr, Arc<OfAddress>>>,
    /// Who has it builds a large answer.
    turn: Arc<Semaphore>,
}

/// What the connections of an address hold together.
#[derive(Debug)]
struct OfAddress {
    bytes: AtomicU64,
    /// Who has it waits for the turn of all: so each address is in line once.
    turn: Arc<Semaphore>,
}

impl ResponseMemory {
    /// Full from so many bytes on.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            bytes: AtomicU64::new(0),
            addresses: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
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
    of_address: Arc<OfAddress>,
    bytes: u64,
}

impl ResponseShare {
    pub(super) fn new(all: Arc<ResponseMemory>, address: IpAddr) -> Self {
        let new = || {
            Arc::new(OfAddress {
                bytes: AtomicU64::new(0),
                turn: Arc::new(Semaphore::new(1)),
            })
        };
        let of_address = all.addresses.lock().entry(address).or_insert_with(new).clone();
        Self {
            all,
            address,
            of_address,
            bytes: 0,
        }
    }

    /// The connection now holds so many bytes.
    pub(super) fn set(&mut self, bytes: u64) {
        for sum in [&self.all.bytes, &self.of_address.bytes] {
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

    /// What its address has left for an answer that may be large.
    pub(super) fn room(&self) -> Room {
        Room {
            all: self.all.clone(),
            of_address: self.of_address.clone(),
        }
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

/// What an address has left for an answer that may be large. A connection drops it before its [`ResponseShare`].
#[derive(Debug)]
pub(super) struct Room {
    all: Arc<ResponseMemory>,
    of_address: Arc<OfAddress>,
}

impl Room {
    /// Whether the address need not send something first.
    pub(super) fn is_there(&self) -> bool {
        !self.all.is_full() || self.of_address.bytes.load(Relaxed) == 0
    }

    /// Builds a large answer on a thread of its own, when there is room for it and its turn has come.
    pub(super) async fn build(self, build: Build) -> Outcome {
        let of_address = self.of_address.turn.clone().acquire_owned().await;
        let turn = loop {
            while !self.is_there() {
                tokio::time::sleep(POLL).await;
            }
            let turn = self.all.turn.clone().acquire_owned().await;
            if self.is_there() {
                break turn;
            }
        };
        let built = tokio::task::spawn_blocking(move || {
            let _turns = (of_address, turn);
            let mut outcome = build();
            while let Outcome::Large(build) = outcome {
                outcome = build();
            }
            outcome
        });
        match built.await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Close("the answer could not be built".into()),
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
        assert!(!greedy.must_drain() && beside.room().is_there());
        greedy.set(100);
        assert!(greedy.must_drain() && !beside.room().is_there());
        assert!(!beside.must_drain() && good.room().is_there());
        drop(greedy);
        assert!(beside.room().is_there());
        drop((beside, good));
        assert!(all.addresses.lock().is_empty());
    }
}
