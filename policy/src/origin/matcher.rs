//! All patterns of a policy in one place.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
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
type MaybeRank = u32;

/// Above all ranks: `min` of a rank and this is the rank.
const NONE: MaybeRank = MaybeRank::MAX;

/// The set of patterns comes from the administrator, so that nobody can choose what collides.
const HASH: FixedState = FixedState::with_seed(0);

/// The patterns cannot be held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatcherError {
    /// The origins take more than 4 GiB.
    TooManyOrigins,
    /// The automaton of all regular expressions would take too much memory.
    RegexesTooLarge,
}

impl MatcherError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::TooManyOrigins => "use wildcards in place of single origins",
            Self::RegexesTooLarge => {
                "use fewer or simpler regular expressions, or wildcards in their place"
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
        })
    }
}

impl std::error::Error for MatcherError {}

/// Collects the patterns of a policy.
#[derive(Debug, Default)]
pub struct MatcherBuilder {
    any: Option<Rank>,
    exact: ExactOrigins,
    wildcards: WildcardOrigins,
    expressions: Vec<(Rank, Hir)>,
    overflow: bool,
}

impl MatcherBuilder {
    /// A builder with no patterns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pattern to the rule of this rank. Of equal patterns the one with the lowest rank
    /// counts.
    pub fn add(&mut self, rank: Rank, pattern: &OriginPattern<'_>) {
        let fits = match pattern {
            OriginPattern::Any => {
                self.any = Some(self.any.map_or(rank, |other| other.min(rank)));
                true
            }
            OriginPattern::Null => self.exact.add(rank, b"null"),
            OriginPattern::Exact(origin) => self.exact.add(rank, origin.as_bytes()),
            OriginPattern::Wildcard(wildcard) => self.wildcards.add(rank, wildcard),
            OriginPattern::Regex(regex) => {
                self.expressions.push((rank, regex.expression().clone()));
                true
            }
        };
        self.overflow |= !fits;
    }

    /// Makes the matcher.
    ///
    /// # Errors
    ///
    /// If all patterns together take more memory than they may.
    pub fn build(mut self) -> Result<OriginMatcher, MatcherError> {
        if self.overflow {
            return Err(MatcherError::TooManyOrigins);
        }
        self.exact.shrink();
        self.wildcards.shrink();
        Ok(OriginMatcher {
            any: self.any.map_or(NONE, MaybeRank::from),
            exact: self.exact,
            wildcards: self.wildcards,
            expressions: Expressions::new(self.expressions)?,
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
}

impl OriginMatcher {
    /// The lowest rank that has a pattern which matches this value of the `Origin` header. Never
    /// allocates.
    #[inline]
    pub fn find(&self, origin: &[u8]) -> Option<Rank> {
        let mut best = self.any;
        if self.exact.lowest < best {
            best = best.min(self.exact.find(origin));
        }
        if self.wildcards.lowest < best {
            best = self.wildcards.find(origin, best);
        }
        if self.expressions.lowest < best {
            best = best.min(self.expressions.find(origin));
        }
        // Everything but `NONE` is a rank.
        Rank::try_from(best).ok()
    }
}

/// Origins that are compared byte for byte, `null` among them.
#[derive(Debug)]
struct ExactOrigins {
    /// All origins, one after the other.
    bytes: Vec<u8>,
    table: HashTable<ExactEntry>,
    lowest: MaybeRank,
}

#[derive(Debug, Clone, Copy)]
struct ExactEntry {
    offset: u32,
    length: u16,
    rank: Rank,
}

impl ExactEntry {
    #[inline]
    fn origin(self, bytes: &[u8]) -> &[u8] {
        let offset = self.offset as usize;
        &bytes[offset..offset + usize::from(self.length)]
    }
}

impl Default for ExactOrigins {
    fn default() -> Self {
        Self { bytes: Vec::new(), table: HashTable::new(), lowest: NONE }
    }
}

impl ExactOrigins {
    /// Adds an origin; false if there is no room.
    fn add(&mut self, rank: Rank, origin: &[u8]) -> bool {
        let (Ok(offset), Ok(length)) =
            (u32::try_from(self.bytes.len()), u16::try_from(origin.len()))
        else {
            return false;
        };
        let entry = self.table.entry(
            hash(origin),
            |entry| entry.origin(&self.bytes) == origin,
            |entry| hash(entry.origin(&self.bytes)),
        );
        match entry {
            Entry::Occupied(mut known) => {
                known.get_mut().rank = known.get().rank.min(rank);
            }
            Entry::Vacant(vacant) => {
                vacant.insert(ExactEntry { offset, length, rank });
                self.bytes.extend_from_slice(origin);
            }
        }
        self.lowest = self.lowest.min(rank.into());
        true
    }

    fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.table.shrink_to_fit(|entry| hash(entry.origin(&self.bytes)));
    }

    #[inline]
    fn find(&self, origin: &[u8]) -> MaybeRank {
        self.table
            .find(hash(origin), |entry| entry.origin(&self.bytes) == origin)
            .map_or(NONE, |entry| entry.rank.into())
    }
}

#[inline]
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = HASH.build_hasher();
    hasher.write(bytes);
    hasher.finish()
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
    lowest: MaybeRank,
    /// One bit for each length of a key that begins with a dot.
    lengths: [u64; 4],
    has_any_host: bool,
    has_exact_host: bool,
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

    fn hash(self, bytes: &[u8]) -> u64 {
        hash_wildcard(self.scheme(bytes), self.key(bytes), self.port)
    }
}

fn hash_wildcard(scheme: &[u8], key: &[u8], port: PortCode) -> u64 {
    let mut hasher = HASH.build_hasher();
    hasher.write(scheme);
    hasher.write(key);
    hasher.write_u32(port);
    hasher.finish()
}

impl Default for WildcardOrigins {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            table: HashTable::new(),
            lowest: NONE,
            lengths: [0; 4],
            has_any_host: false,
            has_exact_host: false,
            has_any_port: false,
        }
    }
}

