//! Regular expressions of PCRE, with bounds.

use std::{
    cell::OnceCell,
    hash::{Hash, Hasher},
};

use super::value::Unknown;

/// The longest expression: nginx takes no longer word.
const MAX_PATTERN: usize = 4096;

/// Steps that one search may go back. An expression with look-around or back references needs them.
const MAX_STEPS: usize = 100_000;

/// The most memory of one compiled expression, in bytes.
const MAX_MEMORY: usize = 1 << 20;

/// A regular expression, compiled when it is needed first.
///
/// Where the engines differ it follows PCRE without UTF: `\d`, `\w` and `\s` are ASCII, and a bracket in
/// a class is a letter. A line break behind a `$` is not there; no header can hold one.
#[derive(Clone, Debug)]
pub struct Regex {
    pattern: String,
    ignores_case: bool,
    compiled: OnceCell<Result<fancy_regex::Regex, String>>,
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern && self.ignores_case == other.ignores_case
    }
}

impl Eq for Regex {}

impl Hash for Regex {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pattern.hash(state);
        self.ignores_case.hash(state);
    }
}

/// What the groups of an expression matched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    /// The texts of `$1` and so on.
    pub(crate) numbered: Vec<String>,
    /// The texts of named groups.
    pub(crate) named: Vec<(String, String)>,
}

impl Regex {
    pub(crate) fn new(pattern: &str, ignores_case: bool) -> Self {
        Self { pattern: pattern.to_owned(), ignores_case, compiled: OnceCell::new() }
    }

    /// The expression as it is written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether it ignores case.
    #[must_use]
    pub fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    /// Whether it matches somewhere in a text.
    ///
    /// # Errors
    ///
    /// If the expression is not understood, or takes too long.
    pub fn is_match(&self, text: &str) -> Result<bool, Unknown> {
        self.compiled()?.is_match(text).map_err(|error| self.unknown(error.to_string()))
    }

    /// Whether it has been compiled, which takes time and memory.
    pub(crate) fn is_compiled(&self) -> bool {
        self.compiled.get().is_some()
    }

    /// What its groups match in a text.
    pub(crate) fn groups(&self, text: &str) -> Result<Option<Groups>, Unknown> {
        let regex = self.compiled()?;
        let captures = regex.captures(text).map_err(|error| self.unknown(error.to_string()))?;
        let Some(captures) = captures else { return Ok(None) };
        let text_of = |index: usize| captures.get(index).map_or("", |group| group.as_str());
        Ok(Some(Groups {
            numbered: (1..captures.len()).map(|index| text_of(index).to_owned()).collect(),
            named: regex
                .capture_names()
                .enumerate()
                .filter_map(|(index, name)| Some((name?.to_owned(), text_of(index).to_owned())))
                .collect(),
        }))
    }

    /// The names of its groups.
    pub(crate) fn group_names(&self) -> Vec<String> {
        // Those of most expressions are none, so that nothing is compiled.
        if !self.pattern.contains("(?") {
            return Vec::new();
        }
        let names = |regex: &fancy_regex::Regex| {
            regex.capture_names().flatten().map(ToOwned::to_owned).collect()
        };
        self.compiled().map(names).unwrap_or_default()
    }

    fn compiled(&self) -> Result<&fancy_regex::Regex, Unknown> {
        let compile = || {
            if self.pattern.len() > MAX_PATTERN {
                return Err(format!("it is longer than {MAX_PATTERN} bytes"));
            }
            fancy_regex::RegexBuilder::new(&translate(&self.pattern)?)
                .case_insensitive(self.ignores_case)
                .backtrack_limit(MAX_STEPS)
                .delegate_size_limit(MAX_MEMORY)
                .delegate_dfa_size_limit(MAX_MEMORY)
                .build()
                .map_err(|error| error.to_string())
        };
        self.compiled.get_or_init(compile).as_ref().map_err(|why| self.unknown(why.clone()))
    }

    fn unknown(&self, why: String) -> Unknown {
        // Some messages have several lines.
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        Unknown::Regex { pattern: self.pattern.clone(), why }
    }
}

