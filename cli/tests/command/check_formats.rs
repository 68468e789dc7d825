//! The formats of `cors-policy check`, by their schemas, and the schemas of the other commands.

use serde_json::{Value, json};

use crate::run::{command, errors_by_schema, finish, folder, run, run_with_stdin, sarif_errors};

/// Files with findings of all levels, of all kinds.
const FILES: [&str; 4] = ["mistakes.yaml", "shop.yaml", "partners.txt", "missing.yaml"];

fn check(format: &str, files: &[&str]) -> crate::run::Run {
    run(&[&["check", "--format", format], files].concat())
}

#[test]
fn json_has_every_finding_and_every_guard() {
    let run = check("json", &FILES);
    assert_eq!((run.stderr.as_str(), run.code), ("", 2));
    let json = run.json();
    assert_eq!(errors_by_schema("docs/schemas/check.json", &json), [""; 0]);
    assert_eq!((&json["version"], &json["accepted"]), (&json!(1), &json!(false)));
    assert_eq!(
        json["files"][1],
        json!({
            "file": "shop.yaml", "kind": "document", "accepted": true, "errors": 0, "warnings": 0,
            "policies": 3, "rules": 4, "patterns": 9, "guards": 1,
        })
    );
    let of_files = |field: &str| -> Vec<u64> {
        json["files"].as_array().unwrap().iter().map(|file| file[field].as_u64().unwrap()).collect()
    };
    assert_eq!((of_files("errors"), of_files("warnings")), (vec![8, 0, 0, 1], vec![2, 0, 0, 0]));
    assert_eq!(
        json["findings"][5],
        json!({
            "level": "error", "id": "foreign-key", "file": "mistakes.yaml", "line": 11,
            "place": "policies.api.allow_origin", "value": null,
            "message": "unknown key; write `allow_origins`",
        })
    );
    assert_eq!(
        json["guards"],
        json!([{
            "guard": "any_origin_with_credentials", "policy": "anyone", "file": "shop.yaml", "line": 31,
            "place": "policies.anyone.dangerously_allow[0]",
            "message": "\"any_origin_with_credentials\" is open: \"*\" lets in every origin with \
                        credentials; any page can act as its visitor",
        }])
    );
    // What is printed for people is made of the same parts.
    let text = check("text", &["mistakes.yaml"]).stderr;
    for finding in json["findings"].as_array().unwrap().iter().take(10) {
        assert!(text.contains(finding["message"].as_str().unwrap()), "{finding}");
    }
}

#[test]
fn json_of_each_kind_follows_the_schema() {
    let many: String = (0..250).map(|n| format!("https://A{n}.example\n")).collect();
    for (text, kind, errors) in [
        ("version: 1\npolicies: {a: {allow_origins: '*'}}", "document", 0),
        ("http { cors_policy_define a { allow_origins *; } cors_policy a; }", "nginx", 0),
        ("server { cors_policy a; }", "nginx", 0),
        ("https://a.example\nhttp://a.example", "list", 0),
        (many.as_str(), "list", 250),
        ("", "document", 1),
    ] {
        let run = run_with_stdin(&["check", "--format", "json", "-"], text.as_bytes());
        let json = run.json();
        assert_eq!(errors_by_schema("docs/schemas/check.json", &json), [""; 0], "{text}");
        assert_eq!(
            (&json["files"][0]["kind"], &json["files"][0]["errors"]),
            (&json!(kind), &json!(errors))
        );
    }
}

#[test]
fn the_schema_of_check_tells_reports_from_others() {
    let good = check("json", &FILES).json();
    for (path, value) in [
        ("/version", json!(2)),
        ("/files/0/kind", json!("yaml")),
        ("/findings/0/level", json!("fatal")),
        ("/findings/0/line", json!(0)),
        ("/findings/0/id", json!("UnknownKey")),
        ("/guards/0/guard", json!("x")),
        ("/guards", Value::Null),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        assert_ne!(errors_by_schema("docs/schemas/check.json", &bad), [""; 0], "{path}");
    }
}

/// The result with this rule.
fn result<'r>(sarif: &'r Value, rule: &str) -> &'r Value {
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    results.iter().find(|result| result["ruleId"] == rule).unwrap()
}

