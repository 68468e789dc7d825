//! `cors-policy explain`: the decision of a policy about a request, and its reason.
//!
//! The compiled policy decides and makes the headers, as in nginx. It does not keep its patterns. They
//! are compared while it is compiled, only to find out which one matched.

mod json;
mod text;

use cors_policy::{
    Answer, Decision, Policy, PreflightMode, UpstreamHeaders,
    document::PatternSite,
    nearest,
    origin::{Origin, OriginPattern},
};
use serde::Serialize;

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
    Ok(match explanation.decision {
        Decision::Allowed => Outcome::Good,
        _ => Outcome::Denied,
    })
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
    /// The status, if the request is refused before it reaches the application.
    status: Option<u16>,
    #[serde(rename = "response_headers", serialize_with = "json::headers")]
    headers: Headers,
}

impl Explanation {
    fn new(args: &ExplainArgs) -> Result<Self, Unusable> {
        let request = Request::new(args);
        let mut patterns = PatternSearch::new(args.policy.as_deref(), &args.origin);
        // What has no effect on any request is left to `cors-policy check`.
        let policies = input::read(&args.file, |site| patterns.visit(site))
            .map_err(Unusable::without_warnings)?
            .value;
        let file = input::name(&args.file).display().to_string();
        let policy = choose_policy(&policies, args.policy.as_deref(), &file)?;

        let answer = request.decide(policy);
        let preflight =
            (args.preflight || request.needs_preflight()).then(|| Preflight::new(&request, policy));
        let decision = preflight
            .as_ref()
            .and_then(|preflight| preflight.answer.as_ref())
            .map(|answer| answer.decision)
            .filter(|decision| *decision != Decision::Allowed)
            .unwrap_or(answer.decision());
        let is_denied = answer.decision() == Decision::DeniedOrigin;
        // A later rule with the origin was meant, if the one that decides denies.
        let shadowed = patterns.later.take().filter(|_| decision != Decision::Allowed);
        let unmatched = patterns.matched.is_none().then_some(patterns.allowing);
        // A `*` may match without allowing: with credentials it can only echo a well-formed origin.
        let (matched, passed_over) = match patterns.matched {
            Some(site) if site.rule == answer.rule() => (Some(site), None),
            other => (None, other),
        };
        let near_misses = if unmatched.is_some() {
            patterns
                .near
                .into_nearest()
                .into_iter()
                .map(|(difference, reason, site)| NearMiss { site, difference, reason })
                .collect()
        } else {
            Vec::new()
        };
        let mut explanation = Self {
            file,
            policy: policy.name().to_owned(),
            decision,
            matched,
            unmatched,
            near_misses,
            notes: passed_over.iter().map(|site| site.passed_over(&request.origin)).collect(),
            preflight,
            actual: Actual {
                decision: answer.decision(),
                status: (is_denied && policy.enforce()).then_some(403),
                headers: request.response_headers(&answer),
            },
            request,
        };
        let notes = explanation.notes(policy, &answer);
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
    fn notes(&self, policy: &Policy, answer: &Answer<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        if answer.decision() == Decision::DeniedOrigin && self.matched.is_none() {
            notes.extend(explain_origin(&self.request.origin));
        }
        if let (Some(Preflight { answer: Some(preflight), .. }), Some(matched)) =
            (&self.preflight, &self.matched)
        {
            self.notes_on_preflight(policy, preflight, matched, &mut notes);
        }
        if matches!(self.preflight, Some(Preflight { answer: None, .. })) {
            notes.push(
                "Preflights are left to the application (preflight: forward), which may decide \
                 otherwise."
                    .to_owned(),
            );
        }
        if self.actual.status.is_some() {
            notes.push(
                "The request gets 403 and does not reach the application (enforce: true), unless \
                 it is same-origin: its Host names the origin's host and port."
                    .to_owned(),
            );
        }
        if policy.upstream_headers() == UpstreamHeaders::Keep {
            notes.push(
                "A response that has an Access-Control-Allow-Origin of its own is left as it is \
                 (upstream_headers: keep)."
                    .to_owned(),
            );
        }
        notes
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

impl Preflight {
    fn new(request: &Request, policy: &Policy) -> Self {
        let answer = (policy.preflight() == PreflightMode::Answer).then(|| {
            let answer = request.decide_preflight(policy);
            let is_denied = |name: &String| {
                let alone = request.decide_other_preflight(policy, "GET", Some(name));
                alone.decision() == Decision::DeniedHeader
            };
            PreflightAnswer {
                decision: answer.decision(),
                status: policy.preflight_status(),
                headers: request.response_headers(&answer),
                denied_headers: request
                    .headers
                    .iter()
                    .filter(|name| is_denied(name))
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

/// The policy of this name, or the only one.
fn choose_policy<'p>(
    policies: &'p [Policy],
    name: Option<&str>,
    file: &str,
) -> Result<&'p Policy, Unusable> {
    let names = || policies.iter().map(Policy::name).collect::<Vec<_>>().join(", ");
    let error = match (name, policies) {
        (None, [policy]) => return Ok(policy),
        (None, _) => format!("{file} has several policies; choose one by --policy: {}", names()),
        (Some(name), _) => match policies.iter().find(|policy| policy.name() == name) {
            Some(policy) => return Ok(policy),
            None => {
                let meant = nearest(name, policies.iter().map(Policy::name))
                    .map_or(".".to_owned(), |known| format!("; did you mean {known}?"));
                format!("{file} has no policy {name:?}{meant} It has: {}", names())
            }
        },
    };
    Err(Unusable::Other(error))
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
