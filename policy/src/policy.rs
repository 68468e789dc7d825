//! A compiled policy and its decisions.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Answer, CheckedRequest, Decision, HeaderSet, KeptAnswer, OriginCheck, OriginHeader, Passed,
    PreflightRequest, Refusal, Vary,
    headers::{
        Field, FieldName, OwnedFieldValue,
        allow_credentials::AllowCredentials,
        allow_headers::AllowHeaders,
        allow_methods::AllowMethods,
        allow_origin::AllowOrigin,
        allow_private_network::AllowPrivateNetwork,
        expose_headers::ExposeHeaders,
        max_age::MaxAge,
        request_headers,
        timing_allow_origin::{TimingAllowOrigin, TimingAllowOrigins},
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
    /// Those of the policy, and what the application adds to them: the headers that it exposes, and in
    /// answers to forwarded preflights its methods, headers and `Access-Control-Max-Age`.
    Merge,
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
    /// The headers if no rule decides about an actual request, or if it is refused.
    denied: HeaderSet,
    /// The same for a preflight.
    denied_preflight: HeaderSet,
    /// The rank of the rule that answers `*` to every origin.
    any_rank: Option<Rank>,
    /// Every request gets the answer of the first rule, with any origin or none.
    allows_everyone: bool,
    /// Whether any response has `Timing-Allow-Origin`.
    sends_timing: bool,
    settings: PolicySettings,
}

/// The parts of a policy that have been checked, before it is compiled.
#[derive(Debug)]
pub(crate) struct PolicyParts<'p> {
    pub(crate) name: &'p str,
    /// The line of its name in the document.
    pub(crate) line: Option<u32>,
    /// At least one, and no more than a [`Rank`] can count.
    pub(crate) rules: Vec<RuleSettings>,
    /// Rank `n` refers to `rules[n - 1]`, rank 0 to the denied origins.
    pub(crate) matcher: OriginMatcher,
    /// Whether there are denied origins.
    pub(crate) denies: bool,
    /// Each `allow_origins_file`.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) settings: PolicySettings,
}

