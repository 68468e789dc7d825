//! Origins that stand for those of a policy, of which there may be a million.

use std::collections::BTreeSet;

use cors_policy::document::PatternSite;
use cors_policy::origin::{Origin, OriginPattern, Wildcard, WildcardHost, WildcardPort};

use crate::probe::token::Token;

/// The most origins that stand in the document and are asked for.
const MAX_EXACT: usize = 24;

/// The most patterns whose origins are asked for.
const MAX_PATTERNS: usize = 12;

/// The first so many are taken. Of the rest, one of each magnitude is.
const FIRST: usize = 8;

/// Origins of one policy.
pub(in crate::probe) struct Sample {
    token: Token,
    /// The name of the policy. Without a name it is the first one of the document.
    policy: Option<String>,
    /// The origins, each once, in the order of the document.
    origins: Vec<String>,
    /// Origins that the policy denies by name or by a pattern.
    denied: Vec<String>,
    /// Origins beside a pattern, which may have been meant.
    beside: Vec<String>,
    known: BTreeSet<String>,
    exact: usize,
    patterns: usize,
    /// How many origins and patterns were left out.
    left_out: usize,
}

impl Sample {
    pub(in crate::probe) fn new(policy: Option<&str>, token: &Token) -> Self {
        Self {
            token: token.clone(),
            policy: policy.map(str::to_owned),
            origins: Vec::new(),
            denied: Vec::new(),
            beside: Vec::new(),
            known: BTreeSet::new(),
            exact: 0,
            patterns: 0,
            left_out: 0,
        }
    }

    /// Takes a pattern of the document, if it is one of the policy. Patterns that deny count, too.
    pub(in crate::probe) fn visit(&mut self, site: &PatternSite<'_>) {
        if site.policy() != *self.policy.get_or_insert_with(|| site.policy().to_owned()) {
            return;
        }
        let known = self.origins.len();
        match site.pattern() {
            // That everyone may read is seen by the origin that is made up for the run.
            OriginPattern::Any => {}
            OriginPattern::Null | OriginPattern::Exact(_) => {
                self.exact += 1;
                if self.take(self.exact, MAX_EXACT) {
                    self.add(site.text().to_owned());
                }
            }
            OriginPattern::Wildcard(wildcard) => {
                self.patterns += 1;
                if self.take(self.patterns, MAX_PATTERNS) {
                    self.add_wildcard(site.pattern(), wildcard);
                }
            }
            OriginPattern::Regex(regex) => {
                self.patterns += 1;
                if self.take(self.patterns, MAX_PATTERNS) {
                    let example = regex.example().and_then(|text| String::from_utf8(text).ok());
                    example.into_iter().for_each(|it| self.add(it));
                }
            }
        }
        if site.rule().is_none() {
            self.denied.extend(self.origins.split_off(known));
        }
    }

    /// The origins of the policy.
    pub(super) fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The origins that it denies.
    pub(super) fn denied(&self) -> &[String] {
        &self.denied
    }

    /// Origins beside its patterns.
    pub(super) fn beside(&self) -> &[String] {
        &self.beside
    }

    /// How many origins and patterns have none that stands for them.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    fn take(&mut self, number: usize, most: usize) -> bool {
        let is_taken = number <= FIRST || number.is_power_of_two() && self.origins.len() < 2 * most;
        self.left_out += usize::from(!is_taken);
        is_taken
    }

    fn add(&mut self, origin: String) {
        if self.known.insert(origin.clone()) {
            self.origins.push(origin);
        }
    }

    /// One or two origins that the pattern matches, and its domain itself if that is none of them.
    fn add_wildcard(&mut self, pattern: &OriginPattern<'_>, wildcard: &Wildcard<'_>) {
        let port = match wildcard.port() {
            WildcardPort::Default | WildcardPort::Any => None,
            WildcardPort::Exact(port) => Some(port),
            WildcardPort::Set(set) => set.first(),
        };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let with = |host: &str| format!("{}://{host}{port}", wildcard.scheme());
        let word = self.token.as_str();
        let (hosts, parent) = match wildcard.host() {
            WildcardHost::Any => (vec![format!("{word}.example")], None),
            WildcardHost::Below(parent) => {
                (vec![format!("{word}.{parent}"), format!("a.{word}.{parent}")], Some(parent))
            }
            WildcardHost::Glob { labels, parent } => {
                (vec![format!("{}.{parent}", labels.replace('*', word))], Some(parent))
            }
            WildcardHost::Exact(host) => (vec![host.to_owned()], None),
        };
        let members: Vec<_> = hosts.iter().map(|host| with(host)).collect();
        let parent = parent.map(with);
        for member in members.into_iter().filter(|it| pattern.matches(it.as_bytes())) {
            self.add(member);
        }
        let is_beside =
            |it: &String| Origin::parse(it.as_bytes()).is_some() && !pattern.matches(it.as_bytes());
        self.beside.extend(parent.filter(is_beside));
    }
}

#[cfg(test)]
mod tests {
    use cors_policy::document;

    use super::*;

    fn sample(text: &str) -> Sample {
        let mut sample = Sample::new(Some("api"), &Token::of("k1"));
        let text = format!("version: 1\npolicies:\n  api:\n    allow_origins:\n{text}");
        document::parse_with_patterns(text.as_bytes(), "cors.yaml".as_ref(), |site| {
            sample.visit(site)
        })
        .unwrap();
        sample
    }

    #[test]
    fn each_pattern_has_origins_that_it_matches() {
        let sample = sample(
            "      - https://app.shop.com\n      - https://*.shop.com\n      - https://pr-*.dev.shop.com:8443\n      \
             - http://localhost:[3000,5173]\n      - regex:https://[a-z]{3}[0-9]\\.shop\\.net\n",
        );
        let regex = sample.origins.last().unwrap().clone();
        assert_eq!(
            sample.origins[..5],
            [
                "https://app.shop.com",
                "https://k1.shop.com",
                "https://a.k1.shop.com",
                "https://pr-k1.dev.shop.com:8443",
                "http://localhost:3000",
            ]
        );
        assert!(regex.starts_with("https://") && regex.ends_with(".shop.net"), "{regex}");
        assert_eq!(sample.beside[0], "https://shop.com");
        assert_eq!(sample.left_out(), 0);
    }

    #[test]
    fn of_many_origins_a_few_are_taken() {
        let list: String =
            (0..5000).map(|it| format!("      - https://a{it}.shop.com\n")).collect();
        let sample = sample(&list);
        assert_eq!(sample.origins.len() + sample.left_out(), 5000);
        assert!((FIRST..=MAX_EXACT).contains(&sample.origins.len()), "{}", sample.origins.len());
        assert!(sample.origins.contains(&"https://a4095.shop.com".to_owned()));
    }
}
