//! Does an expression accept any name directly below a public suffix?
//!
//! The accepted hosts are read from the right, label by label, together with the tree of the Public
//! Suffix List, so that every rule is considered. An expression may spell out a few labels. If it
//! accepts more than anyone would list, the administrator cannot own them all.

use std::collections::VecDeque;
use std::sync::LazyLock;

use regex_syntax::hir::Hir;

use super::compile::compile;
use super::grammar::GRAMMAR;
use crate::origin::automaton::{Condition, Direction, Graph};
use crate::origin::error::PatternError;
use crate::origin::suffix::{OpenSuffix, Position, Section, join};
use crate::origin::syntax::is_label_byte;

/// All bytes that origins with a host name consist of.
static ORIGIN_BYTES: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..=255).filter(|&b| is_label_byte(b) || b"+.:/".contains(&b)).collect());

/// How many names below one suffix an expression may spell out. With more it counts as open.
pub(super) const MAX_REGISTRABLE: usize = 9;
/// How many labels at one position an expression may spell out, such as all countries.
const MAX_LABELS: usize = 256;

/// The shortest public suffix directly below which the expression accepts any name; `*` if it accepts
/// any top-level domain.
///
/// Three things make a suffix open:
///
/// - The expression accepts more labels directly below it than it may spell out.
/// - It does so at a label of the suffix itself, so that it accepts a name below suffixes that nobody
///   has counted: `https://a\.[a-z]+\.amazonaws\.com`.
/// - It does so at a label that a rule of the list leaves open.
///
/// Takes at most one search for labels for each rule, and for each label that is spelled out below a
/// rule with `*`.
pub(super) fn open_suffix(expression: &Hir) -> Result<Option<OpenSuffix>, PatternError> {
    let reversed = compile(expression, Direction::Reverse)?;
    for (grammar, has_port) in
        [(&GRAMMAR.named_reversed, false), (&GRAMMAR.named_with_port_reversed, true)]
    {
        let conditions = [Condition::Accepted(&reversed), Condition::Accepted(grammar)];
        let hosts = Hosts::new(Graph::new(conditions, &ORIGIN_BYTES), has_port);
        if let Some(suffix) = hosts.open_suffix() {
            return Ok(Some(suffix));
        }
    }
    Ok(None)
}

/// The hosts that an expression accepts, read from the right.
struct Hosts {
    graph: Graph,
    /// The states in which a host begins.
    ends: Vec<usize>,
    /// For each state, whether more bytes of a label, or none, lead to one with a dot before it.
    is_before_dot: Vec<bool>,
    /// For each state, whether there is no end of labels that it is in.
    is_endless: Vec<bool>,
    /// The same for labels with a dot before them.
    is_endless_before_dot: Vec<bool>,
}

/// A name at whose left end the expression accepts one more label.
struct Reading {
    position: Position,
    /// The name, with a `*` for a label that the list leaves open.
    name: String,
    /// Whether one of its labels is not spelled out.
    is_made_up: bool,
    states: Vec<usize>,
}

impl Hosts {
    fn new(graph: Graph, has_port: bool) -> Self {
        let ends = if has_port { before_port(&graph) } else { vec![Graph::START] };
        let is_before_dot = graph.leading_to(is_label_byte, b'.');
        let is_endless = graph.endless(is_label_byte, &vec![true; is_before_dot.len()]);
        let is_endless_before_dot = graph.endless(is_label_byte, &is_before_dot);
        Self { graph, ends, is_before_dot, is_endless, is_endless_before_dot }
    }

