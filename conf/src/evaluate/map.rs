//! `map`.

use std::collections::HashMap;

use super::{regex::Regex, template::Template};
use crate::{Directive, Site};

/// A `map` block.
#[derive(Clone, Debug)]
pub struct Map {
    /// Where it is.
    pub site: Site,
    /// The text that is looked up.
    pub source: Template,
    /// Whether the keys may have wildcards of hosts.
    pub(crate) has_hostnames: bool,
    /// Whether the value is looked up anew each time.
    pub(crate) is_volatile: bool,
    /// The value for a text that no key matches.
    pub default: Template,
    /// Texts in lower case, and where their values are in `values`.
    pub(crate) exact: HashMap<String, usize>,
    /// The wildcards of hosts among these texts, as expressions that say the same.
    wildcards: HashMap<String, Regex>,
    /// Expressions in their order.
    pub(crate) regexes: Vec<(Regex, usize)>,
    /// The values of keys.
    pub(crate) values: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) value: Template,
    site: Site,
    /// The index of the first entry with this value.
    number: usize,
}

/// A key of a map.
#[derive(Clone, Copy, Debug)]
pub enum Key<'m> {
    /// A text, in lower case.
    Text(&'m str),
    /// An expression.
    Regex(&'m Regex),
}

impl Map {
    /// Reads `map SOURCE $VARIABLE { … }`; `None` if arguments are missing.
    pub(crate) fn new(directive: &Directive) -> Option<Self> {
        let mut map = Self {
            site: directive.site,
            source: Template::new(directive.arg(0)?),
            has_hostnames: false,
            is_volatile: false,
            default: Template::new(""),
            exact: HashMap::new(),
            wildcards: HashMap::new(),
            regexes: Vec::new(),
            values: Vec::new(),
        };
        let mut numbers = HashMap::new();
        for entry in directive.block() {
            let Some(value) = entry.arg(0) else {
                map.has_hostnames |= entry.is("hostnames");
                map.is_volatile |= entry.is("volatile");
                continue;
            };
            let value = Template::new(value);
            if entry.is("default") {
                map.default = value;
                continue;
            }
            let index = map.values.len();
            let number = *numbers.entry(value.source().to_owned()).or_insert(index);
            map.values.push(Entry { value, site: entry.site, number });
            if let Some(pattern) = entry.name.strip_prefix('~') {
                let (pattern, ignores_case) = match pattern.strip_prefix('*') {
                    Some(pattern) => (pattern, true),
                    None => (pattern, false),
                };
                map.regexes.push((Regex::new(pattern, ignores_case), index));
            } else {
                let key = entry.name.strip_prefix('\\').unwrap_or(&entry.name);
                map.exact.entry(key.to_ascii_lowercase()).or_insert(index);
            }
        }
        if map.has_hostnames {
            let wildcard = |text: &String| Some((text.clone(), wildcard(text)?));
            map.wildcards = map.exact.keys().filter_map(wildcard).collect();
        }
        Some(map)
    }

    /// A number for the value of a text: two texts with one number have one value, but for what groups
    /// of an expression put into it.
    #[must_use]
    pub fn number_of(&self, text: &str) -> usize {
        let matching = || {
            let matches = |(regex, _): &&(Regex, usize)| regex.is_match(text).unwrap_or(false);
            self.regexes.iter().find(matches).map(|(_, index)| *index)
        };
        match self.find_text(text).or_else(matching) {
            Some(index) => 1 + self.values[index].number,
            None => 0,
        }
    }

    /// Its keys in nginx's order, with their values and lines. Those that are texts come in no order, and
    /// wildcards of hosts are expressions.
    pub fn entries(&self) -> impl Iterator<Item = (Key<'_>, &Template, Site)> {
        let exact = self.exact.iter().map(|(text, index)| match self.wildcards.get(text) {
            Some(regex) => (Key::Regex(regex), *index),
            None => (Key::Text(text), *index),
        });
        let regexes = self.regexes.iter().map(|(regex, index)| (Key::Regex(regex), *index));
        exact.chain(regexes).map(|(key, index)| {
            let Entry { value, site, .. } = &self.values[index];
            (key, value, *site)
        })
    }

    /// The value of a text among the keys that are texts, as `ngx_hash_find_combined` finds it: without
    /// regard to case, and by the longest wildcard where there are some.
    pub(crate) fn find_text(&self, text: &str) -> Option<usize> {
        let text = if self.has_hostnames { text.strip_suffix('.').unwrap_or(text) } else { text };
        let text = text.to_ascii_lowercase();
        if let Some(index) = self.exact.get(&text) {
            return Some(*index);
        }
        if !self.has_hostnames {
            return None;
        }
        // `.example.com` is `example.com` and `*.example.com`.
        if let Some(index) = self.exact.get(&format!(".{text}")) {
            return Some(*index);
        }
        let dots = || text.match_indices('.').map(|(at, _)| at);
        let head = |at: usize| {
            let tail = &text[at..];
            self.exact.get(&format!("*{tail}")).or_else(|| self.exact.get(tail))
        };
        let tail = |at: usize| self.exact.get(&format!("{}.*", &text[..at]));
        dots().filter(|at| *at > 0).find_map(head).or_else(|| dots().rev().find_map(tail)).copied()
    }
}

/// An expression for `*.example.com`, `.example.com` or `www.*`.
fn wildcard(text: &str) -> Option<Regex> {
    let escaped = |text: &str| text.replace('.', r"\.");
    let pattern = if let Some(host) = text.strip_prefix("*.") {
        format!(r"^.+\.{}$", escaped(host))
    } else if let Some(host) = text.strip_prefix('.') {
        format!(r"^(.+\.)?{}$", escaped(host))
    } else {
        format!(r"^{}\..+$", escaped(text.strip_suffix(".*")?))
    };
    Some(Regex::new(&pattern, true))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Disk, read_text};

    fn map(body: &str) -> Map {
        let text = format!("map $host $a {{ {body} }}");
        let reading = read_text(text.as_bytes(), Path::new("-"), Path::new("/nowhere"), &Disk);
        Map::new(&reading.unwrap().directives[0]).unwrap()
    }

    #[test]
    fn texts_are_found_as_in_nginx() {
        let plain = map(r"A.example 1; \~b 2; \default 3; default 4;");
        for (text, value) in
            [("a.EXAMPLE", Some("1")), ("~B", Some("2")), ("default", Some("3")), ("x", None)]
        {
            let found = plain.find_text(text).map(|index| plain.values[index].value.source());
            assert_eq!(found, value, "{text}");
        }
        assert_eq!(plain.default.source(), "4");
        let hosts = map("hostnames; a.b 1; *.b 2; .c 3; *.x.b 4; www.* 5;");
        for (text, value) in [
            ("a.b.", Some("1")),
            ("z.b", Some("2")),
            ("y.z.b", Some("2")),
            ("y.x.b", Some("4")),
            ("c", Some("3")),
            ("y.c", Some("3")),
            ("b", None),
            ("www.q.r", Some("5")),
        ] {
            let found = hosts.find_text(text).map(|index| hosts.values[index].value.source());
            assert_eq!(found, value, "{text}");
            // The expressions say the same.
            let matches = |key: Key<'_>| match key {
                Key::Text(key) => key == text.trim_end_matches('.'),
                Key::Regex(regex) => regex.is_match(text.trim_end_matches('.')).unwrap(),
            };
            let mut values =
                hosts.entries().filter(|(key, ..)| matches(*key)).map(|(_, it, _)| it.source());
            assert_eq!(values.any(|it| Some(it) == value), value.is_some(), "{text}");
        }
    }
}
