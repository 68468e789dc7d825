//! The shared memory of the counters, and how nginx keeps it over reloads.
//!
//! nginx carries a zone over to the next configuration if its name, tag and size are the same. So the
//! tag is the version of the memory's layout, and not an address in the module: another file of the
//! module finds the zone too. The size is the same for all configurations of up to 10,000 policies.
//! Only where the size differs, the counts are copied.

use core::ffi::c_void;
use core::ptr::{self, NonNull};

use nginx_sys::{
    NGX_ERROR, ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_int_t, ngx_list_part_t, ngx_pagesize,
    ngx_shared_memory_add, ngx_shm_zone_t, ngx_shmtx_lock, ngx_shmtx_t, ngx_shmtx_unlock,
    ngx_slab_alloc, ngx_slab_pool_t, ngx_str_t,
};

use cors_policy::Decision;
use cors_refusals::Key;

use crate::counters::{Counters, Table};

/// The name of the zone. No directive of nginx can name a zone with a colon.
const NAME: &str = "cors_policy:counters";

/// The version of the layout of [`Table`] and [`Counters`], as the tag of the zone.
///
/// The module with fail points has another version, to test a change of the layout.
pub(crate) const LAYOUT: u32 =
    u32::from_be_bytes(if cfg!(feature = "fail-points") { *b"CORX" } else { *b"COR4" });

fn tag() -> *mut c_void {
    ptr::without_provenance_mut(LAYOUT as usize)
}

/// The table, and the slab pool of the shared memory that holds it.
#[derive(Clone, Copy)]
pub(crate) struct SharedTable {
    table: NonNull<Table>,
    pool: NonNull<ngx_slab_pool_t>,
    cycle: *const ngx_cycle_t,
}

impl SharedTable {
    /// The table in the memory of a zone that has one.
    pub(super) fn of(zone: &ngx_shm_zone_t) -> Option<Self> {
        let pool = NonNull::new(zone.shm.addr.cast::<ngx_slab_pool_t>())?;
        // SAFETY: mapped memory of a zone begins with a slab pool.
        let table = NonNull::new(unsafe { (*pool.as_ptr()).data }.cast())?;
        Some(Self { table, pool, cycle: ptr::null() })
    }

    /// Makes a table for these policies in the new memory of a zone. It takes over their counts from
    /// the zone of the current cycle.
    pub(super) fn create(zone: &ngx_shm_zone_t, names: &[&str]) -> Option<Self> {
        let new = Self::create_empty(zone, Table::capacity_for(names.len()))?;
        if let Some(current) = Self::of_current_cycle() {
            current.with_lock(|current| new.with_lock(|new| new.take_over(current, names)));
        }
        Some(new)
    }

    fn create_empty(zone: &ngx_shm_zone_t, capacity: usize) -> Option<Self> {
        let pool = NonNull::new(zone.shm.addr.cast::<ngx_slab_pool_t>())?;
        // Pages are aligned at least as strictly as `Counters`; a table is larger than a page.
        const { assert!(align_of::<Counters>() <= 4096) };
        // SAFETY: the pool is initialized, and no other process has it yet. The allocated memory is
        // not zeroed, which would make every page of it resident.
        unsafe {
            let table = NonNull::new(ngx_slab_alloc(pool.as_ptr(), Table::size(capacity)))?;
            Table::init(table.cast().as_ptr(), capacity);
            (*pool.as_ptr()).data = table.as_ptr();
            Some(Self { table: table.cast(), pool, cycle: ptr::null() })
        }
    }

    /// The table of the current cycle, while nginx reads a new configuration.
    ///
    /// Only nginx's list of zones is read. The configuration of the current cycle may have no `http`,
    /// may not have the module, or may belong to another file of the module.
    fn of_current_cycle() -> Option<Self> {
        // SAFETY: there is always a cycle. Its list of zones is empty before the first one.
        let mut part: *const ngx_list_part_t =
            unsafe { &raw const (*ngx_cycle).shared_memory.part };
        // SAFETY: null behind the last part, and otherwise a part of the list with `nelts` zones.
        while let Some(zones) = unsafe { part.as_ref() } {
            for index in 0..zones.nelts {
                // SAFETY: as above.
                let zone = unsafe { &*zones.elts.cast::<ngx_shm_zone_t>().add(index) };
                if zone.tag == tag() && zone.shm.name.as_bytes() == NAME.as_bytes() {
                    return Self::of(zone);
                }
            }
            part = zones.next;
        }
        None
    }

    /// This table, with counters that belong to `cycle`.
    pub(crate) fn of_cycle(self, cycle: *const ngx_cycle_t) -> Self {
        Self { cycle, ..self }
    }

