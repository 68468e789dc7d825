//! Lines of an `allow_origins_file` that never decide, because a pattern of the document or an earlier
//! line takes their origin.
//!
//! Each origin is looked up once. The lines themselves are not kept, since there may be millions: the
//! few that a message names are found by reading the list once more.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    ops::Range,
    path::Path,
    sync::Arc,
};

use super::{
    origins_file::{Line, OriginsFile},
    report::MAX_WARNINGS_OF_A_KIND,
};
use crate::origin::Rank;

/// A list of a policy.
#[derive(Debug)]
pub(super) struct List {
    pub(super) file: Arc<Path>,
    /// The place of the key that names it.
    pub(super) path: String,
    pub(super) rank: Rank,
    /// Its exact origins, among those of the policy.
    pub(super) origins: Range<usize>,
    /// The place of warnings about it, among all mistakes.
    pub(super) position: usize,
}

/// What takes the origin of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakenBy {
    /// The pattern of the document with this number.
    Pattern(usize),
    /// An earlier line: the index of its list, and its number.
    Line(usize, u32),
}

/// A line that never decides.
#[derive(Debug)]
pub(super) struct CoveredLine {
    /// The index of its list.
    pub(super) list: usize,
    pub(super) line: u32,
    pub(super) text: String,
    pub(super) by: TakenBy,
}

/// Collects the lines that never decide.
#[derive(Debug, Default)]
pub(super) struct CoveredLines {
    /// The first origins of lines that patterns of the document take: the list and the pattern.
    taken: HashMap<String, (usize, usize)>,
    /// The first origins that an earlier line has too.
    repeated: HashSet<String>,
    /// The number of lines.
    count: usize,
}

impl CoveredLines {
    /// Adds a line that a pattern of the document takes.
    pub(super) fn add_taken(&mut self, origin: &[u8], list: usize, by: usize) {
        self.count += 1;
        if self.taken.len() < MAX_WARNINGS_OF_A_KIND {
            self.taken.entry(String::from_utf8_lossy(origin).into()).or_insert((list, by));
        }
    }

    /// Adds a line whose origin an earlier line has.
    pub(super) fn add_repeated(&mut self, origin: &[u8]) {
        self.count += 1;
        if self.repeated.len() < MAX_WARNINGS_OF_A_KIND {
            self.repeated.insert(String::from_utf8_lossy(origin).into());
        }
    }

    /// The first lines, list by list, as many as are described, and how many more there are.
    pub(super) fn find(self, lists: &[List]) -> (Vec<CoveredLine>, usize) {
        let mut found = Vec::new();
        let mut first: HashMap<String, (usize, u32)> = HashMap::new();
        for (index, list) in lists.iter().enumerate() {
            if self.count == 0 {
                break;
            }
            let visit = |number: u32, line: Line<'_>| {
                let Line::Pattern(bytes) = line else { return };
                let Ok(text) = std::str::from_utf8(bytes) else { return };
                let by = match self.taken.get(text) {
                    Some(&(of, by)) if of == index => TakenBy::Pattern(by),
                    _ if !self.repeated.contains(text) => return,
                    _ => match first.entry(text.to_owned()) {
                        Entry::Occupied(first) => TakenBy::Line(first.get().0, first.get().1),
                        Entry::Vacant(vacant) => {
                            vacant.insert((index, number));
                            return;
                        }
                    },
                };
                if found.len() < MAX_WARNINGS_OF_A_KIND {
                    found.push(CoveredLine { list: index, line: number, text: text.into(), by });
                }
            };
            // A list that cannot be read any more is found out when it is read next.
            let _ = OriginsFile::open(&list.file).and_then(|file| file.read(visit));
        }
        let more = self.count.saturating_sub(found.len());
        (found, more)
    }
}
