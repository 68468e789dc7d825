//! CORS rules of buckets: Amazon S3, Google Cloud Storage, Cloudflare R2.
//!
//! A bucket takes the first rule that matches the origin *and* the method; a policy takes the first
//! whose origins match. So the rules of an origin are united, and rules for single origins come before
//! rules for many.

use cors_browser::SAFELISTED_METHODS;
use cors_policy::origin::OriginPattern;
use serde::Deserialize;

use super::expression;
use super::model::{Findings, Import, Names, Place, Policy, Rule};
use super::source::Source;
use super::yaml::{Document, Lined, Located, Seconds, Texts, YamlError};
use super::{max_age, names, origins};

/// The most origins of several rules. Each is compared with each, and no storage takes as many.
const MAX_ORIGINS: usize = 1000;

/// Where the rules come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    S3,
    Gcs,
    R2,
}

/// A rule of any of them.
#[derive(Deserialize)]
struct BucketRule {
    #[serde(alias = "AllowedOrigins", alias = "origin")]
    origins: Texts,
    #[serde(default, alias = "AllowedMethods", alias = "method")]
    methods: Texts,
    #[serde(
        default,
        alias = "AllowedHeaders",
        alias = "responseHeader",
        alias = "response_header"
    )]
    headers: Texts,
    #[serde(default, alias = "ExposeHeaders", alias = "exposeHeaders")]
    expose_headers: Texts,
    #[serde(alias = "MaxAgeSeconds", alias = "maxAgeSeconds", alias = "max_age_seconds")]
    max_age: Option<Lined<Seconds>>,
}

/// A rule of R2, in which a part is one level deeper.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct R2Rule {
    allowed: BucketRule,
    #[serde(default)]
    expose_headers: Texts,
    max_age_seconds: Option<Lined<Seconds>>,
}

/// The storage that such a document is for, if it has rules of one.
pub(crate) fn recognize(root: Located<'_>) -> Option<Storage> {
    let of = |storage| rules(root, storage).next();
    if of(Storage::R2).is_some_and(|rule| rule.get("allowed").is_some()) {
        Some(Storage::R2)
    } else if of(Storage::S3).is_some_and(|rule| rule.get("AllowedOrigins").is_some()) {
        Some(Storage::S3)
    } else if of(Storage::Gcs).is_some_and(|rule| rule.get("origin").is_some()) {
        Some(Storage::Gcs)
    } else {
        None
    }
}

