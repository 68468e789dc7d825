//! The result of one file.

use std::path::PathBuf;

use cors_policy::document::{Accepted, Mistake, OpenGuard, PatternSite, Report};

use super::finding::{Finding, Level};
use crate::args::CheckedKind;

/// What was found in a file that is named on the command line, and in the files that it names.
pub(super) struct Checked {
    /// The name of the file in messages.
    pub(super) file: PathBuf,
    /// What it was read as.
    pub(super) kind: CheckedKind,
    pub(super) contents: Contents,
    /// In the order of the file. At most a hundred errors of a document, and ten warnings of a kind.
    pub(super) findings: Vec<Finding>,
    /// The number of errors that are not among the findings.
    pub(super) omitted: usize,
    /// The guards that are open, at most [`MAX_GUARDS`].
    pub(super) guards: Vec<OpenGuard>,
    /// The number of open guards that are not among them.
    pub(super) omitted_guards: usize,
}

/// The number of errors that are described. Further ones are counted.
const MAX_ERRORS: usize = 100;

/// The number of warnings, and of notes, of each kind that are described. Further ones are counted.
const MAX_OF_A_KIND: usize = 10;

/// The number of open guards that are described. Further ones are counted.
const MAX_GUARDS: usize = 100;

/// How much there is in a file, so that one that is empty by accident is noticed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Contents {
    pub(super) policies: usize,
    pub(super) rules: usize,
    pub(super) patterns: usize,
    /// Directives of nginx.conf that put a policy in force.
    pub(super) uses: usize,
}

impl Checked {
    pub(super) fn new(file: PathBuf, kind: CheckedKind) -> Self {
        Self {
            file,
            kind,
            contents: Contents::default(),
            findings: Vec::new(),
            omitted: 0,
            guards: Vec::new(),
            omitted_guards: 0,
        }
    }

    /// Adds a finding, or counts it if there are many like it.
    pub(super) fn add(&mut self, finding: Finding) {
        let is_alike = |other: &&mut Finding| {
            other.level == finding.level
                && (finding.level == Level::Error || other.rule.id == finding.rule.id)
        };
        let mut alike: Vec<_> = self.findings.iter_mut().filter(is_alike).collect();
        match (finding.level, alike.len()) {
            (Level::Error, MAX_ERRORS..) => self.omitted += 1,
            (Level::Warning | Level::Note, MAX_OF_A_KIND..) => {
                if let Some(last) = alike.last_mut() {
                    last.more += 1 + finding.more;
                }
            }
            _ => self.findings.push(finding),
        }
    }

    /// Adds what was read without errors; returns its value.
    pub(super) fn accept<T>(&mut self, accepted: Accepted<T>) -> T {
        let Accepted { value, warnings, guards, .. } = accepted;
        warnings.iter().map(Finding::from).for_each(|finding| self.add(finding));
        self.add_guards(guards);
        value
    }

    /// Adds what was refused.
    pub(super) fn refuse(&mut self, report: &Report) {
        self.refuse_but(report, |_| false);
    }

    /// Adds what was refused, without the mistakes that `is_known` selects.
    pub(super) fn refuse_but(&mut self, report: &Report, is_known: impl Fn(&Mistake) -> bool) {
        let mistakes = report.mistakes().iter().filter(|mistake| !is_known(mistake));
        mistakes.map(Finding::from).for_each(|finding| self.add(finding));
        self.add_guards(report.guards().to_vec());
        self.omitted += report.omitted();
    }

    fn add_guards(&mut self, guards: Vec<OpenGuard>) {
        for guard in guards {
            self.omitted_guards += guard.more();
            if self.guards.len() < MAX_GUARDS {
                self.guards.push(guard);
            } else {
                self.omitted_guards += 1;
            }
        }
    }

    /// The number of errors, described or not.
    pub(super) fn errors(&self) -> usize {
        self.count(Level::Error) + self.omitted
    }

    /// The number of warnings, described or not.
    pub(super) fn warnings(&self) -> usize {
        self.count(Level::Warning)
    }

    fn count(&self, level: Level) -> usize {
        let of_level = self.findings.iter().filter(|finding| finding.level == level);
        of_level.map(|finding| 1 + finding.more).sum()
    }

    /// Whether nothing speaks against the file, with `strict` not even a warning.
    pub(super) fn is_accepted(&self, strict: bool) -> bool {
        self.errors() == 0 && !(strict && self.warnings() > 0)
    }
}

impl Contents {
    /// Adds one policy.
    pub(super) fn add(&mut self, policy: Self) {
        self.policies += policy.policies;
        self.rules += policy.rules;
        self.patterns += policy.patterns;
    }
}

/// Counts the rules and patterns of documents, of which the patterns come policy by policy.
#[derive(Default)]
pub(super) struct Counter {
    policy: String,
    rules_before: usize,
    rules: usize,
    patterns: usize,
}

impl Counter {
    pub(super) fn add(&mut self, site: &PatternSite<'_>) {
        self.patterns += 1;
        if site.policy() != self.policy {
            site.policy().clone_into(&mut self.policy);
            self.rules_before += self.rules;
            self.rules = 0;
        }
        // No rule is without patterns.
        self.rules = self.rules.max(site.rule().map_or(0, |index| index + 1));
    }

    /// The contents of so many policies.
    pub(super) fn contents(&self, policies: usize) -> Contents {
        let rules = self.rules_before + self.rules;
        Contents { policies, rules, patterns: self.patterns, uses: 0 }
    }
}
