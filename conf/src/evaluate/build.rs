//! From directives to levels.

use std::{collections::HashMap, ops::Range, rc::Rc};

use super::{
    answer::Content,
    condition::Test,
    hand_over::{self, ErrorPage, Target},
    headers::{AddHeader, Inheritance},
    location::{Code, Flag, Hidden, Kind, Level, LevelId, Location},
    map::Map,
    more_headers::MoreHeaders,
    regex::Regex,
    steps::Steps,
    template::Template,
};
use crate::{Body, Directive, Site};

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

/// Directives that hand a response over to another server.
const UPSTREAMS: [&str; 6] =
    ["proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"];

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
                || has(&UPSTREAMS);
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

    /// What does not depend on the order of directives.
    fn inherit(&mut self, id: LevelId, directives: &[Directive]) {
        let named = |name: &'static str| directives.iter().filter(move |d| d.is(name));
        let mut inheritance = Inheritance::default();
        for directive in named("add_header_inherit") {
            inheritance = match directive.arg(0) {
                Some("merge") => Inheritance::Merge,
                Some("off") => Inheritance::Off,
                _ => Inheritance::On,
            };
        }
        let own_pages: Vec<_> = named("error_page").filter_map(ErrorPage::new).collect();
        let fallback = named("try_files").find_map(hand_over::fallback);
        let own: Vec<_> = named("add_header").filter_map(AddHeader::new).collect();
        let own_more: Vec<_> = directives.iter().filter_map(MoreHeaders::new).collect();
        let own_hidden: Vec<_> = directives.iter().filter_map(Hidden::new).collect();
        let access: Vec<_> = directives
            .iter()
            .filter(|d| d.is("allow") || d.is("deny"))
            .map(|d| (d.name.as_str(), d.arg(0)))
            .collect();
        let asks = directives.iter().rev().find_map(|d| match d.name.as_str() {
            "auth_basic" | "auth_request" | "auth_jwt" => Some(d.arg(0) != Some("off")),
            _ => None,
        });

        let empty = Level { kind: Kind::Http, ..self.levels[id].clone() };
        let parent = self.levels[id].parent.map_or(&empty, |parent| &self.levels[parent]);
        let own_headers = own.len();
        let headers = inheritance.resolve(own, &parent.headers);
        let more_headers = parent.more_headers.iter().cloned().chain(own_more).collect();
        let hidden = Hidden::resolve(own_hidden, &parent.hidden);
        let denies_all = match &access[..] {
            [] => parent.denies_all,
            [first, ..] => *first == ("deny", Some("all")),
        };
        let error_pages =
            if own_pages.is_empty() { Rc::clone(&parent.error_pages) } else { own_pages.into() };
        let asks_for_authentication = asks.unwrap_or(parent.asks_for_authentication);
        let level = &mut self.levels[id];
        level.headers = headers;
        level.own_headers = own_headers;
        level.more_headers = more_headers;
        level.hidden = hidden;
        level.denies_all = denies_all;
        level.error_pages = error_pages;
        level.fallback = fallback;
        level.asks_for_authentication = asks_for_authentication;
    }

    /// Reads a directive of a level. What the rewrite module runs is added to `codes`.
    fn directive(&mut self, id: LevelId, directive: &Directive, codes: &mut Vec<Code>) {
        let name = directive.name.as_str();
        if let Body::Template = directive.body {
            self.templates.push((name.to_owned(), directive.site));
            return;
        }
        if let Some(variable) = defined_elsewhere(directive) {
            let definition = Definition::Other(name.to_owned(), directive.site);
            self.variables.insert(variable.to_owned(), definition);
            return;
        }
        if let Some(content) = content(directive) {
            if matches!(content, Content::Script(..)) {
                self.script(id, directive);
            }
            self.levels[id].content = content;
            return;
        }
        if is_script(name) {
            self.script(id, directive);
            return;
        }
        match name {
            "server" if matches!(directive.body, Body::Block(_)) => self.server(id, directive),
            "location" => self.location(id, directive),
            "limit_except" => self.limit_except(id, directive),
            "if" => {
                let code = self.condition(id, directive);
                codes.push(code);
            }
            "map" => self.map(directive),
            "set" => codes.extend(self.assignment(directive)),
            "rewrite" => codes.extend(self.rewrite(directive)),
            "return" => {
                // An address alone is a redirect.
                let status = directive.arg(0).and_then(|status| status.parse().ok()).unwrap_or(302);
                codes.push(Code::Return { status });
            }
            "break" => codes.push(Code::Break),
            _ => {}
        }
    }

    fn server(&mut self, http: LevelId, directive: &Directive) {
        let names = directive.block().iter().filter(|d| d.is("server_name"));
        let names = names.flat_map(|d| d.args.clone()).collect();
        let server = self.written_level(Kind::Server(names), http, directive);
        self.servers.push(server);
        self.fill(server, directive.block());
    }

    fn location(&mut self, around: LevelId, directive: &Directive) {
        let location = Location::new(&directive.args);
        if let Location::Regex(regex) = &location {
            self.define_groups(regex);
        }
        let location = self.written_level(Kind::Location(location), around, directive);
        self.levels[around].locations.push(location);
        self.fill(location, directive.block());
    }

    fn limit_except(&mut self, location: LevelId, directive: &Directive) {
        let level = self.written_level(Kind::LimitExcept, location, directive);
        self.fill(level, directive.block());
        let mut methods = directive.args.clone();
        if methods.iter().any(|method| method == "GET") {
            methods.push("HEAD".to_owned());
        }
        self.levels[location].limit_except = Some((methods, level));
    }

    /// An `if` with the codes in it.
    fn condition(&mut self, around: LevelId, directive: &Directive) -> Code {
        let test = Test::new(&directive.args);
        if let Test::Match { regex, .. } = &test {
            self.define_groups(regex);
        }
        let in_location = matches!(self.levels[around].kind, Kind::Location(_) | Kind::If);
        let level = in_location.then(|| self.written_level(Kind::If, around, directive));
        if let Some(level) = level {
            self.inherit(level, directive.block());
        }
        let mut then = Vec::new();
        for inner in directive.block() {
            self.directive(level.unwrap_or(around), inner, &mut then);
        }
        Code::If { test, level, then, site: directive.site }
    }

    fn map(&mut self, directive: &Directive) {
        let variable = directive.arg(1).and_then(|name| name.strip_prefix('$'));
        let (Some(map), Some(variable)) = (Map::new(directive), variable) else { return };
        for (regex, _) in &map.regexes {
            self.define_groups(regex);
        }
        self.variables.insert(variable.to_owned(), Definition::Map(self.maps.len()));
        self.maps.push(map);
    }

    fn assignment(&mut self, directive: &Directive) -> Option<Code> {
        let [variable, value] = &directive.args[..] else { return None };
        let variable = variable.trim_start_matches('$').to_owned();
        self.variables.entry(variable.clone()).or_insert(Definition::Set);
        Some(Code::Set { variable, value: Template::new(value) })
    }

    fn rewrite(&mut self, directive: &Directive) -> Option<Code> {
        let [pattern, replacement, flag @ ..] = &directive.args[..] else { return None };
        let regex = Regex::new(pattern, false);
        self.define_groups(&regex);
        let is_redirect =
            ["http://", "https://", "$scheme"].iter().any(|start| replacement.starts_with(start));
        let flag = match flag.first().map(String::as_str) {
            Some("permanent") => Flag::Redirect(301),
            Some("redirect") => Flag::Redirect(302),
            _ if is_redirect => Flag::Redirect(302),
            Some("last") => Flag::Last,
            Some("break") => Flag::Break,
            _ => Flag::None,
        };
        Some(Code::Rewrite { regex, replacement: Template::new(replacement), flag })
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

    fn script(&mut self, level: LevelId, directive: &Directive) {
        self.scripts.push(Script {
            level,
            directive: directive.name.clone(),
            site: directive.site,
            span: directive.span.clone(),
        });
    }

    fn define_groups(&mut self, regex: &Regex) {
        for name in regex.group_names() {
            self.variables.entry(name).or_insert(Definition::Set);
        }
    }
}

