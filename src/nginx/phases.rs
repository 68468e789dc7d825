//! The table of phases (`ngx_http_phase_engine_t`).

use core::ptr;

use nginx_sys::{ngx_http_phase_handler_t, ngx_http_request_t, ngx_int_t};
use ngx::http::{HttpModuleMainConf, NgxHttpCoreModule};

/// A function of nginx that runs the handlers of a phase, as `ngx_http_phase_handler_pt` has it.
pub(crate) type Checker =
    unsafe extern "C" fn(*mut ngx_http_request_t, *mut ngx_http_phase_handler_t) -> ngx_int_t;

/// Whether this function runs a handler of the table.
pub(crate) fn is_run_by(handler: &ngx_http_phase_handler_t, checker: Checker) -> bool {
    handler.checker.is_some_and(|its| ptr::fn_addr_eq(its, checker))
}

/// The handler of the table that `r` is at.
///
/// # Safety
///
/// Phases run for `r`: until then, `r->phase_handler` is no index of the table.
pub(crate) unsafe fn current(r: &ngx_http_request_t) -> Option<&ngx_http_phase_handler_t> {
    let core = NgxHttpCoreModule::main_conf(r)?;
    let index = usize::try_from(r.phase_handler).ok()?;
    // SAFETY: as demanded of the caller.
    unsafe { core.phase_engine.handlers.add(index).as_ref() }
}
