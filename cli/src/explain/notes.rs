//! Sentences about points of an explanation that are not obvious.

use cors_policy::{
    Decision, Passed, Policy, Refusal, UpstreamHeaders,
    origin::{Origin, OriginPattern},
};

use super::{
    Explanation,
    responses::{Checked, Preflight, PreflightAnswer},
    site::Site,
};
use crate::request::Request;

impl Explanation {
    /// The notes, in the order in which they are read.
    pub(super) fn notes(&self, policy: &Policy, checked: Checked) -> Vec<String> {
        let origin = self.request.origin.as_deref();
        let mut notes = Vec::new();
        if let Some(site) = &self.patterns.passed_over {
            notes.push(site.passed_over(origin.unwrap_or_default()));
        }
        if self.actual.decision == Decision::DeniedOrigin && self.patterns.matched.is_none() {
            notes.extend(origin.and_then(explain_origin));
        }
        match (&self.preflight, &self.patterns.matched) {
            (Some(Preflight { answer: Some(preflight), .. }), Some(matched)) => {
                notes.extend(self.note_on_method(policy, preflight, matched));
                notes.extend(preflight.denied_headers.iter().map(|it| note_on_header(it, matched)));
                notes.extend(self.note_on_private_network(preflight, matched));
            }
            (Some(Preflight { answer: None, .. }), _) => {
                notes.push(note_on_forwarding(policy).to_owned());
            }
            _ => {}
        }
        notes.extend(checked.and_then(|checked| self.note_on_check(policy, checked)));
        if let Some(origin) = policy.responses().static_origin() {
            notes.push(format!(
                "Every response names {origin}, whoever asks (static_origin: true)."
            ));
        }
        notes.extend(note_on_upstream_headers(policy).map(ToOwned::to_owned));
        notes.extend(self.note_on_later_rule());
        notes
    }

    /// Names a later rule with the origin, which was meant if the one that decides denies.
    fn note_on_later_rule(&self) -> Option<String> {
        let later = self.patterns.later.as_ref()?;
        // `deny_origins` refuses on purpose, whatever rules say.
        let deciding = self.patterns.matched.as_ref().filter(|site| site.rule.is_some())?;
        (self.decision != Decision::Allowed).then(|| later.decided_before(deciding))
    }

    /// Says whether the request passes the origin check, and by which point.
    fn note_on_check(&self, policy: &Policy, checked: Result<Passed, Refusal>) -> Option<String> {
        let passed = match checked {
            Ok(passed) => passed,
            Err(refusal) => return Some(note_on_refusal(&self.request, refusal)),
        };
        let reason = reason_of_pass(&self.request, policy, passed)?;
        let point = self.actual.point?;
        Some(format!(
            "The request passes the origin check (enforce: true) by point {point}: {reason}."
        ))
    }

    /// Says which method the rule does not allow, if it does not.
    fn note_on_method(
        &self,
        policy: &Policy,
        preflight: &PreflightAnswer,
        matched: &Site,
    ) -> Option<String> {
        if preflight.decision != Decision::DeniedMethod {
            return None;
        }
        let request = &self.request;
        let method = &request.method;
        let mut note = format!("{} does not have {method}.", matched.sibling_key("allow_methods"));
        let upper = method.to_ascii_uppercase();
        let other = request.decide_other_preflight(policy, &upper, None);
        if upper != *method && other.decision() == Decision::Allowed {
            note.push_str(&format!(
                " It has {upper}; methods are case-sensitive, and browsers do not change the \
                 case of this one."
            ));
        }
        Some(note)
    }

    /// Says that private networks get no permission, if the preflight asks for it.
    fn note_on_private_network(
        &self,
        preflight: &PreflightAnswer,
        matched: &Site,
    ) -> Option<String> {
        let is_granted = preflight
            .headers
            .iter()
            .any(|(name, _)| *name == "Access-Control-Allow-Private-Network");
        (self.request.private_network && !is_granted).then(|| {
            format!(
                "{} is not true, so that a browser that asks for it refuses the response.",
                matched.sibling_key("allow_private_network")
            )
        })
    }
}

