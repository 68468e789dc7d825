//! All patterns of a policy in one place.

use std::collections::TryReserveError;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use foldhash::{SharedSeed, fast::FoldHasher};
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
    lowest: MaybeRank,
}

#[derive(Debug)]
enum ExactEntries {
    /// Few enough to look at each, which is sooner done than a hash.
    Few(Box<[(Box<[u8]>, Rank)]>),
    Many(HashTable<ExactEntry>, Hash),
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
        let hash = Hash::new();
        let mut table = table_for(entries.len())?;
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
            ExactEntries::Many(table, hash)
        };
        Ok(ExactOrigins { bytes, entries, lowest })
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
            ExactEntries::Many(table, hash) => self.find_in(table, hash, origin),
        }
    }

    #[inline(never)]
    fn find_in(&self, table: &HashTable<ExactEntry>, hash: &Hash, origin: &[u8]) -> MaybeRank {
        // Whoever sends more shall not make it hash more.
        if origin.len() > MAX_ORIGIN_LEN {
            return NONE;
        }
        let found = table.find(hash.of(origin), |entry| entry.is(origin, &self.bytes));
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

/// The hash of one table, with a seed of its own.
///
/// A list may be filled by others than who runs the server, who must not be able to prepare origins
/// that collide, so that each costs as much as all of them. Every step of foldhash multiplies what
/// is hashed, combined with what is secret, on both sides: the state on the one, a word of the
/// shared seed on the other. So which origins collide depends on a seed of 128 bits that is drawn
/// by the system for each table and never leaves the process. foldhash's own `FixedState` would not
/// do even with a seed: its words are the same everywhere, and who knows one makes the product, and
/// all that follows of it, zero. Foldhash may fall to somebody who watches the time of very many
/// lookups; that is far below what a network leaves to see, and another list has another seed.
#[derive(Debug)]
struct Hash {
    seed: u64,
    shared: SharedSeed,
}

impl Hash {
    fn new() -> Self {
        // The only source of randomness in std.
        let random = RandomState::new();
        Self { seed: random.hash_one(0), shared: SharedSeed::from_u64(random.hash_one(1)) }
    }

    #[inline]
    fn of(&self, bytes: &[u8]) -> u64 {
        self.after(self.seed, bytes)
    }

    /// The hash of `bytes` after something whose hash is `state`.
    ///
    /// As with [`is_equal`], both ends of 16 bytes cover most origins: no call, no loop. What they
    /// have in common tells nothing of the length, which therefore turns the state.
    #[inline]
    fn after(&self, state: u64, bytes: &[u8]) -> u64 {
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

    /// The part of the hash of a wildcard that is the same for all probes of a lookup.
    #[inline]
    fn scheme(&self, scheme: &[u8]) -> u64 {
        if scheme == b"https" { self.seed } else { self.of(scheme) }
    }
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
        hash.after(hash.scheme(self.scheme(bytes)), self.key(bytes)) ^ hash_port(self.port)
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
        let hash = Hash::new();
        let mut table = table_for(entries.len())?;
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
        let prefix = Prefix { scheme, hash: self.hash.scheme(scheme), port };
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
        let hash = self.hash.after(prefix.hash, key);
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// How many hashes these wildcards have in a new table.
    fn hashes<'t>(wildcards: impl Iterator<Item = (&'t str, &'t str)>) -> usize {
        let hash = Hash::new();
        let hashes = wildcards.map(|(scheme, key)| {
            let bytes = [scheme, key].concat();
            let entry = WildcardEntry {
                offset: 0,
                port: ANY_PORT,
                scheme_length: scheme.len() as u8,
                key_length: key.len() as u8,
                rank: 1,
            };
            entry.hash(&hash, bytes.as_bytes())
        });
        hashes.collect::<HashSet<_>>().len()
    }

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

    #[test]
    fn what_differs_in_a_regular_way_does_not_collide() {
        let names: Vec<_> = (0..1000).map(|n| format!("n{n}")).collect();
        // Scheme and key are the same, or change places.
        assert_eq!(hashes(names.iter().map(|name| (&**name, &**name))), 1000);
        let pairs =
            names.chunks(2).flat_map(|pair| [(&*pair[0], &*pair[1]), (&*pair[1], &*pair[0])]);
        assert_eq!(hashes(pairs), 1000);
        // One letter, and one word, over and over.
        let letters: Vec<_> = (0..=250).map(|length| "a".repeat(length)).collect();
        assert_eq!(hashes(letters.iter().map(|key| ("https", &**key))), 251);
        let words: Vec<_> = (0..=120).map(|length| ".a".repeat(length)).collect();
        assert_eq!(hashes(words.iter().map(|key| ("https", &**key))), 121);
    }
}
