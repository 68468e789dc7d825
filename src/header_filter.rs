//! The header filter: writes the decision of the policy in force into the response.
//!
//! It runs after `ngx_http_headers_filter_module` and whatever else sets response headers (see
//! `ngx_module_order` in `lib.rs`), so that it has the last word on the CORS headers.

use core::{fmt, ptr};

use cors_policy::{Decision, FieldValue, PreflightMode, UpstreamHeaders};
use nginx_sys::{
    NGX_ERROR, NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_HTTP_OPTIONS, NGX_LOG_INFO,
    ngx_http_filter_finalize_request, ngx_http_output_header_filter_pt, ngx_http_request_t,
    ngx_http_top_header_filter, ngx_int_t, ngx_log_t, ngx_str_t, ngx_table_elt_t, ngx_uint_t,
};
use ngx::ngx_log_error;

use crate::conf::Definition;
use crate::cors_request::{CorsRequest, Lent, Origin, Part, Preflight, headers_in};
use crate::counters::Kind;
use crate::headers_out::{HeadersOut, str_of};
use crate::in_force::Governed;
use crate::ready::{ReadyPolicy, Requested};
use crate::{Failure, Module, OutOfMemory, fail_points, guard, in_force, log_of};

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
    if r.method == NGX_HTTP_OPTIONS as ngx_uint_t || !Module::context(r).is_null() {
        return handle(r);
    }
    let Some(in_force) = in_force::get_known(r) else { return handle(r) };
    let Some(governed) = in_force.get() else { return next(r) };
    if !HeadersOut::of(&mut r.headers_out).is_empty() {
        return handle(r);
    }
    // Most requests end here; nothing of this can panic.
    let Governed { definition, policy, dry_run } = governed;
    match (Origin::find(headers_in(r)), dry_run) {
        (None, true) => next(r),
        (None, false) => handle_without_origin(r, policy),
        (Some((lines, part)), true) => handle_actual::<true>(r, definition, policy, lines, part),
        (Some((lines, part)), false) => handle_actual::<false>(r, definition, policy, lines, part),
    }
}

/// Adds the lines that a response to a request without `Origin` has; nothing of this can panic.
#[inline(never)]
extern "C" fn handle_without_origin(r: &mut ngx_http_request_t, policy: &ReadyPolicy) -> ngx_int_t {
    let mut headers = HeadersOut::of(&mut r.headers_out);
    match headers.append(policy.lines_without_origin()) {
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
    definition: &'static Definition,
    policy: &'static ReadyPolicy,
    lines: &[ngx_table_elt_t],
    part: Part<'_>,
) -> ngx_int_t {
    let governed = Governed { definition, policy, dry_run: DRY_RUN };
    finish(r, |r| {
        fail_points::in_request(r, "header filter");
        let origin = Origin::of(lines, part);
        let answer = policy.decide(origin.header());
        record(log_of(r), governed, origin, None, answer.decision());
        if DRY_RUN {
            return Ok(());
        }
        let lines = policy.lines(&answer);
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
    match Module::failure(r) {
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
    Module::set_failure(r, Failure::Answered);
    let status = NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t;
    // SAFETY: a header filter may do so; it is called again for the error, and passes it on.
    unsafe { ngx_http_filter_finalize_request(r, Module::ptr(), status) }
}

/// Decides, counts, logs, and writes the decision of the policy in force, if there is one.
#[inline]
fn apply(r: &mut ngx_http_request_t) -> Result<(), OutOfMemory> {
    let found;
    let (governed, request) = match Lent::of(r) {
        Some(lent) => (lent.governed, lent.request),
        None => {
            let Some(governed) = in_force::get(r)? else { return Ok(()) };
            found = CorsRequest::of(r.method, headers_in(r));
            (governed, &found)
        }
    };
    let preflight = request.preflight();
    // The application's answer to a preflight is left alone.
    if preflight.is_some() && governed.policy.preflight() == PreflightMode::Forward {
        return Ok(());
    }
    let answer = request.decide(governed.policy);
    record(log_of(r), governed, request.origin, preflight, answer.decision());
    if governed.dry_run {
        return Ok(());
    }

    let policy = governed.policy;
    let mut headers = HeadersOut::of(&mut r.headers_out);
    if policy.upstream_headers() == UpstreamHeaders::Keep && headers.has_allow_origin() {
        return Ok(());
    }
    let missing = headers.take_over(policy.sends_timing_allow_origin(), answer.vary());
    let lines = policy.lines(&answer);
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
    governed: Governed,
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
                log_denial(log, governed, origin.value(), preflight, decision);
            }
        }
    }
    governed.definition.count(kind, decision, governed.dry_run);
}

#[cold]
fn log_denial(
    log: *mut ngx_log_t,
    governed: Governed,
    origin: Option<ngx_str_t>,
    preflight: Option<&Preflight<'_>>,
    decision: Decision,
) {
    let policy = governed.definition.name();
    let origin = Excerpt(origin);
    let method = Excerpt(preflight.map(Preflight::method));
    let headers = preflight.and_then(|preflight| preflight.headers().next());
    let headers = Excerpt(headers.map(str_of));
    let dry_run = if governed.dry_run { ", dry run" } else { "" };
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
