//! `cors-policy schema`, and the examples of the documentation, by the schema and by `check`.

use std::fs;

use crate::run::{documents, fences, folder, project, run};
use serde_json::Value;

fn schema() -> Value {
    let run = run(&["schema"]);
    assert_eq!((run.stderr.as_str(), run.code), ("", 0));
    run.json()
}

/// The errors that an editor would underline.
fn errors(text: &str) -> Vec<String> {
    let document: Value = serde_yaml::from_str(text).unwrap();
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    validator.iter_errors(&document).map(|error| error.to_string()).collect()
}

#[test]
fn it_is_a_json_schema() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn it_tells_documents_from_others() {
    let good = fs::read_to_string(documents().join("shop.yaml")).unwrap();
    assert_eq!(errors(&good), [""; 0]);
    let bad = fs::read_to_string(documents().join("mistakes.yaml")).unwrap();
    assert_ne!(errors(&bad), [""; 0]);
}

#[test]
fn every_example_is_a_policy_document() {
    let mut examples = Vec::new();
    let in_folder =
        |name: &str| fs::read_dir(project().join(name)).unwrap().map(|entry| entry.unwrap().path());
    for file in in_folder("docs").chain([project().join("README.md")]) {
        if file.extension().is_some_and(|extension| extension == "md") {
            for (line, text) in fences(&fs::read_to_string(&file).unwrap(), "yaml") {
                if text.contains("version:") && text.contains("policies:") {
                    examples.push((format!("{}:{line}", file.display()), text));
                }
            }
        }
    }
    assert!(examples.len() >= 2, "{examples:?}");
    let in_documentation = examples.len();
    for file in in_folder("nginx-conf") {
        if file.extension().is_some_and(|extension| extension == "yaml") {
            examples.push((file.display().to_string(), fs::read_to_string(&file).unwrap()));
        }
    }
    assert!(examples.len() > in_documentation, "none in nginx-conf");

    for (origin, text) in examples {
        let folder = folder("examples");
        for line in text.lines() {
            if let Some((_, rest)) = line.split_once("allow_origins_file:") {
                let name = rest.split('#').next().unwrap_or_default().trim();
                fs::write(folder.join(name), "https://partner.example\n").unwrap();
            }
        }
        let file = folder.join("cors.yaml");
        fs::write(&file, &text).unwrap();
        let run = run(&["check", file.to_str().unwrap()]);
        assert_eq!((run.stderr.as_str(), run.code), ("", 0), "{origin}");
        assert_eq!(errors(&text), [""; 0], "{origin}");
    }
}
