//! The origin check (`enforce`), compared with the rule as docs/policy.md says it, in plain string code
//! that shares nothing with the crate.
//!
//! `ORIGIN_CHECK_REQUESTS` is the number of requests that are made up; by default a million with
//! optimizations, and ten thousand without.

use cors_policy::{
    CheckedRequest, Decision, FetchSite, OriginHeader, Passed, Policy, Refusal, RequestHosts,
    document,
};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

/// A request as it is sent.
#[derive(Debug)]
struct Request {
    method: &'static str,
    /// The host and port of a target in absolute form.
    target: Option<String>,
    headers: Vec<(&'static str, String)>,
    is_tls: bool,
}

impl Request {
    fn values(&self, name: &str) -> Vec<&str> {
        let values = self.headers.iter().filter(|(its, _)| *its == name);
        values.map(|(_, value)| value.as_str()).collect()
    }

    fn is_preflight(&self) -> bool {
        self.method == "OPTIONS"
            && !self.values("Origin").is_empty()
            && !self.values("Access-Control-Request-Method").is_empty()
    }
}

/// A policy, and what the rule needs of it.
struct Checked {
    policy: Policy,
    allowed: &'static [&'static str],
    own: &'static [&'static str],
}

fn policy(yaml: &str) -> Policy {
    let text = format!("version: 1\npolicies:\n  test: {yaml}\n");
    let read = document::parse(text.as_bytes(), "test.yaml".as_ref());
    read.unwrap_or_else(|report| panic!("{yaml}\n{report}")).value.remove(0)
}

/// The answer of the crate.
fn check(policy: &Policy, request: &Request) -> Result<Passed, Refusal> {
    let origins = request.values("Origin");
    let sites = request.values("Sec-Fetch-Site");
    let checked = CheckedRequest {
        method: request.method.as_bytes(),
        is_preflight: request.is_preflight(),
        is_websocket: request.values("Upgrade").contains(&"websocket"),
        origin: match origins[..] {
            [] => OriginHeader::Absent,
            [origin] => OriginHeader::One(origin.as_bytes()),
            _ => OriginHeader::Repeated,
        },
        site: sites.iter().fold(FetchSite::Absent, |site, value| site.with(value.as_bytes())),
        hosts: RequestHosts {
            header: request.values("Host").first().map(|host| host.as_bytes()),
            target: request.target.as_ref().map(|host| host.as_bytes()),
        },
        is_tls: request.is_tls,
    };
    policy.check(&checked).expect("the policy enforces")
}

/// Host and port as a number, with the scheme's default where none is written.
fn host_and_port(authority: &str, scheme: &str) -> Option<(String, u32)> {
    let default = if scheme == "https" { 443 } else { 80 };
    let end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(end);
    let port = match port {
        "" | ":" => default,
        _ => port.strip_prefix(':')?.parse().ok()?,
    };
    Some((host.to_lowercase(), port))
}

/// Whether an authority is that of an `http` or `https` origin.
fn is_authority_of(authority: &str, origin: &str) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else { return false };
    let Some((host, port)) = host_and_port(rest, scheme) else { return false };
    let default = if scheme == "https" { 443 } else { 80 };
    let written = if port == default { String::new() } else { format!(":{port}") };
    // Browsers write an origin in this way only.
    ["http", "https"].contains(&scheme)
        && origin == format!("{scheme}://{host}{written}")
        && !host.is_empty()
        && !host.ends_with('.')
        && port <= 65535
        && host_and_port(authority, scheme) == Some((host, port))
}

/// The rule: the point by which a request passes (0 for a preflight), or the decision that refuses it.
fn rule(checked: &Checked, request: &Request) -> Result<u8, &'static str> {
    let hosts: Vec<&str> =
        request.values("Host").into_iter().chain(request.target.as_deref()).collect();
    if !checked.own.is_empty() {
        let is_own = |host: &&str| checked.own.iter().any(|own| is_authority_of(host, own));
        if hosts.is_empty() || !hosts.iter().all(is_own) {
            return Err("denied_host");
        }
    }
    if request.is_preflight() {
        return Ok(0);
    }
    let origins = request.values("Origin");
    let sites = request.values("Sec-Fetch-Site");
    if matches!(origins[..], [origin] if checked.allowed.contains(&origin)) {
        return Ok(1);
    }
    if sites == ["same-origin"] || sites == ["none"] {
        return Ok(2);
    }
    let is_websocket = request.values("Upgrade") == ["websocket"];
    let is_safe = ["GET", "HEAD", "OPTIONS"].contains(&request.method) && !is_websocket;
    if origins.is_empty() {
        return if sites.is_empty() || is_safe { Ok(3) } else { Err("denied_site") };
    }
    if let ([], [origin]) = (&sites[..], &origins[..]) {
        let is_own = match checked.own {
            [] => !hosts.is_empty() && hosts.iter().all(|host| is_authority_of(host, origin)),
            own => own.contains(origin),
        };
        if is_own && (origin.starts_with("https://") || !request.is_tls) {
            return Ok(4);
        }
    }
    Err("denied_origin")
}

