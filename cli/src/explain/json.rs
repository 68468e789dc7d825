//! An explanation for machines. docs/cors-policy.md describes the fields, which do not change
//! within a major version; new ones may come.

use serde::{Serialize, Serializer};

use super::{Actual, Explanation, NearMiss, Preflight, Site};

#[derive(Serialize)]
pub(super) struct Document<'e> {
    file: &'e str,
    policy: &'e str,
    origin: &'e str,
    method: &'e str,
    headers: &'e [String],
    private_network: bool,
    allowed: bool,
    decision: &'static str,
    matched: Option<SiteDocument<'e>>,
    near_misses: Vec<NearMissDocument<'e>>,
    notes: &'e [String],
    preflight: Option<PreflightDocument<'e>>,
    actual: ActualDocument<'e>,
}

#[derive(Serialize)]
struct SiteDocument<'e> {
    file: &'e str,
    line: Option<u32>,
    place: &'e str,
    rule: Option<usize>,
    pattern: &'e str,
}

#[derive(Serialize)]
struct NearMissDocument<'e> {
    #[serde(flatten)]
    site: SiteDocument<'e>,
    difference: &'static str,
    reason: &'e str,
}

#[derive(Serialize)]
struct PreflightDocument<'e> {
    needed: bool,
    answered_by: &'static str,
    decision: Option<&'static str>,
    denied_headers: &'e [String],
    request_headers: HeadersDocument<'e>,
    status: Option<u16>,
    response_headers: Option<HeadersDocument<'e>>,
}

#[derive(Serialize)]
struct ActualDocument<'e> {
    decision: &'static str,
    status: Option<u16>,
    response_headers: HeadersDocument<'e>,
}

/// An object in the order of the headers, none of which is sent twice.
struct HeadersDocument<'e>(&'e super::Headers);

impl Serialize for HeadersDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'e> From<&'e Explanation> for Document<'e> {
    fn from(explanation: &'e Explanation) -> Self {
        let request = &explanation.request;
        Self {
            file: &explanation.file,
            policy: &explanation.policy,
            origin: &request.origin,
            method: &request.method,
            headers: &request.headers,
            private_network: request.private_network,
            allowed: explanation.decision == cors_policy::Decision::Allowed,
            decision: explanation.decision.as_str(),
            matched: explanation.matched.as_ref().map(SiteDocument::from),
            near_misses: explanation.near_misses.iter().map(NearMissDocument::from).collect(),
            notes: &explanation.notes,
            preflight: explanation.preflight.as_ref().map(PreflightDocument::from),
            actual: ActualDocument::from(&explanation.actual),
        }
    }
}

impl<'e> From<&'e Site> for SiteDocument<'e> {
    fn from(site: &'e Site) -> Self {
        let Site { file, line, place, rule, pattern } = site;
        Self { file, line: *line, place, rule: *rule, pattern }
    }
}

impl<'e> From<&'e NearMiss> for NearMissDocument<'e> {
    fn from(near_miss: &'e NearMiss) -> Self {
        let NearMiss { site, difference, reason } = near_miss;
        Self { site: site.into(), difference: difference.as_str(), reason }
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
            request_headers: HeadersDocument(&preflight.request_headers),
            status: answer.map(|answer| answer.status),
            response_headers: answer.map(|answer| HeadersDocument(&answer.headers)),
        }
    }
}

impl<'e> From<&'e Actual> for ActualDocument<'e> {
    fn from(actual: &'e Actual) -> Self {
        Self {
            decision: actual.decision.as_str(),
            // Any other status is that of the application.
            status: actual.refused.then_some(403),
            response_headers: HeadersDocument(&actual.headers),
        }
    }
}
