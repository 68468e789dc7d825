//! Patterns with `*` inside the host, and patterns with sets of ports, grouped by the end of the host.

use std::collections::{BTreeMap, BTreeSet, HashMap, TryReserveError};
use std::ops::RangeInclusive;

use hashbrown::HashTable;

use super::glob_set::{GlobNumber, Globs, GlobsBuilder, RankedGlob, SetNumber};
use super::hash::{Hash, is_equal, table_for};
use super::rank::{MaybeRank, NONE, Rank};
use super::tail::{Parts, TableKey, Tail, TailKinds, split_origin};
use crate::origin::error::MatcherError;
use crate::origin::pattern::{Wildcard, WildcardPort};
use crate::origin::syntax::{Origin, default_port};

/// Patterns that share a scheme and the end of the host are one group. Within it, the port chooses a
/// range, and the range says which globs the labels before that end may match.
///
/// Such patterns are not in the table of [`WildcardOrigins`](super::wildcard::WildcardOrigins), so that
/// they cost nothing where a policy has none.
///
/// A lookup takes time in the length of the origin and in the logarithm of the number of ranges of a
/// group, of which there are no more than ports.
#[derive(Debug)]
pub(super) struct GroupedOrigins {
    /// The schemes and keys of all groups, one after the other.
    bytes: Vec<u8>,
    table: HashTable<Group>,
    hash: Hash,
    /// The ranges of all groups, one group after the other.
    ranges: Vec<PortRange>,
    globs: Globs,
    /// The lowest rank of any pattern here.
    pub(super) lowest: MaybeRank,
    kinds: TailKinds,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    key: TableKey,
    /// The first of its ranges, and the one after the last.
    ranges: (u32, u32),
}

/// Ports for which a group has the same patterns. The default port of a scheme stands for no port, and
/// 0 does where a scheme has no default port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PortRange {
    first: u16,
    last: u16,
    /// The lowest rank of a pattern without a glob.
    rank: MaybeRank,
    globs: Option<SetNumber>,
}

/// One pattern for one range of ports.
#[derive(Debug, Clone, Copy)]
struct Entry {
    key: TableKey,
    rank: Rank,
    ports: (u16, u16),
    glob: Option<GlobNumber>,
}

impl Entry {
    fn name(self, bytes: &[u8]) -> (&[u8], &[u8]) {
        (self.key.scheme(bytes), self.key.tail(bytes))
    }
}

/// How many globs all ranges may name together, in addition to a few for each pattern. Patterns for
/// ranges that overlap in regular ways stay far below that.
const MAX_GLOBS_IN_RANGES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct GroupBuilder {
    /// Schemes and keys.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    glob_bytes: Vec<u8>,
    glob_places: Vec<(u32, u8)>,
    glob_numbers: HashMap<Box<str>, GlobNumber>,
    kinds: TailKinds,
}

impl GroupBuilder {
    pub(super) fn add(
        &mut self,
        rank: Rank,
        wildcard: &Wildcard<'_>,
        tail: Tail<'_>,
        glob: Option<&str>,
    ) -> Result<(), TryReserveError> {
        let key = TableKey::push(&mut self.bytes, wildcard.scheme, tail)?;
        let glob = glob.map(|glob| self.glob(glob)).transpose()?;
        let no_port = default_port(wildcard.scheme.as_bytes()).unwrap_or(0);
        let mut add = |ports: RangeInclusive<u16>| -> Result<(), TryReserveError> {
            let ports = ports.into_inner();
            self.entries.try_reserve(1)?;
            self.entries.push(Entry { key, rank, ports, glob });
            Ok(())
        };
        match wildcard.port {
            WildcardPort::Default => add(no_port..=no_port)?,
            WildcardPort::Exact(port) => add(port..=port)?,
            WildcardPort::Any => add(0..=u16::MAX)?,
            WildcardPort::Set(set) => set.ranges().try_for_each(add)?,
        }
        self.kinds.add(tail);
        Ok(())
    }

    fn glob(&mut self, glob: &str) -> Result<GlobNumber, TryReserveError> {
        if let Some(&number) = self.glob_numbers.get(glob) {
            return Ok(number);
        }
        let number = self.glob_places.len() as GlobNumber;
        let length = u8::try_from(glob.len()).expect("a host is short");
        self.glob_bytes.try_reserve(glob.len())?;
        self.glob_places.try_reserve(1)?;
        self.glob_places.push((self.glob_bytes.len() as u32, length));
        self.glob_bytes.extend_from_slice(glob.as_bytes());
        self.glob_numbers.insert(glob.into(), number);
        Ok(number)
    }

    pub(super) fn build(self) -> Result<GroupedOrigins, MatcherError> {
        let Self { mut bytes, mut entries, glob_bytes, glob_places, kinds, .. } = self;
        bytes.shrink_to_fit();
        for length in [bytes.len(), glob_bytes.len(), entries.len()] {
            u32::try_from(length).map_err(|_| MatcherError::TooManyOrigins)?;
        }
        entries.sort_unstable_by(|one, other| one.name(&bytes).cmp(&other.name(&bytes)));
        let mut globs = GlobsBuilder::new(glob_bytes, glob_places);
        let mut left = MAX_GLOBS_IN_RANGES + 4 * entries.len();
        let hash = Hash::new();
        let groups = || entries.chunk_by(|one, other| one.name(&bytes) == other.name(&bytes));
        let mut table = table_for(groups().count())?;
        let mut ranges = Vec::new();
        for entries in groups() {
            let start = ranges.len() as u32;
            add_ranges(entries, &mut ranges, &mut globs, &mut left)?;
            let group = Group { key: entries[0].key, ranges: (start, ranges.len() as u32) };
            table.insert_unique(group.key.hash(&hash, &bytes), group, |group: &Group| {
                group.key.hash(&hash, &bytes)
            });
        }
        ranges.shrink_to_fit();
        let lowest = entries.iter().map(|entry| entry.rank.into()).min().unwrap_or(NONE);
        Ok(GroupedOrigins { bytes, table, hash, ranges, globs: globs.build(), lowest, kinds })
    }
}

