//! Asking a level of a configuration what it answers to which origin.

use std::cell::RefCell;
use std::collections::HashSet;

use cors_policy::FieldName;
use nginx_conf::Site;
use nginx_conf::evaluate::{
    Answer, Config, Content, LevelId, OriginTest, Request, Start, Unknown, Value,
};

/// Origins that no configuration names, one for each thing that an expression may ask for.
pub(super) const FOREIGN: [&str; 3] = [
    "https://cors-policy-import.invalid",
    "http://cors-policy-import.invalid",
    "https://cors-policy-import.invalid:8443",
];

/// A header that no configuration names.
pub(super) const FOREIGN_HEADER: &str = "x-cors-policy-import";

/// The most steps that evaluations may take altogether: some seconds.
pub(super) const MAX_STEPS: u64 = 5_000_000;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    /// A request with this method.
    Actual(&'a str),
    /// A preflight for this method, from a public page or not.
    Preflight { method: &'a str, is_private: bool },
}

impl Ask<'_> {
    /// A preflight for a method that needs one.
    pub(super) const PREFLIGHT: Self = Self::Preflight { method: "PUT", is_private: false };
}

/// What a response says about CORS.
#[derive(Clone, Debug)]
pub(super) struct Response {
    answer: Answer,
}

/// A header of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// There is none.
    Absent,
    /// Its value; of several lines, as browsers join them.
    Text(String),
    /// It depends on something unknown.
    Unknown(Unknown, Site),
}

impl Field {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Unknown(..) => None,
        }
    }

    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Unknown(..) => None,
        }
    }
}

impl Response {
    pub(super) fn status(&self) -> u16 {
        self.answer.status
    }

    pub(super) fn content(&self) -> &Content {
        &self.answer.content
    }

    pub(super) fn level(&self) -> LevelId {
        self.answer.level
    }

    /// The conditions that are not known, and that this response depends on.
    pub(super) fn assumed(&self) -> &[(Unknown, Site, bool)] {
        &self.answer.assumed
    }

    /// A header that a policy decides about.
    pub(super) fn field(&self, name: FieldName) -> Field {
        self.field_of(name.as_str())
    }

    /// A header. `name` is compared without regard to case.
    fn field_of(&self, name: &str) -> Field {
        let mut texts = Vec::new();
        for header in &self.answer.headers {
            if !header.name.eq_ignore_ascii_case(name) {
                continue;
            }
            match (&header.value, header.site) {
                // Browsers do not see the whitespace around a value.
                (Value::Known { text, .. }, _) => texts.push(text.trim_matches([' ', '\t'])),
                (Value::Unknown(unknown), Some(site)) => {
                    return Field::Unknown(unknown.clone(), site);
                }
                (Value::Unknown(_), None) => {}
            }
        }
        if texts.is_empty() { Field::Absent } else { Field::Text(texts.join(", ")) }
    }

    /// Whether its `Vary` names `Origin`, or everything.
    pub(super) fn varies_by_origin(&self) -> bool {
        let vary = self.field_of("Vary");
        let mut names = vary.text().unwrap_or_default().split(',').map(str::trim);
        names.any(|name| name.eq_ignore_ascii_case("origin") || name == "*")
    }

    /// The line that adds a header.
    pub(super) fn site(&self, name: FieldName) -> Option<Site> {
        let mut headers = self.answer.headers.iter();
        headers.find(|header| header.name.eq_ignore_ascii_case(name.as_str()))?.site
    }

    /// Whether a page of this origin may read it, without credentials.
    pub(super) fn is_readable_by(&self, origin: &str) -> bool {
        let allowed = self.field(FieldName::AllowOrigin);
        allowed.text().is_some_and(|allowed| allowed == "*" || allowed == origin)
    }

    /// Whether it lets a page of this origin use credentials.
    pub(super) fn has_credentials_for(&self, origin: &str) -> bool {
        self.field(FieldName::AllowOrigin).text() == Some(origin)
            && self.field(FieldName::AllowCredentials).text() == Some("true")
    }

    /// Whether the application or nginx makes a response with it, rather than a refusal or a redirect.
    fn is_of_use(&self) -> bool {
        self.answer.status < 300 && self.answer.content != Content::Elsewhere
    }
}

/// Tests in the order in which they came, each once.
#[derive(Default)]
struct Tests {
    list: Vec<OriginTest>,
    known: HashSet<OriginTest>,
}

/// A level that is asked.
pub(super) struct Survey<'c> {
    config: &'c Config,
    level: LevelId,
    /// What it has asked about origins so far.
    tests: RefCell<Tests>,
}

/// The configuration is so large that following it takes too long.
#[derive(Debug)]
pub(super) struct TooMuch;

impl<'c> Survey<'c> {
    pub(super) fn new(config: &'c Config, level: LevelId) -> Self {
        Self { config, level, tests: RefCell::default() }
    }

    /// The level that is asked.
    pub(super) fn level(&self) -> LevelId {
        self.level
    }

    /// What it has asked about origins so far, each once.
    pub(super) fn tests(&self) -> Vec<OriginTest> {
        self.tests.borrow().list.clone()
    }

    /// The responses to a request: several, where conditions are unknown. Refusals and redirects are not
    /// among them if there is anything else: a request that is refused today stays refused.
    ///
    /// # Errors
    ///
    /// If this and what was asked before take more than [`MAX_STEPS`].
    pub(super) fn ask(&self, origin: Option<&str>, ask: Ask<'_>) -> Result<Vec<Response>, TooMuch> {
        let (method, headers) = match ask {
            Ask::Actual(method) => (method, Vec::new()),
            Ask::Preflight { method, is_private } => {
                let mut headers = vec![
                    ("access-control-request-method", method),
                    ("access-control-request-headers", FOREIGN_HEADER),
                ];
                if is_private {
                    headers.push(("access-control-request-private-network", "true"));
                }
                ("OPTIONS", headers)
            }
        };
        let request = Request {
            method: method.to_owned(),
            origin: origin.map(ToOwned::to_owned),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            ..Request::default()
        };
        let answers = self.config.evaluate(&request, Start::Level(self.level));
        if self.config.is_exhausted() {
            return Err(TooMuch);
        }
        let mut tests = self.tests.borrow_mut();
        for test in answers.iter().flat_map(|answer| &answer.tests) {
            if tests.known.insert(test.clone()) {
                tests.list.push(test.clone());
            }
        }
        let mut responses: Vec<_> = answers.into_iter().map(|answer| Response { answer }).collect();
        if responses.iter().any(Response::is_of_use) {
            responses.retain(Response::is_of_use);
        }
        Ok(responses)
    }
}
