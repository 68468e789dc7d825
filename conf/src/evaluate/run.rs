//! The way of one request.

mod handing_over;

use std::collections::HashMap;

use super::{
    build::{Config, Definition},
    condition::Test,
    hand_over::HandedOver,
    headers::{Header, is_for_status},
    location::{Code, Flag, Kind, LevelId, Location},
    regex::{Groups, Regex},
    request::Request,
    template::{Template, Values},
    value::{Unknown, Value},
    variables::builtin,
};
use crate::Site;

/// The most ways that are gone where conditions are unknown.
pub const MAX_ANSWERS: usize = 32;

/// How many locations a request may come to, as in nginx.
const MAX_CYCLES: usize = 11;

/// How deep variables may be made of variables.
const MAX_VARIABLES: usize = 32;

/// Where a request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At a server, which finds the location of the path.
    Server(LevelId),
    /// At a level that it is known to reach. The server's rewrite phase comes first.
    Level(LevelId),
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
    /// The keys of a map, by its number in [`Config::maps`].
    Map(usize),
    /// An expression.
    Regex(Regex),
    /// Something, and only a part of the origin was compared with it.
    Part,
}

impl Config {
    /// The answers to a request: one, unless conditions are unknown. The first one takes unknown
    /// conditions for false. There are at most [`MAX_ANSWERS`].
    #[must_use]
    pub fn evaluate(&self, request: &Request, start: Start) -> Vec<Answer> {
        let mut answers = Vec::new();
        let mut script = Vec::new();
        for remaining in (0..MAX_ANSWERS).rev() {
            let mut run = Run::new(self, request, script);
            let answer = run.answer(start);
            if !answers.contains(&answer) {
                answers.push(answer);
            }
            script = run.decisions;
            while script.last() == Some(&true) {
                script.pop();
            }
            match script.last_mut() {
                Some(decision) if remaining > 0 => *decision = true,
                _ => break,
            }
        }
        answers
    }

    /// Bounds the steps that all evaluations may take together. A step is a directive or a search of an
    /// expression; compiling an expression counts as two thousand.
    pub fn limit_steps(&mut self, steps: u64) {
        self.max_steps = steps;
    }

    /// Whether that many steps have been taken. Answers may be wrong then.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.steps.get() >= self.max_steps
    }

    /// Counts steps, and says whether there are any left.
    fn step(&self, steps: u64) -> bool {
        self.steps.set(self.steps.get().saturating_add(steps));
        !self.is_exhausted()
    }

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
}

struct Run<'c> {
    config: &'c Config,
    request: &'c Request,
    path: Option<String>,
    args: String,
    /// Variables that `set` or a group of an expression assigned.
    assigned: HashMap<String, Value>,
    /// Values of maps, which nginx keeps.
    mapped: HashMap<usize, Value>,
    captures: Captures,
    /// How deep in variables of variables this is.
    depth: usize,
    /// What was taken for each unknown condition, in their order.
    decisions: Vec<bool>,
    /// How many of them have come.
    decided: usize,
    /// The same, by condition: one that comes again is the same again.
    known: HashMap<String, bool>,
    assumed: Vec<(Unknown, Site, bool)>,
    tests: Vec<OriginTest>,
    handed_over: HandedOver,
}

/// `$1` and so on.
#[derive(Clone, Debug, Default)]
struct Captures {
    texts: Vec<String>,
    is_part_of_origin: bool,
    unknown: Option<Unknown>,
}

/// How the codes of a level end.
enum End {
    /// With the next phase.
    Next,
    /// With another path, for which the location is sought.
    Changed,
    /// With a response.
    Return(u16),
}

