//! Hostile requests against policies made at random, each answer held against plain string code
//! that shares nothing with the crate.
//!
//! Two environment variables: `HOSTILE_REQUESTS`, how many (`make test-hostile` sends millions),
//! and `HOSTILE_SEED`, which a failure names.

mod reference;

use std::env;

use cors_policy::{Answer, FieldValue, OriginHeader, Policy, PreflightRequest, document};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use reference::Piece;

/// Requests that one policy gets.
const BATCH: u64 = 200;

#[derive(Clone, Debug)]
enum Pattern {
    Text(String),
    Regex(Vec<Piece>),
}

impl Pattern {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Regex(pieces) => format!("regex:{}", reference::expression(pieces)),
        }
    }

    fn accepts(&self, origin: &[u8]) -> bool {
        match self {
            Self::Text(text) => reference::accepts(text, origin),
            Self::Regex(pieces) => is_origin(origin) && reference::make_up(pieces, origin),
        }
    }
}

fn is_origin(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(reference::is_origin)
}

#[derive(Clone, Debug)]
struct Rule {
    origins: Vec<Pattern>,
    credentials: bool,
    /// `None` where the rule leaves them out.
    methods: Option<Vec<&'static str>>,
    headers: Vec<&'static str>,
    expose: bool,
    private_network: bool,
    timing: bool,
}

impl Rule {
    fn any(&self) -> bool {
        self.lists("*")
    }

    fn lists(&self, word: &str) -> bool {
        self.origins.iter().any(|pattern| pattern.text() == word)
    }
}

#[derive(Clone, Debug)]
struct Model {
    deny: Vec<Pattern>,
    rules: Vec<Rule>,
}

/// The CORS headers of a request: its `Origin` lines, and the demands of a preflight.
#[derive(Clone, Debug)]
struct Request {
    origins: Vec<Vec<u8>>,
    preflight: Option<(Vec<u8>, Vec<Vec<u8>>, bool)>,
}

impl Model {
    fn yaml(&self) -> String {
        let list = |items: &mut dyn Iterator<Item = String>| {
            let quoted: Vec<_> = items.map(|item| format!("'{item}'")).collect();
            format!("[{}]", quoted.join(", "))
        };
        let names = |names: &[&str]| list(&mut names.iter().map(|name| (*name).to_owned()));
        let patterns = |patterns: &[Pattern]| list(&mut patterns.iter().map(Pattern::text));
        let mut text = "version: 1\npolicies:\n  test:\n    dangerously_allow: \
            [insecure_origins, public_suffixes, any_origin_with_credentials, null_origin]\n"
            .to_owned();
        text += &format!("    deny_origins: {}\n    rules:\n", patterns(&self.deny));
        for rule in &self.rules {
            text += &format!("      - allow_origins: {}\n", patterns(&rule.origins));
            text += &format!("        allow_credentials: {}\n", rule.credentials);
            text += &format!("        allow_private_network: {}\n", rule.private_network);
            text += &format!("        timing_allow_origin: {}\n", rule.timing);
            text += &format!("        allow_headers: {}\n", names(&rule.headers));
            if let Some(methods) = &rule.methods {
                text += &format!("        allow_methods: {}\n", names(methods));
            }
            if rule.expose {
                text += "        expose_headers: [ETag]\n";
            }
        }
        text
    }

