//! The cluster's metadata as a pure state machine: records, the image they make, the decisions that make records,
//! and the answers that are read from the image.
//!
//! Invariant: an [`image::Image`] is a function of the records applied to it, in order, and of nothing else. Nothing
//! below this module reads a clock, a random number, a disk or a socket; topic ids come in as arguments.
//!
//! The way of a change: a function of [`decide`] reads the newest image (with everything that was appended, committed
//! or not) and gives records and an answer; the records are appended to `__cluster_metadata` as **one** batch, so that
//! the change is whole or absent; once the batch commits, the image with it is published and the answer is sent.

pub mod decide;
pub mod describe;
pub mod features;
pub mod image;
pub mod record;
pub mod topic_name;

#[cfg(test)]
mod fixture;
