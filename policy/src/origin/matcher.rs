//! All patterns of a policy in one place.

use std::collections::TryReserveError;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use regex_syntax::hir::Hir;

use super::automaton::Automaton;
use super::pattern::{OriginPattern, Wildcard, WildcardHost, WildcardPort};
use super::regex::compile_all;
use super::syntax::{
    MAX_ORIGIN_LEN, Origin, is_host_length, is_label_byte, is_label_length, parse_port, split_port,
    split_scheme,
};

/// The place of a rule in its policy: 0 for `deny_origins`, from 1 for the rules in their order.
/// The lowest rank with a matching pattern decides.
pub type Rank = u16;

/// A rank, or [`NONE`].
pub(crate) type MaybeRank = u32;

/// Above all ranks: `min` of a rank and this is the rank.
const NONE: MaybeRank = MaybeRank::MAX;

/// Hashes keys of one table. A list may be filled by many people, of whom none is to choose what
/// collides: the seed is drawn anew for each table, from the source that std has for its own maps.
#[derive(Clone, Debug)]
struct Hash(FixedState);

impl Hash {
    fn new() -> Self {
        Self(FixedState::with_seed(RandomState::new().hash_one(0)))
    }

    /// As with [`is_equal`], both ends of 16 bytes cover most origins: no call, no loop.
    #[inline]
    fn of(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        match (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
            (Some(start), Some(end)) if bytes.len() <= 32 => {
                hasher.write_u128(u128::from_ne_bytes(*start));
                hasher.write_u128(u128::from_ne_bytes(*end));
            }
            _ => hasher.write(bytes),
        }
        hasher.finish()
    }

    /// The part of a wildcard's hash that is the same for all probes of a lookup.
    #[inline]
    fn of_scheme(&self, scheme: &[u8]) -> u64 {
        if scheme == b"https" { 0 } else { self.of(scheme) }
    }

    #[inline]
    fn of_wildcard(&self, scheme: u64, key: &[u8]) -> u64 {
        scheme ^ self.of(key)
    }
}

/// The patterns cannot be held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatcherError {
    /// The origins take more than 4 GiB.
    TooManyOrigins,
    /// The automaton of all regular expressions would take too much memory.
    RegexesTooLarge,
    /// The system gives no memory for the origins.
    OutOfMemory,
}

impl MatcherError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::TooManyOrigins => "use wildcards in place of single origins",
            Self::RegexesTooLarge => {
                "use fewer or simpler regular expressions, or wildcards in their place"
            }
            Self::OutOfMemory => {
                "allow the process more, or use wildcards in place of single origins"
            }
        }
        .to_owned()
    }
}

impl fmt::Display for MatcherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyOrigins => "the origins of the policy take more than 4 GiB together",
            Self::RegexesTooLarge => {
                "the regular expressions of the policy would be too large together"
            }
            Self::OutOfMemory => "there is not enough memory for the origins of the policy",
        })
    }
}

impl std::error::Error for MatcherError {}

/// Collects the patterns of a policy.
///
/// A long list is what may need more memory than there is, of all that is allocated for a policy.
/// That is an error and not the end of the process, which may be nginx with other work to do.
#[derive(Debug, Default)]
pub struct MatcherBuilder {
    any: Option<Rank>,
    out_of_memory: bool,
    exact: ExactBuilder,
    wildcards: WildcardBuilder,
    expressions: Vec<(Rank, Hir)>,
}

impl MatcherBuilder {
    /// A builder with no patterns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for exact origins of so many bytes together, beside those that are there.
    ///
    /// Without it the room doubles whenever it is full, and copying what is there may keep other
    /// threads waiting: allocators lock for as long as that takes.
    pub fn reserve(&mut self, bytes: usize) {
        let reserved = self.exact.bytes.try_reserve_exact(bytes);
        self.note(reserved);
    }

