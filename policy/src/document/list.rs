//! A list of origins by itself, as an `allow_origins_file` holds it, before any policy names it.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    io::Read,
    path::Path,
    sync::Arc,
};

use super::{
    file,
    keys::{Key, Language},
    mistake_kind::MistakeKind,
    origins_file::{self, Line},
    place::Location,
    quote::quote,
    reader::Reader,
    report::{Accepted, Report},
};
use crate::origin::{MatcherBuilder, OriginPattern};

/// Checks a list of origins, one a line, and returns how many there are.
///
/// The guards are those of a policy without credentials, as no policy is known. What only a policy
/// with credentials would refuse is a warning, and so is a line that stands twice.
///
/// # Errors
///
/// All mistakes of the list at once, if any of them is an error.
pub fn check_list(path: &Path) -> Result<Accepted<usize>, Report> {
    match file::open(path) {
        Ok(list) => check_list_from(list, path),
        Err(kind) => {
            let mut reader = Reader::new(path, Language::Yaml, &[]);
            let file = reader.file();
            reader.add(Location::root(&file), None, kind);
            reader.finish(0)
        }
    }
}

/// Checks a list as [`check_list`] does, from a stream. `name` is its name in messages.
///
/// # Errors
///
/// As for [`check_list`].
pub fn check_list_from(stream: impl Read, name: &Path) -> Result<Accepted<usize>, Report> {
    let mut list = List::new(name);
    let read = origins_file::read_lines(stream, |number, line| list.line(number, line));
    let location = Location::root(&list.file);
    if let Err(kind) = read {
        list.reader.add(location, None, kind);
    } else if list.lines == 0 {
        list.reader.add(location, None, MistakeKind::EmptyOriginsFile);
    }
    if let Err(error) = list.patterns.build() {
        list.reader.add(location, None, MistakeKind::Matcher(error));
    }
    list.reader.finish(list.lines)
}

/// A list that is being read.
struct List {
    reader: Reader,
    file: Arc<Path>,
    /// The lines that hold something.
    lines: usize,
    /// The first line of each text. There may be millions of texts, so only their hashes are kept; they
    /// are seeded, and two of ten million are the same with a probability of one in 300,000.
    first_lines: HashMap<u64, u32>,
    hasher: RandomState,
    /// Wildcards and expressions, which can be too large together.
    patterns: MatcherBuilder,
}

impl List {
    fn new(name: &Path) -> Self {
        let reader = Reader::new(name, Language::Yaml, &[]);
        let file = reader.file();
        Self {
            reader,
            file,
            lines: 0,
            first_lines: HashMap::new(),
            hasher: RandomState::new(),
            patterns: MatcherBuilder::new(),
        }
    }

    fn line(&mut self, number: u32, line: Line<'_>) {
        self.lines += 1;
        let file = Arc::clone(&self.file);
        let key = Key::from_name("allow_origins_file");
        let location = Location { key, ..Location::root(&file).at_line(Some(number)) };
        match line {
            Line::TooLong => {
                let kind = MistakeKind::LineTooLong { limit: origins_file::MAX_LINE };
                self.reader.add(location, None, kind);
            }
            Line::Pattern(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.pattern(location, number, text),
                Err(_) => {
                    let shown = quote(&String::from_utf8_lossy(bytes));
                    self.reader.add(location, Some(shown), MistakeKind::NotUtf8);
                }
            },
        }
    }

    fn pattern(&mut self, location: Location<'_>, number: u32, text: &str) {
        let pattern = match OriginPattern::parse(text) {
            Ok(pattern) => pattern,
            Err(error) => {
                let kind = MistakeKind::Pattern { error, closed: Vec::new() };
                return self.reader.add(location, Some(quote(text)), kind);
            }
        };
        if !matches!(pattern, OriginPattern::Exact(_)) {
            self.patterns.add(1, &pattern);
        }
        let refused = pattern.violations(false);
        for violation in &refused {
            let kind = MistakeKind::Guard(violation.clone());
            self.reader.add(location, Some(quote(text)), kind);
        }
        for violation in pattern.violations(true) {
            if !refused.contains(&violation) {
                let kind = MistakeKind::RefusedWithCredentials(Box::new(violation));
                self.reader.add(location, Some(quote(text)), kind);
            }
        }
        match self.first_lines.entry(self.hasher.hash_one(text)) {
            Entry::Vacant(first) => {
                first.insert(number);
            }
            Entry::Occupied(first) => {
                let kind = MistakeKind::RepeatedLine { first: *first.get() };
                self.reader.add(location, Some(quote(text)), kind);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{document::MistakeKind as Kind, test_directory::TestDirectory};

    fn check(list: &str) -> Result<Accepted<usize>, Report> {
        check_list_from(list.as_bytes(), Path::new("list.txt"))
    }

    #[test]
    fn a_list_is_checked_as_for_a_policy_without_credentials() {
        let accepted = check("https://a.example\nhttp://*.b.example:*\n*\n").unwrap();
        assert_eq!(accepted.value, 3);
        let warnings =
            accepted.warnings.iter().map(|warning| (warning.line(), warning.kind().id()));
        let expected =
            [(Some(2), "refused-with-credentials"), (Some(3), "refused-with-credentials")];
        assert_eq!(warnings.collect::<Vec<_>>(), expected);
        // Without credentials too.
        let report =
            check("https://a.example\nnull\nregex:https://.*\\.a\\.example\n").unwrap_err();
        let mistakes =
            report.mistakes().iter().map(|mistake| (mistake.line(), mistake.kind().id()));
        assert_eq!(mistakes.collect::<Vec<_>>(), [(Some(2), "guard"), (Some(3), "guard")]);
    }

    #[test]
    fn what_nginx_refuses_of_all_patterns_together_is_refused() {
        let port = |n: u32| format!("{}-{}", 10_000 + n, 30_000 - n);
        let lines: String =
            (1..=1000).map(|n| format!("https://p{n}-*.a.example:{}\n", port(n))).collect();
        let report = check(&lines).unwrap_err();
        assert!(matches!(report.mistakes()[0].kind(), Kind::Matcher(_)), "{report}");
    }

    #[test]
    fn a_file_is_read_by_the_rules_of_nginx() {
        let directory = TestDirectory::new("list");
        let path = directory.write("list.txt", "https://a.example\n");
        assert_eq!(check_list(&path).unwrap().value, 1);
        let folder = path.parent().unwrap();
        let report = check_list(folder).unwrap_err();
        assert!(matches!(report.mistakes()[0].kind(), Kind::NotAFile { .. }), "{report}");
        let report = check_list(&directory.path("none")).unwrap_err();
        assert!(matches!(report.mistakes()[0].kind(), Kind::Unreadable(_)), "{report}");
    }
}
