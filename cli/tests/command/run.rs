//! Runs the command.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The command, in the folder of the documents for tests.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cors-policy"));
    command.args(args).current_dir(documents());
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

pub(crate) fn run(args: &[&str]) -> Run {
    finish(&mut command(args))
}

pub(crate) fn run_with_stdin(args: &[&str], stdin: &[u8]) -> Run {
    let mut command = command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn finish(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().expect("an exit code, not a signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The folder of the documents for tests.
pub(crate) fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents")
}

/// The folder of the whole project.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The errors of a JSON value by a schema of the project, as its path in it.
#[track_caller]
pub(crate) fn errors_by_schema(path: &str, value: &serde_json::Value) -> Vec<String> {
    errors_by(&schema(path), value)
}

/// The errors of a log by the schema of SARIF.
#[track_caller]
pub(crate) fn sarif_errors(log: &serde_json::Value) -> Vec<String> {
    let mut schema = schema("cli/tests/schemas/sarif-2.1.0.json");
    // The expression has a bracket too many, which not every implementation takes.
    for owner in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][owner]["properties"]["language"];
        assert!(language.as_object_mut().unwrap().remove("pattern").is_some(), "{owner}");
    }
    errors_by(&schema, log)
}

/// A schema of the project.
#[track_caller]
fn schema(path: &str) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(project().join(path)).unwrap()).unwrap()
}

#[track_caller]
fn errors_by(schema: &serde_json::Value, value: &serde_json::Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors = validator.iter_errors(value);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// An empty folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The content of each block of a Markdown text that is marked as being in this language, and the
/// line before it.
pub(crate) fn fences(markdown: &str, language: &str) -> Vec<(usize, String)> {
    let opening = format!("```{language}");
    let mut fences = Vec::new();
    let mut lines = markdown.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim() == opening {
            let content =
                lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
            fences.push((number + 1, content.map(|line| format!("{line}\n")).collect()));
        }
    }
    fences
}
