//! What one TCP connection over loopback carries: the most that a fetch can have.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::sendfile;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::floor::set_send_buffer;

/// Bytes of the file that is sent, over and over.
const FILE_BYTES: usize = 64 * 1024 * 1024;
/// Bytes that are sent and received at a time, as a large fetch's.
const PIECE: usize = 4 * 1024 * 1024;

/// What it carried, and at what cost.
#[derive(Debug, Serialize)]
pub(super) struct Loopback {
    gb_per_s: f64,
    sender_cpu_s_per_gb: f64,
}

/// Sends `file`, which is filled first.
pub(super) fn loopback(file: &File, time: Duration) -> io::Result<Loopback> {
    for position in (0..FILE_BYTES).step_by(PIECE) {
        file.write_all_at(&vec![0x5a; PIECE], position as u64)?;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let receiver = TcpStream::connect(listener.local_addr()?)?;
    let (sender, _) = listener.accept()?;
    let received = thread::spawn(move || receive(receiver));
    set_send_buffer(&sender)?;
    send(file, &sender, time.mul_f64(0.2))?; // until the windows have grown
    let (begun, cpu) = (Instant::now(), thread_cpu());
    let bytes = send(file, &sender, time)? as f64 / 1e9;
    let (taken, cpu) = (begun.elapsed(), thread_cpu() - cpu);
    drop(sender);
    received
        .join()
        .map_err(|_| io::Error::other("the receiver panicked"))??;
    Ok(Loopback {
        gb_per_s: bytes / taken.as_secs_f64(),
        sender_cpu_s_per_gb: cpu.as_secs_f64() / bytes,
    })
}

/// Sends for `time`; how many bytes it were.
fn send(file: &File, sender: &TcpStream, time: Duration) -> io::Result<u64> {
    let (mut bytes, begun) = (0, Instant::now());
    while begun.elapsed() < time {
        let mut position = bytes % FILE_BYTES as u64;
        bytes += sendfile(sender, file, Some(&mut position), PIECE)? as u64;
    }
    Ok(bytes)
}

/// Receives until the sender closes.
fn receive(mut receiver: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    while receiver.read(&mut buffer)? > 0 {}
    Ok(())
}

/// CPU time that this thread used.
fn thread_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
