//! Patterns and rules that never decide, because what stands before them takes their origins.

use std::{collections::HashSet, mem::discriminant, path::Path, sync::Arc};

use super::{
    covered_lines::{CoveredLine, CoveredLines, List, TakenBy},
    mistake_kind::MistakeKind,
    place::{DocumentPath, Location},
    quote::quote,
    reader::Reader,
};
use crate::origin::{Cover, Coverage, Covers, MatcherBuilder, OriginPattern, Rank};

/// The patterns of one policy and their places. Those of an `allow_origins_file` are not kept, since
/// there may be millions: [`CoveredLines`] looks them up.
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

impl Site {
    /// The warning that this pattern, on `line`, covers another one, of a rule of this rank.
    fn covers(&self, rank: Rank, line: Option<String>) -> MistakeKind {
        MistakeKind::CoveredPattern {
            by: self.path.clone(),
            line,
            text: self.text.clone(),
            is_same_rule: self.rank == rank,
            is_denied: self.rank == 0 && rank > 0,
        }
    }
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

    /// Compares all patterns of the policy, which have been added.
    pub(super) fn find(self) -> FoundCovers {
        let Self { coverage, sites, rules, incomplete } = self;
        FoundCovers { covers: coverage.find(), sites, rules, incomplete }
    }
}

/// What was found about the patterns of one policy.
#[derive(Debug)]
pub(super) struct FoundCovers {
    covers: Covers,
    sites: Vec<Site>,
    rules: Vec<RuleSite>,
    incomplete: HashSet<Rank>,
}

/// A mistake and its place.
struct Found<'f> {
    position: usize,
    file: &'f Arc<Path>,
    line: Option<u32>,
    path: &'f str,
    value: Option<String>,
    kind: MistakeKind,
}

impl FoundCovers {
    /// The lines of these lists that patterns of the document take.
    pub(super) fn lines(&self, lists: &[List], origins: &MatcherBuilder) -> CoveredLines {
        let mut lines = CoveredLines::default();
        let in_lists = lists.iter().any(|list| !list.origins.is_empty());
        if in_lists && !self.sites.is_empty() {
            for (number, origin) in origins.exact_origins().enumerate() {
                if let Some((list, by)) = self.taker(lists, number, origin) {
                    lines.add_taken(origin, list, by);
                }
            }
        }
        lines
    }

    /// Notes that an origin of the policy was added before, if it is a line of a list.
    pub(super) fn note_repeated(
        &self,
        lines: &mut CoveredLines,
        lists: &[List],
        number: usize,
        origin: &[u8],
    ) {
        if list_of(lists, number).is_some() && self.taker(lists, number, origin).is_none() {
            lines.add_repeated(origin);
        }
    }

    /// The index of the list in which this origin is a line, and the number of a pattern that takes it.
    fn taker(&self, lists: &[List], number: usize, origin: &[u8]) -> Option<(usize, usize)> {
        let index = list_of(lists, number)?;
        // With credentials, a `*` of the same rule leaves these to their own entries.
        if matches!(origin, b"null" | b"file://") {
            return None;
        }
        let by = self.covers.first_matching(origin)?;
        (self.sites[by].rank <= lists[index].rank).then_some((index, by))
    }

    /// Reports the rules that never decide, and warns of other patterns and of lines that are covered.
    /// `location` is that of the policy, which begins at `position` among all mistakes.
    pub(super) fn report(
        mut self,
        reader: &mut Reader,
        location: Location<'_>,
        position: usize,
        lines: CoveredLines,
        lists: &[List],
    ) {
        // A policy without `rules` has one.
        if self.rules.is_empty() {
            let path = location.path.to_string();
            self.rules.push(RuleSite { rank: 1, line: location.line, path, position });
        }
        let (lines, more) = lines.find(lists);
        let dead: Vec<&RuleSite> = self.rules.iter().filter(|rule| self.is_dead(rule)).collect();
        let document = reader.file();
        let name_line =
            |by: &Site| reader.name_line(location.at(&DocumentPath::Shown(&by.path), by.line));
        let rules = dead.iter().filter_map(|rule| self.dead_rule(rule, &document));
        let patterns = self.covered_patterns(&dead, &document, &name_line);
        let lines = lines.iter().map(|line| self.covered_line(line, lists, &name_line));
        let mut found: Vec<Found<'_>> = rules.chain(patterns).chain(lines).collect();
        found.sort_by_key(|found| found.position);
        let is_warning =
            |found: &&Found<'_>| matches!(found.kind, MistakeKind::CoveredPattern { .. });
        let warning = found.iter().find(is_warning).map(|found| discriminant(&found.kind));
        let before = reader.position();
        for Found { position, file, line, path, value, kind } in found {
            // Those that are there already have moved it.
            let position = position + (reader.position() - before);
            let path = DocumentPath::Shown(path);
            reader.insert(position, Location { file, ..location.at(&path, line) }, value, kind);
        }
        if let Some(warning) = warning {
            reader.count_more(warning, more);
        }
    }

