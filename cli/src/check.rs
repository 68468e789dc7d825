//! `cors-policy check`: all mistakes of policy documents.

use std::path::{Path, PathBuf};

use crate::{
    Outcome,
    input::{self, Unusable},
    output::{self, BAD, GOOD, styled},
};

/// Checks every file, also after one with mistakes.
///
/// # Errors
///
/// If standard output cannot be written.
pub(crate) fn run(files: &[PathBuf]) -> Result<Outcome, Unusable> {
    let mut mistakes = 0;
    let mut bad_files = 0;
    for file in files {
        match summary(file) {
            Ok(summary) => {
                let name = input::name(file);
                let name = name.display();
                output::print(&format!("{name}: {} {summary}\n", styled(GOOD, "ok:")))?;
            }
            Err(error) => {
                output::print_error(&error);
                mistakes += error.count();
                bad_files += 1;
            }
        }
    }
    if bad_files == 0 {
        return Ok(Outcome::Good);
    }
    let mistakes = styled(BAD, count(mistakes, "mistake", "mistakes"));
    output::print_diagnostic(match files.len() {
        1 => mistakes.to_string(),
        all => format!("{mistakes} in {bad_files} of {all} files"),
    });
    Ok(Outcome::Unusable)
}

/// The numbers of policies, rules and patterns, so that an accidentally empty document is noticed.
fn summary(file: &Path) -> Result<String, Unusable> {
    let mut patterns = 0;
    // Patterns come policy by policy.
    let mut policy = String::new();
    let mut rules_before = 0;
    let mut rules = 0;
    let policies = input::read(file, |site| {
        patterns += 1;
        if site.policy() != policy {
            policy = site.policy().to_owned();
            rules_before += rules;
            rules = 0;
        }
        // No rule is without patterns.
        rules = rules.max(site.rule().map_or(0, |index| index + 1));
    })?;
    Ok(format!(
        "{}, {}, {}",
        count(policies.len(), "policy", "policies"),
        count(rules_before + rules, "rule", "rules"),
        count(patterns, "origin pattern", "origin patterns"),
    ))
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
