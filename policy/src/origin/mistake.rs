//! What is wrong with a text that is no pattern, and what to write instead.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::pattern::{OriginPattern, REGEX_PREFIX};
use super::syntax::{
    default_port, has_addresses, is_host_length, is_label_byte, is_label_length, is_scheme,
    is_scheme_length, write_ipv6,
};

/// A mistake in a pattern. Its `Display` says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternError {
    /// Nothing at all.
    Empty,
    /// White space within or around.
    Whitespace {
        /// What it separates.
        entries: Vec<String>,
    },
    /// Several origins in one pattern.
    List {
        /// The origins.
        entries: Vec<String>,
    },
    /// A regular expression that does not say that it is one.
    UnmarkedRegex {
        /// The same with the prefix.
        replacement: String,
    },
    /// Characters beyond ASCII.
    NonAscii {
        /// The same in ASCII (punycode), if there is such a host.
        replacement: Option<String>,
    },
    /// Upper case.
    UpperCase {
        /// The same in lower case.
        replacement: String,
    },
    /// No scheme.
    MissingScheme {
        /// The same with the most likely scheme.
        replacement: String,
    },
    /// A scheme that is none, such as `*`.
    InvalidScheme {
        /// The scheme.
        scheme: String,
        /// The same with `https`.
        replacement: String,
    },
    /// A scheme longer than 64 bytes.
    SchemeTooLong {
        /// Its length, in bytes.
        length: usize,
    },
    /// The scheme `file`.
    FileScheme,
    /// No host after the scheme.
    MissingHost {
        /// The scheme.
        scheme: String,
    },
    /// A user name or password.
    UserInfo {
        /// The same without it.
        replacement: String,
    },
    /// A slash at the end.
    TrailingSlash {
        /// The same without it.
        replacement: String,
    },
    /// A path.
    Path {
        /// The same without it.
        replacement: String,
    },
    /// A query.
    Query {
        /// The same without it.
        replacement: String,
    },
    /// A fragment.
    Fragment {
        /// The same without it.
        replacement: String,
    },
    /// A colon with no port after it.
    EmptyPort {
        /// The same without the colon.
        replacement: String,
    },
    /// A port that is no number from 1 to 65535.
    InvalidPort {
        /// The port.
        port: String,
    },
    /// A port with zeros before it.
    PortWithLeadingZeros {
        /// The same without them.
        replacement: String,
    },
    /// The default port of the scheme.
    DefaultPort {
        /// The port.
        port: u16,
        /// The same without it.
        replacement: String,
    },
    /// A `*` somewhere else than in place of the leftmost labels.
    MisplacedWildcard {
        /// What may have been meant.
        replacement: Option<String>,
    },
    /// A `*` before an address, which has no subdomains.
    WildcardBelowAddress {
        /// The address alone.
        replacement: String,
    },
    /// Two dots in a row, or a dot at the beginning.
    EmptyLabel {
        /// What may have been meant.
        replacement: String,
    },
    /// A dot at the end.
    TrailingDot {
        /// The same without it.
        replacement: String,
    },
    /// A character that no host has.
    ForbiddenCharacter {
        /// The character.
        character: char,
    },
    /// A label longer than 63 bytes.
    LabelTooLong {
        /// Its length, in bytes.
        length: usize,
    },
    /// A host longer than 253 bytes, those that `*` stands for included.
    HostTooLong {
        /// Its length, in bytes.
        length: usize,
    },
    /// An IPv4 address that is no dotted quad of decimal numbers.
    InvalidIpv4 {
        /// The same as a dotted quad, if it is an address.
        replacement: Option<String>,
    },
    /// Brackets around something else than an IPv6 address.
    InvalidIpv6,
    /// An IPv6 address without brackets.
    UnbracketedIpv6 {
        /// The same with brackets.
        replacement: String,
    },
    /// An IPv6 address in another form than the one that browsers send.
    UncompressedIpv6 {
        /// The same in compressed form.
        replacement: String,
    },
    /// A regular expression that is too long.
    RegexTooLong {
        /// Its length, in bytes.
        length: usize,
        /// The greatest length allowed, in bytes.
        limit: usize,
    },
    /// A regular expression that does not compile.
    RegexSyntax {
        /// What the compiler says.
        reason: String,
    },
    /// A regular expression whose automaton would take too much memory.
    RegexTooLarge,
    /// A regular expression that matches no well-formed origin.
    RegexMatchesNoOrigin {
        /// Something else that it matches.
        example: Option<String>,
    },
    /// A regular expression that matches texts that are more than one origin.
    RegexBeyondOrigin {
        /// Such a text.
        example: String,
    },
}

