//! Values and conditions that are not known. What is known is compared with nginx itself, by
//! `t/import/evaluator.py`.

use std::{collections::BTreeSet, path::Path};

use nginx_conf::{
    Disk,
    evaluate::{Config, Request, Start, Unknown, Value},
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
    let values = answers(&text);
    let values = values.iter().map(|value| value.known().unwrap());
    values.map(|value| value.trim_start_matches("held ").to_owned()).collect()
}

/// The value of the first header in each of the answers of the only location.
fn answers(text: &str) -> Vec<Value> {
    let reading = read_text(text.as_bytes(), Path::new("-"), Path::new(""), &Disk).unwrap();
    let config = Config::new(&reading.directives);
    let request = Request { method: "GET".to_owned(), ..Request::default() };
    let location = config.levels[config.servers[0]].locations[0];
    let answers = config.evaluate(&request, Start::Level(location));
    answers.into_iter().map(|mut answer| answer.headers.swap_remove(0).value).collect()
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

#[test]
fn variables_of_what_is_not_followed_name_their_directive() {
    for (outer, inner, expected) in [
        ("geo $a { default 1; }", "", "geo"),
        ("geo $remote_addr $a { default 1; }", "", "geo"),
        ("split_clients $uri $a { * 1; }", "", "split_clients"),
        ("keyval $uri $a zone=one;", "", "keyval"),
        ("js_set $a main.a;", "", "js_set"),
        ("perl_set $a main::a;", "", "perl_set"),
        ("", "auth_request_set $a $upstream_http_a;", "auth_request_set"),
        ("", "set_by_lua_block $a { return 1 }", "set_by_lua_block"),
        ("", "set_md5 $a $uri;", "set_md5"),
    ] {
        let text = format!(
            "http {{ {outer} server {{ location / {{ {inner} add_header X-A $a; empty_gif; }} }} }}"
        );
        match &answers(&text)[..] {
            [Value::Unknown(Unknown::Directive { variable, directive, .. })] => {
                assert_eq!((&**variable, &**directive), ("a", expected));
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}
