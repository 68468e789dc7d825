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
use regex_syntax::hir::{Hir, Look};

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
    add_as(rule, expression, expression, matching, place, findings)
}

/// Adds an expression as [`add`] does. In messages it is as its author has written it, not as the
/// other software applies it.
pub(crate) fn add_as(
    rule: &mut Rule,
    written: &str,
    applied: &str,
    matching: Matching,
    place: &Place,
    findings: &mut Findings,
) -> bool {
    if !findings.may_check_expression(place) {
        return false;
    }
    match narrow(applied, matching) {
        Ok(narrowed) => {
            let shown = format!("the expression \"{written}\"");
            add_narrowed(rule, &shown, &narrowed, place, findings)
        }
        Err(reason) => {
            findings.warn(
                place,
                format!("the expression \"{written}\" is left out of allow_origins: {reason}"),
            );
            false
        }
    }
}

/// Adds patterns, and reports what they leave out of that which is shown.
fn add_narrowed(
    rule: &mut Rule,
    shown: &str,
    narrowed: &Narrowed,
    place: &Place,
    findings: &mut Findings,
) -> bool {
    let patterns = &narrowed.patterns;
    let added: Vec<_> = patterns
        .iter()
        .filter(|pattern| origins::add_pattern(rule, pattern, place, findings))
        .map(String::as_str)
        .collect();
    if let (Some(origin), false) = (&narrowed.beyond, added.is_empty()) {
        findings.warn(
            place,
            format!(
                "{shown} also lets in {origin} today; it is written as {}, which does not",
                added.join(", ")
            ),
        );
    }
    !added.is_empty()
}

/// Adds an origin in which each `*` is any text, as [`add`] does. Without a `*`, it is that origin.
pub(crate) fn add_glob(
    rule: &mut Rule,
    glob: &str,
    place: &Place,
    findings: &mut Findings,
) -> bool {
    if !glob.contains('*') {
        return origins::add(rule, glob, place, findings);
    }
    if !findings.may_check_expression(place) {
        return false;
    }
    let expression = regex_syntax::escape(glob).replace(r"\*", ".*").replace("\\-", "-");
    match narrow(&expression, Matching::WHOLE) {
        Ok(narrowed) => add_narrowed(rule, &format!("\"{glob}\""), &narrowed, place, findings),
        Err(reason) => {
            findings.warn(place, format!("\"{glob}\" is left out of allow_origins: {reason}"));
            false
        }
    }
}

/// Whether an expression matches a text. One that cannot be read or is too large matches none.
pub(crate) fn matches(expression: &str, matching: Matching, text: &str) -> bool {
    let hir = parse(expression, matching).ok();
    hir.and_then(|hir| compile(&hir, matching)).is_some_and(|regex| regex.is_match(text))
}

/// The narrow reading of an expression.
///
/// # Errors
///
/// A clause that says why there is none.
pub(crate) fn narrow(expression: &str, matching: Matching) -> Result<Narrowed, String> {
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
///
/// # Errors
///
/// A clause that says why it cannot be read.
fn parse(expression: &str, matching: Matching) -> Result<Hir, String> {
    if expression.len() > MAX_LEN {
        return Err(format!("it is longer than {MAX_LEN} bytes"));
    }
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
    let regex = compile(hir, matching)?;
    let patterns: Vec<_> =
        patterns.iter().filter_map(|pattern| OriginPattern::parse(pattern).ok()).collect();
    candidates.into_iter().find(|origin| {
        Origin::parse(origin.as_bytes()).is_some()
            && regex.is_match(origin.as_str())
            && !patterns.iter().any(|pattern| pattern.matches(origin.as_bytes()))
    })
}

/// The expression as the other software applies it. `None` if it is too large.
fn compile(hir: &Hir, matching: Matching) -> Option<Regex> {
    let hir = match matching.is_whole {
        true => Hir::concat(vec![Hir::look(Look::Start), hir.clone(), Hir::look(Look::End)]),
        false => hir.clone(),
    };
    Regex::builder()
        .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(1 << 20)))
        .build_from_hir(&hir)
        .ok()
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
