//! `cors-policy explain`: the decision of a policy about a request, and its reason.
//!
//! The compiled policy decides and makes the headers, as in nginx. It does not keep its patterns. They
//! are compared while it is compiled, only to find out which one matched.

mod browser;
mod json;
mod text;

use cors_policy::{
    Answer, Decision, Passed, Policy, PreflightMode, Refusal, UpstreamHeaders,
    document::PatternSite,
    origin::{Origin, OriginPattern},
};
use serde::Serialize;

use browser::Browser;

use crate::{
    Outcome,
    args::ExplainArgs,
    input::{self, Unusable},
    near_miss::{Difference, NearMisses},
    output,
    request::Request,
};

/// Explains what a policy decides.
///
/// # Errors
///
/// If the document has mistakes or not the policy, or if standard output cannot be written.
pub(crate) fn run(args: ExplainArgs) -> Result<Outcome, Unusable> {
    let explanation = Explanation::new(&args)?;
    if args.json {
        output::print_json(&json::Document::from(&explanation))?;
    } else {
        output::print(&text::render(&explanation))?;
    }
    Ok(if is_allowed(explanation.decision) { Outcome::Good } else { Outcome::Denied })
}

/// Whether a request with this decision is as good as allowed. Without `Origin` there is nothing to
/// allow.
fn is_allowed(decision: Decision) -> bool {
    matches!(decision, Decision::Allowed | Decision::None)
}

