//! Labels of a host with `*` in them.
//!
//! A `*` that is the whole first label matches one or more labels. Every other `*` matches one or more
//! bytes within its label.

use memchr::{memmem, memrchr};
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, Repetition};

use super::syntax::{is_label_byte, is_label_length};

/// Whether the labels of a well-formed host match a glob, such as `pr-*` or `*.api-*`.
///
/// The time is linear in the lengths of both: labels are compared in pairs from the right, and the
/// literals between two `*` of a label are found one after the other, never again.
pub(crate) fn matches(glob: &[u8], labels: &[u8]) -> bool {
    let (has_more, paired) = match glob.strip_prefix(b"*.") {
        Some(paired) => (true, paired),
        None => (false, glob),
    };
    let mut rest = Some(labels);
    for label_glob in paired.rsplit(|&byte| byte == b'.') {
        let Some(labels) = rest else { return false };
        let (before, label) = match memrchr(b'.', labels) {
            Some(dot) => (Some(&labels[..dot]), &labels[dot + 1..]),
            None => (None, labels),
        };
        if !matches_label(label_glob, label) {
            return false;
        }
        rest = before;
    }
    rest.is_some() == has_more
}

fn matches_label(glob: &[u8], label: &[u8]) -> bool {
    let mut literals = glob.split(|&byte| byte == b'*');
    let Some(mut rest) = literals.next().and_then(|first| label.strip_prefix(first)) else {
        return false;
    };
    let Some(mut literal) = literals.next() else { return rest.is_empty() };
    for next in literals {
        // The first occurrence leaves most to the literals that follow. A `*` takes at least one byte.
        let Some(after) = rest.get(1..) else { return false };
        let Some(position) = memmem::find(after, literal) else { return false };
        rest = &after[position + literal.len()..];
        literal = next;
    }
    rest.len() > literal.len() && rest.ends_with(literal)
}

/// Whether a text is a glob: labels with at least one `*`, which do not stand side by side. Each label
/// must have room for what its `*` match.
pub(crate) fn is_glob(text: &[u8]) -> bool {
    text.contains(&b'*')
        && memmem::find(text, b"**").is_none()
        && text.split(|&byte| byte == b'.').all(|label| {
            is_label_length(label.len())
                && label.iter().all(|&byte| byte == b'*' || is_label_byte(byte))
        })
}

/// A glob as an expression. It is asked about labels of a well-formed host only.
pub(crate) fn expression(glob: &[u8]) -> Hir {
    let one_or_more = |may_be: &dyn Fn(u8) -> bool| {
        let bytes = (0..=u8::MAX).filter(|&byte| may_be(byte));
        let ranges = bytes.map(|byte| ClassBytesRange::new(byte, byte));
        let class = Hir::class(Class::Bytes(ClassBytes::new(ranges)));
        Hir::repetition(Repetition { min: 1, max: None, greedy: true, sub: Box::new(class) })
    };
    let mut parts = Vec::new();
    let mut rest = glob;
    if let Some(paired) = glob.strip_prefix(b"*.") {
        parts.push(one_or_more(&|byte| byte == b'.' || is_label_byte(byte)));
        parts.push(Hir::literal(*b"."));
        rest = paired;
    }
    for (index, literal) in rest.split(|&byte| byte == b'*').enumerate() {
        if index > 0 {
            parts.push(one_or_more(&is_label_byte));
        }
        parts.push(Hir::literal(literal));
    }
    Hir::concat(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{expression, matches};
    use crate::origin::automaton::{Automaton, Direction};

    #[test]
    fn stars_match_within_their_label() {
        for (glob, accepts, rejects) in [
            (
                "pr-*",
                &["pr-1", "pr--", "pr-a_b"][..],
                &["pr-", "pr", "xpr-1", "pr-1.a", "a.pr-1"][..],
            ),
            ("*-stage", &["a-stage", "--stage"], &["-stage", "stage", "a.b-stage", "a-stage.b"]),
            ("api.*", &["api.a"], &["api", "api.", "a.api.b", "api.a.b"]),
            ("*.*", &["a.b", "a.b.c"], &["a", ""]),
            ("*.pr-*", &["a.pr-1", "a.b.pr-1"], &["pr-1", "pr-1.a"]),
            ("*.a.*", &["x.a.y", "w.x.a.y"], &["a.y", "x.a", "x.b.y"]),
            ("a*b*c", &["axbyc", "axbbc", "abbbc"], &["abc", "axbc", "abyc", "axbycd"]),
            ("*a*", &["aaa", "xay"], &["a", "aa", "xa", "ax"]),
        ] {
            for labels in accepts {
                assert!(matches(glob.as_bytes(), labels.as_bytes()), "{glob} {labels}");
            }
            for labels in rejects {
                assert!(!matches(glob.as_bytes(), labels.as_bytes()), "{glob} {labels}");
            }
        }
    }

    /// The meaning of a glob, by trying every length of each `*`.
    fn means(glob: &[u8], labels: &[u8], is_first: bool) -> bool {
        let Some((&byte, rest)) = glob.split_first() else { return labels.is_empty() };
        if byte != b'*' {
            return labels.first() == Some(&byte) && means(rest, &labels[1..], false);
        }
        let is_deep = is_first && rest.first() == Some(&b'.');
        (1..=labels.len())
            .take_while(|&length| is_deep || labels[length - 1] != b'.')
            .any(|length| means(rest, &labels[length..], false))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_glob_matches_what_it_means(
            glob in r"(\*\.)?[ab*-]{1,5}(\.[ab*-]{1,4}){0,2}",
            labels in r"[ab-]{1,5}(\.[ab-]{1,5}){0,3}",
        ) {
            let glob = glob.replace("**", "*").replace("**", "*").replace("**", "*");
            let (glob, labels) = (glob.as_bytes(), labels.as_bytes());
            prop_assert_eq!(matches(glob, labels), means(glob, labels, true));
        }
    }

    proptest! {
        #[test]
        fn an_expression_matches_what_its_glob_matches(
            glob in r"(\*\.)?[ab*-]{1,5}(\.[ab*-]{1,4}){0,2}",
            labels in r"[ab-]{1,5}(\.[ab-]{1,5}){0,3}",
        ) {
            let glob = glob.replace("**", "*").replace("**", "*").replace("**", "*");
            let (glob, labels) = (glob.as_bytes(), labels.as_bytes());
            let automaton =
                Automaton::new(&[expression(glob)], Direction::Forward, 1 << 20).unwrap();
            let accepts = automaton.first_accepting(labels).is_some();
            prop_assert_eq!(accepts, matches(glob, labels));
        }
    }
}
