//! The page for people: no script, nothing from elsewhere.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;

use crate::{Changes, Count, File, Refused, Status};

/// The style of the page.
const STYLE: &str = include_str!("../templates/page.css");

/// The value of `Content-Security-Policy`: nothing but the style of the page, by its hash.
pub const SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-U8kU5N8A+sMPygJTIE2uk2e+PPQ3HnOYMwShzuGIziU='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The most origins of a policy that are shown.
const MAX_ORIGINS: usize = 100;

/// The page at `now`, in seconds since 1970.
///
/// # Errors
///
/// If it cannot be formatted.
pub fn render(status: &Status, now: u64) -> Result<String, askama::Error> {
    let policies = status.policies.iter().map(|(name, counts)| {
        PolicyPart::new(name, counts, status.dry_run_changes.get(name).copied().unwrap_or_default())
    });
    let refused = status.refused.as_ref().map(|refused| {
        let part = |(name, origins): (&'_ String, &'_ Vec<Refused>)| RefusedPart {
            name: name.clone(),
            omitted: origins.len().saturating_sub(MAX_ORIGINS),
            origins: origins.iter().take(MAX_ORIGINS).cloned().collect(),
        };
        refused.iter().map(part).collect()
    });
    let page = Page {
        style: STYLE,
        time: format_time(now),
        now,
        files: &status.files,
        mistakes: mistakes(&status.files),
        policies: policies.collect(),
        refused,
    };
    page.render()
}

/// The files with mistakes, but for lists whose mistakes are those of their document, before them.
fn mistakes(files: &[File]) -> Vec<&File> {
    let mut shown: Vec<&File> = Vec::new();
    for file in files {
        let is_shown = |mistake: &String| shown.iter().any(|it| it.mistakes.contains(mistake));
        if !file.mistakes.iter().all(is_shown) {
            shown.push(file);
        }
    }
    shown
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'s> {
    style: &'static str,
    time: String,
    now: u64,
    files: &'s [File],
    mistakes: Vec<&'s File>,
    policies: Vec<PolicyPart>,
    refused: Option<Vec<RefusedPart>>,
}

/// The decisions of a policy.
struct PolicyPart {
    name: String,
    /// Without those that never came.
    rows: Vec<Row>,
    changes: Vec<ChangeText>,
}

struct Row {
    request: &'static str,
    decision: &'static str,
    is_dry_run: bool,
    class: &'static str,
    count: u64,
    /// In hundredths of all requests of the policy.
    share: String,
}

struct ChangeText {
    count: u64,
    text: &'static str,
}

struct RefusedPart {
    name: String,
    origins: Vec<Refused>,
    omitted: usize,
}

impl PolicyPart {
    fn new(name: &str, counts: &[Count], changes: Changes) -> Self {
        let total: u64 = counts.iter().map(|count| count.count).sum();
        let row = |count: &Count| Row {
            request: count.request,
            decision: count.decision,
            is_dry_run: count.mode == "dry_run",
            class: if count.decision == "allowed" { "good" } else { "bad" },
            count: count.count,
            share: format!("{:.2}", count.count as f64 * 100.0 / total as f64),
        };
        let changes = [
            (changes.refused, "would be refused"),
            (changes.lost, "would be lost for a page that can read them now"),
            (changes.headers, "would lack a header or a permission"),
            (changes.gained, "could be read by a page that cannot read them now"),
        ];
        Self {
            name: name.to_owned(),
            rows: counts.iter().filter(|count| count.count > 0).map(row).collect(),
            changes: changes
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, text)| ChangeText { count, text })
                .collect(),
        }
    }
}

/// RFC 3339, for people and for `datetime`.
fn format_time(seconds: u64) -> String {
    // As many as the format has room for.
    const MAX: u64 = 253_402_300_799;
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds.min(MAX));
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The filters of the template.
mod filters {
    use std::fmt::Display;

    /// The time, of seconds since 1970.
    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn time(seconds: &u64, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::format_time(*seconds))
    }

    /// How long ago that is.
    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn age(seconds: &u64, _: &dyn askama::Values, now: &u64) -> askama::Result<String> {
        Ok(super::age(now.saturating_sub(*seconds)))
    }

    /// The first digits of a hash.
    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn start(hash: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(hash.to_string().chars().take(12).collect())
    }

    /// A text from outside on one line, as it is written: characters that cannot be seen, or that change the
    /// direction of the text, are escaped as in Rust (`\u{202e}`).
    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn visible(text: &str, _: &dyn askama::Values) -> askama::Result<String> {
        let mut shown = String::with_capacity(text.len());
        for character in text.chars() {
            if matches!(character, '"' | '\'' | '\\') {
                shown.push(character);
            } else {
                shown.extend(character.escape_debug());
            }
        }
        Ok(shown)
    }
}

/// A time that has passed, in the largest unit.
fn age(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0 => return "now".to_owned(),
        1..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86400 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{s} ago")
}

#[cfg(test)]
mod tests;
