//! What has to be known about responses, and about answers to preflights.

use cors_browser::SAFELISTED_METHODS;
use cors_policy::FieldName;
use nginx_conf::evaluate::{Content, Kind};

use super::{Deriving, is_allowed};
use crate::import::model::{Findings, Policy, UpstreamHeaders};
use crate::import::nginx::profile::{Cors, Preflight, Profile, Unlike};
use crate::import::nginx::sample;
use crate::import::nginx::survey::{Ask, FOREIGN, Response, Survey, TooMuch};

impl Deriving<'_> {
    /// Headers that the responses to other methods do not have, or have otherwise.
    pub(super) fn report_unlike(&self, profiles: &[&Profile], findings: &mut Findings) {
        for profile in profiles {
            for Unlike { name, main, method, is_less } in &profile.cors.unlike {
                let text = format!(
                    "responses to {method} in {} have another {} today than those to {main}, which counts \
                     for all",
                    self.name(),
                    name.as_str(),
                );
                if *is_less {
                    findings.widens(&self.place_of(profile), text);
                } else {
                    findings.warn(&self.place_of(profile), text);
                }
            }
        }
    }

    /// Answers to preflights that pass, and that say less than the policy.
    fn report_weak_preflight(&self, profile: &Profile, findings: &mut Findings) {
        let Cors { credentials, is_star, preflight_credentials, borrowed, .. } = &profile.cors;
        let place = &self.place_of(profile);
        if credentials.as_deref() == Some("true") && !is_star && !preflight_credentials {
            findings.widens(
                place,
                "preflights fail today for requests with credentials, since the answer to OPTIONS does \
                 not allow them to the origin; they pass with this policy",
            );
        }
        for name in borrowed {
            findings.widens(
                place,
                format!(
                    "preflights fail today that need {}, which the answer to OPTIONS does not have; the \
                     policy takes that of other responses",
                    name.as_str()
                ),
            );
        }
    }

    pub(super) fn report_methods(&self, profiles: &[&Profile], findings: &mut Findings) {
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

    pub(super) fn report_preflights(
        &self,
        profiles: &[&Profile],
        policy: &mut Policy,
        findings: &mut Findings,
    ) {
        let name = self.name();
        let here = self.here();
        for profile in profiles {
            match &profile.cors.preflight {
                Preflight::Passes(status) => {
                    if *status == 200 {
                        policy.preflight_status = Some(200);
                    }
                    self.report_weak_preflight(profile, findings);
                }
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
                    format!("who answers OPTIONS? A rewrite, error_page or try_files leads preflights away \
                         from {name}"),
                ),
            }
        }
    }

    /// `Vary` and `always`, where they are missing.
    pub(super) fn report_responses(&self, profiles: &[&Profile], findings: &mut Findings) {
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
    pub(super) fn report_upstream_headers(&self, policy: &mut Policy, findings: &mut Findings) {
        let level = &self.context.config.levels[self.level];
        let Content::Upstream(directive, site) = &level.content else { return };
        let is_hidden = |name: FieldName| level.hides(name.lowercase()).is_some();
        if is_hidden(FieldName::AllowOrigin) && !is_hidden(FieldName::ExposeHeaders) {
            policy.upstream_headers = Some(UpstreamHeaders::Merge);
            findings.note(
                &self.place(*site),
                "pages go on reading what Access-Control-Expose-Headers of the application names, by \
                 `upstream_headers: merge`",
            );
        }
        let is_merged = policy.upstream_headers.is_some();
        let is_kept = |name: FieldName| is_merged && name == FieldName::ExposeHeaders;
        let shown: Vec<_> =
            [FieldName::AllowOrigin, FieldName::AllowCredentials, FieldName::ExposeHeaders]
                .into_iter()
                .filter(|name| !is_hidden(*name) && !is_kept(*name))
                .map(FieldName::as_str)
                .collect();
        if shown.is_empty() {
            return;
        }
        let mut hidden = level.hidden_headers();
        if let Some((_, hidden_at)) = hidden.find(|(name, _)| name.starts_with("access-control-")) {
            findings.warn(
                &self.place(hidden_at),
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
    pub(super) fn report_refusals(&self, findings: &mut Findings) {
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
    pub(super) fn report_other_options(&self, findings: &mut Findings) -> Result<(), TooMuch> {
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
    pub(super) fn report_no_effect(&self, findings: &mut Findings) {
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
}
