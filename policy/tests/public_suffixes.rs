//! Every rule of the Public Suffix List, as the engine has it, and as the guard `public_suffixes` obeys
//! it. The list is read once more here, by a reader that shares nothing with `build.rs`.

use std::collections::HashSet;
use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use cors_policy::origin::suffix::{
    LIST_DATE, Section, Sections, is_public_suffix, open_suffix, public_suffix,
};
use cors_policy::origin::{Guard, GuardViolation, OriginPattern};

const LIST: &str = include_str!("../data/public_suffix_list.dat");
const VECTORS: &str = include_str!("../data/test_psl.txt");

/// A rule, with its labels in Punycode.
struct Rule {
    is_icann: bool,
    is_exception: bool,
    /// Without `!`; with `*`.
    name: String,
}

impl Rule {
    /// A name that the rule matches, and that no exception takes out of it.
    fn suffix(&self) -> String {
        self.name.replace('*', "any")
    }
}

fn rules() -> Vec<Rule> {
    let (icann, private) = LIST.split_once("===BEGIN PRIVATE DOMAINS===").unwrap();
    let rules_of = |part: &'static str, is_icann| {
        let lines = part.lines().filter(|line| !line.is_empty() && !line.starts_with("//"));
        // Nobody registers names below it.
        let lines = lines.filter(|line| *line != "home.arpa");
        lines.map(move |line| {
            let name = line.strip_prefix('!').unwrap_or(line);
            let ascii = |label| match label {
                "*" => "*".to_owned(),
                label => idna::domain_to_ascii(label).unwrap(),
            };
            let name = name.split('.').map(ascii).collect::<Vec<_>>().join(".");
            Rule { is_icann, is_exception: line.starts_with('!'), name }
        })
    };
    rules_of(icann, true).chain(rules_of(private, false)).collect()
}

/// The rules that are no exceptions.
fn suffix_rules() -> Vec<Rule> {
    rules().into_iter().filter(|rule| !rule.is_exception).collect()
}

fn violations(pattern: &str, credentials: bool) -> Vec<GuardViolation> {
    OriginPattern::parse(pattern)
        .unwrap_or_else(|error| panic!("{pattern}: {error}"))
        .violations(credentials)
}

/// Asserts that the guard, and no other, refuses the pattern with credentials, and that what it
/// advises passes and is no wider.
#[track_caller]
fn assert_refused(pattern: &str) {
    let parsed = OriginPattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let refused = parsed.violations(true);
    let [violation @ GuardViolation::PublicSuffix { suffix, instead, .. }] = &refused[..] else {
        panic!("{pattern}: {refused:?}");
    };
    assert_eq!(violation.opened_by(), Guard::PublicSuffixes, "{pattern}");
    assert!(is_public_suffix(suffix.name.replace('*', "any").as_bytes()), "{pattern}: {suffix:?}");
    assert!(instead.is_some(), "{pattern}: no advice");
    let advice = violation.remedy();
    let advised = advice.split('"').nth(1).unwrap();
    assert!(advice.contains(&format!("as in \"{advised}\"")), "{pattern}: {advice}");
    assert_eq!(violations(advised, true), [], "{pattern}: {advice}");
    let origin = advised.replace(":*", "").replace('*', "sub");
    assert!(parsed.matches(origin.as_bytes()), "{pattern}: {advice}");
    assert_eq!(parsed.violations(false), [], "{pattern}");
}

#[track_caller]
fn assert_accepted(pattern: &str) {
    assert_eq!(violations(pattern, true), [], "{pattern}");
}

fn escaped(name: &str) -> String {
    name.replace('.', r"\.")
}

#[test]
fn the_list_has_the_date_of_its_header() {
    let version = LIST.lines().find_map(|line| line.strip_prefix("// VERSION: ")).unwrap();
    assert_eq!(version.split('_').next(), Some(LIST_DATE));
    assert!(
        LIST.starts_with("// This Source Code Form is subject to the terms of the Mozilla Public")
    );
}

