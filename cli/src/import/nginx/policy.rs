//! From what a level answers to a policy, and to what has to be known about it.

mod origin_reports;
mod response_reports;

use std::cell::RefCell;
use std::collections::HashSet;

use cors_policy::origin::OriginPattern;
use nginx_conf::Site;
use nginx_conf::evaluate::LevelId;

use super::Context;
use super::audience::{Audience, Group, Remark};
use super::profile::{Cors, Listed, Profile};
use super::sample;
use super::survey::TooMuch;
use crate::import::max_age::max_age;
use crate::import::model::{Findings, Names, Place, Policy, Rule, Star};
use crate::import::{names, origins};

/// The policy of a level, or `None` if no page of another origin may read anything there.
///
/// # Errors
///
/// If following the configuration takes too long.
pub(super) fn derive(
    context: &Context<'_>,
    level: LevelId,
    findings: &mut Findings,
) -> Result<Option<Policy>, TooMuch> {
    let audience = super::finder::find(context, level, findings)?;
    let deriving = Deriving { context, level, audience: &audience };
    deriving.run(findings)
}

struct Deriving<'c> {
    context: &'c Context<'c>,
    level: LevelId,
    audience: &'c Audience,
}

/// The entries of `allow_origins` that were made of groups before, and what had to be said about them. Many
/// locations share a map, which may have thousands of origins.
#[derive(Default)]
pub(super) struct Entries(RefCell<Vec<Entry>>);

struct Entry {
    rule: Rule,
    groups: Vec<(String, Site)>,
    origins: Vec<String>,
    findings: Findings,
}

impl Entries {
    /// The entries for a rule without origins: those that were made before, or those that `add` makes.
    fn origins(
        &self,
        rule: &Rule,
        groups: &[&Group],
        findings: &mut Findings,
        add: impl FnOnce(&mut Rule, &mut Findings),
    ) -> Vec<String> {
        let is_same = |entry: &&Entry| {
            let known = entry.groups.iter().map(|(pattern, site)| (pattern.as_str(), *site));
            entry.rule == *rule && known.eq(groups.iter().map(|g| (g.pattern.as_str(), g.site)))
        };
        if let Some(entry) = self.0.borrow().iter().find(is_same) {
            // The policy for which they were made may not have been reported.
            findings.repeat(&entry.findings);
            return entry.origins.clone();
        }
        let mut filled = rule.clone();
        let mut apart = findings.apart();
        add(&mut filled, &mut apart);
        findings.go_on_counting(&apart);
        findings.repeat(&apart);
        self.0.borrow_mut().push(Entry {
            rule: rule.clone(),
            groups: groups.iter().map(|g| (g.pattern.clone(), g.site)).collect(),
            origins: filled.allow_origins.clone(),
            findings: apart,
        });
        filled.allow_origins
    }
}

/// Groups that get the same.
struct Same<'a> {
    rule: Rule,
    groups: Vec<&'a Group>,
}

