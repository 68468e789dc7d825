//! `ngx_http_cors_policy_module`: CORS for nginx, from declared and validated policies.
//!
//! In the rewrite phase the module notes the location's policy, and answers a preflight on the spot
//! ([`request::preflight`]). In the header filter it decides, counts, and writes the CORS headers into
//! the response ([`request::header_filter`]). The crate `cors-policy` makes the decisions; it knows
//! nothing of nginx.
//!
//! This file is the module as nginx sees it. Imports among the folders go downwards only: `request` and
//! `status` use `config`. All of these use `counters` and `nginx`, which use nothing else of the module.

mod config;
mod counters;
mod directives;
mod nginx;
mod request;
mod status;

use core::ffi::{c_char, c_void};
use core::ptr;

use nginx_sys::{
    NGX_ERROR, NGX_HTTP_MODULE, NGX_OK, NGX_PROCESS_SINGLE, NGX_PROCESS_WORKER, ngx_array_push,
    ngx_conf_t, ngx_cycle_t, ngx_http_handler_pt, ngx_http_module_t, ngx_http_phases,
    ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, ngx_http_phases_NGX_HTTP_REWRITE_PHASE,
    ngx_http_phases_NGX_HTTP_SERVER_REWRITE_PHASE, ngx_http_request_t, ngx_int_t, ngx_module_t,
    ngx_process, ngx_uint_t,
};
use ngx::core::{NGX_CONF_ERROR, NGX_CONF_OK};
use ngx::http::{HttpModule, HttpModuleLocationConf, HttpModuleMainConf, NgxHttpCoreModule};

use crate::config::cycles;
use crate::config::location::LocationConf;
use crate::config::main_conf::MainConf;
use crate::nginx::conf::{Logged, add_nameless_variable};
use crate::nginx::{layout, panic};
use crate::request::{header_filter, preflight, rewrite_phase, variables};

static MODULE_CONTEXT: ngx_http_module_t = ngx_http_module_t {
    preconfiguration: Some(preconfiguration),
    postconfiguration: Some(postconfiguration),
    create_main_conf: Some(Module::create_main_conf),
    init_main_conf: Some(init_main_conf),
    create_srv_conf: None,
    merge_srv_conf: None,
    create_loc_conf: Some(Module::create_loc_conf),
    merge_loc_conf: Some(merge_loc_conf),
};

/// The module.
#[allow(non_upper_case_globals)]
#[used]
#[cfg_attr(not(feature = "export-modules"), unsafe(no_mangle))]
pub static mut ngx_http_cors_policy_module: ngx_module_t = ngx_module_t {
    ctx: ptr::addr_of!(MODULE_CONTEXT).cast_mut().cast(),
    commands: ptr::addr_of_mut!(directives::COMMANDS).cast(),
    type_: NGX_HTTP_MODULE as ngx_uint_t,
    init_module: Some(init_module),
    init_process: Some(init_process),
    ..ngx_module_t::default()
};

/// The tables that `load_module` reads; nginx's own build generates them itself.
#[cfg(feature = "export-modules")]
#[allow(non_upper_case_globals, missing_docs)]
mod export {
    use core::ffi::c_char;
    use core::ptr;

    use nginx_sys::ngx_module_t;

    use crate::config::define::ngx_cors_policy_define_module;

    #[unsafe(no_mangle)]
    pub(crate) static mut ngx_modules: [*const ngx_module_t; 3] = [
        &raw const super::ngx_http_cors_policy_module,
        &raw const ngx_cors_policy_define_module,
        ptr::null(),
    ];

    #[unsafe(no_mangle)]
    pub(crate) static mut ngx_module_names: [*const c_char; 3] = [
        c"ngx_http_cors_policy_module".as_ptr(),
        c"ngx_cors_policy_define_module".as_ptr(),
        ptr::null(),
    ];

