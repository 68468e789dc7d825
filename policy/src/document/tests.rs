//! Documents and their mistakes, a sentence a case.

#[cfg(unix)]
use std::os::unix::{fs::symlink, net::UnixListener};
use std::path::Path;
#[cfg(unix)]
use std::process::Command;

use super::*;
use crate::{origin::Guard, test_directory::TestDirectory};

/// The mistakes of a text, each as it is displayed, without the file's name.
fn mistakes(text: impl AsRef<[u8]>) -> Vec<String> {
    match parse(text.as_ref(), Path::new("f")) {
        Ok(read) => read.warnings.iter().map(without_file).collect(),
        Err(report) => shown(&report),
    }
}

fn without_file(mistake: &Mistake) -> String {
    let line = mistake.to_string();
    line.strip_prefix('f').unwrap_or(&line).to_owned()
}

fn shown(report: &Report) -> Vec<String> {
    assert!(!report.mistakes().is_empty());
    let lines: Vec<String> = report
        .to_string()
        .lines()
        .map(|line| line.strip_prefix('f').unwrap_or(line).to_owned())
        .collect();
    assert_eq!(lines.len(), report.mistakes().len() + usize::from(report.omitted() > 0));
    lines
}

/// A document with one policy `a`, whose keys are these lines, the first of them in line 4.
fn with_policy(keys: &str) -> String {
    let keys: String = keys.lines().map(|line| format!("    {}\n", line)).collect();
    format!("version: 1\npolicies:\n  a:\n{keys}")
}

#[track_caller]
fn assert_mistakes(text: impl AsRef<[u8]>, expected: &[&str]) {
    let text = text.as_ref();
    assert_eq!(mistakes(text), expected, "{}", String::from_utf8_lossy(text));
}

