//! A policy with its response headers rendered as nginx's header lines.

use core::cell::Cell;
use core::ffi::c_void;
use core::ops::Deref;
use std::sync::Arc;

use cors_policy::{
    Answer, Decision, FieldValue, HeaderSet, OriginHeader, Policy, PreflightMode, Responses,
};
use nginx_sys::{ngx_http_request_t, ngx_pool_cleanup_add, ngx_str_t, ngx_table_elt_t};

use super::shared_zone::{PolicyCounters, PolicyOrigins};
use crate::counters::RequestKind;
use crate::nginx::headers_out::{line, str_of};
use crate::nginx::request_bits::OutOfMemory;

/// A policy: its list of origins, and its responses, ready to be copied into nginx's.
pub(crate) struct RenderedPolicy {
    responses: Arc<RenderedResponses>,
    policy: Policy,
}

impl RenderedPolicy {
    pub(crate) fn new(policy: Policy) -> Self {
        let responses = Arc::clone(policy.responses());
        let without_origin =
            RenderedHeaders::new(policy.decide(OriginHeader::Absent).header_set()).lines;
        let responses = Arc::new(RenderedResponses {
            header_sets: responses.header_sets().map(RenderedHeaders::new).collect(),
            without_origin,
            enforces: responses.enforce(),
            depends_on_client_method: responses.enforce()
                || responses.preflight() == PreflightMode::Forward,
            counters: Cell::new(PolicyCounters::NONE),
            origins: Cell::new(None),
            responses,
        });
        Self { responses, policy }
    }

    /// The responses. A request needs nothing else once the policy has decided.
    pub(crate) fn responses(&self) -> &Arc<RenderedResponses> {
        &self.responses
    }
}

impl Deref for RenderedPolicy {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}

/// The responses of a policy, without its list of origins: small enough for a request to hold for as
/// long as it lasts.
pub(crate) struct RenderedResponses {
    // The lines point to bytes of `responses`.
    header_sets: Box<[RenderedHeaders]>,
    without_origin: Box<[ngx_table_elt_t]>,
    /// Whether the policy refuses requests. Each response asks for it.
    enforces: bool,
    /// Whether a response may depend on the method of the client, which nginx may have changed since. Each
    /// response asks for it.
    depends_on_client_method: bool,
    /// Set by nginx's thread before any request uses the policy.
    counters: Cell<PolicyCounters>,
    /// Set together with the counters.
    origins: Cell<Option<PolicyOrigins>>,
    responses: Arc<Responses>,
}

// SAFETY: the lines point to the responses, which do not change, and to static data.
unsafe impl Send for RenderedResponses {}
// SAFETY: as above. Only nginx's thread uses the counters; another thread may make a policy before
// that, or free one afterwards.
unsafe impl Sync for RenderedResponses {}

impl RenderedResponses {
    /// The lines for a request without `Origin`. None of them echoes a value of the request.
    pub(crate) fn lines_without_origin(&self) -> &[ngx_table_elt_t] {
        &self.without_origin
    }

    /// The headers of an answer of this policy.
    pub(crate) fn headers(&self, answer: &Answer<'_>) -> &RenderedHeaders {
        &self.header_sets[answer.header_set().index()]
    }

    /// Whether the policy refuses requests that do not pass its origin check.
    pub(crate) fn enforce(&self) -> bool {
        self.enforces
    }

    /// Whether a response may depend on the method of the client: it is refused by it, or is the application's
    /// answer to a preflight.
    pub(crate) fn depends_on_client_method(&self) -> bool {
        self.depends_on_client_method
    }

    /// Counts a decision.
    pub(crate) fn count(&self, kind: RequestKind, decision: Decision, dry_run: bool) {
        if let Some(counters) = self.counters.get().get() {
            counters.count(kind, decision, dry_run);
        }
    }

    /// Counts an origin that is refused.
    // PERF: with constants instead of arguments this takes some instructions less.
    #[inline(never)]
    pub(crate) fn count_origin(&self, decision: Decision, origin: &[u8]) {
        if let Some(origins) = self.origins.get() {
            origins.count(decision, false, origin, false);
        }
    }

    /// Counts an origin that is refused in a dry run. `is_lost` is whether the page can read the response now, and
    /// could not with the policy.
    pub(crate) fn count_origin_of_dry_run(&self, decision: Decision, origin: &[u8], is_lost: bool) {
        if let Some(origins) = self.origins.get() {
            origins.count(decision, true, origin, is_lost);
        }
    }

    /// The counters.
    pub(crate) fn counters(&self) -> PolicyCounters {
        self.counters.get()
    }

    /// Holds the responses for a request, until nginx frees the request.
    ///
    /// # Errors
    ///
    /// If the request's pool has no memory.
    pub(crate) fn hold(
        self: &Arc<Self>,
        r: &ngx_http_request_t,
    ) -> Result<*const Self, OutOfMemory> {
        // SAFETY: a request has a pool, whose cleanup handlers run when the request is freed.
        let cleanup = unsafe { ngx_pool_cleanup_add(r.pool, 0).as_mut() }.ok_or(OutOfMemory)?;
        let held = Arc::into_raw(Arc::clone(self));
        cleanup.handler = Some(release);
        cleanup.data = held.cast_mut().cast();
        Ok(held)
    }

    /// Sets the [`counters`](Self::counters), and where origins are counted.
    pub(crate) fn set_counters(&self, counters: PolicyCounters, origins: Option<PolicyOrigins>) {
        self.counters.set(counters);
        self.origins.set(origins);
    }
}

/// The cleanup handler that [`RenderedResponses::hold`] installs.
unsafe extern "C" fn release(data: *mut c_void) {
    // SAFETY: `hold` stored an `Arc` here.
    drop(unsafe { Arc::from_raw(data.cast::<RenderedResponses>().cast_const()) });
}

impl Deref for RenderedResponses {
    type Target = Responses;

    fn deref(&self) -> &Responses {
        &self.responses
    }
}

/// The headers of one kind of answer.
pub(crate) struct RenderedHeaders {
    lines: Box<[ngx_table_elt_t]>,
    echoes: Box<[(usize, Echo)]>,
}

/// The value of a request that a header echoes.
#[derive(Clone, Copy)]
pub(crate) enum Echo {
    Origin,
    Method,
    Headers,
}

impl RenderedHeaders {
    fn new(header_set: &HeaderSet) -> Self {
        let mut lines = Vec::new();
        let mut echoes = Vec::new();
        for (index, (name, value)) in header_set.fields().enumerate() {
            let (value, echo) = match value {
                FieldValue::Ready(value) => (str_of(value), None),
                FieldValue::EchoOrigin => (ngx_str_t::empty(), Some(Echo::Origin)),
                FieldValue::EchoMethod => (ngx_str_t::empty(), Some(Echo::Method)),
                FieldValue::EchoHeaders => (ngx_str_t::empty(), Some(Echo::Headers)),
            };
            lines.push(line(name.as_str(), name.lowercase(), value));
            echoes.extend(echo.map(|echo| (index, echo)));
        }
        let vary = header_set.vary().value();
        lines.extend(vary.map(|value| line("Vary", "vary", str_of(value.as_bytes()))));
        Self { lines: lines.into(), echoes: echoes.into() }
    }

    /// All lines, with `Vary` last if there is one.
    pub(crate) fn lines(&self) -> &[ngx_table_elt_t] {
        &self.lines
    }

    /// The indices of the lines that echo a value of the request, which are empty here.
    pub(crate) fn echoes(&self) -> &[(usize, Echo)] {
        &self.echoes
    }
}
