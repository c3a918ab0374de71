//! The codecs of record batches, bounded.
