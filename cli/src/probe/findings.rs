//! What the answers of a server say about it.

mod caches;
mod headers;
mod origins;
mod pages;

use std::collections::BTreeSet;

use cors_browser::Credentials;

use super::finding::{Finding, Level};
use super::survey::Survey;

/// Everything that is wrong, in the order of the identifiers; of one kind and one origin, the first.
pub(super) fn findings(survey: &Survey) -> Vec<Finding> {
    let mut findings = origins::findings(survey);
    findings.extend(headers::findings(survey));
    findings.extend(caches::findings(survey));
    findings.extend(pages::findings(survey));
    sorted(findings)
}

/// In the order of the identifiers; of one kind and one origin, the first.
pub(super) fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    findings.retain(|it| seen.insert((it.id, it.origin.clone())));
    findings.sort_by_key(|it| it.id);
    findings
}

/// How bad it is that a page reads what it should not, and with what it does.
fn danger(credentials: Credentials) -> (Level, &'static str) {
    match credentials {
        Credentials::Include => (Level::Error, "with the cookies of its visitor"),
        Credentials::Omit => (Level::Warning, "without cookies"),
    }
}
