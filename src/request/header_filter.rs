//! The header filter: writes the policy's decision into the response.
//!
//! It runs after `ngx_http_headers_filter_module` and everything else that sets response headers (see
//! `ngx_module_order` in `lib.rs`), so it has the last word on the CORS headers.

use core::ptr;

use cors_policy::{
    Answer, Decision, FieldName, FieldValue, OriginHeader, PreflightMode, UpstreamHeaders, Vary,
};
use nginx_sys::{
    NGX_ERROR, NGX_HTTP_FORBIDDEN, NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_HTTP_OPTIONS,
    ngx_http_filter_finalize_request, ngx_http_output_header_filter_pt, ngx_http_request_t,
    ngx_http_top_header_filter, ngx_int_t, ngx_str_t, ngx_table_elt_t, ngx_uint_t,
};

use super::context::{self, Failure, PreflightHandoff};
use super::cors_request::{CorsRequest, OriginLine, RequestHeaders};
use super::effective_policy::{self, AppliedPolicy};
use super::{denial_log, dry_run, early_answer, origin_check, upstream_headers};
use crate::Module;
use crate::config::cycles;
use crate::config::rendered_policy::{Echo, RenderedHeaders, RenderedResponses};
use crate::counters::RequestKind;
use crate::nginx::headers_in::headers_in;
use crate::nginx::headers_out::{self, HeadersOut, str_of};
use crate::nginx::request_bits::{self, OutOfMemory, log_of};
use crate::nginx::{fail_points, panic};

static mut NEXT: ngx_http_output_header_filter_pt = None;

/// Puts the filter on top of the chain.
///
/// # Safety
///
/// Only while nginx configures `http`, which it does in one thread.
pub(crate) unsafe fn install() {
    // SAFETY: as demanded of the caller.
    unsafe {
        NEXT = ngx_http_top_header_filter;
        ngx_http_top_header_filter = Some(filter);
    }
}

fn next(r: &mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: `NEXT` is written before the first request, and the next filter gets the request that
    // this one got.
    unsafe { NEXT.map_or(NGX_ERROR as ngx_int_t, |filter| filter(r)) }
}

/// Calls this filter, but not those before it, one of which keeps the header back.
///
/// `r` must be a main request whose header is not sent.
pub(super) fn send(r: &mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: a valid request, which nothing else uses meanwhile.
    unsafe { filter(r) }
}

unsafe extern "C" fn filter(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a header filter with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &mut *request };
    // The output of a subrequest becomes part of the main response.
    if !ptr::eq(r, r.main) || !cycles::is_of_module(r) {
        return next(r);
    }
    if r.method == NGX_HTTP_OPTIONS as ngx_uint_t || !context::is_empty(r) {
        return write_other(r);
    }
    // SAFETY: the request lasts longer than this call, in which its headers do not change.
    let (policy, headers_in) = unsafe { (effective_policy::policy_if_known(r), headers_in(r)) };
    let Some(policy) = policy else { return write_other(r) };
    let Some(applied) = AppliedPolicy::of(policy) else { return next(r) };
    if applied.responses.depends_on_client_method() {
        return write_checked(r, applied);
    }
    // PERF: most requests have no `Origin`. Their way saves 58 instructions against `write`.
    match OriginLine::find(headers_in) {
        OriginLine::Absent if applied.is_dry_run() => next(r),
        OriginLine::Absent if HeadersOut::of(&mut r.headers_out).is_empty() => {
            append_without_origin(r, applied.responses)
        }
        origin => write_actual(r, applied, origin),
    }
}

/// Appends the lines for a request without `Origin` to a response without headers. Cannot panic.
#[inline(never)]
fn append_without_origin(r: &mut ngx_http_request_t, responses: &RenderedResponses) -> ngx_int_t {
    match HeadersOut::of(&mut r.headers_out).append(responses.lines_without_origin()) {
        Ok(_) => next(r),
        Err(OutOfMemory) => NGX_ERROR as ngx_int_t,
    }
}

/// Writes the decision about a request that is not `OPTIONS`.
#[inline(never)]
fn write_actual(
    r: &mut ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    origin: OriginLine<'_>,
) -> ngx_int_t {
    run_and_pass_on(r, |r| match applied.policy() {
        // PERF: deciding here, and not in `AppliedPolicy::decide`, saves 11 instructions for a denial.
        Some(policy) => {
            let request = CorsRequest::actual(origin);
            write(r, applied, &request, &request.decide(policy), false)
        }
        None => decide_and_write(r, applied, &CorsRequest::actual(origin), false),
    })
}

