//! Regular expressions for origins.
//!
//! An expression is judged by what it accepts, not by how it is written: its automaton is laid
//! beside automata of the grammar of origins, and a text that the one accepts and the other does
//! not is both the proof of a mistake and the example to show for it. Anchors, inline flags and
//! nested groups therefore need no rules of their own.

use std::fmt;
use std::sync::LazyLock;

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::automaton::{Automaton, Condition, Direction, Graph, witness};
use super::mistake::PatternError;
use super::suffix::is_public_suffix;
use super::syntax::{Origin, is_label_byte};

/// The longest expression, in bytes.
const MAX_LEN: usize = 2048;
/// How deep groups and repetitions may be nested.
const MAX_NESTING: u32 = 50;
/// Memory of one expression's automaton, in bytes: about two thousand states.
const MAX_SIZE: usize = 1 << 19;
/// Memory of the automaton of all expressions of a policy, in bytes.
const MAX_COMBINED_SIZE: usize = 8 << 20;

/// A regular expression that accepts origins.
#[derive(Clone)]
pub struct OriginRegex<'a> {
    text: &'a str,
    expression: Hir,
    automaton: Automaton,
    loose: Option<Loose>,
    open_suffix: Option<String>,
}

/// Why an expression is loose.
#[derive(Debug, Clone)]
pub(crate) struct Loose {
    /// The class that could stand for any byte, as an expression.
    pub(crate) class: String,
    /// What the expression accepts because of it, escaped.
    pub(crate) example: String,
}

impl<'a> OriginRegex<'a> {
    /// Checks and compiles an expression, without the prefix `regex:`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, PatternError> {
        if text.len() > MAX_LEN {
            return Err(PatternError::RegexTooLong { length: text.len(), limit: MAX_LEN });
        }
        if text.trim() != text {
            return Err(PatternError::Whitespace {
                entries: vec![format!("regex:{}", text.trim())],
            });
        }
        // No expression has reason to hold one, and no message could show it as it is.
        if let Some(character) = text.chars().find(|c| c.is_control()) {
            return Err(PatternError::ForbiddenCharacter { character });
        }
        let expression = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .nest_limit(MAX_NESTING)
            .build()
            .parse(text)
            .map_err(|error| PatternError::RegexSyntax { reason: reason(&error) })?;
        if expression.properties().look_set().contains_word_unicode() {
            let reason = "word boundaries of Unicode are not supported".to_owned();
            return Err(PatternError::RegexSyntax { reason });
        }
        let automaton = compile(&expression)?;
        let this = Condition::Accepted(&automaton);
        if witness([this, Condition::Accepted(&GRAMMAR.origin), Condition::Refused(&GRAMMAR.never)])
            .is_none()
        {
            let example = witness([this]).map(|text| escape(&text));
            return Err(PatternError::RegexMatchesNoOrigin { example });
        }
        let loose = match loose_class(&expression) {
            Some(class) => {
                Some(Loose { example: look_alike(&expression, &automaton)?, class: show(class) })
            }
            None => {
                if let Some(text) = witness([this, Condition::Refused(&GRAMMAR.one_origin)]) {
                    return Err(PatternError::RegexBeyondOrigin { example: escape(&text) });
                }
                None
            }
        };
        let open_suffix = open_suffix(&expression)?;
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

    pub(crate) fn expression(&self) -> &Hir {
        &self.expression
    }

    pub(crate) fn loose(&self) -> Option<&Loose> {
        self.loose.as_ref()
    }

    /// An `http` origin that is not of this machine, if the expression accepts one.
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

