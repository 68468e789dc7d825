//! Servers that take a probe for an attack, or limit requests: after some time they answer everything alike, and
//! what they answer then says nothing about their CORS.

use std::collections::BTreeSet;

use super::access::reads;
use super::address::Address;
use super::asker::{Asker, Observation};
use super::exchange::Exchange;

/// The status of servers that are busy, or limit requests: `limit_req` of nginx, if nothing else is set
/// ([RFC 9110, section 15.6.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.6.4)).
const UNAVAILABLE: u16 = 503;

/// The statuses by which a server refuses what it answered before.
pub(super) struct Refusals(BTreeSet<u16>);

impl Refusals {
    /// Asks once more what was answered before, and says to the asker if the answer is another one now. `plain`
    /// is the first answer, without an origin; `pages` are those of pages.
    pub(super) fn new(
        asker: &Asker<'_>,
        address: &Address,
        plain: &Observation,
        pages: &[Observation],
    ) -> Self {
        let at_first = plain.response.status;
        let is_busy = |it: &Observation| it.response.status == UNAVAILABLE;
        let mut statuses = BTreeSet::new();
        if at_first != UNAVAILABLE && pages.iter().any(is_busy) {
            statuses.insert(UNAVAILABLE);
        }
        // A page that reads shows more than one that does not.
        let before = pages.iter().find(|it| reads(it).is_some()).unwrap_or(plain);
        let exchange = Exchange { url: address.fresh(), ..before.exchange.clone() };
        let is_other = asker.ask_last(&exchange).is_some_and(|response| {
            let status = response.status;
            let now = Observation { exchange, response };
            let is_other = status != before.response.status;
            if is_other && status >= 400 {
                statuses.insert(status);
            }
            is_other || reads(&now) != reads(before)
        });
        if let Some(status) = statuses.first() {
            asker.doubt(format!(
                "The server began to answer {status} to what it answered with {at_first} before, so answers with \
                 {status} do not count: it limits requests, or takes the probe for an attack. Wait a while, and ask \
                 more slowly, as by --delay 2s."
            ));
        } else if is_other {
            asker.doubt(
                "The server answered one request in two ways, so what it answered may not be what others get: it is \
                 not steady, or takes the probe for an attack. Ask again, and more slowly, as by --delay 2s."
                    .to_owned(),
            );
        }
        Self(statuses)
    }

    /// Whether an answer is a refusal, and says nothing.
    pub(super) fn contain(&self, observation: &Observation) -> bool {
        self.0.contains(&observation.response.status)
    }
}
