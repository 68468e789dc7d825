//! The `cors-policy` command: the engine of the nginx module for development and CI.
#![forbid(unsafe_code)]

mod args;
mod check;
mod explain;
mod import;
mod input;
mod near_miss;
mod output;
#[cfg(feature = "probe")]
mod probe;
mod request;
mod suggest;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// The outcome as the exit code tells it. Part of the interface.
#[derive(Clone, Copy)]
enum Outcome {
    /// Every file is fine, the request is allowed, an imported policy is no wider than its source, or a status was
    /// read.
    Good,
    /// The request is denied.
    Denied,
    /// An imported policy needs an answer of its user, or is wider than its source.
    Open,
    /// A server has something wrong, or a policy would change what it lets pages do.
    #[cfg(feature = "probe")]
    Found,
    /// There is no result: a document or the arguments have mistakes, a file is unreadable, or a server
    /// cannot be asked.
    Unusable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Good => Self::SUCCESS,
            Outcome::Denied | Outcome::Open => Self::from(1),
            #[cfg(feature = "probe")]
            Outcome::Found => Self::from(1),
            // As clap does for what it refuses.
            Outcome::Unusable => Self::from(2),
        }
    }
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(args),
        Command::Import(args) => import::run(&args),
        #[cfg(feature = "probe")]
        Command::Probe(args) => probe::run(&args),
        Command::Suggest(args) => suggest::run(&args),
        Command::Schema => output::print_json(&cors_policy::document::schema())
            .map(|()| Outcome::Good)
            .map_err(Into::into),
    };
    result
        .unwrap_or_else(|error| {
            output::print_error(&error);
            Outcome::Unusable
        })
        .into()
}
