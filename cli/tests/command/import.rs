//! `cors-policy import`: configurations of other software, from their documentation and from practice,
//! what becomes of them, and what is said about it.
//!
//! `tests/import/FORMAT/NAME.yaml` (or `.json`) becomes `NAME.cors.yaml`, with the messages and the exit
//! code in `NAME.report`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Run, command, finish, run_with_stdin};
use serde_json::Value;

/// The folder of the configurations.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

/// The configurations, as paths in the folder, with their formats.
fn configurations() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for format in fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
        let name = format.file_name().unwrap().to_str().unwrap().to_owned();
        for file in fs::read_dir(&format).unwrap().map(|entry| entry.unwrap().file_name()) {
            let file = file.into_string().unwrap();
            let is_input = [".yaml", ".json"].iter().any(|end| file.ends_with(end));
            if is_input && !file.ends_with(".cors.yaml") {
                all.push((format!("{name}/{file}"), name.clone()));
            }
        }
    }
    all.sort();
    all
}

fn import(args: &[&str]) -> Run {
    finish(command(&[&["import"], args].concat()).current_dir(folder()))
}

/// What is expected of a configuration: the document, the messages, and the exit code.
fn expected(file: &str) -> (String, String, i32) {
    let stem = folder().join(file.rsplit_once('.').unwrap().0);
    let read = |end: &str| fs::read_to_string(format!("{}{end}", stem.display())).unwrap();
    let report = read(".report");
    let (messages, code) = report.rsplit_once("exit code ").unwrap();
    (read(".cors.yaml"), messages.to_owned(), code.trim().parse().unwrap())
}

#[test]
fn each_configuration_becomes_what_is_expected() {
    let configurations = configurations();
    assert!(configurations.len() >= 40, "{}", configurations.len());
    for (file, format) in configurations {
        let (document, messages, code) = expected(&file);
        let run = import(&[&file]);
        assert_eq!(run.stdout, document, "{file}");
        assert_eq!(run.stderr, messages, "{file}");
        assert_eq!(run.code, code, "{file}");
        let named = import(&["--from", &format, &file]);
        assert_eq!((named.stdout, named.stderr), (run.stdout, run.stderr), "{file} as {format}");
    }
}

/// But for origins that nobody knows yet, which the check asks for.
#[test]
fn each_document_passes_the_check() {
    let mut unknown = 0;
    for (file, _) in configurations() {
        let document = expected(&file).0;
        let run = run_with_stdin(&["check", "-"], document.as_bytes());
        let errors: Vec<_> = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("<stdin>:") && !line.contains(": warning: "))
            .collect();
        let open = document.matches("allow_origins: []").count();
        assert_eq!(errors.len(), open, "{file}: {}", run.stderr);
        assert!(
            errors.iter().all(|line| line.contains("allow_origins: an empty list")),
            "{errors:?}"
        );
        assert_eq!(run.code, if open > 0 { 2 } else { 0 }, "{file}");
        unknown += open;
    }
    assert!(unknown > 0);
}

#[test]
fn json_has_the_same_findings_and_tells_what_is_wider() {
    let mut levels = Vec::new();
    for (file, _) in configurations() {
        let text = import(&[&file]);
        let run = import(&["--format", "json", &file]);
        assert_eq!((run.stderr.as_str(), run.code), ("", text.code), "{file}");
        let json = run.json();
        assert_eq!(json["version"], 1);
        assert_eq!(json["document"], text.stdout);
        assert_eq!(json["diff"], Value::Null);
        let findings = json["findings"].as_array().unwrap();
        let mut lines = String::new();
        for finding in findings {
            let level = finding["level"].as_str().unwrap();
            levels.push(level.to_owned());
            let line = finding["line"].as_u64().expect("a line");
            assert!(line >= 1);
            lines.push_str(&format!(
                "{file}:{line}: {level}: {}\n",
                finding["message"].as_str().unwrap()
            ));
        }
        assert_eq!(lines, text.stderr, "{file}");
        let is_open = findings.iter().any(|f| f["level"] == "question" || f["wider"] == true);
        assert_eq!(text.code, i32::from(is_open), "{file}");
        for name in json["policies"].as_array().unwrap() {
            let key = format!("  {}:\n", name.as_str().unwrap());
            assert!(text.stdout.contains(&key), "{file}: {key}");
        }
    }
    for level in ["note", "warning", "question"] {
        assert!(levels.iter().any(|other| other == level), "{level}");
    }
}

