//! What an origin gets from a level.

use cors_browser::SAFELISTED_METHODS;
use cors_policy::FieldName;
use nginx_conf::Site;
use nginx_conf::evaluate::{Content, LevelId, Unknown};

use super::survey::{Ask, FOREIGN_HEADER, Field, Response, Survey, TooMuch};

/// What an origin gets.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// What decides which rule it belongs to.
    pub(super) cors: Cors,
    /// Other origins that are sent to it.
    pub(super) named: Vec<(String, Site)>,
    /// Whether it may read a response if unknown conditions hold.
    pub(super) could_read: bool,
    /// The status of a refusal that it may read, where there is nothing but refusals.
    pub(super) refusal: Option<u16>,
    /// What it depends on and is not known.
    pub(super) unsure: Vec<(Unknown, Site)>,
    /// The line of the `Access-Control-Allow-Origin` that it reads.
    pub(super) site: Option<Site>,
    /// The line that lists methods or headers, or else that one.
    pub(super) list_site: Option<Site>,
    /// The level that sends that.
    pub(super) level: LevelId,
    /// Whether `Vary` of that names `Origin`.
    pub(super) has_vary: bool,
}

/// What the responses to an origin say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cors {
    /// The methods of [`SAFELISTED_METHODS`] whose responses it may read.
    pub(super) readable: Vec<&'static str>,
    /// Those whose responses it may not read, though there are some.
    pub(super) unreadable: Vec<&'static str>,
    /// Whether `Access-Control-Allow-Origin` is `*`.
    pub(super) is_star: bool,
    /// `Access-Control-Allow-Credentials`.
    pub(super) credentials: Option<String>,
    /// `Access-Control-Allow-Methods` of the preflight, or else of the response.
    pub(super) methods: Listed,
    /// `Access-Control-Allow-Headers`.
    pub(super) headers: Listed,
    /// `Access-Control-Expose-Headers` of the response.
    pub(super) expose: Option<String>,
    /// `Access-Control-Max-Age`.
    pub(super) max_age: Option<String>,
    /// `Access-Control-Allow-Private-Network`.
    pub(super) private_network: bool,
    /// `Timing-Allow-Origin` of the response, if it lets this origin see the timing.
    pub(super) timing: bool,
    /// What becomes of a preflight.
    pub(super) preflight: Preflight,
    /// Whether it lets requests with credentials pass, if it passes.
    pub(super) preflight_credentials: bool,
    /// The lists that it does not have, and that are those of the response.
    pub(super) borrowed: Vec<FieldName>,
    /// The headers of readable responses to other methods that are not those of the response.
    pub(super) unlike: Vec<Unlike>,
}

/// A header that differs between the responses to two methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unlike {
    pub(super) name: FieldName,
    /// The method whose response has the header that counts.
    pub(super) main: &'static str,
    /// The other one.
    pub(super) method: &'static str,
    /// Whether that response says less.
    pub(super) is_less: bool,
}

/// A list of names in a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// There is none.
    Absent,
    /// As it is sent.
    Names(String),
    /// What the preflight asked for.
    Echo,
}

impl Listed {
    /// The names that are listed.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Names(names) => {
                names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
            }
            Self::Absent | Self::Echo => Vec::new(),
        }
    }
}

/// What becomes of a preflight today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Preflight {
    /// nginx answers it with this status, and it passes.
    Passes(u16),
    /// nginx answers it without `Access-Control-Allow-Origin`, from this level.
    WithoutOrigin(LevelId),
    /// nginx refuses or redirects it.
    Refused(u16),
    /// The application gets it, by this directive, and whether the configuration adds headers to its
    /// answer.
    Application(String, Site, bool),
    /// It is led to another location.
    Elsewhere,
}

impl Cors {
    /// Whether the origin may read any response.
    pub(super) fn is_readable(&self) -> bool {
        !self.readable.is_empty()
    }
}

