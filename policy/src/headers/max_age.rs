//! `Access-Control-Max-Age`: how long a browser may cache the answer to a preflight.

use thiserror::Error;

use super::OwnedFieldValue;

/// The most that is sent, in seconds. No browser caches for longer: Firefox caps the time at 86400,
/// Chromium at 7200 and WebKit at 600.
const CAP: u64 = 86_400;

/// Whole seconds, at most a day. `0` turns caching off.
///
/// See [Fetch, "HTTP responses"](https://fetch.spec.whatwg.org/#http-access-control-max-age).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxAge {
    seconds: u32,
    /// Whether more was written than is sent.
    pub(crate) is_capped: bool,
}

/// The reason why a text cannot be `max_age`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MaxAgeError {
    /// It is neither seconds nor a time in nginx's notation.
    #[error("not a time")]
    NotATime,
    /// It has a fraction.
    #[error("Access-Control-Max-Age has no fractions of a second")]
    Fraction,
    /// It is below zero.
    #[error("a time below zero")]
    Negative,
}

impl MaxAgeError {
    /// Advice on what to write instead.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotATime => {
                "write seconds, or units from large to small, as in 600, 10m or 1h30m"
            }
            Self::Fraction => "write whole seconds, as in 600, or 10m",
            Self::Negative => "write 0, which turns caching of preflights off",
        }
        .into()
    }
}

impl MaxAge {
    /// Reads seconds, or a time as in nginx's directives: `90`, `10m`, `1h 30m`. Units are
    /// `y M w d h m s`, from large to small, each at most once, with optional spaces in between. The
    /// last number needs no unit
    /// ([nginx, "Configuration file measurement units"](https://nginx.org/en/docs/syntax.html)).
    /// More than a day becomes a day.
    pub(crate) fn parse(text: &str) -> Result<Self, MaxAgeError> {
        match parse_time(text) {
            Some(seconds) => {
                Ok(Self { seconds: seconds.min(CAP) as u32, is_capped: seconds > CAP })
            }
            None => Err(match text.strip_prefix('-') {
                Some(positive) if positive.parse::<f64>().is_ok() => MaxAgeError::Negative,
                Some(positive) if parse_time(positive).is_some() => MaxAgeError::Negative,
                _ if text.parse::<f64>().is_ok() && text.contains('.') => MaxAgeError::Fraction,
                _ => MaxAgeError::NotATime,
            }),
        }
    }

    pub(crate) fn value(self) -> OwnedFieldValue {
        OwnedFieldValue::Ready(self.seconds.to_string().into())
    }
}

/// Seconds, saturating, or `None` if `text` is not a time.
fn parse_time(text: &str) -> Option<u64> {
    const UNITS: [(u8, u64); 7] = [
        (b'y', 365 * 86_400),
        (b'M', 30 * 86_400),
        (b'w', 7 * 86_400),
        (b'd', 86_400),
        (b'h', 3_600),
        (b'm', 60),
        (b's', 1),
    ];
    let mut units = &UNITS[..];
    let mut rest = text.as_bytes();
    let mut total = 0_u64;
    loop {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let (number, tail) = rest.split_at(digits);
        let number = number.iter().fold(0_u64, |number, digit| {
            number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
        });
        let Some((unit, tail)) = tail.split_first() else {
            return Some(total.saturating_add(number));
        };
        let position = units.iter().position(|(letter, _)| letter == unit)?;
        total = total.saturating_add(number.saturating_mul(units[position].1));
        units = &units[position + 1..];
        rest = tail.trim_ascii_start();
        if rest.is_empty() {
            return Some(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_nginx_reads_them() {
        for (text, seconds) in [
            ("0", 0),
            ("600", 600),
            ("0600", 600),
            ("10m", 600),
            ("1h30m", 5400),
            ("1h 30m", 5400),
            ("1h 30", 3630),
            ("1h30", 3630),
            ("90s", 90),
            ("1d", 86400),
            ("86400", 86400),
            ("0y1h", 3600),
        ] {
            let expected = MaxAge { seconds, is_capped: false };
            assert_eq!(MaxAge::parse(text), Ok(expected), "{text:?}");
        }
        for text in ["86401", "25h", "1w", "99999999999999999999999", "99999999999999999999y"] {
            let expected = MaxAge { seconds: 86_400, is_capped: true };
            assert_eq!(MaxAge::parse(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_a_time() {
        for (text, error) in [
            ("", MaxAgeError::NotATime),
            ("m", MaxAgeError::NotATime),
            ("ten minutes", MaxAgeError::NotATime),
            ("10 m", MaxAgeError::NotATime),
            ("10ms", MaxAgeError::NotATime),
            ("10m1h", MaxAgeError::NotATime),
            ("1m1m", MaxAgeError::NotATime),
            ("10min", MaxAgeError::NotATime),
            ("0x10", MaxAgeError::NotATime),
            ("+5", MaxAgeError::NotATime),
            ("1e3", MaxAgeError::NotATime),
            (" 5", MaxAgeError::NotATime),
            ("-1", MaxAgeError::Negative),
            ("-10m", MaxAgeError::Negative),
            ("1.5", MaxAgeError::Fraction),
        ] {
            assert_eq!(MaxAge::parse(text), Err(error), "{text:?}");
        }
    }
}