impl Values for Run<'_> {
    fn variable(&mut self, name: &str) -> Value {
        if let Some(value) = self.assigned.get(name) {
            return value.clone();
        }
        match self.config.variables.get(name) {
            Some(Definition::Map(map)) => self.map(*map),
            Some(Definition::Set) => Value::text(""),
            Some(Definition::Other(directive, site)) => Value::Unknown(Unknown::Directive {
                variable: name.to_owned(),
                directive: directive.clone(),
                site: *site,
            }),
            None if name == "request_method" => Value::text(self.method()),
            None => builtin(name, self.request, self.path.as_deref(), &self.args),
        }
    }

    fn capture(&mut self, number: usize) -> Value {
        if let Some(unknown) = &self.captures.unknown {
            return Value::Unknown(unknown.clone());
        }
        Value::Known {
            text: self.captures.texts.get(number - 1).cloned().unwrap_or_default(),
            is_part_of_origin: self.captures.is_part_of_origin,
        }
    }
}

impl<'c> Run<'c> {
    fn new(config: &'c Config, request: &'c Request, decisions: Vec<bool>) -> Self {
        Self {
            config,
            request,
            path: request.path.clone(),
            args: request.query.clone(),
            assigned: HashMap::new(),
            mapped: HashMap::new(),
            captures: Captures::default(),
            depth: 0,
            decisions,
            decided: 0,
            known: HashMap::new(),
            assumed: Vec::new(),
            tests: Vec::new(),
            handed_over: HandedOver::default(),
        }
    }

