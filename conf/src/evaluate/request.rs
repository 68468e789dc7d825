//! What is known about a request.

/// A request, or as much of it as is known.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The value of `Origin`, if the request has one.
    pub origin: Option<String>,
    /// Other headers, by their names in lower case.
    pub headers: Vec<(String, String)>,
    /// Whether the request has no headers but these. Otherwise the values of others are unknown.
    pub has_no_other_headers: bool,
    /// The path, decoded and normalized. Without it, the request is one that reaches a given location.
    pub path: Option<String>,
    /// The query, without `?`. Known only where the path is.
    pub query: String,
    /// The headers with which an application behind nginx answers. Without them, they are unknown, and
    /// not among the headers of the answer.
    pub upstream_headers: Vec<(String, String)>,
}

impl Request {
    /// A header by its name in lower case; `None` where it is unknown.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        if name == "origin" {
            return Some(self.origin.as_deref().unwrap_or_default());
        }
        let found = self.headers.iter().find(|(known, _)| known == name);
        match found {
            Some((_, value)) => Some(value),
            None if self.has_no_other_headers => Some(""),
            // CORS requests are made by the caller, who knows all of their headers.
            None if name.starts_with("access-control-request-") => Some(""),
            None => None,
        }
    }
}
