//! The files of a configuration.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use glob::{MatchOptions, Pattern};

/// Where files come from: a disk, or a set of texts in a program without one.
pub trait Files {
    /// The content of a file, or its first `limit` bytes.
    ///
    /// # Errors
    ///
    /// If there is no such file, or it cannot be read.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// The names in a folder.
    ///
    /// # Errors
    ///
    /// If there is no such folder, or it cannot be read.
    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>>;

    /// Whether there is something of this name.
    fn exists(&self, path: &Path) -> bool;

    /// The one name of a file that has several.
    fn identity(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        File::open(path)?.take(limit).read_to_end(&mut text)?;
        Ok(text)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn identity(&self, path: &Path) -> PathBuf {
        fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
    }
}

/// Whether nginx takes the path of an `include` for a pattern.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The files that a pattern names, sorted, as glob(3) finds them.
///
/// # Errors
///
/// If it is no pattern.
pub(crate) fn expand(files: &dyn Files, pattern: &Path) -> Result<BTreeSet<PathBuf>, String> {
    const OPTIONS: MatchOptions = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let mut paths = BTreeSet::from([PathBuf::new()]);
    for component in pattern.components() {
        let text = component.as_os_str().to_string_lossy();
        let Component::Normal(_) = component else {
            paths = paths.into_iter().map(|path| path.join(component)).collect();
            continue;
        };
        if !is_pattern(&text) {
            paths = paths.into_iter().map(|path| path.join(component)).collect();
            continue;
        }
        let pattern = Pattern::new(&text).map_err(|_| text.into_owned())?;
        paths = paths
            .into_iter()
            .flat_map(|folder| {
                let names = files.list(&folder).unwrap_or_default();
                names.into_iter().map(move |name| (folder.clone(), name))
            })
            .filter(|(_, name)| pattern.matches_with(&name.to_string_lossy(), OPTIONS))
            .map(|(folder, name)| folder.join(name))
            .collect();
    }
    paths.retain(|path| files.exists(path));
    Ok(paths)
}
