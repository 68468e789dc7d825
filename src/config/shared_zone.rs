//! The shared memory of the counters, and how nginx keeps it over reloads.
//!
//! The size is the same for all configurations of up to 10,000 policies. Only where it differs, the counts are
//! copied.

use core::ffi::c_void;
use core::ptr;

use cors_policy::Decision;
use cors_shared::refusals::Key;
use nginx_sys::{ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_int_t, ngx_shm_zone_t};

use crate::counters::{Counters, Table};
use crate::nginx::clock;
use crate::nginx::shared_memory::{SharedValue, Zone};

/// The module with fail points has another version of the layout of [`Table`] and [`Counters`], to test a change
/// of it.
const ZONE: Zone = Zone {
    name: "cors_policy:counters",
    layout: u32::from_be_bytes(if cfg!(feature = "fail-points") { *b"CORX" } else { *b"COR4" }),
};

/// The table, in the shared memory of a cycle.
#[derive(Clone, Copy)]
pub(crate) struct SharedTable {
    value: SharedValue<Table>,
    cycle: *const ngx_cycle_t,
}

impl SharedTable {
    /// The table in the memory of a zone that has one.
    pub(super) fn of(zone: &ngx_shm_zone_t) -> Option<Self> {
        // SAFETY: nginx calls only for the zone of `add`, and keeps no memory of another tag.
        let value = unsafe { SharedValue::of(zone)? };
        Some(Self { value, cycle: ptr::null() })
    }

    /// Makes a table for these policies in the new memory of a zone. It takes over what the zone of the current
    /// cycle has.
    pub(super) fn create(zone: &ngx_shm_zone_t, names: &[&str]) -> Option<Self> {
        let capacity = Table::capacity_for(names.len());
        let init = |table: *mut Table| {
            // SAFETY: so many bytes were allocated, aligned to a page; no other process has them yet.
            unsafe { Table::init(table, capacity) };
        };
        let new = SharedValue::create(zone, Table::size(capacity), init)?;
        // SAFETY: the name and the layout are those of a table.
        if let Some(current) = unsafe { ZONE.of_current_cycle::<Table>() } {
            current.with_lock(|current| new.with_lock(|new| new.take_over(current, names)));
        }
        Some(Self { value: new, cycle: ptr::null() })
    }

    /// This table, with counters that belong to `cycle`.
    pub(crate) fn of_cycle(self, cycle: *const ngx_cycle_t) -> Self {
        Self { cycle, ..self }
    }

    /// Counters of this table, for a policy.
    pub(crate) fn counters_of(&self, counters: Option<&Counters>) -> PolicyCounters {
        PolicyCounters { counters: counters.map_or(ptr::null(), ptr::from_ref), cycle: self.cycle }
    }

    /// Where the refused origins of the policy with these counters are counted.
    pub(crate) fn origins_of(&self, counters: Option<&Counters>) -> Option<PolicyOrigins> {
        // SAFETY: the memory is mapped while nginx claims counters.
        let policy = unsafe { self.value.get() }.number_of(counters?);
        Some(PolicyOrigins { shared: *self, policy })
    }

    /// The table, if its cycle is the current one.
    ///
    /// A worker has one cycle. Without a master process, requests of an earlier cycle last beyond a
    /// reload, after which nginx may have unmapped its shared memory.
    pub(crate) fn get(&self) -> Option<&Table> {
        // SAFETY: `ngx_cycle` is plain data of this process. The memory is mapped while its cycle is the
        // current one.
        unsafe { if ptr::eq(ngx_cycle, self.cycle) { Some(self.value.get()) } else { None } }
    }

    /// Runs `f` while no other process claims counters or adds origins.
    pub(crate) fn with_lock<T>(&self, f: impl FnOnce(&Table) -> T) -> T {
        self.value.with_lock(f)
    }
}

/// The counters of one policy, in the shared memory of a cycle.
#[derive(Clone, Copy)]
pub(crate) struct PolicyCounters {
    counters: *const Counters,
    cycle: *const ngx_cycle_t,
}

impl PolicyCounters {
    /// No counters.
    pub(crate) const NONE: Self = Self { counters: ptr::null(), cycle: ptr::null() };

    /// The counters, if the table had room for them and their cycle is the current one.
    pub(crate) fn get(&self) -> Option<&Counters> {
        // SAFETY: as in `SharedTable::get`. The counters are null, or in the table.
        unsafe { if ptr::eq(ngx_cycle, self.cycle) { self.counters.as_ref() } else { None } }
    }
}

/// The place of a policy among the refused origins.
#[derive(Clone, Copy)]
pub(crate) struct PolicyOrigins {
    shared: SharedTable,
    /// The number of the policy in the table.
    policy: u32,
}

impl PolicyOrigins {
    /// The number of the policy in the table.
    pub(crate) fn policy(&self) -> u32 {
        self.policy
    }

    /// Counts an origin that is refused. `is_lost` is whether the page could read the response without the policy.
    #[inline(always)]
    pub(crate) fn count(&self, decision: Decision, is_dry_run: bool, origin: &[u8], is_lost: bool) {
        let Some(table) = self.shared.get() else { return };
        let key = Key { policy: self.policy, is_dry_run, decision: decision as u8, origin };
        if !table.origins().count(&key, is_lost, clock::now()) {
            self.add(&key, is_lost);
        }
    }

    #[cold]
    fn add(&self, key: &Key<'_>, is_lost: bool) {
        self.shared.with_lock(|table| table.origins().add(key, is_lost, clock::now()));
    }
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
    ZONE.add(cf, Table::size(Table::capacity_for(policies)), data, init).map(|_| ())
}
