//! Simulation of a whole node, from a seed.
//!
//! Invariant: a run follows from its seed and its options alone: the same seed gives the same trace, byte for byte.

pub mod simulation;
