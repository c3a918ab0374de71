//! Versions of Kafka 4.3 that the codec crate lacks, decoded into its own structures.
//!
//! | API | missing | here |
//! |---|---|---|
//! | OffsetCommit 10 | request (topic ids instead of names) | [`offset_commit::decode`] |
//! | OffsetFetch 10 | request (topic ids instead of names) | [`offset_fetch::decode`] |
//! | ListOffsets 11 | both; the same as version 10 | [`list_offsets::decode`], [`list_offsets::encode`] |
//! | DescribeLogDirs 5 | both; the response has one field more | [`describe_log_dirs::decode`], [`describe_log_dirs::encode`] |
//!
//! The responses of OffsetCommit 10 and OffsetFetch 10 are in the codec.

pub mod describe_log_dirs;
pub mod list_offsets;
pub mod offset_commit;
pub mod offset_fetch;

#[cfg(test)]
mod tests;
