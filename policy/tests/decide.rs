//! Decisions and the headers that go with them, a sentence a case.

use cors_policy::{
    Answer, Decision, FieldValue, OriginHeader, Policy, PreflightMode, PreflightRequest,
    UpstreamHeaders, Vary, document,
};

/// The one policy whose keys are `yaml`.
fn policy(yaml: &str) -> Policy {
    let text = format!("version: 1\npolicies:\n  test: {yaml}\n");
    let mut policies = document::parse(text.as_bytes(), "test.yaml".as_ref())
        .unwrap_or_else(|report| panic!("{yaml}\n{report}"))
        .value;
    assert_eq!(policies.len(), 1);
    policies.remove(0)
}

/// The fields as they go out, without the common beginning of their names.
fn sent(answer: Answer<'_>, origin: &str, method: &str, headers: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, value) in answer.fields() {
        let name = name.as_str().replace("Access-Control-", "");
        match value {
            FieldValue::Ready(bytes) => {
                lines.push(format!("{name}: {}", std::str::from_utf8(bytes).unwrap()));
            }
            FieldValue::EchoOrigin => lines.push(format!("{name}: {origin}")),
            FieldValue::EchoMethod => lines.push(format!("{name}: {method}")),
            FieldValue::EchoHeaders => {
                lines.extend(headers.iter().map(|line| format!("{name}: {line}")));
            }
        }
    }
    let vary = answer.vary().value().map(|value| {
        value
            .replace("Access-Control-Request-Method", "method")
            .replace("Access-Control-Request-Headers", "headers")
            .replace("Access-Control-Request-Private-Network", "private network")
    });
    lines.extend(vary.map(|value| format!("Vary: {value}")));
    lines
}

fn header(origin: &str) -> OriginHeader<'_> {
    match origin {
        "absent" => OriginHeader::Absent,
        "repeated" => OriginHeader::Repeated,
        _ => OriginHeader::One(origin.as_bytes()),
    }
}

const STATIC: &[&str] = &[
    "Allow-Origin: https://a.example",
    "Allow-Credentials: true",
    "Expose-Headers: ETag",
    "Timing-Allow-Origin: https://a.example",
];

