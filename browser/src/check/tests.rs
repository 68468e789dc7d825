use super::*;

const PAGE: &str = "https://app.example.com";

fn response(status: u16, lines: &[(&str, &str)]) -> Response {
    Response { status, headers: lines.iter().copied().collect() }
}

fn request<'r>(method: &'r str, headers: &'r [String], credentials: Credentials) -> Request<'r> {
    Request { origin: PAGE, method, headers, credentials }
}

fn reason(result: Result<(), Blocked>) -> String {
    result.map_or_else(|blocked| blocked.to_string(), |()| "reads".to_owned())
}

/// Lines of a response, and what a page makes of it without and with credentials.
type CorsCase<'c> = (&'c [(&'c str, &'c str)], &'c str, &'c str);

#[test]
fn a_response_is_read_by_whom_it_names() {
    const MISSING: &str = "Access-Control-Allow-Origin is missing";
    const NOT_TRUE: &str =
        "Access-Control-Allow-Credentials is not true, and the request is with credentials";
    const ANY: &str =
        "Access-Control-Allow-Origin: * does not count for a request with credentials";
    let other = format!(
        r#"Access-Control-Allow-Origin is "https://app.example.com/", and the origin of the page is "{PAGE}""#
    );
    let several = |value: &str| {
        format!(
            "Access-Control-Allow-Origin has several values ({value:?}), and a browser takes one"
        )
    };
    let twice = several(&format!("{PAGE}, {PAGE}"));
    let spaced = several(&format!("{PAGE} https://b.example"));
    let origin = ("Access-Control-Allow-Origin", PAGE);
    let cases: &[CorsCase<'_>] = &[
        (&[], MISSING, MISSING),
        (&[("Access-Control-Allow-Credentials", "true")], MISSING, MISSING),
        (&[("Access-Control-Allow-Origin", "*")], "reads", ANY),
        (
            &[("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "true")],
            "reads",
            ANY,
        ),
        (&[origin], "reads", NOT_TRUE),
        (&[origin, ("Access-Control-Allow-Credentials", "true")], "reads", "reads"),
        (&[origin, ("access-control-allow-credentials", "True")], "reads", NOT_TRUE),
        (&[origin, ("Access-Control-Allow-Credentials", "true, true")], "reads", NOT_TRUE),
        (&[("Access-Control-Allow-Origin", "https://app.example.com/")], &other, &other),
        (&[origin, origin], &twice, &twice),
        (
            &[("Access-Control-Allow-Origin", "https://app.example.com https://b.example")],
            &spaced,
            &spaced,
        ),
    ];
    for (lines, without, with) in cases {
        let response = response(500, lines);
        let check = |mode| reason(cors_check(&request("GET", &[], mode), &response));
        assert_eq!(check(Credentials::Omit), *without, "{lines:?}");
        assert_eq!(check(Credentials::Include), *with, "{lines:?}");
    }
}

#[test]
fn a_preflight_allows_what_it_names() {
    let names =
        |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
    // Status, methods, headers; the request; without and with credentials.
    type Case<'c> = (u16, &'c str, &'c str, &'c str, &'c [&'c str], &'c str, &'c str);
    const NO_PUT: &str = "Access-Control-Allow-Methods does not have PUT";
    const NO_X: &str = "Access-Control-Allow-Headers does not have x-a";
    let cases: &[Case<'_>] = &[
        (204, "", "", "GET", &[], "reads", "reads"),
        // A method that is safelisted is allowed whatever the list says.
        (200, "DELETE", "", "POST", &[], "reads", "reads"),
        (204, "", "", "PUT", &[], NO_PUT, NO_PUT),
        (204, "put", "", "PUT", &[], NO_PUT, NO_PUT),
        (204, "GET,, PUT ,", "", "PUT", &[], "reads", "reads"),
        (204, "*", "", "PUT", &[], "reads", NO_PUT),
        (204, "PUT", "X-A", "PUT", &["x-a"], "reads", "reads"),
        (204, "", "*", "GET", &["x-a"], "reads", NO_X),
        (204, "", "x-b", "GET", &["x-b", "x-a"], NO_X, NO_X),
        (
            204,
            "",
            "*",
            "GET",
            &["authorization"],
            "reads",
            "Access-Control-Allow-Headers does not have authorization",
        ),
        (
            204,
            "PUT POST",
            "",
            "PUT",
            &[],
            "Access-Control-Allow-Methods is not a list of names",
            "Access-Control-Allow-Methods is not a list of names",
        ),
        (
            301,
            "PUT",
            "",
            "PUT",
            &[],
            "the preflight got 301, and a browser takes 200 to 299",
            "the preflight got 301, and a browser takes 200 to 299",
        ),
    ];
    for &(status, methods, allowed, method, headers, without, with) in cases {
        let answer = response(
            status,
            &[
                ("Access-Control-Allow-Origin", PAGE),
                ("Access-Control-Allow-Credentials", "true"),
                ("Access-Control-Allow-Methods", methods),
                ("Access-Control-Allow-Headers", allowed),
            ],
        );
        let headers = names(headers);
        let check = |mode| reason(preflight_check(&request(method, &headers, mode), &answer));
        assert_eq!(
            check(Credentials::Omit),
            without,
            "{method} {headers:?}: {methods:?} {allowed:?}"
        );
        assert_eq!(
            check(Credentials::Include),
            with,
            "{method} {headers:?}: {methods:?} {allowed:?}"
        );
    }
}

#[test]
fn a_request_is_sent_after_its_preflight_only() {
    let headers = [("Access-Control-Allow-Origin", "*")];
    let put = request("PUT", &[], Credentials::Omit);
    let good = response(200, &headers);
    assert!(put.needs_preflight());
    assert_eq!(read(&put, None, &good), Err(Blocked::NoAllowOrigin));
    assert_eq!(read(&put, Some(&good), &good), Err(Blocked::Method("PUT".to_owned())));
    // The answer to a preflight says nothing of the response.
    let allows = [headers[0], ("Access-Control-Allow-Methods", "PUT")];
    let answer = response(204, &allows);
    assert_eq!(read(&put, Some(&answer), &response(200, &[])), Err(Blocked::NoAllowOrigin));
    assert_eq!(read(&put, Some(&answer), &good), Ok(()));
    assert!(!request("POST", &[], Credentials::Include).needs_preflight());
    assert_eq!(read(&request("POST", &[], Credentials::Omit), None, &good), Ok(()));
}

#[test]
fn a_page_reads_safelisted_and_exposed_headers() {
    let read = |expose: &str, credentials| {
        let response = response(
            200,
            &[
                ("Content-Type", "text/plain"),
                ("ETag", "1"),
                ("X-Secret", "1"),
                ("Set-Cookie", "a=b"),
                ("X-Secret", "2"),
                ("Access-Control-Expose-Headers", expose),
            ],
        );
        readable_headers(&request("GET", &[], credentials), &response).join(" ")
    };
    assert_eq!(read("", Credentials::Omit), "content-type");
    assert_eq!(read("etag, Set-Cookie", Credentials::Include), "content-type etag");
    assert_eq!(
        read("*", Credentials::Omit),
        "content-type etag x-secret access-control-expose-headers"
    );
    assert_eq!(read("*", Credentials::Include), "content-type");
    assert_eq!(read("ETag X-Secret", Credentials::Omit), "content-type");
}
