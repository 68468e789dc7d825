//! What an importer yields: policies, and what has to be known about them.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Not;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

/// A policy of the document. Its fields are the document's keys, in the order in which they are
/// written; see docs/policy.md.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Policy {
    /// Lines of comments that are written before the policy, without `#`.
    #[serde(skip)]
    pub(crate) comments: Vec<String>,
    /// The only rule, whose keys are written directly in the policy.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<Rule>,
    /// Several rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<Rule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) deny_origins: Vec<String>,
    /// `*`, which every origin gets. Otherwise the rules say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timing_allow_origin: Option<Star>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_headers: Option<UpstreamHeaders>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preflight: Option<Preflight>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preflight_status: Option<u16>,
}

impl Policy {
    /// A policy of rules in their order. A single one is written directly in the policy.
    pub(crate) fn of_rules(mut rules: Vec<Rule>) -> Self {
        if rules.len() == 1 {
            Self { rule: rules.pop(), ..Self::default() }
        } else {
            Self { rules, ..Self::default() }
        }
    }

    /// The rules, wherever they are written.
    pub(crate) fn each_rule(&self) -> impl Iterator<Item = &Rule> {
        self.rule.iter().chain(&self.rules)
    }
}

/// A rule of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Rule {
    /// Patterns that pass the check. Written if it is empty, too: such a document is refused, so that
    /// nobody takes a policy without origins for a finished one.
    pub(crate) allow_origins: Vec<String>,
    #[serde(skip_serializing_if = "Not::not")]
    pub(crate) allow_credentials: bool,
    /// `None` is the document's default, `GET`, `HEAD` and `POST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow_methods: Option<Names>,
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub(crate) allow_headers: Names,
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub(crate) expose_headers: Names,
    /// Seconds, at most a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_age: Option<u32>,
    #[serde(skip_serializing_if = "Not::not")]
    pub(crate) allow_private_network: bool,
    #[serde(skip_serializing_if = "Not::not")]
    pub(crate) timing_allow_origin: bool,
}

/// A list of methods or header names, or `"*"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Names {
    /// `"*"`
    Any(Star),
    /// These.
    Listed(Vec<String>),
}

/// The text `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Star {
    #[serde(rename = "*")]
    Star,
}

impl Names {
    /// `"*"`
    pub(crate) const ANY: Self = Self::Any(Star::Star);

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Listed(names) if names.is_empty())
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

/// `upstream_headers`, where it is not `replace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UpstreamHeaders {
    Merge,
}

/// `preflight`, where it is not `answer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Preflight {
    Forward,
}

/// Where something stands in a file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) file: Arc<Path>,
    /// From 1, if it is known.
    pub(crate) line: Option<u32>,
}

impl fmt::Display for Place {
    /// Writes `file:line`, or the file alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// What has to be known about a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// Whether the policy allows something that was not allowed before.
    pub(crate) widens: bool,
    pub(crate) place: Place,
    /// A sentence without its full stop.
    pub(crate) text: String,
}

/// What a finding asks of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Nothing: no page notices.
    Note,
    /// A look: something changes, or never worked.
    Warning,
    /// An answer, without which the policy is not finished.
    Question,
}

/// A change of a file, so that it applies the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileChange {
    pub(crate) file: PathBuf,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// The findings, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    known: HashSet<Finding>,
    /// How often an expression has been checked, which takes milliseconds.
    checks: usize,
}

/// The most checks of expressions in an import. Most expressions need two, those of
/// Envoy three.
const MAX_CHECKS: usize = 1000;

impl Findings {
    /// Something that no page notices.
    pub(crate) fn note(&mut self, place: &Place, text: impl Into<String>) {
        self.add(Level::Note, false, place, text.into());
    }

    /// Something that changes or never worked, where the policy allows less than before, or the same.
    pub(crate) fn warn(&mut self, place: &Place, text: impl Into<String>) {
        self.add(Level::Warning, false, place, text.into());
    }

