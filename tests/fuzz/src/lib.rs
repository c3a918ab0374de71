//! What hostile bytes are fed to, for libFuzzer (`fuzz_targets/`) and for the replay of the corpora (`cargo test`).
//!
//! | target | what reads the bytes | what is checked besides that nothing panics |
//! |---|---|---|
//! | [`frames`] | the connection's framing, request headers | frames are those of a plain reference, whatever the pieces |
//! | [`requests`] | every API at every version, on a live node | every answer decodes by Kafka's schema; every request is answered |
//! | [`batches`] | checks of produced batches, records, codecs | what is accepted reads back; limits of decompression hold |
//! | [`files`] | every file that a start reads | a start, or an error that says what; what is served reads |
//!
//! An input is not the bytes themselves but the [`choices`] by which something valid is built and then mutated, so that few
//! inputs stop at the first check. `fuzz_bodies` never looks at a clock or at randomness of its own.

#![forbid(unsafe_code)]

pub mod batches;
pub mod choices;
pub mod files;
pub mod frames;
pub mod history;
pub mod mutate;
mod node;
pub mod requests;
pub mod schema;

/// As in the binary: the codec crate reserves whatever count a client claims, which must cost address space only.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
