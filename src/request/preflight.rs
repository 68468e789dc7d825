//! The phase handlers: answer preflights, and refuse requests, before any other handler sees them.
//!
//! In the rewrite phase nginx first knows the location. This module's handler runs before that of
//! `ngx_http_rewrite_module`, so before `return` and `rewrite` in the location, and before the phases
//! of rate limits, access control and content. The header filter answers preflights that nginx responds
//! to even earlier (see `early_answer`).

use core::ptr;

use cors_policy::PreflightMode;
use nginx_sys::{
    NGX_DECLINED, NGX_DONE, NGX_ERROR, NGX_HTTP_FORBIDDEN, NGX_HTTP_GET, NGX_HTTP_HEAD,
    NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_HTTP_OPTIONS, NGX_HTTP_POST, NGX_OK,
    ngx_http_discard_request_body, ngx_http_finalize_request, ngx_http_request_t,
    ngx_http_send_header, ngx_int_t, ngx_uint_t,
};
use ngx::http::HttpModuleLocationConf;

use super::context::PreflightHandoff;
use super::cors_request::CorsRequest;
use super::effective_policy::{self, AppliedPolicy, Entered};
use super::{header_filter, origin_check};
use crate::Module;
use crate::config::location::{LocationConf, LocationPolicy};
use crate::nginx::headers_in::headers_in;
use crate::nginx::request_bits::{self, OutOfMemory, log_of};
use crate::nginx::{fail_points, panic};

/// What a phase handler tells nginx to do.
enum Outcome {
    /// nginx continues with the request.
    Continue,
    /// The request ends here, with a response that is sent, or with an error for which nginx makes one.
    Finish(ngx_int_t),
}

/// Whether policies apply to the request. They do not apply to subrequests, which nginx makes and not
/// a page, nor to a `post_action`, when the response is already sent.
fn do_policies_apply(r: &ngx_http_request_t) -> bool {
    ptr::eq(r, r.main) && !request_bits::post_action(r)
}

/// Keeps the followers of a refused request from the application: it has no `post_action`, and the copy
/// that `mirror` makes for its error page does not reach a content handler.
///
/// # Safety
///
/// As for [`handle`].
unsafe fn keep_from_application(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: as demanded of the caller.
    let r = unsafe { &*request };
    if !effective_policy::is_refused(r) {
        return NGX_DECLINED as ngx_int_t;
    }
    if ptr::eq(r, r.main) {
        // The response is already sent.
        // SAFETY: as demanded of the caller.
        return unsafe { handle(request, |_| Ok(Outcome::Finish(NGX_OK as ngx_int_t))) };
    }
    // Only `ngx_http_mirror_module` makes background subrequests of a request for a file. Other
    // subrequests fetch a part of the error page by `GET`, as the site says.
    if request_bits::background(r) && r.content_handler.is_some() {
        // SAFETY: as demanded of the caller.
        return unsafe { handle(request, |r| Ok(refuse(r))) };
    }
    NGX_DECLINED as ngx_int_t
}

/// The handler of the server's rewrite phase. It is installed only if some server can answer
/// preflights as a whole.
///
/// In this phase it is not known whether the server will respond; the header filter sees that. But an
/// error page is served by another pass through the phases, with the method `GET`. So this handler
/// marks an `OPTIONS` request, and answers the preflight when it comes again.
pub(crate) unsafe extern "C" fn server_rewrite_handler(
    request: *mut ngx_http_request_t,
) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &*request };
    // Most requests return here. None of this can panic.
    if r.method == NGX_HTTP_OPTIONS as ngx_uint_t {
        if do_policies_apply(r)
            && Module::location_conf(r).is_some_and(LocationConf::is_whole_server)
        {
            effective_policy::set_for_server(r);
        }
        return NGX_DECLINED as ngx_int_t;
    }
    if !request_bits::internal(r) || !do_policies_apply(r) || !effective_policy::is_for_server(r) {
        return NGX_DECLINED as ngx_int_t;
    }
    // SAFETY: as above; `r` is not used any more.
    unsafe { handle(request, answer_for_server) }
}

