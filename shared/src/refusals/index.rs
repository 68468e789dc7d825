//! Finding an entry by the hash of what it is about.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};

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
    /// The number of an entry and 1 in each place; 0 in a free one.
    places: [AtomicU16; PLACES],
}

impl Index {
    pub(crate) fn init(&self, seed: u64) {
        self.seed.store(seed, Relaxed);
        self.clear();
    }

    pub(crate) fn clear(&self) {
        self.places.iter().for_each(|place| place.store(0, Relaxed));
    }

    /// The hash, which is never 0. It stands for the key: two keys with the same are one.
    #[inline]
    pub(crate) fn hash(&self, key: &Key<'_>) -> u64 {
        hash(key.origin, self.seed.load(Relaxed) ^ key.head()).max(1)
    }

    /// The number of the entry with this hash. `hash_of` gives that of an entry.
    #[inline]
    pub(crate) fn find(&self, hash: u64, hash_of: impl Fn(usize) -> u64) -> Option<usize> {
        let mut place = hash as usize % PLACES;
        // At least half of the places are free.
        // PERF: a loop saves 20 instructions against an iterator.
        loop {
            let entry = usize::from(self.places[place].load(Relaxed)).checked_sub(1)?;
            if hash_of(entry) == hash {
                return Some(entry);
            }
            place = (place + 1) % PLACES;
        }
    }

    /// Adds an entry that is not there.
    pub(crate) fn insert(&self, hash: u64, entry: usize) {
        let start = hash as usize % PLACES;
        let mut places = self.places[start..].iter().chain(&self.places[..start]);
        if let Some(place) = places.find(|place| place.load(Relaxed) == 0) {
            // An entry has a number below `CAPACITY`.
            place.store(entry as u16 + 1, Relaxed);
        }
    }
}

/// A hash of bytes that clients choose, by folded multiplications as in
/// [wyhash](https://github.com/wangyi-fudan/wyhash). The seed keeps clients from choosing two with the same.
// PERF: takes half as many instructions as foldhash, which a denied request would notice.
#[inline(always)]
fn hash(bytes: &[u8], seed: u64) -> u64 {
    const ONE: u64 = 0xa076_1d64_78bd_642f;
    const TWO: u64 = 0xe703_7ed1_a0b4_28db;
    let mix = |[a, b]: [u64; 2], state: u64| {
        let product = u128::from(a ^ state) * u128::from(b ^ seed.rotate_left(32) ^ ONE);
        product as u64 ^ (product >> 64) as u64
    };
    let state = seed ^ (bytes.len() as u64).wrapping_mul(TWO);
    let blocks = bytes.chunks_exact(16).filter_map(|block| block.first_chunk());
    let state = blocks.fold(state, |state, block| mix(words(block), state));
    // The last block overlaps the one before it.
    let last = match bytes.last_chunk() {
        Some(last) => words(last),
        None => short_words(bytes),
    };
    mix([mix(last, state), TWO], state)
}

fn words(block: &[u8; 16]) -> [u64; 2] {
    let number = u128::from_le_bytes(*block);
    [number as u64, (number >> 64) as u64]
}

/// Those of less than a block.
fn short_words(bytes: &[u8]) -> [u64; 2] {
    let mut block = [0; 16];
    block.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    words(&block)
}

#[cfg(test)]
impl Index {
    pub(crate) fn of_any_bytes(place: u16) -> Self {
        Self { seed: AtomicU64::new(0), places: std::array::from_fn(|_| AtomicU16::new(place)) }
    }
}
