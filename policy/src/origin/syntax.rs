//! The syntax of a serialized tuple origin.
//!
//! [URL standard, host serializing](https://url.spec.whatwg.org/#host-serializing) and
//! [HTML standard, serialization of an origin](https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin).

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str;

use memchr::memmem;

const MAX_SCHEME_LEN: usize = 64;
const MAX_HOST_LEN: usize = 253;
const MAX_LABEL_LEN: usize = 63;

/// The longest `Origin` header value, in bytes, that anything but `*` matches: a scheme of 64, a
/// host of 253 (RFC 1035, section 2.3.4), a port of five digits, and the separators.
pub const MAX_ORIGIN_LEN: usize = MAX_SCHEME_LEN + "://".len() + MAX_HOST_LEN + ":65535".len();

/// A well-formed tuple origin, as the Fetch standard
/// [serializes a request's origin](https://fetch.spec.whatwg.org/#serializing-a-request-origin).
///
/// Stricter than the URL standard in one respect: a host consists of labels of `a-z`, `0-9`, `-`
/// and `_`. Browsers also accept bytes such as `!`, `&` or a backtick. No public name has them, and
/// they have helped attackers past careless patterns.
///
/// Shells of desktops and phones also send origins without a host: `capacitor://`, `app://.` and
/// `file://`. The schemes of the web have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    bytes: &'a [u8],
    scheme: &'a [u8],
    host: &'a [u8],
    port: Option<u16>,
}

impl<'a> Origin<'a> {
    /// Splits an origin into its parts. `None` unless the bytes are exactly one well-formed tuple
    /// origin. Never allocates.
    ///
    /// ```
    /// use cors_policy::origin::Origin;
    ///
    /// let origin = Origin::parse(b"https://app.example.com:8443").unwrap();
    /// assert_eq!(origin.scheme(), b"https");
    /// assert_eq!(origin.host(), b"app.example.com");
    /// assert_eq!(origin.port(), Some(8443));
    /// assert!(Origin::parse(b"https://app.example.com:443").is_none());
    /// ```
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > MAX_ORIGIN_LEN {
            return None;
        }
        let (scheme, rest) = split_scheme(bytes)?;
        let (host, port) = split_port(rest);
        let port = match port {
            None => None,
            Some(digits) => Some(parse_port(digits, scheme)?),
        };
        let is_origin = (is_origin_scheme(scheme) && is_host(host, scheme))
            || (port.is_none() && is_no_host(host, scheme));
        is_origin.then_some(Self { bytes, scheme, host, port })
    }

    /// The whole origin, byte for byte as it was parsed.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The scheme, without the colon.
    pub fn scheme(&self) -> &'a [u8] {
        self.scheme
    }

    /// The host; an IPv6 address is in brackets. Empty or `.` if the origin has no host.
    pub fn host(&self) -> &'a [u8] {
        self.host
    }

    /// Whether the origin has a host.
    pub fn has_host(&self) -> bool {
        !matches!(self.host, b"" | b".")
    }

    /// Whether this is `file://`, which some shells send for every page that they open as a file.
    pub fn is_file(&self) -> bool {
        self.scheme == b"file"
    }

    /// The port, or `None` for the scheme's default port, which is never written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether a request with this value of the `Host` header (RFC 9110, section 7.2) went to the host
    /// and port of this origin. A missing port means the default port of the origin's scheme, because
    /// a server behind a proxy does not know which scheme its client used. Only `http` and `https`
    /// origins can be same-origin with a request.
    pub fn is_same_origin_as_host(&self, host_header: &[u8]) -> bool {
        matches!(self.scheme, b"http" | b"https")
            && is_same_host(self.scheme, self.host, self.port, host_header)
    }
}

/// Whether a value of the `Host` header names the host and port of an origin with these parts. A
/// missing port is the default port of the scheme. Case does not matter.
pub(crate) fn is_same_host(
    scheme: &[u8],
    host: &[u8],
    port: Option<u16>,
    host_header: &[u8],
) -> bool {
    let (named, digits) = split_port(host_header);
    let named_port = match digits {
        // RFC 3986, section 3.2.3: an empty port is the default one.
        None | Some(b"") => None,
        Some(digits) => match parse_number(digits) {
            Some(port) => Some(port).filter(|_| default_port(scheme) != Some(port)),
            None => return false,
        },
    };
    port == named_port && host.eq_ignore_ascii_case(named)
}

