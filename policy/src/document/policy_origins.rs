//! The origins of one policy, compiled as they are read.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    covered_lines::List,
    covered_patterns::CoveredPatterns,
    mistake_kind::MistakeKind,
    node::Node,
    open_guards::OpenGuards,
    origins_file::{self, Line, OriginsFile},
    pattern_site::{PatternSite, PatternVisitor},
    place::Location,
    quote::quote,
    reader::{Reader, get},
    source_file::SourceFile,
};
use crate::origin::{Guard, MatcherBuilder, OriginPattern, PatternError, Rank};

/// Collects the patterns of a policy.
pub(super) struct PolicyOrigins<'p> {
    pub(super) policy: &'p str,
    visitor: PatternVisitor<'p>,
    /// The guards that the policy opens for all of its rules.
    pub(super) open: OpenGuards,
    pub(super) matcher: MatcherBuilder,
    pub(super) covered: CoveredPatterns,
    /// Whether there is a pattern in `deny_origins`.
    pub(super) denies: bool,
    /// Each `allow_origins_file`.
    pub(super) files: Vec<PathBuf>,
    /// What is known about each of them.
    pub(super) lists: Vec<List>,
}

/// Facts about one rule that its origins depend on, and facts about its origins that the rule
/// depends on.
#[derive(Debug, Default)]
pub(super) struct RuleOrigins {
    pub(super) rank: Rank,
    /// Whether the rule allows credentials. Guards depend on it.
    pub(super) credentials: bool,
    /// The guards that the rule opens for itself.
    pub(super) open: OpenGuards,
    /// Whether the rule has `allow_origins`.
    pub(super) has_list: bool,
    /// Whether `*` is among the patterns.
    pub(super) any: bool,
    /// Whether `null` is among the patterns.
    pub(super) null: bool,
    /// Whether a pattern other than `*` matches `file://`.
    pub(super) file: bool,
}

impl<'p> PolicyOrigins<'p> {
    /// For the policy of this name and mapping.
    pub(super) fn new(policy: &'p str, map: &[(Node, Node)], visitor: PatternVisitor<'p>) -> Self {
        Self {
            policy,
            visitor,
            open: OpenGuards::of(map),
            matcher: MatcherBuilder::new(),
            covered: CoveredPatterns::default(),
            denies: false,
            files: Vec::new(),
            lists: Vec::new(),
        }
    }

    /// Adds a pattern that the policy denies.
    pub(super) fn deny(&mut self, reader: &mut Reader, location: Location<'_>, text: &str) {
        if let Some(pattern) = parse(reader, location, text, |_| Vec::new()) {
            self.covered.add(reader, location, 0, text, &pattern, false);
            self.add(location, 0, text, &pattern);
        }
    }

    /// Adds a pattern of a rule, and reports the guards that it violates.
    pub(super) fn allow(
        &mut self,
        reader: &mut Reader,
        location: Location<'_>,
        text: &str,
        rule: &mut RuleOrigins,
    ) {
        if let Some(pattern) = self.allow_uncompared(reader, location, text, rule) {
            self.covered.add(reader, location, rule.rank, text, &pattern, rule.credentials);
        }
    }

    /// Adds a pattern of a rule without comparing it with others, and reports the guards that it violates.
    fn allow_uncompared<'t>(
        &mut self,
        reader: &mut Reader,
        location: Location<'_>,
        text: &'t str,
        rule: &mut RuleOrigins,
    ) -> Option<OriginPattern<'t>> {
        let pattern = parse(reader, location, text, |error| self.closed_guards(error, rule))?;
        rule.any |= matches!(pattern, OriginPattern::Any);
        rule.null |= matches!(pattern, OriginPattern::Null);
        rule.file |= pattern.matches_file();
        for violation in pattern.violations(rule.credentials) {
            let guard = violation.opened_by();
            if !self.open.opens(guard) && !rule.open.opens(guard) {
                reader.add(location, Some(quote(text)), MistakeKind::Guard(violation));
            }
        }
        self.add(location, rule.rank, text, &pattern);
        Some(pattern)
    }

    /// The guards that are closed for a rule, and that the patterns which a message tells to write would
    /// violate.
    fn closed_guards(&mut self, error: &PatternError, rule: &mut RuleOrigins) -> Vec<Guard> {
        let mut closed = Vec::new();
        for suggestion in error.suggestions() {
            let Ok(pattern) = OriginPattern::parse(&suggestion) else { continue };
            for violation in pattern.violations(rule.credentials) {
                let guard = violation.opened_by();
                let is_open = self.open.opens(guard) || rule.open.opens(guard);
                if !is_open && !closed.contains(&guard) {
                    closed.push(guard);
                }
            }
        }
        closed
    }

    /// Adds the patterns of an `allow_origins_file` to a rule.
    pub(super) fn allow_file(
        &mut self,
        reader: &mut Reader,
        location: Location<'_>,
        path: PathBuf,
        rule: &mut RuleOrigins,
    ) {
        self.files.push(path.clone());
        self.covered.note_file(rule.rank);
        let file: Arc<Path> = path.into();
        let (first, position) = (self.matcher.exact_origins_len(), reader.position());
        let mut lines = 0_usize;
        let read = OriginsFile::open(&file).and_then(|list| {
            self.matcher.reserve(list.length());
            list.read(|number, line| {
                let location = Location { file: &file, line: Some(number), ..location };
                lines += 1;
                match line {
                    Line::TooLong => {
                        let kind = MistakeKind::LineTooLong { limit: origins_file::MAX_LINE };
                        reader.add(location, None, kind);
                    }
                    Line::Pattern(bytes) => match std::str::from_utf8(bytes) {
                        Ok(text) => {
                            self.allow_uncompared(reader, location, text, rule);
                        }
                        Err(_) => {
                            let shown = quote(&String::from_utf8_lossy(bytes));
                            reader.add(location, Some(shown), MistakeKind::NotUtf8);
                        }
                    },
                }
            })
        });
        let sha256 = read.as_ref().ok().copied();
        reader.add_file(SourceFile { path: file.to_path_buf(), sha256 });
        self.lists.push(List {
            file: file.clone(),
            path: location.path.to_string(),
            rank: rule.rank,
            origins: first..self.matcher.exact_origins_len(),
            position,
        });
        // A mistake of the file as a whole is one of the line that names the file.
        let shown = Some(quote(&file.to_string_lossy()));
        if let Err(kind) = read {
            reader.add(location, shown, kind);
        } else if lines == 0 && !rule.has_list {
            reader.add(location, shown, MistakeKind::NoOrigins);
        }
    }

    fn add(&mut self, location: Location<'_>, rank: Rank, text: &str, pattern: &OriginPattern<'_>) {
        self.matcher.add(rank, pattern);
        (self.visitor)(&PatternSite { policy: self.policy, rank, pattern, text, location });
    }
}

/// Reads a pattern. `closed` is asked for the guards that advice has to name, if a message is shown.
fn parse<'t>(
    reader: &mut Reader,
    location: Location<'_>,
    text: &'t str,
    closed: impl FnOnce(&PatternError) -> Vec<Guard>,
) -> Option<OriginPattern<'t>> {
    match OriginPattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let closed = if reader.describes_errors() { closed(&error) } else { Vec::new() };
            reader.add(location, Some(quote(text)), MistakeKind::Pattern { error, closed });
            None
        }
    }
}

/// Whether a policy or a rule lists origins.
pub(super) fn lists_origins(map: &[(Node, Node)]) -> bool {
    get(map, "allow_origins").is_some() || get(map, "allow_origins_file").is_some()
}
