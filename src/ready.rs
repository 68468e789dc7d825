//! A policy with its headers as nginx writes them.

use core::ops::Deref;

use cors_policy::{Answer, FieldValue, OriginHeader, Policy, Template};
use nginx_sys::{ngx_str_t, ngx_table_elt_t};

use crate::headers_out::{line, str_of};

/// A policy, and the lines of everything that it sends, ready to be copied into a response.
pub(crate) struct ReadyPolicy {
    // They point to bytes of the policy.
    templates: Box<[Lines]>,
    without_origin: Box<[ngx_table_elt_t]>,
    policy: Box<Policy>,
}

// SAFETY: the lines point to the policy, which does not change, and to what is static.
unsafe impl Send for ReadyPolicy {}
// SAFETY: as above; nothing can be changed through a shared reference.
unsafe impl Sync for ReadyPolicy {}

impl ReadyPolicy {
    pub(crate) fn new(policy: Policy) -> Self {
        let policy = Box::new(policy);
        let without_origin = policy.decide(OriginHeader::Absent);
        Self {
            templates: policy.templates().map(Lines::new).collect(),
            without_origin: Lines::new(without_origin.template()).all,
            policy,
        }
    }

    /// The lines of the answer to a request without `Origin`, which has nothing that is sent back.
    #[inline]
    pub(crate) fn lines_without_origin(&self) -> &[ngx_table_elt_t] {
        &self.without_origin
    }

    /// The lines of an answer of this policy.
    #[inline]
    pub(crate) fn lines(&self, answer: &Answer<'_>) -> &Lines {
        &self.templates[answer.template().index()]
    }
}

impl Deref for ReadyPolicy {
    type Target = Policy;

    #[inline]
    fn deref(&self) -> &Policy {
        &self.policy
    }
}

/// The lines of a template.
pub(crate) struct Lines {
    all: Box<[ngx_table_elt_t]>,
    requested: Box<[(usize, Requested)]>,
}

/// What of a request is sent back.
#[derive(Clone, Copy)]
pub(crate) enum Requested {
    Origin,
    Method,
    Headers,
}

impl Lines {
    fn new(template: &Template) -> Self {
        let mut all = Vec::new();
        let mut requested = Vec::new();
        for (index, (name, value)) in template.fields().enumerate() {
            let (value, part) = match value {
                FieldValue::Ready(value) => (str_of(value), None),
                FieldValue::Origin => (ngx_str_t::empty(), Some(Requested::Origin)),
                FieldValue::RequestMethod => (ngx_str_t::empty(), Some(Requested::Method)),
                FieldValue::RequestHeaders => (ngx_str_t::empty(), Some(Requested::Headers)),
            };
            all.push(line(name.as_str(), name.lowercase(), value));
            requested.extend(part.map(|part| (index, part)));
        }
        let vary = template.vary().value();
        all.extend(vary.map(|value| line("Vary", "vary", str_of(value.as_bytes()))));
        Self { all: all.into(), requested: requested.into() }
    }

    /// All of them, `Vary` last if there is one.
    #[inline]
    pub(crate) fn all(&self) -> &[ngx_table_elt_t] {
        &self.all
    }

    /// The places of those whose value comes from the request, and which it is; they are empty
    /// here.
    #[inline]
    pub(crate) fn requested(&self) -> &[(usize, Requested)] {
        &self.requested
    }
}
