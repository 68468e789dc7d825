//! Texts that are not patterns, the reasons, and the advice on what to write instead.

use cors_policy::origin::{Origin, OriginPattern};

/// Pattern, problem, remedy.
const MISTAKES: &[(&str, &str, &str)] = &[
    // The text as a whole.
    (
        "",
        "an empty entry names no origin",
        r#"write an origin such as "https://app.example.com", or leave the entry out"#,
    ),
    (
        " \t",
        "an empty entry names no origin",
        r#"write an origin such as "https://app.example.com", or leave the entry out"#,
    ),
    (
        ",",
        "an empty entry names no origin",
        r#"write an origin such as "https://app.example.com", or leave the entry out"#,
    ),
    (" https://a.example ", "an origin holds no white space", r#"write "https://a.example""#),
    (
        "https://a.example\thttps://b.example",
        "an origin holds no white space",
        r#"write separate entries: "https://a.example", "https://b.example""#,
    ),
    (
        "https://a.example,https://b.example",
        "one entry is one origin",
        r#"write separate entries: "https://a.example", "https://b.example""#,
    ),
    (
        "https://a.example; https://b.example",
        "one entry is one origin",
        r#"write separate entries: "https://a.example", "https://b.example""#,
    ),
    ("https://a.example,", "one entry is one origin", r#"write "https://a.example""#),
    (
        r"~^https://[a-z]+\.example\.com$",
        "a regular expression has to begin with `regex:`",
        r#"write "regex:https://[a-z]+\.example\.com""#,
    ),
    (
        r"~* ^https://[a-z]+\.example\.com$",
        "a regular expression has to begin with `regex:`",
        r#"write "regex:https://[a-z]+\.example\.com""#,
    ),
    (
        r"/^https:\/\/a\.example$/",
        "a regular expression has to begin with `regex:`",
        r#"write "regex:https:\/\/a\.example""#,
    ),
    (
        r"https://[a-z]+\.example\.com",
        "a regular expression has to begin with `regex:`",
        r#"write "regex:https://[a-z]+\.example\.com""#,
    ),
    (
        "https://bücher.example",
        "characters beyond ASCII never match: browsers send the punycode form",
        r#"write "https://xn--bcher-kva.example""#,
    ),
    (
        "https://*.Bücher.example:8443/",
        "characters beyond ASCII never match: browsers send the punycode form",
        r#"write "https://*.xn--bcher-kva.example:8443""#,
    ),
    (
        "https://a\u{ad}\u{fffd}.example",
        "characters beyond ASCII never match: browsers send the punycode form",
        "write the host the way a browser's console shows it",
    ),
    (
        "https://App.Example.com",
        "upper case in an origin never matches: browsers send lower case",
        r#"write "https://app.example.com""#,
    ),
    (
        "HTTPS://Example.com:443/Path",
        "upper case in an origin never matches: browsers send lower case",
        r#"write "https://example.com""#,
    ),
    ("Null", "upper case in an origin never matches: browsers send lower case", r#"write "null""#),
    (
        "https://a\0.example",
        r"`\0` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "~^https://[a\u{13}\0-z]+\\.example$",
        r"`\u{13}` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "regex:https://[a\u{13}\0-z]+\\.example",
        r"`\u{13}` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    // The scheme.
    ("example.com", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("example.com:8443", "an origin begins with a scheme", r#"write "https://example.com:8443""#),
    ("*.example.com", "an origin begins with a scheme", r#"write "https://*.example.com""#),
    ("//example.com", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("://example.com", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("https:/example.com", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("https:example.com", "an origin begins with a scheme", r#"write "https://example.com""#),
    ("http//example.com", "an origin begins with a scheme", r#"write "http://example.com""#),
    ("localhost", "an origin begins with a scheme", r#"write "http://localhost""#),
    ("localhost:3000", "an origin begins with a scheme", r#"write "http://localhost:3000""#),
    ("127.0.0.1:3000", "an origin begins with a scheme", r#"write "http://127.0.0.1:3000""#),
    (
        "**",
        "an origin begins with a scheme",
        r#"write an origin such as "https://app.example.com""#,
    ),
    ("*://example.com", "`*` is not the name of a scheme", r#"write "https://example.com""#),
    (
        "http*://example.com",
        "`http*` is not the name of a scheme",
        r#"write "https://example.com""#,
    ),
    ("1a://example.com", "`1a` is not the name of a scheme", r#"write "https://example.com""#),
    (
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa://x",
        "the scheme has 65 bytes, more than 64",
        "use a scheme of at most 64 bytes",
    ),
    (
        "file:///srv/index.html",
        "pages opened as files have no origin: browsers send `null`",
        r#"serve the pages over http, for instance from "http://localhost:8080""#,
    ),
    (
        "file://host",
        "pages opened as files have no origin: browsers send `null`",
        r#"serve the pages over http, for instance from "http://localhost:8080""#,
    ),
    (
        "file://*",
        "pages opened as files have no origin: browsers send `null`",
        r#"serve the pages over http, for instance from "http://localhost:8080""#,
    ),
    // What does not belong to an origin.
    ("https://", "the host is missing", r#"write the host too, as in "https://app.example.com""#),
    ("http:", "the host is missing", r#"write the host too, as in "http://app.example.com""#),
    (
        "https:///example.com",
        "the host is missing",
        r#"write the host too, as in "https://app.example.com""#,
    ),
    (
        "https://:8443",
        "the host is missing",
        r#"write the host too, as in "https://app.example.com""#,
    ),
    ("https://a.example/", "an origin does not end with a slash", r#"write "https://a.example""#),
    (
        "https://*.a.example/",
        "an origin does not end with a slash",
        r#"write "https://*.a.example""#,
    ),
    ("https://a.example/api", "an origin has no path", r#"write "https://a.example""#),
    ("https://a.example//", "an origin has no path", r#"write "https://a.example""#),
    ("https://a.example\\", "an origin has no path", r#"write "https://a.example""#),
    ("https://a.example?x=1", "an origin has no query", r#"write "https://a.example""#),
    ("https://a.example#top", "an origin has no fragment", r#"write "https://a.example""#),
    (
        "https://user:password@a.example",
        "an origin holds no user name or password",
        r#"write "https://a.example""#,
    ),
    // The port.
    (
        "https://a.example:443",
        "443 is the scheme's default port, which browsers leave out",
        r#"write "https://a.example""#,
    ),
    (
        "https://*.a.example:443",
        "443 is the scheme's default port, which browsers leave out",
        r#"write "https://*.a.example""#,
    ),
    (
        "http://a.example:80",
        "80 is the scheme's default port, which browsers leave out",
        r#"write "http://a.example""#,
    ),
    (
        "http://[::1]:80",
        "80 is the scheme's default port, which browsers leave out",
        r#"write "http://[::1]""#,
    ),
    (
        "wss://a.example:443",
        "443 is the scheme's default port, which browsers leave out",
        r#"write "wss://a.example""#,
    ),
    ("https://a.example:", "there is no port after the colon", r#"write "https://a.example""#),
    (
        "https://a.example:0",
        "`0` is not a port",
        "write a port from 1 to 65535, or `*` for any port",
    ),
    (
        "https://a.example:65536",
        "`65536` is not a port",
        "write a port from 1 to 65535, or `*` for any port",
    ),
    (
        "https://a.example:99999999999999999999",
        "`99999999999999999999` is not a port",
        "write a port from 1 to 65535, or `*` for any port",
    ),
    (
        "https://a.example:http",
        "`http` is not a port",
        "write a port from 1 to 65535, or `*` for any port",
    ),
    (
        "https://a.example:80*",
        "`80*` is not a port",
        "write a port from 1 to 65535, or `*` for any port",
    ),
    (
        "https://a.example:+80",
        "`+80` is not a port",
        "write a port from 1 to 65535, or `*` for any port",
    ),
    (
        "https://a.example:1:2",
        "`1:2` is not a port",
        "write a port from 1 to 65535, or `*` for any port",
    ),
    (
        "http://[::1]8080",
        "`8080` is not a port",
        "write a port from 1 to 65535, or `*` for any port",
    ),
    (
        "https://a.example:08443",
        "browsers send the port without leading zeros",
        r#"write "https://a.example:8443""#,
    ),
    (
        "https://a.example:0443",
        "443 is the scheme's default port, which browsers leave out",
        r#"write "https://a.example""#,
    ),
    // Wildcards.
    (
        "https://a*.example.com",
        "`*` can stand for the leftmost labels only, or for the whole host or port",
        r#"write "https://*.example.com""#,
    ),
    (
        "https://*a.example.com",
        "`*` can stand for the leftmost labels only, or for the whole host or port",
        r#"write "https://*.a.example.com""#,
    ),
    (
        "https://*example.com",
        "`*` can stand for the leftmost labels only, or for the whole host or port",
        r#"write "https://*.example.com""#,
    ),
    (
        "https://**.example.com",
        "`*` can stand for the leftmost labels only, or for the whole host or port",
        r#"write "https://*.example.com""#,
    ),
    (
        "https://*.*.example.com",
        "`*` can stand for the leftmost labels only, or for the whole host or port",
        r#"write "https://*.example.com""#,
    ),
    (
        "https://app.*.example.com",
        "`*` can stand for the leftmost labels only, or for the whole host or port",
        r#"write "https://*.example.com""#,
    ),
    (
        "https://example.*",
        "`*` can stand for the leftmost labels only, or for the whole host or port",
        "list the origins, or write a regular expression after `regex:`",
    ),
    (
        "https://*.*",
        "`*` can stand for the leftmost labels only, or for the whole host or port",
        "list the origins, or write a regular expression after `regex:`",
    ),
    ("http://*.127.0.0.1", "an address has no subdomains", r#"write "http://127.0.0.1""#),
    // The host.
    (
        "https://.example.com",
        "there is nothing before a dot of the host",
        r#"write "https://*.example.com""#,
    ),
    (
        "https://a..example",
        "there is nothing before a dot of the host",
        r#"write "https://a.example""#,
    ),
    (
        "https://*..example.com",
        "there is nothing before a dot of the host",
        r#"write "https://*.example.com""#,
    ),
    (
        "https://a.example.",
        "the host ends with a dot, which makes it another origin",
        r#"write "https://a.example""#,
    ),
    ("https://*.", "the host is missing", r#"write the host too, as in "https://app.example.com""#),
    (
        "https://a!.example",
        "`!` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "https://a%60.example",
        "`%` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "https://{tenant}.example",
        "`{` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "https://$host",
        "`$` is not part of any host",
        "use letters, digits, `-` and `_`, with a dot between labels",
    ),
    (
        "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
        "a label of the host has 64 bytes, more than 63",
        "use labels of at most 63 bytes",
    ),
    // Addresses.
    (
        "http://127.1",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write "http://127.0.0.1""#,
    ),
    (
        "http://0x7f.0.0.1",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write "http://127.0.0.1""#,
    ),
    (
        "http://0177.0.0.1:8080",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write "http://127.0.0.1:8080""#,
    ),
    (
        "http://2130706433",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write "http://127.0.0.1""#,
    ),
    (
        "http://127.0.0.01",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write "http://127.0.0.1""#,
    ),
    (
        "http://256.0.0.1",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write four decimal numbers from 0 to 255, as in "http://127.0.0.1""#,
    ),
    (
        "http://1.2.3.4.5",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write four decimal numbers from 0 to 255, as in "http://127.0.0.1""#,
    ),
    (
        "http://example.1",
        "a host that ends in a number is an IPv4 address, sent as a dotted quad",
        r#"write four decimal numbers from 0 to 255, as in "http://127.0.0.1""#,
    ),
    ("http://::1", "an IPv6 address stands in brackets", r#"write "http://[::1]""#),
    (
        "http://[0:0:0:0:0:0:0:1]",
        "browsers send IPv6 addresses in compressed form",
        r#"write "http://[::1]""#,
    ),
    (
        "http://[2001:DB8::1]:80",
        "upper case in an origin never matches: browsers send lower case",
        r#"write "http://[2001:db8::1]""#,
    ),
    (
        "http://[2001:db8:0:0:0::1]:*",
        "browsers send IPv6 addresses in compressed form",
        r#"write "http://[2001:db8::1]:*""#,
    ),
    (
        "http://[::ffff:127.0.0.1]",
        "browsers send IPv6 addresses in compressed form",
        r#"write "http://[::ffff:7f00:1]""#,
    ),
    (
        "http://[::1",
        "there is no IPv6 address in the brackets",
        r#"write an IPv6 address, as in "http://[::1]""#,
    ),
    (
        "http://[localhost]",
        "there is no IPv6 address in the brackets",
        r#"write an IPv6 address, as in "http://[::1]""#,
    ),
    (
        "http://[fe80::1%25eth0]",
        "there is no IPv6 address in the brackets",
        r#"write an IPv6 address, as in "http://[::1]""#,
    ),
    // Regular expressions.
    (
        r"regex:https://(a|b\.example",
        "the expression does not compile: unclosed group, at column 9",
        "correct the expression",
    ),
    (
        r"regex:https://(?!evil)[a-z]+\.example",
        "the expression does not compile: look-around, including look-ahead and look-behind, is not supported, at column 9",
        "correct the expression",
    ),
    (
        r"regex:(https)://\1\.example",
        "the expression does not compile: backreferences are not supported, at column 11",
        "correct the expression",
    ),
    (
        r"regex:(?u)https://a\b\.example",
        "the expression does not compile: word boundaries of Unicode are not supported",
        "correct the expression",
    ),
    (
        r"regex: https://a\.example",
        "an origin holds no white space",
        r#"write "regex:https://a\.example""#,
    ),
    (
        "regex:",
        "the expression matches no origin that a browser sends, only texts such as ``",
        r"write an expression for a whole origin in lower case, as in `https://[a-z0-9-]+\.example\.com`, without a slash or default port at its end",
    ),
    (
        r"regex:example\.com",
        "the expression matches no origin that a browser sends, only texts such as `example.com`",
        r"write an expression for a whole origin in lower case, as in `https://[a-z0-9-]+\.example\.com`, without a slash or default port at its end",
    ),
    (
        r"regex:https://a\.example$b",
        "the expression matches nothing",
        r"write an expression for a whole origin in lower case, as in `https://[a-z0-9-]+\.example\.com`, without a slash or default port at its end",
    ),
    (
        r"regex:https://a\.example(/x)?",
        "the expression also matches `https://a.example/x`, which is not an origin",
        "use classes that hold nothing but what the host may have there, such as `[a-z0-9-]+` for a label",
    ),
];

#[test]
fn mistakes_are_explained() {
    for (pattern, problem, remedy) in MISTAKES {
        let error = OriginPattern::parse(pattern).expect_err(pattern);
        assert_eq!(error.to_string(), *problem, "{pattern}");
        assert_eq!(error.remedy(), *remedy, "{pattern}");
    }
}

#[test]
fn what_is_to_be_written_is_a_pattern() {
    for (pattern, _, remedy) in MISTAKES {
        // Everything between quotation marks, in any sentence.
        for (index, quoted) in remedy.split('"').enumerate() {
            if index % 2 == 1 {
                assert!(OriginPattern::parse(quoted).is_ok(), "{pattern}: {quoted}");
            }
        }
    }
}

#[test]
fn what_could_never_match_is_refused() {
    for (pattern, ..) in MISTAKES {
        assert!(Origin::parse(pattern.as_bytes()).is_none(), "{pattern}");
    }
}

#[test]
fn expressions_may_not_match_beyond_one_origin() {
    for expression in [
        r"https://a\.example/",
        r"https://a\.example:443",
        r"http://a\.example:80",
        r"file://a",
        r"https://(a|b/)\.example",
        r"https://a\.example,?https://b\.example",
        r"https://a\.example(,https://b\.example)?",
        r"https://a\.example\s*",
        r"\s*https://a\.example",
        r"(https://)?a\.example",
        r"https://([a-z]+:[a-z]+@)?a\.example",
        r"https://[a-z/]+\.example",
        r"https://[!-~]+\.example",
        r"https://[a-z?#]+\.example",
        r"https://a\.example(\x00)?",
        r"https://a\.example\n?",
        r"(?s)https://a\.example(\n|x)",
        r"(?x)https://a\.example [/]?",
        r"https://(ü|u)\.example",
        r"https://A\.example",
        r"(null)?",
        r"\*",
    ] {
        let pattern = format!("regex:{expression}");
        let error = OriginPattern::parse(&pattern).expect_err(expression).to_string();
        assert!(
            error.starts_with("the expression also matches")
                || error.starts_with("the expression matches no origin"),
            "{expression}: {error}"
        );
    }
}

#[test]
fn sound_expressions_are_accepted() {
    for expression in [
        r"https://a\.example",
        r"https?://a\.example",
        r"https://a\.example(:[0-9]+)?",
        r"https://a\.example(:\d{4,5})?",
        r"https://[a-z0-9-]+\.a\.example",
        r"https://([a-z0-9-]+\.)*a\.example",
        r"https://[\w.-]+\.a\.example",
        r"(?i)https://a\.example",
        r"(?x) https:// a \.example # a comment",
        r"(?:^https://a\.example$)|^https://b\.example$",
        r"https://\[[0-9a-f:]+\]",
        r"https://10\.0\.0\.[0-9]{1,3}",
        r"(chrome|moz)-extension://[a-z0-9-]+",
    ] {
        let pattern = format!("regex:{expression}");
        let pattern = OriginPattern::parse(&pattern).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(pattern.violations(false), [], "{expression}");
    }
}

#[test]
fn hostile_expressions_are_refused() {
    let nested = format!("{}a{}", "(".repeat(1000), ")".repeat(1000));
    let long = format!("https://{}", "a".repeat(3000));
    let alternatives = format!("https://({}b)", "a|".repeat(1100));
    for expression in [
        r"((a{1000}){1000}){1000}",
        r"https://[a-z]*a[a-z]{30}\.example",
        r"https://([a-z0-9]{1,63}\.){1,1000}example",
        r"https://(a*)*(b*)*(([a-z]*c){50}){50}",
        r"https://(?:(?:[a-z]{0,255}){0,255}){0,255}",
        &nested,
        &long,
        &alternatives,
    ] {
        let pattern = format!("regex:{expression}");
        let error = OriginPattern::parse(&pattern).expect_err(expression).to_string();
        assert!(
            error == "the compiled expression would be too large"
                || error.starts_with("the expression does not compile: exceed")
                || error.starts_with("the expression has "),
            "{error}"
        );
    }
}
