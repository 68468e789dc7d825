//! What is wrong with a document.

use std::{
    error::Error,
    fmt::{self, Write},
    path::Path,
    sync::Arc,
};

use super::keys::{KeyKind, KeySpec};
use crate::{
    headers::{HeaderNameError, MaxAgeError, MethodError},
    origin::{Danger, GuardError, MatcherError, PatternError},
};

/// So many mistakes are described; the rest are counted.
const MAX_MISTAKES: usize = 100;

/// Characters of a value or a key that a message shows.
const MAX_SHOWN: usize = 80;

/// All mistakes of a document, in its order; at least one. At most a hundred are described, the
/// rest are counted. Displays one mistake a line.
#[derive(Clone, Debug)]
pub struct Report {
    mistakes: Vec<Mistake>,
    omitted: usize,
}

impl Report {
    /// The mistakes, in the order of the document.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// What is to be said of the mistakes that are not described: `and 7 more mistakes`.
    pub fn rest(&self) -> Option<String> {
        match self.omitted {
            0 => None,
            1 => Some("and 1 more mistake".to_owned()),
            more => Some(format!("and {more} more mistakes")),
        }
    }

    /// How many more mistakes there are than [`Report::mistakes`] describes.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl IntoIterator for Report {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.mistakes.into_iter()
    }
}

impl<'a> IntoIterator for &'a Report {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.mistakes.iter()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        match self.rest() {
            Some(rest) => write!(f, "\n{rest}"),
            None => Ok(()),
        }
    }
}

impl Error for Report {}

/// Mistakes as they are found.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    found: Vec<Mistake>,
    omitted: usize,
}

impl Mistakes {
    pub(super) fn add(&mut self, mistake: impl FnOnce() -> Mistake) {
        if self.found.len() < MAX_MISTAKES {
            self.found.push(mistake());
        } else {
            self.omitted += 1;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.found.len() + self.omitted
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, Report> {
        if self.found.is_empty() {
            Ok(value)
        } else {
            Err(Report { mistakes: self.found, omitted: self.omitted })
        }
    }
}

/// In which language the document is written, because a remedy has to be in the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    Yaml,
    Nginx,
}

/// One mistake. Displays as one line:
///
/// `cors.yaml:7: policies.api.max_age: "2d": more than 86400 seconds, at which browsers cap it;
/// write 1d or less`
#[derive(Clone, Debug)]
pub struct Mistake {
    pub(super) file: Arc<Path>,
    pub(super) line: Option<u32>,
    pub(super) place: String,
    pub(super) value: Option<String>,
    pub(super) kind: MistakeKind,
    /// The key that the value belongs to, for the remedy.
    pub(super) key: Option<&'static KeySpec>,
    pub(super) syntax: Syntax,
}

impl Mistake {
    /// The file: the document, or an `allow_origins_file`.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line in the file, from 1, where it is known.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The place in the document, `policies.api.allow_origins[2]`; empty where it is the file as
    /// a whole.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The value as it was written, escaped and cut to a sensible length.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Which mistake it is.
    pub fn kind(&self) -> &MistakeKind {
        &self.kind
    }

    /// What is wrong.
    pub fn problem(&self) -> String {
        self.kind.to_string()
    }

    /// What to write instead.
    pub fn remedy(&self) -> String {
        let example = || match (self.key, self.syntax) {
            (Some(key), Syntax::Yaml) => format!("write `{}: {}`", key.name, key.yaml),
            (Some(key), Syntax::Nginx) => format!("write `{} {};`", key.name, key.nginx),
            (None, _) => "write a value".to_owned(),
        };
        match &self.kind {
            MistakeKind::NoValue => format!("{}, or remove the key", example()),
            MistakeKind::WrongType { expected: Expected::Key(_), .. } => {
                match (self.key.map(|key| key.kind), self.syntax, boolean(self.value.as_deref())) {
                    (Some(KeyKind::Boolean), Syntax::Yaml, Some(meant)) => {
                        format!("write `{meant}`")
                    }
                    (Some(KeyKind::Boolean), Syntax::Yaml, None) => {
                        "write `true` or `false`".to_owned()
                    }
                    (Some(KeyKind::Boolean), Syntax::Nginx, _) => "write `on` or `off`".to_owned(),
                    _ => example(),
                }
            }
            MistakeKind::EmptyEntry if self.key.is_some_and(KeySpec::takes_origins) => {
                "remove it, or write an origin; the null origin is \"null\" in quotes".to_owned()
            }
            MistakeKind::SeveralInOne { entries } => match self.syntax {
                Syntax::Yaml => format!("write a list: [{}]", entries.join(", ")),
                Syntax::Nginx => format!("separate by spaces: {}", entries.join(" ")),
            },
            kind => kind.remedy(),
        }
    }

