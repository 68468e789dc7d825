//! The names of policies: who defines them, and where they are in force.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nginx_conf::Site;

use super::{Check, rules};
use crate::check::finding::{Finding, Level};

/// The number of unknown names that are compared with those that are defined.
const MAX_COMPARED: usize = 100;

/// The names of the policies of a configuration.
#[derive(Default)]
pub(super) struct Names {
    /// Each policy, and the file and line that define it first.
    defined: BTreeMap<String, (PathBuf, Option<u32>)>,
    references: Vec<(String, Site)>,
    /// Whether others may be defined in what is not there.
    pub(super) is_incomplete: bool,
    /// Whether others are defined in a document with mistakes.
    pub(super) has_unread: bool,
}

impl Names {
    /// Notes that a policy is in force.
    pub(super) fn refer(&mut self, name: &str, site: Site) {
        self.references.push((name.to_owned(), site));
    }

    /// The policies that are in force and not defined, with a message: an error, or a note if what
    /// defines them may be somewhere else. Then each name is noted once.
    pub(super) fn unknown(&self) -> Vec<(Level, Site, String)> {
        // The document has to be mended first.
        if self.has_unread {
            return Vec::new();
        }
        let mut unknown = Vec::new();
        let mut noted = BTreeSet::new();
        for (name, site) in self.references.iter().filter(|it| !self.defined.contains_key(&it.0)) {
            // There may be many of both, and only the first messages are shown.
            let names = self.defined.keys().map(String::as_str);
            let nearest = match unknown.len() {
                0..MAX_COMPARED => cors_policy::nearest(name, names),
                _ => None,
            };
            if !self.is_incomplete {
                let remedy = match nearest {
                    Some(nearest) => format!("did you mean \"{nearest}\"?"),
                    None => {
                        "define it with \"cors_policy_define\", or load the file that does with \
                             \"cors_policy_file\""
                            .to_owned()
                    }
                };
                let message = format!("unknown CORS policy \"{name}\", {remedy}");
                unknown.push((Level::Error, *site, message));
            } else if noted.insert(name) {
                let hint = nearest.map(|nearest| format!("; did you mean \"{nearest}\"?"));
                let message = format!(
                    "CORS policy \"{name}\" is not defined in what is read here{}",
                    hint.unwrap_or_default()
                );
                unknown.push((Level::Note, *site, message));
            }
        }
        unknown
    }
}

impl Check<'_> {
    /// Notes that a policy is defined; a mistake if it is already.
    pub(super) fn define_name(&mut self, name: &str, file: PathBuf, line: Option<u32>) {
        match self.names.defined.entry(name.to_owned()) {
            Entry::Vacant(vacant) => {
                vacant.insert((file, line));
            }
            Entry::Occupied(first) => {
                let (first_file, first_line) = first.get();
                let line_of =
                    |line: &Option<u32>| line.map(|it| format!(":{it}")).unwrap_or_default();
                let message = format!(
                    "CORS policy \"{name}\" is defined in {}{} and again here, give one of them \
                     another name",
                    first_file.display(),
                    line_of(first_line)
                );
                let rule = rules::DUPLICATE_POLICY;
                let finding = Finding::new(Level::Error, rule, &file, line, message);
                self.checked.add(finding);
            }
        }
    }
}
