//! Patterns that earlier ones cover: every origin that they match is taken before they are tried.
//!
//! A look-up of one origin of each pattern finds the few pairs that can be meant. Their automata are
//! then compared, so that the answer does not depend on how a pattern is written. They are compared
//! over the grammar of origins, because an expression may accept texts that are none.

mod language;

use std::cell::OnceCell;
use std::collections::HashMap;

use regex_syntax::hir::Hir;

use self::language::language;
use super::automaton::{Automaton, Direction};
use super::matcher::{MatcherBuilder, OriginMatcher, Rank};
use super::pattern::{OriginPattern, Wildcard, WildcardHost};
use super::regex::{includes, meet};

/// Memory of one automaton, in bytes. A pattern that needs more is not compared.
const MAX_SIZE: usize = 1 << 18;
/// Memory of the automaton of several patterns together.
const MAX_UNION_SIZE: usize = 1 << 20;
/// How many patterns with `*` inside the host are compared with others below the same domain, for a
/// policy. Each is one expression of the automaton that looks them up, and building that takes time in
/// the square of their number.
const MAX_GLOBS_BELOW: usize = 1000;
/// How many pairs of patterns are compared by their automata, for a policy.
const MAX_PAIRS: usize = 10_000;

/// The patterns of a policy that are compared: all but those of an `allow_origins_file`.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    patterns: Vec<Compared>,
    denied: usize,
    /// The number of patterns with `*` inside the host below each domain.
    globs_below: HashMap<Box<str>, usize>,
    lookup: MatcherBuilder,
}

/// The place of a pattern in the order in which patterns decide: first those of `deny_origins`, then
/// rule by rule.
type Order = Rank;

/// The order of the first pattern of a rule. No more patterns of `deny_origins` are compared.
const FIRST_OF_RULES: Order = 1 << 14;

/// How a pattern is covered. The numbers count the patterns as they were added, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cover {
    /// By this one alone.
    One(usize),
    /// By several of earlier rules together, of which this one matches some of the same origins.
    Several(usize),
}

/// A pattern to compare.
#[derive(Debug)]
struct Compared {
    rank: Rank,
    order: Order,
    language: Language,
    /// One of the origins that it matches. `None` for `*`, and if none was found.
    sample: Option<Vec<u8>>,
    /// Whether it matches `null` or `file://`, which a `*` with credentials leaves to other patterns of
    /// its rule.
    is_apart: bool,
}

/// What a pattern matches.
#[derive(Debug)]
enum Language {
    /// Every origin. With credentials, but for those that are [`Compared::is_apart`].
    Any { credentials: bool },
    /// The sample, and nothing else.
    One,
    /// Several origins. The automaton is `None` if it would be too large.
    Several { expression: Option<Hir>, automaton: OnceCell<Option<Box<Automaton>>> },
}

impl Compared {
    fn automaton(&self) -> Option<&Automaton> {
        let Language::Several { expression, automaton } = &self.language else { return None };
        let compile = || compile(&[expression.clone()?], MAX_SIZE).map(Box::new);
        automaton.get_or_init(compile).as_deref()
    }

    /// Whether this pattern, which stands before `later`, takes all that `later` matches.
    fn covers(&self, later: &Self) -> bool {
        match (&self.language, &later.language) {
            // Within a rule, these are allowed because they are listed. In an earlier one, `*` decides.
            (Language::Any { credentials: true }, _) if later.is_apart => self.rank != later.rank,
            (Language::Any { .. }, _) => true,
            (_, Language::Any { .. }) => false,
            (Language::One, Language::One) => self.sample == later.sample,
            (Language::Several { .. }, Language::One) => self.accepts(later.sample.as_deref()),
            (Language::One, Language::Several { .. }) => {
                let literal = self.sample.as_deref().map(Hir::literal);
                let literal = literal.and_then(|literal| compile(&[literal], MAX_SIZE));
                literal.is_some_and(|this| later.automaton().is_some_and(|it| includes(&this, it)))
            }
            (Language::Several { .. }, Language::Several { .. }) => {
                self.accepts(later.sample.as_deref())
                    && match (self.automaton(), later.automaton()) {
                        (Some(this), Some(later)) => includes(this, later),
                        _ => false,
                    }
            }
        }
    }

    fn accepts(&self, origin: Option<&[u8]>) -> bool {
        // No expression matches `null`.
        let Some(origin) = origin.filter(|origin| *origin != b"null") else { return false };
        self.automaton().is_some_and(|this| this.first_accepting(origin).is_some())
    }

    fn is_several(&self) -> bool {
        matches!(self.language, Language::Several { .. })
    }
}

