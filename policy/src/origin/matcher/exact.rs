//! Exact origins: a short list, or a hash table.

use std::collections::TryReserveError;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::hash::{Hash, is_equal, table_for};
use super::rank::{MaybeRank, NONE, Rank};
use crate::origin::error::MatcherError;
use crate::origin::syntax::MAX_ORIGIN_LEN;

/// Origins that are compared byte for byte, including `null`.
#[derive(Debug)]
pub(super) struct ExactOrigins {
    /// All origins, one after the other.
    bytes: Vec<u8>,
    entries: ExactEntries,
    /// The lowest rank of any origin here.
    pub(super) lowest: MaybeRank,
}

#[derive(Debug)]
enum ExactEntries {
    /// Few enough to compare with each, which is faster than hashing.
    Few(Box<[(Box<[u8]>, Rank)]>),
    Many(HashTable<ExactEntry>, Hash),
}

/// Up to this many origins are compared one by one.
///
/// PERF: comparing eight origins costs no more than hashing one and finding it, even if all have
/// the same length. Two origins take 78 instructions less than 100 if one matches, 49 less if none
/// does.
const LINEAR_SEARCH_MAX: usize = 8;

#[derive(Debug, Clone, Copy)]
struct ExactEntry {
    offset: u32,
    length: u16,
    rank: Rank,
}

impl ExactEntry {
    // PERF: without the hint, a lookup among 100 origins costs 4 to 15 instructions more.
    #[inline]
    fn is(self, origin: &[u8], bytes: &[u8]) -> bool {
        usize::from(self.length) == origin.len() && is_equal(self.origin(bytes), origin)
    }

    #[inline]
    fn origin(self, bytes: &[u8]) -> &[u8] {
        let offset = self.offset as usize;
        &bytes[offset..offset + usize::from(self.length)]
    }
}

/// Collects exact origins.
///
/// It keeps only their bytes until the number of origins is known. A table that grew with them
/// would hash every origin several times, and need more memory than the finished one.
#[derive(Debug, Default)]
pub(super) struct ExactBuilder {
    pub(super) bytes: Vec<u8>,
    /// The length and rank of each origin.
    entries: Vec<(u16, Rank)>,
}

impl ExactBuilder {
    pub(super) fn add(&mut self, rank: Rank, origin: &[u8]) -> Result<(), TryReserveError> {
        let length = u16::try_from(origin.len()).expect("an origin is short");
        self.bytes.try_reserve(origin.len())?;
        self.entries.try_reserve(1)?;
        self.bytes.extend_from_slice(origin);
        self.entries.push((length, rank));
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The origins in the order in which they were added.
    pub(super) fn origins(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        self.entries.iter().map(move |&(length, _)| {
            let (origin, after) = rest.split_at(usize::from(length));
            rest = after;
            origin
        })
    }

    /// Calls `again` for each origin that was added before, with its place among them.
    pub(super) fn build(
        self,
        again: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<ExactOrigins, MatcherError> {
        let Self { mut bytes, entries } = self;
        bytes.shrink_to_fit();
        u32::try_from(bytes.len()).map_err(|_| MatcherError::TooManyOrigins)?;
        let hash = Hash::new();
        let mut table = table_for(entries.len())?;
        let mut offset = 0;
        for (number, &(length, rank)) in entries.iter().enumerate() {
            let new = ExactEntry { offset, length, rank };
            let origin = new.origin(&bytes);
            let entry = table.entry(
                hash.of(origin),
                |entry: &ExactEntry| entry.is(origin, &bytes),
                |entry| hash.of(entry.origin(&bytes)),
            );
            match entry {
                Entry::Occupied(mut known) => {
                    again(number, origin);
                    known.get_mut().rank = known.get().rank.min(rank);
                }
                Entry::Vacant(vacant) => {
                    vacant.insert(new);
                }
            }
            offset += u32::from(length);
        }
        let lowest = entries.iter().map(|&(_, rank)| rank.into()).min().unwrap_or(NONE);
        let entries = if table.len() <= LINEAR_SEARCH_MAX {
            let each = table.iter().map(|entry| (entry.origin(&bytes).into(), entry.rank));
            ExactEntries::Few(each.collect())
        } else {
            ExactEntries::Many(table, hash)
        };
        Ok(ExactOrigins { bytes, entries, lowest })
    }
}

impl ExactOrigins {
    #[inline(always)]
    pub(super) fn find(&self, origin: &[u8]) -> MaybeRank {
        match &self.entries {
            ExactEntries::Few(entries) => {
                for (exact, rank) in entries {
                    if exact.len() == origin.len() && is_equal(exact, origin) {
                        return (*rank).into();
                    }
                }
                NONE
            }
            ExactEntries::Many(table, hash) => self.find_in(table, hash, origin),
        }
    }

    // Out of line, so that the search in a short list can be inlined.
    #[inline(never)]
    fn find_in(&self, table: &HashTable<ExactEntry>, hash: &Hash, origin: &[u8]) -> MaybeRank {
        // A long header must not make the server hash a long text.
        if origin.len() > MAX_ORIGIN_LEN {
            return NONE;
        }
        let found = table.find(hash.of(origin), |entry| entry.is(origin, &self.bytes));
        found.map_or(NONE, |entry| entry.rank.into())
    }
}
