//! Guards against patterns that are well-formed and still dangerous.

use std::str::FromStr;
use std::{fmt, iter};

use thiserror::Error;

use super::diagnose::narrowed;
use super::pattern::{OriginPattern, Wildcard, WildcardHost, WildcardPort};
use super::regex::OriginRegex;
use super::suffix::{OpenSuffix, Section, Sections, open_suffix};
use super::syntax::is_local_host;

/// A guard against one kind of dangerous pattern. A policy can open it by its name in
/// `dangerously_allow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guard {
    /// With credentials, `http` origins of other machines.
    InsecureOrigins,
    /// With credentials, patterns for names that anyone can get directly below a public suffix, or for
    /// any host.
    PublicSuffixes,
    /// With credentials, every origin.
    AnyOriginWithCredentials,
    /// The `null` origin.
    NullOrigin,
    /// The origin `file://`.
    FileOrigin,
    /// Regular expressions with a class that could match any byte.
    LooseRegex,
}

impl Guard {
    /// All guards, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::InsecureOrigins,
        Self::PublicSuffixes,
        Self::AnyOriginWithCredentials,
        Self::NullOrigin,
        Self::FileOrigin,
        Self::LooseRegex,
    ];

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsecureOrigins => "insecure_origins",
            Self::PublicSuffixes => "public_suffixes",
            Self::AnyOriginWithCredentials => "any_origin_with_credentials",
            Self::NullOrigin => "null_origin",
            Self::FileOrigin => "file_origin",
            Self::LooseRegex => "loose_regex",
        }
    }
}

impl Guard {
    /// Whether the guard concerns rules with credentials only.
    pub const fn is_for_credentials(self) -> bool {
        matches!(
            self,
            Self::InsecureOrigins | Self::PublicSuffixes | Self::AnyOriginWithCredentials
        )
    }
}

impl Guard {
    /// What an open guard lets in, and why that is dangerous, as a clause.
    pub const fn lets_in(self) -> &'static str {
        match self {
            Self::InsecureOrigins => {
                "`http` origins of other machines are let in with credentials; whoever can change \
                 unencrypted traffic can act as them"
            }
            Self::PublicSuffixes => {
                "patterns may let in, with credentials, names that anyone can register below a public \
                 suffix, and any host"
            }
            Self::AnyOriginWithCredentials => {
                "\"*\" lets in every origin with credentials; any page can act as its visitor"
            }
            Self::NullOrigin => {
                "`null` may be let in; any page can have this origin, by way of a sandboxed frame for \
                 instance"
            }
            Self::FileOrigin => {
                "`file://` may be let in; any page that is opened as a file can have this origin"
            }
            Self::LooseRegex => {
                "expressions may have classes that stand for any byte, and match foreign hosts by them"
            }
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name does not belong to a [`Guard`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the name of a guard")]
pub struct UnknownGuard;

impl FromStr for Guard {
    type Err = UnknownGuard;

    fn from_str(name: &str) -> Result<Self, UnknownGuard> {
        Self::ALL.into_iter().find(|guard| guard.as_str() == name).ok_or(UnknownGuard)
    }
}

/// A guard that a pattern violates. Its `Display` says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GuardViolation {
    /// `*` with credentials: any page could act as its visitor.
    #[error("with credentials, every origin could read what only the user may see")]
    AnyOriginWithCredentials,
    /// With credentials, an `http` origin of another machine. Origins of this machine are `localhost`,
    /// names below it (RFC 6761, section 6.3) and loopback addresses.
    #[error(
        "{}with credentials, whoever can change unencrypted traffic could act as this origin",
        match_of(.example.as_deref())
    )]
    InsecureOrigin {
        /// An origin that the pattern matches, if it matches several.
        example: Option<String>,
        /// What to write instead, if it can be named: the same pattern with `https`, and with a name
        /// below its public suffix.
        secure: Option<String>,
    },
    /// With credentials, any name directly below a public suffix.
    #[error("{}with credentials, {}", match_of(.example.as_deref()), anyone_below(.suffix))]
    PublicSuffix {
        /// The suffix.
        suffix: OpenSuffix,
        /// An origin that the pattern matches directly below the suffix, if the pattern does not end
        /// in `*.` and the suffix.
        example: Option<String>,
        /// What to write instead, if it can be named.
        instead: Option<Instead>,
    },
    /// With credentials, any host of a scheme.
    #[error("with credentials, anyone could set up a host for it")]
    AnyHost,
    /// The `null` origin.
    #[error("any page can have the origin `null`, by way of a sandboxed frame for instance")]
    NullOrigin,
    /// The origin `file://`, which some shells send for every page that they open as a file.
    #[error(
        "{}any page that is opened as a file can have the origin `file://`",
        match_of(.example.as_deref())
    )]
    FileOrigin {
        /// The origin, if the pattern matches several.
        example: Option<String>,
    },
    /// A regular expression with a class that could match any byte.
    #[error("`{class}` could stand for any byte: the expression also matches `{example}`")]
    LooseRegex {
        /// The class.
        class: String,
        /// A text that the expression accepts because of it.
        example: String,
        /// The expression with classes for what a host may have there, if it can be named.
        tight: Option<String>,
    },
}

