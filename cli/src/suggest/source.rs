//! Where the status comes from.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::visible::visible;
use crate::input;

/// The most bytes of a status. 10,000 policies have 15 MB of counters, the table of the module has 2 MB of origins,
/// and JSON writes a control character of theirs in six bytes.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// The name of a source in messages.
pub(super) fn name(source: &str) -> String {
    if source == "-" { "<stdin>".to_owned() } else { visible(source) }
}

/// Reads the bytes of a status.
///
/// # Errors
///
/// Why they cannot be read: a sentence without its full stop.
pub(super) fn read(source: &str) -> Result<Vec<u8>, String> {
    if is_url(source) {
        return fetch(source);
    }
    if source.contains("://") {
        return Err("only http and https can be asked".to_owned());
    }
    let path = Path::new(source);
    let stream = match input::open_stream(path) {
        Some(stream) => stream,
        None => File::open(path).map(|file| Box::new(file) as _),
    };
    let stream = stream.map_err(|error| {
        let is_address = source.contains(':') || source.contains('/') && !path.has_root();
        let hint = if is_address { "; write http:// before it if it is an address" } else { "" };
        format!("{error}{hint}")
    })?;
    read_bounded(stream)
}

fn is_url(source: &str) -> bool {
    let has_scheme = |scheme: &str| {
        source.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    has_scheme("http://") || has_scheme("https://")
}

fn read_bounded(stream: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    stream.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_long());
    }
    Ok(bytes)
}

/// The sentence about a status that is too long.
pub(super) fn too_long() -> String {
    format!("it is longer than {} MiB, and no status of the module is", MAX_BYTES >> 20)
}

#[cfg(feature = "probe")]
fn fetch(url: &str) -> Result<Vec<u8>, String> {
    super::http::fetch(url)
}

#[cfg(not(feature = "probe"))]
fn fetch(_: &str) -> Result<Vec<u8>, String> {
    Err("this build has no HTTP client; give it the JSON: curl -H 'Accept: application/json' URL | \
         cors-policy suggest -"
        .to_owned())
}
