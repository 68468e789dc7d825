//! The kinds of mistakes: what a message says is wrong, and what it says to write instead.

use std::fmt;

use strum::{EnumMessage, IntoStaticStr};
use thiserror::Error;

use super::{
    keys::{KeySpec, Language},
    level::Level,
    node::truth,
    quote::cut,
};
use crate::{
    headers::{
        HeaderNameError, MaxAgeError, MethodError, is_forbidden_request_header, is_known_method,
    },
    origin::{Guard, GuardViolation, MatcherError, PatternError},
};

/// A kind of mistake. `Display` says what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error, EnumMessage, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum MistakeKind {
    /// A file that cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// A path that does not lead to a regular file.
    #[error("{found}, not a regular file")]
    NotAFile {
        /// The kind of file.
        found: &'static str,
    },
    /// A document that is larger than the limit, in bytes.
    #[error("larger than {} MiB", .limit >> 20)]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// An `allow_origins_file` that is larger than the limit, in bytes.
    #[error("larger than {} MiB", .limit >> 20)]
    ListTooLarge {
        /// The limit.
        limit: u64,
    },
    /// A file, or a line of an `allow_origins_file`, that is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// A character that YAML does not permit.
    #[error("the control character U+{:04X}", u32::from(*.0))]
    ControlCharacter(char),
    /// A file that is not YAML, with the parser's message.
    #[error("not YAML: {0}")]
    Syntax(String),
    /// A value that begins with `*` outside of quotes.
    #[error("`*` outside of quotes begins a YAML alias")]
    UnquotedStar,
    /// An origin or an expression with a bracket or a brace outside of quotes, in a list in brackets.
    #[error("`{0}` outside of quotes begins a YAML {kind}", kind = if *.0 == '[' { "list" } else { "mapping" })]
    UnquotedBracket(char),
    /// A backslash in double quotes that begins no escape of YAML.
    #[error("a backslash in double quotes begins an escape of YAML, and this one is none")]
    Escape,
    /// A tab where YAML requires spaces.
    #[error("YAML forbids tabs in the indentation")]
    Tab,
    /// More than one YAML document in the file.
    #[error("a second YAML document begins here")]
    SeveralDocuments,
    /// Lists and mappings inside each other, deeper than any policy needs.
    #[error("lists and mappings inside each other, more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// An alias inside the value that it refers to.
    #[error("an alias inside of what it stands for")]
    RecursiveAlias,
    /// Aliases that copy too much.
    #[error("aliases copy more than a policy file may hold")]
    AliasBomb,
    /// An empty file.
    #[error("the file is empty")]
    EmptyDocument,
    /// A YAML tag.
    #[error("YAML tags have no meaning here")]
    Tag(String),
    /// A key that is not a text.
    #[error("a key has to be a text")]
    KeyNotText,
    /// `<<`
    #[error("merge keys are not supported (YAML 1.2 has none)")]
    MergeKey,
    /// A key that appears twice.
    #[error(fmt = fmt_duplicate_key)]
    DuplicateKey {
        /// The line of the first one, if known: `line 3`, or `nginx.conf:3`.
        first: Option<String>,
    },
    /// An unknown key.
    #[error("unknown key")]
    UnknownKey {
        /// The known key that is spelled most like it, if one is close.
        nearest: Option<&'static str>,
        /// The known keys.
        known: Vec<&'static str>,
    },
    /// A key that other software has.
    #[error("unknown key")]
    ForeignKey {
        /// What to write instead.
        advice: String,
    },
    /// An origin that is the value of a key, as other software writes how it is compared.
    #[error("expected a text, found a mapping")]
    ForeignEntry {
        /// What to write instead.
        patterns: Vec<String>,
    },
    /// A key that belongs elsewhere.
    #[error("this key belongs {belongs}")]
    MisplacedKey {
        /// Where it belongs.
        belongs: &'static str,
    },
    /// A key of a rule next to `rules`.
    #[error("beside `rules`, this key would apply to none of them")]
    RuleKeyBesideRules,
    /// A key without a value, or with `null`.
    #[error("no value")]
    NoValue,
    /// A value of the wrong type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The type that is expected.
        expected: Expected,
        /// The type that was found.
        found: &'static str,
    },
    /// No `version`.
    #[error("`version` is missing")]
    MissingVersion,
    /// A version other than 1.
    #[error("not a version that this release reads")]
    UnsupportedVersion,
    /// No policy.
    #[error("no policy is defined")]
    NoPolicies,
    /// A name that a policy cannot have.
    #[error("not a name for a policy")]
    PolicyName,
    /// No allowed origin, so that the policy or the rule does nothing.
    #[error("allows no origin")]
    NoOrigins,
    /// An empty list of rules.
    #[error("no rules")]
    NoRules,
    /// More rules than a policy can have.
    #[error("more than {limit} rules")]
    TooManyRules {
        /// The limit.
        limit: usize,
    },
    /// A rule after one that matches every origin.
    #[error("never reached: rules[{hidden_by}] matches every origin")]
    UnreachableRule {
        /// The index of the rule that matches every origin.
        hidden_by: usize,
    },
    /// A rule of which every origin is taken before.
    #[error("never decides: {}", taken_by(.by, .text, *.is_denied))]
    RuleNeverDecides {
        /// The place of a pattern that takes some of them.
        by: String,
        /// That pattern, quoted.
        text: String,
        /// Whether it stands in `deny_origins`.
        is_denied: bool,
    },
    /// A pattern that an earlier one covers.
    #[error("has no effect: {by}{}, {text}, {}", on_line(.line.as_deref()), covering(*.is_same_rule, *.is_denied))]
    CoveredPattern {
        /// The place of the earlier one.
        by: String,
        /// Its line, if known: `line 3`, or `nginx.conf:3`.
        line: Option<String>,
        /// That pattern, quoted.
        text: String,
        /// Whether it stands in the same rule.
        is_same_rule: bool,
        /// Whether it stands in `deny_origins`, and this one in a rule.
        is_denied: bool,
    },
    /// `*` in `deny_origins`.
    #[error("refuses every origin")]
    DeniesEveryOrigin,
    /// An empty list of origins or methods.
    #[error("an empty list")]
    EmptyList,
    /// An empty entry of a list.
    #[error("an empty entry")]
    EmptyEntry,
    /// One text with several entries, separated by commas or spaces.
    #[error("several entries in one text")]
    SeveralInOne {
        /// The entries.
        entries: Vec<String>,
    },
    /// A text that is not an origin pattern.
    #[error("{error}")]
    Pattern {
        /// The mistake.
        error: PatternError,
        /// The guards that are closed and that what is to be written would violate.
        closed: Vec<Guard>,
    },
    /// An origin pattern that violates a guard.
    #[error(transparent)]
    Guard(GuardViolation),
    /// Patterns that take too much memory together.
    #[error(transparent)]
    Matcher(MatcherError),
    /// A warning: an origin pattern that a policy with credentials would refuse, in a list that no policy
    /// names.
    #[error("{0}, so that a policy with credentials refuses it")]
    RefusedWithCredentials(Box<GuardViolation>),
    /// A warning: a line of a list that stands there before.
    #[error("has no effect: the same stands in line {first}")]
    RepeatedLine {
        /// The line of the first one.
        first: u32,
    },
    /// A list without a line.
    #[error("no origin in this list")]
    EmptyOriginsFile,
    /// A line of an `allow_origins_file` that is longer than any pattern.
    #[error("a line of more than {limit} bytes")]
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// An entry of `allow_methods` that is not a method, or does nothing.
    #[error(transparent)]
    Method(MethodError),
    /// An entry of `allow_headers` or `expose_headers` that is not a header name, or does nothing.
    #[error(transparent)]
    HeaderName(HeaderNameError),
    /// An entry that `*` in the same list covers.
    #[error("`*` beside it covers this")]
    CoveredByStar,
    /// `expose_headers: "*"` with credentials.
    #[error(
        "with credentials, browsers take `*` for the header of that name, and nothing is exposed"
    )]
    ExposesEverythingWithCredentials,
    /// A `max_age` that is not a time.
    #[error(transparent)]
    MaxAge(MaxAgeError),
    /// An entry that has to be one origin, and is a pattern or `null`.
    #[error("this key takes origins only, each written out")]
    NotAnExactOrigin,
    /// An entry of `own_origins` with another scheme than `http` or `https`.
    #[error("requests come to `http` and `https` origins only")]
    NotAWebOrigin,
    /// `own_origins` in a policy that refuses nothing.
    #[error("without `enforce`, no request is refused")]
    OwnOriginsWithoutEnforce,
    /// `static_origin` in a policy that has not exactly one exact origin.
    #[error("every response would name one origin, but {0}")]
    NoStaticOrigin(StaticObstacle),
    /// A list in `timing_allow_origin` of the policy, and `true` in a rule.
    #[error("rules[{rule}] has this key too, and a response carries the header once")]
    TimingInRuleToo {
        /// The index of the rule.
        rule: usize,
    },
    /// A warning: an entry of `allow_headers` that no page can set.
    #[error(
        "pages cannot set this request header (forbidden by the Fetch standard), so that allowing \
         it does nothing"
    )]
    UnsettableHeader,
    /// A warning: a response header in `allow_headers`, which is about requests.
    #[error("a response header of CORS, which means nothing on the requests of pages")]
    PermissionHeader,
    /// A warning: a `max_age` that is longer than any browser keeps an answer.
    #[error(
        "more than 86400 seconds, sent as 86400: Firefox keeps an answer for 86400 seconds at most, \
         Chromium for 7200, WebKit for 600"
    )]
    MaxAgeCapped,
    /// A warning: an entry of `dangerously_allow` that no origin needs.
    #[error("opens nothing that is closed without it")]
    OpensNothing,
    /// A warning: `allow_private_network`.
    #[error("no browser asks for this permission any more")]
    NobodyAsks,
    /// A value that is not one of the known words.
    #[error("unknown value")]
    UnknownValue {
        /// The known word that is spelled most like it, if one is close.
        nearest: Option<&'static str>,
        /// The known words.
        known: Vec<&'static str>,
    },
}