#[test]
fn actual_requests() {
    struct Case {
        sentence: &'static str,
        policy: &'static str,
        /// Origin, decision, index of the rule, headers.
        requests: &'static [(&'static str, &'static str, Option<usize>, &'static [&'static str])],
    }
    let long = "https://".to_owned() + &"a.".repeat(160) + "example";
    for case in [
        Case {
            sentence: "an allowed origin gets itself back, and everything varies on it",
            policy: "{allow_origins: ['https://a.example', 'https://*.b.example']}",
            requests: &[
                (
                    "https://a.example",
                    "allowed",
                    Some(0),
                    &["Allow-Origin: https://a.example", "Vary: Origin"],
                ),
                (
                    "https://x.y.b.example",
                    "allowed",
                    Some(0),
                    &["Allow-Origin: https://x.y.b.example", "Vary: Origin"],
                ),
                ("https://b.example", "denied_origin", None, &["Vary: Origin"]),
                ("https://a.example.evil", "denied_origin", None, &["Vary: Origin"]),
                ("https://A.example", "denied_origin", None, &["Vary: Origin"]),
                ("https://a.example ", "denied_origin", None, &["Vary: Origin"]),
                ("null", "denied_origin", None, &["Vary: Origin"]),
                ("", "denied_origin", None, &["Vary: Origin"]),
                ("repeated", "denied_origin", None, &["Vary: Origin"]),
                ("absent", "none", None, &["Vary: Origin"]),
            ],
        },
        Case {
            sentence: "credentials, exposed headers and timing go with an allowed origin",
            policy: "{allow_origins: ['https://a.example'], allow_credentials: true, \
                     expose_headers: [ETag, X-Total], timing_allow_origin: true, max_age: 5, \
                     allow_methods: [PUT], allow_headers: [X-A], allow_private_network: true}",
            requests: &[
                (
                    "https://a.example",
                    "allowed",
                    Some(0),
                    &[
                        "Allow-Origin: https://a.example",
                        "Allow-Credentials: true",
                        "Expose-Headers: ETag, X-Total",
                        "Timing-Allow-Origin: https://a.example",
                        "Vary: Origin",
                    ],
                ),
                ("https://b.example", "denied_origin", None, &["Vary: Origin"]),
            ],
        },
        Case {
            sentence: "a policy that is plain * says the same to everyone",
            policy: "{allow_origins: '*', expose_headers: '*', timing_allow_origin: true}",
            requests: &[
                (
                    "https://a.example",
                    "allowed",
                    Some(0),
                    &["Allow-Origin: *", "Expose-Headers: *", "Timing-Allow-Origin: *"],
                ),
                (
                    "absent",
                    "none",
                    None,
                    &["Allow-Origin: *", "Expose-Headers: *", "Timing-Allow-Origin: *"],
                ),
                (
                    "repeated",
                    "allowed",
                    Some(0),
                    &["Allow-Origin: *", "Expose-Headers: *", "Timing-Allow-Origin: *"],
                ),
                (
                    "",
                    "allowed",
                    Some(0),
                    &["Allow-Origin: *", "Expose-Headers: *", "Timing-Allow-Origin: *"],
                ),
            ],
        },
        Case {
            sentence: "* beside other patterns is still plain *",
            policy: "{allow_origins: ['https://a.example', '*']}",
            requests: &[
                ("https://a.example", "allowed", Some(0), &["Allow-Origin: *"]),
                ("null", "allowed", Some(0), &["Allow-Origin: *"]),
                ("absent", "none", None, &["Allow-Origin: *"]),
            ],
        },
        Case {
            sentence: "* with denied origins depends on the origin",
            policy: "{allow_origins: '*', deny_origins: ['https://evil.example']}",
            requests: &[
                ("https://a.example", "allowed", Some(0), &["Allow-Origin: *", "Vary: Origin"]),
                ("https://evil.example", "denied_origin", None, &["Vary: Origin"]),
                ("repeated", "allowed", Some(0), &["Allow-Origin: *", "Vary: Origin"]),
                ("", "allowed", Some(0), &["Allow-Origin: *", "Vary: Origin"]),
                ("absent", "none", None, &["Vary: Origin"]),
            ],
        },
        Case {
            sentence: "an empty list of denied origins denies nobody",
            policy: "{allow_origins: '*', deny_origins: []}",
            requests: &[("absent", "none", None, &["Allow-Origin: *"])],
        },
        Case {
            sentence: "* with credentials echoes what is an origin and nothing else",
            policy: "{allow_origins: '*', allow_credentials: true, timing_allow_origin: true, \
                     dangerously_allow: any_origin_with_credentials}",
            requests: &[
                (
                    "https://a.example",
                    "allowed",
                    Some(0),
                    &[
                        "Allow-Origin: https://a.example",
                        "Allow-Credentials: true",
                        "Timing-Allow-Origin: https://a.example",
                        "Vary: Origin",
                    ],
                ),
                ("null", "denied_origin", None, &["Vary: Origin"]),
                ("https://A.example", "denied_origin", None, &["Vary: Origin"]),
                ("https://a.example\r\nX: y", "denied_origin", None, &["Vary: Origin"]),
                ("", "denied_origin", None, &["Vary: Origin"]),
                ("repeated", "denied_origin", None, &["Vary: Origin"]),
                ("absent", "none", None, &["Vary: Origin"]),
            ],
        },
        Case {
            sentence: "null is echoed only where it is listed",
            policy: "{allow_origins: ['*', 'null'], allow_credentials: true, \
                     dangerously_allow: [any_origin_with_credentials, null_origin]}",
            requests: &[
                (
                    "null",
                    "allowed",
                    Some(0),
                    &["Allow-Origin: null", "Allow-Credentials: true", "Vary: Origin"],
                ),
                ("Null", "denied_origin", None, &["Vary: Origin"]),
            ],
        },
        Case {
            sentence: "the first rule whose origins match decides, and denied origins come first",
            policy: "{deny_origins: ['https://old.a.example'], rules: [\
                     {allow_origins: ['https://admin.a.example'], allow_credentials: true},\
                     {allow_origins: ['https://*.a.example'], expose_headers: ETag},\
                     {allow_origins: ['*']}]}",
            requests: &[
                (
                    "https://admin.a.example",
                    "allowed",
                    Some(0),
                    &[
                        "Allow-Origin: https://admin.a.example",
                        "Allow-Credentials: true",
                        "Vary: Origin",
                    ],
                ),
                (
                    "https://b.a.example",
                    "allowed",
                    Some(1),
                    &["Allow-Origin: https://b.a.example", "Expose-Headers: ETag", "Vary: Origin"],
                ),
                ("https://old.a.example", "denied_origin", None, &["Vary: Origin"]),
                ("https://b.example", "allowed", Some(2), &["Allow-Origin: *", "Vary: Origin"]),
                ("repeated", "allowed", Some(2), &["Allow-Origin: *", "Vary: Origin"]),
                ("", "allowed", Some(2), &["Allow-Origin: *", "Vary: Origin"]),
                ("absent", "none", None, &["Vary: Origin"]),
            ],
        },
        Case {
            sentence: "origins that may see timings are named in every response",
            policy: "{timing_allow_origin: ['https://t.example', 'https://u.example:8443'], rules: [\
                     {allow_origins: ['https://a.example'], allow_credentials: true},\
                     {allow_origins: ['https://b.example']}]}",
            requests: &[
                (
                    "https://a.example",
                    "allowed",
                    Some(0),
                    &[
                        "Allow-Origin: https://a.example",
                        "Allow-Credentials: true",
                        "Timing-Allow-Origin: https://t.example, https://u.example:8443",
                        "Vary: Origin",
                    ],
                ),
                (
                    "https://evil.example",
                    "denied_origin",
                    None,
                    &[
                        "Timing-Allow-Origin: https://t.example, https://u.example:8443",
                        "Vary: Origin",
                    ],
                ),
                (
                    "absent",
                    "none",
                    None,
                    &[
                        "Timing-Allow-Origin: https://t.example, https://u.example:8443",
                        "Vary: Origin",
                    ],
                ),
            ],
        },
        Case {
            sentence: "everybody may see timings",
            policy: "{allow_origins: ['https://a.example'], timing_allow_origin: '*'}",
            requests: &[
                (
                    "https://a.example",
                    "allowed",
                    Some(0),
                    &["Allow-Origin: https://a.example", "Timing-Allow-Origin: *", "Vary: Origin"],
                ),
                ("null", "denied_origin", None, &["Timing-Allow-Origin: *", "Vary: Origin"]),
                ("absent", "none", None, &["Timing-Allow-Origin: *", "Vary: Origin"]),
            ],
        },
        Case {
            sentence: "a static origin is named whoever asks, and nothing varies",
            policy: "{allow_origins: ['https://a.example'], allow_credentials: true, \
                     expose_headers: [ETag], timing_allow_origin: true, static_origin: true}",
            requests: &[
                ("https://a.example", "allowed", Some(0), STATIC),
                ("https://evil.example", "denied_origin", None, STATIC),
                ("null", "denied_origin", None, STATIC),
                ("repeated", "denied_origin", None, STATIC),
                ("absent", "none", None, STATIC),
            ],
        },
        Case {
            sentence: "a first rule that is plain * makes the policy plain *",
            policy: "{rules: [{allow_origins: ['*']}]}",
            requests: &[("absent", "none", None, &["Allow-Origin: *"])],
        },
    ] {
        let policy = policy(case.policy);
        for (origin, decision, rule, headers) in case.requests {
            let answer = policy.decide(header(origin));
            let context = format!("{}: {origin:?}", case.sentence);
            assert_eq!(answer.decision().as_str(), *decision, "{context}");
            assert_eq!(answer.rule(), *rule, "{context}");
            assert_eq!(sent(answer, origin, "", &[]), *headers, "{context}");
            assert_eq!(
                answer.allow_origin().is_some(),
                headers.first().is_some_and(|first| first.starts_with("Allow-Origin")),
                "{context}"
            );
        }
        let any = Some(FieldValue::Ready(b"*"));
        let plain = policy.decide(OriginHeader::Absent).allow_origin() == any;
        let long = policy.decide(OriginHeader::One(long.as_bytes())).decision();
        let keys = case.policy.replace("timing_allow_origin: '*'", "");
        let star = keys.contains("'*'") && !keys.contains("any_origin");
        assert_eq!(long == Decision::Allowed, plain || star, "{}: over-long", case.sentence);
    }
}

#[test]
fn preflights() {
    struct Case {
        sentence: &'static str,
        policy: &'static str,
        requests: Vec<Request>,
    }
    #[derive(Clone, Copy)]
    struct Request {
        origin: &'static str,
        method: &'static str,
        headers: &'static [&'static str],
        private_network: bool,
        decision: Decision,
        sent: &'static [&'static str],
    }
    const A: &str = "https://a.example";
    const DENIED: &[&str] = &["Vary: Origin"];
    let request = |method, headers, decision, sent| Request {
        origin: A,
        method,
        headers,
        private_network: false,
        decision,
        sent,
    };
    const LISTED: &[&str] = &[
        "Allow-Origin: https://a.example",
        "Allow-Credentials: true",
        "Allow-Methods: PUT, DELETE",
        "Allow-Headers: Authorization, X-A",
        "Expose-Headers: ETag",
        "Max-Age: 600",
        "Vary: Origin, private network",
    ];
    const DEFAULTS: &[&str] =
        &["Allow-Origin: https://a.example", "Allow-Methods: GET, HEAD, POST", "Vary: Origin"];
    const STARS: &[&str] = &["Allow-Origin: *", "Allow-Methods: *", "Allow-Headers: *"];
    const STAR_AND_AUTHORIZATION: &[&str] =
        &["Allow-Origin: *", "Allow-Methods: GET, HEAD, POST", "Allow-Headers: *, Authorization"];
    for case in [
        Case {
            sentence: "lists are sent as written, whatever is missing in them",
            policy: "{allow_origins: ['https://a.example'], allow_credentials: true, \
                     allow_methods: [PUT, DELETE], allow_headers: [Authorization, X-A], \
                     expose_headers: [ETag], max_age: 10m, timing_allow_origin: true, \
                     allow_private_network: true}",
            requests: vec![
                request("PUT", &["authorization,x-a"], Decision::Allowed, LISTED),
                request("DELETE", &[], Decision::Allowed, LISTED),
                request("GET", &[], Decision::Allowed, LISTED),
                request("HEAD", &[""], Decision::Allowed, LISTED),
                request("POST", &["x-a", "AUTHORIZATION"], Decision::Allowed, LISTED),
                request("PATCH", &[], Decision::DeniedMethod, LISTED),
                request("put", &[], Decision::DeniedMethod, LISTED),
                request("", &[], Decision::DeniedMethod, LISTED),
                request("PUT, DELETE", &[], Decision::DeniedMethod, LISTED),
                request("PUT", &["x-b"], Decision::DeniedHeader, LISTED),
                request("PUT", &["x-a", "x-b"], Decision::DeniedHeader, LISTED),
                request("PUT", &["content-type"], Decision::DeniedHeader, LISTED),
                request("PUT", &["x-a;x-b"], Decision::DeniedHeader, LISTED),
                request("PATCH", &["x-b"], Decision::DeniedMethod, LISTED),
                Request {
                    private_network: true,
                    sent: &[
                        "Allow-Origin: https://a.example",
                        "Allow-Credentials: true",
                        "Allow-Methods: PUT, DELETE",
                        "Allow-Headers: Authorization, X-A",
                        "Expose-Headers: ETag",
                        "Max-Age: 600",
                        "Allow-Private-Network: true",
                        "Vary: Origin, private network",
                    ],
                    ..request("PUT", &[], Decision::Allowed, &[])
                },
                Request {
                    origin: "https://b.example",
                    ..request("PUT", &[], Decision::DeniedOrigin, DENIED)
                },
                Request { origin: "absent", ..request("PUT", &[], Decision::None, DENIED) },
                Request {
                    origin: "repeated",
                    ..request("PUT", &[], Decision::DeniedOrigin, DENIED)
                },
            ],
        },
        Case {
            sentence: "the defaults are the safelisted methods and no headers",
            policy: "{allow_origins: ['https://a.example'], allow_headers: []}",
            requests: vec![
                request("POST", &[], Decision::Allowed, DEFAULTS),
                request("PUT", &[], Decision::DeniedMethod, DEFAULTS),
                request("GET", &["x-a"], Decision::DeniedHeader, DEFAULTS),
                Request {
                    private_network: true,
                    ..request("GET", &[], Decision::Allowed, DEFAULTS)
                },
            ],
        },
        Case {
            sentence: "without credentials * is sent as *, and covers Authorization too",
            policy: "{allow_origins: '*', allow_methods: '*', allow_headers: '*'}",
            requests: vec![
                request("PROPFIND", &["x-a, x-b"], Decision::Allowed, STARS),
                request("patch", &["content-type"], Decision::Allowed, STARS),
                request("GET", &["Authorization"], Decision::Allowed, STARS),
                request("TRACE", &[], Decision::DeniedMethod, STARS),
                request("connect", &[], Decision::DeniedMethod, STARS),
                request("A B", &[], Decision::DeniedMethod, STARS),
                request("PUT", &["x a"], Decision::DeniedHeader, STARS),
                Request { origin: "repeated", ..request("GET", &[], Decision::Allowed, STARS) },
            ],
        },
        Case {
            sentence: "Authorization may stand beside *",
            policy: "{allow_origins: '*', allow_headers: ['*', Authorization]}",
            requests: vec![request(
                "GET",
                &["authorization,x-a"],
                Decision::Allowed,
                STAR_AND_AUTHORIZATION,
            )],
        },
        Case {
            sentence: "with credentials * sends back what was asked for, if it is allowed",
            policy: "{allow_origins: ['https://a.example'], allow_credentials: true, \
                     allow_methods: '*', allow_headers: '*', max_age: 0}",
            requests: vec![
                request(
                    "PUT",
                    &["authorization,x-a"],
                    Decision::Allowed,
                    &[
                        "Allow-Origin: https://a.example",
                        "Allow-Credentials: true",
                        "Allow-Methods: PUT",
                        "Allow-Headers: authorization,x-a",
                        "Max-Age: 0",
                        "Vary: Origin, method, headers",
                    ],
                ),
                request(
                    "PUT",
                    &["x-a , X-B", ",,x-c"],
                    Decision::Allowed,
                    &[
                        "Allow-Origin: https://a.example",
                        "Allow-Credentials: true",
                        "Allow-Methods: PUT",
                        "Allow-Headers: x-a , X-B",
                        "Allow-Headers: ,,x-c",
                        "Max-Age: 0",
                        "Vary: Origin, method, headers",
                    ],
                ),
                request(
                    "GET",
                    &[],
                    Decision::Allowed,
                    &[
                        "Allow-Origin: https://a.example",
                        "Allow-Credentials: true",
                        "Allow-Methods: GET",
                        "Max-Age: 0",
                        "Vary: Origin, method, headers",
                    ],
                ),
                request(
                    "TRACK",
                    &["x-a"],
                    Decision::DeniedMethod,
                    &[
                        "Allow-Origin: https://a.example",
                        "Allow-Credentials: true",
                        "Allow-Headers: x-a",
                        "Max-Age: 0",
                        "Vary: Origin, method, headers",
                    ],
                ),
                request(
                    "PUT\r\nX: y",
                    &["x-a\r\nX: y"],
                    Decision::DeniedMethod,
                    &[
                        "Allow-Origin: https://a.example",
                        "Allow-Credentials: true",
                        "Max-Age: 0",
                        "Vary: Origin, method, headers",
                    ],
                ),
                request(
                    "PUT",
                    &["x-a", "x(b)"],
                    Decision::DeniedHeader,
                    &[
                        "Allow-Origin: https://a.example",
                        "Allow-Credentials: true",
                        "Allow-Methods: PUT",
                        "Max-Age: 0",
                        "Vary: Origin, method, headers",
                    ],
                ),
                Request {
                    origin: "https://b.example",
                    ..request("PUT", &["x-a"], Decision::DeniedOrigin, DENIED)
                },
            ],
        },
    ] {
        let policy = policy(case.policy);
        for request in case.requests {
            let preflight = PreflightRequest {
                method: request.method.as_bytes(),
                headers: request.headers.iter().map(|line| line.as_bytes()),
                private_network: request.private_network,
            };
            let answer = policy.decide_preflight(header(request.origin), &preflight);
            let context = format!(
                "{}: {:?} {:?} {:?}",
                case.sentence, request.origin, request.method, request.headers
            );
            assert_eq!(answer.decision(), request.decision, "{context}");
            assert_eq!(
                sent(answer, request.origin, request.method, request.headers),
                request.sent,
                "{context}"
            );
            let kept = policy.responses().answer(answer.keep());
            assert_eq!(kept.decision(), request.decision, "kept: {context}");
            assert_eq!(
                sent(kept, request.origin, request.method, request.headers),
                request.sent,
                "kept: {context}"
            );
        }
    }
}

