//! `more_set_headers` and `more_clear_headers` of the headers-more module.

use super::{
    headers::Header,
    template::{Template, Values},
    value::{Unknown, Value},
};
use crate::{Directive, Site};

/// A directive of headers-more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MoreHeaders {
    /// The names, and their values. An empty value removes the header.
    headers: Vec<(String, Template)>,
    /// The statuses that it is for; none means all.
    statuses: Vec<String>,
    /// Whether it is for some types of content only (`-t`).
    has_types: bool,
    /// Its line.
    site: Site,
}

impl MoreHeaders {
    /// Reads such a directive; `None` if it is another one.
    pub(crate) fn new(directive: &Directive) -> Option<Self> {
        let clears = match directive.name.as_str() {
            "more_set_headers" => false,
            "more_clear_headers" => true,
            _ => return None,
        };
        let mut more = Self {
            headers: Vec::new(),
            statuses: Vec::new(),
            has_types: false,
            site: directive.site,
        };
        let mut args = directive.args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "-s" => {
                    let statuses = args.next().map(String::as_str).unwrap_or_default();
                    more.statuses.extend(statuses.split_whitespace().map(ToOwned::to_owned));
                }
                "-t" => {
                    more.has_types = true;
                    args.next();
                }
                header if header.starts_with('-') => {}
                header => {
                    let (name, value) = header.split_once(':').unwrap_or((header, ""));
                    let value = if clears { "" } else { value.trim() };
                    more.headers.push((name.trim().to_owned(), Template::new(value)));
                }
            }
        }
        Some(more)
    }

    /// The names of the headers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }

    /// Changes the headers of a response.
    pub(crate) fn apply(&self, status: u16, values: &mut impl Values, headers: &mut Vec<Header>) {
        let status = status.to_string();
        if !self.statuses.is_empty() && !self.statuses.contains(&status) {
            return;
        }
        for (name, value) in &self.headers {
            let value = if self.has_types {
                Value::Unknown(Unknown::Request("sent_http_content_type".to_owned()))
            } else {
                value.fill(values)
            };
            let is_named = |header: &Header| match name.strip_suffix('*') {
                Some(start) => header
                    .name
                    .get(..start.len())
                    .is_some_and(|begin| begin.eq_ignore_ascii_case(start)),
                None => header.name.eq_ignore_ascii_case(name),
            };
            headers.retain(|header| !is_named(header));
            if value.known() != Some("") && !name.ends_with('*') {
                headers.push(Header { name: name.clone(), value, site: Some(self.site) });
            }
        }
    }
}