impl Deriving<'_> {
    fn run(&self, findings: &mut Findings) -> Result<Option<Policy>, TooMuch> {
        let audience = self.audience;
        let allowed: Vec<_> = audience.groups.iter().filter(|group| is_allowed(group)).collect();
        if allowed.is_empty() && audience.others.is_none() {
            return Ok(self.without_readers(findings));
        }
        self.ask_about_unsure(findings);
        let others =
            audience.others.as_ref().map(|profile| (self.rule_of(profile, findings), profile));
        let same = self.same(&allowed, others.as_ref().map(|(rule, _)| rule), findings);
        let mut rules: Vec<_> = by_precedence(&same)
            .into_iter()
            .map(|(rule, groups)| self.with_origins(rule, &groups, findings))
            .collect();
        if let Some((mut rule, profile)) = others {
            origins::add_pattern(&mut rule, "*", &self.place_of(profile), findings);
            rules.push(rule);
        }
        if rules.iter().any(|rule| !rule.allow_origins.is_empty()) {
            rules.retain(|rule| !rule.allow_origins.is_empty());
        } else {
            rules.truncate(1);
        }
        let mut policy = Policy::of_rules(rules);
        self.write_timing(&mut policy);
        policy.deny_origins = self.denied(&policy);
        self.report_remarks(findings);
        self.report_widened(&policy, findings);
        for rule in policy.each_rule() {
            origins::ask_if_none(rule, &self.here(), findings);
        }
        let mut profiles: Vec<&Profile> = Vec::new();
        for profile in allowed.iter().map(|group| &*group.profile).chain(&audience.others) {
            if !profiles.iter().any(|known| std::ptr::eq(*known, profile)) {
                profiles.push(profile);
            }
        }
        self.report_methods(&profiles, findings);
        self.report_unlike(&profiles, findings);
        self.report_preflights(&profiles, &mut policy, findings);
        self.report_responses(&profiles, findings);
        self.report_upstream_headers(&mut policy, findings);
        self.report_refusals(findings);
        self.report_other_options(findings)?;
        Ok(Some(policy))
    }

    /// The policy where no origin is known to get in: none, or one without origins if some may.
    fn without_readers(&self, findings: &mut Findings) -> Option<Policy> {
        let audience = self.audience;
        let is_open = |(_, remark): &(Site, Remark)| !matches!(remark, Remark::Beyond { .. });
        if audience.unsure.is_empty() && !audience.remarks.iter().any(is_open) {
            self.report_remarks(findings);
            self.report_no_effect(findings);
            return None;
        }
        self.ask_about_unsure(findings);
        self.report_remarks(findings);
        let foreign = audience.foreign.as_ref();
        let rule = foreign.map(|profile| self.rule_of(profile, findings)).unwrap_or_default();
        Some(Policy::of_rules(vec![rule]))
    }

    /// The groups by what they get, without those that get what all others get.
    fn same<'g>(
        &self,
        allowed: &[&'g Group],
        others: Option<&Rule>,
        findings: &mut Findings,
    ) -> Vec<Same<'g>> {
        let mut same: Vec<Same<'g>> = Vec::new();
        let mut known: Vec<(&Profile, Rule)> = Vec::new();
        for group in allowed {
            let profile: &Profile = &group.profile;
            let is_same = |(other, _): &&(&Profile, Rule)| {
                other.cors == profile.cors && other.list_site == profile.list_site
            };
            let rule = match known.iter().find(is_same) {
                Some((_, rule)) => rule.clone(),
                None => {
                    let rule = self.rule_of(profile, findings);
                    known.push((profile, rule.clone()));
                    rule
                }
            };
            if others == Some(&rule) {
                continue;
            }
            match same.iter_mut().find(|same| same.rule == rule) {
                Some(same) => same.groups.push(group),
                None => same.push(Same { rule, groups: vec![group] }),
            }
        }
        same
    }

    /// A rule with the origins of groups.
    fn with_origins(&self, rule: &Rule, groups: &[&Group], findings: &mut Findings) -> Rule {
        if let Some(group) = groups.iter().find(|group| !group.profile.cors.is_readable()) {
            findings.widens(
                &self.place(group.site),
                "several origins in one header: browsers accept one, so that no page can read the \
                 responses today; each is an entry of allow_origins",
            );
        }
        let allow_origins =
            self.context.entries.origins(rule, groups, findings, |rule, findings| {
                for group in groups {
                    let place = self.place(group.site);
                    if group.is_exact {
                        origins::add(rule, &group.pattern, &place, findings);
                    } else {
                        origins::add_pattern(rule, &group.pattern, &place, findings);
                    }
                }
            });
        Rule { allow_origins, ..rule.clone() }
    }

    /// A rule without origins.
    fn rule_of(&self, profile: &Profile, findings: &mut Findings) -> Rule {
        let Profile { cors, .. } = profile;
        let place = &profile.list_site.map_or_else(|| self.here(), |site| self.place(site));
        let credentials = allow_credentials(cors, place, findings);
        let allow_methods = match &cors.methods {
            Listed::Echo => Some(Names::ANY),
            Listed::Names(_) => {
                let listed =
                    self.without_star(&cors.methods, "methods", credentials, place, findings);
                names::methods(listed, place, findings)
            }
            Listed::Absent => self.context.config.levels[self.level]
                .limit_except
                .as_ref()
                .and_then(|(methods, _)| names::methods(methods, place, findings)),
        };
        let allow_headers = match &cors.headers {
            Listed::Echo => names::any_header(credentials),
            Listed::Names(_) | Listed::Absent => {
                let listed =
                    self.without_star(&cors.headers, "headers", credentials, place, findings);
                names::request_headers(listed, place, findings)
            }
        };
        let expose = cors.expose.as_deref().unwrap_or_default().split(',');
        let seconds = cors.max_age.as_deref().and_then(|text| seconds(text, place, findings));
        Rule {
            allow_origins: Vec::new(),
            allow_credentials: credentials,
            allow_methods,
            allow_headers,
            expose_headers: names::response_headers(expose, credentials, place, findings),
            max_age: seconds.map(|seconds| max_age(seconds, place, findings)),
            allow_private_network: cors.private_network,
            timing_allow_origin: cors.timing,
        }
    }

    /// The names of a list. With credentials a `*` is the name of a method or header.
    fn without_star<'l>(
        &self,
        listed: &'l Listed,
        what: &str,
        credentials: bool,
        place: &Place,
        findings: &mut Findings,
    ) -> Vec<&'l str> {
        let mut names = listed.names();
        if credentials && names.contains(&"*") {
            names.retain(|name| *name != "*");
            findings.warn(
                place,
                format!(
                    "`*` is left out of allow_{what}: with credentials browsers take it for a name, so \
                     that it allows nothing today; list the {what} that pages send"
                ),
            );
        }
        names
    }

    /// Origins and patterns that get nothing, though the policy would let them in.
    fn denied(&self, policy: &Policy) -> Vec<String> {
        let patterns = Patterns::of(policy);
        let denied = self.audience.groups.iter().filter(|group| !is_allowed(group));
        denied
            .filter(|group| {
                let examples = sample::examples(&group.pattern);
                let origins = if group.is_exact { vec![group.pattern.clone()] } else { examples };
                OriginPattern::parse(&group.pattern).is_ok()
                    && origins.iter().any(|origin| patterns.allow(origin))
            })
            .map(|group| group.pattern.clone())
            .collect()
    }

    /// `Timing-Allow-Origin: *` is for origins that are not let in, too.
    fn write_timing(&self, policy: &mut Policy) {
        let is_of_all = self.audience.foreign.as_ref().is_some_and(|foreign| foreign.cors.timing);
        if !is_of_all || self.audience.others.is_some() {
            return;
        }
        for rule in policy.rule.iter_mut().chain(&mut policy.rules) {
            rule.timing_allow_origin = false;
        }
        policy.timing_allow_origin = Some(Star::Star);
    }

    /// Whether a line adds the same origin to every response.
    fn is_static(&self, site: Site) -> bool {
        let levels = &self.context.config.levels;
        levels
            .iter()
            .flat_map(|level| level.headers.iter())
            .any(|header| header.site == site && header.value.literal().is_some())
    }

    fn name(&self) -> String {
        super::places::describe(self.context.config, self.level)
    }

    fn here(&self) -> Place {
        self.place(self.context.config.levels[self.level].site)
    }

    fn place_of(&self, profile: &Profile) -> Place {
        profile.site.map_or_else(|| self.here(), |site| self.place(site))
    }

    fn place(&self, site: Site) -> Place {
        self.context.place(site)
    }
}

