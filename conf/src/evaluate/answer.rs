//! Responses, and what a configuration looked at to make them.

use super::{headers::Header, location::LevelId, regex::Regex, value::Unknown};
use crate::Site;

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status. Files are there, and other servers answer with 200.
    pub status: u16,
    /// The headers that the configuration adds, and those of the application that the request names.
    pub headers: Vec<Header>,
    /// What makes it.
    pub content: Content,
    /// The level whose headers these are.
    pub level: LevelId,
    /// The conditions that are not known, where they are, and what was taken for them.
    pub assumed: Vec<(Unknown, Site, bool)>,
    /// What was asked about the request's origin.
    pub tests: Vec<OriginTest>,
}

/// What makes a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// nginx, from a file.
    Static,
    /// Another server, by this directive.
    Upstream(String, Site),
    /// A program of Lua, njs or Perl, by this directive.
    Script(String, Site),
    /// `return`, or a redirect of `rewrite`.
    Return,
    /// Nothing: access is denied, the method is not allowed, or nginx failed.
    Error,
    /// Another location, to which `rewrite` leads from here. There are no headers.
    Elsewhere,
}

/// A look at the request's origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginTest {
    /// What it was compared with.
    pub tested: Tested,
    /// The text before the origin in what was compared.
    pub before: String,
    /// The text behind it.
    pub behind: String,
    /// The line of the `if` or `map`.
    pub site: Site,
}

/// What an origin was compared with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tested {
    /// A text.
    Text(String),
    /// The keys of a map, by its number in [`Config::maps`](super::Config::maps).
    Map(usize),
    /// An expression.
    Regex(Regex),
    /// Something, and only a part of the origin was compared with it.
    Part,
}
