//! The floor: a bare server that does what every broker must and nothing else, so that its cost is what this machine
//! charges any broker. One blocking thread per connection reads frames, checks the CRC of each batch, stamps its offset,
//! writes it into one file per partition and answers; a fetch answers a small header and hands the file's range to
//! `sendfile`. Nothing is synced, recovered, replicated, deduplicated or authorised: what a broker adds to these costs is
//! its own. Files of an earlier run are overwritten.

mod admin;
mod connection;
mod fetch;
mod metadata;
mod partition;
mod produce;
mod topics;

use std::error::Error;
use std::io::{self, Write as _, stdout};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::thread;

use connection::{Connection, ConnectionError};
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use topics::Topics;

/// Stack of a connection's thread, bytes: it holds no array, and ten thousand of them must fit.
const STACK_BYTES: usize = 256 * 1024;

/// What a socket may hold that is sent and not yet received, bytes; the kernel doubles it. Left to itself the kernel goes
/// up to 4 MB, and 4 MB fetches are then the work of two cores that pass each other cold memory and wake each other up.
/// With less on its way a sender and its receiver take turns on one. Over 1 and 8 connections, with other work on the
/// two cores: by the kernel 1.0 and 2.1 GB/s at 0.36 and 0.31 CPU seconds per GB; 64 KiB 2.0 and 3.4 at 0.10 and 0.13;
/// 128 KiB 2.6 and 4.5 at 0.10 and 0.13; 200 kB 1.3 and 3.8 at 0.38 and 0.12. 32 KiB are less than two segments of
/// loopback, and each waits for a delayed acknowledgement. Smaller calls of sendfile and non-blocking ones with poll
/// change nothing.
const SEND_BUFFER: usize = 131_072;

/// Of the floor.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Where partitions' files go; made if it is missing
    #[arg(long)]
    data_dir: PathBuf,
}

/// Serves until it is killed.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    raise_open_files()?;
    std::fs::create_dir_all(&options.data_dir)
        .map_err(|error| format!("cannot make {}: {error}", options.data_dir.display()))?;
    let topics = Arc::new(Topics::new(options.data_dir.clone()));
    let listener =
        TcpListener::bind(&options.listen).map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    writeln!(stdout(), "floor ready kafka={}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept()?;
        let topics = Arc::clone(&topics);
        thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || serve(stream, topics))?;
    }
}

/// A connection from its first byte to its last. The first that is closed for what it sent is worth a line; a flood of
/// them would cost more than it should.
fn serve(stream: TcpStream, topics: Arc<Topics>) {
    static FIRST: Once = Once::new();
    match Connection::new(stream, topics).and_then(Connection::serve) {
        Ok(()) | Err(ConnectionError::Io(_)) => {}
        Err(problem) => FIRST.call_once(|| eprintln!("weir-bench floor: closed a connection: {problem}")),
    }
}

/// Keeps what is on its way small, on a socket that sends much.
pub(crate) fn set_send_buffer(stream: &TcpStream) -> io::Result<()> {
    Ok(set_socket_send_buffer_size(stream, SEND_BUFFER)?)
}

/// Connections and partitions are files: as many as the system lets this process have.
fn raise_open_files() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )?)
}
