//! From directives to levels.

mod directives;
mod inheritance;
mod modules;

use std::{collections::HashMap, rc::Rc};

use super::{
    answer::Content,
    config::Config,
    location::{Kind, Level, LevelId, Location},
    steps::Steps,
};
use crate::{Directive, Site};

impl Config {
    /// The meaning of a configuration, or of a part of one: of `http`, of `server` or of `location`.
    #[must_use]
    pub fn new(directives: &[Directive]) -> Self {
        let mut config = Self {
            levels: Vec::new(),
            servers: Vec::new(),
            maps: Vec::new(),
            variables: HashMap::new(),
            scripts: Vec::new(),
            templates: Vec::new(),
            steps: Steps::unlimited(),
        };
        let site = directives.first().map_or(Site { file: 0, line: 1 }, |first| first.site);
        let http: Vec<_> = directives.iter().filter(|directive| directive.is("http")).collect();
        if http.is_empty() {
            config.part(directives, site);
            return config;
        }
        for http in http {
            // A second `http`, which nginx refuses, adds to the first one.
            let id = config.level(Kind::Http, None, http.site, Some(http.head_end + 1));
            config.fill(id, http.block());
        }
        config
    }

    /// A part of a configuration, in levels that are not written.
    fn part(&mut self, directives: &[Directive], site: Site) {
        let has = |names: &[&str]| {
            directives.iter().any(|directive| names.contains(&directive.name.as_str()))
        };
        let is_of_location =
            has(&["add_header", "more_set_headers", "if", "return", "rewrite", "set"])
                || has(&modules::UPSTREAMS);
        let is_of_server = has(&["location", "server_name", "listen"]);
        let is_of_http = has(&["server"]) || !is_of_server && !is_of_location;
        let http = self.level(Kind::Http, None, site, is_of_http.then_some(0));
        if is_of_http {
            self.fill(http, directives);
            return;
        }
        // Maps belong in `http`, wherever they stand.
        let (outer, inner): (Vec<_>, Vec<_>) =
            directives.iter().cloned().partition(|d| d.is("map") || d.is("geo"));
        self.fill(http, &outer);
        let body_start = is_of_server.then_some(0);
        let server = self.level(Kind::Server(Vec::new()), Some(http), site, body_start);
        self.servers.push(server);
        if is_of_server {
            self.fill(server, &inner);
            return;
        }
        let location = Location::Prefix { path: "/".to_owned(), skips_regexes: false };
        let location = self.level(Kind::Location(location), Some(server), site, Some(0));
        self.levels[server].locations.push(location);
        self.fill(location, &inner);
    }

    fn level(
        &mut self,
        kind: Kind,
        parent: Option<LevelId>,
        site: Site,
        body_start: Option<usize>,
    ) -> LevelId {
        self.levels.push(Level {
            kind,
            parent,
            site,
            body_start,
            headers: Rc::default(),
            own_headers: 0,
            more_headers: Rc::default(),
            hidden: Rc::default(),
            content: Content::Static,
            denies_all: false,
            asks_for_authentication: false,
            error_pages: Rc::default(),
            fallback: None,
            codes: Vec::new(),
            locations: Vec::new(),
            limit_except: None,
        });
        self.levels.len() - 1
    }

    /// A level for the block of a directive.
    fn written_level(&mut self, kind: Kind, parent: LevelId, directive: &Directive) -> LevelId {
        self.level(kind, Some(parent), directive.site, Some(directive.head_end + 1))
    }

    /// Reads the directives of a level, and of those in it.
    fn fill(&mut self, id: LevelId, directives: &[Directive]) {
        self.inherit(id, directives);
        let mut codes = Vec::new();
        for directive in directives {
            self.directive(id, directive, &mut codes);
        }
        self.levels[id].codes = codes;
        // Wherever in the block the response is said to come from.
        let content = self.levels[id].content.clone();
        for level in &mut self.levels[id + 1..] {
            let is_part = matches!(level.kind, Kind::If | Kind::LimitExcept);
            if is_part && level.parent == Some(id) && level.content == Content::Static {
                level.content = content.clone();
            }
        }
    }
}
