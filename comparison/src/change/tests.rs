use super::*;

const PAGE: &str = "https://app.example.com";

fn headers(lines: &[(&str, &str)]) -> Response {
    Response { status: 200, headers: lines.iter().map(|&(name, value)| (name, value)).collect() }
}

struct Case {
    sentence: &'static str,
    now: &'static [(&'static str, &'static str)],
    then: &'static [(&'static str, &'static str)],
    change: Option<Change>,
    missed: &'static [&'static str],
}

const ORIGIN: (&str, &str) = ("Access-Control-Allow-Origin", PAGE);
const ANYONE: (&str, &str) = ("Access-Control-Allow-Origin", "*");
const CREDENTIALS: (&str, &str) = ("Access-Control-Allow-Credentials", "true");

#[test]
fn responses() {
    for case in [
        Case {
            sentence: "equal responses do not differ",
            now: &[ORIGIN, CREDENTIALS],
            then: &[CREDENTIALS, ORIGIN],
            change: None,
            missed: &[],
        },
        Case {
            sentence: "what nobody can read is not lost",
            now: &[("Access-Control-Allow-Origin", "https://other.example")],
            then: &[],
            change: None,
            missed: &[],
        },
        Case {
            sentence: "the origin goes",
            now: &[ORIGIN],
            then: &[],
            change: Some(Change::Lost),
            missed: &[],
        },
        Case {
            sentence: "credentials go, and the page can still read without them",
            now: &[ORIGIN, CREDENTIALS],
            then: &[ORIGIN],
            change: Some(Change::Lost),
            missed: &[],
        },
        Case {
            sentence: "the origin in place of * with credentials is lost without, and gained with them",
            now: &[ANYONE],
            then: &[ORIGIN, CREDENTIALS],
            change: Some(Change::Gained),
            missed: &[],
        },
        Case {
            sentence: "the origin comes",
            now: &[],
            then: &[ANYONE],
            change: Some(Change::Gained),
            missed: &[],
        },
        Case {
            sentence: "two lines are no origin",
            now: &[ANYONE, ORIGIN],
            then: &[ORIGIN],
            change: Some(Change::Gained),
            missed: &[],
        },
        Case {
            sentence: "an exposed header goes, whether the response has it or not",
            now: &[ORIGIN, ("Access-Control-Expose-Headers", "X-Total, ETag"), ("ETag", "1")],
            then: &[ORIGIN, ("Access-Control-Expose-Headers", "etag"), ("ETag", "1")],
            change: Some(Change::Headers),
            missed: &["x-total"],
        },
        Case {
            sentence: "* exposes what the response has, without credentials only",
            now: &[ANYONE, ("Access-Control-Expose-Headers", "*"), ("X-Total", "1"), ("Vary", "A")],
            then: &[ANYONE, ("X-Total", "1")],
            change: Some(Change::Headers),
            missed: &["x-total"],
        },
        Case {
            sentence: "what every page can read is not missed, nor what none can",
            now: &[
                ORIGIN,
                (
                    "Access-Control-Expose-Headers",
                    "Content-Length, Set-Cookie, Access-Control-Max-Age",
                ),
                ("Content-Length", "1"),
                ("Set-Cookie", "a=b"),
            ],
            then: &[ORIGIN, ("Content-Length", "1"), ("Set-Cookie", "a=b")],
            change: None,
            missed: &[],
        },
        Case {
            sentence: "what goes counts before what comes",
            now: &[ORIGIN, ("Access-Control-Expose-Headers", "X-Total")],
            then: &[ORIGIN, CREDENTIALS],
            change: Some(Change::Headers),
            missed: &["x-total"],
        },
    ] {
        let difference = of_response(PAGE, &headers(case.now), &headers(case.then));
        assert_eq!(difference.change(), case.change, "{}", case.sentence);
        assert_eq!(difference.missed, case.missed, "{}", case.sentence);
    }
}

#[test]
fn preflights_are_compared_as_a_whole() {
    const PUT: (&str, &str) = ("Access-Control-Allow-Methods", "GET, PUT");
    for case in [
        Case {
            sentence: "the method goes",
            now: &[ORIGIN, PUT],
            then: &[ORIGIN],
            change: Some(Change::Lost),
            missed: &[],
        },
        Case {
            sentence: "it did not pass before",
            now: &[ORIGIN],
            then: &[ORIGIN, PUT],
            change: Some(Change::Gained),
            missed: &[],
        },
        Case {
            sentence: "the origin comes without the method",
            now: &[],
            then: &[ORIGIN],
            change: None,
            missed: &[],
        },
        Case {
            sentence: "another method goes, and another header",
            now: &[
                ORIGIN,
                ("Access-Control-Allow-Methods", "GET, PUT, DELETE, OPTIONS"),
                ("Access-Control-Allow-Headers", "Accept, X-A, DNT, x-b"),
            ],
            then: &[ORIGIN, PUT, ("Access-Control-Allow-Headers", "X-B")],
            change: Some(Change::Headers),
            missed: &["DELETE", "X-A"],
        },
        Case {
            sentence: "* permits everything without credentials, and nothing of its own with them",
            now: &[ORIGIN, CREDENTIALS, PUT, ("Access-Control-Allow-Headers", "*")],
            then: &[ORIGIN, CREDENTIALS, PUT],
            change: Some(Change::Headers),
            missed: &["*"],
        },
        Case {
            sentence: "* stands for a name without credentials, but not with them",
            now: &[ORIGIN, CREDENTIALS, ("Access-Control-Allow-Methods", "PUT, PATCH")],
            then: &[ORIGIN, CREDENTIALS, ("Access-Control-Allow-Methods", "PUT, *")],
            change: Some(Change::Headers),
            missed: &["PATCH"],
        },
    ] {
        let (now, then) = (headers(case.now), headers(case.then));
        let difference = of_preflight((PAGE, "PUT", &[]), &now, &then, |_| false);
        assert_eq!(difference.change(), case.change, "{}", case.sentence);
        assert_eq!(difference.missed, case.missed, "{}", case.sentence);
    }
}

#[test]
fn what_the_policy_permits_on_request_is_not_missed() {
    let now = headers(&[
        ORIGIN,
        ("Access-Control-Allow-Methods", "PUT, DELETE, PATCH"),
        ("Access-Control-Allow-Headers", "X-A, *"),
    ]);
    let then = headers(&[ORIGIN, ("Access-Control-Allow-Methods", "PUT")]);
    let missed = |permits: fn(Permission<'_>) -> bool| {
        of_preflight((PAGE, "PUT", &[]), &now, &then, permits).missed
    };
    assert_eq!(missed(|_| false), ["DELETE", "PATCH", "X-A", "*"]);
    assert_eq!(missed(|it| matches!(it, Permission::Method("PATCH"))), ["DELETE", "X-A", "*"]);
    assert_eq!(missed(|it| matches!(it, Permission::Header(_))), ["DELETE", "PATCH"]);
    assert_eq!(missed(|_| true), [""; 0]);
}

#[test]
fn a_preflight_that_is_refused_by_its_status_does_not_pass() {
    let now = Response { status: 405, ..headers(&[ORIGIN]) };
    let then = Response { status: 204, ..headers(&[ORIGIN]) };
    let difference = of_preflight((PAGE, "GET", &[]), &now, &then, |_| false);
    assert_eq!(difference.change(), Some(Change::Gained));
}
