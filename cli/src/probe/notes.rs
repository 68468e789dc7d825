//! What the reader of a report has to know: sentences.

use super::access::reads;
use super::address::Address;
use super::asker::{Account, Observation};
use super::finding::shown;
use super::survey::Survey;

/// About the answer to a request without an origin.
pub(super) fn of_answer(plain: &Observation) -> Vec<String> {
    let status = plain.response.status;
    let target = plain.response.headers.get("Location").map(|value| shown(&value));
    match (status, target) {
        (300..=399, Some(target)) => vec![format!(
            "The address answers {status} and redirects to {target}. Redirects are not followed: ask that \
             address, too."
        )],
        (400..=599, _) => vec![format!(
            "The address answers {status}. If pages send a header to get in, give it by --header."
        )],
        _ => Vec::new(),
    }
}

/// About the addresses that were asked.
pub(super) fn of_address(address: &Address) -> Option<String> {
    let note = "The server answers otherwise if there is a query parameter that it does not know, so all \
                requests went to one address: a cache on the way may have answered some.";
    (!address.takes_parameter()).then(|| note.to_owned())
}

/// About what was asked.
pub(super) fn of_survey(survey: &Survey) -> Vec<String> {
    let mut notes: Vec<_> = of_address(&survey.address).into_iter().collect();
    let all = survey.pages.iter().chain(&survey.made_up);
    if all.filter(|it| reads(it).is_some()).count() == 0 {
        notes.push(
            "No page of another origin that was asked for reads the response. Name the origins that should \
             by --origin: most mistakes are about names that look like theirs."
                .to_owned(),
        );
    }
    if survey.not_asked > 0 {
        notes.push(format!("{} more origins were not asked for.", survey.not_asked));
    }
    notes
}

/// About what was not asked, or not answered.
pub(super) fn of_account(account: &Account) -> Vec<String> {
    let Account { requests, left_out, unanswered, reason, is_late: _, doubt } = account;
    let mut notes: Vec<_> = doubt.iter().cloned().collect();
    if let Some(reason) = reason {
        let reason = shown(reason.0.as_bytes());
        notes.push(format!(
            "{unanswered} of {requests} requests got no answer; the first: {reason}."
        ));
    }
    if *left_out > 0 {
        notes.push(format!(
            "{left_out} more requests were not sent: the limit of requests or of time was reached, or the \
             server no longer answered."
        ));
    }
    notes
}
