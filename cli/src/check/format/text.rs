//! Results for people: files that are fine and open guards on standard output, the rest on standard
//! error.

use super::{count, rest, rest_of_guards};
use crate::{
    args::CheckedKind,
    check::checked::{Checked, Contents},
    input::Unusable,
    output::{self, BAD, DOUBTFUL, GOOD, on_one_line, styled},
};

/// Prints the results of all files.
///
/// # Errors
///
/// If standard output cannot be written.
pub(super) fn print(all: &[Checked], strict: bool) -> Result<(), Unusable> {
    for checked in all {
        for finding in &checked.findings {
            output::print_diagnostic(on_one_line(&finding.to_string()));
        }
        if let Some(rest) = rest(checked.omitted) {
            output::print_diagnostic(rest);
        }
        print_good(checked, strict)?;
        for guard in &checked.guards {
            output::print(&format!("{}\n", on_one_line(&guard.to_string())))?;
        }
        if let Some(rest) = rest_of_guards(checked.omitted_guards) {
            output::print(&format!("{rest}\n"))?;
        }
    }
    print_total(all);
    Ok(())
}

/// Prints that a file is fine, if it is.
///
/// # Errors
///
/// If standard output cannot be written.
pub(super) fn print_good(checked: &Checked, strict: bool) -> Result<(), Unusable> {
    if checked.is_accepted(strict) {
        let name = on_one_line(&checked.file.display().to_string());
        output::print(&format!("{name}: {} {}\n", styled(GOOD, "ok:"), summary(checked)))?;
    }
    Ok(())
}

/// Prints how many errors and warnings there are, if there are any.
pub(super) fn print_total(all: &[Checked]) {
    let errors: usize = all.iter().map(Checked::errors).sum();
    let warnings: usize = all.iter().map(Checked::warnings).sum();
    let errors =
        (errors > 0).then(|| styled(BAD, count(errors, "mistake", "mistakes")).to_string());
    let warnings = (warnings > 0)
        .then(|| styled(DOUBTFUL, count(warnings, "warning", "warnings")).to_string());
    let totals: Vec<_> = [errors, warnings].into_iter().flatten().collect();
    if !totals.is_empty() {
        let totals = totals.join(" and ");
        let concerned = all.iter().filter(|checked| !checked.is_accepted(true)).count();
        output::print_diagnostic(match all.len() {
            1 => totals,
            files => format!("{totals} in {concerned} of {files} files"),
        });
    }
}

/// What there is in a file.
fn summary(checked: &Checked) -> String {
    let Contents { policies, rules, patterns, uses } = checked.contents;
    let patterns = count(patterns, "origin pattern", "origin patterns");
    let policies = count(policies, "policy", "policies");
    let rules = count(rules, "rule", "rules");
    match checked.kind {
        CheckedKind::List => format!("a list, {patterns}"),
        CheckedKind::Document => format!("{policies}, {rules}, {patterns}"),
        CheckedKind::Nginx => {
            let uses = count(uses, "place", "places");
            format!("{policies}, {rules}, {patterns}, in force in {uses}")
        }
    }
}