/// A pattern to write in place of one that matches any name below a public suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instead {
    /// The pattern with a name below the suffix.
    Owned(String),
    /// One of the origins.
    Single(String),
}

/// How somebody gets a name below a public suffix.
fn anyone_below(suffix: &OpenSuffix) -> String {
    let how = match suffix.section {
        Section::Icann => "anyone could register a name",
        Section::Private => "anyone who signs up for the service could get a name",
    };
    format!("{how} directly below the public suffix `{}`", suffix.name)
}

fn match_of(example: Option<&str>) -> String {
    example.map(|example| format!("it also matches `{example}`: ")).unwrap_or_default()
}

impl GuardViolation {
    /// The entry of `dangerously_allow` that opens the guard.
    pub fn opened_by(&self) -> Guard {
        match self {
            Self::AnyOriginWithCredentials => Guard::AnyOriginWithCredentials,
            Self::InsecureOrigin { .. } => Guard::InsecureOrigins,
            Self::PublicSuffix { .. } | Self::AnyHost => Guard::PublicSuffixes,
            Self::NullOrigin => Guard::NullOrigin,
            Self::FileOrigin { .. } => Guard::FileOrigin,
            Self::LooseRegex { .. } => Guard::LooseRegex,
        }
    }

    /// The pattern that the advice tells to write, or that it shows as an example. It violates no guard
    /// in a rule with credentials. An example, for a [`PublicSuffix`](Self::PublicSuffix), lies within
    /// what was written; the secure form of an [`InsecureOrigin`](Self::InsecureOrigin) does so but for
    /// its scheme. `None` if the advice has no pattern.
    pub fn suggestion(&self) -> Option<&str> {
        match self {
            Self::InsecureOrigin { secure, .. } => secure.as_deref(),
            Self::PublicSuffix { instead, .. } => match instead.as_ref()? {
                Instead::Owned(pattern) | Instead::Single(pattern) => Some(pattern),
            },
            Self::LooseRegex { tight, .. } => tight.as_deref(),
            Self::AnyOriginWithCredentials
            | Self::AnyHost
            | Self::NullOrigin
            | Self::FileOrigin { .. } => None,
        }
    }

    /// Advice on what to write instead, as a sentence without its full stop.
    pub fn remedy(&self) -> String {
        let instead = match self {
            Self::LooseRegex { tight: Some(tight), .. } => format!("write \"{tight}\""),
            Self::AnyOriginWithCredentials => {
                "list the origins, or leave the credentials out".to_owned()
            }
            Self::InsecureOrigin { secure: Some(secure), .. } => format!("write \"{secure}\""),
            Self::InsecureOrigin { secure: None, example: Some(_) } => {
                "begin the expression with `https://`".to_owned()
            }
            Self::InsecureOrigin { secure: None, example: None } => {
                "list the hosts that are yours, with `https://`".to_owned()
            }
            Self::PublicSuffix { instead: Some(Instead::Owned(owned)), .. } => {
                format!("put a name that is yours below the suffix, as in \"{owned}\"")
            }
            Self::PublicSuffix { instead: Some(Instead::Single(origin)), .. } => {
                format!("list the origins that are yours, as in \"{origin}\"")
            }
            Self::PublicSuffix { instead: None, .. } => {
                "list the origins that are yours".to_owned()
            }
            Self::AnyHost => "list the hosts that are yours".to_owned(),
            Self::NullOrigin | Self::FileOrigin { example: None } => "leave it out".to_owned(),
            Self::FileOrigin { example: Some(_) } => {
                "begin the expression with the schemes that are meant, as in `(app|capacitor)://`"
                    .to_owned()
            }
            Self::LooseRegex { .. } => {
                r"write `\.` for a dot and `[a-z0-9-]+` for a label".to_owned()
            }
        };
        format!("{instead}; \"{}\" under `dangerously_allow` permits it", self.opened_by())
    }
}