/// The scheme, and the rest after `://`.
pub(crate) fn split_scheme(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    // PERF: nearly all origins have this scheme. Without a search for the colon, a lookup among wildcards
    // costs 44 instructions less.
    if let Some(rest) = bytes.strip_prefix(b"https://") {
        return Some((b"https", rest));
    }
    let end = bytes.iter().position(|&byte| byte == b':')?;
    Some((&bytes[..end], bytes[end..].strip_prefix(b"://")?))
}

/// The host and the port. The port is the digits after a final colon, and can be empty.
pub(crate) fn split_port(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    let digits = authority.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, port) = authority.split_at(authority.len() - digits);
    match before.strip_suffix(b":") {
        Some(host) => (host, Some(port)),
        None => (authority, None),
    }
}

/// A port as origins write it: decimal, from 1, not the default one of the scheme.
pub(crate) fn parse_port(digits: &[u8], scheme: &[u8]) -> Option<u16> {
    let port = parse_number(digits)?;
    (digits[0] != b'0' && default_port(scheme) != Some(port)).then_some(port)
}

fn parse_number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    u16::try_from(value).ok()
}

/// The default ports of the URL standard's
/// [special schemes](https://url.spec.whatwg.org/#special-scheme).
pub(crate) fn default_port(scheme: &[u8]) -> Option<u16> {
    match scheme {
        b"http" | b"ws" => Some(80),
        b"https" | b"wss" => Some(443),
        b"ftp" => Some(21),
        _ => None,
    }
}

/// A scheme of RFC 3986, section 3.1, in lower case, that has origins with a host: those of `file`
/// have none.
pub(crate) fn is_origin_scheme(scheme: &[u8]) -> bool {
    matches!(scheme, b"https" | b"http")
        || is_scheme(scheme)
            && scheme.len() <= MAX_SCHEME_LEN
            && scheme != b"file"
            && !is_never_an_origin(scheme)
}

/// Whether no page has an origin with this scheme. The handshake of a WebSocket carries the origin of
/// its page (RFC 6455, section 10.2). Pages of the other schemes have an opaque origin, or the one of
/// the page that opened them (URL standard, [origin](https://url.spec.whatwg.org/#origin)).
pub(crate) fn is_never_an_origin(scheme: &[u8]) -> bool {
    matches!(scheme, b"ws" | b"wss" | b"data" | b"javascript" | b"blob" | b"about")
}

/// Whether origins of this scheme are written so where they have no host: `app://`, `app://.` and
/// `file://`. The URL standard's special schemes always have a host, but for `file`.
pub(crate) fn is_no_host(host: &[u8], scheme: &[u8]) -> bool {
    match host {
        b"" if scheme == b"file" => true,
        b"" | b"." => is_origin_scheme(scheme) && default_port(scheme).is_none(),
        _ => false,
    }
}

pub(crate) fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_lowercase)
        && scheme.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}

/// A host as the scheme's origins write it.
pub(crate) fn is_host(host: &[u8], scheme: &[u8]) -> bool {
    match host {
        [b'[', address @ .., b']'] => is_canonical_ipv6(address),
        _ => is_name(host) && (!has_addresses(scheme, host) || is_canonical_ipv4(host)),
    }
}

/// A host name that is not an address.
pub(crate) fn is_named_host(host: &[u8], scheme: &[u8]) -> bool {
    is_name(host) && !has_addresses(scheme, host)
}

/// Labels of 1 to 63 bytes, 253 together.
fn is_name(host: &[u8]) -> bool {
    let mut label = 0;
    for &byte in host {
        if is_label_byte(byte) {
            label += 1;
        } else if byte == b'.' && is_label_length(label) {
            label = 0;
        } else {
            return false;
        }
    }
    is_label_length(label) && is_host_length(host.len())
}

