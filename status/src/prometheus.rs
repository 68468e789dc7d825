//! The [text format](https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format) of
//! Prometheus.

use std::fmt::{self, Display, Write};

use crate::{File, Status};

/// The metrics.
///
/// # Errors
///
/// If `to` fails.
pub fn write(to: &mut impl Write, status: &Status) -> fmt::Result {
    head(
        to,
        "nginx_cors_requests_total",
        "counter",
        "CORS requests, by policy, kind of request, decision, and whether the policy was enforced or tried out.",
    )?;
    // No character of a policy's name needs to be escaped.
    for (policy, counts) in &status.policies {
        for count in counts {
            let (request, decision, mode) = (count.request, count.decision, count.mode);
            writeln!(
                to,
                "nginx_cors_requests_total{{policy=\"{policy}\",request=\"{request}\",\
                 decision=\"{decision}\",mode=\"{mode}\"}} {}",
                count.count
            )?;
        }
    }
    head(
        to,
        "nginx_cors_dry_run_changes_total",
        "counter",
        "Requests in dry runs for which something would change with the policy in force, by the first change.",
    )?;
    for (policy, changes) in &status.dry_run_changes {
        for (change, count) in changes.iter() {
            writeln!(
                to,
                "nginx_cors_dry_run_changes_total{{policy=\"{policy}\",change=\"{change}\"}} {count}"
            )?;
        }
    }
    if status.files.is_empty() { Ok(()) } else { write_files(to, &status.files) }
}

fn write_files(to: &mut impl Write, files: &[File]) -> fmt::Result {
    const INFO: &str = "nginx_cors_policies_info";
    head(to, INFO, "gauge", "The SHA-256 of each file whose policies or origins are in force.")?;
    for file in files {
        let name = Label(&file.file);
        writeln!(to, "{INFO}{{file=\"{name}\",sha256=\"{}\"}} 1", file.sha256)?;
    }
    each(
        to,
        files,
        ("nginx_cors_policies_last_load_timestamp_seconds", "gauge"),
        "When what is in force of a file was loaded.",
        |file| file.last_load,
    )?;
    each(
        to,
        files,
        ("nginx_cors_policies_last_load_success", "gauge"),
        "Whether the last attempt to load a file was successful.",
        |file| u64::from(file.success),
    )?;
    each(
        to,
        files,
        ("nginx_cors_policies_load_failures_total", "counter"),
        "Versions of a file that were refused.",
        |file| file.failures,
    )?;
    const WORKERS: &str = "nginx_cors_policies_workers";
    let help = "Workers by whether they have the newest good version of a file in force.";
    head(to, WORKERS, "gauge", help)?;
    for file in files {
        let name = Label(&file.file);
        let workers = file.workers;
        writeln!(to, "{WORKERS}{{file=\"{name}\",state=\"current\"}} {}", workers.current)?;
        writeln!(to, "{WORKERS}{{file=\"{name}\",state=\"stale\"}} {}", workers.stale)?;
    }
    Ok(())
}

/// A metric with one value for each file.
fn each(
    to: &mut impl Write,
    files: &[File],
    (metric, kind): (&str, &str),
    help: &str,
    value: impl Fn(&File) -> u64,
) -> fmt::Result {
    head(to, metric, kind, help)?;
    for file in files {
        writeln!(to, "{metric}{{file=\"{}\"}} {}", Label(&file.file), value(file))?;
    }
    Ok(())
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
