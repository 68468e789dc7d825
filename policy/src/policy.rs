//! A compiled policy and its decisions.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Answer, Decision, HeaderSet, KeptAnswer, OriginHeader, PreflightRequest, Vary,
    headers::{
        Field, FieldName, OwnedFieldValue, allow_credentials::AllowCredentials,
        allow_headers::AllowHeaders, allow_methods::AllowMethods, allow_origin::AllowOrigin,
        allow_private_network::AllowPrivateNetwork, expose_headers::ExposeHeaders, max_age::MaxAge,
        request_headers, timing_allow_origin::TimingAllowOrigin,
    },
    origin::{Origin, OriginMatcher, Rank},
};

/// Which CORS response headers are sent if something else has set some already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamHeaders {
    /// Those of the policy. All others are removed.
    #[default]
    Replace,
    /// Those of the response, if it has `Access-Control-Allow-Origin`. It is then left unchanged.
    Keep,
}

/// Who answers preflights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PreflightMode {
    /// The policy.
    #[default]
    Answer,
    /// The application, whose answer is left alone.
    Forward,
}

/// A policy that has passed validation: immutable, and ready to decide.
///
/// Policies come out of a [`document`](crate::document).
#[derive(Debug)]
pub struct Policy {
    line: Option<u32>,
    matcher: OriginMatcher,
    files: Box<[PathBuf]>,
    responses: Arc<Responses>,
}

/// A policy without its lists of origins, which is the small part.
///
/// A long response can keep it after the policy is gone, together with the decision: see
/// [`Answer::keep`].
#[derive(Debug)]
pub struct Responses {
    name: Box<str>,
    rules: Box<[Rule]>,
    /// The headers if no rule decides.
    denied: HeaderSet,
    /// The rank of the rule that answers `*` to every origin.
    any_rank: Option<Rank>,
    /// Every request gets the answer of the first rule, with any origin or none.
    allows_everyone: bool,
    /// Whether any rule sends `Timing-Allow-Origin`.
    sends_timing: bool,
    options: Options,
}

/// The keys of a policy that do not belong to a rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) upstream_headers: UpstreamHeaders,
    pub(crate) preflight: PreflightMode,
    pub(crate) preflight_status: u16,
    pub(crate) enforce: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            upstream_headers: UpstreamHeaders::default(),
            preflight: PreflightMode::default(),
            preflight_status: 204,
            enforce: false,
        }
    }
}

/// One rule, checked, before it is compiled.
#[derive(Debug, Default)]
pub(crate) struct RuleSettings {
    /// `*` is among the origins.
    pub(crate) any: bool,
    /// `null` is among the origins.
    pub(crate) null: bool,
    /// A pattern other than `*` matches `file://`.
    pub(crate) file: bool,
    pub(crate) allow_credentials: AllowCredentials,
    pub(crate) allow_methods: AllowMethods,
    pub(crate) allow_headers: AllowHeaders,
    pub(crate) expose_headers: ExposeHeaders,
    pub(crate) max_age: Option<MaxAge>,
    pub(crate) allow_private_network: AllowPrivateNetwork,
    pub(crate) timing_allow_origin: TimingAllowOrigin,
}

/// One rule, its answers ready to send.
#[derive(Debug)]
struct Rule {
    actual: HeaderSet,
    preflight: HeaderSet,
    /// To a preflight that asks for a private network.
    private_network: Option<HeaderSet>,
    allow_methods: AllowMethods,
    allow_headers: AllowHeaders,
    /// Every origin is allowed, but with credentials `*` cannot say so. Only a well-formed origin may
    /// be sent back.
    echoes_any: bool,
    null: bool,
    file: bool,
}

