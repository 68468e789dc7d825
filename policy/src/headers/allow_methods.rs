//! `Access-Control-Allow-Methods`: the methods that a preflight may ask for.

use thiserror::Error;

use super::OwnedFieldValue;
use crate::token::is_token;

/// [CORS-safelisted methods](https://fetch.spec.whatwg.org/#cors-safelisted-method): every page
/// may send them to every server without asking, so refusing them in a preflight protects nothing.
const SAFELISTED: [&str; 3] = ["GET", "HEAD", "POST"];

/// [Forbidden methods](https://fetch.spec.whatwg.org/#forbidden-method): no page can send them.
const FORBIDDEN: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

/// Methods that browsers [normalize](https://fetch.spec.whatwg.org/#concept-method-normalize) to
/// upper case. Every other method is sent as the page spells it.
const NORMALIZED: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

/// The methods of
/// [IANA's registry](https://www.iana.org/assignments/http-methods/http-methods.xhtml) (RFC 9110,
/// section 16.1) that browsers send as a page spells them, and `PURGE`, which many caches know.
const CASE_SENSITIVE: [&str; 33] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PATCH",
    "PRI",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

/// The methods that a rule allows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AllowMethods {
    /// `*`
    Any,
    /// These, as written.
    Listed(Vec<Box<str>>),
}

impl Default for AllowMethods {
    fn default() -> Self {
        Self::Listed(SAFELISTED.map(Box::from).to_vec())
    }
}

impl AllowMethods {
    /// From entries that are `*` or have passed [`check`]. `*` covers all others.
    pub(crate) fn new(entries: Vec<Box<str>>) -> Self {
        match entries.first() {
            Some(star) if &**star == "*" => Self::Any,
            _ => Self::Listed(entries),
        }
    }

    /// Whether a preflight may ask for `method`. Methods are case-sensitive.
    ///
    /// Step 7 of [CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch) lets
    /// a safelisted method pass, regardless of the header. A text that is not a method, or a forbidden
    /// method, is refused under `*` too, because no browser asks for it.
    pub(crate) fn allow(&self, method: &[u8]) -> bool {
        SAFELISTED.iter().any(|safe| safe.as_bytes() == method)
            || match self {
                Self::Any => is_token(method) && !is_forbidden(method),
                Self::Listed(methods) => methods.iter().any(|listed| is_same(listed, method)),
            }
    }

    /// The value of the header. With credentials, `*` would mean a method named `*`, so the requested
    /// method is sent back instead.
    pub(crate) fn value(&self, credentials: bool) -> Option<OwnedFieldValue> {
        match self {
            Self::Any if credentials => Some(OwnedFieldValue::EchoMethod),
            Self::Any => Some(OwnedFieldValue::Ready("*".into())),
            Self::Listed(methods) if methods.is_empty() => None,
            Self::Listed(methods) => Some(OwnedFieldValue::Ready(methods.join(", ").into())),
        }
    }
}

/// Compares the first letters before everything else, because they tell most methods apart.
#[inline]
fn is_same(listed: &str, method: &[u8]) -> bool {
    listed.as_bytes().first() == method.first() && listed.as_bytes() == method
}

fn is_forbidden(method: &[u8]) -> bool {
    FORBIDDEN.iter().any(|forbidden| forbidden.as_bytes().eq_ignore_ascii_case(method))
}

/// Whether this is a method that browsers send and that a standard or many caches know.
pub(crate) fn is_known(method: &str) -> bool {
    [&NORMALIZED[..], &CASE_SENSITIVE[..]].concat().contains(&method)
}

