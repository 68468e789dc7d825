//! The HTTP client: HTTP/1.1 and HTTP/2, with TLS that trusts what the system trusts.

use std::error::Error;
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cors_browser::{HeaderList, Response};
use reqwest::blocking::{Client, ClientBuilder};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::exchange::{Exchange, Server, Unreachable};
use crate::args::probe::{OwnHeader, Resolve};

/// The longest time to an answer's last header, with everything before it: the name, the connection, TLS.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most headers of an answer. Browsers take about as many.
const MAX_HEADERS: usize = 256;

/// The most bytes of the headers of an answer over HTTP/2. Over HTTP/1.1, the client has a limit of 400 KiB.
const MAX_HEADER_BYTES: u32 = 256 << 10;

/// The most bytes of a body that are read, for a cache on the way.
const MAX_BODY: usize = 64 << 10;

/// What the user says about connections.
pub(super) struct Connection<'a> {
    /// Headers for every request but preflights.
    pub(super) headers: &'a [OwnHeader],
    /// Whether any certificate will do.
    pub(super) insecure: bool,
    /// Addresses of hosts.
    pub(super) resolve: &'a [Resolve],
}

/// The client of one probe.
pub(super) struct HttpClient {
    /// It is left to the end of the process: a server that never stops sending would keep it from ending.
    client: ManuallyDrop<Client>,
    headers: HeaderMap,
    /// Whether a body came too slowly. The bodies after it are left unread.
    is_slow: AtomicBool,
}

impl HttpClient {
    /// A client for one host.
    ///
    /// # Errors
    ///
    /// A sentence without its full stop: if the system has no certificates to trust, or an argument is
    /// wrong.
    pub(super) fn new(url: &Url, connection: &Connection<'_>) -> Result<Self, String> {
        // It fails only if there is a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("cors-policy/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .timeout(TIMEOUT)
            // Shorter than that of any server, so that no connection ends just when it is used again.
            .pool_idle_timeout(Duration::from_secs(2))
            .http1_max_headers(MAX_HEADERS)
            // As browsers do: one line that is none is not worth the others.
            .http1_ignore_invalid_headers_in_responses(true)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .tls_danger_accept_invalid_certs(connection.insecure);
        if !connection.resolve.is_empty() {
            builder = resolve(builder, url, connection.resolve)?;
        }
        let client = builder.build().map_err(|error| root_cause(&error))?;
        let headers = own_headers(connection.headers)?;
        Ok(Self { client: ManuallyDrop::new(client), headers, is_slow: AtomicBool::new(false) })
    }

    /// Reads a body, so that caches keep it and the connection can be used again. Its content is not needed,
    /// and neither is its end.
    fn read_body(&self, mut body: reqwest::blocking::Response, is_wanted: bool) {
        let is_short = body.content_length().is_some_and(|length| length <= MAX_BODY as u64);
        if !is_wanted && (!is_short || self.is_slow.load(Ordering::Relaxed)) {
            return;
        }
        let start = Instant::now();
        let mut room = [0; 4096];
        let mut read = 0;
        while let Ok(bytes @ 1..) = body.read(&mut room) {
            read += bytes;
            if read > MAX_BODY || start.elapsed() > TIMEOUT {
                break;
            }
        }
        if start.elapsed() > TIMEOUT / 4 {
            self.is_slow.store(true, Ordering::Relaxed);
        }
    }
}

impl Server for HttpClient {
    fn ask(&self, exchange: &Exchange) -> Result<Response, Unreachable> {
        let method = if exchange.is_preflight() { Method::OPTIONS } else { Method::GET };
        let mut headers = HeaderMap::new();
        if !exchange.is_preflight() && exchange.is_authorized {
            headers = self.headers.clone();
        }
        headers.entry("accept").or_insert(HeaderValue::from_static("*/*"));
        for (name, value) in exchange.headers() {
            let value = HeaderValue::from_str(&value)
                .map_err(|_| Unreachable(format!("no request can have {name}: {value:?}")))?;
            headers.insert(name, value);
        }
        let answer = self
            .client
            .request(method, exchange.url.clone())
            .headers(headers)
            .send()
            .map_err(|error| Unreachable(describe(&error, "; --insecure takes any")))?;
        let lines = answer.headers().iter();
        let status = answer.status();
        if status.is_informational() {
            return Err(Unreachable(format!("the answer is {status}, which no request asked for")));
        }
        let response = Response {
            status: status.as_u16(),
            headers: lines
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect::<HeaderList>(),
        };
        self.read_body(answer, exchange.is_read);
        Ok(response)
    }
}

fn own_headers(own: &[OwnHeader]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for OwnHeader { name, value } in own {
        let invalid = |_| format!("--header: no request can have this value of {name}");
        let mut value = HeaderValue::from_str(value).map_err(invalid)?;
        value.set_sensitive(true);
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("--header: {name:?} is not the name of a header"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Takes the addresses that are about the URL. What is asked there, no proxy can know.
fn resolve(builder: ClientBuilder, url: &Url, list: &[Resolve]) -> Result<ClientBuilder, String> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let is_meant = |it: &&Resolve| it.host == host && it.address.port() == port;
    let addresses: Vec<_> = list.iter().filter(is_meant).map(|it| it.address).collect();
    if addresses.is_empty() {
        return Err(format!(
            "--resolve names another host or port than the URL; write {host}:{port}:ADDRESS"
        ));
    }
    match url.domain() {
        Some(domain) => Ok(builder.no_proxy().resolve_to_addrs(domain, &addresses)),
        None => {
            Err(format!("--resolve: {host} is an address already; put the other one into the URL"))
        }
    }
}

/// Says why there is no answer, and what to do where that is known. `untrusted` is the advice about a certificate that
/// is not trusted.
pub(crate) fn describe(error: &reqwest::Error, untrusted: &str) -> String {
    let cause = root_cause(error);
    if error.is_timeout() {
        return format!("no answer within {} seconds", TIMEOUT.as_secs());
    }
    if let Some(fault) = find::<rustls::Error>(error) {
        return match fault {
            rustls::Error::InvalidCertificate(_) => {
                format!("the certificate is not trusted ({fault}){untrusted}")
            }
            rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
                "TLS failed: the server answers in another protocol; if it is http, ask by http://"
                    .to_owned()
            }
            _ => format!("TLS failed: {fault}"),
        };
    }
    if error.is_connect() {
        return format!("cannot connect: {cause}");
    }
    format!("the answer is not HTTP, or ends early: {cause}")
}

/// The innermost error, as it is closest to what happened.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// An error and those that caused it. An [`io::Error`] hides the one that it was made of.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}
