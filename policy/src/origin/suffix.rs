//! Public suffixes: names directly below which anyone can register a name of their own.

/// Names that no registry sells although the Public Suffix List does not have them: RFC 6761,
/// RFC 6762 (`local`, and appendix G for those in common use in private networks), and `internal`,
/// which ICANN has set aside.
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

/// Whether the name is a suffix of the [Public Suffix List](https://publicsuffix.org/list/), its
/// section of private domains (`github.io`) included. As in the list's algorithm, a top-level
/// domain that the list does not have counts as one.
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