/// The type of value that a message expects. Displays as a noun phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Expected {
    /// The value of a key, as a noun phrase.
    #[error("{0}")]
    Key(&'static str),
    /// An entry of a list.
    #[error("a text")]
    Entry,
    /// The mapping of a document.
    #[error("the keys `version` and `policies`")]
    Document,
    /// The mapping from names to policies.
    #[error("policies by their names")]
    Policies,
    /// The mapping of a policy.
    #[error("the keys of a policy")]
    Policy,
    /// The mapping of a rule.
    #[error("the keys of a rule")]
    Rule,
}

/// The reason why a policy has no `static_origin`. Displays as a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StaticObstacle {
    /// More than one rule.
    #[error("the policy has several rules")]
    SeveralRules,
    /// More than one origin, or none.
    #[error("`allow_origins` does not have exactly one entry")]
    SeveralOrigins,
    /// An entry that is not an exact origin.
    #[error("the entry of `allow_origins` is not an origin as it is")]
    NotExact,
    /// An `allow_origins_file`.
    #[error("the policy has an `allow_origins_file`")]
    File,
    /// Entries in `deny_origins`.
    #[error("the policy has `deny_origins`")]
    DenyOrigins,
}

fn fmt_duplicate_key(first: &Option<String>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match first {
        Some(line) => write!(f, "the same key stands in {line} already"),
        None => f.write_str("the same key stands here already"),
    }
}

