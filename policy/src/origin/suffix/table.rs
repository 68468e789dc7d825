//! The rules of the list as a tree of labels, and a way through it from the right.

use std::ops::Range;

include!(concat!(env!("OUT_DIR"), "/public_suffixes.rs"));

/// The day of the Public Suffix List that is built in: `YYYY-MM-DD`.
pub const LIST_DATE: &str = DATE;

/// A section of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Suffixes below which registries of domains sell names: `com`, `co.uk`. A top-level domain that
    /// is not on the list counts as one.
    Icann,
    /// Suffixes below which owners of domains hand out names: `github.io`.
    Private,
}

/// The sections whose rules count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sections {
    /// The section of ICANN's domains.
    Icann,
    /// Both sections.
    All,
}

impl Sections {
    pub(super) fn have(self, section: Section) -> bool {
        self == Self::All || section == Section::Icann
    }
}

/// Top-level domains that are not on the list, but that no registry sells: RFC 6761, RFC 6762
/// (`local`, and appendix G for private networks), and `internal`, which ICANN has reserved.
const UNSOLD: [&[u8]; 11] = [
    b"corp",
    b"example",
    b"home",
    b"internal",
    b"intranet",
    b"invalid",
    b"lan",
    b"local",
    b"localhost",
    b"private",
    b"test",
];

/// A label of the list below the labels to its right.
struct Node {
    /// Where the label begins in `LABELS`.
    start: u16,
    /// The first node below. They end where those of the next node begin.
    below: u16,
    /// The length of the label.
    length: u8,
    /// The rule that ends here.
    rule: Option<Rule>,
    /// The section with a rule for every label below.
    wildcard: Option<Section>,
}

#[derive(Clone, Copy)]
enum Rule {
    Suffix(Section),
    /// Not a suffix, although the wildcard above has it.
    Exception(Section),
}

impl Node {
    fn label(&self) -> &'static [u8] {
        &LABELS[usize::from(self.start)..][..usize::from(self.length)]
    }
}

/// A name that is read label by label from the right, as the rules have it. Never allocates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    /// The index of the node, if longer rules can follow.
    node: Option<usize>,
    suffix: Option<Section>,
}

impl Position {
    /// Before the first label.
    pub(crate) const ROOT: Self = Self { node: Some(0), suffix: None };

    /// After one more label.
    pub(crate) fn below(self, label: &[u8]) -> Self {
        let nodes = self.nodes();
        let node = NODES[nodes.clone()]
            .binary_search_by(|node| node.label().cmp(label))
            .ok()
            .map(|index| nodes.start + index);
        self.at(node, label)
    }

    fn at(self, node: Option<usize>, label: &[u8]) -> Self {
        let is_unsold = self.node == Some(0) && UNSOLD.contains(&label);
        let wildcard = self.wildcard().filter(|_| !is_unsold);
        let suffix = match node.and_then(|node| NODES[node].rule) {
            Some(Rule::Exception(_)) => None,
            // Where both sections have a rule, the registry is the one to whom the name belongs.
            Some(Rule::Suffix(Section::Private)) => wildcard.or(Some(Section::Private)),
            Some(Rule::Suffix(Section::Icann)) => Some(Section::Icann),
            None => wildcard,
        };
        Self { node, suffix }
    }

    /// The section of which the name is a public suffix.
    pub(crate) fn suffix(self) -> Option<Section> {
        self.suffix
    }

    /// The section with an exception for the name.
    pub(super) fn exception(self) -> Option<Section> {
        match NODES[self.node?].rule? {
            Rule::Exception(section) => Some(section),
            Rule::Suffix(_) => None,
        }
    }

    /// After one more label that is not among [`Self::listed`], if a rule with `*` has it.
    pub(crate) fn unlisted(self) -> Option<Self> {
        self.wildcard().map(|section| Self { node: None, suffix: Some(section) })
    }

    fn wildcard(self) -> Option<Section> {
        NODES[self.node?].wildcard
    }

    /// Whether rules name this label below.
    pub(super) fn lists(self, label: &[u8]) -> bool {
        self.below(label).node.is_some()
    }

    /// The labels below that rules name, in the order of their bytes.
    pub(crate) fn listed(self) -> impl Iterator<Item = (&'static [u8], Self)> {
        self.nodes().map(move |node| {
            let label = NODES[node].label();
            (label, self.at(Some(node), label))
        })
    }

    /// Whether a rule has more labels than the name and ends in them.
    pub(crate) fn leads_on(self) -> bool {
        self.wildcard().is_some() || !self.nodes().is_empty()
    }

    /// The nodes below.
    fn nodes(self) -> Range<usize> {
        let Some(node) = self.node else { return 0..0 };
        let end = NODES.get(node + 1).map_or(NODES.len(), |next| next.below.into());
        NODES[node].below.into()..end
    }
}
