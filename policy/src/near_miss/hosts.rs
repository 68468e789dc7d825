//! Parts of a host's name.

use std::net::Ipv4Addr;

use super::LOOPBACK;
use crate::origin::suffix::{Sections, is_public_suffix, public_suffix};

/// Whether a host is an IP address.
fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok()
}

/// The number of labels.
pub(super) fn labels_of(host: &str) -> usize {
    host.split('.').count()
}

/// A name with so many labels before a domain, each of them the same.
pub(super) fn with_labels(label: &str, count: usize, domain: &str) -> String {
    format!("{}{domain}", format!("{label}.").repeat(count))
}

/// The positions of the dots in a host, from the left.
pub(super) fn label_ends(host: &str) -> impl DoubleEndedIterator<Item = usize> {
    host.match_indices('.').map(|(at, _)| at)
}

/// The domains above a host, the shortest first. An address has none.
pub(super) fn parents(host: &str) -> impl Iterator<Item = &str> {
    let has_parents = !is_address(host);
    label_ends(host).rev().map(|at| &host[at + 1..]).filter(move |_| has_parents)
}

/// Whether a name can be one that a policy lists: not a single label, unless that is the machine itself.
pub(super) fn looks_whole(host: &str) -> bool {
    host.contains('.') || LOOPBACK.contains(&host)
}

/// Whether one owner can have a name with all names below it: it is not a public suffix.
pub(super) fn can_be_owned(host: &str) -> bool {
    !is_public_suffix(host.as_bytes())
}

/// Whether two hosts are of the same owner, by the Public Suffix List.
pub(super) fn is_owned_by_same(one: &str, other: &str) -> bool {
    registrable_domain(one) == registrable_domain(other)
}

/// The part of a name that its owner has registered. For names that no registry sells, the last two labels.
fn registrable_domain(host: &str) -> &str {
    if is_address(host) {
        return host;
    }
    let suffix = public_suffix(host.as_bytes(), Sections::All);
    let labels = suffix.map_or(1, |it| 1 + it.iter().filter(|byte| **byte == b'.').count());
    let start = label_ends(host).rev().nth(labels).map_or(0, |dot| dot + 1);
    &host[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_those_of_the_public_suffix_list() {
        for (one, other, is_same) in [
            ("app.example.com", "myapp.example.com", true),
            ("example.com", "evilexample.com", false),
            ("example.com", "example.com.evil.net", false),
            ("app.example.co.uk", "example.co.uk", true),
            ("shop.co.uk", "myshop.co.uk", false),
            ("a.netlify.app", "evil-a.netlify.app", false),
            ("a.nas.local", "b.nas.local", true),
            ("127.0.0.1", "127.0.0.1.evil.net", false),
            ("localhost", "localhost", true),
        ] {
            assert_eq!(is_owned_by_same(one, other), is_same, "{one} {other}");
        }
    }

    #[test]
    fn parents_begin_with_a_label() {
        assert_eq!(parents("a.b.example").collect::<Vec<_>>(), ["example", "b.example"]);
        assert_eq!(parents("localhost").count(), 0);
        assert_eq!(parents("192.0.2.1").count(), 0);
        assert_eq!(parents("[::1]").count(), 0);
    }
}
