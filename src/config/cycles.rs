//! The cycles and configurations of this process that have the module.
//!
//! A process has one chain of filters. Without a master process, requests that began before a reload
//! pass through the chain of the new configuration. Their own configuration may not have the module,
//! and then has nothing for the module to look up. A reload that fails late also leaves its chain
//! behind.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::Mutex;

use nginx_sys::{
    NGX_ERROR, NGX_HTTP_MODULE, ngx_conf_t, ngx_cycle_t, ngx_http_conf_ctx_t, ngx_http_request_t,
    ngx_int_t, ngx_pool_cleanup_add, ngx_pool_t, ngx_uint_t,
};

use crate::Module;

/// Identifies a configuration of `http`: the address of its array of main configurations.
type Identity = *mut c_void;

/// The configuration that was added last.
static LATEST: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// All configurations, as addresses.
static ALL: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// Whether the request is served with a configuration that has the module.
pub(crate) fn is_of_module(r: &ngx_http_request_t) -> bool {
    let identity: Identity = r.main_conf.cast();
    ptr::eq(identity, LATEST.load(Ordering::Relaxed)) || is_known(identity)
}

#[cold]
fn is_known(identity: Identity) -> bool {
    all(|all| all.contains(&identity.addr()))
}

fn all<T>(f: impl FnOnce(&mut Vec<usize>) -> T) -> T {
    // Only one thread uses the list, and a panic does not leave it half-changed.
    f(&mut ALL.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Adds the configuration that nginx is reading, until nginx frees it.
///
/// # Errors
///
/// `NGX_ERROR` if there is no memory.
pub(crate) fn add(cf: &ngx_conf_t) -> Result<(), ngx_int_t> {
    // SAFETY: while `http` is being configured, `ctx` is its context.
    let identity: Identity = unsafe { (*cf.ctx.cast::<ngx_http_conf_ctx_t>()).main_conf.cast() };
    at_end(cf.pool, remove, identity)?;
    all(|all| all.push(identity.addr()));
    LATEST.store(identity, Ordering::Relaxed);
    Ok(())
}

unsafe extern "C" fn remove(identity: *mut c_void) {
    let latest = all(|all| {
        all.retain(|it| *it != identity.addr());
        all.last().copied().unwrap_or(0)
    });
    if ptr::eq(LATEST.load(Ordering::Relaxed), identity) {
        LATEST.store(ptr::with_exposed_provenance_mut(latest), Ordering::Relaxed);
    }
}

/// The number of cycles that have the module, with `http` or without.
static LOADED: AtomicUsize = AtomicUsize::new(0);

/// Notes that a cycle of nginx has the module.
///
/// A shared object may stay in memory after nginx unloads it, with its data. When nginx loads it
/// again, it would take the indices in `ngx_module_t` for valid, though another module may have them
/// by now. So they are reset when the last cycle ends.
///
/// # Errors
///
/// `NGX_ERROR` if there is no memory.
pub(crate) fn note_cycle(cycle: &ngx_cycle_t) -> Result<(), ngx_int_t> {
    at_end(cycle.pool, forget_cycle, ptr::null_mut())?;
    LOADED.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

unsafe extern "C" fn forget_cycle(_data: *mut c_void) {
    if LOADED.fetch_sub(1, Ordering::Relaxed) > 1 {
        return;
    }
    for module in [Module::ptr(), &raw mut super::define::ngx_cors_policy_define_module] {
        // SAFETY: no cycle has the module any more, and nginx is in its one thread.
        unsafe {
            (*module).index = UNSET;
            (*module).ctx_index = UNSET;
        }
    }
}

/// `NGX_MODULE_UNSET_INDEX`
const UNSET: ngx_uint_t = ngx_uint_t::MAX;

/// Gives the module an index among the modules of `http` (`ctx_index`), in a cycle without `http`, where
/// nginx gives it none.
///
/// If the next cycle has `http` but not the module, `ngx_count_modules` takes the unset index for
/// the greatest one and adds 1: nginx ends with a segmentation fault.
pub(crate) fn set_index(cycle: &ngx_cycle_t) {
    let module = Module::ptr();
    // SAFETY: nginx is in its one thread.
    if unsafe { (*module).ctx_index } != UNSET {
        return;
    }
    let mut taken = Vec::new();
    let mut next = cycle.modules;
    // SAFETY: the modules of a cycle, with null at their end.
    while let Some(other) = unsafe { (*next).as_ref() } {
        if other.type_ == NGX_HTTP_MODULE as ngx_uint_t {
            taken.push(other.ctx_index);
        }
        // SAFETY: as above.
        next = unsafe { next.add(1) };
    }
    // The index of the last module, or the next free one.
    let free = (taken.len().saturating_sub(1)..).find(|index| !taken.contains(index));
    // SAFETY: as above.
    unsafe { (*module).ctx_index = free.unwrap_or(UNSET) };
}

/// Calls `f` with `data` when nginx destroys the pool.
fn at_end(
    pool: *mut ngx_pool_t,
    f: unsafe extern "C" fn(*mut c_void),
    data: *mut c_void,
) -> Result<(), ngx_int_t> {
    // SAFETY: the pool of a configuration or a cycle.
    let cleanup = unsafe { ngx_pool_cleanup_add(pool, 0).as_mut() };
    let cleanup = cleanup.ok_or(NGX_ERROR as ngx_int_t)?;
    cleanup.handler = Some(f);
    cleanup.data = data;
    Ok(())
}