#[test]
fn every_rule_is_in_the_table() {
    let rules = rules();
    let names: HashSet<_> = rules.iter().map(|rule| rule.name.as_str()).collect();
    for rule in &rules {
        let name = rule.suffix();
        let host = format!("one-of.ours-too.{name}");
        let suffix = public_suffix(host.as_bytes(), Sections::All).unwrap();
        if rule.is_exception {
            let parent = name.split_once('.').unwrap().1;
            assert!(!is_public_suffix(name.as_bytes()), "{name}");
            assert_eq!(suffix, parent.as_bytes(), "{name}");
        } else {
            assert!(is_public_suffix(name.as_bytes()), "{name}");
            // A wildcard below has one label more.
            let longer = names.contains(format!("*.{name}").as_str());
            let expected = if longer { format!("ours-too.{name}") } else { name.clone() };
            assert_eq!(suffix, expected.as_bytes(), "{name}");
        }
        let icann = public_suffix(host.as_bytes(), Sections::Icann).unwrap();
        assert!(suffix.ends_with(icann), "{name}");
        assert_eq!(icann == suffix, rule.is_icann, "{name}");
    }
    let exceptions = rules.iter().filter(|rule| rule.is_exception).count();
    let wildcards = rules.iter().filter(|rule| rule.name.starts_with('*')).count();
    println!("{} rules: {wildcards} with a wildcard, {exceptions} exceptions", rules.len());
    assert!(rules.len() > 10_000 && wildcards > 100 && exceptions > 5);
}

/// The vectors of the list: `checkPublicSuffix(name, name and one label more than its suffix)`.
#[test]
fn the_official_vectors_hold() {
    let quoted = |text: &str| text.trim().strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned);
    let mut checked = 0;
    for line in VECTORS.lines().filter_map(|line| line.strip_prefix("checkPublicSuffix(")) {
        let (name, expected) = line.strip_suffix(");").unwrap().split_once(',').unwrap();
        let (Some(name), expected) = (quoted(name), quoted(expected)) else { continue };
        if name.starts_with('.') {
            // No host of an origin has an empty label.
            assert!(OriginPattern::parse(&format!("https://{name}")).is_err(), "{line}");
            checked += 1;
            continue;
        }
        let name = idna::domain_to_ascii(&name).unwrap();
        let suffix = public_suffix(name.as_bytes(), Sections::All);
        let expected = expected.map(|expected| idna::domain_to_ascii(&expected).unwrap());
        if ["example", "local"].contains(&name.rsplit('.').next().unwrap()) {
            // The one deviation: no registry sells these.
            assert_eq!(suffix, None, "{line}");
        } else {
            let suffix = suffix.map(|suffix| String::from_utf8(suffix.to_vec()).unwrap()).unwrap();
            let before = name.strip_suffix(&suffix).unwrap().strip_suffix('.');
            let registrable =
                before.map(|before| format!("{}.{suffix}", before.rsplit('.').next().unwrap()));
            assert_eq!(registrable, expected, "{line}");
        }
        checked += 1;
    }
    println!("{checked} vectors");
    assert!(checked > 70, "{checked}");
}

#[test]
fn wildcards_at_every_rule_are_refused() {
    let rules = suffix_rules();
    for rule in &rules {
        assert_refused(&format!("https://*.{}", rule.suffix()));
    }
    println!("{} wildcards at a suffix", rules.len());
}

