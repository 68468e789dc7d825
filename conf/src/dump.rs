//! What `nginx -T` prints: a configuration with its includes as one text.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use crate::Files;

/// What stands before each file, and its path between them.
const BEFORE: &[u8] = b"# configuration file ";
const BEHIND: &[u8] = b":";

/// The files of a configuration, as `nginx -T` prints them. What is included and not among them, is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    files: BTreeMap<PathBuf, Vec<u8>>,
    main: PathBuf,
}

impl Dump {
    /// Whether a text begins as what `nginx -T` prints, perhaps with its messages before it.
    #[must_use]
    pub fn is_one(text: &[u8]) -> bool {
        let is_message = |line: &&[u8]| line.is_empty() || line.starts_with(b"nginx: ");
        lines(text)
            .map(without_end)
            .find(|line| !is_message(line))
            .is_some_and(|line| path(line).is_some())
    }

    /// Takes apart what `nginx -T` prints; `None` if it is something else.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if !Self::is_one(text) {
            return None;
        }
        let mut files = BTreeMap::new();
        let mut main = None;
        let mut current: Option<&mut Vec<u8>> = None;
        for line in lines(text) {
            if let Some(path) = path(without_end(line)) {
                main.get_or_insert_with(|| path.clone());
                current = Some(files.entry(path).or_default());
            } else if let Some(file) = &mut current {
                file.extend_from_slice(line);
            }
        }
        Some(Self { files, main: main? })
    }

    /// The path of nginx.conf.
    #[must_use]
    pub fn main(&self) -> &Path {
        &self.main
    }
}

impl Files for Dump {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let text = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(text[..text.len().min(limit)].to_vec())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let below = self.files.keys().filter_map(|path| path.strip_prefix(folder).ok());
        let mut names: Vec<_> =
            below.filter_map(|path| Some(path.iter().next()?.to_owned())).collect();
        names.dedup();
        Ok(names)
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }
}

/// Lines with their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The path of the file that begins behind this line.
fn path(line: &[u8]) -> Option<PathBuf> {
    let path = line.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?;
    // A path of another system's encoding is read as well as it can be.
    Some(PathBuf::from(String::from_utf8_lossy(path).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n\
        # configuration file /etc/nginx/nginx.conf:\nhttp { include conf.d/*.conf; }\n\n\
        # configuration file /etc/nginx/conf.d/b.conf:\nb 1;\n\n\
        # configuration file /etc/nginx/conf.d/a.conf:\r\na 1;\n";

    #[test]
    fn a_dump_is_the_files_that_it_has() {
        let dump = Dump::parse(TEXT).unwrap();
        assert_eq!(dump.main(), Path::new("/etc/nginx/nginx.conf"));
        assert_eq!(dump.read(Path::new("/etc/nginx/conf.d/a.conf"), 4).unwrap(), b"a 1;");
        assert!(dump.read(Path::new("/etc/passwd"), 4).is_err());
        assert_eq!(dump.list(Path::new("/etc/nginx/conf.d")).unwrap(), ["a.conf", "b.conf"]);
        assert_eq!(dump.list(Path::new("/etc")).unwrap(), ["nginx"]);
        let reading = crate::read(dump.main(), &dump).unwrap();
        let http = reading.directives[0].block();
        let names: Vec<_> = http.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let site = http[1].site;
        assert_eq!(reading.file(site).path, Path::new("/etc/nginx/conf.d/b.conf"));
        assert_eq!(site.line, 1);
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "http {}\n",
            "# configuration file of nginx\nhttp {}\n",
            "http {}\n# configuration file /etc/nginx/nginx.conf:\n",
        ] {
            assert_eq!(Dump::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