    /// Whether all patterns of a rule are covered, and it has no others.
    fn is_dead(&self, rule: &RuleSite) -> bool {
        let mut of_rule =
            self.sites_and_covers().filter(|(site, _)| site.rank == rule.rank).peekable();
        rule.rank > 0
            && !self.incomplete.contains(&rule.rank)
            && of_rule.peek().is_some()
            && of_rule.all(|(_, cover)| cover.is_some())
    }

    fn sites_and_covers(&self) -> impl Iterator<Item = (&Site, Option<Cover>)> {
        self.sites.iter().zip(self.covers.of_patterns.iter().copied())
    }

    /// The mistake of a rule that never decides.
    fn dead_rule<'f>(&self, rule: &'f RuleSite, file: &'f Arc<Path>) -> Option<Found<'f>> {
        let by = self.sites_and_covers().find_map(|(site, cover)| match cover {
            Some(Cover::One(by) | Cover::Several(by)) if site.rank == rule.rank => {
                Some(&self.sites[by])
            }
            _ => None,
        })?;
        let kind = MistakeKind::RuleNeverDecides {
            by: by.path.clone(),
            text: by.text.clone(),
            is_denied: by.rank == 0,
        };
        let (position, line, path) = (rule.position, rule.line, rule.path.as_str());
        Some(Found { position, file, line, path, value: None, kind })
    }

    /// The warnings of covered patterns, but for those of rules that never decide.
    fn covered_patterns<'f>(
        &'f self,
        dead: &[&RuleSite],
        file: &'f Arc<Path>,
        name_line: &dyn Fn(&Site) -> Option<String>,
    ) -> impl Iterator<Item = Found<'f>> {
        let is_alive = |site: &Site| dead.iter().all(|rule| rule.rank != site.rank);
        let covered = self.sites_and_covers().filter_map(move |(site, cover)| match cover {
            Some(Cover::One(by)) if is_alive(site) => Some((site, &self.sites[by])),
            _ => None,
        });
        covered.map(move |(site, by)| Found {
            position: site.position,
            file,
            line: site.line,
            path: &site.path,
            value: Some(site.text.clone()),
            kind: by.covers(site.rank, name_line(by)),
        })
    }

    /// The warning of a line that is covered.
    fn covered_line<'f>(
        &self,
        line: &CoveredLine,
        lists: &'f [List],
        name_line: &dyn Fn(&Site) -> Option<String>,
    ) -> Found<'f> {
        let list = &lists[line.list];
        let text = quote(&line.text);
        let kind = match line.by {
            TakenBy::Pattern(by) => {
                let by = &self.sites[by];
                by.covers(list.rank, name_line(by))
            }
            TakenBy::Line(by, number) => MistakeKind::CoveredPattern {
                by: lists[by].path.clone(),
                line: Some(format!("{}:{number}", lists[by].file.display())),
                text: text.clone(),
                is_same_rule: lists[by].rank == list.rank,
                is_denied: false,
            },
        };
        Found {
            position: list.position,
            file: &list.file,
            line: Some(line.line),
            path: &list.path,
            value: Some(text),
            kind,
        }
    }
}

/// The index of the list with this origin of the policy, if it is a line of one.
fn list_of(lists: &[List], number: usize) -> Option<usize> {
    let index = lists.partition_point(|list| list.origins.end <= number);
    lists.get(index).filter(|list| list.origins.contains(&number)).map(|_| index)
}