fn compile(expressions: &[Hir], limit: usize) -> Option<Automaton> {
    Automaton::new(expressions, Direction::Forward, limit).ok()
}

impl Coverage {
    /// Adds a pattern of the rule of this rank, with or without credentials. Returns whether it is
    /// compared: of too many patterns, the later ones are left out.
    pub(crate) fn add(
        &mut self,
        rank: Rank,
        pattern: &OriginPattern<'_>,
        credentials: bool,
    ) -> bool {
        let (before, first, end) = match rank {
            0 => (self.denied, 0, FIRST_OF_RULES),
            _ => (self.patterns.len() - self.denied, FIRST_OF_RULES, Order::MAX),
        };
        let order = Order::try_from(before).ok().and_then(|before| first.checked_add(before));
        let Some(order) = order.filter(|&order| order < end) else { return false };
        if let OriginPattern::Wildcard(Wildcard {
            host: WildcardHost::Glob { parent, .. }, ..
        }) = pattern
        {
            let globs = self.globs_below.entry((*parent).into()).or_default();
            if *globs == MAX_GLOBS_BELOW {
                return false;
            }
            *globs += 1;
        }
        self.denied += usize::from(rank == 0);
        self.lookup.add(order, pattern);
        let (language, sample) = match pattern {
            OriginPattern::Any => (Language::Any { credentials }, None),
            OriginPattern::Null => (Language::One, Some(b"null".to_vec())),
            OriginPattern::Exact(origin) => (Language::One, Some(origin.as_bytes().to_vec())),
            OriginPattern::Wildcard(_) | OriginPattern::Regex(_) => {
                let (expression, automaton) = (language(pattern), OnceCell::new());
                (Language::Several { expression, automaton }, pattern.sample())
            }
        };
        let is_apart = matches!(pattern, OriginPattern::Null) || pattern.matches_file();
        self.patterns.push(Compared { rank, order, language, sample, is_apart });
        true
    }

    /// Compares the patterns.
    pub(crate) fn find(self) -> Covers {
        let count = self.patterns.len();
        let mut in_order: Vec<usize> = (0..count).collect();
        in_order.sort_by_key(|&number| self.patterns[number].order);
        let Ok(lookup) = self.lookup.build() else {
            return Covers { of_patterns: vec![None; count], lookup: None };
        };
        let mut search = Search { patterns: &self.patterns, in_order, lookup, pairs: 0 };
        let of_patterns = (0..count).map(|number| search.cover(number)).collect();
        let Search { in_order, lookup, .. } = search;
        let orders = in_order.iter().map(|&number| self.patterns[number].order).collect();
        Covers { of_patterns, lookup: Some(Lookup { matcher: lookup, in_order, orders }) }
    }
}

/// What was found about the patterns of a policy.
#[derive(Debug)]
pub(crate) struct Covers {
    /// How each pattern is covered, if it is, by its number.
    pub(crate) of_patterns: Vec<Option<Cover>>,
    /// `None` if the patterns need too much memory together.
    lookup: Option<Lookup>,
}

/// Finds the first pattern that matches an origin.
#[derive(Debug)]
struct Lookup {
    matcher: OriginMatcher,
    /// The numbers of the patterns, in the order in which they decide.
    in_order: Vec<usize>,
    /// The place of each of these in the order.
    orders: Vec<Order>,
}

impl Covers {
    /// The number of the first pattern that matches an origin.
    pub(crate) fn first_matching(&self, origin: &[u8]) -> Option<usize> {
        let lookup = self.lookup.as_ref()?;
        let order = lookup.matcher.find(origin)?;
        let index = lookup.orders.binary_search(&order).ok()?;
        Some(lookup.in_order[index])
    }
}

struct Search<'c> {
    patterns: &'c [Compared],
    /// The numbers of the patterns, in the order in which they decide.
    in_order: Vec<usize>,
    lookup: OriginMatcher,
    pairs: usize,
}

