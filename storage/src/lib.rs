//! The log of one partition on one disk, in Apache Kafka's own file format.
//!
//! Synchronous, without threads or clocks of its own: time, disk and configuration come in as arguments, so the same code
//! runs in the broker and, over a simulated disk, in the simulation.

#![deny(unsafe_code)]

// Here, since every other crate comes after this one.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("Weir runs on Linux on x86_64 and aarch64: build it there, or in a container of that kind.");

pub mod compaction;
pub mod compression;
pub mod disk;
pub mod journal;
pub mod leader_epochs;
pub mod log;
pub mod offset_index;
pub mod planted;
pub mod producer_state;
pub mod record_batch;
pub mod time_index;