/// Writes the decision of a policy with `enforce`, or one that forwards preflights, about a request that is not
/// `OPTIONS`, or no more: nginx changes the method of a preflight to `GET` to serve an error page or what
/// `X-Accel-Redirect` names.
#[inline(never)]
fn write_checked(r: &mut ngx_http_request_t, applied: AppliedPolicy<'_>) -> ngx_int_t {
    run_and_pass_on(r, |r| {
        // SAFETY: the request lasts longer than this call, in which its headers do not change.
        let headers_in = unsafe { headers_in(r) };
        let request = CorsRequest::actual(OriginLine::find(headers_in));
        let is_forward = applied.responses.preflight() == PreflightMode::Forward;
        if is_forward && origin_check::is_preflight(r, &request) {
            return write_forwarded(r, applied, &CorsRequest::options(headers_in));
        }
        decide_and_write(r, applied, &request, false)
    })
}

/// Handles all other requests: `OPTIONS`, those with an earlier panic, and those whose policy is not
/// evaluated yet.
#[inline(never)]
fn write_other(r: &mut ngx_http_request_t) -> ngx_int_t {
    match Failure::of(r) {
        None => run_and_pass_on(r, |r| {
            // SAFETY: no failure is noted, and the hand-off is not used after this call.
            if let Some(handoff) = unsafe { PreflightHandoff::of(r) } {
                return decide_and_write(r, handoff.applied, handoff.request, true);
            }
            // SAFETY: the request lasts longer than this call, in which its headers do not change.
            let (applied, headers_in) = unsafe { (effective_policy::policy(r)?, headers_in(r)) };
            let Some(applied) = applied else { return Ok(()) };
            let request = CorsRequest::of(r.method, headers_in);
            let is_preflight = request.preflight().is_some();
            if is_preflight && applied.responses.preflight() == PreflightMode::Forward {
                return write_forwarded(r, applied, &request);
            }
            let is_answered = is_preflight && early_answer::is_early(r);
            decide_and_write(r, applied, &request, is_answered)
        }),
        Some(Failure::Unanswered) => respond_500(r),
        Some(Failure::Answered) => next(r),
    }
}

/// Completes the application's answer to a preflight, if the policy says so.
#[inline(never)]
fn write_forwarded(
    r: &mut ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
) -> Result<(), OutOfMemory> {
    let responses = applied.responses;
    let answer = origin_check::decide(r, applied, request);
    if answer.decision() == Decision::DeniedHost {
        // It did not reach the application.
        return decide_and_write(r, applied, request, false);
    }
    if responses.upstream_headers() != UpstreamHeaders::Merge {
        return Ok(());
    }
    if applied.is_dry_run() {
        dry_run::note_change(r, applied, request);
        return Ok(());
    }
    merge(r, responses, request, &answer, true)
}

/// Decides, and writes the decision.
#[inline(never)]
fn decide_and_write(
    r: &mut ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
    is_answered: bool,
) -> Result<(), OutOfMemory> {
    let answer = origin_check::decide(r, applied, request);
    write(r, applied, request, &answer, is_answered)
}

/// Runs `f`, and passes the response on to the next filter.
#[inline(always)]
fn run_and_pass_on(
    r: &mut ngx_http_request_t,
    f: impl FnOnce(&mut ngx_http_request_t) -> Result<(), OutOfMemory>,
) -> ngx_int_t {
    let result = panic::catch(log_of(r), || {
        fail_points::in_request(r, "header filter");
        f(r)
    });
    match result {
        Some(Ok(())) => next(r),
        Some(Err(OutOfMemory)) => NGX_ERROR as ngx_int_t,
        None => respond_500(r),
    }
}

/// Replaces the response by an error.
#[cold]
fn respond_500(r: &mut ngx_http_request_t) -> ngx_int_t {
    Failure::Answered.note(r);
    let status = NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t;
    // SAFETY: a header filter may do so. nginx calls it again for the error, which it passes on.
    unsafe { ngx_http_filter_finalize_request(r, Module::ptr(), status) }
}

