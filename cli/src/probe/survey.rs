//! The questions of a probe without a policy, in rounds: who may read, who looks like them, and how their
//! pages fare.

use std::collections::BTreeSet;

use cors_policy::origin::{
    Origin,
    suffix::{Sections, public_suffix},
};

use super::access::{is_named, named_origins, reads};
use super::address::{Address, twin};
use super::asker::{Asker, Observation};
use super::exchange::{Exchange, Unreachable};
use super::lookalike::{Lookalike, lookalikes};
use super::refusals::Refusals;
use super::token::Token;

/// The most origins whose pages are asked for; of the user's, the first.
const MAX_PAGES: usize = 24;

/// The most origins that are asked for because the server names them.
const MAX_LEARNED: usize = 4;

/// The most origins whose preflights are asked for.
const MAX_PREFLIGHTS: usize = 5;

/// What the server answered.
pub(super) struct Survey {
    pub(super) address: Address,
    /// Without an origin, at the address itself.
    pub(super) plain: Observation,
    /// Without an origin, at a fresh address.
    pub(super) fresh: Option<Observation>,
    /// To pages of an origin that was made up for this run.
    pub(super) made_up: Option<Observation>,
    /// To the preflight of such a page.
    pub(super) made_up_preflight: Option<Observation>,
    /// To pages of the origin `null`.
    pub(super) null: Option<Observation>,
    /// To pages that may be meant to read.
    pub(super) pages: Vec<Observation>,
    /// To pages of the `http:` twins of `https:` origins.
    pub(super) twins: Vec<Observation>,
    /// To pages that look like those that may read.
    pub(super) lookalikes: Vec<Seen>,
    /// To the preflights of pages that may read.
    pub(super) preflights: Vec<Observation>,
    /// Errors to pages that may read, and where errors are expected.
    pub(super) errors: Vec<Observation>,
    /// To two origins at one fresh address, one after the other.
    pub(super) cached: Vec<Observation>,
    /// Origins of the user that were not asked for.
    pub(super) not_asked: usize,
}

/// A lookalike and what its page got.
pub(super) struct Seen {
    pub(super) lookalike: Lookalike,
    /// The origin that it looks like.
    pub(super) of: String,
    pub(super) observation: Observation,
    /// Whether it is let in for another reason.
    pub(super) is_explained: bool,
}

impl Survey {
    /// Asks a server. `origins` are those of the user.
    ///
    /// # Errors
    ///
    /// If the first request gets no answer.
    pub(super) fn new(
        asker: &Asker<'_>,
        address: Address,
        token: &Token,
        origins: &[String],
    ) -> Result<Self, Unreachable> {
        let mut survey = Self::first(asker, address)?;
        survey.ask_pages(asker, token, origins);
        if reads_only_as_given(asker, &survey.address, &survey.pages) {
            survey.address.refuse_parameters();
            survey.fresh = None;
            survey.ask_pages(asker, token, origins);
        }
        let readers = survey.readers();
        survey.ask_about(asker, &readers);
        survey.ask_lookalikes(asker, token);
        survey.ask_cache(asker, token);
        survey.disregard_refusals(asker);
        Ok(survey)
    }

    /// Removes the answers of a server that has begun to refuse the probe.
    fn disregard_refusals(&mut self, asker: &Asker<'_>) {
        let refusals = Refusals::new(asker, &self.address, &self.plain, &self.pages);
        for answer in
            [&mut self.fresh, &mut self.made_up, &mut self.made_up_preflight, &mut self.null]
        {
            if answer.as_ref().is_some_and(|it| refusals.contain(it)) {
                *answer = None;
            }
        }
        let lists = [
            &mut self.pages,
            &mut self.twins,
            &mut self.preflights,
            &mut self.errors,
            &mut self.cached,
        ];
        for list in lists {
            list.retain(|it| !refusals.contain(it));
        }
        self.lookalikes.retain(|it| !refusals.contain(&it.observation));
    }

    /// Asks without an origin.
    fn first(asker: &Asker<'_>, mut address: Address) -> Result<Self, Unreachable> {
        let (plain, fresh) = open(asker, &mut address)?;
        Ok(Self {
            address,
            plain,
            fresh,
            made_up: None,
            made_up_preflight: None,
            null: None,
            pages: Vec::new(),
            twins: Vec::new(),
            lookalikes: Vec::new(),
            preflights: Vec::new(),
            errors: Vec::new(),
            cached: Vec::new(),
            not_asked: 0,
        })
    }

