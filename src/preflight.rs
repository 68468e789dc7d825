//! The phase handlers: answer preflights, and keep out what a policy refuses, before anything else
//! can touch the request.
//!
//! The rewrite phase is the first one in which the location is known, and this module's handler
//! runs before that of `ngx_http_rewrite_module`: before `return` and `rewrite` in the location,
//! and before the phases of rate limits, access control and content.

use core::{ptr, slice};

use cors_policy::PreflightMode;
use nginx_sys::{
    NGX_DECLINED, NGX_DONE, NGX_ERROR, NGX_HTTP_FORBIDDEN, NGX_HTTP_INTERNAL_SERVER_ERROR,
    NGX_HTTP_LAST, NGX_HTTP_NO_CONTENT, NGX_HTTP_OPTIONS, NGX_OK, ngx_http_discard_request_body,
    ngx_http_finalize_request, ngx_http_request_t, ngx_http_send_header, ngx_http_send_special,
    ngx_int_t, ngx_uint_t,
};
use ngx::http::HttpModuleLocationConf;

use crate::cors_request::{CorsRequest, Lent, headers_in};
use crate::in_force::{self, Governed};
use crate::{Module, OutOfMemory, fail_points, guard};

/// What becomes of a request.
enum Step {
    /// nginx goes on with it.
    Continue,
    /// It ends here, with a response that was sent or an error that nginx makes one of.
    Finish(ngx_int_t),
}

/// The handler of the rewrite phase.
pub(crate) unsafe extern "C" fn rewrite_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &*request };
    // Subrequests are made by nginx, not by a page.
    if !ptr::eq(r, r.main) {
        return NGX_DECLINED as ngx_int_t;
    }
    // Most requests end here; nothing of this can panic.
    match in_force::enter_fixed(r) {
        Some(None) => NGX_DECLINED as ngx_int_t,
        Some(Some(governed)) if goes_on(r, governed) => NGX_DECLINED as ngx_int_t,
        fixed => handle_rewrite(request, fixed.flatten()),
    }
}

/// With the policy in force, where that is known.
#[inline(never)]
fn handle_rewrite(request: *mut ngx_http_request_t, fixed: Option<Governed>) -> ngx_int_t {
    handle(request, |r| {
        fail_points::in_request(r, "rewrite handler");
        if fixed.is_none() {
            in_force::enter(r)?;
        }
        // Which policy is in force is known when an `if` is evaluated, at the end of this phase.
        if Module::location_conf(r).is_some_and(|here| here.has_if) {
            return Ok(Step::Continue);
        }
        let governed = match fixed {
            Some(_) => fixed,
            None => in_force::get(r)?,
        };
        Ok(governed.map_or(Step::Continue, |governed| answer(r, governed)))
    })
}

/// The handler of the preaccess phase, there only where an `if` or variables put a policy in force:
/// what these come to is known at the end of the rewrite phase.
pub(crate) unsafe extern "C" fn preaccess_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &*request };
    if !ptr::eq(r, r.main) {
        return NGX_DECLINED as ngx_int_t;
    }
    handle(request, |r| {
        fail_points::in_request(r, "preaccess handler");
        in_force::enter(r)?;
        let governed = in_force::get(r)?;
        Ok(governed.map_or(Step::Continue, |governed| answer(r, governed)))
    })
}

/// Does what `step` says with the main request `request`.
#[inline]
fn handle(
    request: *mut ngx_http_request_t,
    step: impl FnOnce(&mut ngx_http_request_t) -> Result<Step, OutOfMemory>,
) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &mut *request };
    let rc = match guard::catch_request(r, step) {
        Some(Ok(Step::Continue)) => return NGX_DECLINED as ngx_int_t,
        Some(Ok(Step::Finish(rc))) => rc,
        Some(Err(OutOfMemory)) => NGX_ERROR as ngx_int_t,
        None => NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t,
    };
    // Not left to nginx, for which `NGX_OK` means in most phases that the request goes on.
    // SAFETY: `request` is the main request, and no reference to it is used any more.
    unsafe { ngx_http_finalize_request(request, rc) };
    NGX_DONE as ngx_int_t
}

/// Whether the request is none that a policy answers or refuses, whatever its headers say.
#[inline]
fn goes_on(r: &ngx_http_request_t, governed: Governed) -> bool {
    governed.dry_run || r.method != NGX_HTTP_OPTIONS as ngx_uint_t && !governed.policy.enforce()
}

/// Answers a preflight, refuses what the policy keeps out, and lets every other request go on.
fn answer(r: &mut ngx_http_request_t, governed: Governed) -> Step {
    if goes_on(r, governed) {
        return Step::Continue;
    }
    let policy = governed.policy;
    let request = CorsRequest::of(r.method, headers_in(r));
    if request.preflight().is_some() {
        return match policy.preflight() {
            PreflightMode::Answer => {
                let lent = Lent { governed, request: &request };
                Step::Finish(send(r, &lent, policy.preflight_status()))
            }
            PreflightMode::Forward => Step::Continue,
        };
    }
    if policy.refuses(request.origin.header(), host(r)) && in_force::refuse(r) {
        return Step::Finish(NGX_HTTP_FORBIDDEN as ngx_int_t);
    }
    Step::Continue
}

/// The host and port that a request was sent to: the `Host` header, or those of the request target;
/// in HTTP/3, where `Host` may be missing, `:authority`.
fn host(r: &ngx_http_request_t) -> &[u8] {
    // SAFETY: null, or a line of the request headers.
    if let Some(line) = unsafe { r.headers_in.host.as_ref() } {
        return line.value.as_bytes();
    }
    if r.host_start.is_null() || r.host_end.is_null() {
        return b"";
    }
    // SAFETY: both are null, or point to the beginning and the end of one string of the request.
    unsafe {
        let length = r.host_end.offset_from(r.host_start);
        slice::from_raw_parts(r.host_start, length.unsigned_abs())
    }
}

/// Sends the response that the header filter makes an answer to a preflight.
fn send(r: &mut ngx_http_request_t, lent: &Lent<'_>, status: u16) -> ngx_int_t {
    // SAFETY: `r` is the main request, in a phase: its body was not read, and no header was sent.
    unsafe {
        let rc = ngx_http_discard_request_body(r);
        if rc != NGX_OK as ngx_int_t {
            return rc;
        }
        r.headers_out.status = ngx_uint_t::from(status);
        r.headers_out.content_length_n = 0;

        // The header filter need not find it out again.
        let rc = lent.during(r, |r| ngx_http_send_header(r));
        // nginx sends a 204 without length and body, and ends it with the header.
        if rc != NGX_OK as ngx_int_t || status == NGX_HTTP_NO_CONTENT as u16 {
            return rc;
        }
        ngx_http_send_special(r, NGX_HTTP_LAST as ngx_uint_t)
    }
}
