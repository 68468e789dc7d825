//! Guards: what is well-formed and still dangerous.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::pattern::{OriginPattern, Wildcard, WildcardHost};
use super::regex::OriginRegex;
use super::suffix::is_public_suffix;
use super::syntax::is_local_host;

/// Something dangerous that a policy can allow itself, by the name that it has in
/// `dangerously_allow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Danger {
    /// With credentials, `http` origins that are not of this machine.
    InsecureOrigins,
    /// With credentials, wildcards directly below a public suffix, or for any host.
    PublicSuffixes,
    /// With credentials, every origin.
    AnyOriginWithCredentials,
    /// The `null` origin.
    NullOrigin,
    /// Regular expressions in which something could stand for any byte.
    LooseRegex,
}

impl Danger {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 5] = [
        Self::InsecureOrigins,
        Self::PublicSuffixes,
        Self::AnyOriginWithCredentials,
        Self::NullOrigin,
        Self::LooseRegex,
    ];

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsecureOrigins => "insecure_origins",
            Self::PublicSuffixes => "public_suffixes",
            Self::AnyOriginWithCredentials => "any_origin_with_credentials",
            Self::NullOrigin => "null_origin",
            Self::LooseRegex => "loose_regex",
        }
    }
}

impl fmt::Display for Danger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name does not belong to a [`Danger`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the name of a guard")]
pub struct UnknownDanger;

impl FromStr for Danger {
    type Err = UnknownDanger;

    fn from_str(name: &str) -> Result<Self, UnknownDanger> {
        Self::ALL.into_iter().find(|danger| danger.as_str() == name).ok_or(UnknownDanger)
    }
}

/// A guard that a pattern violates. Its `Display` says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GuardError {
    /// `*` with credentials: any page could act as whoever visits it.
    #[error("with credentials, every origin could read what only the user may see")]
    AnyOriginWithCredentials,
    /// With credentials, an `http` origin that is not of this machine: neither `localhost` or below
    /// it (RFC 6761, section 6.3) nor a loopback address.
    #[error(
        "{}with credentials, whoever can change unencrypted traffic could act as this origin",
        match_of(.example.as_deref())
    )]
    InsecureOrigin {
        /// An origin that the pattern matches, where it matches several.
        example: Option<String>,
        /// The same pattern with `https`, if it is not a regular expression.
        secure: Option<String>,
    },
    /// With credentials, any name directly below a public suffix.
    #[error(
        "with credentials, anyone could register a name directly below the public suffix `{suffix}`"
    )]
    PublicSuffix {
        /// The suffix.
        suffix: String,
        /// The pattern with a name below the suffix, as an example.
        owned: String,
    },
    /// With credentials, any host of a scheme.
    #[error("with credentials, anyone could set up a host for it")]
    AnyHost,
    /// The `null` origin.
    #[error("any page can have the origin `null`, by way of a sandboxed frame for instance")]
    NullOrigin,
    /// A regular expression in which a class could stand for any byte.
    #[error("`{class}` could stand for any byte: the expression also matches `{example}`")]
    LooseRegex {
        /// The class.
        class: String,
        /// A text that the expression accepts because of it.
        example: String,
    },
}

fn match_of(example: Option<&str>) -> String {
    example.map(|example| format!("it also matches `{example}`: ")).unwrap_or_default()
}

impl GuardError {
    /// The entry of `dangerously_allow` that opens the guard.
    pub fn opened_by(&self) -> Danger {
        match self {
            Self::AnyOriginWithCredentials => Danger::AnyOriginWithCredentials,
            Self::InsecureOrigin { .. } => Danger::InsecureOrigins,
            Self::PublicSuffix { .. } | Self::AnyHost => Danger::PublicSuffixes,
            Self::NullOrigin => Danger::NullOrigin,
            Self::LooseRegex { .. } => Danger::LooseRegex,
        }
    }

