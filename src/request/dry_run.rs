//! A dry run: what would change for a request if its policy were in force.
//!
//! The response as it is, and the one that the policy would make of it, are compared by the model of a browser
//! that the command line tool has too. Unlike everything else that the module does for a request, this takes
//! memory of the C library: a dry run does not last.

use cors_browser::{Response, tokens};
use cors_comparison::change::{self, Change, Difference, Permission};
use cors_comparison::then::{self, Echo};
use cors_policy::{Answer, Decision, OriginHeader, Refusal};
use nginx_sys::{NGX_HTTP_BAD_REQUEST, NGX_HTTP_FORBIDDEN, ngx_http_request_t, ngx_uint_t};

use super::cors_request::{CorsRequest, PreflightLines};
use super::effective_policy::AppliedPolicy;
use super::{denial_log, origin_check};
use crate::config::rendered_policy::RenderedResponses;
use crate::counters::RequestKind;
use crate::nginx::headers_in::{HeaderLines, headers_in};

/// Counts the decision of a dry run about the response that is about to be sent.
#[cold]
pub(super) fn note(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
    decision: Decision,
) {
    let is_preflight = match decision {
        Decision::DeniedHost => origin_check::is_preflight(r, request),
        _ => request.preflight().is_some(),
    };
    let responses = applied.responses;
    responses.count(RequestKind::of(is_preflight), decision, true);
    let is_lost = note_change(r, applied, request) == Some(Change::Lost);
    if let (true, OriginHeader::One(origin)) = (decision.is_denied(), request.origin.header()) {
        responses.count_origin_of_dry_run(decision, origin, is_lost);
    }
}

/// Counts and logs what would change.
#[cold]
pub(super) fn note_change(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
) -> Option<Change> {
    let found = find(r, applied, request)?;
    if let Some(counters) = applied.responses.counters().get() {
        counters.count_change(found.change);
    }
    let changed = (found.change, &found.missed[..]);
    denial_log::log_change(r, applied, &found.request, found.decision, changed);
    Some(found.change)
}

/// What would change for a request whose response is known; `None` if nothing would.
pub(super) fn change(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
) -> Option<Change> {
    find(r, applied, request).map(|found| found.change)
}

/// A change, and what it is about.
struct Found<'r> {
    change: Change,
    missed: Vec<String>,
    request: CorsRequest<'r>,
    decision: Decision,
}

fn find<'r>(
    r: &'r ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'r>,
) -> Option<Found<'r>> {
    // nginx may have changed the method since, to serve an error page.
    let request = if request.preflight().is_none() && origin_check::is_preflight(r, request) {
        // SAFETY: `r` is borrowed for as long as the result.
        CorsRequest::options(unsafe { headers_in(r) })
    } else {
        request.clone()
    };
    let answer = origin_check::decide(r, applied, &request);
    let refusal = origin_check::refusal(r, applied, &request);
    let found = |change, missed, request| {
        Some(Found { change, missed, request, decision: answer.decision() })
    };
    let status = r.headers_out.status;
    if refusal.is_some() && status < NGX_HTTP_BAD_REQUEST as ngx_uint_t {
        return found(Change::Refused, Vec::new(), request);
    }
    if origin_check::is_own(r, applied, &request) {
        return None;
    }
    let difference = compare(r, applied.responses, &request, &answer, refusal)?;
    found(difference.change()?, difference.missed, request)
}

/// Compares the response with that of the policy, for a page. `None` if no page sends the request.
fn compare(
    r: &ngx_http_request_t,
    responses: &RenderedResponses,
    request: &CorsRequest<'_>,
    answer: &Answer<'_>,
    refusal: Option<Refusal>,
) -> Option<Difference> {
    let OriginHeader::One(origin_bytes) = request.origin.header() else { return None };
    let origin = core::str::from_utf8(origin_bytes).ok()?;
    let now = response(r);
    let preflight = request.preflight();
    let lines: Vec<&[u8]> = preflight.into_iter().flat_map(PreflightLines::headers).collect();
    let method = preflight.map(PreflightLines::method);
    let echo = Echo { origin: Some(origin_bytes), method, headers: &lines };
    let then = match (refusal, method) {
        (Some(_), _) => then::own_response(NGX_HTTP_FORBIDDEN as u16, answer, echo),
        (None, Some(_)) => then::preflight_response(responses, answer, echo, &now),
        (None, None) => then::response(responses, answer, echo, &now),
    };
    let Some(method) = method else { return Some(change::of_response(origin, &now, &then)) };
    let mut names = tokens(lines.iter().copied()).ok()?;
    names.iter_mut().for_each(|name| name.make_ascii_lowercase());
    let permits = |permission: Permission<'_>| match permission {
        Permission::Method(name) => responses.permits_method(answer, name.as_bytes()),
        Permission::Header(name) => responses.permits_header(answer, name.as_bytes()),
    };
    let asked = (origin, core::str::from_utf8(method).ok()?, &names[..]);
    Some(change::of_preflight(asked, &now, &then, permits))
}

/// The response as it is. nginx keeps headers that every page can read elsewhere.
fn response(r: &ngx_http_request_t) -> Response {
    let lines = HeaderLines::of(&r.headers_out.headers).filter(|line| line.hash != 0);
    let headers = lines
        .map(|line| (String::from_utf8_lossy(line.key.as_bytes()), line.value.as_bytes()))
        .collect();
    Response { status: u16::try_from(r.headers_out.status).unwrap_or_default(), headers }
}
