//! The variables: what is in force for a request, and what was decided.

use core::ptr;

use cors_policy::FieldValue;
use nginx_sys::{
    NGX_ERROR, NGX_HTTP_VAR_CHANGEABLE, NGX_HTTP_VAR_NOCACHEABLE, NGX_OK, ngx_conf_t,
    ngx_hash_key_t, ngx_http_add_variable, ngx_http_request_t, ngx_http_variable_value_t,
    ngx_int_t, ngx_str_t, ngx_uint_t,
};
use ngx::http::{HttpModuleMainConf, NgxHttpCoreModule};

use crate::context::Failure;
use crate::cors_request::{CorsRequest, headers_in};
use crate::headers_out::str_of;
use crate::in_force::Governed;
use crate::{OutOfMemory, fail_points, guard, in_force};

/// Finds the value of a variable, for a request that a policy is in force for.
type Value = fn(Governed<'_>, &CorsRequest<'_>) -> ngx_str_t;

const VARIABLES: [(&str, Value); 3] = [
    ("cors_policy", |governed, _| str_of(governed.responses.name().as_bytes())),
    ("cors_decision", |governed, request| {
        str_of(governed.decide(request).decision().as_str().as_bytes())
    }),
    ("cors_allow_origin", |governed, request| match governed.decide(request).allow_origin() {
        _ if governed.dry_run => ngx_str_t::empty(),
        Some(FieldValue::Ready(value)) => str_of(value),
        Some(FieldValue::Origin) => request.origin.value().unwrap_or_default(),
        Some(FieldValue::RequestMethod | FieldValue::RequestHeaders) | None => ngx_str_t::empty(),
    }),
];

/// Adds each variable that the configuration has not.
///
/// To be called when all of `http` has been read: nginx finds out what a name in the configuration
/// stands for after that, and would let no directive have a name that the module has already.
pub(crate) fn add(cf: &mut ngx_conf_t) -> Result<(), ngx_int_t> {
    for (index, (name, _)) in VARIABLES.iter().enumerate() {
        if is_taken(cf, name) {
            continue;
        }
        let mut name = str_of(name.as_bytes());
        // What is decided can change on the way of a request, with an internal redirect. A module
        // that adds its own only now gets the name.
        let flags = NGX_HTTP_VAR_NOCACHEABLE | NGX_HTTP_VAR_CHANGEABLE;
        // SAFETY: called while `http` is being configured; nginx copies the name, and gives null or
        // the variable, which is in the configuration's pool.
        let variable =
            unsafe { ngx_http_add_variable(cf, &mut name, flags as ngx_uint_t).as_mut() };
        let variable = variable.ok_or(NGX_ERROR as ngx_int_t)?;
        variable.get_handler = Some(get);
        variable.data = index;
    }
    Ok(())
}

/// Whether the configuration has a variable of this name, in any case, from whatever directive.
fn is_taken(cf: &ngx_conf_t, name: &str) -> bool {
    let Some(core) = NgxHttpCoreModule::main_conf(cf) else { return false };
    // SAFETY: nginx makes the table before it reads `http`, and has it until all variables are known;
    // it is an array of `ngx_hash_key_t`, whose keys are names.
    let keys: &[ngx_hash_key_t] =
        unsafe { core.variables_keys.as_ref().map_or(&[], |table| table.keys.as_slice()) };
    keys.iter().any(|key| key.key.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
}

/// Gives the value of the variable whose index in `VARIABLES` is `data`.
unsafe extern "C" fn get(
    r: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    data: usize,
) -> ngx_int_t {
    // SAFETY: nginx passes a valid request, which has a main request, and the value to fill in.
    // A subrequest speaks of the request that it is a part of.
    let (r, value) = unsafe { (&mut *(*r).main, &mut *value) };

    // One panic a request is enough.
    if Failure::of(r).is_some() {
        return NGX_ERROR as ngx_int_t;
    }
    let found = guard::catch_request(r, |r| {
        fail_points::in_request(r, "variable handler");
        match in_force::get(r) {
            Ok(Some(governed)) => {
                VARIABLES[data].1(governed, &CorsRequest::of(r.method, headers_in(r)))
            }
            Ok(None) | Err(OutOfMemory) => ngx_str_t::empty(),
        }
    });
    let Some(found) = found else {
        // For nginx the variable is empty now, and the request goes on.
        Failure::Unanswered.note(r);
        return NGX_ERROR as ngx_int_t;
    };

    value.set_valid(1);
    value.set_no_cacheable(0);
    value.set_not_found(0);
    // The length of a value has 28 bits; that of a request header is far below.
    value.set_len(found.len as u32);
    value.data = if found.is_empty() { ptr::null_mut() } else { found.data };
    NGX_OK as ngx_int_t
}
