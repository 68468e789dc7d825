//! Asking a server for its status.

use std::io::Read;
use std::time::{Duration, Instant};

use reqwest::Url;
use reqwest::blocking::{Client, Response};

use super::source::{MAX_BYTES, too_long};
use super::visible::visible;
use crate::probe::client::{describe, root_cause};

/// The longest time to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks for the JSON of a status page.
///
/// # Errors
///
/// Why there is none: a sentence without its full stop.
pub(super) fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let url = address(url)?;
    // It fails only if there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let start = Instant::now();
    let client = Client::builder()
        .user_agent(concat!("cors-policy/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| root_cause(&error))?;
    let answer = client
        .get(url)
        .header("accept", "application/json")
        .send()
        .map_err(|error| visible(&describe(&error, "")))?;
    let status = answer.status().as_u16();
    match status {
        200 => read(answer, start),
        300..=399 => Err(format!(
            "the status of the answer is {status}, and redirects are not followed; give the address \
             of the page itself"
        )),
        _ => Err(format!(
            "the status of the answer is {status}, not 200; give the address of a location with \
             cors_policy_status that this machine may read"
        )),
    }
}

/// The address of the JSON.
fn address(url: &str) -> Result<Url, String> {
    let mut url = Url::parse(url).map_err(|error| format!("this is not a URL: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the URL has a user or a password; save the JSON with another client, and give \
                    the file"
                .to_owned(),
        );
    }
    url.set_fragment(None);
    if !url.query_pairs().any(|(name, _)| name == "format") {
        url.query_pairs_mut().append_pair("format", "json");
    }
    Ok(url)
}

fn read(mut answer: Response, start: Instant) -> Result<Vec<u8>, String> {
    let (mut bytes, mut room) = (Vec::new(), [0; 16 << 10]);
    loop {
        let length = answer
            .read(&mut room)
            .map_err(|error| format!("the answer ends early: {}", visible(&root_cause(&error))))?;
        if length == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&room[..length]);
        if bytes.len() as u64 > MAX_BYTES {
            return Err(too_long());
        }
        if start.elapsed() > TIMEOUT {
            return Err(format!("the answer takes longer than {} seconds", TIMEOUT.as_secs()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn the_format_is_added_unless_the_query_has_one() {
        for (given, asked) in [
            ("http://a/status", "http://a/status?format=json"),
            ("http://a/status?x=1#top", "http://a/status?x=1&format=json"),
            ("http://a/status?format=text", "http://a/status?format=text"),
            ("http://a/status?informat=1", "http://a/status?informat=1&format=json"),
        ] {
            assert_eq!(address(given).unwrap().as_str(), asked);
        }
        assert!(address("http://me:secret@a/").unwrap_err().contains("password"));
        assert!(address("http://").is_err());
    }
}
