//! `ngx_http_cors_policy_module`: CORS for nginx, from declared and validated policies.
//!
//! A request's way through the module: [`preflight`] answers an `OPTIONS` that is a preflight,
//! [`header_filter`] writes into every response what the policy that is [`in_force`] decides. What
//! a policy is and how it decides is in the crate `cors-policy`, which knows nothing of nginx; here
//! is what moves its decisions in and out.

mod conf;
mod conf_ext;
mod configurations;
mod context;
mod cors_request;
mod counters;
mod define;
mod directives;
mod fail_points;
mod guard;
mod header_filter;
mod headers_out;
mod in_force;
mod layout;
mod preflight;
mod ready;
mod shared_zone;
mod status;
mod variables;
mod watch;

use core::ffi::{c_char, c_void};
use core::ptr;

use nginx_sys::{
    NGX_ERROR, NGX_HTTP_MODULE, NGX_OK, NGX_PROCESS_SINGLE, ngx_array_push, ngx_conf_t,
    ngx_cycle_t, ngx_http_handler_pt, ngx_http_module_t, ngx_http_phases,
    ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, ngx_http_phases_NGX_HTTP_REWRITE_PHASE,
    ngx_http_phases_NGX_HTTP_SERVER_REWRITE_PHASE, ngx_http_request_t, ngx_int_t, ngx_log_t,
    ngx_module_t, ngx_process, ngx_uint_t,
};
use ngx::core::{NGX_CONF_ERROR, NGX_CONF_OK};
use ngx::http::{HttpModule, HttpModuleLocationConf, HttpModuleMainConf, NgxHttpCoreModule};

use crate::conf::{LocationConf, MainConf, Rejected};

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

/// What nginx knows the module by.
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

    #[unsafe(no_mangle)]
    pub(crate) static mut ngx_modules: [*const ngx_module_t; 3] = [
        &raw const super::ngx_http_cors_policy_module,
        &raw const crate::define::ngx_cors_policy_define_module,
        ptr::null(),
    ];

    #[unsafe(no_mangle)]
    pub(crate) static mut ngx_module_names: [*const c_char; 3] = [
        c"ngx_http_cors_policy_module".as_ptr(),
        c"ngx_cors_policy_define_module".as_ptr(),
        ptr::null(),
    ];

    /// nginx places the module before the first of its modules that is named here after it. Header
    /// filters run in the opposite order, so this one runs after all that set headers of a
    /// response, `ngx_http_headers_filter_module` and third-party filters among them, and before
    /// the ones that only serialize it.
    #[unsafe(no_mangle)]
    pub(crate) static mut ngx_module_order: [*const c_char; 3] = [
        c"ngx_http_cors_policy_module".as_ptr(),
        c"ngx_http_range_header_filter_module".as_ptr(),
        ptr::null(),
    ];
}

/// The request's pool has no memory left.
struct OutOfMemory;

/// The module as the traits of `ngx` know it.
struct Module;

