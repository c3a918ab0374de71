//! One client connection: frames in, requests called in order, responses out in the same order.
//!
//! Invariant: one task per connection does everything, so requests are called in the order of arrival and answered in
//! it, and every byte and element that a client can make us hold is counted against a named limit ([`Limits`]). The
//! task never blocks: file ranges that are not in memory are read in elsewhere ([`fault_in`]) before `sendfile`.
//!
//! Reading order: [`service`] is the seam to the handlers, [`driver`] the task, [`frames`] its input, [`output`] its
//! output, [`budget`] and [`response_memory`] what all connections together may hold.

pub mod budget;
pub mod driver;
pub mod fault_in;
pub mod frames;
pub mod limits;
mod output;
pub mod response_memory;
pub mod service;

pub use driver::{Connection, Control, Shared};
pub use limits::Limits;
pub use service::{ClientSoftware, ConnectionInfo, Outcome, Request, Service};

#[cfg(test)]
pub(crate) mod test_file;
#[cfg(test)]
mod tests;
