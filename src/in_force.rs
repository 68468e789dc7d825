//! Which policy is in force for a request, also after internal redirects.
//!
//! The policy in force is that of the last location on the request's way that has a setting of its
//! own; where none has, that of the first location. So the policy of the location that the client
//! asked for survives `error_page`, `try_files`, `index` and `X-Accel-Redirect`, unless the final
//! location says otherwise: a page must be able to read its errors.
//!
//! nginx clears the contexts of all modules on an internal redirect, but keeps the values of
//! indexed variables. So what is in force is remembered in the value of a variable whose name no
//! configuration can write; where the policy is known when the configuration is read, that costs
//! no allocation.

use core::ptr;
use std::sync::Arc;

use nginx_sys::{
    NGX_ERROR, NGX_HTTP_VAR_NOHASH, NGX_LOG_ERR, NGX_OK, ngx_conf_t, ngx_http_complex_value,
    ngx_http_complex_value_t, ngx_http_get_variable_index, ngx_http_request_t,
    ngx_http_variable_value_t, ngx_int_t, ngx_palloc, ngx_pool_cleanup_add, ngx_str_t,
};
use ngx::http::{HttpModuleLocationConf, HttpModuleMainConf};
use ngx::ngx_log_error;

use crate::conf::{Definition, LocationConf, MainConf, Setting};
use crate::ready::ReadyPolicy;
use crate::{Module, OutOfMemory, log_of, variables, watch};

/// The space keeps it out of reach of the configuration's `$name` and `${name}`.
const VARIABLE: &str = "cors_policy in force";

/// Reserves the variable.
pub(crate) fn reserve(cf: &mut ngx_conf_t, main: &mut MainConf) -> Result<(), ngx_int_t> {
    let mut name = ngx_str_t { len: VARIABLE.len(), data: VARIABLE.as_ptr().cast_mut() };
    let variable = variables::declare(cf, &mut name, NGX_HTTP_VAR_NOHASH)?;
    variable.get_handler = Some(never_asked);
    // SAFETY: called while `http` is being configured; the variable was just added.
    let index = unsafe { ngx_http_get_variable_index(cf, &mut name) };
    main.slot = Some(usize::try_from(index).map_err(|_| NGX_ERROR as ngx_int_t)?);
    Ok(())
}

/// nginx wants a variable to have this, though nothing asks for the value of this one.
unsafe extern "C" fn never_asked(
    _r: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    _data: usize,
) -> ngx_int_t {
    // SAFETY: nginx passes the value to fill in.
    unsafe { (*value).set_not_found(1) };
    NGX_OK as ngx_int_t
}

/// What a location puts in force.
///
/// It lives in the location's configuration, or, where variables name the policy or the policy can
/// be replaced, in the request's pool.
#[derive(Clone, Copy)]
pub(crate) struct InForce {
    location: *const LocationConf,
    definition: *const Definition,
    /// Null where there is no policy, and where it can be replaced and no request holds it yet.
    policy: *const ReadyPolicy,
    dry_run: bool,
    /// Whether it stays so while the request is in this location.
    is_settled: bool,
}

impl Default for InForce {
    fn default() -> Self {
        Self {
            location: ptr::null(),
            definition: ptr::null(),
            policy: ptr::null(),
            dry_run: false,
            is_settled: true,
        }
    }
}

impl InForce {
    pub(crate) fn new(location: &LocationConf, definition: Option<&Definition>) -> Self {
        let policy = definition.filter(|it| !it.is_watched).and_then(Definition::policy);
        Self {
            location,
            definition: definition.map_or(ptr::null(), ptr::from_ref),
            // The definition keeps it.
            policy: policy.map_or(ptr::null(), |policy| Arc::as_ptr(&policy)),
            dry_run: location.is_dry_run(),
            is_settled: true,
        }
    }

    /// Whether it is the same for every request.
    pub(crate) fn is_fixed(&self) -> bool {
        !self.policy.is_null() || self.definition.is_null()
    }