#[test]
fn the_requested_headers_are_bounded() {
    let listed: Vec<String> = (0..200).map(|n| format!("x-{n}")).collect();
    let policies = [
        policy(&format!(
            "{{allow_origins: ['https://a.example'], allow_headers: [{}]}}",
            listed.join(", ")
        )),
        policy("{allow_origins: '*', allow_headers: '*'}"),
        policy(
            "{allow_origins: ['https://a.example'], allow_headers: '*', allow_credentials: true}",
        ),
    ];
    let decision = |policy: &Policy, lines: &[String]| {
        let preflight = PreflightRequest {
            method: b"GET",
            headers: lines.iter().map(String::as_bytes),
            private_network: false,
        };
        let answer = policy.decide_preflight(OriginHeader::One(b"https://a.example"), &preflight);
        let echoed = answer.fields().any(|(_, value)| value == FieldValue::EchoHeaders);
        assert!(!echoed || answer.decision() == Decision::Allowed);
        answer.decision()
    };
    for policy in &policies {
        let names = |number: usize| vec![listed[..number].join(",")];
        assert_eq!(decision(policy, &names(128)), Decision::Allowed);
        assert_eq!(decision(policy, &names(129)), Decision::DeniedHeader);
        assert_eq!(decision(policy, &listed[..128]), Decision::Allowed);
        assert_eq!(decision(policy, &listed[..129]), Decision::DeniedHeader);
        let repeated = |number: usize| vec!["x-1,".repeat(number)];
        assert_eq!(decision(policy, &repeated(128)), Decision::Allowed);
        assert_eq!(decision(policy, &repeated(129)), Decision::DeniedHeader);
        let padded = |bytes: usize| vec!["x-1".to_owned() + &" ".repeat(bytes - 3)];
        assert_eq!(decision(policy, &padded(8192)), Decision::Allowed);
        assert_eq!(decision(policy, &padded(8193)), Decision::DeniedHeader);
        let split = |bytes: usize| vec![" ".repeat(8000), " ".repeat(bytes - 8000)];
        assert_eq!(decision(policy, &split(8192)), Decision::Allowed);
        assert_eq!(decision(policy, &split(8193)), Decision::DeniedHeader);
    }
}

