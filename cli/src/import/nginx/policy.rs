//! From what a level answers to a policy, and to what has to be known about it.

use std::cell::RefCell;
use std::collections::HashSet;

use cors_policy::FieldName;
use cors_policy::origin::OriginPattern;
use nginx_conf::Site;
use nginx_conf::evaluate::{Content, Kind, LevelId};

use super::Context;
use super::audience::{Audience, Group, Remark};
use super::profile::{Cors, Listed, Preflight, Profile};
use super::sample;
use super::survey::{Ask, FOREIGN, Response, Survey, TooMuch};
use crate::import::max_age::max_age;
use crate::import::model::{Findings, Names, Place, Policy, Rule};
use crate::import::{names, origins};
use cors_browser::SAFELISTED_METHODS;

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
    let audience = super::audience::find(context.config, level)?;
    let deriving = Deriving { context, level, audience: &audience };
    deriving.run(findings)
}

struct Deriving<'c> {
    context: &'c Context<'c>,
    level: LevelId,
    audience: &'c Audience,
}

/// The entries of `allow_origins` that were made of groups before. Many locations share a map, which may
/// have thousands of origins, and what has to be said about them is said once.
#[derive(Default)]
pub(super) struct Entries(RefCell<Vec<Entry>>);

struct Entry {
    rule: Rule,
    groups: Vec<(String, Site)>,
    origins: Vec<String>,
}

