//! Public suffixes below which a host pattern lets anyone in.

use std::collections::VecDeque;

use super::table::{Position, Section, Sections};

/// A public suffix directly below which a pattern accepts names that nobody has spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSuffix {
    /// The suffix, such as `github.io`. It has a `*` in place of a label that both the pattern and a
    /// rule of the list leave open: `*.run.app`. `*` alone is any top-level domain.
    pub name: String,
    /// The section with the rule.
    pub section: Section,
}

/// The shortest public suffix of these sections directly below which a host pattern accepts names
/// that nobody has spelled out.
///
/// The labels are those of the pattern, as written, from left to right. In a label, each `*` stands
/// for one or more of `a-z`, `0-9`, `-` and `_`. A leftmost label that is nothing but `*` stands for
/// one or more labels.
///
/// A suffix of `k` labels is open if it matches the last `k` labels of the pattern, there is one more
/// label before them, and any of these `k + 1` has a star. With a star in the suffix, the same name is
/// accepted below suffixes that nobody has counted.
///
/// The search follows the tree of rules, so it takes at most one step for each rule and label.
///
/// ```
/// use cors_policy::origin::suffix::{Sections, open_suffix};
///
/// let open = |host: &str, sections| {
///     let labels: Vec<_> = host.split('.').collect();
///     open_suffix(&labels, sections).map(|suffix| suffix.name)
/// };
/// assert_eq!(open("api.*.co.uk", Sections::Icann).as_deref(), Some("co.uk"));
/// assert_eq!(open("app-*.vercel.app", Sections::All).as_deref(), Some("vercel.app"));
/// assert_eq!(open("app-*.vercel.app", Sections::Icann), None);
/// assert_eq!(open("*.core.windows.net", Sections::All).as_deref(), Some("blob.core.windows.net"));
/// assert_eq!(open("pr-*.example.com", Sections::All), None);
/// ```
pub fn open_suffix(labels: &[&str], sections: Sections) -> Option<OpenSuffix> {
    let start = Reading { position: Position::ROOT, name: String::new(), has_star: false, labels };
    let mut pending = VecDeque::from([start]);
    while let Some(reading) = pending.pop_front() {
        let Some((label, before)) = reading.labels.split_last() else { continue };
        let is_open = reading.has_star || label.contains('*');
        if let Some(section) = reading.position.suffix() {
            if is_open && sections.have(section) {
                return Some(OpenSuffix { name: reading.name, section });
            }
        }
        if !label.contains('*') {
            pending.push_back(reading.onward(
                label,
                reading.position.below(label.as_bytes()),
                before,
            ));
            continue;
        }
        // It can be repeated.
        let before = if before.is_empty() && *label == "*" { reading.labels } else { before };
        // What a rule leaves open, the star fills with a name that is no exception.
        if let Some(position) = reading.position.unlisted() {
            pending.push_back(reading.onward("*", position, before));
        }
        for (listed, position) in reading.position.listed() {
            if stands_for(label.as_bytes(), listed) {
                let listed = String::from_utf8_lossy(listed);
                pending.push_back(reading.onward(&listed, position, before));
            }
        }
    }
    None
}

/// A pattern that has been read up to some label.
struct Reading<'a> {
    position: Position,
    /// The labels read, as the list has them.
    name: String,
    /// Whether a label read has a star.
    has_star: bool,
    /// The labels to read.
    labels: &'a [&'a str],
}

impl<'a> Reading<'a> {
    /// After one more label, which stands for this one of the list.
    fn onward(&self, listed: &str, position: Position, labels: &'a [&'a str]) -> Self {
        let has_star = self.has_star || self.labels.last().is_some_and(|label| label.contains('*'));
        Self { position, name: join(listed, &self.name), has_star, labels }
    }
}

/// A label before a name.
pub(crate) fn join(label: &str, name: &str) -> String {
    if name.is_empty() { label.to_owned() } else { format!("{label}.{name}") }
}

/// Whether a label with stars stands for this one.
fn stands_for(pattern: &[u8], label: &[u8]) -> bool {
    match pattern {
        [] => label.is_empty(),
        [b'*', rest @ ..] => (1..=label.len()).any(|length| stands_for(rest, &label[length..])),
        [byte, rest @ ..] => label
            .split_first()
            .is_some_and(|(first, label)| first == byte && stands_for(rest, label)),
    }
}
