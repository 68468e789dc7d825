//! Does an expression accept any name directly below a public suffix?

use std::sync::LazyLock;

use regex_syntax::hir::Hir;

use super::compile::compile;
use super::grammar::GRAMMAR;
use crate::origin::automaton::{Condition, Direction, Graph};
use crate::origin::error::PatternError;
use crate::origin::suffix::is_public_suffix;
use crate::origin::syntax::is_label_byte;

/// All bytes that origins with a host name consist of.
static ORIGIN_BYTES: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..=255).filter(|&b| is_label_byte(b) || b"+.:/".contains(&b)).collect());

/// How many names below one suffix an expression may spell out. With more it counts as open.
const MAX_REGISTRABLE: usize = 9;
/// How many labels at one position an expression may spell out, such as all countries.
const MAX_LABELS: usize = 256;

/// The public suffix directly below which the expression accepts any name; empty if it accepts any
/// top-level domain.
///
/// Reads the accepted hosts from the right, label by label, as long as they are public suffixes.
/// An expression may spell out a few labels. If it accepts more than anyone would list, the
/// administrator cannot own them all.
pub(super) fn open_suffix(expression: &Hir) -> Result<Option<String>, PatternError> {
    let reversed = compile(expression, Direction::Reverse)?;
    for (grammar, has_port) in
        [(&GRAMMAR.named_reversed, false), (&GRAMMAR.named_with_port_reversed, true)]
    {
        let conditions = [Condition::Accepted(&reversed), Condition::Accepted(grammar)];
        let graph = Graph::new(conditions, &ORIGIN_BYTES);
        let ends = if has_port { before_port(&graph) } else { vec![Graph::START] };
        let mut pending = vec![(String::new(), ends)];
        while let Some((suffix, states)) = pending.pop() {
            let Some(labels) = labels(&graph, states) else { return Ok(Some(suffix)) };
            let mut registrable = 0;
            for (label, states) in labels {
                let name = if suffix.is_empty() { label } else { format!("{label}.{suffix}") };
                if is_public_suffix(name.as_bytes()) {
                    pending.push((name, graph.step(&states, b'.')));
                } else {
                    registrable += 1;
                }
            }
            if registrable > MAX_REGISTRABLE {
                return Ok(Some(suffix));
            }
        }
    }
    Ok(None)
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

/// All labels that can be read from the right, and the states after each. `None` if there are more
/// than anyone would spell out.
fn labels(graph: &Graph, states: Vec<usize>) -> Option<Vec<(String, Vec<usize>)>> {
    let mut labels = Vec::new();
    let mut pending = vec![(Vec::new(), states)];
    while let Some((reversed, states)) = pending.pop() {
        let ends_here = |byte| !graph.step(&states, byte).is_empty();
        if !reversed.is_empty() && (ends_here(b'.') || ends_here(b'/')) {
            let label = reversed.iter().rev().map(|&byte| char::from(byte)).collect();
            labels.push((label, states.clone()));
        }
        if labels.len() > MAX_LABELS || reversed.len() > 63 {
            return None;
        }
        for byte in (0..=255).filter(|&byte| is_label_byte(byte)) {
            let next = graph.step(&states, byte);
            if !next.is_empty() {
                pending.push((reversed.iter().copied().chain([byte]).collect(), next));
            }
        }
    }
    Some(labels)
}
