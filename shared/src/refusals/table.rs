//! The table.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};

use super::entry::{Entry, Key, Numbers, Refused};
use super::index::Index;

/// The number of entries.
pub const CAPACITY: usize = 4096;

/// Policies share a floor with those whose numbers differ by a multiple of this.
const GROUPS: usize = 1024;

/// The fewest entries of a policy at which entries go from the policy with the most. Below that, there are so many
/// policies that the lowest counts go, of whatever policy.
const MIN_SHARE: usize = 64;

/// The table, in memory that processes share. Any bytes are one, but [`init`](Self::init) makes it empty.
#[repr(C)]
#[derive(Debug)]
pub struct Table {
    /// Not 0 while somebody changes the index.
    open: AtomicU32,
    /// The entry from which to look for a free one.
    next: AtomicU32,
    /// The hash of each entry; 0 for a free one.
    hashes: [AtomicU64; CAPACITY],
    /// The highest count that has gone, of the policies of each group.
    floors: [AtomicU64; GROUPS],
    index: Index,
    // Last, since the memory of unused entries is not touched.
    entries: [Entry; CAPACITY],
}

impl Table {
    /// Makes the table empty. `seed` is a random number.
    pub fn init(&self, seed: u64) {
        self.next.store(0, Relaxed);
        self.hashes.iter().for_each(|hash| hash.store(0, Relaxed));
        self.floors.iter().for_each(|floor| floor.store(0, Relaxed));
        self.index.init(seed);
        self.open.store(0, Release);
    }

    /// Counts a refusal of an origin that is in the table, at `now`, in seconds since 1970. Returns whether it is.
    // PERF: a call takes 24 instructions.
    #[inline(always)]
    pub fn count(&self, key: &Key<'_>, lost: bool, now: u64) -> bool {
        match self.find(self.index.hash(key)) {
            Some(entry) => {
                self.entries[entry].add(lost, now);
                true
            }
            None => false,
        }
    }

    /// Counts a refusal, and adds the origin if it is not in the table.
    ///
    /// The caller must hold the lock of the table.
    pub fn add(&self, key: &Key<'_>, lost: bool, now: u64) {
        self.mend();
        if self.count(key, lost, now) {
            return;
        }
        // The floor is read after entries have gone to make room.
        let numbers = || {
            let floor = self.floor(key.policy).load(Relaxed);
            Numbers { count: floor + 1, error: floor, lost: u64::from(lost), last: now }
        };
        self.insert(key, numbers);
    }

    /// Takes over the entries of another table, but for origins that are cut. `policy_of` gives the new number
    /// of a policy; entries of policies without one are left out.
    ///
    /// The caller must hold the locks of both tables.
    pub fn take_over(&self, other: &Self, policy_of: impl Fn(u32) -> Option<u32>) {
        self.mend();
        for old in other.entries().filter(|old| !old.is_cut) {
            let Some(policy) = policy_of(old.policy) else { continue };
            self.floor(policy).fetch_max(other.floor(old.policy).load(Relaxed), Relaxed);
            let key = Key { policy, ..old.key() };
            if self.find(self.index.hash(&key)).is_none() {
                self.insert(&key, || old.numbers());
            }
        }
    }

    /// Removes the entries of a policy.
    ///
    /// The caller must hold the lock of the table.
    pub fn forget(&self, policy: u32) {
        self.remove(|entry| self.entries[entry].policy() == policy);
    }

    /// All entries, in no order. Needs no lock: an entry that is replaced meanwhile is left out.
    pub fn entries(&self) -> impl Iterator<Item = Refused> {
        self.hashes.iter().zip(&self.entries).filter_map(|(hash, entry)| {
            let before = hash.load(Acquire);
            let read = (before != 0).then(|| entry.read())?;
            fence(Acquire);
            (hash.load(Relaxed) == before).then_some(read)
        })
    }

