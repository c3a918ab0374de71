//! The group APIs from request to disk and back, on one node in memory.

mod lifecycle;
mod loading;
mod offsets;
mod rig;
