//! What one connection, and all together, may hold.

use std::time::Duration;

/// Bytes of a large frame that are charged to the budget at a time, while they arrive; also how much of a frame must
/// arrive within [`Limits::frame_timeout`].
pub const FRAME_STEP: usize = 256 * 1024;

/// Frames up to this size have a part of the budget to themselves, and their requests are not charged while they wait.
pub const SMALL_FRAME: usize = 64 * 1024;

/// Of a frame that is arriving, so much is not charged.
pub const FREE_BYTES: usize = 4 * 1024;

/// What a decoded request takes at most, as a multiple of its frame. Charged for large ones while they are decoded;
/// Produce, which stays in its frame, at 1.
pub const DECODED_MULTIPLE: usize = 8;

/// Bytes of one connection's small requests, other than Produce, that wait for their answers: beyond it the connection
/// is not read.
pub const WAITING_BYTES: usize = SMALL_FRAME;

/// A frame has its timeout, and a second more for so many bytes that have arrived.
pub const SLOWEST_BYTES_PER_SECOND: usize = 256 * 1024;

/// While others wait for what a frame holds, it has the timeout divided by this for its next byte, and for the whole a
/// second more for so many bytes.
pub const CONTENDED: (u32, usize) = (6, 1024 * 1024);

/// A frame that completes without further charge, one at a time, while others wait for memory: it has the timeout
/// divided by this, and a second more for so many bytes that arrive in that time.
pub const OVERDRAFT: (u32, usize) = (30, 8 * 1024 * 1024);

/// Of answers in memory that are too much, a connection that holds as many bytes must have so many read within the frame
/// timeout divided as for [`CONTENDED`].
pub const LEAST_READ: u64 = 64 * 1024;

/// The limits of connections. Defaults are those of the properties named.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `socket.request.max.bytes`: largest frame.
    pub max_frame_bytes: usize,
    /// `weir.max.request.bytes`: largest frame of any API but Produce.
    pub max_request_bytes: usize,
    /// `queued.max.request.bytes`: frames in flight, of all connections together. A frame that has begun to arrive when
    /// nothing is left may still complete, one at a time.
    pub in_flight_bytes: usize,
    /// `weir.max.pipelined.requests`: requests of one connection that wait for their answers; beyond it the
    /// connection is not read.
    pub max_pipelined: usize,
    /// `weir.max.connection.response.bytes`: bytes in memory that wait for a slow reader; beyond it the connection is
    /// not read.
    pub max_connection_response_bytes: u64,
    /// `weir.max.response.bytes`: the same of all connections together; beyond it only those are read that hold none.
    pub max_response_bytes: u64,
    /// `connections.max.idle.ms`: without a byte in or out for this long, and with nothing in the works. `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// `weir.frame.timeout.ms`: for each step of a frame that has begun, and, with the time that its bytes are worth, for
    /// the whole. Time that we do not read does not count.
    pub frame_timeout: Duration,
    /// `weir.max.cold.reads`: file ranges that are read in at the same time because they are not in memory.
    pub cold_reads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame_bytes: 100 * 1024 * 1024,
            max_request_bytes: 8 * 1024 * 1024,
            in_flight_bytes: 64 * 1024 * 1024,
            max_pipelined: 256,
            max_connection_response_bytes: 8 * 1024 * 1024,
            max_response_bytes: 64 * 1024 * 1024,
            idle_timeout: Some(Duration::from_secs(600)),
            frame_timeout: Duration::from_secs(30),
            cold_reads: 16,
        }
    }
}