/// The variable that a directive defines by something that is not followed.
fn defined_elsewhere(directive: &Directive) -> Option<&str> {
    let variable = match directive.name.as_str() {
        // An address may come before it.
        "geo" => directive.args.last()?,
        "split_clients" | "keyval" => directive.arg(1)?,
        "js_set"
        | "js_var"
        | "perl_set"
        | "auth_request_set"
        | "auth_jwt_claim_set"
        | "auth_jwt_header_set" => directive.arg(0)?,
        // `set_by_lua` and the many of the set-misc module, but not `set_real_ip_from`.
        name if name.starts_with("set_") => directive.arg(0)?,
        _ => return None,
    };
    variable.strip_prefix('$')
}

/// What makes the response, if a directive says it.
fn content(directive: &Directive) -> Option<Content> {
    let name = directive.name.as_str();
    let site = directive.site;
    if UPSTREAMS.contains(&name) {
        return Some(Content::Upstream(name.to_owned(), site));
    }
    match name {
        "empty_gif" | "stub_status" | "flv" | "mp4" => Some(Content::Static),
        "content_by_lua"
        | "content_by_lua_block"
        | "content_by_lua_file"
        | "js_content"
        | "perl" => Some(Content::Script(name.to_owned(), site)),
        _ => None,
    }
}

/// Whether a directive runs a program that may change headers or answer requests.
fn is_script(name: &str) -> bool {
    ["rewrite_by_lua", "access_by_lua", "header_filter_by_lua", "server_rewrite_by_lua"]
        .iter()
        .any(|start| name.starts_with(start))
        || matches!(name, "js_header_filter" | "js_access")
}