    /// Something that the policy allows and that was not allowed before.
    pub(crate) fn widens(&mut self, place: &Place, text: impl Into<String>) {
        self.add(Level::Warning, true, place, text.into());
    }

    /// Something that the files do not say.
    pub(crate) fn ask(&mut self, place: &Place, text: impl Into<String>) {
        self.add(Level::Question, false, place, text.into());
    }

    /// Whether one more expression may be checked. If not, it is reported.
    pub(crate) fn may_check_expression(&mut self, place: &Place) -> bool {
        self.checks += 1;
        if self.checks > MAX_CHECKS {
            let text = "an expression is left out, since there are too many of them; import fewer files, or a \
                        part of this one";
            self.warn(place, text);
        }
        self.checks <= MAX_CHECKS
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    /// No findings, which count checks of expressions as these do.
    pub(crate) fn apart(&self) -> Self {
        Self { checks: self.checks, ..Self::default() }
    }

    /// Counts the checks of findings that were made [apart](Self::apart) from these.
    pub(crate) fn go_on_counting(&mut self, apart: &Self) {
        self.checks = apart.checks;
    }

    /// Adds findings of another time.
    pub(crate) fn repeat(&mut self, others: &Self) {
        for Finding { level, widens, place, text } in &others.list {
            self.add(*level, *widens, place, text.clone());
        }
    }

    /// Each finding once: a default that is left out for ten policies of a file is one note.
    fn add(&mut self, level: Level, widens: bool, place: &Place, text: String) {
        let finding =
            Finding { level, widens, place: place.clone(), text: one_line(&shortened(text)) };
        if self.known.insert(finding.clone()) {
            self.list.push(finding);
        }
    }
}

/// A text without control characters, of which a terminal would make something else than was in the file, and
/// which could begin a line that looks like a message.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// A text without its middle, if it is long. Messages quote the files, whose entries may have megabytes.
fn shortened(text: String) -> String {
    const HEAD: usize = 1200;
    const TAIL: usize = 400;
    // Of the beginning and the end of a text, in bytes.
    let head = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= HEAD).last();
    let tail = text.char_indices().rev().map(|(at, _)| at).take_while(|at| at + TAIL >= text.len());
    match (head, tail.last()) {
        (Some(head), Some(tail)) if head < tail => {
            format!("{} … {}", &text[..head], &text[tail..])
        }
        _ => text,
    }
}

/// The result of an import.
#[derive(Debug, Default)]
pub(crate) struct Import {
    policies: Vec<(String, Policy)>,
    /// How many policies have been added, where equal ones count too.
    added: usize,
    /// The policies by what they say, without their comments.
    by_content: HashMap<String, usize>,
    /// The names that are taken, and the next number for each.
    names: HashMap<String, usize>,
    pub(crate) findings: Findings,
    pub(crate) changes: Vec<FileChange>,
}

impl Import {
    /// Adds a policy, and returns the name that it gets: that of an equal one if there is one, whose
    /// comments it joins; otherwise `name`, mended where a document does not allow it and with a number
    /// where it is taken.
    pub(crate) fn add(&mut self, name: &str, mut policy: Policy) -> String {
        self.added += 1;
        for rule in policy.rule.iter_mut().chain(&mut policy.rules) {
            let mut known = HashSet::new();
            rule.allow_origins.retain(|origin| known.insert(origin.clone()));
        }
        // A policy has nothing that JSON cannot say.
        let content = serde_json::to_string(&policy).unwrap_or_default();
        if let Some(index) = self.by_content.get(&content) {
            let (name, other) = &mut self.policies[*index];
            other.comments.extend(policy.comments);
            return name.clone();
        }
        self.by_content.insert(content, self.policies.len());
        let name = self.free_name(sound_name(name));
        self.policies.push((name.clone(), policy));
        name
    }