#[test]
fn settings_of_a_policy() {
    let defaults = policy("{allow_origins: '*'}");
    assert_eq!(defaults.name(), "test");
    assert_eq!(defaults.upstream_headers(), UpstreamHeaders::Replace);
    assert_eq!(defaults.preflight(), PreflightMode::Answer);
    assert_eq!(defaults.preflight_status(), 204);
    assert!(!defaults.enforce());
    assert!(!defaults.sends_timing_allow_origin());
    assert_eq!(defaults.files().count(), 0);

    let set = policy(
        "{upstream_headers: keep, preflight: forward, preflight_status: 200, enforce: true, \
         rules: [{allow_origins: ['https://a.example']}, \
         {allow_origins: ['https://b.example'], timing_allow_origin: true}]}",
    );
    assert_eq!(set.upstream_headers(), UpstreamHeaders::Keep);
    assert_eq!(set.preflight(), PreflightMode::Forward);
    assert_eq!(set.preflight_status(), 200);
    assert!(set.enforce());
    assert!(set.sends_timing_allow_origin());
}

#[test]
fn an_answer_is_small_and_a_policy_can_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<Policy>();
    fn copied<T: Copy>() {}
    copied::<Answer<'_>>();
    assert!(size_of::<Answer<'_>>() <= 4 * size_of::<usize>());
    assert_eq!(size_of::<Vary>(), 1);
}