impl Rule {
    /// `index` is that of the first header set. All responses of the policy vary on `vary`.
    fn new(settings: RuleSettings, index: usize, vary: Vary) -> Self {
        let RuleSettings {
            any, null, file, allow_credentials, allow_methods, allow_headers, ..
        } = settings;
        let credentials = allow_credentials.0;
        let allow_origin = AllowOrigin::new(any, credentials);
        let actual = fields_of([
            (FieldName::AllowOrigin, Some(allow_origin.value())),
            (FieldName::AllowCredentials, allow_credentials.value()),
            (FieldName::ExposeHeaders, settings.expose_headers.value()),
            (FieldName::TimingAllowOrigin, settings.timing_allow_origin.value(allow_origin)),
        ]);
        let preflight = fields_of([
            (FieldName::AllowOrigin, Some(allow_origin.value())),
            (FieldName::AllowCredentials, allow_credentials.value()),
            (FieldName::AllowMethods, allow_methods.value(credentials)),
            (FieldName::AllowHeaders, allow_headers.value(credentials)),
            (FieldName::ExposeHeaders, settings.expose_headers.value()),
            (FieldName::MaxAge, settings.max_age.map(MaxAge::value)),
        ]);
        let echoes = preflight.iter().any(|field| {
            matches!(field.value, OwnedFieldValue::EchoMethod | OwnedFieldValue::EchoHeaders)
        });
        let preflight_vary =
            if echoes { vary | Vary::REQUEST_METHOD | Vary::REQUEST_HEADERS } else { vary };
        let preflight_vary = if settings.allow_private_network.value().is_some() {
            preflight_vary | Vary::REQUEST_PRIVATE_NETWORK
        } else {
            preflight_vary
        };
        let private_network = settings.allow_private_network.value().map(|value| {
            let permission = Field { name: FieldName::AllowPrivateNetwork, value };
            let fields = preflight.iter().cloned().chain([permission]).collect();
            HeaderSet::new(index + 2, fields, preflight_vary)
        });
        Self {
            actual: HeaderSet::new(index, actual, vary),
            preflight: HeaderSet::new(index + 1, preflight, preflight_vary),
            private_network,
            allow_methods,
            allow_headers,
            echoes_any: any && allow_origin == AllowOrigin::Echo,
            null,
            file,
        }
    }

    /// Whether an origin that `*` let in may be sent back. `null` and `file://` have to be listed for
    /// that, since their guards are their own.
    fn may_echo(&self, origin: &[u8]) -> bool {
        match Origin::parse(origin) {
            Some(origin) => self.file || !origin.is_file(),
            None => self.null && origin == b"null",
        }
    }

    fn header_sets(&self) -> impl Iterator<Item = &HeaderSet> {
        [&self.actual, &self.preflight].into_iter().chain(&self.private_network)
    }
}

/// What a policy finds for an origin.
enum Found<'p> {
    /// The rule that decides, and its rank.
    Rule(Rank, &'p Rule),
    /// No rule decides, or there is no origin to decide about. This is the answer, to a preflight too.
    Answer(Answer<'p>),
}

fn fields_of<const N: usize>(fields: [(FieldName, Option<OwnedFieldValue>); N]) -> Box<[Field]> {
    fields
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| Field { name, value }))
        .collect()
}

impl Policy {
    /// Compiles rules that have been checked. The matcher's rank `n` refers to `rules[n - 1]`, rank 0
    /// to the denied origins.
    ///
    /// There must be at least one rule, and no more than a [`Rank`] can count.
    pub(crate) fn new(
        name: &str,
        line: Option<u32>,
        rules: Vec<RuleSettings>,
        matcher: OriginMatcher,
        denies: bool,
        options: Options,
        files: Vec<PathBuf>,
    ) -> Self {
        let sends_timing = rules.iter().any(|rule| rule.timing_allow_origin.0);
        let any = rules.iter().position(|rule| rule.any && !rule.allow_credentials.0);
        let allows_everyone = any == Some(0) && !denies;
        let vary = if allows_everyone { Vary::NONE } else { Vary::ORIGIN };
        let denied = HeaderSet::new(0, Box::default(), vary);
        let mut index = 1;
        let rules = rules.into_iter().map(|settings| {
            let rule = Rule::new(settings, index, vary);
            index += rule.header_sets().count();
            rule
        });
        let responses = Responses {
            name: name.into(),
            any_rank: any.map(|index| (index + 1) as Rank),
            allows_everyone,
            rules: rules.collect(),
            denied,
            sends_timing,
            options,
        };
        Self { line, matcher, files: files.into(), responses: Arc::new(responses) }
    }

