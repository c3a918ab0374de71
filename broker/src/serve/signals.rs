//! The signals that ask for a stop.
//!
//! Invariant: from the moment that they are taken over, somebody acts on them: while the node opens, the process ends at
//! once, for there is nothing to put in order that the next start would not, as after a kill.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Takes both signals over.
    pub(super) fn install() -> std::io::Result<Self> {
        Ok(Stop {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Runs `opening` on a thread of its own; a signal meanwhile ends the process.
    pub(super) async fn or_exit<T: Send + 'static>(
        &mut self,
        opening: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<T> {
        let opening = tokio::task::spawn_blocking(opening);
        tokio::select! {
            opened = opening => opened.map_err(std::io::Error::other),
            signal = self.wait() => {
                tracing::warn!(signal, "stopped while the logs were opened; the next start recovers as after a kill");
                std::process::exit(0);
            }
        }
    }

    /// The next of either.
    pub(super) async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
