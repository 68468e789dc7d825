//! The parts of an expression.

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

/// The most alternatives that are written as patterns of their own.
const MAX_SEQUENCES: usize = 64;

/// Why an expression with anything but ASCII has no reading.
const FOREIGN_LETTERS: &str = "it has letters that no origin has";

/// Bytes, of ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bytes(u128);

impl Bytes {
    /// `a-z 0-9 - _`, for which a `*` in a label of a pattern stands.
    pub(super) const LABEL: Self = Self::of(b"abcdefghijklmnopqrstuvwxyz0123456789-_");

    /// `0-9`.
    pub(super) const DIGITS: Self = Self::of(b"0123456789");

    /// What a host may have, and its scheme.
    const ORIGIN: Self = Self::of(b"abcdefghijklmnopqrstuvwxyz0123456789-_.");

    /// The set of these bytes, which have to be ASCII.
    const fn of(bytes: &[u8]) -> Self {
        let mut set = 0;
        let mut index = 0;
        while index < bytes.len() {
            set |= 1 << bytes[index];
            index += 1;
        }
        Self(set)
    }

    pub(super) fn contains(self, byte: u8) -> bool {
        byte < 128 && self.0 & (1 << byte) != 0
    }

    pub(super) fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn iter(self) -> impl Iterator<Item = u8> {
        (0..128).filter(move |byte| self.contains(*byte))
    }

    /// The first byte that is seemly in an example.
    fn example(self) -> Option<u8> {
        b"a1-".iter().copied().find(|byte| self.contains(*byte)).or_else(|| self.iter().next())
    }
}

impl std::fmt::Display for Bytes {
    /// Writes a class as an expression has it, letters and digits first.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[")?;
        let mut rest = *self;
        for (range, text) in [(b'a'..=b'z', "a-z"), (b'0'..=b'9', "0-9")] {
            let bytes: Vec<u8> = range.collect();
            let whole = Self::of(&bytes);
            if self.includes(whole) {
                f.write_str(text)?;
                rest = Self(rest.0 & !whole.0);
            }
        }
        let dash = rest.contains(b'-');
        for byte in rest.iter().filter(|byte| *byte != b'-') {
            write!(f, "{}", byte as char)?;
        }
        f.write_str(if dash { "-]" } else { "]" })
    }
}

/// A part of one alternative of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Atom {
    /// `^`
    Start,
    /// `$`
    End,
    /// Characters that stand for themselves.
    Text(String),
    /// A bare `.`, which hardly anybody means to be anything but a dot.
    Dot,
    /// `.*`, `.+`: any text.
    Any {
        /// The fewest bytes, 0 or 1.
        min: u32,
    },
    /// Bytes of a class, without the dot and what else no label has.
    Class { bytes: Bytes, min: u32, max: Option<u32> },
    /// `([a-z0-9-]+\.)+`: labels, each with a dot behind it.
    Labels(Bytes),
    /// `(:[0-9]+)?`: any port, or none.
    AnyPort,
    /// Something else, as an expression of its own.
    Other(String),
}

/// The alternatives of an expression, each as a sequence of atoms.
///
/// # Errors
///
/// A clause about what no pattern can say.
pub(super) fn sequences(hir: &Hir) -> Result<Vec<Vec<Atom>>, String> {
    let sequences = expand(hir)?;
    if sequences.len() > MAX_SEQUENCES {
        return Err(format!("it has more than {MAX_SEQUENCES} alternatives"));
    }
    Ok(sequences.into_iter().map(join_texts).collect())
}

/// Texts side by side become one.
fn join_texts(atoms: Vec<Atom>) -> Vec<Atom> {
    let mut joined: Vec<Atom> = Vec::new();
    for atom in atoms {
        match (joined.last_mut(), atom) {
            (Some(Atom::Text(before)), Atom::Text(text)) => before.push_str(&text),
            (_, atom) => joined.push(atom),
        }
    }
    joined
}