    /// Adds a pattern to the rule of this rank. Of equal patterns the one with the lowest rank
    /// counts.
    pub fn add(&mut self, rank: Rank, pattern: &OriginPattern<'_>) {
        if self.out_of_memory {
            return;
        }
        let added = match pattern {
            OriginPattern::Any => {
                self.any = Some(self.any.map_or(rank, |other| other.min(rank)));
                Ok(())
            }
            OriginPattern::Null => self.exact.add(rank, b"null"),
            OriginPattern::Exact(origin) => self.exact.add(rank, origin.as_bytes()),
            OriginPattern::Wildcard(wildcard) => self.wildcards.add(rank, wildcard),
            OriginPattern::Regex(regex) => {
                self.expressions.push((rank, regex.expression().clone()));
                Ok(())
            }
        };
        self.note(added);
    }

    /// Gives back all that was collected where there is no memory for more: what is left to do, to
    /// report the error for one, needs some.
    fn note(&mut self, made: Result<(), TryReserveError>) {
        if made.is_err() {
            *self = Self { out_of_memory: true, ..Self::default() };
        }
    }

    /// Makes the matcher.
    ///
    /// # Errors
    ///
    /// If all patterns together take more memory than they may, or than there is.
    pub fn build(self) -> Result<OriginMatcher, MatcherError> {
        if self.out_of_memory {
            return Err(MatcherError::OutOfMemory);
        }
        let wildcards = self.wildcards.build()?;
        let expressions = Expressions::new(self.expressions)?;
        Ok(OriginMatcher {
            any: self.any.map_or(NONE, MaybeRank::from),
            exact: self.exact.build()?,
            lowest_other: wildcards.lowest.min(expressions.lowest),
            wildcards,
            expressions,
        })
    }
}

/// All patterns of one policy, for lookups whose cost follows the length of the origin and not the
/// number of patterns.
///
/// One origin takes its own length and about 18 bytes, one wildcard about 30; all regular
/// expressions together are one automaton.
#[derive(Debug)]
pub struct OriginMatcher {
    any: MaybeRank,
    exact: ExactOrigins,
    wildcards: WildcardOrigins,
    expressions: Expressions,
    /// The lowest rank of those that are neither `*` nor exact.
    lowest_other: MaybeRank,
}

impl OriginMatcher {
    /// The lowest rank that has a pattern which matches this value of the `Origin` header. Never
    /// allocates.
    #[inline(always)]
    pub fn find(&self, origin: &[u8]) -> Option<Rank> {
        // Everything but `NONE` is a rank.
        Rank::try_from(self.find_rank(origin)).ok()
    }

    /// As [`find`](Self::find), with a number above all ranks where there is none.
    #[inline(always)]
    pub(crate) fn find_rank(&self, origin: &[u8]) -> MaybeRank {
        let mut best = self.any;
        if self.exact.lowest < best {
            best = best.min(self.exact.find(origin));
        }
        if self.lowest_other < best {
            best = self.find_other(origin, best);
        }
        best
    }

    /// The lowest rank of a pattern of several origins, or `best` if that is lower.
    #[inline(never)]
    fn find_other(&self, origin: &[u8], mut best: MaybeRank) -> MaybeRank {
        if self.wildcards.lowest < best {
            best = self.wildcards.find(origin, best);
        }
        if self.expressions.lowest < best {
            best = best.min(self.expressions.find(origin));
        }
        best
    }
}

/// Origins that are compared byte for byte, `null` among them.
#[derive(Debug)]
struct ExactOrigins {
    /// All origins, one after the other.
    bytes: Vec<u8>,
    entries: ExactEntries,
    hash: Hash,
    lowest: MaybeRank,
}

#[derive(Debug)]
enum ExactEntries {
    /// Few enough to look at each, which is sooner done than a hash.
    Few(Box<[(Box<[u8]>, Rank)]>),
    Many(HashTable<ExactEntry>),
}

/// As many origins cost no more to compare than one to hash and find, even where all have the same
/// length.
const FEW: usize = 8;

#[derive(Debug, Clone, Copy)]
struct ExactEntry {
    offset: u32,
    length: u16,
    rank: Rank,
}

impl ExactEntry {
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

/// Keeps only what it must until the number of origins is known: a table that grows along would
/// hash every origin several times and need more memory than the finished one.
#[derive(Debug, Default)]
struct ExactBuilder {
    bytes: Vec<u8>,
    /// The length and rank of each origin.
    entries: Vec<(u16, Rank)>,
}

impl ExactBuilder {
    fn add(&mut self, rank: Rank, origin: &[u8]) -> Result<(), TryReserveError> {
        let length = u16::try_from(origin.len()).expect("an origin is short");
        self.bytes.try_reserve(origin.len())?;
        self.entries.try_reserve(1)?;
        self.bytes.extend_from_slice(origin);
        self.entries.push((length, rank));
        Ok(())
    }

