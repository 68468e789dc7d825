//! Public suffixes: names directly below which anyone can get a name.
//!
//! The rules are those of the [Public Suffix List](https://publicsuffix.org/list/), which is in
//! `policy/data/`. The program that builds the engine makes a table of it; nothing is read or computed
//! at start. The [algorithm](https://github.com/publicsuffix/list/wiki/Format#formal-algorithm):
//!
//! - A rule matches a name that ends in its labels. A `*` in a rule stands for one label.
//! - The rule with the most labels decides, but an exception (`!www.ck`) before all others. A name
//!   without a rule falls under the rule `*`: its top-level domain is the suffix.
//! - The labels that the rule matches are the public suffix. An exception counts without its leftmost
//!   label.
//!
//! One thing differs from the list: the names that no registry sells, `home.arpa` (RFC 8375) among
//! them, are no suffixes.
//!
//! ```
//! use cors_policy::origin::suffix::{Sections, is_public_suffix, public_suffix};
//!
//! let suffix = |name: &'static str, sections| public_suffix(name.as_bytes(), sections);
//! assert_eq!(suffix("www.example.co.uk", Sections::All), Some(&b"co.uk"[..]));
//! assert_eq!(suffix("shop.github.io", Sections::All), Some(&b"github.io"[..]));
//! assert_eq!(suffix("shop.github.io", Sections::Icann), Some(&b"io"[..]));
//! assert_eq!(suffix("printer.local", Sections::All), None);
//! assert!(is_public_suffix(b"github.io"));
//! ```

mod open;
mod table;

pub(crate) use self::open::join;
pub use self::open::{OpenSuffix, open_suffix};
pub(crate) use self::table::Position;
pub use self::table::{LIST_DATE, Section, Sections};

/// Whether the name is a public suffix of any section, by a rule of the list or as a top-level domain
/// that the list does not have. Never allocates.
pub fn is_public_suffix(name: &[u8]) -> bool {
    labels(name)
        .fold(Position::ROOT, |position, (label, _)| position.below(label))
        .suffix()
        .is_some()
}

/// The public suffix of a host name by the rules of these sections. `None` for names that no registry
/// sells, such as `printer.local`. Never allocates.
///
/// With [`Sections::Icann`] it is the part of the name that a registry of domains decides about.
pub fn public_suffix(name: &[u8], sections: Sections) -> Option<&[u8]> {
    let (mut position, mut start, mut suffix) = (Position::ROOT, name.len(), None);
    for (label, label_start) in labels(name) {
        position = position.below(label);
        if position.exception().is_some_and(|section| sections.have(section)) {
            return name.get(start..);
        }
        start = label_start;
        if position.suffix().is_some_and(|section| sections.have(section)) {
            suffix = name.get(start..);
        }
    }
    suffix
}

/// The labels of a name from the right, and where each begins.
fn labels(name: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    let mut end = name.len();
    name.rsplit(|&byte| byte == b'.').map(move |label| {
        let start = end - label.len();
        end = start.saturating_sub(1);
        (label, start)
    })
}

/// Whether the registrable domain of every name below `parent` is part of `parent`, by the list's ICANN
/// section. Nobody else can then register such a name with a registry.
///
/// Below top-level domains that are not on the list there is nothing to register.
pub(crate) fn has_registrable_domain(parent: &str) -> bool {
    let top = parent.rsplit('.').next().unwrap_or_default();
    if !Position::ROOT.lists(top.as_bytes()) {
        return true;
    }
    let labels: Vec<_> = ["x", "*"].into_iter().chain(parent.split('.')).collect();
    open_suffix(&labels, Sections::Icann).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrable_domains() {
        for name in [
            "example.com",
            "example.co.uk",
            "netlify.app",
            "compute.amazonaws.com",
            "www.ck",
            "city.kawasaki.jp",
            "a.b.kawasaki.jp",
            "example",
            "local",
            "lan",
            "alt",
            "svc.internal",
            "home.arpa",
            "newtld",
        ] {
            assert!(has_registrable_domain(name), "{name}");
        }
        for name in ["com", "co.uk", "ck", "a.ck", "kawasaki.jp", "b.kawasaki.jp", "sch.uk", "arpa"]
        {
            assert!(!has_registrable_domain(name), "{name}");
        }
    }

    #[test]
    fn public_suffixes() {
        for name in ["com", "co.uk", "github.io", "foo.ck", "xn--p1ai", "xn--55qx5d.cn", "newtld"] {
            assert!(is_public_suffix(name.as_bytes()), "{name}");
        }
        for name in [
            "example.com",
            "a.github.io",
            "www.ck",
            "kawasaki.jp",
            "city.kawasaki.jp",
            "amazonaws.com",
            "localhost",
            "internal",
            "svc.local",
            "home.arpa",
            "nas.home.arpa",
        ] {
            assert!(!is_public_suffix(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn suffixes_of_names() {
        for (name, all, icann) in [
            ("com", "com", "com"),
            ("a.b.example.com", "com", "com"),
            ("example.co.uk", "co.uk", "co.uk"),
            ("a.example.github.io", "github.io", "io"),
            ("a.b.run.app", "b.run.app", "app"),
            ("run.app", "app", "app"),
            ("www.ck", "ck", "ck"),
            ("a.www.ck", "ck", "ck"),
            ("a.b.ck", "b.ck", "b.ck"),
            ("a.city.kawasaki.jp", "kawasaki.jp", "kawasaki.jp"),
            ("a.b.kawasaki.jp", "b.kawasaki.jp", "b.kawasaki.jp"),
            ("kawasaki.jp", "jp", "jp"),
            ("a.b.newtld", "newtld", "newtld"),
        ] {
            let suffix = |sections| public_suffix(name.as_bytes(), sections);
            assert_eq!(suffix(Sections::All), Some(all.as_bytes()), "{name}");
            assert_eq!(suffix(Sections::Icann), Some(icann.as_bytes()), "{name}");
        }
        for name in ["localhost", "a.test", "a.b.internal"] {
            assert_eq!(public_suffix(name.as_bytes(), Sections::All), None, "{name}");
        }
    }
}
