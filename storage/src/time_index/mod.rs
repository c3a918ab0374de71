//! The sparse index from timestamp to offset.