impl PatternError {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        if let Some(replacement) = self.corrected() {
            return format!("write {}", quoted(&replacement));
        }
        match self {
            Self::Empty => {
                r#"write an origin such as "https://app.example.com", or leave the entry out"#.into()
            }
            Self::Whitespace { entries } | Self::List { entries } => {
                let entries: Vec<_> = entries.iter().map(|entry| quoted(entry)).collect();
                format!("write separate entries: {}", entries.join(", "))
            }
            Self::NonAscii { .. } => "write the host the way a browser's console shows it".into(),
            Self::SchemeTooLong { .. } => "use a scheme of at most 64 bytes".into(),
            Self::FileScheme => {
                "serve the pages over http, for instance from \"http://localhost:8080\"".into()
            }
            Self::MissingHost { scheme } => {
                let example = format!("{scheme}://app.example.com");
                format!("write the host too, as in {example:?}")
            }
            Self::InvalidPort { .. } => "write a port from 1 to 65535, or `*` for any port".into(),
            Self::MisplacedWildcard { .. } => {
                "list the origins, or write a regular expression after `regex:`".into()
            }
            Self::ForbiddenCharacter { .. } => {
                "use letters, digits, `-` and `_`, with a dot between labels".into()
            }
            Self::LabelTooLong { .. } => "use labels of at most 63 bytes".into(),
            Self::HostTooLong { .. } => "use a host of at most 253 bytes".into(),
            Self::InvalidIpv4 { .. } => {
                "write four decimal numbers from 0 to 255, as in \"http://127.0.0.1\"".into()
            }
            Self::InvalidIpv6 => r#"write an IPv6 address, as in "http://[::1]""#.into(),
            Self::RegexTooLong { limit, .. } => {
                format!("split it into several of at most {limit} bytes")
            }
            Self::RegexSyntax { .. } => "correct the expression".into(),
            Self::RegexTooLarge => {
                "use lower numbers of repetitions, or split it into several".into()
            }
            Self::RegexMatchesNoOrigin { .. } => {
                r"write an expression for a whole origin in lower case, as in `https://[a-z0-9-]+\.example\.com`, without a slash or default port at its end".into()
            }
            Self::RegexBeyondOrigin { .. } => {
                "use classes that hold nothing but what the host may have there, such as \
                 `[a-z0-9-]+` for a label"
                    .into()
            }
            // These have a replacement, if only one that has mistakes of its own.
            _ => r#"write an origin such as "https://app.example.com""#.into(),
        }
    }

    /// What to write instead if that is a whole pattern, with the mistakes that come to light once
    /// this one is corrected removed too.
    fn corrected(&self) -> Option<String> {
        let mut replacement = self.replacement()?.to_owned();
        // Each step removes one kind of mistake, and there are fewer kinds than this.
        for _ in 0..40 {
            replacement = match OriginPattern::parse(&replacement) {
                Ok(_) => return Some(replacement),
                Err(error) => error.replacement()?.to_owned(),
            };
        }
        None
    }

    /// The text with this one mistake removed.
    fn replacement(&self) -> Option<&str> {
        match self {
            Self::Whitespace { entries } | Self::List { entries } => match &entries[..] {
                [entry] => Some(entry),
                _ => None,
            },
            Self::UnmarkedRegex { replacement }
            | Self::UpperCase { replacement }
            | Self::MissingScheme { replacement }
            | Self::InvalidScheme { replacement, .. }
            | Self::UserInfo { replacement }
            | Self::TrailingSlash { replacement }
            | Self::Path { replacement }
            | Self::Query { replacement }
            | Self::Fragment { replacement }
            | Self::EmptyPort { replacement }
            | Self::PortWithLeadingZeros { replacement }
            | Self::DefaultPort { replacement, .. }
            | Self::WildcardBelowAddress { replacement }
            | Self::EmptyLabel { replacement }
            | Self::TrailingDot { replacement }
            | Self::UnbracketedIpv6 { replacement }
            | Self::UncompressedIpv6 { replacement } => Some(replacement),
            Self::NonAscii { replacement }
            | Self::MisplacedWildcard { replacement }
            | Self::InvalidIpv4 { replacement } => replacement.as_deref(),
            Self::Empty
            | Self::SchemeTooLong { .. }
            | Self::FileScheme
            | Self::MissingHost { .. }
            | Self::InvalidPort { .. }
            | Self::ForbiddenCharacter { .. }
            | Self::LabelTooLong { .. }
            | Self::HostTooLong { .. }
            | Self::InvalidIpv6
            | Self::RegexTooLong { .. }
            | Self::RegexSyntax { .. }
            | Self::RegexTooLarge
            | Self::RegexMatchesNoOrigin { .. }
            | Self::RegexBeyondOrigin { .. } => None,
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self {
            Self::Empty => "an empty entry names no origin",
            Self::Whitespace { .. } => "an origin holds no white space",
            Self::List { .. } => "one entry is one origin",
            Self::UnmarkedRegex { .. } => "a regular expression has to begin with `regex:`",
            Self::NonAscii { .. } => {
                "characters beyond ASCII never match: browsers send the punycode form"
            }
            Self::UpperCase { .. } => {
                "upper case in an origin never matches: browsers send lower case"
            }
            Self::MissingScheme { .. } => "an origin begins with a scheme",
            Self::InvalidScheme { scheme, .. } => {
                return write!(f, "`{}` is not the name of a scheme", scheme.escape_debug());
            }
            Self::SchemeTooLong { length } => {
                return write!(f, "the scheme has {length} bytes, more than 64");
            }
            Self::FileScheme => "pages opened as files have no origin: browsers send `null`",
            Self::MissingHost { .. } => "the host is missing",
            Self::UserInfo { .. } => "an origin holds no user name or password",
            Self::TrailingSlash { .. } => "an origin does not end with a slash",
            Self::Path { .. } => "an origin has no path",
            Self::Query { .. } => "an origin has no query",
            Self::Fragment { .. } => "an origin has no fragment",
            Self::EmptyPort { .. } => "there is no port after the colon",
            Self::InvalidPort { port } => {
                return write!(f, "`{}` is not a port", port.escape_debug());
            }
            Self::PortWithLeadingZeros { .. } => "browsers send the port without leading zeros",
            Self::DefaultPort { port, .. } => {
                return write!(f, "{port} is the scheme's default port, which browsers leave out");
            }
            Self::MisplacedWildcard { .. } => {
                "`*` can stand for the leftmost labels only, or for the whole host or port"
            }
            Self::WildcardBelowAddress { .. } => "an address has no subdomains",
            Self::EmptyLabel { .. } => "there is nothing before a dot of the host",
            Self::TrailingDot { .. } => "the host ends with a dot, which makes it another origin",
            Self::ForbiddenCharacter { character } => {
                return write!(f, "`{}` is not part of any host", character.escape_debug());
            }
            Self::LabelTooLong { length } => {
                return write!(f, "a label of the host has {length} bytes, more than 63");
            }
            Self::HostTooLong { length } => {
                return write!(f, "the host has {length} bytes, more than 253");
            }
            Self::InvalidIpv4 { .. } => {
                "a host that ends in a number is an IPv4 address, sent as a dotted quad"
            }
            Self::InvalidIpv6 => "there is no IPv6 address in the brackets",
            Self::UnbracketedIpv6 { .. } => "an IPv6 address stands in brackets",
            Self::UncompressedIpv6 { .. } => "browsers send IPv6 addresses in compressed form",
            Self::RegexTooLong { length, limit } => {
                return write!(f, "the expression has {length} bytes, more than {limit}");
            }
            Self::RegexSyntax { reason } => {
                return write!(f, "the expression does not compile: {reason}");
            }
            Self::RegexTooLarge => "the compiled expression would be too large",
            Self::RegexMatchesNoOrigin { example: Some(example) } => {
                return write!(
                    f,
                    "the expression matches no origin that a browser sends, only texts such as \
                     `{example}`"
                );
            }
            Self::RegexMatchesNoOrigin { example: None } => "the expression matches nothing",
            Self::RegexBeyondOrigin { example } => {
                return write!(
                    f,
                    "the expression also matches `{example}`, which is not an origin"
                );
            }
        };
        f.write_str(problem)
    }
}

