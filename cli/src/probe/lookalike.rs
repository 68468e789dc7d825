//! Origins of strangers that look like one that is allowed, by which careless patterns are found.

use cors_policy::origin::Origin;

use super::finding::Id;
use super::site::{is_address, registrable_start};
use super::token::Token;

/// An origin that a careless pattern lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lookalike {
    /// What it would be let in by.
    pub(super) id: Id,
    /// The origin.
    pub(super) origin: String,
    /// Whether somebody else can own its host. Otherwise it belongs to the domain of the origin that it
    /// looks like.
    pub(super) is_foreign: bool,
    /// An origin that is let in for another reason: one of the same domain without any likeness, where all
    /// names of the domain are meant. If it is let in too, the lookalike proves nothing.
    pub(super) control: Option<String>,
}

/// Characters that some browsers take in a host, and that some patterns take for the end of one.
const SPECIAL: [char; 8] = ['_', '`', '%', '!', '&', '{', '~', '$'];

/// The most dots that are replaced, from the left.
const MAX_DOTS: usize = 4;

/// A host as its owner sees it.
struct Host<'a> {
    scheme: &'a str,
    name: &'a str,
    port: String,
    /// Where the registrable domain begins.
    domain: usize,
    is_address: bool,
}

impl<'a> Host<'a> {
    fn of(origin: &'a str) -> Option<Self> {
        let parsed = Origin::parse(origin.as_bytes())?;
        if !parsed.has_host() {
            return None;
        }
        let name = std::str::from_utf8(parsed.host()).ok()?;
        Some(Self {
            scheme: std::str::from_utf8(parsed.scheme()).ok()?,
            name,
            port: parsed.port().map(|port| format!(":{port}")).unwrap_or_default(),
            domain: registrable_start(name),
            is_address: is_address(name),
        })
    }

    fn with(&self, name: &str) -> String {
        format!("{}://{name}{}", self.scheme, self.port)
    }

    /// An unlikely name directly below the parent of the label at `at`.
    fn control(&self, at: usize, token: &Token) -> Option<String> {
        let parent = &self.name[self.name[at..].find('.')? + at..];
        Some(self.with(&format!("{}{parent}", token.as_str())))
    }
}

/// The names that look like this origin.
pub(super) fn lookalikes(origin: &str, token: &Token) -> Vec<Lookalike> {
    let Some(host) = Host::of(origin) else { return Vec::new() };
    let mut list = behind(&host, token);
    if !host.is_address {
        list.extend(before(&host, token));
        list.extend(dots(&host, token));
    }
    list.retain(|it| it.control.as_deref() != Some(&*it.origin));
    list
}

/// With a foreign domain behind the host.
fn behind(host: &Host<'_>, token: &Token) -> Vec<Lookalike> {
    let Host { scheme, name, .. } = host;
    // A pattern for any port is not the fault, so that the port of the origin is left out.
    let foreign = |id, between: &str| Lookalike {
        id,
        origin: format!("{scheme}://{name}{between}.{}.example", token.as_str()),
        is_foreign: true,
        control: None,
    };
    // No host goes on behind the bracket of an address.
    if name.starts_with('[') {
        return Vec::new();
    }
    let special = SPECIAL.iter().map(|it| foreign(Id::SpecialCharacters, &it.to_string()));
    std::iter::once(foreign(Id::MatchesPrefix, "")).chain(special).collect()
}

/// With letters before the host, and before the registrable domain.
fn before(host: &Host<'_>, token: &Token) -> Vec<Lookalike> {
    let letters = token.as_str();
    let (labels, domain) = host.name.split_at(host.domain);
    let mut list = vec![Lookalike {
        id: Id::MatchesSuffix,
        origin: host.with(&format!("{letters}{domain}")),
        is_foreign: true,
        control: None,
    }];
    if !labels.is_empty() {
        list.push(Lookalike {
            id: Id::MatchesSuffix,
            origin: host.with(&format!("{letters}{}", host.name)),
            is_foreign: false,
            control: host.control(0, token),
        });
    }
    list
}