impl WildcardOrigins {
    /// Adds a wildcard; false if there is no room.
    fn add(&mut self, rank: Rank, wildcard: &Wildcard<'_>) -> bool {
        let scheme = wildcard.scheme.as_bytes();
        let (dot, name): (&[u8], &[u8]) = match wildcard.host {
            WildcardHost::Any => (b"", b""),
            WildcardHost::Exact(host) => (b"", host.as_bytes()),
            WildcardHost::Below(suffix) => (b".", suffix.as_bytes()),
        };
        let port = match wildcard.port {
            WildcardPort::Default => 0,
            WildcardPort::Exact(port) => port.into(),
            WildcardPort::Any => ANY_PORT,
        };
        let start = self.bytes.len();
        self.bytes.extend([scheme, dot, name].into_iter().flatten());
        let (Ok(offset), Ok(scheme_length), Ok(key_length)) = (
            u32::try_from(start),
            u8::try_from(scheme.len()),
            u8::try_from(dot.len() + name.len()),
        ) else {
            return false;
        };
        let new = WildcardEntry { offset, port, scheme_length, key_length, rank };
        let is_same = |entry: &WildcardEntry| {
            entry.port == port
                && entry.scheme(&self.bytes) == scheme
                && entry.key(&self.bytes) == new.key(&self.bytes)
        };
        let hash = new.hash(&self.bytes);
        match self.table.entry(hash, is_same, |entry| entry.hash(&self.bytes)) {
            Entry::Occupied(mut known) => {
                known.get_mut().rank = known.get().rank.min(rank);
                self.bytes.truncate(start);
            }
            Entry::Vacant(vacant) => {
                vacant.insert(new);
            }
        }
        match wildcard.host {
            WildcardHost::Any => self.has_any_host = true,
            WildcardHost::Exact(_) => self.has_exact_host = true,
            WildcardHost::Below(_) => {
                self.lengths[usize::from(key_length) / 64] |= 1 << (key_length % 64);
            }
        }
        self.has_any_port |= port == ANY_PORT;
        self.lowest = self.lowest.min(rank.into());
        true
    }

    fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.table.shrink_to_fit(|entry| entry.hash(&self.bytes));
    }

    /// The lowest rank of a wildcard that matches, or `best` if that is lower.
    fn find(&self, origin: &[u8], mut best: MaybeRank) -> MaybeRank {
        if origin.len() > MAX_ORIGIN_LEN {
            return best;
        }
        let Some((scheme, authority)) = split_scheme(origin) else { return best };
        let Some((host, port)) = split_port(authority) else { return best };
        let port = match port.map(|digits| parse_port(digits, scheme)) {
            None => 0,
            Some(Some(port)) => port.into(),
            Some(None) => return best,
        };
        if !is_host_length(host.len()) {
            return best;
        }
        let probe = |best: MaybeRank, key: &[u8]| {
            let with_port = self.get(scheme, key, port);
            let any_port = if self.has_any_port { self.get(scheme, key, ANY_PORT) } else { NONE };
            best.min(with_port).min(any_port)
        };
        if self.has_exact_host {
            best = probe(best, host);
        }
        if self.has_any_host && Origin::parse(origin).is_some() {
            best = probe(best, b"");
        }
        let mut label = 0;
        for (position, &byte) in host.iter().enumerate() {
            if is_label_byte(byte) {
                label += 1;
                continue;
            }
            // What `*` stands for must be labels; the rest is that of a well-formed pattern.
            if byte != b'.' || !is_label_length(label) || best <= self.lowest {
                break;
            }
            label = 0;
            let length = host.len() - position;
            if self.lengths[length / 64] >> (length % 64) & 1 == 1 {
                best = probe(best, &host[position..]);
            }
        }
        best
    }

    fn get(&self, scheme: &[u8], key: &[u8], port: PortCode) -> MaybeRank {
        self.table
            .find(hash_wildcard(scheme, key, port), |entry| {
                entry.port == port
                    && entry.key(&self.bytes) == key
                    && entry.scheme(&self.bytes) == scheme
            })
            .map_or(NONE, |entry| entry.rank.into())
    }
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
