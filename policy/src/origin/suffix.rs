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

#[cfg(test)]
mod tests {
    use super::is_public_suffix;

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
