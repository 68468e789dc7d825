//! The `cors-policy` command: the engine of the nginx module for development and CI.
#![forbid(unsafe_code)]

mod args;
mod check;
mod explain;
mod input;
mod near_miss;
mod output;
mod request;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// The outcome as the exit code tells it. Part of the interface.
#[derive(Clone, Copy)]
enum Outcome {
    /// Every file is fine, or the request is allowed.
    Good,
    /// The request is denied.
    Denied,
    /// There is no decision: a document or the arguments have mistakes, or a file is unreadable.
    Unusable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Good => Self::SUCCESS,
            Outcome::Denied => Self::from(1),
            // As clap does for what it refuses.
            Outcome::Unusable => Self::from(2),
        }
    }
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(args),
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
