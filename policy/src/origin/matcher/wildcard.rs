//! Wildcards: a hash table of host suffixes.

use std::collections::TryReserveError;

use hashbrown::HashTable;

use super::hash::{Hash, is_equal, table_for};
use super::rank::{MaybeRank, NONE, Rank};
use super::tail::{Parts, TableKey, Tail, TailKinds, split_origin};
use crate::origin::error::MatcherError;
use crate::origin::pattern::WildcardPort;
use crate::origin::syntax::Origin;

/// Wildcards, found by the fixed part of the host.
///
/// The key of `https://*.example.com` is `.example.com`, that of `http://localhost:*` is
/// `localhost`, and that of `https://*` is empty. Scheme and port are part of the key. A lookup walks
/// over the host once. At each dot it probes the table if some key is as long as the rest.
#[derive(Debug)]
pub(super) struct WildcardOrigins {
    /// The schemes and keys of all entries, one after the other.
    bytes: Vec<u8>,
    table: HashTable<WildcardEntry>,
    hash: Hash,
    /// The lowest rank of any wildcard here.
    pub(super) lowest: MaybeRank,
    kinds: TailKinds,
    has_fixed_port: bool,
    has_any_port: bool,
}

#[derive(Debug, Clone, Copy)]
struct WildcardEntry {
    key: TableKey,
    port: PortCode,
    rank: Rank,
}

/// 0 if no port is written, the port, or [`ANY_PORT`].
pub(super) type PortCode = u32;

const DEFAULT_PORT: PortCode = 0;
const ANY_PORT: PortCode = 1 << 16;

impl WildcardEntry {
    fn hash(self, hash: &Hash, bytes: &[u8]) -> u64 {
        self.key.hash(hash, bytes) ^ hash_port(self.port)
    }
}

/// The port of a wildcard. `None` if it is a set of ports.
pub(super) fn port_code(port: WildcardPort<'_>) -> Option<PortCode> {
    match port {
        WildcardPort::Default => Some(DEFAULT_PORT),
        WildcardPort::Exact(port) => Some(port.into()),
        WildcardPort::Any => Some(ANY_PORT),
        WildcardPort::Set(_) => None,
    }
}

/// Spreads a port over all bits.
fn hash_port(port: PortCode) -> u64 {
    u64::from(port).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[derive(Debug, Default)]
pub(super) struct WildcardBuilder {
    bytes: Vec<u8>,
    entries: Vec<WildcardEntry>,
    kinds: TailKinds,
    has_fixed_port: bool,
    has_any_port: bool,
}

impl WildcardBuilder {
    pub(super) fn add(
        &mut self,
        rank: Rank,
        scheme: &str,
        tail: Tail<'_>,
        port: PortCode,
    ) -> Result<(), TryReserveError> {
        self.entries.try_reserve(1)?;
        let key = TableKey::push(&mut self.bytes, scheme, tail)?;
        self.entries.push(WildcardEntry { key, port, rank });
        self.kinds.add(tail);
        self.has_fixed_port |= port != ANY_PORT;
        self.has_any_port |= port == ANY_PORT;
        Ok(())
    }

    pub(super) fn build(self) -> Result<WildcardOrigins, MatcherError> {
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
                        && entry.key.tail(&bytes) == new.key.tail(&bytes)
                        && entry.key.scheme(&bytes) == new.key.scheme(&bytes)
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
            kinds: self.kinds,
            has_fixed_port: self.has_fixed_port,
            has_any_port: self.has_any_port,
        })
    }
}

impl WildcardOrigins {
    /// The lowest rank of a wildcard that matches, or `best` if that is lower.
    #[inline(never)]
    pub(super) fn find(&self, origin: &[u8], mut best: MaybeRank) -> MaybeRank {
        let Some(Parts { scheme, host, port }) = split_origin(origin) else { return best };
        let port = port.map_or(DEFAULT_PORT, PortCode::from);
        let prefix = Prefix { scheme, hash: self.hash.scheme(scheme), port };
        // An empty key, or one that begins with a dot, is not a whole host.
        if self.kinds.whole_host && !matches!(host.first(), None | Some(b'.')) {
            best = best.min(self.probe(&prefix, host));
        }
        if self.kinds.any_host && Origin::parse(origin).is_some_and(|origin| origin.has_host()) {
            best = best.min(self.probe(&prefix, b""));
        }
        for (_, tail) in self.kinds.split(host) {
            best = best.min(self.probe(&prefix, tail));
            if best <= self.lowest {
                break;
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
                    && is_equal(entry.key.tail(&self.bytes), key)
                    && entry.key.scheme(&self.bytes) == prefix.scheme
            });
            found.map_or(NONE, |entry| entry.rank.into())
        };
        let fixed = if self.has_fixed_port { get(prefix.port) } else { NONE };
        let any = if self.has_any_port { get(ANY_PORT) } else { NONE };
        fixed.min(any)
    }
}

/// The part that all probes of one lookup share.
struct Prefix<'a> {
    scheme: &'a [u8],
    hash: u64,
    port: PortCode,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// How many hashes wildcards for these hosts have in a new table.
    fn hashes<'t>(wildcards: impl Iterator<Item = (&'t str, &'t str)>) -> usize {
        let hash = Hash::new();
        let hashes = wildcards.map(|(scheme, host)| {
            let mut bytes = Vec::new();
            let key = TableKey::push(&mut bytes, scheme, Tail::Host(host)).unwrap();
            WildcardEntry { key, port: ANY_PORT, rank: 1 }.hash(&hash, &bytes)
        });
        hashes.collect::<HashSet<_>>().len()
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