    /// The policy, if there is one.
    #[inline]
    pub(crate) fn get(&self) -> Option<Governed> {
        // SAFETY: null, or in the `MainConf` of the configuration that the request is served with,
        // which nginx frees after the last of its requests, or held by the request.
        let policy = unsafe { self.policy.as_ref()? };
        // SAFETY: as above; never null where there is a policy.
        let definition = unsafe { &*self.definition };
        Some(Governed { definition, policy, dry_run: self.dry_run })
    }

    /// Lets the request keep the policy as it is now, if it is one that can be replaced.
    fn hold(mut self, r: &ngx_http_request_t) -> Result<Self, OutOfMemory> {
        if self.is_fixed() {
            return Ok(self);
        }
        // SAFETY: not null, for what is not fixed has a definition; otherwise as in `get`.
        let policy = unsafe { &*self.definition }.policy();
        let Some(policy) = policy else { return Ok(self) };
        // SAFETY: a request has a pool, whose cleanup handlers run when the request is freed.
        let cleanup = unsafe { ngx_pool_cleanup_add(r.pool, 0).as_mut() }.ok_or(OutOfMemory)?;
        self.policy = Arc::into_raw(policy);
        cleanup.handler = Some(watch::release);
        cleanup.data = self.policy.cast_mut().cast();
        Ok(self)
    }
}

/// The policy that is in force for a request.
#[derive(Clone, Copy)]
pub(crate) struct Governed {
    pub(crate) definition: &'static Definition,
    pub(crate) policy: &'static ReadyPolicy,
    /// Whether the policy is tried out only: `cors_policy_dry_run`.
    pub(crate) dry_run: bool,
}

/// Where a request remembers what is in force: the value of the variable.
struct Slot<'r>(&'r mut ngx_http_variable_value_t);

impl<'r> Slot<'r> {
    #[inline]
    fn of(r: &'r ngx_http_request_t, here: &LocationConf) -> Option<Self> {
        // SAFETY: every request has a value for each index that its configuration handed out, apart
        // from the request itself; nothing else knows this one, and none of these outlives a use.
        Some(Self(unsafe { &mut *r.variables.add(here.slot?) }))
    }

    /// Null where nothing is remembered: nginx makes the values of a request all zero.
    #[inline]
    fn get(&self) -> *const InForce {
        self.0.data.cast::<InForce>().cast_const()
    }

    #[inline]
    fn set(&mut self, in_force: *const InForce) {
        self.0.data = in_force.cast_mut().cast();
    }

    /// What is remembered, if it is in force `here` too and stays so.
    #[inline]
    fn known(&self, here: &LocationConf) -> Option<&'r InForce> {
        // SAFETY: null, or what `set` stored, which lives as long as the request.
        let known = unsafe { self.get().as_ref() }?;
        let is_here = ptr::eq(known.location, here);
        (if is_here { known.is_settled } else { !here.own }).then_some(known)
    }

    /// The length of the value has no other meaning than this.
    fn is_refused(&self) -> bool {
        self.0.len() != 0
    }

    fn set_refused(&mut self) {
        self.0.set_len(1);
    }
}

/// Whether `r` was not refused before; from now on it is.
///
/// A page about the error is served by another pass through the phases, which must not end in the
/// same error again.
pub(crate) fn refuse(r: &ngx_http_request_t) -> bool {
    let Some(mut slot) = Module::location_conf(r).and_then(|here| Slot::of(r, here)) else {
        return true;
    };
    let first = !slot.is_refused();
    slot.set_refused();
    first
}

/// Notes that the main request `r` has come to a location where no `if` and no variables decide;
/// gives the policy that is in force there.
///
/// `None` where there is more to find out, by [`enter`].
#[inline]
pub(crate) fn enter_fixed(r: &ngx_http_request_t) -> Option<Option<Governed>> {
    let here = Module::location_conf(r)?;
    let mut slot = Slot::of(r, here)?;
    if here.is_fixed && (here.own || slot.get().is_null()) {
        slot.set(&here.in_force);
        return Some(here.in_force.get());
    }
    // Nothing was put in force here, or before.
    (here.setting == Setting::Unset && slot.get().is_null()).then_some(None)
}

