//! Which policy is in force for a request, also after internal redirects.
//!
//! The policy in force is that of the last location on the request's way that has a setting of its
//! own; where none has, that of the first location. So the policy of the location that the client
//! asked for survives `error_page`, `try_files`, `index` and `X-Accel-Redirect`, unless the final
//! location says otherwise: a page must be able to read its errors.
//!
//! nginx clears the contexts of all modules on an internal redirect, but keeps the values of
//! indexed variables. So what is in force is remembered in the value of a variable without a name,
//! which no configuration can write; where the policy is known when the configuration is read, that
//! costs no allocation.
//!
//! Where the policy can be replaced while the request lasts, the policy decides at once, and the
//! request keeps the decision and what is sent for it. It never keeps the list of origins: a
//! download that lasts for hours would keep every version of it.

use core::ffi::c_void;
use core::{ptr, slice};
use std::sync::Arc;

use cors_policy::{Answer, Decision, KeptAnswer, OriginHeader};
use nginx_sys::{
    NGX_ERROR, NGX_LOG_ERR, NGX_OK, ngx_array_create, ngx_array_push, ngx_conf_t,
    ngx_http_complex_value, ngx_http_complex_value_t, ngx_http_request_t, ngx_http_variable_t,
    ngx_http_variable_value_t, ngx_int_t, ngx_palloc, ngx_pool_cleanup_add, ngx_str_t,
};
use ngx::http::{HttpModuleLocationConf, HttpModuleMainConf, NgxHttpCoreModule};
use ngx::ngx_log_error;

use crate::conf::{Definition, LocationConf, MainConf, Policies, Setting};
use crate::cors_request::{CorsRequest, headers_in};
use crate::ready::{ReadyPolicy, ReadyResponses};
use crate::{Module, OutOfMemory, log_of};

/// Reserves the variable.
///
/// `ngx_http_get_variable_index` finds a variable by its name, in any case, and refuses none but the
/// empty one; so this one has that. It is put where nginx would put it.
pub(crate) fn reserve(cf: &mut ngx_conf_t, main: &mut MainConf) -> Result<(), ngx_int_t> {
    const SIZE: usize = size_of::<ngx_http_variable_t>();
    const FEW: usize = 4;
    let failed = NGX_ERROR as ngx_int_t;
    let core = NgxHttpCoreModule::main_conf_mut(cf).ok_or(failed)?;
    let variables = &mut core.variables;
    // SAFETY: called while `http` is being configured; the array is for elements of this kind, and
    // nginx makes it with the first one.
    let variable = unsafe {
        if variables.elts.is_null() {
            *variables = *ngx_array_create(cf.pool, FEW, SIZE).as_ref().ok_or(failed)?;
        }
        ngx_array_push(variables).cast::<ngx_http_variable_t>()
    };
    if variable.is_null() {
        return Err(failed);
    }
    let index = variables.nelts - 1;
    // SAFETY: room for one element.
    unsafe {
        variable.write(ngx_http_variable_t {
            name: ngx_str_t::empty(),
            set_handler: None,
            // nginx wants a variable to have one.
            get_handler: Some(never_asked),
            data: 0,
            flags: 0,
            index,
        });
    }
    main.slot = Some(index);
    Ok(())
}

/// The handler of the variable, whose value nothing asks for.
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
    /// Of a policy that can be replaced, in the location's configuration.
    definition: *const Definition,
    /// The policy, where it cannot be replaced.
    policy: *const ReadyPolicy,
    /// What the policy sends, once it is known; null where there is no policy.
    responses: *const ReadyResponses,
    /// What a policy that can be replaced has decided, in a request.
    decided: Option<Decided>,
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
            responses: ptr::null(),
            decided: None,
            dry_run: false,
            is_settled: true,
        }
    }
}

impl InForce {
    pub(crate) fn new(location: &LocationConf, definition: Option<&Definition>) -> Self {
        let mut in_force = Self { location, dry_run: location.is_dry_run(), ..Self::default() };
        match definition {
            Some(definition) if definition.is_watched() => in_force.definition = definition,
            Some(definition) => {
                // The definition keeps it.
                let policy = definition.policy();
                in_force.policy = Arc::as_ptr(&policy);
                in_force.responses = Arc::as_ptr(policy.responses());
            }
            None => {}
        }
        in_force
    }

    /// Whether it is the same for every request.
    pub(crate) fn is_fixed(&self) -> bool {
        self.definition.is_null()
    }

    /// The policy itself, if there is one and it cannot be replaced.
    #[inline]
    pub(crate) fn policy<'r>(&self) -> Option<&'r ReadyPolicy> {
        // SAFETY: null, or in the configuration that the request is served with.
        unsafe { self.policy.as_ref() }
    }

