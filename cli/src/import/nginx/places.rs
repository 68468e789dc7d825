//! The levels of a configuration, in words.

use std::collections::{BTreeMap, HashMap};

use nginx_conf::evaluate::{Config, Kind, LevelId, Location};
use nginx_conf::{Directive, Site};

/// The levels whose blocks are written, by the file and where their directives begin.
pub(super) fn written(config: &Config) -> HashMap<(usize, usize), LevelId> {
    let written = |(id, level): (LevelId, &nginx_conf::evaluate::Level)| {
        Some(((level.site.file, level.body_start?), id))
    };
    config.levels.iter().enumerate().filter_map(written).collect()
}

/// The directives of the module that are there already, each with its level.
pub(super) fn directives_of_module<'d>(
    directives: &'d [Directive],
    config: &Config,
) -> Vec<(LevelId, &'d Directive)> {
    fn walk<'d>(
        directives: &'d [Directive],
        level: LevelId,
        levels: &HashMap<(usize, usize), LevelId>,
        found: &mut Vec<(LevelId, &'d Directive)>,
    ) {
        for directive in directives {
            if directive.name.starts_with("cors_policy") {
                found.push((level, directive));
            }
            let start = (directive.site.file, directive.head_end + 1);
            walk(directive.block(), levels.get(&start).copied().unwrap_or(level), levels, found);
        }
    }
    let levels = written(config);
    let outermost = levels.get(&(0, 0)).copied().unwrap_or_default();
    let mut found = Vec::new();
    walk(directives, outermost, &levels, &mut found);
    found
}

/// Where a policy is switched on, or off, already.
pub(super) fn with_policy(context: &super::Context<'_>) -> BTreeMap<LevelId, Site> {
    let directives = directives_of_module(&context.reading.directives, context.config);
    let switches = directives.into_iter().filter(|(_, directive)| directive.is("cors_policy"));
    switches.map(|(level, directive)| (level, directive.site)).collect()
}

/// A level as a reader of the configuration calls it.
pub(super) fn describe(config: &Config, level: LevelId) -> String {
    match &config.levels[level].kind {
        Kind::Http => "http".to_owned(),
        Kind::Server(names) => match names.first() {
            Some(name) if !name.is_empty() => format!("server {name}"),
            _ => "the server".to_owned(),
        },
        Kind::Location(location) => match location {
            Location::Exact(path) => format!("location = {path}"),
            Location::Prefix { path, skips_regexes: true } => format!("location ^~ {path}"),
            Location::Prefix { path, .. } => format!("location {path}"),
            Location::Regex(regex) if regex.ignores_case() => {
                format!("location ~* {}", regex.pattern())
            }
            Location::Regex(regex) => format!("location ~ {}", regex.pattern()),
            Location::Named(name) => format!("location @{name}"),
        },
        Kind::If => "the `if`".to_owned(),
        Kind::LimitExcept => "limit_except".to_owned(),
    }
}

/// A name for the policy of a level.
pub(super) fn policy_name(config: &Config, level: LevelId) -> String {
    let server_name = |level: LevelId| match &config.levels[level].kind {
        Kind::Server(names) => names.iter().find_map(|name| readable(name)),
        _ => None,
    };
    let several = config.servers.len() > 1;
    let of_server = config.server_of(level).and_then(server_name);
    match &config.levels[level].kind {
        Kind::Http => "default".to_owned(),
        Kind::Server(_) => of_server.unwrap_or_else(|| "server".to_owned()),
        Kind::Location(location) => {
            let name = match location {
                Location::Exact(path) | Location::Prefix { path, .. } => readable(path),
                Location::Regex(regex) => readable(regex.pattern()),
                Location::Named(name) => readable(name),
            };
            match (name, of_server) {
                (Some(name), _) => name,
                (None, Some(server)) if several => server,
                (None, _) => "root".to_owned(),
            }
        }
        Kind::If | Kind::LimitExcept => "policy".to_owned(),
    }
}

/// The words of a path, a host or an expression.
fn readable(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // Not a letter of a word: `\w`, `\d`.
            '\\' if chars.peek().is_some_and(char::is_ascii_alphanumeric) => {
                chars.next();
                name.push('-');
            }
            c if c.is_ascii_alphanumeric() || c == '_' => name.push(c),
            '.' if name.ends_with(|c: char| c.is_ascii_alphanumeric())
                && chars.peek().is_some_and(char::is_ascii_alphanumeric)
                && !text.contains(['\\', '(', '^', '$']) =>
            {
                name.push('.');
            }
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name = name.trim_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn names_are_words_of_the_path() {
        for (text, name) in [
            ("/api/", Some("api")),
            ("/", None),
            ("/api/v1.2/", Some("api-v1.2")),
            (r"\.(eot|ttf|woff2?)$", Some("eot-ttf-woff2")),
            (r"^/files/\d+/(.*)$", Some("files")),
            ("_", Some("_")),
            ("shop.example.com", Some("shop.example.com")),
            ("*.example.com", Some("example.com")),
        ] {
            assert_eq!(readable(text).as_deref(), name, "{text}");
        }
    }
}
