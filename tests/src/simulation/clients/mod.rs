//! Clients: each remembers what it sent and what it was told.

pub(crate) mod compacted;
pub(crate) mod consumer;
mod delete_records;
pub(crate) mod groups;
pub(crate) mod members;
pub(crate) mod metadata;
pub(crate) mod producer;
pub(crate) mod recreate;