impl std::error::Error for PatternError {}

/// In quotation marks, but with backslashes as they are: those of a regular expression.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        if character.is_control() {
            quoted.extend(character.escape_debug());
        } else {
            quoted.push(character);
        }
    }
    quoted + "\""
}

/// Says what is wrong with a text that is neither an origin nor a wildcard pattern.
///
/// The order is that in which a reader would see the mistakes: what concerns the text as a whole,
/// then scheme, what does not belong to an origin, port and host.
pub(crate) fn diagnose(text: &str) -> PatternError {
    text_mistake(text)
        .or_else(|| scheme_mistake(text))
        .or_else(|| {
            let (scheme, rest) = text.split_once("://")?;
            extent_mistake(scheme, rest).or_else(|| authority_mistake(scheme, rest))
        })
        // Only an address can still be wrong, since everything else has been looked at.
        .unwrap_or(PatternError::InvalidIpv4 { replacement: None })
}

fn text_mistake(text: &str) -> Option<PatternError> {
    let entries = |separator: &dyn Fn(char) -> bool| -> Vec<String> {
        text.split(separator).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    };
    let is_separator = |c: char| c.is_whitespace() || c == ',' || c == ';';
    if text.is_empty() {
        Some(PatternError::Empty)
    } else if let Some(character) = text.chars().find(|c| c.is_control() && !c.is_whitespace()) {
        Some(PatternError::ForbiddenCharacter { character })
    } else if looks_like_regex(text) {
        let expression = text.trim_start_matches(['~', '*', '/']).trim().trim_start_matches('^');
        let expression = expression.trim_end_matches('/').trim_end_matches('$');
        Some(PatternError::UnmarkedRegex { replacement: format!("{REGEX_PREFIX}{expression}") })
    } else if text.contains([',', ';']) {
        match entries(&is_separator) {
            entries if entries.is_empty() => Some(PatternError::Empty),
            entries => Some(PatternError::List { entries }),
        }
    } else if text.contains(char::is_whitespace) {
        match entries(&char::is_whitespace) {
            entries if entries.is_empty() => Some(PatternError::Empty),
            entries => Some(PatternError::Whitespace { entries }),
        }
    } else if !text.is_ascii() {
        Some(PatternError::NonAscii { replacement: to_ascii(text) })
    } else if text.contains(|c: char| c.is_ascii_uppercase()) {
        Some(PatternError::UpperCase { replacement: text.to_ascii_lowercase() })
    } else {
        None
    }
}