fn expand(hir: &Hir) -> Result<Vec<Vec<Atom>>, String> {
    let one = |atom| Ok(vec![vec![atom]]);
    match hir.kind() {
        HirKind::Empty => Ok(vec![Vec::new()]),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            // In a pattern it would be a wildcard.
            Ok(text) if text.contains('*') => {
                Err("its `*` stands for itself, which no origin has".to_owned())
            }
            Ok(text) if text.is_ascii() => one(Atom::Text(text.to_owned())),
            _ => Err(FOREIGN_LETTERS.to_owned()),
        },
        HirKind::Class(class) => one(class_atom(class, 1, Some(1))),
        HirKind::Look(Look::Start | Look::StartLF) => one(Atom::Start),
        HirKind::Look(Look::End | Look::EndLF) => one(Atom::End),
        HirKind::Look(_) => Err("it has a boundary inside".to_owned()),
        HirKind::Capture(capture) => expand(&capture.sub),
        HirKind::Concat(parts) => {
            let mut sequences = vec![Vec::new()];
            for part in parts {
                let expanded = expand(part)?;
                let expanded = if sequences.len() * expanded.len() > MAX_SEQUENCES {
                    vec![vec![other(part)?]]
                } else {
                    expanded
                };
                sequences = sequences
                    .iter()
                    .flat_map(|before| {
                        expanded.iter().map(move |after| [&before[..], &after[..]].concat())
                    })
                    .collect();
            }
            Ok(sequences)
        }
        HirKind::Alternation(alternatives) => {
            let mut sequences = Vec::new();
            for alternative in alternatives {
                sequences.extend(expand(alternative)?);
            }
            Ok(sequences)
        }
        HirKind::Repetition(repetition) => expand_repetition(hir, repetition),
    }
}

/// The sequences of `hir`, which is this repetition.
fn expand_repetition(hir: &Hir, repetition: &Repetition) -> Result<Vec<Vec<Atom>>, String> {
    let one = |atom| Ok(vec![vec![atom]]);
    let (min, max) = (repetition.min, repetition.max);
    let sub = without_captures(&repetition.sub);
    match sub.kind() {
        HirKind::Class(class) => return one(class_atom(class, min, max)),
        HirKind::Literal(literal) if max.is_none() => {
            if let [byte] = &*literal.0 {
                if !byte.is_ascii() {
                    return Err(FOREIGN_LETTERS.to_owned());
                }
                return one(Atom::Class { bytes: Bytes::of(&[*byte]), min, max });
            }
        }
        _ => {}
    }
    if (min, max) == (0, Some(1)) && is_port(sub) {
        return one(Atom::AnyPort);
    }
    if let (Some(bytes), None) = (label_and_dot(sub), max) {
        let labels = vec![Atom::Labels(bytes)];
        return Ok(if min == 0 { vec![Vec::new(), labels] } else { vec![labels] });
    }
    if (min, max) == (0, Some(1)) {
        let mut sequences = vec![Vec::new()];
        sequences.extend(expand(sub)?);
        return Ok(sequences);
    }
    one(other(hir)?)
}

fn without_captures(hir: &Hir) -> &Hir {
    match hir.kind() {
        HirKind::Capture(capture) => without_captures(&capture.sub),
        _ => hir,
    }
}

/// The bytes of a class that an origin can have there: browsers write it in lower case.
fn bytes_of(class: &Class) -> Bytes {
    let mut set = 0;
    let mut add = |start: u32, end: u32| {
        for byte in start..=end.min(127) {
            set |= 1_u128 << byte;
        }
    };
    match class {
        Class::Bytes(class) => {
            class.iter().for_each(|range| add(range.start().into(), range.end().into()));
        }
        Class::Unicode(class) => {
            class.iter().for_each(|range| add(range.start().into(), range.end().into()));
        }
    }
    let upper: Vec<u8> = (b'A'..=b'Z').collect();
    Bytes(set & !Bytes::of(&upper).0)
}

fn class_atom(class: &Class, min: u32, max: Option<u32>) -> Atom {
    let bytes = bytes_of(class);
    let is_any = bytes.includes(Bytes::ORIGIN);
    match (is_any, min, max) {
        (true, 1, Some(1)) => Atom::Dot,
        (true, min, None) if min <= 1 => Atom::Any { min },
        // The narrow reading stays within a label.
        (true, ..) => Atom::Class { bytes: Bytes::LABEL, min, max },
        (false, 1, Some(1)) if bytes.0.count_ones() == 1 && !bytes.contains(b'*') => {
            Atom::Text(bytes.iter().map(char::from).collect())
        }
        (false, ..) => Atom::Class { bytes: bytes.and(Bytes::ORIGIN), min, max },
    }
}

/// Whether this is a colon and any port.
fn is_port(hir: &Hir) -> bool {
    let HirKind::Concat(parts) = hir.kind() else {
        return false;
    };
    match parts.iter().map(without_captures).collect::<Vec<_>>()[..] {
        [colon, digits] => {
            matches!(colon.kind(), HirKind::Literal(literal) if *literal.0 == *b":")
                && matches!(digits.kind(), HirKind::Repetition(repetition)
                    if repetition.min <= 1
                        && repetition.max.is_none_or(|max| max >= 5)
                        && matches!(without_captures(&repetition.sub).kind(), HirKind::Class(class)
                            if bytes_of(class).includes(Bytes::DIGITS)))
        }
        _ => false,
    }
}

