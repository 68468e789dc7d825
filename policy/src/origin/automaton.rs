//! Finite automata of expressions, and texts that some of them accept and others refuse.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::{Hir, Look};

/// The end at which an automaton begins to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the first byte to the last one.
    Forward,
    /// From the last byte to the first one.
    Reverse,
}

/// The automaton would exceed its limit of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// A deterministic automaton that reads whole texts, anchored at both ends, one step a byte.
#[derive(Debug, Clone)]
pub(crate) struct Automaton {
    dfa: dense::DFA<Vec<u32>>,
    start: StateID,
}

impl Automaton {
    /// Compiles expressions without Unicode word boundaries into one automaton of at most `limit`
    /// bytes. Building it takes a small multiple of that memory, which bounds the time too.
    pub(crate) fn new(
        expressions: &[Hir],
        direction: Direction,
        limit: usize,
    ) -> Result<Self, TooLarge> {
        let anchored: Vec<_> = expressions
            .iter()
            .map(|expression| {
                let (start, end) = (Hir::look(Look::Start), Hir::look(Look::End));
                Hir::concat(vec![start, expression.clone(), end])
            })
            .collect();
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .utf8(false)
                    .reverse(direction == Direction::Reverse)
                    .which_captures(WhichCaptures::None)
                    .nfa_size_limit(Some(limit)),
            )
            .build_many_from_hir(&anchored)
            .map_err(|_| TooLarge)?;
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .match_kind(MatchKind::All)
                    .start_kind(StartKind::Anchored)
                    .accelerate(false)
                    .dfa_size_limit(Some(limit))
                    .determinize_size_limit(Some(limit)),
            )
            .build_from_nfa(&nfa)
            .map_err(|_| TooLarge)?;
        let start =
            dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).map_err(|_| TooLarge)?;
        Ok(Self { dfa, start })
    }

    /// The index of the first expression that accepts the whole text. Never allocates.
    pub(crate) fn first_accepting(&self, text: &[u8]) -> Option<usize> {
        let mut state = self.start;
        for &byte in text {
            state = self.dfa.next_state(state, byte);
            if self.dfa.is_dead_state(state) {
                return None;
            }
        }
        let state = self.dfa.next_eoi_state(state);
        if !self.dfa.is_match_state(state) {
            return None;
        }
        (0..self.dfa.match_len(state))
            .map(|index| self.dfa.match_pattern(state, index).as_usize())
            .min()
    }

    /// Its memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.dfa.memory_usage()
    }

    fn accepts_at(&self, state: StateID) -> bool {
        self.dfa.is_match_state(self.dfa.next_eoi_state(state))
    }

    /// The class of a byte. The automaton treats all bytes of one class alike.
    fn class(&self, byte: u8) -> u8 {
        self.dfa.byte_classes().get(byte)
    }
}

/// Whether an automaton must accept or refuse a text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Condition<'a> {
    Accepted(&'a Automaton),
    Refused(&'a Automaton),
}

impl<'a> Condition<'a> {
    fn automaton(self) -> &'a Automaton {
        match self {
            Self::Accepted(automaton) | Self::Refused(automaton) => automaton,
        }
    }

    fn holds_at(self, state: StateID) -> bool {
        match self {
            Self::Accepted(automaton) => automaton.accepts_at(state),
            Self::Refused(automaton) => !automaton.accepts_at(state),
        }
    }

    fn is_lost_at(self, state: StateID) -> bool {
        matches!(self, Self::Accepted(automaton) if automaton.dfa.is_dead_state(state))
    }
}

/// The states of a product automaton and its transitions.
struct Product<'a, const N: usize> {
    conditions: [Condition<'a>; N],
    /// One byte of each class of the product, legible bytes first.
    bytes: Vec<u8>,
    states: Vec<[StateID; N]>,
    numbers: HashMap<[StateID; N], usize>,
}