    fn build(self) -> Result<ExactOrigins, MatcherError> {
        let Self { mut bytes, entries } = self;
        bytes.shrink_to_fit();
        u32::try_from(bytes.len()).map_err(|_| MatcherError::TooManyOrigins)?;
        let mut table = table_for(entries.len())?;
        let hash = Hash::new();
        let mut offset = 0;
        for &(length, rank) in &entries {
            let new = ExactEntry { offset, length, rank };
            let origin = new.origin(&bytes);
            let entry = table.entry(
                hash.of(origin),
                |entry: &ExactEntry| entry.is(origin, &bytes),
                |entry| hash.of(entry.origin(&bytes)),
            );
            entry.and_modify(|known| known.rank = known.rank.min(rank)).or_insert(new);
            offset += u32::from(length);
        }
        let lowest = entries.iter().map(|&(_, rank)| rank.into()).min().unwrap_or(NONE);
        let entries = if table.len() <= FEW {
            let each = table.iter().map(|entry| (entry.origin(&bytes).into(), entry.rank));
            ExactEntries::Few(each.collect())
        } else {
            ExactEntries::Many(table)
        };
        Ok(ExactOrigins { bytes, entries, hash, lowest })
    }
}

impl ExactOrigins {
    #[inline(always)]
    fn find(&self, origin: &[u8]) -> MaybeRank {
        match &self.entries {
            ExactEntries::Few(entries) => {
                for (exact, rank) in entries {
                    if exact.len() == origin.len() && is_equal(exact, origin) {
                        return (*rank).into();
                    }
                }
                NONE
            }
            ExactEntries::Many(table) => self.find_in(table, origin),
        }
    }

    #[inline(never)]
    fn find_in(&self, table: &HashTable<ExactEntry>, origin: &[u8]) -> MaybeRank {
        // Whoever sends more shall not make it hash more.
        if origin.len() > MAX_ORIGIN_LEN {
            return NONE;
        }
        let found = table.find(self.hash.of(origin), |entry| entry.is(origin, &self.bytes));
        found.map_or(NONE, |entry| entry.rank.into())
    }
}

/// A table that does not grow until it holds so many.
fn table_for<T>(entries: usize) -> Result<HashTable<T>, MatcherError> {
    let mut table = HashTable::new();
    table
        .try_reserve(entries, |_| unreachable!("nothing is in it"))
        .map_err(|_| MatcherError::OutOfMemory)?;
    Ok(table)
}

/// Compares without a call where both ends of 16 bytes cover everything, as with most origins.
#[inline]
fn is_equal(left: &[u8], right: &[u8]) -> bool {
    match (left.first_chunk::<16>(), right.first_chunk::<16>()) {
        (Some(left_start), Some(right_start)) if left.len() <= 32 => {
            left.len() == right.len()
                && left_start == right_start
                && left.last_chunk::<16>() == right.last_chunk::<16>()
        }
        _ => is_equal_otherwise(left, right),
    }
}

/// Not copied into where it is needed seldom.
#[inline(never)]
fn is_equal_otherwise(left: &[u8], right: &[u8]) -> bool {
    left == right
}

/// Wildcards, found by what is fixed in the host.
///
/// The key of `https://*.example.com` is `.example.com`, that of `http://localhost:*` is
/// `localhost` and that of `https://*` is empty; scheme and port belong to the key. A lookup walks
/// once over the host and probes the table where a dot begins a suffix as long as some key.
#[derive(Debug)]
struct WildcardOrigins {
    /// The schemes and keys of all entries, one after the other.
    bytes: Vec<u8>,
    table: HashTable<WildcardEntry>,
    hash: Hash,
    lowest: MaybeRank,
    /// One bit for each length of a key that begins with a dot.
    lengths: [u64; 4],
    has_any_host: bool,
    has_exact_host: bool,
    has_fixed_port: bool,
    has_any_port: bool,
}

#[derive(Debug, Clone, Copy)]
struct WildcardEntry {
    offset: u32,
    port: PortCode,
    scheme_length: u8,
    key_length: u8,
    rank: Rank,
}

/// 0 if no port is written, the port, or [`ANY_PORT`].
type PortCode = u32;

const DEFAULT_PORT: PortCode = 0;
const ANY_PORT: PortCode = 1 << 16;

impl WildcardEntry {
    #[inline]
    fn scheme(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.offset as usize..][..usize::from(self.scheme_length)]
    }

