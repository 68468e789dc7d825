//! A policy with its headers as nginx writes them.

use core::cell::Cell;
use core::ops::Deref;
use std::sync::Arc;

use cors_policy::{Answer, Decision, FieldValue, OriginHeader, Policy, Responses, Template};
use nginx_sys::{ngx_str_t, ngx_table_elt_t};

use crate::counters::Kind;
use crate::headers_out::{line, str_of};
use crate::shared_zone;

/// A policy with its list of origins, and what it sends, ready to be copied into a response.
pub(crate) struct ReadyPolicy {
    responses: Arc<ReadyResponses>,
    policy: Policy,
}

impl ReadyPolicy {
    pub(crate) fn new(policy: Policy) -> Self {
        let responses = Arc::clone(policy.responses());
        let without_origin = Lines::new(policy.decide(OriginHeader::Absent).template()).all;
        let responses = Arc::new(ReadyResponses {
            templates: responses.templates().map(Lines::new).collect(),
            without_origin,
            counters: Cell::new(shared_zone::Place::NONE),
            responses,
        });
        Self { responses, policy }
    }

    /// What it sends, and all that a request needs once the policy has decided.
    #[inline]
    pub(crate) fn responses(&self) -> &Arc<ReadyResponses> {
        &self.responses
    }
}

impl Deref for ReadyPolicy {
    type Target = Policy;

    #[inline]
    fn deref(&self) -> &Policy {
        &self.policy
    }
}

/// What a policy sends: the part of it that a request may keep for as long as it lasts, since it
/// is small. The list of origins is not in it.
pub(crate) struct ReadyResponses {
    // They point to bytes of `responses`.
    templates: Box<[Lines]>,
    without_origin: Box<[ngx_table_elt_t]>,
    /// Where the counters are. It is written before the first request, and when the policy is taken
    /// over, by nginx's thread.
    counters: Cell<shared_zone::Place>,
    responses: Arc<Responses>,
}

// SAFETY: the lines point to the responses, which do not change, and to what is static.
unsafe impl Send for ReadyResponses {}
// SAFETY: as above; the place of the counters is used by nginx's thread only, while another thread may
// make a policy before that, or free one after it.
unsafe impl Sync for ReadyResponses {}

impl ReadyResponses {
    /// The lines of the answer to a request without `Origin`, which has nothing that is sent back.
    #[inline]
    pub(crate) fn lines_without_origin(&self) -> &[ngx_table_elt_t] {
        &self.without_origin
    }

    /// The lines of an answer of this policy.
    #[inline]
    pub(crate) fn lines(&self, answer: &Answer<'_>) -> &Lines {
        &self.templates[answer.template().index()]
    }

    /// Counts a decision.
    #[inline]
    pub(crate) fn count(&self, kind: Kind, decision: Decision, dry_run: bool) {
        if let Some(counters) = self.counters.get().get() {
            counters.count(kind, decision, dry_run);
        }
    }

    /// Has decisions counted there.
    pub(crate) fn set_counters(&self, counters: shared_zone::Place) {
        self.counters.set(counters);
    }
}

impl Deref for ReadyResponses {
    type Target = Responses;

    #[inline]
    fn deref(&self) -> &Responses {
        &self.responses
    }
}

/// The lines of a template.
pub(crate) struct Lines {
    all: Box<[ngx_table_elt_t]>,
    requested: Box<[(usize, Requested)]>,
}

/// What of a request is sent back.
#[derive(Clone, Copy)]
pub(crate) enum Requested {
    Origin,
    Method,
    Headers,
}

impl Lines {
    fn new(template: &Template) -> Self {
        let mut all = Vec::new();
        let mut requested = Vec::new();
        for (index, (name, value)) in template.fields().enumerate() {
            let (value, part) = match value {
                FieldValue::Ready(value) => (str_of(value), None),
                FieldValue::Origin => (ngx_str_t::empty(), Some(Requested::Origin)),
                FieldValue::RequestMethod => (ngx_str_t::empty(), Some(Requested::Method)),
                FieldValue::RequestHeaders => (ngx_str_t::empty(), Some(Requested::Headers)),
            };
            all.push(line(name.as_str(), name.lowercase(), value));
            requested.extend(part.map(|part| (index, part)));
        }
        let vary = template.vary().value();
        all.extend(vary.map(|value| line("Vary", "vary", str_of(value.as_bytes()))));
        Self { all: all.into(), requested: requested.into() }
    }

    /// All of them, `Vary` last if there is one.
    #[inline]
    pub(crate) fn all(&self) -> &[ngx_table_elt_t] {
        &self.all
    }

    /// The places of those whose value comes from the request, and which it is; they are empty
    /// here.
    #[inline]
    pub(crate) fn requested(&self) -> &[(usize, Requested)] {
        &self.requested
    }
}
