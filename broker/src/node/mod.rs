//! A node's partitions, journal and flushers.