    /// Whether there is no policy.
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.responses.is_null()
    }

    /// Whether the policy is tried out only: `cors_policy_dry_run`.
    #[inline]
    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The policy, if there is one.
    #[inline]
    pub(crate) fn get<'r>(&self) -> Option<Governed<'r>> {
        // SAFETY: null, or in the `MainConf` of the configuration that the request is served with,
        // which nginx frees after the last of its requests, or held by the request.
        let (responses, policy) = unsafe { (self.responses.as_ref()?, self.policy.as_ref()) };
        Some(Governed { responses, policy, decided: self.decided, dry_run: self.dry_run })
    }

    /// Has the policy decide about the request as it is now, if it is one that can be replaced, and
    /// lets the request keep the outcome.
    fn decide(mut self, r: &ngx_http_request_t) -> Result<Self, OutOfMemory> {
        // SAFETY: null, or a definition of the configuration, which is there while a location or a
        // name refers to it.
        let Some(definition) = (unsafe { self.definition.as_ref() }) else { return Ok(self) };
        let Some(main) = Module::main_conf(r) else { return Ok(self) };
        let policy = definition.policy();
        let request = CorsRequest::of(r.method, headers_in(r));
        self.decided = Some(Decided {
            answer: request.decide(&policy).keep(),
            origin: request.origin.value(),
            policies: &main.policies,
        });
        self.responses = hold(r, policy.responses())?;
        self.definition = ptr::null();
        Ok(self)
    }
}

/// Lets the request keep what a policy sends until nginx frees the request.
fn hold(
    r: &ngx_http_request_t,
    responses: &Arc<ReadyResponses>,
) -> Result<*const ReadyResponses, OutOfMemory> {
    // SAFETY: a request has a pool, whose cleanup handlers run when the request is freed.
    let cleanup = unsafe { ngx_pool_cleanup_add(r.pool, 0).as_mut() }.ok_or(OutOfMemory)?;
    let held = Arc::into_raw(Arc::clone(responses));
    cleanup.handler = Some(release);
    cleanup.data = held.cast_mut().cast();
    Ok(held)
}

/// Releases what a request held.
unsafe extern "C" fn release(data: *mut c_void) {
    // SAFETY: `hold` put an `Arc` here.
    drop(unsafe { Arc::from_raw(data.cast::<ReadyResponses>().cast_const()) });
}

/// What a policy that can be replaced has decided about a request, and about which `Origin`.
#[derive(Clone, Copy)]
struct Decided {
    answer: KeptAnswer,
    origin: Option<ngx_str_t>,
    /// Those of the configuration that the request is served with.
    policies: *const Policies,
}

impl Decided {
    /// Whether it was decided about this request: another module may have given it another
    /// `Origin` since.
    fn is_about(&self, request: &CorsRequest<'_>) -> bool {
        match (self.origin, request.origin.value()) {
            (None, None) => true,
            (Some(then), Some(now)) => ptr::eq(then.data, now.data) && then.len == now.len,
            _ => false,
        }
    }
}

/// The policy that is in force for a request.
#[derive(Clone, Copy)]
pub(crate) struct Governed<'r> {
    pub(crate) responses: &'r ReadyResponses,
    /// Whether the policy is tried out only: `cors_policy_dry_run`.
    pub(crate) dry_run: bool,
    policy: Option<&'r ReadyPolicy>,
    decided: Option<Decided>,
}