    /// All but the file and the line, for who shows these in another way.
    pub fn message(&self) -> String {
        let place = [Some(self.place.as_str()), self.value()];
        let place = place.into_iter().flatten().filter(|part| !part.is_empty());
        let place = place.fold(String::new(), |all, part| all + part + ": ");
        format!("{place}{}; {}", self.kind, self.remedy())
    }

    /// The entry of `dangerously_allow` that lets it pass, if one does.
    pub fn opened_by(&self) -> Option<Danger> {
        match &self.kind {
            MistakeKind::Guard(guard) => Some(guard.opened_by()),
            _ => None,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message())
    }
}

impl Error for Mistake {}

/// What YAML 1.1 would have made of a text.
fn boolean(shown: Option<&str>) -> Option<bool> {
    truth(shown?.trim_matches('"'))
}

/// Whether a text means true or false to people.
pub(super) fn truth(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["true", "yes", "on", "y", "1"]) {
        Some(true)
    } else if is_one_of(["false", "no", "off", "n", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// The kinds of mistakes. `Display` says what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MistakeKind {
    /// A file cannot be read.
    Unreadable(String),
    /// What a path leads to is no regular file.
    NotAFile {
        /// What it is.
        found: &'static str,
    },
    /// A document is larger than so many bytes.
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// An `allow_origins_file` is larger than so many bytes.
    ListTooLarge {
        /// The limit.
        limit: u64,
    },
    /// A file, or a line of an `allow_origins_file`, is not UTF-8.
    NotUtf8,
    /// A character that YAML does not permit.
    ControlCharacter(char),
    /// The file is not YAML, as the parser says it.
    Syntax(String),
    /// A value begins with `*` outside of quotes.
    UnquotedStar,
    /// A tab where YAML wants spaces.
    Tab,
    /// More than one YAML document in the file.
    SeveralDocuments,
    /// Lists and mappings inside each other, deeper than any policy needs.
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// An alias inside of what it stands for.
    RecursiveAlias,
    /// Aliases that copy too much.
    AliasBomb,
    /// The file has nothing in it.
    EmptyDocument,
    /// A YAML tag.
    Tag(String),
    /// A key that is not a text.
    KeyNotText,
    /// `<<`
    MergeKey,
    /// A key that stands there twice.
    DuplicateKey {
        /// The line of the first one, if known.
        first: Option<u32>,
    },
    /// A key that there is not.
    UnknownKey {
        /// The key that is spelled most like it, if one comes near.
        nearest: Option<&'static str>,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// A key that belongs elsewhere.
    MisplacedKey {
        /// Where it belongs.
        belongs: &'static str,
    },
    /// A key of a rule beside `rules`.
    RuleKeyBesideRules,
    /// A key without a value, or with `null`.
    NoValue,
    /// A value of the wrong type.
    WrongType {
        /// What belongs there.
        expected: Expected,
        /// What stands there.
        found: &'static str,
    },
    /// `version` is missing.
    MissingVersion,
    /// A version other than 1.
    UnsupportedVersion,
    /// No policy is defined.
    NoPolicies,
    /// A name that a policy cannot have.
    PolicyName,
    /// No origin is allowed, so that the policy or the rule does nothing.
    NoOrigins,
    /// `rules` is an empty list.
    NoRules,
    /// More rules than a policy can have.
    TooManyRules {
        /// The limit.
        limit: usize,
    },
    /// A rule after one that matches every origin.
    UnreachableRule {
        /// The index of the rule that matches every origin.
        hidden_by: usize,
    },
    /// `*` in `deny_origins`.
    DeniesEveryOrigin,
    /// An empty list of origins or methods.
    EmptyList,
    /// An entry of a list that holds nothing.
    EmptyEntry,
    /// One text in which several entries stand, with commas or spaces.
    SeveralInOne {
        /// The entries.
        entries: Vec<String>,
    },
    /// Something that is not an origin pattern.
    Pattern(PatternError),
    /// An origin pattern that is dangerous here.
    Guard(GuardError),
    /// Patterns that are too much together.
    Matcher(MatcherError),
    /// A line of an `allow_origins_file` that is longer than any pattern.
    LineTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// An entry of `allow_methods` that is not a method, or does nothing.
    Method(MethodError),
    /// An entry of `allow_headers` or `expose_headers` that is not a header name, or does nothing.
    HeaderName(HeaderNameError),
    /// An entry beside `*` that `*` covers.
    CoveredByStar,
    /// `expose_headers: "*"` with credentials.
    ExposesEverythingWithCredentials,
    /// A `max_age` that is not a time, or not one that browsers take.
    MaxAge(MaxAgeError),
    /// A value that is none of the few that there are.
    UnknownValue {
        /// The value that is spelled most like it, if one comes near.
        nearest: Option<&'static str>,
        /// What there is.
        known: Vec<&'static str>,
    },
}

/// What belongs in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// What this key takes, as a noun phrase.
    Key(&'static str),
    /// An entry of a list.
    Entry,
    /// The mapping that a document is.
    Document,
    /// The mapping from names to policies.
    Policies,
    /// The mapping that a policy is.
    Policy,
    /// The mapping that a rule is.
    Rule,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(expects) => expects,
            Self::Entry => "a text",
            Self::Document => "the keys `version` and `policies`",
            Self::Policies => "policies by their names",
            Self::Policy => "the keys of a policy",
            Self::Rule => "the keys of a rule",
        })
    }
}

