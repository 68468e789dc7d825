//! The fixed end of a host, by which a table finds the patterns for it.

use std::collections::TryReserveError;

use super::hash::Hash;
use crate::origin::pattern::WildcardHost;
use crate::origin::syntax::{
    MAX_ORIGIN_LEN, is_host_length, is_label_byte, is_label_length, parse_port, split_port,
    split_scheme,
};

/// The end that all hosts of a pattern have in common.
///
/// As a key it is unambiguous: only [`Tail::Below`] begins with a dot, and only [`Tail::Any`] is empty.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tail<'a> {
    /// None: any host.
    Any,
    /// A whole host.
    Host(&'a str),
    /// A dot and this name, after one or more labels.
    Below(&'a str),
}

impl<'a> Tail<'a> {
    /// The end of the hosts of a pattern, and the glob that the labels before it have to match.
    pub(super) fn of(host: WildcardHost<'a>) -> (Self, Option<&'a str>) {
        match host {
            WildcardHost::Any => (Self::Any, None),
            WildcardHost::Exact(host) => (Self::Host(host), None),
            WildcardHost::Below(parent) => (Self::Below(parent), None),
            WildcardHost::Glob { labels, parent } => (Self::Below(parent), Some(labels)),
        }
    }

    /// The parts of the key.
    pub(super) fn key(self) -> [&'a [u8]; 2] {
        match self {
            Self::Any => [b"", b""],
            Self::Host(host) => [b"", host.as_bytes()],
            Self::Below(parent) => [b".", parent.as_bytes()],
        }
    }
}

/// The place of a scheme and a tail among the bytes of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableKey {
    offset: u32,
    scheme_length: u8,
    tail_length: u8,
}

impl TableKey {
    /// Appends a scheme and a tail to the bytes. The caller checks that all bytes of a table are no more
    /// than a `u32` can count.
    pub(super) fn push(
        bytes: &mut Vec<u8>,
        scheme: &str,
        tail: Tail<'_>,
    ) -> Result<Self, TryReserveError> {
        let [dot, name] = tail.key();
        let tail_length = dot.len() + name.len();
        bytes.try_reserve(scheme.len() + tail_length)?;
        let key = Self {
            offset: bytes.len() as u32,
            scheme_length: u8::try_from(scheme.len()).expect("a scheme is short"),
            tail_length: u8::try_from(tail_length).expect("a host is short"),
        };
        bytes.extend([scheme.as_bytes(), dot, name].into_iter().flatten());
        Ok(key)
    }

    pub(super) fn scheme(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.offset as usize..][..usize::from(self.scheme_length)]
    }

    pub(super) fn tail(self, bytes: &[u8]) -> &[u8] {
        let offset = self.offset as usize + usize::from(self.scheme_length);
        &bytes[offset..][..usize::from(self.tail_length)]
    }

    pub(super) fn hash(self, hash: &Hash, bytes: &[u8]) -> u64 {
        hash.after(hash.scheme(self.scheme(bytes)), self.tail(bytes))
    }
}

/// Which tails a table has, so that a lookup probes few of them.
#[derive(Debug, Clone, Default)]
pub(super) struct TailKinds {
    /// One bit for each length of a key that begins with a dot.
    lengths: [u64; 4],
    pub(super) any_host: bool,
    pub(super) whole_host: bool,
}

impl TailKinds {
    pub(super) fn add(&mut self, tail: Tail<'_>) {
        match tail {
            Tail::Any => self.any_host = true,
            Tail::Host(_) => self.whole_host = true,
            Tail::Below(parent) => {
                let length = parent.len() + 1;
                self.lengths[length / 64] |= 1 << (length % 64);
            }
        }
    }

    /// The labels before each dot of a host, and the dot with what follows it, where a key is that long.
    /// It ends at the first text that is not a label.
    #[inline(always)]
    pub(super) fn split<'t, 'h>(&'t self, host: &'h [u8]) -> Splits<'t, 'h> {
        Splits { kinds: self, host, position: 0, label: 0 }
    }
}

/// See [`TailKinds::split`].
#[derive(Debug)]
pub(super) struct Splits<'t, 'h> {
    kinds: &'t TailKinds,
    host: &'h [u8],
    position: usize,
    label: usize,
}

impl<'h> Iterator for Splits<'_, 'h> {
    type Item = (&'h [u8], &'h [u8]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        while let Some(&byte) = self.host.get(self.position) {
            if is_label_byte(byte) {
                self.label += 1;
                self.position += 1;
                continue;
            }
            // `*` must match labels only. The rest equals the key of a well-formed pattern.
            if byte != b'.' || !is_label_length(self.label) {
                return None;
            }
            let split = self.position;
            self.label = 0;
            self.position += 1;
            let length = self.host.len() - split;
            if self.kinds.lengths[length / 64] >> (length % 64) & 1 == 1 {
                return Some(self.host.split_at(split));
            }
        }
        None
    }
}

/// The parts of what may be an origin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'o> {
    pub(super) scheme: &'o [u8],
    /// Not checked, but for its length.
    pub(super) host: &'o [u8],
    pub(super) port: Option<u16>,
}

/// Splits a header. `None` if it cannot be an origin that a wildcard matches.
#[inline(always)]
pub(super) fn split_origin(origin: &[u8]) -> Option<Parts<'_>> {
    if origin.len() > MAX_ORIGIN_LEN {
        return None;
    }
    let (scheme, authority) = split_scheme(origin)?;
    let (host, port) = split_port(authority);
    let port = match port {
        None => None,
        Some(digits) => Some(parse_port(digits, scheme)?),
    };
    is_host_length(host.len()).then_some(Parts { scheme, host, port })
}