/// Counts the policy's decision, and writes it into the response. All CORS headers are written here, but
/// for those of a request without `Origin`, and those that [`merge`] unites with the application's.
///
/// With `is_answered`, the response becomes the policy's answer to a preflight.
// PERF: compiled into each of the two callers. For a request that is not `OPTIONS`, what concerns
// preflights is then gone. Saves 61 instructions for an allowed request, 49 for a denied one.
#[inline(always)]
fn write(
    r: &mut ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
    answer: &Answer<'_>,
    is_answered: bool,
) -> Result<(), OutOfMemory> {
    if applied.is_dry_run() {
        dry_run::note(r, applied, request, answer.decision());
        return Ok(());
    }
    let responses = applied.responses;
    count_and_log(r, applied, request, answer.decision());
    if is_answered {
        make_preflight_answer(r, preflight_status(responses, answer.decision()));
    }
    let mut headers = HeadersOut::of(&mut r.headers_out);
    match responses.upstream_headers() {
        UpstreamHeaders::Replace => {}
        // An answer to a preflight is the policy's as a whole.
        _ if is_answered => {}
        UpstreamHeaders::Keep if upstream_headers::have_allow_origin(&mut headers) => {
            return Ok(());
        }
        UpstreamHeaders::Keep => {}
        UpstreamHeaders::Merge => return merge(r, responses, request, answer, false),
    }
    let timing = responses.sends_timing_allow_origin();
    let vary = upstream_headers::take_over(&mut headers, timing, answer.vary());
    let rendered = responses.headers(answer);
    let lines = headers.append(rendered.lines())?;
    set_vary(lines, vary, answer);
    match fill_echoes(lines, rendered, request, answer) {
        Some((line, values)) => push_values(&mut headers, line, values),
        None => Ok(()),
    }
}

/// Unites the headers of the application with those of the policy, which go by `answer`.
///
/// With `keeps_answer`, the response is the application's answer to a preflight.
#[cold]
fn merge(
    r: &mut ngx_http_request_t,
    responses: &RenderedResponses,
    request: &CorsRequest<'_>,
    answer: &Answer<'_>,
    keeps_answer: bool,
) -> Result<(), OutOfMemory> {
    let pool = r.pool;
    let mut headers = HeadersOut::of(&mut r.headers_out);
    let exposed = upstream_headers::merge_exposed(&mut headers, pool, answer)?;
    let timing = responses.sends_timing_allow_origin();
    let (vary, kept) = if keeps_answer && answer.allow_origin().is_some() {
        upstream_headers::take_over_but_answer(&mut headers, timing, answer.vary())
    } else {
        let vary = upstream_headers::take_over(&mut headers, timing, answer.vary());
        (vary, [false; FieldName::OF_PREFLIGHT.len()])
    };
    let is_kept = |line: &ngx_table_elt_t| {
        let mut names = FieldName::OF_PREFLIGHT.into_iter().zip(kept);
        names.any(|(name, kept)| kept && upstream_headers::is_named(line, name))
    };
    let rendered = responses.headers(answer);
    let lines = headers.append(rendered.lines())?;
    set_vary(lines, vary, answer);
    let more = fill_echoes(lines, rendered, request, answer);
    for line in lines.iter_mut().filter(|line| is_kept(line)) {
        fill_or_drop(line, None);
    }
    let is_exposed = exposed.is_none_or(|value| set_exposed(lines, value));
    if let Some((line, values)) = more.filter(|(line, _)| !is_kept(line)) {
        push_values(&mut headers, line, values)?;
    }
    match exposed {
        Some(value) if !is_exposed => headers.push(exposed_line(value)),
        _ => Ok(()),
    }
}

/// Writes what is left of the policy's `Vary`, since the response has the rest already.
#[inline(always)]
fn set_vary(lines: &mut [ngx_table_elt_t], vary: Vary, answer: &Answer<'_>) {
    if vary != answer.vary() {
        // The last line is `Vary`, if there is one.
        if let Some(line) = lines.last_mut() {
            fill_or_drop(line, vary.value().map(|value| str_of(value.as_bytes())));
        }
    }
}

/// Replaces the policy's `Access-Control-Expose-Headers`. Returns whether it has one.
fn set_exposed(lines: &mut [ngx_table_elt_t], value: ngx_str_t) -> bool {
    let own = lines.iter_mut().find(|it| upstream_headers::is_named(it, FieldName::ExposeHeaders));
    own.map(|line| fill_or_drop(line, Some(value).filter(|value| !value.is_empty()))).is_some()
}

