//! The real binary under attack over sockets, and on disks that fail, while well-behaved clients go on.
//!
//! ```text
//! attack (threads, other addresses) ─► broker (a process) ◄─ good clients (what they see, how long it takes)
//!                                        ▲
//!                       its memory, sampled; its counters of limits
//! ```

#![forbid(unsafe_code)]

pub mod attack;
pub mod failing_calls;
pub mod good;
pub mod latency;
pub mod metrics;
pub mod raw;
pub mod small_disk;
pub mod steady;
pub mod watch;
