//! What browsers read from a server now, and what they would with a policy in force.

mod difference;
mod enforced;
mod permission;
mod sample;

use std::collections::BTreeSet;

use cors_policy::Policy;

use self::difference::{Page, Whose};
use self::enforced::Enforced;
use self::permission::{Asked, permissions};
use super::access::named_origins;
use super::address::{Address, twin};
use super::asker::{Asker, Observation};
use super::exchange::{Exchange, Unreachable};
use super::finding::{Finding, Id, shown};
use super::findings::sorted;
use super::notes::of_address;
use super::refusals::Refusals;
use super::survey::{open, reads_only_as_given};
use super::token::Token;

pub(super) use self::sample::Sample;

/// The most origins whose pages are asked for.
const MAX_PAGES: usize = 80;

/// The most origins whose preflights are asked for.
const MAX_PREFLIGHTS: usize = 12;

/// What differs, and what the reader has to know.
pub(super) struct Comparison {
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<String>,
}

/// What is compared.
pub(super) struct Subject<'a> {
    pub(super) policy: &'a Policy,
    pub(super) sample: &'a Sample,
    /// The origins of the user.
    pub(super) origins: &'a [String],
    pub(super) token: &'a Token,
}

impl Comparison {
    /// Asks a server as it is now, and compares.
    ///
    /// # Errors
    ///
    /// If the first request gets no answer.
    pub(super) fn new(
        asker: &Asker<'_>,
        mut address: Address,
        subject: &Subject<'_>,
    ) -> Result<Self, Unreachable> {
        let (plain, fresh) = open(asker, &mut address)?;
        let named = named_origins([&plain].into_iter().chain(&fresh));
        let (list, mut notes) = origins(subject, &named, &address.origin());
        let ask = |address: &Address| {
            let get = |(origin, _): &(String, Whose)| Exchange::get(&address.fresh(), origin);
            asker.ask_all(list.iter().map(get).collect())
        };
        let mut answers = ask(&address);
        if reads_only_as_given(asker, &address, &answers) {
            address.refuse_parameters();
            answers = ask(&address);
        }
        notes.extend(of_address(&address));

        let policy = subject.policy;
        let enforced = Enforced { policy, host: address.host(), is_tls: address.is_tls() };
        let pages: Vec<_> = answers
            .into_iter()
            .filter_map(|now| {
                let whose = list.iter().find(|(it, _)| now.exchange.origin.as_ref() == Some(it))?.1;
                Some(Page::new(now, whose, &enforced))
            })
            .collect();
        notes.extend(closed(&pages));
        let mut findings = differences(&pages, policy.name());

        let asked = choose(&pages, policy);
        let (differing, left_out) = permissions(asker, &address, &enforced, &asked);
        findings.extend(differing);
        if left_out > 0 {
            notes.push(format!(
                "The preflights of {left_out} more origins were not asked for; one of each rule was."
            ));
        }
        let pages: Vec<_> = pages.into_iter().map(|it| it.now).collect();
        let refusals = Refusals::new(asker, &address, &plain, &pages);
        findings.retain(|it| it.evidence.as_ref().is_none_or(|it| !refusals.contain(it)));
        Ok(Self { findings: sorted(findings), notes })
    }
}

/// The origins to ask for, and whose they are. Those of the service itself need no permission.
fn origins(
    subject: &Subject<'_>,
    named: &[String],
    own: &str,
) -> (Vec<(String, Whose)>, Vec<String>) {
    let Subject { sample, origins, token, .. } = subject;
    let stranger = token.origin();
    let twins: Vec<_> =
        origins.iter().chain(sample.origins()).filter_map(|it| twin(it)).take(8).collect();
    let groups: [(&[String], Whose); 7] = [
        (origins, Whose::User),
        (&[stranger, "null".to_owned()], Whose::Stranger),
        (sample.origins(), Whose::Policy),
        (sample.denied(), Whose::Denied),
        (named, Whose::Server),
        (sample.beside(), Whose::Neighbour),
        (&twins, Whose::Neighbour),
    ];
    let mut seen = BTreeSet::from([own]);
    let all: Vec<_> = groups
        .iter()
        .flat_map(|(group, whose)| group.iter().map(|origin| (origin, *whose)))
        .filter(|(origin, whose)| {
            // `null` is nobody's, unless somebody names it.
            let is_listed = origin.as_str() == "null" && sample.origins().contains(origin);
            !(is_listed && *whose == Whose::Stranger) && seen.insert(origin)
        })
        .map(|(origin, whose)| (origin.clone(), whose))
        .collect();
    let mut notes = Vec::new();
    let left_out = sample.left_out() + all.len().saturating_sub(MAX_PAGES);
    if left_out > 0 {
        notes.push(format!(
            "{left_out} more origins and patterns were not asked for; name those that matter by --origin."
        ));
    }
    (all.into_iter().take(MAX_PAGES).collect(), notes)
}

/// What pages gain and lose. That strangers lose what they had is what a policy is for.
fn differences(pages: &[Page], policy: &str) -> Vec<Finding> {
    let strangers = || pages.iter().filter(|it| it.whose == Whose::Stranger);
    let everyone = strangers().any(|it| it.reads_now() || it.reads_then());
    let gain = strangers().flat_map(|it| it.findings(policy)).find(|it| it.id == Id::NewlyReadable);
    let is_relevant = |it: &&Page| it.whose.is_known() || it.whose == Whose::Neighbour && !everyone;
    let others = pages.iter().filter(is_relevant).flat_map(|it| it.findings(policy));
    gain.into_iter().chain(others).collect()
}

/// Says that strangers read now and would not, which is what a policy is for.
fn closed(pages: &[Page]) -> Option<String> {
    let is_closed = |it: &&Page| it.whose == Whose::Stranger && it.reads_now() && !it.reads_then();
    let page = pages.iter().find(is_closed)?;
    let origin = page.now.exchange.origin.as_deref().unwrap_or_default();
    Some(format!(
        "Pages of any origin read now ({}, which nobody listed, does), and would not with the policy.",
        shown(origin.as_bytes())
    ))
}

/// The pages whose preflights are compared: those of the user, then one of each rule, then others.
fn choose<'p>(pages: &'p [Page], policy: &Policy) -> Asked<'p> {
    let known = pages.iter().filter(|it| it.whose.is_known());
    let mut rules = BTreeSet::new();
    let (mut first, rest): (Vec<_>, Vec<_>) = known.partition(|it| {
        if it.whose == Whose::User {
            return true;
        }
        let origin = it.now.exchange.origin.as_deref().unwrap_or_default();
        rules.insert(policy.decide(cors_policy::OriginHeader::One(origin.as_bytes())).rule())
    });
    first.extend(rest);
    let left_out = first.len().saturating_sub(MAX_PREFLIGHTS);
    first.truncate(MAX_PREFLIGHTS);
    Asked { pages: first, left_out }
}

/// The origin that an observation is about.
fn origin_of(observation: &Observation) -> &str {
    observation.exchange.origin.as_deref().unwrap_or_default()
}
