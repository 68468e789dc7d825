//! Counters in shared memory: what was decided, by policy.
//!
//! All workers count into the same memory, without locks. It outlives a reload: nginx keeps shared
//! memory of the same name and size, and where more policies need more of it, the counts move over.
//! A policy finds its counters by its name, so that policies may come, go and change places.

use core::ffi::c_void;
use core::mem::{self, offset_of};
use core::ptr::{self, NonNull};
use core::slice;
use core::sync::atomic::{AtomicU64, Ordering};
use std::hash::{DefaultHasher, Hasher};

use cors_policy::Decision;
use nginx_sys::{
    NGX_ERROR, NGX_OK, ngx_conf_t, ngx_cycle, ngx_int_t, ngx_pagesize, ngx_shared_memory_add,
    ngx_shm_zone_t, ngx_shmtx_lock, ngx_shmtx_t, ngx_shmtx_unlock, ngx_slab_calloc,
    ngx_slab_pool_t, ngx_str_t,
};
use ngx::http::HttpModuleMainConf;

use crate::conf::MainConf;
use crate::{Module, guard};

/// What kind of request a decision is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Actual,
    Preflight,
}

/// What is counted. A request without `Origin` is none of these.
pub(crate) const COUNTED: [(Kind, Decision); 6] = [
    (Kind::Actual, Decision::Allowed),
    (Kind::Actual, Decision::DeniedOrigin),
    (Kind::Preflight, Decision::Allowed),
    (Kind::Preflight, Decision::DeniedOrigin),
    (Kind::Preflight, Decision::DeniedMethod),
    (Kind::Preflight, Decision::DeniedHeader),
];

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Actual => "actual",
            Self::Preflight => "preflight",
        }
    }
}

/// The place of a decision in [`COUNTED`].
#[inline]
fn index(kind: Kind, decision: Decision) -> Option<usize> {
    match (kind, decision) {
        (_, Decision::None) => None,
        (Kind::Actual, Decision::Allowed) => Some(0),
        (Kind::Actual, _) => Some(1),
        (Kind::Preflight, Decision::Allowed) => Some(2),
        (Kind::Preflight, Decision::DeniedOrigin) => Some(3),
        (Kind::Preflight, Decision::DeniedMethod) => Some(4),
        (Kind::Preflight, Decision::DeniedHeader) => Some(5),
    }
}

/// The longest name that a policy can have, in bytes.
const MAX_NAME: usize = 64;

/// The counters of one policy. All bytes zero is one that no policy has.
#[repr(C, align(64))]
pub(crate) struct Counters {
    /// Written under the lock of the shared memory.
    name_length: AtomicU64,
    name: [core::sync::atomic::AtomicU8; MAX_NAME],
    /// By dry run, and by the place in [`COUNTED`].
    counts: [[AtomicU64; COUNTED.len()]; 2],
}

