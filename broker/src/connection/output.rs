//! Writes responses: bytes gathered into few system calls, file ranges by `sendfile`.
//!
//! Invariant: parts leave in the order in which they were pushed, each whole; when that is impossible (a file cannot be
//! read, or has become shorter) the connection must end, because a frame's size has been promised already.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use storage::disk::DiskFile;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;

use super::fault_in::{FaultIn, Reading};
use crate::metrics::NetworkMetrics;
use crate::wire::{Part, Response};

/// Parts that one write gathers.
const GATHERED: usize = 64;

/// Bytes of a file that are checked to be in memory, and then sent, at a time.
const FILE_STEP: u64 = 512 * 1024;

/// Bytes copied at a time from a file that has no descriptor.
const COPY_STEP: u64 = 64 * 1024;

#[derive(Default)]
pub(super) struct Output {
    parts: VecDeque<Part>,
    /// Bytes in memory among `parts`.
    memory: u64,
    /// Up to which position the file at the front is in memory.
    warm_to: u64,
    /// The descriptor of the file at the front, once asked for; `None` in it where there is none.
    descriptor: Option<Option<Arc<OwnedFd>>>,
    reading: Option<Reading>,
    written: u64,
}

impl Output {
    pub(super) fn push(&mut self, response: Response) {
        for part in response.into_parts().filter(|part| !part.is_empty()) {
            if let Part::Bytes(bytes) = &part {
                self.memory += bytes.len() as u64;
            }
            self.parts.push_back(part);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Bytes in memory that wait to be written.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// Bytes written since this was last asked.
    pub(super) fn take_written(&mut self) -> u64 {
        std::mem::take(&mut self.written)
    }

    /// Writes until nothing is left (`Ready`), or the socket or a device has to be waited for.
    pub(super) fn poll_write(
        &mut self,
        stream: &mut TcpStream,
        fault_in: &FaultIn,
        metrics: &NetworkMetrics,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match self.parts.front() {
                None => return Poll::Ready(Ok(())),
                Some(Part::Bytes(_)) => {
                    let n = ready!(self.poll_write_bytes(stream, cx))?;
                    self.advance_bytes(n);
                }
                Some(Part::File { file, position, len }) => {
                    let (file, position, len) = (file.clone(), *position, *len);
                    ready!(self.poll_warm(&file, position, len, fault_in, metrics, cx))?;
                    let step = len.min(self.warm_to - position);
                    ready!(self.poll_write_file(stream, file, position, step, cx))?;
                }
            }
        }
    }

    fn poll_write_bytes(&self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); GATHERED];
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            let Part::Bytes(bytes) = part else { break };
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        let slices = &slices[..count];
        if self.parts.len() == count {
            return Pin::new(stream).poll_write_vectored(cx, slices);
        }
        // More follows: what is short of a packet waits for it.
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        poll_io(stream, cx, |stream| {
            Ok(rustix::net::sendmsg(
                stream.as_fd(),
                slices,
                &mut SendAncillaryBuffer::default(),
                flags,
            )?)
        })
    }

    fn advance_bytes(&mut self, mut n: usize) {
        self.written += n as u64;
        self.memory -= n as u64;
        while n > 0 {
            let Some(Part::Bytes(bytes)) = self.parts.front_mut() else {
                return;
            };
            if n < bytes.len() {
                bytes.advance(n);
                return;
            }
            n -= bytes.len();
            self.parts.pop_front();
        }
    }

    /// Sees to it that the next step of the file at the front is in memory.
    fn poll_warm(
        &mut self,
        file: &Arc<dyn DiskFile>,
        position: u64,
        len: u64,
        fault_in: &FaultIn,
        metrics: &NetworkMetrics,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(reading) = &mut self.reading {
            ready!(reading.as_mut().poll(cx))?;
            self.reading = None;
        } else if self.warm_to <= position {
            let step = len.min(FILE_STEP);
            self.warm_to = position + step;
            if !file.is_resident(position, step as usize).unwrap_or(false) {
                metrics.cold_reads.add(1);
                let mut reading = fault_in.read(file.clone(), position, step);
                if let Poll::Ready(result) = reading.as_mut().poll(cx) {
                    return Poll::Ready(result);
                }
                self.reading = Some(reading);
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_file(
        &mut self,
        stream: &mut TcpStream,
        file: Arc<dyn DiskFile>,
        position: u64,
        step: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let descriptor = match &self.descriptor {
            Some(descriptor) => descriptor.clone(),
            None => {
                let descriptor = file.descriptor()?;
                self.descriptor = Some(descriptor.clone());
                descriptor
            }
        };
        let Some(descriptor) = descriptor else {
            return Poll::Ready(self.copy_in(&*file, position, step));
        };
        let mut offset = position;
        let sent = ready!(poll_io(stream, cx, |stream| {
            match rustix::fs::sendfile(stream.as_fd(), &*descriptor, Some(&mut offset), step as usize) {
                // A filesystem that cannot: copied instead.
                Err(Errno::INVAL | Errno::NOSYS) => Ok(None),
                result => Ok(Some(result?)),
            }
        }))?;
        match sent {
            None => {
                self.descriptor = Some(None);
                Poll::Ready(Ok(()))
            }
            Some(0) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Some(n) => {
                self.written += n as u64;
                self.advance_file(n as u64);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Puts the next bytes of the file at the front, which are in memory, before it as a part of their own.
    fn copy_in(&mut self, file: &dyn DiskFile, position: u64, step: u64) -> io::Result<()> {
        let mut buffer = vec![0; step.min(COPY_STEP) as usize];
        let n = file.read_at(&mut buffer, position)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.truncate(n);
        self.advance_file(n as u64);
        self.memory += n as u64;
        self.parts.push_front(Part::Bytes(Bytes::from(buffer)));
        Ok(())
    }

    /// Takes sent bytes off the file at the front.
    fn advance_file(&mut self, n: u64) {
        let Some(Part::File { position, len, .. }) = self.parts.front_mut() else {
            return;
        };
        *position += n;
        *len -= n;
        if *len == 0 {
            self.parts.pop_front();
            self.warm_to = 0;
            self.descriptor = None;
        }
    }
}

/// Tries an operation on the socket until it works, fails, or the socket has to be waited for.
fn poll_io<T>(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    mut operation: impl FnMut(&TcpStream) -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_io(Interest::WRITABLE, || operation(stream)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            result => return Poll::Ready(result),
        }
    }
}
