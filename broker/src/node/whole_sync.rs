//! Syncs of the whole filesystem, which prove that all is durable which was written before.
//!
//! Invariant: after one that failed there is no other. The kernel tells of an error once: a later one could answer well
//! though what the first one failed at is lost. So they run one at a time, and each looks first whether one has failed.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::flusher::FlushCounters;

/// Where the filesystem is synced as a whole.
#[derive(Debug, Default)]
pub(super) struct WholeSync {
    one_at_a_time: Mutex<()>,
    /// The disk cannot, and never will.
    is_unsupported: AtomicBool,
    /// Of [`FlushCounters::filesystem_failures`] those after which all new names that wait for a flush were put in doubt.
    doubted: AtomicU64,
}

impl WholeSync {
    /// Syncs the filesystem; whether it did. Where it cannot be, or has failed once, each file tells for itself.
    pub(super) fn run(&self, counters: &FlushCounters, sync: impl FnOnce() -> io::Result<()>) -> bool {
        let _one_at_a_time = self.one_at_a_time.lock();
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
        let _none_is_under_way = self.one_at_a_time.lock();
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
    fn one_beside_another_that_fails_proves_nothing() {
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
            // The kernel has told the first one, and has nothing to tell the second.
            let second = scope.spawn(|| whole.run(&counters, || Ok(())));
            let failures = scope.spawn(|| whole.failures(&counters));
            std::thread::sleep(Duration::from_millis(50));
            end.send(()).unwrap();
            assert!(!first.join().unwrap() && !second.join().unwrap());
            assert_eq!(failures.join().unwrap(), 1);
        });
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
