//! Values in nginx's zones of shared memory.

use core::ffi::c_void;
use core::ptr::NonNull;

use nginx_sys::{
    NGX_ERROR, ngx_conf_t, ngx_cycle, ngx_int_t, ngx_list_part_t, ngx_pagesize,
    ngx_shared_memory_add, ngx_shm_zone_t, ngx_shmtx_lock, ngx_shmtx_t, ngx_shmtx_unlock,
    ngx_slab_alloc, ngx_slab_pool_t, ngx_str_t,
};

/// A zone: its name, and the version of the layout of its value as its tag.
///
/// nginx carries a zone over to the next configuration if its name, tag and size are the same. The tag is not an
/// address in the module, so another file of the module finds the zone too.
pub(crate) struct Zone {
    /// No directive of nginx can name a zone with a colon.
    pub(crate) name: &'static str,
    /// The version.
    pub(crate) layout: u32,
}

impl Zone {
    fn tag(&self) -> *mut c_void {
        core::ptr::without_provenance_mut(self.layout as usize)
    }

    /// Asks nginx for a zone with room for a value of so many bytes. nginx calls `init` when it has mapped the
    /// memory; the zone's data is then `data`.
    ///
    /// # Errors
    ///
    /// `NGX_ERROR` if nginx refuses, which it logs.
    pub(crate) fn add<'c>(
        &self,
        cf: &'c mut ngx_conf_t,
        bytes: usize,
        data: *mut c_void,
        init: unsafe extern "C" fn(*mut ngx_shm_zone_t, *mut c_void) -> ngx_int_t,
    ) -> Result<&'c mut ngx_shm_zone_t, ngx_int_t> {
        // SAFETY: set when nginx starts.
        let page = unsafe { ngx_pagesize };
        // The slab allocator keeps a record of each page, and some pages for itself.
        let pages = bytes.div_ceil(page) + 1;
        let size = (pages + pages.div_ceil(64) + 8) * page;

        let mut name = ngx_str_t { len: self.name.len(), data: self.name.as_ptr().cast_mut() };
        // SAFETY: nginx is reading its configuration; it keeps the name, which is static.
        let zone = unsafe { ngx_shared_memory_add(cf, &mut name, size, self.tag()) };
        // SAFETY: null, or a zone of the cycle.
        let zone = unsafe { zone.as_mut() }.ok_or(NGX_ERROR as ngx_int_t)?;
        zone.init = Some(init);
        zone.data = data;
        Ok(zone)
    }

    /// The value of the current cycle's zone, while nginx reads a new configuration.
    ///
    /// Only nginx's list of zones is read. The configuration of the current cycle may have no `http`,
    /// may not have the module, or may belong to another file of the module.
    ///
    /// # Safety
    ///
    /// All zones with this name and layout have a value of this type.
    pub(crate) unsafe fn of_current_cycle<T>(&self) -> Option<SharedValue<T>> {
        // SAFETY: there is always a cycle. Its list of zones is empty before the first one.
        let mut part: *const ngx_list_part_t =
            unsafe { &raw const (*ngx_cycle).shared_memory.part };
        // SAFETY: null behind the last part, and otherwise a part of the list with `nelts` zones.
        while let Some(zones) = unsafe { part.as_ref() } {
            for index in 0..zones.nelts {
                // SAFETY: as above.
                let zone = unsafe { &*zones.elts.cast::<ngx_shm_zone_t>().add(index) };
                if zone.tag == self.tag() && zone.shm.name.as_bytes() == self.name.as_bytes() {
                    // SAFETY: as demanded of the caller.
                    return unsafe { SharedValue::of(zone) };
                }
            }
            part = zones.next;
        }
        None
    }
}

/// A value in shared memory, and the slab pool that holds it.
pub(crate) struct SharedValue<T> {
    value: NonNull<T>,
    pool: NonNull<ngx_slab_pool_t>,
}

impl<T> Clone for SharedValue<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedValue<T> {}

impl<T> SharedValue<T> {
    /// The value in the memory of a zone that has one.
    ///
    /// # Safety
    ///
    /// The zone has a value of this type.
    pub(crate) unsafe fn of(zone: &ngx_shm_zone_t) -> Option<Self> {
        let pool = NonNull::new(zone.shm.addr.cast::<ngx_slab_pool_t>())?;
        // SAFETY: mapped memory of a zone begins with a slab pool.
        let value = NonNull::new(unsafe { (*pool.as_ptr()).data }.cast())?;
        Some(Self { value, pool })
    }

    /// Makes a value of so many bytes in the new memory of a zone. `init` gets the memory, which is not zeroed,
    /// since that would make every page of it resident.
    pub(crate) fn create(
        zone: &ngx_shm_zone_t,
        bytes: usize,
        init: impl FnOnce(*mut T),
    ) -> Option<Self> {
        let pool = NonNull::new(zone.shm.addr.cast::<ngx_slab_pool_t>())?;
        // A value of more than half a page is aligned to a page.
        const { assert!(align_of::<T>() <= 4096 && size_of::<T>() > 4096) };
        // SAFETY: the pool is initialized, and no other process has it yet.
        let value = NonNull::new(unsafe { ngx_slab_alloc(pool.as_ptr(), bytes) })?.cast::<T>();
        init(value.as_ptr());
        // SAFETY: as above.
        unsafe { (*pool.as_ptr()).data = value.as_ptr().cast() };
        Some(Self { value, pool })
    }

    /// The value.
    ///
    /// # Safety
    ///
    /// The memory is mapped for `'m`.
    pub(crate) unsafe fn get<'m>(&self) -> &'m T {
        // SAFETY: as demanded of the caller; `create` has made it.
        unsafe { self.value.as_ref() }
    }

    /// Runs `f` while no other process does so. The memory must be mapped.
    ///
    /// nginx's master unlocks what a worker had locked that has died (`ngx_unlock_mutexes`).
    pub(crate) fn with_lock<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        /// Unlocks, also when `f` panics.
        struct Unlock(*mut ngx_shmtx_t);

        impl Drop for Unlock {
            fn drop(&mut self) {
                // SAFETY: the mutex that `with_lock` locked.
                unsafe { ngx_shmtx_unlock(self.0) };
            }
        }

        // SAFETY: the pool is in shared memory, which lives as long as the configuration that has
        // this; nginx has initialized its mutex, and the value is complete.
        unsafe {
            let mutex = &raw mut (*self.pool.as_ptr()).mutex;
            ngx_shmtx_lock(mutex);
            let _unlock = Unlock(mutex);
            f(self.value.as_ref())
        }
    }
}
