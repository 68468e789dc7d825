//! Which origins a level lets in, and with which headers.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use nginx_conf::Site;
use nginx_conf::evaluate::{Config, Key, LevelId, OriginTest, Regex, Tested, Unknown};

use super::profile::Profile;
use super::sample;
use super::survey::{FOREIGN, Survey, TooMuch};
use crate::import::expression::{self, Matching};

/// How often what was found may lead to further origins: `if` behind `if`.
const MAX_ROUNDS: usize = 8;

/// The most comparisons of origins with tests, for one level.
const MAX_COMPARISONS: usize = 2_000_000;

/// The origins of a level, as far as the configuration tells them apart.
#[derive(Debug, Default)]
pub(super) struct Audience {
    /// The origins that the configuration names, and patterns of them, in the order of their lines.
    pub(super) groups: Vec<Group>,
    /// What all others get, if that is the same for all of them.
    pub(super) others: Option<Profile>,
    /// What an origin gets that nobody names.
    pub(super) foreign: Option<Profile>,
    /// Origins that were asked for, and whether they may read responses today.
    pub(super) asked: Vec<(String, bool)>,
    /// What the responses depend on that is not known, and where.
    pub(super) unsure: Vec<(Unknown, Site)>,
    /// What has to be known about expressions.
    pub(super) remarks: Vec<(Site, Remark)>,
}

/// An origin, or a pattern of them, with what it gets.
#[derive(Debug)]
pub(super) struct Group {
    /// A pattern for the document, as it is written in the configuration if it is one origin.
    pub(super) pattern: String,
    /// Whether it is one origin.
    pub(super) is_exact: bool,
    /// What it gets.
    pub(super) profile: Rc<Profile>,
    /// The line that names it.
    pub(super) site: Site,
}

/// What has to be known about an expression.
#[derive(Debug)]
pub(super) enum Remark {
    /// The expression lets in this origin, too, and the narrow reading of it does not.
    Beyond { expression: String, origin: String, patterns: Vec<String> },
    /// The expression has no narrow reading.
    Unreadable { expression: String, why: String },
    /// Only some of the origins that the expression matches get in.
    Mixed { expression: String },
    /// The origin is a part of what the expression is compared with.
    Composite { expression: String },
}

/// Finds out which origins a level tells apart.
///
/// # Errors
///
/// If following the configuration takes too long, or more than [`MAX_COMPARISONS`].
pub(super) fn find(config: &Config, level: LevelId) -> Result<Audience, TooMuch> {
    let mut finder = Finder {
        config,
        survey: Survey::new(config, level),
        literals: Vec::new(),
        known: HashMap::new(),
        expressions: Vec::new(),
        known_expressions: HashSet::new(),
        audience: Audience::default(),
    };
    finder.run()?;
    Ok(finder.audience)
}

/// An origin that is named.
#[derive(Clone)]
struct Literal {
    origin: String,
    /// The line that names it.
    site: Site,
    /// Whether it is in a response, whatever the request says, rather than in a test.
    is_static: bool,
}

/// What the examples of a pattern get, or of all patterns of an expression.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Examples {
    /// There are none.
    None,
    /// The same.
    Alike,
    /// Not the same, or it may differ for other origins.
    Mixed,
}

struct Finder<'c> {
    config: &'c Config,
    survey: Survey<'c>,
    literals: Vec<Literal>,
    /// Where in `literals` an origin is.
    known: HashMap<String, usize>,
    expressions: Vec<(Regex, Site)>,
    known_expressions: HashSet<Regex>,
    audience: Audience,
}