#[test]
fn sarif_is_valid_and_has_every_finding() {
    let run = check("sarif", &FILES);
    assert_eq!((run.stderr.as_str(), run.code), ("", 2));
    let sarif = run.json();
    assert_eq!(sarif_errors(&sarif), [""; 0]);
    let json = check("json", &FILES).json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(
        results.len(),
        json["findings"].as_array().unwrap().len() + json["guards"].as_array().unwrap().len()
    );
    let unknown_key = result(&sarif, "foreign-key");
    assert_eq!(unknown_key["level"], "error");
    assert_eq!(
        unknown_key["message"]["text"],
        "policies.api.allow_origin: unknown key; write `allow_origins`"
    );
    assert_eq!(
        unknown_key["locations"][0]["physicalLocation"],
        json!({ "artifactLocation": { "uri": "mistakes.yaml" }, "region": { "startLine": 11 } })
    );
    assert_eq!(result(&sarif, "max-age-capped")["level"], "warning");
    assert_eq!(result(&sarif, "open-guard")["level"], "note");
    assert_eq!(
        result(&sarif, "unreadable")["locations"][0]["physicalLocation"],
        json!({ "artifactLocation": { "uri": "missing.yaml" } })
    );
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    for result in results {
        let rule = &rules[result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        let description = rule["shortDescription"]["text"].as_str().unwrap();
        assert!(description.ends_with('.') && !description.contains('\n'), "{description}");
    }
}

#[test]
fn sarif_counts_what_it_leaves_out_and_is_valid_without_a_finding() {
    let many: String = (0..250).map(|n| format!("https://A{n}.example\n")).collect();
    let sarif = run_with_stdin(&["check", "--format", "sarif", "-"], many.as_bytes()).json();
    assert_eq!(sarif_errors(&sarif), [""; 0]);
    let notifications = &sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notifications[0]["message"]["text"], "<stdin>: and 150 more mistakes");
    let run = check("sarif", &["partners.txt"]);
    assert_eq!(sarif_errors(&run.json()), [""; 0]);
    assert_eq!((&run.json()["runs"][0]["results"], run.code), (&json!([]), 0));
}

#[test]
fn github_gets_an_annotation_for_each_finding() {
    let run = check("github", &["mistakes.yaml", "shop.yaml"]);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(
        lines[0],
        "::error file=mistakes.yaml,line=6,title=cors-policy%3A pattern::\
         policies.api.allow_origins[0]: \"https://App.example.com\": upper case in an origin never \
         matches: browsers send lower case; write \"https://app.example.com\""
    );
    let begin_with = |prefix: &str| lines.iter().filter(|line| line.starts_with(prefix)).count();
    assert_eq!(
        ["::error file=", "::warning file=", "::notice file=shop.yaml,line=31,"].map(begin_with),
        [8, 2, 1]
    );
    assert!(lines.contains(&"shop.yaml: ok: 3 policies, 4 rules, 9 origin patterns"));
    assert_eq!(lines.len(), 12);
    assert_eq!(run.stderr, "8 mistakes and 2 warnings in 1 of 2 files\n");
    assert_eq!(run.code, 2);
}

/// A value with line breaks and signs of commands begins no command of its own.
#[test]
fn github_gets_no_command_from_a_file() {
    let text = "version: 1\npolicies: {a: {allow_origins: [\"x\\n::set-output name=a::b%\"]}}";
    let run = run_with_stdin(&["check", "--format", "github", "-"], text.as_bytes());
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    assert!(run.stdout.starts_with("::error title=cors-policy%3A pattern::"), "{}", run.stdout);
}

/// The name of a file can have any byte but two.
#[cfg(unix)]
#[test]
fn a_name_of_a_file_gives_neither_a_runner_nor_a_terminal_a_command() {
    let folder = folder("check-names");
    let name = "x\n::error::\x1b[31my.yaml";
    let document = "version: 1\npolicies:\n  api:\n    allow_origins: [\"https://a.example\"]\n";
    for (text, code) in [(document, 0), ("version: 2\n", 2)] {
        std::fs::write(folder.join(name), text).unwrap();
        for format in ["text", "github"] {
            let run = finish(command(&["check", "--format", format, name]).current_dir(&folder));
            assert_eq!(run.code, code);
            let is_escaped = |line: &str| {
                !line.starts_with("::error::") && !line.contains(|c: char| c.is_control())
            };
            assert!(run.stdout.lines().all(is_escaped), "{format}: {:?}", run.stdout);
            assert!(run.stderr.lines().all(is_escaped), "{format}: {:?}", run.stderr);
        }
    }
}

