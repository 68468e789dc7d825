//! How far the probe is, for people who wait.

use std::io::{IsTerminal, Write, stderr};

/// A line on standard error that is written again and again, if that is a terminal.
pub(super) struct Progress {
    is_shown: bool,
}

impl Progress {
    /// A line, if there is somebody to read it.
    pub(super) fn new() -> Self {
        Self { is_shown: stderr().is_terminal() }
    }

    /// No line.
    #[cfg(test)]
    pub(super) fn hidden() -> Self {
        Self { is_shown: false }
    }

    /// Shows how many requests have been sent.
    pub(super) fn show(&self, sent: usize) {
        if self.is_shown {
            let _ = write!(stderr(), "\r{sent} requests");
        }
    }
}

impl Drop for Progress {
    /// Clears the line (ECMA-48, EL).
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