impl Counters {
    /// Counts one decision. The counters depend on nothing else, so that no order is needed.
    #[inline]
    pub(crate) fn count(&self, kind: Kind, decision: Decision, dry_run: bool) {
        if let Some(index) = index(kind, decision) {
            self.counts[usize::from(dry_run)][index].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often each of [`COUNTED`] was decided.
    pub(crate) fn counts(&self, dry_run: bool) -> [u64; COUNTED.len()] {
        self.counts[usize::from(dry_run)].each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    fn name(&self) -> ([u8; MAX_NAME], usize) {
        let name = self.name.each_ref().map(|byte| byte.load(Ordering::Relaxed));
        (name, self.name_length.load(Ordering::Relaxed) as usize)
    }

    fn is_named(&self, wanted: &[u8]) -> bool {
        self.name_length.load(Ordering::Relaxed) == wanted.len() as u64
            && self.name.iter().zip(wanted).all(|(byte, it)| byte.load(Ordering::Relaxed) == *it)
    }

    fn is_free(&self) -> bool {
        self.name_length.load(Ordering::Relaxed) == 0
    }

    /// Makes these the counters of a policy, from zero.
    fn take(&self, name: &[u8]) {
        for count in self.counts.iter().flatten() {
            count.store(0, Ordering::Relaxed);
        }
        for (to, from) in self.name.iter().zip(name) {
            to.store(*from, Ordering::Relaxed);
        }
        self.name_length.store(name.len() as u64, Ordering::Relaxed);
    }
}

/// The same in all processes that share counters.
fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}

/// The counters of all policies.
#[repr(C)]
pub(crate) struct Table {
    capacity: usize,
    // As many as `capacity` says.
    counters: [Counters; 0],
}

impl Table {
    /// Policies that there is room for beyond the configured ones, so that policies can come and go
    /// over many reloads before memory has to be moved.
    const MIN_CAPACITY: usize = 256;

    fn capacity_for(policies: usize) -> usize {
        (2 * policies).next_power_of_two().max(Self::MIN_CAPACITY)
    }

    fn size(capacity: usize) -> usize {
        size_of::<Self>() + capacity * size_of::<Counters>()
    }

    fn counters(&self) -> &[Counters] {
        let first = ptr::from_ref(self).cast::<u8>();
        // SAFETY: a table is only made by `create`, with memory for `capacity` counters behind it.
        unsafe {
            let first = first.add(offset_of!(Self, counters)).cast::<Counters>();
            slice::from_raw_parts(first, self.capacity)
        }
    }

    /// The counters of the policy of this name: those that it had, free ones, or, where there are
    /// none, those of a policy that is used no longer.
    ///
    /// Looks where the hash of the name says, and from there on: no counters become free again, so
    /// that the first free ones end the search. Ten thousand policies look for theirs at once.
    pub(crate) fn claim(&self, name: &str, is_used: impl Fn(&[u8]) -> bool) -> Option<&Counters> {
        let name = name.as_bytes();
        if name.len() > MAX_NAME {
            return None;
        }
        let (before, after) = self.counters().split_at(hash(name) as usize % self.capacity);
        let from_there = || after.iter().chain(before);
        let found = from_there().find(|counters| counters.is_free() || counters.is_named(name));
        if let Some(known) = found.filter(|counters| !counters.is_free()) {
            return Some(known);
        }
        let free = found.or_else(|| {
            from_there().find(|counters| {
                let (name, length) = counters.name();
                !name.get(..length).is_some_and(&is_used)
            })
        })?;
        free.take(name);
        Some(free)
    }

    /// Takes over the counts of an older, smaller table.
    fn take_over(&self, older: &Self) {
        for from in older.counters().iter().filter(|counters| !counters.is_free()) {
            let (name, length) = from.name();
            let name = name.get(..length).and_then(|name| core::str::from_utf8(name).ok());
            // There is room for all of them.
            if let Some(to) = name.and_then(|name| self.claim(name, |_| true)) {
                for (to, from) in to.counts.iter().flatten().zip(from.counts.iter().flatten()) {
                    to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
                }
            }
        }
    }
}

/// The table, and the pool of the shared memory that it is in.
#[derive(Clone, Copy)]
pub(crate) struct SharedTable {
    table: NonNull<Table>,
    pool: NonNull<ngx_slab_pool_t>,
}

impl SharedTable {
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

const ZONE: &str = "cors_policy_counters";

/// Asks nginx for the shared memory, when the policies are known.
pub(crate) fn add_zone(cf: &mut ngx_conf_t, main: &mut MainConf) -> Result<(), ngx_int_t> {
    let table = Table::size(Table::capacity_for(main.policies().count()));
    // SAFETY: set when nginx starts.
    let page = unsafe { ngx_pagesize };
    // The slab allocator keeps a record of each page, and some pages for itself.
    let pages = table.div_ceil(page) + 1;
    let size = (pages + pages.div_ceil(64) + 8) * page;

    let mut name = ngx_str_t { len: ZONE.len(), data: ZONE.as_ptr().cast_mut() };
    // SAFETY: nginx is reading its configuration; it keeps the name, which is static.
    let zone = unsafe { ngx_shared_memory_add(cf, &mut name, size, Module::ptr().cast()) };
    // SAFETY: null, or a zone of the cycle.
    let zone = unsafe { zone.as_mut() }.ok_or(NGX_ERROR as ngx_int_t)?;
    zone.init = Some(init_zone);
    zone.data = ptr::from_mut(main).cast();
    Ok(())
}

/// Makes the table in new shared memory, or finds it in what nginx kept.
unsafe extern "C" fn init_zone(zone: *mut ngx_shm_zone_t, old: *mut c_void) -> ngx_int_t {
    // SAFETY: nginx passes a zone that `add_zone` made, whose memory is mapped and has a slab pool
    // at its beginning.
    let (pool, main) = unsafe {
        (&mut *(*zone).shm.addr.cast::<ngx_slab_pool_t>(), &mut *(*zone).data.cast::<MainConf>())
    };
    // SAFETY: there is always a cycle, and it has a log.
    let log = unsafe { (*ngx_cycle).log };
    let done = guard::catch(log, || {
        let table = if old.is_null() { create(pool, main) } else { find(pool) }?;
        main.set_counters(SharedTable { table, pool: NonNull::from(pool) });
        Some(())
    });
    match done.flatten() {
        Some(()) => NGX_OK as ngx_int_t,
        None => NGX_ERROR as ngx_int_t,
    }
}

fn find(pool: &ngx_slab_pool_t) -> Option<NonNull<Table>> {
    NonNull::new(pool.data.cast())
}

fn create(pool: &mut ngx_slab_pool_t, main: &MainConf) -> Option<NonNull<Table>> {
    let capacity = Table::capacity_for(main.policies().count());
    // Pages are aligned better than `Counters` demands; a table is larger than one.
    const { assert!(mem::align_of::<Counters>() <= 4096) };
    // SAFETY: the pool is initialized, and no other process has it yet.
    let room = unsafe { ngx_slab_calloc(pool, Table::size(capacity)) };
    let table = NonNull::new(room.cast::<Table>())?;
    // SAFETY: there is room for it, and all bytes zero are a table of no counters.
    unsafe { (*table.as_ptr()).capacity = capacity };
    pool.data = room;

    // SAFETY: while nginx reads a configuration, this is the cycle that is in force; before the
    // first one, it has no configuration.
    let cycle = unsafe { &*ngx_cycle };
    let older = if cycle.conf_ctx.is_null() { None } else { Module::main_conf(cycle) };
    if let Some(older) = older.and_then(|main| main.counters) {
        // SAFETY: both tables are complete, and the older one stays mapped until its cycle ends.
        unsafe { table.as_ref().take_over(older.table.as_ref()) };
    }
    Some(table)
}