impl OriginPattern<'_> {
    /// The guards that this pattern violates in a rule with or without credentials. The policy's
    /// `dangerously_allow` can open each of them.
    pub fn violations(&self, credentials: bool) -> Vec<GuardViolation> {
        match self {
            Self::Any if credentials => vec![GuardViolation::AnyOriginWithCredentials],
            Self::Null => vec![GuardViolation::NullOrigin],
            Self::Exact(origin) if origin.is_file() => {
                vec![GuardViolation::FileOrigin { example: None }]
            }
            Self::Exact(origin)
                if credentials && origin.scheme() == b"http" && !is_local_host(origin.host()) =>
            {
                let text = String::from_utf8_lossy(origin.as_bytes());
                vec![GuardViolation::InsecureOrigin { example: None, secure: secure(&text) }]
            }
            Self::Wildcard(wildcard) if credentials => wildcard_violations(wildcard),
            Self::Regex(regex) => regex_violations(regex, credentials),
            Self::Any | Self::Exact(_) | Self::Wildcard(_) => Vec::new(),
        }
    }
}

fn wildcard_violations(wildcard: &Wildcard<'_>) -> Vec<GuardViolation> {
    let is_local = match wildcard.host {
        WildcardHost::Any => false,
        WildcardHost::Below(name)
        | WildcardHost::Glob { parent: name, .. }
        | WildcardHost::Exact(name) => is_local_host(name.as_bytes()),
    };
    let is_insecure = wildcard.scheme == "http" && !is_local;
    let write = |host: &str| {
        let pattern = format!("{}://{host}{}", wildcard.scheme, wildcard.port);
        if is_insecure { secure(&pattern) } else { Some(pattern) }
    };
    let (suffix, host) = match wildcard.host {
        WildcardHost::Any => (Some(GuardViolation::AnyHost), None),
        WildcardHost::Exact(host) => (None, Some(host.to_owned())),
        WildcardHost::Below(parent) => below_suffix(wildcard, "*", parent, &write),
        WildcardHost::Glob { labels, parent } => below_suffix(wildcard, labels, parent, &write),
    };
    let secure = host.and_then(|host| write(&host));
    let insecure = is_insecure.then_some(GuardViolation::InsecureOrigin { example: None, secure });
    insecure.into_iter().chain(suffix).collect()
}

/// The violation of labels with stars before a name, if they match any name below a public suffix, and
/// the host to write instead, if one can be named. `write` makes a pattern of it.
fn below_suffix(
    wildcard: &Wildcard<'_>,
    labels: &str,
    parent: &str,
    write: &dyn Fn(&str) -> Option<String>,
) -> (Option<GuardViolation>, Option<String>) {
    let host = format!("{labels}.{parent}");
    let Some(suffix) = open_suffix(&host.split('.').collect::<Vec<_>>(), Sections::All) else {
        return (None, Some(host));
    };
    let own = own_name(&suffix.name);
    let is_at_suffix = suffix.name == parent;
    let host = match &own {
        Some(own) if labels == "*" && is_at_suffix => Some(format!("*.{own}")),
        // A name below a suffix that the stars make up.
        Some(own) if labels == "*" => Some(own.clone()),
        _ => None,
    };
    let suggest = |host: &str| write(host).filter(|pattern| passes(pattern));
    let instead = match &host {
        Some(host) if is_at_suffix => suggest(host).map(Instead::Owned),
        Some(host) => suggest(host).map(Instead::Single),
        // One of the names that the stars match.
        None => suggest(&format!("{}.{parent}", labels.replace('*', "a"))).map(Instead::Single),
    };
    let example = own.filter(|_| labels == "*" && !is_at_suffix).map(|own| match wildcard.port {
        WildcardPort::Any => format!("{}://{own}", wildcard.scheme),
        WildcardPort::Set(set) => match set.first() {
            Some(port) => format!("{}://{own}:{port}", wildcard.scheme),
            None => format!("{}://{own}", wildcard.scheme),
        },
        port => format!("{}://{own}{port}", wildcard.scheme),
    });
    (Some(GuardViolation::PublicSuffix { suffix, example, instead }), host)
}

