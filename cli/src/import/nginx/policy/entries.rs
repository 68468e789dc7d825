//! Entries of `allow_origins` that several levels share.

use std::cell::RefCell;

use nginx_conf::Site;

use crate::import::model::{Findings, Rule};
use crate::import::nginx::audience::Group;

/// The entries of `allow_origins` that were made of groups before, and what had to be said about them. Many
/// locations share a map, which may have thousands of origins.
#[derive(Default)]
pub(in crate::import::nginx) struct Entries(RefCell<Vec<Entry>>);

struct Entry {
    rule: Rule,
    groups: Vec<(String, Site)>,
    origins: Vec<String>,
    findings: Findings,
}

impl Entries {
    /// The entries for a rule without origins: those that were made before, or those that `add` makes.
    pub(super) fn origins(
        &self,
        rule: &Rule,
        groups: &[&Group],
        findings: &mut Findings,
        add: impl FnOnce(&mut Rule, &mut Findings),
    ) -> Vec<String> {
        let is_same = |entry: &&Entry| {
            let known = entry.groups.iter().map(|(pattern, site)| (pattern.as_str(), *site));
            entry.rule == *rule && known.eq(groups.iter().map(|g| (g.pattern.as_str(), g.site)))
        };
        if let Some(entry) = self.0.borrow().iter().find(is_same) {
            // The policy for which they were made may not have been reported.
            findings.repeat(&entry.findings);
            return entry.origins.clone();
        }
        let mut filled = rule.clone();
        let mut apart = findings.apart();
        add(&mut filled, &mut apart);
        findings.go_on_counting(&apart);
        findings.repeat(&apart);
        self.0.borrow_mut().push(Entry {
            rule: rule.clone(),
            groups: groups.iter().map(|g| (g.pattern.clone(), g.site)).collect(),
            origins: filled.allow_origins.clone(),
            findings: apart,
        });
        filled.allow_origins
    }
}
