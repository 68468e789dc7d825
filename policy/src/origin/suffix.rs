//! Public suffixes: anyone can register a name directly below them.

/// Names that are not on the Public Suffix List, but that no registry sells: RFC 6761, RFC 6762
/// (`local`, and appendix G for private networks), and `internal`, which ICANN has reserved.
const PRIVATE: [&[u8]; 11] = [
    b"corp",
    b"example",
    b"home",
    b"internal",
    b"intranet",
    b"invalid",
    b"lan",
    b"local",
    b"localhost",
    b"private",
    b"test",
];

/// Whether the name is on the [Public Suffix List](https://publicsuffix.org/list/), including its
/// section of private domains (`github.io`). As in the list's algorithm, a top-level domain that is
/// not on the list counts as a suffix.
pub(crate) fn is_public_suffix(name: &[u8]) -> bool {
    psl::suffix(name).is_some_and(|suffix| suffix.as_bytes() == name) && !PRIVATE.contains(&name)
}

/// Whether the registrable domain of every name below `parent` is part of `parent`, by the list's ICANN
/// section. Nobody else can then register such a name with a registry.
///
/// Below names that no registry sells (see [`PRIVATE`], `alt` of RFC 9476, `home.arpa` of RFC 8375, and
/// top-level domains that are not on the list) there is nothing to register.
pub(crate) fn has_registrable_domain(parent: &[u8]) -> bool {
    const HOME: &[u8] = b"home.arpa";
    let is_registry = |name: &[u8]| {
        let is_suffix = psl::suffix(name).is_some_and(|suffix| {
            suffix.as_bytes() == name && suffix.typ() == Some(psl::Type::Icann)
        });
        is_suffix && name != HOME
    };
    // A rule such as `*.kawasaki.jp` makes a suffix of every name below.
    let below = [b"x.", parent].concat();
    !is_registry(parent) && !is_registry(&below)
}

#[cfg(test)]
mod tests {
    use super::{has_registrable_domain, is_public_suffix};

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
            assert!(has_registrable_domain(name.as_bytes()), "{name}");
        }
        for name in ["com", "co.uk", "ck", "a.ck", "kawasaki.jp", "b.kawasaki.jp", "sch.uk", "arpa"]
        {
            assert!(!has_registrable_domain(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn public_suffixes() {
        for name in ["com", "co.uk", "github.io", "foo.ck", "xn--p1ai", "xn--55qx5d.cn", "newtld"] {
            assert!(is_public_suffix(name.as_bytes()), "{name}");
        }
        for name in ["example.com", "a.github.io", "www.ck", "localhost", "internal", "svc.local"] {
            assert!(!is_public_suffix(name.as_bytes()), "{name}");
        }
    }
}