    /// Section by section as the documentation tells it: the decision and the headers.
    fn answer(&self, request: &Request) -> (&'static str, Vec<String>) {
        let plain = self.deny.is_empty() && self.rules[0].any() && !self.rules[0].credentials;
        let vary = if plain { None } else { Some("Vary: Origin".to_owned()) };
        let refuse = |decision| (decision, vary.iter().cloned().collect());
        let origin = match &request.origins[..] {
            [] if plain => {
                return ("none", actual_headers(&self.rules[0], b"", None));
            }
            [] => return refuse("none"),
            [one] => Some(one.as_slice()),
            _ => None,
        };
        let decides = |rule: &&Rule| match origin {
            None => rule.any() && !rule.credentials,
            Some(origin) if rule.any() && rule.credentials => {
                // A browser takes no `*` with credentials, and only an origin may be sent back.
                is_origin(origin) || (rule.lists("null") && origin == b"null")
            }
            Some(origin) => rule.origins.iter().any(|pattern| pattern.accepts(origin)),
        };
        let is_denied =
            origin.is_some_and(|origin| self.deny.iter().any(|pattern| pattern.accepts(origin)));
        let Some(rule) = self.rules.iter().find(decides).filter(|_| !is_denied) else {
            return refuse("denied_origin");
        };
        let origin = origin.unwrap_or(b"");
        let Some((method, headers, private_network)) = &request.preflight else {
            return ("allowed", actual_headers(rule, origin, vary));
        };

        let listed = rule.methods.as_deref().unwrap_or(&["GET", "HEAD", "POST"]);
        let any_method = listed.contains(&"*");
        let name = String::from_utf8_lossy(method).into_owned();
        let method_is_allowed = ["GET", "HEAD", "POST"].contains(&&*name)
            || listed.iter().any(|it| *it != "*" && *it == name)
            || any_method
                && is_token(method)
                && !["CONNECT", "TRACE", "TRACK"].contains(&&*name.to_uppercase());
        let any_header = rule.headers.contains(&"*");
        let names: Vec<&[u8]> = headers
            .iter()
            .flat_map(|line| line.split(|byte| *byte == b','))
            .map(trim)
            .filter(|name| !name.is_empty())
            .collect();
        let headers_are_allowed = headers.iter().map(Vec::len).sum::<usize>() <= 8192
            && names.len() <= 128
            && names.iter().all(|name| {
                let lower = String::from_utf8_lossy(name).to_lowercase();
                is_token(name)
                    && (rule.headers.iter().any(|it| *it != "*" && it.to_lowercase() == lower)
                        || any_header)
            });

        let mut sent = vec![allow_origin(rule, origin)];
        if rule.credentials {
            sent.push("Access-Control-Allow-Credentials: true".to_owned());
        }
        if !(any_method && rule.credentials) {
            sent.push(format!("Access-Control-Allow-Methods: {}", listed.join(", ")));
        } else if method_is_allowed {
            sent.push(format!("Access-Control-Allow-Methods: {name}"));
        }
        if !(any_header && rule.credentials) {
            if !rule.headers.is_empty() {
                sent.push(format!("Access-Control-Allow-Headers: {}", rule.headers.join(", ")));
            }
        } else if headers_are_allowed {
            sent.extend(headers.iter().map(|line| {
                format!("Access-Control-Allow-Headers: {}", String::from_utf8_lossy(line))
            }));
        }
        if rule.expose {
            sent.push("Access-Control-Expose-Headers: ETag".to_owned());
        }
        if rule.private_network && *private_network {
            sent.push("Access-Control-Allow-Private-Network: true".to_owned());
        }
        let echoes = rule.credentials && (any_method || any_header);
        let mut vary: Vec<String> = vary.into_iter().collect();
        if echoes {
            vary.push("Access-Control-Request-Method, Access-Control-Request-Headers".to_owned());
        }
        if rule.private_network {
            vary.push("Access-Control-Request-Private-Network".to_owned());
        }
        if let [first, rest @ ..] = &*vary {
            sent.push(rest.iter().fold(first.clone(), |all, name| all + ", " + name));
        }
        let decision = match (method_is_allowed, headers_are_allowed) {
            (true, true) => "allowed",
            (false, _) => "denied_method",
            (true, false) => "denied_header",
        };
        (decision, sent)
    }
}

fn allow_origin(rule: &Rule, origin: &[u8]) -> String {
    format!(
        "Access-Control-Allow-Origin: {}",
        match rule.any() && !rule.credentials {
            true => "*".to_owned(),
            false => String::from_utf8(origin.to_vec()).unwrap(),
        }
    )
}

fn actual_headers(rule: &Rule, origin: &[u8], vary: Option<String>) -> Vec<String> {
    let allow_origin = allow_origin(rule, origin);
    let (_, value) = allow_origin.split_once(": ").unwrap();
    let timing = format!("Timing-Allow-Origin: {value}");
    let mut sent = vec![allow_origin];
    if rule.credentials {
        sent.push("Access-Control-Allow-Credentials: true".to_owned());
    }
    if rule.expose {
        sent.push("Access-Control-Expose-Headers: ETag".to_owned());
    }
    if rule.timing {
        sent.push(timing);
    }
    sent.extend(vary);
    sent
}

fn is_token(bytes: &[u8]) -> bool {
    let separators = b"\"(),/:;<=>?@[\\]{}";
    !bytes.is_empty()
        && bytes.iter().all(|byte| byte.is_ascii_graphic() && !separators.contains(byte))
}

/// Without the spaces and tabs around it.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_other = |byte: &u8| !b" \t".contains(byte);
    let Some(first) = bytes.iter().position(is_other) else { return b"" };
    &bytes[first..=bytes.iter().rposition(is_other).unwrap()]
}

