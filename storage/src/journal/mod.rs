//! The node journal: what Raft keeps outside the segments.