/// Whether this is an expression from an nginx `map` or a program, with its marks but without ours.
fn looks_like_regex(text: &str) -> bool {
    text.starts_with(['~', '^'])
        || text.starts_with("/^")
        || text.ends_with('$')
        || text.contains(r"\.")
        || text.contains("(?")
}

/// The text with its host in the form that goes over the network.
fn to_ascii(text: &str) -> Option<String> {
    let (before, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let end = rest.find([':', '/', '?', '#']).unwrap_or(rest.len());
    let host = idna::domain_to_ascii(&rest[..end]).ok()?;
    let ascii = format!("{before}{host}{}", &rest[end..]);
    ascii.is_ascii().then_some(ascii)
}

fn scheme_mistake(text: &str) -> Option<PatternError> {
    if text.starts_with("file:") {
        return Some(PatternError::FileScheme);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        // `https:/a.example`, `//a.example` or `a.example`.
        let (scheme, rest) = match text.split_once([':', '/']) {
            Some((scheme @ ("http" | "https" | "ws" | "wss"), rest)) => (Some(scheme), rest),
            _ => (None, text),
        };
        let rest = rest.trim_start_matches([':', '/']);
        if rest.is_empty() {
            return Some(PatternError::MissingHost {
                scheme: scheme.unwrap_or("https").to_owned(),
            });
        }
        let local = rest.starts_with("localhost") || rest.starts_with("127.");
        let scheme = scheme.unwrap_or(if local { "http" } else { "https" });
        return Some(PatternError::MissingScheme { replacement: format!("{scheme}://{rest}") });
    };
    if scheme.is_empty() {
        Some(PatternError::MissingScheme { replacement: format!("https://{rest}") })
    } else if !is_scheme(scheme.as_bytes()) {
        Some(PatternError::InvalidScheme {
            scheme: scheme.to_owned(),
            replacement: format!("https://{rest}"),
        })
    } else if !is_scheme_length(scheme.len()) {
        Some(PatternError::SchemeTooLong { length: scheme.len() })
    } else {
        None
    }
}

/// What comes before or after host and port.
fn extent_mistake(scheme: &str, rest: &str) -> Option<PatternError> {
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (authority, beyond) = rest.split_at(end);
    let replacement = format!("{scheme}://{authority}");
    if authority.is_empty() {
        return Some(PatternError::MissingHost { scheme: scheme.to_owned() });
    }
    match beyond.as_bytes() {
        [] => {
            let (_, replacement) = authority.rsplit_once('@')?;
            Some(PatternError::UserInfo { replacement: format!("{scheme}://{replacement}") })
        }
        b"/" => Some(PatternError::TrailingSlash { replacement }),
        [b'?', ..] => Some(PatternError::Query { replacement }),
        [b'#', ..] => Some(PatternError::Fragment { replacement }),
        [..] => Some(PatternError::Path { replacement }),
    }
}

fn authority_mistake(scheme: &str, authority: &str) -> Option<PatternError> {
    if authority.parse::<Ipv6Addr>().is_ok() {
        let replacement = format!("{scheme}://[{authority}]");
        return Some(PatternError::UnbracketedIpv6 { replacement });
    }
    let host_end = match authority.strip_prefix('[') {
        Some(address) => match address.find(']') {
            Some(end) => end + "[]".len(),
            None => return Some(PatternError::InvalidIpv6),
        },
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    if host.is_empty() {
        return Some(PatternError::MissingHost { scheme: scheme.to_owned() });
    }
    port_mistake(scheme, host, port).or_else(|| {
        let before = format!("{scheme}://");
        match host.strip_prefix('[') {
            Some(address) => ipv6_mistake(&before, address.trim_end_matches(']'), port),
            None => host_mistake(&before, host, port, scheme),
        }
    })
}

/// `port` begins with the colon, unless it is empty.
fn port_mistake(scheme: &str, host: &str, port: &str) -> Option<PatternError> {
    let before = format!("{scheme}://{host}");
    let digits = match port.strip_prefix(':') {
        Some("*") => return None,
        Some("") => return Some(PatternError::EmptyPort { replacement: before }),
        Some(digits) => digits,
        None if port.is_empty() => return None,
        None => return Some(PatternError::InvalidPort { port: port.to_owned() }),
    };
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse());
    match number {
        Some(Ok(port)) if Some(port) == default_port(scheme.as_bytes()) => {
            Some(PatternError::DefaultPort { port, replacement: before })
        }
        Some(Ok(1..)) if !digits.starts_with('0') => None,
        Some(Ok(port @ 1..)) => {
            Some(PatternError::PortWithLeadingZeros { replacement: format!("{before}:{port}") })
        }
        _ => Some(PatternError::InvalidPort { port: digits.to_owned() }),
    }
}

fn ipv6_mistake(before: &str, address: &str, port: &str) -> Option<PatternError> {
    let Ok(parsed) = address.parse() else { return Some(PatternError::InvalidIpv6) };
    let mut canonical = String::new();
    write_ipv6(parsed, &mut canonical).expect("a string takes everything");
    (canonical != address).then(|| PatternError::UncompressedIpv6 {
        replacement: format!("{before}[{canonical}]{port}"),
    })
}

fn host_mistake(before: &str, host: &str, port: &str, scheme: &str) -> Option<PatternError> {
    let replace = |host: &str| format!("{before}{host}{port}");
    if host == "*" {
        return None;
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    if name.contains('*') {
        return Some(PatternError::MisplacedWildcard {
            replacement: wildcard_replacement(host).map(|host| replace(&host)),
        });
    }
    if let Some(name) = host.strip_suffix('.') {
        return Some(match name.trim_end_matches(['.', '*']) {
            "" => PatternError::MissingHost { scheme: scheme.to_owned() },
            _ => PatternError::TrailingDot { replacement: replace(name) },
        });
    }
    if name.split('.').any(str::is_empty) {
        let labels: Vec<_> = host.split('.').filter(|label| !label.is_empty()).collect();
        let labels = labels.join(".");
        // Elsewhere a leading dot means all subdomains.
        let host = if host.starts_with('.') { format!("*.{labels}") } else { labels };
        return Some(PatternError::EmptyLabel { replacement: replace(&host) });
    }
    let forbidden = |c: &char| !(c.is_ascii() && is_label_byte(*c as u8)) && *c != '.';
    if let Some(character) = name.chars().find(forbidden) {
        return Some(PatternError::ForbiddenCharacter { character });
    }
    if let Some(label) = name.split('.').find(|label| !is_label_length(label.len())) {
        return Some(PatternError::LabelTooLong { length: label.len() });
    }
    if !is_host_length(host.len()) {
        return Some(PatternError::HostTooLong { length: host.len() });
    }
    if !has_addresses(scheme.as_bytes(), name.as_bytes()) {
        return None;
    }
    let address = parse_ipv4(name);
    if name.len() < host.len() && address.is_some() {
        return Some(PatternError::WildcardBelowAddress { replacement: replace(name) });
    }
    let canonical = address.map(|address| address.to_string());
    (canonical.as_deref() != Some(host)).then(|| PatternError::InvalidIpv4 {
        replacement: canonical.map(|address| replace(&address)),
    })
}

/// The pattern of all subdomains that is nearest to a host with a misplaced `*`.
fn wildcard_replacement(host: &str) -> Option<String> {
    let (before, after) = host.rsplit_once('*')?;
    let parent = match after.split_once('.') {
        // `*example.com`: the one that matched `evilexample.com` wherever it was allowed.
        Some((label, _)) if !label.is_empty() && before.chars().all(|c| c == '*') => after,
        Some((_, parent)) => parent,
        None => return None,
    };
    (!parent.is_empty()).then(|| format!("*.{parent}"))
}

/// The URL standard's [IPv4 parser](https://url.spec.whatwg.org/#concept-ipv4-parser): one to four
/// decimal, octal or hexadecimal numbers.
fn parse_ipv4(host: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<u64> = host
        .split('.')
        .map(|number| match number.strip_prefix("0x") {
            Some("") => Some(0),
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None if number.len() > 1 && number.starts_with('0') => {
                u64::from_str_radix(number, 8).ok()
            }
            None => number.parse().ok(),
        })
        .collect::<Option<_>>()?;
    let (last, first) = numbers.split_last()?;
    if first.len() > 3 || first.iter().any(|&number| number > 255) {
        return None;
    }
    let rest_bits = 8 * (4 - first.len());
    if last.checked_shr(rest_bits as u32).unwrap_or(0) != 0 {
        return None;
    }
    let high = first.iter().fold(0, |high, number| high << 8 | number);
    u32::try_from(high << rest_bits | last).ok().map(Ipv4Addr::from)
}
