//! The policy of a request, also after internal redirects.
//!
//! The policy is that of the last location on the request's way with a setting of its own. If no
//! location has one, it is the policy of the first location. So the policy of the location that the
//! client asked for survives `error_page`, `try_files`, `index` and `X-Accel-Redirect`, unless the last
//! location says otherwise: a page must be able to read its errors. A request that is refused keeps the
//! policy that refused it.
//!
//! nginx clears the contexts of all modules on an internal redirect, but keeps the values of indexed
//! variables. So a request remembers its policy in the value of a variable without a name, which no
//! configuration can write. Where the policy is known when the configuration is read, that costs no
//! allocation.
//!
//! A policy that can be replaced decides at once, and the request keeps the decision and the responses.
//! It never keeps the list of origins: a download that lasts for hours would keep every version of it.

use core::{mem, ptr};

use cors_policy::{Answer, Decision, OriginHeader};
use nginx_sys::{
    NGX_HTTP_OPTIONS, NGX_LOG_ERR, NGX_OK, ngx_http_complex_value, ngx_http_complex_value_t,
    ngx_http_request_t, ngx_http_variable_value_t, ngx_int_t, ngx_palloc, ngx_str_t, ngx_uint_t,
};
use ngx::http::{HttpModuleLocationConf, HttpModuleMainConf};
use ngx::ngx_log_error;

use super::cors_request::CorsRequest;
use super::excerpt::Excerpt;
use crate::Module;
use crate::config::location::{Block, Decided, DryRun, LocationConf, LocationPolicy};
use crate::config::policies::PolicyEntry;
use crate::config::rendered_policy::{RenderedPolicy, RenderedResponses};
use crate::nginx::headers_in::headers_in;
use crate::nginx::request_bits::{OutOfMemory, log_of};

/// The policy that applies to a request. `'r` is the time that the request lasts.
#[derive(Clone, Copy)]
pub(crate) struct AppliedPolicy<'r> {
    location_policy: &'r LocationPolicy,
    pub(crate) responses: &'r RenderedResponses,
}

impl<'r> AppliedPolicy<'r> {
    /// The policy of a location; `None` if there is none.
    pub(super) fn of(location_policy: &'r LocationPolicy) -> Option<Self> {
        Some(Self { location_policy, responses: location_policy.responses()? })
    }

    /// Whether decisions are only counted and logged: `cors_policy_dry_run`.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.location_policy.is_dry_run
    }

    /// The policy itself, unless it can be replaced. Such a policy has decided already.
    pub(super) fn policy(&self) -> Option<&'r RenderedPolicy> {
        self.location_policy.policy()
    }

    /// The policy's decision about the request.
    #[inline(always)]
    pub(crate) fn decide(&self, request: &CorsRequest<'_>) -> Answer<'r> {
        match self.policy() {
            Some(policy) => request.decide(policy),
            None => self.decided(request),
        }
    }

    #[inline(never)]
    fn decided(&self, request: &CorsRequest<'_>) -> Answer<'r> {
        match &self.location_policy.decided {
            Some(decided) if is_about(decided, request) => self.responses.answer(decided.answer),
            Some(decided) => self.decide_again(request, decided),
            None => self.deny(request),
        }
    }

    #[cold]
    fn decide_again(&self, request: &CorsRequest<'_>, decided: &Decided) -> Answer<'r> {
        // SAFETY: the policies of the configuration that the request is served with.
        let policies = unsafe { &*decided.policies };
        let now = policies.get(self.responses.name()).map(PolicyEntry::policy);
        match now.filter(|now| ptr::eq(&**now.responses(), self.responses)) {
            Some(policy) => self.responses.answer(request.decide(&policy).keep()),
            // The policy was replaced, with its list of origins.
            None => self.deny(request),
        }
    }

    fn deny(&self, request: &CorsRequest<'_>) -> Answer<'r> {
        if request.preflight().is_some() {
            return self.responses.denied_preflight(Decision::DeniedOrigin);
        }
        self.responses.denied(match request.origin.header() {
            OriginHeader::Absent => Decision::None,
            OriginHeader::One(_) | OriginHeader::Repeated => Decision::DeniedOrigin,
        })
    }
}

/// Whether the decision is about this request. Another module may have changed `Origin` since.
fn is_about(decided: &Decided, request: &CorsRequest<'_>) -> bool {
    match (decided.origin, request.origin.value()) {
        (None, None) => true,
        (Some(then), Some(now)) => ptr::eq(then.data, now.data) && then.len == now.len,
        _ => false,
    }
}

/// The value of the variable in which a request remembers its policy.
///
/// The value's data is the policy, and its length is a [mark](set_mark). Nothing else uses the value.
struct RememberedPolicy<'r>(&'r ngx_http_variable_value_t);

impl<'r> RememberedPolicy<'r> {
    fn of(r: &'r ngx_http_request_t, here: &LocationConf) -> Option<Self> {
        // SAFETY: a request has a value for each index that its configuration handed out.
        Some(Self(unsafe { &*r.variables.add(here.variable?) }))
    }

    /// Null if nothing is remembered: nginx zeroes the values of a new request.
    fn get(&self) -> *const LocationPolicy {
        self.0.data.cast::<LocationPolicy>().cast_const()
    }

    /// The remembered policy, if it is known and also applies `here`.
    fn known(&self, here: &LocationConf) -> Option<&'r LocationPolicy> {
        // SAFETY: null, or a policy that was stored, which lives as long as the request.
        let known = unsafe { self.get().as_ref() }?;
        let applies_here = ptr::eq(known.location, here)
            || !here.is_set_in_location()
            // A refusal is decided once: its error page is the refusing policy's.
            || self.is_refused();
        (known.is_final && applies_here).then_some(known)
    }

    /// The location whose policy is to be evaluated, if the remembered one is not known: `here`, or the
    /// location that the request has left before its policy was known.
    fn deciding<'c>(&self, here: &'c LocationConf) -> &'c LocationConf {
        // SAFETY: as above; its location is in the same configuration as `here`.
        let left = unsafe { self.get().as_ref().and_then(|left| left.location.as_ref()) };
        left.filter(|_| !here.is_set_in_location()).unwrap_or(here)
    }

    fn mark(&self) -> u32 {
        self.0.len()
    }

    fn is_refused(&self) -> bool {
        self.mark() == REFUSED
    }
}

