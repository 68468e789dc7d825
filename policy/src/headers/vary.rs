//! `Vary`: which request headers the response depends on, so that caches keep them apart.

use std::ops::BitOr;

/// A set of the request headers that a CORS answer can depend on.
///
/// It is sent in addition to what the response already varies on
/// ([RFC 9110, section 12.5.5](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.5)):
///
/// ```
/// use cors_policy::Vary;
///
/// let vary = Vary::ORIGIN;
/// assert_eq!(vary.without(b"Accept-Encoding").value(), Some("Origin"));
/// assert_eq!(vary.without(b"accept-encoding, origin").value(), None);
/// assert_eq!(vary.without(b"*").value(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vary(u8);

/// The name of each bit.
const NAMES: [&str; 4] = [
    "Origin",
    "Access-Control-Request-Method",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Private-Network",
];

impl Vary {
    /// The response is the same for every request.
    pub const NONE: Self = Self(0);
    /// `Origin`
    pub const ORIGIN: Self = Self(1);
    /// `Access-Control-Request-Method`
    pub const REQUEST_METHOD: Self = Self(2);
    /// `Access-Control-Request-Headers`
    pub const REQUEST_HEADERS: Self = Self(4);
    /// `Access-Control-Request-Private-Network`
    pub const REQUEST_PRIVATE_NETWORK: Self = Self(8);

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set without the names in one `Vary` line of the response, in any case. `*` names
    /// everything.
    pub fn without(self, existing_line: &[u8]) -> Self {
        if self.is_empty() {
            return self;
        }
        let mut rest = self.0;
        for element in existing_line.split(|byte| *byte == b',') {
            let name = element.trim_ascii();
            if name == b"*" {
                return Self::NONE;
            }
            for (bit, known) in NAMES.iter().enumerate() {
                if name.eq_ignore_ascii_case(known.as_bytes()) {
                    rest &= !(1 << bit);
                }
            }
        }
        Self(rest)
    }

    /// The value to send, or `None` for an empty set.
    pub const fn value(self) -> Option<&'static str> {
        macro_rules! list {
            ($first:literal $(, $name:literal)*) => {
                Some(concat!($first $(, ", ", $name)*))
            };
        }
        match self.0 {
            1 => list!("Origin"),
            2 => list!("Access-Control-Request-Method"),
            3 => list!("Origin", "Access-Control-Request-Method"),
            4 => list!("Access-Control-Request-Headers"),
            5 => list!("Origin", "Access-Control-Request-Headers"),
            6 => list!("Access-Control-Request-Method", "Access-Control-Request-Headers"),
            7 => list!("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"),
            8 => list!("Access-Control-Request-Private-Network"),
            9 => list!("Origin", "Access-Control-Request-Private-Network"),
            10 => list!("Access-Control-Request-Method", "Access-Control-Request-Private-Network"),
            11 => list!(
                "Origin",
                "Access-Control-Request-Method",
                "Access-Control-Request-Private-Network"
            ),
            12 => list!("Access-Control-Request-Headers", "Access-Control-Request-Private-Network"),
            13 => list!(
                "Origin",
                "Access-Control-Request-Headers",
                "Access-Control-Request-Private-Network"
            ),
            14 => list!(
                "Access-Control-Request-Method",
                "Access-Control-Request-Headers",
                "Access-Control-Request-Private-Network"
            ),
            15 => list!(
                "Origin",
                "Access-Control-Request-Method",
                "Access-Control-Request-Headers",
                "Access-Control-Request-Private-Network"
            ),
            _ => None,
        }
    }
}

impl BitOr for Vary {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Vary = Vary(7);

    #[test]
    fn the_value_of_each_set_lists_its_names() {
        for bits in 0..16 {
            let names: Vec<_> =
                (0..4).filter(|bit| bits & (1 << bit) != 0).map(|bit| NAMES[bit]).collect();
            let value = (bits != 0).then(|| names.join(", "));
            assert_eq!(Vary(bits).value(), value.as_deref(), "{bits}");
        }
    }

    #[test]
    fn what_the_response_already_names_is_not_repeated() {
        for (line, left) in [
            ("", Some("Origin, Access-Control-Request-Method, Access-Control-Request-Headers")),
            ("Accept-Encoding", ALL.value()),
            ("Origin-Agent-Cluster, XOrigin", ALL.value()),
            ("ORIGIN", Some("Access-Control-Request-Method, Access-Control-Request-Headers")),
            (
                "Accept ,\torigin , X",
                Some("Access-Control-Request-Method, Access-Control-Request-Headers"),
            ),
            ("origin,access-control-request-headers", Some("Access-Control-Request-Method")),
            (",,access-control-request-method,", Some("Origin, Access-Control-Request-Headers")),
            ("Origin, *", None),
            ("*", None),
            ("access-control-request-headers, access-control-request-method, origin", None),
        ] {
            assert_eq!(ALL.without(line.as_bytes()).value(), left, "{line:?}");
        }
        assert_eq!(Vary::NONE.without(b"Origin"), Vary::NONE);
    }
}
