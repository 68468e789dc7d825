//! The grammar of origins, as automata that an expression is compared with.

use std::sync::LazyLock;

use super::compile::{compile, parse_bytes};
use crate::origin::automaton::{Automaton, Direction};

/// The automata that expressions are compared with.
pub(super) struct Grammar {
    /// Well-formed origins. Lengths and the form of addresses are not checked, and the range of ports
    /// is in `never`.
    pub(super) origin: Automaton,
    /// Origins that browsers never send, although `origin` accepts them.
    pub(super) never: Automaton,
    /// One origin and nothing else, in any case and form. An expression is consulted only for
    /// well-formed origins, so it may safely accept `[\w.-]+` as a host. It must not accept a text
    /// that looks like more than one origin.
    pub(super) one_origin: Automaton,
    /// Texts without the host that their scheme needs, although `one_origin` accepts them.
    pub(super) missing_host: Automaton,
    /// Texts that begin with `http://`.
    pub(super) cleartext: Automaton,
    /// `http` origins of this machine.
    pub(super) local: Automaton,
    /// Origins with a host name and no port, read from the right.
    pub(super) named_reversed: Automaton,
    /// Origins with a host name and a port, read from the right.
    pub(super) named_with_port_reversed: Automaton,
}

/// An origin whose host is a name: the last label is not a number.
const NAMED: &str = r"[a-z][a-z0-9+.-]*://([a-z0-9_-]+\.)*[0-9]*[a-z_-][a-z0-9_-]*";

/// The grammar, built once.
pub(super) static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    let automaton = |expression: &str, direction| {
        let expression = parse_bytes(expression).expect("a fixed expression is well-formed");
        compile(&expression, direction).expect("a fixed expression is small")
    };
    let forward = |expression: &str| automaton(expression, Direction::Forward);
    Grammar {
        origin: forward(
            r"[a-z][a-z0-9+.-]*://(([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?|\.?)",
        ),
        never: forward(
            r"file://.+|https://.*:443|http://.*:80|ftp://.*:21|(https?|ftp)://\.?|(wss?|data|javascript|blob|about)://.*|[^:]+://.*:(6553[6-9]|655[4-9][0-9]|65[6-9][0-9]{2}|6[6-9][0-9]{3}|[7-9][0-9]{4})",
        ),
        one_origin: forward(r"(?i)[a-z][a-z0-9+.-]*://(([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]*)?)?"),
        missing_host: forward(r"(?i)(https?|wss?|ftp)://"),
        cleartext: forward("http://.*"),
        local: forward(
            r"http://(([a-z0-9_-]+\.)*localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?",
        ),
        named_reversed: automaton(NAMED, Direction::Reverse),
        named_with_port_reversed: automaton(&format!("{NAMED}:[0-9]+"), Direction::Reverse),
    }
});