    /// Asks for pages of many origins.
    fn ask_pages(&mut self, asker: &Asker<'_>, token: &Token, origins: &[String]) {
        let stranger = token.origin();
        let get = |origin: &str| Exchange::get(&self.address.fresh(), origin);
        let mut first = asker.ask_all(vec![
            get(&stranger),
            Exchange::preflight(&self.address.fresh(), &stranger, "GET", None),
            get("null"),
        ]);
        let mut take = |is_it: &dyn Fn(&Exchange) -> bool| {
            let index = first.iter().position(|it| is_it(&it.exchange))?;
            Some(first.swap_remove(index))
        };
        self.null = take(&|it| it.origin.as_deref() == Some("null"));
        self.made_up_preflight = take(&Exchange::is_preflight);
        self.made_up = take(&|_| true);

        let mut seen: BTreeSet<String> = [stranger, "null".to_owned()].into();
        let mut candidates = self.candidates(origins);
        candidates.retain(|origin| seen.insert(origin.clone()));
        self.not_asked = candidates.len().saturating_sub(MAX_PAGES);
        candidates.truncate(MAX_PAGES);
        self.pages = asker.ask_all(candidates.iter().map(|origin| get(origin)).collect());

        let mut learned = named_origins(self.pages.iter().chain(&self.made_up));
        learned.retain(|origin| seen.insert(origin.clone()));
        learned.truncate(MAX_LEARNED);
        self.pages.extend(asker.ask_all(learned.iter().map(|origin| get(origin)).collect()));

        let own = self.address.origin();
        let is_meant = |origin: &String| *origin == own || origins.contains(origin);
        let asked = self.pages.iter().filter_map(|it| Some((it, it.exchange.origin.as_ref()?)));
        let twins: Vec<_> = asked
            .filter(|(it, origin)| is_meant(origin) || reads(it).is_some())
            .filter(|(_, origin)| origin.starts_with("https://"))
            .filter_map(|(_, origin)| twin(origin))
            // Pages of a service over http are its own.
            .filter(|twin| *twin != own)
            .collect();
        let unknown = twins.iter().filter(|twin| !seen.contains(*twin));
        self.twins = asker.ask_all(unknown.map(|origin| get(origin)).collect());
        let is_known =
            |it: &&Observation| it.exchange.origin.as_ref().is_some_and(|it| twins.contains(it));
        let known: Vec<_> = self.pages.iter().filter(is_known).cloned().collect();
        self.twins.extend(known);
    }

    /// The origins whose pages may be meant to read: those of the user, those that the server names unasked,
    /// and those that belong to the service.
    fn candidates(&self, origins: &[String]) -> Vec<String> {
        let own = self.address.origin();
        let named = named_origins([&self.plain].into_iter().chain(&self.fresh));
        let mut candidates: Vec<_> = origins.to_vec();
        candidates.extend(named);
        candidates.extend(domain_origins(&own));
        candidates.extend(twin(&own));
        candidates.push(own);
        candidates
    }

    /// The pages that read, but for those of the service: they need no permission. If there are none, those
    /// of the origin that was made up.
    fn readers(&self) -> Vec<String> {
        let own = self.address.origin();
        let origin_of = |it: &Observation| reads(it).and(it.exchange.origin.clone());
        let mut readers: Vec<_> =
            self.pages.iter().filter_map(origin_of).filter(|origin| *origin != own).collect();
        if readers.is_empty() {
            readers.extend(self.made_up.as_ref().and_then(origin_of));
        }
        readers
    }

    /// Asks how the pages fare that may read: their preflights, and the errors that they get.
    fn ask_about(&mut self, asker: &Asker<'_>, readers: &[String]) {
        let address = &self.address;
        let preflight =
            |origin: &String| Exchange::preflight(&address.fresh(), origin, "GET", None);
        let mut questions: Vec<_> = readers.iter().take(MAX_PREFLIGHTS).map(preflight).collect();
        let first_page = self.pages.first().and_then(|it| it.exchange.origin.clone());
        // An address that answers with an error may be the one of two that no page can read.
        if let Some(reader) = readers.first().or(first_page.as_ref()) {
            questions.push(Exchange::get(&address.beside(), reader));
            let anonymous = Exchange::get(&address.fresh(), reader);
            questions.push(Exchange { is_authorized: false, ..anonymous });
        }
        (self.preflights, self.errors) =
            asker.ask_all(questions).into_iter().partition(|it| it.exchange.is_preflight());
    }

