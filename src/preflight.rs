//! The phase handlers: answer preflights, and keep out what a policy refuses, before anything else
//! can touch the request.
//!
//! The rewrite phase is the first one in which the location is known, and this module's handler
//! runs before that of `ngx_http_rewrite_module`: before `return` and `rewrite` in the location,
//! and before the phases of rate limits, access control and content. What nginx answers before that
//! phase is left to the [header filter](crate::header_filter).

use core::ptr;

use cors_policy::PreflightMode;
use nginx_sys::{
    NGX_DECLINED, NGX_DONE, NGX_ERROR, NGX_HTTP_FORBIDDEN, NGX_HTTP_GET, NGX_HTTP_HEAD,
    NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_HTTP_OPTIONS, NGX_HTTP_POST, NGX_OK,
    ngx_http_discard_request_body, ngx_http_finalize_request, ngx_http_request_t,
    ngx_http_send_header, ngx_int_t, ngx_uint_t,
};
use ngx::http::HttpModuleLocationConf;

use crate::conf::LocationConf;
use crate::context::PreflightAnswer;
use crate::cors_request::{CorsRequest, headers_in};
use crate::in_force::{self, Entered, Governed};
use crate::{Module, OutOfMemory, fail_points, guard, header_filter, request_bits};

/// What becomes of a request.
enum Step {
    /// nginx goes on with it.
    Continue,
    /// It ends here, with a response that was sent or an error that nginx makes one of.
    Finish(ngx_int_t),
}

/// Whether a policy concerns the request: it is no subrequest, which nginx makes and not a page,
/// and its response was not sent yet, as before `post_action`.
#[inline]
fn is_concerned(r: &ngx_http_request_t) -> bool {
    ptr::eq(r, r.main) && !request_bits::post_action(r)
}

/// Whether this is a copy of a refused request, made by `mirror` around its error page, and about to
/// reach an application.
///
/// Only `ngx_http_mirror_module` makes subrequests that run in the background where a file is served.
#[inline]
fn is_copy_of_refused(r: &ngx_http_request_t) -> bool {
    request_bits::background(r) && r.content_handler.is_some() && in_force::is_refused(r)
}

/// The handler of the server's rewrite phase, there only where a server can answer preflights as a
/// whole.
///
/// Here it is not known yet whether the server answers: what comes out is for the header filter to
/// see. But an error page is served by another pass through the phases, by `GET`; so the preflight
/// is marked, and answered when it comes again.
pub(crate) unsafe extern "C" fn server_rewrite_handler(
    request: *mut ngx_http_request_t,
) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &*request };
    // Most requests end here; none of this can panic.
    if r.method == NGX_HTTP_OPTIONS as ngx_uint_t {
        if is_concerned(r) && Module::location_conf(r).is_some_and(LocationConf::is_whole_server) {
            in_force::set_for_server(r);
        }
        return NGX_DECLINED as ngx_int_t;
    }
    if !request_bits::internal(r) || !is_concerned(r) || !in_force::is_for_server(r) {
        return NGX_DECLINED as ngx_int_t;
    }
    handle(request, |r| {
        fail_points::in_request(r, "server rewrite handler");
        let request = CorsRequest::options(headers_in(r));
        if request.preflight().is_none() {
            return Ok(Step::Continue);
        }
        let served_by = r.method;
        // The policy decides about the method that the request came with.
        r.method = NGX_HTTP_OPTIONS as ngx_uint_t;
        let governed = in_force::get(r)?;
        r.method = served_by;
        Ok(match governed.filter(|it| it.responses.preflight() == PreflightMode::Answer) {
            Some(governed) => {
                let answer = PreflightAnswer { governed, request: &request };
                Step::Finish(send(r, &answer))
            }
            None => Step::Continue,
        })
    })
}

/// The handler of the rewrite phase.
pub(crate) unsafe extern "C" fn rewrite_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &*request };
    if !is_concerned(r) {
        return if is_copy_of_refused(r) {
            handle(request, |r| Ok(refuse(r)))
        } else {
            NGX_DECLINED as ngx_int_t
        };
    }
    // Most requests end here; none of this can panic.
    match in_force::enter_fixed(r) {
        Entered::None => NGX_DECLINED as ngx_int_t,
        Entered::Fixed(in_force, policy) if goes_on(r, in_force.is_dry_run(), policy.enforce()) => {
            NGX_DECLINED as ngx_int_t
        }
        Entered::Fixed(in_force, _) => handle_rewrite(request, in_force.get()),
        Entered::Unknown => handle_rewrite(request, None),
    }
}

