//! The answer of a policy to a request.

use std::fmt;

use crate::{
    headers::{Field, FieldName, FieldValue, Vary},
    origin::Rank,
};

/// The `Origin` header of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginHeader<'r> {
    /// No such header: not a CORS request.
    Absent,
    /// The value of the one header line.
    One(&'r [u8]),
    /// More than one header line, which no browser sends. Matches nothing but `*`.
    Repeated,
}

/// A [CORS-preflight request](https://fetch.spec.whatwg.org/#cors-preflight-request) without its
/// `Origin`.
#[derive(Clone, Copy, Debug)]
pub struct PreflightRequest<'r, I> {
    /// The value of `Access-Control-Request-Method`. For several lines, pass something that is not a
    /// method, such as the lines joined by commas.
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
    /// The request has no `Origin`, and the [origin check](crate::OriginCheck) refuses it by its
    /// `Sec-Fetch-Site`.
    DeniedSite,
    /// The request went to a host that is not in `own_origins`.
    DeniedHost,
    /// A preflight of an allowed origin asks for a method that is not allowed.
    DeniedMethod,
    /// A preflight of an allowed origin asks for a header that is not allowed.
    DeniedHeader,
}

impl Decision {
    /// Every decision, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Allowed,
        Self::DeniedOrigin,
        Self::DeniedSite,
        Self::DeniedHost,
        Self::DeniedMethod,
        Self::DeniedHeader,
    ];

    /// Whether the policy denies the request.
    pub const fn is_denied(self) -> bool {
        !matches!(self, Self::None | Self::Allowed)
    }

    /// The name in logs, counters and `$cors_decision`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Allowed => "allowed",
            Self::DeniedOrigin => "denied_origin",
            Self::DeniedSite => "denied_site",
            Self::DeniedHost => "denied_host",
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

/// The headers of one kind of answer. Only the values that echo the request are missing.
///
/// A policy has few header sets, and all of them are known once it is read. A server can therefore
/// render them in advance: see [`Policy::header_sets`](crate::Policy::header_sets).
#[derive(Debug)]
pub struct HeaderSet {
    index: usize,
    pub(crate) fields: Box<[Field]>,
    vary: Vary,
}

impl HeaderSet {
    pub(crate) fn new(index: usize, fields: Box<[Field]>, vary: Vary) -> Self {
        Self { index, fields, vary }
    }

    /// The index among the header sets of its policy, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The response headers, in the order in which to send them, each name at most once.
    pub fn fields(&self) -> impl Iterator<Item = (FieldName, FieldValue<'_>)> {
        self.fields.iter().map(|field| (field.name, field.value.borrow()))
    }

    /// The request headers that the response depends on, to be merged into its `Vary`.
    pub fn vary(&self) -> Vary {
        self.vary
    }
}

/// A decision and the headers that go with it, borrowed from the policy.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'p> {
    pub(crate) header_set: &'p HeaderSet,
    pub(crate) decision: Decision,
    /// The rank of the rule that decided, or 0 if none did.
    pub(crate) rank: Rank,
    /// Whether the request's method may be sent back.
    pub(crate) echo_method: bool,
    /// Whether the request's header names may be sent back.
    pub(crate) echo_headers: bool,
}

/// An [`Answer`] without the policy that it borrows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    pub(crate) header_set: usize,
    pub(crate) decision: Decision,
    pub(crate) rank: Rank,
    pub(crate) echo_method: bool,
    pub(crate) echo_headers: bool,
}

impl<'p> Answer<'p> {
    #[inline(always)]
    pub(crate) fn allow(rank: Rank, header_set: &'p HeaderSet) -> Self {
        Self {
            decision: Decision::Allowed,
            header_set,
            rank,
            echo_method: false,
            echo_headers: false,
        }
    }

    /// Detaches the answer from its policy. [`Responses::answer`](crate::Responses::answer) restores it.
    pub fn keep(&self) -> KeptAnswer {
        let Self { header_set, decision, rank, echo_method, echo_headers } = *self;
        KeptAnswer { header_set: header_set.index, decision, rank, echo_method, echo_headers }
    }

    /// The decision.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// The index in `rules` of the rule that decided (0 for a policy without `rules`), or `None`
    /// if no rule matched the origin.
    pub fn rule(&self) -> Option<usize> {
        usize::from(self.rank).checked_sub(1)
    }

    /// The headers of this kind of answer.
    pub fn header_set(&self) -> &'p HeaderSet {
        self.header_set
    }

    /// Whether a field of the header set is sent. A method or header that is not allowed is not echoed.
    pub fn sends(&self, value: FieldValue<'_>) -> bool {
        match value {
            FieldValue::EchoMethod => self.echo_method,
            FieldValue::EchoHeaders => self.echo_headers,
            FieldValue::Ready(_) | FieldValue::EchoOrigin => true,
        }
    }

    /// The response headers to send, in the order in which to send them, each name at most once.
    pub fn fields(&self) -> impl Iterator<Item = (FieldName, FieldValue<'p>)> + use<'p> {
        let answer = *self;
        answer.header_set.fields().filter(move |&(_, value)| answer.sends(value))
    }

    /// The value of `Access-Control-Allow-Origin`, if it is sent.
    pub fn allow_origin(&self) -> Option<FieldValue<'p>> {
        // If there is one, it is the first field.
        match self.header_set.fields().next() {
            Some((FieldName::AllowOrigin, value)) => Some(value),
            _ => None,
        }
    }

    /// The value of `Access-Control-Expose-Headers`, if it is sent.
    pub fn expose_headers(&self) -> Option<&'p [u8]> {
        self.header_set.fields().find_map(|field| match field {
            (FieldName::ExposeHeaders, FieldValue::Ready(value)) => Some(value),
            _ => None,
        })
    }

    /// Whether `Access-Control-Allow-Credentials` is sent.
    pub fn allows_credentials(&self) -> bool {
        self.header_set.fields().any(|(name, _)| name == FieldName::AllowCredentials)
    }

    /// The request headers that the response depends on, to be merged into its `Vary`.
    pub fn vary(&self) -> Vary {
        self.header_set.vary
    }
}
