//! The directives.

use core::ffi::{c_char, c_void};
use core::mem::offset_of;
use core::ptr;

use nginx_sys::{
    NGX_CONF_BLOCK, NGX_CONF_NOARGS, NGX_CONF_TAKE1, NGX_CONF_TAKE2, NGX_HTTP_LIF_CONF,
    NGX_HTTP_LOC_CONF, NGX_HTTP_LOC_CONF_OFFSET, NGX_HTTP_MAIN_CONF, NGX_HTTP_MAIN_CONF_OFFSET,
    NGX_HTTP_SRV_CONF, ngx_command_t, ngx_conf_t, ngx_http_set_complex_value_slot, ngx_msec_t,
    ngx_parse_time, ngx_str_t, ngx_uint_t,
};
use ngx::core::{NGX_CONF_ERROR, NGX_CONF_OK};
use ngx::http::{HttpModuleLocationConf, HttpModuleMainConf, NgxHttpCoreModule};

use crate::config::define;
use crate::config::location::{Block, DryRun, LocationConf, Setting, StatusPage};
use crate::config::main_conf::MainConf;
use crate::nginx::conf::{ConfExt, Logged};
use crate::nginx::panic;
use crate::{Module, status};

pub(crate) static mut COMMANDS: [ngx_command_t; 6] = [
    ngx_command_t {
        name: ngx::ngx_string!("cors_policy_file"),
        type_: (NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1 | NGX_CONF_TAKE2) as ngx_uint_t,
        set: Some(cmd_cors_policy_file),
        conf: NGX_HTTP_MAIN_CONF_OFFSET,
        offset: 0,
        post: ptr::null_mut(),
    },
    ngx_command_t {
        name: ngx::ngx_string!("cors_policy_define"),
        type_: (NGX_HTTP_MAIN_CONF | NGX_CONF_BLOCK | NGX_CONF_TAKE1) as ngx_uint_t,
        set: Some(cmd_cors_policy_define),
        conf: NGX_HTTP_MAIN_CONF_OFFSET,
        offset: 0,
        post: ptr::null_mut(),
    },
    ngx_command_t {
        name: ngx::ngx_string!("cors_policy"),
        type_: (NGX_HTTP_MAIN_CONF
            | NGX_HTTP_SRV_CONF
            | NGX_HTTP_LOC_CONF
            | NGX_HTTP_LIF_CONF
            | NGX_CONF_TAKE1) as ngx_uint_t,
        set: Some(cmd_cors_policy),
        conf: NGX_HTTP_LOC_CONF_OFFSET,
        offset: offset_of!(LocationConf, name),
        post: ptr::null_mut(),
    },
    ngx_command_t {
        name: ngx::ngx_string!("cors_policy_dry_run"),
        type_: (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1)
            as ngx_uint_t,
        set: Some(cmd_cors_policy_dry_run),
        conf: NGX_HTTP_LOC_CONF_OFFSET,
        offset: offset_of!(LocationConf, dry_run_value),
        post: ptr::null_mut(),
    },
    ngx_command_t {
        name: ngx::ngx_string!("cors_policy_status"),
        type_: (NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE1) as ngx_uint_t,
        set: Some(cmd_cors_policy_status),
        conf: NGX_HTTP_LOC_CONF_OFFSET,
        offset: 0,
        post: ptr::null_mut(),
    },
    ngx_command_t::empty(),
];

/// The `cors_policy_file path [watch=time]` directive.
extern "C" fn cmd_cors_policy_file(
    cf: *mut ngx_conf_t,
    _cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx calls with a valid configuration, and with what `create_main_conf` made,
    // because the command's `conf` says so.
    let (cf, main) = unsafe { (&mut *cf, &mut *conf.cast::<MainConf>()) };
    directive(cf, |cf| {
        let path = argument(cf);
        if path.is_empty() {
            return Err(cf.reject("the path of \"cors_policy_file\" is empty, name a YAML file"));
        }
        let watch = match cf.words().get(2).copied() {
            Some(parameter) => Some(interval(cf, parameter)?),
            None => None,
        };
        let path = cf.path(path).ok_or(NGX_CONF_ERROR)?;
        main.load(cf, &path, watch).map_err(|Logged| NGX_CONF_ERROR)
    })
}

/// The parameter `watch=time` in milliseconds.
fn interval(cf: &mut ngx_conf_t, parameter: ngx_str_t) -> Result<ngx_msec_t, *mut c_char> {
    if let Some(mut time) = parameter.strip_prefix("watch=") {
        // SAFETY: the time is part of the parameter.
        let time = unsafe { ngx_parse_time(&mut time, 0) };
        if let Ok(time @ 1..) = ngx_msec_t::try_from(time) {
            return Ok(time);
        }
    }
    Err(cf.reject(format_args!(
        "invalid parameter \"{parameter}\", write how often to look at the file, as in \"watch=5s\""
    )))
}

/// The `cors_policy_define name { … }` block.
extern "C" fn cmd_cors_policy_define(
    cf: *mut ngx_conf_t,
    _cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: as in `cmd_cors_policy_file`.
    let (cf, main) = unsafe { (&mut *cf, &mut *conf.cast::<MainConf>()) };
    directive(cf, |cf| {
        let name = argument(cf);
        define::read(cf, &mut main.policies, name)
    })
}

