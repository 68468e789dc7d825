//! The command line of `cors-policy probe`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use cors_policy::origin::Origin;

use super::{ReportFormat, header_value};

#[derive(clap::Args)]
pub(crate) struct ProbeArgs {
    /// Address to ask, as a page would: http or https
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Policy document (YAML): compare what browsers read now and with this policy in force; `-` is
    /// standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Name of the policy; may be left out if the document has only one
    #[arg(long, value_name = "NAME", requires = "file")]
    pub(crate) policy: Option<String>,

    /// Origin of pages that read from this server, such as https://app.example.com; may be repeated
    ///
    /// The more of them are known, the more is found: most mistakes are about names that look like one
    /// that is allowed.
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = origin)]
    pub(crate) origins: Vec<String>,

    /// Header to send with every request but preflights, such as 'Authorization: Bearer …'; may be
    /// repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<OwnHeader>,

    /// Time between an answer and the next request, one at a time then: seconds, or a number with
    /// ms, s or m
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = delay)]
    pub(crate) delay: Duration,

    /// Take any certificate
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Ask the server at this address for a host and port of the URL; may be repeated
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    pub(crate) resolve: Vec<Resolve>,

    /// Form of the report: for people, or one JSON object
    #[arg(long, default_value = "text")]
    pub(crate) format: ReportFormat,
}

/// A request header that the user gives. Its value may be a secret, and is printed nowhere.
#[derive(Clone)]
pub(crate) struct OwnHeader {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Headers that say who asks and how. The probe or its HTTP client sets them.
const RESERVED: [&str; 10] = [
    "user-agent",
    "origin",
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
];

impl FromStr for OwnHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once(':')
            .ok_or("no colon; write a name and a value, as in 'Authorization: Bearer 1234'")?;
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("{name:?} is not the name of a header"));
        }
        let lower = name.to_ascii_lowercase();
        if lower == "origin" {
            return Err("the probe sets Origin; name further origins by --origin".to_owned());
        }
        if lower == "host" {
            return Err("the probe sets Host; choose another server by --resolve".to_owned());
        }
        let is_of_fetch =
            ["access-control-request-", "sec-fetch-"].iter().any(|it| lower.starts_with(it));
        if RESERVED.contains(&&*lower) || is_of_fetch {
            return Err(format!("the probe sets {name} itself"));
        }
        let value = header_value(value.trim())?;
        Ok(Self { name: lower, value })
    }
}

/// Where a host and port are to be asked, instead of what the name resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolve {
    pub(crate) host: String,
    pub(crate) address: SocketAddr,
}

impl FromStr for Resolve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write HOST:PORT:ADDRESS, as in api.example.com:443:192.0.2.1";
        let (host, rest) = match text.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
            Some((host, rest)) => (format!("[{host}]"), rest),
            None => {
                let (host, rest) = text.split_once(':').ok_or(FORM)?;
                (host.to_ascii_lowercase(), rest)
            }
        };
        let (port, address) = rest.split_once(':').ok_or(FORM)?;
        let port: u16 = port.parse().map_err(|_| format!("{port:?} is not a port; {FORM}"))?;
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let ip: IpAddr = bare
            .unwrap_or(address)
            .parse()
            .map_err(|_| format!("{address:?} is not an IP address; {FORM}"))?;
        Ok(Self { host, address: SocketAddr::new(ip, port) })
    }
}

/// An origin that a browser can send.
fn origin(text: &str) -> Result<String, String> {
    if text == "null" || Origin::parse(text.as_bytes()).is_some() {
        return Ok(text.to_owned());
    }
    Err(match cors_policy::origin::OriginPattern::parse(text) {
        Err(error) => format!("{error}; {}", error.remedy()),
        Ok(_) => "this is a pattern; write one origin, such as https://app.example.com".to_owned(),
    })
}

/// The longest time between two requests.
const MAX_DELAY: Duration = Duration::from_secs(60);

fn delay(text: &str) -> Result<Duration, String> {
    const FORM: &str = "write seconds, or a number with a unit: 0.5, 200ms, 2s, 1m";
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        _ => return Err(FORM.to_owned()),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = digits.parse().ok().filter(|_| is_number).ok_or(FORM)?;
    Duration::try_from_secs_f64(number * unit)
        .ok()
        .filter(|delay| *delay <= MAX_DELAY)
        .ok_or_else(|| format!("{text} is longer than a minute"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_a_name_and_a_value_that_the_probe_does_not_set() {
        let header: OwnHeader = "Authorization: Bearer a:b ".parse().unwrap();
        assert_eq!((&*header.name, &*header.value), ("authorization", "Bearer a:b"));
        for (text, why) in [
            ("Authorization", "no colon"),
            (": x", "not the name"),
            ("X A: x", "not the name"),
            ("origin: https://a.example", "--origin"),
            ("Host: a.example", "--resolve"),
            ("Access-Control-Request-Method: PUT", "itself"),
            ("Sec-Fetch-Site: same-origin", "itself"),
            ("Content-Length: 5", "itself"),
            ("User-Agent: Mozilla", "itself"),
            ("X-A: a\nX-B: b", "control character"),
        ] {
            let error = text.parse::<OwnHeader>().err().unwrap_or_default();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn addresses_are_those_of_curl() {
        for (text, host, address) in [
            ("api.Example.com:443:192.0.2.1", "api.example.com", "192.0.2.1:443"),
            ("a:8443:::1", "a", "[::1]:8443"),
            ("a:8443:[::1]", "a", "[::1]:8443"),
            ("[::1]:80:127.0.0.1", "[::1]", "127.0.0.1:80"),
        ] {
            let expected = Resolve { host: host.to_owned(), address: address.parse().unwrap() };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "a", "a:80", "a:b:127.0.0.1", "a:80:b", "a:80:", "a:70000:::1"] {
            assert!(text.parse::<Resolve>().is_err(), "{text}");
        }
    }

    #[test]
    fn delays_are_seconds_or_have_a_unit() {
        for (text, milliseconds) in
            [("0", 0), ("0.25", 250), ("200ms", 200), ("2s", 2000), ("1m", 60_000)]
        {
            assert_eq!(delay(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "ms", "-1", "1h", "61", "inf", "NaN", "1e3", "1.2.3"] {
            assert!(delay(text).is_err(), "{text}");
        }
    }
}