/// With a letter in place of a dot.
fn dots(host: &Host<'_>, token: &Token) -> Vec<Lookalike> {
    let dots = host.name.match_indices('.').map(|(at, _)| at);
    let replaced = |at: usize| {
        let name = format!("{}x{}", &host.name[..at], &host.name[at + 1..]);
        let is_foreign = at + 1 >= host.domain;
        let control = if at + 1 == host.domain {
            // A comparison of the end alone lets this in, too.
            Some(host.with(&format!("{}{}", token.as_str(), &host.name[host.domain..])))
        } else if is_foreign {
            None
        } else {
            let label = host.name[..at].rfind('.').map_or(0, |dot| dot + 1);
            let rest = host.name[at + 1..].find('.').map(|dot| &host.name[dot + at + 1..]);
            rest.map(|rest| host.with(&format!("{}{}{rest}", &host.name[..label], token.as_str())))
        };
        Lookalike { id: Id::UnescapedDot, origin: host.with(&name), is_foreign, control }
    };
    dots.take(MAX_DOTS)
        .map(replaced)
        .filter(|it| Origin::parse(it.origin.as_bytes()).is_some())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The origins with this identifier; those that prove something only together with a control have it
    /// behind them.
    fn named(origin: &str, id: Id) -> Vec<String> {
        let list = lookalikes(origin, &Token::of("k1")).into_iter().filter(|it| it.id == id);
        list.map(|it| match it.control {
            Some(control) => format!("{} {control}", it.origin),
            None => it.origin,
        })
        .collect()
    }

    #[test]
    fn a_foreign_domain_stands_behind_the_host() {
        assert_eq!(
            named("https://app.shop.com:8443", Id::MatchesPrefix),
            ["https://app.shop.com.k1.example"]
        );
        assert_eq!(
            named("http://127.0.0.1:3000", Id::MatchesPrefix),
            ["http://127.0.0.1.k1.example"]
        );
        assert_eq!(lookalikes("http://[::1]:3000", &Token::of("k1")), []);
        assert!(
            named("https://shop.com", Id::SpecialCharacters)
                .contains(&"https://shop.com`.k1.example".to_owned())
        );
    }

    #[test]
    fn letters_stand_before_the_registrable_domain() {
        for (origin, names) in [
            ("https://shop.com", &["https://k1shop.com"][..]),
            (
                "https://app.shop.com",
                &["https://k1shop.com", "https://k1app.shop.com https://k1.shop.com"],
            ),
            (
                "https://a.b.shop.co.uk:81",
                &[
                    "https://k1shop.co.uk:81",
                    "https://k1a.b.shop.co.uk:81 https://k1.b.shop.co.uk:81",
                ],
            ),
            // Whoever wants to has a name below this suffix.
            ("https://shop.github.io", &["https://k1shop.github.io"]),
            ("http://localhost:3000", &["http://k1localhost:3000"]),
            ("http://127.0.0.1", &[]),
            ("https://[::1]", &[]),
            ("app://.", &[]),
            ("null", &[]),
        ] {
            assert_eq!(named(origin, Id::MatchesSuffix), names, "{origin}");
        }
    }

    #[test]
    fn a_letter_stands_for_a_dot() {
        for (origin, names) in [
            ("https://shop.com", &["https://shopxcom"][..]),
            (
                "https://app.shop.com",
                &["https://appxshop.com https://k1shop.com", "https://app.shopxcom"],
            ),
            (
                "https://a.b.shop.co.uk",
                &[
                    "https://axb.shop.co.uk https://k1.shop.co.uk",
                    "https://a.bxshop.co.uk https://k1shop.co.uk",
                    "https://a.b.shopxco.uk",
                    "https://a.b.shop.coxuk",
                ],
            ),
            ("http://127.0.0.1", &[]),
        ] {
            assert_eq!(named(origin, Id::UnescapedDot), names, "{origin}");
        }
    }
}