/// The public suffix at this name or below it, if there is one.
fn open_below(name: &str) -> Option<OpenSuffix> {
    let labels: Vec<_> = iter::once("*").chain(name.split('.')).collect();
    open_suffix(&labels, Sections::All)
}

/// A name directly below a public suffix, as an example: somebody owns all names below it.
fn own_name(suffix: &str) -> Option<String> {
    let mut suffix = suffix.replace('*', "a");
    // The list has no rule with three labels left open.
    for _ in 0..3 {
        let own = format!("example.{suffix}");
        if open_below(&own).is_none() {
            return Some(own);
        }
        suffix = format!("a.{suffix}");
    }
    None
}

fn regex_violations(regex: &OriginRegex<'_>, credentials: bool) -> Vec<GuardViolation> {
    let mut violations = Vec::new();
    if let Some(loose) = regex.loose() {
        let (class, example) = (loose.class.clone(), loose.example.clone());
        let tight =
            narrowed(regex.as_str()).filter(|tight| passes(tight) && is_within(tight, regex));
        violations.push(GuardViolation::LooseRegex { class, example, tight });
    }
    if regex.matches_file() {
        let example = Some("file://".to_owned());
        violations.push(GuardViolation::FileOrigin { example });
    }
    if credentials {
        if let Some(example) = regex.cleartext_example() {
            violations
                .push(GuardViolation::InsecureOrigin { example: Some(example), secure: None });
        }
        match regex.open_suffix() {
            None if regex.accepts_any_address() => violations.push(GuardViolation::AnyHost),
            None => {}
            Some(suffix) if suffix.name == "*" => violations.push(GuardViolation::AnyHost),
            Some(suffix) => {
                let example = regex.example_below(&suffix.name);
                let single =
                    example.as_ref().map(|origin| secure(origin).unwrap_or(origin.clone()));
                let instead = single.filter(|origin| passes(origin)).map(Instead::Single);
                let suffix = suffix.clone();
                violations.push(GuardViolation::PublicSuffix { suffix, example, instead });
            }
        }
    }
    violations
}

/// The same pattern with `https` in place of `http`. The default port in it becomes that of `https`.
fn secure(pattern: &str) -> Option<String> {
    let rest = pattern.strip_prefix("http://")?;
    let secure = match rest
        .rsplit_once(":[")
        .and_then(|(host, ports)| Some((host, ports.strip_suffix(']')?)))
    {
        Some((host, ports)) => {
            let ports: Vec<_> =
                ports.split(',').map(|port| if port == "80" { "443" } else { port }).collect();
            format!("https://{host}:[{}]", ports.join(","))
        }
        None => format!("https://{rest}"),
    };
    let secure = match OriginPattern::parse(&secure) {
        Ok(_) => secure,
        Err(error) => match <[String; 1]>::try_from(error.suggestions()) {
            Ok([secure]) => secure,
            Err(_) => return None,
        },
    };
    passes(&secure).then_some(secure)
}

/// Whether an expression accepts every origin that a pattern matches.
fn is_within(pattern: &str, regex: &OriginRegex<'_>) -> bool {
    match OriginPattern::parse(pattern) {
        Ok(OriginPattern::Exact(origin)) => regex.matches(&origin),
        Ok(OriginPattern::Regex(inner)) => regex.includes(&inner),
        _ => false,
    }
}

/// Whether a pattern may be written in a rule with credentials.
fn passes(pattern: &str) -> bool {
    OriginPattern::parse(pattern).is_ok_and(|pattern| pattern.violations(true).is_empty())
}
