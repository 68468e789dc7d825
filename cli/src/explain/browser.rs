//! What a browser makes of the headers of an explanation.

use std::fmt::{self, Display, Formatter};

use cors_browser::{
    Blocked, Credentials, HeaderList, Request as PageRequest, Response, cors_check, preflight_check,
};
use serde::Serialize;

use super::responses::{Actual, Headers, Preflight};
use crate::{
    output::{HEADING, styled},
    request::Request,
};

/// What a browser does for a page, without credentials and with them.
#[derive(Serialize)]
pub(super) struct Browser {
    omit: Outcome,
    include: Outcome,
}

/// What a browser does in one credentials mode.
#[derive(PartialEq, Eq, Serialize)]
struct Outcome {
    /// Whether it sends the actual request. `None`: the application answers the preflight.
    sends: Option<bool>,
    /// Whether the page can read the response. `None`: as above.
    reads: Option<bool>,
    /// Why it does not.
    reason: Option<String>,
}

impl Browser {
    /// What a browser does after the answers of a policy; `None` for a request that is not a page's of another
    /// origin.
    pub(super) fn new(
        request: &Request,
        preflight: Option<&Preflight>,
        actual: &Actual,
    ) -> Option<Self> {
        let origin = request.origin.as_deref().filter(|_| !request.is_own() && !actual.is_own())?;
        let preflight = preflight.filter(|preflight| preflight.needed);
        let outcome = |credentials| {
            let request = PageRequest {
                origin,
                method: &request.method,
                headers: &request.headers,
                credentials,
            };
            Outcome::new(&request, preflight, actual)
        };
        Some(Self { omit: outcome(Credentials::Omit), include: outcome(Credentials::Include) })
    }
}

impl Outcome {
    fn new(request: &PageRequest<'_>, preflight: Option<&Preflight>, actual: &Actual) -> Self {
        let (sends, reason) = match preflight.map(|preflight| &preflight.answer) {
            None => (Some(true), None),
            Some(None) => (None, None),
            Some(Some(answer)) => {
                let blocked =
                    preflight_check(request, &response(answer.status, &answer.headers)).err();
                (Some(blocked.is_none()), blocked)
            }
        };
        if sends == Some(false) {
            return Self::blocked(sends, reason);
        }
        // The application's status does not matter.
        match cors_check(request, &response(actual.status.unwrap_or(200), &actual.headers)) {
            Ok(()) => Self { sends, reads: sends, reason: None },
            Err(blocked) => Self::blocked(sends, Some(blocked)),
        }
    }

    fn blocked(sends: Option<bool>, reason: Option<Blocked>) -> Self {
        Self { sends, reads: Some(false), reason: reason.map(|blocked| blocked.to_string()) }
    }
}

fn response(status: u16, headers: &Headers) -> Response {
    let headers: HeaderList =
        headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    Response { status, headers }
}

impl Display for Browser {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { omit, include } = self;
        write!(f, "{} {omit}", styled(HEADING, "Browser:"))?;
        if omit == include {
            let also = if omit.reason.is_none() { ", with credentials too" } else { "" };
            writeln!(f, "{also}")
        } else {
            writeln!(f, "; with credentials it {include}")
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let does = match (self.sends, self.reads) {
            (Some(false), _) => "does not send the request",
            (_, Some(false)) => "does not let the page read the response",
            (None, _) => {
                "lets the page read the response, if the application's preflight allows it"
            }
            _ => "lets the page read the response",
        };
        match &self.reason {
            Some(reason) => write!(f, "{does}: {reason}"),
            None => f.write_str(does),
        }
    }
}
