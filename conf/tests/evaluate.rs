//! Conditions that are not known. What is known is compared with nginx itself, by `t/import/evaluator.py`.

use std::{collections::BTreeSet, path::Path};

use nginx_conf::{
    Disk,
    evaluate::{Config, Request, Start},
    read_text,
};

/// Which of two conditions hold, in each of the answers: `1`, `2`, both or none.
fn held(first: &str, second: &str) -> Vec<String> {
    let text = format!(
        "server {{
            location / {{
                set $held \"\";
                if ({first}) {{ set $held \"${{held}}1\"; }}
                if ({second}) {{ set $held \"${{held}}2\"; }}
                add_header X-Held \"held $held\";
            }}
        }}"
    );
    let reading = read_text(text.as_bytes(), Path::new("-"), Path::new(""), &Disk).unwrap();
    let config = Config::new(&reading.directives);
    let request = Request { method: "GET".to_owned(), ..Request::default() };
    let location = config.levels[config.servers[0]].locations[0];
    let answers = config.evaluate(&request, Start::Level(location));
    let values = answers.iter().map(|answer| answer.headers[0].value.known().unwrap());
    values.map(|value| value.trim_start_matches("held ").to_owned()).collect()
}

#[test]
fn a_condition_and_its_opposite_never_hold_together() {
    for (condition, opposite) in [
        ("$host = x", "$host != x"),
        ("$host ~ x", "$host !~ x"),
        ("$host ~* x", "$host !~* x"),
        ("-f $request_filename", "!-f $request_filename"),
        ("-d $request_filename", "!-d $request_filename"),
        ("-e $request_filename", "!-e $request_filename"),
        ("-x $request_filename", "!-x $request_filename"),
    ] {
        assert_eq!(held(condition, opposite), ["2", "1"], "{condition}");
        assert_eq!(held(condition, condition), ["", "12"], "{condition}");
        assert_eq!(held(opposite, opposite), ["12", ""], "{opposite}");
    }
}

#[test]
fn conditions_that_differ_hold_in_each_combination() {
    for (first, second) in [
        ("$host", "$scheme"),
        ("$host = x", "$host = y"),
        ("$host ~ x", "$host ~* x"),
        ("$host ~ x", "$host = x"),
        ("-f $request_filename", "-d $request_filename"),
        ("-f $request_filename", "-f $document_root/x"),
    ] {
        let all: BTreeSet<_> = held(first, second).into_iter().collect();
        assert_eq!(all, BTreeSet::from(["", "1", "2", "12"].map(str::to_owned)), "{first}");
    }
}