/// The crate's answer, in the form of the model.
fn answered(policy: &Policy, request: &Request) -> (&'static str, Vec<String>) {
    let origin = match &request.origins[..] {
        [] => OriginHeader::Absent,
        [one] => OriginHeader::One(one),
        _ => OriginHeader::Repeated,
    };
    match &request.preflight {
        None => written(policy.decide(origin), request),
        Some((method, headers, private_network)) => {
            let headers = headers.iter().map(Vec::as_slice);
            let preflight = PreflightRequest { method, headers, private_network: *private_network };
            written(policy.decide_preflight(origin, &preflight), request)
        }
    }
}

fn written(answer: Answer<'_>, request: &Request) -> (&'static str, Vec<String>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut sent = Vec::new();
    for (name, value) in answer.fields() {
        let mut add = |value: String| sent.push(format!("{}: {value}", name.as_str()));
        let (method, headers) = match &request.preflight {
            Some((method, headers, _)) => (&method[..], &headers[..]),
            None => (&b""[..], &[][..]),
        };
        match value {
            FieldValue::Ready(bytes) => add(text(bytes)),
            FieldValue::EchoOrigin => add(text(&request.origins[0])),
            FieldValue::EchoMethod => add(text(method)),
            FieldValue::EchoHeaders => headers.iter().for_each(|line| add(text(line))),
        }
    }
    sent.extend(answer.vary().value().map(|value| format!("Vary: {value}")));
    (answer.decision().as_str(), sent)
}

fn insert(into: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    into.splice(at..at, bytes.iter().copied());
}

/// Makes policies and requests.
struct Source(SmallRng);

