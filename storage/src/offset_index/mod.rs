//! The sparse index from offset to file position.
