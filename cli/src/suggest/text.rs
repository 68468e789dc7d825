//! The result for people: lines to paste into a document, and everything else as comments.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, UNIX_EPOCH};

use super::advice::{DeniedRequest, Forgotten, Numbers, PolicyAdvice, Suggestions};

/// The most origins that are shown of a kind that gets no lines.
const MAX_SHOWN: usize = 20;

/// The end of the last year that RFC 3339 can write, in seconds since 1970.
const END_OF_TIME: u64 = 253_402_300_800;

impl Display for Suggestions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref();
        for (index, advice) in self.policies.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            advice.write(f, file)?;
        }
        if self.policies.is_empty() && self.notes.is_empty() {
            writeln!(f, "# {} has no policies.", self.source)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "# {note}."))
    }
}

impl PolicyAdvice {
    fn write(&self, f: &mut Formatter<'_>, file: Option<&str>) -> fmt::Result {
        let Self { policy, forgotten, .. } = self;
        match forgotten.len() {
            0 if self.requests == 0 && self.is_empty() => writeln!(
                f,
                "# Policy {policy}: no request was counted in a dry run; cors_policy_dry_run starts one."
            )?,
            0 => writeln!(f, "# Policy {policy}: no origin is forgotten.")?,
            count => writeln!(f, "# Policy {policy}: {} forgotten.", origins_are(count))?,
        }
        self.write_lines(f, file)?;
        self.write_others(f)?;
        if !self.already_allowed.is_empty() {
            let are = origins_are(self.already_allowed.len());
            writeln!(f, "# {are} refused by nginx and allowed by the document already.")?;
        }
        self.write_count(f)
    }

    /// Whether dry runs refused nothing.
    fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    fn write_lines(&self, f: &mut Formatter<'_>, file: Option<&str>) -> fmt::Result {
        let mut place = "";
        for line in &self.forgotten {
            if line.place != place {
                place = &line.place;
                match file {
                    Some(file) => {
                        writeln!(f, "# Add to {place} in {file}, which then passes the check:")?;
                    }
                    None => writeln!(f, "# Add to {place}, or to that of a rule:")?,
                }
            }
            line.fmt(f)?;
        }
        Ok(())
    }

    fn write_others(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_some(
            f,
            "WARNING: do not add these. They look like an allowed origin and belong to somebody else:",
            self.lookalikes
                .iter()
                .map(|it| format!("{}: {}; {}", it.origin, it.numbers, it.near_miss)),
        )?;
        write_some(
            f,
            "No lines for:",
            self.unusable
                .iter()
                .map(|it| format!("\"{}\": {}; {}", it.origin, it.numbers, it.reason)),
        )?;
        write_some(
            f,
            "Requests that would be lost although the origin is allowed:",
            self.denied_requests.iter().map(ToString::to_string),
        )
    }

    fn write_count(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.requests == 0 && self.is_empty() {
            return Ok(());
        }
        let Self { requests, without_loss, .. } = self;
        let were = if *requests == 1 { "request was" } else { "requests were" };
        write!(f, "# {requests} {were} counted in dry runs")?;
        if let Some(last) = self.last.filter(|last| *last < END_OF_TIME) {
            let time = UNIX_EPOCH + Duration::from_secs(last);
            write!(f, "; the last refusal was at {}", humantime::format_rfc3339_seconds(time))?;
        }
        match without_loss {
            0 => writeln!(f, "."),
            1 => writeln!(f, ". 1 more origin is refused and loses nothing."),
            _ => writeln!(f, ". {without_loss} more origins are refused and lose nothing."),
        }
    }
}

impl Display for Numbers {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { count, error, lost, .. } = *self;
        let at_most = if error > 0 { "at most " } else { "" };
        let requests = if count == 1 { "request" } else { "requests" };
        write!(f, "{at_most}{count} {requests}, {lost} lost")
    }
}

impl Display for Forgotten {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "      # {}", self.numbers)?;
        if let Some(near_miss) = &self.near_miss {
            write!(f, "; {near_miss}")?;
        }
        let scalar = serde_yaml::to_string(&self.origin).map_err(|_| fmt::Error)?;
        writeln!(f, "\n      - {}", scalar.trim_end())
    }
}

impl Display for DeniedRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let what = match self.decision {
            "denied_method" => "the error log names the method",
            "denied_header" => "the error log names the header",
            _ => "the error log names the host",
        };
        write!(f, "{}: {}, {} lost; {what}", self.origin, self.decision, self.numbers.lost)
    }
}

fn origins_are(count: usize) -> String {
    if count == 1 { "1 origin is".to_owned() } else { format!("{count} origins are") }
}

/// Writes the first lines of a list as comments, and how many there are more.
fn write_some(
    f: &mut Formatter<'_>,
    heading: &str,
    mut lines: impl ExactSizeIterator<Item = String>,
) -> fmt::Result {
    if lines.len() == 0 {
        return Ok(());
    }
    writeln!(f, "# {heading}")?;
    lines.by_ref().take(MAX_SHOWN).try_for_each(|line| writeln!(f, "#   {line}"))?;
    match lines.len() {
        0 => Ok(()),
        more => writeln!(f, "#   and {more} more; --format json has all"),
    }
}
