//! What a policy sends in answer to the preflight and to the actual request.

use cors_policy::{Answer, Decision, Passed, Policy, PreflightMode, Refusal};
use serde::Serialize;

use super::json;
use crate::request::Request;

/// Header names and values, in the order in which they are sent.
pub(super) type Headers = Vec<(&'static str, String)>;

/// How a request passes the origin check (`enforce`), or why it does not; `None` if the policy has no check.
pub(super) type Checked = Option<Result<Passed, Refusal>>;

/// The preflight that a browser sends first.
pub(super) struct Preflight {
    /// Whether the request makes a browser send one.
    pub(super) needed: bool,
    pub(super) request_headers: Headers,
    /// `None` if the application answers.
    pub(super) answer: Option<PreflightAnswer>,
}

/// The answer of a policy to a preflight.
pub(super) struct PreflightAnswer {
    pub(super) decision: Decision,
    pub(super) status: u16,
    pub(super) headers: Headers,
    /// The requested header names that are not allowed.
    pub(super) denied_headers: Vec<String>,
}

/// The actual request.
#[derive(Serialize)]
pub(super) struct Actual {
    #[serde(serialize_with = "json::decision")]
    pub(super) decision: Decision,
    /// Whether the request passes the origin check (`enforce`), if the policy has one.
    pub(super) passes: Option<bool>,
    /// The point of the check by which it passes, from 1.
    pub(super) point: Option<u8>,
    /// The status, if the request is refused before it reaches the application.
    pub(super) status: Option<u16>,
    #[serde(rename = "response_headers", serialize_with = "json::headers")]
    pub(super) headers: Headers,
}

impl Actual {
    /// Whether the origin check has found that the service's own page sends the request.
    pub(super) fn is_own(&self) -> bool {
        matches!(self.point, Some(2 | 4))
    }

    /// What becomes of a request that has this answer and was checked like this.
    pub(super) fn new(request: &Request, answer: &Answer<'_>, checked: Checked) -> Self {
        Self {
            decision: answer.decision(),
            passes: checked.map(|checked| checked.is_ok()),
            point: checked.and_then(|checked| checked.ok()?.point()),
            status: matches!(checked, Some(Err(_))).then_some(403),
            headers: request.response_headers(answer),
        }
    }
}

impl Preflight {
    /// The preflight of a request, with the answer of a policy if it answers.
    pub(super) fn new(request: &Request, policy: &Policy) -> Self {
        let is_answered = policy.preflight() == PreflightMode::Answer;
        Self {
            needed: request.needs_preflight(),
            request_headers: request.preflight_headers(),
            answer: is_answered.then(|| PreflightAnswer::new(request, policy)),
        }
    }

    /// The decision of the policy, if it denies. A browser does not send the actual request then.
    pub(super) fn denial(&self) -> Option<Decision> {
        let decision = self.answer.as_ref()?.decision;
        (decision != Decision::Allowed).then_some(decision)
    }
}

impl PreflightAnswer {
    fn new(request: &Request, policy: &Policy) -> Self {
        let check = policy.responses().origin_check();
        let refusal = check.and_then(|check| request.check(policy, check, true).err());
        let answer = match refusal {
            None => request.decide_preflight(policy),
            Some(refusal) => policy.responses().denied_preflight(refusal.decision()),
        };
        let is_denied = |name: &String| {
            let alone = request.decide_other_preflight(policy, "GET", Some(name));
            alone.decision() == Decision::DeniedHeader
        };
        Self {
            decision: answer.decision(),
            status: if refusal.is_some() { 403 } else { policy.preflight_status() },
            headers: request.response_headers(&answer),
            denied_headers: request
                .headers
                .iter()
                .filter(|name| refusal.is_none() && is_denied(name))
                .cloned()
                .collect(),
        }
    }
}
