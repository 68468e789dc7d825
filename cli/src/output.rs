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

/// A text of which nothing controls a terminal or the log of a CI service, and which stays one line: names of
/// files and of directives can have any character.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        // Line and paragraph separators, and what changes the direction of a text (Unicode, UAX #9).
        let is_format = matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || is_format {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
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

#[cfg(test)]
mod tests {
    use super::on_one_line;

    #[test]
    fn nothing_breaks_a_line_or_controls_a_terminal() {
        assert_eq!(on_one_line("é a:1: \"x\\y\""), "é a:1: \"x\\y\"");
        assert_eq!(
            on_one_line("a\n::error::b\r\x1b[31m\u{9b}\u{202e}c\u{2028}"),
            r"a\n::error::b\r\u{1b}[31m\u{9b}\u{202e}c\u{2028}"
        );
    }
}
