//! Tests of the log on the simulated disk. `model` runs it against a plain vector.

mod compaction;
mod damage;
mod lookup;
mod model;
mod random;
mod reader;
mod recovery;
mod retention;
mod scenario;
mod truncate;
mod write;