/// Answers a preflight whose error page nginx is about to serve.
fn answer_for_server(r: &mut ngx_http_request_t) -> Result<Outcome, OutOfMemory> {
    fail_points::in_request(r, "server rewrite handler");
    // SAFETY: the request lasts longer than this call, in which its headers do not change.
    let request = CorsRequest::options(unsafe { headers_in(r) });
    if request.preflight().is_none() {
        return Ok(Outcome::Continue);
    }
    // SAFETY: as above.
    let applied = unsafe { effective_policy::policy_as_options(r)? };
    Ok(match applied.filter(|it| it.responses.preflight() == PreflightMode::Answer) {
        Some(applied) => {
            let decision = origin_check::decide(r, applied, &request).decision();
            let status = header_filter::preflight_status(applied.responses, decision);
            Outcome::Finish(send(r, &PreflightHandoff { applied, request: &request }, status))
        }
        None => Outcome::Continue,
    })
}

/// The handler of the rewrite phase.
pub(crate) unsafe extern "C" fn rewrite_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &*request };
    if !do_policies_apply(r) {
        // SAFETY: as above; `r` is not used any more.
        return unsafe { keep_from_application(request) };
    }
    // Most requests return here. None of this can panic.
    match effective_policy::remember_static(r) {
        Entered::NoPolicy => NGX_DECLINED as ngx_int_t,
        Entered::Static(location, policy)
            if has_nothing_to_do(r, location.is_dry_run, policy.enforce()) =>
        {
            NGX_DECLINED as ngx_int_t
        }
        // SAFETY: as above; of `r`, only the policy is used, which the configuration keeps.
        Entered::Static(location, _) => unsafe { handle_rewrite(request, Some(location)) },
        // SAFETY: as above; `r` is not used any more.
        Entered::Unknown => unsafe { handle_rewrite(request, None) },
    }
}

/// Handles the rewrite phase for the other requests, with the location's policy if it is known.
///
/// # Safety
///
/// As for [`handle`].
#[inline(never)]
unsafe fn handle_rewrite(
    request: *mut ngx_http_request_t,
    known: Option<&LocationPolicy>,
) -> ngx_int_t {
    // SAFETY: as demanded of the caller.
    unsafe { handle(request, |r| enter_location(r, known)) }
}

fn enter_location(
    r: &mut ngx_http_request_t,
    known: Option<&LocationPolicy>,
) -> Result<Outcome, OutOfMemory> {
    fail_points::in_request(r, "rewrite handler");
    if effective_policy::is_refused(r) && r.content_handler.is_some() {
        return Ok(refuse(r));
    }
    // What is not known yet is known in the preaccess phase.
    if known.is_none() && !effective_policy::remember(r)? {
        return Ok(Outcome::Continue);
    }
    // An `if` is evaluated later in this phase, and may set another policy.
    if Module::location_conf(r).is_some_and(|here| here.has_if.get()) {
        return Ok(Outcome::Continue);
    }
    let applied = match known {
        Some(policy) => AppliedPolicy::of(policy),
        // SAFETY: the request lasts longer than this call.
        None => unsafe { effective_policy::policy(r)? },
    };
    Ok(applied.map_or(Outcome::Continue, |applied| answer_or_refuse(r, applied)))
}

/// The handler of the preaccess phase. It is installed only if some policy is set in an `if` or by
/// variables, which nginx evaluates in the rewrite phase.
pub(crate) unsafe extern "C" fn preaccess_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    if !do_policies_apply(unsafe { &*request }) {
        return NGX_DECLINED as ngx_int_t;
    }
    // SAFETY: as above.
    unsafe { handle(request, after_rewriting) }
}

fn after_rewriting(r: &mut ngx_http_request_t) -> Result<Outcome, OutOfMemory> {
    fail_points::in_request(r, "preaccess handler");
    effective_policy::remember(r)?;
    // SAFETY: the request lasts longer than this call.
    let applied = unsafe { effective_policy::policy(r)? };
    Ok(applied.map_or(Outcome::Continue, |applied| answer_or_refuse(r, applied)))
}

/// Another handler of the preaccess phase, installed only if some policy may refuse requests. It keeps
/// a refused request from every content handler, now that every `if` is evaluated.
///
/// `error_page` may lead a refused request to a file or a `return`, but no further.
pub(crate) unsafe extern "C" fn refused_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &*request };
    if !effective_policy::is_refused(r) {
        return NGX_DECLINED as ngx_int_t;
    }
    if !do_policies_apply(r) {
        // SAFETY: as above; `r` is not used any more.
        return unsafe { keep_from_application(request) };
    }
    // A named location keeps the method. With other methods, modules that serve files change them.
    const SAFE: u32 = NGX_HTTP_GET | NGX_HTTP_HEAD | NGX_HTTP_POST | NGX_HTTP_OPTIONS;
    if r.content_handler.is_none() && r.method & SAFE as ngx_uint_t != 0 {
        return NGX_DECLINED as ngx_int_t;
    }
    // SAFETY: as above; `r` is not used any more.
    unsafe { handle(request, |r| Ok(refuse(r))) }
}

