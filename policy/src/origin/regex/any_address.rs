//! Does an expression accept addresses of networks all over the world?
//!
//! Addresses have no public suffix, but anyone can rent one of them. An expression may spell out a few.

use std::sync::LazyLock;

use super::compile::{compile, parse_bytes};
use super::open_suffix::MAX_REGISTRABLE;
use crate::origin::automaton::{Automaton, Condition, Direction, witness};
use crate::origin::error::PatternError;
use crate::origin::syntax::{split_port, split_scheme};

/// One address of each of many networks, with any port.
static SAMPLES: LazyLock<Automaton> = LazyLock::new(|| {
    let ipv4 = (1..=223).map(|octet| format!(r"{octet}\.{octet}\.{octet}\.{octet}"));
    // The networks from which registries assign (RFC 4291, section 2.4; IANA's registry for IPv6).
    let ipv6 = (0x2001..=0x2c0f).step_by(64).map(|group| format!(r"\[{group:x}::1\]"));
    let hosts: Vec<String> = ipv4.chain(ipv6).collect();
    origins_of(&hosts).expect("a fixed expression is small")
});

/// The origins with one of these hosts, which are escaped.
fn origins_of(hosts: &[String]) -> Result<Automaton, PatternError> {
    let expression = parse_bytes(&format!("https?://({})(:[0-9]+)?", hosts.join("|")))?;
    compile(&expression, Direction::Forward)
}

/// Whether an expression accepts more of the sampled addresses than it may spell out.
pub(super) fn accepts_any_address(expression: &Automaton) -> bool {
    let mut found = Vec::new();
    loop {
        let Ok(known) = origins_of(&found) else { return false };
        let conditions = [
            Condition::Accepted(expression),
            Condition::Accepted(&SAMPLES),
            Condition::Refused(&known),
        ];
        let Some(origin) = witness(conditions) else { return false };
        if found.len() == MAX_REGISTRABLE {
            return true;
        }
        let Some((_, authority)) = split_scheme(&origin) else { return false };
        let (host, _) = split_port(authority);
        found.push(regex_syntax::escape(&String::from_utf8_lossy(host)));
    }
}
