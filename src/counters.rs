//! The counters of decisions, by policy, in shared memory.
//!
//! All workers count into the same memory, without locks. A policy finds its counters by its name, so
//! policies can come and go. `config/shared_zone.rs` keeps the memory from one
//! configuration to the next.

use core::mem::offset_of;
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use cors_comparison::Change;
use cors_policy::Decision;
use cors_shared::refusals;

/// The kind of request that a decision is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Actual,
    Preflight,
}

/// The series that are counted. Requests without `Origin` are not counted, unless they are refused.
pub(crate) const SERIES: [(RequestKind, Decision); 9] = [
    (RequestKind::Actual, Decision::Allowed),
    (RequestKind::Actual, Decision::DeniedOrigin),
    (RequestKind::Actual, Decision::DeniedSite),
    (RequestKind::Actual, Decision::DeniedHost),
    (RequestKind::Preflight, Decision::Allowed),
    (RequestKind::Preflight, Decision::DeniedOrigin),
    (RequestKind::Preflight, Decision::DeniedHost),
    (RequestKind::Preflight, Decision::DeniedMethod),
    (RequestKind::Preflight, Decision::DeniedHeader),
];

impl RequestKind {
    pub(crate) fn of(is_preflight: bool) -> Self {
        if is_preflight { Self::Preflight } else { Self::Actual }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Actual => "actual",
            Self::Preflight => "preflight",
        }
    }
}

/// The index of a decision in [`SERIES`].
fn index(kind: RequestKind, decision: Decision) -> Option<usize> {
    match (kind, decision) {
        (_, Decision::None) => None,
        (RequestKind::Actual, Decision::Allowed) => Some(0),
        (RequestKind::Actual, Decision::DeniedSite) => Some(2),
        (RequestKind::Actual, Decision::DeniedHost) => Some(3),
        (RequestKind::Actual, _) => Some(1),
        (RequestKind::Preflight, Decision::Allowed) => Some(4),
        // A preflight is refused for its host only.
        (RequestKind::Preflight, Decision::DeniedOrigin | Decision::DeniedSite) => Some(5),
        (RequestKind::Preflight, Decision::DeniedHost) => Some(6),
        (RequestKind::Preflight, Decision::DeniedMethod) => Some(7),
        (RequestKind::Preflight, Decision::DeniedHeader) => Some(8),
    }
}

/// The longest name that a policy can have, in bytes.
const MAX_NAME: usize = 64;

/// The counters of one policy.
///
/// Other builds of the module use the same memory. A change of this layout, or of [`Table`], needs
/// another `layout` of the zone in `config/shared_zone.rs`.
#[repr(C, align(64))]
pub(crate) struct Counters {
    /// Written under the lock of the shared memory.
    name_length: AtomicU64,
    name: [AtomicU8; MAX_NAME],
    /// The age of the table when a configuration last had a policy of this name.
    last_used: AtomicU64,
    /// By dry run, and by the index in [`SERIES`].
    counts: [[AtomicU64; SERIES.len()]; 2],
    /// What would change, of requests in dry runs, by the index in [`Change::ALL`].
    changes: [AtomicU64; Change::ALL.len()],
}