    #[inline]
    fn find(&self, hash: u64) -> Option<usize> {
        let hash_of =
            |entry| self.hashes.get(entry).map_or(0, |hash: &AtomicU64| hash.load(Acquire));
        self.index.find(hash, hash_of)
    }

    fn floor(&self, policy: u32) -> &AtomicU64 {
        &self.floors[policy as usize % GROUPS]
    }

    fn used(&self) -> impl Iterator<Item = usize> {
        (0..CAPACITY).filter(|&entry| self.hashes[entry].load(Relaxed) != 0)
    }

    /// Adds an entry for a key that is not there.
    fn insert(&self, key: &Key<'_>, numbers: impl FnOnce() -> Numbers) {
        let entry = match self.free() {
            Some(entry) => entry,
            None => {
                self.make_room(key.policy);
                let Some(entry) = self.free() else { return };
                entry
            }
        };
        let hash = self.index.hash(key);
        // Whoever reads the entry meanwhile sees that it has no hash any more.
        fence(Release);
        self.entries[entry].write(key, numbers());
        self.change(|| {
            // Whoever sees the hash sees the entry.
            self.hashes[entry].store(hash, Release);
            self.index.insert(hash, entry);
        });
        self.next.store(entry as u32 + 1, Relaxed);
    }

    fn free(&self) -> Option<usize> {
        let next = self.next.load(Relaxed) as usize % CAPACITY;
        let is_free = |entry: &usize| self.hashes[*entry].load(Relaxed) == 0;
        (next..CAPACITY).chain(0..next).find(is_free)
    }

    /// Lets a quarter of the entries go, those with the lowest counts, of the policy with the most entries. That
    /// is `policy` itself if no other one has more.
    fn make_room(&self, policy: u32) {
        let group = |policy: u32| policy as usize % GROUPS;
        let mut sizes = [0_usize; GROUPS];
        self.used().for_each(|entry| sizes[group(self.entries[entry].policy())] += 1);
        let most = sizes.iter().copied().max().unwrap_or_default();
        let victim = match sizes[group(policy)] {
            size if size == most => Some(group(policy)),
            _ => sizes.iter().position(|size| *size == most),
        };
        let victim = victim.filter(|_| most >= MIN_SHARE);
        let is_candidate = |entry: &usize| {
            victim.is_none_or(|victim| group(self.entries[*entry].policy()) == victim)
        };
        let mut candidates = [(0, 0); CAPACITY];
        let mut length = 0;
        for entry in self.used().filter(is_candidate) {
            candidates[length] = (self.entries[entry].count(), entry);
            length += 1;
        }
        let candidates = &mut candidates[..length];
        let leaving = (length / 4).max(1);
        if leaving < length {
            candidates.select_nth_unstable(leaving);
        }
        let mut leaves = [false; CAPACITY];
        for &(count, entry) in &candidates[..leaving.min(length)] {
            self.floor(self.entries[entry].policy()).fetch_max(count, Relaxed);
            leaves[entry] = true;
        }
        self.remove(|entry| leaves[entry]);
    }

    fn remove(&self, leaves: impl Fn(usize) -> bool) {
        self.change(|| {
            for entry in self.used().filter(|entry| leaves(*entry)) {
                self.hashes[entry].store(0, Relaxed);
            }
            self.build_index();
        });
    }

    fn build_index(&self) {
        self.index.clear();
        for entry in self.used() {
            self.index.insert(self.hashes[entry].load(Relaxed), entry);
        }
    }

    /// Changes the index. A process that dies in `f` leaves the table open.
    fn change(&self, f: impl FnOnce()) {
        self.open.swap(1, AcqRel);
        f();
        self.open.store(0, Release);
    }

    /// Builds the index again if a process has died while it changed it. An entry with a hash is complete.
    fn mend(&self) {
        if self.open.load(Acquire) != 0 {
            self.change(|| self.build_index());
        }
    }
}

#[cfg(test)]
mod tests;
