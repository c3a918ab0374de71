//! A replica on the simulated disk: one voter, and several of them under faults.

mod clean;
mod cluster;
mod one_voter;
mod random;
