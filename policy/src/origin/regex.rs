//! Regular expressions for origins.
//!
//! An expression is judged by the texts that it accepts, not by the way it is written. Its automaton
//! is compared with automata of the grammar of origins. A text that only one of the two accepts
//! proves a mistake, and serves as the example in the message. Anchors, inline flags and nested
//! groups therefore need no rules of their own.

mod any_address;
mod compare;
mod compile;
mod grammar;
mod loose;
mod open_suffix;

use std::fmt;

use regex_syntax::hir::Hir;

use self::compile::escape;
use self::grammar::GRAMMAR;
use super::automaton::{Automaton, Condition, Direction, witness};
use super::error::PatternError;
use super::suffix::OpenSuffix;
use super::syntax::Origin;

pub(crate) use self::compare::{includes, meet};
pub(crate) use self::compile::{REGEX_PREFIX, compile_all, parse_bytes};
pub(crate) use self::loose::LooseClass;

/// A regular expression that accepts origins.
#[derive(Clone)]
pub struct OriginRegex<'a> {
    text: &'a str,
    expression: Hir,
    automaton: Automaton,
    loose: Option<LooseClass>,
    open_suffix: Option<OpenSuffix>,
}

impl<'a> OriginRegex<'a> {
    /// Checks and compiles an expression, without the prefix `regex:`.
    ///
    /// # Errors
    ///
    /// If the expression is too long or too large, does not compile, matches no origin, or matches
    /// texts that are not origins.
    pub(crate) fn parse(text: &'a str) -> Result<Self, PatternError> {
        let expression = compile::parse(text)?;
        let automaton = compile::compile(&expression, Direction::Forward)?;
        let this = Condition::Accepted(&automaton);
        if witness([this, Condition::Accepted(&GRAMMAR.origin), Condition::Refused(&GRAMMAR.never)])
            .is_none()
        {
            let example = witness([this]).map(|text| escape(&text));
            return Err(PatternError::RegexMatchesNoOrigin { example });
        }
        let loose = LooseClass::find(&expression, &automaton)?;
        if loose.is_none() {
            let beyond = witness([this, Condition::Refused(&GRAMMAR.one_origin)])
                .or_else(|| witness([this, Condition::Accepted(&GRAMMAR.missing_host)]));
            if let Some(text) = beyond {
                return Err(PatternError::RegexBeyondOrigin { example: escape(&text) });
            }
        }
        let open_suffix = open_suffix::open_suffix(&expression)?;
        Ok(Self { text, expression, automaton, loose, open_suffix })
    }

    /// The expression as written, without the prefix `regex:`.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether the expression, anchored at both ends, accepts this origin.
    pub fn matches(&self, origin: &Origin<'_>) -> bool {
        self.automaton.first_accepting(origin.as_bytes()).is_some()
    }

    /// Whether this expression accepts every origin that another one accepts.
    pub(crate) fn includes(&self, other: &OriginRegex<'_>) -> bool {
        includes(&self.automaton, &other.automaton)
    }

    /// The parsed expression.
    pub(crate) fn expression(&self) -> &Hir {
        &self.expression
    }

    /// A well-formed origin that the expression accepts, if the shortest text is one.
    pub fn example(&self) -> Option<Vec<u8>> {
        let found = witness([
            Condition::Accepted(&self.automaton),
            Condition::Accepted(&GRAMMAR.origin),
            Condition::Refused(&GRAMMAR.never),
        ]);
        found.filter(|text| Origin::parse(text).is_some())
    }

    /// The first class that could match any byte.
    pub(crate) fn loose(&self) -> Option<&LooseClass> {
        self.loose.as_ref()
    }

    /// Whether the expression accepts the origin `file://`.
    pub(crate) fn matches_file(&self) -> bool {
        self.automaton.first_accepting(b"file://").is_some()
    }

    /// An `http` origin of another machine, if the expression accepts one.
    pub(crate) fn cleartext_example(&self) -> Option<String> {
        witness([
            Condition::Accepted(&self.automaton),
            Condition::Accepted(&GRAMMAR.origin),
            Condition::Accepted(&GRAMMAR.cleartext),
            Condition::Refused(&GRAMMAR.local),
            Condition::Refused(&GRAMMAR.never),
        ])
        .map(|text| escape(&text))
    }

    /// The public suffix directly below which the expression accepts any name; `*` if it accepts any
    /// top-level domain.
    pub(crate) fn open_suffix(&self) -> Option<&OpenSuffix> {
        self.open_suffix.as_ref()
    }

    /// Whether the expression accepts addresses of networks all over the world.
    pub(crate) fn accepts_any_address(&self) -> bool {
        any_address::accepts_any_address(&self.automaton)
    }

    /// An origin below a public suffix, which may have a `*` as a label, if the expression accepts
    /// one. Prefers `https`.
    pub(crate) fn example_below(&self, suffix: &str) -> Option<String> {
        let suffix = suffix.replace('.', r"\.").replace('*', "[a-z0-9_-]+");
        ["https", "[a-z][a-z0-9+.-]*"].into_iter().find_map(|scheme| {
            let below = format!(r"{scheme}://([a-z0-9_-]+\.)+{suffix}(:[0-9]+)?");
            let below = compile::compile(&compile::parse_bytes(&below).ok()?, Direction::Forward);
            witness([
                Condition::Accepted(&self.automaton),
                Condition::Accepted(&GRAMMAR.origin),
                Condition::Accepted(&below.ok()?),
                Condition::Refused(&GRAMMAR.never),
            ])
            .map(|text| escape(&text))
        })
    }
}

impl fmt::Debug for OriginRegex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OriginRegex").field(&self.text).finish()
    }
}

impl PartialEq for OriginRegex<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for OriginRegex<'_> {}
