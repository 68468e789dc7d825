//! Origins at which patterns and expressions meet.
//!
//! What a pattern gets is asked for by some of its origins. Another expression can take others of them out
//! again: `https://[a-z-]+\.example\.com` gets in, and `staging` does not. Here, the patterns and the
//! expressions of a configuration are run together, as one automaton, and for each combination of those
//! that match there is one origin.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use cors_policy::origin::Origin;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};
use regex_syntax::escape;

/// The bytes that origins are looked for with, the most usual ones first.
const BYTES: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789.-_:/[]";

/// The most memory of one automaton, in bytes.
const MAX_SIZE: usize = 2 << 20;

/// The most memory of all that are made, in bytes, for it is time, too.
const MAX_TOTAL: usize = 32 << 20;

/// The most origins for one automaton.
const MAX_ORIGINS: usize = 64;

/// What is run together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Parties {
    /// Patterns of which origins are wanted.
    pub(super) allowed: Vec<String>,
    /// Patterns whose origins are not of interest.
    pub(super) known: Vec<String>,
    /// Expressions that match somewhere in an origin, without regard to case or not.
    pub(super) expressions: Vec<(String, bool)>,
}

/// The automata are too large.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooLarge;

type Found = Result<Rc<[String]>, TooLarge>;

/// What was found before: many locations share a map.
#[derive(Default)]
pub(super) struct Overlaps {
    found: RefCell<HashMap<Parties, Found>>,
    /// How much memory the automata have taken.
    total: Cell<usize>,
}

impl Overlaps {
    /// Origins of the allowed patterns, one for each combination of patterns and expressions that match,
    /// but for those of known patterns.
    ///
    /// # Errors
    ///
    /// If the automata become too large. Some expressions cannot be read at all; those are passed over.
    pub(super) fn find(&self, parties: Parties) -> Found {
        if let Some(found) = self.found.borrow().get(&parties) {
            return found.clone();
        }
        let found = self.search(&parties);
        self.found.borrow_mut().insert(parties, found.clone());
        found
    }

    fn search(&self, parties: &Parties) -> Found {
        if self.total.get() > MAX_TOTAL {
            return Err(TooLarge);
        }
        let automaton = Combined::new(parties);
        let size = automaton.as_ref().map_or(MAX_SIZE, |automaton| automaton.dfa.memory_usage());
        self.total.set(self.total.get() + size);
        Ok(automaton?.origins().into())
    }
}

/// The automaton of all patterns and expressions.
struct Combined {
    dfa: dense::DFA<Vec<u32>>,
    /// The first patterns of it are the allowed ones.
    allowed: usize,
    /// Behind them are the known ones, up to this number.
    known: usize,
}

impl Combined {
    fn new(parties: &Parties) -> Result<Self, TooLarge> {
        let Parties { allowed, known, expressions } = parties;
        let whole = |pattern: &String| format!(r"\A(?:{})\z", expression(pattern));
        let mut texts: Vec<_> = allowed.iter().chain(known).map(whole).collect();
        texts.extend(
            expressions.iter().filter_map(|(text, ignores_case)| somewhere(text, *ignores_case)),
        );
        let dfa = dense::Builder::new()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(
                thompson::Config::new()
                    .utf8(false)
                    .which_captures(WhichCaptures::None)
                    .nfa_size_limit(Some(MAX_SIZE)),
            )
            .configure(
                dense::Config::new()
                    .match_kind(MatchKind::All)
                    .start_kind(StartKind::Anchored)
                    .dfa_size_limit(Some(MAX_SIZE))
                    .determinize_size_limit(Some(MAX_SIZE)),
            )
            .build_many(&texts)
            .map_err(|_| TooLarge)?;
        Ok(Self { dfa, allowed: allowed.len(), known: allowed.len() + known.len() })
    }

    /// The shortest origin for each combination of patterns and expressions.
    fn origins(&self) -> Vec<String> {
        let anchored = start::Config::new().anchored(Anchored::Yes);
        let Ok(first) = self.dfa.start_state(&anchored) else { return Vec::new() };
        // For each state the one before it, and the byte between them.
        let mut before: HashMap<StateID, (StateID, u8)> = HashMap::new();
        let mut seen = HashSet::from([first]);
        let mut queue = VecDeque::from([first]);
        let mut combinations = HashSet::new();
        let mut origins = Vec::new();
        while let Some(state) = queue.pop_front() {
            if let Some(combination) = self.combination(state) {
                let origin = text_of(state, first, &before);
                if Origin::parse(origin.as_bytes()).is_some() && combinations.insert(combination) {
                    origins.push(origin);
                }
            }
            if origins.len() == MAX_ORIGINS {
                break;
            }
            for byte in BYTES {
                let next = self.dfa.next_state(state, *byte);
                if !self.dfa.is_dead_state(next) && seen.insert(next) {
                    before.insert(next, (state, *byte));
                    queue.push_back(next);
                }
            }
        }
        origins
    }

