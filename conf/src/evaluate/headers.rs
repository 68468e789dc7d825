//! `add_header`, and how it is inherited.

use std::rc::Rc;

use super::{template::Template, value::Value};
use crate::{Directive, Site};

/// A header line of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name, as it is written.
    pub name: String,
    /// The value.
    pub value: Value,
    /// The directive that adds it; none if the application behind nginx sends it.
    pub site: Option<Site>,
}

/// An `add_header`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddHeader {
    /// The name.
    pub name: String,
    /// The value. An empty one adds nothing.
    pub value: Template,
    /// Whether errors get it, too.
    pub always: bool,
    /// Its line.
    pub site: Site,
}

impl AddHeader {
    pub(crate) fn new(directive: &Directive) -> Option<Self> {
        Some(Self {
            name: directive.arg(0)?.to_owned(),
            value: Template::new(directive.arg(1)?),
            always: directive.arg(2) == Some("always"),
            site: directive.site,
        })
    }
}

/// Whether `add_header` without `always` adds to responses with this status.
pub(crate) fn is_for_status(status: u16) -> bool {
    matches!(status, 200 | 201 | 204 | 206 | 301 | 302 | 303 | 304 | 307 | 308)
}

/// `add_header_inherit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Inheritance {
    /// Those of the level above, if this one has none.
    #[default]
    On,
    /// None.
    Off,
    /// Those of the level above, and then these.
    Merge,
}

impl Inheritance {
    /// The headers of a level: its own ones, or those of the level above.
    pub(crate) fn resolve(self, own: Vec<AddHeader>, above: &Rc<[AddHeader]>) -> Rc<[AddHeader]> {
        match self {
            Self::On if own.is_empty() => Rc::clone(above),
            Self::On | Self::Off => own.into(),
            Self::Merge => above.iter().cloned().chain(own).collect(),
        }
    }
}
