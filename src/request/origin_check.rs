//! The origin check of `enforce`: reads from a request what the engine checks.

use cors_policy::{
    Answer, CheckedRequest, Decision, FetchSite, OriginCheck, Passed, Refusal, RequestHosts,
};
use nginx_sys::{ngx_http_request_t, ngx_list_t};

use super::cors_request::CorsRequest;
use super::effective_policy::AppliedPolicy;
use crate::nginx::headers_in::{HeaderLines, HeaderName, headers_in};
use crate::nginx::request_bits::is_tls;
use crate::nginx::request_target::{host_header, method_of_client, target_host};

const SITE: HeaderName<14> = HeaderName::new(b"sec-fetch-site");
const UPGRADE: HeaderName<7> = HeaderName::new(b"upgrade");

/// The policy's decision about a request, after the check of its origin.
#[inline(always)]
pub(super) fn decide<'r>(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'r>,
    request: &CorsRequest<'_>,
) -> Answer<'r> {
    let answer = applied.decide(request);
    match applied.responses.origin_check() {
        None => answer,
        Some(check) => decide_checked(r, applied, request, check, answer),
    }
}

#[inline(never)]
fn decide_checked<'r>(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'r>,
    request: &CorsRequest<'_>,
    check: &OriginCheck,
    answer: Answer<'r>,
) -> Answer<'r> {
    let decision = match run(r, request, check, answer.decision()) {
        Ok(_) | Err(Refusal::Origin) => return answer,
        Err(refusal) => refusal.decision(),
    };
    match is_preflight(r, request) {
        true => applied.responses.denied_preflight(decision),
        false => applied.responses.denied(decision),
    }
}

/// The reason why the policy refuses a request, if it does.
pub(super) fn refusal(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
) -> Option<Refusal> {
    let check = applied.responses.origin_check()?;
    run(r, request, check, applied.decide(request).decision()).err()
}

fn run(
    r: &ngx_http_request_t,
    request: &CorsRequest<'_>,
    check: &OriginCheck,
    decision: Decision,
) -> Result<Passed, Refusal> {
    let is_allowed = decision == Decision::Allowed;
    // PERF: most requests of pages are allowed. They need no further look at their headers.
    if is_allowed && !check.checks_hosts() {
        return Ok(Passed::AllowedOrigin);
    }
    check.check(is_allowed, &checked_request(r, request))
}

fn checked_request<'r>(r: &'r ngx_http_request_t, request: &CorsRequest<'r>) -> CheckedRequest<'r> {
    // SAFETY: `r` is borrowed meanwhile.
    let lines = CheckedLines::of(unsafe { headers_in(r) });
    CheckedRequest {
        method: method_of_client(r),
        is_preflight: is_preflight(r, request),
        is_websocket: lines.is_websocket,
        origin: request.origin.header(),
        site: lines.site,
        hosts: RequestHosts { header: host_header(r), target: target_host(r) },
        is_tls: is_tls(r),
    }
}

/// Whether a page of the service itself sends the request.
pub(super) fn is_own(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
) -> bool {
    checked_request(r, request).is_own(applied.responses.origin_check())
}

/// Whether the client sent a preflight. nginx may have changed the method since, to serve an error page.
pub(super) fn is_preflight(r: &ngx_http_request_t, request: &CorsRequest<'_>) -> bool {
    let came_as_preflight = || {
        // SAFETY: `r` is borrowed meanwhile.
        let headers_in = unsafe { headers_in(r) };
        method_of_client(r) == b"OPTIONS" && CorsRequest::options(headers_in).preflight().is_some()
    };
    request.preflight().is_some() || came_as_preflight()
}

/// The lines of a request that only the origin check reads.
#[derive(Default)]
struct CheckedLines {
    site: FetchSite,
    is_websocket: bool,
}

impl CheckedLines {
    fn of(headers_in: &ngx_list_t) -> Self {
        HeaderLines::of(headers_in).fold(Self::default(), |mut lines, line| {
            if SITE.is_name_of(line) {
                lines.site = lines.site.with(line.value.as_bytes());
            } else if UPGRADE.is_name_of(line) {
                lines.is_websocket |= names_websocket(line.value.as_bytes());
            }
            lines
        })
    }
}

/// Whether an `Upgrade` line asks for a WebSocket, in any case (RFC 6455, section 4.1). The line is a
/// list of protocols, each perhaps with a version (RFC 9110, section 7.8).
fn names_websocket(line: &[u8]) -> bool {
    line.split(|byte| *byte == b',').any(|protocol| {
        let name = protocol.split(|byte| *byte == b'/').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"websocket")
    })
}

/// A value of a request that the check refused, for the log.
pub(super) enum RefusedBy<'r> {
    /// The header is missing.
    Missing,
    Value(&'r [u8]),
    /// More than one line.
    Repeated,
}

/// The `Sec-Fetch-Site` of a request.
pub(super) fn refused_site(r: &ngx_http_request_t) -> RefusedBy<'_> {
    // SAFETY: `r` is borrowed for as long as the result.
    let mut lines = HeaderLines::of(unsafe { headers_in(r) });
    match (lines.next_named(&SITE), lines.next_named(&SITE)) {
        (None, _) => RefusedBy::Missing,
        (Some(line), None) => RefusedBy::Value(line.value.as_bytes()),
        (Some(_), Some(_)) => RefusedBy::Repeated,
    }
}

/// The first host of a request that is not the service's own.
pub(super) fn refused_host<'r>(
    r: &'r ngx_http_request_t,
    applied: AppliedPolicy<'_>,
) -> RefusedBy<'r> {
    let is_foreign = |host: &&[u8]| match applied.responses.origin_check() {
        Some(check) => !check.is_own_host(host),
        None => false,
    };
    let mut hosts = host_header(r).into_iter().chain(target_host(r));
    hosts.find(is_foreign).map_or(RefusedBy::Missing, RefusedBy::Value)
}
