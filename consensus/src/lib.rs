//! A Kafka partition as a Raft group: raft, log and journal, without threads, clocks or sockets of its own.
//!
//! The partition's log is the Raft log: one Raft entry is one batch, and stands in the log's segments; Raft's own entries
//! (a new leader's empty one, membership changes) take no offset and stand in the node journal. Raft itself sees small
//! descriptors, never a batch.

#![forbid(unsafe_code)]

mod descriptor;
mod error;
mod raft_log;
mod replica;

pub use descriptor::Descriptor;
pub use error::{AppendError, MembershipError, ReplicaError};
pub use replica::{
    Append, Durability, Membership, MembershipChange, OpenReplica, PeerMessage, Readiness, Replica, ReplicaFlush, Role,
};