impl Search<'_> {
    fn cover(&mut self, number: usize) -> Option<Cover> {
        let pattern = &self.patterns[number];
        // What does not match the sample does not cover the pattern.
        let first = match &pattern.sample {
            Some(sample) => self.lookup.find(sample)?,
            None if pattern.is_several() => return None,
            None => 0,
        };
        let order = |number: &usize| self.patterns[*number].order;
        let begin = self.in_order.partition_point(|number| order(number) < first);
        let end = self.in_order.partition_point(|number| order(number) < pattern.order);
        for index in begin..end {
            let other = self.in_order[index];
            if !self.may_compare(other, number) {
                return None;
            }
            if self.patterns[other].covers(pattern) {
                return Some(Cover::One(other));
            }
        }
        let first = *self.in_order.get(begin).filter(|_| begin < end)?;
        self.union_covers(number).then_some(Cover::Several(first))
    }

    /// Whether the patterns of earlier rules together take all that this one matches.
    fn union_covers(&mut self, number: usize) -> bool {
        let pattern = &self.patterns[number];
        let Some(automaton) = pattern.automaton() else { return false };
        let mut union = Vec::new();
        for index in 0..self.in_order.len() {
            let other = self.in_order[index];
            let earlier = &self.patterns[other];
            if earlier.rank >= pattern.rank {
                break;
            }
            if !self.may_compare(other, number) {
                return false;
            }
            let takes_some = earlier.automaton().map_or_else(
                || {
                    earlier
                        .sample
                        .as_ref()
                        .is_some_and(|it| automaton.first_accepting(it).is_some())
                },
                |earlier| meet(earlier, automaton),
            );
            match (&earlier.language, &earlier.sample) {
                (Language::One, Some(sample)) if takes_some => {
                    union.push(Hir::literal(sample.as_slice()));
                }
                (Language::Several { expression: Some(expression), .. }, _) if takes_some => {
                    union.push(expression.clone());
                }
                _ => {}
            }
        }
        // Each of them alone has been compared.
        union.len() > 1
            && compile(&union, MAX_UNION_SIZE).is_some_and(|union| includes(&union, automaton))
    }

    /// Counts a pair whose comparison needs automata. For a single origin the look-up is enough.
    fn may_compare(&mut self, earlier: usize, pattern: usize) -> bool {
        let is_any = matches!(self.patterns[earlier].language, Language::Any { .. });
        if self.patterns[pattern].is_several() && !is_any {
            self.pairs += 1;
        }
        self.pairs <= MAX_PAIRS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How the last of these patterns is covered; each has its rank.
    fn cover(patterns: &[(Rank, &str)], credentials: bool) -> Option<Cover> {
        let mut coverage = Coverage::default();
        for &(rank, text) in patterns {
            coverage.add(rank, &OriginPattern::parse(text).unwrap(), credentials);
        }
        coverage.find().of_patterns.pop().unwrap()
    }

    #[test]
    fn one_pattern_covers_another() {
        for (wide, narrow) in [
            ("https://a.example", "https://a.example"),
            ("https://*.example.com", "https://app.example.com"),
            ("https://*.example.com", "https://*.app.example.com"),
            ("https://*.example.com", "https://pr-*.example.com"),
            ("https://*.example.com", r"regex:https://[a-c]\.example\.com"),
            ("https://*.example.com:*", "https://*.example.com"),
            ("https://*.example.com:*", "https://pr-*.example.com:8000-8010"),
            ("https://*-a.example.com", "https://pr-*-a.example.com"),
            ("http://localhost:*", "http://localhost:[3000,5173]"),
            ("http://localhost:3000-3009", "http://localhost:[3001,3009]"),
            ("http://localhost:*", "http://localhost:1024-65535"),
            ("http://localhost:1024-65535", "http://localhost:3000"),
            ("http://localhost:1024-65535", "http://localhost:[2024-65535,1024]"),
            ("https://*:1-65535", "https://*:8443"),
            ("https://*", "https://*.example.com"),
            ("*", "regex:app://[a-z]+"),
            ("*", "null"),
            (r"regex:https?://.*\.example\.com(:[0-9]+)?", "http://*.example.com:*"),
            (r"regex:https://[a-z0-9-]+\.example\.com", r"regex:https://(a|b)\.example\.com"),
            ("https://a.example", r"regex:https://a\.example"),
        ] {
            assert_eq!(
                cover(&[(1, wide), (1, narrow)], false),
                Some(Cover::One(0)),
                "{wide} {narrow}"
            );
            if wide != narrow && wide != "https://a.example" {
                assert_eq!(cover(&[(1, narrow), (1, wide)], false), None, "{narrow} {wide}");
            }
        }
    }

    #[test]
    fn every_port_is_any_port() {
        for (one, other) in [
            ("http://localhost:*", "http://localhost:1-65535"),
            ("https://*.example.com:*", "https://*.example.com:[1-100,101-65535]"),
            ("http://localhost:*", "regex:http://localhost(:[0-9]+)?"),
        ] {
            for patterns in [[(1, one), (1, other)], [(1, other), (1, one)]] {
                assert_eq!(cover(&patterns, false), Some(Cover::One(0)), "{patterns:?}");
            }
        }
    }

    #[test]
    fn what_is_left_over_is_not_covered() {
        for (one, other) in [
            ("https://*.example.com", "https://example.com"),
            ("https://*.example.com", "http://app.example.com"),
            ("https://*.example.com", "https://app.example.com:8443"),
            ("https://pr-*.example.com", "https://*-pr.example.com"),
            ("https://*.a.example.com", "https://*.*.example.com"),
            ("http://localhost:3000-3009", "http://localhost:[3000,3010]"),
            (r"regex:https://[a-z]+\.example\.com", "https://pr-*.example.com"),
            ("https://*", "null"),
            ("http://localhost:1024-65535", "http://localhost:1023-65535"),
            ("http://localhost:[1-79,81-65535]", "http://localhost:*"),
            ("app://*:1-65535", "app://*:*"),
            ("https://x--x.example.com", "https://*.example.com"),
        ] {
            assert_eq!(cover(&[(1, one), (1, other)], false), None, "{one} {other}");
        }
    }

    #[test]
    fn several_of_earlier_rules_cover_one_together() {
        let halves = [(1, "http://localhost:3000-3004"), (2, "http://localhost:3005-3009")];
        let with = |last| cover(&[halves[0], halves[1], last], false);
        assert_eq!(with((3, "http://localhost:3000-3009")), Some(Cover::Several(0)));
        assert_eq!(with((3, "http://localhost:3000-3010")), None);
        // What stands beside it in the same rule does not keep the rule from deciding.
        assert_eq!(with((2, "http://localhost:3000-3009")), None);
    }

    #[test]
    fn deny_origins_decides_first_wherever_it_stands() {
        let covers = |patterns: &[(Rank, &str)]| {
            let mut coverage = Coverage::default();
            for &(rank, text) in patterns {
                coverage.add(rank, &OriginPattern::parse(text).unwrap(), false);
            }
            coverage.find().of_patterns
        };
        let allowed = (1, "https://old.example.com");
        let denied = (0, "https://*.example.com");
        assert_eq!(covers(&[allowed, denied]), [Some(Cover::One(1)), None]);
        assert_eq!(covers(&[denied, allowed]), [None, Some(Cover::One(0))]);
    }

    #[test]
    fn with_credentials_the_star_leaves_null_and_files_to_their_own_entries() {
        for apart in ["null", "file://", r"regex:(app|file)://"] {
            assert_eq!(cover(&[(1, "*"), (1, apart)], true), None, "{apart}");
            assert_eq!(cover(&[(1, "*"), (1, apart)], false), Some(Cover::One(0)), "{apart}");
            assert_eq!(cover(&[(1, "*"), (2, apart)], true), Some(Cover::One(0)), "{apart}");
        }
        assert_eq!(cover(&[(1, "*"), (1, "https://a.example")], true), Some(Cover::One(0)));
    }

    #[test]
    fn many_patterns_are_compared() {
        let stars: Vec<_> = (0..5000).map(|n| format!("https://pr-*.c{n}.example.com")).collect();
        let origins: Vec<_> = (0..40_000).map(|n| format!("https://c{n}.example.com")).collect();
        let all = "https://*.example.com";
        let covers = |texts: &mut dyn Iterator<Item = &str>| {
            let mut coverage = Coverage::default();
            for text in texts {
                assert!(coverage.add(1, &OriginPattern::parse(text).unwrap(), false), "{text}");
            }
            coverage.find().of_patterns
        };
        let each = || stars.iter().chain(&origins).map(String::as_str);
        assert!(covers(&mut each().chain([all])).iter().all(Option::is_none));
        let covered = covers(&mut [all].into_iter().chain(each()));
        assert!(covered[1..].iter().all(|cover| *cover == Some(Cover::One(0))));
    }

    #[test]
    fn of_too_many_globs_below_one_domain_the_later_ones_are_left_out() {
        let mut coverage = Coverage::default();
        let mut add = |text: &str| coverage.add(1, &OriginPattern::parse(text).unwrap(), false);
        assert!((0..MAX_GLOBS_BELOW).all(|n| add(&format!("https://*-{n}.example.com"))));
        assert!(!add("https://*-x.example.com"));
        assert!(add("https://*-x.example.net"));
        assert!(add("https://x.example.com"));
    }

    #[test]
    fn of_too_many_patterns_the_later_ones_are_left_out() {
        let mut coverage = Coverage::default();
        let pattern = OriginPattern::parse("https://a.example").unwrap();
        assert!((0..60_000).any(|_| !coverage.add(1, &pattern, false)));
        assert!(coverage.add(0, &pattern, false));
        assert!((0..60_000).any(|_| !coverage.add(0, &pattern, false)));
    }
}