#[test]
fn no_byte_of_a_request_reaches_a_response_unless_it_was_checked() {
    // Every policy that sends something back, and every byte that could break a header.
    let policy = policy(
        "{allow_origins: '*', allow_credentials: true, allow_methods: '*', allow_headers: '*', \
         dangerously_allow: [any_origin_with_credentials]}",
    );
    for byte in (0..=b' ').chain(0x7f..=0xff) {
        let origin = [b"https://a", &[byte][..], b".example"].concat();
        let answer = policy.decide(OriginHeader::One(&origin));
        assert_eq!(answer.decision(), Decision::DeniedOrigin, "{byte:#x}");
        let text = [b"X", &[byte][..], b"Y"].concat();
        let preflight = PreflightRequest {
            method: &text,
            headers: std::iter::once(&text[..]),
            private_network: false,
        };
        let answer = policy.decide_preflight(OriginHeader::One(b"https://a.example"), &preflight);
        assert_eq!(answer.decision(), Decision::DeniedMethod, "{byte:#x}");
        for (name, value) in answer.fields() {
            assert!(
                matches!(value, FieldValue::Ready(_) | FieldValue::EchoOrigin),
                "{byte:#x}: {}",
                name.as_str()
            );
        }
    }
}

#[test]
fn preflights_of_a_static_origin() {
    let listed = policy(
        "{rules: [{allow_origins: ['https://a.example'], allow_methods: [PUT], allow_headers: [X-A], \
         allow_private_network: true, timing_allow_origin: true}], static_origin: true}",
    );
    let echoing = policy(
        "{allow_origins: ['https://a.example'], allow_methods: '*', allow_headers: '*', \
         allow_credentials: true, static_origin: true}",
    );
    let asked = |private_network| PreflightRequest {
        method: b"PUT",
        headers: [&b"x-a"[..]].into_iter(),
        private_network,
    };
    for (origin, decision) in [
        ("https://a.example", Decision::Allowed),
        ("https://evil.example", Decision::DeniedOrigin),
        ("null", Decision::DeniedOrigin),
        ("repeated", Decision::DeniedOrigin),
        ("absent", Decision::None),
    ] {
        let answer = listed.decide_preflight(header(origin), &asked(false));
        assert_eq!(answer.decision(), decision, "{origin}");
        assert_eq!(answer.rule(), (decision == Decision::Allowed).then_some(0), "{origin}");
        let lines = [
            "Allow-Origin: https://a.example",
            "Allow-Methods: PUT",
            "Allow-Headers: X-A",
            "Vary: private network",
        ];
        assert_eq!(sent(answer, origin, "PUT", &["x-a"]), lines, "{origin}");
        let kept = listed.responses().answer(answer.keep());
        assert_eq!(sent(kept, origin, "PUT", &["x-a"]), lines, "{origin}");
        let private = listed.decide_preflight(header(origin), &asked(true));
        let lines = sent(private, origin, "PUT", &["x-a"]);
        assert!(lines.contains(&"Allow-Private-Network: true".to_owned()), "{origin}: {lines:?}");

        let answer = echoing.decide_preflight(header(origin), &asked(false));
        assert_eq!(answer.decision(), decision, "{origin}");
        assert_eq!(
            sent(answer, origin, "PUT", &["x-a"]),
            [
                "Allow-Origin: https://a.example",
                "Allow-Credentials: true",
                "Allow-Methods: PUT",
                "Allow-Headers: x-a",
                "Vary: method, headers",
            ],
            "{origin}"
        );
    }
    // Of a method that is not allowed, everybody hears the same too.
    for origin in ["https://a.example", "https://evil.example"] {
        let request = PreflightRequest { method: b"PATCH", ..asked(false) };
        let lines = sent(listed.decide_preflight(header(origin), &request), origin, "PATCH", &[]);
        assert_eq!(lines[..2], ["Allow-Origin: https://a.example", "Allow-Methods: PUT"]);
    }
}

/// The answers to requests that the origin check refuses.
#[test]
fn answers_to_refused_requests() {
    let plain = policy("{allow_origins: ['https://a.example'], timing_allow_origin: '*'}");
    let fixed = policy(
        "{allow_origins: ['https://a.example'], timing_allow_origin: '*', static_origin: true}",
    );
    let refused = Decision::DeniedHost;
    for (policy, actual, preflight) in [
        (&plain, &["Timing-Allow-Origin: *", "Vary: Origin"][..], &["Vary: Origin"][..]),
        (
            &fixed,
            &["Allow-Origin: https://a.example", "Timing-Allow-Origin: *"],
            &["Allow-Origin: https://a.example"],
        ),
    ] {
        for (answer, expected) in [
            (policy.responses().denied(refused), actual),
            (policy.responses().denied_preflight(refused), preflight),
        ] {
            assert_eq!((answer.decision(), answer.rule()), (refused, None));
            assert_eq!(sent(answer, "", "", &[]), expected);
            assert_eq!(sent(policy.responses().answer(answer.keep()), "", "", &[]), expected);
        }
    }
}