/// The keys of a policy that do not belong to a rule.
#[derive(Debug)]
pub(crate) struct PolicySettings {
    pub(crate) upstream_headers: UpstreamHeaders,
    pub(crate) preflight: PreflightMode,
    pub(crate) preflight_status: u16,
    /// With `enforce`.
    pub(crate) origin_check: Option<OriginCheck>,
    pub(crate) timing_allow_origins: Option<TimingAllowOrigins>,
    /// With `static_origin`: the one origin of the one rule.
    pub(crate) static_origin: Option<Box<str>>,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            upstream_headers: UpstreamHeaders::default(),
            preflight: PreflightMode::default(),
            preflight_status: 204,
            origin_check: None,
            timing_allow_origins: None,
            static_origin: None,
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
    fn new(settings: RuleSettings, policy: &PolicySettings, index: usize, vary: Vary) -> Self {
        let RuleSettings {
            any, null, file, allow_credentials, allow_methods, allow_headers, ..
        } = settings;
        let credentials = allow_credentials.0;
        let allow_origin = match &policy.static_origin {
            Some(origin) => AllowOrigin::Static(origin.clone()),
            None => AllowOrigin::new(any, credentials),
        };
        let timing = match &policy.timing_allow_origins {
            Some(origins) => Some(origins.value()),
            None => settings.timing_allow_origin.value(&allow_origin),
        };
        let actual = fields_of([
            (FieldName::AllowOrigin, Some(allow_origin.value())),
            (FieldName::AllowCredentials, allow_credentials.value()),
            (FieldName::ExposeHeaders, settings.expose_headers.value()),
            (FieldName::TimingAllowOrigin, timing),
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
        let permission = settings.allow_private_network.value();
        let mut preflight_vary = vary;
        if echoes {
            preflight_vary = preflight_vary | Vary::REQUEST_METHOD | Vary::REQUEST_HEADERS;
        }
        if permission.is_some() {
            preflight_vary = preflight_vary | Vary::REQUEST_PRIVATE_NETWORK;
        }
        let private_network = permission.map(|value| {
            let field = Field { name: FieldName::AllowPrivateNetwork, value };
            let fields = preflight.iter().cloned().chain([field]).collect();
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

fn fields_of<const N: usize>(fields: [(FieldName, Option<OwnedFieldValue>); N]) -> Box<[Field]> {
    fields
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| Field { name, value }))
        .collect()
}

impl Policy {
    /// Compiles parts that have been checked.
    pub(crate) fn new(parts: PolicyParts<'_>) -> Self {
        let PolicyParts { name, line, rules, matcher, denies, files, settings } = parts;
        let sends_timing = settings.timing_allow_origins.is_some()
            || rules.iter().any(|rule| rule.timing_allow_origin.0);
        let any = rules.iter().position(|rule| rule.any && !rule.allow_credentials.0);
        let allows_everyone = any == Some(0) && !denies;
        let depends_on_origin = !allows_everyone && settings.static_origin.is_none();
        let vary = if depends_on_origin { Vary::ORIGIN } else { Vary::NONE };
        let mut index = 2;
        let rules = rules.into_iter().map(|rule| {
            let rule = Rule::new(rule, &settings, index, vary);
            index += rule.header_sets().count();
            rule
        });
        let rules: Box<[Rule]> = rules.collect();
        let denied = denied_fields(&settings, &rules[0]);
        let denied_preflight =
            denied.iter().filter(|field| field.name != FieldName::TimingAllowOrigin).cloned();
        let responses = Responses {
            name: name.into(),
            any_rank: any.map(|index| (index + 1) as Rank),
            allows_everyone,
            denied_preflight: HeaderSet::new(1, denied_preflight.collect(), vary),
            denied: HeaderSet::new(0, denied, vary),
            rules,
            sends_timing,
            settings,
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
            Ok((rank, rule)) => Answer::allow(rank, &rule.actual),
            Err(decision) => self.responses.without_rule(decision),
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
        let responses = &*self.responses;
        let (found, rank, rule) = match self.find(origin) {
            Ok((rank, rule)) => (Decision::Allowed, rank, rule),
            // Whoever asks gets the same answer.
            Err(decision) if responses.settings.static_origin.is_some() => {
                (decision, 0, &responses.rules[0])
            }
            Err(decision @ Decision::None) => return responses.without_rule(decision),
            Err(decision) => return responses.denied_preflight(decision),
        };
        let method = rule.allow_methods.allow(preflight.method);
        let headers = request_headers::allowed(
            preflight.headers.clone(),
            |names| rule.allow_headers.listed_at_start(names),
            |name| rule.allow_headers.allow(name),
        );
        let private_network = rule.private_network.as_ref().filter(|_| preflight.private_network);
        Answer {
            decision: match (found, method, headers) {
                (Decision::Allowed, true, true) => Decision::Allowed,
                (Decision::Allowed, false, _) => Decision::DeniedMethod,
                (Decision::Allowed, true, false) => Decision::DeniedHeader,
                (decision, ..) => decision,
            },
            header_set: private_network.unwrap_or(&rule.preflight),
            rank,
            echo_method: method,
            echo_headers: headers,
        }
    }

    /// Whether a request passes the [origin check](OriginCheck), and by which point. `None` without
    /// `enforce`.
    pub fn check(&self, request: &CheckedRequest<'_>) -> Option<Result<Passed, Refusal>> {
        let is_allowed = self.decide(request.origin).decision() == Decision::Allowed;
        Some(self.responses.origin_check()?.check(is_allowed, request))
    }

    /// Whether `deny_origins` has the origin.
    pub fn denies(&self, origin: &[u8]) -> bool {
        self.matcher.find(origin) == Some(0)
    }

    /// All headers that the policy sends, in the order of [`HeaderSet::index`].
    pub fn header_sets(&self) -> impl Iterator<Item = &HeaderSet> {
        self.responses.header_sets()
    }

    /// Finds the rule that decides about an origin, and its rank. If there is none, that is the decision.
    #[inline(always)]
    fn find(&self, origin: OriginHeader<'_>) -> Result<(Rank, &Rule), Decision> {
        let responses = &*self.responses;
        let rank = match origin {
            OriginHeader::Absent => return Err(Decision::None),
            OriginHeader::Repeated => responses.any_rank,
            OriginHeader::One(value) => self.matcher.find(value),
        };
        let found = match rank {
            Some(rank @ 1..) => responses.rules.get(usize::from(rank) - 1).map(|rule| (rank, rule)),
            // `deny_origins` has rank 0.
            Some(0) | None => None,
        };
        let Some((rank, rule)) = found else { return Err(Decision::DeniedOrigin) };
        match origin {
            OriginHeader::One(value) if rule.echoes_any && !rule.may_echo(value) => {
                Err(Decision::DeniedOrigin)
            }
            _ => Ok((rank, rule)),
        }
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

    /// Whether requests that do not pass the [origin check](OriginCheck) are refused, not only served
    /// without CORS headers.
    pub fn enforce(&self) -> bool {
        self.responses.enforce()
    }

    /// Whether any response has `Timing-Allow-Origin`. If so, replacing upstream headers includes it.
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
    /// Whether a rule allows credentials.
    pub(crate) fn has_credentials(&self) -> bool {
        let mut fields = self.rules.iter().flat_map(|rule| rule.actual.fields());
        fields.any(|(name, _)| name == FieldName::AllowCredentials)
    }

    /// The name of the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All headers that the policy sends, in the order of [`HeaderSet::index`].
    pub fn header_sets(&self) -> impl Iterator<Item = &HeaderSet> {
        [&self.denied, &self.denied_preflight]
            .into_iter()
            .chain(self.rules.iter().flat_map(Rule::header_sets))
    }

    /// Restores an answer from [`Answer::keep`].
    ///
    /// `kept` must come from an answer of the same policy. Otherwise the result may be an answer
    /// without headers.
    pub fn answer(&self, kept: KeptAnswer) -> Answer<'_> {
        let KeptAnswer { header_set, decision, rank, echo_method, echo_headers } = kept;
        // Without a rule, the headers are those of the first rule at most.
        let rule = self.rules.get(usize::from(rank).saturating_sub(1));
        let header_set = rule
            .into_iter()
            .flat_map(Rule::header_sets)
            .chain([&self.denied_preflight])
            .find(|its| its.index() == header_set)
            .unwrap_or(&self.denied);
        Answer { header_set, decision, rank, echo_method, echo_headers }
    }

    /// Whether a preflight whose origin got this answer may ask for a method.
    pub fn permits_method(&self, answer: &Answer<'_>, method: &[u8]) -> bool {
        self.rule_of(answer).is_some_and(|rule| rule.allow_methods.allow(method))
    }

    /// Whether a preflight whose origin got this answer may ask for a header.
    pub fn permits_header(&self, answer: &Answer<'_>, name: &[u8]) -> bool {
        self.rule_of(answer).is_some_and(|rule| rule.allow_headers.allow(name))
    }

    fn rule_of(&self, answer: &Answer<'_>) -> Option<&Rule> {
        self.rules.get(answer.rule()?)
    }

    /// The answer to an actual request if no rule decides.
    #[inline(always)]
    fn without_rule(&self, decision: Decision) -> Answer<'_> {
        match decision {
            // The same for every request, so a shared cache may store it.
            Decision::None if self.allows_everyone => {
                Answer { decision, rank: 0, ..Answer::allow(1, &self.rules[0].actual) }
            }
            _ => self.denied(decision),
        }
    }

    /// The answer to an actual request that no rule allows, or that is refused.
    #[inline(always)]
    pub fn denied(&self, decision: Decision) -> Answer<'_> {
        Answer { decision, ..Answer::allow(0, &self.denied) }
    }

    /// The answer to a preflight that no rule allows, or that is refused.
    pub fn denied_preflight(&self, decision: Decision) -> Answer<'_> {
        Answer { decision, ..Answer::allow(0, &self.denied_preflight) }
    }

    /// The check by which the policy refuses requests, if it has `enforce`.
    pub fn origin_check(&self) -> Option<&OriginCheck> {
        self.settings.origin_check.as_ref()
    }

    /// Which CORS response headers are sent if something else has set some already.
    pub fn upstream_headers(&self) -> UpstreamHeaders {
        self.settings.upstream_headers
    }

    /// Who answers preflights.
    pub fn preflight(&self) -> PreflightMode {
        self.settings.preflight
    }

    /// The status of an answered preflight: 200 or 204.
    pub fn preflight_status(&self) -> u16 {
        self.settings.preflight_status
    }

    /// Whether requests that do not pass the [origin check](OriginCheck) are refused, not only served
    /// without CORS headers.
    pub fn enforce(&self) -> bool {
        self.settings.origin_check.is_some()
    }

    /// The origin that every response names, if there is one (`static_origin`).
    pub fn static_origin(&self) -> Option<&str> {
        self.settings.static_origin.as_deref()
    }

    /// Whether any response has `Timing-Allow-Origin`. If so, replacing upstream headers includes it.
    pub fn sends_timing_allow_origin(&self) -> bool {
        self.sends_timing
    }
}

/// The headers if no rule decides.
fn denied_fields(settings: &PolicySettings, first: &Rule) -> Box<[Field]> {
    if settings.static_origin.is_some() {
        return first.actual.fields.clone();
    }
    let timing = settings.timing_allow_origins.as_ref().map(TimingAllowOrigins::value);
    fields_of([(FieldName::TimingAllowOrigin, timing)])
}
