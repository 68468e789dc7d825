//! The responses of a level to an origin, and what they say together.

use cors_browser::SAFELISTED_METHODS;
use cors_policy::FieldName;
use nginx_conf::Site;
use nginx_conf::evaluate::{Content, Unknown};

use super::{Cors, LISTS, Listed, Preflight, Unlike};
use crate::import::nginx::survey::{Ask, FOREIGN_HEADER, Field, Response, Survey, TooMuch};

/// The responses to an origin.
pub(super) struct Responses<'o> {
    origin: &'o str,
    /// For each of [`SAFELISTED_METHODS`].
    actual: Vec<(&'static str, Vec<Response>)>,
    preflights: Vec<Response>,
}

impl<'o> Responses<'o> {
    /// Asks with all methods that need no preflight, and with a preflight.
    ///
    /// # Errors
    ///
    /// If following the configuration takes too long.
    pub(super) fn ask(survey: &Survey<'_>, origin: &'o str) -> Result<Self, TooMuch> {
        let mut actual = Vec::new();
        for method in SAFELISTED_METHODS {
            actual.push((method, survey.ask(Some(origin), Ask::Actual(method))?));
        }
        let preflights = survey.ask(Some(origin), Ask::PREFLIGHT)?;
        Ok(Self { origin, actual, preflights })
    }

    /// Those to all methods and to the preflight.
    pub(super) fn all(&self) -> impl Iterator<Item = &Response> {
        self.actual.iter().flat_map(|(_, responses)| responses).chain(&self.preflights)
    }