impl Finder<'_> {
    fn run(&mut self) -> Result<(), TooMuch> {
        let mut foreign = Vec::new();
        for origin in FOREIGN {
            foreign.push(self.ask(origin)?);
        }
        for profile in &foreign {
            self.add_static(profile);
        }
        let mut seen_tests = 0;
        let mut seen_literals = 0;
        let mut profiles: HashMap<Vec<usize>, Rc<Profile>> = HashMap::new();
        for _ in 0..MAX_ROUNDS {
            let tests = self.survey.tests();
            for test in &tests[seen_tests..] {
                self.add_test(test);
            }
            if tests.len() == seen_tests && self.literals.len() == seen_literals {
                break;
            }
            // Origins that no test tells apart get the same.
            profiles.clear();
            self.audience.groups.clear();
            (seen_tests, seen_literals) = (tests.len(), self.literals.len());
            if seen_tests.saturating_mul(seen_literals) > MAX_COMPARISONS {
                return Err(TooMuch);
            }
            for (number, literal) in self.literals.clone().into_iter().enumerate() {
                let Literal { origin, site, .. } = literal.clone();
                let signature = self.signature(number, &literal, &tests);
                let profile = match profiles.get(&signature) {
                    Some(profile) => Rc::clone(profile),
                    None => {
                        let profile = self.ask(&origin)?;
                        self.add_static(&profile);
                        let profile = Rc::new(profile);
                        profiles.insert(signature, Rc::clone(&profile));
                        profile
                    }
                };
                let group = Group { pattern: origin, is_exact: true, profile, site };
                self.audience.groups.push(group);
            }
        }
        self.add_expressions()?;
        // The same order as in the files.
        self.audience.groups.sort_by_key(|group| (!group.is_exact, group.site));
        let anybody = foreign.iter().all(|profile| profile.cors.is_readable());
        self.audience.foreign = foreign.into_iter().next();
        self.audience.others = self.audience.foreign.clone().filter(|_| anybody);
        Ok(())
    }

    fn ask(&mut self, origin: &str) -> Result<Profile, TooMuch> {
        let profile = Profile::find(&self.survey, origin)?;
        self.audience.asked.push((origin.to_owned(), profile.cors.is_readable()));
        for entry in &profile.unsure {
            if !self.audience.unsure.contains(entry) {
                self.audience.unsure.push(entry.clone());
            }
        }
        Ok(profile)
    }

    /// Origins that are sent whatever the request says.
    fn add_static(&mut self, profile: &Profile) {
        for (origin, site) in &profile.named {
            self.add_literal(origin, *site, true);
        }
    }

    fn add_literal(&mut self, origin: &str, site: Site, is_static: bool) {
        if !origin.is_empty() && !FOREIGN.contains(&origin) && !self.known.contains_key(origin) {
            self.known.insert(origin.to_owned(), self.literals.len());
            self.literals.push(Literal { origin: origin.to_owned(), site, is_static });
        }
    }

    fn add_test(&mut self, test: &OriginTest) {
        let inner = |text: &str| {
            let text = text.strip_prefix(test.before.as_str())?;
            Some(text.strip_suffix(test.behind.as_str())?.to_owned())
        };
        match &test.tested {
            Tested::Text(text) => {
                if let Some(origin) = inner(text) {
                    self.add_literal(&origin, test.site, false);
                }
            }
            Tested::Regex(regex) => self.add_expression(regex, test, test.site),
            Tested::Map(map) => {
                let map = &self.config.maps[*map];
                let mut texts = Vec::new();
                for (key, _, site) in map.entries() {
                    match key {
                        Key::Text(text) => texts.push((site, inner_of_map(text, test))),
                        Key::Regex(regex) => self.add_expression(regex, test, site),
                    }
                }
                texts.sort();
                for (site, origin) in texts {
                    if let Some(origin) = origin {
                        self.add_literal(&origin, site, false);
                    }
                }
            }
            // Looked at where the expression is, whose examples differ then.
            Tested::Part => {}
        }
    }

    fn add_expression(&mut self, regex: &Regex, test: &OriginTest, site: Site) {
        if !test.before.is_empty() || !test.behind.is_empty() {
            let expression = regex.pattern().to_owned();
            self.audience.remarks.push((site, Remark::Composite { expression }));
        } else if self.known_expressions.insert(regex.clone()) {
            self.expressions.push((regex.clone(), site));
        }
    }

    /// What each test says about an origin: two origins with the same answers get the same.
    fn signature(&self, number: usize, literal: &Literal, tests: &[OriginTest]) -> Vec<usize> {
        let answer = |test: &OriginTest| {
            let text = format!("{}{}{}", test.before, literal.origin, test.behind);
            match &test.tested {
                Tested::Text(other) => usize::from(text == *other),
                Tested::Regex(regex) => usize::from(regex.is_match(&text).unwrap_or(false)),
                Tested::Map(map) => self.config.maps[*map].number_of(&text),
                // Every origin has other parts.
                Tested::Part => number,
            }
        };
        let mut signature: Vec<_> = tests.iter().map(answer).collect();
        if literal.is_static {
            signature.push(number);
        }
        signature
    }

    /// Patterns for the expressions.
    fn add_expressions(&mut self) -> Result<(), TooMuch> {
        for (regex, site) in self.expressions.clone() {
            let expression = regex.pattern().to_owned();
            let (reading, matching) = reading(&regex);
            let narrowed = match expression::narrow(&reading, matching) {
                Ok(narrowed) => narrowed,
                Err(why) => {
                    self.audience.remarks.push((site, Remark::Unreadable { expression, why }));
                    continue;
                }
            };
            let mut examples = Examples::None;
            for pattern in &narrowed.patterns {
                examples = examples.max(self.add_pattern(pattern, site)?);
            }
            match examples {
                Examples::None => {
                    let why = "no pattern of origins says the same".to_owned();
                    self.audience.remarks.push((site, Remark::Unreadable { expression, why }));
                    continue;
                }
                Examples::Alike => {}
                Examples::Mixed => {
                    let expression = expression.clone();
                    self.audience.remarks.push((site, Remark::Mixed { expression }));
                }
            }
            if let Some(origin) = narrowed.beyond {
                if self.ask(&origin)?.could_read {
                    let patterns = narrowed.patterns;
                    let remark = Remark::Beyond { expression, origin, patterns };
                    self.audience.remarks.push((site, remark));
                }
            }
        }
        Ok(())
    }

    /// Adds a pattern of an expression with what its examples get.
    fn add_pattern(&mut self, pattern: &str, site: Site) -> Result<Examples, TooMuch> {
        let is_exact = sample::is_one_origin(pattern);
        if is_exact && self.known.contains_key(pattern) {
            return Ok(Examples::Alike);
        }
        let examples = if is_exact { vec![pattern.to_owned()] } else { sample::examples(pattern) };
        let mut profiles = Vec::new();
        for origin in &examples {
            profiles.push(self.ask(origin)?);
        }
        let Some(first) = profiles.first() else { return Ok(Examples::None) };
        let differ = profiles.iter().any(|profile| profile.cors != first.cors);
        let is_mixed = !is_exact && (differ || self.looks_at_parts());
        if !self.audience.groups.iter().any(|group| group.pattern == pattern) {
            // The least of what its examples get.
            let least = profiles.iter().find(|p| !p.cors.is_readable()).unwrap_or(first);
            let profile = Rc::new(least.clone());
            let group = Group { pattern: pattern.to_owned(), is_exact, profile, site };
            self.audience.groups.push(group);
        }
        Ok(if is_mixed { Examples::Mixed } else { Examples::Alike })
    }

    /// Whether something looks at a part of the origin that an expression took out of it.
    fn looks_at_parts(&self) -> bool {
        self.survey.tests().iter().any(|test| test.tested == Tested::Part)
    }
}

/// How an expression is read. Origins are in lower case, so that one without regard to case means the same
/// in lower case; but a letter behind a backslash can mean something else there.
fn reading(regex: &Regex) -> (String, Matching) {
    let pattern = regex.pattern();
    let has_upper_escape =
        pattern.as_bytes().windows(2).any(|w| w[0] == b'\\' && w[1].is_ascii_uppercase());
    if regex.ignores_case() && !has_upper_escape {
        (pattern.to_ascii_lowercase(), Matching::SEARCH)
    } else {
        let ignores_case = regex.ignores_case();
        (pattern.to_owned(), Matching { is_whole: false, ignores_case })
    }
}

/// The origin in a key of a map, which is in lower case.
fn inner_of_map(key: &str, test: &OriginTest) -> Option<String> {
    let key = key.strip_prefix(test.before.to_ascii_lowercase().as_str())?;
    Some(key.strip_suffix(test.behind.to_ascii_lowercase().as_str())?.to_owned())
}
