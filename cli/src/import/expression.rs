//! Regular expressions of other software, as patterns of origins.
//!
//! Such an expression often lets in more than was meant: it is not anchored, or its dots stand for any
//! character. An importer takes the narrow reading: what a reader of the expression would say that it
//! means. It never lets in what the expression does not. [`Narrowed::beyond`] is an origin that the
//! expression lets in today and that the narrow reading does not.
//!
//! An expression becomes sequences of [`Atom`](atoms::Atom)s, one for each of its alternatives, and
//! each sequence becomes a pattern. Expressions for one label, or for several names, that no pattern
//! without `regex:` says exactly, stay expressions.

mod atoms;
mod reading;

use cors_policy::origin::{Origin, OriginPattern};
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_syntax::hir::Hir;

use self::atoms::Atom;
use super::model::{Findings, Place, Rule};
use super::origins;

/// The longest expression, in bytes.
const MAX_LEN: usize = 2048;

/// How the other software applies an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matching {
    /// Whether it has to match the whole origin, without `^` and `$`.
    pub(crate) is_whole: bool,
    /// Whether case does not matter.
    pub(crate) ignores_case: bool,
}

impl Matching {
    /// The expression has to match the whole origin.
    pub(crate) const WHOLE: Self = Self { is_whole: true, ignores_case: false };

    /// The expression has to match a part of the origin.
    pub(crate) const SEARCH: Self = Self { is_whole: false, ignores_case: false };
}

/// The narrow reading of an expression.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Narrowed {
    /// Patterns as a policy document has them, not yet read by the engine.
    pub(crate) patterns: Vec<String>,
    /// An origin that the expression matches and none of the patterns does.
    pub(crate) beyond: Option<String>,
}

/// Adds the narrow reading of an expression to a rule, and reports what it leaves out. Returns whether
/// anything has been added.
pub(crate) fn add(
    rule: &mut Rule,
    expression: &str,
    matching: Matching,
    place: &Place,
    findings: &mut Findings,
) -> bool {
    match narrow(expression, matching) {
        Ok(Narrowed { patterns, beyond }) => {
            let added = patterns.iter().filter(|p| origins::add_pattern(rule, p, place, findings));
            let is_added = added.count() > 0;
            if let Some(origin) = beyond {
                findings.warn(
                    place,
                    format!(
                        "the expression \"{expression}\" also lets in {origin} today; it is written as \
                         {}, which does not",
                        patterns.join(", ")
                    ),
                );
            }
            is_added
        }
        Err(reason) => {
            findings.warn(
                place,
                format!("the expression \"{expression}\" is left out of allow_origins: {reason}"),
            );
            false
        }
    }
}

/// The narrow reading of an expression.
///
/// # Errors
///
/// A clause that says why there is none.
pub(crate) fn narrow(expression: &str, matching: Matching) -> Result<Narrowed, String> {
    if expression.len() > MAX_LEN {
        return Err(format!("it is longer than {MAX_LEN} bytes"));
    }
    let hir = parse(expression, matching)?;
    let sequences = atoms::sequences(&hir)?;
    let mut patterns: Vec<String> = Vec::new();
    let mut failure = None;
    let mut candidates = Vec::new();
    for sequence in sequences {
        match reading::read(&sequence, matching.is_whole) {
            Ok(read) => {
                for pattern in read {
                    if !patterns.contains(&pattern) {
                        patterns.push(pattern);
                    }
                }
            }
            Err(reason) => failure = failure.or(Some(reason)),
        }
        candidates.extend(samples(&sequence));
    }
    if let (true, Some(reason)) = (patterns.is_empty(), failure) {
        return Err(reason.to_owned());
    }
    let beyond = beyond(&hir, matching, &patterns, candidates);
    Ok(Narrowed { patterns, beyond })
}

/// The expression as it is read by the libraries of other software, for origins, which are ASCII.
fn parse(expression: &str, matching: Matching) -> Result<Hir, String> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .case_insensitive(matching.ignores_case)
        .nest_limit(64)
        .build()
        .parse(expression)
        .map_err(|error| match error {
            regex_syntax::Error::Parse(error) => format!("it cannot be read: {}", error.kind()),
            regex_syntax::Error::Translate(error) => format!("it cannot be read: {}", error.kind()),
            _ => "it cannot be read".to_owned(),
        })
}

/// The first of these origins that the expression matches and none of the patterns does.
fn beyond(
    hir: &Hir,
    matching: Matching,
    patterns: &[String],
    candidates: Vec<String>,
) -> Option<String> {
    let regex = Regex::builder()
        .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(1 << 20)))
        .syntax(syntax::Config::new().utf8(false))
        .build_from_hir(hir)
        .ok()?;
    let matches = |origin: &str| match regex.find(origin) {
        Some(found) if matching.is_whole => {
            found.range() == (0..origin.len()) || is_whole_match(&regex, origin)
        }
        found => found.is_some(),
    };
    let patterns: Vec<_> =
        patterns.iter().filter_map(|pattern| OriginPattern::parse(pattern).ok()).collect();
    candidates.into_iter().find(|origin| {
        Origin::parse(origin.as_bytes()).is_some()
            && matches(origin)
            && !patterns.iter().any(|pattern| pattern.matches(origin.as_bytes()))
    })
}

/// Whether the expression matches the whole text, if its first match is a shorter one.
fn is_whole_match(regex: &Regex, text: &str) -> bool {
    let input = regex_automata::Input::new(text).anchored(regex_automata::Anchored::Yes);
    regex.search(&input).is_some_and(|found| found.range() == (0..text.len()))
}

/// Texts that a sequence matches, among them those that its author has hardly meant.
fn samples(sequence: &[Atom]) -> Vec<String> {
    let plain = atoms::sample(sequence, "a", ".");
    let odd_dots = atoms::sample(sequence, "a", "x");
    let labels = atoms::sample(sequence, "a.b", ".");
    let mut samples = Vec::new();
    for text in [&plain, &odd_dots, &labels] {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if !scheme.is_empty() => (scheme, rest),
            Some((_, rest)) => ("https", rest),
            None => ("https", text.as_str()),
        };
        let rest = rest.trim_start_matches('.');
        for origin in [
            format!("{scheme}://{rest}.evil.net"),
            format!("{scheme}://{rest}evil.net"),
            format!("{scheme}://{rest}"),
            format!("{scheme}://evil{rest}"),
            format!("{scheme}://evil.{rest}"),
            format!("http://a.{rest}"),
            format!("http://{rest}"),
            format!("{scheme}://{rest}:8443"),
            format!("{scheme}://{rest}8443"),
        ] {
            samples.push(origin);
        }
    }
    samples
}

#[cfg(test)]
mod tests;
