//! The directives of a level, one by one, in their order.

use super::modules;
use crate::{
    Body, Directive,
    evaluate::{
        Config, Content, Kind, LevelId, Location, Map, Regex, Script, Template, Test,
        config::Definition,
        location::{Code, Flag},
    },
};

impl Config {
    /// Reads a directive of a level. What the rewrite module runs is added to `codes`.
    pub(super) fn directive(&mut self, id: LevelId, directive: &Directive, codes: &mut Vec<Code>) {
        let name = directive.name.as_str();
        if let Body::Template = directive.body {
            self.templates.push((name.to_owned(), directive.site));
        } else if let Some(variable) = modules::defined_elsewhere(directive) {
            let definition = Definition::Other(name.to_owned(), directive.site);
            self.variables.insert(variable.to_owned(), definition);
        } else if let Some(content) = modules::content(directive) {
            if matches!(content, Content::Script(..)) {
                self.script(id, directive);
            }
            self.levels[id].content = content;
        } else if modules::is_script(name) {
            self.script(id, directive);
        } else {
            self.core_or_rewrite(id, directive, codes);
        }
    }

    /// Reads a directive of the core, of `map` or of the rewrite module.
    fn core_or_rewrite(&mut self, id: LevelId, directive: &Directive, codes: &mut Vec<Code>) {
        match directive.name.as_str() {
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
