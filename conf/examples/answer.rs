//! Prints with which status and headers nginx would answer requests to the first server of a
//! configuration.
//!
//! ```sh
//! printf 'GET\t/api/\thttps://app.example.com\n' | cargo run -p nginx-conf --example answer nginx.conf
//! ```
//!
//! Each line of standard input is a request: method, path with query, and origin (`-` for none),
//! separated by tabs, and then its other headers as `name: value`, and those of the application as
//! `<name: value`. Each line of standard output is an answer: status and headers. An unknown value is
//! `?`, and where conditions are unknown each further answer comes behind a `|`.

use std::{
    env,
    io::{self, BufRead, Write},
    path::Path,
    process::ExitCode,
};

use nginx_conf::{
    Disk,
    evaluate::{Answer, Config, Request, Start},
    read,
};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let path = env::args_os().nth(1).ok_or("which nginx.conf?")?;
    let reading = read(Path::new(&path), &Disk).map_err(|error| error.to_string())?;
    let config = Config::new(&reading.directives);
    let server = *config.servers.first().ok_or("there is no server")?;
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let request = request(&line).ok_or_else(|| format!("not a request: {line}"))?;
        let answers = config.evaluate(&request, Start::Server(server));
        let answers: Vec<_> = answers.iter().map(show).collect();
        writeln!(out, "{}", answers.join("|")).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn request(line: &str) -> Option<Request> {
    let mut fields = line.split('\t');
    let method = fields.next()?.to_owned();
    let (path, query) = fields.next().map(|uri| uri.split_once('?').unwrap_or((uri, "")))?;
    let origin = fields.next().filter(|origin| *origin != "-").map(ToOwned::to_owned);
    let mut headers = Vec::new();
    let mut upstream_headers = Vec::new();
    for field in fields {
        let (name, value) = field.split_once(": ")?;
        match name.strip_prefix('<') {
            Some(name) => upstream_headers.push((name.to_owned(), value.to_owned())),
            None => headers.push((name.to_ascii_lowercase(), value.to_owned())),
        }
    }
    Some(Request {
        method,
        origin,
        headers,
        has_no_other_headers: true,
        path: Some(path.to_owned()),
        query: query.to_owned(),
        upstream_headers,
    })
}

fn show(answer: &Answer) -> String {
    let mut fields = vec![answer.status.to_string()];
    for header in &answer.headers {
        fields.push(format!("{}: {}", header.name, header.value.known().unwrap_or("?")));
    }
    fields.join("\t")
}