#[test]
fn several_files_become_one_document() {
    let run = import(&["ingress/list.yaml", "istio/exact.yaml", "s3/rules.json", "r2/exact.json"]);
    for name in ["public", "ratings-0", "bucket", "bucket-2"] {
        assert!(run.stdout.contains(&format!("\n  {name}:\n")), "{name}: {}", run.stdout);
    }
    assert_eq!(run.stdout.matches("version: 1").count(), 1);
    assert_eq!(run.code, 1);
}

#[test]
fn standard_input_is_a_file_too() {
    let text = fs::read(folder().join("r2/exact.json")).unwrap();
    let run = run_with_stdin(&["import", "-"], &text);
    assert_eq!(run.stdout, expected("r2/exact.json").0);
    assert!(run.stderr.starts_with("<stdin>:1: note: "), "{}", run.stderr);
    assert_eq!(run.code, 0);
}

#[test]
fn a_file_in_no_known_format_is_refused() {
    for text in ["", "a", "- 1\n", "{}", "a: 1\n", "kind: Pod\n", "<xml/>", "[1, 2]"] {
        let run = run_with_stdin(&["import", "-"], text.as_bytes());
        assert!(
            run.stderr.starts_with(
                "error: <stdin>: in no format that import recognizes; name it by --from: "
            ),
            "{text}: {}",
            run.stderr
        );
        assert_eq!((run.stdout.as_str(), run.code), ("", 2));
    }
}

#[test]
fn a_file_without_cors_is_no_document() {
    let text = b"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n";
    let run = run_with_stdin(&["import", "-"], text);
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str(), run.code),
        (
            "",
            "<stdin>: warning: nothing here decides about CORS, so that no policy is written\n",
            0
        )
    );
}

/// Whatever stands before or after it.
#[test]
fn each_file_without_cors_is_named() {
    let folder = crate::run::folder("import-nothing");
    fs::write(folder.join("nothing.yaml"), "kind: Ingress\n").unwrap();
    let nothing = folder.join("nothing.yaml");
    let nothing = nothing.to_str().unwrap();
    let warning = format!(
        "{nothing}: warning: nothing here decides about CORS, so that no policy is written\n"
    );
    for files in [
        &[nothing, "r2/exact.json"][..],
        &["r2/exact.json", nothing],
        // The second time, the policy is that of the first.
        &["r2/exact.json", nothing, "r2/exact.json"],
    ] {
        let run = import(files);
        assert_eq!(run.stderr.matches(&warning).count(), 1, "{files:?}: {}", run.stderr);
        let all = run.stderr.matches("nothing here decides").count();
        assert_eq!(all, 1, "{files:?}: {}", run.stderr);
        assert_eq!(run.stdout, expected("r2/exact.json").0, "{files:?}");
    }
}

#[test]
fn a_value_of_another_kind_is_refused_with_its_line() {
    for (format, text, error) in [
        (
            "istio",
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nspec:\n  http:\n  - corsPolicy:\n      \
             allowMethods: {a: b}\n",
            "<stdin>:6: invalid type: map, expected a list of texts",
        ),
        (
            "istio",
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nspec:\n  http:\n  - corsPolicy:\n      \
             maxAge: soon\n",
            "<stdin>:6: \"soon\" is not a time in seconds",
        ),
        ("s3", "[{\"AllowedOrigins\": [\"*\"],\n \"MaxAgeSeconds\": []}]", "<stdin>:2: "),
        ("s3", "[{\"AllowedMethods\": [\"GET\"]}]", "<stdin>:1: missing field `origins`"),
        ("gcs", "[{\"origin\": [\"*\"]}", "<stdin>:1: not YAML: "),
        ("kong", "_format_version: '3'\nplugins:\n- name: cors\n  config: [a]\n", "<stdin>:4: "),
        (
            "traefik",
            "http: {middlewares: {a: {headers: {accessControlMaxAge: soon}}}}",
            "<stdin>:1: ",
        ),
        ("apisix", "routes:\n- id: a\n  plugins:\n    cors:\n      max_age: [1]\n", "<stdin>:5: "),
    ] {
        let run = run_with_stdin(&["import", "--from", format, "-"], text.as_bytes());
        assert!(run.stderr.starts_with(&format!("error: {error}")), "{text}: {}", run.stderr);
        assert_eq!((run.stdout.as_str(), run.code), ("", 2), "{text}");
    }
}
