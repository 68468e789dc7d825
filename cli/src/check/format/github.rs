//! Results as annotations of GitHub Actions: workflow commands on standard output.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::path::Path;

use super::{rest, rest_of_guards, text};
use crate::{
    check::{
        checked::Checked,
        finding::{Finding, Level},
    },
    input::Unusable,
    output,
};

/// Prints an annotation for each finding and each open guard, and what is printed for people beside
/// them.
///
/// # Errors
///
/// If standard output cannot be written.
pub(super) fn print(all: &[Checked], strict: bool) -> Result<(), Unusable> {
    for checked in all {
        let guards: Vec<Finding> = checked.guards.iter().map(Finding::from).collect();
        for finding in checked.findings.iter().chain(&guards) {
            let title = format!("cors-policy: {}", finding.rule.id);
            let place = Place { file: &finding.file, line: finding.line };
            output::print(&annotation(finding.level, place, &title, &finding.text()))?;
        }
        if let Some(rest) = rest(checked.omitted) {
            let place = Place { file: &checked.file, line: None };
            output::print(&annotation(Level::Error, place, "cors-policy", &rest))?;
        }
        if let Some(rest) = rest_of_guards(checked.omitted_guards) {
            let place = Place { file: &checked.file, line: None };
            output::print(&annotation(Level::Note, place, "cors-policy", &rest))?;
        }
        text::print_good(checked, strict)?;
    }
    text::print_total(all);
    Ok(())
}

/// A line of a file.
#[derive(Clone, Copy)]
struct Place<'p> {
    file: &'p Path,
    line: Option<u32>,
}

/// A workflow command.
fn annotation(level: Level, place: Place<'_>, title: &str, message: &str) -> String {
    let command = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let mut properties = Vec::new();
    let file = place.file.display().to_string();
    // The runner compares it with the paths of a change.
    let file = file.strip_prefix("./").unwrap_or(&file);
    let is_stream = file.starts_with('<');
    if !is_stream {
        properties.push(format!("file={}", property(file)));
    }
    if let Some(line) = place.line.filter(|_| !is_stream) {
        properties.push(format!("line={line}"));
    }
    properties.push(format!("title={}", property(title)));
    format!("::{command} {}::{}\n", properties.join(","), data(message))
}

/// Escapes a message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line_that_nothing_breaks_out_of() {
        let place = Place { file: Path::new("a,b::c\n%.yaml"), line: Some(3) };
        assert_eq!(
            annotation(Level::Error, place, "x: y", "50% of a::b\r\n::set-env name=A::b"),
            "::error file=a%2Cb%3A%3Ac%0A%25.yaml,line=3,title=x%3A y::50%25 of a::b%0D%0A::set-env \
             name=A::b\n"
        );
        let place = Place { file: Path::new("./a.yaml"), line: None };
        assert_eq!(
            annotation(Level::Warning, place, "t", "m"),
            "::warning file=a.yaml,title=t::m\n"
        );
        let place = Place { file: Path::new("<stdin>"), line: Some(3) };
        assert_eq!(annotation(Level::Note, place, "t", "m"), "::notice title=t::m\n");
    }
}
