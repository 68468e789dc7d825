//! Imported policies and the decisions of their sources, over generated configurations and origins.
//!
//! A policy allows nothing that its source does not, unless a finding says so. Where it allows less, a
//! finding says that something is left out.

mod reference;

use std::path::{Path, PathBuf};

use cors_policy::origin::{Origin, OriginPattern};
use cors_policy::{Decision, FieldName, OriginHeader, PreflightRequest, document};
use proptest::{
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::{Value, json};

use super::model::Findings;
use super::*;
use crate::args::ForeignFormat as Format;

/// The entries of lists of origins that people write, good and bad ones.
const ENTRIES: [&str; 36] = [
    "*",
    "null",
    "https://example.com",
    "https://app.example.com",
    "https://App.Example.com",
    "https://app.example.com:443",
    "https://app.example.com:8443",
    "https://app.example.com/",
    "http://app.example.com",
    "http://localhost",
    "http://localhost:80",
    "http://localhost:3000",
    "http://localhost:8440-8450",
    "app.example.com",
    ".example.com",
    "*.example.com",
    "https://*",
    "http://*",
    "https://*.example.com",
    "http://*.example.com:8443",
    "https://*.example.com:8440-8450",
    "https://*.com",
    "https://pr-*.example.com",
    "https://*example.com",
    "https://app.*.example.com",
    "https://app.example.*",
    "app://shell",
    "file://",
    "",
    " ",
    "https://app.example.com https://example.com",
    "**",
    "https://ä.example.com",
    "https://app_1.example.com",
    "https://.example.com",
    "https://",
];

const EXPRESSIONS: [&str; 23] = [
    ".*",
    "*",
    r"https://.*\.example\.com",
    r"^https://.*\.example\.com$",
    r"https://[a-z0-9-]+\.example\.com",
    r"^https?://(app|pr-7)\.example\.com(:[0-9]+)?$",
    r"example\.com",
    r"\.example\.com$",
    r".*\.example\.com",
    r"(.+\.)?example\.com",
    r"^https://app.example.com",
    r"https://app\.example\.com|https://example\.com",
    r"^https://app\.example\.com|http://localhost$",
    r"^http://localhost:\d+$",
    r"(?i)^HTTPS://APP\.example\.com$",
    r"[a-z]+://app\.example\.com",
    r"^(https://example\.com|null)$",
    r"(?!a)b",
    r"https://pr-\d+\.example\.com",
    r"^app\.example\.com$",
    r"^https://\*\.example\.com$",
    r"\*\.example\.com",
    r"^http://localhost:8440-8450$",
];

fn entries() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(select(&ENTRIES[..]).prop_map(str::to_owned), 0..4)
}

fn expressions() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(select(&EXPRESSIONS[..]).prop_map(str::to_owned), 0..3)
}

/// Origins that such entries could be about, some of which none of them means.
fn origins() -> impl Strategy<Value = Vec<String>> {
    subsequence(every_origin(), 12)
}

fn every_origin() -> Vec<String> {
    let hosts = [
        "example.com",
        "app.example.com",
        "a.app.example.com",
        "pr-7.example.com",
        "pr-7.a.example.com",
        "app.a.example.com",
        "app_1.example.com",
        "appxexample.com",
        "evilexample.com",
        "example.com.evil.net",
        "app.example.com.evil.net",
        "evil.net",
        "com.com",
        "localhost",
        "shell",
    ];
    let mut origins = vec!["null".to_owned(), "file://".to_owned(), "app://shell".to_owned()];
    for scheme in ["https", "http"] {
        for host in hosts {
            for port in ["", ":8443", ":3000"] {
                origins.push(format!("{scheme}://{host}{port}"));
            }
        }
    }
    origins
}

/// The policies of an import, and what is said about them.
struct Imported {
    policies: Vec<cors_policy::Policy>,
    findings: Findings,
    text: String,
}