    /// Asks for pages that look like those that the server names. A server that names everyone lets them
    /// all in.
    fn ask_lookalikes(&mut self, asker: &Asker<'_>, token: &Token) {
        if self.made_up.as_ref().is_some_and(is_named) {
            return;
        }
        let named = self.pages.iter().filter(|it| is_named(it));
        let mut list: Vec<(usize, String, Lookalike)> = Vec::new();
        for origin in named.filter_map(|it| it.exchange.origin.as_ref()) {
            for (index, lookalike) in lookalikes(origin, token).into_iter().enumerate() {
                if list.iter().all(|(.., known)| known.origin != lookalike.origin) {
                    list.push((index, origin.clone(), lookalike));
                }
            }
        }
        // If not all can be asked for, some of each are.
        list.sort_by_key(|(index, ..)| *index);
        let get = |origin: &str| Exchange::get(&self.address.fresh(), origin);
        let answers = asker.ask_all(list.iter().map(|(.., it)| get(&it.origin)).collect());
        let mut seen: Vec<_> = answers
            .into_iter()
            .filter(is_named)
            .filter_map(|observation| {
                let is_it = |(.., it): &&(usize, String, Lookalike)| {
                    observation.exchange.origin.as_ref() == Some(&it.origin)
                };
                let (_, of, lookalike) = list.iter().find(is_it)?.clone();
                Some(Seen { lookalike, of, observation, is_explained: false })
            })
            .collect();
        let controls: BTreeSet<_> =
            seen.iter().filter_map(|it| it.lookalike.control.clone()).collect();
        let controls = asker.ask_all(controls.iter().map(|origin| get(origin)).collect());
        for it in &mut seen {
            let Some(control) = &it.lookalike.control else { continue };
            let answer =
                controls.iter().find(|other| other.exchange.origin.as_ref() == Some(control));
            // Without an answer, nothing is proven.
            it.is_explained = answer.is_none_or(is_named);
        }
        self.lookalikes = seen;
    }

    /// Asks for two origins at one address that nobody asked before. The first is one that the server names,
    /// the other one that it does not answer by the first one's name.
    fn ask_cache(&mut self, asker: &Asker<'_>, token: &Token) {
        if !self.address.takes_parameter() {
            return;
        }
        let all: Vec<_> = self.pages.iter().chain(&self.made_up).collect();
        let Some(first) = all.iter().find(|it| is_named(it)) else { return };
        let Some(first) = &first.exchange.origin else { return };
        let is_other = |it: &&&Observation| !named_origins([**it]).contains(first);
        let other = match all.iter().find(is_other).and_then(|it| it.exchange.origin.clone()) {
            Some(other) => other,
            None if self.made_up.as_ref().is_some_and(is_named) => {
                format!("https://x{}.example", token.as_str())
            }
            None => return,
        };
        let url = self.address.fresh();
        let one = Exchange { is_read: true, ..Exchange::get(&url, first) };
        self.cached = asker.ask_all(vec![one]);
        self.cached.extend(asker.ask_all(vec![Exchange::get(&url, &other)]));
    }
}

/// The most pages that are asked for at the address itself.
const MAX_AS_GIVEN: usize = 4;

/// Whether no page reads at fresh addresses, and one of the first does at the address itself: the server looks at
/// the query. A status shows that only of servers that refuse what they do not know.
pub(super) fn reads_only_as_given(
    asker: &Asker<'_>,
    address: &Address,
    pages: &[Observation],
) -> bool {
    if !address.takes_parameter() || pages.iter().any(|it| reads(it).is_some()) {
        return false;
    }
    let origins = pages.iter().filter_map(|it| it.exchange.origin.as_ref()).take(MAX_AS_GIVEN);
    let as_given = origins.map(|origin| Exchange::get(address.given(), origin)).collect();
    asker.ask_all(as_given).iter().any(|it| reads(it).is_some())
}

/// Asks without an origin, at the address itself and at a fresh one, and finds out whether the server takes a
/// query parameter.
///
/// # Errors
///
/// If the first request gets no answer.
pub(super) fn open(
    asker: &Asker<'_>,
    address: &mut Address,
) -> Result<(Observation, Option<Observation>), Unreachable> {
    let exchange = Exchange::without_origin(address.given());
    let plain = Observation { response: asker.ask(&exchange)?, exchange };
    let fresh = asker.ask_all(vec![Exchange::without_origin(&address.fresh())]).pop();
    if fresh.as_ref().is_some_and(|fresh| fresh.response.status != plain.response.status) {
        address.refuse_parameters();
    }
    Ok((plain, fresh.filter(|_| address.takes_parameter())))
}

/// The origins at which the pages of a service often are: its registrable domain, and `www` there.
fn domain_origins(own: &str) -> Vec<String> {
    let Some(origin) = Origin::parse(own.as_bytes()) else { return Vec::new() };
    let host = std::str::from_utf8(origin.host()).unwrap_or_default();
    let is_address = host.ends_with(|c: char| c.is_ascii_digit() || c == ']');
    if is_address {
        return Vec::new();
    }
    let suffix = public_suffix(host.as_bytes(), Sections::All).map_or(0, <[u8]>::len);
    let Some(before) = host.len().checked_sub(suffix + 1).filter(|_| suffix > 0) else {
        return Vec::new();
    };
    let domain = &host[host[..before].rfind('.').map_or(0, |dot| dot + 1)..];
    [format!("https://{domain}"), format!("https://www.{domain}")].into()
}
