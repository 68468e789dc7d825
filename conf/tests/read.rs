//! Reading configurations with their includes, and refusing what cannot be read.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use nginx_conf::{Body, Directive, Files, MAX_BYTES, Reading, read, read_text};

/// Files without a disk.
struct Memory(BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    fn of<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let files = files.into_iter();
        Self(files.map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect())
    }
}

impl Files for Memory {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match self.0.get(path) {
            Some(text) => Ok(text[..text.len().min(limit)].to_vec()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let below = self.0.keys().filter_map(|path| path.strip_prefix(folder).ok());
        Ok(below.filter_map(|path| path.iter().next()).map(ToOwned::to_owned).collect())
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.keys().any(|file| file.starts_with(path))
    }
}

const MAIN: &str = "/etc/nginx/nginx.conf";

fn read_files(files: &[(&str, &str)]) -> Result<Reading, String> {
    let files = Memory::of(files.iter().copied());
    read(Path::new(MAIN), &files).map_err(|error| error.to_string())
}

fn read_one(text: &str) -> Result<Reading, String> {
    read_files(&[(MAIN, text)])
}

/// Names and arguments, blocks in braces.
fn show(directives: &[Directive]) -> String {
    let show = |directive: &Directive| {
        let words = std::iter::once(&directive.name)
            .chain(&directive.args)
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        match &directive.body {
            Body::None => words,
            Body::Block(inner) => format!("{words} {{{}}}", show(inner)),
            Body::Lua => format!("{words} lua"),
            Body::Template => format!("template {words}"),
        }
    };
    directives.iter().map(show).collect::<Vec<_>>().join(", ")
}

#[test]
fn directives_know_their_bytes_and_lines() {
    let text = "a b;\n\nserver { # one\n  listen 80 ;\n  location / {\n  }\n}\n";
    let reading = read_one(text).unwrap();
    let server = &reading.directives[1];
    assert_eq!((server.site.line, &text[server.span.clone()]), (3, &text[6..text.len() - 1]));
    assert_eq!(&text[server.head_end..=server.head_end], "{");
    let [listen, location] = server.block() else { panic!("{server:?}") };
    assert_eq!((listen.site.line, &text[listen.span.clone()]), (4, "listen 80 ;"));
    assert_eq!((location.site.line, &text[location.span.clone()]), (5, "location / {\n  }"));
}

#[test]
fn includes_are_read_in_their_place() {
    let reading = read_files(&[
        (MAIN, "http { include mime.types; include sites-enabled/*; include /srv/[ab].conf; }"),
        ("/etc/nginx/mime.types", "types { text/html html; }"),
        ("/etc/nginx/sites-enabled/b", "server { include snippets/cors.conf; }"),
        ("/etc/nginx/sites-enabled/a", "server { listen 1; }"),
        ("/etc/nginx/sites-enabled/.hidden", "server { listen 2; }"),
        // Relative to the main file, not to the file with the `include`.
        ("/etc/nginx/snippets/cors.conf", "add_header A b;"),
        ("/srv/a.conf", "gzip on;"),
    ])
    .unwrap();
    assert_eq!(
        show(&reading.directives),
        "http {types {text/html html}, server {listen 1}, server {add_header A b}, gzip on}"
    );
    assert_eq!(reading.missing, []);
    let paths: Vec<_> = reading.files.iter().map(|file| file.path.to_string_lossy()).collect();
    assert_eq!(paths[0], MAIN);
    assert_eq!(paths.len(), 6);
}

#[test]
fn parts_find_the_folders_around_them() {
    for (main, include) in [
        ("/etc/nginx/sites-enabled/a.conf", "/etc/nginx/snippets/cors.conf"),
        ("/usr/local/nginx/nginx.conf", "/usr/local/nginx/conf/snippets/cors.conf"),
    ] {
        let files = Memory::of([(main, "include snippets/cors.conf;"), (include, "a b;")]);
        let reading = read(Path::new(main), &files).unwrap();
        assert_eq!(show(&reading.directives), "a b", "{main}");
    }
}

#[test]
fn missing_includes_are_told_with_their_lines() {
    let reading = read_one("a;\ninclude cors.conf;\ninclude conf.d/*.conf;").unwrap();
    let missing: Vec<_> =
        reading.missing.iter().map(|missing| (missing.site.line, &*missing.path)).collect();
    assert_eq!(missing, [(2, "cors.conf"), (3, "conf.d/*.conf")]);
    assert_eq!(show(&reading.directives), "a");
}

#[test]
fn lua_is_skipped() {
    let reading = read_one(
        "location / {\n content_by_lua_block {\n -- }\n ngx.say([[ } ]], '}', {})\n }\n a b;\n}",
    );
    assert_eq!(show(&reading.unwrap().directives), "location / {content_by_lua_block lua, a b}");
}

#[test]
fn what_cannot_be_read_says_where() {
    for (text, message) in [
        ("a b;\n}", "/etc/nginx/nginx.conf:2: unexpected \"}\""),
        (
            "http {\n server {\n }\n",
            "/etc/nginx/nginx.conf:1: the file ends inside the block that begins here; a \"}\" is \
             missing",
        ),
        (
            "\na_by_lua_block { [[ }",
            "/etc/nginx/nginx.conf:2: the file ends inside the block of Lua that begins here; a \
             \"}\" is missing",
        ),
        ("a\n\0b;", "/etc/nginx/nginx.conf:2: the file is binary; it contains a byte 0"),
        ("a;\ninclude [a;", "/etc/nginx/nginx.conf:2: \"[a\" is no pattern of file names"),
        (
            "a;\ninclude nginx.conf;",
            "/etc/nginx/nginx.conf:2: this includes /etc/nginx/nginx.conf again, which leads here",
        ),
    ] {
        assert_eq!(read_one(text).map(|_| ()), Err(message.to_owned()), "{text:?}");
    }
    let loop_of_two = read_files(&[
        (MAIN, "http {\n include a*.conf;\n}"),
        ("/etc/nginx/a.conf", "b c;\n\nserver { include nginx.conf; }"),
    ]);
    assert_eq!(
        loop_of_two.map(|_| ()),
        Err("/etc/nginx/a.conf:3: this includes /etc/nginx/nginx.conf again, which leads here"
            .to_owned())
    );
}

#[test]
fn depth_is_bounded() {
    let nested = |levels| format!("{}{}", "a {\n".repeat(levels), "}\n".repeat(levels));
    assert!(read_one(&nested(64)).is_ok());
    for levels in [65, 200_000] {
        assert_eq!(
            read_one(&nested(levels)).map(|_| ()),
            Err(
                "/etc/nginx/nginx.conf:65: blocks and includes are nested more than 64 levels deep"
                    .to_owned()
            )
        );
    }
    // Includes count as blocks do.
    let files: Vec<_> = (0..100)
        .map(|n| (format!("/etc/nginx/{n}"), format!("a {{ include {}; }}", n + 1)))
        .collect();
    let mut files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
    files.push((MAIN, "include 0;"));
    let error = read_files(&files).map(|_| ()).unwrap_err();
    assert!(error.ends_with("nested more than 64 levels deep"), "{error}");
}

#[test]
fn size_is_bounded_with_everything_that_is_included() {
    let full = format!("#{}", "x".repeat(MAX_BYTES - 1));
    assert!(read_one(&full).is_ok());
    let message = "the configuration has more than 4194304 bytes, with its includes";
    assert_eq!(
        read_one(&format!("{full}x")).map(|_| ()),
        Err(format!("/etc/nginx/nginx.conf: {message}"))
    );
    // Each file includes the next one twice: 2 to the power of 40 files, if nobody counts.
    let files: Vec<_> = (0..40)
        .map(|n| (format!("/etc/nginx/{n}"), format!("include {0}; include {0};", n + 1)))
        .collect();
    let mut files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
    files.push((MAIN, "\ninclude 0;"));
    files.push(("/etc/nginx/40", ""));
    let error = read_files(&files).map(|_| ()).unwrap_err();
    assert!(error.ends_with(message) && error.contains(":1: "), "{error}");
}

#[test]
fn bytes_that_are_no_text_are_read() {
    let reading =
        read_text(b"a \xff\xfe;", Path::new("<stdin>"), Path::new(""), &Memory::of([])).unwrap();
    assert_eq!(show(&reading.directives), "a \u{fffd}\u{fffd}");
}