impl MistakeKind {
    /// What such a mistake means for the document.
    pub fn level(&self) -> Level {
        match self {
            Self::UnsettableHeader
            | Self::PermissionHeader
            | Self::MaxAgeCapped
            | Self::OpensNothing
            | Self::CoveredPattern { .. }
            | Self::RefusedWithCredentials(_)
            | Self::RepeatedLine { .. }
            | Self::NobodyAsks => Level::Warning,
            _ => Level::Error,
        }
    }

    /// The name of the kind, in lower case with hyphens: `unreadable`, `several-in-one`. It never changes.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.into()
    }

    /// What mistakes of this kind have in common, as a noun phrase with a full stop.
    #[must_use]
    pub fn description(&self) -> &'static str {
        self.get_documentation().unwrap_or_default()
    }

    /// What is wrong, in the words of the language.
    pub(super) fn problem(&self, language: Language) -> String {
        match (self, language) {
            (Self::RuleKeyBesideRules, Language::Nginx) => {
                "beside rules, this key would apply to none of them".to_owned()
            }
            // In nginx.conf, everything is a text.
            (Self::WrongType { expected, found: "a text" }, Language::Nginx) => {
                format!("expected {expected}")
            }
            _ => self.to_string(),
        }
    }

    /// Advice on what to write instead. `key` is the key of the value, and `value` is the value as a
    /// message shows it.
    pub(super) fn remedy(
        &self,
        key: Option<&KeySpec>,
        value: Option<&str>,
        language: Language,
    ) -> String {
        let example = || match key {
            Some(key) => format!("write `{}`", key.example(language)),
            None => "write a value".to_owned(),
        };
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
            Self::Syntax(_) if value.is_some_and(is_template) => {
                "render the template first, as `helm template` does, and check what comes out"
            }
            Self::Syntax(_) => {
                "check quotes, colons and indentation in this line and in the one above"
            }
            Self::UnquotedStar => "put the whole value in quotes, as in \"*\"",
            Self::UnquotedBracket(_) => {
                "put the whole entry in single quotes, as in 'http://localhost:[3000,5173]'"
            }
            Self::Escape => {
                r"put the entry in single quotes, as in 'regex:https://[a-z]+\.example\.com'"
            }
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
            Self::ForeignKey { advice } => return advice.clone(),
            Self::ForeignEntry { patterns } => {
                let quoted: Vec<_> = patterns.iter().map(|text| format!("\"{text}\"")).collect();
                return match &quoted[..] {
                    [one] => format!("write {one}"),
                    several => format!("write separate entries: {}", several.join(", ")),
                };
            }
            Self::MisplacedKey { .. } => "move it there",
            Self::RuleKeyBesideRules => match language {
                Language::Yaml => "move it into the entries of `rules`",
                Language::Nginx => "move it into the `rule` blocks",
            },
            Self::WrongType { expected, found } => match expected {
                Expected::Key(_) if key.is_some_and(KeySpec::takes_booleans) => {
                    return boolean_remedy(value, language);
                }
                Expected::Key(_) => return example(),
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
            Self::NoValue => return format!("{}, or remove the key", example()),
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
            Self::RuleNeverDecides { is_denied: true, .. } => {
                "remove the rule, or what is meant from `deny_origins`"
            }
            Self::RuleNeverDecides { .. } => "move it above that rule, or remove it",
            Self::CoveredPattern { is_same_rule: false, is_denied: false, .. } => {
                "move its rule above the other, or remove it"
            }
            Self::CoveredPattern { .. } => "remove one of them",
            Self::DeniesEveryOrigin => "remove it; what no rule allows is refused anyway",
            Self::EmptyList if key.is_some_and(KeySpec::takes_exact_origins) => {
                "list origins, or remove the key"
            }
            Self::EmptyList if key.is_some_and(KeySpec::takes_origins) => {
                return format!("{}, with the origins that may read responses", example());
            }
            Self::EmptyList => {
                "remove the key: GET, HEAD and POST are allowed in any case, and other methods only \
                 where they are listed"
            }
            Self::EmptyEntry if key.is_some_and(KeySpec::takes_origins) => {
                match language {
                    Language::Yaml => {
                        "remove it, or write an origin; the null origin is \"null\" in quotes"
                    }
                    Language::Nginx => "remove it, or write an origin",
                }
            }
            Self::EmptyEntry => "remove it, or write what it was meant to hold",
            Self::SeveralInOne { entries } => {
                return match language {
                    Language::Yaml => format!("write a list: [{}]", entries.join(", ")),
                    Language::Nginx => format!("separate by spaces: {}", entries.join(" ")),
                };
            }
            Self::Pattern { error, closed } => return pattern_remedy(error, closed),
            Self::Guard(error) => return error.remedy(),
            Self::RefusedWithCredentials(error) => return error.remedy(),
            Self::RepeatedLine { .. } => "remove one of them",
            Self::Matcher(error) => return error.remedy(),
            Self::LineTooLong { .. } | Self::EmptyOriginsFile => "write one origin a line",
            Self::Method(error) => return method_remedy(*error, value, &example()),
            Self::HeaderName(error) => return header_name_remedy(*error, value, language, &example()),
            Self::CoveredByStar => "remove it, or remove `*`",
            Self::ExposesEverythingWithCredentials => "list the headers that pages may read",
            Self::MaxAge(error) => return error.remedy(),
            Self::NotAnExactOrigin => "list those that are meant",
            Self::NotAWebOrigin => return example(),
            Self::OwnOriginsWithoutEnforce => match language {
                Language::Yaml => "add `enforce: true`",
                Language::Nginx => "add `enforce on;`",
            },
            Self::NoStaticOrigin(_) => {
                "keep one rule with one origin, written out, or remove the key"
            }
            Self::TimingInRuleToo { .. } => {
                "remove it there, and list here each origin that may see timings"
            }
            Self::UnsettableHeader | Self::OpensNothing | Self::NobodyAsks => "remove it",
            Self::PermissionHeader => "remove it, unless pages put it on their requests by mistake",
            Self::MaxAgeCapped => "write 1d or less",
        }
        .to_owned()
    }
}