/// Changes the value of the variable, if the request has it.
fn change(
    r: &ngx_http_request_t,
    here: &LocationConf,
    f: impl FnOnce(&mut ngx_http_variable_value_t),
) {
    if let Some(index) = here.variable {
        // SAFETY: as in `RememberedPolicy::of`; nothing else refers to the value meanwhile.
        f(unsafe { &mut *r.variables.add(index) });
    }
}

/// Stores the policy, unless the request is refused.
fn store(r: &ngx_http_request_t, here: &LocationConf, policy: *const LocationPolicy) {
    if RememberedPolicy::of(r, here).is_some_and(|value| !value.is_refused()) {
        replace(r, here, policy);
    }
}

/// Stores the policy of a request that is not refused.
fn replace(r: &ngx_http_request_t, here: &LocationConf, policy: *const LocationPolicy) {
    change(r, here, |value| value.data = policy.cast_mut().cast());
}

/// The request was refused.
const REFUSED: u32 = 1;
/// The request came as `OPTIONS`, and its server may answer it if it is a preflight.
const FOR_SERVER: u32 = 2;

fn set_mark(r: &ngx_http_request_t, mark: u32) {
    if let Some(here) = Module::location_conf(r) {
        change(r, here, |value| value.set_len(mark));
    }
}

fn mark(r: &ngx_http_request_t) -> u32 {
    let value = Module::location_conf(r).and_then(|here| RememberedPolicy::of(r, here));
    value.map_or(0, |value| value.mark())
}

/// Notes that `r` came as `OPTIONS` to a server that may answer preflights. An error page may change
/// the method of the request.
pub(super) fn set_for_server(r: &ngx_http_request_t) {
    set_mark(r, FOR_SERVER);
}

/// Whether [`set_for_server`] was called for `r`.
pub(super) fn is_for_server(r: &ngx_http_request_t) -> bool {
    mark(r) == FOR_SERVER
}

/// Notes that `r` is refused.
///
/// The error page goes through the phases again, and must not end in the same error.
pub(super) fn set_refused(r: &ngx_http_request_t) {
    set_mark(r, REFUSED);
}

/// Whether `r` was refused, and its error page is being served.
pub(super) fn is_refused(r: &ngx_http_request_t) -> bool {
    mark(r) == REFUSED
}

/// Whether `r` has entered the rewrite phase of a location.
pub(super) fn has_entered(r: &ngx_http_request_t) -> bool {
    let value = Module::location_conf(r).and_then(|here| RememberedPolicy::of(r, here));
    value.is_some_and(|value| !value.get().is_null())
}

/// The policy of a request that enters a location, as far as it is known without evaluating anything.
pub(super) enum Entered<'r> {
    /// No policy applies.
    NoPolicy,
    /// Every request in this location gets this policy, which cannot be replaced.
    Static(&'r LocationPolicy, &'r RenderedPolicy),
    /// [`remember`] has to evaluate it.
    Unknown,
}