#[test]
fn wildcards_above_every_rule_are_refused() {
    let parents: HashSet<_> = suffix_rules()
        .iter()
        .filter_map(|rule| Some(rule.name.split_once('.')?.1.to_owned()))
        .filter(|parent| !parent.starts_with('*'))
        .collect();
    let not_suffixes = parents.iter().filter(|name| !is_public_suffix(name.as_bytes())).count();
    // All names above a rule, but for the root.
    for parent in &parents {
        for (dot, _) in parent.match_indices('.') {
            assert_refused(&format!("https://*.{}", &parent[dot + 1..]));
        }
        assert_refused(&format!("https://*.{parent}:*"));
        assert_refused(&format!("https://*.{parent}:8443"));
    }
    println!("{} wildcards above a suffix, {not_suffixes} of them not at one too", parents.len());
    assert!(not_suffixes > 100, "{not_suffixes}");
}

#[test]
fn expressions_through_every_rule_are_refused() {
    let start = Instant::now();
    let rules = suffix_rules();
    let check = |rules: &[Rule]| {
        for rule in rules {
            assert_refused(&format!(r"regex:https://[a-z0-9-]+\.{}", escaped(&rule.suffix())));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for part in rules.chunks(rules.len().div_ceil(threads)) {
            scope.spawn(move || check(part));
        }
    });
    println!("{} expressions through a suffix, in {:?}", rules.len(), start.elapsed());
}

/// A document may have hundreds of expressions, and nginx waits until they are read.
#[test]
fn the_worst_expressions_take_no_time_to_speak_of() {
    for expression in [
        // Labels at every place of the tree.
        r"https://[a-z0-9.-]+\.amazonaws\.com",
        r"https://([a-z0-9-]{1,63}\.){1,4}amazonaws\.com",
        r"https://([a-c]{1,5}\.){3}(com|net|org|co\.uk|github\.io)",
        r"https://[a-d][a-d][a-d][a-d]\.[a-d][a-d][a-d][a-d]\.(jp|no|us|com)",
        r"https://([a-c][a-c]\.){4}[a-c][a-c](:[0-9]+)?",
        r"https://[a-z0-9]{1,30}(-[a-z0-9]{1,20})?\.example\.[a-z]{2}",
    ] {
        let start = Instant::now();
        // Some are too large, and that takes its time too.
        let outcome = OriginPattern::parse(&format!("regex:{expression}"))
            .map(|pattern| pattern.violations(true).len());
        let took = start.elapsed();
        println!("{took:?}: {expression}: {outcome:?}");
        assert!(took < Duration::from_secs(5), "{expression}: {took:?}");
    }
}

#[test]
fn names_below_every_rule_are_accepted() {
    for rule in suffix_rules() {
        let mut own = format!("example-of-ours.{}", rule.suffix());
        if is_public_suffix(own.as_bytes()) {
            own = format!("example-of-ours.{own}");
        }
        assert_accepted(&format!("https://*.{own}"));
        assert_accepted(&format!("https://{own}:*"));
    }
}

#[test]
fn names_below_every_exception_are_accepted() {
    let exceptions: Vec<_> = rules().into_iter().filter(|rule| rule.is_exception).collect();
    for rule in &exceptions {
        assert_accepted(&format!("https://*.{}", rule.name));
        assert_accepted(&format!(r"regex:https://[a-z0-9-]+\.{}", escaped(&rule.name)));
        let labels: Vec<_> = ["pr-*"].into_iter().chain(rule.name.split('.')).collect();
        assert_eq!(open_suffix(&labels, Sections::All), None, "{}", rule.name);
    }
    assert!(exceptions.len() > 5);
}

#[test]
fn stars_within_labels_at_every_rule_are_found() {
    for rule in suffix_rules() {
        let name = rule.suffix();
        let labels = |first: &'static str| -> Vec<&str> {
            [first].into_iter().chain(name.split('.')).collect()
        };
        let found = open_suffix(&labels("pr-*"), Sections::All).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(found.name, name);
        assert_eq!(found.section == Section::Icann, rule.is_icann, "{name}");
        let icann = open_suffix(&labels("pr-*"), Sections::Icann);
        assert_eq!(icann.is_some(), rule.is_icann, "{name}");
        // The star makes up any label of the suffix itself, but for the top-level domain.
        let mut starred = labels("api");
        for index in 1..starred.len() - 1 {
            let label = std::mem::replace(&mut starred[index], "*");
            let found = open_suffix(&starred, Sections::All).unwrap_or_else(|| panic!("{name}"));
            assert!(is_public_suffix(found.name.replace('*', "any").as_bytes()), "{found:?}");
            starred[index] = label;
        }
    }
}