impl fmt::Display for MistakeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::NotAFile { found } => write!(f, "{found}, not a regular file"),
            Self::TooLarge { limit } => write!(f, "larger than {} MiB", limit >> 20),
            Self::ListTooLarge { limit } => write!(f, "larger than {} MiB", limit >> 20),
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::ControlCharacter(c) => {
                write!(f, "the control character U+{:04X}", u32::from(*c))
            }
            Self::Syntax(message) => write!(f, "not YAML: {message}"),
            Self::UnquotedStar => f.write_str("`*` outside of quotes begins a YAML alias"),
            Self::Tab => f.write_str("YAML forbids tabs in the indentation"),
            Self::SeveralDocuments => f.write_str("a second YAML document begins here"),
            Self::TooDeep { limit } => {
                write!(f, "lists and mappings inside each other, more than {limit} deep")
            }
            Self::RecursiveAlias => f.write_str("an alias inside of what it stands for"),
            Self::AliasBomb => f.write_str("aliases copy more than a policy file may hold"),
            Self::EmptyDocument => f.write_str("the file is empty"),
            Self::Tag(_) => f.write_str("YAML tags have no meaning here"),
            Self::KeyNotText => f.write_str("a key has to be a text"),
            Self::MergeKey => f.write_str("merge keys are not supported (YAML 1.2 has none)"),
            Self::DuplicateKey { first: Some(line) } => {
                write!(f, "the same key stands in line {line} already")
            }
            Self::DuplicateKey { first: None } => f.write_str("the same key stands here already"),
            Self::UnknownKey { .. } => f.write_str("unknown key"),
            Self::MisplacedKey { belongs } => write!(f, "this key belongs {belongs}"),
            Self::RuleKeyBesideRules => {
                f.write_str("beside `rules`, this key would apply to none of them")
            }
            Self::NoValue => f.write_str("no value"),
            Self::WrongType { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::MissingVersion => f.write_str("`version` is missing"),
            Self::UnsupportedVersion => f.write_str("not a version that this release reads"),
            Self::NoPolicies => f.write_str("no policy is defined"),
            Self::PolicyName => f.write_str("not a name for a policy"),
            Self::NoOrigins => f.write_str("allows no origin"),
            Self::NoRules => f.write_str("no rules"),
            Self::TooManyRules { limit } => write!(f, "more than {limit} rules"),
            Self::UnreachableRule { hidden_by } => {
                write!(f, "never reached: rules[{hidden_by}] matches every origin")
            }
            Self::DeniesEveryOrigin => f.write_str("refuses every origin"),
            Self::EmptyList => f.write_str("an empty list"),
            Self::EmptyEntry => f.write_str("an empty entry"),
            Self::SeveralInOne { .. } => f.write_str("several entries in one text"),
            Self::Pattern(error) => error.fmt(f),
            Self::Guard(error) => error.fmt(f),
            Self::Matcher(error) => error.fmt(f),
            Self::LineTooLong { limit } => write!(f, "a line of more than {limit} bytes"),
            Self::Method(error) => error.fmt(f),
            Self::HeaderName(error) => error.fmt(f),
            Self::CoveredByStar => f.write_str("`*` beside it covers this"),
            Self::ExposesEverythingWithCredentials => f.write_str(
                "with credentials, browsers take `*` for the header of that name, and nothing \
                 is exposed",
            ),
            Self::MaxAge(error) => error.fmt(f),
            Self::UnknownValue { .. } => f.write_str("unknown value"),
        }
    }
}

