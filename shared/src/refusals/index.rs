//! Finding an entry by the hash of what it is about.

use std::hash::Hasher;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};

use foldhash::{SharedSeed, quality::FoldHasher};

use super::entry::Key;
use super::table::CAPACITY;

/// The number of places. At most half of them are taken, so a search is short.
const PLACES: usize = 2 * CAPACITY;

/// A hash table with open addressing and linear probing, from hashes to the numbers of entries.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Index {
    /// Keeps clients from choosing origins with the same hash.
    seed: AtomicU64,
    /// The hash of [`SAMPLE`].
    sample: AtomicU64,
    /// The number of an entry and 1 in each place; 0 in a free one.
    places: [AtomicU16; PLACES],
}

/// By its hash a build recognizes tables of another version of the hash function.
const SAMPLE: Key<'static> = Key {
    policy: 1,
    is_dry_run: true,
    decision: 2,
    origin: b"https://a-host-of-some-length.example.com:8443",
};

impl Index {
    pub(crate) fn init(&self, seed: u64) {
        self.seed.store(seed, Relaxed);
        self.sample.store(self.hash(&SAMPLE), Relaxed);
        self.clear();
    }

    /// Whether this build computes the hashes of the index.
    pub(crate) fn has_own_hashes(&self) -> bool {
        self.sample.load(Relaxed) == self.hash(&SAMPLE)
    }

    pub(crate) fn clear(&self) {
        self.places.iter().for_each(|place| place.store(0, Relaxed));
    }

    /// The hash, which is never 0. It stands for the key: two keys with the same are one.
    #[inline]
    pub(crate) fn hash(&self, key: &Key<'_>) -> u64 {
        let seed = self.seed.load(Relaxed);
        let mut hasher = FoldHasher::with_seed(seed ^ key.head(), SharedSeed::global_fixed());
        hasher.write(key.origin);
        hasher.finish().max(1)
    }

    /// The number of the entry with this hash. `hash_of` gives that of an entry.
    #[inline]
    pub(crate) fn find(&self, hash: u64, hash_of: impl Fn(usize) -> u64) -> Option<usize> {
        for place in self.probe(hash) {
            let entry = usize::from(place.load(Relaxed)).checked_sub(1)?;
            if hash_of(entry) == hash {
                return Some(entry);
            }
        }
        None
    }

    /// Adds an entry that is not there.
    pub(crate) fn insert(&self, hash: u64, entry: usize) {
        if let Some(place) = self.probe(hash).find(|place| place.load(Relaxed) == 0) {
            // An entry has a number below `CAPACITY`.
            place.store(entry as u16 + 1, Relaxed);
        }
    }

    /// The places in which to look for a hash, each once.
    #[inline]
    fn probe(&self, hash: u64) -> impl Iterator<Item = &AtomicU16> {
        let start = hash as usize % PLACES;
        self.places[start..].iter().chain(&self.places[..start])
    }
}

#[cfg(test)]
impl Index {
    pub(crate) fn of_any_bytes(place: u16) -> Self {
        Self {
            seed: AtomicU64::new(0),
            sample: AtomicU64::new(0),
            places: std::array::from_fn(|_| AtomicU16::new(place)),
        }
    }

    /// Makes this the index of another build.
    pub(crate) fn spoil(&self) {
        self.sample.fetch_add(1, Relaxed);
    }
}
