//! The header filter: writes the decision of the policy in force into the response.
//!
//! It runs after `ngx_http_headers_filter_module` and whatever else sets response headers (see
//! `ngx_module_order` in `lib.rs`), so that it has the last word on the CORS headers.

use core::{fmt, ptr};

use cors_policy::{Decision, FieldValue, PreflightMode, UpstreamHeaders};
use nginx_sys::{
    NGX_ERROR, NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_HTTP_MOVED_PERMANENTLY, NGX_HTTP_OPTIONS,
    NGX_LOG_INFO, ngx_http_core_find_config_phase, ngx_http_core_rewrite_phase,
    ngx_http_core_run_phases, ngx_http_filter_finalize_request, ngx_http_output_header_filter_pt,
    ngx_http_phase_handler_t, ngx_http_request_t, ngx_http_top_header_filter, ngx_int_t, ngx_log_t,
    ngx_str_t, ngx_table_elt_t, ngx_uint_t,
};
use ngx::http::{HttpModuleLocationConf, HttpModuleMainConf, NgxHttpCoreModule};
use ngx::ngx_log_error;

use crate::conf::LocationConf;
use crate::context::{self, Failure, PreflightAnswer};
use crate::cors_request::{CorsRequest, Origin, Part, Preflight, headers_in};
use crate::counters::Kind;
use crate::headers_out::{self, HeadersOut, str_of};
use crate::ready::{ReadyPolicy, ReadyResponses, Requested};
use crate::{
    Module, OutOfMemory, configurations, fail_points, guard, in_force, log_of, request_bits,
};

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

#[inline]
fn next(r: &mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: `NEXT` is written before the first request; the filter gets the request that this
    // one got.
    unsafe { NEXT.map_or(NGX_ERROR as ngx_int_t, |filter| filter(r)) }
}

unsafe extern "C" fn filter(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a header filter with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &mut *request };
    // What a subrequest brings becomes part of the main response, whose header is already sent or
    // is not concerned.
    if !ptr::eq(r, r.main) {
        return next(r);
    }
    if !configurations::is_of_module(r) {
        return next(r);
    }
    if r.method == NGX_HTTP_OPTIONS as ngx_uint_t || !context::is_empty(r) {
        return handle(r);
    }
    let Some(in_force) = in_force::get_known(r) else { return handle(r) };
    if in_force.is_none() {
        return next(r);
    }
    let dry_run = in_force.is_dry_run();
    let Some(policy) = in_force.policy() else { return handle(r) };
    if !HeadersOut::of(&mut r.headers_out).is_empty() {
        return handle(r);
    }
    // Most requests end here; none of this can panic.
    match (Origin::find(headers_in(r)), dry_run) {
        (None, true) => next(r),
        (None, false) => handle_without_origin(r, policy.responses()),
        (Some((lines, part)), true) => handle_actual::<true>(r, policy, lines, part),
        (Some((lines, part)), false) => handle_actual::<false>(r, policy, lines, part),
    }
}

/// Calls this filter without those before it, which keep the header back.
///
/// To be called with the main request whose header was not sent.
pub(crate) fn send(r: &mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: a valid request, which nothing else uses meanwhile.
    unsafe { filter(r) }
}

/// Adds the lines that a response to a request without `Origin` has; none of this can panic.
#[inline(never)]
extern "C" fn handle_without_origin(
    r: &mut ngx_http_request_t,
    responses: &ReadyResponses,
) -> ngx_int_t {
    let mut headers = HeadersOut::of(&mut r.headers_out);
    match headers.append(responses.lines_without_origin()) {
        Ok(_) => next(r),
        Err(OutOfMemory) => NGX_ERROR as ngx_int_t,
    }
}

/// Decides about a request that is not `OPTIONS` and has `Origin` in these lines or after them, and
/// a response that has nothing yet.
#[inline(never)]
#[expect(improper_ctypes_definitions, reason = "only Rust calls it, but must not unwind")]
extern "C" fn handle_actual<const DRY_RUN: bool>(
    r: &mut ngx_http_request_t,
    policy: &ReadyPolicy,
    lines: &[ngx_table_elt_t],
    part: Part<'_>,
) -> ngx_int_t {
    finish(r, |r| {
        fail_points::in_request(r, "header filter");
        let origin = Origin::of(lines, part);
        let answer = policy.decide(origin.header());
        record(log_of(r), policy.responses(), DRY_RUN, origin, None, answer.decision());
        if DRY_RUN {
            return Ok(());
        }
        let lines = policy.responses().lines(&answer);
        let mut headers = HeadersOut::of(&mut r.headers_out);
        let sent = headers.append(lines.all())?;
        for &(index, _) in lines.requested() {
            set(&mut sent[index], origin.value());
        }
        Ok(())
    })
}

