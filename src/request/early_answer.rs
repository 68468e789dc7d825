//! Responses that nginx makes before the request comes to the rewrite phase of its location.
//!
//! Preflights are answered in that phase. If nginx makes an earlier response to one, and it is still
//! known which policy applies, the header filter replaces the response by the policy's answer.

use core::ptr;

use nginx_sys::{
    NGX_HTTP_MOVED_PERMANENTLY, ngx_http_core_find_config_phase, ngx_http_core_rewrite_phase,
    ngx_http_core_run_phases, ngx_http_request_t, ngx_uint_t,
};
use ngx::http::{HttpModuleLocationConf, NgxHttpCoreModule};

use super::effective_policy;
use crate::Module;
use crate::config::location::LocationConf;
use crate::nginx::phases::{self, Checker};
use crate::nginx::request_bits;

/// Whether the response to `r` is such a response.
pub(super) fn is_early(r: &ngx_http_request_t) -> bool {
    !effective_policy::has_entered(r) && (is_slash_redirect(r) || is_from_server(r))
}

/// Whether the response is the redirect from `/api` to `/api/`, which nginx makes after it has chosen
/// the location (`ngx_http_core_find_config_phase`).
fn is_slash_redirect(r: &ngx_http_request_t) -> bool {
    let Some(core) = NgxHttpCoreModule::location_conf(r) else { return false };
    // A filter that fails on the redirect's body makes another error of it.
    let is_redirect = r.headers_out.status == NGX_HTTP_MOVED_PERMANENTLY as ngx_uint_t
        || request_bits::filter_finalize(r);
    let name = core.name.as_bytes();
    is_redirect
        && name.strip_suffix(b"/").is_some_and(|name| name.eq_ignore_ascii_case(r.uri.as_bytes()))
        && is_in_phase(r, ngx_http_core_find_config_phase)
}

/// Whether a `return`, `rewrite` or `if` of the server makes the response, and the server's policy is
/// the only one that could apply.
fn is_from_server(r: &ngx_http_request_t) -> bool {
    Module::location_conf(r).is_some_and(LocationConf::is_whole_server)
        && is_in_phase(r, ngx_http_core_rewrite_phase)
}

/// Whether `r` is in a phase that this function of nginx runs.
fn is_in_phase(r: &ngx_http_request_t, checker: Checker) -> bool {
    // An error that nginx finds while it reads the request comes before all phases.
    let runs = r.write_event_handler.is_some_and(|handler| {
        ptr::fn_addr_eq(handler, ngx_http_core_run_phases as unsafe extern "C" fn(_))
    });
    // SAFETY: phases run.
    runs && unsafe { phases::current(r) }.is_some_and(|it| phases::is_run_by(it, checker))
}
