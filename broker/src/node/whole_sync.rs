//! Syncs of the whole filesystem, which prove that all is durable which was written before.
//!
//! Invariant: after one that failed none begins. The kernel tells of an error once: a later one could answer well though what
//! the first one failed at is lost. Those that are under way at the same time are told as well.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;

use super::flusher::FlushCounters;

/// Where the filesystem is synced as a whole.
#[derive(Debug, Default)]
pub(super) struct WholeSync {
    /// Held shared by those that are under way.
    under_way: RwLock<()>,
    /// The disk cannot, and never will.
    is_unsupported: AtomicBool,
    /// Of [`FlushCounters::filesystem_failures`] those after which all new names that wait for a flush were put in doubt.
    doubted: AtomicU64,
}

impl WholeSync {
    /// Syncs the filesystem; whether it did. Where it cannot be, or has failed once, each file tells for itself.
    pub(super) fn run(&self, counters: &FlushCounters, sync: impl FnOnce() -> io::Result<()>) -> bool {
        let _under_way = self.under_way.read();
        if self.is_unsupported.load(Ordering::Relaxed) || counters.filesystem_failures.load(Ordering::Acquire) > 0 {
            return false;
        }
        match sync() {
            Ok(()) => {
                counters.filesystem_syncs.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                tracing::info!(reason = %error, "each file is synced for itself");
                self.is_unsupported.store(true, Ordering::Relaxed);
                false
            }
            Err(error) => {
                counters.filesystem_syncs.fetch_add(1, Ordering::Relaxed);
                counters.failures.fetch_add(1, Ordering::Relaxed);
                counters.filesystem_failures.fetch_add(1, Ordering::Release);
                tracing::error!(%error, "syncfs failed: syncing file by file");
                false
            }
        }
    }

    /// How many have failed, of those that have begun.
    pub(super) fn failures(&self, counters: &FlushCounters) -> u64 {
        let _none_is_under_way = self.under_way.write();
        counters.filesystem_failures.load(Ordering::Acquire)
    }

    /// After so many failures the names that no flush had taken were put in doubt.
    pub(super) fn note_doubted(&self, failures: u64) {
        self.doubted.fetch_max(failures, Ordering::AcqRel);
    }

    /// What a flush that is taken now has nothing to do with: names that are older than these failures are not in it.
    pub(super) fn doubted(&self) -> u64 {
        self.doubted.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    fn failed() -> io::Result<()> {
        Err(io::Error::other("EIO"))
    }

    #[test]
    fn a_failure_is_waited_for_and_none_begins_after_it() {
        let (whole, counters) = (WholeSync::default(), FlushCounters::default());
        let (begun, has_begun) = channel();
        let (end, may_end) = channel();
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                whole.run(&counters, move || {
                    begun.send(()).unwrap();
                    may_end.recv().unwrap();
                    failed()
                })
            });
            has_begun.recv().unwrap();
            let failures = scope.spawn(|| whole.failures(&counters));
            std::thread::sleep(Duration::from_millis(50));
            assert!(!failures.is_finished());
            end.send(()).unwrap();
            assert!(!first.join().unwrap());
            assert_eq!(failures.join().unwrap(), 1);
        });
        assert!(!whole.run(&counters, || unreachable!("it would prove nothing")));
        assert_eq!(counters.filesystem_syncs.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_the_disk_cannot_do_is_no_failure() {
        let (whole, counters) = (WholeSync::default(), FlushCounters::default());
        assert!(!whole.run(&counters, || Err(io::ErrorKind::Unsupported.into())));
        assert!(!whole.run(&counters, || unreachable!("it was said once")));
        assert_eq!(whole.failures(&counters), 0);
    }
}