/// The rules in a document: a list, or below one of the keys of which the tools make use.
fn rules(root: Located<'_>, storage: Storage) -> impl Iterator<Item = Located<'_>> {
    let keys: &[&str] = match storage {
        Storage::S3 => &["CORSRules"],
        Storage::Gcs => &["cors", "cors_config"],
        Storage::R2 => &["rules"],
    };
    let root = root.get("CORSConfiguration").or(root.get("result")).unwrap_or(root);
    let list = keys.iter().find_map(|key| root.get(key)).unwrap_or(root);
    list.items()
}

/// Imports the rules of each document.
///
/// # Errors
///
/// If a value is not what the storage has there.
pub(crate) fn import(
    documents: &[Document],
    storage: Storage,
    source: &Source,
    import: &mut Import,
) -> Result<(), YamlError> {
    for document in documents {
        let mut united: Vec<Rule> = Vec::new();
        let mut first = None;
        let mut origins = 0;
        for value in rules(document.root(), storage) {
            let place = source.at(value.line());
            let bucket_rule = match storage {
                Storage::R2 if value.get("allowed").is_some() => {
                    let R2Rule { allowed, expose_headers, max_age_seconds } = value.parse()?;
                    BucketRule { expose_headers, max_age: max_age_seconds, ..allowed }
                }
                _ => value.parse()?,
            };
            origins += bucket_rule.origins.0.len();
            if first.is_some() && origins > MAX_ORIGINS {
                let text = format!("more than {MAX_ORIGINS} origins in several rules");
                return Err(YamlError { line: place.line, text });
            }
            let rule = rule(&bucket_rule, storage, &place, source, &mut import.findings);
            if rule.allow_origins.is_empty() {
                let text = "the rule is left out: it has no origin that a policy can have";
                import.findings.warn(&place, text);
            } else {
                unite(&mut united, rule.clone(), &place, &mut import.findings);
            }
            first.get_or_insert((place, rule));
        }
        if let Some((place, rule)) = first {
            if united.is_empty() {
                origins::ask_if_none(&rule, &place, &mut import.findings);
                united.push(rule);
            }
            for rule in &united {
                report_methods(rule, &place, &mut import.findings);
            }
            note_storage(storage, &place, &mut import.findings);
            import.add("bucket", Policy::of_rules(united));
        }
    }
    Ok(())
}

fn rule(
    bucket_rule: &BucketRule,
    storage: Storage,
    place: &Place,
    source: &Source,
    findings: &mut Findings,
) -> Rule {
    let mut rule = Rule::default();
    for origin in &bucket_rule.origins.0 {
        add_origin(&mut rule, &origin.value, storage, &source.at(origin.line), findings);
    }
    rule.allow_methods = names::methods(bucket_rule.methods.iter(), place, findings);
    let exposed = match storage {
        Storage::Gcs => &bucket_rule.headers,
        Storage::S3 | Storage::R2 => &bucket_rule.expose_headers,
    };
    // What is asked for is sent back.
    rule.allow_headers = match bucket_rule.headers.contains("*") {
        true => names::any_header(false),
        false => names::request_headers(bucket_rule.headers.iter(), place, findings),
    };
    rule.expose_headers = names::response_headers(exposed.iter(), false, place, findings);
    rule.max_age = max_age::given(bucket_rule.max_age.as_ref(), source, findings);
    rule
}

/// Adds an origin. In S3, one `*` in it stands for any text.
fn add_origin(
    rule: &mut Rule,
    origin: &str,
    storage: Storage,
    place: &Place,
    findings: &mut Findings,
) {
    match (origin, storage) {
        ("*", _) => {
            origins::add_pattern(rule, origin, place, findings);
        }
        (_, Storage::S3) => {
            expression::add_glob(rule, origin, place, findings);
        }
        _ => {
            let is_added = expression::add_glob(rule, origin, place, findings);
            if is_added && origin.contains('*') {
                findings.widens(
                    place,
                    format!(
                        "\"{origin}\": whether `*` in an origin is a wildcard for this storage is not \
                         documented; here it is one"
                    ),
                );
            }
        }
    }
}

/// Adds a rule behind others. An origin that an earlier rule has too gets both.
fn unite(rules: &mut Vec<Rule>, rule: Rule, place: &Place, findings: &mut Findings) {
    // What earlier rules say about single origins is completed by a rule for many.
    let is_narrower =
        |origin: &String| !rule.allow_origins.contains(origin) && is_covered(origin, &rule);
    for earlier in std::mem::take(rules) {
        let (covered, others): (Vec<_>, Vec<_>) =
            earlier.allow_origins.iter().cloned().partition(is_narrower);
        if !covered.is_empty() {
            let both = united(&earlier, &rule, &covered.join(", "), place, findings);
            rules.push(Rule { allow_origins: covered, ..both });
        }
        if !others.is_empty() {
            rules.push(Rule { allow_origins: others, ..earlier });
        }
    }
    let mut own = Rule { allow_origins: Vec::new(), ..rule.clone() };
    for origin in &rule.allow_origins {
        let same = rules.iter().position(|other| other.allow_origins.contains(origin));
        if let Some(same) = same {
            let both = united(&rules[same], &rule, origin, place, findings);
            let other = &mut rules[same];
            if other.allow_origins.len() == 1 {
                *other = both;
            } else {
                other.allow_origins.retain(|entry| entry != origin);
                rules.insert(same, both);
            }
        } else if let Some(wider) = rules.iter().position(|other| is_covered(origin, other)) {
            let both = united(&rules[wider], &rule, origin, place, findings);
            rules.insert(wider, both);
        } else {
            own.allow_origins.push(origin.clone());
        }
    }
    if !own.allow_origins.is_empty() {
        rules.push(own);
    }
    join_equal(rules);
}

/// Reports methods that a bucket can keep from pages and a policy cannot.
fn report_methods(rule: &Rule, place: &Place, findings: &mut Findings) {
    let Some(Names::Listed(methods)) = &rule.allow_methods else {
        return;
    };
    let has = |method: &str| methods.iter().any(|listed| listed == method);
    if !has("GET") && !has("HEAD") {
        findings.widens(
            place,
            format!(
                "no rule lists GET or HEAD for {}, but its pages can read the responses to them now: a \
                 policy cannot refuse these methods",
                rule.allow_origins.join(", ")
            ),
        );
    } else if !(has("GET") && has("HEAD") && has("POST")) {
        findings.note(
            place,
            "GET, HEAD and POST cannot be told apart: pages can read the responses to all three, also where \
             a rule lists only some",
        );
    }
}

/// Joins neighbours that differ in nothing but their origins.
fn join_equal(rules: &mut Vec<Rule>) {
    let is_equal = |one: &Rule, other: &Rule| {
        let origins = other.allow_origins.clone();
        Rule { allow_origins: origins, ..one.clone() } == *other
    };
    let mut index = 1;
    while index < rules.len() {
        let is_any = |rule: &Rule| rule.allow_origins.iter().any(|origin| origin == "*");
        let (before, after) = (&rules[index - 1], &rules[index]);
        if is_equal(before, after) && !is_any(before) && !is_any(after) {
            let joined = rules.remove(index).allow_origins;
            rules[index - 1].allow_origins.extend(joined);
        } else {
            index += 1;
        }
    }
}

/// Whether a rule's patterns match what this one matches, by an origin that it matches.
fn is_covered(pattern: &str, rule: &Rule) -> bool {
    // No origin of `*` is one for which another pattern stands.
    let origin = pattern.replace("*.", "a.").replace('*', "a");
    let matches = |other: &String| {
        OriginPattern::parse(other).is_ok_and(|other| other.matches(origin.as_bytes()))
    };
    pattern != "*" && rule.allow_origins.iter().any(matches)
}

/// Whether a later rule permits nothing that an earlier one, which decides first, does not.
fn adds_nothing(earlier: &Rule, later: &Rule) -> bool {
    let includes = |one: &Names, other: &Names| joined(one, other) == *one;
    let methods = |rule: &Rule| rule.allow_methods.clone().unwrap_or_else(safelisted);
    includes(&methods(earlier), &methods(later))
        && includes(&earlier.allow_headers, &later.allow_headers)
}

/// Two rules in one, for an origin that both have.
fn united(
    earlier: &Rule,
    later: &Rule,
    origin: &str,
    place: &Place,
    findings: &mut Findings,
) -> Rule {
    if adds_nothing(earlier, later) {
        return Rule { allow_origins: vec![origin.to_owned()], ..earlier.clone() };
    }
    findings.widens(
        place,
        format!(
            "two rules are about {origin}; they are united, so that the headers of each can be sent with the \
             methods of the other"
        ),
    );
    let methods = match (&earlier.allow_methods, &later.allow_methods) {
        (Some(earlier), Some(later)) => Some(joined(earlier, later)),
        (Some(one), None) | (None, Some(one)) => Some(joined(&safelisted(), one)),
        (None, None) => None,
    };
    Rule {
        allow_origins: vec![origin.to_owned()],
        allow_methods: methods,
        allow_headers: joined(&earlier.allow_headers, &later.allow_headers),
        expose_headers: joined(&earlier.expose_headers, &later.expose_headers),
        max_age: earlier.max_age.into_iter().chain(later.max_age).min(),
        ..Rule::default()
    }
}

/// What a rule without methods allows.
fn safelisted() -> Names {
    Names::Listed(SAFELISTED_METHODS.map(str::to_owned).to_vec())
}

fn joined(one: &Names, other: &Names) -> Names {
    match (one, other) {
        (Names::Listed(one), Names::Listed(other)) => {
            let mut all = one.clone();
            let is_new = |name: &&String| !one.iter().any(|known| known.eq_ignore_ascii_case(name));
            all.extend(other.iter().filter(is_new).cloned());
            match all.iter().any(|name| name == "*") {
                true => names::any_header(false),
                false => Names::Listed(all),
            }
        }
        _ => Names::ANY,
    }
}

fn note_storage(storage: Storage, place: &Place, findings: &mut Findings) {
    match storage {
        Storage::S3 => findings.note(
            place,
            "S3 sends Access-Control-Allow-Credentials: true to origins that are listed, but a bucket has no \
             cookies; the policy sends none",
        ),
        Storage::Gcs => findings.note(
            place,
            "responseHeader is written as both allow_headers and expose_headers, as Cloud Storage uses it",
        ),
        Storage::R2 => {}
    }
}