    fn open_suffix(&self) -> Option<OpenSuffix> {
        if self.ends.is_empty() {
            return None;
        }
        let root = Reading {
            position: Position::ROOT,
            name: String::new(),
            is_made_up: false,
            states: self.ends.clone(),
        };
        let mut pending = VecDeque::from([root]);
        while let Some(reading) = pending.pop_front() {
            let is_top = reading.name.is_empty();
            if let Some(section) = reading.position.suffix() {
                if reading.is_made_up || self.is_open(&reading) {
                    return Some(OpenSuffix { name: reading.name, section });
                }
            } else if is_top && self.labels(&reading.states, Before::Any).is_none() {
                return Some(OpenSuffix { name: "*".to_owned(), section: Section::Icann });
            }
            match self.labels(&reading.states, Before::Dot) {
                Some(labels) => {
                    for (label, states) in labels {
                        let position = reading.position.below(label.as_bytes());
                        pending.extend(self.onward(&reading, &label, position, &states, false));
                    }
                }
                None => {
                    // These are more labels than the list has here, so one of them is not listed.
                    if let Some(position) = reading.position.unlisted() {
                        let name = join("*", &reading.name);
                        // It is open, whatever stands before it.
                        let states = Vec::new();
                        pending.push_back(Reading { position, name, is_made_up: true, states });
                    }
                    for (label, position) in reading.position.listed() {
                        let states = self.graph.step_back(&reading.states, label);
                        let label = String::from_utf8_lossy(label);
                        pending.extend(self.onward(&reading, &label, position, &states, true));
                    }
                }
            }
        }
        None
    }

    /// The name with one more label, if it is a suffix or rules go on there, and the expression
    /// accepts a label before it.
    fn onward(
        &self,
        reading: &Reading,
        label: &str,
        position: Position,
        states: &[usize],
        is_made_up: bool,
    ) -> Option<Reading> {
        let states = self.graph.step(states, b'.');
        let is_of_use = position.suffix().is_some() || position.leads_on();
        (is_of_use && !states.is_empty()).then(|| Reading {
            position,
            name: join(label, &reading.name),
            is_made_up: is_made_up || reading.is_made_up,
            states,
        })
    }

    /// Whether the expression accepts more names directly below this suffix than it may spell out.
    /// Suffixes are nobody's names.
    fn is_open(&self, suffix: &Reading) -> bool {
        self.labels(&suffix.states, Before::Any).is_none_or(|labels| {
            let registrable = labels
                .iter()
                .filter(|(label, _)| suffix.position.below(label.as_bytes()).suffix().is_none());
            registrable.count() > MAX_REGISTRABLE
        })
    }

    /// All labels that can be read from the right, and the states after each. `None` if there are
    /// more than anyone would spell out.
    fn labels(&self, states: &[usize], before: Before) -> Option<Vec<(String, Vec<usize>)>> {
        let states = self.of_use(states.to_vec(), before);
        let is_endless = match before {
            Before::Any => &self.is_endless,
            Before::Dot => &self.is_endless_before_dot,
        };
        if states.iter().any(|&state| is_endless[state]) {
            return None;
        }
        let mut labels = Vec::new();
        let mut pending = vec![(Vec::new(), states)];
        while let Some((reversed, states)) = pending.pop() {
            let ends_here = |byte| !self.graph.step(&states, byte).is_empty();
            if !reversed.is_empty() && (ends_here(b'.') || before == Before::Any && ends_here(b'/'))
            {
                let label = reversed.iter().rev().map(|&byte| char::from(byte)).collect();
                labels.push((label, states.clone()));
            }
            if labels.len() > MAX_LABELS || reversed.len() > 63 {
                return None;
            }
            for byte in self.graph.bytes(&states).into_iter().filter(|&byte| is_label_byte(byte)) {
                let next = self.of_use(self.graph.step(&states, byte), before);
                if !next.is_empty() {
                    pending.push((reversed.iter().copied().chain([byte]).collect(), next));
                }
            }
        }
        Some(labels)
    }

    /// The states from which a label can still end as it has to.
    fn of_use(&self, mut states: Vec<usize>, before: Before) -> Vec<usize> {
        states.retain(|&state| before == Before::Any || self.is_before_dot[state]);
        states
    }
}

/// What stands before a label.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A dot, or the scheme.
    Any,
    Dot,
}

/// The states in which the host begins, reading from the right, after a port.
fn before_port(graph: &Graph) -> Vec<usize> {
    let mut reached = vec![Graph::START];
    let mut hosts = Vec::new();
    let mut index = 0;
    while let Some(&state) = reached.get(index) {
        hosts.extend(graph.step(&[state], b':'));
        for next in (b'0'..=b'9').flat_map(|digit| graph.step(&[state], digit)) {
            if !reached.contains(&next) {
                reached.push(next);
            }
        }
        index += 1;
    }
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}
