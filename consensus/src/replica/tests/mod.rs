//! A replica on the simulated disk: one voter, and several of them under faults.

mod cluster;
mod one_voter;
mod random;