impl<'a, const N: usize> Product<'a, N> {
    /// The product with only its start state, which has the number 0.
    fn new(conditions: [Condition<'a>; N]) -> Self {
        let mut classes = HashSet::new();
        let is_new = |&byte: &u8| {
            classes.insert(conditions.map(|condition| condition.automaton().class(byte)))
        };
        let bytes = legible_first().filter(is_new).collect();
        let start = conditions.map(|condition| condition.automaton().start);
        Self { conditions, bytes, states: vec![start], numbers: HashMap::from([(start, 0)]) }
    }

    fn holds_at(&self, state: usize) -> bool {
        let mut parts = self.conditions.iter().zip(self.states[state]);
        parts.all(|(condition, state)| condition.holds_at(state))
    }

    /// The state after one more byte, unless the conditions are lost there, and whether it is new.
    fn step(&mut self, state: usize, byte: u8) -> Option<(usize, bool)> {
        let mut next = self.states[state];
        for (condition, state) in self.conditions.iter().zip(&mut next) {
            *state = condition.automaton().dfa.next_state(*state, byte);
            if condition.is_lost_at(*state) {
                return None;
            }
        }
        match self.numbers.entry(next) {
            Entry::Occupied(known) => Some((*known.get(), false)),
            Entry::Vacant(vacant) => {
                let number = self.states.len();
                vacant.insert(number);
                self.states.push(next);
                Some((number, true))
            }
        }
    }
}

/// All bytes. The first ones make an example easy to read.
fn legible_first() -> impl Iterator<Item = u8> {
    let letters = || b'a'..=b'z';
    let rest = || (b'!'..=b'~').chain(b'\0'..=b' ').chain(0x7f..=0xff);
    let preferred = |byte: &u8| byte.is_ascii_lowercase();
    b"x".iter().copied().chain(letters().filter(|&byte| byte != b'x')).chain(
        b"0123456789-./?#@".iter().copied().chain(
            rest().filter(move |byte| !preferred(byte) && !b"0123456789-./?#@".contains(byte)),
        ),
    )
}

/// The shortest text that fulfils all conditions, if any does.
///
/// Breadth-first search over the product of the automata; time and memory follow the number of its
/// reachable states.
pub(crate) fn witness<const N: usize>(conditions: [Condition<'_>; N]) -> Option<Vec<u8>> {
    let mut product = Product::new(conditions);
    let mut reached_by = vec![(0, 0)];
    let mut state = 0;
    while state < product.states.len() {
        if product.holds_at(state) {
            let mut text = Vec::new();
            while state != 0 {
                let (previous, byte) = reached_by[state];
                text.push(byte);
                state = previous;
            }
            text.reverse();
            return Some(text);
        }
        for index in 0..product.bytes.len() {
            let byte = product.bytes[index];
            if let Some((_, true)) = product.step(state, byte) {
                reached_by.push((state, byte));
            }
        }
        state += 1;
    }
    None
}

/// The transitions between all states from which a text can still fulfil all conditions. It reads
/// such texts byte by byte.
#[derive(Debug)]
pub(crate) struct Graph {
    /// For each state the bytes that lead on, in their order, and where they lead.
    transitions: Vec<Vec<(u8, usize)>>,
}

impl Graph {
    /// The state before the first byte.
    pub(crate) const START: usize = 0;

    /// The graph over the given alphabet.
    pub(crate) fn new<const N: usize>(conditions: [Condition<'_>; N], alphabet: &[u8]) -> Self {
        let mut product = Product::new(conditions);
        let mut alphabet = alphabet.to_vec();
        alphabet.sort_unstable();
        let mut transitions: Vec<Vec<(u8, usize)>> = Vec::new();
        let mut origins: Vec<Vec<usize>> = vec![Vec::new()];
        while transitions.len() < product.states.len() {
            let state = transitions.len();
            let mut onward = Vec::new();
            for &byte in &alphabet {
                if let Some((next, is_new)) = product.step(state, byte) {
                    if is_new {
                        origins.push(Vec::new());
                    }
                    onward.push((byte, next));
                    origins[next].push(state);
                }
            }
            transitions.push(onward);
        }
        let mut fulfillable = vec![false; transitions.len()];
        let mut pending: Vec<usize> =
            (0..transitions.len()).filter(|&state| product.holds_at(state)).collect();
        while let Some(state) = pending.pop() {
            if !std::mem::replace(&mut fulfillable[state], true) {
                pending.append(&mut origins[state]);
            }
        }
        for onward in &mut transitions {
            onward.retain(|&(_, next)| fulfillable[next]);
        }
        Self { transitions }
    }

    /// The states that one more byte leads to from any of these.
    pub(crate) fn step(&self, states: &[usize], byte: u8) -> Vec<usize> {
        let mut next: Vec<usize> = states
            .iter()
            .filter_map(|&state| {
                let onward = &self.transitions[state];
                let index = onward.binary_search_by_key(&byte, |&(byte, _)| byte).ok()?;
                Some(onward[index].1)
            })
            .collect();
        next.sort_unstable();
        next.dedup();
        next
    }

    /// The states that these bytes, read from the last one to the first, lead to.
    pub(crate) fn step_back(&self, states: &[usize], text: &[u8]) -> Vec<usize> {
        text.iter().rev().fold(states.to_vec(), |states, &byte| self.step(&states, byte))
    }

    /// The bytes that lead on from any of these states, in their order.
    pub(crate) fn bytes(&self, states: &[usize]) -> Vec<u8> {
        let onward = states.iter().flat_map(|&state| &self.transitions[state]);
        let mut bytes: Vec<u8> = onward.map(|&(byte, _)| byte).collect();
        bytes.sort_unstable();
        bytes.dedup();
        bytes
    }

    /// For each state, whether bytes of this kind, or none, lead to one where `end` can follow.
    pub(crate) fn leading_to(&self, is_kind: fn(u8) -> bool, end: u8) -> Vec<bool> {
        let origins = self.origins(is_kind);
        let mut pending: Vec<usize> = (0..self.transitions.len())
            .filter(|&state| !self.step(&[state], end).is_empty())
            .collect();
        let mut leads = vec![false; self.transitions.len()];
        while let Some(state) = pending.pop() {
            if !std::mem::replace(&mut leads[state], true) {
                pending.extend(&origins[state]);
            }
        }
        leads
    }

    /// For each state, whether bytes of this kind can follow without end, through none but the states
    /// that are allowed.
    pub(crate) fn endless(&self, is_kind: fn(u8) -> bool, allowed: &[bool]) -> Vec<bool> {
        let origins = self.origins(is_kind);
        let mut ways: Vec<usize> = self
            .transitions
            .iter()
            .map(|onward| {
                onward.iter().filter(|&&(byte, next)| is_kind(byte) && allowed[next]).count()
            })
            .collect();
        // Where no way leads on, all end; so do those that lead there and nowhere else.
        let mut pending: Vec<usize> =
            (0..ways.len()).filter(|&state| allowed[state] && ways[state] == 0).collect();
        while let Some(state) = pending.pop() {
            for &origin in &origins[state] {
                ways[origin] -= 1;
                if ways[origin] == 0 && allowed[origin] {
                    pending.push(origin);
                }
            }
        }
        ways.into_iter().zip(allowed).map(|(ways, &allowed)| ways > 0 && allowed).collect()
    }

    /// For each state, from where a byte of this kind leads there: once for each byte.
    fn origins(&self, is_kind: fn(u8) -> bool) -> Vec<Vec<usize>> {
        let mut origins = vec![Vec::new(); self.transitions.len()];
        for (state, onward) in self.transitions.iter().enumerate() {
            for &(_, next) in onward.iter().filter(|&&(byte, _)| is_kind(byte)) {
                origins[next].push(state);
            }
        }
        origins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn automaton(expression: &str) -> Automaton {
        let hir = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(expression)
            .unwrap();
        Automaton::new(&[hir], Direction::Forward, 1 << 20).unwrap()
    }

    #[test]
    fn each_byte_comes_once() {
        let mut bytes: Vec<u8> = legible_first().collect();
        assert_eq!(bytes[0], b'x');
        bytes.sort_unstable();
        assert!(bytes.into_iter().eq(0..=255));
    }

    #[test]
    fn witnesses_are_the_shortest() {
        let (words, digits) = (automaton("a{3,}|[0-9]{2}"), automaton("[0-9]*"));
        assert_eq!(witness([Condition::Accepted(&words)]).as_deref(), Some(&b"00"[..]));
        assert_eq!(
            witness([Condition::Accepted(&words), Condition::Refused(&digits)]).as_deref(),
            Some(&b"aaa"[..])
        );
        let none = automaton("b");
        assert_eq!(witness([Condition::Accepted(&words), Condition::Accepted(&none)]), None);
    }

    #[test]
    fn graphs_lead_only_to_acceptance() {
        let graph = Graph::new([Condition::Accepted(&automaton("ab|ac$d|a[xy]"))], b"abcdxy");
        let after_a = graph.step(&[Graph::START], b'a');
        assert_eq!(after_a.len(), 1);
        assert!(!graph.step(&after_a, b'b').is_empty());
        assert!(graph.step(&after_a, b'c').is_empty());
        assert_eq!(graph.step(&after_a, b'x'), graph.step(&after_a, b'y'));
        assert!(graph.step_back(&[Graph::START], b"ab").is_empty());
        assert_eq!(graph.step_back(&[Graph::START], b"xa"), graph.step(&after_a, b'x'));
    }

    #[test]
    fn states_that_lead_to_a_byte() {
        let graph = Graph::new([Condition::Accepted(&automaton("a+(b|c.)|d"))], b"abcd.");
        let leads = graph.leading_to(|byte| byte.is_ascii_lowercase(), b'.');
        let after = |text: &[u8]| graph.step_back(&[Graph::START], text)[0];
        assert!(leads[Graph::START] && leads[after(b"a")] && leads[after(b"ca")]);
        assert!(!leads[after(b"d")] && !leads[after(b"ba")]);

        let letters = |byte: u8| byte.is_ascii_lowercase();
        let endless = graph.endless(letters, &vec![true; leads.len()]);
        assert!(endless[Graph::START] && endless[after(b"a")]);
        assert!(!endless[after(b"d")] && !endless[after(b"ca")]);
        let mut allowed = vec![true; leads.len()];
        allowed[after(b"aa")] = false;
        assert!(!graph.endless(letters, &allowed)[Graph::START]);
        assert_eq!(graph.bytes(&[Graph::START, after(b"a")]), b"abcd");
    }
}
