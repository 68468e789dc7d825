//! What is asked, and how much of it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::*;

/// So many questions that a page of any origin may ask.
fn questions(count: usize) -> Vec<Exchange> {
    let (address, _) = address();
    (0..count).map(|_| Exchange::get(&address.fresh(), APP)).collect()
}

#[test]
fn a_server_that_names_many_is_asked_200_times_at_most() {
    let origins: Vec<_> = (0..40).map(|it| format!("https://a{it}.shop{it}.com")).collect();
    let allowed = origins.clone();
    let asked = AtomicUsize::new(0);
    let server = Function(|it: &Exchange| {
        asked.fetch_add(1, Ordering::Relaxed);
        listed(it, |origin| allowed.iter().any(|it| origin.starts_with(it)))
    });
    let asker = Asker::new(&server, limits(), Progress::hidden());
    let (address, token) = address();
    let survey = Survey::new(&asker, address, &token, &origins).unwrap();
    let account = asker.account();
    assert_eq!((asked.load(Ordering::Relaxed), account.requests), (200, 200));
    assert!(account.left_out > 0 && survey.not_asked > 0, "{account:?}");
    assert!(findings(&survey).iter().any(|it| it.id == Id::MatchesPrefix));
}

#[test]
fn five_are_asked_at_a_time_and_answers_stay_in_order() {
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let server = Function(|it: &Exchange| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        now.fetch_sub(1, Ordering::SeqCst);
        response(200, &[("X-Query", it.url.query().unwrap_or_default())])
    });
    let asker = Asker::new(&server, limits(), Progress::hidden());
    let answers = asker.ask_all(questions(20));
    assert_eq!(most.load(Ordering::SeqCst), 5);
    assert_eq!(answers.len(), 20);
    for (index, answer) in answers.iter().enumerate() {
        let query = answer.response.headers.get("X-Query").unwrap();
        assert_eq!(String::from_utf8(query).unwrap(), answer.exchange.url.query().unwrap());
        assert!(answer.exchange.url.query().unwrap().ends_with(&format!("={}", index + 1)));
    }
}

#[test]
fn with_a_delay_each_request_waits_for_the_answer_before_it() {
    let times = Mutex::new(Vec::new());
    let delay = Duration::from_millis(30);
    let server = Function(|_: &Exchange| {
        let begin = Instant::now();
        thread::sleep(delay);
        times.lock().unwrap().push((begin, Instant::now()));
        response(200, &[])
    });
    let asker = Asker::new(&server, Limits::new(delay), Progress::hidden());
    asker.ask_all(questions(4));
    let times = times.into_inner().unwrap();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
    assert_eq!(pauses.len(), 3);
    assert!(pauses.iter().all(|pause| *pause >= delay), "{pauses:?}");
}

#[test]
fn a_server_that_falls_silent_is_left_alone() {
    struct Silent(AtomicUsize);
    impl Server for Silent {
        fn ask(&self, _: &Exchange) -> Result<Response, Unreachable> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Err(Unreachable("no answer".to_owned()))
        }
    }
    let server = Silent(AtomicUsize::new(0));
    let asker = Asker::new(&server, limits(), Progress::hidden());
    assert!(asker.ask_all(questions(100)).is_empty());
    let account = asker.account();
    assert!((10..=14).contains(&account.requests), "{account:?}");
    assert_eq!(account.requests, server.0.load(Ordering::SeqCst));
    assert_eq!((account.left_out, account.unanswered), (100 - account.requests, account.requests));
    assert_eq!(account.reason, Some(Unreachable("no answer".to_owned())));
}

#[test]
fn requests_are_those_of_browsers() {
    let (address, _) = address();
    let preflight = Exchange::preflight(address.given(), APP, "PUT", Some("authorization"));
    assert_eq!(preflight.method(), "OPTIONS");
    let expected = [
        ("origin", APP),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "authorization"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-dest", "empty"),
    ];
    assert_eq!(preflight.headers(), expected.map(|(name, value)| (name, value.to_owned())));
    let plain = Exchange::without_origin(address.given());
    assert_eq!(plain.method(), "GET");
    assert!(plain.headers().iter().all(|(name, _)| name.starts_with("sec-fetch-")));
}
