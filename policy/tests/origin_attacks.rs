//! The published catalogues of CORS mistakes, one by one: for each kind of pattern that an
//! administrator would write for `example.com`, the origins that have got past other software.

use cors_policy::{
    Decision, OriginHeader, document,
    origin::{MatcherBuilder, OriginPattern},
};

const ATTACKS: &[(&str, &[&str])] = &[
    (
        "prefix: the check looked only at the end",
        &[
            "https://evilexample.com",
            "https://evil-example.com",
            "https://evil_example.com",
            "https://evilwww.example.com.evil.net",
            "https://app.evilexample.com",
        ],
    ),
    (
        "suffix: the check looked only at the beginning",
        &[
            "https://example.com.evil.net",
            "https://app.example.com.evil.net",
            "https://example.comevil.net",
            "https://app.example.comevil",
            "https://example.com-evil.net",
            "https://app.example.como",
        ],
    ),
    (
        "unescaped dot: any byte stood for it",
        &[
            "https://wwwxexample.com",
            "https://appxexample.com",
            "https://app.examplexcom",
            "https://app-example.com",
            "https://app/example.com",
        ],
    ),
    ("null: a sandboxed frame has this origin", &["null", "Null", "NULL", "null.example.com"]),
    (
        "special characters: browsers let them into host names",
        &[
            "https://evil.net`.example.com",
            "https://evil.net%60.example.com",
            "https://evil.net{.example.com",
            "https://evil.net}.example.com",
            "https://evil.net|.example.com",
            "https://evil.net!.example.com",
            "https://evil.net\".example.com",
            "https://evil.net'.example.com",
            "https://evil.net$.example.com",
            "https://evil.net&.example.com",
            "https://evil.net(.example.com",
            "https://evil.net).example.com",
            "https://evil.net*.example.com",
            "https://evil.net+.example.com",
            "https://evil.net,.example.com",
            "https://evil.net;.example.com",
            "https://evil.net=.example.com",
            "https://evil.net^.example.com",
            "https://evil.net~.example.com",
            "https://evil.net<.example.com",
            "https://evil.net>.example.com",
            "https://evil.net%.example.com",
            "https://evil.net%00.example.com",
            "https://evil.net%0d.example.com",
            "https://evil.net\0.example.com",
            "https://evil.net\u{b}.example.com",
            "https://evil.net\x7f.example.com",
        ],
    ),
    (
        "special characters after the name: the check stopped at what it knew",
        &[
            "https://example.com_.evil.net",
            "https://app.example.com_.evil.net",
            "https://app.example.com`.evil.net",
            "https://app.example.com%60.evil.net",
            "https://app.example.com!.evil.net",
            "https://app.example.com&.evil.net",
            "https://app.example.com{.evil.net",
            "https://app.example.com}.evil.net",
            "https://app.example.com\n",
            "https://app.example.com\r\nX: y",
        ],
    ),
    (
        "scheme: clear text in place of an encrypted connection",
        &[
            "http://example.com",
            "http://app.example.com",
            "http://app.example.com:443",
            "ftp://app.example.com",
            "ws://app.example.com",
            "xhttps://app.example.com",
            "https:app.example.com",
            "//app.example.com",
            "app.example.com",
        ],
    ),
    (
        "user info: the host came after it",
        &[
            "https://app.example.com@evil.net",
            "https://app.example.com:443@evil.net",
            "https://app.example.com:@evil.net",
            "https://u@app.example.com",
            "https://u:p@app.example.com",
            "https://evil.net@app.example.com",
        ],
    ),
    (
        "path, query and fragment: the name stood in them",
        &[
            "https://evil.net/app.example.com",
            "https://evil.net/.example.com",
            "https://evil.net?.example.com",
            "https://evil.net#.example.com",
            "https://evil.net\\.example.com",
            "https://evil.net/?https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com?",
            "https://app.example.com#",
        ],
    ),
    (
        "trailing dot: the same name to DNS, another origin to browsers",
        &["https://example.com.", "https://app.example.com.", "https://app.example.com.."],
    ),
    (
        "port: another server on the same host",
        &[
            "https://app.example.com:8443",
            "https://app.example.com:443",
            "https://app.example.com:80",
            "https://app.example.com:",
            "https://app.example.com:0",
            "https://app.example.com:00443",
            "https://app.example.com:443443",
            "https://app.example.com:443:443",
            "https://app.example.com:443.evil.net",
            "https://app.example.com:x",
        ],
    ),
    (
        "several origins at once",
        &[
            "https://app.example.com https://evil.net",
            "https://evil.net https://app.example.com",
            "https://app.example.com,https://evil.net",
            "https://evil.net, https://app.example.com",
        ],
    ),
    (
        "case and form: nothing that a browser sends",
        &[
            "https://APP.EXAMPLE.COM",
            "HTTPS://app.example.com",
            "https://app.ｅxample.com",
            "https://app。example.com",
            " https://app.example.com",
            "https://app.example.com ",
            "https://.example.com",
            "https://app..example.com",
            "https://*.example.com",
            "*",
            "",
        ],
    ),
];