/// An expression of PCRE in the words of the engine.
///
/// # Errors
///
/// What means something else in the two, or is not there.
fn translate(pattern: &str) -> Result<String, String> {
    let mut translated = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut is_in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next().ok_or("it ends with a backslash")?;
                translated.push_str(&escape(escaped, is_in_class)?);
            }
            '[' if is_in_class && chars.peek() == Some(&':') => translated.push('['),
            // Letters here, nested classes and operators there.
            '[' | '&' | '~' if is_in_class => {
                translated.push('\\');
                translated.push(c);
            }
            ':' if is_in_class && chars.peek() == Some(&']') && translated.contains("[:") => {
                translated.push(':');
                translated.extend(chars.next());
            }
            '[' => {
                is_in_class = true;
                translated.push('[');
                if chars.peek() == Some(&'^') {
                    translated.extend(chars.next());
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    translated.push_str("\\]");
                }
            }
            ']' if is_in_class => {
                is_in_class = false;
                translated.push(']');
            }
            '{' if !is_in_class && !is_repetition(chars.clone()) => translated.push_str("\\{"),
            c => translated.push(c),
        }
    }
    Ok(translated)
}

/// What a backslash and this letter stand for.
fn escape(letter: char, is_in_class: bool) -> Result<String, String> {
    let class = |members: &str| {
        if is_in_class { members.to_owned() } else { format!("[{members}]") }
    };
    Ok(match letter {
        'd' => class("0-9"),
        'w' => class("0-9A-Za-z_"),
        's' => class(" \\t\\n\\x0b\\f\\r"),
        'h' => class(" \\t"),
        'A'
        | 'B'
        | 'D'
        | 'S'
        | 'W'
        | 'Z'
        | 'a'
        | 'b'
        | 'f'
        | 'k'
        | 'n'
        | 'r'
        | 't'
        | 'x'
        | 'z'
        | '0'..='9' => {
            format!("\\{letter}")
        }
        letter if letter.is_ascii_alphanumeric() => return Err(format!("\\{letter} is unknown")),
        letter if letter.is_ascii() && !matches!(letter, '<' | '>') => format!("\\{letter}"),
        letter => letter.to_string(),
    })
}

/// Whether `{` begins a repetition such as `{2}`, `{2,}` or `{2,3}`.
fn is_repetition(rest: impl Iterator<Item = char>) -> bool {
    let inner: String =
        rest.take_while(|c| c.is_ascii_digit() || matches!(c, ',' | '}')).take(24).collect();
    let Some((inner, _)) = inner.split_once('}') else { return false };
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    !least.is_empty() && !most.contains(',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_match_as_in_pcre() {
        for (pattern, text, expected) in [
            (r"^https?://(.+\.)?example\.com$", "https://a.example.com", true),
            (r"^https?:\/\/[\w\-]+\.example\.com$", "http://a-b.example.com", true),
            ("^[[]$", "[", true),
            ("^[]a]$", "]", true),
            ("^[^]a]$", "]", false),
            ("^[a&&b]+$", "a&b", true),
            ("^[[:alpha:]]+$", "abc", true),
            ("^[[:alpha:]&]+$", "a&", true),
            (r"^\d$", "٣", false),
            ("^a{2}$", "aa", true),
            ("^a{,2}$", "a{,2}", true),
            ("^a{b}$", "a{b}", true),
            (r"^\<a\>$", "<a>", true),
            ("^(?!https://evil)https://", "https://evil.example", false),
            (r"^(a)\1$", "aa", true),
            (r"\.", "a.b", true),
            (r"^\h{$", "\t{", true),
        ] {
            assert_eq!(Regex::new(pattern, false).is_match(text), Ok(expected), "{pattern}");
        }
        assert_eq!(Regex::new("^HTTPS", true).is_match("https://a"), Ok(true));
    }

    #[test]
    fn groups_are_numbered_and_named() {
        let groups = Regex::new("^(a)(b)?(?<rest>.*)$", false).groups("acd").unwrap().unwrap();
        assert_eq!(groups.numbered, ["a", "", "cd"]);
        assert_eq!(groups.named, [("rest".to_owned(), "cd".to_owned())]);
    }

    #[test]
    fn what_is_not_understood_says_so() {
        let long = "a".repeat(MAX_PATTERN + 1);
        let deep = "(".repeat(2000) + &")".repeat(2000);
        for pattern in ["(", r"\", r"\Ka", "[", "((a{999}){999}){999}", &long, &deep] {
            let regex = Regex::new(pattern, false);
            assert!(matches!(regex.is_match("a"), Err(Unknown::Regex { .. })), "{pattern}");
        }
    }

    #[test]
    fn a_search_that_takes_too_long_ends() {
        let text = "a".repeat(300);
        assert_eq!(Regex::new("^(a+)+$", false).is_match(&format!("{text}!")), Ok(false));
        let slow = Regex::new(r"^(?:(a+)\1?)+b$", false).is_match(&text);
        assert!(matches!(slow, Err(Unknown::Regex { .. })), "{slow:?}");
    }
}
