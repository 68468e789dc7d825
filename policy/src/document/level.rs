//! The two levels of mistakes.

use std::fmt;

/// What a mistake means for its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// The document is refused: it would let in more than was meant, or a page would fail for it.
    Error,
    /// The document is accepted. What the mistake concerns has no effect.
    Warning,
}

impl Level {
    /// The name, `error` or `warning`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
