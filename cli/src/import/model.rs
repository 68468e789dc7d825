//! What an importer yields: policies, and what has to be known about them.

mod findings;
mod policy;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

pub(crate) use self::findings::{Finding, Findings, Level, Place};
pub(crate) use self::policy::{Names, Policy, Preflight, Rule, Star, UpstreamHeaders};

/// The longest name of a policy, in bytes.
const MAX_NAME: usize = 64;

/// A change of a file, so that it applies the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileChange {
    pub(crate) file: PathBuf,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// The result of an import.
#[derive(Debug, Default)]
pub(crate) struct Import {
    policies: Vec<(String, Policy)>,
    /// How many policies have been added, where equal ones count too.
    added: usize,
    /// The policies by what they say, without their comments.
    by_content: HashMap<String, usize>,
    /// The names that are taken, and the next number for each.
    names: HashMap<String, usize>,
    pub(crate) findings: Findings,
    pub(crate) changes: Vec<FileChange>,
}

impl Import {
    /// Adds a policy, and returns the name that it gets: that of an equal one if there is one, whose
    /// comments it joins; otherwise `name`, mended where a document does not allow it and with a number
    /// where it is taken.
    pub(crate) fn add(&mut self, name: &str, mut policy: Policy) -> String {
        self.added += 1;
        for rule in policy.rule.iter_mut().chain(&mut policy.rules) {
            let mut known = HashSet::new();
            rule.allow_origins.retain(|origin| known.insert(origin.clone()));
        }
        // A policy has nothing that JSON cannot say.
        let content = serde_json::to_string(&policy).unwrap_or_default();
        if let Some(index) = self.by_content.get(&content) {
            let (name, other) = &mut self.policies[*index];
            other.comments.extend(policy.comments);
            return name.clone();
        }
        self.by_content.insert(content, self.policies.len());
        let name = self.free_name(sound_name(name));
        self.policies.push((name.clone(), policy));
        name
    }

    /// A name, with a number behind it if it is taken.
    fn free_name(&mut self, name: String) -> String {
        if !self.names.contains_key(&name) {
            self.names.insert(name.clone(), 2);
            return name;
        }
        loop {
            let number = self.names.entry(name.clone()).or_insert(2);
            let end = format!("-{number}");
            *number += 1;
            let numbered = format!("{}{end}", &name[..name.len().min(MAX_NAME - end.len())]);
            if !self.names.contains_key(&numbered) {
                self.names.insert(numbered.clone(), 2);
                return numbered;
            }
        }
    }

    /// How many policies have been added, where equal ones count too.
    pub(crate) fn added(&self) -> usize {
        self.added
    }

    /// The policies and their names, in the order in which they were added.
    pub(crate) fn policies(&self) -> &[(String, Policy)] {
        &self.policies
    }
}

/// A name that a document allows: letters, digits, `_`, `.` and `-`, and not `off`.
fn sound_name(name: &str) -> String {
    let mut sound = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') {
            sound.push(c);
        } else if !sound.is_empty() && !sound.ends_with('-') {
            sound.push('-');
        }
    }
    sound.truncate(MAX_NAME);
    match sound.trim_end_matches('-') {
        "" => "policy".to_owned(),
        "off" => "policy-off".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(origin: &str, comment: &str) -> Policy {
        let rule = Rule { allow_origins: vec![origin.to_owned()], ..Rule::default() };
        Policy { comments: vec![comment.to_owned()], ..Policy::of_rules(vec![rule]) }
    }

    #[test]
    fn equal_policies_are_one_with_both_comments() {
        let mut import = Import::default();
        assert_eq!(import.add("a", policy("https://a.example", "first")), "a");
        assert_eq!(import.add("b", policy("https://b.example", "second")), "b");
        assert_eq!(import.add("c", policy("https://a.example", "third")), "a");
        let names: Vec<_> = import.policies().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(import.policies()[0].1.comments, ["first", "third"]);
    }

    #[test]
    fn names_are_sound_and_differ() {
        let mut import = Import::default();
        for (index, (given, name)) in [
            ("api", "api"),
            ("api", "api-2"),
            ("api", "api-3"),
            ("/api/v1/", "api-v1"),
            ("shop/~^\\/(a|b)$", "shop-a-b"),
            ("", "policy"),
            ("off", "policy-off"),
            ("ä", "policy-2"),
        ]
        .into_iter()
        .enumerate()
        {
            let origin = format!("https://{index}.example");
            assert_eq!(import.add(given, policy(&origin, "")), name, "{given:?}");
        }
        let long = "n".repeat(100);
        let first = import.add(&long, policy("https://x.example", ""));
        let second = import.add(&long, policy("https://y.example", ""));
        assert_eq!((first.len(), second.len()), (64, 64));
        assert!(second.ends_with("n-2"));
    }
}
