//! What an origin gets from a level.

mod responses;

use cors_policy::FieldName;
use nginx_conf::Site;
use nginx_conf::evaluate::{LevelId, Unknown};

use self::responses::Responses;
use super::survey::{Response, Survey, TooMuch};

/// The headers that list what a page may send.
const LISTS: [FieldName; 2] = [FieldName::AllowMethods, FieldName::AllowHeaders];

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