    /// The policy without its lists of origins.
    pub fn responses(&self) -> &Arc<Responses> {
        &self.responses
    }

    /// The name by which `cors_policy` refers to it.
    pub fn name(&self) -> &str {
        self.responses.name()
    }

    /// The line of its name in the document, from 1, if known.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// Answers an actual request, or any request that is not a preflight.
    ///
    /// This is the server's side of the [CORS check](https://fetch.spec.whatwg.org/#cors-check).
    #[inline(always)]
    pub fn decide(&self, origin: OriginHeader<'_>) -> Answer<'_> {
        match self.find(origin) {
            Found::Rule(rank, rule) => Answer::allow(rank, &rule.actual),
            Found::Answer(answer) => answer,
        }
    }

    /// Answers a preflight.
    ///
    /// This is the server's side of steps 7 and following of
    /// [CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch). A preflight
    /// that asks for too much gets the same headers as an allowed one, so that the browser can tell
    /// its user what is missing.
    pub fn decide_preflight<'r, I>(
        &self,
        origin: OriginHeader<'r>,
        preflight: &PreflightRequest<'r, I>,
    ) -> Answer<'_>
    where
        I: Iterator<Item = &'r [u8]> + Clone,
    {
        let (rank, rule) = match self.find(origin) {
            Found::Rule(rank, rule) => (rank, rule),
            Found::Answer(answer) => return answer,
        };
        let method = rule.allow_methods.allow(preflight.method);
        let headers = request_headers::allowed(
            preflight.headers.clone(),
            |names| rule.allow_headers.listed_at_start(names),
            |name| rule.allow_headers.allow(name),
        );
        let private_network = rule.private_network.as_ref().filter(|_| preflight.private_network);
        Answer {
            decision: match (method, headers) {
                (true, true) => Decision::Allowed,
                (false, _) => Decision::DeniedMethod,
                (true, false) => Decision::DeniedHeader,
            },
            header_set: private_network.unwrap_or(&rule.preflight),
            rank,
            echo_method: method,
            echo_headers: headers,
        }
    }

    /// Whether an actual request is refused, not only served without CORS headers: see
    /// [`Responses::refuses`].
    pub fn refuses(&self, origin: OriginHeader<'_>, host: &[u8]) -> bool {
        self.responses.refuses(self.decide(origin).decision(), origin, host)
    }

    /// All headers that the policy sends, in the order of [`HeaderSet::index`].
    pub fn header_sets(&self) -> impl Iterator<Item = &HeaderSet> {
        self.responses.header_sets()
    }