/// Advice for a text that is not a pattern. Where guards are closed for what is to be written, it names
/// them.
fn pattern_remedy(error: &PatternError, closed: &[Guard]) -> String {
    let Some((first, others)) = closed.split_first() else { return error.remedy() };
    if *first == Guard::AnyOriginWithCredentials && error.suggestions() == ["*"] {
        return format!(
            "list the origins, or write \"*\" and leave the credentials out; \"{first}\" under \
             `dangerously_allow` permits both"
        );
    }
    let condition = match closed.iter().all(|guard| guard.is_for_credentials()) {
        true => "with credentials that needs",
        false => "that needs",
    };
    let names = others
        .iter()
        .fold(format!("\"{first}\""), |names, guard| format!("{names} and \"{guard}\""));
    format!("{}; {condition} {names} under `dangerously_allow`", error.remedy())
}

/// Advice for an entry of `allow_methods`. `example` shows the key with methods.
fn method_remedy(error: MethodError, value: Option<&str>, example: &str) -> String {
    match error {
        MethodError::NotAToken => format!("list the methods one by one: {example}"),
        MethodError::StarInside => {
            let without = value.map(|value| value.trim_matches('"').replace('*', ""));
            match without.filter(|method| is_known_method(method)) {
                Some(method) => format!("write {method}, and list other methods one by one"),
                None => "list the methods that are meant one by one".to_owned(),
            }
        }
        MethodError::Forbidden => "remove it".to_owned(),
        MethodError::Normalized(upper) => format!("write {upper}"),
        MethodError::OtherCase(upper) => {
            format!("write {upper} (or list both, if pages really send it as it is written here)")
        }
    }
}

