//! `cors_policy_file`: the documents that a configuration names.

use cors_policy::document;
use nginx_conf::Directive;

use super::{Check, rules};
use crate::check::{checked::Counter, finding::Level};

impl Check<'_> {
    /// Checks the document of a directive, which has one or two arguments.
    pub(super) fn policy_file(&mut self, directive: &Directive) {
        let name = directive.args[0].as_str();
        if name.is_empty() {
            let message = "the path of \"cors_policy_file\" is empty, name a YAML file";
            return self.refuse(rules::ARGUMENTS, directive.site, message.to_owned());
        }
        if let Some(parameter) = directive.arg(1).filter(|parameter| !is_watch(parameter)) {
            let message = format!(
                "invalid parameter \"{parameter}\", write how often to look at the file, as in \
                 \"watch=5s\""
            );
            self.refuse(rules::ARGUMENTS, directive.site, message);
        }
        let path = self.resolve(name);
        if self.files.contains(&path) {
            return;
        }
        if self.is_elsewhere && !path.exists() {
            self.names.is_incomplete = true;
            let message = format!(
                "{name} is not there, so that it is not checked; nginx looks for it in the folder of \
                 nginx.conf"
            );
            return self.add(Level::Warning, rules::MISSING_POLICY_FILE, directive.site, message);
        }
        let mut counter = Counter::default();
        match document::load_with_patterns(&path, |site| counter.add(site)) {
            Ok(accepted) => {
                let policies = self.checked.accept(accepted);
                self.checked.contents.add(counter.contents(policies.len()));
                for policy in &policies {
                    self.define_name(policy.name(), path.clone(), policy.line());
                }
            }
            Err(report) => {
                self.checked.refuse(&report);
                self.names.has_unread = true;
            }
        }
        self.files.insert(path);
    }
}

/// Whether a parameter says how often to look at a file: `watch=` and a time in milliseconds, as
/// `ngx_parse_time` reads it, of at least one.
fn is_watch(parameter: &str) -> bool {
    parameter.strip_prefix("watch=").and_then(milliseconds).is_some_and(|time| time > 0)
}

/// A time as nginx reads it: numbers with units, each smaller than the one before, such as `1m 30s`.
/// A number without a unit comes last, and counts milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("ms", 1),
        ("w", 7 * 24 * 60 * 60 * 1000),
        ("d", 24 * 60 * 60 * 1000),
        ("h", 60 * 60 * 1000),
        ("m", 60 * 1000),
        ("s", 1000),
    ];
    let (mut total, mut last, mut rest) = (0_u64, u64::MAX, text);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        if rest.is_empty() {
            return total.checked_add(number);
        }
        let (unit, scale) = *UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        if scale >= last {
            return None;
        }
        last = scale;
        total = total.checked_add(number.checked_mul(scale)?)?;
        rest = rest[unit.len()..].trim_start_matches(' ');
    }
    (last != u64::MAX).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::is_watch;

    #[test]
    fn a_watch_is_a_time_as_nginx_reads_it() {
        for good in
            ["watch=5s", "watch=100ms", "watch=1m30s", "watch=1m 30s", "watch=500", "watch=1w"]
        {
            assert!(is_watch(good), "{good}");
        }
        for bad in [
            "watch=",
            "watch=0",
            "watch=0s",
            "watch=5x",
            "watch=s",
            "watch=30s1m",
            "5s",
            "watch=-1s",
            "watch=1s1s",
            "watch=99999999999999999999s",
            "watch=1.5s",
            "watch=1y",
        ] {
            assert!(!is_watch(bad), "{bad}");
        }
    }
}