/// Remembers the policy of the location that the main request `r` enters, if it is the same for every
/// request; returns it.
// PERF: saves 126 instructions a request against `remember` and `policy`.
pub(super) fn remember_static(r: &ngx_http_request_t) -> Entered<'_> {
    let Some(here) = Module::location_conf(r) else { return Entered::NoPolicy };
    let Some(value) = RememberedPolicy::of(r, here) else { return Entered::NoPolicy };
    let is_first = value.get().is_null();
    if here.is_static && (is_first || here.is_set_in_location() && !value.is_refused()) {
        replace(r, here, &here.policy);
        return match here.policy.policy() {
            Some(policy) => Entered::Static(&here.policy, policy),
            None => Entered::NoPolicy,
        };
    }
    Entered::Unknown
}

/// Notes the policy that an `if` sets, if the main request `r` has entered one.
pub(super) fn remember_if(r: &ngx_http_request_t) {
    let Some(here) = Module::location_conf(r) else { return };
    if here.block == Block::If {
        store(r, here, &here.policy);
    }
}

/// Remembers the policy of the location that the main request `r` enters, or in which variables may
/// have got new values. Returns whether the policy is known now.
///
/// # Errors
///
/// If the request's pool has no memory.
pub(super) fn remember(r: &mut ngx_http_request_t) -> Result<bool, OutOfMemory> {
    let Some(here) = Module::location_conf(r) else { return Ok(true) };
    let Some(value) = RememberedPolicy::of(r, here) else { return Ok(true) };
    if value.known(here).is_some() {
        return Ok(true);
    }
    let deciding = value.deciding(here);
    if deciding.is_static {
        store(r, here, &deciding.policy);
        return Ok(true);
    }
    let policy = evaluate(r, deciding)?;
    store(r, here, policy);
    // SAFETY: it was just made, in the request's pool.
    Ok(unsafe { (*policy).is_final })
}

/// The policy of a location for this request, in the request's pool.
fn evaluate(
    r: &mut ngx_http_request_t,
    location: &LocationConf,
) -> Result<*const LocationPolicy, OutOfMemory> {
    let policy = match location.name.is_null() {
        true => LocationPolicy::known(location),
        false => evaluate_name(r, location),
    };
    let mut policy = decide_now(policy, r)?;
    if location.dry_run == DryRun::Variable {
        evaluate_dry_run(r, location, &mut policy);
    }
    // SAFETY: a request has a pool.
    let room = unsafe { ngx_palloc(r.pool, size_of::<LocationPolicy>()) }.cast::<LocationPolicy>();
    if room.is_null() {
        return Err(OutOfMemory);
    }
    // SAFETY: there is room for it, aligned as `ngx_palloc` aligns.
    unsafe { room.write(policy) };
    Ok(room)
}

/// The policy of a location where variables name it.
fn evaluate_name(r: &mut ngx_http_request_t, location: &LocationConf) -> LocationPolicy {
    let (entry, is_final) = match named(r, location.name) {
        NamedPolicy::Entry(entry) => (Some(entry), true),
        NamedPolicy::None => (None, true),
        NamedPolicy::Empty => (None, false),
    };
    let mut policy = LocationPolicy::new(location, entry);
    policy.is_final = is_final;
    policy
}

/// Finds out whether the policy is a dry run for this request. Without a value it is none, but may get to be
/// one: `set` in the location assigns at the end of the rewrite phase.
fn evaluate_dry_run(
    r: &mut ngx_http_request_t,
    location: &LocationConf,
    policy: &mut LocationPolicy,
) {
    let mut value = ngx_str_t::empty();
    // SAFETY: the value was compiled for this configuration.
    let rc = unsafe { ngx_http_complex_value(r, location.dry_run_value, &mut value) };
    match value.as_bytes() {
        _ if rc != NGX_OK as ngx_int_t => {}
        b"" => policy.is_final = false,
        b"on" => policy.is_dry_run = true,
        b"off" => {}
        other => {
            ngx_log_error!(
                NGX_LOG_ERR,
                log_of(r),
                "invalid value {} of \"cors_policy_dry_run\", neither \"on\" nor \"off\"",
                Excerpt(Some(other))
            );
        }
    }
}