/// Adds the ranges of one group. `left` is the number of globs that ranges may still name.
fn add_ranges(
    entries: &[Entry],
    ranges: &mut Vec<PortRange>,
    globs: &mut GlobsBuilder,
    left: &mut usize,
) -> Result<(), MatcherError> {
    let mut begins: Vec<&Entry> = entries.iter().collect();
    begins.sort_unstable_by_key(|entry| entry.ports.0);
    let mut ends = begins.clone();
    ends.sort_unstable_by_key(|entry| entry.ports.1);
    let (mut begins, mut ends) = (begins.into_iter().peekable(), ends.into_iter().peekable());
    // The patterns that hold the port, and how often.
    let mut plain: BTreeMap<Rank, usize> = BTreeMap::new();
    let mut active: BTreeMap<RankedGlob, usize> = BTreeMap::new();
    let first = ranges.len();
    let mut port = Some(0);
    while let Some(start) = port {
        while let Some(entry) = begins.next_if(|entry| entry.ports.0 == start) {
            match entry.glob {
                None => *plain.entry(entry.rank).or_default() += 1,
                Some(glob) => {
                    *active.entry(RankedGlob { rank: entry.rank, glob }).or_default() += 1;
                }
            }
        }
        let begin = begins.peek().map(|entry| entry.ports.0);
        let end = ends.peek().map(|entry| entry.ports.1);
        let last = match (begin, end) {
            (Some(begin), Some(end)) => end.min(begin - 1),
            (None, Some(end)) => end,
            (_, None) => break,
        };
        let rank = plain.keys().next().map_or(NONE, |&rank| rank.into());
        // A glob of a later rule cannot decide, nor can one again.
        let mut seen = BTreeSet::new();
        let members: Vec<RankedGlob> = active
            .keys()
            .copied()
            .take_while(|member| MaybeRank::from(member.rank) < rank)
            .filter(|member| seen.insert(member.glob))
            .collect();
        *left = left.checked_sub(members.len()).ok_or(MatcherError::PortsTooMany)?;
        let is_empty = members.is_empty();
        let set = if is_empty { None } else { Some(globs.add(members)?) };
        let new = PortRange { first: start, last, rank, globs: set };
        match ranges[first..].last_mut() {
            Some(known)
                if known.last.checked_add(1) == Some(start)
                    && (known.rank, known.globs) == (rank, set) =>
            {
                known.last = last;
            }
            _ if rank == NONE && is_empty => {}
            _ => {
                ranges.try_reserve(1).map_err(|_| MatcherError::OutOfMemory)?;
                ranges.push(new);
            }
        }
        while let Some(entry) = ends.next_if(|entry| entry.ports.1 == last) {
            match entry.glob {
                None => remove(&mut plain, &entry.rank),
                Some(glob) => remove(&mut active, &RankedGlob { rank: entry.rank, glob }),
            }
        }
        port = last.checked_add(1);
    }
    Ok(())
}

/// Removes one of several equal keys.
fn remove<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl GroupedOrigins {
    /// The lowest rank of a pattern that matches, or `best` if that is lower.
    #[inline(never)]
    pub(super) fn find(&self, origin: &[u8], mut best: MaybeRank) -> MaybeRank {
        let Some(Parts { scheme, host, port }) = split_origin(origin) else { return best };
        let port = port.or(default_port(scheme)).unwrap_or(0);
        let prefix = Prefix { scheme, hash: self.hash.scheme(scheme), port };
        // An empty key, or one that begins with a dot, is not a whole host.
        if self.kinds.whole_host && !matches!(host.first(), None | Some(b'.')) {
            best = self.probe(&prefix, b"", host, best);
        }
        if self.kinds.any_host && Origin::parse(origin).is_some_and(|origin| origin.has_host()) {
            best = self.probe(&prefix, b"", b"", best);
        }
        for (labels, tail) in self.kinds.split(host) {
            best = self.probe(&prefix, labels, tail, best);
            if best <= self.lowest {
                break;
            }
        }
        best
    }

    /// The lowest rank of a pattern in the group with this key that matches, or `best` if that is lower.
    fn probe(&self, prefix: &Prefix<'_>, labels: &[u8], key: &[u8], best: MaybeRank) -> MaybeRank {
        let found = self.table.find(self.hash.after(prefix.hash, key), |group| {
            is_equal(group.key.tail(&self.bytes), key)
                && group.key.scheme(&self.bytes) == prefix.scheme
        });
        let Some(group) = found else { return best };
        let ranges = &self.ranges[group.ranges.0 as usize..group.ranges.1 as usize];
        let index = ranges.partition_point(|range| range.last < prefix.port);
        match ranges.get(index) {
            Some(range) if range.first <= prefix.port => {
                let best = best.min(range.rank);
                range.globs.map_or(best, |set| self.globs.find(set, labels, best))
            }
            _ => best,
        }
    }
}

/// The part that all probes of one lookup share.
struct Prefix<'a> {
    scheme: &'a [u8],
    hash: u64,
    port: u16,
}
