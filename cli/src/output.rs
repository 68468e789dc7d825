//! Writing to terminals, files and pipes. Only terminals get colours, unless `NO_COLOR` is set. A pipe
//! whose reader has gone is not an error.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

use clap::builder::styling::{AnsiColor, Style, Styles};
use serde::Serialize;

use crate::input::Unusable;

/// Good results.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();

/// Results that are good but for something without effect.
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();

/// Bad results.
pub(crate) const BAD: Style = Styles::styled().get_error().bold();

/// Headings.
pub(crate) const HEADING: Style = Style::new().bold();

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> impl Display {
    format!("{style}{text}{style:#}")
}

/// Writes to standard output.
///
/// # Errors
///
/// If it cannot be written. A closed pipe is not an error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes indented JSON to standard output.
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

/// Prints the reason why there is no result.
pub(crate) fn print_error(error: &Unusable) {
    match error {
        // Each mistake names its file and line.
        Unusable::Mistakes(report) => print_diagnostic(report),
        Unusable::Other(text) => print_diagnostic(format!("{} {text}", styled(BAD, "error:"))),
    }
}