/// Decides about a request of which less is known, or more.
#[inline(never)]
extern "C" fn handle(r: &mut ngx_http_request_t) -> ngx_int_t {
    match Failure::of(r) {
        None => finish(r, |r| {
            fail_points::in_request(r, "header filter");
            apply(r)
        }),
        Some(Failure::Unanswered) => fail(r),
        Some(Failure::Answered) => next(r),
    }
}

/// Does with the response what `f` says, and passes it on.
#[inline(always)]
fn finish(
    r: &mut ngx_http_request_t,
    f: impl FnOnce(&mut ngx_http_request_t) -> Result<(), OutOfMemory>,
) -> ngx_int_t {
    match guard::catch_request(r, f) {
        Some(Ok(())) => next(r),
        Some(Err(OutOfMemory)) => NGX_ERROR as ngx_int_t,
        None => fail(r),
    }
}

/// Replaces the response by an error.
#[cold]
fn fail(r: &mut ngx_http_request_t) -> ngx_int_t {
    Failure::Answered.note(r);
    let status = NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t;
    // SAFETY: a header filter may do so; it is called again for the error, and passes it on.
    unsafe { ngx_http_filter_finalize_request(r, Module::ptr(), status) }
}

/// Decides, counts, logs, and writes the decision of the policy in force, if there is one.
#[inline]
fn apply(r: &mut ngx_http_request_t) -> Result<(), OutOfMemory> {
    let found;
    // SAFETY: not kept beyond this call.
    let answering = unsafe { PreflightAnswer::of(r) };
    let (governed, request) = match answering {
        Some(answer) => (answer.governed, answer.request),
        None => {
            let Some(governed) = in_force::get(r)? else { return Ok(()) };
            found = CorsRequest::of(r.method, headers_in(r));
            (governed, &found)
        }
    };
    let responses = governed.responses;
    let preflight = request.preflight();
    // The application's answer to a preflight is left alone.
    if preflight.is_some() && responses.preflight() == PreflightMode::Forward {
        return Ok(());
    }
    let answer = governed.decide(request);
    let dry_run = governed.dry_run;
    record(log_of(r), responses, dry_run, request.origin, preflight, answer.decision());
    if dry_run {
        return Ok(());
    }

    let is_answered = answering.is_some() || preflight.is_some() && is_ahead_of_location(r);
    if is_answered {
        make_preflight_answer(r, responses);
    }
    let mut headers = HeadersOut::of(&mut r.headers_out);
    // An answer to a preflight is the policy's as a whole.
    if !is_answered
        && responses.upstream_headers() == UpstreamHeaders::Keep
        && headers.has_allow_origin()
    {
        return Ok(());
    }
    let missing = headers.take_over(responses.sends_timing_allow_origin(), answer.vary());
    let lines = responses.lines(&answer);
    let sent = headers.append(lines.all())?;
    if missing != answer.vary() {
        // It is the last one where there is any.
        if let Some(vary) = sent.last_mut() {
            set(vary, missing.value().map(|value| str_of(value.as_bytes())));
        }
    }
    let mut more = None;
    for &(index, requested) in lines.requested() {
        let line = &mut sent[index];
        match (requested, request.preflight()) {
            (Requested::Origin, _) => set(line, request.origin.value()),
            (Requested::Method, Some(preflight)) if answer.sends(FieldValue::RequestMethod) => {
                set(line, Some(preflight.method()));
            }
            (Requested::Headers, Some(preflight)) if answer.sends(FieldValue::RequestHeaders) => {
                let mut values = preflight.headers().map(str_of);
                more = Some((*line, values.clone()));
                set(line, values.next());
            }
            _ => set(line, None),
        }
    }
    if let Some((line, values)) = more {
        for value in values.skip(1) {
            headers.push(ngx_table_elt_t { value, ..line })?;
        }
    }
    Ok(())
}

/// Whether nginx answers `r` before it has come to the rewrite phase of a location, where
/// preflights are answered otherwise, and still knows which policy applies.
fn is_ahead_of_location(r: &ngx_http_request_t) -> bool {
    !in_force::has_entered(r) && (is_redirected_to_slash(r) || is_answered_by_server(r))
}

/// Whether this is the redirect from `/api` to `/api/`, which nginx makes when it has chosen the
/// location (`ngx_http_core_find_config_phase`).
fn is_redirected_to_slash(r: &ngx_http_request_t) -> bool {
    let Some(core) = NgxHttpCoreModule::location_conf(r) else { return false };
    // What a filter makes of the redirect, which has a body, is another error.
    let is_redirect = r.headers_out.status == NGX_HTTP_MOVED_PERMANENTLY as ngx_uint_t
        || request_bits::filter_finalize(r);
    let name = core.name.as_bytes();
    is_redirect
        && name.strip_suffix(b"/").is_some_and(|name| name.eq_ignore_ascii_case(r.uri.as_bytes()))
        && is_in_phase(r, ngx_http_core_find_config_phase)
}

