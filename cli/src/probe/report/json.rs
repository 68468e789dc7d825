//! A report for programs. Part of the interface: docs/schemas/probe.json describes it.

use serde::Serialize;

use super::Report;
use crate::probe::finding::Finding;

/// The version of the form.
const VERSION: u8 = 1;

#[derive(Serialize)]
pub(in crate::probe) struct Document<'r> {
    version: u8,
    url: &'r str,
    policy: Option<&'r str>,
    findings: &'r [Finding],
    notes: &'r [String],
    requests: usize,
    not_asked: usize,
    unanswered: usize,
}

impl<'r> From<&'r Report> for Document<'r> {
    fn from(report: &'r Report) -> Self {
        let Report { url, policy, findings, notes, account } = report;
        Self {
            version: VERSION,
            url,
            policy: policy.as_deref(),
            findings,
            notes,
            requests: account.requests,
            not_asked: account.left_out,
            unanswered: account.unanswered,
        }
    }
}
