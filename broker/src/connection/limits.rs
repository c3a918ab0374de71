//! What one connection, and all together, may hold.

use std::time::Duration;

/// Bytes of a large frame that are charged to the budget at a time, while they arrive; also how much of a frame must
/// arrive within [`Limits::frame_timeout`].
pub const FRAME_STEP: usize = 256 * 1024;

/// Frames up to this size are charged to the budget when they are complete.
pub const SMALL_FRAME: usize = 64 * 1024;

/// What a decoded request takes at most, as a multiple of its frame. Charged while it is handled; Produce, which stays
/// in its frame, at 1.
pub const DECODED_MULTIPLE: usize = 8;

/// The limits of connections. Defaults are those of the properties named; what names none is fixed.
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
    /// Bytes in memory that wait for a slow reader; beyond it the connection is
    /// not read.
    pub max_response_bytes: u64,
    /// `connections.max.idle.ms`: without a byte in or out for this long, and with nothing in the works.
    pub idle_timeout: Duration,
    /// For the first frame to arrive, and for each further step of a frame that has
    /// begun.
    pub frame_timeout: Duration,
    /// File ranges that are read in at the same time because they are not in memory.
    pub cold_reads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame_bytes: 100 * 1024 * 1024,
            max_request_bytes: 8 * 1024 * 1024,
            in_flight_bytes: 128 * 1024 * 1024,
            max_pipelined: 256,
            max_response_bytes: 8 * 1024 * 1024,
            idle_timeout: Duration::from_secs(600),
            frame_timeout: Duration::from_secs(30),
            cold_reads: 16,
        }
    }
}
