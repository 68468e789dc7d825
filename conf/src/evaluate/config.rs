//! A configuration as requests go through it.

use std::{collections::HashMap, ops::Range};

use super::{
    hand_over::{self, ErrorPage, Target},
    location::{Kind, Level, LevelId},
    map::Map,
    steps::Steps,
};
use crate::Site;

/// The servers of a configuration, their locations and their variables.
#[derive(Clone, Debug)]
pub struct Config {
    /// All levels, each behind the one around it. The first one is `http`.
    pub levels: Vec<Level>,
    /// The servers.
    pub servers: Vec<LevelId>,
    /// The maps.
    pub maps: Vec<Map>,
    pub(crate) variables: HashMap<String, Definition>,
    /// Directives of Lua, njs and Perl that change requests or responses, and the level where they are.
    pub scripts: Vec<Script>,
    /// Statements of a template language.
    pub templates: Vec<(String, Site)>,
    /// The steps of all evaluations.
    pub(crate) steps: Steps,
}

/// A directive that runs a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The level where it is.
    pub level: LevelId,
    /// The directive.
    pub directive: String,
    /// Its line.
    pub site: Site,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

/// What gives a variable its value.
#[derive(Clone, Debug)]
pub(crate) enum Definition {
    /// A map, by its number.
    Map(usize),
    /// `set`, or a group of an expression: empty until then.
    Set,
    /// A directive that is not followed.
    Other(String, Site),
}

impl Config {
    /// The server around a level; none for `http`.
    #[must_use]
    pub fn server_of(&self, level: LevelId) -> Option<LevelId> {
        let mut at = Some(level);
        while let Some(level) = at {
            if let Kind::Server(_) = self.levels[level].kind {
                return Some(level);
            }
            at = self.levels[level].parent;
        }
        None
    }

    /// The locations to which `error_page` leads what a level returns.
    #[must_use]
    pub fn error_locations(&self, level: LevelId) -> Vec<LevelId> {
        let Some(server) = self.server_of(level) else { return Vec::new() };
        let Level { error_pages, codes, .. } = &self.levels[level];
        let returned = hand_over::returned(codes);
        let of_page = |page: &ErrorPage| match &page.target {
            Target::Named(name) if returned.iter().any(|status| page.is_for(*status)) => {
                hand_over::find_named(&self.levels, server, name)
            }
            _ => None,
        };
        error_pages.iter().filter_map(of_page).collect()
    }
}