    /// The methods whose responses the origin may read, whatever the unknown conditions are.
    fn readable(&self) -> Vec<&'static str> {
        let may_read = |responses: &[Response]| {
            responses.iter().all(|response| response.is_readable_by(self.origin))
                && responses.iter().any(is_success)
        };
        let readable = self.actual.iter().filter(|(_, responses)| may_read(responses));
        readable.map(|(method, _)| *method).collect()
    }

    /// The methods that have responses which the origin may not read.
    fn unreadable(&self) -> Vec<&'static str> {
        let is_unreadable =
            |response: &Response| is_success(response) && !response.is_readable_by(self.origin);
        let unreadable =
            self.actual.iter().filter(|(_, responses)| responses.iter().any(is_unreadable));
        unreadable.map(|(method, _)| *method).collect()
    }

    /// The first response that the origin may read, or else the one to GET.
    pub(super) fn main(&self) -> Option<&Response> {
        let readable = self.readable();
        let (_, responses) = self
            .actual
            .iter()
            .find(|(method, _)| readable.contains(method))
            .or(self.actual.first())?;
        responses.first()
    }

    /// The first answer to the preflight.
    pub(super) fn preflight(&self) -> Option<&Response> {
        self.preflights.first()
    }

    /// A header of the main response, if it is known.
    fn in_main(&self, name: FieldName) -> Option<String> {
        self.main()?.field(name).into_text()
    }

    /// A header of the preflight, or else of the main response.
    fn in_preflight(&self, name: FieldName) -> Option<String> {
        let preflight = self.preflight().and_then(|response| response.field(name).into_text());
        preflight.or_else(|| self.in_main(name))
    }

    fn listed(&self, name: FieldName) -> Listed {
        self.in_preflight(name).map_or(Listed::Absent, Listed::Names)
    }

    /// What decides which rule the origin belongs to.
    pub(super) fn cors(&self, survey: &Survey<'_>) -> Result<Cors, TooMuch> {
        let mut methods = self.listed(FieldName::AllowMethods);
        if methods == Listed::Names("PUT".to_owned()) {
            let other = Ask::Preflight { method: "PATCH", is_private: false };
            let echoed = survey.ask(Some(self.origin), other)?;
            let field = echoed.first().map(|response| response.field(FieldName::AllowMethods));
            if field == Some(Field::Text("PATCH".to_owned())) {
                methods = Listed::Echo;
            }
        }
        let mut headers = self.listed(FieldName::AllowHeaders);
        if headers.names().contains(&FOREIGN_HEADER) {
            headers = Listed::Echo;
        }
        let private = Ask::Preflight { method: "PUT", is_private: true };
        let private = survey.ask(Some(self.origin), private)?;
        let timing = self.in_main(FieldName::TimingAllowOrigin);
        Ok(Cors {
            readable: self.readable(),
            unreadable: self.unreadable(),
            is_star: self.in_main(FieldName::AllowOrigin).as_deref() == Some("*"),
            credentials: self.in_main(FieldName::AllowCredentials),
            methods,
            headers,
            expose: self.in_main(FieldName::ExposeHeaders),
            max_age: self.in_preflight(FieldName::MaxAge),
            private_network: private.first().is_some_and(|response| {
                response.field(FieldName::AllowPrivateNetwork).text() == Some("true")
            }),
            timing: timing.is_some_and(|text| {
                text.split(',').any(|one| one.trim() == "*" || one.trim() == self.origin)
            }),
            preflight: self.preflight().map_or(Preflight::Elsewhere, |r| state_of(r, self.origin)),
            borrowed: LISTS.into_iter().filter(|name| self.is_borrowed(*name)).collect(),
            unlike: self.unlike(),
            preflight_credentials: self
                .preflight()
                .is_some_and(|response| response.has_credentials_for(self.origin)),
        })
    }

    /// Whether the answer to a preflight lacks a list that the main response has.
    fn is_borrowed(&self, name: FieldName) -> bool {
        self.preflight().is_some_and(|response| response.field(name) == Field::Absent)
            && self.in_main(name).is_some()
    }

    /// What readable responses to other methods have unlike the main one.
    fn unlike(&self) -> Vec<Unlike> {
        let readable = self.readable();
        let mut responses = self.actual.iter().filter(|(method, _)| readable.contains(method));
        let Some((main, _)) = responses.next() else { return Vec::new() };
        let mut unlike = Vec::new();
        for (method, responses) in responses {
            let Some(response) = responses.first() else { continue };
            let name = FieldName::AllowCredentials;
            let ours = self.main().is_some_and(|main| main.has_credentials_for(self.origin));
            let theirs = response.has_credentials_for(self.origin);
            if ours != theirs {
                unlike.push(Unlike { name, main, method, is_less: ours });
            }
            let name = FieldName::ExposeHeaders;
            let (ours, theirs) = (self.in_main(name), response.field(name).into_text());
            if ours != theirs {
                unlike.push(Unlike { name, main, method, is_less: ours.is_some() });
            }
        }
        unlike
    }

    /// Other origins that are sent to this one, each with its line.
    pub(super) fn named(&self) -> Vec<(String, Site)> {
        let mut named = Vec::new();
        for response in self.all() {
            let Field::Text(text) = response.field(FieldName::AllowOrigin) else { continue };
            let Some(site) = response.site(FieldName::AllowOrigin) else { continue };
            if text != self.origin {
                let origins = text.split(',').flat_map(str::split_whitespace);
                let origins = origins.filter(|origin| *origin != "*");
                named.extend(origins.map(|origin| (origin.to_owned(), site)));
            }
        }
        named
    }

    /// What the responses depend on and is not known, each once.
    pub(super) fn unsure(&self) -> Vec<(Unknown, Site)> {
        let unknown = |response: &Response, name| match response.field(name) {
            Field::Unknown(unknown, site) => Some((unknown, site)),
            Field::Absent | Field::Text(_) => None,
        };
        let mut unsure: Vec<_> =
            self.all().filter_map(|response| unknown(response, FieldName::AllowOrigin)).collect();
        let actual = self.actual.iter().map(|(_, responses)| responses);
        for responses in actual.chain([&self.preflights]) {
            let differ = responses.iter().any(|response| {
                FieldName::ALL.iter().any(|name| response.field(*name) != responses[0].field(*name))
            });
            if differ {
                let assumed = responses.iter().flat_map(Response::assumed);
                unsure.extend(assumed.map(|(unknown, site, _)| (unknown.clone(), *site)));
            }
        }
        for response in self.all() {
            unsure.extend(FieldName::ALL.iter().filter_map(|name| unknown(response, *name)));
        }
        let mut once = Vec::new();
        for entry in unsure {
            if !once.contains(&entry) {
                once.push(entry);
            }
        }
        once
    }
}

/// Whether it is no error: a redirect counts.
fn is_success(response: &Response) -> bool {
    response.status() < 400
}

/// What becomes of the preflight that has this response.
fn state_of(preflight: &Response, origin: &str) -> Preflight {
    let status = preflight.status();
    match preflight.content() {
        Content::Upstream(directive, site) | Content::Script(directive, site) => {
            let has_values = preflight.is_readable_by(origin)
                && LISTS.iter().any(|name| preflight.field(*name) != Field::Absent);
            Preflight::Application(directive.clone(), *site, has_values)
        }
        Content::Elsewhere => Preflight::Elsewhere,
        _ if status >= 300 => Preflight::Refused(status),
        _ if preflight.is_readable_by(origin) => Preflight::Passes(status),
        _ => Preflight::WithoutOrigin(preflight.level()),
    }
}