impl Source {
    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items.choose(&mut self.0).unwrap().clone()
    }

    fn chance(&mut self, one_in: u32) -> bool {
        self.0.random_ratio(1, one_in)
    }

    fn text(&mut self, alphabet: &str, lengths: std::ops::Range<usize>) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..self.0.random_range(lengths)).map(|_| self.pick(&alphabet)).collect()
    }

    fn label(&mut self) -> String {
        match self.chance(4) {
            true => self.text("ab0-_x", 1..5),
            false => {
                self.pick(&["a", "app", "b", "www", "example", "evil", "xn--a", "1"]).to_owned()
            }
        }
    }

    fn host(&mut self) -> String {
        if self.chance(12) {
            return self.pick(&["localhost", "127.0.0.1", "[::1]", "[2001:db8::1]"]).to_owned();
        }
        let mut labels: Vec<String> =
            (0..self.0.random_range(0..4)).map(|_| self.label()).collect();
        labels.push(self.pick(&["com", "example", "net", "github.io", "co.uk"]).to_owned());
        labels.join(".")
    }

    fn pattern(&mut self) -> Pattern {
        loop {
            if self.chance(6) {
                return Pattern::Regex(self.pieces());
            }
            let scheme = self.pick(&["https", "https", "https", "http", "app", "chrome-extension"]);
            let host = match self.0.random_range(0..10) {
                0..5 => self.host(),
                5..9 => format!("*.{}", self.host()),
                _ => "*".to_owned(),
            };
            let port = self.pick(&["", "", "", "", ":8443", ":3000", ":*", ":*"]);
            let text = format!("{scheme}://{host}{port}");
            let filled = text.replace(":*", "").replace('*', "a");
            if reference::is_origin(&filled) {
                return Pattern::Text(text);
            }
        }
    }

    fn pieces(&mut self) -> Vec<Piece> {
        let mut pieces = vec![Piece::Literal(self.pick(&["https://", "http://", "app://"]))];
        for _ in 0..self.0.random_range(1..4) {
            let piece = match self.0.random_range(0..4) {
                0 => Piece::Literal(self.pick(&["a.", "www.", "example.", "pr-"])),
                1 => Piece::Optional(self.pick(&["a.", "www.", "b"])),
                2 => Piece::OneOf(self.pick(&[vec!["a", "b."], vec!["example", "localhost"]])),
                _ => Piece::Some(self.pick(&[&b"ab"[..], b"0123456789", b"abelmpxco.-"])),
            };
            pieces.push(piece);
        }
        pieces.push(Piece::Literal(self.pick(&[".com", ".example", "example.net", "com:8443"])));
        pieces
    }

    fn patterns(&mut self, numbers: std::ops::Range<usize>) -> Vec<Pattern> {
        (0..self.0.random_range(numbers)).map(|_| self.pattern()).collect()
    }

    fn model(&mut self) -> Model {
        let count = self.0.random_range(1..4);
        let mut rules: Vec<Rule> = (0..count)
            .map(|_| Rule {
                origins: self.patterns(1..8),
                credentials: self.chance(2),
                methods: match self.0.random_range(0..4) {
                    0 => None,
                    1 => Some(vec!["*"]),
                    2 => Some(vec!["PUT", "DELETE"]),
                    _ => Some(vec!["PATCH", "Custom", "GET"]),
                },
                headers: match self.0.random_range(0..5) {
                    0 => vec![],
                    1 => vec!["*"],
                    2 => vec!["*", "Authorization"],
                    _ => vec!["X-A", "Content-Type", "X-Request-Id"],
                },
                expose: self.chance(2),
                private_network: self.chance(2),
                timing: self.chance(3),
            })
            .collect();
        let last = rules.last_mut().unwrap();
        if self.chance(8) {
            last.origins.push(Pattern::Text("*".to_owned()));
        }
        if self.chance(8) {
            last.origins.push(Pattern::Text("null".to_owned()));
        }
        let deny = if self.chance(3) { self.patterns(1..4) } else { Vec::new() };
        Model { deny, rules }
    }

    /// An origin that a pattern matches, most of the time.
    fn match_for(&mut self, pattern: &Pattern) -> Vec<u8> {
        let text = match pattern {
            Pattern::Text(text) => {
                let port = self.pick(&["", ":8443", ":1", ":65535"]);
                let text = match text.strip_suffix(":*") {
                    Some(rest) => format!("{rest}{port}"),
                    None => text.clone(),
                };
                let labels: Vec<_> = (0..self.0.random_range(1..3)).map(|_| self.label()).collect();
                text.replace('*', &labels.join("."))
            }
            Pattern::Regex(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Literal(text) => (*text).to_owned(),
                    Piece::Optional(text) => {
                        if self.chance(2) {
                            (*text).to_owned()
                        } else {
                            String::new()
                        }
                    }
                    Piece::OneOf(texts) => self.pick(texts).to_owned(),
                    Piece::Some(bytes) => self.text(std::str::from_utf8(bytes).unwrap(), 1..4),
                })
                .collect(),
        };
        text.into_bytes()
    }

    /// One of the ways to make a bad origin out of a good one.
    fn mutate(&mut self, origin: &mut Vec<u8>) {
        const SPECIAL: &[u8] = b"`_{}|!\"'$&()*+,;=^~<>%@:/\\?#.-[] \t\0\r\n\x0b\x7f\xff";
        const ENDS: &[&str] = &[
            ".",
            "..",
            "/",
            "//",
            "?",
            "#",
            ":",
            ":443",
            ":80",
            ":0",
            ":8443",
            ":65536",
            ".evil.net",
            "evil.net",
            "@evil.net",
            ":443@evil.net",
            "\0.evil.net",
            "%00.evil.net",
            "`.evil.net",
            "_.evil.net",
            ",https://evil.net",
            " https://evil.net",
            "\\.evil.net",
            "/.evil.net",
            "\u{3002}evil.net",
            "-",
            "x",
            " ",
        ];
        const STARTS: &[&str] = &[
            "x",
            " ",
            "https://",
            "http://",
            "https://evil.net/",
            "https://evil.net@",
            "//",
            "*",
            "https://evil.net?",
            "null,",
            "\u{feff}",
        ];
        let at = self.0.random_range(0..=origin.len());
        let inside = at.min(origin.len().saturating_sub(1));
        let host = origin.windows(3).position(|it| it == b"://").map_or(0, |start| start + 3);
        match self.0.random_range(0..16) {
            0 | 1 => insert(origin, at, &[self.pick(SPECIAL)]),
            2 => insert(origin, at, &[self.0.random()]),
            3 if !origin.is_empty() => origin[inside] = self.0.random(),
            4 if !origin.is_empty() => {
                origin.remove(inside);
            }
            5 => origin.make_ascii_uppercase(),
            6 if !origin.is_empty() => origin[inside] = origin[inside].to_ascii_uppercase(),
            7 | 8 => origin.extend_from_slice(self.pick(ENDS).as_bytes()),
            9 => insert(origin, 0, self.pick(STARTS).as_bytes()),
            10 => insert(
                origin,
                host,
                self.pick(&["evil", "evil.", ".", "-", "u:p@", "*."]).as_bytes(),
            ),
            11 => {
                // Another byte for a dot.
                if let Some(dot) = origin.iter().rposition(|byte| *byte == b'.') {
                    origin[dot] = self.pick(b"x-_a/@ ");
                }
            }
            12 => {
                let scheme = self.pick(&["http", "https", "ftp", "file", "HTTPS", "ws", ""]);
                origin.splice(..host.saturating_sub(3), scheme.bytes());
            }
            13 => origin.truncate(at),
            14 => {
                let label = self.text("a", 1..340) + ".";
                insert(origin, host, label.as_bytes());
            }
            15 => origin.extend_from_within(at..),
            _ => *origin = (0..self.0.random_range(0..40)).map(|_| self.0.random()).collect(),
        }
    }

    fn origin(&mut self, model: &Model) -> Vec<u8> {
        let all: Vec<&Pattern> =
            model.rules.iter().flat_map(|rule| &rule.origins).chain(&model.deny).collect();
        let pattern = self.pick(&all);
        let mut origin = match self.0.random_range(0..20) {
            0 => b"null".to_vec(),
            1 => self.pattern().text().replace('*', "x").into_bytes(),
            _ => self.match_for(pattern),
        };
        for _ in 0..self.pick(&[0, 0, 1, 1, 1, 2, 3]) {
            self.mutate(&mut origin);
        }
        origin
    }

    fn method(&mut self) -> Vec<u8> {
        let mut method = self
            .pick(&[
                "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "Custom", "TRACE", "Connect", "*",
            ])
            .as_bytes()
            .to_vec();
        if self.chance(4) {
            self.mutate(&mut method);
        }
        method
    }

    fn header_line(&mut self) -> Vec<u8> {
        const NAMES: &[&str] = &[
            "x-a",
            "X-A",
            "content-type",
            "x-request-id",
            "authorization",
            "x-b",
            "*",
            "",
            "cookie",
        ];
        let separator = self.pick(&[",", ",", ", ", " ,\t", ",,", ";", " "]);
        let many = if self.chance(40) { 140 } else { 5 };
        let names: Vec<_> = (0..self.0.random_range(0..many)).map(|_| self.pick(NAMES)).collect();
        let mut line = names.join(separator).into_bytes();
        if self.chance(4) {
            self.mutate(&mut line);
        }
        if self.chance(100) {
            line.extend(std::iter::repeat_n(b',', 8190));
        }
        line
    }

    fn request(&mut self, model: &Model) -> Request {
        let lines = self.pick(&[0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
        let origins = (0..lines).map(|_| self.origin(model)).collect();
        let preflight = self.chance(3).then(|| {
            let headers = (0..self.pick(&[0, 1, 1, 1, 2])).map(|_| self.header_line()).collect();
            (self.method(), headers, self.chance(2))
        });
        Request { origins, preflight }
    }
}

#[test]
fn nothing_gets_past_a_policy_that_the_plain_reading_of_it_refuses() {
    let number = |name: &str, default| match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text}: not a number")),
        Err(_) => default,
    };
    let requests: u64 = number("HOSTILE_REQUESTS", 40_000);
    let seed: u64 = number("HOSTILE_SEED", 1);
    let mut decisions = std::collections::BTreeMap::<_, u64>::new();
    let mut refused = 0;
    let batches = requests.div_ceil(BATCH);
    for batch in seed..seed + batches {
        // A batch can be repeated alone: HOSTILE_SEED=batch HOSTILE_REQUESTS=1.
        let mut source = Source(SmallRng::seed_from_u64(batch));
        let (model, policy) = loop {
            let model = source.model();
            match document::parse(model.yaml().as_bytes(), "test.yaml".as_ref()) {
                Ok(mut read) => break (model, read.value.remove(0)),
                // A random expression may be one that guards refuse.
                Err(_) => refused += 1,
            }
        };
        for _ in 0..BATCH {
            let request = source.request(&model);
            let (decision, sent) = answered(&policy, &request);
            let (expected, headers) = model.answer(&request);
            assert!(
                decision == expected && sent == headers,
                "HOSTILE_SEED={batch}:\n{}\n{:?}\norigins: {}\n\
                 answered: {decision} {sent:?}\nexpected: {expected} {headers:?}",
                model.yaml(),
                request.preflight,
                request
                    .origins
                    .iter()
                    .map(|it| it.escape_ascii().to_string() + " ")
                    .collect::<String>(),
            );
            *decisions.entry(decision).or_default() += 1;
        }
    }
    println!("{} requests, {batches} policies: {decisions:?}", batches * BATCH);
    assert!(refused < batches, "most of the policies are accepted: {refused} of {batches} are not");
    // Each decision is at least one in two hundred, or the requests try little.
    for decision in ["none", "allowed", "denied_origin", "denied_method", "denied_header"] {
        let share = decisions.get(decision).map_or(0, |count| count * 200 / (batches * BATCH));
        assert!(share > 0 || requests < 10_000, "{decision}: {decisions:?}");
    }
}