/// What groups get, in the order in which rules are tried: origins before patterns that may match them.
/// Where all get the same, the order does not matter.
fn by_precedence<'s>(same: &'s [Same<'_>]) -> Vec<(&'s Rule, Vec<&'s Group>)> {
    if let [Same { rule, groups }] = same {
        return vec![(rule, groups.clone())];
    }
    let mut parts = Vec::new();
    for is_exact in [true, false] {
        for Same { rule, groups } in same {
            let of_kind = groups.iter().copied().filter(|group| group.is_exact == is_exact);
            parts.push((rule, of_kind.collect::<Vec<_>>()));
        }
    }
    parts.retain(|(_, groups)| !groups.is_empty());
    parts
}

/// `allow_credentials`, for which a response has to say `true`.
fn allow_credentials(cors: &Cors, place: &Place, findings: &mut Findings) -> bool {
    match cors.credentials.as_deref() {
        Some("true") if cors.is_star => {
            findings.note(
                place,
                "Access-Control-Allow-Credentials is left out: with `*` browsers refuse it",
            );
            false
        }
        Some("true") => true,
        Some(value) if value != "false" && !value.is_empty() => {
            findings.note(
                place,
                format!(
                    "Access-Control-Allow-Credentials \"{value}\" is left out: only \"true\" has an \
                     effect"
                ),
            );
            false
        }
        _ => false,
    }
}

/// The seconds of an `Access-Control-Max-Age`.
fn seconds(text: &str, place: &Place, findings: &mut Findings) -> Option<i64> {
    let seconds = text.trim().parse().ok();
    if seconds.is_none() {
        findings.note(
            place,
            format!("Access-Control-Max-Age \"{text}\" is left out: it is no number of seconds"),
        );
    }
    seconds
}

/// Whether a group is an entry of the policy: it may read, or was meant to.
fn is_allowed(group: &Group) -> bool {
    let is_one_of_several =
        || group.is_exact && group.profile.named.iter().any(|(origin, _)| *origin == group.pattern);
    group.profile.cors.is_readable() || is_one_of_several()
}

/// The patterns of a policy, read once.
struct Patterns<'p> {
    allowed: PatternSet<'p>,
    denied: PatternSet<'p>,
}

impl<'p> Patterns<'p> {
    fn of(policy: &'p Policy) -> Self {
        Self {
            allowed: policy.each_rule().flat_map(|rule| &rule.allow_origins).collect(),
            denied: policy.deny_origins.iter().collect(),
        }
    }

    /// Whether they let an origin read.
    fn allow(&self, origin: &str) -> bool {
        self.allowed.matches(origin) && !self.denied.matches(origin)
    }
}

/// Origins, and patterns of several.
#[derive(Default)]
struct PatternSet<'p> {
    exact: HashSet<&'p str>,
    others: Vec<OriginPattern<'p>>,
}

impl PatternSet<'_> {
    fn matches(&self, origin: &str) -> bool {
        self.exact.contains(origin)
            || self.others.iter().any(|pattern| pattern.matches(origin.as_bytes()))
    }
}

impl<'p> FromIterator<&'p String> for PatternSet<'p> {
    fn from_iter<I: IntoIterator<Item = &'p String>>(patterns: I) -> Self {
        let mut set = Self::default();
        for pattern in patterns {
            if sample::is_one_origin(pattern) {
                set.exact.insert(pattern);
            } else {
                set.others.extend(OriginPattern::parse(pattern));
            }
        }
        set
    }
}