    fn method(&self) -> &'c str {
        if self.handed_over.is_get { "GET" } else { &self.request.method }
    }

    fn answer(&mut self, start: Start) -> Answer {
        let (server, mut location) = match start {
            Start::Server(server) => (Some(server), server),
            Start::Level(level) => (self.config.server_of(level), level),
        };
        if let Some(server) = server {
            let (end, _) = self.codes(&self.config.levels[server].codes, server);
            if let End::Return(status) = end {
                return self.respond(server, status, Content::Return);
            }
        }
        let mut level = location;
        for _ in 0..MAX_CYCLES {
            if let (Some(server), Start::Server(_)) = (server, start) {
                location = self.find(server).0;
            }
            level = match &self.config.levels[location].limit_except {
                Some((methods, limited)) if !methods.iter().any(|it| it == self.method()) => {
                    *limited
                }
                _ => location,
            };
            // The codes of a server do not run again where no location is found.
            let end = if Some(level) == server {
                End::Next
            } else {
                let (end, last) = self.codes(&self.config.levels[level].codes, level);
                level = last;
                end
            };
            match end {
                End::Return(status) => return self.respond(level, status, Content::Return),
                End::Next => return self.content(level),
                End::Changed if matches!(start, Start::Level(_)) => {
                    return self.bare(level, 200, Content::Elsewhere);
                }
                End::Changed => {}
            }
        }
        self.respond(level, 500, Content::Error)
    }

    /// The access and the content phase.
    fn content(&mut self, level: LevelId) -> Answer {
        let config = &self.config.levels[level];
        if config.denies_all {
            return self.respond(level, 403, Content::Error);
        }
        let method = self.method();
        if config.asks_for_authentication
            && method == "OPTIONS"
            && self.request.header("authorization").is_none_or(str::is_empty)
        {
            // A browser sends no credentials with a preflight.
            return self.respond(level, 401, Content::Error);
        }
        match &config.content {
            Content::Static if method == "OPTIONS" && config.fallback.is_some() => {
                self.fall_back(level)
            }
            Content::Static if !matches!(method, "GET" | "HEAD") => {
                self.respond(level, 405, Content::Error)
            }
            content => self.respond(level, 200, content.clone()),
        }
    }

    fn bare(&mut self, level: LevelId, status: u16, content: Content) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            content,
            level,
            assumed: std::mem::take(&mut self.assumed),
            tests: std::mem::take(&mut self.tests),
        }
    }

    /// A response with its headers, in the order in which the modules add them.
    fn respond(&mut self, level: LevelId, status: u16, content: Content) -> Answer {
        if let Content::Return | Content::Error = content {
            if let Some(answer) = self.error_page(level, status) {
                return answer;
            }
        }
        let status = self.handed_over.status.filter(|_| status < 300).unwrap_or(status);
        let config = &self.config.levels[level];
        let mut headers = Vec::new();
        if let Content::Upstream(..) = content {
            for (name, value) in &self.request.upstream_headers {
                if config.hides(&name.to_ascii_lowercase()).is_none() {
                    let value = Value::text(value.as_str());
                    headers.push(Header { name: name.clone(), value, site: None });
                }
            }
        }
        for more in config.more_headers.iter() {
            more.apply(status, self, &mut headers);
        }
        for header in config.headers.iter() {
            if !header.always && !is_for_status(status) {
                continue;
            }
            let value = header.value.fill(self);
            if value.known() != Some("") {
                headers.push(Header { name: header.name.clone(), value, site: Some(header.site) });
            }
        }
        Answer { headers, ..self.bare(level, status, content) }
    }

    /// Runs codes, and says which level is in force behind them.
    fn codes(&mut self, codes: &'c [Code], level: LevelId) -> (End, LevelId) {
        let mut level = level;
        let mut changed = false;
        let end = match self.steps(codes, &mut level, &mut changed) {
            Flow::Return(status) => End::Return(status),
            Flow::On | Flow::Break if changed => End::Changed,
            Flow::On | Flow::Break => End::Next,
        };
        (end, level)
    }

    /// Runs a block of codes. `level` becomes that of the last `if` that holds, and `changed` says whether
    /// the path is another one, for which the location is sought.
    fn steps(&mut self, codes: &'c [Code], level: &mut LevelId, changed: &mut bool) -> Flow {
        for code in codes {
            if !self.config.step(1) {
                return Flow::Break;
            }
            match code {
                Code::Set { variable, value } => {
                    let value = value.fill(self);
                    self.assigned.insert(variable.clone(), value);
                }
                Code::If { test, level: inner, then, site } => {
                    if !self.test(test, *site) {
                        continue;
                    }
                    if let Some(inner) = inner {
                        *level = *inner;
                    }
                    // `break` and the like end the codes around the `if`, too.
                    match self.steps(then, level, changed) {
                        Flow::On => {}
                        ended => return ended,
                    }
                }
                Code::Rewrite { regex, replacement, flag } => {
                    if !self.matches_path(regex, self.config.levels[*level].site) {
                        continue;
                    }
                    if let Flag::Redirect(status) = flag {
                        return Flow::Return(*status);
                    }
                    self.replace_path(replacement);
                    match flag {
                        Flag::Break => {
                            *changed = false;
                            return Flow::Break;
                        }
                        Flag::Last => {
                            *changed = true;
                            return Flow::Break;
                        }
                        _ => *changed = true,
                    }
                }
                Code::Return { status } => return Flow::Return(*status),
                Code::Break => {
                    *changed = false;
                    return Flow::Break;
                }
            }
        }
        Flow::On
    }

    fn matches_path(&mut self, regex: &Regex, site: Site) -> bool {
        match self.path.clone() {
            Some(path) => self.search(regex, &Value::text(path), site, true),
            None => {
                let unknown = Unknown::Request("uri".to_owned());
                let decision = self.decide(format!("uri ~ {}", regex.pattern()), &unknown, site);
                self.captures =
                    Captures { unknown: decision.then_some(unknown), ..Captures::default() };
                decision
            }
        }
    }

    fn replace_path(&mut self, replacement: &Template) {
        let (template, keeps_args) = match replacement.source().strip_suffix('?') {
            Some(source) => (Template::new(source), false),
            None => (replacement.clone(), true),
        };
        let filled = template.fill(self);
        let Some(text) = filled.known().filter(|_| self.path.is_some()) else {
            self.path = None;
            return;
        };
        let (path, args) = match text.split_once('?') {
            Some((path, args)) if keeps_args && !self.args.is_empty() => {
                (path, format!("{args}&{}", self.args))
            }
            Some((path, args)) => (path, args.to_owned()),
            None if keeps_args => (text, self.args.clone()),
            None => (text, String::new()),
        };
        (self.path, self.args) = (Some(path.to_owned()), args);
    }

    /// Whether the condition of an `if` holds.
    fn test(&mut self, test: &Test, site: Site) -> bool {
        match test {
            Test::Set(variable) => {
                let value = self.variable(variable);
                if let Value::Known { is_part_of_origin: true, .. } = value {
                    self.look(&value, Tested::Part, site);
                }
                match value {
                    Value::Known { text, .. } => !text.is_empty() && text != "0",
                    Value::Unknown(unknown) => self.decide(format!("${variable}"), &unknown, site),
                }
            }
            Test::Equal { variable, text, negated } => {
                let left = self.variable(variable);
                let right = text.fill(self);
                let holds = match (&left, &right) {
                    (
                        Value::Known { text: left_text, .. },
                        Value::Known { text: right_text, .. },
                    ) => {
                        self.look(&left, Tested::Text(right_text.clone()), site);
                        self.look(&right, Tested::Text(left_text.clone()), site);
                        left_text == right_text
                    }
                    (Value::Unknown(unknown), _) | (_, Value::Unknown(unknown)) => {
                        let condition = format!("${variable} = {}", text.source());
                        self.decide(condition, unknown, site)
                    }
                };
                holds != *negated
            }
            Test::Match { variable, regex, negated } => {
                let value = self.variable(variable);
                let holds = match &value {
                    Value::Known { .. } => self.search(regex, &value, site, true),
                    Value::Unknown(unknown) => {
                        let operator = if regex.ignores_case() { "~*" } else { "~" };
                        let condition = format!("${variable} {operator} {}", regex.pattern());
                        let decision = self.decide(condition, unknown, site);
                        let unknown = decision.then(|| unknown.clone());
                        self.captures = Captures { unknown, ..Captures::default() };
                        decision
                    }
                };
                holds != *negated
            }
            Test::File { operator, path, negated } => {
                let condition = format!("{operator} {path}");
                self.decide(condition, &Unknown::File(path.clone()), site) != *negated
            }
            Test::Unknown(text) => {
                self.decide(text.clone(), &Unknown::Refused(format!("if {text}")), site)
            }
        }
    }

    /// What is taken for a condition that is not known.
    fn decide(&mut self, condition: String, unknown: &Unknown, site: Site) -> bool {
        if let Some(decision) = self.known.get(&condition) {
            return *decision;
        }
        if self.decided == self.decisions.len() {
            self.decisions.push(false);
        }
        let decision = self.decisions[self.decided];
        self.decided += 1;
        self.known.insert(condition, decision);
        self.assumed.push((unknown.clone(), site, decision));
        decision
    }

    /// Searches an expression, and keeps what its groups match. An `if` or `rewrite` that does not match
    /// (`forgets`) takes away what was kept before.
    fn search(&mut self, regex: &Regex, value: &Value, site: Site, forgets: bool) -> bool {
        let Value::Known { text, .. } = value else { return false };
        let is_origin = self.look(value, Tested::Regex(regex.clone()), site);
        if !self.config.step(cost(regex)) {
            return false;
        }
        match regex.groups(text) {
            Ok(Some(groups)) => {
                self.capture_groups(groups, is_origin);
                true
            }
            Ok(None) => {
                if forgets {
                    self.captures = Captures::default();
                }
                false
            }
            Err(unknown) => {
                let condition = format!("{text} ~ {}", regex.pattern());
                let decision = self.decide(condition, &unknown, site);
                self.captures =
                    Captures { unknown: decision.then_some(unknown), ..Captures::default() };
                decision
            }
        }
    }

    fn capture_groups(&mut self, groups: Groups, is_part_of_origin: bool) {
        for (name, text) in groups.named {
            self.assigned.insert(name, Value::Known { text, is_part_of_origin });
        }
        self.captures = Captures { texts: groups.numbered, is_part_of_origin, unknown: None };
    }

    /// Notes that a value is compared, if it holds the request's origin or a part of it.
    fn look(&mut self, value: &Value, tested: Tested, site: Site) -> bool {
        let Value::Known { text, is_part_of_origin } = value else { return false };
        let origin = self.request.origin.as_deref().unwrap_or_default();
        // A shorter text could be in another one by chance.
        let whole = origin.contains("://").then(|| text.split_once(origin)).flatten();
        let (tested, before, behind) = match whole {
            Some((before, behind)) => (tested, before, behind),
            None if *is_part_of_origin => (Tested::Part, "", ""),
            None => return false,
        };
        let test =
            OriginTest { tested, before: before.to_owned(), behind: behind.to_owned(), site };
        self.tests.push(test);
        true
    }

    /// The value of a map's variable.
    fn map(&mut self, number: usize) -> Value {
        let map = &self.config.maps[number];
        if let Some(value) = self.mapped.get(&number).filter(|_| !map.is_volatile) {
            return value.clone();
        }
        if self.depth == MAX_VARIABLES {
            return Value::Unknown(Unknown::Refused("a map of itself".to_owned()));
        }
        self.depth += 1;
        let source = map.source.fill(self);
        let value = match &source {
            Value::Unknown(unknown) => Value::Unknown(unknown.clone()),
            Value::Known { text, .. } => {
                self.look(&source, Tested::Map(number), map.site);
                let found = match map.find_text(text) {
                    Some(index) => Ok(Some(index)),
                    None => self.find_regex(number, text, &source),
                };
                match found {
                    Ok(Some(index)) => map.values[index].value.fill(self),
                    Ok(None) => map.default.fill(self),
                    Err(unknown) => Value::Unknown(unknown),
                }
            }
        };
        self.depth -= 1;
        self.mapped.insert(number, value.clone());
        value
    }

    /// The first expression of a map that matches. An empty text matches none.
    fn find_regex(
        &mut self,
        number: usize,
        text: &str,
        source: &Value,
    ) -> Result<Option<usize>, Unknown> {
        if text.is_empty() {
            return Ok(None);
        }
        for (regex, index) in &self.config.maps[number].regexes {
            if !self.config.step(cost(regex)) {
                return Ok(None);
            }
            if let Some(groups) = regex.groups(text)? {
                let is_part =
                    match source {
                        Value::Known { is_part_of_origin: true, .. } => true,
                        _ => self.request.origin.as_ref().is_some_and(|origin| {
                            !origin.is_empty() && text.contains(origin.as_str())
                        }),
                    };
                self.capture_groups(groups, is_part);
                return Ok(Some(*index));
            }
        }
        Ok(None)
    }

    /// The location of the path below a level, and whether the search ends with it.
    fn find(&mut self, at: LevelId) -> (LevelId, bool) {
        let path = self.path.clone().unwrap_or_default();
        let locations = &self.config.levels[at].locations;
        let mut longest: Option<(usize, LevelId, bool)> = None;
        for &id in locations {
            match self.location(id) {
                Some(Location::Exact(exact)) if *exact == path => return (id, true),
                Some(Location::Prefix { path: prefix, skips_regexes })
                    if path.starts_with(prefix.as_str())
                        && longest.is_none_or(|(length, ..)| prefix.len() > length) =>
                {
                    longest = Some((prefix.len(), id, *skips_regexes));
                }
                _ => {}
            }
        }
        let mut found = at;
        if let Some((_, id, skips_regexes)) = longest {
            let (inner, is_final) = self.find(id);
            if is_final || skips_regexes {
                return (inner, is_final);
            }
            found = inner;
        }
        for &id in locations {
            let Some(Location::Regex(regex)) = self.location(id) else { continue };
            let site = self.config.levels[id].site;
            if self.search(regex, &Value::text(path.as_str()), site, false) {
                return (self.find(id).0, true);
            }
        }
        (found, false)
    }

    fn location(&self, id: LevelId) -> Option<&'c Location> {
        match &self.config.levels[id].kind {
            Kind::Location(location) => Some(location),
            _ => None,
        }
    }
}

/// The steps that a search counts as.
fn cost(regex: &Regex) -> u64 {
    const COMPILING: u64 = 2000;
    if regex.is_compiled() { 1 } else { COMPILING }
}

/// How a block of codes ends.
enum Flow {
    On,
    Break,
    Return(u16),
}
