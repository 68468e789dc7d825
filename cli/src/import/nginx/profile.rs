//! What an origin gets from a level.

use nginx_conf::Site;
use nginx_conf::evaluate::{Content, LevelId, Unknown};

use super::survey::{Ask, FOREIGN_HEADER, Field, Response, Survey, TooMuch};

/// The methods that no preflight can take apart.
pub(super) const SAFELISTED: [&str; 3] = ["GET", "HEAD", "POST"];

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
    /// The methods of [`SAFELISTED`] whose responses it may read.
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
    pub(super) fn find(survey: &Survey<'_>, origin: &str) -> Result<Self, TooMuch> {
        let mut actual = Vec::new();
        for method in SAFELISTED {
            actual.push((method, survey.ask(Some(origin), Ask::Actual(method))?));
        }
        let preflights = survey.ask(Some(origin), Ask::PREFLIGHT)?;
        let may_read = |response: &Response| response.is_readable_by(origin);
        let exists = |response: &Response| response.status() < 400;
        let readable: Vec<_> = actual
            .iter()
            .filter(|(_, responses)| responses.iter().all(may_read))
            .filter(|(_, responses)| responses.iter().any(exists))
            .map(|(method, _)| *method)
            .collect();
        let unreadable = actual
            .iter()
            .filter(|(_, responses)| responses.iter().any(|r| exists(r) && !may_read(r)))
            .map(|(method, _)| *method)
            .collect();
        let main = actual
            .iter()
            .find(|(method, _)| readable.contains(method))
            .or(actual.first())
            .and_then(|(_, responses)| responses.first());
        let everything = || actual.iter().flat_map(|(_, responses)| responses).chain(&preflights);

        let allow_origin = |response: &Response| response.field("access-control-allow-origin");
        let mut named = Vec::new();
        let mut unsure = Vec::new();
        for response in everything() {
            match (allow_origin(response), response.site("access-control-allow-origin")) {
                (Field::Text(text), Some(site)) if text != "*" && text != origin => {
                    let texts = text.split(',').flat_map(str::split_whitespace);
                    named.extend(texts.map(|text| (text.to_owned(), site)));
                }
                (Field::Unknown(unknown, site), _) => unsure.push((unknown, site)),
                _ => {}
            }
        }
        named.retain(|(text, _)| text != "*");
        for responses in actual.iter().map(|(_, responses)| responses).chain([&preflights]) {
            let differ = responses.iter().any(|response| {
                CORS_HEADERS.iter().any(|name| response.field(name) != responses[0].field(name))
            });
            if differ {
                let assumed = responses.iter().flat_map(Response::assumed);
                unsure.extend(assumed.map(|(unknown, site, _)| (unknown.clone(), *site)));
            }
        }
        for (response, name) in everything().flat_map(|r| CORS_HEADERS.map(|name| (r, name))) {
            if let Field::Unknown(unknown, site) = response.field(name) {
                unsure.push((unknown, site));
            }
        }
        let mut once = Vec::new();
        for entry in unsure {
            if !once.contains(&entry) {
                once.push(entry);
            }
        }

        let preflight = preflights.first();
        let of_main = |name| main.map_or(Field::Absent, |response| response.field(name));
        let of_preflight = |name| match preflight.map(|response| response.field(name)) {
            Some(Field::Text(text)) => Some(text),
            _ => of_main(name).text().map(ToOwned::to_owned),
        };
        let listed = |name| of_preflight(name).map_or(Listed::Absent, Listed::Names);
        let mut methods = listed("access-control-allow-methods");
        if methods == Listed::Names("PUT".to_owned()) {
            let other = Ask::Preflight { method: "PATCH", is_private: false };
            let echoed = survey.ask(Some(origin), other)?;
            let field = echoed.first().map(|r| r.field("access-control-allow-methods"));
            if field == Some(Field::Text("PATCH".to_owned())) {
                methods = Listed::Echo;
            }
        }
        let mut headers = listed("access-control-allow-headers");
        if headers.names().contains(&FOREIGN_HEADER) {
            headers = Listed::Echo;
        }
        let private = Ask::Preflight { method: "PUT", is_private: true };
        let private = survey.ask(Some(origin), private)?;
        let timing = of_main("timing-allow-origin");
        Ok(Self {
            cors: Cors {
                readable,
                unreadable,
                is_star: main.is_some_and(|response| allow_origin(response).text() == Some("*")),
                credentials: of_main("access-control-allow-credentials")
                    .text()
                    .map(ToOwned::to_owned),
                methods,
                headers,
                expose: of_main("access-control-expose-headers").text().map(ToOwned::to_owned),
                max_age: of_preflight("access-control-max-age"),
                private_network: private.first().is_some_and(|response| {
                    response.field("access-control-allow-private-network").text() == Some("true")
                }),
                timing: timing.text().is_some_and(|text| {
                    text.split(',').any(|one| one.trim() == "*" || one.trim() == origin)
                }),
                preflight: preflight.map_or(Preflight::Elsewhere, |r| state_of(r, origin)),
            },
            named,
            could_read: everything().any(may_read),
            refusal: main
                .filter(|response| response.status() >= 400 && may_read(response))
                .map(Response::status),
            unsure: once,
            site: main.and_then(|response| response.site("access-control-allow-origin")),
            list_site: ["access-control-allow-methods", "access-control-allow-headers"]
                .into_iter()
                .flat_map(|name| [preflight, main].into_iter().flatten().map(move |r| r.site(name)))
                .flatten()
                .next()
                .or(main.and_then(|response| response.site("access-control-allow-origin"))),
            level: main.map_or(0, Response::level),
            has_vary: main.is_some_and(|response| {
                let vary = response.field("vary");
                let tokens = vary.text().unwrap_or_default().split(',');
                tokens
                    .map(str::trim)
                    .any(|token| token.eq_ignore_ascii_case("origin") || token == "*")
            }),
        })
    }
}

/// The headers that decide what browsers do.
pub(super) const CORS_HEADERS: [&str; 8] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
    "access-control-allow-private-network",
    "timing-allow-origin",
];

fn state_of(preflight: &Response, origin: &str) -> Preflight {
    let status = preflight.status();
    match preflight.content() {
        Content::Upstream(directive, site) | Content::Script(directive, site) => {
            let lists = ["access-control-allow-methods", "access-control-allow-headers"];
            let has_values = preflight.is_readable_by(origin)
                && lists.iter().any(|name| preflight.field(name) != Field::Absent);
            Preflight::Application(directive.clone(), *site, has_values)
        }
        Content::Elsewhere => Preflight::Elsewhere,
        _ if status >= 300 => Preflight::Refused(status),
        _ if preflight.is_readable_by(origin) => Preflight::Passes(status),
        _ => Preflight::WithoutOrigin(preflight.level()),
    }
}
