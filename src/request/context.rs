//! The module's context of a request: a panic, or a preflight that is being answered.
//!
//! The context is one pointer, which nginx sets to null on an internal redirect:
//!
//! - null: nothing is noted;
//! - 1 or 2: a panic, see [`Failure`];
//! - any other value: a [`PreflightHandoff`] on the stack of the function that answers a preflight.

use core::ffi::c_void;
use core::ptr;

use nginx_sys::ngx_http_request_t;
use ngx::http::HttpModule;

use super::cors_request::CorsRequest;
use super::effective_policy::AppliedPolicy;
use crate::Module;

/// Whether nothing is noted.
pub(crate) fn is_empty(r: &ngx_http_request_t) -> bool {
    get(r).is_null()
}

fn get(r: &ngx_http_request_t) -> *mut c_void {
    // SAFETY: a request has a context for every module.
    unsafe { *r.ctx.add(Module::module().ctx_index) }
}

fn set(r: &mut ngx_http_request_t, context: *mut c_void) {
    // SAFETY: as above.
    unsafe { *r.ctx.add(Module::module().ctx_index) = context };
}

/// A panic while the module handled the request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The header filter still has to turn the response into an error.
    Unanswered = 1,
    /// The response is the error.
    Answered,
}

impl Failure {
    /// The panic that is noted for this request.
    pub(crate) fn of(r: &ngx_http_request_t) -> Option<Self> {
        const UNANSWERED: usize = Failure::Unanswered as usize;
        const ANSWERED: usize = Failure::Answered as usize;
        match get(r).addr() {
            UNANSWERED => Some(Self::Unanswered),
            ANSWERED => Some(Self::Answered),
            _ => None,
        }
    }

    pub(crate) fn note(self, r: &mut ngx_http_request_t) {
        set(r, ptr::without_provenance_mut(self as usize));
    }
}

/// A preflight that a phase handler answers, and the policy that answers it, for the header filter.
// PERF: without it the header filter would look both up again, for 321 instructions.
pub(crate) struct PreflightHandoff<'r> {
    pub(crate) applied: AppliedPolicy<'r>,
    pub(crate) request: &'r CorsRequest<'r>,
}

impl PreflightHandoff<'_> {
    /// Runs `f`. Until it returns, [`of`](Self::of) finds this hand-off.
    pub(crate) fn during<T>(
        &self,
        r: &mut ngx_http_request_t,
        f: impl FnOnce(&mut ngx_http_request_t) -> T,
    ) -> T {
        let noted = ptr::from_ref(self).cast_mut().cast();
        set(r, noted);
        let result = f(r);
        if ptr::eq(get(r), noted) {
            set(r, ptr::null_mut());
        }
        result
    }

    /// The hand-off for `r`, if there is one.
    ///
    /// # Safety
    ///
    /// No [`Failure`] is noted for `r`, and the result is not used after the header filter returns:
    /// it is on the stack of the phase handler that called it.
    pub(crate) unsafe fn of<'f>(r: &ngx_http_request_t) -> Option<&'f PreflightHandoff<'f>> {
        // SAFETY: a context that is not a failure was set by `during`, which takes it back before
        // the hand-off ends.
        unsafe { get(r).cast::<PreflightHandoff<'f>>().as_ref() }
    }
}
