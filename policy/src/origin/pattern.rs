//! Patterns of origins, as a policy lists them.

use std::fmt;

use super::diagnose::diagnose;
use super::error::PatternError;
use super::glob;
use super::ports::PortSet;
use super::regex::{OriginRegex, REGEX_PREFIX};
use super::suffix::has_registrable_domain;
use super::syntax::{
    Origin, has_sound_punycode, is_host, is_host_length, is_named_host, is_origin_scheme,
    parse_port,
};

/// A checked pattern of origins.
///
/// | pattern | matches |
/// | --- | --- |
/// | `https://app.example.com`, `app://localhost` | that origin, byte for byte |
/// | `app://.`, `capacitor://`, `file://` | that origin, which has no host |
/// | `https://*.example.com` | one or more labels in place of `*` |
/// | `https://pr-*.example.com`, `https://api.*.example.com` | one or more bytes of a label in place of `*` |
/// | `http://localhost:*`, `https://*.example.com:*` | any port, none included |
/// | `http://localhost:[3000,5173]`, `http://localhost:3000-3009` | these ports |
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
        let pattern = match Origin::parse(text.as_bytes()) {
            Some(origin) => Some(Self::Exact(origin)),
            None => Wildcard::parse(text).map(Self::Wildcard),
        };
        pattern.filter(|_| has_sound_punycode(text)).ok_or_else(|| diagnose(text))
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

impl OriginPattern<'_> {
    /// Whether this is the origin `file://`, or an expression that matches it.
    pub(crate) fn matches_file(&self) -> bool {
        match self {
            Self::Exact(origin) => origin.is_file(),
            Self::Regex(regex) => regex.matches_file(),
            Self::Any | Self::Null | Self::Wildcard(_) => false,
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

/// A pattern with a `*` in the host, or for several ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wildcard<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: WildcardHost<'a>,
    pub(crate) port: WildcardPort<'a>,
}

/// The hosts of a [`Wildcard`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WildcardHost<'a> {
    /// Any host, addresses included.
    Any,
    /// One or more labels before a dot and this name.
    Below(&'a str),
    /// Labels that match a glob, before a dot and a name.
    Glob {
        /// Labels, of which the last one has a `*`, such as `pr-*` or `*.api.*`. As a whole first label
        /// `*` matches one or more labels, and elsewhere one or more bytes of its label.
        labels: &'a str,
        /// The name. It holds the registrable domain, so nobody else can register what matches.
        parent: &'a str,
    },
    /// This host; there are several ports.
    Exact(&'a str),
}

/// The ports of a [`Wildcard`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WildcardPort<'a> {
    /// The default port of the scheme, which is not written.
    Default,
    /// This port.
    Exact(u16),
    /// A list or a range of ports.
    Set(PortSet<'a>),
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
    pub fn port(&self) -> WildcardPort<'a> {
        self.port
    }

    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = split_authority(authority);
        let port = match port {
            None => WildcardPort::Default,
            Some(port) => WildcardPort::parse(port, scheme)?,
        };
        let host = WildcardHost::parse(host, scheme)?;
        // Origins with one host and at most one port are no wildcards.
        let is_wildcard = !matches!(
            (host, port),
            (WildcardHost::Exact(_), WildcardPort::Default | WildcardPort::Exact(_))
        );
        (is_wildcard && is_origin_scheme(scheme.as_bytes())).then_some(Self { scheme, host, port })
    }

    fn matches(&self, origin: &Origin<'_>) -> bool {
        let host = match self.host {
            WildcardHost::Any => origin.has_host(),
            WildcardHost::Exact(host) => origin.host() == host.as_bytes(),
            WildcardHost::Below(parent) => labels_before(origin.host(), parent).is_some(),
            WildcardHost::Glob { labels, parent } => labels_before(origin.host(), parent)
                .is_some_and(|before| glob::matches(labels.as_bytes(), before)),
        };
        let port = match self.port {
            WildcardPort::Default => origin.port().is_none(),
            WildcardPort::Exact(port) => origin.port() == Some(port),
            WildcardPort::Set(set) => set.contains(origin.port()),
            WildcardPort::Any => true,
        };
        host && port && origin.scheme() == self.scheme.as_bytes()
    }
}

/// The host and the port of a pattern. The port is what follows the last colon, unless that belongs to
/// an IPv6 address.
fn split_authority(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.starts_with('[') || !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// The labels of a host before a dot and this name.
fn labels_before<'h>(host: &'h [u8], parent: &str) -> Option<&'h [u8]> {
    host.strip_suffix(parent.as_bytes())?.strip_suffix(b".")
}

impl<'a> WildcardHost<'a> {
    fn parse(host: &'a str, scheme: &str) -> Option<Self> {
        let is_name = |name: &str| is_named_host(name.as_bytes(), scheme.as_bytes());
        if host == "*" {
            return Some(Self::Any);
        }
        let Some(star) = host.rfind('*') else {
            return is_host(host.as_bytes(), scheme.as_bytes()).then_some(Self::Exact(host));
        };
        let end = star + host[star..].find('.')?;
        let (labels, parent) = (&host[..end], &host[end + 1..]);
        // Each `*` stands for at least one byte, so the shortest host is as long as the pattern.
        if !is_name(parent) || !is_host_length(host.len()) {
            return None;
        }
        if labels == "*" {
            return Some(Self::Below(parent));
        }
        let is_glob = glob::is_glob(labels.as_bytes());
        (is_glob && has_registrable_domain(parent)).then_some(Self::Glob { labels, parent })
    }
}

impl<'a> WildcardPort<'a> {
    /// Reads a port without its colon.
    fn parse(text: &'a str, scheme: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        match PortSet::parse(text, scheme) {
            Some(set) => set.ok().map(Self::Set),
            None => parse_port(text.as_bytes(), scheme.as_bytes()).map(Self::Exact),
        }
    }
}

impl fmt::Display for Wildcard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.host, self.port)
    }
}

impl fmt::Display for WildcardHost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(parent) => write!(f, "*.{parent}"),
            Self::Glob { labels, parent } => write!(f, "{labels}.{parent}"),
            Self::Exact(host) => f.write_str(host),
        }
    }
}

impl fmt::Display for WildcardPort<'_> {
    /// Writes the port with its colon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => Ok(()),
            Self::Exact(port) => write!(f, ":{port}"),
            Self::Set(set) => write!(f, ":{set}"),
            Self::Any => f.write_str(":*"),
        }
    }
}
