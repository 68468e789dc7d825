//! The report of a probe.

mod json;
mod text;

use super::asker::Account;
use super::finding::Finding;

pub(super) use json::Document;
pub(super) use text::render;

/// What a probe has to say.
pub(super) struct Report {
    /// The address.
    pub(super) url: String,
    /// The policy that it was compared with.
    pub(super) policy: Option<String>,
    pub(super) findings: Vec<Finding>,
    /// What the reader has to know: sentences.
    pub(super) notes: Vec<String>,
    pub(super) account: Account,
}

impl Report {
    /// Whether everything that the limit of requests allows was answered, and can be trusted.
    pub(super) fn is_complete(&self) -> bool {
        let Account { unanswered, is_late, doubt, .. } = &self.account;
        *unanswered == 0 && !is_late && doubt.is_none()
    }
}