/// Header names and values, in the order in which they are sent.
type Headers = Vec<(&'static str, String)>;

/// The whole explanation.
struct Explanation {
    /// The document, as it was named.
    file: String,
    policy: String,
    request: Request,
    /// The decision about the preflight, if it denies, because the actual request is not sent then.
    decision: Decision,
    /// The pattern that matched, whether it allows or denies.
    matched: Option<Site>,
    /// The number of patterns that allow origins, if none matched.
    unmatched: Option<usize>,
    near_misses: Vec<NearMiss>,
    /// Sentences about points that are not obvious.
    notes: Vec<String>,
    preflight: Option<Preflight>,
    actual: Actual,
    /// `None` for a request that is not a page's of another origin.
    browser: Option<Browser>,
}

/// A pattern and its place.
#[derive(Clone, Serialize)]
struct Site {
    file: String,
    line: Option<u32>,
    place: String,
    /// The index of its rule; `None` if it denies.
    rule: Option<usize>,
    pattern: String,
}

impl Site {
    fn of(site: &PatternSite<'_>) -> Self {
        Self {
            file: site.file().display().to_string(),
            line: site.line(),
            place: site.place(),
            rule: site.rule(),
            pattern: site.text().to_owned(),
        }
    }

    /// The reason why a match does not count.
    fn passed_over(&self, origin: &str) -> String {
        let why = match origin {
            "null" | "file://" => "which has to be in the list too",
            _ => "which has to be a well-formed one",
        };
        format!("{self} matches, but with credentials the answer repeats the origin, {why}.")
    }

    /// The reason why a match in a later rule does not decide.
    fn decided_before(&self, earlier: &Self) -> String {
        format!(
            "{self} matches too, but {} stands before it and decides: put the narrower rule first.",
            earlier.place
        )
    }

    /// The place of another key of the same rule.
    fn sibling_key(&self, key: &str) -> String {
        let rule = self.place.rfind(".allow_origins").map_or("", |end| &self.place[..end]);
        format!("{rule}.{key}")
    }
}

#[derive(Serialize)]
struct NearMiss {
    #[serde(flatten)]
    site: Site,
    difference: Difference,
    reason: String,
}

struct Preflight {
    /// Whether the request makes a browser send one.
    needed: bool,
    request_headers: Headers,
    /// `None` if the application answers.
    answer: Option<PreflightAnswer>,
}

struct PreflightAnswer {
    decision: Decision,
    status: u16,
    headers: Headers,
    /// The requested header names that are not allowed.
    denied_headers: Vec<String>,
}

#[derive(Serialize)]
struct Actual {
    #[serde(serialize_with = "json::decision")]
    decision: Decision,
    /// Whether the request passes the origin check (`enforce`), if the policy has one.
    passes: Option<bool>,
    /// The point of the check by which it passes, from 1.
    point: Option<u8>,
    /// The status, if the request is refused before it reaches the application.
    status: Option<u16>,
    #[serde(rename = "response_headers", serialize_with = "json::headers")]
    headers: Headers,
}

impl Explanation {
    fn new(args: &ExplainArgs) -> Result<Self, Unusable> {
        let request = Request::new(args);
        let origin = args.origin.as_deref();
        let mut patterns = PatternSearch::new(args.policy.as_deref(), origin.unwrap_or_default());
        // What has no effect on any request is left to `cors-policy check`.
        let policies = input::read(&args.file, |site| patterns.visit(site))
            .map_err(Unusable::without_warnings)?
            .value;
        let file = input::name(&args.file).display().to_string();
        let policy = input::choose_policy(&policies, args.policy.as_deref(), &file)?;

        let checked = policy.responses().origin_check().map(|it| request.check(policy, it, false));
        let mut answer = request.decide(policy);
        if let Some(Err(refusal @ (Refusal::Site | Refusal::Host))) = checked {
            answer = policy.responses().denied(refusal.decision());
        }
        let shows_preflight = args.preflight && origin.is_some() || request.needs_preflight();
        let preflight = shows_preflight.then(|| Preflight::new(&request, policy));
        let decision = preflight
            .as_ref()
            .and_then(|preflight| preflight.answer.as_ref())
            .map(|answer| answer.decision)
            .filter(|decision| *decision != Decision::Allowed)
            .unwrap_or(answer.decision());
        // A later rule with the origin was meant, if the one that decides denies.
        let shadowed = patterns.later.take().filter(|_| decision != Decision::Allowed);
        let unmatched =
            (patterns.matched.is_none() && origin.is_some()).then_some(patterns.allowing);
        // A `*` may match without allowing: with credentials it can only echo a well-formed origin.
        let (matched, passed_over) = match patterns.matched {
            Some(_) if origin.is_none() => (None, None),
            // A request that is refused for its host has an origin that may be allowed.
            Some(site) if site.rule == request.decide(policy).rule() => (Some(site), None),
            other => (None, other),
        };
        let near = unmatched.map(|_| patterns.near.into_nearest());
        let near_misses = near
            .into_iter()
            .flatten()
            .map(|(difference, reason, site)| NearMiss { site, difference, reason })
            .collect();
        let actual = Actual::new(&request, &answer, checked);
        let browser = Browser::new(&request, preflight.as_ref(), &actual);
        let mut explanation = Self {
            file,
            policy: policy.name().to_owned(),
            decision,
            matched,
            unmatched,
            near_misses,
            notes: passed_over
                .iter()
                .map(|site| site.passed_over(origin.unwrap_or_default()))
                .collect(),
            preflight,
            actual,
            browser,
            request,
        };
        let notes = explanation.notes(policy, &answer, checked);
        explanation.notes.extend(notes);
        // `deny_origins` refuses on purpose, whatever rules say.
        let deciding = explanation.matched.as_ref().filter(|site| site.rule.is_some());
        if let (Some(later), Some(deciding)) = (shadowed, deciding) {
            let note = later.decided_before(deciding);
            explanation.notes.push(note);
        }
        Ok(explanation)
    }

    /// The notes.
    fn notes(
        &self,
        policy: &Policy,
        answer: &Answer<'_>,
        checked: Option<Result<Passed, Refusal>>,
    ) -> Vec<String> {
        let mut notes = Vec::new();
        if answer.decision() == Decision::DeniedOrigin && self.matched.is_none() {
            notes.extend(self.request.origin.as_deref().and_then(explain_origin));
        }
        if let (Some(Preflight { answer: Some(preflight), .. }), Some(matched)) =
            (&self.preflight, &self.matched)
        {
            self.notes_on_preflight(policy, preflight, matched, &mut notes);
        }
        let upstream = policy.upstream_headers();
        if matches!(self.preflight, Some(Preflight { answer: None, .. })) {
            let note = if upstream == UpstreamHeaders::Merge {
                "Preflights go to the application (preflight: forward). Its methods, headers and \
                 Access-Control-Max-Age are kept where the origin is allowed (upstream_headers: merge)."
            } else {
                "Preflights are left to the application (preflight: forward), which may decide \
                 otherwise."
            };
            notes.push(note.to_owned());
        }
        notes.extend(checked.and_then(|checked| self.note_on_check(policy, checked)));
        if let Some(origin) = policy.responses().static_origin() {
            notes.push(format!(
                "Every response names {origin}, whoever asks (static_origin: true)."
            ));
        }
        if upstream == UpstreamHeaders::Merge {
            notes.push(
                "The headers that the application exposes are added to the policy's \
                 (upstream_headers: merge)."
                    .to_owned(),
            );
        }
        if upstream == UpstreamHeaders::Keep {
            notes.push(
                "A response that has an Access-Control-Allow-Origin of its own is left as it is \
                 (upstream_headers: keep)."
                    .to_owned(),
            );
        }
        notes
    }

    /// Says whether the request passes the origin check, and by which point.
    fn note_on_check(&self, policy: &Policy, checked: Result<Passed, Refusal>) -> Option<String> {
        let request = &self.request;
        let site = request.site.map_or("", |site| site.as_str());
        let method = &request.method;
        let has_own = policy.responses().origin_check().is_some_and(|check| check.checks_hosts());
        let reason = match checked {
            Err(refusal) => {
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
                return Some(format!(
                    "The request gets 403 and does not reach the application (enforce: true): \
                     {why}.{more}"
                ));
            }
            Ok(Passed::Preflight) => return None,
            // That an allowed origin passes goes without saying.
            Ok(Passed::AllowedOrigin) if !request.describes_source() => return None,
            Ok(Passed::AllowedOrigin) => "the policy allows its origin".to_owned(),
            Ok(Passed::FetchSite) => format!("Sec-Fetch-Site is {site}"),
            Ok(Passed::WithoutOrigin) if site.is_empty() => {
                "it has neither Origin nor Sec-Fetch-Site".to_owned()
            }
            Ok(Passed::WithoutOrigin) => format!("it has no Origin, and {method} is a safe method"),
            Ok(Passed::OwnOrigin) if has_own => "its origin is in own_origins".to_owned(),
            Ok(Passed::OwnOrigin) => "its origin is that of its Host".to_owned(),
        };
        let point = self.actual.point?;
        Some(format!(
            "The request passes the origin check (enforce: true) by point {point}: {reason}."
        ))
    }

    fn notes_on_preflight(
        &self,
        policy: &Policy,
        preflight: &PreflightAnswer,
        matched: &Site,
        notes: &mut Vec<String>,
    ) {
        let request = &self.request;
        if preflight.decision == Decision::DeniedMethod {
            let method = &request.method;
            let mut note =
                format!("{} does not have {method}.", matched.sibling_key("allow_methods"));
            let upper = method.to_ascii_uppercase();
            let other = request.decide_other_preflight(policy, &upper, None);
            if upper != *method && other.decision() == Decision::Allowed {
                note.push_str(&format!(
                    " It has {upper}; methods are case-sensitive, and browsers do not change the \
                     case of this one."
                ));
            }
            notes.push(note);
        }
        let key = matched.sibling_key("allow_headers");
        for name in &preflight.denied_headers {
            let mut note = format!("{key} does not have {name}.");
            if name.starts_with("access-control-") || name == "timing-allow-origin" {
                note.push_str(
                    " It is a response header; a page that puts it on a request is mistaken.",
                );
            }
            notes.push(note);
        }
        let is_granted = preflight
            .headers
            .iter()
            .any(|(name, _)| *name == "Access-Control-Allow-Private-Network");
        if request.private_network && !is_granted {
            notes.push(format!(
                "{} is not true, so that a browser that asks for it refuses the response.",
                matched.sibling_key("allow_private_network")
            ));
        }
    }
}

impl Actual {
    /// Whether the origin check has found that the service's own page sends the request.
    fn is_own(&self) -> bool {
        matches!(self.point, Some(2 | 4))
    }

    fn new(
        request: &Request,
        answer: &Answer<'_>,
        checked: Option<Result<Passed, Refusal>>,
    ) -> Self {
        Self {
            decision: answer.decision(),
            passes: checked.map(|checked| checked.is_ok()),
            point: checked.and_then(|checked| checked.ok()?.point()),
            status: matches!(checked, Some(Err(_))).then_some(403),
            headers: request.response_headers(answer),
        }
    }
}

impl Preflight {
    fn new(request: &Request, policy: &Policy) -> Self {
        let answer = (policy.preflight() == PreflightMode::Answer).then(|| {
            let check = policy.responses().origin_check();
            let refusal = check.and_then(|check| request.check(policy, check, true).err());
            let answer = match refusal {
                None => request.decide_preflight(policy),
                Some(refusal) => policy.responses().denied_preflight(refusal.decision()),
            };
            let is_denied = |name: &String| {
                let alone = request.decide_other_preflight(policy, "GET", Some(name));
                alone.decision() == Decision::DeniedHeader
            };
            PreflightAnswer {
                decision: answer.decision(),
                status: if refusal.is_some() { 403 } else { policy.preflight_status() },
                headers: request.response_headers(&answer),
                denied_headers: request
                    .headers
                    .iter()
                    .filter(|name| refusal.is_none() && is_denied(name))
                    .cloned()
                    .collect(),
            }
        });
        Self {
            needed: request.needs_preflight(),
            request_headers: request.preflight_headers(),
            answer,
        }
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

/// The search through the patterns of one policy. It keeps few of them.
struct PatternSearch<'a> {
    /// The name of the policy. Without a name it is the first one of the document.
    policy: Option<String>,
    origin: &'a str,
    /// The matching pattern that decides: that of the first rule, and `deny_origins` before all rules.
    matched: Option<Site>,
    /// Whether that pattern is `*`.
    matches_any: bool,
    /// The first pattern of a later rule that matches.
    later: Option<Site>,
    /// The number of patterns that allow origins.
    allowing: usize,
    near: NearMisses<'a, Site>,
}

impl<'a> PatternSearch<'a> {
    fn new(policy: Option<&str>, origin: &'a str) -> Self {
        Self {
            policy: policy.map(str::to_owned),
            origin,
            matched: None,
            matches_any: false,
            later: None,
            allowing: 0,
            near: NearMisses::new(origin),
        }
    }

    fn visit(&mut self, site: &PatternSite<'_>) {
        if site.policy() != *self.policy.get_or_insert_with(|| site.policy().to_owned()) {
            return;
        }
        self.allowing += usize::from(site.rule().is_some());
        if site.pattern().matches(self.origin.as_bytes()) {
            // `null` beside `*` is what allows it, with credentials too.
            let is_any = matches!(site.pattern(), OriginPattern::Any);
            match &self.matched {
                Some(earlier) if earlier.rule < site.rule() => {
                    self.later.get_or_insert_with(|| Site::of(site));
                }
                Some(earlier) if earlier.rule == site.rule() && (is_any || !self.matches_any) => {}
                earlier => {
                    self.later =
                        earlier.as_ref().filter(|earlier| earlier.rule > site.rule()).cloned();
                    self.matched = Some(Site::of(site));
                    self.matches_any = is_any;
                }
            }
        } else if site.rule().is_some() {
            self.near.visit(site, Site::of);
        }
    }
}
