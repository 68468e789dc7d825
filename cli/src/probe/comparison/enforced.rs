//! What a server would answer with a policy in force, from what it answers now.

use cors_browser::{HeaderList, Response};
use cors_policy::headers::{ExposedNames, is_cors_response_header};
use cors_policy::{
    Answer, CheckedRequest, FetchSite, FieldName, FieldValue, OriginHeader, Policy, PreflightMode,
    PreflightRequest, Refusal, RequestHosts, UpstreamHeaders,
};

use crate::probe::exchange::{Exchange, Kind};

/// A policy in front of a server.
pub(super) struct Enforced<'p> {
    pub(super) policy: &'p Policy,
    /// The value of `Host`.
    pub(super) host: String,
    /// Whether nginx itself terminates TLS.
    pub(super) is_tls: bool,
}

/// The headers by which an application answers a preflight, which `upstream_headers: merge` keeps.
const ANSWER: [FieldName; 3] =
    [FieldName::AllowMethods, FieldName::AllowHeaders, FieldName::MaxAge];

impl Enforced<'_> {
    /// The response with the policy, if the application gives this one.
    pub(super) fn respond(&self, exchange: &Exchange, application: &Response) -> Response {
        let refusal = self.refusal(exchange);
        match &exchange.kind {
            Kind::Get => self.respond_to_get(exchange, application, refusal),
            Kind::Preflight { method, headers } => {
                self.respond_to_preflight(exchange, (method, headers), application, refusal)
            }
        }
    }

    /// Why the policy refuses a request (`enforce`), if it does.
    pub(super) fn refusal(&self, exchange: &Exchange) -> Option<Refusal> {
        let request = CheckedRequest {
            method: exchange.method().as_bytes(),
            is_preflight: exchange.is_preflight(),
            is_websocket: false,
            origin: origin_of(exchange),
            site: FetchSite::Absent.with(exchange.site().as_bytes()),
            hosts: RequestHosts { header: Some(self.host.as_bytes()), target: None },
            is_tls: self.is_tls,
        };
        self.policy.check(&request)?.err()
    }

    fn respond_to_get(
        &self,
        exchange: &Exchange,
        application: &Response,
        refusal: Option<Refusal>,
    ) -> Response {
        if let Some(refusal) = refusal {
            let answer = match refusal {
                Refusal::Origin => self.policy.decide(origin_of(exchange)),
                _ => self.policy.responses().denied(refusal.decision()),
            };
            return Response { status: 403, headers: own_lines(&answer, exchange).collect() };
        }
        let answer = self.policy.decide(origin_of(exchange));
        let headers = self.unite(&answer, exchange, application, |_| false);
        Response { status: application.status, headers }
    }

    fn respond_to_preflight(
        &self,
        exchange: &Exchange,
        (method, headers): (&str, &[String]),
        application: &Response,
        refusal: Option<Refusal>,
    ) -> Response {
        if let Some(refusal) = refusal {
            let answer = self.policy.responses().denied_preflight(refusal.decision());
            return Response { status: 403, headers: own_lines(&answer, exchange).collect() };
        }
        let line = (!headers.is_empty()).then(|| headers.join(","));
        let preflight = PreflightRequest {
            method: method.as_bytes(),
            headers: line.as_deref().map(str::as_bytes).into_iter(),
            private_network: false,
        };
        let answer = self.policy.decide_preflight(origin_of(exchange), &preflight);
        if self.policy.preflight() == PreflightMode::Answer {
            let status = self.policy.preflight_status();
            return Response { status, headers: own_lines(&answer, exchange).collect() };
        }
        let headers = match self.policy.upstream_headers() {
            UpstreamHeaders::Merge => {
                let is_allowed = answer.allow_origin().is_some();
                let is_kept = |name: &str| is_allowed && is_named(name, &ANSWER);
                self.unite(&answer, exchange, application, is_kept)
            }
            _ => application.headers.clone(),
        };
        Response { status: application.status, headers }
    }

    /// The headers of an application together with those of the policy (`upstream_headers`). `is_kept` names
    /// headers of the application that stand in place of the policy's.
    fn unite(
        &self,
        answer: &Answer<'_>,
        exchange: &Exchange,
        application: &Response,
        is_kept: impl Fn(&str) -> bool,
    ) -> HeaderList {
        let headers = &application.headers;
        let upstream = self.policy.upstream_headers();
        let has_origin = headers.get(FieldName::AllowOrigin.as_str()).is_some();
        if upstream == UpstreamHeaders::Keep && has_origin {
            return headers.clone();
        }
        let exposed =
            (upstream == UpstreamHeaders::Merge).then(|| exposed(answer, headers)).flatten();
        let timing = self.policy.sends_timing_allow_origin();
        let is_removed = |name: &str| {
            is_cors_response_header(name.as_bytes()) && !is_kept(name)
                || timing && is_named(name, &[FieldName::TimingAllowOrigin])
        };
        let theirs = headers.iter().filter(|(name, _)| !is_removed(name));
        let is_replaced = |name: &str| {
            is_kept(name) && headers.get(name).is_some()
                || exposed.is_some() && is_named(name, &[FieldName::ExposeHeaders])
        };
        let ours = own_lines(answer, exchange).filter(|(name, _)| !is_replaced(name));
        let exposed = exposed
            .iter()
            .map(|value| (FieldName::ExposeHeaders.as_str().to_owned(), value.clone()));
        theirs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain(ours)
            .chain(exposed)
            .collect()
    }
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

fn origin_of(exchange: &Exchange) -> OriginHeader<'_> {
    match &exchange.origin {
        Some(origin) => OriginHeader::One(origin.as_bytes()),
        None => OriginHeader::Absent,
    }
}

/// The lines that the policy sends.
fn own_lines<'a>(
    answer: &Answer<'a>,
    exchange: &'a Exchange,
) -> impl Iterator<Item = (String, Vec<u8>)> + use<'a> {
    let value = |value| match (value, &exchange.kind) {
        (FieldValue::Ready(bytes), _) => Some(bytes.to_vec()),
        (FieldValue::EchoOrigin, _) => Some(exchange.origin.clone()?.into_bytes()),
        (FieldValue::EchoMethod, Kind::Preflight { method, .. }) => {
            Some(method.clone().into_bytes())
        }
        (FieldValue::EchoHeaders, Kind::Preflight { headers, .. }) if !headers.is_empty() => {
            Some(headers.join(",").into_bytes())
        }
        (FieldValue::EchoMethod | FieldValue::EchoHeaders, _) => None,
    };
    let vary = answer.vary().value().map(|names| ("Vary".to_owned(), names.as_bytes().to_vec()));
    answer
        .fields()
        .filter_map(move |(name, field)| Some((name.as_str().to_owned(), value(field)?)))
        .chain(vary)
}