/// The line with the names that the application alone exposes. nginx does not send it if there are none.
fn exposed_line(value: ngx_str_t) -> ngx_table_elt_t {
    let name = FieldName::ExposeHeaders;
    let mut line = headers_out::line(name.as_str(), name.lowercase(), value);
    fill_or_drop(&mut line, Some(value).filter(|value| !value.is_empty()));
    line
}

/// Appends a copy of a line for each value.
fn push_values<'r>(
    headers: &mut HeadersOut<'_>,
    line: ngx_table_elt_t,
    values: RequestHeaders<'r>,
) -> Result<(), OutOfMemory> {
    for value in values.map(str_of) {
        headers.push(ngx_table_elt_t { value, ..line })?;
    }
    Ok(())
}

/// Gives the lines that echo a value of the request that value, and drops those whose value is not sent.
///
/// A preflight may have several `Access-Control-Request-Headers` lines. The response then needs a copy of
/// the returned line for each of the returned values.
#[inline(always)]
fn fill_echoes<'r>(
    lines: &mut [ngx_table_elt_t],
    rendered: &RenderedHeaders,
    request: &CorsRequest<'r>,
    answer: &Answer<'_>,
) -> Option<(ngx_table_elt_t, RequestHeaders<'r>)> {
    let mut more = None;
    for &(index, echo) in rendered.echoes() {
        let line = &mut lines[index];
        match (echo, request.preflight()) {
            (Echo::Origin, _) => fill_or_drop(line, request.origin.value()),
            (Echo::Method, Some(preflight)) if answer.sends(FieldValue::EchoMethod) => {
                fill_or_drop(line, Some(str_of(preflight.method())));
            }
            (Echo::Headers, Some(preflight)) if answer.sends(FieldValue::EchoHeaders) => {
                let mut values = preflight.headers();
                fill_or_drop(line, values.next().map(str_of));
                more = Some((*line, values));
            }
            _ => fill_or_drop(line, None),
        }
    }
    more
}

/// Makes the response an answer to a preflight: a header with this status, without a body, whatever nginx
/// or its filters were about to send.
pub(super) fn make_preflight_answer(r: &mut ngx_http_request_t, status: u16) {
    // Otherwise `ngx_http_send_header` replaces the status by this one.
    r.err_status = 0;
    // As in a response to `HEAD`: code that sends a body checks this first.
    request_bits::end_with_header(r);
    headers_out::clear_body(&mut r.headers_out);
    r.headers_out.status = ngx_uint_t::from(status);
}

/// The status of the answer to a preflight.
pub(super) fn preflight_status(responses: &RenderedResponses, decision: Decision) -> u16 {
    match decision {
        Decision::DeniedHost => NGX_HTTP_FORBIDDEN as u16,
        _ => responses.preflight_status(),
    }
}

/// Sets the value of a line, or removes the line from the response.
fn fill_or_drop(line: &mut ngx_table_elt_t, value: Option<ngx_str_t>) {
    match value {
        Some(value) => line.value = value,
        // nginx does not send such a line.
        None => line.hash = 0,
    }
}

/// Counts the decision, and logs a denial.
#[inline(always)]
fn count_and_log(
    r: &ngx_http_request_t,
    applied: AppliedPolicy<'_>,
    request: &CorsRequest<'_>,
    decision: Decision,
) {
    let count = |is_preflight, decision| {
        applied.responses.count(RequestKind::of(is_preflight), decision, false);
    };
    let is_preflight = request.preflight().is_some();
    match decision {
        // Neither a CORS request nor refused.
        Decision::None => return,
        // PERF: with a constant decision, counting takes some instructions less.
        Decision::Allowed => return count(is_preflight, Decision::Allowed),
        Decision::DeniedHost => {
            denial_log::log(r, applied, request, decision);
            count(origin_check::is_preflight(r, request), decision);
        }
        Decision::DeniedOrigin
        | Decision::DeniedSite
        | Decision::DeniedMethod
        | Decision::DeniedHeader => {
            denial_log::log(r, applied, request, decision);
            count(is_preflight, decision);
        }
    }
    if let OriginHeader::One(origin) = request.origin.header() {
        applied.responses.count_origin(decision, origin);
    }
}
