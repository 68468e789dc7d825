//! Policies that an `if` sets, for requests that leave the location in the rewrite phase.
//!
//! `ngx_http_rewrite_module` evaluates an `if` and makes its block the location of the request. A
//! `rewrite … last`, or a `return` with an `error_page`, in the same block then leads the request to
//! another location, and nginx does not keep where it came from. So this module notes the `if` after
//! each handler of the phase.

use core::ptr;

use nginx_sys::{
    NGX_DECLINED, NGX_DONE, ngx_cycle_t, ngx_http_core_rewrite_phase, ngx_http_phase_handler_t,
    ngx_http_request_t, ngx_int_t,
};
use ngx::http::{HttpModuleMainConf, NgxHttpCoreModule};

use super::effective_policy;
use crate::nginx::phases;

/// Makes nginx call [`run_phase`] in place of `ngx_http_core_rewrite_phase`, for the locations of a
/// cycle.
///
/// `ngx_http_init_phase_handlers` makes the table of phases after `postconfiguration`, so this must be
/// called in `init_module`.
pub(crate) fn install(cycle: &ngx_cycle_t) {
    let Some(core) = NgxHttpCoreModule::main_conf_mut(cycle) else { return };
    let engine = &core.phase_engine;
    // SAFETY: the table ends with a handler without a checker, and nginx is in its one thread. The
    // rewrite phase of locations begins at this index.
    let mut next = unsafe { engine.handlers.add(engine.location_rewrite_index) };
    // SAFETY: as above.
    while let Some(handler) = unsafe { next.as_mut() } {
        if !phases::is_run_by(handler, ngx_http_core_rewrite_phase) {
            break;
        }
        handler.checker = Some(run_phase);
        // SAFETY: as above.
        next = unsafe { next.add(1) };
    }
}

/// `ngx_http_core_rewrite_phase`, with [`run_handler`] around the handler.
unsafe extern "C" fn run_phase(
    r: *mut ngx_http_request_t,
    handler: *mut ngx_http_phase_handler_t,
) -> ngx_int_t {
    // SAFETY: nginx passes a valid request and the current handler, which this copies.
    unsafe {
        let mut noting = ngx_http_phase_handler_t { handler: Some(run_handler), ..*handler };
        ngx_http_core_rewrite_phase(r, &mut noting)
    }
}

/// Runs the current handler of the phase. Then notes the `if` that the handler may have made the
/// location of the request.
unsafe extern "C" fn run_handler(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx calls a phase handler with a valid request, for which phases run.
    let current = unsafe { phases::current(&*r) };
    let Some(handler) = current.and_then(|current| current.handler) else {
        return NGX_DECLINED as ngx_int_t;
    };
    // SAFETY: as above.
    let rc = unsafe { handler(r) };
    // After `NGX_DONE` the request may be gone.
    if rc != NGX_DONE as ngx_int_t {
        // SAFETY: after any other code nginx uses the request too (`ngx_http_core_rewrite_phase`).
        let r = unsafe { &*r };
        if ptr::eq(r, r.main) {
            effective_policy::remember_if(r);
        }
    }
    rc
}