impl MistakeKind {
    fn remedy(&self) -> String {
        match self {
            Self::Unreadable(_) => "check the path and its permissions",
            Self::NotAFile { .. } => {
                "write the path of a regular file, or of a symbolic link to one"
            }
            Self::ListTooLarge { .. } => {
                "keep no more than origins and comments in it, and write wildcards where they do"
            }
            Self::TooLarge { .. } => {
                "move long lists of origins to files of their own, with allow_origins_file"
            }
            Self::NotUtf8 => "save the file as UTF-8",
            Self::ControlCharacter(_) => "remove it",
            Self::Syntax(_) => {
                "check quotes, colons and indentation in this line and in the one above"
            }
            Self::UnquotedStar => "put the whole value in quotes, as in \"*\"",
            Self::Tab => "indent with spaces",
            Self::SeveralDocuments => "keep one document in the file, without `---` inside",
            Self::TooDeep { .. } => "write policies as the documentation shows",
            Self::RecursiveAlias => "write the value out",
            Self::AliasBomb => "write the values out",
            Self::EmptyDocument => "begin with `version: 1` and `policies:`",
            Self::Tag(tag) => return format!("remove `{}`", cut(tag)),
            Self::KeyNotText => "put it in quotes, as in \"404\"",
            Self::MergeKey => "repeat the keys, or let an alias stand for a whole value",
            Self::DuplicateKey { .. } => "remove one of the two",
            Self::UnknownKey { nearest, known } | Self::UnknownValue { nearest, known } => {
                return match nearest {
                    Some(nearest) => format!("write `{nearest}`"),
                    None => format!("write one of {}", known.join(", ")),
                };
            }
            Self::MisplacedKey { .. } => "move it there",
            Self::RuleKeyBesideRules => "move it into the entries of `rules`",
            Self::WrongType { expected, found } => match expected {
                Expected::Key(_) => "write what is expected",
                Expected::Entry if *found == "a list" => {
                    "write the entries one by one; an alias of a list stands for the whole list"
                }
                Expected::Entry if *found == "a mapping" => {
                    "put the whole entry in quotes, or write one entry a line after `-`"
                }
                Expected::Entry => "put it in quotes",
                Expected::Document => "begin with `version: 1` and `policies:`",
                Expected::Policies => {
                    "write the name of a policy and a colon, and its keys below it, indented"
                }
                Expected::Policy | Expected::Rule => {
                    "write `key: value`, with a space after the colon, as in `allow_origins: \
                     [\"https://app.example.com\"]`"
                }
            },
            Self::NoValue => "write a value",
            Self::MissingVersion => "begin the file with `version: 1`",
            Self::UnsupportedVersion => "write `version: 1`",
            Self::NoPolicies => {
                "write `policies:`, below it the name of a policy, and below that allow_origins"
            }
            Self::PolicyName => {
                "names are letters, digits, `_`, `.` and `-`, at most 64 of them; `off` is taken"
            }
            Self::NoOrigins => {
                "list origins with allow_origins or allow_origins_file; \"*\" is every origin"
            }
            Self::NoRules => "write at least one rule, or remove `rules`",
            Self::TooManyRules { .. } => "let one rule list all origins that are treated alike",
            Self::UnreachableRule { hidden_by } => {
                return format!("move it above rules[{hidden_by}], or remove it");
            }
            Self::DeniesEveryOrigin => "remove it; what no rule allows is refused anyway",
            Self::EmptyList => {
                "remove the key, or write at least one entry (GET, HEAD and POST cannot be \
                 forbidden; \"*\" is every origin)"
            }
            Self::EmptyEntry => "remove it, or write what it was meant to hold",
            Self::SeveralInOne { entries } => {
                return format!("write a list: [{}]", entries.join(", "));
            }
            Self::Pattern(error) => return error.remedy(),
            Self::Guard(error) => return error.remedy(),
            Self::Matcher(error) => return error.remedy(),
            Self::LineTooLong { .. } => "write one origin a line",
            Self::Method(error) => return error.remedy(),
            Self::HeaderName(error) => return error.remedy(),
            Self::CoveredByStar => "remove it, or remove `*`",
            Self::ExposesEverythingWithCredentials => "list the headers that pages may read",
            Self::MaxAge(error) => return error.remedy(),
        }
        .to_owned()
    }
}

/// A text in quotes, escaped and cut.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", cut(text))
}

/// A text, escaped and cut.
pub(super) fn cut(text: &str) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == MAX_SHOWN {
            shown.push('…');
            break;
        }
        // Quotes are left alone: they do not break a line, and expressions are full of them.
        if matches!(c, '"' | '\'' | '\\') {
            shown.push(c);
        } else {
            // Writing to a string does not fail.
            let _ = write!(shown, "{}", c.escape_debug());
        }
    }
    shown
}
