//! Patterns of origins, as a policy lists them.

use std::fmt;

use super::diagnose::diagnose;
use super::error::PatternError;
use super::regex::{OriginRegex, REGEX_PREFIX};
use super::syntax::{
    Origin, is_host, is_host_length, is_named_host, is_origin_scheme, parse_port, split_port,
};

/// A checked pattern of origins.
///
/// | pattern | matches |
/// | --- | --- |
/// | `https://app.example.com`, `app://localhost` | that origin, byte for byte |
/// | `https://*.example.com` | one or more labels in place of `*` |
/// | `http://localhost:*`, `https://*.example.com:*` | any port, none included |
/// | `https://*`, `http://*:*` | any host under the scheme |
/// | `regex:RE` | the whole origin |
/// | `*` | every origin, and anything else that an `Origin` header may hold |
/// | `null` | the null origin |
///
/// All but `*` and `null` match well-formed origins only. In place of a `*` they accept labels and
/// nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginPattern<'a> {
    /// `*`
    Any,
    /// `null`
    Null,
    /// One origin.
    Exact(Origin<'a>),
    /// A scheme with any host, any subdomain or any port.
    Wildcard(Wildcard<'a>),
    /// A regular expression.
    Regex(Box<OriginRegex<'a>>),
}

impl<'a> OriginPattern<'a> {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// If the text could never match an origin, or could match more than it says. A pattern that is
    /// dangerous, but can be intended, is accepted: see [`OriginPattern::violations`].
    ///
    /// ```
    /// use cors_policy::origin::OriginPattern;
    ///
    /// let error = OriginPattern::parse("https://Example.com:443/").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "upper case in an origin never matches: browsers send lower case"
    /// );
    /// assert_eq!(error.remedy(), r#"write "https://example.com""#);
    /// ```
    pub fn parse(text: &'a str) -> Result<Self, PatternError> {
        match text {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        if let Some(expression) = text.strip_prefix(REGEX_PREFIX) {
            return OriginRegex::parse(expression).map(|regex| Self::Regex(Box::new(regex)));
        }
        if let Some(origin) = Origin::parse(text.as_bytes()) {
            return Ok(Self::Exact(origin));
        }
        match Wildcard::parse(text) {
            Some(wildcard) => Ok(Self::Wildcard(wildcard)),
            None => Err(diagnose(text)),
        }
    }

    /// Whether this one pattern matches this value of the `Origin` header.
    ///
    /// This is the plain definition of a match. [`OriginMatcher::find`](super::OriginMatcher::find)
    /// searches all patterns of a policy at once.
    pub fn matches(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Null => origin == b"null",
            Self::Exact(exact) => origin == exact.as_bytes(),
            Self::Wildcard(wildcard) => {
                Origin::parse(origin).is_some_and(|origin| wildcard.matches(&origin))
            }
            Self::Regex(regex) => {
                Origin::parse(origin).is_some_and(|origin| regex.matches(&origin))
            }
        }
    }
}

impl fmt::Display for OriginPattern<'_> {
    /// Writes the pattern as it was read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Null => f.write_str("null"),
            Self::Exact(origin) => f.write_str(&String::from_utf8_lossy(origin.as_bytes())),
            Self::Wildcard(wildcard) => wildcard.fmt(f),
            Self::Regex(regex) => write!(f, "{REGEX_PREFIX}{}", regex.as_str()),
        }
    }
}

/// A pattern with a `*` for the host, the leftmost labels or the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wildcard<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: WildcardHost<'a>,
    pub(crate) port: WildcardPort,
}

/// The hosts of a [`Wildcard`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WildcardHost<'a> {
    /// Any host, addresses included.
    Any,
    /// One or more labels before a dot and this name.
    Below(&'a str),
    /// This host; the port is any.
    Exact(&'a str),
}

/// The ports of a [`Wildcard`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WildcardPort {
    /// The default port of the scheme, which is not written.
    Default,
    /// This port.
    Exact(u16),
    /// Any port, including the default one.
    Any,
}

impl<'a> Wildcard<'a> {
    /// The scheme.
    pub fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// The hosts.
    pub fn host(&self) -> WildcardHost<'a> {
        self.host
    }

    /// The ports.
    pub fn port(&self) -> WildcardPort {
        self.port
    }

    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = match authority.strip_suffix(":*") {
            Some(host) => (host, WildcardPort::Any),
            None => match split_port(authority.as_bytes()) {
                (_, None) => (authority, WildcardPort::Default),
                (host, Some(digits)) => {
                    let port = parse_port(digits, scheme.as_bytes())?;
                    (&authority[..host.len()], WildcardPort::Exact(port))
                }
            },
        };
        let host = match host.strip_prefix('*') {
            Some("") => WildcardHost::Any,
            Some(suffix) => WildcardHost::Below(suffix.strip_prefix('.').filter(|suffix| {
                // One more label has to fit in.
                is_host_length("a.".len() + suffix.len())
                    && is_named_host(suffix.as_bytes(), scheme.as_bytes())
            })?),
            None if port == WildcardPort::Any && is_host(host.as_bytes(), scheme.as_bytes()) => {
                WildcardHost::Exact(host)
            }
            None => return None,
        };
        is_origin_scheme(scheme.as_bytes()).then_some(Self { scheme, host, port })
    }

    fn matches(&self, origin: &Origin<'_>) -> bool {
        let host = match self.host {
            WildcardHost::Any => true,
            WildcardHost::Exact(host) => origin.host() == host.as_bytes(),
            WildcardHost::Below(suffix) => origin
                .host()
                .strip_suffix(suffix.as_bytes())
                .is_some_and(|labels| labels.ends_with(b".")),
        };
        let port = match self.port {
            WildcardPort::Default => origin.port().is_none(),
            WildcardPort::Exact(port) => origin.port() == Some(port),
            WildcardPort::Any => true,
        };
        host && port && origin.scheme() == self.scheme.as_bytes()
    }
}

impl fmt::Display for Wildcard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        match self.host {
            WildcardHost::Any => f.write_str("*")?,
            WildcardHost::Below(suffix) => write!(f, "*.{suffix}")?,
            WildcardHost::Exact(host) => f.write_str(host)?,
        }
        self.port.fmt(f)
    }
}

impl fmt::Display for WildcardPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => Ok(()),
            Self::Exact(port) => write!(f, ":{port}"),
            Self::Any => f.write_str(":*"),
        }
    }
}
