//! Dangerous patterns, with and without credentials, and the entries that open the guards.

use cors_policy::origin::{Guard, GuardViolation, OriginPattern};

fn opened_by(pattern: &str, credentials: bool) -> Vec<Guard> {
    let pattern =
        OriginPattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    pattern.violations(credentials).iter().map(|guard| guard.opened_by()).collect()
}

#[test]
fn some_guards_hold_with_credentials_only() {
    use Guard::{AnyOriginWithCredentials, InsecureOrigins, PublicSuffixes};
    let cases: &[(&str, &[Guard])] = &[
        ("*", &[AnyOriginWithCredentials]),
        ("http://app.example.com", &[InsecureOrigins]),
        ("http://app.example.com:8080", &[InsecureOrigins]),
        ("http://app.example.com:*", &[InsecureOrigins]),
        ("http://*.example.com", &[InsecureOrigins]),
        ("http://10.0.0.1", &[InsecureOrigins]),
        ("http://128.0.0.1", &[InsecureOrigins]),
        ("http://[::2]", &[InsecureOrigins]),
        ("http://[::ffff:7f00:1]", &[InsecureOrigins]),
        ("http://localhost.example.com", &[InsecureOrigins]),
        ("http://mylocalhost", &[InsecureOrigins]),
        (r"regex:https?://a\.example\.com", &[InsecureOrigins]),
        (r"regex:http://(localhost|intranet)(:[0-9]+)?", &[InsecureOrigins]),
        (r"regex:[a-z]+://a\.example\.com", &[InsecureOrigins]),
        ("http://*", &[InsecureOrigins, PublicSuffixes]),
        ("http://*:*", &[InsecureOrigins, PublicSuffixes]),
        ("https://*", &[PublicSuffixes]),
        ("https://*:8443", &[PublicSuffixes]),
        ("chrome-extension://*", &[PublicSuffixes]),
        ("http://pr-*.example.com", &[InsecureOrigins]),
        ("http://app.example.com:[80,8080]", &[InsecureOrigins]),
        ("http://*.example.com:8000-8009", &[InsecureOrigins]),
        ("http://*:3000-3009", &[InsecureOrigins, PublicSuffixes]),
        ("https://*--site.netlify.app", &[PublicSuffixes]),
        ("https://app-*.vercel.app:8443", &[PublicSuffixes]),
        ("https://*.pr-*.github.io", &[PublicSuffixes]),
        ("https://*.com:[8443,9443]", &[PublicSuffixes]),
        ("https://*.com", &[PublicSuffixes]),
        ("https://*.com:*", &[PublicSuffixes]),
        ("https://*.co.uk", &[PublicSuffixes]),
        ("https://*.github.io", &[PublicSuffixes]),
        ("https://*.xn--p1ai", &[PublicSuffixes]),
        ("https://*.a.ck", &[PublicSuffixes]),
        ("http://*.com", &[InsecureOrigins, PublicSuffixes]),
        (r"regex:https://[a-z]+\.com", &[PublicSuffixes]),
        (r"regex:https://[a-z]+\.com(:[0-9]+)?", &[PublicSuffixes]),
        (r"regex:https://[a-z]+\.com:8443", &[PublicSuffixes]),
        (r"regex:https://([a-z0-9-]+\.)+github\.io", &[PublicSuffixes]),
        (r"regex:https://pr-[0-9]+\.github\.io", &[PublicSuffixes]),
        (r"regex:https://[a-z.]*example\.com", &[PublicSuffixes]),
        (r"regex:https://example\.[a-z]+", &[PublicSuffixes]),
        (r"regex:https://example\.[a-z]{2,3}", &[PublicSuffixes]),
        (r"regex:https://(www\.example\.com|[a-z]+\.co\.uk)", &[PublicSuffixes]),
        (r"regex:https://[a-z0-9.-]+", &[PublicSuffixes]),
        (r"regex:https://[a-z0-9-]+", &[PublicSuffixes]),
        (r"regex:[a-z]+://[a-z.]+", &[InsecureOrigins, PublicSuffixes]),
    ];
    for (pattern, dangers) in cases {
        assert_eq!(opened_by(pattern, true), *dangers, "{pattern}");
        assert_eq!(opened_by(pattern, false), [], "{pattern} without credentials");
    }
}

