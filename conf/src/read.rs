//! From files to a tree of directives.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Body, Directive, Error, Files, Problem, Site, files,
    words::{Failure, Token, Words},
};

/// The most that is read, in bytes, with all includes, each as often as it is included.
pub const MAX_BYTES: usize = 4 << 20;

/// How deep blocks and includes may be nested.
pub const MAX_DEPTH: usize = 64;

/// What an included file counts at least: one that is empty costs something, too.
const LEAST_BYTES: usize = 64;

/// A configuration with its includes.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The files, the first of which is the one that was asked for.
    pub files: Vec<Source>,
    /// The directives outside of every block.
    pub directives: Vec<Directive>,
    /// Files that are to be included, and are not there.
    pub missing: Vec<MissingInclude>,
}

impl Reading {
    /// The file of a line.
    ///
    /// # Panics
    ///
    /// If the line belongs to another reading.
    #[must_use]
    pub fn file(&self, site: Site) -> &Source {
        &self.files[site.file]
    }
}

/// A file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path, as it was found.
    pub path: PathBuf,
    /// Its bytes.
    pub text: Arc<[u8]>,
}

/// An `include` of a file that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingInclude {
    /// Where it is included.
    pub site: Site,
    /// The path in the directive.
    pub path: String,
}

/// Reads a configuration.
///
/// As nginx does, it looks for included files in the folder of this one, wherever the `include` is
/// written. A part of a configuration is often in a folder below, or the configuration in `conf/`; so
/// the folder above and `conf/` come next.
///
/// # Errors
///
/// If a file is not a configuration, or larger or deeper than the limits. A missing include is not an
/// error.
pub fn read(path: &Path, files: &dyn Files) -> Result<Reading, Error> {
    Reader::new(files, path).run(|reader| reader.source(path))
}

/// The same for a text that is not in a file, such as standard input. `name` is shown in messages, and
/// `folder` is where it includes files from.
///
/// # Errors
///
/// As for [`read`].
pub fn read_text(
    text: &[u8],
    name: &Path,
    folder: &Path,
    files: &dyn Files,
) -> Result<Reading, Error> {
    let source = Source { path: name.to_owned(), text: Arc::from(text) };
    Reader::new(files, &folder.join("-")).run(|_| Ok(source))
}

struct Reader<'f> {
    disk: &'f dyn Files,
    folder: PathBuf,
    reading: Reading,
    /// The files that have been read, by their path.
    known: HashMap<PathBuf, usize>,
    /// What patterns stand for.
    expanded: HashMap<PathBuf, Vec<PathBuf>>,
    /// The files that are open, each included by the one before it.
    open: Vec<PathBuf>,
    bytes: usize,
    depth: usize,
}

impl<'f> Reader<'f> {
    fn new(disk: &'f dyn Files, path: &Path) -> Self {
        Self {
            disk,
            folder: path.parent().map(Path::to_owned).unwrap_or_default(),
            reading: Reading::default(),
            known: HashMap::new(),
            expanded: HashMap::new(),
            open: Vec::new(),
            bytes: 0,
            depth: 0,
        }
    }

    fn run(
        mut self,
        source: impl FnOnce(&Self) -> Result<Source, Error>,
    ) -> Result<Reading, Error> {
        let source = source(&self)?;
        self.count(source.text.len(), &source.path, None)?;
        self.open.push(self.disk.identity(&source.path));
        self.reading.files.push(source);
        let mut directives = Vec::new();
        self.file(0, &mut directives)?;
        self.reading.directives = directives;
        Ok(self.reading)
    }

    fn source(&self, path: &Path) -> Result<Source, Error> {
        let error = |problem| Error { file: path.to_owned(), line: None, problem };
        let limit = MAX_BYTES as u64 + 1;
        let text = self.disk.read(path, limit).map_err(|why| error(why.into()))?;
        Ok(Source { path: path.to_owned(), text: text.into() })
    }

    fn count(&mut self, bytes: usize, file: &Path, line: Option<u32>) -> Result<(), Error> {
        self.bytes += bytes;
        if self.bytes > MAX_BYTES {
            return Err(Error { file: file.to_owned(), line, problem: Problem::TooLarge });
        }
        Ok(())
    }

    /// Goes one level deeper, for a block or a file.
    fn deeper<T>(
        &mut self,
        site: Site,
        inner: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(site, Problem::TooDeep));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn error(&self, site: Site, problem: Problem) -> Error {
        Error { file: self.reading.file(site).path.clone(), line: Some(site.line), problem }
    }

