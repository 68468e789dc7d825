//! The addresses that are asked: the one that is given, fresh ones and one beside it.

use std::cell::Cell;

use cors_policy::origin::Origin;
use reqwest::Url;

use super::token::Token;

/// The address of the user, and what is derived from it.
#[derive(Clone, Debug)]
pub(super) struct Address {
    given: Url,
    token: Token,
    /// Whether the server takes a query parameter that it does not know.
    takes_parameter: bool,
    /// The number of the next fresh address.
    next: Cell<usize>,
}

impl Address {
    /// Reads the address.
    ///
    /// # Errors
    ///
    /// What is wrong with it: a sentence without its full stop.
    pub(super) fn parse(text: &str, token: Token) -> Result<Self, String> {
        let given = Url::parse(text).map_err(|error| {
            let hint = if text.contains("://") { "" } else { "; write https:// before it" };
            format!("{text:?} is not a URL: {error}{hint}")
        })?;
        if !matches!(given.scheme(), "http" | "https") {
            // A host with a port looks like a scheme.
            let is_host = !text.contains("://");
            let hint = if is_host { "; write https:// before the host" } else { "" };
            return Err(format!("{text:?}: only http and https can be asked{hint}"));
        }
        if !given.username().is_empty() || given.password().is_some() {
            return Err(
                "the URL has a user or a password; write --header 'Authorization: …'".to_owned()
            );
        }
        let mut given = given;
        given.set_fragment(None);
        Ok(Self { given, token, takes_parameter: true, next: Cell::new(1) })
    }

    /// The address itself.
    pub(super) fn given(&self) -> &Url {
        &self.given
    }

    /// Notes that the server does not answer as usual if there is a further query parameter.
    pub(super) fn refuse_parameters(&mut self) {
        self.takes_parameter = false;
    }

    /// Whether fresh addresses are fresh.
    pub(super) fn takes_parameter(&self) -> bool {
        self.takes_parameter
    }

    /// The address with a query parameter that nobody used before, so that no cache has an answer. If the
    /// server does not take it, the address itself.
    pub(super) fn fresh(&self) -> Url {
        let number = self.next.get();
        self.next.set(number + 1);
        let mut url = self.given.clone();
        if self.takes_parameter {
            url.query_pairs_mut().append_pair(self.token.as_str(), &number.to_string());
        }
        url
    }

    /// A path beside the one that is given, which should not exist.
    pub(super) fn beside(&self) -> Url {
        let mut url = self.given.clone();
        let folder = url.path().rfind('/').map_or(0, |slash| slash + 1);
        let path = format!("{}{}", &url.path()[..folder], self.token.as_str());
        url.set_path(&path);
        url.set_query(None);
        url
    }

    /// The origin of the service.
    pub(super) fn origin(&self) -> String {
        self.given.origin().ascii_serialization()
    }

    /// The value of `Host`.
    pub(super) fn host(&self) -> String {
        let origin = self.origin();
        origin.split_once("://").map_or(String::new(), |(_, host)| host.to_owned())
    }

    /// Whether it is asked over TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.given.scheme() == "https"
    }
}

/// The same host and port under the other scheme of the web.
pub(super) fn twin(origin: &str) -> Option<String> {
    let parsed = Origin::parse(origin.as_bytes())?;
    let other = match parsed.scheme() {
        b"https" => "http",
        b"http" => "https",
        _ => return None,
    };
    let rest = origin.split_once("://")?.1;
    let twin = format!("{other}://{rest}");
    Origin::parse(twin.as_bytes()).is_some().then_some(twin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text, Token::of("k1")).unwrap()
    }

    #[test]
    fn fresh_addresses_and_the_one_beside_stay_on_the_server() {
        for (given, fresh, beside) in [
            ("https://a.example", "https://a.example/?k1=1", "https://a.example/k1"),
            (
                "https://a.example/x/y?z=1#f",
                "https://a.example/x/y?z=1&k1=1",
                "https://a.example/x/k1",
            ),
            ("http://a.example:81/x/", "http://a.example:81/x/?k1=1", "http://a.example:81/x/k1"),
        ] {
            assert_eq!(address(given).fresh().as_str(), fresh);
            assert_eq!(address(given).beside().as_str(), beside);
        }
    }

    #[test]
    fn an_address_is_of_the_web_and_has_no_password() {
        for text in
            ["a.example", "ftp://a.example", "https://u:p@a.example", "https://", "file:///etc"]
        {
            assert!(Address::parse(text, Token::of("k1")).is_err(), "{text}");
        }
    }

    #[test]
    fn twins_are_of_the_web() {
        assert_eq!(twin("https://a.example:8443").as_deref(), Some("http://a.example:8443"));
        assert_eq!(twin("http://a.example").as_deref(), Some("https://a.example"));
        assert_eq!(twin("app://a"), None);
        // Port 80 is not written under http.
        assert_eq!(twin("https://a.example:80"), None);
    }
}
