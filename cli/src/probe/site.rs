//! Which origins belong together.

use cors_policy::origin::{
    Origin,
    suffix::{Sections, public_suffix},
};

/// How the page that asks stands to the address: the value of `Sec-Fetch-Site`
/// ([Fetch Metadata, section 2.3](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header)), for a request
/// that no redirect led to.
pub(super) fn relation(page: &str, address: &str) -> &'static str {
    if page == address {
        "same-origin"
    } else if is_same_site(page, address) {
        "same-site"
    } else {
        "cross-site"
    }
}

/// [Same site](https://html.spec.whatwg.org/multipage/browsers.html#same-site): one scheme, and one registrable
/// domain or one host.
fn is_same_site(one: &str, other: &str) -> bool {
    let parse = |text: &str| {
        let origin = Origin::parse(text.as_bytes()).filter(Origin::has_host)?;
        let host = String::from_utf8(origin.host().to_owned()).ok()?;
        let start = if is_address(&host) { 0 } else { registrable_start(&host) };
        Some((origin.scheme().to_owned(), host[start..].to_owned()))
    };
    parse(one).is_some_and(|one| Some(one) == parse(other))
}

/// Whether a host is an IP address.
pub(super) fn is_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    host.starts_with('[') || last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Where the registrable domain of a name begins: one label before the public suffix, or of a name without
/// one, the last two labels.
pub(super) fn registrable_start(name: &str) -> usize {
    let suffix = match public_suffix(name.as_bytes(), Sections::All) {
        Some(suffix) => suffix.len(),
        None => name.len() - name.rfind('.').map_or(0, |dot| dot + 1),
    };
    let before = &name[..(name.len() - suffix).saturating_sub(1)];
    before.rfind('.').map_or(0, |dot| dot + 1)
}

#[cfg(test)]
mod tests {
    use super::relation;

    #[test]
    fn pages_of_one_domain_and_scheme_are_of_one_site() {
        for (page, address, expected) in [
            ("https://api.shop.com", "https://api.shop.com", "same-origin"),
            ("https://api.shop.com:8443", "https://api.shop.com", "same-site"),
            ("https://app.shop.com", "https://api.shop.com", "same-site"),
            ("https://shop.co.uk", "https://api.shop.co.uk", "same-site"),
            ("https://other.co.uk", "https://shop.co.uk", "cross-site"),
            ("https://a.github.io", "https://b.github.io", "cross-site"),
            ("http://app.shop.com", "https://api.shop.com", "cross-site"),
            ("https://shop.com.evil.example", "https://shop.com", "cross-site"),
            ("http://127.0.0.1:3000", "http://127.0.0.1", "same-site"),
            ("http://10.0.0.1", "http://10.1.0.1", "cross-site"),
            ("http://localhost:3000", "http://localhost", "same-site"),
            ("http://[::1]:3000", "http://[::1]", "same-site"),
            ("null", "https://shop.com", "cross-site"),
            ("app://.", "https://shop.com", "cross-site"),
        ] {
            assert_eq!(relation(page, address), expected, "{page} {address}");
        }
    }
}
