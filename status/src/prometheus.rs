//! The [text format](https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format) of
//! Prometheus. Nothing is allocated.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use crate::{Changes, Count, File, Sha256, Workers};

/// Where the metrics come from.
pub trait Source {
    /// Calls `f` with the name, the decisions and the changes of each policy.
    ///
    /// # Errors
    ///
    /// That of `f`.
    fn policies(&self, f: impl FnMut(&str, &[Count], Changes) -> fmt::Result) -> fmt::Result;

    /// Calls `f` with each file.
    ///
    /// # Errors
    ///
    /// That of `f`.
    fn files(&self, f: impl FnMut(&FileMetrics<'_>) -> fmt::Result) -> fmt::Result;
}

/// The metrics of a file, as [`File`] has them.
#[derive(Clone, Debug)]
pub struct FileMetrics<'f> {
    /// The path.
    pub file: Cow<'f, str>,
    /// Of the bytes that are in force.
    pub sha256: Sha256,
    /// When they were loaded.
    pub last_load: u64,
    /// Whether the last attempt was successful.
    pub success: bool,
    /// How many attempts were not.
    pub failures: u64,
    /// The workers.
    pub workers: Workers,
}

impl FileMetrics<'_> {
    /// The file with the mistakes of the version that was refused last.
    pub fn with_mistakes(self, mistakes: Vec<String>) -> File {
        let Self { file, sha256, last_load, success, failures, workers } = self;
        let file = file.into_owned();
        File { file, sha256, last_load, success, failures, workers, mistakes }
    }
}

/// The metrics.
///
/// # Errors
///
/// If `to` fails.
pub fn write(to: &mut impl Write, source: &impl Source) -> fmt::Result {
    const REQUESTS: &str = "nginx_cors_requests_total";
    head(
        to,
        REQUESTS,
        "counter",
        "CORS requests, by policy, kind of request, decision, and whether the policy was enforced or tried out.",
    )?;
    // No character of a policy's name needs to be escaped.
    source.policies(|policy, counts, _| {
        counts.iter().try_for_each(|count| {
            let &Count { request, decision, mode, count } = count;
            writeln!(
                to,
                "{REQUESTS}{{policy=\"{policy}\",request=\"{request}\",decision=\"{decision}\",\
                 mode=\"{mode}\"}} {count}"
            )
        })
    })?;
    const CHANGES: &str = "nginx_cors_dry_run_changes_total";
    head(
        to,
        CHANGES,
        "counter",
        "Requests in dry runs for which something would change with the policy in force, by the first change.",
    )?;
    source.policies(|policy, _, changes| {
        changes.iter().try_for_each(|(change, count)| {
            writeln!(to, "{CHANGES}{{policy=\"{policy}\",change=\"{change}\"}} {count}")
        })
    })?;
    write_files(to, source)
}

fn write_files(to: &mut impl Write, source: &impl Source) -> fmt::Result {
    each(
        to,
        source,
        ("nginx_cors_policies_info", "gauge"),
        "The SHA-256 of each file whose policies or origins are in force.",
        |to, metric, name, file| {
            writeln!(to, "{metric}{{file=\"{name}\",sha256=\"{}\"}} 1", file.sha256)
        },
    )?;
    each(
        to,
        source,
        ("nginx_cors_policies_last_load_timestamp_seconds", "gauge"),
        "When what is in force of a file was loaded.",
        |to, metric, name, file| writeln!(to, "{metric}{{file=\"{name}\"}} {}", file.last_load),
    )?;
    each(
        to,
        source,
        ("nginx_cors_policies_last_load_success", "gauge"),
        "Whether the last attempt to load a file was successful.",
        |to, metric, name, file| {
            writeln!(to, "{metric}{{file=\"{name}\"}} {}", u8::from(file.success))
        },
    )?;
    each(
        to,
        source,
        ("nginx_cors_policies_load_failures_total", "counter"),
        "Versions of a file that were refused.",
        |to, metric, name, file| writeln!(to, "{metric}{{file=\"{name}\"}} {}", file.failures),
    )?;
    each(
        to,
        source,
        ("nginx_cors_policies_workers", "gauge"),
        "Workers by whether they have the newest good version of a file in force.",
        |to, metric, name, file| {
            let Workers { current, stale } = file.workers;
            writeln!(to, "{metric}{{file=\"{name}\",state=\"current\"}} {current}")?;
            writeln!(to, "{metric}{{file=\"{name}\",state=\"stale\"}} {stale}")
        },
    )
}

/// A metric of each file, if there are files.
fn each<W: Write>(
    to: &mut W,
    source: &impl Source,
    (metric, kind): (&str, &str),
    help: &str,
    lines: impl Fn(&mut W, &str, Label<'_>, &FileMetrics<'_>) -> fmt::Result,
) -> fmt::Result {
    let mut is_first = true;
    source.files(|file| {
        if is_first {
            head(to, metric, kind, help)?;
            is_first = false;
        }
        lines(to, metric, Label(&file.file), file)
    })
}

fn head(to: &mut impl Write, metric: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(to, "# HELP {metric} {help}\n# TYPE {metric} {kind}")
}

/// The value of a label, escaped.
struct Label<'l>(&'l str);

impl Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
