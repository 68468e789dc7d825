//! Values of a request in log lines.

use core::fmt;

/// A value of a request for a log line: in quotes, escaped, and not too long. `None` is a header that
/// the request repeats.
pub(super) struct Excerpt<'r>(pub(super) Option<&'r [u8]>);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// In bytes; longer than any well-formed origin in ordinary use.
        const MAX: usize = 128;

        match self.0 {
            Some(value) if value.len() > MAX => {
                write!(f, "\"{}\"...", value[..MAX].escape_ascii())
            }
            Some(value) => write!(f, "\"{}\"", value.escape_ascii()),
            None => f.write_str("repeated"),
        }
    }
}