/// Says that the rule does not allow a header of the request.
fn note_on_header(name: &str, matched: &Site) -> String {
    let key = matched.sibling_key("allow_headers");
    let mut note = format!("{key} does not have {name}.");
    if name.starts_with("access-control-") || name == "timing-allow-origin" {
        note.push_str(" It is a response header; a page that puts it on a request is mistaken.");
    }
    note
}

/// Says why the origin check refuses a request.
fn note_on_refusal(request: &Request, refusal: Refusal) -> String {
    let why = match refusal {
        Refusal::Origin => "its origin is neither allowed nor the service's own",
        Refusal::Site => "a foreign page sends it",
        Refusal::Host => "its Host is not in own_origins",
    };
    let more = match refusal {
        Refusal::Origin if !request.describes_source() => {
            " Requests of the service's own pages pass: see --site and --host."
        }
        _ => "",
    };
    format!("The request gets 403 and does not reach the application (enforce: true): {why}.{more}")
}

/// The reason why the origin check lets a request pass, unless it goes without saying.
fn reason_of_pass(request: &Request, policy: &Policy, passed: Passed) -> Option<String> {
    let site = request.site.map_or("", |site| site.as_str());
    let method = &request.method;
    let has_own = policy.responses().origin_check().is_some_and(|check| check.checks_hosts());
    Some(match passed {
        Passed::Preflight => return None,
        // That an allowed origin passes goes without saying.
        Passed::AllowedOrigin if !request.describes_source() => return None,
        Passed::AllowedOrigin => "the policy allows its origin".to_owned(),
        Passed::FetchSite => format!("Sec-Fetch-Site is {site}"),
        Passed::WithoutOrigin if site.is_empty() => {
            "it has neither Origin nor Sec-Fetch-Site".to_owned()
        }
        Passed::WithoutOrigin => format!("it has no Origin, and {method} is a safe method"),
        Passed::OwnOrigin if has_own => "its origin is in own_origins".to_owned(),
        Passed::OwnOrigin => "its origin is that of its Host".to_owned(),
    })
}

/// Says what becomes of preflights that the application answers.
fn note_on_forwarding(policy: &Policy) -> &'static str {
    if policy.upstream_headers() == UpstreamHeaders::Merge {
        "Preflights go to the application (preflight: forward). Its methods, headers and \
         Access-Control-Max-Age are kept where the origin is allowed (upstream_headers: merge)."
    } else {
        "Preflights are left to the application (preflight: forward), which may decide \
         otherwise."
    }
}

/// Says which headers of the application have an effect, if any do.
fn note_on_upstream_headers(policy: &Policy) -> Option<&'static str> {
    match policy.upstream_headers() {
        UpstreamHeaders::Merge => Some(
            "The headers that the application exposes are added to the policy's \
             (upstream_headers: merge).",
        ),
        UpstreamHeaders::Keep => Some(
            "A response that has an Access-Control-Allow-Origin of its own is left as it is \
             (upstream_headers: keep).",
        ),
        UpstreamHeaders::Replace => None,
    }
}

/// The reason why a text cannot match as an origin.
fn explain_origin(origin: &str) -> Option<String> {
    if origin == "null" {
        return Some(
            "null is the origin of sandboxed frames, of local files and of some redirects; it \
             matches only where a policy lists it."
                .to_owned(),
        );
    }
    if Origin::parse(origin.as_bytes()).is_some() {
        return None;
    }
    Some(match OriginPattern::parse(origin) {
        Err(error) => {
            format!("No browser sends this as an origin: {error}; {}.", error.remedy())
        }
        Ok(_) => "This is a pattern. A browser sends one origin, such as \
                  https://app.example.com."
            .to_owned(),
    })
}
