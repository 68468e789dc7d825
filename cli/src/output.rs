//! Writing to people, files and pipes: colours on terminals only (`NO_COLOR` is respected), and no
//! complaint about a reader that has had enough.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

use clap::builder::styling::{AnsiColor, Style, Styles};
use serde::Serialize;

use crate::input::Unusable;

/// What is right.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();

/// What is wrong.
pub(crate) const BAD: Style = Styles::styled().get_error().bold();

/// What parts of the output are called.
pub(crate) const HEADING: Style = Style::new().bold();

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> impl Display {
    format!("{style}{text}{style:#}")
}

/// Writes to standard output.
///
/// # Errors
///
/// If it cannot be written, unless because nobody reads it any more.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes JSON to standard output, for people to read too.
///
/// # Errors
///
/// As for [`print`].
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Writes to standard error, as well as it can be.
pub(crate) fn print_diagnostic(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Says why there is no result.
pub(crate) fn print_error(error: &Unusable) {
    match error {
        // Each says for itself where it stands.
        Unusable::Mistakes(report) => print_diagnostic(report),
        Unusable::Other(text) => print_diagnostic(format!("{} {text}", styled(BAD, "error:"))),
    }
}
