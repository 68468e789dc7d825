//! The formats, and which one a client gets.

/// A format of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Text,
    /// JSON.
    Json,
    /// A page.
    Html,
}

impl Format {
    /// The format that a query names; `None` for another name.
    pub fn of_name(name: &[u8]) -> Option<Self> {
        match name {
            b"text" | b"prometheus" => Some(Self::Text),
            b"json" => Some(Self::Json),
            b"html" => Some(Self::Html),
            _ => None,
        }
    }

    /// The format that the `Accept` lines of a request prefer ([RFC 9110, section
    /// 12.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1)). Without such a line, or if they name none
    /// of the formats, that is text: Prometheus gets it whatever it asks for.
    pub fn preferred<'a>(accept: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        // The first of those with the same weight counts.
        let mut best = (Self::Text, 0);
        for format in [Self::Text, Self::Json, Self::Html] {
            let ranges = accept.clone().flat_map(|line| line.split(|byte| *byte == b','));
            // The most specific range that covers the type has its weight (the same section).
            let weight = ranges.filter_map(|range| format.weight(range)).max();
            match weight {
                Some((_, weight)) if weight > best.1 => best = (format, weight),
                _ => {}
            }
        }
        best.0
    }

    /// How specific a media range is if it covers the format, and its weight, in thousandths.
    fn weight(self, range: &[u8]) -> Option<(u8, u16)> {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let (kind, subtype) = self.media_type();
        let name = parts.next()?.to_ascii_lowercase();
        let specific = match name.split(|byte| *byte == b'/').collect::<Vec<_>>()[..] {
            [b"*", b"*"] => 0,
            [one, b"*"] if one == kind.as_bytes() => 1,
            [one, two] if one == kind.as_bytes() && two == subtype.as_bytes() => 2,
            _ => return None,
        };
        let quality = parts.find_map(|part| {
            let (name, value) = part.split_at_checked(2)?;
            name.eq_ignore_ascii_case(b"q=").then(|| thousandths(value))
        });
        Some((specific, quality.unwrap_or(1000)))
    }

    fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("text", "plain"),
            Self::Json => ("application", "json"),
            Self::Html => ("text", "html"),
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// A weight; what is not one counts as 0.
fn thousandths(value: &[u8]) -> u16 {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let weight = text.parse::<f32>().unwrap_or_default();
    // Not a number becomes 0.
    (weight.clamp(0.0, 1.0) * 1000.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_which_format() {
        for (client, accept, format) in [
            ("none", &[][..], Format::Text),
            ("curl", &["*/*"][..], Format::Text),
            (
                "Prometheus",
                &["application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;\
                   version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"],
                Format::Text,
            ),
            (
                "Chromium",
                &["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"],
                Format::Html,
            ),
            ("a program", &["application/json"], Format::Json),
            ("the axios of a program", &["application/json, text/plain, */*"], Format::Text),
            ("JSON first", &["application/json, text/plain;q=0.9"], Format::Json),
            ("two lines", &["text/plain;q=0.5", "Application/JSON;Q=0.6"], Format::Json),
            ("everything but text", &["*/*, text/plain;q=0"], Format::Json),
            ("everything of text", &["text/*;q=0.3, text/plain;q=0.1"], Format::Html),
            ("something else", &["image/png"], Format::Text),
            ("nothing at all", &["*/*;q=0"], Format::Text),
            ("no list", &["a b c;;;==,/,,;q=x"], Format::Text),
            ("no number", &["application/json;q=NaN, text/html;q=0.1"], Format::Html),
            ("a long way", &["text/html/html, application/json/"], Format::Text),
        ] {
            let lines = accept.iter().map(|line| line.as_bytes());
            assert_eq!(Format::preferred(lines), format, "{client}");
        }
    }
}
