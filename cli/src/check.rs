//! `cors-policy check`: all mistakes of policy documents.

use std::path::Path;

use cors_policy::document::Mistake;

use crate::{
    Outcome,
    args::CheckArgs,
    input::{self, Unusable},
    output::{self, BAD, DOUBTFUL, GOOD, styled},
};

/// Checks every file, also after one with mistakes.
///
/// # Errors
///
/// If standard output cannot be written.
pub(crate) fn run(args: &CheckArgs) -> Result<Outcome, Unusable> {
    let CheckArgs { files, strict } = args;
    let mut errors = 0;
    let mut warnings = 0;
    let mut files_with_mistakes = 0;
    let mut outcome = Outcome::Good;
    for file in files {
        match summary(file) {
            Ok((summary, found)) => {
                for warning in &found {
                    output::print_diagnostic(warning);
                }
                warnings += count_warnings(&found);
                files_with_mistakes += usize::from(!found.is_empty());
                if *strict && !found.is_empty() {
                    outcome = Outcome::Unusable;
                } else {
                    let name = input::name(file);
                    let name = name.display();
                    output::print(&format!("{name}: {} {summary}\n", styled(GOOD, "ok:")))?;
                }
            }
            Err(error) => {
                output::print_error(&error);
                errors += error.errors();
                warnings += count_warnings(error.warnings());
                files_with_mistakes += 1;
                outcome = Outcome::Unusable;
            }
        }
    }
    let errors =
        (errors > 0).then(|| styled(BAD, count(errors, "mistake", "mistakes")).to_string());
    let warnings = (warnings > 0)
        .then(|| styled(DOUBTFUL, count(warnings, "warning", "warnings")).to_string());
    let all: Vec<_> = [errors, warnings].into_iter().flatten().collect();
    if !all.is_empty() {
        let all = all.join(" and ");
        output::print_diagnostic(match files.len() {
            1 => all,
            files => format!("{all} in {files_with_mistakes} of {files} files"),
        });
    }
    Ok(outcome)
}

/// How many warnings there are, with those that are not described.
fn count_warnings<'m>(described: impl IntoIterator<Item = &'m Mistake>) -> usize {
    described.into_iter().map(|warning| 1 + warning.more()).sum()
}

/// The numbers of policies, rules and patterns, so that an accidentally empty document is noticed, and
/// the warnings.
fn summary(file: &Path) -> Result<(String, Vec<Mistake>), Unusable> {
    let mut patterns = 0;
    // Patterns come policy by policy.
    let mut policy = String::new();
    let mut rules_before = 0;
    let mut rules = 0;
    let read = input::read(file, |site| {
        patterns += 1;
        if site.policy() != policy {
            policy = site.policy().to_owned();
            rules_before += rules;
            rules = 0;
        }
        // No rule is without patterns.
        rules = rules.max(site.rule().map_or(0, |index| index + 1));
    })?;
    let summary = format!(
        "{}, {}, {}",
        count(read.value.len(), "policy", "policies"),
        count(rules_before + rules, "rule", "rules"),
        count(patterns, "origin pattern", "origin patterns"),
    );
    Ok((summary, read.warnings))
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