    /// A name, with a number behind it if it is taken.
    fn free_name(&mut self, name: String) -> String {
        if !self.names.contains_key(&name) {
            self.names.insert(name.clone(), 2);
            return name;
        }
        loop {
            let number = self.names.entry(name.clone()).or_insert(2);
            let end = format!("-{number}");
            *number += 1;
            let numbered = format!("{}{end}", &name[..name.len().min(MAX_NAME - end.len())]);
            if !self.names.contains_key(&numbered) {
                self.names.insert(numbered.clone(), 2);
                return numbered;
            }
        }
    }

    /// How many policies have been added, where equal ones count too.
    pub(crate) fn added(&self) -> usize {
        self.added
    }

    /// The policies and their names, in the order in which they were added.
    pub(crate) fn policies(&self) -> &[(String, Policy)] {
        &self.policies
    }
}

/// The longest name of a policy, in bytes.
const MAX_NAME: usize = 64;

/// A name that a document allows: letters, digits, `_`, `.` and `-`, and not `off`.
fn sound_name(name: &str) -> String {
    let mut sound = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') {
            sound.push(c);
        } else if !sound.is_empty() && !sound.ends_with('-') {
            sound.push('-');
        }
    }
    sound.truncate(MAX_NAME);
    match sound.trim_end_matches('-') {
        "" => "policy".to_owned(),
        "off" => "policy-off".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(origin: &str, comment: &str) -> Policy {
        let rule = Rule { allow_origins: vec![origin.to_owned()], ..Rule::default() };
        Policy { comments: vec![comment.to_owned()], ..Policy::of_rules(vec![rule]) }
    }

    #[test]
    fn long_messages_lose_their_middle() {
        let place = Place { file: Path::new("a").into(), line: None };
        let mut findings = Findings::default();
        for text in ["ä".repeat(2_000_000), "ä".repeat(800), String::new()] {
            findings.note(&place, text);
        }
        let lengths: Vec<_> = findings.iter().map(|finding| finding.text.chars().count()).collect();
        assert_eq!(lengths, [600 + 3 + 200, 800, 0]);
        assert!(findings.list[0].text.contains("ä … ä"));
    }

    #[test]
    fn messages_are_one_line_each() {
        let place = Place { file: Path::new("a").into(), line: None };
        let mut findings = Findings::default();
        findings.note(&place, "a\nb: warning: \u{1b}[2Jc\u{85}ä");
        assert_eq!(findings.list[0].text, r"a\nb: warning: \u{1b}[2Jc\u{85}ä");
    }

    #[test]
    fn equal_policies_are_one_with_both_comments() {
        let mut import = Import::default();
        assert_eq!(import.add("a", policy("https://a.example", "first")), "a");
        assert_eq!(import.add("b", policy("https://b.example", "second")), "b");
        assert_eq!(import.add("c", policy("https://a.example", "third")), "a");
        let names: Vec<_> = import.policies().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(import.policies()[0].1.comments, ["first", "third"]);
    }

    #[test]
    fn names_are_sound_and_differ() {
        let mut import = Import::default();
        for (index, (given, name)) in [
            ("api", "api"),
            ("api", "api-2"),
            ("api", "api-3"),
            ("/api/v1/", "api-v1"),
            ("shop/~^\\/(a|b)$", "shop-a-b"),
            ("", "policy"),
            ("off", "policy-off"),
            ("ä", "policy-2"),
        ]
        .into_iter()
        .enumerate()
        {
            let origin = format!("https://{index}.example");
            assert_eq!(import.add(given, policy(&origin, "")), name, "{given:?}");
        }
        let long = "n".repeat(100);
        let first = import.add(&long, policy("https://x.example", ""));
        let second = import.add(&long, policy("https://y.example", ""));
        assert_eq!((first.len(), second.len()), (64, 64));
        assert!(second.ends_with("n-2"));
    }
}
