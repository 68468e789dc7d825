//! Writes the manual pages and the shell completions of `cors-policy`, from the definition of its
//! command line, so that they always agree with it.
//!
//! `cors-policy-manual DIR` makes `DIR/man`, `DIR/bash`, `DIR/zsh` and `DIR/fish`, with the files named as
//! the shells look for them. Packages run it while they are built.
#![forbid(unsafe_code)]

// Nothing is parsed here, so the fields are never read.
#[allow(dead_code)]
#[path = "../../src/args.rs"]
mod args;

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::{env, iter};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

const NAME: &str = "cors-policy";

const SHELLS: [(Shell, &str, &str); 3] = [
    (Shell::Bash, "bash", "cors-policy"),
    (Shell::Zsh, "zsh", "_cors-policy"),
    (Shell::Fish, "fish", "cors-policy.fish"),
];

fn main() -> ExitCode {
    let Some(directory) = env::args_os().nth(1) else {
        eprintln!("usage: cors-policy-manual DIR");
        return ExitCode::from(2);
    };
    match write(Path::new(&directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cors-policy-manual: {}: {error}", directory.to_string_lossy());
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path) -> io::Result<()> {
    // A reader of the manual has `--help` already.
    let mut command = args::Args::command().disable_help_subcommand(true);
    command.build();

    let man = directory.join("man");
    fs::create_dir_all(&man)?;
    for page in iter::once(&command).chain(command.get_subcommands()) {
        write_page(page.clone(), &man)?;
    }

    for (shell, folder, file) in SHELLS {
        let folder = directory.join(folder);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(file), completions(shell))?;
    }
    Ok(())
}

/// The script by which a shell completes the command line.
fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    if shell != Shell::Bash {
        clap_complete::generate(shell, &mut args::Args::command(), NAME, &mut script);
        return script;
    }
    // For bash, clap_complete 4.6 names what belongs to a subcommand in two ways if the name of the program has a
    // hyphen, so that nothing is completed after a subcommand.
    let name = NAME.replace('-', "_");
    clap_complete::generate(shell, &mut args::Args::command(), &name, &mut script);
    // bash takes the `=` of `--format=json` for a word.
    let script = String::from_utf8_lossy(&script).replace(
        "    prev=\"$3\"\n",
        "    prev=\"$3\"
    if [[ \"${cur}\" == = ]]; then
        cur=\"\"
    elif [[ \"${prev}\" == = ]]; then
        prev=\"${COMP_WORDS[COMP_CWORD-2]}\"
    fi
",
    );
    // The program is the last word of the lines that register the function.
    script.replace(&format!(" -o default {name}\n"), &format!(" -o default {NAME}\n")).into_bytes()
}

/// Writes `cors-policy.1`, or the page of a subcommand.
fn write_page(page: Command, directory: &Path) -> io::Result<()> {
    let more = page.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_subcommands = page.has_subcommands();
    let man = Man::new(page)
        .source(concat!("cors-policy ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands")
        // A fixed date makes the page reproducible. An empty one would count as missing.
        .date(" ");

    let mut file = File::create(directory.join(man.get_filename()))?;
    man.render_title(&mut file)?;
    man.render_name_section(&mut file)?;
    man.render_synopsis_section(&mut file)?;
    man.render_description_section(&mut file)?;
    man.render_options_section(&mut file)?;
    if has_subcommands {
        man.render_subcommands_section(&mut file)?;
    }

    let mut roff = Roff::new();
    for paragraph in more.split("\n\n") {
        if let Some((_, examples)) =
            paragraph.split_once(":\n").filter(|(title, _)| title.starts_with("Example"))
        {
            roff.control("SH", ["EXAMPLES"]).control("nf", []);
            for line in examples.lines() {
                roff.text([roman(line)]);
            }
            roff.control("fi", []);
        } else if let Some(codes) = paragraph.strip_prefix("Exit code: ") {
            roff.control("SH", ["EXIT STATUS"]).text([roman(codes)]);
        } else {
            roff.control("PP", []);
            for line in paragraph.lines() {
                roff.text([roman(line)]).control("br", []);
            }
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("ngx_http_cors_policy_module(5), for what stands in a policy document")]);
    roff.to_writer(&mut file)
}
