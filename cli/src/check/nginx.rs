//! Checking nginx.conf: what the module would say about its directives, by the same engine.
//!
//! [`walk`] goes through the configuration, [`define`] and [`policy_file`] read policies, and [`names`]
//! compares the names that are defined with those that are in force. A configuration is a whole one if
//! it has `http`. Of a part, what else there is cannot be known.

mod define;
mod names;
mod policy_file;
mod rules;
mod walk;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use nginx_conf::{Body, Disk, Dump, Files, MAX_BYTES, Reading, Site};

use self::names::Names;
use super::{
    checked::Checked,
    document::unreadable,
    finding::{Finding, Level, Rule},
    source::{self, Source},
};

/// Files that come with nginx and hold neither policies nor locations. A checkout seldom has them.
const FILES_OF_NGINX: [&str; 10] = [
    "mime.types",
    "fastcgi.conf",
    "fastcgi_params",
    "fastcgi-php.conf",
    "scgi_params",
    "uwsgi_params",
    "proxy_params",
    "koi-utf",
    "koi-win",
    "win-utf",
];

/// Checks a configuration with its includes, or a part of one.
pub(super) fn check(source: Source, checked: &mut Checked) {
    if Dump::is_one(&source.head) {
        return check_dump(source, checked);
    }
    let folder = match source.stream {
        None => source.path.parent().unwrap_or(Path::new("")).to_owned(),
        Some(_) => PathBuf::new(),
    };
    let read = match source.stream {
        None => nginx_conf::read(&source.path, &Disk),
        Some(stream) => {
            let text = stream.and_then(|it| source::read(&source.head, it, MAX_BYTES as u64 + 1));
            match text {
                Ok(text) => nginx_conf::read_text(&text, &source.name, Path::new(""), &Disk),
                Err(error) => return unreadable(checked, &error),
            }
        }
    };
    match read {
        Ok(reading) => {
            let mut check = Check::new(&reading, folder, checked);
            check.missing_includes();
            check.walk();
            check.names();
        }
        Err(error) => refuse_syntax(checked, &error),
    }
}

/// Checks what `nginx -T` prints. Every include is in it, and no document.
fn check_dump(source: Source, checked: &mut Checked) {
    let limit = MAX_BYTES as u64 + 1;
    let text = match source.stream {
        None => Disk.read(&source.path, limit),
        Some(stream) => stream.and_then(|it| source::read(&source.head, it, limit)),
    };
    let text = match text {
        Ok(text) if text.len() <= MAX_BYTES => text,
        Ok(_) => {
            let message = nginx_conf::Problem::TooLarge.to_string();
            let file = checked.file.clone();
            return checked.add(Finding::new(Level::Error, rules::SYNTAX, &file, None, message));
        }
        Err(error) => return unreadable(checked, &error),
    };
    let Some(dump) = Dump::parse(&text) else { return };
    let folder = dump.main().parent().unwrap_or(Path::new("")).to_owned();
    match nginx_conf::read(dump.main(), &dump) {
        Ok(reading) => {
            let mut check = Check::new(&reading, folder, checked);
            check.is_elsewhere = true;
            check.walk();
            check.names();
        }
        Err(error) => refuse_syntax(checked, &error),
    }
}

/// Adds that a file is no configuration.
fn refuse_syntax(checked: &mut Checked, error: &nginx_conf::Error) {
    let message = error.problem.to_string();
    checked.add(Finding::new(Level::Error, rules::SYNTAX, &error.file, error.line, message));
}

/// A configuration that is being checked.
struct Check<'c> {
    reading: &'c Reading,
    checked: &'c mut Checked,
    /// The folder of the configuration, which paths are relative to.
    folder: PathBuf,
    /// Whether `http` is somewhere else.
    is_part: bool,
    /// Whether the configuration is of another machine, perhaps, whose documents are not here.
    is_elsewhere: bool,
    names: Names,
    /// Each `cors_policy_file` that has been read.
    files: HashSet<PathBuf>,
    /// The number of directives of the module.
    directives: usize,
}

impl<'c> Check<'c> {
    fn new(reading: &'c Reading, folder: PathBuf, checked: &'c mut Checked) -> Self {
        let is_main = |directive: &nginx_conf::Directive| {
            ["http", "events", "stream", "mail"].iter().any(|name| directive.is(name))
                && matches!(directive.body, Body::Block(_))
        };
        let is_part = !reading.directives.iter().any(is_main);
        let names = Names::default();
        Self {
            reading,
            checked,
            folder,
            is_part,
            is_elsewhere: is_part,
            names,
            files: HashSet::new(),
            directives: 0,
        }
    }

    fn file(&self, site: Site) -> &'c Path {
        &self.reading.file(site).path
    }

    /// Adds a finding at a line.
    fn add(&mut self, level: Level, rule: Rule, site: Site, message: String) {
        let file = self.file(site);
        self.checked.add(Finding::new(level, rule, file, Some(site.line), message));
    }

    /// Adds what nginx refuses at a line.
    fn refuse(&mut self, rule: Rule, site: Site, message: String) {
        self.add(Level::Error, rule, site, message);
    }

    /// The file that a path leads to. nginx looks in the folder of nginx.conf; of a part, that is often
    /// the folder above.
    fn resolve(&self, path: &str) -> PathBuf {
        let full = self.folder.join(path);
        let above = self.folder.parent().map(|above| above.join(path));
        match above {
            Some(above) if self.is_part && !full.exists() && above.exists() => above,
            _ => full,
        }
    }

    /// Says which includes are not there.
    fn missing_includes(&mut self) {
        for missing in &self.reading.missing {
            let path = &missing.path;
            if path.contains(['*', '?', '[']) {
                // nginx takes a pattern that finds nothing. Without its folder, this is another machine.
                let is_there = |folder: &Path| folder.as_os_str().is_empty() || folder.is_dir();
                if !self.resolve(path).parent().is_some_and(is_there) {
                    self.names.is_incomplete = true;
                    let message = format!(
                        "the folder of {path} is not there, so that nothing in it is checked"
                    );
                    self.add(Level::Note, rules::MISSING_INCLUDE, missing.site, message);
                }
                continue;
            }
            let name = Path::new(path).file_name().unwrap_or_default();
            if FILES_OF_NGINX.iter().any(|known| name == *known) {
                let message = format!("{path} is not there; nginx brings it, without policies");
                self.add(Level::Note, rules::MISSING_INCLUDE, missing.site, message);
                continue;
            }
            self.names.is_incomplete = true;
            let message =
                format!("{path} is not there, so that it is not checked; nginx refuses to start");
            self.add(Level::Warning, rules::MISSING_INCLUDE, missing.site, message);
        }
    }

    /// Checks that policies in force are defined, and that there is anything to check.
    fn names(&mut self) {
        self.names.is_incomplete |= self.is_part;
        let unknown = self.names.unknown();
        for (level, site, message) in unknown {
            self.add(level, rules::UNKNOWN_POLICY, site, message);
        }
        if self.directives == 0 {
            let message = "no directive of CORS policies, so that nothing is checked; check the \
                           file that has them";
            let file = self.checked.file.clone();
            self.checked.add(Finding::new(
                Level::Warning,
                rules::NOTHING_TO_CHECK,
                &file,
                None,
                message.to_owned(),
            ));
        }
    }
}
