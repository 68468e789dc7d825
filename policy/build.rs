//! Makes a table of labels of the Public Suffix List, which
//! `src/origin/suffix/table.rs` includes.
//!
//! The [format of the list](https://github.com/publicsuffix/list/wiki/Format): one rule a line, up to
//! the first white space; `//` begins a comment; `*.` before a name stands for any label there, and
//! `!` before a name takes it out of such a rule.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const LIST: &str = "data/public_suffix_list.dat";

/// A rule of the list that is left out: nobody registers names below it, since it is for the networks
/// of homes (RFC 8375).
const UNSOLD: &str = "home.arpa";

/// A label of the list, below the label to its right. Sections and rules have their names in
/// `src/origin/suffix/table.rs`.
#[derive(Default)]
struct Node {
    /// The rule that ends here.
    rule: Option<&'static str>,
    /// The section with a rule for every label below.
    wildcard: Option<&'static str>,
    below: BTreeMap<String, Node>,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={LIST}");
    println!("cargo::rerun-if-changed=build.rs");
    let list = fs::read_to_string(LIST).map_err(|error| format!("policy/{LIST}: {error}"))?;
    let (root, version) = read(&list)?;
    let directory = env::var("OUT_DIR")?;
    fs::write(Path::new(&directory).join("public_suffixes.rs"), table(&root, version)?)?;
    Ok(())
}

/// The rules, and the text after `VERSION:`.
fn read(list: &str) -> Result<(Node, &str), String> {
    // A name without a rule falls under the rule `*`.
    let mut root = Node { wildcard: Some("Icann"), ..Node::default() };
    let (mut version, mut section) = (None, None);
    for (number, line) in (1..).zip(list.lines()) {
        let wrong = |what: &str| format!("policy/{LIST}:{number}: {what}: {line}");
        let line = line.trim();
        if let Some(comment) = line.strip_prefix("//") {
            match comment.trim() {
                "===BEGIN ICANN DOMAINS===" => {
                    section = Some(["Icann", "Suffix(Section::Icann)", "Exception(Section::Icann)"])
                }
                "===BEGIN PRIVATE DOMAINS===" => {
                    section =
                        Some(["Private", "Suffix(Section::Private)", "Exception(Section::Private)"])
                }
                "===END ICANN DOMAINS===" | "===END PRIVATE DOMAINS===" => section = None,
                comment => version = version.or(comment.strip_prefix("VERSION: ")),
            }
            continue;
        }
        let Some(rule) = line.split_whitespace().next().filter(|&rule| rule != UNSOLD) else {
            continue;
        };
        let [section, suffix, exception] =
            section.ok_or_else(|| wrong("a rule outside of both sections"))?;
        let (name, is_wildcard, kind) = match (rule.strip_prefix("*."), rule.strip_prefix('!')) {
            (Some(name), _) => (name, true, section),
            (None, Some(name)) => (name, false, exception),
            (None, None) => (rule, false, suffix),
        };
        let name = idna::domain_to_ascii_strict(name).map_err(|_| wrong("not a host name"))?;
        let node = name
            .rsplit('.')
            .fold(&mut root, |node, label| node.below.entry(label.into()).or_default());
        let place = if is_wildcard { &mut node.wildcard } else { &mut node.rule };
        if place.replace(kind).is_some() {
            return Err(wrong("a rule that stands twice"));
        }
    }
    let version = version.ok_or_else(|| format!("policy/{LIST}: no line `// VERSION: …`"))?;
    Ok((root, version))
}

/// The table as Rust: the labels of each level after those of the level above, those below one label
/// side by side and sorted. So the labels below a node end where those below the next node begin.
fn table(root: &Node, version: &str) -> Result<String, Box<dyn Error>> {
    let date = version.get(..10).filter(|date| date.bytes().filter(|&b| b == b'-').count() == 2);
    let date = date.ok_or_else(|| format!("policy/{LIST}: VERSION: {version}: not a date"))?;
    let mut nodes = vec![("", root)];
    let mut below = Vec::new();
    let mut index = 0;
    while let Some(&(_, node)) = nodes.get(index) {
        below.push(nodes.len());
        nodes.extend(node.below.iter().map(|(label, node)| (label.as_str(), node)));
        index += 1;
    }
    let text = text(nodes.iter().map(|&(label, _)| label).collect());
    let mut lines = String::new();
    for (&(label, node), below) in nodes.iter().zip(below) {
        let start = text.find(label).ok_or("a label that is missing")?;
        writeln!(
            lines,
            "    Node {{ start: {}, below: {}, length: {}, rule: {}, wildcard: {} }},",
            u16::try_from(start)?,
            u16::try_from(below)?,
            u8::try_from(label.len())?,
            node.rule.map_or("None".into(), |rule| format!("Some(Rule::{rule})")),
            node.wildcard.map_or("None".into(), |section| format!("Some(Section::{section})")),
        )?;
    }
    Ok(format!(
        "const DATE: &str = {date:?};\n\
         static LABELS: [u8; {}] = *b{text:?};\n\
         static NODES: [Node; {}] = [\n{lines}];\n",
        text.len(),
        nodes.len(),
    ))
}

/// A text that has all labels in it. Short ones are parts of longer ones.
fn text(mut labels: Vec<&str>) -> String {
    labels.sort_by_key(|label| Reverse(label.len()));
    let mut text = String::new();
    for label in labels {
        if !text.contains(label) {
            text.push_str(label);
        }
    }
    text
}
