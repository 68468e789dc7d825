//! What the module notes on a request, in its context: a panic, or a preflight that is being
//! answered.
//!
//! The context is one pointer, which nginx sets to null on an internal redirect. The two numbers of
//! [`Failure`] are a panic; everything else that is not null points to a [`PreflightAnswer`] on the
//! stack of the function that sends it.

use core::ffi::c_void;
use core::ptr;

use nginx_sys::ngx_http_request_t;
use ngx::http::HttpModule;

use crate::Module;
use crate::cors_request::CorsRequest;
use crate::in_force::Governed;

/// Whether nothing is noted.
#[inline]
pub(crate) fn is_empty(r: &ngx_http_request_t) -> bool {
    get(r).is_null()
}

#[inline]
fn get(r: &ngx_http_request_t) -> *mut c_void {
    // SAFETY: a request has a context for every module.
    unsafe { *r.ctx.add(Module::module().ctx_index) }
}

fn set(r: &mut ngx_http_request_t, context: *mut c_void) {
    // SAFETY: as above.
    unsafe { *r.ctx.add(Module::module().ctx_index) = context };
}

/// A panic over a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The response is to become an error, when its header is sent.
    Unanswered = 1,
    /// The response is the error.
    Answered,
}

impl Failure {
    /// What a panic over this request has left to do.
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

/// A preflight that a phase handler answers, for the header filter that it calls.
pub(crate) struct PreflightAnswer<'r> {
    pub(crate) governed: Governed<'r>,
    pub(crate) request: &'r CorsRequest<'r>,
}

impl<'r> PreflightAnswer<'r> {
    /// Runs `f`, while which [`of`](Self::of) finds this.
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

    /// The one for `r`, which no [`Failure`] is noted for, if it is being answered.
    ///
    /// # Safety
    ///
    /// Not to be kept beyond the call of the header filter.
    #[inline]
    pub(crate) unsafe fn of(r: &ngx_http_request_t) -> Option<&'r Self> {
        // SAFETY: a context that is no failure is one that `during` set, which takes it back before
        // the answer is gone.
        unsafe { get(r).cast::<Self>().as_ref() }
    }
}
