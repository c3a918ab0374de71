//! Scripts against one shard. Each test tells a story in a group's life.

mod harness;
mod join;
mod lifecycle;
mod offsets;
mod random;
mod static_members;
mod sync;

use super::*;