    /// nginx places the module before the first of its modules that this list names after it. Header
    /// filters run in the opposite order. So this one runs after `ngx_http_headers_filter_module`,
    /// third-party filters and all others that set response headers, and before those that serialize
    /// the response.
    #[unsafe(no_mangle)]
    pub(crate) static mut ngx_module_order: [*const c_char; 3] = [
        c"ngx_http_cors_policy_module".as_ptr(),
        c"ngx_http_range_header_filter_module".as_ptr(),
        ptr::null(),
    ];
}

/// The module, for the traits of `ngx`.
struct Module;

impl HttpModule for Module {
    fn module() -> &'static ngx_module_t {
        // SAFETY: nginx writes to the module only while it reads its configuration, in one thread.
        unsafe { &*Self::ptr() }
    }
}

// SAFETY: `create_main_conf` above makes a `MainConf`.
unsafe impl HttpModuleMainConf for Module {
    type MainConf = MainConf;
}

// SAFETY: `create_loc_conf` above makes a `LocationConf`.
unsafe impl HttpModuleLocationConf for Module {
    type LocationConf = LocationConf;
}

impl Module {
    fn ptr() -> *mut ngx_module_t {
        &raw mut ngx_http_cors_policy_module
    }
}

/// Checks, after all of `http` is read, that every referenced policy is defined. Adds the variable in
/// which requests remember their policy, and the shared memory.
unsafe extern "C" fn init_main_conf(cf: *mut ngx_conf_t, conf: *mut c_void) -> *mut c_char {
    // SAFETY: nginx passes a valid configuration and what `create_main_conf` made.
    let (cf, main) = unsafe { (&mut *cf, &mut *conf.cast::<MainConf>()) };
    let done = panic::catch(cf.log, || {
        main.policies.check_references(cf).map_err(|Logged| NGX_ERROR as ngx_int_t)?;
        if main.used {
            main.variable = Some(add_nameless_variable(cf)?);
        }
        // A policy that no location applies may have been applied before, and may be again.
        let has_counters = main.used || main.has_status || main.policies.count() > 0;
        if has_counters {
            main.policies.add_shared_zone(cf)?;
        }
        main.add_file_zone(cf)
    });
    match done {
        Some(Ok(())) => NGX_CONF_OK,
        _ => NGX_CONF_ERROR,
    }
}

/// Lets a location inherit from the block around it.
unsafe extern "C" fn merge_loc_conf(
    cf: *mut ngx_conf_t,
    prev: *mut c_void,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx passes a valid configuration and two that `create_loc_conf` made.
    let (cf, outer, location) =
        unsafe { (&*cf, &*prev.cast::<LocationConf>(), &mut *conf.cast::<LocationConf>()) };
    let Some(main) = Module::main_conf(cf) else { return NGX_CONF_ERROR };
    match panic::catch(cf.log, || location.merge(&main.policies, main.variable, outer)) {
        Some(()) => NGX_CONF_OK,
        None => NGX_CONF_ERROR,
    }
}

/// Starts to watch policy files, in each worker.
unsafe extern "C" fn init_process(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    // SAFETY: nginx passes the cycle that the worker serves requests with.
    let cycle = unsafe { &mut *cycle };
    let done = panic::catch(cycle.log, || {
        start_watching(cycle);
        Ok(())
    });
    status_of(done)
}

/// Starts to watch policy files, if this process serves requests. Helpers of nginx, such as the cache
/// manager, call `init_process` too.
fn start_watching(cycle: &mut ngx_cycle_t) {
    // SAFETY: plain data of this process.
    let process = unsafe { ngx_process };
    if ![NGX_PROCESS_WORKER, NGX_PROCESS_SINGLE].map(|it| it as ngx_uint_t).contains(&process) {
        return;
    }
    if let Some(main) = Module::main_conf_mut(cycle) {
        main.start_watching(cycle);
    }
}

