//! What a policy says to a request.

use std::fmt;

use crate::{
    headers::{Field, FieldName, FieldValue, Vary},
    origin::Rank,
};

/// The `Origin` header of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginHeader<'r> {
    /// There is none: not a CORS request.
    Absent,
    /// The value of the one header line.
    One(&'r [u8]),
    /// More than one header line, which no browser sends. Matches nothing but `*`.
    Repeated,
}

/// What a [CORS-preflight request](https://fetch.spec.whatwg.org/#cors-preflight-request) asks
/// for beside its `Origin`.
#[derive(Clone, Copy, Debug)]
pub struct PreflightRequest<'r, I> {
    /// The value of `Access-Control-Request-Method`. Whoever has several lines of it passes
    /// something that is no method, the lines joined by commas for instance.
    pub method: &'r [u8],
    /// The value of each `Access-Control-Request-Headers` line.
    pub headers: I,
    /// Whether it has `Access-Control-Request-Private-Network: true`.
    pub private_network: bool,
}

/// The outcome, as `$cors_decision` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Decision {
    /// The request has no `Origin`.
    None,
    /// The origin is allowed; for a preflight, method and headers are too.
    Allowed,
    /// The origin is not allowed, or malformed.
    DeniedOrigin,
    /// A preflight of an allowed origin asks for a method that is not allowed.
    DeniedMethod,
    /// A preflight of an allowed origin asks for a header that is not allowed.
    DeniedHeader,
}

impl Decision {
    /// Every decision, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::None, Self::Allowed, Self::DeniedOrigin, Self::DeniedMethod, Self::DeniedHeader];

    /// The name in logs, counters and `$cors_decision`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Allowed => "allowed",
            Self::DeniedOrigin => "denied_origin",
            Self::DeniedMethod => "denied_method",
            Self::DeniedHeader => "denied_header",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The headers of one kind of answer, complete but for what is sent back of the request.
///
/// There are few of them in a policy, all known when it is read, so that whoever sends them can
/// bring them into a form of its own beforehand: see [`Policy::templates`](crate::Policy::templates).
#[derive(Debug)]
pub struct Template {
    index: usize,
    fields: Box<[Field]>,
    vary: Vary,
}

impl Template {
    pub(crate) fn new(index: usize, fields: Box<[Field]>, vary: Vary) -> Self {
        Self { index, fields, vary }
    }

    /// Its place among the templates of its policy, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The response headers, in the order in which to send them, each name at most once.
    pub fn fields(&self) -> impl Iterator<Item = (FieldName, FieldValue<'_>)> {
        self.fields.iter().map(|field| (field.name, field.value.borrow()))
    }

    /// What the response depends on, to be merged into its `Vary`.
    pub fn vary(&self) -> Vary {
        self.vary
    }
}

/// A decision and the headers that go with it, borrowed from the policy.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'p> {
    pub(crate) template: &'p Template,
    pub(crate) decision: Decision,
    /// The rank of the rule that decided; 0 where none did.
    pub(crate) rank: Rank,
    /// Whether the request's method and header names may be sent back.
    pub(crate) echo_method: bool,
    pub(crate) echo_headers: bool,
}

/// An [`Answer`] without the policy that it is borrowed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    pub(crate) template: usize,
    pub(crate) decision: Decision,
    pub(crate) rank: Rank,
    pub(crate) echo_method: bool,
    pub(crate) echo_headers: bool,
}

impl<'p> Answer<'p> {
    #[inline(always)]
    pub(crate) fn allow(rank: Rank, template: &'p Template) -> Self {
        Self {
            decision: Decision::Allowed,
            template,
            rank,
            echo_method: false,
            echo_headers: false,
        }
    }

    /// What [`Responses::answer`](crate::Responses::answer) makes the answer of again.
    pub fn keep(&self) -> KeptAnswer {
        let Self { template, decision, rank, echo_method, echo_headers } = *self;
        KeptAnswer { template: template.index, decision, rank, echo_method, echo_headers }
    }

    /// What was decided.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// The index in `rules` of the rule that decided (0 for a policy without `rules`), or `None`
    /// where no rule matched the origin.
    pub fn rule(&self) -> Option<usize> {
        usize::from(self.rank).checked_sub(1)
    }

    /// What it was made from.
    pub fn template(&self) -> &'p Template {
        self.template
    }

    /// Whether a field of the template is sent: what is not allowed is not sent back.
    pub fn sends(&self, value: FieldValue<'_>) -> bool {
        match value {
            FieldValue::RequestMethod => self.echo_method,
            FieldValue::RequestHeaders => self.echo_headers,
            FieldValue::Ready(_) | FieldValue::Origin => true,
        }
    }

    /// The response headers to send, in the order in which to send them, each name at most once.
    pub fn fields(&self) -> impl Iterator<Item = (FieldName, FieldValue<'p>)> + use<'p> {
        let answer = *self;
        answer.template.fields().filter(move |&(_, value)| answer.sends(value))
    }

    /// The value of `Access-Control-Allow-Origin`, if it is sent.
    pub fn allow_origin(&self) -> Option<FieldValue<'p>> {
        // It is the first field wherever there are any.
        self.template.fields().next().map(|(_, value)| value)
    }

    /// What the response depends on, to be merged into its `Vary`.
    pub fn vary(&self) -> Vary {
        self.template.vary
    }
}
