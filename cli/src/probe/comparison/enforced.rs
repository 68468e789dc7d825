//! What a server would answer with a policy in force, from what it answers now.

use cors_browser::Response;
use cors_comparison::then::{self, Echo};
use cors_policy::{
    CheckedRequest, FetchSite, OriginHeader, Policy, PreflightRequest, Refusal, RequestHosts,
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
        let echo =
            Echo { origin: exchange.origin.as_deref().map(str::as_bytes), ..Echo::default() };
        if let Some(refusal) = refusal {
            let answer = match refusal {
                Refusal::Origin => self.policy.decide(origin_of(exchange)),
                _ => self.policy.responses().denied(refusal.decision()),
            };
            return then::own_response(403, &answer, echo);
        }
        let answer = self.policy.decide(origin_of(exchange));
        then::response(self.policy.responses(), &answer, echo, application)
    }

    fn respond_to_preflight(
        &self,
        exchange: &Exchange,
        (method, headers): (&str, &[String]),
        application: &Response,
        refusal: Option<Refusal>,
    ) -> Response {
        let line = headers.join(",");
        let lines: &[&[u8]] = if headers.is_empty() { &[] } else { &[line.as_bytes()] };
        let echo = Echo {
            origin: exchange.origin.as_deref().map(str::as_bytes),
            method: Some(method.as_bytes()),
            headers: lines,
        };
        if let Some(refusal) = refusal {
            let answer = self.policy.responses().denied_preflight(refusal.decision());
            return then::own_response(403, &answer, echo);
        }
        let preflight = PreflightRequest {
            method: method.as_bytes(),
            headers: lines.iter().copied(),
            private_network: false,
        };
        let answer = self.policy.decide_preflight(origin_of(exchange), &preflight);
        then::preflight_response(self.policy.responses(), &answer, echo, application)
    }
}

fn origin_of(exchange: &Exchange) -> OriginHeader<'_> {
    match &exchange.origin {
        Some(origin) => OriginHeader::One(origin.as_bytes()),
        None => OriginHeader::Absent,
    }
}
