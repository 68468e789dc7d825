//! Printing the result of an import.

use serde::Serialize;
use similar::TextDiff;

use super::model::{FileChange, Finding, Import, Level};
use crate::{
    args::ReportFormat,
    input::Unusable,
    output::{self, BAD, DOUBTFUL, HEADING, styled},
};

/// The result in JSON. docs/schemas/import.json describes its fields.
#[derive(Serialize)]
struct Report<'i> {
    version: u8,
    document: Option<&'i str>,
    policies: Vec<&'i str>,
    findings: Vec<JsonFinding<'i>>,
    diff: Option<&'i str>,
}

#[derive(Serialize)]
struct JsonFinding<'i> {
    level: Level,
    file: String,
    line: Option<u32>,
    message: &'i str,
    wider: bool,
}

/// Prints the document, the findings and the changes of files.
///
/// # Errors
///
/// If standard output cannot be written.
pub(crate) fn print(
    import: &Import,
    document: Option<String>,
    format: ReportFormat,
) -> Result<(), Unusable> {
    let policies = import.policies();
    let diff: String = import.changes.iter().map(unified_diff).collect();
    match format {
        ReportFormat::Text => {
            for finding in import.findings.iter() {
                output::print_diagnostic(line_of(finding));
            }
            output::print(&document.unwrap_or_default())?;
            if !diff.is_empty() {
                output::print_diagnostic(diff.trim_end_matches('\n'));
            }
        }
        ReportFormat::Json => output::print_json(&Report {
            version: 1,
            document: document.as_deref(),
            policies: policies.iter().map(|(name, _)| name.as_str()).collect(),
            findings: import.findings.iter().map(JsonFinding::new).collect(),
            diff: Some(diff.as_str()).filter(|diff| !diff.is_empty()),
        })?,
    }
    Ok(())
}

impl<'i> JsonFinding<'i> {
    fn new(finding: &'i Finding) -> Self {
        Self {
            level: finding.level,
            file: finding.place.file.display().to_string(),
            line: finding.place.line,
            message: &finding.text,
            wider: finding.widens,
        }
    }
}

/// A finding as one line.
fn line_of(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Note => styled(HEADING, "note:").to_string(),
        Level::Warning => styled(DOUBTFUL, "warning:").to_string(),
        Level::Question => styled(BAD, "question:").to_string(),
    };
    format!("{}: {level} {}", finding.place, finding.text)
}

/// The lines to remove from a file and to add to it, as `patch` reads them.
fn unified_diff(change: &FileChange) -> String {
    let file = change.file.display().to_string();
    let diff = TextDiff::from_lines(&change.old, &change.new);
    diff.unified_diff().context_radius(2).header(&file, &file).to_string()
}