impl<'r> Governed<'r> {
    /// What the policy says to the request, or has said to it.
    #[inline(always)]
    pub(crate) fn decide(&self, request: &CorsRequest<'_>) -> Answer<'r> {
        match (self.policy, &self.decided) {
            (Some(policy), _) => request.decide(policy),
            (None, Some(decided)) if decided.is_about(request) => {
                self.responses.answer(decided.answer)
            }
            (None, Some(decided)) => self.decide_again(request, decided.policies),
            (None, None) => self.deny(request),
        }
    }

    #[cold]
    fn decide_again(&self, request: &CorsRequest<'_>, policies: *const Policies) -> Answer<'r> {
        // SAFETY: in the configuration that the request is served with.
        let now = unsafe { &*policies }.get(self.responses.name()).map(Definition::policy);
        match now.filter(|now| ptr::eq(Arc::as_ptr(now.responses()), self.responses)) {
            Some(policy) => self.responses.answer(request.decide(&policy).keep()),
            // The list that could tell was replaced since.
            None => self.deny(request),
        }
    }

    fn deny(&self, request: &CorsRequest<'_>) -> Answer<'r> {
        self.responses.nothing(match request.origin.header() {
            OriginHeader::Absent => Decision::None,
            OriginHeader::One(_) | OriginHeader::Repeated => Decision::DeniedOrigin,
        })
    }

    /// Whether the policy refuses the request, to which it says `decision`.
    pub(crate) fn refuses(&self, r: &ngx_http_request_t, request: &CorsRequest<'_>) -> bool {
        let decision = self.decide(request).decision();
        self.responses.refuses(decision, request.origin.header(), host(r))
    }
}

/// The host and port that a request was sent to: the `Host` header, or those of the request target;
/// in HTTP/3, where `Host` may be missing, `:authority`.
fn host(r: &ngx_http_request_t) -> &[u8] {
    // SAFETY: null, or a line of the request headers.
    if let Some(line) = unsafe { r.headers_in.host.as_ref() } {
        return line.value.as_bytes();
    }
    if r.host_start.is_null() || r.host_end.is_null() {
        return b"";
    }
    // SAFETY: both are null, or point to the beginning and the end of one string of the request.
    unsafe {
        let length = r.host_end.offset_from(r.host_start);
        slice::from_raw_parts(r.host_start, length.unsigned_abs())
    }
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
        (if is_here { known.is_settled } else { !here.is_own() }).then_some(known)
    }

    /// The length of the value has no other meaning than this.
    #[inline]
    fn mark(&self) -> u32 {
        self.0.len()
    }

    #[inline]
    fn is_refused(&self) -> bool {
        self.mark() == REFUSED
    }
}

/// The request was refused.
const REFUSED: u32 = 1;
/// The request is `OPTIONS`, and its server may answer it if it is a preflight.
const FOR_SERVER: u32 = 2;

fn set_mark(r: &ngx_http_request_t, mark: u32) {
    if let Some(slot) = Module::location_conf(r).and_then(|here| Slot::of(r, here)) {
        slot.0.set_len(mark);
    }
}

/// Notes that `r` came as `OPTIONS` to a server that may answer preflights, whatever an error page
/// makes of its method.
pub(crate) fn set_for_server(r: &ngx_http_request_t) {
    set_mark(r, FOR_SERVER);
}

/// Whether that was noted.
#[inline]
pub(crate) fn is_for_server(r: &ngx_http_request_t) -> bool {
    let slot = Module::location_conf(r).and_then(|here| Slot::of(r, here));
    slot.is_some_and(|slot| slot.mark() == FOR_SERVER)
}

/// Notes that `r` is refused.
///
/// A page about the error is served by another pass through the phases, which must not end in the
/// same error again.
pub(crate) fn set_refused(r: &ngx_http_request_t) {
    set_mark(r, REFUSED);
}

/// Whether `r` was refused, and its error page is on the way.
#[inline]
pub(crate) fn is_refused(r: &ngx_http_request_t) -> bool {
    let slot = Module::location_conf(r).and_then(|here| Slot::of(r, here));
    slot.is_some_and(|slot| slot.is_refused())
}

/// Whether `r` has come to a location, in the rewrite phase, in which or before which there was a
/// policy.
pub(crate) fn has_entered(r: &ngx_http_request_t) -> bool {
    let slot = Module::location_conf(r).and_then(|here| Slot::of(r, here));
    slot.is_some_and(|slot| !slot.get().is_null())
}

/// What is known without effort when a request comes to a location.
pub(crate) enum Entered<'r> {
    /// No policy applies.
    None,
    /// This one, for every request in this location; there is a policy, which cannot be replaced.
    Fixed(&'r InForce, &'r ReadyPolicy),
    /// There is more to find out, by [`enter`].
    Unknown,
}

/// Notes that the main request `r` has come to a location where no `if` and no variables decide;
/// gives the policy that is in force there.
#[inline]
pub(crate) fn enter_fixed(r: &ngx_http_request_t) -> Entered<'_> {
    let Some(here) = Module::location_conf(r) else { return Entered::None };
    let Some(mut slot) = Slot::of(r, here) else { return Entered::None };
    let is_first = slot.get().is_null();
    if here.is_fixed && (is_first || here.is_own() && !slot.is_refused()) {
        slot.set(&here.in_force);
        let policy = here.in_force.policy();
        return policy.map_or(Entered::None, |policy| Entered::Fixed(&here.in_force, policy));
    }
    // Nothing was put in force here, or before.
    if here.setting == Setting::Unset && is_first { Entered::None } else { Entered::Unknown }
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
        return here.in_force.decide(r);
    }
    let (definition, is_settled) = match named(r, here.name) {
        Name::Policy(definition) => (Some(definition), true),
        Name::None => (None, true),
        Name::Empty => (None, false),
    };
    InForce { is_settled, ..InForce::new(here, definition) }.decide(r)
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
pub(crate) fn get<'r>(r: &mut ngx_http_request_t) -> Result<Option<Governed<'r>>, OutOfMemory> {
    match get_known(r) {
        Some(in_force) => Ok(in_force.get()),
        None => find_now(r),
    }
}

/// As [`get`], where the request did not come to its location through the rewrite phase, or
/// variables had no values then.
#[cold]
fn find_now<'r>(r: &mut ngx_http_request_t) -> Result<Option<Governed<'r>>, OutOfMemory> {
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
        core::str::from_utf8(name).ok().and_then(|name| Module::main_conf(r)?.policies.get(name));
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