    /// The patterns that match if the text ends here; none if no origin is wanted there.
    fn combination(&self, state: StateID) -> Option<Vec<usize>> {
        let end = self.dfa.next_eoi_state(state);
        if !self.dfa.is_match_state(end) {
            return None;
        }
        let matches =
            (0..self.dfa.match_len(end)).map(|at| self.dfa.match_pattern(end, at).as_usize());
        let mut matches: Vec<_> = matches.collect();
        matches.sort_unstable();
        let is_known = |number: &usize| (self.allowed..self.known).contains(number);
        let is_wanted = matches.first().is_some_and(|first| *first < self.allowed);
        (is_wanted && !matches.iter().any(is_known)).then_some(matches)
    }
}

/// The text that leads to a state.
fn text_of(state: StateID, first: StateID, before: &HashMap<StateID, (StateID, u8)>) -> String {
    let mut text = Vec::new();
    let mut at = state;
    while let Some((previous, byte)) = before.get(&at).filter(|_| at != first) {
        text.push(char::from(*byte));
        at = *previous;
    }
    text.iter().rev().collect()
}

/// An expression that matches somewhere, as one that matches the whole text. `None` if it cannot be read.
fn somewhere(text: &str, ignores_case: bool) -> Option<String> {
    let mut parser = regex_syntax::ParserBuilder::new();
    parser.unicode(false).utf8(false).nest_limit(64).build().parse(text).ok()?;
    let case = if ignores_case { "i" } else { "" };
    Some(format!(r"\A(?s-u:.*)(?{case}:{text})(?s-u:.*)\z"))
}

/// A pattern of a policy document as an expression. Of several ports it has the first.
fn expression(pattern: &str) -> String {
    const HOST: &str = r"[a-z0-9-]+(?:\.[a-z0-9-]+)*";
    if let Some(expression) = pattern.strip_prefix("regex:") {
        return expression.to_owned();
    }
    if pattern == "*" {
        return format!("https?://{HOST}(?::[0-9]+)?");
    }
    let (scheme, rest) = pattern.split_once("://").unwrap_or(("", pattern));
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, "*")) => (host, "(?::[0-9]{2,5})?".to_owned()),
        Some((host, ports)) if !ports.ends_with(']') || ports.starts_with('[') => {
            let first = ports.trim_matches(['[', ']']).split([',', '-']).next().unwrap_or_default();
            (host, format!(":{first}"))
        }
        _ => (rest, String::new()),
    };
    let (first, host) = match host.strip_prefix("*.") {
        Some(host) => (format!(r"{HOST}\."), host),
        None if host == "*" => (HOST.to_owned(), ""),
        None => (String::new(), host),
    };
    let host = escape(host).replace(r"\*", "[a-z0-9_-]+");
    format!("{}://{first}{host}{port}", escape(scheme))
}

#[cfg(test)]
mod tests {
    use cors_policy::origin::OriginPattern;

    use super::*;

    fn parties(allowed: &[&str], known: &[&str], expressions: &[&str]) -> Parties {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Parties {
            allowed: owned(allowed),
            known: owned(known),
            expressions: expressions.iter().map(|text| ((*text).to_owned(), false)).collect(),
        }
    }

    fn found(parties: Parties) -> Vec<String> {
        Overlaps::default().find(parties).unwrap().to_vec()
    }

    #[test]
    fn there_is_an_origin_for_each_combination() {
        let allowed = [r"regex:https://[a-z0-9-]+\.example\.com"];
        assert_eq!(
            found(parties(&allowed, &[], &["staging", "^https://[a-z]"])),
            [
                "https://a.example.com",
                "https://0.example.com",
                "https://staging.example.com",
                "https://0staging.example.com",
            ]
        );
        let denied = [r"^https://(evil|bad)[^.]*\.example\.com$"];
        let known = ["https://evil*.example.com", "https://bad*.example.com"];
        assert_eq!(
            found(parties(&allowed, &known, &denied)),
            ["https://a.example.com", "https://bad.example.com"]
        );
    }

    #[test]
    fn the_origins_are_those_of_the_pattern() {
        for pattern in [
            "*",
            "https://*",
            "https://*:*",
            "https://*.example.com",
            "https://*.pr-*.example.com:*",
            "https://pr-*.example.com:8443",
            "http://localhost:[3000,5173]",
            "http://localhost:3000-3009",
            "http://[::1]:*",
            "http://[::1]",
            r"regex:https://(a|b)\.example",
        ] {
            let origins = found(parties(&[pattern], &[], &[]));
            let parsed = OriginPattern::parse(pattern).unwrap();
            assert_eq!(origins.len(), 1, "{pattern}: {origins:?}");
            assert!(parsed.matches(origins[0].as_bytes()), "{pattern}: {origins:?}");
        }
    }

    #[test]
    fn what_becomes_too_large_says_so() {
        let large: Vec<_> = (0..12).map(|n| format!("a[ab]{{{}}}{n}", 20 + n)).collect();
        let large: Vec<_> = large.iter().map(String::as_str).collect();
        let overlaps = Overlaps::default();
        assert!(overlaps.find(parties(&["*"], &[], &large)).is_err());
        // And there is an end to it.
        overlaps.total.set(MAX_TOTAL + 1);
        assert!(overlaps.find(parties(&["https://*.a.example"], &[], &["b"])).is_err());
    }
}