impl HttpModule for Module {
    fn module() -> &'static ngx_module_t {
        // SAFETY: nginx writes to the module only while it loads its configuration, in one thread.
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

/// Where nginx logs what concerns a request.
#[inline]
fn log_of(r: &ngx_http_request_t) -> *mut ngx_log_t {
    // SAFETY: a request has a connection, and that a log.
    unsafe { (*r.connection).log }
}

/// Checks, when all of `http` is read, that the policies that are used are defined, and makes room
/// for what requests remember, and for the counters.
unsafe extern "C" fn init_main_conf(cf: *mut ngx_conf_t, conf: *mut c_void) -> *mut c_char {
    // SAFETY: nginx passes a valid configuration and what `create_main_conf` made.
    let (cf, main) = unsafe { (&mut *cf, &mut *conf.cast::<MainConf>()) };
    let done = guard::catch(cf.log, || {
        main.policies.check_uses(cf).map_err(|Rejected| NGX_ERROR as ngx_int_t)?;
        if main.used {
            in_force::reserve(cf, main)?;
        }
        // Policies that are not in force anywhere may have been, and may be again.
        let has_counters = main.used || main.has_status || main.policies.count() > 0;
        if has_counters { shared_zone::add(cf, main) } else { Ok(()) }
    });
    match done {
        Some(Ok(())) => NGX_CONF_OK,
        _ => NGX_CONF_ERROR,
    }
}

/// Lets a location inherit from what is around it.
unsafe extern "C" fn merge_loc_conf(
    cf: *mut ngx_conf_t,
    prev: *mut c_void,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx passes a valid configuration and two that `create_loc_conf` made.
    let (cf, outer, location) =
        unsafe { (&*cf, &*prev.cast::<LocationConf>(), &mut *conf.cast::<LocationConf>()) };
    let Some(main) = Module::main_conf(cf) else { return NGX_CONF_ERROR };
    match guard::catch(cf.log, || location.merge(main, outer)) {
        Some(()) => NGX_CONF_OK,
        None => NGX_CONF_ERROR,
    }
}

/// Begins to watch policy files, in each worker.
unsafe extern "C" fn init_process(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    // SAFETY: nginx passes the cycle that the worker serves requests with.
    let cycle = unsafe { &mut *cycle };
    match guard::catch(cycle.log, || watch::start(cycle)) {
        Some(()) => NGX_OK as ngx_int_t,
        None => NGX_ERROR as ngx_int_t,
    }
}

/// Notes the cycle that nginx is about to use, also where it is without `http`.
unsafe extern "C" fn init_module(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    // SAFETY: nginx passes the cycle, which has the one before it.
    let (cycle, is_reload) = unsafe {
        let cycle = &mut *cycle;
        let is_reload = cycle.old_cycle.as_ref().is_some_and(|old| !old.conf_ctx.is_null());
        (cycle, is_reload)
    };
    // SAFETY: plain data of this process.
    let is_single = unsafe { ngx_process } == NGX_PROCESS_SINGLE as ngx_uint_t;
    let done = guard::catch(cycle.log, || {
        configurations::note_cycle(cycle)?;
        configurations::number(cycle);
        // Without a master process a reload starts no worker, which would begin to watch.
        if is_reload && is_single {
            watch::start(cycle);
        }
        Ok(())
    });
    match done {
        Some(Ok(())) => NGX_OK as ngx_int_t,
        Some(Err(rc)) => rc,
        None => NGX_ERROR as ngx_int_t,
    }
}

/// Prepares for messages of panics, before anything is configured.
unsafe extern "C" fn preconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
    // SAFETY: nginx passes a valid configuration.
    let cf = unsafe { &mut *cf };
    guard::keep_messages();
    #[cfg(feature = "fail-points")]
    fail_points::announce(cf.log);
    let done = guard::catch(cf.log, || {
        layout::check_bits(cf).map_err(|Rejected| NGX_ERROR as ngx_int_t)?;
        // SAFETY: the cycle that is being configured.
        configurations::note_cycle(unsafe { &*cf.cycle })
    });
    match done {
        Some(Ok(())) => NGX_OK as ngx_int_t,
        Some(Err(rc)) => rc,
        None => NGX_ERROR as ngx_int_t,
    }
}

/// Adds the variables, and puts the module into the way of requests, where any policy is in force.
unsafe extern "C" fn postconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
    // SAFETY: nginx passes a valid configuration.
    let cf = unsafe { &mut *cf };
    let Some(main) = Module::main_conf_mut(cf) else { return NGX_ERROR as ngx_int_t };
    let done = guard::catch(cf.log, || {
        variables::add(cf)?;
        if main.used { install(cf, main) } else { Ok(()) }
    });
    match done {
        Some(Ok(())) => NGX_OK as ngx_int_t,
        Some(Err(rc)) => rc,
        None => NGX_ERROR as ngx_int_t,
    }
}

fn install(cf: &mut ngx_conf_t, main: &MainConf) -> Result<(), ngx_int_t> {
    // SAFETY: configurations of this `http`, which are merged by now.
    if main.servers.iter().any(|server| unsafe { &**server }.is_whole_server()) {
        let phase = ngx_http_phases_NGX_HTTP_SERVER_REWRITE_PHASE;
        add_handler(cf, phase, preflight::server_rewrite_handler)?;
    }
    add_handler(cf, ngx_http_phases_NGX_HTTP_REWRITE_PHASE, preflight::rewrite_handler)?;
    if main.is_late {
        add_handler(cf, ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, preflight::preaccess_handler)?;
    }
    if main.policies.may_refuse() {
        // After the other one, so that nginx calls it first.
        add_handler(cf, ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, preflight::refused_handler)?;
    }
    configurations::add(cf)?;
    // SAFETY: `http` is being configured, in one thread.
    unsafe { header_filter::install() };
    Ok(())
}

/// Makes a function handle every request in a phase, before the functions that were added earlier.
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
