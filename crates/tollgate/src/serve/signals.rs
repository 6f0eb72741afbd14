//! What the system asks of a running gateway.

use std::io;

/// What was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// Read configuration and policy again.
    Reload,
    /// Stop.
    Stop,
}

/// The signals of this process.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Takes the signals over from the system's defaults.
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next thing asked.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// The interrupt, which is all that other systems know.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Nothing is taken over before the first wait.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// The next thing asked.
    pub(super) async fn next(&mut self) -> Asked {
        // An interrupt that cannot be waited for is a reason to stop, too.
        let _ = tokio::signal::ctrl_c().await;
        Asked::Stop
    }
}

impl Signals {
    /// Waits until asked to stop.
    pub(super) async fn stop(&mut self) {
        while self.next().await != Asked::Stop {}
    }
}
