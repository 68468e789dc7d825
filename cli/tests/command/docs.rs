//! docs/cors-policy.md shows what the command really prints, and describes all of it.

use std::{env, fs, path::Path, process::Command};

use crate::run::{documents, fences, folder, project, run};
use serde_json::Value;

fn reference() -> String {
    fs::read_to_string(project().join("docs/cors-policy.md")).unwrap()
}

/// The commands of a block and what each is said to print.
fn commands(block: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((command, output))) if output.is_empty() && command.ends_with('\\') => {
                command.push_str(&format!("\n{line}"));
            }
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => panic!("output without a command: {line}"),
        }
    }
    commands
}

#[test]
fn every_example_prints_what_it_shows() {
    let folder = folder("docs");
    fs::copy(project().join("nginx-conf/cors.yaml"), folder.join("cors.yaml")).unwrap();
    for name in [
        "mistakes.yaml",
        "shop.yaml",
        "partners.txt",
        "ingress.yaml",
        "customers.txt",
        "nginx.conf",
        "status.json",
    ] {
        fs::copy(documents().join(name), folder.join(name)).unwrap();
    }
    let binaries = Path::new(env!("CARGO_BIN_EXE_cors-policy")).parent().unwrap().to_owned();
    let path = env::join_paths(
        [binaries].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    let mut tried = 0;
    for (line, block) in fences(&reference(), "console") {
        for (command, expected) in commands(&block) {
            let output = Command::new("sh")
                .args(["-c", &format!("{{ {command}\n}} 2>&1")])
                .current_dir(&folder)
                .env("PATH", &path)
                .env_remove("CLICOLOR_FORCE")
                .output()
                .unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            assert_eq!(printed, expected, "docs/cors-policy.md:{line}: {command}");
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried}");
}

#[test]
fn every_option_is_described() {
    let reference = reference();
    let mut commands = vec!["check", "explain", "import", "schema", "suggest"];
    if cfg!(feature = "probe") {
        commands.push("probe");
    }
    for command in commands {
        assert!(reference.contains(&format!("\n## cors-policy {command}\n")), "{command}");
        let help = run(&[command, "--help"]).stdout;
        for word in help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2)
        {
            let option = word.trim_end_matches([',', '`']);
            assert!(reference.contains(&format!("`{option}")), "{command} {option}");
        }
    }
}

#[test]
fn every_json_field_is_described() {
    let reference = reference();
    let mut described = 0;
    let mut check = |path: String| {
        assert!(reference.contains(&format!("\n| `{path}` |")), "{path}");
        described += 1;
    };
    for origin in ["https://admin.shop.example", "http://admin.shop.example"] {
        let args = ["--policy", "shop", "--origin", origin, "--preflight", "--json"];
        for (name, value) in
            run(&[&["explain", "shop.yaml"], &args[..]].concat()).json().as_object().unwrap()
        {
            check(name.clone());
            let (fields, mark) = match value {
                Value::Array(list) => (list.first().and_then(Value::as_object), "[]"),
                value => (value.as_object(), ""),
            };
            for field in fields.into_iter().flat_map(|fields| fields.keys()) {
                check(format!("{name}{mark}.{field}"));
            }
        }
    }
    for args in [
        &["import", "--format", "json", "ingress.yaml"][..],
        &["check", "--format", "json", "mistakes.yaml", "shop.yaml"],
        &["suggest", "--format", "json", "status.json"],
    ] {
        for (name, value) in run(args).json().as_object().unwrap() {
            check(name.clone());
            let first = value.as_array().and_then(|list| list.first()).and_then(Value::as_object);
            for field in first.into_iter().flat_map(|fields| fields.keys()) {
                check(format!("{name}[].{field}"));
            }
        }
    }
    assert!(described > 50, "{described}");
}