impl Profile {
    /// Asks for everything that an origin can get.
    ///
    /// # Errors
    ///
    /// If following the configuration takes too long.
    pub(super) fn find(survey: &Survey<'_>, origin: &str) -> Result<Self, TooMuch> {
        let responses = Responses::ask(survey, origin)?;
        let main = responses.main();
        let allowed_at = || main.and_then(|response| response.site(FieldName::AllowOrigin));
        Ok(Self {
            cors: responses.cors(survey)?,
            named: responses.named(),
            could_read: responses.all().any(|response| response.is_readable_by(origin)),
            refusal: main
                .filter(|response| response.status() >= 400 && response.is_readable_by(origin))
                .map(Response::status),
            unsure: responses.unsure(),
            site: allowed_at(),
            list_site: LISTS
                .into_iter()
                .flat_map(|name| [responses.preflight(), main].map(|r| r?.site(name)))
                .flatten()
                .next()
                .or_else(allowed_at),
            level: main.map_or(0, Response::level),
            has_vary: main.is_some_and(Response::varies_by_origin),
        })
    }
}

/// The responses to an origin.
struct Responses<'o> {
    origin: &'o str,
    /// For each of [`SAFELISTED_METHODS`].
    actual: Vec<(&'static str, Vec<Response>)>,
    preflights: Vec<Response>,
}

impl<'o> Responses<'o> {
    fn ask(survey: &Survey<'_>, origin: &'o str) -> Result<Self, TooMuch> {
        let mut actual = Vec::new();
        for method in SAFELISTED_METHODS {
            actual.push((method, survey.ask(Some(origin), Ask::Actual(method))?));
        }
        let preflights = survey.ask(Some(origin), Ask::PREFLIGHT)?;
        Ok(Self { origin, actual, preflights })
    }

    fn all(&self) -> impl Iterator<Item = &Response> {
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
    fn main(&self) -> Option<&Response> {
        let readable = self.readable();
        let (_, responses) = self
            .actual
            .iter()
            .find(|(method, _)| readable.contains(method))
            .or(self.actual.first())?;
        responses.first()
    }

    fn preflight(&self) -> Option<&Response> {
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
    fn cors(&self, survey: &Survey<'_>) -> Result<Cors, TooMuch> {
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
    fn named(&self) -> Vec<(String, Site)> {
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
    fn unsure(&self) -> Vec<(Unknown, Site)> {
        let unknown = |response: &Response, name| match response.field(name) {
            Field::Unknown(unknown, site) => Some((unknown, site)),
            Field::Absent | Field::Text(_) => None,
        };
        let mut unsure: Vec<_> =
            self.all().filter_map(|response| unknown(response, FieldName::AllowOrigin)).collect();
        let actual = self.actual.iter().map(|(_, responses)| responses);
        for responses in actual.chain([&self.preflights]) {
            let differ = responses.iter().any(|response| {
                CORS_HEADERS.iter().any(|name| response.field(*name) != responses[0].field(*name))
            });
            if differ {
                let assumed = responses.iter().flat_map(Response::assumed);
                unsure.extend(assumed.map(|(unknown, site, _)| (unknown.clone(), *site)));
            }
        }
        for response in self.all() {
            unsure.extend(CORS_HEADERS.iter().filter_map(|name| unknown(response, *name)));
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

/// The headers that decide what browsers do.
pub(super) const CORS_HEADERS: [FieldName; 8] = [
    FieldName::AllowOrigin,
    FieldName::AllowCredentials,
    FieldName::AllowMethods,
    FieldName::AllowHeaders,
    FieldName::ExposeHeaders,
    FieldName::MaxAge,
    FieldName::AllowPrivateNetwork,
    FieldName::TimingAllowOrigin,
];

/// Those that list what a page may send.
const LISTS: [FieldName; 2] = [FieldName::AllowMethods, FieldName::AllowHeaders];

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
