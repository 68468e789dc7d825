//! The levels of a configuration, in words.

use nginx_conf::evaluate::{Config, Kind, LevelId, Location};

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
