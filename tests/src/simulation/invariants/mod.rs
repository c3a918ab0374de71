//! What must hold, by its number among the design's invariants where it has one.

mod compacted;
mod directory;
mod log;
mod lookup;
mod service;

pub(crate) use log::{CONFIRMED, EXACTLY_ONCE};

pub(crate) const METADATA: &str = "metadata: whole or absent, answered means done";
