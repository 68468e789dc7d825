//! Scalars and lists as configurations write them: `true` and `"true"`, `600` and `"600"`, one text and
//! a list of one.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::Lined;

/// A text; a number or a boolean as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

/// A boolean, also in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

/// Seconds; also `24h` or `1m30s`, as Go and Protocol Buffers write durations. Fractions are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) i64);

/// A list of texts, each with its line. A single text is a list of one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts(pub(crate) Vec<Lined<String>>);

impl Texts {
    /// The texts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|text| text.value.as_str())
    }

    /// Whether a text is among them.
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.iter().any(|other| other == text)
    }
}

/// Passes every scalar on as text.
struct Scalar<T> {
    expected: &'static str,
    read: fn(&str) -> Option<T>,
}

impl<T> Scalar<T> {
    fn value<E: de::Error>(&self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::custom(format!("\"{text}\" is not {}", self.expected)))
    }
}

impl<T> Visitor<'_> for Scalar<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<T, E> {
        self.value(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        self.value(&value.to_string())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        self.value(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        self.value(&value.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.value(text)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| Some(Self(text.to_owned()));
        deserializer.deserialize_any(Scalar { expected: "a text", read })
    }
}

impl Flag {
    /// Reads a text. YAML 1.1, which the readers of Go follow, has more words than `true` and `false`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(Self(true)),
            "false" | "no" | "off" => Some(Self(false)),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar { expected: "true or false", read: Self::read })
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar { expected: "a time in seconds", read: Self::read })
    }
}

impl Seconds {
    /// Reads a number or a duration.
    pub(crate) fn read(text: &str) -> Option<Self> {
        seconds(text).map(Self)
    }
}

fn seconds(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "" | "s" => 1.0,
            "ms" => 0.001,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        rest = &rest[end..];
        total += number * unit;
    }
    // Saturates.
    (!text.is_empty()).then_some((sign * total) as i64)
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrOne;

        impl<'de> Visitor<'de> for ListOrOne {
            type Value = Vec<Lined<Text>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(vec![Lined { line: 0, value: Text(text.to_owned()) }])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element()? {
                    texts.push(text);
                }
                Ok(texts)
            }
        }

        struct Inner(Vec<Lined<Text>>);

        impl<'de> Deserialize<'de> for Inner {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ListOrOne).map(Inner)
            }
        }

        let Lined { line, value: Inner(texts) } = Lined::<Inner>::deserialize(deserializer)?;
        let lined = |text: Lined<Text>| Lined {
            line: if text.line == 0 { line } else { text.line },
            value: text.value.0,
        };
        Ok(Self(texts.into_iter().map(lined).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds() {
        for (text, expected) in [
            ("600", Some(600)),
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("24h", Some(86_400)),
            ("1m30s", Some(90)),
            ("1h15m30.918273645s", Some(4530)),
            ("500ms", Some(0)),
            ("3.5", Some(3)),
            ("1e400", None),
            ("", None),
            ("-", None),
            ("h", None),
            ("ten", None),
            ("5 m", None),
            ("99999999999999999999999h", Some(i64::MAX)),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
