//! `cors-policy explain`: the decision of a policy about a request, and its reason.
//!
//! The compiled policy decides and makes the headers, as in nginx. It does not keep its patterns. They
//! are compared while it is compiled, only to find out which one matched.

mod browser;
mod json;
mod notes;
mod pattern_search;
mod responses;
mod site;
mod text;

use cors_policy::{Decision, Refusal};

use browser::Browser;
use pattern_search::{Found, PatternSearch};
use responses::{Actual, Preflight};

use crate::{
    Outcome,
    args::explain::ExplainArgs,
    input::{self, Unusable},
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

/// The whole explanation.
struct Explanation {
    /// The document, as it was named.
    file: String,
    policy: String,
    request: Request,
    /// The decision about the preflight, if it denies, because the actual request is not sent then.
    decision: Decision,
    /// The pattern that matched, or those that almost did.
    patterns: Found,
    /// Sentences about points that are not obvious.
    notes: Vec<String>,
    preflight: Option<Preflight>,
    actual: Actual,
    /// `None` for a request that is not a page's of another origin.
    browser: Option<Browser>,
}

impl Explanation {
    fn new(args: &ExplainArgs) -> Result<Self, Unusable> {
        let request = Request::new(args);
        let origin = args.origin.as_deref();
        let mut search = PatternSearch::new(args.policy.as_deref(), origin.unwrap_or_default());
        // What has no effect on any request is left to `cors-policy check`.
        let policies = input::read(&args.file, |site| search.visit(site))
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
        let decision = preflight.as_ref().and_then(Preflight::denial).unwrap_or(answer.decision());
        let actual = Actual::new(&request, &answer, checked);
        let browser = Browser::new(&request, preflight.as_ref(), &actual);
        let mut explanation = Self {
            file,
            policy: policy.name().to_owned(),
            decision,
            patterns: search.finish(&request, policy),
            notes: Vec::new(),
            preflight,
            actual,
            browser,
            request,
        };
        explanation.notes = explanation.notes(policy, checked);
        Ok(explanation)
    }
}