    /// Counters of this table, for a policy.
    pub(crate) fn counters_of(&self, counters: Option<&Counters>) -> PolicyCounters {
        let Some(counters) = counters else { return PolicyCounters::NONE };
        // SAFETY: the table is in shared memory that is mapped while nginx claims counters.
        let policy = unsafe { self.table.as_ref() }.number_of(counters);
        PolicyCounters { counters, table: Some(*self), policy }
    }

    /// The table, if its cycle is the current one.
    ///
    /// A worker has one cycle. Without a master process, requests of an earlier cycle last beyond a
    /// reload, after which nginx may have unmapped its shared memory.
    pub(crate) fn get(&self) -> Option<&Table> {
        // SAFETY: `ngx_cycle` is plain data of this process. The table is in shared memory that is mapped
        // while its cycle is the current one.
        unsafe { if ptr::eq(ngx_cycle, self.cycle) { Some(self.table.as_ref()) } else { None } }
    }

    /// Runs `f` while no other process claims counters.
    pub(crate) fn with_lock<T>(&self, f: impl FnOnce(&Table) -> T) -> T {
        /// Unlocks, also when `f` panics.
        struct Unlock(*mut ngx_shmtx_t);

        impl Drop for Unlock {
            fn drop(&mut self) {
                // SAFETY: the mutex that `with_lock` locked.
                unsafe { ngx_shmtx_unlock(self.0) };
            }
        }

        // SAFETY: the pool is in shared memory, which lives as long as the configuration that has
        // this; nginx has initialized its mutex, and the table is complete.
        unsafe {
            let mutex = &raw mut (*self.pool.as_ptr()).mutex;
            ngx_shmtx_lock(mutex);
            let _unlock = Unlock(mutex);
            f(self.table.as_ref())
        }
    }
}

/// The counters of one policy, in the shared memory of a cycle.
#[derive(Clone, Copy)]
pub(crate) struct PolicyCounters {
    counters: *const Counters,
    /// The table of the counters; `None` without counters.
    table: Option<SharedTable>,
    /// The number of the policy in the table.
    policy: u32,
}

impl PolicyCounters {
    /// No counters.
    pub(crate) const NONE: Self = Self { counters: ptr::null(), table: None, policy: 0 };

    /// The counters, if the table had room for them and their cycle is the current one.
    pub(crate) fn get(&self) -> Option<&Counters> {
        self.table.as_ref()?.get()?;
        // SAFETY: the counters are in the table.
        unsafe { self.counters.as_ref() }
    }

    /// The number of the policy in the table.
    pub(crate) fn policy(&self) -> u32 {
        self.policy
    }

    /// Counts an origin that is refused, at `now`, in seconds since 1970. `is_lost` is whether the page could read
    /// the response without the policy.
    pub(crate) fn count_origin(
        &self,
        decision: Decision,
        is_dry_run: bool,
        origin: &[u8],
        is_lost: bool,
        now: u64,
    ) {
        let Some(shared) = &self.table else { return };
        let Some(table) = shared.get() else { return };
        let key = Key { policy: self.policy, is_dry_run, decision: decision as u8, origin };
        if !table.origins().count(&key, is_lost, now) {
            add_origin(shared, &key, is_lost, now);
        }
    }
}

#[cold]
fn add_origin(shared: &SharedTable, key: &Key<'_>, is_lost: bool, now: u64) {
    shared.with_lock(|table| table.origins().add(key, is_lost, now));
}

/// Asks nginx for a zone with room for the counters of so many policies. nginx calls `init` when it
/// has mapped the memory; the zone's data is then `data`.
///
/// # Errors
///
/// `NGX_ERROR` if nginx refuses, which it logs.
pub(super) fn add(
    cf: &mut ngx_conf_t,
    policies: usize,
    data: *mut c_void,
    init: unsafe extern "C" fn(*mut ngx_shm_zone_t, *mut c_void) -> ngx_int_t,
) -> Result<(), ngx_int_t> {
    let table = Table::size(Table::capacity_for(policies));
    // SAFETY: set when nginx starts.
    let page = unsafe { ngx_pagesize };
    // The slab allocator keeps a record of each page, and some pages for itself.
    let pages = table.div_ceil(page) + 1;
    let size = (pages + pages.div_ceil(64) + 8) * page;

    let mut name = ngx_str_t { len: NAME.len(), data: NAME.as_ptr().cast_mut() };
    // SAFETY: nginx is reading its configuration; it keeps the name, which is static.
    let zone = unsafe { ngx_shared_memory_add(cf, &mut name, size, tag()) };
    // SAFETY: null, or a zone of the cycle.
    let zone = unsafe { zone.as_mut() }.ok_or(NGX_ERROR as ngx_int_t)?;
    zone.init = Some(init);
    zone.data = data;
    Ok(())
}