#[test]
fn what_is_sound_passes_with_credentials() {
    for pattern in [
        "https://app.example.com",
        "https://app.example.com:*",
        "https://com",
        "https://github.io",
        "https://*.example.com",
        "https://*.example.github.io",
        "https://*.www.ck",
        "https://*.svc.cluster.local",
        "https://*.internal",
        "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh",
        "capacitor://localhost",
        "capacitor://",
        "app://.",
        "https://pr-*.example.com",
        "https://*.*.example.com:[8443,9443]",
        "https://pr-*.internal",
        "https://pr-*.example.netlify.app",
        "http://localhost:[3000,5173]",
        "http://pr-*.localhost:3000-3009",
        "http://localhost",
        "http://localhost:*",
        "http://app.localhost:3000",
        "http://*.localhost:*",
        "http://*.app.localhost",
        "http://127.0.0.1:8080",
        "http://127.1.2.3",
        "http://[::1]:*",
        r"regex:https://pr-[0-9]+\.preview\.example\.net",
        r"regex:https://[a-z]+\.example\.com",
        r"regex:https://[\w-]+\.example\.com(:\d+)?",
        r"regex:https://(app|www)\.github\.io",
        r"regex:https://www\.example\.(com|de|fr|co\.uk)",
        r"regex:https://[a-z]+\.example\.(com|de|fr|co\.uk):8443",
        r"regex:https?://localhost(:[0-9]+)?",
        r"regex:http://([a-z]+\.)?localhost(:[0-9]+)?",
        r"regex:http://127\.0\.0\.[0-9]{1,3}:[0-9]+",
        r"regex:https://10\.0\.0\.[0-9]{1,3}",
        r"regex:https://[a-z]+\.internal",
    ] {
        assert_eq!(opened_by(pattern, true), [], "{pattern}");
        assert_eq!(opened_by(pattern, false), [], "{pattern} without credentials");
    }
}

#[test]
fn null_and_loose_expressions_are_guarded_always() {
    for credentials in [false, true] {
        assert_eq!(opened_by("null", credentials), [Guard::NullOrigin]);
        let loose = opened_by(r"regex:https://.*\.example\.com", credentials);
        assert_eq!(loose, [Guard::LooseRegex]);
    }
}

#[test]
fn the_origin_of_files_is_guarded_always() {
    for credentials in [false, true] {
        assert_eq!(opened_by("file://", credentials), [Guard::FileOrigin]);
        for expression in [r"regex:file://", r"regex:(app|file)://", r"regex:[a-f]i[a-z]+://\.?"] {
            assert_eq!(opened_by(expression, false), [Guard::FileOrigin], "{expression}");
        }
        let loose = opened_by("regex:.*", false);
        assert_eq!(loose, [Guard::LooseRegex, Guard::FileOrigin]);
    }
    let guards = OriginPattern::parse(r"regex:(app|file)://").unwrap().violations(false);
    assert_eq!(
        guards[0].to_string(),
        "it also matches `file://`: any page that is opened as a file can have the origin `file://`"
    );
    assert_eq!(
        guards[0].remedy(),
        "begin the expression with the schemes that are meant, as in `(app|capacitor)://`; \
         \"file_origin\" under `dangerously_allow` permits it"
    );
}

/// What a message tells to write passes, and has the same ports.
#[test]
fn secure_forms_are_patterns() {
    for (pattern, secure) in [
        ("http://a.example:443", "https://a.example"),
        ("http://a.example:[80,3000]", "https://a.example:[443,3000]"),
        ("http://a.example:[80,443]", "https://a.example:[443]"),
        ("http://pr-*.a.example:8000-8100", "https://pr-*.a.example:8000-8100"),
    ] {
        let guards = OriginPattern::parse(pattern).unwrap().violations(true);
        let remedy = format!(
            "write \"{secure}\"; \"insecure_origins\" under `dangerously_allow` permits it"
        );
        assert_eq!(guards[0].remedy(), remedy);
        assert!(OriginPattern::parse(secure).unwrap().violations(true).is_empty());
    }
}

#[test]
fn loose_expressions_are_shown_what_they_match() {
    for (expression, class, example, tight) in [
        (
            r"https://www.example\.com",
            ".",
            "https://wwwxexample.com",
            Some(r"https://www.example.com"),
        ),
        (
            r"https://www\.example.com",
            ".",
            "https://www.examplexcom",
            Some(r"https://www.example.com"),
        ),
        (
            r"https://(a|www.example)\.com",
            ".",
            "https://wwwxexample.com",
            Some(r"regex:https://(a|www\.example)\.com"),
        ),
        (
            r"(?s)https://www.example\.com",
            ".",
            "https://wwwxexample.com",
            Some(r"regex:(?s)https://www\.example\.com"),
        ),
        (
            r"(?u)https://www(?-u:.)example\.com",
            ".",
            "https://wwwxexample.com",
            Some(r"regex:(?u)https://www(?-u:\.)example\.com"),
        ),
        (
            r"https://.*\.example\.com",
            ".",
            "https://evil.net/?.example.com",
            Some(r"regex:https://[a-z0-9_.-]+\.example\.com"),
        ),
        (
            r"https://.+\.example\.com",
            ".",
            "https://evil.net/?.example.com",
            Some(r"regex:https://[a-z0-9_.-]+\.example\.com"),
        ),
        (r"https://.{1,60}\.example\.com", ".", "https://evil.net/?.example.com", None),
        (
            r"https://(.*\.)?example\.com",
            ".",
            "https://evil.net/?.example.com",
            Some(r"regex:https://([a-z0-9_.-]+\.)?example\.com"),
        ),
        (r".*", ".", "https://evil.net/?", None),
        (r".*https://example\.com", ".", "https://evil.net/?https://example.com", None),
        (r"https://example\.com.*", ".", "https://example.comevil.net/?", None),
        (
            r"https://[^/]+\.example\.com",
            "[^/]",
            "https://evil.net?.example.com",
            Some(r"regex:https://[a-z0-9_.-]+\.example\.com"),
        ),
        (
            r"https://[^.]+\.example\.com",
            "[^.]",
            "https://evil/?.example.com",
            Some(r"regex:https://[a-z0-9_-]+\.example\.com"),
        ),
        (
            r"https://\S+\.example\.com",
            r"[^\t-\r ]",
            "https://evil.net/?.example.com",
            Some(r"regex:https://[a-z0-9_.-]+\.example\.com"),
        ),
        (r"https://[^a-w]\.example\.com", "[^a-w]", "https://x.example.com", None),
    ] {
        let pattern = format!("regex:{expression}");
        let guards = OriginPattern::parse(&pattern).unwrap().violations(false);
        let others = if expression == ".*" { vec![Guard::FileOrigin] } else { Vec::new() };
        let rest: Vec<_> = guards[1..].iter().map(|guard| guard.opened_by()).collect();
        assert_eq!(rest, others, "{expression}");
        assert_eq!(
            guards[0].to_string(),
            format!("`{class}` could stand for any byte: the expression also matches `{example}`")
        );
        assert_eq!(guards[0].suggestion(), tight, "{expression}");
        let advice = tight
            .map_or(r"write `\.` for a dot and `[a-z0-9-]+` for a label".to_owned(), |tight| {
                format!("write \"{tight}\"")
            });
        assert_eq!(
            guards[0].remedy(),
            format!("{advice}; \"loose_regex\" under `dangerously_allow` permits it")
        );
    }
}