    #[inline]
    fn key(self, bytes: &[u8]) -> &[u8] {
        let offset = self.offset as usize + usize::from(self.scheme_length);
        &bytes[offset..][..usize::from(self.key_length)]
    }

    fn hash(self, hash: &Hash, bytes: &[u8]) -> u64 {
        let scheme = hash.of_scheme(self.scheme(bytes));
        hash.of_wildcard(scheme, self.key(bytes)) ^ hash_port(self.port)
    }
}

/// Spreads a port over all bits.
#[inline]
fn hash_port(port: PortCode) -> u64 {
    u64::from(port).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[derive(Debug, Default)]
struct WildcardBuilder {
    bytes: Vec<u8>,
    entries: Vec<WildcardEntry>,
    lengths: [u64; 4],
    has_any_host: bool,
    has_exact_host: bool,
    has_fixed_port: bool,
    has_any_port: bool,
}

impl WildcardBuilder {
    fn add(&mut self, rank: Rank, wildcard: &Wildcard<'_>) -> Result<(), TryReserveError> {
        let scheme = wildcard.scheme.as_bytes();
        let (dot, name): (&[u8], &[u8]) = match wildcard.host {
            WildcardHost::Any => (b"", b""),
            WildcardHost::Exact(host) => (b"", host.as_bytes()),
            WildcardHost::Below(suffix) => (b".", suffix.as_bytes()),
        };
        let port = match wildcard.port {
            WildcardPort::Default => DEFAULT_PORT,
            WildcardPort::Exact(port) => port.into(),
            WildcardPort::Any => ANY_PORT,
        };
        let scheme_length = u8::try_from(scheme.len()).expect("a scheme is short");
        let key_length = u8::try_from(dot.len() + name.len()).expect("a host is short");
        // Checked once they are all there.
        let offset = self.bytes.len() as u32;
        self.bytes.try_reserve(scheme.len() + dot.len() + name.len())?;
        self.entries.try_reserve(1)?;
        self.bytes.extend([scheme, dot, name].into_iter().flatten());
        self.entries.push(WildcardEntry { offset, port, scheme_length, key_length, rank });
        match wildcard.host {
            WildcardHost::Any => self.has_any_host = true,
            WildcardHost::Exact(_) => self.has_exact_host = true,
            WildcardHost::Below(_) => {
                self.lengths[usize::from(key_length) / 64] |= 1 << (key_length % 64);
            }
        }
        self.has_fixed_port |= port != ANY_PORT;
        self.has_any_port |= port == ANY_PORT;
        Ok(())
    }

    fn build(self) -> Result<WildcardOrigins, MatcherError> {
        let Self { mut bytes, entries, .. } = self;
        bytes.shrink_to_fit();
        u32::try_from(bytes.len()).map_err(|_| MatcherError::TooManyOrigins)?;
        let mut table = table_for(entries.len())?;
        let hash = Hash::new();
        for &new in &entries {
            let entry = table.entry(
                new.hash(&hash, &bytes),
                |entry: &WildcardEntry| {
                    entry.port == new.port
                        && entry.key(&bytes) == new.key(&bytes)
                        && entry.scheme(&bytes) == new.scheme(&bytes)
                },
                |entry| entry.hash(&hash, &bytes),
            );
            entry.and_modify(|known| known.rank = known.rank.min(new.rank)).or_insert(new);
        }
        Ok(WildcardOrigins {
            bytes,
            table,
            hash,
            lowest: entries.iter().map(|entry| entry.rank.into()).min().unwrap_or(NONE),
            lengths: self.lengths,
            has_any_host: self.has_any_host,
            has_exact_host: self.has_exact_host,
            has_fixed_port: self.has_fixed_port,
            has_any_port: self.has_any_port,
        })
    }
}

impl WildcardOrigins {
    /// The lowest rank of a wildcard that matches, or `best` if that is lower.
    #[inline(never)]
    fn find(&self, origin: &[u8], mut best: MaybeRank) -> MaybeRank {
        if origin.len() > MAX_ORIGIN_LEN {
            return best;
        }
        let Some((scheme, authority)) = split_scheme(origin) else { return best };
        let (host, port) = split_port(authority);
        let port = match port.map(|digits| parse_port(digits, scheme)) {
            None => DEFAULT_PORT,
            Some(Some(port)) => port.into(),
            Some(None) => return best,
        };
        if !is_host_length(host.len()) {
            return best;
        }
        let prefix = Prefix { scheme, hash: self.hash.of_scheme(scheme), port };
        // Keys that are empty or begin with a dot are not those of a whole host.
        if self.has_exact_host && !matches!(host.first(), None | Some(b'.')) {
            best = best.min(self.probe(&prefix, host));
        }
        if self.has_any_host && Origin::parse(origin).is_some() {
            best = best.min(self.probe(&prefix, b""));
        }
        let mut label = 0;
        for (position, &byte) in host.iter().enumerate() {
            if is_label_byte(byte) {
                label += 1;
                continue;
            }
            // What `*` stands for must be labels; the rest is that of a well-formed pattern.
            if byte != b'.' || !is_label_length(label) {
                break;
            }
            label = 0;
            let length = host.len() - position;
            if self.lengths[length / 64] >> (length % 64) & 1 == 1 {
                best = best.min(self.probe(&prefix, &host[position..]));
                if best <= self.lowest {
                    break;
                }
            }
        }
        best
    }

    /// The lowest rank of the wildcards with this key.
    fn probe(&self, prefix: &Prefix<'_>, key: &[u8]) -> MaybeRank {
        let hash = self.hash.of_wildcard(prefix.hash, key);
        let get = |port| {
            let found = self.table.find(hash ^ hash_port(port), |entry| {
                entry.port == port
                    && is_equal(entry.key(&self.bytes), key)
                    && entry.scheme(&self.bytes) == prefix.scheme
            });
            found.map_or(NONE, |entry| entry.rank.into())
        };
        let fixed = if self.has_fixed_port { get(prefix.port) } else { NONE };
        let any = if self.has_any_port { get(ANY_PORT) } else { NONE };
        fixed.min(any)
    }
}

/// What the probes of one lookup have in common.
struct Prefix<'a> {
    scheme: &'a [u8],
    hash: u64,
    port: PortCode,
}