#[test]
fn stars_within_labels() {
    for (host, all, icann) in [
        ("exam*.com", Some("com"), Some("com")),
        ("api.*.co.uk", Some("co.uk"), Some("co.uk")),
        ("api.*.uk", Some("uk"), Some("uk")),
        ("example.*", Some("*"), Some("*")),
        ("example.c*", Some("*"), Some("*")),
        ("api.example.co.u*", Some("*"), Some("*")),
        ("*--site.netlify.app", Some("netlify.app"), None),
        ("app-*.vercel.app", Some("vercel.app"), None),
        ("a.*.app.run.app", Some("app.run.app"), None),
        ("svc-*.run.app", None, None),
        ("svc-*.a.run.app", Some("a.run.app"), None),
        ("svc.a*.run.app", Some("*.run.app"), None),
        ("*.s*.amazonaws.com", Some("s3.amazonaws.com"), None),
        ("mine.x*3.amazonaws.com", None, None),
        ("mine.*3.amazonaws.com", Some("s3.amazonaws.com"), None),
        ("mine.s*.amazonaws.com", Some("s3.amazonaws.com"), None),
        ("*.amazonaws.com", Some("s3.amazonaws.com"), None),
        ("pr-*.amazonaws.com", None, None),
        ("api.w*.ck", Some("ck"), Some("ck")),
        ("pr-*.www.ck", None, None),
        ("pr-*.kawasaki.jp", None, None),
        ("*.kawasaki.jp", Some("*.kawasaki.jp"), Some("*.kawasaki.jp")),
        ("pr-*.city.kawasaki.jp", None, None),
        ("a.c*.kawasaki.jp", Some("*.kawasaki.jp"), Some("*.kawasaki.jp")),
        ("pr-*.example.com", None, None),
        ("api.*.example.com", None, None),
        ("*.*.example.com", None, None),
        ("*.*.com", Some("com"), Some("com")),
        ("pr-*.newtld", Some("newtld"), Some("newtld")),
        ("pr-*.local", None, None),
        ("*.printer.local", None, None),
        ("a*.b*.internal", None, None),
    ] {
        let labels: Vec<_> = host.split('.').collect();
        let found = |sections| open_suffix(&labels, sections).map(|suffix| suffix.name);
        assert_eq!(found(Sections::All).as_deref(), all, "{host}");
        assert_eq!(found(Sections::Icann).as_deref(), icann, "{host}");
    }
}

