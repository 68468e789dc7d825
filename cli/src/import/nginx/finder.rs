//! Finding the origins that a level tells apart.

mod kept_out;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use nginx_conf::Site;
use nginx_conf::evaluate::{Config, Key, LevelId, OriginTest, Regex, Tested};

use super::Context;
use super::audience::{Audience, Group, Remark};
use super::profile::Profile;
use super::readings::Reading;
use super::sample;
use super::survey::{FOREIGN, Survey, TooMuch};
use crate::import::model::Findings;

/// How often what was found may lead to further origins: `if` behind `if`.
const MAX_ROUNDS: usize = 8;

/// The most comparisons of origins with tests, for one level.
const MAX_COMPARISONS: usize = 2_000_000;

/// Finds out which origins a level tells apart.
///
/// # Errors
///
/// If following the configuration takes too long, or more than [`MAX_COMPARISONS`].
pub(super) fn find(
    context: &Context<'_>,
    level: LevelId,
    findings: &mut Findings,
) -> Result<Audience, TooMuch> {
    let config = context.config;
    let mut finder = Finder {
        context,
        config,
        findings,
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

/// An expression that the origin is compared with.
#[derive(Clone)]
struct Expression {
    regex: Regex,
    /// Its line.
    site: Site,
    /// What it means; none if there are too many expressions.
    reading: Option<Reading>,
}

/// How much has been looked at.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    tests: usize,
    literals: usize,
    expressions: usize,
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

struct Finder<'c, 'f> {
    context: &'c Context<'c>,
    config: &'c Config,
    findings: &'f mut Findings,
    survey: Survey<'c>,
    literals: Vec<Literal>,
    /// Where in `literals` an origin is.
    known: HashMap<String, usize>,
    expressions: Vec<Expression>,
    known_expressions: HashSet<Regex>,
    audience: Audience,
}

impl Finder<'_, '_> {
    fn run(&mut self) -> Result<(), TooMuch> {
        let mut foreign = Vec::new();
        for origin in FOREIGN {
            foreign.push(self.ask(origin)?);
        }
        for profile in &foreign {
            self.add_static(profile);
        }
        let seen = self.rounds()?;
        self.add_expressions()?;
        // The same order as in the files.
        self.audience.groups.sort_by_key(|group| (!group.is_exact, group.site));
        let anybody = foreign.iter().all(|profile| profile.cors.is_readable());
        self.audience.foreign = foreign.into_iter().next();
        self.audience.others = self.audience.foreign.clone().filter(|_| anybody);
        self.add_overlaps()?;
        if seen.is_none_or(|seen| seen.tests < self.survey.tests().len()) {
            let site = self.config.levels[self.survey.level()].site;
            self.audience.remarks.push((site, Remark::Unsettled));
        }
        Ok(())
    }

    /// Asks for what is named, until nothing new is compared with the origin. What has been looked at, or
    /// none if there is no end to it.
    fn rounds(&mut self) -> Result<Option<Seen>, TooMuch> {
        let mut seen = Seen::default();
        for _ in 0..MAX_ROUNDS {
            let tests = self.survey.tests();
            for test in &tests[seen.tests..] {
                self.add_test(test);
            }
            let now = Seen {
                tests: tests.len(),
                literals: self.literals.len(),
                expressions: self.expressions.len(),
            };
            if now == seen {
                return Ok(Some(seen));
            }
            self.add_literals(&tests)?;
            for at in seen.expressions..now.expressions {
                self.ask_examples(at)?;
            }
            seen = now;
        }
        Ok(None)
    }

    /// Asks for the origins that are named. Those that no test tells apart get the same.
    fn add_literals(&mut self, tests: &[OriginTest]) -> Result<(), TooMuch> {
        if tests.len().saturating_mul(self.literals.len()) > MAX_COMPARISONS {
            return Err(TooMuch);
        }
        let mut profiles: HashMap<Vec<usize>, Rc<Profile>> = HashMap::new();
        self.audience.groups.clear();
        for (number, literal) in self.literals.clone().into_iter().enumerate() {
            let signature = self.signature(number, &literal, tests);
            let Literal { origin, site, .. } = literal;
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
        Ok(())
    }

    /// Asks for examples of an expression, behind which there may be other conditions.
    fn ask_examples(&mut self, at: usize) -> Result<(), TooMuch> {
        let Some(reading) = self.expressions[at].reading.clone() else { return Ok(()) };
        let Ok(narrowed) = &*reading else { return Ok(()) };
        for pattern in &narrowed.patterns {
            for origin in examples(pattern) {
                self.ask(&origin)?;
            }
        }
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
            let place = self.context.place(site);
            let reading = self.context.readings.read(regex, &place, self.findings);
            self.expressions.push(Expression { regex: regex.clone(), site, reading });
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
        for Expression { regex, site, reading } in self.expressions.clone() {
            let Some(reading) = reading else { continue };
            let expression = regex.pattern().to_owned();
            let narrowed = match &*reading {
                Ok(narrowed) => narrowed,
                Err(why) => {
                    let why = why.clone();
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
            if let Some(origin) = narrowed.beyond.clone() {
                if self.ask(&origin)?.could_read {
                    let patterns = narrowed.patterns.clone();
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
        let mut profiles = Vec::new();
        for origin in examples(pattern) {
            profiles.push(self.ask(&origin)?);
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

/// Origins of a pattern, or the one that it is.
fn examples(pattern: &str) -> Vec<String> {
    if sample::is_one_origin(pattern) {
        vec![pattern.to_owned()]
    } else {
        sample::examples(pattern)
    }
}

/// The origin in a key of a map, which is in lower case.
fn inner_of_map(key: &str, test: &OriginTest) -> Option<String> {
    let key = key.strip_prefix(test.before.to_ascii_lowercase().as_str())?;
    Some(key.strip_suffix(test.behind.to_ascii_lowercase().as_str())?.to_owned())
}