impl Counters {
    /// Counts one decision. Relaxed ordering is enough, since the counters are independent.
    pub(crate) fn count(&self, kind: RequestKind, decision: Decision, dry_run: bool) {
        if let Some(index) = index(kind, decision) {
            self.counts[usize::from(dry_run)][index].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counts of [`SERIES`].
    pub(crate) fn counts(&self, dry_run: bool) -> [u64; SERIES.len()] {
        self.counts[usize::from(dry_run)].each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Counts what would change for a request in a dry run.
    pub(crate) fn count_change(&self, change: Change) {
        self.changes[change as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The counts of [`Change::ALL`].
    pub(crate) fn changes(&self) -> [u64; Change::ALL.len()] {
        self.changes.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// All counts.
    fn all(&self) -> impl Iterator<Item = &AtomicU64> {
        self.counts.iter().flatten().chain(&self.changes)
    }

    fn name(&self) -> Vec<u8> {
        let length = self.name_length.load(Ordering::Relaxed) as usize;
        self.name.iter().take(length).map(|byte| byte.load(Ordering::Relaxed)).collect()
    }

    /// Makes these the counters of a policy, from zero.
    fn take(&self, name: &[u8]) {
        // Without a name they are not found, should this process die meanwhile.
        self.name_length.store(0, Ordering::Relaxed);
        for count in self.all() {
            count.store(0, Ordering::Relaxed);
        }
        for (to, from) in self.name.iter().zip(name) {
            to.store(*from, Ordering::Relaxed);
        }
        self.name_length.store(name.len() as u64, Ordering::Relaxed);
    }

    fn copy_counts(&self, from: &Self) {
        for (to, from) in self.all().zip(from.all()) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

/// The counters of all policies, and the origins that they refuse. The first `used` counters are in use; the
/// memory of the others is untouched.
#[repr(C)]
pub(crate) struct Table {
    capacity: usize,
    used: AtomicUsize,
    /// The number of times that counters were claimed.
    age: AtomicU64,
    origins: refusals::Table,
    // `capacity` elements.
    counters: [Counters; 0],
}

impl Table {
    /// Room for 10,000 policies, and for policies that come and go over many reloads. Unused counters
    /// take no memory.
    const MIN_CAPACITY: usize = 16_384;

    /// The capacity of the table for a configuration with so many policies.
    pub(crate) fn capacity_for(policies: usize) -> usize {
        (policies + policies / 2).next_power_of_two().max(Self::MIN_CAPACITY)
    }

    /// The size of a table in bytes.
    pub(crate) fn size(capacity: usize) -> usize {
        size_of::<Self>() + capacity * size_of::<Counters>()
    }

    /// Makes a table without policies.
    ///
    /// # Safety
    ///
    /// `table` points to [`size`](Self::size) bytes, aligned to 64, that nothing else uses yet.
    pub(crate) unsafe fn init(table: *mut Self, capacity: usize) {
        // SAFETY: as demanded of the caller. Any bytes are a table; it is too large to be made elsewhere.
        let table = unsafe {
            (&raw mut (*table).capacity).write(capacity);
            &*table
        };
        table.used.store(0, Ordering::Relaxed);
        table.age.store(0, Ordering::Relaxed);
        table.origins.init(random());
    }

    /// The origins that the policies refuse.
    pub(crate) fn origins(&self) -> &refusals::Table {
        &self.origins
    }

    /// The number of a policy, by its counters, as the [origins](Self::origins) know it.
    pub(crate) fn number_of(&self, counters: &Counters) -> u32 {
        let first = ptr::from_ref(self).addr() + offset_of!(Self, counters);
        let number = (ptr::from_ref(counters).addr() - first) / size_of::<Counters>();
        // Far more policies do not fit into a configuration.
        number as u32
    }

    /// The counters that are in use. The memory of the others may hold anything.
    fn counters(&self) -> &[Counters] {
        self.first(self.used.load(Ordering::Relaxed))
    }

    fn first(&self, count: usize) -> &[Counters] {
        let first = ptr::from_ref(self).cast::<u8>();
        // SAFETY: `init` got memory for `capacity` counters. Any bytes are valid counters, and they
        // are written atomically.
        unsafe {
            let first = first.add(offset_of!(Self, counters)).cast::<Counters>();
            slice::from_raw_parts(first, count.min(self.capacity))
        }
    }

    fn by_name(&self) -> HashMap<Vec<u8>, &Counters> {
        self.counters().iter().map(|counters| (counters.name(), counters)).collect()
    }

    /// Finds the counters of each policy: those that it had, or unused ones, or those of the policy
    /// that has been gone for the longest time. `None` for a policy that finds no room.
    ///
    /// Must be called under the lock of the shared memory.
    pub(crate) fn claim<'t>(
        &'t self,
        names: &[&str],
        is_used: impl Fn(&[u8]) -> bool,
    ) -> Vec<Option<&'t Counters>> {
        let age = self.age.load(Ordering::Relaxed) + 1;
        self.age.store(age, Ordering::Relaxed);
        let known = self.by_name();
        let mut gone = None;
        let mut claim = |name: &[u8]| {
            if name.len() > MAX_NAME {
                return None;
            }
            let counters = match known.get(name) {
                Some(counters) => *counters,
                None => {
                    let free = self.push().or_else(|| {
                        let gone =
                            gone.get_or_insert_with(|| self.longest_gone(&is_used)).next()?;
                        self.origins.forget(self.number_of(gone));
                        Some(gone)
                    })?;
                    free.take(name);
                    free
                }
            };
            counters.last_used.store(age, Ordering::Relaxed);
            Some(counters)
        };
        names.iter().map(|name| claim(name.as_bytes())).collect()
    }

    /// Takes unused counters into use.
    fn push(&self) -> Option<&Counters> {
        let used = self.used.load(Ordering::Relaxed);
        if used >= self.capacity {
            return None;
        }
        let new = self.first(used + 1).last()?;
        // First, since the memory may hold anything.
        new.name_length.store(0, Ordering::Relaxed);
        self.used.store(used + 1, Ordering::Relaxed);
        Some(new)
    }

    /// The counters that no policy uses, the longest unused first.
    fn longest_gone<'t>(
        &'t self,
        is_used: &impl Fn(&[u8]) -> bool,
    ) -> std::vec::IntoIter<&'t Counters> {
        let mut gone: Vec<_> =
            self.counters().iter().filter(|counters| !is_used(&counters.name())).collect();
        gone.sort_by_key(|counters| counters.last_used.load(Ordering::Relaxed));
        gone.into_iter()
    }

    /// Takes over the counts of these policies, and the origins that they refuse, from an older table.
    ///
    /// Must be called under the locks of both.
    pub(crate) fn take_over(&self, older: &Self, names: &[&str]) {
        let known = older.by_name();
        let names: Vec<_> =
            names.iter().copied().filter(|name| known.contains_key(name.as_bytes())).collect();
        let mut numbers = HashMap::new();
        for (name, to) in names.iter().zip(self.claim(&names, |_| true)) {
            if let (Some(to), Some(from)) = (to, known.get(name.as_bytes())) {
                to.copy_counts(from);
                numbers.insert(older.number_of(from), self.number_of(to));
            }
        }
        self.origins.take_over(&older.origins, |number| numbers.get(&number).copied());
    }
}

/// A number that clients do not know.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}
