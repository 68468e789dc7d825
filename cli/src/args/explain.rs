//! The command line of `cors-policy explain`.

use std::path::PathBuf;

use clap::ValueEnum;
use cors_policy::headers::{
    HeaderNameError, MethodError, check_method, check_request_header, is_forbidden_request_header,
};

use super::header_value;

#[derive(clap::Args)]
pub(crate) struct ExplainArgs {
    /// Policy document (YAML); `-` is standard input
    pub(crate) file: PathBuf,

    /// Name of the policy; may be left out if the document has only one
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,

    /// Origin of the page: the value of the `Origin` header, such as https://app.example.com or null
    ///
    /// May be left out if --site or --host is given. The request then has no `Origin`, as that of a link
    /// or of a program.
    #[arg(long, value_parser = header_value, required_unless_present_any = ["site", "host"])]
    pub(crate) origin: Option<String>,

    /// Method of the request
    #[arg(long, default_value = "GET", value_parser = method)]
    pub(crate) method: String,

    /// Name of a header that the page adds to the request and that needs permission; may be repeated
    ///
    /// A browser sends a preflight for such headers and names them in Access-Control-Request-Headers.
    /// Authorization and X-Requested-With always need permission. Content-Type needs it unless its
    /// value is that of an HTML form.
    #[arg(long = "header", value_name = "NAME", value_delimiter = ',', value_parser = header)]
    pub(crate) headers: Vec<String>,

    /// The page is public and the server is in a private network: the preflight asks for
    /// Access-Control-Allow-Private-Network
    #[arg(long)]
    pub(crate) private_network: bool,

    /// Show a preflight even if the request needs none
    #[arg(long)]
    pub(crate) preflight: bool,

    /// What the browser says about the page that sends the request: the value of `Sec-Fetch-Site`
    #[arg(long, value_name = "SITE")]
    pub(crate) site: Option<Initiator>,

    /// The value of the `Host` header, such as api.example.com:8443
    #[arg(long, value_name = "HOST", value_parser = header_value)]
    pub(crate) host: Option<String>,

    /// nginx itself terminates TLS for the request
    #[arg(long)]
    pub(crate) tls: bool,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The values of `Sec-Fetch-Site`
/// ([Fetch Metadata, section 2.3](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Initiator {
    /// A page of the same origin
    SameOrigin,
    /// A page of the same site, such as another subdomain
    SameSite,
    /// A page of another site
    CrossSite,
    /// The user, for instance by typing the address
    None,
}

impl Initiator {
    /// The value as browsers write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SameOrigin => "same-origin",
            Self::SameSite => "same-site",
            Self::CrossSite => "cross-site",
            Self::None => "none",
        }
    }
}

/// A method as browsers send it
/// ([normalized](https://fetch.spec.whatwg.org/#concept-method-normalize)).
fn method(text: &str) -> Result<String, String> {
    match check_method(text) {
        // A page can send it, if only by mistake.
        Ok(()) | Err(MethodError::OtherCase(_) | MethodError::StarInside) => Ok(text.to_owned()),
        Err(MethodError::Normalized(method)) => Ok(method.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn header(text: &str) -> Result<String, String> {
    match check_request_header(text) {
        _ if is_forbidden_request_header(text) => Err(
            "pages cannot set this header (forbidden by the Fetch standard), so that no preflight \
             asks for it"
                .to_owned(),
        ),
        // A page can put it on a request, if only by mistake.
        Ok(()) | Err(HeaderNameError::StarInside) => Ok(text.to_owned()),
        Err(error) if text.contains(':') => Err(format!("{error}; give the name without a value")),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_those_that_browsers_send() {
        for (given, sent) in [
            ("GET", Some("GET")),
            ("put", Some("PUT")),
            ("patch", Some("patch")),
            ("Query", Some("Query")),
            ("PUT*", Some("PUT*")),
            ("TRACE", None),
            ("connect", None),
            ("GET /", None),
            ("", None),
        ] {
            assert_eq!(method(given).ok().as_deref(), sent, "{given:?}");
        }
    }

    #[test]
    fn headers_are_those_that_pages_can_set() {
        for name in ["X-A", "authorization", "Access-Control-Allow-Origin", "X-*"] {
            assert_eq!(header(name).as_deref(), Ok(name));
        }
        for name in ["Cookie", "Sec-Fetch-Mode", "X A", "X-A: 1", ""] {
            assert!(header(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn sites_are_those_of_fetch_metadata() {
        for site in Initiator::value_variants() {
            let name = site.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(name, site.as_str());
        }
    }
}