/// Notes the cycle that nginx is about to use, also if it has no `http`.
unsafe extern "C" fn init_module(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    // SAFETY: nginx passes the cycle, which has the one before it.
    let (cycle, is_reload) = unsafe {
        let cycle = &mut *cycle;
        let is_reload = cycle.old_cycle.as_ref().is_some_and(|old| !old.conf_ctx.is_null());
        (cycle, is_reload)
    };
    // SAFETY: plain data of this process.
    let is_single = unsafe { ngx_process } == NGX_PROCESS_SINGLE as ngx_uint_t;
    let done = panic::catch(cycle.log, || {
        cycles::note_cycle(cycle)?;
        cycles::set_index(cycle);
        if Module::main_conf(cycle).is_some_and(|main| main.has_if) {
            rewrite_phase::install(cycle);
        }
        // Without a master process a reload starts no worker that would start to watch.
        if is_reload && is_single {
            start_watching(cycle);
        }
        Ok(())
    });
    status_of(done)
}

/// Starts to keep the messages of panics, and checks the layout of nginx's structs, before anything is
/// configured.
unsafe extern "C" fn preconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
    // SAFETY: nginx passes a valid configuration.
    let cf = unsafe { &mut *cf };
    panic::keep_messages();
    #[cfg(feature = "fail-points")]
    nginx::fail_points::announce(cf.log);
    let done = panic::catch(cf.log, || {
        layout::check_bits(cf).map_err(|Logged| NGX_ERROR as ngx_int_t)?;
        // SAFETY: the cycle that is being configured.
        cycles::note_cycle(unsafe { &*cf.cycle })
    });
    status_of(done)
}

/// Adds the variables, and installs the handlers and the filter if any location applies a policy.
unsafe extern "C" fn postconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
    // SAFETY: nginx passes a valid configuration.
    let cf = unsafe { &mut *cf };
    let Some(main) = Module::main_conf_mut(cf) else { return NGX_ERROR as ngx_int_t };
    let done = panic::catch(cf.log, || {
        variables::add(cf)?;
        if main.used { install(cf, main) } else { Ok(()) }
    });
    status_of(done)
}

/// The status that a callback returns to nginx, from what [`panic::catch`] returned.
fn status_of(done: Option<Result<(), ngx_int_t>>) -> ngx_int_t {
    match done {
        Some(Ok(())) => NGX_OK as ngx_int_t,
        Some(Err(status)) => status,
        None => NGX_ERROR as ngx_int_t,
    }
}

fn install(cf: &mut ngx_conf_t, main: &MainConf) -> Result<(), ngx_int_t> {
    // SAFETY: configurations of this `http`, which is merged by now.
    if main.servers.iter().any(|server| unsafe { &**server }.is_whole_server()) {
        let phase = ngx_http_phases_NGX_HTTP_SERVER_REWRITE_PHASE;
        add_handler(cf, phase, preflight::server_rewrite_handler)?;
    }
    add_handler(cf, ngx_http_phases_NGX_HTTP_REWRITE_PHASE, preflight::rewrite_handler)?;
    if main.needs_preaccess {
        add_handler(cf, ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, preflight::preaccess_handler)?;
    }
    if main.policies.may_refuse() {
        // Added after the other one, so nginx calls it first.
        add_handler(cf, ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, preflight::refused_handler)?;
    }
    cycles::add(cf)?;
    // SAFETY: `http` is being configured, in one thread.
    unsafe { header_filter::install() };
    Ok(())
}

/// Adds a handler to a phase. nginx calls it before those that were added earlier.
fn add_handler(
    cf: &ngx_conf_t,
    phase: ngx_http_phases,
    handler: unsafe extern "C" fn(*mut ngx_http_request_t) -> ngx_int_t,
) -> Result<(), ngx_int_t> {
    let core = NgxHttpCoreModule::main_conf_mut(cf).ok_or(NGX_ERROR as ngx_int_t)?;
    let handlers = &mut core.phases[phase as usize].handlers;
    // SAFETY: the array was made for `ngx_http_handler_pt`.
    let room = unsafe { ngx_array_push(handlers) }.cast::<ngx_http_handler_pt>();
    if room.is_null() {
        return Err(NGX_ERROR as ngx_int_t);
    }
    // SAFETY: room for one element.
    unsafe { room.write(Some(handler)) };
    Ok(())
}
