//! `Access-Control-Allow-Headers`: which headers a page may put on its requests.

use std::cmp::Ordering;

use super::OwnedFieldValue;

pub(crate) use super::header_name::check_request_header as check;

/// The request headers that a rule allows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowHeaders {
    /// The entries as written, `*` among them.
    written: Vec<Box<str>>,
    any: bool,
    /// The names in lower case, in the order of [`by_length_then_bytes`].
    sorted: Box<[Box<str>]>,
}

/// An order in which a lookup compares bytes only of names with the same length.
fn by_length_then_bytes(listed: &[u8], name: &[u8]) -> Ordering {
    listed.len().cmp(&name.len()).then_with(|| listed.cmp(name))
}

impl AllowHeaders {
    /// From entries that are `*` or have passed [`check`].
    pub(crate) fn new(written: Vec<Box<str>>) -> Self {
        let any = written.iter().any(|entry| &**entry == "*");
        let mut sorted: Vec<Box<str>> = written
            .iter()
            .filter(|entry| &***entry != "*")
            .map(|entry| entry.to_ascii_lowercase().into_boxed_str())
            .collect();
        sorted.sort_unstable_by(|a, b| by_length_then_bytes(a.as_bytes(), b.as_bytes()));
        sorted.dedup();
        Self { written, any, sorted: sorted.into() }
    }

    /// Whether a request may carry a header of this name, a token in any case.
    ///
    /// A preflight names only headers that are not safelisted
    /// ([CORS-unsafe request-header names](https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names)),
    /// so every name in it has to be allowed here, `content-type` too. `*` covers `Authorization`:
    /// the Fetch standard excepts it as a
    /// [CORS non-wildcard request-header name](https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name),
    /// but browsers do not.
    pub(crate) fn allow(&self, name: &[u8]) -> bool {
        self.any || self.lists(name)
    }

    /// The length of the listed name that `names` begins with, if a comma or the end follows.
    ///
    /// Searches short lists only, and only for the lower case that browsers send. `None` therefore
    /// does not mean that the name is not listed.
    // PERF: saves 70 to 130 instructions per name, because `allow` needs the end of the name, which
    // costs a look at every byte, and a binary search.
    #[inline]
    pub(crate) fn listed_at_start(&self, names: &[u8]) -> Option<usize> {
        const SHORT: usize = 8;

        if self.sorted.len() > SHORT {
            return None;
        }
        let is_first = |listed: &&str| {
            let listed = listed.as_bytes();
            names.first() == listed.first()
                && matches!(names.get(listed.len()), None | Some(b','))
                && names.starts_with(listed)
        };
        self.sorted.iter().map(|listed| &**listed).find(is_first).map(str::len)
    }

    fn lists(&self, name: &[u8]) -> bool {
        let find = |compare: &dyn Fn(&[u8]) -> Ordering| {
            self.sorted.binary_search_by(|listed| compare(listed.as_bytes())).is_ok()
        };
        // Browsers send lower case. Only other clients need the second search.
        find(&|listed| by_length_then_bytes(listed, name))
            || (name.iter().any(u8::is_ascii_uppercase)
                && find(&|listed| {
                    let lower = name.iter().map(u8::to_ascii_lowercase);
                    listed.len().cmp(&name.len()).then_with(|| listed.iter().copied().cmp(lower))
                }))
    }

    /// The value of the header. With credentials, browsers take `*` for the header of that name, so
    /// the requested names are sent back instead.
    pub(crate) fn value(&self, credentials: bool) -> Option<OwnedFieldValue> {
        if self.any && credentials {
            Some(OwnedFieldValue::EchoHeaders)
        } else if self.written.is_empty() {
            None
        } else {
            Some(OwnedFieldValue::Ready(self.written.join(", ").into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(written: &[&str]) -> AllowHeaders {
        AllowHeaders::new(written.iter().map(|entry| Box::from(*entry)).collect())
    }

    #[test]
    fn which_headers_are_allowed() {
        struct Case {
            sentence: &'static str,
            written: &'static [&'static str],
            accepts: &'static [&'static str],
            rejects: &'static [&'static str],
        }
        for case in [
            Case {
                sentence: "nothing is allowed by default, not even safelisted names",
                written: &[],
                accepts: &[],
                rejects: &["x-a", "content-type", "accept", ""],
            },
            Case {
                sentence: "names are compared without regard to case",
                written: &["X-Beta", "Authorization", "x-a", "X-Alfa", "x-BETA"],
                accepts: &["x-beta", "X-BETA", "authorization", "X-a", "x-alfa"],
                rejects: &["x-b", "x-gamma", "x-bet", "x-betaa", "*"],
            },
            Case {
                sentence: "* is every name, Authorization too",
                written: &["*"],
                accepts: &["x-a", "content-type", "*", "authorization", "Authorization"],
                rejects: &[],
            },
            Case {
                sentence: "Authorization may stand beside *",
                written: &["*", "Authorization"],
                accepts: &["x-a", "authorization"],
                rejects: &[],
            },
        ] {
            let headers = headers(case.written);
            for name in case.accepts {
                assert!(headers.allow(name.as_bytes()), "{}: {name:?}", case.sentence);
            }
            for name in case.rejects {
                assert!(!headers.allow(name.as_bytes()), "{}: {name:?}", case.sentence);
            }
        }
    }

    #[test]
    fn the_value_is_what_was_written() {
        let value = |text: &'static str| Some(OwnedFieldValue::Ready(text.into()));
        assert_eq!(headers(&[]).value(false), None);
        assert_eq!(headers(&["X-B", "x-A"]).value(true), value("X-B, x-A"));
        assert_eq!(headers(&["*"]).value(false), value("*"));
        assert_eq!(headers(&["*", "Authorization"]).value(false), value("*, Authorization"));
        assert_eq!(
            headers(&["*", "Authorization"]).value(true),
            Some(OwnedFieldValue::EchoHeaders)
        );
    }
}
