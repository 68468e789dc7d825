//! `cors-policy suggest`: the origins that a policy in a dry run refuses although their pages could read, as lines
//! for its document.
//!
//! The origins come from strangers. None of them becomes anything but a checked line or a comment.

mod advice;
mod amendment;
#[cfg(feature = "probe")]
mod http;
mod source;
mod status;
mod text;
mod visible;

use cors_policy::nearest;

use self::advice::{PolicyAdvice, Suggestions};
use self::amendment::Amendment;
use self::status::Status;
use self::visible::visible;
use crate::args::{ReportFormat, suggest::SuggestArgs};
use crate::input::{self, Unusable};
use crate::{Outcome, output};

/// Reads a status page, and prints what to add to the document.
///
/// # Errors
///
/// If the status cannot be read, if the document has mistakes, if the policy is in neither of them, or if standard
/// output cannot be written.
pub(crate) fn run(args: &SuggestArgs) -> Result<Outcome, Unusable> {
    let suggestions = suggest(args)?;
    match args.format {
        ReportFormat::Text => output::print(&suggestions.to_string())?,
        ReportFormat::Json => output::print_json(&suggestions)?,
    }
    Ok(Outcome::Good)
}

fn suggest(args: &SuggestArgs) -> Result<Suggestions, Unusable> {
    if args.source == "-" && args.file.as_deref().is_some_and(input::is_stdin) {
        let text =
            "standard input cannot be the status and the document; name a file for one of them";
        return Err(Unusable::Other(text.to_owned()));
    }
    let mut amendment = args.file.as_deref().map(Amendment::read).transpose()?;
    let source = source::name(&args.source);
    let status = source::read(&args.source)
        .and_then(|text| Status::parse(&text))
        .map_err(|error| Unusable::Other(format!("{source}: {error}")))?;
    let names = choose(&status, args.policy.as_deref(), &source)?;

    let (mut policies, mut notes) = (Vec::new(), Vec::new());
    for name in names {
        match &mut amendment {
            Some(amendment) if !amendment.has(name) => {
                let (name, file) = (visible(name), amendment.file());
                let note = format!("{file} has no policy {name}, so nothing is suggested for it");
                if args.policy.is_some() {
                    return Err(Unusable::Other(note));
                }
                notes.push(note);
            }
            amendment => policies.push(PolicyAdvice::new(name, &status, amendment.as_mut())),
        }
    }
    let file = amendment.map(|it| visible(it.file()));
    Ok(Suggestions { version: 1, source, file, policies, notes })
}

/// The policies that are looked at.
fn choose<'s>(
    status: &'s Status,
    name: Option<&'s str>,
    source: &str,
) -> Result<Vec<&'s str>, Unusable> {
    let known: Vec<&str> = status.names().collect();
    match name {
        None => Ok(known),
        Some(name) if known.contains(&name) => Ok(vec![name]),
        Some(name) => {
            let meant = nearest(name, known.iter().copied())
                .map_or(String::new(), |it| format!("; did you mean {}?", visible(it)));
            Err(Unusable::Other(format!("{source} has no policy {name:?}{meant}")))
        }
    }
}
