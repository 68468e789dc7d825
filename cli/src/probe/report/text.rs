//! A report for people: each finding with the exchange that shows it.

use std::fmt::{self, Display, Formatter};

use cors_policy::headers::is_cors_response_header;

use super::Report;
use crate::output::{BAD, DOUBTFUL, GOOD, HEADING, styled};
use crate::probe::asker::Observation;
use crate::probe::exchange::Exchange;
use crate::probe::finding::{Finding, Level, shown};

pub(in crate::probe) fn render(report: &Report) -> String {
    report.to_string()
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { url, policy, findings, notes, account } = self;
        let what = match policy {
            Some(policy) => format!("now and with policy {policy}"),
            None => "as browsers see it".to_owned(),
        };
        let verdict = match findings.len() {
            0 if self.is_complete() => styled(GOOD, "no findings").to_string(),
            0 => styled(DOUBTFUL, "no findings so far").to_string(),
            1 => styled(BAD, "1 finding").to_string(),
            count => styled(BAD, format!("{count} findings")).to_string(),
        };
        writeln!(f, "{verdict}: {url}, {what}, by {} requests", account.requests)?;
        notes.iter().try_for_each(|note| writeln!(f, "{note}"))?;
        findings.iter().try_for_each(|finding| write!(f, "\n{finding}"))
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let style = if self.level == Level::Error { BAD } else { DOUBTFUL };
        let level = styled(style, format!("{}:", self.level.as_str()));
        writeln!(f, "{level} {}: {}", styled(HEADING, self.id), self.message)?;
        self.evidence.iter().try_for_each(|it| it.fmt(f))
    }
}

impl Display for Observation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { exchange, response } = self;
        let query = exchange.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        writeln!(f, "  > {} {}{query}", exchange.method(), exchange.url.path())?;
        write_request(f, exchange)?;
        writeln!(f, "  < {}", response.status)?;
        let is_shown = |name: &str| {
            let others = ["vary", "location"];
            is_cors_response_header(name.as_bytes())
                || others.iter().any(|it| name.eq_ignore_ascii_case(it))
        };
        for (name, value) in response.headers.iter().filter(|(name, _)| is_shown(name)).take(20) {
            writeln!(f, "  < {}: {}", capitalized(&shown(name.as_bytes())), shown(value))?;
        }
        Ok(())
    }
}

fn write_request(f: &mut Formatter<'_>, exchange: &Exchange) -> fmt::Result {
    let is_shown = |name: &str| !name.starts_with("sec-");
    for (name, value) in exchange.headers().iter().filter(|(name, _)| is_shown(name)) {
        writeln!(f, "  > {}: {value}", capitalized(name))?;
    }
    Ok(())
}

/// A name as it is usually written: HTTP/2 and the client have lower case.
fn capitalized(name: &str) -> String {
    let capital = |part: &str| match part.split_at_checked(1) {
        Some((first, rest)) => format!("{}{rest}", first.to_ascii_uppercase()),
        None => part.to_owned(),
    };
    name.split('-').map(capital).collect::<Vec<_>>().join("-")
}
