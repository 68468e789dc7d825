//! What to do about the refused origins of a policy.

use cors_policy::near_miss::NearMiss;
use cors_policy::origin::{Origin, OriginPattern};
use serde::Serialize;

use super::amendment::Amendment;
use super::status::{Refused, Status};
use super::visible::visible;

/// The result of `cors-policy suggest`.
#[derive(Serialize)]
pub(super) struct Suggestions {
    /// The version of this format.
    pub(super) version: u32,
    /// The status, as it was named.
    pub(super) source: String,
    /// The document in which the lines were checked.
    pub(super) file: Option<String>,
    /// The policies of the status.
    pub(super) policies: Vec<PolicyAdvice>,
    /// Sentences about what is missing.
    pub(super) notes: Vec<String>,
}

/// The advice about one policy.
#[derive(Serialize)]
pub(super) struct PolicyAdvice {
    /// Its name, printable.
    pub(super) policy: String,
    /// Origins to add, those that lose most first.
    pub(super) forgotten: Vec<Forgotten>,
    /// Origins of somebody else.
    pub(super) lookalikes: Vec<Lookalike>,
    /// Origins that cannot be lines.
    pub(super) unusable: Vec<Unusable>,
    /// Origins that are allowed and whose preflights would fail, or whose requests go to another host.
    pub(super) denied_requests: Vec<DeniedRequest>,
    /// Forgotten origins that the document allows already.
    pub(super) already_allowed: Vec<String>,
    /// The number of refused origins that lose nothing.
    pub(super) without_loss: usize,
    /// The number of requests that dry runs counted.
    pub(super) requests: u64,
    /// When a dry run refused an origin last, in seconds since 1970.
    pub(super) last: Option<u64>,
}

/// The numbers of an origin.
#[derive(Serialize)]
pub(super) struct Numbers {
    /// How often it was refused, at most.
    pub(super) count: u64,
    /// By how much `count` may be too high.
    pub(super) error: u64,
    /// How many of the requests lose their response.
    pub(super) lost: u64,
    /// When it was refused last, in seconds since 1970.
    pub(super) last: u64,
}

/// An origin to add.
#[derive(Serialize)]
pub(super) struct Forgotten {
    pub(super) origin: String,
    /// The list that gets the line.
    pub(super) place: String,
    #[serde(flatten)]
    pub(super) numbers: Numbers,
    /// Which allowed origin it nearly is, in words.
    pub(super) near_miss: Option<String>,
}

/// An origin that looks like an allowed one.
#[derive(Serialize)]
pub(super) struct Lookalike {
    pub(super) origin: String,
    #[serde(flatten)]
    pub(super) numbers: Numbers,
    pub(super) near_miss: String,
}

/// An origin that cannot be a line.
#[derive(Serialize)]
pub(super) struct Unusable {
    /// Printable.
    pub(super) origin: String,
    #[serde(flatten)]
    pub(super) numbers: Numbers,
    /// Why not.
    pub(super) reason: String,
}

/// An allowed origin with requests that the policy denies.
#[derive(Serialize)]
pub(super) struct DeniedRequest {
    /// Printable.
    pub(super) origin: String,
    /// As `$cors_decision`.
    pub(super) decision: &'static str,
    #[serde(flatten)]
    pub(super) numbers: Numbers,
}

impl Numbers {
    fn of(refused: &Refused) -> Self {
        let &Refused { count, error, lost, last, .. } = refused;
        Self { count, error, lost, last }
    }
}

impl PolicyAdvice {
    /// The advice about a policy of a status. With a document, the lines are added to it.
    pub(super) fn new(name: &str, status: &Status, mut amendment: Option<&mut Amendment>) -> Self {
        let refused = status.refused_in_dry_run(name);
        let mut advice = Self {
            policy: visible(name),
            forgotten: Vec::new(),
            lookalikes: Vec::new(),
            unusable: Vec::new(),
            denied_requests: Vec::new(),
            already_allowed: Vec::new(),
            without_loss: refused.iter().filter(|it| it.lost == 0).count(),
            requests: status.requests(name),
            last: refused.iter().map(|it| it.last).max(),
        };
        let mut candidates = Vec::new();
        for refused in refused.iter().filter(|it| it.lost > 0) {
            let known = ["denied_method", "denied_header", "denied_host"];
            if refused.decision == "denied_origin" {
                if let Some(rule) = advice.sort_in(name, refused, amendment.as_deref()) {
                    candidates.push((rule, &*refused.origin));
                }
            } else if let Some(decision) = known.into_iter().find(|it| *it == refused.decision) {
                advice.denied_requests.push(DeniedRequest {
                    origin: visible(&refused.origin),
                    decision,
                    numbers: Numbers::of(refused),
                });
            }
        }
        if let Some(amendment) = &mut amendment {
            advice.check(name, &candidates, amendment);
        }
        // Lines of one list stay together. The sort keeps the order by loss.
        advice.forgotten.sort_by(|a, b| a.place.cmp(&b.place));
        advice
    }