/// With the policy in force, where that is known.
#[inline(never)]
fn handle_rewrite(request: *mut ngx_http_request_t, fixed: Option<Governed<'_>>) -> ngx_int_t {
    handle(request, |r| {
        fail_points::in_request(r, "rewrite handler");
        if in_force::is_refused(r) && r.content_handler.is_some() {
            return Ok(refuse(r));
        }
        if fixed.is_none() {
            in_force::enter(r)?;
        }
        // Which policy is in force is known when an `if` is evaluated, at the end of this phase.
        if Module::location_conf(r).is_some_and(|here| here.has_if.get()) {
            return Ok(Step::Continue);
        }
        let governed = match fixed {
            Some(_) => fixed,
            None => in_force::get(r)?,
        };
        Ok(governed.map_or(Step::Continue, |governed| answer(r, &governed)))
    })
}

/// The handler of the preaccess phase, there only where an `if` or variables put a policy in force:
/// what these come to is known at the end of the rewrite phase.
pub(crate) unsafe extern "C" fn preaccess_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    if !is_concerned(unsafe { &*request }) {
        return NGX_DECLINED as ngx_int_t;
    }
    handle(request, |r| {
        fail_points::in_request(r, "preaccess handler");
        in_force::enter(r)?;
        let governed = in_force::get(r)?;
        Ok(governed.map_or(Step::Continue, |governed| answer(r, &governed)))
    })
}

/// Another handler of the preaccess phase, there only where a policy may refuse requests: keeps one
/// that was refused from whatever could act on it, now that every `if` is evaluated.
///
/// `error_page` may lead it to a file or a `return`, and no further.
pub(crate) unsafe extern "C" fn refused_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, which nothing else uses meanwhile.
    let r = unsafe { &*request };
    if !is_concerned(r) || !in_force::is_refused(r) {
        return NGX_DECLINED as ngx_int_t;
    }
    // A named location keeps the method, and modules that serve files change them by others.
    const SAFE: u32 = NGX_HTTP_GET | NGX_HTTP_HEAD | NGX_HTTP_POST | NGX_HTTP_OPTIONS;
    if r.content_handler.is_none() && r.method & SAFE as ngx_uint_t != 0 {
        return NGX_DECLINED as ngx_int_t;
    }
    handle(request, |r| Ok(refuse(r)))
}

/// Does what `step` says with `request`.
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
    // SAFETY: a request in a phase, and no reference to it is used any more.
    unsafe { ngx_http_finalize_request(request, rc) };
    NGX_DONE as ngx_int_t
}

/// Whether the policy has nothing to do in this phase, whatever the request's headers say.
#[inline]
fn goes_on(r: &ngx_http_request_t, dry_run: bool, enforces: bool) -> bool {
    dry_run || r.method != NGX_HTTP_OPTIONS as ngx_uint_t && !enforces
}

/// Answers a preflight, refuses what the policy keeps out, and lets every other request go on.
fn answer(r: &mut ngx_http_request_t, governed: &Governed<'_>) -> Step {
    if goes_on(r, governed.dry_run, governed.responses.enforce()) {
        return Step::Continue;
    }
    let request = CorsRequest::of(r.method, headers_in(r));
    if request.preflight().is_some() {
        return match governed.responses.preflight() {
            PreflightMode::Answer => {
                let answer = PreflightAnswer { governed: *governed, request: &request };
                Step::Finish(send(r, &answer))
            }
            PreflightMode::Forward => Step::Continue,
        };
    }
    if !in_force::is_refused(r) && governed.refuses(r, &request) {
        in_force::set_refused(r);
        return Step::Finish(NGX_HTTP_FORBIDDEN as ngx_int_t);
    }
    Step::Continue
}

/// Refuses once more a request that an error page has led to where it must not come, or its copy;
/// nginx's own page is sent.
fn refuse(r: &mut ngx_http_request_t) -> Step {
    // As if it had been through `ngx_http_send_error_page` without `recursive_error_pages`.
    request_bits::set_error_page(r, true);
    Step::Finish(NGX_HTTP_FORBIDDEN as ngx_int_t)
}

/// Sends the answer to a preflight, which is a header and nothing more.
fn send(r: &mut ngx_http_request_t, answer: &PreflightAnswer<'_>) -> ngx_int_t {
    // SAFETY: `r` is the main request, in a phase: its body was not read.
    let rc = unsafe { ngx_http_discard_request_body(r) };
    if rc != NGX_OK as ngx_int_t {
        return rc;
    }
    header_filter::make_preflight_answer(r, answer.governed.responses);
    answer.during(r, |r| {
        // SAFETY: as above, and no header was sent.
        let rc = unsafe { ngx_http_send_header(r) };
        // A filter that waits for a body, as that of images does, keeps the header back. There is no
        // body to come.
        let is_kept_back = rc != NGX_ERROR as ngx_int_t && !request_bits::header_sent(r);
        if is_kept_back { header_filter::send(r) } else { rc }
    })
}