impl Entries {
    /// The entries for a rule without origins: those that were made before, or those that `add` makes.
    fn origins(&self, rule: &Rule, groups: &[&Group], add: impl FnOnce(&mut Rule)) -> Vec<String> {
        let is_same = |entry: &&Entry| {
            let known = entry.groups.iter().map(|(pattern, site)| (pattern.as_str(), *site));
            entry.rule == *rule && known.eq(groups.iter().map(|g| (g.pattern.as_str(), g.site)))
        };
        if let Some(entry) = self.0.borrow().iter().find(is_same) {
            return entry.origins.clone();
        }
        let mut filled = rule.clone();
        add(&mut filled);
        self.0.borrow_mut().push(Entry {
            rule: rule.clone(),
            groups: groups.iter().map(|g| (g.pattern.clone(), g.site)).collect(),
            origins: filled.allow_origins.clone(),
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
        self.report_preflights(&profiles, &mut policy, findings);
        self.report_responses(&profiles, findings);
        self.report_upstream_headers(findings);
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
        let allow_origins = self.context.entries.origins(rule, groups, |rule| {
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

    fn ask_about_unsure(&self, findings: &mut Findings) {
        for (unknown, site) in &self.audience.unsure {
            let name = self.name();
            findings.ask(
                &self.place(*site),
                format!(
                    "what {name} sends depends on {unknown}; which origins may read the responses, and \
                     when? The policy lets in those that may always"
                ),
            );
        }
    }

    fn report_remarks(&self, findings: &mut Findings) {
        for (site, remark) in &self.audience.remarks {
            let place = self.place(*site);
            match remark {
                Remark::Beyond { expression, origin, patterns } => findings.warn(
                    &place,
                    format!(
                        "the expression \"{expression}\" also lets in {origin} today; it is written as \
                         {}, which does not",
                        patterns.join(", ")
                    ),
                ),
                Remark::Unreadable { expression, why } => findings.ask(
                    &place,
                    format!(
                        "which origins does the expression \"{expression}\" mean? It is left out: {why}"
                    ),
                ),
                Remark::Mixed { expression } => findings.ask(
                    &place,
                    format!(
                        "which origins does the expression \"{expression}\" let in? Other lines decide \
                         about those that it matches, so that some may be left out"
                    ),
                ),
                Remark::Composite { expression } => findings.ask(
                    &place,
                    format!(
                        "which origins does the expression \"{expression}\" let in? It is compared with \
                         more than the origin, and left out"
                    ),
                ),
            }
        }
    }

    /// Origins that may read with the policy and not today.
    fn report_widened(&self, policy: &Policy, findings: &mut Findings) {
        let patterns = Patterns::of(policy);
        for (origin, is_readable) in &self.audience.asked {
            let is_group = |group: &Group| group.pattern == *origin && is_allowed(group);
            if !is_readable && !self.audience.groups.iter().any(is_group) && patterns.allow(origin)
            {
                findings.widens(
                    &self.here(),
                    format!(
                        "{origin} may not read the responses of {} today, and may with this policy",
                        self.name()
                    ),
                );
            }
        }
    }

    fn report_methods(&self, profiles: &[&Profile], findings: &mut Findings) {
        let unreadable: Vec<_> = SAFELISTED_METHODS
            .into_iter()
            .filter(|method| {
                profiles.iter().any(|p| p.cors.is_readable() && p.cors.unreadable.contains(method))
            })
            .collect();
        if !unreadable.is_empty() {
            findings.widens(
                &self.here(),
                format!(
                    "responses to {} in {} are not readable today, and become readable: GET, HEAD and \
                     POST cannot be taken apart",
                    unreadable.join(" and "),
                    self.name(),
                ),
            );
        }
    }

    fn report_preflights(
        &self,
        profiles: &[&Profile],
        policy: &mut Policy,
        findings: &mut Findings,
    ) {
        let name = self.name();
        let here = self.here();
        for profile in profiles {
            match &profile.cors.preflight {
                Preflight::Passes(200) => policy.preflight_status = Some(200),
                Preflight::Passes(_) => {}
                Preflight::WithoutOrigin(level) => {
                    let level = &self.context.config.levels[*level];
                    let text = match level.kind {
                        Kind::If if level.own_headers > 0 => {
                            "preflights fail today, since the add_header in the `if` replaces those \
                             around it; they pass with this policy"
                        }
                        _ => {
                            "preflights fail today, since the answer to OPTIONS has no \
                             Access-Control-Allow-Origin for the origin; they pass with this policy"
                        }
                    };
                    findings.widens(&self.place(level.site), text);
                }
                Preflight::Refused(status) => findings.note(
                    &here,
                    format!("preflights of {name}, which get {status} today, are answered"),
                ),
                Preflight::Application(directive, site, true) => findings.warn(
                    &self.place(*site),
                    format!(
                        "{directive} takes preflights to the application today; the policy answers them \
                         itself, with the headers that are added here"
                    ),
                ),
                Preflight::Application(directive, site, false) => findings.ask(
                    &self.place(*site),
                    format!(
                        "who answers OPTIONS? This file does not: {directive} takes preflights to the \
                         application. Write what it allows into the policy, or `preflight: forward`"
                    ),
                ),
                Preflight::Elsewhere => findings.ask(
                    &here,
                    format!("who answers OPTIONS? A rewrite leads preflights away from {name}"),
                ),
            }
        }
    }

    /// `Vary` and `always`, where they are missing.
    fn report_responses(&self, profiles: &[&Profile], findings: &mut Findings) {
        let config = self.context.config;
        for profile in profiles {
            let Some(site) = profile.site else { continue };
            let place = self.place(site);
            let is_same_for_all = self.audience.others.as_ref().is_some_and(|p| p.cors.is_star)
                || profiles.len() == 1 && self.is_static(site);
            if !profile.has_vary && !is_same_for_all {
                findings.warn(&place, "`Vary: Origin` is missing today; the policy sends it");
            }
            let level = &config.levels[profile.level];
            let is_always = level.headers.iter().any(|h| h.site == site && h.always);
            let is_added = level.headers.iter().any(|h| h.site == site);
            if is_added && !is_always {
                findings.note(
                    &place,
                    "errors cannot be read today, since `always` is missing; they can be with this policy",
                );
            }
        }
    }

    /// Headers of the application that pages can read today.
    fn report_upstream_headers(&self, findings: &mut Findings) {
        let level = &self.context.config.levels[self.level];
        let Content::Upstream(directive, site) = &level.content else { return };
        let is_hidden = |name: FieldName| level.hidden.iter().any(|it| it == name.lowercase());
        let shown: Vec<_> =
            [FieldName::AllowOrigin, FieldName::AllowCredentials, FieldName::ExposeHeaders]
                .into_iter()
                .filter(|name| !is_hidden(*name))
                .map(FieldName::as_str)
                .collect();
        if shown.is_empty() {
            return;
        }
        if level.hidden.iter().any(|name| name.starts_with("access-control-")) {
            findings.warn(
                &self.place(level.hidden_at.unwrap_or(*site)),
                format!(
                    "{} of the application, which {directive} passes on today, {} removed: if it sends \
                     any, write its values into the policy",
                    shown.join(" and "),
                    if shown.len() == 1 { "is" } else { "are" },
                ),
            );
        } else {
            findings.note(
                &self.place(*site),
                "CORS headers of the application, if it sends any, are removed by the policy",
            );
        }
    }

    /// Origins that are refused and may read that.
    fn report_refusals(&self, findings: &mut Findings) {
        let refused = self.audience.groups.iter().filter(|group| !is_allowed(group));
        let refused = refused.map(|group| &*group.profile).chain(&self.audience.foreign);
        let readable = refused.filter_map(|profile| Some((profile.refusal?, profile.site?)));
        for (status, site) in readable {
            findings.warn(
                &self.place(site),
                format!(
                    "origins that get {status} can read that today; with this policy only those that \
                     it lets in can"
                ),
            );
        }
    }

    /// An origin of each kind that the policy lets in.
    fn examples(&self) -> impl Iterator<Item = Option<String>> {
        let allowed = self.audience.groups.iter().filter(|group| is_allowed(group));
        let first = |is_exact: bool| allowed.clone().find(|group| group.is_exact == is_exact);
        let exact = first(true).map(|group| group.pattern.clone());
        let like =
            first(false).and_then(|group| sample::examples(&group.pattern).into_iter().next());
        [exact, like].into_iter().filter(Option::is_some)
    }

    /// An OPTIONS that is no preflight, and what is for preflights alone.
    fn report_other_options(&self, findings: &mut Findings) -> Result<(), TooMuch> {
        let config = self.context.config;
        let survey = Survey::new(config, self.level);
        for response in survey.ask(Some(FOREIGN[0]), Ask::PREFLIGHT)? {
            let level = &config.levels[response.level()];
            if matches!(level.kind, Kind::Server(_)) && *response.content() == Content::Return {
                findings.warn(
                    &self.place(level.site),
                    "a `return` of the server answers OPTIONS before any location does; remove it, as \
                     below, or the policy of a location cannot answer preflights",
                );
            }
        }
        let mut is_answered = false;
        for origin in [None, Some(FOREIGN[0].to_owned())].into_iter().chain(self.examples()) {
            let responses = survey.ask(origin.as_deref(), Ask::Actual("OPTIONS"))?;
            let is_return = |r: &Response| *r.content() == Content::Return && r.status() < 300;
            is_answered |= responses.first().is_some_and(is_return);
        }
        if is_answered {
            let content = match &config.levels[self.level].content {
                Content::Upstream(..) => "goes to the application",
                Content::Script(..) => "goes to the script",
                _ => "is refused with 405",
            };
            findings.note(
                &self.here(),
                format!("an OPTIONS in {} that is no preflight {content} now", self.name()),
            );
        }
        if let Some((methods, level)) = &config.levels[self.level].limit_except {
            if methods.iter().any(|method| method == "OPTIONS") {
                findings.note(
                    &self.place(config.levels[*level].site),
                    "OPTIONS is no longer needed in limit_except: preflights are answered before",
                );
            }
        }
        Ok(())
    }

    /// Headers that let nobody in.
    fn report_no_effect(&self, findings: &mut Findings) {
        let level = &self.context.config.levels[self.level];
        let own = &level.headers[level.headers.len() - level.own_headers..];
        for header in own {
            let name = header.name.to_ascii_lowercase();
            if name.starts_with("access-control-") {
                findings.warn(
                    &self.place(header.site),
                    format!(
                        "{} has no effect: no origin gets an Access-Control-Allow-Origin that it may \
                         read with",
                        header.name
                    ),
                );
            }
        }
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
