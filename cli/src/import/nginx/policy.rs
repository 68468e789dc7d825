//! From what a level answers to a policy, and to what has to be known about it.

mod entries;
mod origin_reports;
mod patterns;
mod response_reports;
mod rule;

use cors_policy::origin::OriginPattern;
use nginx_conf::Site;
use nginx_conf::evaluate::LevelId;

pub(super) use self::entries::Entries;
use self::patterns::Patterns;
use super::Context;
use super::audience::{Audience, Group, Remark};
use super::profile::Profile;
use super::sample;
use super::survey::TooMuch;
use crate::import::model::{Findings, Place, Policy, Rule, Star};
use crate::import::origins;

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

/// A policy that is made of what a level answers.
struct Deriving<'c> {
    context: &'c Context<'c>,
    level: LevelId,
    audience: &'c Audience,
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
        let rules = self.rules(&allowed, findings);
        let mut policy = Policy::of_rules(rules);
        self.write_timing(&mut policy);
        policy.deny_origins = self.denied(&policy);
        self.report_remarks(findings);
        self.report_widened(&policy, findings);
        for rule in policy.each_rule() {
            origins::ask_if_none(rule, &self.here(), findings);
        }
        let profiles = self.profiles(&allowed);
        self.report_methods(&profiles, findings);
        self.report_unlike(&profiles, findings);
        self.report_preflights(&profiles, &mut policy, findings);
        self.report_responses(&profiles, findings);
        self.report_upstream_headers(&mut policy, findings);
        self.report_refusals(findings);
        self.report_other_options(findings)?;
        Ok(Some(policy))
    }

    /// The rules in the order in which they are tried. Without any origin there is one.
    fn rules(&self, allowed: &[&Group], findings: &mut Findings) -> Vec<Rule> {
        let others = self.audience.others.as_ref();
        let others = others.map(|profile| (self.rule_of(profile, findings), profile));
        let same = self.same(allowed, others.as_ref().map(|(rule, _)| rule), findings);
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
        rules
    }

    /// What the origins get that are let in, each once.
    fn profiles<'p>(&'p self, allowed: &[&'p Group]) -> Vec<&'p Profile> {
        let mut profiles: Vec<&Profile> = Vec::new();
        for profile in allowed.iter().map(|group| &*group.profile).chain(&self.audience.others) {
            if !profiles.iter().any(|known| std::ptr::eq(*known, profile)) {
                profiles.push(profile);
            }
        }
        profiles
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

/// Whether a group is an entry of the policy: it may read, or was meant to.
fn is_allowed(group: &Group) -> bool {
    let is_one_of_several =
        || group.is_exact && group.profile.named.iter().any(|(origin, _)| *origin == group.pattern);
    group.profile.cors.is_readable() || is_one_of_several()
}