/// The bytes of a label, if this is a label and a dot.
fn label_and_dot(hir: &Hir) -> Option<Bytes> {
    let HirKind::Concat(parts) = hir.kind() else {
        return None;
    };
    let [label, dot] = &parts[..] else {
        return None;
    };
    let is_dot = matches!(dot.kind(), HirKind::Literal(literal) if *literal.0 == *b".");
    match without_captures(label).kind() {
        HirKind::Repetition(repetition) if is_dot && repetition.max.is_none() => {
            match without_captures(&repetition.sub).kind() {
                HirKind::Class(class) => {
                    let bytes = bytes_of(class).and(Bytes::LABEL);
                    (repetition.min <= 1 && bytes.0 != 0).then_some(bytes)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// A part as an expression, in the narrow reading.
fn other(hir: &Hir) -> Result<Atom, String> {
    let mut text = String::new();
    write_expression(hir, &mut text)?;
    Ok(Atom::Other(text))
}

fn write_expression(hir: &Hir, text: &mut String) -> Result<(), String> {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => {
            text.push_str(&regex_syntax::escape(&String::from_utf8_lossy(&literal.0)));
        }
        HirKind::Class(class) => text.push_str(&write_atom(&class_atom(class, 1, Some(1)))),
        HirKind::Look(_) => return Err("it has an anchor inside".to_owned()),
        HirKind::Capture(capture) => {
            text.push('(');
            write_expression(&capture.sub, text)?;
            text.push(')');
        }
        HirKind::Concat(parts) => {
            for part in parts {
                let is_group = matches!(part.kind(), HirKind::Alternation(_));
                text.push_str(if is_group { "(" } else { "" });
                write_expression(part, text)?;
                text.push_str(if is_group { ")" } else { "" });
            }
        }
        HirKind::Alternation(alternatives) => {
            for (index, alternative) in alternatives.iter().enumerate() {
                text.push_str(if index > 0 { "|" } else { "" });
                write_expression(alternative, text)?;
            }
        }
        HirKind::Repetition(repetition) => match without_captures(&repetition.sub).kind() {
            HirKind::Class(class) => {
                text.push_str(&write_atom(&class_atom(class, repetition.min, repetition.max)));
            }
            _ => {
                text.push('(');
                write_expression(&repetition.sub, text)?;
                text.push(')');
                text.push_str(&quantifier(repetition.min, repetition.max));
            }
        },
    }
    Ok(())
}

fn quantifier(min: u32, max: Option<u32>) -> String {
    match (min, max) {
        (1, Some(1)) => String::new(),
        (0, Some(1)) => "?".to_owned(),
        (0, None) => "*".to_owned(),
        (1, None) => "+".to_owned(),
        (min, None) => format!("{{{min},}}"),
        (min, Some(max)) if min == max => format!("{{{min}}}"),
        (min, Some(max)) => format!("{{{min},{max}}}"),
    }
}

/// An atom as an expression, in the narrow reading.
pub(super) fn write_atom(atom: &Atom) -> String {
    match atom {
        Atom::Start | Atom::End => String::new(),
        Atom::Text(text) => regex_syntax::escape(text).replace("\\-", "-"),
        Atom::Dot => r"\.".to_owned(),
        Atom::Any { .. } => "[a-z0-9-]+".to_owned(),
        Atom::Class { bytes, min, max } => format!("{bytes}{}", quantifier(*min, *max)),
        Atom::Labels(bytes) => format!(r"({bytes}+\.)+"),
        Atom::AnyPort => "(:[0-9]+)?".to_owned(),
        Atom::Other(text) => format!("({text})"),
    }
}

/// A text that the sequence matches, but for parts of which none is known.
pub(super) fn sample(atoms: &[Atom], any: &str, dot: &str) -> String {
    let mut text = String::new();
    for atom in atoms {
        match atom {
            Atom::Text(part) => text.push_str(part),
            Atom::Dot => text.push_str(dot),
            // At the end it means nothing that a host has.
            Atom::Any { .. } => text.push_str(any),
            Atom::Class { bytes, min, .. } => {
                let byte = bytes.example().map_or('a', char::from);
                // An expression of 2 KiB can ask for any number.
                text.extend(std::iter::repeat_n(byte, (*min).clamp(1, 64) as usize));
            }
            Atom::Labels(bytes) => {
                text.push(bytes.example().map_or('a', char::from));
                text.push('.');
            }
            Atom::Start | Atom::End | Atom::AnyPort | Atom::Other(_) => {}
        }
    }
    text
}
