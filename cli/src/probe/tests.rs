//! Servers as functions: those that make a mistake, and sound ones.

mod comparison;
mod limits;
mod mistakes;
mod refusals;
mod sound;

use std::collections::BTreeSet;
use std::time::Duration;

use cors_browser::{HeaderList, Response};

use super::address::Address;
use super::asker::{Account, Asker, Limits};
use super::exchange::{Exchange, Kind, Server, Unreachable};
use super::finding::{Finding, Id};
use super::findings::findings;
use super::progress::Progress;
use super::survey::Survey;
use super::token::Token;

/// The origin that the user names.
const APP: &str = "https://app.shop.com";

/// A server that is a function.
struct Function<F>(F);

impl<F: Fn(&Exchange) -> Response + Sync> Server for Function<F> {
    fn ask(&self, exchange: &Exchange) -> Result<Response, Unreachable> {
        Ok(self.0(exchange))
    }
}

fn response(status: u16, lines: &[(&str, &str)]) -> Response {
    Response { status, headers: lines.iter().copied().collect() }
}

/// A response with further headers.
fn with(mut response: Response, lines: &[(&str, &str)]) -> Response {
    let known: Vec<_> =
        response.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let new = lines.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_owned()));
    response.headers = known.into_iter().chain(new).collect::<HeaderList>();
    response
}

/// The origin of the page that asks, or an empty text.
fn origin(exchange: &Exchange) -> &str {
    exchange.origin.as_deref().unwrap_or_default()
}

/// Whether it is the address that is given, and not one beside it.
fn exists(exchange: &Exchange) -> bool {
    exchange.url.path() == "/orders"
}

/// A server with a list: sound, but for what `is_allowed` lets in.
fn listed(exchange: &Exchange, is_allowed: impl Fn(&str) -> bool) -> Response {
    let origin = origin(exchange);
    let status = match exchange.kind {
        Kind::Preflight { .. } => 204,
        Kind::Get if exists(exchange) => 200,
        Kind::Get => 404,
    };
    let answer = response(status, &[("Vary", "Accept-Encoding, origin")]);
    if is_allowed(origin) {
        with(answer, &[("Access-Control-Allow-Origin", origin)])
    } else {
        answer
    }
}

fn limits() -> Limits {
    Limits { total: Duration::from_secs(60), ..Limits::new(Duration::ZERO) }
}

fn address() -> (Address, Token) {
    let token = Token::draw().unwrap();
    (Address::parse("https://api.shop.com/orders", token.clone()).unwrap(), token)
}

/// What is found, and what was asked.
fn probe(server: impl Fn(&Exchange) -> Response + Sync) -> (Vec<Finding>, Account) {
    let server = Function(server);
    let asker = Asker::new(&server, limits(), Progress::hidden());
    let (address, token) = address();
    let survey = Survey::new(&asker, address, &token, &[APP.to_owned()]).unwrap();
    (findings(&survey), asker.account())
}

/// The identifiers of what is found, each once.
fn ids(server: impl Fn(&Exchange) -> Response + Sync) -> BTreeSet<Id> {
    probe(server).0.iter().map(|it| it.id).collect()
}
