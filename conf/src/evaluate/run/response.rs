//! The phases that make a response: access, content, and the filters that add headers.

use super::Run;
use crate::evaluate::{Answer, Content, Header, LevelId, Value, headers::is_for_status};

impl Run<'_> {
    /// The access and the content phase.
    pub(super) fn content(&mut self, level: LevelId) -> Answer {
        let config = &self.config.levels[level];
        if config.denies_all {
            return self.respond(level, 403, Content::Error);
        }
        let method = self.method();
        if config.asks_for_authentication
            && method == "OPTIONS"
            && self.request.header("authorization").is_none_or(str::is_empty)
        {
            // A browser sends no credentials with a preflight.
            return self.respond(level, 401, Content::Error);
        }
        match &config.content {
            Content::Static if method == "OPTIONS" && config.fallback.is_some() => {
                self.fall_back(level)
            }
            Content::Static if !matches!(method, "GET" | "HEAD") => {
                self.respond(level, 405, Content::Error)
            }
            content => self.respond(level, 200, content.clone()),
        }
    }

    /// A response with its headers.
    pub(super) fn respond(&mut self, level: LevelId, status: u16, content: Content) -> Answer {
        if let Content::Return | Content::Error = content {
            if let Some(answer) = self.error_page(level, status) {
                return answer;
            }
        }
        let status = self.handed_over.status.filter(|_| status < 300).unwrap_or(status);
        let headers = self.headers(level, status, &content);
        Answer { headers, ..self.bare(level, status, content) }
    }

    /// The headers of a response, in the order in which the modules add them.
    fn headers(&mut self, level: LevelId, status: u16, content: &Content) -> Vec<Header> {
        let config = &self.config.levels[level];
        let mut headers = Vec::new();
        if let Content::Upstream(..) = content {
            for (name, value) in &self.request.upstream_headers {
                if config.hides(&name.to_ascii_lowercase()).is_none() {
                    let value = Value::text(value.as_str());
                    headers.push(Header { name: name.clone(), value, site: None });
                }
            }
        }
        for more in config.more_headers.iter() {
            more.apply(status, self, &mut headers);
        }
        for header in config.headers.iter() {
            if !header.always && !is_for_status(status) {
                continue;
            }
            let value = header.value.fill(self);
            if value.known() != Some("") {
                headers.push(Header { name: header.name.clone(), value, site: Some(header.site) });
            }
        }
        headers
    }

    /// A response without headers.
    pub(super) fn bare(&mut self, level: LevelId, status: u16, content: Content) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            content,
            level,
            assumed: self.decisions.take_assumed(),
            tests: std::mem::take(&mut self.tests),
        }
    }
}