/// Lets a policy that can be replaced decide about the request as it is now. The request holds the
/// decision and the responses.
fn decide_now(
    mut policy: LocationPolicy,
    r: &ngx_http_request_t,
) -> Result<LocationPolicy, OutOfMemory> {
    // SAFETY: null, or an entry of the configuration: no entry goes while a location or a name refers
    // to it.
    let Some(entry) = (unsafe { policy.entry.as_ref() }) else { return Ok(policy) };
    let Some(main) = Module::main_conf(r) else { return Ok(policy) };
    let current = entry.policy();
    // SAFETY: `r` is borrowed meanwhile.
    let request = CorsRequest::of(r.method, unsafe { headers_in(r) });
    policy.decided = Some(Decided {
        answer: request.decide(&current).keep(),
        origin: request.origin.value(),
        policies: &main.policies,
    });
    policy.responses = current.responses().hold(r)?;
    policy.entry = ptr::null();
    policy.is_final = true;
    Ok(policy)
}

/// The policy of the main request `r`, if it is known without evaluating anything.
///
/// # Safety
///
/// `r` must last for `'r`.
pub(super) unsafe fn policy_if_known<'r>(r: &ngx_http_request_t) -> Option<&'r LocationPolicy> {
    let here: &'r LocationConf = Module::location_conf(r)?;
    let value = RememberedPolicy::of(r, here)?;
    // SAFETY: the policy lives as long as the request.
    value.known(here).map(|known| unsafe { &*ptr::from_ref(known) })
}

/// The policy of the main request `r`.
///
/// # Errors
///
/// If the request's pool has no memory.
///
/// # Safety
///
/// `r` must last for `'r`.
pub(super) unsafe fn policy<'r>(
    r: &mut ngx_http_request_t,
) -> Result<Option<AppliedPolicy<'r>>, OutOfMemory> {
    // SAFETY: as demanded of the caller.
    let policy = match unsafe { policy_if_known(r) } {
        Some(policy) => policy,
        None => match policy_now(r)? {
            // SAFETY: the policy is in the configuration or in the request's pool.
            Some(policy) => unsafe { &*policy },
            None => return Ok(None),
        },
    };
    Ok(AppliedPolicy::of(policy))
}

/// The policy of the main request `r` for the `OPTIONS` request that the client sent, if nginx has
/// changed the method since, to serve an error page. The changed method stays.
///
/// # Errors
///
/// If the request's pool has no memory.
///
/// # Safety
///
/// `r` must last for `'r`.
pub(super) unsafe fn policy_as_options<'r>(
    r: &mut ngx_http_request_t,
) -> Result<Option<AppliedPolicy<'r>>, OutOfMemory> {
    /// Restores the method of a request, also after an error or a panic.
    struct Restore<'a> {
        r: &'a mut ngx_http_request_t,
        method: ngx_uint_t,
    }

    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            self.r.method = self.method;
        }
    }

    let method = mem::replace(&mut r.method, NGX_HTTP_OPTIONS as ngx_uint_t);
    let restore = Restore { r, method };
    // SAFETY: as demanded of the caller.
    unsafe { policy(restore.r) }
}

/// Evaluates the policy of a request that did not enter its location through the rewrite phase, or
/// whose variables had no values then.
#[cold]
fn policy_now(r: &mut ngx_http_request_t) -> Result<Option<*const LocationPolicy>, OutOfMemory> {
    let Some(here) = Module::location_conf(r) else { return Ok(None) };
    let Some(value) = RememberedPolicy::of(r, here) else { return Ok(None) };
    let deciding = value.deciding(here);
    if deciding.is_static {
        return Ok(Some(&deciding.policy));
    }
    evaluate(r, deciding).map(Some)
}

/// The policy that variables name.
enum NamedPolicy<'r> {
    Entry(&'r PolicyEntry),
    /// `off`, or the name of no policy.
    None,
    /// No name, or none yet: `set` in the location assigns at the end of the rewrite phase.
    Empty,
}

fn named<'r>(r: &mut ngx_http_request_t, value: *mut ngx_http_complex_value_t) -> NamedPolicy<'r> {
    let mut name = ngx_str_t::empty();
    // SAFETY: the value was compiled for this configuration.
    if unsafe { ngx_http_complex_value(r, value, &mut name) } != NGX_OK as ngx_int_t {
        return NamedPolicy::None;
    }
    let name = match name.as_bytes() {
        b"" => return NamedPolicy::Empty,
        b"off" => return NamedPolicy::None,
        name => name,
    };
    let entry =
        core::str::from_utf8(name).ok().and_then(|name| Module::main_conf(r)?.policies.get(name));
    match entry {
        Some(entry) => NamedPolicy::Entry(entry),
        None => {
            ngx_log_error!(NGX_LOG_ERR, log_of(r), "unknown CORS policy {}", Excerpt(Some(name)));
            NamedPolicy::None
        }
    }
}