/// Notes that the main request `r` has come to a location, or that variables may have got values
/// there.
pub(crate) fn enter(r: &mut ngx_http_request_t) -> Result<(), OutOfMemory> {
    let Some(here) = Module::location_conf(r) else { return Ok(()) };
    if here.setting == Setting::Unset {
        return Ok(());
    }
    let Some(mut slot) = Slot::of(r, here) else { return Ok(()) };
    if slot.known(here).is_some() {
        return Ok(());
    }
    if here.is_fixed {
        slot.set(&here.in_force);
        return Ok(());
    }
    let in_force = find(r, here)?;
    // SAFETY: a request has a pool.
    let room = unsafe { ngx_palloc(r.pool, size_of::<InForce>()) }.cast::<InForce>();
    if room.is_null() {
        return Err(OutOfMemory);
    }
    // SAFETY: there is room for it, aligned as `ngx_palloc` aligns.
    unsafe { room.write(in_force) };
    if let Some(mut slot) = Slot::of(r, here) {
        slot.set(room);
    }
    Ok(())
}

/// What a location puts in force for this request.
fn find(r: &mut ngx_http_request_t, here: &LocationConf) -> Result<InForce, OutOfMemory> {
    if here.name.is_null() {
        return here.in_force.hold(r);
    }
    let (definition, is_settled) = match named(r, here.name) {
        Name::Policy(definition) => (Some(definition), true),
        Name::None => (None, true),
        Name::Empty => (None, false),
    };
    InForce { is_settled, ..InForce::new(here, definition) }.hold(r)
}

/// What is in force for the main request `r`, if there is nothing to find out for that.
#[inline]
pub(crate) fn get_known(r: &ngx_http_request_t) -> Option<&InForce> {
    let here = Module::location_conf(r)?;
    let slot = Slot::of(r, here)?;
    // Mostly it is what this location puts in force for every request.
    if ptr::eq(slot.get(), &here.in_force) { Some(&here.in_force) } else { slot.known(here) }
}

/// The policy in force for the main request `r`.
#[inline]
pub(crate) fn get(r: &mut ngx_http_request_t) -> Result<Option<Governed>, OutOfMemory> {
    match get_known(r) {
        Some(in_force) => Ok(in_force.get()),
        None => find_now(r),
    }
}

/// As [`get`], where the request did not come to its location through the rewrite phase, or
/// variables had no values then.
#[cold]
fn find_now(r: &mut ngx_http_request_t) -> Result<Option<Governed>, OutOfMemory> {
    let Some(here) = Module::location_conf(r) else { return Ok(None) };
    if here.slot.is_none() {
        return Ok(None);
    }
    Ok(find(r, here)?.get())
}

/// What variables name.
enum Name {
    Policy(&'static Definition),
    /// `off`, or no policy that there is.
    None,
    /// Nothing, or nothing yet: `set` in the location gives a variable its value at the end of the
    /// rewrite phase.
    Empty,
}

fn named(r: &mut ngx_http_request_t, value: *mut ngx_http_complex_value_t) -> Name {
    let mut name = ngx_str_t::empty();
    // SAFETY: the value was compiled for this configuration.
    if unsafe { ngx_http_complex_value(r, value, &mut name) } != NGX_OK as ngx_int_t {
        return Name::None;
    }
    let name = match name.as_bytes() {
        b"" => return Name::Empty,
        b"off" => return Name::None,
        name => name,
    };
    let policy =
        core::str::from_utf8(name).ok().and_then(|name| Module::main_conf(r)?.policy(name));
    match policy {
        Some(policy) => Name::Policy(policy),
        None => {
            ngx_log_error!(
                NGX_LOG_ERR,
                log_of(r),
                "unknown CORS policy \"{}\"",
                name.escape_ascii()
            );
            Name::None
        }
    }
}
