//! What a server would answer with a policy in force, from what it answers now.

use cors_browser::{HeaderList, Response};
use cors_policy::headers::{ExposedNames, is_cors_response_header};
use cors_policy::{Answer, FieldName, FieldValue, PreflightMode, Responses, UpstreamHeaders};

/// The values of a request that a policy may send back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo<'r> {
    /// `Origin`.
    pub origin: Option<&'r [u8]>,
    /// `Access-Control-Request-Method`; `None` if the request is not a preflight.
    pub method: Option<&'r [u8]>,
    /// The value of each `Access-Control-Request-Headers` line.
    pub headers: &'r [&'r [u8]],
}

/// The response that is the policy's alone: a refusal, or the answer to a preflight.
pub fn own_response(status: u16, answer: &Answer<'_>, echo: Echo<'_>) -> Response {
    Response { status, headers: own_lines(answer, echo).collect() }
}

/// The response to a request that is not a preflight and is not refused.
pub fn response(
    responses: &Responses,
    answer: &Answer<'_>,
    echo: Echo<'_>,
    application: &Response,
) -> Response {
    let headers = unite(responses, answer, echo, application, |_| false);
    Response { status: application.status, headers }
}

/// The answer to a preflight that is not refused.
pub fn preflight_response(
    responses: &Responses,
    answer: &Answer<'_>,
    echo: Echo<'_>,
    application: &Response,
) -> Response {
    if responses.preflight() == PreflightMode::Answer {
        return own_response(responses.preflight_status(), answer, echo);
    }
    let headers = match responses.upstream_headers() {
        UpstreamHeaders::Merge => {
            let is_allowed = answer.allow_origin().is_some();
            let is_kept = |name: &str| is_allowed && is_named(name, &FieldName::OF_PREFLIGHT);
            unite(responses, answer, echo, application, is_kept)
        }
        _ => application.headers.clone(),
    };
    Response { status: application.status, headers }
}

/// The headers of an application together with those of the policy (`upstream_headers`). `is_kept` names
/// headers of the application that stand in place of the policy's.
fn unite(
    responses: &Responses,
    answer: &Answer<'_>,
    echo: Echo<'_>,
    application: &Response,
    is_kept: impl Fn(&str) -> bool,
) -> HeaderList {
    let headers = &application.headers;
    let upstream = responses.upstream_headers();
    let has_origin = headers.get(FieldName::AllowOrigin.as_str()).is_some();
    if upstream == UpstreamHeaders::Keep && has_origin {
        return headers.clone();
    }
    let exposed = (upstream == UpstreamHeaders::Merge).then(|| exposed(answer, headers)).flatten();
    let timing = responses.sends_timing_allow_origin();
    let is_removed = |name: &str| {
        is_cors_response_header(name.as_bytes()) && !is_kept(name)
            || timing && is_named(name, &[FieldName::TimingAllowOrigin])
    };
    let theirs = headers.iter().filter(|(name, _)| !is_removed(name));
    let is_replaced = |name: &str| {
        is_kept(name) && headers.get(name).is_some()
            || exposed.is_some() && is_named(name, &[FieldName::ExposeHeaders])
    };
    let ours = own_lines(answer, echo).filter(|(name, _)| !is_replaced(name));
    let exposed =
        exposed.iter().map(|value| (FieldName::ExposeHeaders.as_str().to_owned(), value.clone()));
    theirs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .chain(ours)
        .chain(exposed)
        .collect()
}

/// What policy and application expose together; `None` if the application exposes nothing, or nobody can
/// read the response.
fn exposed(answer: &Answer<'_>, headers: &HeaderList) -> Option<Vec<u8>> {
    answer.allow_origin()?;
    let lines: Vec<_> = headers.lines(FieldName::ExposeHeaders.as_str()).collect();
    let bytes = lines.iter().map(|line| line.len()).sum();
    let policy = answer.expose_headers();
    if lines.is_empty() {
        return None;
    }
    let mut room = vec![0; ExposedNames::room(policy, lines.len(), bytes)];
    let mut names = ExposedNames::new(&mut room, policy, answer.allows_credentials());
    lines.iter().for_each(|line| names.add(line));
    let length = names.length();
    room.truncate(length);
    Some(room)
}

fn is_named(name: &str, fields: &[FieldName]) -> bool {
    fields.iter().any(|field| name.eq_ignore_ascii_case(field.as_str()))
}

/// The lines that the policy sends.
fn own_lines<'a>(
    answer: &Answer<'a>,
    echo: Echo<'a>,
) -> impl Iterator<Item = (String, Vec<u8>)> + use<'a> {
    let values = move |value| match value {
        FieldValue::Ready(bytes) => vec![bytes.to_vec()],
        FieldValue::EchoOrigin => echo.origin.into_iter().map(<[u8]>::to_vec).collect(),
        FieldValue::EchoMethod => echo.method.into_iter().map(<[u8]>::to_vec).collect(),
        FieldValue::EchoHeaders => echo.headers.iter().map(|line| line.to_vec()).collect(),
    };
    let vary = answer.vary().value().map(|names| ("Vary".to_owned(), names.as_bytes().to_vec()));
    answer
        .fields()
        .flat_map(move |(name, value)| {
            values(value).into_iter().map(move |value| (name.as_str().to_owned(), value))
        })
        .chain(vary)
}
