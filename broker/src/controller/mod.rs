//! The cluster's metadata: image, records, and the decisions that make them.