fn policies() -> [Checked; 3] {
    const ALLOWED: &[&str] = &["https://app.example", "http://localhost:3000"];
    const ORIGINS: &str = "allow_origins: ['https://app.example', 'http://localhost:3000']";
    [
        Checked {
            policy: policy(&format!("{{{ORIGINS}, enforce: true}}")),
            allowed: ALLOWED,
            own: &[],
        },
        Checked {
            policy: policy(&format!(
                "{{{ORIGINS}, enforce: true, own_origins: ['https://site.example', \
                 'http://localhost:8080']}}"
            )),
            allowed: ALLOWED,
            own: &["https://site.example", "http://localhost:8080"],
        },
        Checked {
            policy: policy(&format!(
                "{{{ORIGINS}, enforce: true, own_origins: ['http://site.example', \
                 'https://site.example:8443', 'http://[::1]']}}"
            )),
            allowed: ALLOWED,
            own: &["http://site.example", "https://site.example:8443", "http://[::1]"],
        },
    ]
}

const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "get", "PROPFIND"];

const SITES: [&str; 8] = [
    "same-origin",
    "none",
    "same-site",
    "cross-site",
    "",
    "Same-Origin",
    "none ",
    "same-origin, none",
];

const NAMES: [&str; 9] = [
    "site.example",
    "localhost",
    "app.example",
    "evil.example",
    "[::1]",
    "site.example.evil.example",
    "SITE.example",
    "site.example.",
    "",
];

const PORTS: [&str; 9] = ["", "", ":80", ":443", ":8080", ":8443", ":3000", ":", ":65536"];

fn authority(random: &mut SmallRng) -> String {
    // The service's own names come often, so that not every request is refused for its host.
    let (names, ports) = match random.random_range(0..4) {
        0 => (&NAMES[..], &PORTS[..]),
        _ => (&NAMES[..2], &PORTS[..6]),
    };
    format!("{}{}", names.choose(random).unwrap(), ports.choose(random).unwrap())
}

fn origin(random: &mut SmallRng) -> String {
    match random.random_range(0..10) {
        0 => "null".to_owned(),
        1 => String::new(),
        2 => "https://app.example".to_owned(),
        3 => format!("app://{}", authority(random)),
        _ => {
            let scheme = ["http", "https"].choose(random).unwrap();
            format!("{scheme}://{}", authority(random))
        }
    }
}

