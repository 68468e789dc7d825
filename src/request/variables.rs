//! The variables `$cors_policy`, `$cors_decision`, `$cors_allow_origin` and `$cors_change`.

use core::ptr;

use cors_policy::FieldValue;
use nginx_sys::{
    NGX_ERROR, NGX_HTTP_VAR_CHANGEABLE, NGX_HTTP_VAR_NOCACHEABLE, NGX_OK, ngx_conf_t,
    ngx_hash_key_t, ngx_http_add_variable, ngx_http_request_t, ngx_http_variable_value_t,
    ngx_int_t, ngx_str_t, ngx_uint_t,
};
use ngx::http::{HttpModuleMainConf, NgxHttpCoreModule};

use super::context::Failure;
use super::cors_request::CorsRequest;
use super::effective_policy::{self, AppliedPolicy};
use super::{dry_run, origin_check};
use crate::nginx::headers_in::headers_in;
use crate::nginx::headers_out::str_of;
use crate::nginx::request_bits::{self, OutOfMemory, log_of};
use crate::nginx::{fail_points, panic};

/// Computes the value of a variable, for a request that a policy applies to.
type Value = fn(&ngx_http_request_t, AppliedPolicy<'_>, &CorsRequest<'_>) -> ngx_str_t;

const VARIABLES: [(&str, Value); 4] = [
    ("cors_policy", |_, applied, _| str_of(applied.responses.name().as_bytes())),
    ("cors_decision", |r, applied, request| {
        str_of(origin_check::decide(r, applied, request).decision().as_str().as_bytes())
    }),
    ("cors_allow_origin", |r, applied, request| {
        match origin_check::decide(r, applied, request).allow_origin() {
            _ if applied.is_dry_run() => ngx_str_t::empty(),
            Some(FieldValue::Ready(value)) => str_of(value),
            Some(FieldValue::EchoOrigin) => request.origin.value().unwrap_or_default(),
            Some(FieldValue::EchoMethod | FieldValue::EchoHeaders) | None => ngx_str_t::empty(),
        }
    }),
    ("cors_change", |r, applied, request| {
        // Before that, the response is not known.
        if !applied.is_dry_run() || !request_bits::header_sent(r) {
            return ngx_str_t::empty();
        }
        let change = dry_run::change(r, applied, request);
        change.map_or(ngx_str_t::empty(), |change| str_of(change.as_str().as_bytes()))
    }),
];

/// Adds each variable, unless the configuration already has one of that name.
///
/// Must be called after all of `http` is read. nginx resolves the names in the configuration after
/// that. Added earlier, the module's variables would keep directives from defining their own.
///
/// # Errors
///
/// `NGX_ERROR` if nginx cannot add one.
pub(crate) fn add(cf: &mut ngx_conf_t) -> Result<(), ngx_int_t> {
    for (index, (name, _)) in VARIABLES.iter().enumerate() {
        if is_taken(cf, name) {
            continue;
        }
        let mut name = str_of(name.as_bytes());
        // Not cacheable: the decision can change with an internal redirect. Changeable: another module
        // that adds a variable of this name even later gets the name.
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

/// Whether the configuration has a variable of this name, in any case, from any directive.
fn is_taken(cf: &ngx_conf_t, name: &str) -> bool {
    let Some(core) = NgxHttpCoreModule::main_conf(cf) else { return false };
    // SAFETY: nginx makes the table before it reads `http`, and keeps it until all variables are
    // known. It is an array of `ngx_hash_key_t`, whose keys are names.
    let keys: &[ngx_hash_key_t] =
        unsafe { core.variables_keys.as_ref().map_or(&[], |table| table.keys.as_slice()) };
    keys.iter().any(|key| key.key.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
}

/// The handler of the variable with the index `data` in `VARIABLES`.
unsafe extern "C" fn get(
    r: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    data: usize,
) -> ngx_int_t {
    // SAFETY: nginx passes a valid request, which has a main request, and the value to fill in.
    // In a subrequest, the variables are those of its main request.
    let (r, value) = unsafe { (&mut *(*r).main, &mut *value) };

    // After a panic, the request ends with an error anyway.
    if Failure::of(r).is_some() {
        return NGX_ERROR as ngx_int_t;
    }
    let found = panic::catch(log_of(r), || {
        fail_points::in_request(r, "variable handler");
        // SAFETY: the request lasts longer than this call, in which its headers do not change.
        let (policy, headers_in) = unsafe { (effective_policy::policy(r), headers_in(r)) };
        match policy {
            Ok(Some(applied)) => {
                VARIABLES[data].1(r, applied, &CorsRequest::of(r.method, headers_in))
            }
            Ok(None) | Err(OutOfMemory) => ngx_str_t::empty(),
        }
    });
    let Some(found) = found else {
        // nginx continues as if the variable were empty; the header filter makes this an error.
        Failure::Unanswered.note(r);
        return NGX_ERROR as ngx_int_t;
    };

    value.set_valid(1);
    value.set_no_cacheable(0);
    value.set_not_found(0);
    // The length of a value has 28 bits, far more than a request header needs.
    value.set_len(found.len as u32);
    value.data = if found.is_empty() { ptr::null_mut() } else { found.data };
    NGX_OK as ngx_int_t
}