const PATTERNS: &[(&str, &str)] = &[
    ("https://app.example.com", "https://app.example.com"),
    ("https://*.example.com", "https://www.example.com"),
    (r"regex:https://[a-z]+\.example\.com", "https://www.example.com"),
    (r"regex:https://[\w-]+\.example\.com", "https://www.example.com"),
    (r"regex:(?i)https://(app|www)\.example\.com", "https://www.example.com"),
];

#[test]
fn none_of_the_published_mistakes_is_made() {
    for (pattern, sound) in PATTERNS {
        let parsed = OriginPattern::parse(pattern).unwrap();
        let mut builder = MatcherBuilder::new();
        builder.add(1, &parsed);
        let matcher = builder.build().unwrap();
        assert_eq!(matcher.find(sound.as_bytes()), Some(1), "{pattern}");
        for (mistake, origins) in ATTACKS {
            for origin in *origins {
                assert_eq!(matcher.find(origin.as_bytes()), None, "{mistake}: {pattern} {origin}");
                assert!(!parsed.matches(origin.as_bytes()), "{mistake}: {pattern} {origin}");
            }
        }
    }
}

#[test]
fn a_loose_expression_lets_nothing_malformed_in() {
    // Even where the administrator insists on the mistake, only well-formed origins profit by it.
    let pattern = OriginPattern::parse(r"regex:https://.*.example.com").unwrap();
    for (mistake, origins) in ATTACKS {
        for origin in *origins {
            let is_origin = cors_policy::origin::Origin::parse(origin.as_bytes()).is_some();
            assert!(is_origin || !pattern.matches(origin.as_bytes()), "{mistake}: {origin}");
        }
    }
}