const DOCUMENTED: &str = r#"
version: 1
policies:
  api:
    allow_origins:
      - https://app.example.com
      - https://*.example.com          # one or more labels in place of *
      - http://localhost:*             # any port, none included
      - regex:https://pr-[0-9]+\.preview\.example\.net
    allow_origins_file: partners.txt   # one pattern a line, # comments; for long lists
    deny_origins: [https://old.example.com]
    allow_methods: [GET, PUT, DELETE]
    allow_headers: [Authorization, Content-Type]
    expose_headers: [ETag]
    allow_credentials: true
    max_age: 10m
  mixed:
    rules:                             # the first rule whose origins match decides
      - allow_origins: [https://admin.example.com]
        allow_credentials: true
        allow_methods: "*"
      - allow_origins: ["*"]
"#;

fn decision(policy: &Policy, origin: &str) -> (&'static str, Option<usize>) {
    let answer = policy.decide(crate::OriginHeader::One(origin.as_bytes()));
    (answer.decision().as_str(), answer.rule())
}

#[test]
fn the_documented_example() {
    let directory = TestDirectory::new("documented");
    let partners = directory.write("partners.txt", "# partners\nhttps://partner.example # one\n");
    let file = directory.write("cors.yaml", DOCUMENTED);
    let policies = load(&file).unwrap().value;
    let names: Vec<_> = policies.iter().map(Policy::name).collect();
    assert_eq!(names, ["api", "mixed"]);
    for (origin, expected) in [
        ("https://app.example.com", ("allowed", Some(0))),
        ("https://x.y.example.com", ("allowed", Some(0))),
        ("https://old.example.com", ("denied_origin", None)),
        ("https://example.com", ("denied_origin", None)),
        ("http://localhost", ("allowed", Some(0))),
        ("http://localhost:3000", ("allowed", Some(0))),
        ("https://pr-12.preview.example.net", ("allowed", Some(0))),
        ("https://pr-x.preview.example.net", ("denied_origin", None)),
        ("https://partner.example", ("allowed", Some(0))),
    ] {
        assert_eq!(decision(&policies[0], origin), expected, "{origin}");
    }
    for (origin, expected) in [
        ("https://admin.example.com", ("allowed", Some(0))),
        ("https://b.example", ("allowed", Some(1))),
    ] {
        assert_eq!(decision(&policies[1], origin), expected, "{origin}");
    }
    assert_eq!(policies[0].files().collect::<Vec<_>>(), [partners]);
}

#[test]
fn many_mistakes_come_at_once_and_in_the_order_of_the_document() {
    let text = r#"version: 1
policies:
  api:
    max_age: 2d
    allow_origins:
      - https://app.example.com/
      - https://b.example
      -
    alow_headers: [X-A]
    allow_credentials: yes
    expose_headers: "*"
    max_age: 5
    allow_methods: [put, GET]
  mixed:
    rules:
      - allow_origins: ["*"]
        allow_methods: GET, PUT
      - allow_origins: [null]
        enforce: true
"#;
    assert_mistakes(
        text,
        &[
            ":4: warning: policies.api.max_age: \"2d\": more than 86400 seconds, sent as 86400: Firefox keeps an answer for 86400 seconds at most, Chromium for 7200, WebKit for 600; write 1d or less",
            ":6: policies.api.allow_origins[0]: \"https://app.example.com/\": an origin does not end with a slash; write \"https://app.example.com\"",
            ":8: policies.api.allow_origins[2]: an empty entry; remove it, or write an origin; the null origin is \"null\" in quotes",
            ":9: policies.api.alow_headers: unknown key; write `allow_headers`",
            ":10: policies.api.allow_credentials: \"yes\": expected true or false, found a text; write `true`",
            ":11: policies.api.expose_headers: \"*\": with credentials, browsers take `*` for the header of that name, and nothing is exposed; list the headers that pages may read",
            ":12: policies.api.max_age: the same key stands in line 4 already; remove one of the two",
            ":13: policies.api.allow_methods[0]: \"put\": never matches: methods are case-sensitive, and browsers send this one in upper case; write PUT",
            ":17: policies.mixed.rules[0].allow_methods: \"GET, PUT\": several entries in one text; write a list: [\"GET\", \"PUT\"]",
            ":18: policies.mixed.rules[1]: never reached: rules[0] matches every origin; move it above rules[0], or remove it",
            ":18: policies.mixed.rules[1].allow_origins[0]: an empty entry; remove it, or write an origin; the null origin is \"null\" in quotes",
            ":19: policies.mixed.rules[1].enforce: this key belongs to the policy, beside `rules`; move it there",
        ],
    );
}

#[test]
fn the_text_as_a_whole() {
    for (sentence, text, expected) in [
        ("an empty file", &b""[..], &[": the file is empty; begin with `version: 1` and `policies:`"][..]),
        ("a file of comments", b"# nothing\n---\n", &[": the file is empty; begin with `version: 1` and `policies:`"]),
        (
            "a list",
            b"- a\n",
            &[":1: […]: expected the keys `version` and `policies`, found a list; begin with `version: 1` and `policies:`"],
        ),
        (
            "a text",
            b"\n  version\n",
            &[":2: \"version\": expected the keys `version` and `policies`, found a text; begin with `version: 1` and `policies:`"],
        ),
        (
            "nothing of what belongs there",
            b"\nversoin: 1\nallow_origins: []\n",
            &[
                ":2: `version` is missing; begin the file with `version: 1`",
                ":2: no policy is defined; write `policies:`, below it the name of a policy, and below that allow_origins",
                ":2: versoin: unknown key; write `version`",
                ":3: allow_origins: this key belongs to a policy, below `policies` and a name; move it there",
            ],
        ),
        (
            "another version",
            b"version: 2\npolicies: {a: {allow_origins: '*'}}\n",
            &[":1: version: 2: not a version that this release reads; write `version: 1`"],
        ),
        (
            "a version that is a text",
            b"version: '1'\npolicies: {a: {allow_origins: '*'}}\n",
            &[":1: version: \"1\": not a version that this release reads; write `version: 1`"],
        ),
        (
            "no policies",
            b"version: 1\npolicies:\n",
            &[":2: policies: no policy is defined; write `policies:`, below it the name of a policy, and below that allow_origins"],
        ),
        (
            "policies in a list",
            b"version: 1\npolicies:\n  - name: a\n",
            &[":3: policies: […]: expected policies by their names, found a list; write the name of a policy and a colon, and its keys below it, indented"],
        ),
        (
            "a policy without anything",
            b"version: 1\npolicies:\n  a:\n  b: {}\n",
            &[
                ":3: policies.a: allows no origin; list origins with allow_origins or allow_origins_file; \"*\" is every origin",
                ":4: policies.b: allows no origin; list origins with allow_origins or allow_origins_file; \"*\" is every origin",
            ],
        ),
        (
            "a key without space before its value",
            b"version: 1\npolicies:\n  a:\n    allow_origins:'*'\n",
            &[":4: policies.a: \"allow_origins:'*'\": expected the keys of a policy, found a text; write `key: value`, with a space after the colon, as in `allow_origins: [\"https://app.example.com\"]`"],
        ),
        ("bytes that are not UTF-8", b"version: 1\n# \xff\n", &[":2: not UTF-8; save the file as UTF-8"]),
        ("UTF-16", b"\xff\xfev\0e\0", &[":1: not UTF-8; save the file as UTF-8"]),
        ("a NUL", b"version: 1\n\n# \0\n", &[":3: the control character U+0000; remove it"]),
        (
            "a second document",
            b"---\nversion: 1\npolicies: {a: {allow_origins: '*'}}\n---\nversion: 1\n",
            &[":4: a second YAML document begins here; keep one document in the file, without `---` inside"],
        ),
        (
            "names that policies cannot have",
            b"version: 1\npolicies:\n  off: &a {allow_origins: '*'}\n  a b: *a\n  '': *a\n  \"\\n\": *a\n  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: *a\n  a.B-3_: *a\n",
            &[
                ":3: policies.off: not a name for a policy; names are letters, digits, `_`, `.` and `-`, at most 64 of them; `off` is taken",
                ":4: policies.\"a b\": not a name for a policy; names are letters, digits, `_`, `.` and `-`, at most 64 of them; `off` is taken",
                ":5: policies.\"\": not a name for a policy; names are letters, digits, `_`, `.` and `-`, at most 64 of them; `off` is taken",
                ":6: policies.\"\\n\": not a name for a policy; names are letters, digits, `_`, `.` and `-`, at most 64 of them; `off` is taken",
                ":7: policies.\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": not a name for a policy; names are letters, digits, `_`, `.` and `-`, at most 64 of them; `off` is taken",
            ],
        ),
    ] {
        assert_eq!(mistakes(text), expected, "{sentence}");
    }
}

#[test]
fn what_yaml_makes_hard() {
    for (sentence, text, expected) in [
        (
            "a star outside of quotes in a list",
            "version: 1\npolicies:\n  a:\n    allow_origins:\n      - *\n",
            &[
                ":5: \"- *\": `*` outside of quotes begins a YAML alias; put the whole value in quotes, as in \"*\"",
            ][..],
        ),
        (
            "a star outside of quotes in brackets",
            "version: 1\npolicies:\n  a:\n    allow_origins: [*]\n",
            &[
                ":4: \"allow_origins: [*]\": `*` outside of quotes begins a YAML alias; put the whole value in quotes, as in \"*\"",
            ],
        ),
        (
            "a star outside of quotes as a value",
            "version: 1\npolicies:\n  a:\n    allow_methods: *\n    allow_origins: 'a'\n",
            &[
                ":4: \"allow_methods: *\": `*` outside of quotes begins a YAML alias; put the whole value in quotes, as in \"*\"",
            ],
        ),
        (
            "a star outside of quotes that looks like an alias",
            "version: 1\npolicies:\n  a:\n    allow_origins: [*.example.com]\n",
            &[
                ":4: \"allow_origins: [*.example.com]\": `*` outside of quotes begins a YAML alias; put the whole value in quotes, as in \"*\"",
            ],
        ),
        (
            "tabs",
            "version: 1\npolicies:\n  a:\n\t\tallow_origins: '*'\n",
            &[
                ":4: \"allow_origins: '*'\": YAML forbids tabs in the indentation; indent with spaces",
            ],
        ),
        (
            "merge keys",
            "version: 1\npolicies:\n  a: &a\n    allow_origins: '*'\n  b:\n    <<: *a\n    allow_origins: '*'\n",
            &[
                ":6: policies.b.\"<<\": merge keys are not supported (YAML 1.2 has none); repeat the keys, or let an alias stand for a whole value",
            ],
        ),
        (
            "tags",
            "version: 1\npolicies:\n  a:\n    allow_origins: !env ORIGINS\n    max_age: !!int 5\n    !x y: z\n",
            &[
                ":4: policies.a.allow_origins: \"!env\": YAML tags have no meaning here; remove `!env`",
                ":5: policies.a.max_age: \"!!int\": YAML tags have no meaning here; remove `!!int`",
                ":6: policies.a: YAML tags have no meaning here; remove `!x`",
            ],
        ),
        (
            "keys that are not texts",
            "version: 1\npolicies:\n  404: {allow_origins: '*'}\n  ? [a]\n  : {allow_origins: '*'}\n  ~: {allow_origins: '*'}\n  true: {allow_origins: '*'}\n",
            &[
                ":3: policies: 404: a key has to be a text; put it in quotes, as in \"404\"",
                ":4: policies: […]: a key has to be a text; put it in quotes, as in \"404\"",
                ":6: policies: a key has to be a text; put it in quotes, as in \"404\"",
                ":7: policies: true: a key has to be a text; put it in quotes, as in \"404\"",
            ],
        ),
        (
            "a key twice",
            "version: 1\npolicies:\n  a: {allow_origins: '*'}\n  a: {allow_origins: ''}\nversion: 1\n",
            &[
                ":4: policies.a: the same key stands in line 3 already; remove one of the two",
                ":5: version: the same key stands in line 1 already; remove one of the two",
            ],
        ),
        (
            "an alias inside of what it stands for",
            "version: 1\npolicies: &p\n  a: *p\n",
            &[":3: an alias inside of what it stands for; write the value out"],
        ),
    ] {
        assert_eq!(mistakes(text), expected, "{sentence}");
    }
    for text in [
        "version: 1\npolicies: {a: {allow_origins: ['*'}}\n",
        "version: 1\npolicies:\n  a:\n   allow_origins: '*'\n  b\n",
        "version: 1\npolicies: {a: {allow_origins: ['https://a.example', , 'https://b.example']}}",
        "version: 1\npolicies: \"\n",
        "@",
        "%YAML 1.2\n%YAML 1.2\n---\na",
        "version: 1\npolicies: *unknown",
    ] {
        let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
        assert_eq!(report.mistakes().len(), 1, "{text}");
        assert!(report.mistakes()[0].line().is_some(), "{text}");
    }
}

#[test]
fn aliases_stand_for_whole_values() {
    let text = "version: 1\npolicies:\n  a:\n    allow_origins: &o [https://a.example]\n    \
                allow_headers: &h [X-A]\n    expose_headers: *h\n  b: {allow_origins: *o}\n";
    let policies = parse(text.as_bytes(), Path::new("f")).unwrap().value;
    assert_eq!(decision(&policies[1], "https://a.example"), ("allowed", Some(0)));
}

#[test]
fn what_the_text_may_look_like() {
    for (sentence, text) in [
        ("CR LF", "version: 1\r\npolicies:\r\n  a:\r\n    allow_origins: ['*']\r\n"),
        ("a byte order mark", "\u{feff}version: 1\npolicies: {a: {allow_origins: '*'}}"),
        ("markers", "%YAML 1.2\n---\nversion: 1\npolicies: {a: {allow_origins: '*'}}\n...\n"),
        ("JSON", "{\"version\":1,\"policies\":{\"a\":{\"allow_origins\":[\"*\"]}}}"),
        ("no line end", "version: 1\npolicies: {a: {allow_origins: '*'}}"),
        ("a trailing comma", "version: 1\npolicies: {a: {allow_origins: ['*', ], }, }"),
    ] {
        assert_eq!(mistakes(text), [""; 0], "{sentence}");
    }
    // What a trailing comma opens elsewhere: here it is nothing at all.
    let text = "version: 1\npolicies: {a: {allow_origins: ['https://a.example', ]}}";
    let policies = parse(text.as_bytes(), Path::new("f")).unwrap().value;
    assert_eq!(decision(&policies[0], "https://b.example"), ("denied_origin", None));
    assert_eq!(decision(&policies[0], ""), ("denied_origin", None));
}

#[test]
fn values_of_keys() {
    let origins = "allow_origins: '*'\n";
    let a = "allow_origins: 'https://a.example'\n";
    for (sentence, keys, expected) in [
        ("one text is a list of one", "allow_methods: PUT\nallow_headers: X-A\n", &[][..]),
        (
            "empty lists where they can be meant",
            "deny_origins: []\nallow_headers: []\nexpose_headers: []\ndangerously_allow: []\n",
            &[],
        ),
        (
            "an empty list of methods",
            "allow_methods: []\n",
            &[
                ":5: policies.a.allow_methods: an empty list; remove the key: GET, HEAD and POST are allowed in any case, and other methods only where they are listed",
            ],
        ),
        (
            "keys without values",
            "allow_headers:\nmax_age: ~\nenforce: null\n",
            &[
                ":5: policies.a.allow_headers: no value; write `allow_headers: [Authorization, Content-Type]`, or remove the key",
                ":6: policies.a.max_age: no value; write `max_age: 10m`, or remove the key",
                ":7: policies.a.enforce: no value; write `enforce: true`, or remove the key",
            ],
        ),
        (
            "values of the wrong type",
            "allow_methods: {GET: true}\nallow_headers: [[X-A], 5, {a: b}]\nmax_age: [5]\nenforce: 1\npreflight: [answer]\nrules: 5\n",
            &[
                ":4: policies.a.allow_origins: beside `rules`, this key would apply to none of them; move it into the entries of `rules`",
                ":5: policies.a.allow_methods: beside `rules`, this key would apply to none of them; move it into the entries of `rules`",
                ":6: policies.a.allow_headers: beside `rules`, this key would apply to none of them; move it into the entries of `rules`",
                ":7: policies.a.max_age: beside `rules`, this key would apply to none of them; move it into the entries of `rules`",
                ":8: policies.a.enforce: 1: expected true or false, found a number; write `true`",
                ":9: policies.a.preflight: […]: expected answer or forward, found a list; write `preflight: answer`",
                ":10: policies.a.rules: 5: expected a list of rules, found a number; write `rules: [{allow_origins: [\"https://app.example.com\"]}]`",
            ],
        ),
        (
            "values of the wrong type in a rule",
            "allow_methods: {GET: true}\nallow_headers: [[X-A], 5, {a: b}]\nmax_age: [5]\nallow_credentials: off\nexpose_headers: true\n",
            &[
                ":5: policies.a.allow_methods: {…}: expected a list of methods, or \"*\", found a mapping; write `allow_methods: [GET, PUT]`",
                ":6: policies.a.allow_headers[0]: […]: expected a text, found a list; write the entries one by one; an alias of a list stands for the whole list",
                ":6: policies.a.allow_headers[1]: 5: expected a text, found a number; put it in quotes",
                ":6: policies.a.allow_headers[2]: {…}: expected a text, found a mapping; put the whole entry in quotes, or write one entry a line after `-`",
                ":7: policies.a.max_age: […]: expected a time, found a list; write `max_age: 10m`",
                ":8: policies.a.allow_credentials: \"off\": expected true or false, found a text; write `false`",
                ":9: policies.a.expose_headers: true: expected a list of header names, or \"*\", found a boolean; write `expose_headers: [ETag]`",
            ],
        ),
        (
            "several entries in one text",
            "allow_methods: GET,PUT,\nallow_headers: X-A X-B\nexpose_headers: 'a, b'\n",
            &[
                ":5: policies.a.allow_methods: \"GET,PUT,\": several entries in one text; write a list: [\"GET\", \"PUT\"]",
                ":6: policies.a.allow_headers: \"X-A X-B\": several entries in one text; write a list: [\"X-A\", \"X-B\"]",
                ":7: policies.a.expose_headers: \"a, b\": several entries in one text; write a list: [\"a\", \"b\"]",
            ],
        ),
        (
            "methods that do nothing",
            "allow_methods: [get, TRACE, 'A B', patch, '*', PATCHY]\n",
            &[
                ":5: policies.a.allow_methods[0]: \"get\": never matches: methods are case-sensitive, and browsers send this one in upper case; write GET",
                ":5: policies.a.allow_methods[1]: \"TRACE\": browsers never send this method (forbidden by the Fetch standard); remove it",
                ":5: policies.a.allow_methods[2]: \"A B\": not a method: methods are letters, digits and !#$%&'*+-.^_`|~; list the methods one by one: write `allow_methods: [GET, PUT]`",
                ":5: policies.a.allow_methods[3]: \"patch\": does not match PATCH: methods are case-sensitive; write PATCH (or list both, if pages really send it as it is written here)",
                ":5: policies.a.allow_methods[5]: \"PATCHY\": `*` beside it covers this; remove it, or remove `*`",
            ],
        ),
        ("both spellings of PATCH", "allow_methods: [patch, PATCH]\n", &[]),
        (
            "request headers that do nothing",
            "allow_headers: [Cookie, 'X A', sec-x, Access-Control-Allow-Origin, X-A]\n",
            &[
                ":5: warning: policies.a.allow_headers[0]: \"Cookie\": pages cannot set this request header (forbidden by the Fetch standard), so that allowing it does nothing; remove it",
                ":5: policies.a.allow_headers[1]: \"X A\": not a header name: header names are letters, digits and !#$%&'*+-.^_`|~; list the names one by one, without colons: write `allow_headers: [Authorization, Content-Type]`",
                ":5: warning: policies.a.allow_headers[2]: \"sec-x\": pages cannot set this request header (forbidden by the Fetch standard), so that allowing it does nothing; remove it",
                ":5: warning: policies.a.allow_headers[3]: \"Access-Control-Allow-Origin\": a response header of CORS, which means nothing on the requests of pages; remove it, unless pages put it on their requests by mistake",
            ],
        ),
        (
            "response headers that cannot be exposed",
            "expose_headers: [Set-Cookie, '']\n",
            &[
                ":5: policies.a.expose_headers[0]: \"Set-Cookie\": pages cannot read this response header (forbidden by the Fetch standard), so that exposing it does nothing; remove it",
                ":5: policies.a.expose_headers[1]: an empty entry; remove it, or write what it was meant to hold",
            ],
        ),
        (
            "* and Authorization",
            "allow_headers: ['*', Authorization]\nexpose_headers: [authorization, '*']\n",
            &[],
        ),
        (
            "times that browsers do not take",
            "max_age: -1\n",
            &[
                ":5: policies.a.max_age: -1: a time below zero; write 0, which turns caching of preflights off",
            ],
        ),
        (
            "fractions of seconds",
            "max_age: 1.5\n",
            &[
                ":5: policies.a.max_age: 1.5: Access-Control-Max-Age has no fractions of a second; write whole seconds, as in 600, or 10m",
            ],
        ),
        ("times", "max_age: '1h 30m'\n", &[]),
        (
            "words that are none of the known ones",
            "upstream_headers: replce\npreflight: ignore\npreflight_status: 201\ndangerously_allow: [public_sufixes, everything, null_origin]\n",
            &[
                ":5: policies.a.upstream_headers: \"replce\": unknown value; write `replace`",
                ":6: policies.a.preflight: \"ignore\": unknown value; write one of answer, forward",
                ":7: policies.a.preflight_status: 201: unknown value; write one of 200, 204",
                ":8: policies.a.dangerously_allow[0]: \"public_sufixes\": unknown value; write `public_suffixes`",
                ":8: policies.a.dangerously_allow[1]: \"everything\": unknown value; write one of insecure_origins, public_suffixes, any_origin_with_credentials, null_origin, file_origin, loose_regex",
            ],
        ),
        ("a status in quotes", "preflight_status: '200'\n", &[]),
        (
            "a guard that opens nothing here",
            "dangerously_allow: loose_regex\n",
            &[
                ":5: warning: policies.a.dangerously_allow: \"loose_regex\": opens nothing that is closed without it; remove it",
            ],
        ),
        (
            "denied origins",
            "deny_origins: ['*', 'null', 'http://a.example', 'https://a.example:443']\n",
            &[
                ":5: policies.a.deny_origins[0]: \"*\": refuses every origin; remove it; what no rule allows is refused anyway",
                ":5: policies.a.deny_origins[3]: \"https://a.example:443\": 443 is the scheme's default port, which browsers leave out; write \"https://a.example\"",
            ],
        ),
        (
            "unknown keys, near and far",
            "allow-origins: []\nAllow_Methods: []\ncolour: red\n",
            &[
                ":5: policies.a.allow-origins: unknown key; write `allow_origins`",
                ":6: policies.a.Allow_Methods: unknown key; write `allow_methods`",
                ":7: policies.a.colour: unknown key; write one of allow_origins, allow_origins_file, allow_methods, allow_headers, expose_headers, allow_credentials, max_age, allow_private_network, timing_allow_origin, deny_origins, upstream_headers, preflight, preflight_status, enforce, own_origins, static_origin, dangerously_allow, rules",
            ],
        ),
    ] {
        assert_eq!(mistakes(with_policy(&(origins.to_owned() + keys))), expected, "{sentence}");
    }
    assert_mistakes(
        with_policy(&format!("{a}allow_credentials: true\nexpose_headers: [ETag, '*']")),
        &[
            ":6: policies.a.expose_headers[1]: \"*\": with credentials, browsers take `*` for the header of that name, and nothing is exposed; list the headers that pages may read",
        ],
    );
    assert_mistakes(
        with_policy("allow_origins: 'https://a.example, https://b.example'"),
        &[
            ":4: policies.a.allow_origins: \"https://a.example, https://b.example\": several entries in one text; write a list: [\"https://a.example\", \"https://b.example\"]",
        ],
    );
    assert_mistakes(with_policy("allow_origins: 'regex:https://[a-z]{1,3}\\.example\\.com'"), &[]);
    assert_mistakes(
        with_policy("allow_origins: []"),
        &[
            ":4: policies.a.allow_origins: an empty list; write `allow_origins: [\"https://app.example.com\"]`, with the origins that may read responses",
        ],
    );
    assert_mistakes(
        with_policy("allow_origins: ['']"),
        &[
            ":4: policies.a.allow_origins[0]: an empty entry; remove it, or write an origin; the null origin is \"null\" in quotes",
        ],
    );
}

#[test]
fn rules() {
    for (sentence, keys, expected) in [
        (
            "no rules",
            "rules: []",
            &[":4: policies.a.rules: no rules; write at least one rule, or remove `rules`"][..],
        ),
        (
            "a mapping in place of a list",
            "rules:\n  allow_origins: ['*']",
            &[
                ":5: policies.a.rules: {…}: expected a list of rules, found a mapping; write `rules: [{allow_origins: [\"https://app.example.com\"]}]`",
            ],
        ),
        (
            "a rule without origins",
            "rules:\n  - allow_methods: [PUT]\n  -\n  - x",
            &[
                ":5: policies.a.rules[0]: allows no origin; list origins with allow_origins or allow_origins_file; \"*\" is every origin",
                ":6: policies.a.rules[1]: allows no origin; list origins with allow_origins or allow_origins_file; \"*\" is every origin",
                ":7: policies.a.rules[2]: \"x\": expected the keys of a rule, found a text; write `key: value`, with a space after the colon, as in `allow_origins: [\"https://app.example.com\"]`",
            ],
        ),
        (
            "a rule behind one with * and credentials is not reached either",
            "dangerously_allow: [any_origin_with_credentials]\nrules:\n  - {allow_origins: ['*'], allow_credentials: true}\n  - {allow_origins: ['*']}",
            &[
                ":7: policies.a.rules[1]: never reached: rules[0] matches every origin; move it above rules[0], or remove it",
            ],
        ),
        (
            "rules in rules",
            "rules:\n  - {allow_origins: ['*'], rules: [], max-age: 5}",
            &[
                ":5: policies.a.rules[0].rules: unknown key; write one of allow_origins, allow_origins_file, allow_methods, allow_headers, expose_headers, allow_credentials, max_age, allow_private_network, timing_allow_origin, dangerously_allow",
                ":5: policies.a.rules[0].max-age: unknown key; write `max_age: 5`",
            ],
        ),
    ] {
        assert_eq!(mistakes(with_policy(keys)), expected, "{sentence}");
    }
    let many = format!("rules: [{}]", "*r,".repeat(1000));
    let text =
        with_policy(&format!("rules: [&r {{allow_origins: 'https://a.example'}}, {}", &many[8..]));
    assert_mistakes(
        text,
        &[
            ":4: policies.a.rules: more than 1000 rules; let one rule list all origins that are treated alike",
        ],
    );
}

#[test]
fn guards_and_what_opens_them() {
    for (guard, keys) in [
        (Guard::AnyOriginWithCredentials, "allow_credentials: true\nallow_origins: ['*']"),
        (Guard::InsecureOrigins, "allow_origins: ['http://a.example']\nallow_credentials: true"),
        (Guard::PublicSuffixes, "allow_origins: ['https://*.github.io']\nallow_credentials: true"),
        (Guard::NullOrigin, "allow_origins: ['null']"),
        (Guard::FileOrigin, "allow_origins: ['file://']"),
        (Guard::FileOrigin, "allow_origins: ['regex:(app|file)://']"),
        (Guard::LooseRegex, "allow_origins: ['regex:https://a.example\\.com']"),
        // A guard holds where the boolean is spelled as YAML 1.1 would have it, too.
        (Guard::InsecureOrigins, "allow_origins: ['http://a.example']\nallow_credentials: yes"),
    ] {
        let report = parse(with_policy(keys).as_bytes(), Path::new("f")).unwrap_err();
        let mistake = &report.mistakes()[0];
        assert_eq!(mistake.opened_by(), Some(guard), "{mistake}");
        assert_eq!(mistake.place(), "policies.a.allow_origins[0]");
        assert!(matches!(mistake.kind(), MistakeKind::Guard(_)));
        assert!(mistake.remedy().contains(guard.as_str()), "{mistake}");
        let keys = keys.replace("yes", "true");
        for other in Guard::ALL {
            let text = with_policy(&format!("{keys}\ndangerously_allow: [{}]", other.as_str()));
            assert_eq!(mistakes(&text).is_empty(), other == guard, "{text}");
            let own = format!("rules:\n  - {}", keys.replace('\n', "\n    "));
            let text = with_policy(&format!("{own}\n    dangerously_allow: {}", other.as_str()));
            assert_eq!(mistakes(&text).is_empty(), other == guard, "{text}");
        }
    }
    // Credentials of one rule are not those of another.
    let text = with_policy(
        "rules:\n  - allow_origins: ['https://a.example']\n    allow_credentials: true\n  \
         - allow_origins: ['http://b.example']",
    );
    assert_mistakes(text, &[]);
    // Some mistakes nothing opens.
    let all = Guard::ALL.map(Guard::as_str).join(", ");
    let text = with_policy(&format!(
        "allow_origins: ['https://a.example']\nallow_credentials: true\nexpose_headers: '*'\n\
         dangerously_allow: [{all}]"
    ));
    let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
    assert_eq!(report.mistakes()[0].kind(), &MistakeKind::ExposesEverythingWithCredentials);
    assert_eq!(report.mistakes()[0].opened_by(), None);
}

/// `*` with credentials sends `file://` back only where it is listed.
#[test]
fn the_origin_of_files_has_a_guard_of_its_own() {
    let decide = |keys: &str, origin: &str| {
        let policies = parse(with_policy(keys).as_bytes(), Path::new("f")).unwrap().value;
        policies[0].decide(crate::OriginHeader::One(origin.as_bytes())).decision()
    };
    use crate::Decision::{Allowed, DeniedOrigin};
    let any =
        "allow_credentials: true\ndangerously_allow: [any_origin_with_credentials, file_origin]";
    for (keys, file, app) in [
        ("allow_origins: '*'".to_owned(), Allowed, Allowed),
        (format!("allow_origins: '*'\n{any}"), DeniedOrigin, Allowed),
        (format!("allow_origins: ['*', 'file://']\n{any}"), Allowed, Allowed),
        (format!("allow_origins: ['*', 'regex:(app|file)://']\n{any}"), Allowed, Allowed),
        ("allow_origins: 'app://'".to_owned(), DeniedOrigin, Allowed),
        ("allow_origins: 'app://*'".to_owned(), DeniedOrigin, DeniedOrigin),
        (
            "allow_origins: '*'\ndeny_origins: ['file://', 'app://']".into(),
            DeniedOrigin,
            DeniedOrigin,
        ),
    ] {
        assert_eq!(decide(&keys, "file://"), file, "{keys}");
        assert_eq!(decide(&keys, "app://"), app, "{keys}");
    }
}

#[test]
fn lists_of_ports_are_written_in_quotes() {
    for (origins, is_one) in [
        ("['http://localhost:[3000,5173]']", true),
        ("[\"http://localhost:[3000,5173]\", https://a.example]", true),
        ("http://localhost:[3000,5173]", true),
        ("\n      - http://localhost:[3000,5173]", true),
        ("\n      - https://*.a.example:[8443,9000-9010]", true),
        ("[http://localhost:[3000,5173]]", false),
        ("[https://a.example, http://localhost:[3000,5173]]", false),
        ("[http://[::1]:[3000,5173]]", false),
        ("[http://[::1]:3000]", false),
        ("[https://{app,www}.a.example]", false),
        (r"[regex:https://[a-z]+\.a\.example]", false),
        (r"[regex:https://a{1,3}\.a\.example]", false),
    ] {
        let text = with_policy(&format!("allow_origins: {origins}"));
        let read = parse(text.as_bytes(), Path::new("f"));
        assert_eq!(read.is_ok(), is_one, "{origins}");
        if let Err(report) = read {
            let kind = report.mistakes()[0].kind();
            assert!(matches!(kind, MistakeKind::UnquotedBracket(_)), "{origins}: {kind:?}");
            assert!(report.to_string().contains("in single quotes"), "{report}");
        }
    }
    // Other mistakes in a line with such an entry stay what they are.
    for origins in
        ["['http://localhost:[3000,5173]', [}", "[https://a.example], allow_methods: [GET}"]
    {
        let text = with_policy(&format!("allow_origins: {origins}"));
        let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
        let kind = report.mistakes()[0].kind();
        assert!(!matches!(kind, MistakeKind::UnquotedBracket(_)), "{origins}: {kind:?}");
    }
}

#[test]
fn expressions_are_written_in_single_quotes() {
    for (quoted, is_one) in [
        (r"'regex:https://[a-z]+\.a\.example'", true),
        (r#""regex:https://[a-z]+\\.a\\.example""#, true),
        (r#""regex:https://[a-z]+\.a\.example""#, false),
        (r#""regex:https://pr-\d+[.]a[.]example""#, false),
    ] {
        let text = with_policy(&format!("allow_origins: [{quoted}]"));
        let read = parse(text.as_bytes(), Path::new("f"));
        assert_eq!(read.is_ok(), is_one, "{quoted}");
        if let Err(report) = read {
            assert_eq!(report.mistakes()[0].kind(), &MistakeKind::Escape, "{quoted}");
            assert!(report.to_string().contains("in single quotes"), "{report}");
        }
    }
}

/// What a message about an entry tells to write.
#[test]
fn entries_of_other_software_are_written_as_patterns() {
    for (entry, patterns) in [
        ("exact: https://a.example", &["https://a.example"][..]),
        ("exact: '*'", &["*"]),
        ("exact: https://A.example/", &["https://a.example"]),
        (r"regex: https://a\.example", &[r"regex:https://a\.example"]),
        (r"safe_regex: {regex: 'https://a\.example'}", &[r"regex:https://a\.example"]),
        ("'https://a.example:':", &["https://a.example"]),
        ("'https://{a,b}.example':", &["https://a.example", "https://b.example"]),
    ] {
        let text = with_policy(&format!("allow_origins:\n      - {entry}"));
        let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
        let patterns = patterns.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(report.mistakes()[0].kind(), &MistakeKind::ForeignEntry { patterns }, "{entry}");
    }
    for entry in ["prefix: https://a", "exact: 1", "exact: {a: b}", "a: https://a.example"] {
        let text = with_policy(&format!("allow_origins:\n      - {entry}"));
        let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
        let kind = report.mistakes()[0].kind();
        assert!(matches!(kind, MistakeKind::WrongType { .. }), "{entry}: {kind:?}");
    }
}

#[test]
fn lines_of_lists_are_looked_up() {
    let directory = TestDirectory::new("covered-lines");
    directory.write("one.txt", "https://b.example\nhttps://x.a.example\nhttps://c.example\nnull\n");
    directory
        .write("two.txt", "# again\nhttps://b.example\nhttps://d.example\nhttps://d.example\n");
    let text = "version: 1\npolicies:\n  p:\n    dangerously_allow: [null_origin]\n    rules:\n      \
                - {allow_origins_file: one.txt, allow_origins: ['https://*.a.example']}\n      \
                - {allow_origins_file: two.txt}\n    deny_origins: ['https://c.example']\n";
    let accepted = parse(text.as_bytes(), &directory.path("cors.yaml")).unwrap();
    let lines: Vec<_> = accepted.warnings.iter().map(ToString::to_string).collect();
    let place = |name: &str| directory.path(name).display().to_string();
    let (one, two) = (place("one.txt"), place("two.txt"));
    let key = |rule| format!("policies.p.rules[{rule}].allow_origins_file");
    assert_eq!(
        lines,
        [
            format!(
                "{one}:2: warning: {}: \"https://x.a.example\": has no effect: \
                 policies.p.rules[0].allow_origins[0] (line 6), \"https://*.a.example\", matches all \
                 that it matches; remove one of them",
                key(0)
            ),
            format!(
                "{one}:3: warning: {}: \"https://c.example\": has no effect: \
                 policies.p.deny_origins[0] (line 8), \"https://c.example\", refuses all that it \
                 matches; remove one of them",
                key(0)
            ),
            format!(
                "{two}:2: warning: {}: \"https://b.example\": has no effect: {} ({one}:1), \
                 \"https://b.example\", decides about all that it matches; move its rule above the \
                 other, or remove it",
                key(1),
                key(0)
            ),
            format!(
                "{two}:4: warning: {}: \"https://d.example\": has no effect: {} ({two}:3), \
                 \"https://d.example\", matches all that it matches; remove one of them",
                key(1),
                key(1)
            ),
        ]
    );
}

#[test]
fn covered_lines_are_counted_and_the_first_ten_described() {
    let directory = TestDirectory::new("many-covered-lines");
    let lines: String =
        (0..20_000).map(|n| format!("https://{}.a.example\n", n % 10_000)).collect();
    directory.write("list.txt", &lines);
    for (origins, first, count) in [
        ("", 10_001, 10_000),
        ("\nallow_origins: ['https://*.a.example']", 1, 20_000),
        ("\nallow_origins: ['https://0.a.example']", 1, 10_001),
    ] {
        let text = with_policy(&format!("allow_origins_file: list.txt{origins}"));
        let accepted = parse(text.as_bytes(), &directory.path("cors.yaml")).unwrap();
        let warnings = accepted.warnings;
        assert_eq!(warnings.len(), 10, "{origins}");
        assert_eq!(warnings[0].line(), Some(first), "{origins}");
        assert_eq!(10 + warnings[9].more(), count, "{origins}");
    }
}

#[test]
fn the_first_ten_warnings_of_a_policy_are_described() {
    let mut text = with_policy("allow_origins:");
    for _ in 0..15 {
        text.push_str("\n      - https://a.example");
    }
    let warnings = parse(text.as_bytes(), Path::new("f")).unwrap().warnings;
    let places: Vec<_> = warnings.iter().map(Mistake::place).collect();
    let expected: Vec<_> = (1..=10).map(|n| format!("policies.a.allow_origins[{n}]")).collect();
    assert_eq!(places, expected);
    assert_eq!(warnings[9].more(), 4);
}

#[test]
fn a_policy_that_never_decides_stands_after_mistakes_before_it() {
    let text = "version: 1\npolicies:\n  a: {allow_origins: ['https://a.example'], max_age: soon}\n  \
                b: {deny_origins: ['https://b.example'], allow_origins: ['https://b.example']}\n";
    let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
    let places: Vec<_> = report.mistakes().iter().map(Mistake::place).collect();
    assert_eq!(places, ["policies.a.max_age", "policies.b"]);
}

#[test]
fn lines_are_those_of_the_values() {
    let text = "\
# one
version: 1

policies:
  a:

    # eight
    \"allow_origins\":

      - 'https://A.example'   # ten

      -
        https://B.example
      - \"https://\\
        C.example\"
      - >-
        https://D.example
      - null
      - 5
    max_age:
      90000
    ? allow_methods
    :
      - put
    allow_headers: [
      Cookie,

      true,
      \"Hos\\x74\"
    ]
    b: c
";
    let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
    let places: Vec<_> = report
        .mistakes()
        .iter()
        .map(|mistake| (mistake.line().unwrap(), mistake.place().trim_start_matches("policies.a.")))
        .collect();
    assert_eq!(
        places,
        [
            (10, "allow_origins[0]"),
            (13, "allow_origins[1]"),
            (14, "allow_origins[2]"),
            (17, "allow_origins[3]"),
            (18, "allow_origins[4]"),
            (19, "allow_origins[5]"),
            (21, "max_age"),
            (24, "allow_methods[0]"),
            (26, "allow_headers[0]"),
            (28, "allow_headers[1]"),
            (29, "allow_headers[2]"),
            (31, "b"),
        ]
    );
    // The same with the line ends of Windows and a byte order mark.
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let again = parse(text.as_bytes(), Path::new("f")).unwrap_err();
    assert_eq!(
        again.mistakes().iter().map(Mistake::line).collect::<Vec<_>>(),
        report.mistakes().iter().map(Mistake::line).collect::<Vec<_>>()
    );
}

#[test]
fn values_are_shown_escaped_and_cut() {
    let long = "x".repeat(10_000);
    let text = with_policy(&format!(
        "allow_origins: '*'\nallow_headers: [\"a\\n\\e[1mb\\\\\", \"{long}:\"]\n\"k\\n{}\": 1",
        &long[..500]
    ));
    let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
    let mistakes = report.mistakes();
    assert_eq!(mistakes[0].value(), Some(r#""a\n\u{1b}[1mb\""#));
    assert_eq!(mistakes[1].value().unwrap().chars().count(), 83);
    assert!(mistakes[2].place().chars().count() < 120);
    for line in report.to_string().lines() {
        assert!(line.chars().count() < 600 && !line.chars().any(char::is_control), "{line}");
    }
}

#[test]
fn more_than_a_hundred_mistakes_are_counted() {
    let keys = "allow_origins: '*'\n".to_owned()
        + &(0..250).map(|n| format!("key{n}: 1\n")).collect::<String>();
    let report = parse(with_policy(&keys).as_bytes(), Path::new("f")).unwrap_err();
    assert_eq!((report.mistakes().len(), report.omitted()), (100, 150));
    assert!(report.to_string().ends_with("\nand 150 more mistakes"));
}

#[test]
fn files_of_origins() {
    let directory = TestDirectory::new("files");
    let file = directory.write(
        "cors.yaml",
        with_policy("allow_credentials: true\nallow_origins_file: list.txt\nmax_age: soon"),
    );
    directory.write(
        "list.txt",
        b"# bad\nhttps://a.example\nhttps://A.example # upper\r\n\nhttp://b.example\n\xff\n*\n",
    );
    let report = load(&file).unwrap_err();
    let list = file.with_file_name("list.txt");
    let found: Vec<_> = report
        .mistakes()
        .iter()
        .map(|mistake| (mistake.file(), mistake.line(), mistake.place(), mistake.value()))
        .collect();
    let place = "policies.a.allow_origins_file";
    assert_eq!(
        found,
        [
            (&*list, Some(3), place, Some("\"https://A.example\"")),
            (&*list, Some(5), place, Some("\"http://b.example\"")),
            (&*list, Some(6), place, Some("\"\u{fffd}\"")),
            (&*list, Some(7), place, Some("\"*\"")),
            (&*file, Some(6), "policies.a.max_age", Some("\"soon\"")),
        ]
    );
    assert_eq!(report.mistakes()[1].opened_by(), Some(Guard::InsecureOrigins));
    assert_eq!(report.mistakes()[3].opened_by(), Some(Guard::AnyOriginWithCredentials));

    let bad: String = (0..500).map(|n| format!("HTTPS://{n}.example\n")).collect();
    directory.write("list.txt", bad);
    let report = load(&file).unwrap_err();
    assert_eq!((report.mistakes().len(), report.omitted()), (100, 401));

    directory.write("list.txt", "# nobody yet\n");
    let report = load(&file).unwrap_err();
    assert_eq!(report.mistakes()[0].kind(), &MistakeKind::NoOrigins);
    assert_eq!((report.mistakes()[0].file(), report.mistakes()[0].line()), (&*file, Some(5)));
    assert!(report.mistakes()[0].value().unwrap().ends_with("list.txt\""));
    let files: Vec<_> = report.files().iter().map(|it| (&*it.path, it.sha256)).collect();
    let text = std::fs::read(&file).unwrap();
    assert_eq!(files, [(&*file, Some(sha256(&text))), (&*list, Some(sha256(b"# nobody yet\n")))]);

    // Beside other origins, a file may be empty.
    let file = directory.write(
        "both.yaml",
        with_policy("allow_origins: 'https://a.example'\nallow_origins_file: list.txt"),
    );
    assert_eq!(load(&file).unwrap().value.len(), 1);
}

#[test]
fn files_that_cannot_be_read() {
    let directory = TestDirectory::new("unreadable");
    for (name, known) in [
        ("missing.txt", "missing.txt\": cannot be read: No such file"),
        (".", "a folder, not a regular file"),
        (
            "/dev/null",
            "\"/dev/null\": a device, not a regular file; write the path of a regular file",
        ),
        ("''", "no value"),
        ("' '", "no value"),
        ("[list.txt]", "expected the path of a file, found a list"),
        ("\"a\\0b\"", "cannot be read"),
    ] {
        let file =
            directory.write("cors.yaml", with_policy(&format!("allow_origins_file: {name}")));
        let report = load(&file).unwrap_err();
        assert_eq!(report.mistakes().len(), 1, "{report}");
        assert!(report.to_string().contains(known), "{report}");
        let place = format!("{}:4: policies.a.allow_origins_file: ", file.display());
        assert!(report.to_string().starts_with(&place), "{report}");
    }
    let report = load(Path::new("/nonexistent/cors.yaml")).unwrap_err();
    assert!(matches!(report.mistakes()[0].kind(), MistakeKind::Unreadable(_)), "{report}");
    assert!(report.to_string().starts_with("/nonexistent/cors.yaml: cannot be read: "), "{report}");
}

#[cfg(unix)]
#[test]
fn nothing_waits_for_what_is_not_a_regular_file() {
    let directory = TestDirectory::new("kinds");
    let document = directory.write("cors.yaml", with_policy("allow_origins_file: list"));
    let path = document.with_file_name("list");
    for found in ["a named pipe", "a socket", "a folder"] {
        match found {
            "a named pipe" => {
                assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            }
            "a socket" => drop(UnixListener::bind(&path).unwrap()),
            _ => std::fs::create_dir(&path).unwrap(),
        }
        let key = format!("{}:4: policies.a.allow_origins_file: ", document.display());
        let list = format!("{key}\"{}\"", path.display());
        for (file, place) in [(&path, path.display().to_string()), (&document, list)] {
            let report = load(file).unwrap_err();
            let message = format!(
                "{place}: {found}, not a regular file; \
                 write the path of a regular file, or of a symbolic link to one",
            );
            assert_eq!(report.to_string(), message);
        }
        let _ = std::fs::remove_file(&path);
    }
    let link = document.with_file_name("link.yaml");
    symlink(&document, &link).unwrap();
    assert!(load(&link).unwrap_err().to_string().contains("a folder"), "the link is followed");
}

#[test]
fn an_endless_list_of_origins_is_refused() {
    let directory = TestDirectory::new("endless");
    let document = directory.write("cors.yaml", with_policy("allow_origins_file: list"));
    let list = directory.write("list", "https://a.example\n");
    let file = std::fs::OpenOptions::new().write(true).open(list).unwrap();
    // Holes take no space on the disk.
    file.set_len(origins_file::MAX_BYTES + 1).unwrap();
    let report = load(&document).unwrap_err();
    assert!(report.to_string().contains("larger than 512 MiB; keep no more"), "{report}");
}

#[test]
fn a_policy_out_of_nginx_conf() {
    let text = |text: &str, line| Node::string(text, line);
    let entry = |key: &str, value, line| (Node::string(key, line), Node::new(value, line));
    let list = |texts: &[&str], line| Value::List(texts.iter().map(|t| text(t, line)).collect());
    let block = |entries| Node::new(Value::Map(entries), 10);
    let good = block(vec![
        entry("allow_origins", list(&["https://a.example", "https://b.example"], 11), 11),
        entry("allow_credentials", Value::Bool(true), 12),
        entry("max_age", Value::String("10m".into()), 13),
        entry("preflight_status", Value::String("200".into()), 14),
    ]);
    let policy = policy_from_node("api", &good, Path::new("nginx.conf"), &[]).unwrap().value;
    assert_eq!(policy.name(), "api");
    assert_eq!(policy.preflight_status(), 200);
    assert_eq!(decision(&policy, "https://b.example"), ("allowed", Some(0)));

    let bad = block(vec![
        entry("allow_origins", list(&["https://a.example", "https://b.example/"], 11), 11),
        entry("allow_credentials", Value::String("yes".into()), 12),
        entry("max_age", Value::Null, 13),
        entry("allow_methods", list(&["GET,PUT"], 14), 14),
        entry("allow_headers", Value::String("X-A, X-B".into()), 15),
        entry("allow_origin", list(&["a"], 16), 16),
    ]);
    let report = policy_from_node("api", &bad, Path::new("f"), &[]).unwrap_err();
    assert_eq!(
        shown(&report),
        [
            ":11: api.allow_origins[1]: \"https://b.example/\": an origin does not end with a slash; write \"https://b.example\"",
            ":12: api.allow_credentials: \"yes\": expected `on` or `off`; write `on` or `off`",
            ":13: api.max_age: no value; write `max_age 10m;`, or remove the key",
            ":14: api.allow_methods[0]: \"GET,PUT\": not a method: methods are letters, digits and !#$%&'*+-.^_`|~; list the methods one by one: write `allow_methods GET PUT;`",
            ":15: api.allow_headers: \"X-A, X-B\": several entries in one text; separate by spaces: \"X-A\" \"X-B\"",
            ":16: api.allow_origin: unknown key; write `allow_origins`",
        ]
    );
    for (key, kind) in [
        ("allow_credentials", Some(KeyKind::Boolean)),
        ("allow_origins", Some(KeyKind::List)),
        ("max_age", Some(KeyKind::Scalar)),
        ("rules", Some(KeyKind::Rules)),
        ("allow_origin", None),
    ] {
        assert_eq!(key_kind(key), kind, "{key}");
    }
}

#[test]
fn large_documents_are_refused_before_they_are_parsed() {
    let directory = TestDirectory::new("large");
    let path = directory.write("junk.yaml", "");
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(100 << 20).unwrap();
    assert_eq!(read(&path).unwrap().len(), yaml::MAX_BYTES + 1, "no more is read than shows it");
    let report = load(&path).unwrap_err();
    assert_eq!(report.mistakes()[0].kind(), &MistakeKind::TooLarge { limit: yaml::MAX_BYTES });
    assert!(report.to_string().contains("larger than 4 MiB; move long lists of origins"));

    let filled = |size: usize| {
        let text = "version: 1\npolicies: {a: {allow_origins: '*'}}\n#";
        text.to_owned() + &"x".repeat(size - text.len())
    };
    assert_mistakes(filled(yaml::MAX_BYTES), &[]);
    assert_eq!(mistakes(filled(yaml::MAX_BYTES + 1)).len(), 1);
}

#[test]
fn nesting_is_bounded_while_reading() {
    let n = 1 << 19;
    for text in [
        "[".repeat(n),
        "{".repeat(n),
        "[{".repeat(n / 2),
        "[?".repeat(n / 2),
        "{a: ".repeat(n / 4),
        "- ".repeat(n / 2),
        "? ".repeat(n / 2),
        (0..700).map(|depth| " ".repeat(depth) + "a:\n").collect(),
        "&a [".repeat(n / 4),
        "!a [".repeat(n / 4),
    ] {
        assert!(text.len() <= yaml::MAX_BYTES);
        let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
        assert_eq!(report.mistakes().len() + report.omitted(), 1, "{report}");
    }
    let deep = format!("version: 1\npolicies: {}{}\n", "[".repeat(100), "]".repeat(100));
    let report = parse(deep.as_bytes(), Path::new("f")).unwrap_err();
    assert_eq!(report.mistakes()[0].kind(), &MistakeKind::TooDeep { limit: 32 });
}

#[test]
fn aliases_are_bounded_by_what_they_copy() {
    // Nested: nine times nine times …, which is the classic bomb.
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..25 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    // Flat: many aliases of one long list, or of one long text.
    let list = format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(20_000), "*a,".repeat(2_000));
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(20_000), "*a,".repeat(2_000));
    // Anchors of the same values, around each other.
    let around = format!("{}{}", "&a [".repeat(30), "x,".repeat(40_000));
    for bomb in [laughs, list, text] {
        let report = parse(bomb.as_bytes(), Path::new("f")).unwrap_err();
        assert_eq!(report.mistakes()[0].kind(), &MistakeKind::AliasBomb, "{report}");
    }
    assert!(parse(around.as_bytes(), Path::new("f")).is_err());
    // The most that a document holds without aliases is not taken for one.
    for text in [
        format!("a: [{}x]\n", "x,".repeat((1 << 19) - 10)),
        format!("a: {}\n", "x".repeat((1 << 20) - 10)),
    ] {
        assert!(text.len() > (1 << 20) - 100);
        let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
        assert!(
            matches!(report.mistakes()[0].kind(), MistakeKind::MissingVersion),
            "{}",
            report.mistakes()[0]
        );
    }
}

#[test]
fn a_usual_list_of_headers_is_accepted_and_sent_as_written() {
    let text = with_policy(
        "allow_origins: ['https://a.example']\nallow_headers: [Authorization, Content-Type, \
         X-Requested-With, x-csrf-token, Access-Control-Allow-Origin]",
    );
    let read = parse(text.as_bytes(), Path::new("f")).unwrap();
    assert_eq!(
        read.warnings.iter().map(without_file).collect::<Vec<_>>(),
        [
            ":5: warning: policies.a.allow_headers[4]: \"Access-Control-Allow-Origin\": a response header of CORS, which means nothing on the requests of pages; remove it, unless pages put it on their requests by mistake",
        ]
    );
    let preflight = crate::PreflightRequest {
        method: b"GET",
        headers: [&b"access-control-allow-origin,x-csrf-token"[..]].into_iter(),
        private_network: false,
    };
    let origin = crate::OriginHeader::One(b"https://a.example");
    let answer = read.value[0].decide_preflight(origin, &preflight);
    assert_eq!(answer.decision().as_str(), "allowed");
    let sent = b"Authorization, Content-Type, X-Requested-With, x-csrf-token, \
                 Access-Control-Allow-Origin";
    assert!(answer.fields().any(
        |field| field == (crate::FieldName::AllowHeaders, crate::FieldValue::Ready(&sent[..]))
    ));
}

#[test]
fn warnings_come_alone_and_beside_errors() {
    let warns = "allow_origins: '*'\nallow_headers: [DNT]\nmax_age: 2d\n\
                 allow_private_network: true\ndangerously_allow: [null_origin]\n";
    let lines = [
        ":5: warning: policies.a.allow_headers[0]: \"DNT\": pages cannot set this request header (forbidden by the Fetch standard), so that allowing it does nothing; remove it",
        ":6: warning: policies.a.max_age: \"2d\": more than 86400 seconds, sent as 86400: Firefox keeps an answer for 86400 seconds at most, Chromium for 7200, WebKit for 600; write 1d or less",
        ":7: warning: policies.a.allow_private_network: true: no browser asks for this permission any more; remove it",
        ":8: warning: policies.a.dangerously_allow[0]: \"null_origin\": opens nothing that is closed without it; remove it",
    ];
    assert_mistakes(with_policy(warns), &lines);
    // As long as there are errors, a guard may be meant for what they concern.
    let error =
        ":9: policies.a.enforce: \"yes\": expected true or false, found a text; write `true`";
    let text = with_policy(&format!("{warns}enforce: yes"));
    assert_mistakes(&text, &[lines[0], lines[1], lines[2], error]);
    let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
    assert_eq!((report.errors().count(), report.warnings().count()), (1, 3));
    assert_eq!(report.errors().next().unwrap().level().as_str(), "error");
    assert_eq!(report.warnings().next().unwrap().level().as_str(), "warning");
    // What is written out has no effect, and is no mistake either.
    assert_mistakes(with_policy("allow_origins: '*'\nallow_private_network: false"), &[]);
}

#[test]
fn ten_warnings_of_a_kind_are_described_and_take_no_room_of_errors() {
    let names: Vec<String> = (0..200).map(|index| format!("Sec-{index}")).collect();
    let warns = format!(
        "allow_origins: '*'\nallow_headers: [{}, Access-Control-Max-Age]\n",
        names.join(", ")
    );
    let read = parse(with_policy(&warns).as_bytes(), Path::new("f")).unwrap();
    assert_eq!(read.warnings.len(), 11);
    assert_eq!(read.warnings.iter().map(Mistake::more).sum::<usize>(), 190);
    let last = &read.warnings[9];
    assert_eq!((last.value(), last.more()), (Some("\"Sec-9\""), 190));
    assert!(last.to_string().ends_with("; remove it (and 190 more warnings of this kind)"));
    assert_eq!(read.warnings[10].value(), Some("\"Access-Control-Max-Age\""));

    // Eleven are ten and one.
    let text =
        with_policy(&format!("allow_origins: '*'\nallow_headers: [{}]", names[..11].join(",")));
    let read = parse(text.as_bytes(), Path::new("f")).unwrap();
    assert!(read.warnings[9].to_string().ends_with(" (and 1 more warning of this kind)"));
    assert!(!read.warnings[8].to_string().contains("more warning"));

    let errors: String = (0..250).map(|index| format!("key{index}: 1\n")).collect();
    let text = with_policy(&(warns + &errors));
    let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
    assert_eq!((report.errors().count(), report.omitted()), (100, 150));
    assert_eq!((report.warnings().count(), report.mistakes().len()), (11, 111));

    // They are counted for the document, not for each policy.
    let policies: String = (0..30)
        .map(|index| format!("  p{index}: {{allow_origins: '*', allow_headers: [DNT]}}\n"))
        .collect();
    let read = parse(format!("version: 1\npolicies:\n{policies}").as_bytes(), Path::new("f"));
    let warnings = read.unwrap().warnings;
    assert_eq!((warnings.len(), warnings[9].more()), (10, 20));
}

#[test]
fn a_guard_may_be_opened_in_a_rule() {
    let rules = |policy: &str, first: &str, second: &str| {
        let rule = |host: &str, guards: &str| {
            format!(
                "{{allow_origins: ['http://{host}.example', 'regex:https://{host}.example'], allow_credentials: true, \
                 dangerously_allow: [{guards}]}}"
            )
        };
        with_policy(&format!(
            "dangerously_allow: [{policy}]\nrules:\n  - {}\n  - {}",
            rule("a", first),
            rule("b", second)
        ))
    };
    let both = "insecure_origins, loose_regex";
    assert_mistakes(rules("", both, both), &[]);
    assert_mistakes(rules("loose_regex", "insecure_origins", "insecure_origins"), &[]);
    assert_mistakes(rules(both, "", ""), &[]);
    // A rule's guards are its own.
    let text = rules("insecure_origins", "loose_regex", "");
    let report = parse(text.as_bytes(), Path::new("f")).unwrap_err();
    let places: Vec<_> = report.mistakes().iter().map(Mistake::place).collect();
    assert_eq!(places, ["policies.a.rules[1].allow_origins[1]"]);
    // What the policy opens need not be opened again, and what nothing needs, not at all. The
    // warnings are in the order of the document.
    let warning = |line: u32, place: &str, guard: &str| {
        format!(
            ":{line}: warning: policies.a.{place}: \"{guard}\": opens nothing that is closed \
             without it; remove it"
        )
    };
    assert_eq!(
        mistakes(rules(
            "insecure_origins, null_origin, insecure_origins",
            "loose_regex, public_suffixes, insecure_origins",
            "loose_regex"
        )),
        [
            warning(4, "dangerously_allow[1]", "null_origin"),
            warning(4, "dangerously_allow[2]", "insecure_origins"),
            warning(6, "rules[0].dangerously_allow[1]", "public_suffixes"),
            warning(6, "rules[0].dangerously_allow[2]", "insecure_origins"),
        ]
    );
    // Mistakes in it are found there, too.
    assert_eq!(
        mistakes(with_policy("rules: [{allow_origins: '*', dangerously_allow: [null_orign]}]")),
        [
            ":4: policies.a.rules[0].dangerously_allow[0]: \"null_orign\": unknown value; write `null_origin`"
        ]
    );
}

#[test]
fn stars_inside_of_names_and_methods_in_another_case() {
    for (key, entry, expected) in [
        (
            "allow_headers",
            "X-Acme-*",
            "`*` inside a header name is an ordinary character, not a wildcard; list the names one by one, as in [X-Acme-A, X-Acme-B]",
        ),
        (
            "allow_headers",
            "Sec-*",
            "`*` inside a header name is an ordinary character, not a wildcard; remove it: pages cannot set such headers",
        ),
        (
            "expose_headers",
            "x-amz-meta-*",
            "`*` inside a header name is an ordinary character, not a wildcard; list the names one by one, as in [x-amz-meta-A, x-amz-meta-B]",
        ),
        (
            "allow_methods",
            "PUT*",
            "`*` inside a method is an ordinary character, not a wildcard; write PUT, and list other methods one by one",
        ),
        (
            "allow_methods",
            "MK*",
            "`*` inside a method is an ordinary character, not a wildcard; list the methods that are meant one by one",
        ),
        (
            "allow_methods",
            "Patch",
            "does not match PATCH: methods are case-sensitive; write PATCH (or list both, if pages really send it as it is written here)",
        ),
        (
            "allow_methods",
            "query",
            "does not match QUERY: methods are case-sensitive; write QUERY (or list both, if pages really send it as it is written here)",
        ),
        (
            "allow_methods",
            "purge",
            "does not match PURGE: methods are case-sensitive; write PURGE (or list both, if pages really send it as it is written here)",
        ),
        (
            "expose_headers",
            "Origin",
            "a header of requests; expose_headers names the response headers that pages may read, so that exposing it does nothing; remove it",
        ),
        (
            "expose_headers",
            "Access-Control-Request-Method",
            "a header of requests; expose_headers names the response headers that pages may read, so that exposing it does nothing; remove it",
        ),
    ] {
        let text = with_policy(&format!("allow_origins: '*'\n{key}: ['{entry}']"));
        let expected = format!(":5: policies.a.{key}[0]: \"{entry}\": {expected}");
        assert_eq!(mistakes(&text), [expected.as_str()], "{text}");
    }
    // The advice passes: each list that a message writes out, and both spellings of a method.
    for keys in [
        "allow_headers: [X-Acme-A, X-Acme-B]",
        "expose_headers: [x-amz-meta-A, x-amz-meta-B]",
        "allow_methods: [PUT]",
        "allow_methods: [query, QUERY]",
        "allow_methods: [PURGE, Purge, purge]",
    ] {
        assert_mistakes(with_policy(&format!("allow_origins: '*'\n{keys}")), &[]);
    }
}

#[test]
fn words_of_other_software() {
    // Each key with its value, and what to write instead.
    for (key, value, advice) in [
        (
            "cors-allow-origin",
            "'https://a.example, https://b.example'",
            "write `allow_origins: [\"https://a.example\", \"https://b.example\"]`",
        ),
        ("nginx.ingress.kubernetes.io/cors-max-age", "'600'", "write `max_age: 600`"),
        ("cors-allow-credentials", "'true'", "write `allow_credentials: true`"),
        (
            "enable-cors",
            "'true'",
            "remove it: a policy applies where nginx.conf has `cors_policy` with its name",
        ),
        ("maxAgeSeconds", "3000", "write `max_age: 3000`"),
        ("MaxAgeSeconds", "[3000, 5]", "write `max_age: 10m`"),
        ("AllowedOrigins", "['https://a.example']", "write `allow_origins`"),
        ("ExposeHeaders", "[ETag]", "write `expose_headers`"),
        (
            "allow_origin_string_match",
            "[{exact: 'https://a.example'}]",
            "write `allow_origins: [\"https://app.example.com\"]`",
        ),
        (
            "allowOrigins",
            "[{exact: 'https://a.example'}]",
            "write `allow_origins: [\"https://app.example.com\"]`",
        ),
        ("maxAge", "24h", "write `max_age: 24h`"),
        ("allow_origin_regex", "['https://.*']", "write `allow_origins: [\"regex:…\"]`"),
        (
            "filter_enabled",
            "{}",
            "remove it: a policy applies where nginx.conf has `cors_policy` with its name",
        ),
        ("origins", "['*']", "write `allow_origins`"),
        ("methods", "[GET]", "write `allow_methods`"),
        ("headers", "[X-A]", "write `allow_headers`"),
        ("exposed_headers", "[X-A]", "write `expose_headers`"),
        ("credentials", "true", "write `allow_credentials: true`"),
        ("preflight_continue", "true", "write `preflight: forward`"),
        ("preflight_continue", "false", "write `preflight: answer`"),
        ("private_network", "false", "write `allow_private_network: false`"),
        ("accessControlAllowOriginList", "['*']", "write `allow_origins`"),
        ("accessControlAllowOriginListRegex", "['.*']", "write `allow_origins: [\"regex:…\"]`"),
        ("accessControlAllowMethods", "[GET]", "write `allow_methods`"),
        ("accessControlMaxAge", "100", "write `max_age: 100`"),
        (
            "addVaryHeader",
            "true",
            "remove it: `Vary` is sent wherever a response depends on the request",
        ),
        ("allowedOriginPatterns", "['*']", "write `allow_origins`"),
        ("allowed-methods", "GET,PUT", "write `allow_methods: [\"GET\", \"PUT\"]`"),
        ("AllowCredentials", "yes", "write `allow_credentials: true`"),
        (
            "AllowOriginFunc",
            "f",
            "remove it, and list patterns in `allow_origins`: a policy calls no functions",
        ),
        ("OptionsPassthrough", "on", "write `preflight: forward`"),
        ("optionsSuccessStatus", "200", "write `preflight_status: 200`"),
        ("optionsSuccessStatus", "202", "write `preflight_status: 204`"),
        ("origin", "'https://a.example'", "write `allow_origins`"),
        ("Access-Control-Allow-Origin", "'https://a.example'", "write `allow_origins`"),
        ("ACCESS-CONTROL-EXPOSE-HEADERS", "ETag", "write `expose_headers`"),
        ("Access-Control-Allow-Credentials", "{}", "write `allow_credentials: true`"),
        (
            "Access-Control-Request-Method",
            "PUT",
            "remove it: browsers send this header, and the policy answers it",
        ),
        ("supports_credentials", "1", "write `allow_credentials: true`"),
        ("CORS_ALLOWED_ORIGINS", "['*']", "write `allow_origins`"),
        ("Timing-Allow-Origin", "true", "write `timing_allow_origin: true`"),
        ("preflightStatus", "'204'", "write `preflight_status: 204`"),
    ] {
        let line = if key.starts_with(|c: char| c.is_ascii_alphabetic()) { "" } else { "? " };
        let text = with_policy(&format!("allow_origins: '*'\n{line}{key}: {value}"));
        let shown = if key.contains('/') { format!("\"{key}\"") } else { key.to_owned() };
        let expected = format!(":5: policies.a.{shown}: unknown key; {advice}");
        assert_eq!(mistakes(&text), [expected.as_str()], "{text}");
        // What it says to write is no unknown key.
        if let Some(written) = advice.strip_prefix("write `") {
            let written = written.trim_end_matches('`').replace("regex:…", "regex:https://a");
            let written = match written.split_once(": ") {
                Some(_) => written,
                None => format!("{written}: {value}"),
            };
            let other = if written.starts_with("allow_origins") {
                ""
            } else {
                "allow_origins: https://a\n"
            };
            let text = with_policy(&format!("{other}{written}"));
            assert_eq!(mistakes(&text), [""; 0], "{text}");
        }
    }
    // What is near to one of the keys, and to no word of others.
    assert_mistakes(
        with_policy("allow_origins: '*'\nalow_orgins: 1"),
        &[":5: policies.a.alow_orgins: unknown key; write `allow_origins`"],
    );
    // Where the key would belong elsewhere, the advice says so.
    assert_mistakes(
        with_policy("rules:\n  - {allow_origins: '*', preflightContinue: true}"),
        &[
            ":5: policies.a.rules[0].preflightContinue: unknown key; write `preflight: forward`, in the policy: beside `rules`",
        ],
    );
    assert_mistakes(
        "version: 1\ncorsPolicy: {}\nallowOrigin: ['*']\npolicies: {a: {allow_origins: '*'}}",
        &[
            ":2: corsPolicy: unknown key; write `policies`, below it the name of a policy, and below that the keys of the policy",
            ":3: allowOrigin: unknown key; write `allow_origins`, in a policy: below `policies` and a name",
        ],
    );
    for (name, argument, advice) in [
        ("maxAgeSeconds", "3000", Some("write `max_age 3000;`")),
        ("Access-Control-Allow-Credentials", "true", Some("write `allow_credentials on;`")),
        ("cors-allow-methods", "GET", Some("write `allow_methods`")),
        ("allow_orgins", "*", None),
    ] {
        let arguments = vec![Node::string(argument, 1)];
        assert_eq!(directive_advice(name, arguments, false).as_deref(), advice, "{name}");
    }
}

#[test]
fn lines_of_a_block_are_those_of_its_files() {
    let text = |text: &str, line| Node::string(text, line);
    let entry = |key: &str, value, line| (text(key, line), Node::new(value, line));
    let list = |texts: &[&str], line| Value::List(texts.iter().map(|t| text(t, line)).collect());
    let line = |file: &str, line| NodeLine { file: Path::new(file).into(), line };
    let lines = [
        line("nginx.conf", 7),
        line("nginx.conf", 8),
        line("more.conf", 1),
        line("nginx.conf", 10),
    ];
    let rule = |entries| Node::new(Value::Map(entries), 3);
    let messages = |entries| {
        let node = Node::new(Value::Map(entries), 1);
        let report = policy_from_node("api", &node, Path::new("nginx.conf"), &lines).unwrap_err();
        report.mistakes().iter().map(Mistake::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        messages(vec![
            entry("allow_origins", list(&["https://a.example"], 2), 2),
            entry("max_age", Value::String("soon".into()), 3),
            entry("allow_origins", list(&["https://b.example"], 4), 4),
            entry("max_age", Value::String("5".into()), 4),
        ]),
        [
            "more.conf:1: api.max_age: \"soon\": not a time; write seconds, or units from large to small, as in 600, 10m or 1h30m",
            "nginx.conf:10: api.allow_origins: the same key stands in nginx.conf:8 already; remove one of the two",
            "nginx.conf:10: api.max_age: the same key stands in more.conf:1 already; remove one of the two",
        ]
    );
    // The earlier of two patterns has a place of its own, too.
    let node = Node::new(
        Value::Map(vec![
            entry("allow_origins", list(&["https://*.a.example"], 3), 3),
            entry("deny_origins", list(&["https://old.a.example", "https://old.a.example"], 4), 4),
        ]),
        1,
    );
    let read = policy_from_node("api", &node, Path::new("nginx.conf"), &lines).unwrap();
    assert_eq!(
        read.warnings.iter().map(|warning| warning.at_place().to_string()).collect::<Vec<_>>(),
        ["nginx.conf:10: api.deny_origins[1]: \"https://old.a.example\": has no effect: \
             api.deny_origins[0] (nginx.conf:10), \"https://old.a.example\", matches all that it \
             matches; remove one of them"]
    );
    // Messages are told in the words of nginx.conf.
    assert_eq!(
        messages(vec![
            entry("max_age", Value::String("5".into()), 2),
            entry(
                "rules",
                Value::List(vec![
                    rule(vec![
                        entry("allow_origins", list(&["*"], 4), 4),
                        entry("enforce", Value::Bool(true), 4),
                        entry("allow_headers", list(&["X-*"], 4), 4),
                        entry("allow_origins_file", Value::String("/none.txt".into()), 4),
                    ]),
                    rule(vec![entry("allow_origins", list(&[""], 4), 4)]),
                ]),
                3
            ),
        ]),
        [
            "nginx.conf:8: api.max_age: beside rules, this key would apply to none of them; move it into the `rule` blocks",
            "nginx.conf:10: api.rules[0].enforce: this key belongs to the policy, beside its `rule` blocks; move it there",
            "nginx.conf:10: api.rules[0].allow_headers[0]: \"X-*\": `*` inside a header name is an ordinary character, not a wildcard; list the names one by one, as in X-A X-B",
            "nginx.conf:10: api.rules[0].allow_origins_file: \"/none.txt\": cannot be read: No such file or directory (os error 2); check the path and its permissions",
            "more.conf:1: api.rules[1]: never reached: rules[0] matches every origin; move it above rules[0], or remove it",
            "nginx.conf:10: api.rules[1].allow_origins[0]: an empty entry; remove it, or write an origin",
        ]
    );
}

mod fuzzing {
    use super::*;
    use proptest::prelude::*;

    /// Words and signs that documents consist of.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => proptest::sample::select(keys().map(str::to_owned).collect::<Vec<_>>()),
            2 => proptest::sample::select(
                ["version: 1\n", "policies:\n", "rules:", "true", "null", "10m", "600", "GET",
                 "Authorization", "https://a.example", "https://*.example.com", "\"*\"", "*a",
                 "&a ", "!t ", "<<: ", "---\n", "off"].map(str::to_owned).to_vec()
            ),
            4 => proptest::sample::select(
                [": ", "\n", "\n  ", "\n    ", "\n      - ", ", ", "[", "]", "{", "}", "\"", "'", "#",
                 "? ", "| ", ">\n", "\t", "\r\n", "%", "@"].map(str::to_owned).to_vec()
            ),
            1 => "\\PC{0,4}",
        ]
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_validation(pieces in proptest::collection::vec(piece(), 0..60)) {
            check(pieces.concat().as_bytes());
        }

        #[test]
        fn no_change_of_a_good_document_breaks_the_validation(
            changes in proptest::collection::vec((0..DOCUMENTED.len(), 0_usize..8, piece()), 1..6)
        ) {
            let mut text = DOCUMENTED.as_bytes().to_vec();
            for (at, removed, inserted) in changes {
                let at = at.min(text.len());
                let end = (at + removed).min(text.len());
                text.splice(at..end, inserted.into_bytes());
            }
            check(&text);
        }

        #[test]
        fn no_bytes_break_the_validation(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            check(&bytes);
        }
    }

    /// Either policies or a report that can be read.
    fn check(text: &[u8]) {
        match parse(text, Path::new("/nonexistent/f")) {
            Ok(read) => {
                assert!(!read.value.is_empty());
                assert!(read.warnings.iter().all(|mistake| mistake.level() == Level::Warning));
            }
            Err(report) => {
                let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
                for mistake in &report {
                    assert!(!mistake.problem().is_empty() && !mistake.remedy().is_empty());
                    assert!(mistake.line().is_none_or(|line| (1..=lines as u32).contains(&line)));
                    assert!(!mistake.to_string().contains('\n'));
                }
            }
        }
    }
}

#[test]
fn a_rule_that_never_decides_is_an_error() {
    let rules = |rules: &str| with_policy(&format!("rules:\n{rules}"));
    for (text, expected) in [
        (
            rules(
                "  - {allow_origins: ['https://*.example.com']}\n  \
                 - {allow_origins: ['https://app.example.com', 'https://pr-*.example.com']}",
            ),
            &[":6: policies.a.rules[1]: never decides: rules before it take all of its origins, \
               among them policies.a.rules[0].allow_origins[0], \"https://*.example.com\"; move \
               it above that rule, or remove it"][..],
        ),
        (
            rules(
                "  - {allow_origins: ['http://localhost:3000-3004']}\n  \
                 - {allow_origins: ['http://localhost:3005-3009']}\n  \
                 - {allow_origins: ['http://localhost:3000-3009']}",
            ),
            &[":7: policies.a.rules[2]: never decides: rules before it take all of its origins, \
               among them policies.a.rules[0].allow_origins[0], \
               \"http://localhost:3000-3004\"; move it above that rule, or remove it"],
        ),
        (
            with_policy(
                "allow_origins: ['https://app.example.com']\ndeny_origins: \
                 ['https://*.example.com']",
            ),
            &[":3: policies.a: never decides: policies.a.deny_origins[0], \
               \"https://*.example.com\", and what stands beside it refuse all of its origins; \
               remove the rule, or what is meant from `deny_origins`"],
        ),
    ] {
        assert_mistakes(text, expected);
    }
    // One origin that is left is enough.
    for left in ["https://example.com", "https://app.example.com:8443"] {
        let text = rules(&format!(
            "  - {{allow_origins: ['https://*.example.com']}}\n  - {{allow_origins: \
             ['https://app.example.com', '{left}']}}"
        ));
        let read = parse(text.as_bytes(), Path::new("f")).unwrap();
        assert_eq!(read.warnings.len(), 1, "{:?}", read.warnings);
    }
}

#[test]
fn a_pattern_that_an_earlier_one_covers_is_a_warning() {
    assert_mistakes(
        with_policy(
            "allow_origins: ['https://*.example.com', 'https://a.example', \
             'https://app.example.com', 'https://a.example']",
        ),
        &[
            ":4: warning: policies.a.allow_origins[2]: \"https://app.example.com\": has no \
             effect: policies.a.allow_origins[0] (line 4), \"https://*.example.com\", matches \
             all that it matches; remove one of them",
            ":4: warning: policies.a.allow_origins[3]: \"https://a.example\": has no effect: \
             policies.a.allow_origins[1] (line 4), \"https://a.example\", matches all that it \
             matches; remove one of them",
        ],
    );
    assert_mistakes(
        with_policy(
            "rules:\n  - {allow_origins: ['https://*.example.com']}\n  - {allow_origins: \
             ['https://app.example.com', 'https://b.example']}",
        ),
        &[":6: warning: policies.a.rules[1].allow_origins[0]: \"https://app.example.com\": has \
           no effect: policies.a.rules[0].allow_origins[0] (line 5), \
           \"https://*.example.com\", decides about all that it matches; move its rule above \
           the other, or remove it"],
    );
    assert_mistakes(
        with_policy(
            "allow_origins: ['https://*.example.com', 'https://b.example']\ndeny_origins: \
             ['https://b.example']",
        ),
        &[":4: warning: policies.a.allow_origins[1]: \"https://b.example\": has no effect: \
           policies.a.deny_origins[0] (line 5), \"https://b.example\", refuses all that it \
           matches; remove one of them"],
    );
    // With credentials, `null` and `file://` beside `*` are what allows them.
    assert_mistakes(
        with_policy(
            "allow_origins: ['*', 'null', 'file://']\nallow_credentials: true\n\
                 dangerously_allow: [any_origin_with_credentials, null_origin, file_origin]",
        ),
        &[],
    );
}

#[test]
fn keys_of_the_origin_check_and_of_caches() {
    const A: &str = "allow_origins: [https://a.example]\n";
    for (sentence, keys, expected) in [
        (
            "own origins as they should be",
            "enforce: true\nown_origins: [https://a.example, 'http://localhost:8080', 'http://[::1]']",
            &[][..],
        ),
        ("one own origin", "own_origins: http://a.example\nenforce: true", &[]),
        (
            "own origins without enforce",
            "own_origins: [https://a.example]",
            &[
                ":5: policies.a.own_origins: without `enforce`, no request is refused; add `enforce: true`",
            ],
        ),
        (
            "own origins, and nothing enforced",
            "enforce: false\nown_origins: [https://a.example]",
            &[
                ":6: policies.a.own_origins: without `enforce`, no request is refused; add `enforce: true`",
            ],
        ),
        (
            "no own origins",
            "enforce: true\nown_origins: []",
            &[":6: policies.a.own_origins: an empty list; list origins, or remove the key"],
        ),
        (
            "own origins that are none",
            "enforce: true\nown_origins: ['*', 'https://*.example.com', 'null', 'app://a', \
             'https://A.example', 'regex:https://a', 'localhost:8080']",
            &[
                ":6: policies.a.own_origins[0]: \"*\": this key takes origins only, each written out; list those that are meant",
                ":6: policies.a.own_origins[1]: \"https://*.example.com\": this key takes origins only, each written out; list those that are meant",
                ":6: policies.a.own_origins[2]: \"null\": this key takes origins only, each written out; list those that are meant",
                ":6: policies.a.own_origins[3]: \"app://a\": requests come to `http` and `https` origins only; write `own_origins: [\"http://localhost:8080\"]`",
                ":6: policies.a.own_origins[4]: \"https://A.example\": upper case in an origin never matches: browsers send lower case; write \"https://a.example\"",
                ":6: policies.a.own_origins[5]: \"regex:https://a\": this key takes origins only, each written out; list those that are meant",
                ":6: policies.a.own_origins[6]: \"localhost:8080\": an origin begins with a scheme; write \"http://localhost:8080\"",
            ],
        ),
        ("timings of everybody", "timing_allow_origin: '*'", &[]),
        ("timings of some", "timing_allow_origin: [https://b.example, app://.]", &[]),
        ("timings of an origin", "timing_allow_origin: https://b.example", &[]),
        (
            "timings of nobody",
            "timing_allow_origin: []",
            &[":5: policies.a.timing_allow_origin: an empty list; list origins, or remove the key"],
        ),
        (
            "timings of patterns",
            "timing_allow_origin: ['https://*.b.example', 'null']",
            &[
                ":5: policies.a.timing_allow_origin[0]: \"https://*.b.example\": this key takes origins only, each written out; list those that are meant",
                ":5: policies.a.timing_allow_origin[1]: \"null\": this key takes origins only, each written out; list those that are meant",
            ],
        ),
        (
            "timings of everybody and some",
            "timing_allow_origin: ['*', https://b.example]",
            &[
                ":5: policies.a.timing_allow_origin[1]: \"https://b.example\": `*` beside it covers this; remove it, or remove `*`",
            ],
        ),
        (
            "a boolean in words",
            "timing_allow_origin: 'yes'",
            &[
                ":5: policies.a.timing_allow_origin: \"yes\": expected true, false or a list of origins, found a text; write `true`",
            ],
        ),
        (
            "a number",
            "timing_allow_origin: 2",
            &[
                ":5: policies.a.timing_allow_origin: 2: expected true, false or a list of origins, found a number; write `true` or `false`",
            ],
        ),
        ("a static origin", "static_origin: true", &[]),
        ("a static origin without denied ones", "deny_origins: []\nstatic_origin: true", &[]),
        (
            "a static origin beside denied ones",
            "static_origin: true\ndeny_origins: [https://b.example]",
            &[
                ":5: policies.a.static_origin: every response would name one origin, but the policy has `deny_origins`; keep one rule with one origin, written out, or remove the key",
            ],
        ),
        ("no static origin", "static_origin: false\ndeny_origins: [https://b.example]", &[]),
        ("headers of both", "upstream_headers: merge", &[]),
        (
            "headers of nobody",
            "upstream_headers: union",
            &[
                ":5: policies.a.upstream_headers: \"union\": unknown value; write one of replace, keep, merge",
            ],
        ),
    ] {
        assert_eq!(mistakes(with_policy(&(A.to_owned() + keys))), expected, "{sentence}");
    }
    const REMEDY: &str = "keep one rule with one origin, written out, or remove the key";
    for (keys, obstacle) in [
        (
            "allow_origins: [https://a.example, https://b.example]",
            "`allow_origins` does not have exactly one entry",
        ),
        ("allow_origins: ['*']", "the entry of `allow_origins` is not an origin as it is"),
        (
            "allow_origins: 'https://*.a.example'",
            "the entry of `allow_origins` is not an origin as it is",
        ),
        (
            "rules: [{allow_origins: https://a.example}, {allow_origins: https://b.example}]",
            "the policy has several rules",
        ),
    ] {
        assert_mistakes(
            with_policy(&format!("static_origin: true\n{keys}")),
            &[&format!(
                ":4: policies.a.static_origin: every response would name one origin, but {obstacle}; {REMEDY}"
            )],
        );
    }
    assert_mistakes(
        with_policy("rules: [{allow_origins: [https://a.example]}]\nstatic_origin: true"),
        &[],
    );
    assert_mistakes(
        with_policy(
            "timing_allow_origin: [https://t.example]\nrules:\n  - allow_origins: https://a.example\n  \
             - allow_origins: https://b.example\n    timing_allow_origin: true",
        ),
        &[
            ":4: policies.a.timing_allow_origin: rules[1] has this key too, and a response carries the header once; remove it there, and list here each origin that may see timings",
        ],
    );
    assert_mistakes(
        with_policy(
            "rules:\n  - allow_origins: https://a.example\n    timing_allow_origin: [https://t.example]",
        ),
        &[
            ":6: policies.a.rules[0].timing_allow_origin: this key belongs to the policy, beside `rules`, if it lists origins; move it there",
        ],
    );
    assert_mistakes(
        with_policy("timing_allow_origin: true\nrules: [{allow_origins: https://a.example}]"),
        &[
            ":4: policies.a.timing_allow_origin: beside `rules`, this key would apply to none of them; move it into the entries of `rules`",
        ],
    );
    // A file of one origin may have another one tomorrow.
    let directory = TestDirectory::new("static_origin");
    directory.write("one.txt", "https://a.example\n");
    let file =
        directory.write("f", with_policy("allow_origins_file: one.txt\nstatic_origin: true"));
    let report = load(&file).unwrap_err();
    let message = report.mistakes()[0].to_string();
    assert!(message.contains("but the policy has an `allow_origins_file`"), "{message}");
}

#[test]
fn words_of_other_origin_checks() {
    for (key, expected) in [
        ("allowedHosts", "write `own_origins: [\"http://localhost:8080\"]`"),
        ("enable_dns_rebinding_protection", "write `own_origins: [\"http://localhost:8080\"]`"),
        ("CSRF_TRUSTED_ORIGINS", "write `allow_origins`"),
        ("own_origin", "write `own_origins`"),
        ("static-origin", "write `static_origin: true`"),
        ("timingAllowOrigins", "write `timing_allow_origin`"),
    ] {
        let text = with_policy(&format!("allow_origins: '*'\n{key}: [https://a.example]"));
        let found = mistakes(&text);
        let end = format!("unknown key; {expected}");
        assert!(found.len() == 1 && found[0].ends_with(&end), "{key}: {found:?}");
    }
}

/// Programs know the names, and people read the descriptions.
#[test]
fn kinds_of_mistakes_have_names_and_descriptions() {
    for (kind, id, description) in [
        (
            MistakeKind::NotUtf8,
            "not-utf8",
            "A file, or a line of an `allow_origins_file`, that is not UTF-8.",
        ),
        (MistakeKind::MissingVersion, "missing-version", "No `version`."),
        (
            MistakeKind::RepeatedLine { first: 1 },
            "repeated-line",
            "A warning: a line of a list that stands there before.",
        ),
        (
            MistakeKind::UnquotedBracket('['),
            "unquoted-bracket",
            "An origin or an expression with a bracket or a brace outside of quotes, in a list in \
             brackets.",
        ),
        (
            MistakeKind::UnsettableHeader,
            "unsettable-header",
            "A warning: an entry of `allow_headers` that no page can set.",
        ),
    ] {
        assert_eq!((kind.id(), kind.description()), (id, description));
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).into()
}

#[test]
fn digests_are_those_of_the_bytes_that_were_read() {
    let directory = TestDirectory::new("digests");
    // Longer than any buffer, with empty lines, comments and no end of the last line.
    let lines: String = (0..20_000).map(|n| format!("https://{n}.example # {n}\r\n\n")).collect();
    let list = directory.write("list.txt", lines.trim_end());
    let link = list.with_file_name("link.txt");
    std::os::unix::fs::symlink(&list, &link).unwrap();
    let policy = "allow_origins: 'https://a.example'\nallow_origins_file: link.txt";
    let text = with_policy(policy);
    let file = directory.write("cors.yaml", &text);

    let files = load(&file).unwrap().files;
    let of_list = Some(sha256(lines.trim_end().as_bytes()));
    let expected = [(&file, Some(sha256(text.as_bytes()))), (&link, of_list)];
    let expected = expected.map(|(path, sha256)| SourceFile { path: path.clone(), sha256 });
    assert_eq!(files, expected);

    std::fs::remove_file(&list).unwrap();
    let report = load(&file).unwrap_err();
    let read: Vec<_> = report.files().iter().map(|it| it.sha256.is_some()).collect();
    assert_eq!(read, [true, false]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(load(&file).unwrap_err().files(), [SourceFile { path: file, sha256: None }]);
}

#[test]
fn a_file_is_at_fault_for_its_errors_and_a_document_for_all() {
    let directory = TestDirectory::new("at-fault");
    let (good, bad) = (
        directory.write("good.txt", "https://a.example\n"),
        directory.write("bad.txt", "HTTPS://b\n"),
    );
    let rule = |list: &str| format!("\n  - allow_origins_file: {list}");
    let lists = ["good.txt", "bad.txt", "missing.txt"].map(rule).concat();
    let file = directory.write("cors.yaml", with_policy(&format!("rules:{lists}\nmax_age: soon")));
    let report = load(&file).unwrap_err();
    let at_fault = report.files_at_fault(&file);
    let paths: Vec<_> = at_fault.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths, [&*file, &*bad, &*good.with_file_name("missing.txt")]);
    assert_eq!(at_fault[0].1, report.errors_text());
    assert_eq!(at_fault[1].1.lines().count(), 1);
    assert!(at_fault[1].1.contains("bad.txt:1: "), "{}", at_fault[1].1);
    assert_eq!(at_fault[2].1, report.errors_text());
}
