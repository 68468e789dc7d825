//! Patterns and rules that never decide, because what stands before them takes their origins.

use std::collections::HashSet;

use super::{
    mistake_kind::MistakeKind,
    place::{DocumentPath, Location},
    quote::quote,
    reader::Reader,
};
use crate::origin::{Cover, Coverage, OriginPattern, Rank};

/// The patterns of one policy and their places. Those of an `allow_origins_file` are not kept: there
/// may be millions.
#[derive(Debug, Default)]
pub(super) struct CoveredPatterns {
    coverage: Coverage,
    sites: Vec<Site>,
    rules: Vec<RuleSite>,
    /// The rules with patterns that are not compared, about which they may decide.
    incomplete: HashSet<Rank>,
}

/// The place of a pattern.
#[derive(Debug)]
struct Site {
    rank: Rank,
    line: Option<u32>,
    path: String,
    /// The pattern as a message shows it.
    text: String,
    /// The place of warnings about it, among all mistakes.
    position: usize,
}

/// The place of a rule of a policy with `rules`.
#[derive(Debug)]
struct RuleSite {
    rank: Rank,
    line: Option<u32>,
    path: String,
    position: usize,
}

impl CoveredPatterns {
    /// Adds a pattern of the document. `rank` is 0 in `deny_origins`.
    pub(super) fn add(
        &mut self,
        reader: &Reader,
        location: Location<'_>,
        rank: Rank,
        text: &str,
        pattern: &OriginPattern<'_>,
        credentials: bool,
    ) {
        if self.coverage.add(rank, pattern, credentials) {
            self.sites.push(Site {
                rank,
                line: location.line,
                path: location.path.to_string(),
                text: quote(text),
                position: reader.position(),
            });
        } else {
            self.incomplete.insert(rank);
        }
    }

    /// Notes that a rule has an `allow_origins_file`.
    pub(super) fn note_file(&mut self, rank: Rank) {
        self.incomplete.insert(rank);
    }

    /// Notes the place of a rule, before its patterns are read.
    pub(super) fn note_rule(&mut self, reader: &Reader, location: Location<'_>, rank: Rank) {
        let position = reader.position();
        let path = location.path.to_string();
        self.rules.push(RuleSite { rank, line: location.line, path, position });
    }

    /// Reports the rules that never decide, and warns of other patterns that are covered. All
    /// patterns of the policy have been added. `location` is that of the policy.
    pub(super) fn report(self, reader: &mut Reader, location: Location<'_>) {
        let Self { coverage, sites, mut rules, incomplete } = self;
        let covers = coverage.find();
        let is_dead = |rank: Rank| {
            let mut of_rule =
                sites.iter().zip(&covers).filter(|(site, _)| site.rank == rank).peekable();
            rank > 0
                && !incomplete.contains(&rank)
                && of_rule.peek().is_some()
                && of_rule.all(|(_, cover)| cover.is_some())
        };
        // A policy without `rules` has one.
        if rules.is_empty() {
            let path = location.path.to_string();
            rules.push(RuleSite { rank: 1, line: location.line, path, position: 0 });
        }
        let dead: Vec<&RuleSite> = rules.iter().filter(|rule| is_dead(rule.rank)).collect();
        let mut found = Vec::new();
        for rule in &dead {
            let by = sites.iter().zip(&covers).find_map(|(site, cover)| match cover {
                Some(Cover::One(by) | Cover::Several(by)) if site.rank == rule.rank => {
                    Some(&sites[*by])
                }
                _ => None,
            });
            if let Some(by) = by {
                let kind = MistakeKind::RuleNeverDecides {
                    by: by.path.clone(),
                    text: by.text.clone(),
                    is_denied: by.rank == 0,
                };
                found.push((rule.position, rule.line, rule.path.as_str(), None, kind));
            }
        }
        for (site, cover) in sites.iter().zip(&covers) {
            let Some(Cover::One(by)) = cover else { continue };
            if dead.iter().any(|rule| rule.rank == site.rank) {
                continue;
            }
            let by = &sites[*by];
            let kind = MistakeKind::CoveredPattern {
                by: by.path.clone(),
                line: reader.name_line(location.at(&DocumentPath::Shown(&by.path), by.line)),
                text: by.text.clone(),
                is_same_rule: by.rank == site.rank,
                is_denied: by.rank == 0 && site.rank > 0,
            };
            found.push((
                site.position,
                site.line,
                site.path.as_str(),
                Some(site.text.clone()),
                kind,
            ));
        }
        // The last one first, since each is inserted before those that are already there.
        found.sort_by_key(|(position, ..)| *position);
        for (position, line, path, value, kind) in found.into_iter().rev() {
            let path = DocumentPath::Shown(path);
            reader.insert(position, location.at(&path, line), value, kind);
        }
    }
}
