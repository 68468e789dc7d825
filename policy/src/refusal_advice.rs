//! What to do about an origin that a policy refuses, for people who look at refusals.

use std::fmt;

use crate::{
    Decision, OriginHeader, Policy,
    near_miss::NearMiss,
    origin::{Origin, OriginPattern},
};

/// What to do about an origin that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// If the pages are to read responses, this entry of `allow_origins` allows them. It has been checked: it is a
    /// pattern that needs no `dangerously_allow`.
    Allow(String),
    /// Something else.
    Other(String),
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow(entry) => write!(f, "if it is meant, add to allow_origins: {entry}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Policy {
    /// An allowed origin that a refused one looks like, see [`NearMiss::find`].
    pub fn near_miss(&self, origin: &str) -> Option<NearMiss> {
        if self.denies(origin.as_bytes()) {
            None
        } else {
            NearMiss::find(origin, |it| self.allows(it))
        }
    }

    /// What to do about an origin that got this decision.
    pub fn advice(&self, decision: Decision, origin: &str) -> Option<Advice> {
        let other = |text: &str| Some(Advice::Other(text.to_owned()));
        match decision {
            Decision::None | Decision::Allowed | Decision::DeniedSite => None,
            Decision::DeniedHost => other("own_origins does not have the host of the request"),
            Decision::DeniedMethod => other("the origin is allowed; allow_methods is not enough"),
            Decision::DeniedHeader => other("the origin is allowed; allow_headers is not enough"),
            Decision::DeniedOrigin if self.allows(origin) => other("the policy allows it by now"),
            Decision::DeniedOrigin if origin == "null" => {
                other("a page without an origin, such as a sandboxed frame or a file")
            }
            Decision::DeniedOrigin if self.denies(origin.as_bytes()) => {
                other("deny_origins names it")
            }
            Decision::DeniedOrigin if Origin::parse(origin.as_bytes()).is_none() => {
                other("no browser sends this")
            }
            Decision::DeniedOrigin => Some(match OriginPattern::parse(origin) {
                Err(error) => Advice::Other(error.to_string()),
                Ok(pattern) => match pattern.violations(self.responses().has_credentials()).first()
                {
                    Some(violation) => Advice::Other(format!(
                        "allow_origins takes it with dangerously_allow: [{}] only",
                        violation.opened_by()
                    )),
                    None if self.near_miss(origin).is_some_and(|it| it.is_lookalike()) => {
                        Advice::Other("probably somebody else's; nothing to do".to_owned())
                    }
                    None => Advice::Allow(origin.to_owned()),
                },
            }),
        }
    }

    fn allows(&self, origin: &str) -> bool {
        self.decide(OriginHeader::One(origin.as_bytes())).decision() == Decision::Allowed
    }
}