#[test]
fn remedies_say_what_to_write_and_what_permits_it() {
    for (pattern, problem, remedy) in [
        (
            "*",
            "with credentials, every origin could read what only the user may see",
            r#"list the origins, or leave the credentials out; "any_origin_with_credentials" under `dangerously_allow` permits it"#,
        ),
        (
            "http://app.example.com",
            "with credentials, whoever can change unencrypted traffic could act as this origin",
            r#"write "https://app.example.com"; "insecure_origins" under `dangerously_allow` permits it"#,
        ),
        (
            r"regex:https?://a\.example\.com",
            "it also matches `http://a.example.com`: with credentials, whoever can change unencrypted traffic could act as this origin",
            r#"begin the expression with `https://`; "insecure_origins" under `dangerously_allow` permits it"#,
        ),
        (
            "https://*.github.io",
            "with credentials, anyone who signs up for the service could get a name directly below the public suffix `github.io`",
            r#"put a name that is yours below the suffix, as in "https://*.example.github.io"; "public_suffixes" under `dangerously_allow` permits it"#,
        ),
        (
            "https://*",
            "with credentials, anyone could set up a host for it",
            r#"list the hosts that are yours; "public_suffixes" under `dangerously_allow` permits it"#,
        ),
        (
            "null",
            "any page can have the origin `null`, by way of a sandboxed frame for instance",
            r#"leave it out; "null_origin" under `dangerously_allow` permits it"#,
        ),
    ] {
        let guards = OriginPattern::parse(pattern).unwrap().violations(true);
        assert_eq!(guards[0].to_string(), problem, "{pattern}");
        assert_eq!(guards[0].remedy(), remedy, "{pattern}");
    }
}

#[test]
fn dangers_have_names() {
    for guard in Guard::ALL {
        assert_eq!(guard.as_str().parse(), Ok(guard));
        assert_eq!(guard.to_string(), guard.as_str());
    }
    for name in ["", "null", "Null_Origin", "null_origin "] {
        assert!(name.parse::<Guard>().is_err());
    }
}

#[test]
fn an_expression_for_any_address_is_one_for_any_host() {
    for (expression, is_any) in [
        (r"https://[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+", true),
        (r"https://[0-9.]+(:[0-9]+)?", true),
        (r"https://\[[0-9a-f:]+\]", true),
        (r"https://[0-9.]+:8443", true),
        (r"https://\[2[0-9a-f:]+\]:(3000|8443)", true),
        (r"https://(app\.example\.com|[0-9]{1,3}(\.[0-9]{1,3}){3})", true),
        (r"https://10(\.[0-9]{1,3}){3}", false),
        (r"https://192\.168\.[0-9]+\.[0-9]+", false),
        (r"https://(8\.8\.8\.8|9\.9\.9\.9)", false),
        (r"https://(1\.1\.1\.1|8\.8\.8\.8)(:[0-9]+)?", false),
        (r"https://\[fe80::[0-9a-f:]+\]", false),
        (r"https://\[2001:db8:[0-9a-f:]+\]", false),
    ] {
        let text = format!("regex:{expression}");
        let violations = OriginPattern::parse(&text).unwrap().violations(true);
        assert_eq!(violations.contains(&GuardViolation::AnyHost), is_any, "{text}: {violations:?}");
        assert_eq!(OriginPattern::parse(&text).unwrap().violations(false), [], "{text}");
    }
}
