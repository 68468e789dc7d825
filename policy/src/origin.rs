//! Stand-in until the origin patterns are merged: exact origins, `*` and `null` only.
#![allow(missing_docs)]
use std::{collections::HashMap, fmt, str::FromStr};

pub type Rank = u16;
pub struct Origin<'a>(&'a [u8]);
impl<'a> Origin<'a> {
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (scheme, host) = text.split_once("://")?;
        (!scheme.is_empty()
            && !host.is_empty()
            && text.len() <= 326
            && host.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b':')))
        .then_some(Self(bytes))
    }
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginPattern<'a> {
    Any,
    Null,
    Exact(&'a str),
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError;
impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an origin")
    }
}
impl std::error::Error for PatternError {}
impl PatternError {
    pub fn remedy(&self) -> String {
        "write \"https://app.example.com\"".into()
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Danger {
    InsecureOrigins,
    PublicSuffixes,
    AnyOriginWithCredentials,
    NullOrigin,
    LooseRegex,
}
impl Danger {
    pub const ALL: [Self; 5] = [
        Self::InsecureOrigins,
        Self::PublicSuffixes,
        Self::AnyOriginWithCredentials,
        Self::NullOrigin,
        Self::LooseRegex,
    ];
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
#[derive(Debug)]
pub struct UnknownDanger;
impl FromStr for Danger {
    type Err = UnknownDanger;
    fn from_str(name: &str) -> Result<Self, UnknownDanger> {
        Self::ALL.into_iter().find(|danger| danger.as_str() == name).ok_or(UnknownDanger)
    }
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardError(Danger);
impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guard {}", self.0.as_str())
    }
}
impl std::error::Error for GuardError {}
impl GuardError {
    pub fn remedy(&self) -> String {
        format!("{} opens it", self.0.as_str())
    }
    pub fn opened_by(&self) -> Danger {
        self.0
    }
}
impl<'a> OriginPattern<'a> {
    pub fn parse(text: &'a str) -> Result<Self, PatternError> {
        match text {
            "*" => Ok(Self::Any),
            "null" => Ok(Self::Null),
            _ => Origin::parse(text.as_bytes()).map(|_| Self::Exact(text)).ok_or(PatternError),
        }
    }
    pub fn guards(&self, credentials: bool) -> Vec<GuardError> {
        match self {
            Self::Any if credentials => vec![GuardError(Danger::AnyOriginWithCredentials)],
            Self::Null => vec![GuardError(Danger::NullOrigin)],
            Self::Exact(text) if credentials && text.starts_with("http:") => {
                vec![GuardError(Danger::InsecureOrigins)]
            }
            _ => Vec::new(),
        }
    }
    pub fn matches(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Null => origin == b"null",
            Self::Exact(text) => text.as_bytes() == origin,
        }
    }
}
#[derive(Debug, Default)]
pub struct MatcherBuilder(HashMap<Box<[u8]>, Rank>, Option<Rank>);
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatcherError;
impl fmt::Display for MatcherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too large")
    }
}
impl std::error::Error for MatcherError {}
impl MatcherBuilder {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn add(&mut self, rank: Rank, pattern: &OriginPattern<'_>) {
        let lower = |old: Option<Rank>| old.map_or(rank, |old| old.min(rank));
        match pattern {
            OriginPattern::Any => self.1 = Some(lower(self.1)),
            OriginPattern::Null => {
                self.0
                    .entry(b"null"[..].into())
                    .and_modify(|r| *r = (*r).min(rank))
                    .or_insert(rank);
            }
            OriginPattern::Exact(text) => {
                self.0
                    .entry(text.as_bytes().into())
                    .and_modify(|r| *r = (*r).min(rank))
                    .or_insert(rank);
            }
        }
    }
    pub fn build(self) -> Result<OriginMatcher, MatcherError> {
        Ok(OriginMatcher(self))
    }
}
#[derive(Debug)]
pub struct OriginMatcher(MatcherBuilder);
impl OriginMatcher {
    pub fn find(&self, origin: &[u8]) -> Option<Rank> {
        let exact = self.0.0.get(origin).copied();
        match (exact, self.0.1) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}
