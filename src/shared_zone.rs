//! The shared memory that holds the counters, and how nginx keeps it over reloads.
//!
//! nginx carries shared memory over to the next configuration where its name, its tag and its size
//! are the same. So the tag says how the memory is laid out, and not which file the module came
//! from; and the size is the same for every configuration that an ordinary site has. Only where
//! more policies need more of it, the counts are copied.

use core::ffi::c_void;
use core::ptr::{self, NonNull};

use nginx_sys::{
    NGX_ERROR, NGX_OK, ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_int_t, ngx_list_part_t,
    ngx_pagesize, ngx_shared_memory_add, ngx_shm_zone_t, ngx_shmtx_lock, ngx_shmtx_t,
    ngx_shmtx_unlock, ngx_slab_alloc, ngx_slab_pool_t, ngx_str_t,
};

use crate::conf::{MainConf, Policies};
use crate::counters::{Counters, Table};
use crate::guard;

/// The colon keeps it apart from every zone that a directive of nginx can name.
const NAME: &str = "cors_policy:counters";

/// The version of the layout of [`Table`] and [`Counters`], as the tag of the zone.
///
/// It is no address: another file of the module, which has the same layout, is to find the memory
/// too. The module with fail points stands for one that has another layout.
pub(crate) const LAYOUT: u32 =
    u32::from_be_bytes(if cfg!(feature = "fail-points") { *b"CORX" } else { *b"COR2" });

fn tag() -> *mut c_void {
    ptr::without_provenance_mut(LAYOUT as usize)
}

/// The table, and the pool of the shared memory that it is in.
#[derive(Clone, Copy)]
pub(crate) struct SharedTable {
    table: NonNull<Table>,
    pool: NonNull<ngx_slab_pool_t>,
    cycle: *const ngx_cycle_t,
}

impl SharedTable {
    /// The table in the memory of a zone that has one.
    fn of(zone: &ngx_shm_zone_t) -> Option<Self> {
        let pool = NonNull::new(zone.shm.addr.cast::<ngx_slab_pool_t>())?;
        // SAFETY: mapped memory of a zone begins with a slab pool.
        let table = NonNull::new(unsafe { (*pool.as_ptr()).data }.cast())?;
        Some(Self { table, pool, cycle: ptr::null() })
    }

    /// Makes a table in the new memory of a zone.
    fn create(zone: &ngx_shm_zone_t, capacity: usize) -> Option<Self> {
        let pool = NonNull::new(zone.shm.addr.cast::<ngx_slab_pool_t>())?;
        // Pages are aligned better than `Counters` demands; a table is larger than one.
        const { assert!(align_of::<Counters>() <= 4096) };
        // SAFETY: the pool is initialized, and no other process has it yet. What it gives is not
        // set to zero, which would use the memory.
        unsafe {
            let table = NonNull::new(ngx_slab_alloc(pool.as_ptr(), Table::size(capacity)))?;
            Table::init(table.cast().as_ptr(), capacity);
            (*pool.as_ptr()).data = table.as_ptr();
            Some(Self { table: table.cast(), pool, cycle: ptr::null() })
        }
    }

    /// The table of the cycle that is in force while nginx reads another configuration.
    ///
    /// Nothing of that cycle's configuration is looked at: it may be without `http`, or from a
    /// time at which the module was not there, or from another file of the module.
    fn in_force() -> Option<Self> {
        // SAFETY: there is always a cycle. Its list of zones is empty before the first one.
        let mut part: *const ngx_list_part_t =
            unsafe { &raw const (*ngx_cycle).shared_memory.part };
        // SAFETY: null behind the last part, and a part of the list otherwise, with as many zones
        // as it says.
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

    /// The same, for this cycle.
    pub(crate) fn of_cycle(self, cycle: *const ngx_cycle_t) -> Self {
        Self { cycle, ..self }
    }

    /// Where a policy of this table has its counters.
    pub(crate) fn place(&self, counters: Option<&Counters>) -> Place {
        Place { counters: counters.map_or(ptr::null(), ptr::from_ref), cycle: self.cycle }
    }

    /// Runs `f` while no other process claims counters.
    pub(crate) fn with_lock<T>(&self, f: impl FnOnce(&Table) -> T) -> T {
        /// Unlocks also when `f` panics.
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

/// Counters of a policy, in the shared memory of a cycle.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    counters: *const Counters,
    cycle: *const ngx_cycle_t,
}

impl Place {
    /// None, of no cycle.
    pub(crate) const NONE: Self = Self { counters: ptr::null(), cycle: ptr::null() };

    /// The counters, if there is room for them and nginx has their cycle still.
    ///
    /// A worker has one cycle. Without a master process, requests of the cycle before go on after a
    /// reload, when nginx may have given its shared memory back.
    #[inline]
    pub(crate) fn get(&self) -> Option<&Counters> {
        // SAFETY: the first is plain data of this process; then the counters are null, or in shared
        // memory that is mapped as long as its cycle is in force.
        unsafe { if ptr::eq(ngx_cycle, self.cycle) { self.counters.as_ref() } else { None } }
    }
}

/// Asks nginx for the shared memory, when the policies are known.
pub(crate) fn add(cf: &mut ngx_conf_t, main: &mut MainConf) -> Result<(), ngx_int_t> {
    let table = Table::size(Table::capacity_for(main.policies.count()));
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
    main.policies.set_cycle(cf.cycle);
    zone.data = ptr::from_mut(&mut main.policies).cast();
    Ok(())
}

/// Makes the table in new shared memory, or finds it in what nginx kept.
unsafe extern "C" fn init(zone: *mut ngx_shm_zone_t, kept: *mut c_void) -> ngx_int_t {
    // SAFETY: nginx passes a zone that `add` made, whose memory is mapped and has a slab pool at
    // its beginning.
    let (zone, policies) = unsafe { (&*zone, &mut *(*zone).data.cast::<Policies>()) };
    // SAFETY: there is always a cycle, and it has a log.
    let log = unsafe { (*ngx_cycle).log };
    let done = guard::catch(log, || {
        // `kept` is data of the cycle before, of which nothing is read but that there is some.
        let table = match kept.is_null() {
            true => create(zone, policies),
            false => SharedTable::of(zone),
        }?;
        policies.set_counters(table.of_cycle(policies.cycle()));
        Some(())
    });
    match done.flatten() {
        Some(()) => NGX_OK as ngx_int_t,
        None => NGX_ERROR as ngx_int_t,
    }
}

fn create(zone: &ngx_shm_zone_t, policies: &Policies) -> Option<SharedTable> {
    let new = SharedTable::create(zone, Table::capacity_for(policies.count()))?;
    if let Some(older) = SharedTable::in_force() {
        let names: Vec<_> = policies.names().collect();
        older.with_lock(|older| new.with_lock(|new| new.take_over(older, &names)));
    }
    Some(new)
}
