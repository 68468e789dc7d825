//! A `serde::Deserializer` of values with their lines.

use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_yaml::{Mapping, Value};

use super::YamlError;
use super::lines::Lines;

/// The name by which [`Lined`] asks for a line.
const LINED: &str = "$lined";

/// A value and its line.
#[derive(Clone, Debug)]
pub(crate) struct Lined<T> {
    /// From 1.
    pub(crate) line: u32,
    pub(crate) value: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lined<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LinedVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for LinedVisitor<T> {
            type Value = Lined<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its line")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lined<T>, A::Error> {
                let missing = || de::Error::custom("a value without a line");
                let line = seq.next_element()?.ok_or_else(missing)?;
                let value = seq.next_element()?.ok_or_else(missing)?;
                Ok(Lined { line, value })
            }
        }

        deserializer.deserialize_newtype_struct(LINED, LinedVisitor(std::marker::PhantomData))
    }
}

impl de::Error for YamlError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self { line: None, text: text.to_string() }
    }
}

impl std::error::Error for YamlError {}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A value and where it stands. A structure is read from it by [`Located::parse`].
#[derive(Clone, Copy)]
pub(crate) struct Located<'de> {
    value: &'de Value,
    line: u32,
    /// `None` within what a merge key (`<<`) has copied.
    lines: Option<&'de Lines>,
}

impl<'de> Located<'de> {
    pub(super) fn new(value: &'de Value, lines: &'de Lines) -> Self {
        Self { value, line: lines.line, lines: Some(lines) }
    }

    /// The line, from 1.
    pub(crate) fn line(self) -> u32 {
        self.line
    }

    /// The value as a structure.
    ///
    /// # Errors
    ///
    /// If a value is none that the structure has there.
    pub(crate) fn parse<T: Deserialize<'de>>(self) -> Result<T, YamlError> {
        T::deserialize(self)
    }

    /// The value as text.
    pub(crate) fn text(self) -> Option<&'de str> {
        self.value.as_str()
    }

    /// The value of a key, if this is a mapping that has it.
    pub(crate) fn get(self, key: &str) -> Option<Self> {
        let value = self.value.get(key)?;
        Some(self.child(value, self.lines.and_then(|lines| lines.of(key))))
    }

    /// The text of a key, if this is a mapping that has it.
    pub(crate) fn text_of(self, key: &str) -> Option<&'de str> {
        self.get(key)?.text()
    }

    /// The values of a list; none, if this is no list.
    pub(crate) fn items(self) -> impl Iterator<Item = Self> {
        let list = self.value.as_sequence().map_or(&[][..], Vec::as_slice);
        list.iter().enumerate().map(move |(index, value)| {
            self.child(value, self.lines.and_then(|lines| lines.at(index)))
        })
    }

    /// The keys of a mapping that are texts, and their values; none, if this is no mapping.
    pub(crate) fn entries(self) -> impl Iterator<Item = (&'de str, Self)> {
        let entries = self.value.as_mapping().into_iter().flatten();
        entries.filter_map(move |(key, value)| {
            let key = key.as_str()?;
            Some((key, self.child(value, self.lines.and_then(|lines| lines.of(key)))))
        })
    }

    /// A value in this one.
    fn child(self, value: &'de Value, lines: Option<&'de Lines>) -> Self {
        Self { value, line: lines.map_or(self.line, |lines| lines.line), lines }
    }

    /// An error of this value, or of one in it, whose line is known then.
    fn locate(self, error: YamlError) -> YamlError {
        YamlError { line: error.line.or(Some(self.line)), ..error }
    }

    fn unexpected(self) -> Unexpected<'de> {
        match self.value {
            Value::Null => Unexpected::Other("no value"),
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(_) => Unexpected::Other("a number"),
            Value::String(text) => Unexpected::Str(text),
            Value::Sequence(_) => Unexpected::Seq,
            Value::Mapping(_) => Unexpected::Map,
            Value::Tagged(_) => Unexpected::Other("a tag"),
        }
    }
}

impl<'de> Deserializer<'de> for Located<'de> {
    type Error = YamlError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_i64(number),
                (None, Some(number), _) => visitor.visit_u64(number),
                (None, None, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Sequence(list) => visitor.visit_seq(List { parent: self, list, next: 0 }),
            Value::Mapping(map) => {
                visitor.visit_map(Map { parent: self, entries: map.iter(), value: None })
            }
            Value::Tagged(_) => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
        }
        .map_err(|error| self.locate(error))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|error| self.locate(error))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        if name == LINED {
            visitor.visit_seq(LineAndValue { located: self, next: 0 })
        } else {
            visitor.visit_newtype_struct(self)
        }
        .map_err(|error| self.locate(error))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier
    }
}

struct List<'de> {
    parent: Located<'de>,
    list: &'de [Value],
    next: usize,
}

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = YamlError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, YamlError> {
        let Some(value) = self.list.get(self.next) else {
            return Ok(None);
        };
        let lines = self.parent.lines.and_then(|lines| lines.at(self.next));
        self.next += 1;
        seed.deserialize(self.parent.child(value, lines)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len() - self.next)
    }
}

struct Map<'de> {
    parent: Located<'de>,
    entries: <&'de Mapping as IntoIterator>::IntoIter,
    value: Option<Located<'de>>,
}

impl<'de> MapAccess<'de> for Map<'de> {
    type Error = YamlError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, YamlError> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        let lines = key.as_str().and_then(|key| self.parent.lines?.of(key));
        self.value = Some(self.parent.child(value, lines));
        seed.deserialize(self.parent.child(key, None)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, YamlError> {
        let value = self.value.take().ok_or_else(|| de::Error::custom("a value without a key"))?;
        seed.deserialize(value)
    }
}

/// A line, and the value there.
struct LineAndValue<'de> {
    located: Located<'de>,
    next: u8,
}

impl<'de> SeqAccess<'de> for LineAndValue<'de> {
    type Error = YamlError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, YamlError> {
        self.next += 1;
        match self.next {
            1 => seed.deserialize(self.located.line.into_deserializer()).map(Some),
            2 => seed.deserialize(self.located).map(Some),
            _ => Ok(None),
        }
    }
}