/// The `cors_policy name | $variable | off` directive.
extern "C" fn cmd_cors_policy(
    cf: *mut ngx_conf_t,
    cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx calls with a valid configuration, and with what `create_loc_conf` made,
    // because the command's `conf` says so.
    let (cf, location) = unsafe { (&mut *cf, &mut *conf.cast::<LocationConf>()) };
    directive(cf, |cf| {
        let name = argument(cf);
        if location.setting != Setting::Unset {
            return Err(c"is duplicate".as_ptr().cast_mut());
        }
        let main = Module::main_conf_mut(cf).ok_or(NGX_CONF_ERROR)?;
        location.setting = match name.to_str() {
            Ok("off") => Setting::Off,
            Ok("") => {
                return Err(
                    cf.reject("the name of the CORS policy is empty, write \"off\" for none")
                );
            }
            Ok(name) if name.contains('$') => {
                // SAFETY: the command's `offset` is that of `LocationConf::name`.
                match unsafe { ngx_http_set_complex_value_slot(cf, cmd, conf) } {
                    NGX_CONF_OK => Setting::Variable,
                    error => return Err(error),
                }
            }
            Ok(name) => Setting::Named(main.policies.add_reference(cf, name)),
            Err(_) => return Err(cf.reject(format_args!("\"{name}\" cannot name a CORS policy"))),
        };
        location.block = Block::of(cf);
        if location.block == Block::Server {
            main.servers.push(location);
        }
        main.has_if |= location.block == Block::If;
        main.used |= location.setting != Setting::Off;
        main.needs_preaccess |=
            location.block == Block::If || location.setting == Setting::Variable;
        Ok(())
    })
}

/// The `cors_policy_dry_run on | off | $variable` directive.
extern "C" fn cmd_cors_policy_dry_run(
    cf: *mut ngx_conf_t,
    cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: as in `cmd_cors_policy`.
    let (cf, location) = unsafe { (&mut *cf, &mut *conf.cast::<LocationConf>()) };
    directive(cf, |cf| {
        let value = argument(cf);
        if location.dry_run != DryRun::Unset {
            return Err(c"is duplicate".as_ptr().cast_mut());
        }
        let main = Module::main_conf_mut(cf).ok_or(NGX_CONF_ERROR)?;
        location.dry_run = match value.as_bytes() {
            // As `ngx_conf_set_flag_slot` compares.
            on if on.eq_ignore_ascii_case(b"on") => DryRun::On,
            off if off.eq_ignore_ascii_case(b"off") => DryRun::Off,
            text if text.contains(&b'$') => {
                // SAFETY: the command's `offset` is that of `LocationConf::dry_run_value`.
                match unsafe { ngx_http_set_complex_value_slot(cf, cmd, conf) } {
                    NGX_CONF_OK => DryRun::Variable,
                    error => return Err(error),
                }
            }
            _ => {
                return Err(cf.reject(format_args!(
                    "invalid value \"{value}\" in \"cors_policy_dry_run\", write \"on\", \"off\" or a variable"
                )));
            }
        };
        main.needs_preaccess |= location.dry_run == DryRun::Variable;
        Ok(())
    })
}

/// The `cors_policy_status [origins=on | off]` directive.
extern "C" fn cmd_cors_policy_status(
    cf: *mut ngx_conf_t,
    _cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: as in `cmd_cors_policy`.
    let (cf, location) = unsafe { (&mut *cf, &mut *conf.cast::<LocationConf>()) };
    directive(cf, |cf| {
        let shows_origins = match cf.words().get(1).map(ngx_str_t::as_bytes) {
            None | Some(b"origins=on") => true,
            Some(b"origins=off") => false,
            Some(_) => {
                let value = argument(cf);
                return Err(cf.reject(format_args!(
                    "invalid parameter \"{value}\" of \"cors_policy_status\", write \"origins=on\" or \
                     \"origins=off\""
                )));
            }
        };
        if location.status.is_some() {
            return Err(c"is duplicate".as_ptr().cast_mut());
        }
        location.status = Some(StatusPage { shows_origins });
        let core = NgxHttpCoreModule::location_conf_mut(cf).ok_or(NGX_CONF_ERROR)?;
        core.handler = Some(status::handler);
        let main = Module::main_conf_mut(cf).ok_or(NGX_CONF_ERROR)?;
        main.has_status = true;
        Ok(())
    })
}

/// The first argument of the directive that `cf` is at, which takes at least one.
fn argument(cf: &ngx_conf_t) -> ngx_str_t {
    cf.words()[1]
}

/// Runs `handle` for the directive that `cf` is at.
fn directive(
    cf: &mut ngx_conf_t,
    handle: impl FnOnce(&mut ngx_conf_t) -> Result<(), *mut c_char>,
) -> *mut c_char {
    match panic::catch(cf.log, || handle(cf)) {
        Some(Ok(())) => NGX_CONF_OK,
        Some(Err(error)) => error,
        None => NGX_CONF_ERROR,
    }
}
