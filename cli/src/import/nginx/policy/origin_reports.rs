//! What has to be known about the origins of a policy.

use super::{Deriving, Patterns, is_allowed};
use crate::import::model::{Findings, Policy};
use crate::import::nginx::audience::{Group, Remark};

impl Deriving<'_> {
    pub(super) fn ask_about_unsure(&self, findings: &mut Findings) {
        for (unknown, site) in &self.audience.unsure {
            let name = self.name();
            findings.ask(
                &self.place(*site),
                format!(
                    "what {name} sends depends on {unknown}; which origins may read the responses, and \
                     when? The policy lets in those that may always"
                ),
            );
        }
    }

    pub(super) fn report_remarks(&self, findings: &mut Findings) {
        for (site, remark) in &self.audience.remarks {
            let place = self.place(*site);
            match remark {
                Remark::Beyond { expression, origin, patterns } => findings.warn(
                    &place,
                    format!(
                        "the expression \"{expression}\" also lets in {origin} today; it is written as \
                         {}, which does not",
                        patterns.join(", ")
                    ),
                ),
                Remark::Unreadable { expression, why } => findings.ask(
                    &place,
                    format!(
                        "which origins does the expression \"{expression}\" mean? It is left out: {why}"
                    ),
                ),
                Remark::Mixed { expression } => findings.ask(
                    &place,
                    format!(
                        "which origins does the expression \"{expression}\" let in? Other lines decide \
                         about those that it matches, so that some may be left out, or let in"
                    ),
                ),
                Remark::Differs { origin, pattern } => findings.widens(
                    &place,
                    format!(
                        "{origin} gets less today than other origins of {pattern}; with this policy it \
                         gets the same"
                    ),
                ),
                Remark::Unsettled => findings.ask(
                    &place,
                    format!(
                        "which other origins does {} tell apart? Conditions stand behind conditions, and \
                         not all of them are followed",
                        self.name()
                    ),
                ),
                Remark::Unknown { pattern } => findings.ask(
                    &place,
                    format!(
                        "which origins of {pattern} do other expressions keep out? They are too many, or \
                         too large, to be compared with it"
                    ),
                ),
                Remark::Composite { expression } => findings.ask(
                    &place,
                    format!(
                        "which origins does the expression \"{expression}\" let in? It is compared with \
                         more than the origin, and left out"
                    ),
                ),
            }
        }
    }

    /// Origins that may read with the policy and not today.
    pub(super) fn report_widened(&self, policy: &Policy, findings: &mut Findings) {
        let patterns = Patterns::of(policy);
        for (origin, is_readable) in &self.audience.asked {
            let is_group = |group: &Group| group.pattern == *origin && is_allowed(group);
            if !is_readable && !self.audience.groups.iter().any(is_group) && patterns.allow(origin)
            {
                findings.widens(
                    &self.here(),
                    format!(
                        "{origin} may not read the responses of {} today, and may with this policy",
                        self.name()
                    ),
                );
            }
        }
    }
}
