//! Does an expression hold a class that could match any byte?

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::compile::{compile, escape};
use crate::origin::automaton::{Automaton, Condition, Direction, witness};
use crate::origin::error::PatternError;
use crate::origin::syntax::{is_label_byte, is_scheme, split_scheme};

/// A class that could match any byte.
#[derive(Debug, Clone)]
pub(crate) struct LooseClass {
    /// The class, as an expression would write it.
    pub(crate) class: String,
    /// A text that the expression accepts because of the class, escaped.
    pub(crate) example: String,
}

impl LooseClass {
    /// The first one in an expression.
    pub(super) fn find(
        expression: &Hir,
        automaton: &Automaton,
    ) -> Result<Option<Self>, PatternError> {
        let Some(class) = loose_class(expression) else { return Ok(None) };
        Ok(Some(Self { example: look_alike(expression, automaton)?, class: show(class) }))
    }
}

/// The first class that could match any byte.
fn loose_class(expression: &Hir) -> Option<&Class> {
    match expression.kind() {
        HirKind::Class(class) => is_loose(class).then_some(class),
        HirKind::Repetition(repetition) => loose_class(&repetition.sub),
        HirKind::Capture(capture) => loose_class(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(loose_class),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => None,
    }
}

/// Whether a class holds bytes of a host together with more control and non-ASCII bytes than anyone
/// would spell out. Such a class lists the bytes that it leaves out, like `.`, `\S` or `[^/]`, and
/// could match any other byte.
fn is_loose(class: &Class) -> bool {
    const MAX_SPELLED_OUT: u32 = 16;
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        Class::Bytes(class) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
    };
    // How many bytes two ranges share.
    let overlap = |from: u32, to: u32| -> u32 {
        ranges.iter().map(|&(start, end)| (end.min(to) + 1).saturating_sub(start.max(from))).sum()
    };
    let has_host_byte =
        (0..=0x7f).any(|byte| is_label_byte(byte) && overlap(byte.into(), byte.into()) > 0);
    let strange = overlap(0, u32::from(b' ')) + overlap(0x7f, u32::from(char::MAX));
    has_host_byte && strange > MAX_SPELLED_OUT
}

/// A class as an expression would write it, by the bytes that it leaves out.
fn show(class: &Class) -> String {
    let Class::Bytes(class) = class else { return Hir::class(class.clone()).to_string() };
    let mut left_out = class.clone();
    left_out.negate();
    match left_out.ranges() {
        [] => ".".to_owned(),
        [newline] if (newline.start(), newline.end()) == (b'\n', b'\n') => ".".to_owned(),
        ranges => {
            let ranges = ranges.iter().map(|range| match (range.start(), range.end()) {
                (start, end) if start == end => escape(&[start]),
                (start, end) => format!("{}-{}", escape(&[start]), escape(&[end])),
            });
            format!("[^{}]", ranges.collect::<String>())
        }
    }
}

/// A text that the expression accepts against its author's intention, on the assumption that the
/// loose class was meant as a literal dot. Prefers a text that looks like an attacker's origin.
fn look_alike(expression: &Hir, automaton: &Automaton) -> Result<String, PatternError> {
    let meant = compile(&replace_loose(expression, &|_| Hir::literal(*b".")), Direction::Forward)?;
    // Texts that an attacker would put in place of `.*`. A `.` alone is replaced by one byte.
    const LURES: [&str; 6] =
        ["evil.net/?", "https://evil.net/?", "evil/?", "evil.net?", "evil?", ""];
    let mut fallback = None;
    for lure in LURES {
        let replaced = replace_loose(expression, &|repeated| {
            let length = lure.len() as u32;
            match repeated {
                Some(Repetition { min, max, .. })
                    if length > 0 && *min <= length && max.is_none_or(|max| max >= length) =>
                {
                    Hir::literal(lure.as_bytes())
                }
                _ => Hir::literal(*b"x"),
            }
        });
        let stand_in = compile(&replaced, Direction::Forward)?;
        let found = witness([
            Condition::Accepted(&stand_in),
            Condition::Accepted(automaton),
            Condition::Refused(&meant),
        ]);
        let Some(text) = found else { continue };
        if starts_like_an_origin(&text) {
            return Ok(escape(&text));
        }
        fallback = fallback.or(Some(text));
    }
    let text =
        fallback.or_else(|| witness([Condition::Accepted(automaton), Condition::Refused(&meant)]));
    Ok(escape(&text.unwrap_or_default()))
}

/// The expression with each loose class, and each repetition of one, replaced.
fn replace_loose(expression: &Hir, by: &dyn Fn(Option<&Repetition>) -> Hir) -> Hir {
    match expression.kind() {
        HirKind::Class(class) if is_loose(class) => by(None),
        HirKind::Repetition(repetition) => match repetition.sub.kind() {
            HirKind::Class(class)
                if is_loose(class) && repetition.max.is_none_or(|max| max > 1) =>
            {
                by(Some(repetition))
            }
            _ => Hir::repetition(repetition.with(replace_loose(&repetition.sub, by))),
        },
        HirKind::Capture(capture) => replace_loose(&capture.sub, by),
        HirKind::Concat(parts) => {
            Hir::concat(parts.iter().map(|part| replace_loose(part, by)).collect())
        }
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.iter().map(|part| replace_loose(part, by)).collect())
        }
        HirKind::Class(_) | HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => {
            expression.clone()
        }
    }
}

fn starts_like_an_origin(text: &[u8]) -> bool {
    split_scheme(text).is_some_and(|(scheme, rest)| {
        is_scheme(scheme) && rest.first().is_some_and(|&byte| is_label_byte(byte))
    })
}