#[test]
fn hosts_of_services_that_many_share() {
    for pattern in [
        "https://*.run.app",
        "https://*.amazonaws.com",
        "https://*.core.windows.net",
        "https://*.kawasaki.jp",
        "https://*.sch.uk",
        "https://*.ck",
        "https://*.newtld",
        r"regex:https://[a-z0-9-]+\.up\.railway\.app",
        r"regex:https://[a-z]+\.s3\.amazonaws\.com",
        r"regex:https://[a-z.-]+\.amazonaws\.com",
        r"regex:https://[a-z]+\.s3\.amazonaws\.com(:[0-9]+)?",
        r"regex:https://[a-z]+\.s3\.amazonaws\.com:8443",
        r"regex:https://([a-z]+\.)+amazonaws\.com:[0-9]+",
        r"regex:https://([a-z0-9-]+\.){2}amazonaws\.com",
        r"regex:https://mine\.[a-z0-9-]+\.amazonaws\.com",
        r"regex:https://mine\.[a-z0-9-]+\.kawasaki\.jp",
        r"regex:https://mine\.[a-z0-9]{2}\.run\.app",
        r"regex:https://(app|[a-z]+\.blob)\.core\.windows\.net",
        r"regex:https://[a-z]+\.any\.ck",
        r"regex:https://[a-z]+\.newtld",
        r"regex:https://(a|b|c|d|e|f|g|h|i|j)\.github\.io",
        r"regex:https://[a-j]\.(github|gitlab)\.io",
    ] {
        assert_refused(pattern);
    }
    for pattern in [
        // Its hosts have one label there, and belong to Amazon.
        r"regex:https://[a-z]+\.amazonaws\.com",
        r"regex:https://[a-z]+\.kawasaki\.jp",
        r"regex:https://([a-z]+|b\.city)\.kawasaki\.jp",
        r"regex:https://[a-z.]+\.city\.kawasaki\.jp",
        r"regex:https://[a-z]+\.www\.ck",
        r"regex:https://[a-i]\.github\.io",
        r"regex:https://(one|two)\.s3\.amazonaws\.com(:[0-9]+)?",
        r"regex:https://mine\.(s3|s3-eu-west-1)\.amazonaws\.com",
        r"regex:https://pr-[0-9]+\.mine\.up\.railway\.app",
        r"regex:https://pr-[0-9]+\.(corp|home|internal|intranet|lan|local|localhost|private|test|example|invalid)",
        "https://*.mine.up.railway.app",
        "https://*.mine.example.internal",
        "https://*.home.arpa",
        "https://pr-*.home.arpa",
        r"regex:https://[a-z]+\.home\.arpa",
    ] {
        assert_accepted(pattern);
    }
}

#[test]
fn messages_name_the_suffix_how_to_get_a_name_and_what_to_write() {
    for (pattern, problem, remedy) in [
        (
            "https://*.amazonaws.com",
            "it also matches `https://example.s3.amazonaws.com`: with credentials, anyone who signs up for the service could get a name directly below the public suffix `s3.amazonaws.com`",
            r#"list the origins that are yours, as in "https://example.s3.amazonaws.com""#,
        ),
        (
            "https://*.run.app:*",
            "it also matches `https://example.a.run.app`: with credentials, anyone who signs up for the service could get a name directly below the public suffix `*.run.app`",
            r#"list the origins that are yours, as in "https://example.a.run.app:*""#,
        ),
        (
            r"regex:https?://[a-z]+\.up\.railway\.app",
            "it also matches `https://x.up.railway.app`: with credentials, anyone who signs up for the service could get a name directly below the public suffix `up.railway.app`",
            r#"list the origins that are yours, as in "https://x.up.railway.app""#,
        ),
        (
            "https://*.ck",
            "with credentials, anyone could register a name directly below the public suffix `ck`",
            r#"put a name that is yours below the suffix, as in "https://*.example.a.ck""#,
        ),
    ] {
        let violations = violations(pattern, true);
        let violation = violations.last().unwrap();
        assert_eq!(violation.to_string(), problem, "{pattern}");
        let permits = r#"; "public_suffixes" under `dangerously_allow` permits it"#;
        assert_eq!(violation.remedy(), format!("{remedy}{permits}"), "{pattern}");
    }
}

/// One remedy obeys both guards.
#[test]
fn cleartext_and_a_suffix_have_one_remedy() {
    for pattern in ["http://*.github.io", "http://*.amazonaws.com:*", "http://*.run.app:8080"] {
        let refused = violations(pattern, true);
        assert_eq!(refused.len(), 2, "{pattern}");
        let advised: HashSet<_> = refused
            .iter()
            .map(|violation| violation.remedy().split('"').nth(1).unwrap().to_owned())
            .collect();
        assert_eq!(advised.len(), 1, "{pattern}: {advised:?}");
        for advised in advised {
            assert_accepted(&advised);
        }
    }
}