/// The reason why an entry cannot be in `allow_methods`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MethodError {
    /// It is not a token (RFC 9110, section 9.1).
    #[error("not a method: methods are letters, digits and !#$%&'*+-.^_`|~")]
    NotAToken,
    /// `*` is a part of it. Only an entry that is `*` as a whole is a wildcard.
    #[error("`*` inside a method is an ordinary character, not a wildcard")]
    StarInside,
    /// The Fetch standard forbids pages to send it.
    #[error("browsers never send this method (forbidden by the Fetch standard)")]
    Forbidden,
    /// Browsers turn it into upper case before they send it, so that it never matches.
    #[error("never matches: methods are case-sensitive, and browsers send this one in upper case")]
    Normalized(&'static str),
    /// It differs only in case from a well-known method. Browsers do *not* turn this one into upper
    /// case, so that it matches only pages that misspell the method.
    #[error("does not match {0}: methods are case-sensitive")]
    OtherCase(&'static str),
}

/// Checks one entry of `allow_methods` that is not `*`.
///
/// # Errors
///
/// If browsers never send the method as it is written, or only for a page that misspells it.
pub fn check(method: &str) -> Result<(), MethodError> {
    let in_upper_case = |known: &[&'static str]| {
        known.iter().copied().find(|upper| method.eq_ignore_ascii_case(upper) && method != *upper)
    };
    if !is_token(method.as_bytes()) {
        Err(MethodError::NotAToken)
    } else if method.contains('*') {
        Err(MethodError::StarInside)
    } else if is_forbidden(method.as_bytes()) {
        Err(MethodError::Forbidden)
    } else if let Some(upper) = in_upper_case(&NORMALIZED) {
        Err(MethodError::Normalized(upper))
    } else if let Some(upper) = in_upper_case(&CASE_SENSITIVE) {
        Err(MethodError::OtherCase(upper))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(methods: &[&str]) -> AllowMethods {
        AllowMethods::Listed(methods.iter().map(|method| Box::from(*method)).collect())
    }

    #[test]
    fn which_methods_are_allowed() {
        struct Case {
            sentence: &'static str,
            methods: AllowMethods,
            accepts: &'static [&'static str],
            rejects: &'static [&'static str],
        }
        for case in [
            Case {
                sentence: "safelisted methods need not be listed",
                methods: listed(&["PUT"]),
                accepts: &["GET", "HEAD", "POST", "PUT"],
                rejects: &["DELETE", "put", "PUT ", "", "PUT,DELETE"],
            },
            Case {
                sentence: "methods are case-sensitive, safelisted ones too",
                methods: AllowMethods::default(),
                accepts: &["GET", "HEAD", "POST"],
                rejects: &["get", "Head", "PUT"],
            },
            Case {
                sentence: "* is every method, but not what no browser sends",
                methods: AllowMethods::Any,
                accepts: &["GET", "PUT", "patch", "PROPFIND", "X!"],
                rejects: &["", "PUT, DELETE", "CONNECT", "trace", "Track", "P UT", "PUT\0"],
            },
        ] {
            for method in case.accepts {
                assert!(case.methods.allow(method.as_bytes()), "{}: {method:?}", case.sentence);
            }
            for method in case.rejects {
                assert!(!case.methods.allow(method.as_bytes()), "{}: {method:?}", case.sentence);
            }
        }
    }

    #[test]
    fn the_value_is_what_was_written() {
        let value = |text: &'static str| Some(OwnedFieldValue::Ready(text.into()));
        assert_eq!(AllowMethods::default().value(false), value("GET, HEAD, POST"));
        assert_eq!(listed(&["PUT", "DELETE"]).value(true), value("PUT, DELETE"));
        assert_eq!(AllowMethods::Any.value(false), value("*"));
        assert_eq!(AllowMethods::Any.value(true), Some(OwnedFieldValue::EchoMethod));
    }

    #[test]
    fn which_entries_are_refused() {
        for method in ["GET", "PUT", "OPTIONS", "M-SEARCH", "m-search", "X", "patches"] {
            assert_eq!(check(method), Ok(()), "{method:?}");
        }
        for method in CASE_SENSITIVE {
            assert_eq!(check(method), Ok(()), "{method:?}");
            let lower = method.to_ascii_lowercase();
            let capitalized = format!("{}{}", &method[..1], &lower[1..]);
            for method_in_other_case in [lower, capitalized] {
                let error = MethodError::OtherCase(method);
                assert_eq!(check(&method_in_other_case), Err(error), "{method_in_other_case:?}");
            }
        }
        for (method, error) in [
            ("", MethodError::NotAToken),
            ("GET,PUT", MethodError::NotAToken),
            ("GET PUT", MethodError::NotAToken),
            ("gét", MethodError::NotAToken),
            ("PUT*", MethodError::StarInside),
            ("*CK", MethodError::StarInside),
            ("**", MethodError::StarInside),
            ("CONNECT", MethodError::Forbidden),
            ("trace", MethodError::Forbidden),
            ("Track", MethodError::Forbidden),
            ("put", MethodError::Normalized("PUT")),
            ("Options", MethodError::Normalized("OPTIONS")),
        ] {
            assert_eq!(check(method), Err(error), "{method:?}");
        }
    }
}