/// Whether this is what a `return`, `rewrite` or `if` of the server says, where the server's policy
/// is the only one that could apply.
fn is_answered_by_server(r: &ngx_http_request_t) -> bool {
    Module::location_conf(r).is_some_and(LocationConf::is_whole_server)
        && is_in_phase(r, ngx_http_core_rewrite_phase)
}

type Checker = unsafe extern "C" fn(
    r: *mut ngx_http_request_t,
    handler: *mut ngx_http_phase_handler_t,
) -> ngx_int_t;

/// Whether `r` is in a phase whose handlers this function of nginx calls.
fn is_in_phase(r: &ngx_http_request_t, checker: Checker) -> bool {
    // An error that nginx finds while it reads the request comes before all phases.
    let runs = r.write_event_handler.is_some_and(|handler| {
        ptr::fn_addr_eq(handler, ngx_http_core_run_phases as unsafe extern "C" fn(_))
    });
    let Some(core) = NgxHttpCoreModule::main_conf(r).filter(|_| runs) else { return false };
    let handlers = core.phase_engine.handlers;
    let Ok(index) = usize::try_from(r.phase_handler) else { return false };
    // SAFETY: while phases run, this is the index of the handler that is called.
    let handler = unsafe { &*handlers.add(index) };
    handler.checker.is_some_and(|its| ptr::fn_addr_eq(its, checker))
}

/// Makes the response an answer to a preflight: a header with the policy's status, and no body,
/// whatever nginx or its filters were about to send.
pub(crate) fn make_preflight_answer(r: &mut ngx_http_request_t, responses: &ReadyResponses) {
    // Otherwise nginx would put that in place of the status (`ngx_http_send_header`).
    r.err_status = 0;
    // As of a response to `HEAD`: whoever sends a body asks for this first.
    request_bits::end_with_header(r);
    headers_out::clear_body(&mut r.headers_out);
    r.headers_out.status = ngx_uint_t::from(responses.preflight_status());
}

/// Gives a line its value, or takes it out of the response.
#[inline]
fn set(line: &mut ngx_table_elt_t, value: Option<ngx_str_t>) {
    match value {
        Some(value) => line.value = value,
        // nginx leaves such lines out.
        None => line.hash = 0,
    }
}

/// Counts a decision, and logs a denial.
#[inline]
fn record(
    log: *mut ngx_log_t,
    responses: &ReadyResponses,
    dry_run: bool,
    origin: Origin<'_>,
    preflight: Option<&Preflight<'_>>,
    decision: Decision,
) {
    let kind = if preflight.is_some() { Kind::Preflight } else { Kind::Actual };
    match decision {
        // Not a CORS request.
        Decision::None => return,
        Decision::Allowed => {}
        Decision::DeniedOrigin | Decision::DeniedMethod | Decision::DeniedHeader => {
            // SAFETY: the log of a request, which lives as long as it.
            if unsafe { (*log).log_level } >= NGX_LOG_INFO as ngx_uint_t {
                log_denial(log, responses.name(), dry_run, origin.value(), preflight, decision);
            }
        }
    }
    responses.count(kind, decision, dry_run);
}

#[cold]
fn log_denial(
    log: *mut ngx_log_t,
    policy: &str,
    dry_run: bool,
    origin: Option<ngx_str_t>,
    preflight: Option<&Preflight<'_>>,
    decision: Decision,
) {
    let origin = Excerpt(origin);
    let method = Excerpt(preflight.map(Preflight::method));
    let headers = preflight.and_then(|preflight| preflight.headers().next());
    let headers = Excerpt(headers.map(str_of));
    let dry_run = if dry_run { ", dry run" } else { "" };
    match decision {
        Decision::DeniedMethod => {
            ngx_log_error!(
                NGX_LOG_INFO,
                log,
                "CORS policy \"{policy}\": {decision}, origin: {origin}, method: {method}{dry_run}"
            );
        }
        Decision::DeniedHeader => {
            ngx_log_error!(
                NGX_LOG_INFO,
                log,
                "CORS policy \"{policy}\": {decision}, origin: {origin}, headers: {headers}{dry_run}"
            );
        }
        _ => {
            ngx_log_error!(
                NGX_LOG_INFO,
                log,
                "CORS policy \"{policy}\": {decision}, origin: {origin}{dry_run}"
            );
        }
    }
}

/// A value of a request as a log line shows it: in quotes, escaped and not too long.
struct Excerpt(Option<ngx_str_t>);

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More than the longest well-formed origin of ordinary use; in bytes.
        const MAX: usize = 128;

        match self.0.as_ref().map(ngx_str_t::as_bytes) {
            Some(value) if value.len() > MAX => {
                write!(f, "\"{}\"...", value[..MAX].escape_ascii())
            }
            Some(value) => write!(f, "\"{}\"", value.escape_ascii()),
            None => f.write_str("repeated"),
        }
    }
}