/// A header with this value as a rule, sometimes without it, and sometimes twice.
fn add(
    random: &mut SmallRng,
    headers: &mut Vec<(&'static str, String)>,
    name: &'static str,
    value: impl Fn(&mut SmallRng) -> String,
) {
    let count = [0, 0, 0, 1, 1, 1, 1, 1, 1, 2].choose(random).copied().unwrap();
    headers.extend((0..count).map(|_| (name, value(random))));
}

fn request(random: &mut SmallRng) -> Request {
    let mut headers = Vec::new();
    add(random, &mut headers, "Origin", origin);
    add(random, &mut headers, "Sec-Fetch-Site", |random| {
        (*SITES.choose(random).unwrap()).to_owned()
    });
    if random.random_ratio(9, 10) {
        headers.push(("Host", authority(random)));
    }
    if random.random_ratio(1, 5) {
        headers.push(("Upgrade", "websocket".to_owned()));
    }
    if random.random_ratio(1, 5) {
        headers.push(("Access-Control-Request-Method", "PUT".to_owned()));
    }
    Request {
        method: METHODS.choose(random).unwrap(),
        target: random.random_ratio(1, 10).then(|| authority(random)),
        headers,
        is_tls: random.random(),
    }
}

#[test]
fn many_requests_as_the_rule_says() {
    let default = if cfg!(debug_assertions) { 10_000 } else { 1_000_000 };
    let count = std::env::var("ORIGIN_CHECK_REQUESTS")
        .map_or(default, |count| count.parse().expect("a number"));
    let policies = policies();
    let mut random = SmallRng::seed_from_u64(17);
    let mut outcomes = std::collections::BTreeMap::new();
    for _ in 0..count {
        let request = request(&mut random);
        for (index, checked) in policies.iter().enumerate() {
            let expected = rule(checked, &request);
            let found = match check(&checked.policy, &request) {
                Ok(passed) => Ok(passed.point().unwrap_or(0)),
                Err(refusal) => Err(refusal.decision().as_str()),
            };
            assert_eq!(found, expected, "policy {index}: {request:?}");
            *outcomes.entry((index, expected)).or_insert(0) += 1;
        }
    }
    // Each outcome that a policy can have was there, and often.
    for index in 0..policies.len() {
        let refusals = ["denied_origin", "denied_site", "denied_host"].map(Err);
        for outcome in (0..=4).map(Ok).chain(refusals) {
            let is_possible = index > 0 || outcome != Err("denied_host");
            let times = outcomes.get(&(index, outcome)).copied().unwrap_or(0);
            assert_eq!(times >= count / 1000, is_possible, "{index}: {outcome:?}: {times}");
        }
    }
}

/// Names the point, or the decision.
fn outcome(policy: &Policy, request: &Request) -> String {
    match check(policy, request) {
        Ok(passed) => passed.point().map_or("preflight".to_owned(), |point| point.to_string()),
        Err(refusal) => refusal.decision().to_string(),
    }
}

#[test]
fn each_point_in_a_sentence() {
    let plain = policy("{allow_origins: ['https://app.example'], enforce: true}");
    let own = policy(
        "{allow_origins: ['https://app.example'], enforce: true, \
         own_origins: ['https://site.example', 'http://localhost:8080']}",
    );
    // Method, scheme, headers; the outcome without and with `own_origins`.
    for (sentence, line, headers, expected, expected_with_own) in [
        (
            "an allowed origin",
            "POST",
            "Origin: https://app.example|Sec-Fetch-Site: cross-site|Host: site.example",
            "1",
            "1",
        ),
        (
            "a form of the site itself under no-referrer",
            "POST",
            "Origin: null|Sec-Fetch-Site: same-origin|Host: site.example",
            "2",
            "2",
        ),
        (
            "a sandboxed frame",
            "POST",
            "Origin: null|Sec-Fetch-Site: cross-site|Host: site.example",
            "denied_origin",
            "denied_origin",
        ),
        ("an address that was typed", "GET", "Sec-Fetch-Site: none|Host: site.example", "2", "2"),
        (
            "a link on another site",
            "GET",
            "Sec-Fetch-Site: cross-site|Host: site.example",
            "3",
            "3",
        ),
        ("a program", "DELETE", "Host: site.example", "3", "3"),
        (
            "a POST without an origin, of another site",
            "POST",
            "Sec-Fetch-Site: cross-site|Host: site.example",
            "denied_site",
            "denied_site",
        ),
        (
            "a handshake without an origin, of another site",
            "GET",
            "Upgrade: websocket|Sec-Fetch-Site: cross-site|Host: site.example",
            "denied_site",
            "denied_site",
        ),
        ("a handshake of a program", "GET", "Upgrade: websocket|Host: site.example", "3", "3"),
        (
            "a GET with an origin that is not allowed",
            "GET",
            "Origin: https://evil.example|Sec-Fetch-Site: cross-site|Host: site.example",
            "denied_origin",
            "denied_origin",
        ),
        (
            "an older browser on the site itself",
            "POST",
            "Origin: https://site.example|Host: site.example",
            "4",
            "4",
        ),
        (
            "http for https where nginx terminates TLS",
            "POST tls",
            "Origin: http://site.example|Host: site.example",
            "denied_origin",
            "denied_origin",
        ),
        (
            "either scheme elsewhere",
            "POST",
            "Origin: http://site.example|Host: site.example",
            "4",
            "denied_origin",
        ),
        (
            "another port",
            "POST",
            "Origin: https://site.example:8443|Host: site.example",
            "denied_origin",
            "denied_origin",
        ),
        (
            "a rebound name",
            "POST",
            "Origin: http://evil.example|Host: evil.example",
            "4",
            "denied_host",
        ),
        (
            "a rebound name that a browser calls the same origin",
            "GET",
            "Sec-Fetch-Site: same-origin|Host: evil.example:8080",
            "2",
            "denied_host",
        ),
        (
            "a rebound name, before the request itself",
            "OPTIONS",
            "Origin: https://app.example|Access-Control-Request-Method: PUT|Host: evil.example",
            "preflight",
            "denied_host",
        ),
        (
            "a proxy in front that changes the host",
            "POST",
            "Origin: https://site.example|Host: localhost:8080",
            "denied_origin",
            "4",
        ),
        ("upper case", "POST", "Origin: https://site.example|Host: SITE.Example", "4", "4"),
        (
            "the default port",
            "POST",
            "Origin: https://site.example|Host: site.example:443",
            "4",
            "4",
        ),
        (
            "the default port of the other scheme",
            "POST",
            "Origin: https://site.example|Host: site.example:80",
            "denied_origin",
            "denied_host",
        ),
        ("no host", "GET", "", "3", "denied_host"),
        (
            "an origin and no host",
            "POST",
            "Origin: https://site.example",
            "denied_origin",
            "denied_host",
        ),
        (
            "a target that names another host",
            "GET //evil.example",
            "Host: site.example",
            "3",
            "denied_host",
        ),
        ("a target that names the same host", "GET //site.example", "Host: site.example", "3", "3"),
        ("a target that names an own host, and no Host", "GET //site.example", "", "3", "3"),
        (
            "an own target with another Host",
            "POST //site.example",
            "Origin: https://site.example|Host: evil.example",
            "denied_origin",
            "denied_host",
        ),
        (
            "two lines",
            "POST",
            "Origin: null|Sec-Fetch-Site: same-origin|Sec-Fetch-Site: same-origin|Host: site.example",
            "denied_origin",
            "denied_origin",
        ),
        (
            "two origins",
            "POST",
            "Origin: https://app.example|Origin: https://app.example|Host: site.example",
            "denied_origin",
            "denied_origin",
        ),
        (
            "a word in upper case",
            "POST",
            "Sec-Fetch-Site: Same-Origin|Host: site.example",
            "denied_site",
            "denied_site",
        ),
    ] {
        let mut words = line.split(' ');
        let method = words.next().unwrap();
        let mut request = Request { method, target: None, headers: Vec::new(), is_tls: false };
        for word in words {
            match word.strip_prefix("//") {
                Some(host) => request.target = Some(host.to_owned()),
                None => request.is_tls = true,
            }
        }
        for (name, value) in headers.split('|').filter_map(|line| line.split_once(": ")) {
            request.headers.push((name, value.to_owned()));
        }
        assert_eq!(outcome(&plain, &request), expected, "{sentence}");
        assert_eq!(outcome(&own, &request), expected_with_own, "{sentence}, with own_origins");
    }
}

#[test]
fn only_enforce_checks() {
    let request = CheckedRequest {
        method: b"POST",
        is_preflight: false,
        is_websocket: false,
        origin: OriginHeader::Absent,
        site: FetchSite::Other,
        hosts: RequestHosts::default(),
        is_tls: false,
    };
    for (keys, expected) in
        [("", None), (", enforce: false", None), (", enforce: true", Some(Err(Refusal::Site)))]
    {
        let policy = policy(&format!("{{allow_origins: '*'{keys}}}"));
        assert_eq!(policy.check(&request), expected, "{keys}");
        assert_eq!(policy.enforce(), expected.is_some(), "{keys}");
    }
    // A policy that allows everyone allows no one who does not ask.
    let everyone = policy("{allow_origins: '*', enforce: true}");
    let with_origin = CheckedRequest { origin: OriginHeader::One(b"null"), ..request };
    assert_eq!(everyone.check(&with_origin), Some(Ok(Passed::AllowedOrigin)));
    // What refused requests get is what denied origins get.
    let answer = everyone.responses().denied(Decision::DeniedSite);
    assert_eq!((answer.decision(), answer.fields().count()), (Decision::DeniedSite, 0));
}