    /// Reads the directives of a file.
    fn file(&mut self, file: usize, into: &mut Vec<Directive>) -> Result<(), Error> {
        let text = Arc::clone(&self.reading.files[file].text);
        if let Some(at) = text.iter().position(|byte| *byte == 0) {
            let lines = text[..at].iter().filter(|byte| **byte == b'\n').count();
            let line = u32::try_from(lines + 1).unwrap_or(u32::MAX);
            return Err(self.error(Site { file, line }, Problem::Binary));
        }
        let mut words = Words::new(&text);
        self.block(file, &mut words, None, into)
    }

    /// Reads directives up to the end of the block that was opened in the line `opened`, or of the file.
    fn block(
        &mut self,
        file: usize,
        words: &mut Words<'_>,
        opened: Option<u32>,
        into: &mut Vec<Directive>,
    ) -> Result<(), Error> {
        loop {
            let failed = |(line, problem): Failure| (Site { file, line }, problem);
            let token = words.next().map_err(failed);
            match token.map_err(|(site, problem)| self.error(site, problem))? {
                Token::Template { text, line, span } => into.push(Directive {
                    name: text,
                    args: Vec::new(),
                    body: Body::Template,
                    site: Site { file, line },
                    head_end: span.end,
                    span,
                }),
                Token::Statement { words: texts, opens, line, span } => {
                    let site = Site { file, line };
                    let mut texts = texts.into_iter();
                    let name = texts.next().unwrap_or_default();
                    let args: Vec<_> = texts.collect();
                    if !opens && name == "include" && args.len() == 1 {
                        self.include(&args[0], site, into)?;
                        continue;
                    }
                    let body = if !opens {
                        Body::None
                    } else if name.ends_with("_by_lua_block") {
                        let end = words.skip_lua(line);
                        end.map_err(failed).map_err(|(site, why)| self.error(site, why))?;
                        Body::Lua
                    } else {
                        let mut inner = Vec::new();
                        self.deeper(site, |reader| {
                            reader.block(file, words, Some(line), &mut inner)
                        })?;
                        Body::Block(inner)
                    };
                    into.push(Directive {
                        name,
                        args,
                        body,
                        site,
                        head_end: span.end - 1,
                        span: span.start..words.position(),
                    });
                }
                Token::Close if opened.is_some() => return Ok(()),
                Token::Close => {
                    let site = Site { file, line: words.line() };
                    return Err(self.error(site, Problem::Unexpected('}')));
                }
                Token::End => {
                    return match opened {
                        None => Ok(()),
                        Some(line) => Err(self.error(Site { file, line }, Problem::EndOfBlock)),
                    };
                }
            }
        }
    }

    fn include(&mut self, path: &str, site: Site, into: &mut Vec<Directive>) -> Result<(), Error> {
        for path in self.included(path, site)? {
            let file = match self.known.get(&path) {
                Some(file) => *file,
                None => match self.source(&path) {
                    Ok(source) => {
                        self.reading.files.push(source);
                        let file = self.reading.files.len() - 1;
                        self.known.insert(path.clone(), file);
                        file
                    }
                    // A pattern finds folders, too, and what nobody may read.
                    Err(_) => {
                        let path = path.to_string_lossy().into_owned();
                        self.reading.missing.push(MissingInclude { site, path });
                        continue;
                    }
                },
            };
            let length = self.reading.files[file].text.len().max(LEAST_BYTES);
            let includer = self.reading.file(site).path.clone();
            self.count(length, &includer, Some(site.line))?;
            let identity = self.disk.identity(&path);
            if self.open.contains(&identity) {
                return Err(self.error(site, Problem::IncludesItself(path)));
            }
            self.open.push(identity);
            self.deeper(site, |reader| reader.file(file, into))?;
            self.open.pop();
        }
        Ok(())
    }

    /// The files that an `include` names.
    fn included(&mut self, path: &str, site: Site) -> Result<Vec<PathBuf>, Error> {
        // Of `sites-enabled/example.conf`, the folder of nginx.conf is the one above.
        let above = self.folder.parent().map(Path::to_owned);
        let folders = [Some(self.folder.clone()), Some(self.folder.join("conf")), above];
        for folder in folders.into_iter().flatten() {
            let full = folder.join(path);
            if !files::is_pattern(path) {
                if self.disk.exists(&full) {
                    return Ok(vec![full]);
                }
                continue;
            }
            if let Some(known) = self.expanded.get(&full) {
                return Ok(known.clone());
            }
            let found = files::expand(self.disk, &full)
                .map_err(|pattern| self.error(site, Problem::Pattern(pattern)))?;
            if !found.is_empty() {
                let found: Vec<_> = found.into_iter().collect();
                self.expanded.insert(full, found.clone());
                return Ok(found);
            }
        }
        // nginx takes a pattern that finds nothing.
        self.reading.missing.push(MissingInclude { site, path: path.to_owned() });
        Ok(Vec::new())
    }
}