    /// Sorts in an origin. If it may become a line, the result is its rule.
    fn sort_in(
        &mut self,
        policy: &str,
        refused: &Refused,
        amendment: Option<&Amendment>,
    ) -> Option<Option<usize>> {
        let origin = &*refused.origin;
        let numbers = Numbers::of(refused);
        if let Some(reason) = unusable(origin, amendment.is_some()) {
            self.unusable.push(Unusable { origin: visible(origin), numbers, reason });
            return None;
        }
        let (near_miss, is_lookalike, allowed) = match amendment {
            Some(amendment) if amendment.allows(policy, origin) => {
                self.already_allowed.push(origin.to_owned());
                return None;
            }
            Some(amendment) => {
                let found = NearMiss::find(origin, |other| amendment.allows(policy, other));
                let is_lookalike = found.as_ref().is_some_and(NearMiss::is_lookalike);
                let allowed = found.as_ref().map(|it| it.allowed().to_owned());
                (found.map(|it| it.to_string()), is_lookalike, allowed)
            }
            None => {
                let sentence = refused.near_miss.as_deref().map(visible);
                let is_lookalike = sentence.as_deref().is_some_and(NearMiss::says_lookalike);
                (sentence, is_lookalike, None)
            }
        };
        if let (true, Some(near_miss)) = (is_lookalike, near_miss.clone()) {
            self.lookalikes.push(Lookalike { origin: origin.to_owned(), numbers, near_miss });
            return None;
        }
        let rule = amendment.and_then(|it| it.rule_of(policy, allowed.as_deref()));
        let place = match rule {
            Some(rule) => format!("policies.{}.rules[{rule}].allow_origins", self.policy),
            None => format!("policies.{}.allow_origins", self.policy),
        };
        self.forgotten.push(Forgotten { origin: origin.to_owned(), place, numbers, near_miss });
        Some(rule)
    }

    /// Adds the candidates to the document, and takes back those that the engine refuses.
    fn check(
        &mut self,
        policy: &str,
        candidates: &[(Option<usize>, &str)],
        amendment: &mut Amendment,
    ) {
        let mut rules: Vec<_> = candidates.iter().map(|(rule, _)| *rule).collect();
        rules.sort_unstable();
        rules.dedup();
        for rule in rules {
            let of_rule = candidates.iter().filter(|(other, _)| *other == rule);
            let origins: Vec<&str> = of_rule.map(|(_, origin)| *origin).collect();
            for (origin, reason) in amendment.add(policy, rule, &origins) {
                let Some(index) = self.forgotten.iter().position(|it| it.origin == origin) else {
                    continue;
                };
                let Forgotten { origin, numbers, near_miss, .. } = self.forgotten.remove(index);
                let mut reason = visible(&reason);
                if let Some(near_miss) = near_miss {
                    reason = format!("{reason}; {near_miss}");
                }
                self.unusable.push(Unusable { origin, numbers, reason });
            }
        }
    }
}

/// Why an origin cannot be a line, if so. A document has guards of its own.
fn unusable(origin: &str, has_document: bool) -> Option<String> {
    if origin == "null" {
        return Some(
            "pages of anybody can send null, for instance from a sandboxed frame; find out which page \
             it is, and give it an origin"
                .to_owned(),
        );
    }
    let pattern = match OriginPattern::parse(origin) {
        Ok(pattern) => pattern,
        Err(error) => return Some(visible(&error.to_string())),
    };
    // What is a pattern for several origins is no origin: a stranger made it up.
    if Origin::parse(origin.as_bytes()).is_none() || !matches!(pattern, OriginPattern::Exact(_)) {
        return Some("no browser sends this as an origin".to_owned());
    }
    if has_document {
        return None;
    }
    let violations = pattern.violations(false);
    violations.first().map(|violation| visible(&violation.to_string()))
}
