//! The examples for CI services: their commands run in a folder like a checkout.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, str};

use serde_yaml::Value;

use crate::run::{errors_by_schema, folder, project, sarif_errors};

/// An example of the project.
fn example(name: &str) -> Value {
    let text = fs::read_to_string(project().join("examples/ci").join(name)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// A checkout with a configuration, and the source of the tool as a submodule.
fn checkout(name: &str, allowed: &str) -> PathBuf {
    let folder = folder(&format!("ci-{name}"));
    fs::create_dir(folder.join("nginx")).unwrap();
    let conf = format!(
        "events {{}}\nhttp {{\n    include mime.types;\n    cors_policy_define api {{\n        \
         allow_origins {allowed};\n    }}\n    server {{ location / {{ cors_policy api; }} }}\n}}\n"
    );
    fs::write(folder.join("nginx/nginx.conf"), conf).unwrap();
    symlink(project(), folder.join("cors-policy")).unwrap();
    folder
}

/// Runs a command as the shells of CI services do. `cargo install` is not run; what it would install has
/// to be there.
fn execute(command: &str, checkout: &Path) -> Output {
    let programs = checkout.join("programs");
    if !programs.exists() {
        fs::create_dir(&programs).unwrap();
        let cargo = programs.join("cargo");
        let script = "#!/bin/sh\n[ \"$*\" = 'install --locked --path cors-policy/cli' ] || exit 9\n\
                      grep -q '^name = \"cors-policy\"$' cors-policy/cli/Cargo.toml\n";
        fs::write(&cargo, script).unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let tool = Path::new(env!("CARGO_BIN_EXE_cors-policy")).parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path =
        env::join_paths([programs, tool].into_iter().chain(env::split_paths(&path))).unwrap();
    Command::new("sh")
        .args(["-e", "-c", command])
        .current_dir(checkout)
        .env("PATH", path)
        .output()
        .unwrap()
}

#[test]
fn the_steps_of_github_actions_run() {
    let workflow = example("github-actions.yml");
    let steps = workflow["jobs"]["check"]["steps"].as_sequence().unwrap();
    let commands: Vec<_> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    assert_eq!(commands.len(), 3);
    for (name, allowed, code) in
        [("good", "https://a.example", 0), ("bad", "https://a.example/", 2)]
    {
        let checkout = checkout(&format!("github-{name}"), allowed);
        let results: Vec<_> = commands.iter().map(|command| execute(command, &checkout)).collect();
        let codes: Vec<_> = results.iter().map(|result| result.status.code().unwrap()).collect();
        assert_eq!(codes, [0, code, code], "{results:?}");
        let annotations = str::from_utf8(&results[1].stdout).unwrap();
        assert_eq!(
            annotations
                .contains("::error file=nginx/nginx.conf,line=5,title=cors-policy%3A pattern::"),
            code != 0,
            "{annotations}"
        );
        // It is uploaded after a failure, too.
        let upload = steps.iter().find(|step| step["with"]["sarif_file"].is_string()).unwrap();
        assert_eq!(upload["if"], "${{ !cancelled() }}");
        let file = checkout.join(upload["with"]["sarif_file"].as_str().unwrap());
        let sarif = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(sarif_errors(&sarif), [""; 0]);
    }
    assert_eq!(workflow["permissions"]["security-events"], "write");
}

#[test]
fn the_script_of_gitlab_runs() {
    let job = &example("gitlab-ci.yml")["cors-policy"];
    let script: Vec<_> =
        job["script"].as_sequence().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    for (name, allowed, code) in
        [("good", "https://a.example", 0), ("bad", "https://a.example/", 2)]
    {
        let checkout = checkout(&format!("gitlab-{name}"), allowed);
        // GitLab runs the lines in one shell, and stops at the first that fails.
        let result = execute(&script.join("\n"), &checkout);
        assert_eq!(result.status.code(), Some(code), "{result:?}");
        let file = checkout.join(job["artifacts"]["paths"][0].as_str().unwrap());
        let json = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(errors_by_schema("docs/schemas/check.json", &json), [""; 0]);
        assert_eq!(json["accepted"], code == 0);
    }
    assert_eq!(job["artifacts"]["when"], "always");
}

#[test]
fn the_page_names_the_examples() {
    let page = fs::read_to_string(project().join("docs/ci.md")).unwrap();
    for file in fs::read_dir(project().join("examples/ci")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(page.contains(&format!("(../examples/ci/{name})")), "{name}");
    }
}
