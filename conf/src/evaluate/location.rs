//! The levels of a configuration, and finding the location of a path.

use std::rc::Rc;

use super::{
    condition::Test,
    hand_over::{ErrorPage, Target},
    headers::AddHeader,
    more_headers::MoreHeaders,
    regex::Regex,
    template::Template,
};
use crate::{Directive, Site};

/// The number of a level in [`Config::levels`](super::Config::levels).
pub type LevelId = usize;

/// A block that has headers of its own: `http`, `server`, `location`, an `if` of a location, or
/// `limit_except`.
#[derive(Clone, Debug)]
pub struct Level {
    /// What it is.
    pub kind: Kind,
    /// The level around it.
    pub parent: Option<LevelId>,
    /// The line of the block. For a part of a configuration, the levels around it are those of its first
    /// line.
    pub site: Site,
    /// Where its directives begin, in bytes of the file; none for a level that is not written.
    pub body_start: Option<usize>,
    /// Headers that are added, inherited ones among them.
    pub headers: Rc<[AddHeader]>,
    /// How many of them are written in this level.
    pub own_headers: usize,
    /// Directives of headers-more, first those of the levels around it.
    pub(crate) more_headers: Rc<[MoreHeaders]>,
    /// Headers of applications that are removed, by whatever protocol they come.
    pub(crate) hidden: Rc<[Hidden]>,
    /// What makes the response.
    pub content: super::Content,
    /// Whether nobody has access (`deny all`).
    pub(crate) denies_all: bool,
    /// Whether a password or the like is asked for.
    pub asks_for_authentication: bool,
    /// Locations that answer instead of errors.
    pub(crate) error_pages: Rc<[ErrorPage]>,
    /// The location that answers where there is no file.
    pub(crate) fallback: Option<Target>,
    /// What the rewrite module does.
    pub(crate) codes: Vec<Code>,
    /// The locations in it.
    pub locations: Vec<LevelId>,
    /// The methods that are *not* limited, and the block for all others.
    pub limit_except: Option<(Vec<String>, LevelId)>,
}

impl Level {
    /// The directive that removes a header of the application which this level asks: that of its protocol.
    /// `name` is in lower case.
    #[must_use]
    pub fn hides(&self, name: &str) -> Option<Site> {
        self.hiding().find(|hidden| hidden.name == name).map(|hidden| hidden.site)
    }

    /// The directives that remove headers of that application: the names in lower case, and the lines.
    pub fn hidden_headers(&self) -> impl Iterator<Item = (&str, Site)> {
        self.hiding().map(|hidden| (hidden.name.as_str(), hidden.site))
    }

    fn hiding(&self) -> impl Iterator<Item = &Hidden> {
        let protocol = match &self.content {
            super::Content::Upstream(directive, _) => directive.strip_suffix("_pass"),
            _ => None,
        };
        self.hidden.iter().filter(move |hidden| Some(hidden.protocol.as_str()) == protocol)
    }

    /// The names of the headers that its directives add or replace, inherited ones among them.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        let added = self.headers.iter().map(|header| header.name.as_str());
        added.chain(self.more_headers.iter().flat_map(MoreHeaders::names))
    }
}

/// A header of an application that is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// `proxy`, `fastcgi` and so on.
    protocol: String,
    /// The name, in lower case.
    name: String,
    /// The line that says it.
    site: Site,
}

impl Hidden {
    /// Reads a directive such as `proxy_hide_header`.
    pub(crate) fn new(directive: &Directive) -> Option<Self> {
        let protocol = directive.name.strip_suffix("_hide_header")?.to_owned();
        let name = directive.arg(0)?.to_ascii_lowercase();
        Some(Self { protocol, name, site: directive.site })
    }

    /// Those of a level: for each protocol its own ones, or those of the level above.
    pub(crate) fn resolve(own: Vec<Self>, above: &Rc<[Self]>) -> Rc<[Self]> {
        if own.is_empty() {
            return Rc::clone(above);
        }
        let is_own = |hidden: &&Self| own.iter().any(|own| own.protocol == hidden.protocol);
        let inherited: Vec<_> = above.iter().filter(|hidden| !is_own(hidden)).cloned().collect();
        inherited.into_iter().chain(own).collect()
    }
}

/// What a level is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `http`.
    Http,
    /// `server`, with its names.
    Server(Vec<String>),
    /// `location`.
    Location(Location),
    /// `if` in a location.
    If,
    /// `limit_except`.
    LimitExcept,
}

/// The paths of a location.
#[derive(Clone, Debug)]
pub enum Location {
    /// `= /path`.
    Exact(String),
    /// `/path`, or `^~ /path`.
    Prefix {
        /// The beginning of the path.
        path: String,
        /// Whether it is `^~`, which goes before expressions.
        skips_regexes: bool,
    },
    /// `~` or `~*`.
    Regex(Regex),
    /// `@name`.
    Named(String),
}

impl Location {
    /// Reads the arguments of a `location` as `ngx_http_core_location` does.
    pub(crate) fn new(args: &[String]) -> Self {
        let prefix =
            |path: &str, skips_regexes| Self::Prefix { path: path.to_owned(), skips_regexes };
        match args {
            [modifier, path] => match modifier.as_str() {
                "=" => Self::Exact(path.clone()),
                "~" => Self::Regex(Regex::new(path, false)),
                "~*" => Self::Regex(Regex::new(path, true)),
                modifier => prefix(path, modifier == "^~"),
            },
            [path, ..] => {
                if let Some(path) = path.strip_prefix('=') {
                    Self::Exact(path.to_owned())
                } else if let Some(path) = path.strip_prefix("^~") {
                    prefix(path, true)
                } else if let Some(pattern) = path.strip_prefix("~*") {
                    Self::Regex(Regex::new(pattern, true))
                } else if let Some(pattern) = path.strip_prefix('~') {
                    Self::Regex(Regex::new(pattern, false))
                } else if let Some(name) = path.strip_prefix('@') {
                    Self::Named(name.to_owned())
                } else {
                    prefix(path, false)
                }
            }
            [] => prefix("/", false),
        }
    }
}

/// A step of the rewrite module.
#[derive(Clone, Debug)]
pub(crate) enum Code {
    Set {
        variable: String,
        value: Template,
    },
    /// `level` is none in a server: an `if` there has no headers.
    If {
        test: Test,
        level: Option<LevelId>,
        then: Vec<Code>,
        site: Site,
    },
    Rewrite {
        regex: Regex,
        replacement: Template,
        flag: Flag,
    },
    Return {
        status: u16,
    },
    Break,
}

/// What a `rewrite` does behind the replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    None,
    Last,
    Break,
    Redirect(u16),
}
