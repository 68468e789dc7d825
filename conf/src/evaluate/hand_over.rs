//! `error_page` and `try_files`: other locations that answer in the place of one.

use super::{
    location::{Code, Kind, Level, LevelId, Location},
    template::Template,
};
use crate::Directive;

/// What answers instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `@name`.
    Named(String),
    /// A path, which may have variables. The method becomes `GET` there.
    Path(Template),
    /// An address, to which the client is redirected.
    Address,
}

impl Target {
    fn new(text: &str) -> Self {
        if let Some(name) = text.strip_prefix('@') {
            Self::Named(name.to_owned())
        } else if text.starts_with("http://") || text.starts_with("https://") {
            Self::Address
        } else {
            let path = text.split_once('?').map_or(text, |(path, _)| path);
            Self::Path(Template::new(path))
        }
    }
}

/// `error_page 404 =200 /path;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorPage {
    statuses: Vec<u16>,
    pub(crate) target: Target,
    pub(crate) overwrite: Overwrite,
}

/// The status of the response that takes the place of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrite {
    /// That of the error.
    Original,
    /// This one: `=204`.
    Status(u16),
    /// That of the location: `=`.
    Target,
}

impl ErrorPage {
    /// Reads the arguments as `ngx_http_core_error_page` does; `None` if there is no target.
    pub(crate) fn new(directive: &Directive) -> Option<Self> {
        let (target, rest) = directive.args.split_last()?;
        let (overwrite, statuses) = match rest.split_last() {
            Some((last, statuses)) if last.starts_with('=') => match last[1..].parse() {
                Ok(status) => (Overwrite::Status(status), statuses),
                Err(_) => (Overwrite::Target, statuses),
            },
            _ => (Overwrite::Original, rest),
        };
        let statuses = statuses.iter().filter_map(|status| status.parse().ok()).collect();
        Some(Self { statuses, target: Target::new(target), overwrite })
    }

    pub(crate) fn is_for(&self, status: u16) -> bool {
        self.statuses.contains(&status)
    }
}

/// The last argument of `try_files`, if it is a location and no status.
pub(crate) fn fallback(directive: &Directive) -> Option<Target> {
    let last = directive.args.last().filter(|last| !last.starts_with('='))?;
    Some(Target::new(last))
}

/// The statuses of each `return` in codes.
pub(crate) fn returned(codes: &[Code]) -> Vec<u16> {
    let of_code = |code: &Code| match code {
        Code::Return { status } => vec![*status],
        Code::If { then, .. } => returned(then),
        Code::Set { .. } | Code::Rewrite { .. } | Code::Break => Vec::new(),
    };
    codes.iter().flat_map(of_code).collect()
}

/// A request that another location answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HandedOver {
    /// How often `try_files` has led it on.
    pub(crate) fallbacks: usize,
    /// Whether it has come to another location for an error. It does so once.
    pub(crate) for_error: bool,
    /// Whether its method has become `GET`.
    pub(crate) is_get: bool,
    /// The status that takes the place of a good one.
    pub(crate) status: Option<u16>,
}

/// The named location of a server.
pub(crate) fn find_named(levels: &[Level], server: LevelId, name: &str) -> Option<LevelId> {
    levels[server]
        .locations
        .iter()
        .copied()
        .find(|id| matches!(&levels[*id].kind, Kind::Location(Location::Named(it)) if it == name))
}
