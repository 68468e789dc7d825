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

/// The status and the headers of the answer to this method of the first location.
fn answer_to(method: &str, text: &str) -> (u16, Vec<String>) {
    let reading = read_text(text.as_bytes(), Path::new("-"), Path::new(""), &Disk).unwrap();
    let config = Config::new(&reading.directives);
    let request = Request { method: method.to_owned(), ..Request::default() };
    let location = config.levels[config.servers[0]].locations[0];
    let [answer] = &config.evaluate(&request, Start::Level(location))[..] else {
        panic!("one answer");
    };
    (answer.status, answer.headers.iter().map(|header| header.name.clone()).collect())
}

#[test]
fn error_pages_answer_with_their_headers() {
    let page = |error_page: &str, code: &str| {
        format!(
            "server {{
                location /a/ {{ {error_page} add_header X-A 1 always; return 405; }}
                location @b {{ add_header X-B 1 always; {code} }}
                location /c/ {{ add_header X-C $request_method always; }}
            }}"
        )
    };
    for (error_page, code, status, name) in [
        ("", "return 200;", 405, "X-A"),
        ("error_page 404 @b;", "return 200;", 405, "X-A"),
        ("error_page 404 405 @b;", "return 200;", 405, "X-B"),
        ("error_page 405 =204 @b;", "return 200;", 204, "X-B"),
        ("error_page 405 = @b;", "return 201;", 201, "X-B"),
        // One error does not lead to another page.
        ("error_page 405 @b;", "error_page 403 @b; return 403;", 403, "X-B"),
    ] {
        let answer = answer_to("OPTIONS", &page(error_page, code));
        assert_eq!(answer, (status, vec![name.to_owned()]), "{error_page} {code}");
    }
    // The method becomes GET, which a file answers.
    let (status, _) = answer_to("OPTIONS", &page("error_page 405 = /c/x;", ""));
    assert_eq!(status, 200);
}

#[test]
fn try_files_leads_methods_on_that_no_file_answers() {
    let text = "server {
        location /a/ { add_header X-A 1 always; try_files $uri @b; }
        location @b { add_header X-B 1 always; proxy_pass http://127.0.0.1; }
    }";
    assert_eq!(answer_to("OPTIONS", text), (200, vec!["X-B".to_owned()]));
    assert_eq!(answer_to("GET", text), (200, vec!["X-A".to_owned()]));
    let status = text.replace("@b; }", "=404; }");
    assert_eq!(answer_to("OPTIONS", &status), (405, vec!["X-A".to_owned()]));
    let cycle = "server {
        location /a/ { try_files $uri /b/x; }
        location /b/ { try_files $uri /a/x; }
    }";
    assert_eq!(answer_to("OPTIONS", cycle).0, 500);
}

#[test]
fn headers_of_applications_are_hidden_by_their_protocol() {
    for (hiding, inner, names) in [
        ("proxy_hide_header X-A;", "", &["X-B"][..]),
        ("fastcgi_hide_header X-A;", "", &["X-A", "X-B"]),
        // Each protocol is inherited for itself.
        ("proxy_hide_header X-A;", "fastcgi_hide_header X-B;", &["X-B"]),
        ("proxy_hide_header X-A;", "proxy_hide_header X-B;", &["X-A"]),
    ] {
        let text =
            format!("server {{ {hiding} location / {{ {inner} proxy_pass http://127.0.0.1; }} }}");
        let reading = read_text(text.as_bytes(), Path::new("-"), Path::new(""), &Disk).unwrap();
        let config = Config::new(&reading.directives);
        let upstream = ["X-A", "X-B"].map(|name| (name.to_owned(), "1".to_owned()));
        let request = Request {
            method: "GET".to_owned(),
            upstream_headers: upstream.to_vec(),
            ..Request::default()
        };
        let location = config.levels[config.servers[0]].locations[0];
        let answer = config.evaluate(&request, Start::Level(location)).swap_remove(0);
        let headers: Vec<_> = answer.headers.iter().map(|header| header.name.as_str()).collect();
        assert_eq!(headers, names, "{text}");
    }
}