    /// The public suffix directly below which the expression accepts whatever name someone chooses;
    /// empty if it does so at the root.
    pub(crate) fn open_suffix(&self) -> Option<&str> {
        self.open_suffix.as_deref()
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

/// Compiles the expressions of a policy into one automaton; they keep their order.
pub(crate) fn compile_all(expressions: &[Hir]) -> Result<Automaton, super::automaton::TooLarge> {
    Automaton::new(expressions, Direction::Forward, MAX_COMBINED_SIZE)
}

fn compile(expression: &Hir) -> Result<Automaton, PatternError> {
    Automaton::new(std::slice::from_ref(expression), Direction::Forward, MAX_SIZE)
        .map_err(|_| PatternError::RegexTooLarge)
}

/// What expressions are measured against, built once.
struct Grammar {
    /// Well-formed origins, but for lengths, the range of ports and the form of addresses.
    origin: Automaton,
    /// Origins that browsers never send, although `origin` has them.
    never: Automaton,
    /// One origin and nothing before, between or after, in whatever case and form: since an
    /// expression is consulted only for well-formed origins, it may accept `[\w.-]+` as a host
    /// without harm. What it may not accept is something that looks like more than an origin.
    one_origin: Automaton,
    /// Whatever begins with `http://`.
    cleartext: Automaton,
    /// `http` origins of this machine.
    local: Automaton,
    /// Origins with a host name and no port, from the right.
    named_reversed: Automaton,
    /// Origins with a host name and a port, from the right.
    named_with_port_reversed: Automaton,
}

/// An origin whose host is a name: the last label is not a number.
const NAMED: &str = r"[a-z][a-z0-9+.-]*://([a-z0-9_-]+\.)*[0-9]*[a-z_-][a-z0-9_-]*";

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    let parse = |expression: &str| {
        regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(expression)
            .expect("a fixed expression is well-formed")
    };
    let automaton = |expression: &str, direction| {
        Automaton::new(&[parse(expression)], direction, MAX_SIZE)
            .expect("a fixed expression is small")
    };
    let forward = |expression: &str| automaton(expression, Direction::Forward);
    Grammar {
        origin: forward(
            r"[a-z][a-z0-9+.-]*://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?",
        ),
        never: forward(r"file://.*|(https|wss)://.*:443|(http|ws)://.*:80|ftp://.*:21"),
        one_origin: forward(r"(?i)[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]*)?"),
        cleartext: forward("http://.*"),
        local: forward(
            r"http://(([a-z0-9_-]+\.)*localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?",
        ),
        named_reversed: automaton(NAMED, Direction::Reverse),
        named_with_port_reversed: automaton(&format!("{NAMED}:[0-9]+"), Direction::Reverse),
    }
});

/// The bytes of origins with a host name.
static ORIGIN_BYTES: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..=255).filter(|&b| is_label_byte(b) || b"+.:/".contains(&b)).collect());

/// How many names below one suffix an expression may spell out before it counts as open.
const MAX_REGISTRABLE: usize = 9;
/// How many labels at one place an expression may spell out: countries, for instance.
const MAX_LABELS: usize = 256;

/// The public suffix directly below which the expression accepts whatever name someone chooses;
/// empty if it does so at the root.
///
/// Reads the accepted hosts from the right, label by label, for as long as they are public
/// suffixes. A label can be one of a few that the expression spells out; where there are more than
/// anyone would list, the administrator cannot own them all.
fn open_suffix(expression: &Hir) -> Result<Option<String>, PatternError> {
    let reversed = Automaton::new(std::slice::from_ref(expression), Direction::Reverse, MAX_SIZE)
        .map_err(|_| PatternError::RegexTooLarge)?;
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

/// The states, reading from the right, after a port.
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

/// All labels that can be read from the right and the states after each; `None` if there are more
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

/// The first loose class.
fn loose_class(expression: &Hir) -> Option<&Class> {
    match expression.kind() {
        HirKind::Class(class) => is_loose(class).then_some(class),
        HirKind::Repetition(repetition) => loose_class(&repetition.sub),
        HirKind::Capture(capture) => loose_class(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(loose_class),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => None,
    }
}

/// Whether a class holds bytes of a host and, at the same time, more control and non-ASCII bytes
/// than anyone would spell out: it says what it leaves out, like `.`, `\S` or `[^/]`, and could
/// stand for any byte.
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

/// A class the way an expression would have it: by what it leaves out.
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

/// A text that the expression accepts although its author, who must have meant a literal dot by
/// the loose class, did not want it; a telling one, if there is one.
fn look_alike(expression: &Hir, automaton: &Automaton) -> Result<String, PatternError> {
    let meant = compile(&replace_loose(expression, &|_| Hir::literal(*b".")))?;
    // What an attacker would put in place of `.*`; the one byte is what is left for `.`.
    const LURES: [&str; 6] =
        ["evil.net/?", "https://evil.net/?", "evil/?", "evil.net?", "evil?", ""];
    let mut fallback = None;
    for lure in LURES {
        let stand_in = compile(&replace_loose(expression, &|repeated| {
            let length = lure.len() as u32;
            match repeated {
                Some(Repetition { min, max, .. })
                    if length > 0 && *min <= length && max.is_none_or(|max| max >= length) =>
                {
                    Hir::literal(lure.as_bytes())
                }
                _ => Hir::literal(*b"x"),
            }
        }))?;
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

/// The expression with something else in place of each loose class and each repetition of one.
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
    super::syntax::split_scheme(text).is_some_and(|(scheme, rest)| {
        super::syntax::is_scheme(scheme) && rest.first().is_some_and(|&byte| is_label_byte(byte))
    })
}

fn escape(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}

/// What the parser says, on one line.
fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => {
            format!("{}, at column {}", error.kind(), error.span().start.column)
        }
        regex_syntax::Error::Translate(error) => {
            format!("{}, at column {}", error.kind(), error.span().start.column)
        }
        other => other.to_string().replace('\n', " "),
    }
}
