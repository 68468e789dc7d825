//! An explanation for machines. docs/schemas/explain.json describes the fields, which do not change
//! within a major version; new ones may come.

use cors_policy::Decision;
use serde::{Serialize, Serializer};

use super::{
    Browser, Explanation,
    pattern_search::NearMiss,
    responses::{Actual, Headers, Preflight},
    site::Site,
};
use crate::request::Request;

#[derive(Serialize)]
pub(super) struct Document<'e> {
    version: u8,
    file: &'e str,
    policy: &'e str,
    #[serde(flatten)]
    request: &'e Request,
    allowed: bool,
    #[serde(serialize_with = "decision")]
    decision: Decision,
    matched: Option<&'e Site>,
    near_misses: &'e [NearMiss],
    notes: &'e [String],
    preflight: Option<PreflightDocument<'e>>,
    actual: &'e Actual,
    browser: Option<&'e Browser>,
}

#[derive(Serialize)]
struct PreflightDocument<'e> {
    needed: bool,
    answered_by: &'static str,
    decision: Option<&'static str>,
    denied_headers: &'e [String],
    #[serde(serialize_with = "headers")]
    request_headers: &'e Headers,
    status: Option<u16>,
    response_headers: Option<HeadersDocument<'e>>,
}

#[derive(Serialize)]
struct HeadersDocument<'e>(#[serde(serialize_with = "headers")] &'e Headers);

/// An object in the order of the headers. No header is sent twice.
pub(super) fn headers<S: Serializer>(headers: &Headers, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(headers.iter().map(|(name, value)| (name, value)))
}

pub(super) fn decision<S: Serializer>(
    decision: &Decision,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(decision.as_str())
}

impl<'e> From<&'e Explanation> for Document<'e> {
    fn from(explanation: &'e Explanation) -> Self {
        Self {
            version: 1,
            file: &explanation.file,
            policy: &explanation.policy,
            request: &explanation.request,
            allowed: super::is_allowed(explanation.decision),
            decision: explanation.decision,
            matched: explanation.patterns.matched.as_ref(),
            near_misses: &explanation.patterns.near_misses,
            notes: &explanation.notes,
            preflight: explanation.preflight.as_ref().map(PreflightDocument::from),
            actual: &explanation.actual,
            browser: explanation.browser.as_ref(),
        }
    }
}

impl<'e> From<&'e Preflight> for PreflightDocument<'e> {
    fn from(preflight: &'e Preflight) -> Self {
        let answer = preflight.answer.as_ref();
        Self {
            needed: preflight.needed,
            answered_by: if answer.is_some() { "policy" } else { "application" },
            decision: answer.map(|answer| answer.decision.as_str()),
            denied_headers: answer.map_or(&[], |answer| &answer.denied_headers),
            request_headers: &preflight.request_headers,
            status: answer.map(|answer| answer.status),
            response_headers: answer.map(|answer| HeadersDocument(&answer.headers)),
        }
    }
}