/// Advice for an entry of `allow_headers` or `expose_headers`. `example` shows the key with names.
fn header_name_remedy(
    error: HeaderNameError,
    value: Option<&str>,
    language: Language,
    example: &str,
) -> String {
    let names_with = |name: &str| {
        // A value that is cut is not a name.
        let is_whole = !name.is_empty() && !name.ends_with('…');
        let [one, other] = ["A", "B"].map(|letter| name.replace('*', letter));
        match language {
            _ if !is_whole => String::new(),
            Language::Yaml => format!(", as in [{one}, {other}]"),
            Language::Nginx => format!(", as in {one} {other}"),
        }
    };
    match error {
        HeaderNameError::NotAToken => {
            format!("list the names one by one, without colons: {example}")
        }
        HeaderNameError::StarInside => match value.map(|value| value.trim_matches('"')) {
            Some(name) if is_forbidden_request_header(name) => {
                "remove it: pages cannot set such headers".to_owned()
            }
            name => {
                format!("list the names one by one{}", names_with(name.unwrap_or_default()))
            }
        },
        HeaderNameError::ForbiddenInResponses | HeaderNameError::CorsRequestHeader => {
            "remove it".to_owned()
        }
    }
}

/// Advice for a boolean key with another value. A value such as `yes` means a boolean in YAML 1.1.
fn boolean_remedy(value: Option<&str>, language: Language) -> String {
    let meant = value.and_then(|value| truth(value.trim_matches('"')));
    match (language, meant) {
        (Language::Yaml, Some(meant)) => format!("write `{meant}`"),
        (Language::Yaml, None) => "write `true` or `false`".to_owned(),
        (Language::Nginx, _) => "write `on` or `off`".to_owned(),
    }
}

fn taken_by(by: &str, text: &str, is_denied: bool) -> String {
    match is_denied {
        true => format!("{by}, {text}, and what stands beside it refuse all of its origins"),
        false => format!("rules before it take all of its origins, among them {by}, {text}"),
    }
}

fn on_line(line: Option<&str>) -> String {
    line.map(|line| format!(" ({line})")).unwrap_or_default()
}

fn covering(is_same_rule: bool, is_denied: bool) -> &'static str {
    match (is_denied, is_same_rule) {
        (true, _) => "refuses all that it matches",
        (_, true) => "matches all that it matches",
        (_, false) => "decides about all that it matches",
    }
}

/// Whether a line has a statement of Helm, Go, Jinja or their like. In YAML, braces rarely stand twice.
fn is_template(line: &str) -> bool {
    ["{{", "{%"].iter().any(|start| line.contains(start))
}
