//! Results for programs. docs/schemas/check.json describes the fields, which do not change within a
//! major version; new ones may come.

use cors_policy::document::OpenGuard;
use serde::Serialize;

use crate::{
    args::CheckedKind,
    check::{
        checked::{Checked, Contents},
        finding::{Finding, Level},
    },
    input::Unusable,
    output,
};

#[derive(Serialize)]
struct Report<'c> {
    version: u8,
    accepted: bool,
    files: Vec<File<'c>>,
    findings: Vec<JsonFinding<'c>>,
    guards: Vec<Guard<'c>>,
}

#[derive(Serialize)]
struct File<'c> {
    file: String,
    kind: &'c str,
    accepted: bool,
    errors: usize,
    warnings: usize,
    policies: usize,
    rules: usize,
    patterns: usize,
    guards: usize,
}

#[derive(Serialize)]
struct JsonFinding<'c> {
    level: Level,
    id: &'c str,
    file: String,
    line: Option<u32>,
    place: Option<&'c str>,
    value: Option<&'c str>,
    message: String,
}

#[derive(Serialize)]
struct Guard<'c> {
    guard: &'c str,
    policy: &'c str,
    file: String,
    line: Option<u32>,
    place: &'c str,
    message: String,
}

/// Prints the results of all files as one object.
///
/// # Errors
///
/// If standard output cannot be written.
pub(super) fn print(all: &[Checked], strict: bool) -> Result<(), Unusable> {
    let findings = all.iter().flat_map(|checked| &checked.findings);
    let guards = all.iter().flat_map(|checked| &checked.guards);
    output::print_json(&Report {
        version: 1,
        accepted: all.iter().all(|checked| checked.is_accepted(strict)),
        files: all.iter().map(|checked| File::new(checked, strict)).collect(),
        findings: findings.map(JsonFinding::new).collect(),
        guards: guards.map(Guard::new).collect(),
    })?;
    Ok(())
}

impl File<'_> {
    fn new(checked: &Checked, strict: bool) -> Self {
        let Contents { policies, rules, patterns, uses: _ } = checked.contents;
        Self {
            file: checked.file.display().to_string(),
            kind: match checked.kind {
                CheckedKind::List => "list",
                CheckedKind::Document => "document",
                CheckedKind::Nginx => "nginx",
            },
            accepted: checked.is_accepted(strict),
            errors: checked.errors(),
            warnings: checked.warnings(),
            policies,
            rules,
            patterns,
            guards: checked.guards.len() + checked.omitted_guards,
        }
    }
}

impl<'c> JsonFinding<'c> {
    fn new(finding: &'c Finding) -> Self {
        Self {
            level: finding.level,
            id: finding.rule.id,
            file: finding.file.display().to_string(),
            line: finding.line,
            place: Some(finding.place.as_str()).filter(|place| !place.is_empty()),
            value: finding.value.as_deref(),
            message: finding.counted_message(),
        }
    }
}

impl<'c> Guard<'c> {
    fn new(guard: &'c OpenGuard) -> Self {
        Self {
            guard: guard.guard().as_str(),
            policy: guard.policy(),
            file: guard.file().display().to_string(),
            line: guard.line(),
            place: guard.place(),
            message: guard.message(),
        }
    }
}
