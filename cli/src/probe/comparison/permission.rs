//! What pages may send now and with the policy: methods and headers that need a preflight.

use cors_browser::{Credentials, Request, Response, preflight_check};
use cors_comparison::change::Permission;

use super::difference::Page;
use super::enforced::Enforced;
use super::origin_of;
use crate::probe::address::Address;
use crate::probe::asker::{Asker, Observation};
use crate::probe::exchange::{Exchange, Kind};
use crate::probe::finding::{Finding, Id, Level, shown};

/// The pages whose preflights are asked for.
pub(super) struct Asked<'p> {
    pub(super) pages: Vec<&'p Page>,
    /// The number of pages whose preflights are not.
    pub(super) left_out: usize,
}

/// What pages often send, besides what the policy and the server name.
const METHODS: [&str; 3] = ["PUT", "PATCH", "DELETE"];
const HEADERS: [&str; 3] = ["authorization", "content-type", "x-requested-with"];

/// The most methods, and the most headers, that are asked for.
const MAX_NAMES: usize = 16;

/// A method or a header that needs permission.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Method(String),
    Header(String),
}

impl Item {
    /// What a preflight asks for.
    fn of(exchange: &Exchange) -> Self {
        match &exchange.kind {
            Kind::Preflight { headers, .. } if !headers.is_empty() => {
                Self::Header(headers.join(","))
            }
            Kind::Preflight { method, .. } => Self::Method(method.clone()),
            Kind::Get => Self::Method("GET".to_owned()),
        }
    }

    fn exchange(&self, address: &Address, origin: &str) -> Exchange {
        match self {
            Self::Method(method) => Exchange::preflight(&address.fresh(), origin, method, None),
            Self::Header(name) => Exchange::preflight(&address.fresh(), origin, "GET", Some(name)),
        }
    }
}

/// Compares, and says of how many origins it could not.
pub(super) fn permissions(
    asker: &Asker<'_>,
    address: &Address,
    enforced: &Enforced<'_>,
    asked: &Asked<'_>,
) -> (Vec<Finding>, usize) {
    let mut findings: Vec<Finding> = Vec::new();
    let mut left_out = asked.left_out;
    for page in &asked.pages {
        let origin = origin_of(&page.now);
        let first: Vec<_> =
            [Item::Method("PUT".into()), Item::Header("authorization".into())].into();
        if asker.left() < 2 * MAX_NAMES {
            left_out += 1;
            continue;
        }
        let mut answers =
            asker.ask_all(first.iter().map(|it| it.exchange(address, origin)).collect());
        let mut items = items(&answers, enforced);
        items.retain(|it| !first.contains(it));
        answers
            .extend(asker.ask_all(items.iter().map(|it| it.exchange(address, origin)).collect()));
        if let Some((difference, evidence)) = Difference::find(&answers, enforced) {
            findings.push(difference.finding(evidence, enforced.policy.name()));
        }
    }
    (findings, left_out)
}

/// What pages often send, and what server and policy name.
fn items(answers: &[Observation], enforced: &Enforced<'_>) -> Vec<Item> {
    let then: Vec<_> =
        answers.iter().map(|it| enforced.respond(&it.exchange, &it.response)).collect();
    let named = |name: &'static str| {
        let now = answers.iter().map(|it| &it.response);
        now.chain(&then)
            .filter_map(move |response| response.headers.tokens(name).ok().flatten())
            .flatten()
            .collect::<Vec<_>>()
    };
    let mut methods: Vec<_> = METHODS.map(str::to_owned).into();
    methods.extend(named("Access-Control-Allow-Methods"));
    methods.retain(|it| Permission::Method(it).is_of_interest());
    let mut headers: Vec<_> = HEADERS.map(str::to_owned).into();
    headers.extend(named("Access-Control-Allow-Headers").iter().map(|it| it.to_ascii_lowercase()));
    headers.retain(|it| Permission::Header(it).is_of_interest());
    let methods = distinct(methods).into_iter().map(Item::Method);
    methods.chain(distinct(headers).into_iter().map(Item::Header)).collect()
}

fn distinct(names: Vec<String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for name in names {
        if distinct.len() < MAX_NAMES && !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

/// What differs for the pages of one origin.
#[derive(Default)]
struct Difference {
    lost: Vec<Item>,
    gained: Vec<Item>,
}

impl Difference {
    /// The difference, and the first preflight that shows it.
    fn find<'a>(
        answers: &'a [Observation],
        enforced: &Enforced<'_>,
    ) -> Option<(Self, &'a Observation)> {
        let mut difference = Self::default();
        let mut evidence = None;
        for answer in answers {
            let then = enforced.respond(&answer.exchange, &answer.response);
            for mode in Credentials::ALL {
                let passes = (passes(answer, &answer.response, mode), passes(answer, &then, mode));
                let items = match passes {
                    (true, false) => &mut difference.lost,
                    (false, true) => &mut difference.gained,
                    _ => continue,
                };
                let item = Item::of(&answer.exchange);
                if !items.contains(&item) {
                    items.push(item);
                }
                evidence.get_or_insert(answer);
            }
        }
        Some((difference, evidence?))
    }

    fn finding(&self, evidence: &Observation, policy: &str) -> Finding {
        let Self { lost, gained } = self;
        let origin = origin_of(evidence);
        let mut sentences = Vec::new();
        if !lost.is_empty() {
            sentences.push(format!(
                "pages of {origin} can send {} now, and could not with policy {policy}; write those that \
                 they need into allow_methods and allow_headers",
                list(lost)
            ));
        }
        if !gained.is_empty() {
            sentences.push(format!(
                "pages of {origin} cannot send {} now, and could with policy {policy}; leave out of \
                 allow_methods and allow_headers what is not meant",
                list(gained)
            ));
        }
        let level = if lost.is_empty() { Level::Warning } else { Level::Error };
        Finding::new(Id::PreflightDiffers, level, evidence, sentences.join("; "))
    }
}

/// Whether a browser sends the request after this answer to its preflight.
fn passes(asked: &Observation, answer: &Response, credentials: Credentials) -> bool {
    let Kind::Preflight { method, headers } = &asked.exchange.kind else { return false };
    let request = Request { origin: origin_of(asked), method, headers, credentials };
    preflight_check(&request, answer).is_ok()
}

/// Methods, and then headers.
fn list(items: &[Item]) -> String {
    let names = |is_method: bool| {
        let of_kind = items.iter().filter(|it| matches!(it, Item::Method(_)) == is_method);
        let names = of_kind.map(|(Item::Method(name) | Item::Header(name))| shown(name.as_bytes()));
        names.collect::<Vec<_>>().join(", ")
    };
    match (names(true), names(false)) {
        (methods, headers) if headers.is_empty() => methods,
        (methods, headers) if methods.is_empty() => format!("the headers {headers}"),
        (methods, headers) => format!("{methods} and the headers {headers}"),
    }
}