/// Policies that administrators have written, the mistake in each, and the origin that got past it. The
/// policy is refused when it is read, or denies that origin.
#[test]
fn policies_that_were_mistakes_elsewhere() {
    enum Outcome {
        /// The policy is not taken, and the message has this in it.
        Refused(&'static str),
        /// The policy is taken, and the origin is not.
        Denied,
    }
    use Outcome::{Denied, Refused};
    const LOOSE: &str = "dangerously_allow: loose_regex, allow_origins";
    for (mistake, policy, origin, outcome) in [
        (
            "reflection: every origin is sent back, with credentials",
            "allow_origins: '*', allow_credentials: true",
            "https://evil.net",
            Refused("credentials"),
        ),
        (
            "reflection by an expression that matches everything",
            "allow_origins: 'regex:.*'",
            "https://evil.net",
            Refused("`.` could stand for any byte"),
        ),
        (
            "reflection by an expression for every scheme",
            "allow_origins: 'regex:https?://.+'",
            "https://evil.net",
            Refused("`.` could stand for any byte"),
        ),
        (
            "prefix: an expression without an end, `^https://example\\.com`",
            "allow_origins: 'regex:^https://example\\.com'",
            "https://example.com.evil.net",
            Denied,
        ),
        (
            "suffix: an expression without a beginning, `example\\.com$`",
            "allow_origins: 'regex:https://(.*\\.)?example\\.com$'",
            "https://evilexample.com",
            Refused("`.` could stand for any byte"),
        ),
        (
            "suffix: the name alone, as `endsWith` compares it",
            "allow_origins: example.com",
            "https://evilexample.com",
            Refused("scheme"),
        ),
        (
            "suffix: a wildcard that is not a whole label",
            "allow_origins: 'https://*example.com'",
            "https://evilexample.com",
            Refused("https://*.example.com"),
        ),
        (
            "prefix: a wildcard at the end",
            "allow_origins: 'https://example.*'",
            "https://example.evil.net",
            Refused("`*`"),
        ),
        (
            "unescaped dot: `www.example.com` as an expression",
            "allow_origins: 'regex:https://www.example.com'",
            "https://wwwxexample.com",
            Refused("`.` could stand for any byte"),
        ),
        (
            "null: a sandboxed frame or a local file",
            "allow_origins: 'null'",
            "null",
            Refused("null_origin"),
        ),
        (
            "null: an expression whose scheme is optional",
            "allow_origins: 'regex:(https://)?[a-z.]+'",
            "null",
            Refused("also matches `x`, which is not an origin"),
        ),
        (
            "special characters: `[^.]+` as a label",
            "allow_origins: 'regex:https://[^.]+\\.example\\.com'",
            "https://evil`.example.com",
            Refused("`[^.]` could stand for any byte"),
        ),
        (
            "special characters: `\\S+` as a host",
            "allow_origins: 'regex:https://\\S+\\.example\\.com'",
            "https://evil.net{.example.com",
            Refused("could stand for any byte"),
        ),
        (
            "clear text: credentials for what anybody on the way can write",
            "allow_origins: 'http://app.example.com', allow_credentials: true",
            "http://app.example.com",
            Refused("insecure_origins"),
        ),
        (
            "clear text: `https?` with credentials",
            "allow_origins: 'regex:https?://app\\.example\\.com', allow_credentials: true",
            "http://app.example.com",
            Refused("insecure_origins"),
        ),
        (
            "clear text: https alone is listed",
            "allow_origins: 'https://app.example.com'",
            "http://app.example.com",
            Denied,
        ),
        (
            "third party: everybody can have a name below a public suffix",
            "allow_origins: 'https://*.github.io', allow_credentials: true",
            "https://evil.github.io",
            Refused("public_suffixes"),
        ),
        (
            "third party: a whole top-level domain",
            "allow_origins: 'https://*.com', allow_credentials: true",
            "https://evil.com",
            Refused("public_suffixes"),
        ),
        (
            "alternatives: an anchor that holds for one of them only",
            "allow_origins: 'regex:^https://a\\.example\\.com|https://b\\.example\\.com$'",
            "https://evil.net/https://b.example.com",
            Denied,
        ),
        (
            "alternatives: a dot that stands outside of the group",
            "allow_origins: 'regex:https://(a|b)\\.example\\.com'",
            "https://a.example.com.evil.net",
            Denied,
        ),
        (
            "lines: `$` before a line break",
            "allow_origins: 'regex:(?m)https://app\\.example\\.com$'",
            "https://app.example.com\nhttps://evil.net",
            Denied,
        ),
        (
            "optional: a name that may be left out and leaves a loose rest",
            "allow_origins: 'regex:https://(www\\.)?example\\.com(:[0-9]+)?'",
            "https://example.com:443@evil.net",
            Denied,
        ),
        (
            "an empty entry that means everybody",
            "allow_origins: ['https://app.example.com', '']",
            "https://evil.net",
            Refused("empty"),
        ),
        (
            "a list in one text, of which a part is compared",
            "allow_origins: 'https://app.example.com, https://evil.net'",
            "https://evil.net",
            Refused("several"),
        ),
        (
            "trailing dot: another origin for browsers",
            "allow_origins: 'https://app.example.com.'",
            "https://app.example.com.",
            Refused("dot"),
        ),
        (
            "upper case: no browser sends it, so what compares without case compares too much",
            "allow_origins: 'https://App.example.com'",
            "https://APP.EXAMPLE.COM",
            Refused("lower case"),
        ),
        (
            "port: the default port written out, as another text for the same origin",
            "allow_origins: 'https://app.example.com:443'",
            "https://app.example.com:443",
            Refused("default port"),
        ),
        (
            "port: any port, and what only begins like one",
            "allow_origins: 'https://app.example.com:*'",
            "https://app.example.com:1.evil.net",
            Denied,
        ),
        (
            "user info: the name before the at sign",
            "allow_origins: 'https://me@app.example.com'",
            "https://app.example.com@evil.net",
            Refused("user"),
        ),
        (
            "backslash: some parsers take it for a slash",
            "allow_origins: 'https://*.example.com'",
            "https://evil.net\\.example.com",
            Denied,
        ),
        (
            "Unicode: a letter that looks like another, and folds to it",
            "allow_origins: 'regex:(?i)https://shop\\.example\\.com'",
            "https://\u{17f}hop.example.com",
            Denied,
        ),
        (
            "Unicode: written as people read it",
            "allow_origins: 'https://bücher.example'",
            "https://bücher.example",
            Refused("xn--"),
        ),
        (
            "an advanced expression: a class from A to z has punctuation in it",
            "allow_origins: 'regex:https://[A-z]+\\.example\\.com'",
            "https://evil`^.example.com",
            Refused("also matches `https://[.example.com`"),
        ),
        (
            "a loose expression that is insisted on stays within hosts",
            &format!("{LOOSE}: 'regex:https://.*.example.com'"),
            "https://evil.net/.example.com",
            Denied,
        ),
    ] {
        let text = format!("version: 1\npolicies:\n  test: {{{policy}}}\n");
        match (document::parse(text.as_bytes(), "cors.yaml".as_ref()), outcome) {
            (Ok(policies), Denied) => {
                let answer = policies[0].decide(OriginHeader::One(origin.as_bytes()));
                assert_eq!(answer.decision(), Decision::DeniedOrigin, "{mistake}: {origin}");
                assert_eq!(answer.fields().count(), 0, "{mistake}: {origin}");
            }
            (Err(report), Refused(reason)) => {
                assert!(report.to_string().contains(reason), "{mistake}: {report}");
            }
            (Ok(_), Refused(_)) => panic!("{mistake}: accepted: {policy}"),
            (Err(report), Denied) => panic!("{mistake}: {report}"),
        }
    }
}