/// All regular expressions.
#[derive(Debug)]
struct Expressions {
    automaton: Option<Automaton>,
    /// The rank of each expression of the automaton, in ascending order.
    ranks: Vec<Rank>,
    lowest: MaybeRank,
}

impl Expressions {
    fn new(mut expressions: Vec<(Rank, Hir)>) -> Result<Self, MatcherError> {
        // The order within a rank does not matter: it is one expression with alternatives.
        expressions.sort_by_key(|&(rank, _)| rank);
        let mut ranks = Vec::new();
        let mut alternatives: Vec<Vec<Hir>> = Vec::new();
        for (rank, expression) in expressions {
            match alternatives.last_mut() {
                Some(same) if ranks.last() == Some(&rank) => same.push(expression),
                _ => {
                    ranks.push(rank);
                    alternatives.push(vec![expression]);
                }
            }
        }
        let alternatives: Vec<Hir> = alternatives.into_iter().map(Hir::alternation).collect();
        let automaton = if alternatives.is_empty() {
            None
        } else {
            Some(compile_all(&alternatives).map_err(|_| MatcherError::RegexesTooLarge)?)
        };
        Ok(Self { automaton, lowest: ranks.first().map_or(NONE, |&rank| rank.into()), ranks })
    }

    #[inline(never)]
    fn find(&self, origin: &[u8]) -> MaybeRank {
        let Some(automaton) = &self.automaton else { return NONE };
        if origin.len() > MAX_ORIGIN_LEN {
            return NONE;
        }
        match automaton.first_accepting(origin) {
            Some(index) if Origin::parse(origin).is_some() => self.ranks[index].into(),
            _ => NONE,
        }
    }
}
