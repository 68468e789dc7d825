//! An explanation for people, and for the bug reports they write.

use std::fmt::{self, Display, Formatter};

use cors_policy::Decision;

use super::{
    Explanation,
    responses::{Actual, Headers, Preflight},
};
use crate::output::{BAD, GOOD, HEADING, styled};

pub(super) fn render(explanation: &Explanation) -> String {
    explanation.to_string()
}

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { policy, request, .. } = self;
        let (origin, method) = (request.origin.as_deref(), &request.method);
        let decision = verdict(self.decision);
        match self.decision {
            Decision::DeniedOrigin => {
                let origin = origin.unwrap_or_default();
                writeln!(f, "{decision}: policy {policy} does not allow the origin {origin}")?;
            }
            Decision::DeniedSite => {
                writeln!(f, "{decision}: policy {policy} refuses {method} of foreign pages")?;
            }
            Decision::DeniedHost => {
                let host = request.host.as_deref().unwrap_or_default();
                writeln!(f, "{decision}: policy {policy} refuses requests to the host {host}")?;
            }
            Decision::None => {
                writeln!(f, "{decision}: policy {policy} has no origin to decide about")?;
            }
            _ => {
                let origin = origin.unwrap_or_default();
                let with = match &request.headers[..] {
                    [] => String::new(),
                    names => format!(" with {}", names.join(", ")),
                };
                let lets = if self.decision == Decision::Allowed { "lets" } else { "does not let" };
                writeln!(f, "{decision}: policy {policy} {lets} {origin} send {method}{with}")?;
            }
        }
        self.write_reason(f)?;
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        if let Some(preflight) = &self.preflight {
            write!(f, "\n{preflight}")?;
        }
        self.write_actual(f)?;
        self.browser.iter().try_for_each(|browser| write!(f, "\n{browser}"))
    }
}

impl Explanation {
    fn write_reason(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(site) = &self.patterns.matched {
            let does = if site.rule.is_some() { "allows" } else { "denies" };
            return writeln!(f, "{site} {does} the origin");
        }
        match self.patterns.unmatched {
            None => {}
            Some(1) => writeln!(f, "Its one pattern does not match.")?,
            Some(patterns) => writeln!(f, "None of its {patterns} patterns matches.")?,
        }
        if !self.patterns.near_misses.is_empty() {
            writeln!(f, "Near misses:")?;
        }
        for near_miss in &self.patterns.near_misses {
            writeln!(f, "  {}: {}", near_miss.site, near_miss.reason)?;
        }
        Ok(())
    }

    fn write_actual(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Actual { decision, status, headers, .. } = &self.actual;
        let consequence = if self.decision != *decision {
            ", but no browser sends it after this preflight"
        } else if *decision == Decision::DeniedOrigin && self.actual.is_own() {
            ": served to the service's own page, which needs no permission"
        } else if *decision == Decision::DeniedOrigin && status.is_none() {
            ": served, but no browser lets the page read the response"
        } else {
            ""
        };
        let heading = styled(HEADING, "Actual request:");
        writeln!(f, "\n{heading} {}{consequence}", verdict(*decision))?;
        writeln!(f, "  > {}", self.request.method)?;
        let site = self.request.site.map(|site| site.as_str());
        for (name, value) in [
            ("Host", self.request.host.as_deref()),
            ("Origin", self.request.origin.as_deref()),
            ("Sec-Fetch-Site", site),
        ] {
            if let Some(value) = value {
                writeln!(f, "  > {name}: {value}")?;
            }
        }
        if let Some(status) = status {
            writeln!(f, "  < {status}")?;
        }
        write_headers(f, '<', headers)
    }
}

impl Display for Preflight {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let heading = styled(HEADING, "Preflight:");
        match &self.answer {
            Some(answer) => write!(f, "{heading} {}", verdict(answer.decision))?,
            None => write!(f, "{heading} left to the application")?,
        }
        writeln!(f, "{}", if self.needed { "" } else { ", though this request needs none" })?;
        writeln!(f, "  > OPTIONS")?;
        write_headers(f, '>', &self.request_headers)?;
        if let Some(answer) = &self.answer {
            writeln!(f, "  < {}", answer.status)?;
            write_headers(f, '<', &answer.headers)?;
        }
        Ok(())
    }
}

fn verdict(decision: Decision) -> impl Display {
    styled(if super::is_allowed(decision) { GOOD } else { BAD }, decision)
}

fn write_headers(f: &mut Formatter<'_>, mark: char, headers: &Headers) -> fmt::Result {
    headers.iter().try_for_each(|(name, value)| writeln!(f, "  {mark} {name}: {value}"))
}
