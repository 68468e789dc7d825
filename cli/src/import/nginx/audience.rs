//! Which origins a level lets in, and with which headers.

use std::rc::Rc;

use nginx_conf::Site;
use nginx_conf::evaluate::Unknown;

use super::profile::Profile;

/// The origins of a level, as far as the configuration tells them apart.
#[derive(Debug, Default)]
pub(super) struct Audience {
    /// The origins that the configuration names, and patterns of them, in the order of their lines.
    pub(super) groups: Vec<Group>,
    /// What all others get, if that is the same for all of them.
    pub(super) others: Option<Profile>,
    /// What an origin gets that nobody names.
    pub(super) foreign: Option<Profile>,
    /// Origins that were asked for, and whether they may read responses today.
    pub(super) asked: Vec<(String, bool)>,
    /// What the responses depend on that is not known, and where.
    pub(super) unsure: Vec<(Unknown, Site)>,
    /// What has to be known about expressions.
    pub(super) remarks: Vec<(Site, Remark)>,
}

/// An origin, or a pattern of them, with what it gets.
#[derive(Debug)]
pub(super) struct Group {
    /// A pattern for the document, as it is written in the configuration if it is one origin.
    pub(super) pattern: String,
    /// Whether it is one origin.
    pub(super) is_exact: bool,
    /// What it gets.
    pub(super) profile: Rc<Profile>,
    /// The line that names it.
    pub(super) site: Site,
}

/// What has to be known about an expression.
#[derive(Debug)]
pub(super) enum Remark {
    /// The expression lets in this origin, too, and the narrow reading of it does not.
    Beyond { expression: String, origin: String, patterns: Vec<String> },
    /// The expression has no narrow reading.
    Unreadable { expression: String, why: String },
    /// Only some of the origins that the expression matches get in.
    Mixed { expression: String },
    /// The origin is a part of what the expression is compared with.
    Composite { expression: String },
    /// The origin gets less than the others of the pattern.
    Differs { origin: String, pattern: String },
    /// Which origins of the pattern other expressions match could not be found out.
    Unknown { pattern: String },
    /// Conditions behind conditions ask for more and more origins.
    Unsettled,
}