    /// Finds the rule that decides about an origin.
    #[inline(always)]
    fn find(&self, origin: OriginHeader<'_>) -> Found<'_> {
        let responses = &*self.responses;
        let rank = match origin {
            // The same for every request, so a shared cache may store it.
            OriginHeader::Absent if responses.allows_everyone => {
                return Found::Answer(Answer {
                    decision: Decision::None,
                    rank: 0,
                    ..Answer::allow(1, &responses.rules[0].actual)
                });
            }
            OriginHeader::Absent => return Found::Answer(responses.denied(Decision::None)),
            OriginHeader::Repeated => responses.any_rank,
            OriginHeader::One(value) => self.matcher.find(value),
        };
        let found = match rank {
            Some(rank @ 1..) => responses.rules.get(usize::from(rank) - 1).map(|rule| (rank, rule)),
            // `deny_origins` has rank 0.
            Some(0) | None => None,
        };
        let Some((rank, rule)) = found else {
            return Found::Answer(responses.denied(Decision::DeniedOrigin));
        };
        if let (true, OriginHeader::One(value)) = (rule.echoes_any, origin) {
            if !rule.may_echo(value) {
                return Found::Answer(responses.denied(Decision::DeniedOrigin));
            }
        }
        Found::Rule(rank, rule)
    }

    /// Which CORS response headers are sent if something else has set some already.
    pub fn upstream_headers(&self) -> UpstreamHeaders {
        self.responses.upstream_headers()
    }

    /// Who answers preflights.
    pub fn preflight(&self) -> PreflightMode {
        self.responses.preflight()
    }

    /// The status of an answered preflight: 200 or 204.
    pub fn preflight_status(&self) -> u16 {
        self.responses.preflight_status()
    }

    /// Whether a request with an origin that is not allowed is refused, not only served without CORS
    /// headers.
    pub fn enforce(&self) -> bool {
        self.responses.enforce()
    }

    /// Whether any rule sends `Timing-Allow-Origin`. If so, replacing upstream headers includes it.
    pub fn sends_timing_allow_origin(&self) -> bool {
        self.responses.sends_timing_allow_origin()
    }

    /// Each `allow_origins_file` that the policy was read from. A program that watches the document
    /// for changes has to watch these too.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }
}

impl Responses {
    /// The name of the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All headers that the policy sends, in the order of [`HeaderSet::index`].
    pub fn header_sets(&self) -> impl Iterator<Item = &HeaderSet> {
        core::iter::once(&self.denied).chain(self.rules.iter().flat_map(Rule::header_sets))
    }

    /// Restores an answer from [`Answer::keep`].
    ///
    /// `kept` must come from an answer of the same policy. Otherwise the result may be an answer
    /// without headers.
    pub fn answer(&self, kept: KeptAnswer) -> Answer<'_> {
        let KeptAnswer { header_set, decision, rank, echo_method, echo_headers } = kept;
        // Without a rule, only the headers for `*` can have been sent, to a request without `Origin`.
        let rule = self.rules.get(usize::from(rank).saturating_sub(1));
        let header_set = rule
            .and_then(|rule| rule.header_sets().find(|its| its.index() == header_set))
            .unwrap_or(&self.denied);
        Answer { header_set, decision, rank, echo_method, echo_headers }
    }

    /// The answer if no rule decides.
    #[inline(always)]
    pub fn denied(&self, decision: Decision) -> Answer<'_> {
        Answer { decision, ..Answer::allow(0, &self.denied) }
    }

    /// Whether an actual request with this decision is refused, not only served without CORS headers.
    ///
    /// It is refused if the policy enforces and does not allow its origin. `host` is the `Host`
    /// header: a request from the host that it was sent to is same-origin, and passes.
    pub fn refuses(&self, decision: Decision, origin: OriginHeader<'_>, host: &[u8]) -> bool {
        let is_same_origin =
            |value| Origin::parse(value).is_some_and(|origin| origin.is_same_origin_as_host(host));
        self.enforce()
            && decision == Decision::DeniedOrigin
            && !matches!(origin, OriginHeader::One(value) if is_same_origin(value))
    }

    /// Which CORS response headers are sent if something else has set some already.
    pub fn upstream_headers(&self) -> UpstreamHeaders {
        self.options.upstream_headers
    }

    /// Who answers preflights.
    pub fn preflight(&self) -> PreflightMode {
        self.options.preflight
    }

    /// The status of an answered preflight: 200 or 204.
    pub fn preflight_status(&self) -> u16 {
        self.options.preflight_status
    }

    /// Whether a request with an origin that is not allowed is refused, not only served without CORS
    /// headers.
    pub fn enforce(&self) -> bool {
        self.options.enforce
    }

    /// Whether any rule sends `Timing-Allow-Origin`. If so, replacing upstream headers includes it.
    pub fn sends_timing_allow_origin(&self) -> bool {
        self.sends_timing
    }
}
