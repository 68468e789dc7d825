//! Hash tables of origins, which people other than the administrator may fill.

use std::hash::{BuildHasher, Hasher, RandomState};

use foldhash::{SharedSeed, fast::FoldHasher};
use hashbrown::HashTable;

use crate::origin::error::MatcherError;

/// A table with room for this many entries.
pub(super) fn table_for<T>(entries: usize) -> Result<HashTable<T>, MatcherError> {
    let mut table = HashTable::new();
    table
        .try_reserve(entries, |_| unreachable!("nothing is in it"))
        .map_err(|_| MatcherError::OutOfMemory)?;
    Ok(table)
}

/// The hash function of one table, with a random seed for each table.
///
/// The people who fill a list may not be those who run the server. They must not be able to prepare
/// origins that collide, which would make one lookup as expensive as a search through all of them.
///
/// Every step of foldhash multiplies two factors. Each combines the input with a secret: the state
/// in one, a word of the shared seed in the other. Collisions therefore depend on a seed of 128
/// bits, which the system draws for each table and which never leaves the process. foldhash's own
/// `FixedState` would not be enough even with a seed, because its words are the same everywhere.
/// Somebody who knows a word can make the product zero, and with it everything that follows.
///
/// An attacker who measures the time of very many lookups may learn the seed. Such differences are
/// far below the noise of a network, and another list has another seed.
#[derive(Debug)]
pub(super) struct Hash {
    seed: u64,
    shared: SharedSeed,
}

impl Hash {
    pub(super) fn new() -> Self {
        // The only source of randomness in std.
        let random = RandomState::new();
        Self { seed: random.hash_one(0), shared: SharedSeed::from_u64(random.hash_one(1)) }
    }

    #[inline]
    pub(super) fn of(&self, bytes: &[u8]) -> u64 {
        self.after(self.seed, bytes)
    }

    /// The hash of `bytes` after something whose hash is `state`.
    ///
    /// PERF: the first and the last 16 bytes cover most origins, without a call or a loop: 30 instructions
    /// less for an origin in a table, 22 for one below a wildcard. They may overlap, so they do not tell
    /// the length, which therefore rotates the state.
    #[inline]
    pub(super) fn after(&self, state: u64, bytes: &[u8]) -> u64 {
        match (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
            (Some(start), Some(end)) if bytes.len() <= 32 => {
                let state = state.rotate_right(bytes.len() as u32);
                let mut hasher = FoldHasher::with_seed(state, &self.shared);
                hasher.write_u128(u128::from_ne_bytes(*start));
                hasher.write_u128(u128::from_ne_bytes(*end));
                hasher.finish()
            }
            _ => {
                let mut hasher = FoldHasher::with_seed(state, &self.shared);
                hasher.write(bytes);
                hasher.finish()
            }
        }
    }

    /// The first part of a wildcard's hash. It is the same for all probes of a lookup.
    #[inline]
    pub(super) fn scheme(&self, scheme: &[u8]) -> u64 {
        if scheme == b"https" { self.seed } else { self.of(scheme) }
    }
}

/// Compares two texts, without a call if the first and the last 16 bytes cover everything.
///
/// PERF: `==` calls `memcmp`, which costs 14 instructions more for an origin of 23 bytes that
/// matches, and 27 more for one that does not.
#[inline]
pub(super) fn is_equal(left: &[u8], right: &[u8]) -> bool {
    match (left.first_chunk::<16>(), right.first_chunk::<16>()) {
        (Some(left_start), Some(right_start)) if left.len() <= 32 => {
            left.len() == right.len()
                && left_start == right_start
                && left.last_chunk::<16>() == right.last_chunk::<16>()
        }
        _ => is_equal_otherwise(left, right),
    }
}

/// Out of line: rarely needed.
#[inline(never)]
fn is_equal_otherwise(left: &[u8], right: &[u8]) -> bool {
    left == right
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn two_tables_have_nothing_in_common() {
        let tables: Vec<_> = (0..100).map(|_| Hash::new()).collect();
        let seeds: HashSet<_> = tables.iter().map(|hash| hash.seed).collect();
        assert_eq!(seeds.len(), tables.len());
        for origin in ["", "null", "https://a.example", "https://app.example.com", &"a".repeat(99)]
        {
            let hashes: HashSet<_> = tables.iter().map(|hash| hash.of(origin.as_bytes())).collect();
            assert_eq!(hashes.len(), tables.len(), "{origin}");
        }
    }

    /// Words of the shared seed that are known make a product zero.
    #[test]
    fn no_word_of_the_hash_is_known() {
        let words = |hash: &Hash| format!("{:?}", hash.shared);
        assert_ne!(words(&Hash::new()), words(&Hash::new()));
        assert!(words(&Hash::new()).len() > 60, "the words are shown");
    }
}