/// Whether the URL standard reads this host as an IPv4 address, in any form: the scheme is special,
/// and the host
/// [ends in a number](https://url.spec.whatwg.org/#ends-in-a-number-checker).
pub(crate) fn has_addresses(scheme: &[u8], host: &[u8]) -> bool {
    let start = host.iter().rposition(|&byte| byte == b'.').map_or(0, |dot| dot + 1);
    let is_number = match &host[start..] {
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        [b'0'..=b'9', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_number && default_port(scheme).is_some()
}

pub(crate) fn is_label_byte(byte: u8) -> bool {
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = matches!(byte as u8, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
            byte += 1;
        }
        table
    };
    TABLE[usize::from(byte)]
}

pub(crate) fn is_label_length(length: usize) -> bool {
    (1..=MAX_LABEL_LEN).contains(&length)
}

pub(crate) fn is_host_length(length: usize) -> bool {
    length <= MAX_HOST_LEN
}

/// Whether each label that claims to be punycode can be decoded (RFC 3492, section 6.2), where the
/// scheme is special. Browsers refuse other hosts. The text is an origin, or a pattern of origins.
pub(crate) fn has_sound_punycode(text: &str) -> bool {
    // A long list is searched for the prefix, and nothing more is done about most of it.
    if memmem::find(text.as_bytes(), PUNYCODE_PREFIX.as_bytes()).is_none() {
        return true;
    }
    let Some((scheme, authority)) = text.split_once("://") else { return true };
    let host = authority.split(':').next().unwrap_or_default();
    default_port(scheme.as_bytes()).is_none() || unsound_punycode(host).is_none()
}

/// The first label that claims to be punycode and cannot be decoded.
pub(crate) fn unsound_punycode(host: &str) -> Option<&str> {
    host.split('.').find(|label| {
        // A label with a `*` is not converted.
        !label.contains('*')
            && label
                .strip_prefix(PUNYCODE_PREFIX)
                .is_some_and(|encoded| idna::punycode::decode(encoded).is_none())
    })
}

/// The prefix of a label in punycode (RFC 5890, section 2.3.2.1).
const PUNYCODE_PREFIX: &str = "xn--";

pub(crate) fn is_scheme_length(length: usize) -> bool {
    length <= MAX_SCHEME_LEN
}

fn is_canonical_ipv4(host: &[u8]) -> bool {
    // The standard library takes nothing but dotted quads of decimal numbers without leading zeros.
    str::from_utf8(host).is_ok_and(|host| host.parse::<Ipv4Addr>().is_ok())
}

fn is_canonical_ipv6(address: &[u8]) -> bool {
    str::from_utf8(address).ok().and_then(|address| address.parse().ok()).is_some_and(|parsed| {
        let mut rest = Remainder(address);
        write_ipv6(parsed, &mut rest).is_ok() && rest.0.is_empty()
    })
}

/// Writes an address as the URL standard's
/// [IPv6 serializer](https://url.spec.whatwg.org/#concept-ipv6-serializer) does: compressed as in
/// RFC 5952, but never with a dotted quad at the end.
pub(crate) fn write_ipv6(address: Ipv6Addr, out: &mut impl Write) -> fmt::Result {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => write!(out, "::ffff:{high:x}:{low:x}"),
        _ => write!(out, "{address}"),
    }
}

/// The rest of some bytes after those written so far. Writing other bytes fails.
struct Remainder<'a>(&'a [u8]);

impl Write for Remainder<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text.as_bytes()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// Whether traffic to this host stays on the browser's machine, where nobody else can read or change
/// it: names that resolve to the machine itself (RFC 6761, section 6.3) and loopback addresses.
pub(crate) fn is_local_host(host: &[u8]) -> bool {
    host == b"localhost"
        || host.ends_with(b".localhost")
        || host == b"[::1]"
        || str::from_utf8(host)
            .ok()
            .and_then(|host| host.parse::<Ipv4Addr>().ok())
            .is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_is_written_as_the_url_standard_does() {
        for (address, text) in [
            ("0:0:0:0:0:0:0:1", "::1"),
            ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("::ffff:127.0.0.1", "::ffff:7f00:1"),
            ("::127.0.0.1", "::7f00:1"),
            ("::", "::"),
        ] {
            let mut written = String::new();
            write_ipv6(address.parse().unwrap(), &mut written).unwrap();
            assert_eq!(written, text);
        }
    }

    #[test]
    fn same_origin_as_the_host_header() {
        let same = |origin: &str, host: &str| {
            Origin::parse(origin.as_bytes()).unwrap().is_same_origin_as_host(host.as_bytes())
        };
        for (origin, host) in [
            ("https://a.example", "a.example"),
            ("https://a.example", "A.Example"),
            ("https://a.example", "a.example:443"),
            ("https://a.example", "a.example:"),
            ("http://a.example", "a.example:80"),
            ("http://a.example:8080", "a.example:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("http://[::1]", "[::1]"),
        ] {
            assert!(same(origin, host), "{origin} and {host}");
        }
        for (origin, host) in [
            ("https://a.example", "b.example"),
            ("https://a.example", "a.example:80"),
            ("https://a.example", "a.example:8443"),
            ("https://a.example", "a.example."),
            ("https://a.example", ""),
            ("https://a.example", "a.example:x"),
            ("https://a.example", "a.example:99999"),
            ("https://a.example:8443", "a.example"),
            ("https://a.example:8443", "a.example:443"),
            ("app://a.example", "a.example"),
        ] {
            assert!(!same(origin, host), "{origin} and {host}");
        }
    }
}
