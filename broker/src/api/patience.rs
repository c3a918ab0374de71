//! What ends the waiting of a fetch before its time.
//!
//! Invariant: a fetch that stops waiting answers what there is, which the protocol allows at any time: `max_wait_ms` and
//! `min_bytes` promise nothing.

use tokio::sync::watch;

/// Told by the server, listened to by fetches.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    draining: watch::Sender<bool>,
    /// Grows when requests wait for memory.
    pressure: watch::Sender<u64>,
}

/// One fetch's ear.
pub(super) struct Waiting {
    draining: watch::Receiver<bool>,
    /// Of a request that is worth its memory.
    pressure: Option<watch::Receiver<u64>>,
}

impl Patience {
    /// The server stops: all are answered.
    pub(super) fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Memory for requests is short: large ones are answered.
    pub(super) fn press(&self) {
        self.pressure.send_modify(|times| *times += 1);
    }

    /// From now on; `large`: the request holds memory that others may need.
    pub(super) fn wait(&self, large: bool) -> Waiting {
        Waiting {
            draining: self.draining.subscribe(),
            pressure: large.then(|| self.pressure.subscribe()),
        }
    }
}

impl Waiting {
    /// Comes back when there is no more waiting.
    pub(super) async fn over(&mut self) {
        let Waiting { draining, pressure } = self;
        let pressed = async {
            match pressure {
                Some(pressure) => _ = pressure.changed().await,
                None => std::future::pending().await,
            }
        };
        // An error means that the server is gone.
        tokio::select! {
            _ = draining.wait_for(|draining| *draining) => {}
            () = pressed => {}
        }
    }
}
