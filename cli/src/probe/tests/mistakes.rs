//! Servers with one mistake each.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::probe::finding::Level;

#[track_caller]
fn expect(expected: &[Id], server: impl Fn(&Exchange) -> Response + Sync) {
    assert_eq!(ids(server), expected.iter().copied().collect());
}

/// Adds what a response with credentials has.
fn with_credentials(answer: Response) -> Response {
    with(answer, &[("Access-Control-Allow-Credentials", "true")])
}

#[test]
fn an_origin_made_up_for_the_run_is_sent_back() {
    expect(&[Id::ReflectsAnyOrigin], |it| listed(it, |origin| origin.starts_with("https://")));
    let levels = |server: fn(&Exchange) -> Response| probe(server).0[0].level;
    assert_eq!(levels(|it| listed(it, |origin| origin.starts_with("https://"))), Level::Warning);
    assert_eq!(
        levels(|it| with_credentials(listed(it, |origin| origin.starts_with("https://")))),
        Level::Error
    );
}

#[test]
fn a_preflight_that_sends_back_every_origin_is_enough() {
    expect(&[Id::ReflectsAnyOrigin], |it| {
        listed(it, |origin| origin == APP || it.is_preflight() && origin.starts_with("https://"))
    });
}

#[test]
fn a_foreign_domain_stands_behind_an_origin() {
    // Every special character stands behind it, too.
    expect(&[Id::MatchesPrefix, Id::SpecialCharacters], |it| {
        listed(it, |origin| origin.starts_with(APP))
    });
}

#[test]
fn letters_stand_before_a_domain() {
    expect(&[Id::MatchesSuffix], |it| {
        listed(it, |origin| origin.starts_with("https://") && origin.ends_with("shop.com"))
    });
}

#[test]
fn letters_before_a_subdomain_are_found_where_other_subdomains_do_not_read() {
    let (found, _) = probe(|it| {
        listed(it, |origin| origin.starts_with("https://") && origin.ends_with("app.shop.com"))
    });
    let found: Vec<_> = found.iter().map(|it| (it.id, it.level)).collect();
    assert_eq!(found, [(Id::MatchesSuffix, Level::Warning)]);
}

#[test]
fn a_letter_stands_for_a_dot() {
    for pattern in ["https://app.shop\\.com", "https://app\\.shop.com", "https://app.shop.com"] {
        let regex = regex_automata::meta::Regex::new(&format!("^(?:{pattern})$")).unwrap();
        expect(&[Id::UnescapedDot], |it| listed(it, |origin| regex.is_match(origin)));
    }
}

#[test]
fn a_special_character_ends_the_comparison() {
    for character in ['_', '`', '%', '!', '&', '{', '~', '$'] {
        let start = format!("{APP}{character}");
        expect(&[Id::SpecialCharacters], |it| {
            listed(it, |origin| origin == APP || origin.starts_with(&start))
        });
    }
}

#[test]
fn null_reads() {
    expect(&[Id::AllowsNull], |it| listed(it, |origin| origin == APP || origin == "null"));
}

#[test]
fn the_http_twin_reads_with_credentials() {
    let twin = |origin: &str| origin == APP || origin == "http://app.shop.com";
    expect(&[Id::AllowsInsecureScheme], |it| with_credentials(listed(it, twin)));
    expect(&[], |it| listed(it, twin));
}

#[test]
fn a_star_comes_with_credentials() {
    expect(&[Id::WildcardWithCredentials], |it| {
        let answer = listed(it, |_| false);
        with(
            answer,
            &[("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "true")],
        )
    });
}

#[test]
fn several_origins_are_in_one_value() {
    for value in ["https://app.shop.com, https://www.shop.com", "https://app.shop.com http://a.b"] {
        expect(&[Id::MultipleOrigins], |it| {
            with(listed(it, |_| false), &[("Access-Control-Allow-Origin", value)])
        });
    }
}

#[test]
fn a_header_comes_in_two_lines() {
    expect(&[Id::DuplicateHeaders], |it| {
        let line = ("Access-Control-Allow-Origin", "*");
        with(listed(it, |_| false), &[line, line])
    });
    expect(&[Id::DuplicateHeaders], |it| {
        with_credentials(with_credentials(listed(it, |origin| origin == APP)))
    });
}

#[test]
fn answers_differ_and_vary_does_not_say_by_what() {
    let without_vary = |answer: Response| {
        let lines = answer.headers.iter().filter(|(name, _)| *name != "Vary");
        let headers =
            lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<HeaderList>();
        Response { status: answer.status, headers }
    };
    // By origin.
    expect(&[Id::MissingVary], |it| without_vary(listed(it, |origin| origin == APP)));
    // With an origin and without one.
    expect(&[Id::MissingVary], |it| {
        let answer = response(if exists(it) { 200 } else { 404 }, &[]);
        match it.origin {
            Some(_) => with(answer, &[("Access-Control-Allow-Origin", "*")]),
            None => answer,
        }
    });
    // Only answers that let nobody read do not say it.
    expect(&[Id::MissingVary], |it| {
        let answer = listed(it, |origin| origin == APP);
        if origin(it) == APP { answer } else { without_vary(answer) }
    });
}

#[test]
fn a_cache_gives_the_answer_for_one_to_another() {
    let kept: Mutex<BTreeMap<String, Response>> = Mutex::default();
    expect(&[Id::CacheMixesOrigins], |it| {
        let answer = listed(it, |origin| origin == APP);
        if it.is_preflight() {
            return answer;
        }
        kept.lock().unwrap().entry(it.url.to_string()).or_insert(answer).clone()
    });
}

#[test]
fn a_preflight_fails() {
    let answers: [fn(&Exchange) -> Response; 3] = [
        |_| response(405, &[]),
        |it| with(response(403, &[]), &[("Access-Control-Allow-Origin", origin(it))]),
        |_| response(204, &[]),
    ];
    for answer in answers {
        expect(&[Id::PreflightFails], |it| match it.is_preflight() {
            true => answer(it),
            false => listed(it, |origin| origin == APP),
        });
    }
    // With cookies alone.
    expect(&[Id::PreflightFails], |it| {
        let answer = listed(it, |origin| origin == APP);
        if it.is_preflight() { answer } else { with_credentials(answer) }
    });
}

#[test]
fn a_preflight_is_redirected() {
    expect(&[Id::PreflightRedirects], |it| match it.is_preflight() {
        true => response(308, &[("Location", "https://api.shop.com/orders/")]),
        false => listed(it, |origin| origin == APP),
    });
}

#[test]
fn errors_have_no_permission() {
    // Beside the address.
    expect(&[Id::ErrorsUnreadable], |it| {
        listed(it, |origin| origin == APP && (exists(it) || it.is_preflight()))
    });
    // At the address, without the headers of the user.
    expect(&[Id::ErrorsUnreadable], |it| match it.is_authorized {
        true => listed(it, |origin| origin == APP),
        false => response(401, &[]),
    });
    // At the address itself, while what is beside it can be read.
    expect(&[Id::ErrorsUnreadable], |it| match (it.is_preflight(), exists(it)) {
        (false, true) => response(500, &[]),
        (false, false) => with(response(200, &[]), &[("Access-Control-Allow-Origin", origin(it))]),
        (true, _) => listed(it, |origin| origin == APP),
    });
}