#[test]
fn a_directive_of_nginx_gives_no_terminal_a_command() {
    let text =
        "http {\n\"cors_policy_x\n::error::a\x1b[31m\" on;\ncors_policy \"b\n::error::c\";\n}\n";
    let run = run_with_stdin(&["check", "-"], text.as_bytes());
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains(r"cors_policy_x\n::error::a\u{1b}[31m"), "{}", run.stderr);
    assert!(run.stderr.lines().all(|line| !line.starts_with("::")), "{}", run.stderr);
}

#[test]
fn json_of_the_other_commands_follows_their_schemas() {
    for args in [
        &["--origin", "https://admin.shop.example", "--method", "PATCH", "--header", "A"][..],
        &["--origin", "http://admin.shop.example", "--preflight"],
        &["--origin", "https://old.shop.example"],
        &["--origin", "null", "--site", "same-origin", "--host", "shop.example", "--tls"],
        &["--site", "cross-site", "--method", "POST"],
    ] {
        let args = [&["explain", "shop.yaml", "--json", "--policy", "shop"], args].concat();
        let json = run(&args).json();
        assert_eq!(errors_by_schema("docs/schemas/explain.json", &json), [""; 0], "{args:?}");
        assert_eq!(json["version"], 1);
    }
    let forward = [
        "explain",
        "shop.yaml",
        "--json",
        "--policy",
        "forward",
        "--origin",
        "https://x.example",
        "--preflight",
    ];
    assert_eq!(errors_by_schema("docs/schemas/explain.json", &run(&forward).json()), [""; 0]);
    for text in ["[]", "server { add_header Access-Control-Allow-Origin *; }"] {
        let args = [
            "import",
            "--format",
            "json",
            "--from",
            if text == "[]" { "s3" } else { "nginx" },
            "-",
        ];
        let json = run_with_stdin(&args, text.as_bytes()).json();
        assert_eq!(errors_by_schema("docs/schemas/import.json", &json), [""; 0], "{text}");
    }
    let json = run(&["import", "--format", "json", "ingress.yaml"]).json();
    assert_eq!(errors_by_schema("docs/schemas/import.json", &json), [""; 0]);
}

/// A field that no schema has would be one that nobody can rely on.
#[test]
fn the_schemas_have_every_field() {
    let check = check("json", &FILES).json();
    let explain =
        ["explain", "shop.yaml", "--policy", "shop", "--origin", "http://admin.shop.example"];
    let explain = run(&[&explain[..], &["--preflight", "--json"]].concat()).json();
    let import = run(&["import", "--format", "json", "ingress.yaml"]).json();
    let suggest = run(&["suggest", "--format", "json", "status.json"]).json();
    let all = [("check", check), ("explain", explain), ("import", import), ("suggest", suggest)];
    for (name, json) in all {
        let path = crate::run::project().join(format!("docs/schemas/{name}.json"));
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        assert_known(&schema, &schema, &json, name);
    }
}

/// Asserts that a schema, which is `root` or a part of it, describes each field of a value.
fn assert_known(root: &Value, schema: &Value, value: &Value, path: &str) {
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(place) => root.pointer(place.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    let schema = match schema.get("oneOf") {
        Some(either) => either.as_array().unwrap().last().unwrap(),
        None => schema,
    };
    match value {
        Value::Object(fields) if schema.get("properties").is_some() => {
            for (name, value) in fields {
                let property = schema["properties"].get(name);
                let property = property.unwrap_or_else(|| panic!("{path}.{name} is not described"));
                assert_known(root, property, value, &format!("{path}.{name}"));
            }
        }
        Value::Object(_) => assert!(schema.get("additionalProperties").is_some(), "{path}"),
        Value::Array(list) => {
            for value in list {
                assert_known(root, &schema["items"], value, &format!("{path}[]"));
            }
        }
        _ => assert!(schema.get("description").is_some() || schema.get("type").is_some(), "{path}"),
    }
}
