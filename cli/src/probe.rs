//! `cors-policy probe`: what a running server lets browsers read, and what it gets wrong; with a policy, what
//! would change.

mod access;
mod address;
mod asker;
pub(crate) mod client;
mod comparison;
mod exchange;
mod finding;
mod findings;
mod lookalike;
mod notes;
mod progress;
mod refusals;
mod report;
mod site;
mod survey;
#[cfg(test)]
mod tests;
mod token;

use self::address::Address;
use self::asker::{Asker, Limits};
use self::client::{Connection, HttpClient};
use self::comparison::{Comparison, Sample, Subject};
use self::exchange::Unreachable;
use self::finding::shown;
use self::progress::Progress;
use self::report::{Document, Report, render};
use self::survey::Survey;
use self::token::Token;
use crate::Outcome;
use crate::args::{ReportFormat, probe::ProbeArgs};
use crate::input::{self, Unusable};
use crate::output;

/// Asks a server, and reports.
///
/// # Errors
///
/// If the arguments or the document have mistakes, if the server cannot be asked, or if standard output
/// cannot be written.
pub(crate) fn run(args: &ProbeArgs) -> Result<Outcome, Unusable> {
    let report = probe(args)?;
    match args.format {
        ReportFormat::Text => output::print(&render(&report))?,
        ReportFormat::Json => output::print_json(&Document::from(&report))?,
    }
    Ok(match (report.findings.is_empty(), report.is_complete()) {
        (true, true) => Outcome::Good,
        // Whether there is something to find is not known.
        (true, false) => Outcome::Unusable,
        (false, _) => Outcome::Found,
    })
}

fn probe(args: &ProbeArgs) -> Result<Report, Unusable> {
    let token = Token::draw().map_err(Unusable::Other)?;
    let address = Address::parse(&args.url, token.clone()).map_err(Unusable::Other)?;
    let document = args.file.as_deref().map(|file| {
        let mut sample = Sample::new(args.policy.as_deref(), &token);
        let policies =
            input::read(file, |site| sample.visit(site)).map_err(Unusable::without_warnings)?;
        Ok::<_, Unusable>((policies.value, sample, input::name(file).display().to_string()))
    });
    let document = document.transpose()?;
    let connection =
        Connection { headers: &args.headers, insecure: args.insecure, resolve: &args.resolve };
    let client = HttpClient::new(address.given(), &connection).map_err(Unusable::Other)?;
    let asker = Asker::new(&client, Limits::new(args.delay), Progress::new());
    let report = match &document {
        None => survey(&asker, address, &token, &args.origins),
        Some((policies, sample, file)) => {
            let policy = input::choose_policy(policies, args.policy.as_deref(), file)?;
            let subject = Subject { policy, sample, origins: &args.origins, token: &token };
            compare(&asker, address, &subject)
        }
    };
    report.map_err(|reason| {
        Unusable::Other(format!("{}: {}", shown(args.url.as_bytes()), shown(reason.0.as_bytes())))
    })
}

/// What a server lets in and gets wrong.
fn survey(
    asker: &Asker<'_>,
    address: Address,
    token: &Token,
    origins: &[String],
) -> Result<Report, Unreachable> {
    let url = address.given().to_string();
    let survey = Survey::new(asker, address, token, origins)?;
    let findings = findings::findings(&survey);
    let mut notes = notes::of_answer(&survey.plain);
    notes.extend(notes::of_survey(&survey));
    let account = asker.account();
    notes.extend(notes::of_account(&account));
    Ok(Report { url, policy: None, findings, notes, account })
}

/// What would change with a policy.
fn compare(
    asker: &Asker<'_>,
    address: Address,
    subject: &Subject<'_>,
) -> Result<Report, Unreachable> {
    let url = address.given().to_string();
    let Comparison { findings, notes } = Comparison::new(asker, address, subject)?;
    let account = asker.account();
    let notes = notes.into_iter().chain(notes::of_account(&account)).collect();
    let policy = Some(subject.policy.name().to_owned());
    Ok(Report { url, policy, findings, notes, account })
}