/// Runs `f` for `request`, and does what it returns.
///
/// # Safety
///
/// `request` is the request that nginx passes to a phase handler. Nothing else uses it meanwhile, and
/// nothing but nginx afterwards: it may be gone.
unsafe fn handle(
    request: *mut ngx_http_request_t,
    f: impl FnOnce(&mut ngx_http_request_t) -> Result<Outcome, OutOfMemory>,
) -> ngx_int_t {
    // SAFETY: as demanded of the caller.
    let r = unsafe { &mut *request };
    let rc = match panic::catch(log_of(r), || f(r)) {
        Some(Ok(Outcome::Continue)) => return NGX_DECLINED as ngx_int_t,
        Some(Ok(Outcome::Finish(rc))) => rc,
        Some(Err(OutOfMemory)) => NGX_ERROR as ngx_int_t,
        None => NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t,
    };
    // The handler finalizes the request itself: in most phases `NGX_OK` tells nginx to continue.
    // SAFETY: a request in a phase; no reference to it is used any more.
    unsafe { ngx_http_finalize_request(request, rc) };
    NGX_DONE as ngx_int_t
}

/// Whether the policy has nothing to do in this phase, regardless of the request's headers.
fn has_nothing_to_do(r: &ngx_http_request_t, is_dry_run: bool, enforces: bool) -> bool {
    is_dry_run || r.method != NGX_HTTP_OPTIONS as ngx_uint_t && !enforces
}

/// Answers a preflight, or refuses a request that the policy keeps out.
fn answer_or_refuse(r: &mut ngx_http_request_t, applied: AppliedPolicy<'_>) -> Outcome {
    if has_nothing_to_do(r, applied.is_dry_run(), applied.responses.enforce()) {
        return Outcome::Continue;
    }
    // SAFETY: the request lasts longer than this call, in which its headers do not change.
    let request = CorsRequest::of(r.method, unsafe { headers_in(r) });
    // PERF: only an error page is served to a refused request, by an internal redirect.
    if request_bits::internal(r) && effective_policy::is_refused(r) {
        return Outcome::Continue;
    }
    if origin_check::refusal(r, applied, &request).is_some() {
        effective_policy::set_refused(r);
        return Outcome::Finish(NGX_HTTP_FORBIDDEN as ngx_int_t);
    }
    if request.preflight().is_some() && applied.responses.preflight() == PreflightMode::Answer {
        let status = applied.responses.preflight_status();
        let handoff = PreflightHandoff { applied, request: &request };
        return Outcome::Finish(send(r, &handoff, status));
    }
    Outcome::Continue
}

/// Refuses once more a request that `error_page` has led to a content handler, or a copy of one.
/// nginx sends its own error page.
fn refuse(r: &mut ngx_http_request_t) -> Outcome {
    // As `ngx_http_send_error_page` does without `recursive_error_pages`.
    request_bits::set_error_page(r, true);
    Outcome::Finish(NGX_HTTP_FORBIDDEN as ngx_int_t)
}

/// Sends the answer to a preflight, with this status: a header without a body.
fn send(r: &mut ngx_http_request_t, handoff: &PreflightHandoff<'_>, status: u16) -> ngx_int_t {
    // SAFETY: `r` is the main request, in a phase; its body is not read yet.
    let rc = unsafe { ngx_http_discard_request_body(r) };
    if rc != NGX_OK as ngx_int_t {
        return rc;
    }
    header_filter::make_preflight_answer(r, status);
    handoff.during(r, |r| {
        // SAFETY: as above; no header is sent yet.
        let rc = unsafe { ngx_http_send_header(r) };
        // Some filters keep the header back until a body comes, as `image_filter` does. Here none
        // comes.
        let is_kept_back = rc != NGX_ERROR as ngx_int_t && !request_bits::header_sent(r);
        if is_kept_back { header_filter::send(r) } else { rc }
    })
}