    /// What to write instead.
    pub fn remedy(&self) -> String {
        let instead = match self {
            Self::AnyOriginWithCredentials => {
                "list the origins, or leave the credentials out".to_owned()
            }
            Self::InsecureOrigin { secure: Some(secure), .. } => format!("write \"{secure}\""),
            Self::InsecureOrigin { secure: None, .. } => {
                "begin the expression with `https://`".to_owned()
            }
            Self::PublicSuffix { owned, .. } => {
                format!("put a name that is yours below the suffix, as in \"{owned}\"")
            }
            Self::AnyHost => "list the hosts that are yours".to_owned(),
            Self::NullOrigin => "leave it out".to_owned(),
            Self::LooseRegex { .. } => {
                r"write `\.` for a dot and `[a-z0-9-]+` for a label".to_owned()
            }
        };
        format!("{instead}; \"{}\" under `dangerously_allow` permits it", self.opened_by())
    }
}

impl OriginPattern<'_> {
    /// The guards that this pattern violates in a rule with or without credentials; each can be
    /// opened by the policy's `dangerously_allow`.
    pub fn guards(&self, credentials: bool) -> Vec<GuardError> {
        match self {
            Self::Any if credentials => vec![GuardError::AnyOriginWithCredentials],
            Self::Null => vec![GuardError::NullOrigin],
            Self::Exact(origin)
                if credentials && origin.scheme() == b"http" && !is_local_host(origin.host()) =>
            {
                let text = String::from_utf8_lossy(origin.as_bytes());
                vec![GuardError::InsecureOrigin { example: None, secure: secure(&text) }]
            }
            Self::Wildcard(wildcard) if credentials => wildcard_guards(wildcard),
            Self::Regex(regex) => regex_guards(regex, credentials),
            Self::Any | Self::Exact(_) | Self::Wildcard(_) => Vec::new(),
        }
    }
}

fn wildcard_guards(wildcard: &Wildcard<'_>) -> Vec<GuardError> {
    let mut guards = Vec::new();
    let is_local = match wildcard.host {
        WildcardHost::Any => false,
        WildcardHost::Below(suffix) | WildcardHost::Exact(suffix) => {
            is_local_host(suffix.as_bytes())
        }
    };
    if wildcard.scheme == "http" && !is_local {
        let secure = secure(&wildcard.to_string());
        guards.push(GuardError::InsecureOrigin { example: None, secure });
    }
    match wildcard.host {
        WildcardHost::Any => guards.push(GuardError::AnyHost),
        WildcardHost::Below(suffix) if is_public_suffix(suffix.as_bytes()) => {
            let owned = format!("{}://*.example.{suffix}{}", wildcard.scheme, wildcard.port);
            guards.push(GuardError::PublicSuffix { suffix: suffix.to_owned(), owned });
        }
        WildcardHost::Below(_) | WildcardHost::Exact(_) => {}
    }
    guards
}

fn regex_guards(regex: &OriginRegex<'_>, credentials: bool) -> Vec<GuardError> {
    let mut guards = Vec::new();
    if let Some(loose) = regex.loose() {
        let (class, example) = (loose.class.clone(), loose.example.clone());
        guards.push(GuardError::LooseRegex { class, example });
    }
    if credentials {
        if let Some(example) = regex.cleartext_example() {
            guards.push(GuardError::InsecureOrigin { example: Some(example), secure: None });
        }
        match regex.open_suffix() {
            None => {}
            Some("") => guards.push(GuardError::AnyHost),
            Some(suffix) => {
                let suffix = suffix.to_owned();
                let owned = format!(r"\.example\.{}", suffix.replace('.', r"\."));
                guards.push(GuardError::PublicSuffix { suffix, owned });
            }
        }
    }
    guards
}

/// The `http` pattern with `https` in its place.
fn secure(pattern: &str) -> Option<String> {
    pattern.strip_prefix("http://").map(|rest| format!("https://{rest}"))
}