fn import(format: Format, value: &Value) -> Imported {
    let text = value.to_string();
    let source = Source { path: PathBuf::new(), name: Path::new("test").into(), text };
    let documents = yaml::read(&source).unwrap();
    let mut import = Import::default();
    import_documents(format, &documents, &source, &mut import).unwrap();
    let text = write_document(&mut import).unwrap().unwrap_or_default();
    // A policy without origins allows nobody, and is refused.
    let closed = text.replace("allow_origins: []", "allow_origins: [https://nobody.example.net]");
    let policies = match closed.is_empty() {
        true => Vec::new(),
        false => {
            document::parse(closed.as_bytes(), Path::new("cors.yaml"))
                .unwrap_or_else(|report| panic!("{report}\n{closed}"))
                .value
        }
    };
    Imported { policies, findings: import.findings, text }
}

/// Whether a policy allows an origin, and if so whether with credentials.
fn decide(policy: &cors_policy::Policy, origin: &str) -> Option<bool> {
    let answer = policy.decide(OriginHeader::One(origin.as_bytes()));
    (answer.decision() == Decision::Allowed)
        .then(|| answer.fields().any(|(name, _)| name == FieldName::AllowCredentials))
}

/// Compares the first policy with its source.
fn compare(
    imported: &Imported,
    origins: &[String],
    reference: impl Fn(&str) -> Option<bool>,
) -> Result<(), TestCaseError> {
    let Imported { policies, findings, text } = imported;
    let is_said = |origin: &str| {
        findings.iter().filter(|finding| finding.widens).any(|finding| {
            let is_invalid = finding.text.contains("is invalid, for which ingress-nginx");
            let quoted = finding.text.split('"').skip(1).step_by(2);
            let mut quoted = quoted.filter_map(|text| OriginPattern::parse(text).ok());
            is_invalid || quoted.any(|pattern| pattern.matches(origin.as_bytes()))
        })
    };
    for origin in origins {
        let ours = policies.first().and_then(|policy| decide(policy, origin));
        let theirs = reference(origin);
        if ours > theirs {
            prop_assert!(is_said(origin), "{origin}: {ours:?} {theirs:?}\n{text}\n{findings:?}");
        }
        // `*` in a policy matches what is no origin, too.
        if ours < theirs && Origin::parse(origin.as_bytes()).is_some() {
            let has_warning = findings.iter().any(|finding| finding.level != Level::Note);
            // Credentials that browsers refuse are left out with a note.
            prop_assert!(
                has_warning || (ours, theirs) == (Some(false), Some(true)),
                "{origin}: {ours:?} {theirs:?}\n{text}\n{findings:?}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ingress_nginx(entries in entries(), credentials in any::<bool>(), origins in origins()) {
        let value = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"annotations": {
                "nginx.ingress.kubernetes.io/enable-cors": "true",
                "nginx.ingress.kubernetes.io/cors-allow-origin": entries.join(","),
                "nginx.ingress.kubernetes.io/cors-allow-credentials": credentials.to_string(),
            }},
        });
        let imported = import(Format::Ingress, &value);
        compare(&imported, &origins, |origin| reference::ingress(&entries.join(","), credentials, origin))?;
    }

    #[test]
    fn gateway_api(entries in entries(), credentials in any::<bool>(), origins in origins()) {
        let cors = json!({"allowOrigins": entries, "allowCredentials": credentials});
        let value = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "spec": {"rules": [{"filters": [{"type": "CORS", "cors": cors}]}]},
        });
        let imported = import(Format::GatewayApi, &value);
        compare(&imported, &origins, |origin| reference::gateway_api(&entries, credentials, origin))?;
    }

    #[test]
    fn envoy_gateway(entries in entries(), credentials in any::<bool>(), origins in origins()) {
        let value = json!({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1",
            "kind": "SecurityPolicy",
            "spec": {"cors": {"allowOrigins": entries, "allowCredentials": credentials}},
        });
        let imported = import(Format::GatewayApi, &value);
        compare(&imported, &origins, |origin| reference::envoy_gateway(&entries, credentials, origin))?;
    }

    #[test]
    fn istio(
        exact in entries(),
        prefixes in entries(),
        regexes in expressions(),
        credentials in any::<bool>(),
        origins in origins(),
    ) {
        let mut matches: Vec<Value> = exact.iter().map(|text| json!({"exact": text})).collect();
        matches.extend(prefixes.iter().map(|text| json!({"prefix": text})));
        matches.extend(regexes.iter().map(|text| json!({"regex": text})));
        let cors = json!({"allowOrigins": matches, "allowCredentials": credentials});
        let value = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "spec": {"http": [{"corsPolicy": cors}]},
        });
        let imported = import(Format::Istio, &value);
        compare(&imported, &origins, |origin| {
            reference::envoy(&exact, &prefixes, &regexes, credentials, origin)
        })?;
    }

    #[test]
    fn kong(entries in entries(), regexes in expressions(), credentials in any::<bool>(), origins in origins()) {
        let listed = [entries, regexes].concat();
        let config = json!({"origins": listed, "credentials": credentials});
        let value = json!({"_format_version": "3.0", "plugins": [{"name": "cors", "config": config}]});
        let imported = import(Format::Kong, &value);
        compare(&imported, &origins, |origin| reference::kong(&listed, credentials, origin))?;
    }

    #[test]
    fn traefik(entries in entries(), regexes in expressions(), credentials in any::<bool>(), origins in origins()) {
        let headers = json!({
            "accessControlAllowOriginList": entries,
            "accessControlAllowOriginListRegex": regexes,
            "accessControlAllowCredentials": credentials,
        });
        let value = json!({"http": {"middlewares": {"cors": {"headers": headers}}}});
        let imported = import(Format::Traefik, &value);
        compare(&imported, &origins, |origin| reference::traefik(&entries, &regexes, credentials, origin))?;
    }

    #[test]
    fn apisix(entries in entries(), regexes in expressions(), credentials in any::<bool>(), origins in origins()) {
        let listed = entries.join(",");
        let config = json!({
            "allow_origins": listed,
            "allow_origins_by_regex": regexes,
            "allow_credential": credentials,
        });
        let value = json!({"routes": [{"id": "a", "plugins": {"cors": config}}]});
        let imported = import(Format::Apisix, &value);
        compare(&imported, &origins, |origin| reference::apisix(&listed, &regexes, credentials, origin))?;
    }

    /// Rules of S3 are about methods, too. `GET`, `HEAD` and `POST` need no permission in a policy, and
    /// a note says so.
    #[test]
    fn s3(
        rules in prop::collection::vec((globs(), prop::collection::vec(methods(), 1..3)), 1..4),
        origins in origins(),
    ) {
        let listed: Vec<_> = rules
            .iter()
            .map(|(origins, methods)| json!({"AllowedOrigins": origins, "AllowedMethods": methods}))
            .collect();
        let imported = import(Format::S3, &json!({"CORSRules": listed}));
        let Imported { policies, findings, text } = &imported;
        for origin in &origins {
            for method in ["PUT", "DELETE"] {
                let preflight = PreflightRequest {
                    method: method.as_bytes(),
                    headers: std::iter::empty(),
                    private_network: false,
                };
                let header = OriginHeader::One(origin.as_bytes());
                let ours = policies.first().is_some_and(|policy| {
                    policy.decide_preflight(header, &preflight).decision() == Decision::Allowed
                });
                let theirs = reference::s3(&rules, origin, method);
                let is_said = findings.iter().any(|finding| {
                    finding.widens && finding.text.contains("never matched before")
                });
                prop_assert!(!ours || theirs || is_said, "{origin} {method}\n{text}\n{findings:?}");
                if theirs && !ours && Origin::parse(origin.as_bytes()).is_some() {
                    let has_warning = findings.iter().any(|finding| finding.level != Level::Note);
                    prop_assert!(has_warning, "{origin} {method}\n{text}\n{findings:?}");
                }
            }
        }
    }
}

/// S3 takes one `*` in an origin.
fn globs() -> impl Strategy<Value = Vec<String>> {
    entries().prop_map(|entries| {
        entries.into_iter().filter(|entry| entry.matches('*').count() < 2).collect()
    })
}

fn methods() -> impl Strategy<Value = &'static str> {
    select(&["GET", "HEAD", "POST", "PUT", "DELETE"][..])
}
