//! Advice can be followed: it passes the check, lets in what was meant, and nothing else.
//!
//! Intentions are generated, and written in wrong ways. An intention knows its origins without the
//! engine's help, so no table says what a message has to advise.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use cors_policy::document::{self, MistakeKind, Report};
use cors_policy::origin::{Guard, Origin, OriginPattern, PatternError};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// An origin in its parts. The port is `None` for the scheme's default one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Parts {
    fn text(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.scheme, self.host)
    }
}

#[derive(Debug, Clone)]
enum Hosts {
    /// These hosts.
    Names(Vec<String>),
    /// All names below a domain.
    Below(String),
    /// One label with these parts around one or more characters, below a domain.
    Label { before: String, after: String, domain: String },
    /// One of these characters, and the rest of a label, below a domain.
    Class { characters: Vec<char>, rest: String, domain: String },
    /// One character of a label, and the rest of it, below a domain.
    OneCharacter { before: String, domain: String },
    /// The addresses of a subnet.
    Subnet { address: Ipv4Addr, bits: u32 },
}

#[derive(Debug, Clone)]
enum Ports {
    Default,
    These(Vec<u16>),
    Any,
}

/// What somebody means.
#[derive(Debug, Clone)]
struct Intention {
    schemes: Vec<&'static str>,
    hosts: Hosts,
    ports: Ports,
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && !text.contains('.')
}

impl Intention {
    fn holds(&self, origin: &Parts) -> bool {
        let host = origin.host.as_str();
        let label_of = |domain: &str| {
            host.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.')).map(str::to_owned)
        };
        let is_host = match &self.hosts {
            Hosts::Names(names) => names.iter().any(|name| name == host),
            Hosts::Below(domain) => label_of(domain).is_some_and(|labels| !labels.is_empty()),
            Hosts::Label { before, after, domain } => label_of(domain).is_some_and(|label| {
                label
                    .strip_prefix(before.as_str())
                    .and_then(|rest| rest.strip_suffix(after.as_str()))
                    .is_some_and(is_label)
            }),
            Hosts::Class { characters, rest, domain } => label_of(domain).is_some_and(|label| {
                characters.iter().any(|character| label == format!("{character}{rest}"))
            }),
            Hosts::OneCharacter { before, domain } => label_of(domain).is_some_and(|label| {
                label
                    .strip_prefix(before.as_str())
                    .is_some_and(|rest| is_label(rest) && rest.len() == 1)
            }),
            Hosts::Subnet { address, bits } => host.parse::<Ipv4Addr>().is_ok_and(|host| {
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                u32::from(host) & mask == u32::from(*address) & mask
            }),
        };
        let is_port = match &self.ports {
            Ports::Default => origin.port.is_none(),
            Ports::These(ports) => origin.port.is_some_and(|port| ports.contains(&port)),
            Ports::Any => true,
        };
        is_host && is_port && self.schemes.contains(&origin.scheme.as_str())
    }

    /// Origins of the intention, and others that look like them.
    fn origins(&self) -> Vec<Parts> {
        let hosts: Vec<String> = match &self.hosts {
            Hosts::Names(names) => names.clone(),
            Hosts::Below(domain) => {
                ["x", "a.b", "pr-1"].map(|name| format!("{name}.{domain}")).to_vec()
            }
            Hosts::Label { before, after, domain } => ["1", "x-y", "", "a.b"]
                .map(|part| format!("{before}{part}{after}.{domain}"))
                .to_vec(),
            Hosts::Class { characters, rest, domain } => characters
                .iter()
                .chain(&['q', '9', '-'])
                .map(|character| format!("{character}{rest}.{domain}"))
                .collect(),
            Hosts::OneCharacter { before, domain } => {
                ["q", "9", "", "ab", "-"].map(|part| format!("{before}{part}.{domain}")).to_vec()
            }
            Hosts::Subnet { address, .. } => {
                let address = u32::from(*address);
                let flipped = (0..32).map(|bit| Ipv4Addr::from(address ^ (1 << bit)).to_string());
                flipped.chain([Ipv4Addr::from(address).to_string()]).collect()
            }
        };
        let mut near = Vec::new();
        for host in &hosts {
            near.push(host.clone());
            // Letters before, a domain behind, a level more, another end, dots that were not escaped.
            near.push(format!("evil{host}"));
            near.push(format!("{host}.evil.net"));
            near.push(format!("x.{host}"));
            near.push(host.replacen('.', "x", 1));
            near.extend(host.rsplit_once('.').map(|(before, last)| format!("{before}x{last}")));
            near.extend(host.split_once('.').map(|(_, parent)| parent.to_owned()));
            near.push("evil.net".to_owned());
        }
        let mut ports = vec![None, Some(8443)];
        if let Ports::These(known) = &self.ports {
            ports.extend(known.iter().flat_map(|&port| [Some(port), Some(port + 7)]));
        }
        let mut origins = Vec::new();
        for scheme in ["https", "http", "app"] {
            for host in &near {
                for &port in &ports {
                    let is_default =
                        matches!((scheme, port), ("https", Some(443)) | ("http", Some(80)));
                    let parts = Parts { scheme: scheme.to_owned(), host: host.clone(), port };
                    // Whatever a browser does not send, an `Origin` header does not have.
                    if !is_default && Origin::parse(parts.text().as_bytes()).is_some() {
                        origins.push(parts);
                    }
                }
            }
        }
        origins
    }

    /// The ports as a pattern writes them.
    fn port_text(&self) -> String {
        match &self.ports {
            Ports::Default => String::new(),
            Ports::Any => ":*".to_owned(),
            Ports::These(ports) => match &ports[..] {
                [port] => format!(":{port}"),
                ports => {
                    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                    format!(":[{}]", ports.join(","))
                }
            },
        }
    }

    /// The ports as a regular expression writes them.
    fn port_expression(&self) -> String {
        match &self.ports {
            Ports::Default => String::new(),
            Ports::Any => r"(:\d+)?".to_owned(),
            Ports::These(ports) => match &ports[..] {
                [port] => format!(":{port}"),
                ports => {
                    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                    format!(":({})", ports.join("|"))
                }
            },
        }
    }
}

/// A wrong way of writing something, and whether it leaves no doubt about what is meant.
struct Wrong {
    text: String,
    intentions: Vec<Intention>,
    is_clear: bool,
}

struct Generator {
    rng: SmallRng,
}

impl Generator {
    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.rng.random_range(0..choices.len())].clone()
    }

    fn label(&mut self) -> String {
        self.pick(&["app", "www", "admin", "b2b", "shop", "my-app", "a", "x1", "pr-7", "staging"])
            .to_owned()
    }

    fn domain(&mut self) -> String {
        self.pick(&["example.com", "corp.example.co.uk", "b-c.example.net", "acme.example.org"])
            .to_owned()
    }

    fn name(&mut self) -> String {
        format!("{}.{}", self.label(), self.domain())
    }

    fn ports(&mut self) -> Ports {
        match self.rng.random_range(0..6) {
            0 => Ports::These(vec![8443]),
            1 => Ports::These(vec![3000, 5173]),
            2 => Ports::Any,
            _ => Ports::Default,
        }
    }

    fn schemes(&mut self) -> Vec<&'static str> {
        self.pick(&[vec!["https"], vec!["https"], vec!["http"]])
    }

    /// One scheme, with a name, an address, or all names below a domain.
    fn simple(&mut self) -> (Intention, String) {
        let (schemes, ports) = (self.schemes(), self.ports());
        let (hosts, host) = match self.rng.random_range(0..6) {
            0 => {
                let domain = self.domain();
                (Hosts::Below(domain.clone()), format!("*.{domain}"))
            }
            1 => {
                let domain = self.domain();
                let host = format!("pr-*-x.{domain}");
                (Hosts::Label { before: "pr-".into(), after: "-x".into(), domain }, host)
            }
            2 => {
                let host = self
                    .pick(&["192.168.1.7", "10.0.0.1", "[2001:db8::1]", "[fe80::7]"])
                    .to_owned();
                (Hosts::Names(vec![host.clone()]), host)
            }
            _ => {
                let name = self.name();
                (Hosts::Names(vec![name.clone()]), name)
            }
        };
        (Intention { schemes, hosts, ports }, host)
    }

    fn wrong(&mut self) -> Wrong {
        // Expressions take long to compile, so they are fewer.
        match self.rng.random_range(0..60) {
            0 => self.expression(),
            1 => self.alternatives(),
            2 => self.address(),
            3..10 => self.several(),
            10..17 => self.both_schemes(),
            17..24 => self.ports_written_wrongly(),
            24..31 => self.host_written_wrongly(),
            31..38 => self.scheme_written_wrongly(),
            _ => {
                let (intention, host) = self.simple();
                let text = format!("{}://{host}{}", intention.schemes[0], intention.port_text());
                let mut wrong = Wrong { text, intentions: vec![intention], is_clear: true };
                self.around(&mut wrong);
                wrong
            }
        }
    }

    /// Something before, behind or in a text that an origin does not have.
    fn around(&mut self, wrong: &mut Wrong) {
        let text = &wrong.text;
        let Some((scheme, rest)) = text.split_once("://") else { return };
        wrong.text = match self.rng.random_range(0..12) {
            0 => text.to_ascii_uppercase(),
            1 => format!("{}://{}", scheme.to_ascii_uppercase(), rest),
            2 => format!("{text}{}", self.pick(&["/", "//", "\\", "/*"])),
            3 => format!("{text}{}", self.pick(&["/api", "/a/b.html", "/a?b=c", "/x#y", "/a:b"])),
            4 => format!("{text}{}", self.pick(&["?x=1", "#top"])),
            5 => format!(
                "{scheme}://{}{rest}",
                self.pick(&["user@", "user:password@", "a.example@"])
            ),
            6 => {
                let (open, close) = self.pick(&[
                    ("\"", "\""),
                    ("'", "'"),
                    ("`", "`"),
                    ("“", "”"),
                    ("<", ">"),
                    ("(", ")"),
                    ("", "\""),
                    ("'", ""),
                ]);
                format!("{open}{text}{close}")
            }
            7 => format!(
                "{}{text}{}",
                self.pick(&[" ", "\t", ""]),
                self.pick(&[" ", ",", ";", " ,"])
            ),
            8 => format!("{scheme}:// {rest}"),
            9 => format!("{scheme}://{scheme}://{rest}"),
            10 => format!("{scheme}:{}{rest}", self.pick(&["///", "////"])),
            _ => format!("{scheme}{}{rest}", self.pick(&[":/", ":", "//", "/"])),
        };
    }

    /// Several entries in one text.
    fn several(&mut self) -> Wrong {
        let mut parts = Vec::new();
        for _ in 0..self.rng.random_range(2..5) {
            let (intention, host) = self.simple();
            let text = format!("{}://{host}{}", intention.schemes[0], intention.port_text());
            parts.push((intention, text));
        }
        let between = self.pick(&[",", ", ", ";", " ", "\n", "|", " and ", " | ", " , "]);
        let texts: Vec<_> = parts.iter().map(|(_, text)| text.as_str()).collect();
        let mut text = texts.join(between);
        if self.rng.random_bool(0.3) {
            text = format!("[{}]", texts.map_quoted().join(", "));
        }
        let intentions = parts.into_iter().map(|(intention, _)| intention).collect();
        Wrong { text, intentions, is_clear: true }
    }

    /// A regular expression as other software writes it.
    fn expression(&mut self) -> Wrong {
        let (schemes, scheme) = self.pick(&[
            (vec!["https"], "https"),
            (vec!["http"], "http"),
            (vec!["https", "http"], "https?"),
            (vec!["https", "http"], "(http|https)"),
        ]);
        let domain = self.domain();
        let dot = self.pick(&[r"\.", r"\.", "."]);
        let escaped = domain.replace('.', dot);
        let (hosts, host) = match self.rng.random_range(0..5) {
            0 => {
                let any = self.pick(&[".*", ".+", ".*?", "[^/]+", r"\S+"]);
                (Hosts::Below(domain), format!(r"{any}{dot}{escaped}"))
            }
            1 => {
                let hosts = Hosts::Label { before: "pr-".into(), after: String::new(), domain };
                (hosts, format!("pr-[^.]+{dot}{escaped}"))
            }
            2 => {
                let names = ["app", "www"].map(|label| format!("{label}.{domain}")).to_vec();
                (Hosts::Names(names), format!("(app|www){dot}{escaped}"))
            }
            3 => {
                let names = vec![format!("www.{domain}"), domain.clone()];
                (Hosts::Names(names), format!("(www{dot})?{escaped}"))
            }
            _ => {
                let label = self.label();
                (Hosts::Names(vec![format!("{label}.{domain}")]), format!("{label}{dot}{escaped}"))
            }
        };
        let ports = self.ports();
        let intention = Intention { schemes, hosts, ports };
        let body = format!("{scheme}://{host}{}", intention.port_expression());
        let slashed = body.replace('/', r"\/");
        let text = match self.rng.random_range(0..7) {
            0 => format!("~^{body}$"),
            1 => format!("~*^{body}$"),
            2 => format!("~* ^{body}$"),
            3 => format!("/^{slashed}$/"),
            4 => format!("/^{slashed}$/i"),
            5 => format!("Regex:^{body}$"),
            _ => format!("^{body}$"),
        };
        Wrong { text, intentions: vec![intention], is_clear: true }
    }

    fn both_schemes(&mut self) -> Wrong {
        let (mut intention, host) = self.simple();
        intention.schemes = vec!["https", "http"];
        let scheme = self.pick(&[
            "*",
            "http*",
            "https?",
            "http(s)",
            "http(s)?",
            "http[s]?",
            "{http,https}",
            "(https|http)",
            "[http,https]",
            "http|https",
            "HTTP(S)",
        ]);
        let text = format!("{scheme}://{host}{}", intention.port_text());
        Wrong { text, intentions: vec![intention], is_clear: true }
    }

    /// Alternatives, and characters that stand for others.
    fn alternatives(&mut self) -> Wrong {
        let (schemes, ports, domain) = (self.schemes(), self.ports(), self.domain());
        let names = |labels: &[&str]| {
            Hosts::Names(labels.iter().map(|label| format!("{label}.{domain}")).collect())
        };
        let (hosts, host) = match self.rng.random_range(0..8) {
            0 => (names(&["app", "www"]), format!("{{app,www}}.{domain}")),
            1 => (names(&["a1", "a2", "a3"]), format!("a{{1..3}}.{domain}")),
            2 => (names(&["a.x", "a.y", "b.x", "b.y"]), format!("{{a,b}}.{{x,y}}.{domain}")),
            3 => (names(&["app", "www"]), format!("(app|www).{domain}")),
            4 => (names(&["app", "www"]), format!("[app,www].{domain}")),
            5 => (
                Hosts::Class {
                    characters: vec!['a', 'b'],
                    rest: "-x".into(),
                    domain: domain.clone(),
                },
                format!("[ab]-x.{domain}"),
            ),
            6 => (
                Hosts::OneCharacter { before: "pr-".into(), domain: domain.clone() },
                format!("pr-?.{domain}"),
            ),
            _ => (
                Hosts::OneCharacter { before: String::new(), domain: domain.clone() },
                format!("?.{domain}"),
            ),
        };
        let is_set = matches!(&ports, Ports::These(ports) if ports.len() > 1);
        let intention = Intention { schemes, hosts, ports };
        let text = format!("{}://{host}{}", intention.schemes[0], intention.port_text());
        Wrong { text, intentions: vec![intention], is_clear: !is_set }
    }

    /// Addresses in other forms, with `*` or a mask.
    fn address(&mut self) -> Wrong {
        let scheme = self.pick(&["http", "https"]);
        let octets: [u8; 4] = self.rng.random();
        let address = Ipv4Addr::from(octets);
        let [a, b, c, d] = octets;
        let port = self.pick(&["", ":8080"]);
        let ports = if port.is_empty() { Ports::Default } else { Ports::These(vec![8080]) };
        let subnet = |bits| Hosts::Subnet { address, bits };
        let names = |host: &str| Hosts::Names(vec![host.to_owned()]);
        let bits = self.rng.random_range(0..=32);
        let (hosts, text, is_clear) = match self.rng.random_range(0..10) {
            0 => (subnet(24), format!("{a}.{b}.{c}.*{port}"), true),
            1 => (subnet(16), format!("{a}.{b}.*{port}"), true),
            2 => (subnet(16), format!("{a}.{b}.*.*{port}"), true),
            // A mask that ends within an octet leaves up to 128 values of it.
            3 => (
                subnet(bits),
                format!("{address}{port}/{bits}"),
                bits > 0 && (bits % 8 == 0 || bits % 8 > 3),
            ),
            4 => (subnet(32), format!("0x{:x}{port}", u32::from(address)), true),
            5 => (subnet(32), format!("{a}.{b}.{}{port}", u32::from(c) << 8 | u32::from(d)), true),
            6 => (names("[2001:db8::1]"), format!("[2001:DB8:0:0:0::1]{port}"), true),
            7 => (names("[2001:db8::1]"), format!("[2001:0db8::0001]{port}"), true),
            8 => {
                let intention = Intention {
                    schemes: vec![scheme],
                    hosts: names("[2001:db8::1]"),
                    ports: Ports::Default,
                };
                let text = self.pick(&["2001:db8::1", "[2001:db8::1", "2001:db8::1]"]);
                let text = format!("{scheme}://{text}");
                return Wrong { text, intentions: vec![intention], is_clear: true };
            }
            _ => (subnet(32), format!("*.{address}{port}"), true),
        };
        let intention = Intention { schemes: vec![scheme], hosts, ports };
        Wrong { text: format!("{scheme}://{text}"), intentions: vec![intention], is_clear }
    }

    fn ports_written_wrongly(&mut self) -> Wrong {
        let scheme = self.pick(&["http", "https"]);
        let default = if scheme == "http" { 80 } else { 443 };
        let (ports, text) = match self.rng.random_range(0..9) {
            0 => (Ports::Default, format!(":{default}")),
            1 => (Ports::Default, format!(":0{default}")),
            2 => (Ports::Default, ":".to_owned()),
            3 => (Ports::These(vec![8443]), ":08443".to_owned()),
            4 => (Ports::These(vec![3000, 3001, 3002]), ":3002-3000".to_owned()),
            5 => (Ports::These(vec![3000, 5173]), ":3000,5173".to_owned()),
            6 => (
                Ports::These(vec![3000, 5173]),
                self.pick(&[":[3000, 5173]", ":[03000,5173,3000]"]).to_owned(),
            ),
            7 => (Ports::These(vec![3000, 5173]), ":{3000,5173}".to_owned()),
            _ => (Ports::These(vec![8443]), "/:8443".to_owned()),
        };
        let (mut intention, host) = self.simple();
        (intention.schemes, intention.ports) = (vec![scheme], ports);
        Wrong {
            text: format!("{scheme}://{host}{text}"),
            intentions: vec![intention],
            is_clear: true,
        }
    }

    fn host_written_wrongly(&mut self) -> Wrong {
        let (schemes, ports, domain) = (self.schemes(), self.ports(), self.domain());
        let below = || Hosts::Below(domain.clone());
        let name = |name: &str| Hosts::Names(vec![name.to_owned()]);
        let (hosts, host) = match self.rng.random_range(0..8) {
            0 => (below(), format!("**.{domain}")),
            1 => (below(), format!(".{domain}")),
            2 => (Hosts::Below("example.com".into()), "*example.com".to_owned()),
            3 => (below(), format!("*..{domain}")),
            4 => (name(&format!("a.{domain}")), format!("a..{domain}")),
            5 => (name(&format!("a.{domain}")), format!("a.{domain}.")),
            6 => (name("xn--bcher-kva.example"), "bücher.example".to_owned()),
            _ => (Hosts::Below("xn--bcher-kva.example".into()), "*.Bücher.example".to_owned()),
        };
        let intention = Intention { schemes, hosts, ports };
        let text = format!("{}://{host}{}", intention.schemes[0], intention.port_text());
        Wrong { text, intentions: vec![intention], is_clear: true }
    }

    fn scheme_written_wrongly(&mut self) -> Wrong {
        let (mut intention, host) = self.simple();
        intention.schemes = vec!["https"];
        let port = intention.port_text();
        let text = match self.rng.random_range(0..6) {
            0 => format!("{host}{port}"),
            1 => format!("//{host}{port}"),
            2 => format!("://{host}{port}"),
            3 => format!("wss://{host}{port}"),
            4 => format!("blob:https://{host}{port}/4f1c"),
            _ => format!("http://https://{host}{port}"),
        };
        Wrong { text, intentions: vec![intention], is_clear: true }
    }
}

trait MapQuoted {
    fn map_quoted(&self) -> Vec<String>;
}

impl MapQuoted for Vec<&str> {
    fn map_quoted(&self) -> Vec<String> {
        self.iter().map(|text| format!("\"{text}\"")).collect()
    }
}

/// What advice does wrong.
fn violations_of(wrong: &Wrong, error: &PatternError, suggestions: &[String]) -> Vec<String> {
    let mut violations = Vec::new();
    if suggestions.is_empty() && wrong.is_clear {
        violations.push("no advice".to_owned());
    }
    let remedy = error.remedy();
    let mut patterns = Vec::new();
    for suggestion in suggestions {
        if !remedy.contains(&format!("\"{suggestion}\"")) {
            violations.push(format!("the message lacks {suggestion}"));
        }
        match OriginPattern::parse(suggestion) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => violations.push(format!("{suggestion} has a mistake: {error}")),
        }
    }
    // Whatever else a message has in quotation marks is an example, and has to pass, too.
    let quoted = remedy.split('"').skip(1).step_by(2);
    for quoted in quoted.filter(|quoted| !suggestions.iter().any(|known| known == quoted)) {
        if OriginPattern::parse(quoted).is_err() {
            violations.push(format!("{quoted} does not pass"));
        }
    }
    if patterns.is_empty() {
        return violations;
    }
    for origin in wrong.intentions.iter().flat_map(Intention::origins) {
        let is_meant = wrong.intentions.iter().any(|intention| intention.holds(&origin));
        let text = origin.text();
        let is_matched = patterns.iter().any(|pattern| pattern.matches(text.as_bytes()));
        match (is_meant, is_matched) {
            // A text with further mistakes does not tell all that was meant.
            (true, false) if wrong.is_clear => {
                violations.push(format!("{suggestions:?} does not match {text}"))
            }
            (false, true) => violations.push(format!("{suggestions:?} matches {text} as well")),
            _ => {}
        }
    }
    violations
}

#[derive(Debug, Default)]
struct Tally {
    patterns: usize,
    advice: usize,
    suggestions: usize,
    origins: usize,
    documents: usize,
    guards: usize,
    violations: Vec<String>,
}

impl Tally {
    fn finish(self, what: &str) {
        println!(
            "{what} generated: {}, advice given: {}, suggestions: {}, documents: {}, guards named: {}, \
             violations: {}",
            self.patterns,
            self.advice,
            self.suggestions,
            self.documents,
            self.guards,
            self.violations.len()
        );
        let shown: Vec<_> = self.violations.iter().take(30).map(String::as_str).collect();
        assert!(shown.is_empty(), "{}", shown.join("\n"));
    }
}

/// How many patterns are generated. `ADVICE_CASES` asks for more of them.
fn cases() -> usize {
    std::env::var("ADVICE_CASES").map_or(4_000, |cases| cases.parse().expect("a number"))
}

#[test]
fn advice_on_patterns_passes_and_lets_in_what_was_meant_and_nothing_else() {
    let mut generator = Generator { rng: SmallRng::seed_from_u64(7) };
    let mut tally = Tally::default();
    let cases = cases();
    for case in 0..cases {
        let mut wrong = generator.wrong();
        // Further mistakes leave doubts about what is meant. Advice that is given has to be right.
        if case % 4 == 0 && !matches!(wrong.text.as_bytes().first(), Some(b'/' | b'~' | b'^')) {
            let is_regex = wrong.text.contains('\\') || wrong.text.ends_with('$');
            if !is_regex {
                generator.around(&mut wrong);
                wrong.is_clear = false;
            }
        }
        let Err(error) = OriginPattern::parse(&wrong.text) else { continue };
        tally.patterns += 1;
        let suggestions = error.suggestions();
        tally.advice += usize::from(!suggestions.is_empty());
        tally.suggestions += suggestions.len();
        for violation in violations_of(&wrong, &error, &suggestions) {
            tally.violations.push(format!("{:?}: {violation}", wrong.text));
        }
        if case % 25 == 0 {
            for credentials in [false, true] {
                follow(&wrong.text, credentials, &mut tally);
            }
        }
    }
    assert!(tally.patterns * 4 > cases * 3 && tally.advice * 10 > tally.patterns * 9, "{tally:?}");
    tally.finish("patterns");
}

/// A document with these origins.
fn document(origins: &[String], credentials: bool, guards: &[&str]) -> String {
    let list: Vec<_> = origins.iter().map(|origin| format!("{origin:?}")).collect();
    let mut text = format!(
        "version: 1\npolicies:\n  a:\n    allow_origins: [{}]\n    allow_credentials: {credentials}\n",
        list.join(", ")
    );
    if !guards.is_empty() {
        let _ = writeln!(text, "    dangerously_allow: [{}]", guards.join(", "));
    }
    text
}

fn check(text: &str) -> Result<Vec<String>, Report> {
    let accepted = document::parse(text.as_bytes(), "a.yaml".as_ref())?;
    let is_needless = |kind: &MistakeKind| matches!(kind, MistakeKind::OpensNothing);
    let needless = accepted.warnings.iter().filter(|warning| is_needless(warning.kind()));
    Ok(needless.map(ToString::to_string).collect())
}

/// Does what the message about an entry of a document says.
fn follow(wrong: &str, credentials: bool, tally: &mut Tally) {
    // YAML has no tab or line break in a quoted text as it is.
    let origins = [wrong.to_owned()];
    let Err(report) = check(&document(&origins, credentials, &[])) else {
        tally.violations.push(format!("{wrong:?} is accepted in a document"));
        return;
    };
    tally.documents += 1;
    let errors: Vec<_> = report.errors().collect();
    let [mistake] = &errors[..] else {
        tally.violations.push(format!("{wrong:?} has several errors: {report}"));
        return;
    };
    let MistakeKind::Pattern { error, .. } = mistake.kind() else { return };
    let suggestions = error.suggestions();
    if suggestions.is_empty() {
        return;
    }
    let remedy = mistake.remedy();
    let named: Vec<_> = Guard::ALL
        .iter()
        .map(|guard| guard.as_str())
        .filter(|guard| remedy.contains(guard))
        .collect();
    tally.guards += named.len();
    match check(&document(&suggestions, credentials, &named)) {
        Ok(needless) if needless.is_empty() => {}
        Ok(needless) => tally.violations.push(format!("{wrong:?}: {remedy}: {needless:?}")),
        Err(report) => tally.violations.push(format!("{wrong:?}: {remedy}: {report}")),
    }
}

#[test]
fn advice_in_documents_names_the_guards_that_it_needs() {
    let mut tally = Tally::default();
    for wrong in [
        "HTTP://A.example",
        "*://a.example",
        "http*",
        "all",
        "**",
        "Null",
        "nulll",
        "none",
        "\"file://\"",
        "https://a.example, null",
        "null, file://",
        "*.co.uk",
        "https://*.github.io/",
        "*.Vercel.app",
        "http://192.168.1.0/24",
        "http://pc-*",
        "~^https?://.*\\.example\\.com$",
        "all origins",
        "HTTPS://*",
        "~^https://[a-z]+\\.github\\.io$",
        "localhost:3000",
        "ws://a.example",
        "http://*.com/",
        "*.*",
    ] {
        assert!(OriginPattern::parse(wrong).is_err(), "{wrong}");
        for credentials in [false, true] {
            tally.patterns += 1;
            follow(wrong, credentials, &mut tally);
        }
    }
    assert!(tally.guards >= 20, "{tally:?}");
    tally.advice = tally.documents;
    tally.finish("entries");
}

/// Every origin that a suggestion of a guard matches is one that the pattern matches, or its secure
/// form; and it violates no guard.
#[test]
fn suggestions_of_guards_pass_and_lie_within_what_was_written() {
    let mut tally = Tally::default();
    let mut patterns = Vec::new();
    for host in [
        "a.example.com",
        "*.example.com",
        "*.com",
        "*.co.uk",
        "*.github.io",
        "pr-*.example.com",
        "app-*.vercel.app",
        "*--site.netlify.app",
        "*.run.app",
        "*.amazonaws.com",
        "*.ck",
        "*.kawasaki.jp",
        "*",
        "10.0.0.1",
        "[fe80::1]",
        "*.*.github.io",
        "*.pr-*.github.io",
        "*.example.github.io",
        "*.core.windows.net",
        "x",
    ] {
        for port in [
            "",
            ":8443",
            ":443",
            ":80",
            ":*",
            ":[80,3000]",
            ":[443,8443]",
            ":[80,443]",
            ":79-81",
            ":442-444",
        ] {
            for scheme in ["http", "https", "app"] {
                patterns.push(format!("{scheme}://{host}{port}"));
            }
        }
    }
    for expression in [
        r"https://.*\.example\.com",
        r"https://www.example\.com",
        r"https?://[^/]+\.example\.com(:\d+)?",
        r"https://[^s]+\.example\.com",
        r"https://[^.]+\.example\.com",
        r"https://(.*\.)?example\.com",
        r"https://[a-z]+\.github\.io",
        r"http://[a-z]+\.example\.com",
        r"https?://[a-z0-9-]+\.up\.railway\.app",
        r"https://.*example\.com",
        r"https://.*",
        r".*",
        r"https://a\.example\.com:.*",
        r"https://[a-z]+\.s3\.amazonaws\.com",
        r"(https|app)://[a-z.]+\.co\.uk",
        r"https://[^-]+\.example\.com",
        r"https://a.?b\.example\.com",
        r"https://\S+\.example\.com",
        r"(?i)https://.*\.EXAMPLE\.com",
        r"https://.*a\.example\.com",
    ] {
        patterns.push(format!("regex:{expression}"));
    }
    for text in &patterns {
        let Ok(pattern) = OriginPattern::parse(text) else { continue };
        tally.patterns += 1;
        for violation in pattern.violations(true) {
            tally.advice += 1;
            let Some(suggestion) = violation.suggestion() else { continue };
            tally.suggestions += 1;
            let remedy = violation.remedy();
            if !remedy.contains(&format!("\"{suggestion}\"")) {
                tally.violations.push(format!("{text}: the message lacks {suggestion}: {remedy}"));
            }
            let suggested = match OriginPattern::parse(suggestion) {
                Ok(suggested) => suggested,
                Err(error) => {
                    tally.violations.push(format!("{text}: {suggestion}: {error}"));
                    continue;
                }
            };
            if !suggested.violations(true).is_empty() {
                tally.violations.push(format!("{text}: {suggestion} violates a guard"));
            }
            let matched: Vec<_> = samples(suggestion)
                .into_iter()
                .filter(|origin| suggested.matches(origin.text().as_bytes()))
                .collect();
            if matched.is_empty() {
                tally.violations.push(format!("{text}: no sample of {suggestion}"));
            }
            tally.origins += matched.len();
            for origin in matched {
                if !pattern.matches(origin.text().as_bytes())
                    && !cleartext(&origin).iter().any(|origin| pattern.matches(origin.as_bytes()))
                {
                    tally
                        .violations
                        .push(format!("{text}: {suggestion} also matches {}", origin.text()));
                }
            }
        }
    }
    assert!(tally.suggestions > 100 && tally.origins > 1000, "{tally:?}");
    tally.finish("dangerous patterns");
}

/// Origins around a pattern, many of which it matches.
fn samples(pattern: &str) -> Vec<Parts> {
    let body = pattern.strip_prefix("regex:").unwrap_or(pattern).replace('\\', "");
    let host = body.split_once("://").map_or("", |(_, rest)| rest);
    let host = match host.strip_prefix('[') {
        Some(address) if address.contains(':') => {
            format!("[{}]", address.split(']').next().unwrap_or_default())
        }
        _ => {
            host.rsplit_once(':').map_or(host, |(host, _)| host).trim_end_matches(['(']).to_owned()
        }
    };
    let domain = "example.com";
    let mut hosts: Vec<String> =
        ["x", "a.b", "s", "a-b", "0_1", "a"].iter().map(|part| host.replace('*', part)).collect();
    for part in
        ["x.", "a.b.", "s.", "a-b.", "-.", "xa.", "a.", "www.", "evil", "axb.", "a.b.b.", ""]
    {
        hosts.push(format!("{part}{domain}"));
        hosts.push(format!("www{part}{domain}"));
    }
    let mut origins = Vec::new();
    for scheme in ["https", "http", "app", "httpsx"] {
        for host in &hosts {
            for port in [
                None,
                Some(79),
                Some(80),
                Some(81),
                Some(442),
                Some(443),
                Some(444),
                Some(3000),
                Some(8443),
            ] {
                let parts = Parts { scheme: scheme.to_owned(), host: host.clone(), port };
                if Origin::parse(parts.text().as_bytes()).is_some() {
                    origins.push(parts);
                }
            }
        }
    }
    origins
}

/// The `http` origins that an `https` origin is the secure form of: the same port, or each default one.
fn cleartext(origin: &Parts) -> Vec<String> {
    if origin.scheme != "https" {
        return Vec::new();
    }
    let with = |port| Parts { scheme: "http".to_owned(), port, ..origin.clone() }.text();
    match origin.port {
        None => vec![with(None), with(Some(443))],
        Some(80) => vec![with(None)],
        port => vec![with(port)],
    }
}

/// Keys of other software, and misspelled ones: with the key written as the message says, the document
/// passes, or its next message is about something else.
#[test]
fn advice_on_keys_can_be_followed() {
    let mut tally = Tally::default();
    let words: &[(&str, &[&str])] = &[
        (
            "origins",
            &["[https://a.example]", "https://a.example", "'https://a.example, https://b.example'"],
        ),
        ("allowedOrigins", &["[https://a.example]"]),
        ("AllowedOriginPatterns", &["[https://a.example]"]),
        ("allow_origin_regex", &[r"'https://a\.example'"]),
        ("methods", &["[GET, PUT]", "GET,PUT", "GET"]),
        ("AllowedMethods", &["[PUT]"]),
        ("headers", &["[X-A, X-B]", "'X-A, X-B'"]),
        ("allowedHeaders", &["['*']", "'*'"]),
        ("exposedHeaders", &["[ETag]", "ETag"]),
        ("credentials", &["true", "'true'", "'yes'", "false"]),
        ("supports_credentials", &["true"]),
        ("maxAgeSeconds", &["600", "'10m'"]),
        ("preflightMaxAge", &["600", "-5"]),
        ("optionsSuccessStatus", &["200", "204", "205"]),
        ("preflightContinue", &["true", "false"]),
        ("options_passthrough", &["true"]),
        ("allowPrivateNetwork", &["true"]),
        ("timingAllowOrigins", &["true"]),
        ("vary_header", &["true"]),
        ("debug", &["true"]),
        ("allowOriginFunc", &["x"]),
        ("enabled", &["true"]),
        ("allowAllOrigins", &["true"]),
        ("allow_wildcard", &["true"]),
        ("sendWildcard", &["true"]),
        ("id", &["x"]),
        ("urls_regex", &["x"]),
        ("alow_methods", &["[PUT]"]),
        ("allow_header", &["[X-A]"]),
        ("enforc", &["true"]),
        ("maxage", &["600"]),
        ("preflght", &["answer"]),
        ("allow_credential", &["true"]),
    ];
    for (word, values) in words {
        for prefix in ["", "cors_", "cors-", "Access-Control-"] {
            for value in *values {
                for in_rule in [false, true] {
                    tally.patterns += 1;
                    follow_key(&format!("{prefix}{word}"), value, in_rule, &mut tally);
                }
            }
        }
    }
    assert!(tally.advice > 200, "{tally:?}");
    tally.finish("keys");
}

/// A policy with a key, directly or in a rule.
fn with_keys(keys: &[(&str, &str)], beside: &[(&str, &str)], in_rule: bool) -> String {
    let (indent, mut text) = match in_rule {
        true => ("      ", "version: 1\npolicies:\n  a:\n".to_owned()),
        false => ("    ", "version: 1\npolicies:\n  a:\n".to_owned()),
    };
    for (key, value) in beside {
        let _ = writeln!(text, "    {key}: {value}");
    }
    if in_rule {
        text.push_str("    rules:\n    -\n");
    }
    if !keys.iter().any(|(key, _)| *key == "allow_origins") {
        let _ = writeln!(text, "{indent}allow_origins: ['https://x.example']");
    }
    for (key, value) in keys {
        let _ = writeln!(text, "{indent}{key}: {value}");
    }
    text
}

fn follow_key(key: &str, value: &str, in_rule: bool, tally: &mut Tally) {
    let Err(report) = check(&with_keys(&[(key, value)], &[], in_rule)) else { return };
    let Some(mistake) = report.errors().find(|mistake| {
        matches!(mistake.kind(), MistakeKind::ForeignKey { .. } | MistakeKind::UnknownKey { .. })
    }) else {
        return;
    };
    let remedy = mistake.remedy();
    let Some(written) = remedy.strip_prefix("write `").and_then(|rest| rest.split('`').next())
    else {
        // It says to remove the key, or lists what there is.
        if remedy.starts_with("remove it") {
            tally.advice += 1;
            if let Err(report) = check(&with_keys(&[], &[], in_rule)) {
                tally.violations.push(format!("{key}: {remedy}: {report}"));
            }
        }
        return;
    };
    if written == "policies" {
        return;
    }
    tally.advice += 1;
    let (new, value) = written.split_once(": ").unwrap_or((written, value));
    let is_beside = remedy.contains("in the policy: beside `rules`");
    let followed = match is_beside {
        true => with_keys(&[], &[(new, value)], in_rule),
        false => with_keys(&[(new, value)], &[], in_rule),
    };
    if let Err(report) = check(&followed) {
        let repeats = |kind: &MistakeKind| {
            matches!(
                kind,
                MistakeKind::ForeignKey { .. }
                    | MistakeKind::UnknownKey { .. }
                    | MistakeKind::MisplacedKey { .. }
                    | MistakeKind::RuleKeyBesideRules
                    | MistakeKind::Syntax(_)
                    | MistakeKind::DuplicateKey { .. }
            )
        };
        if report.errors().any(|mistake| repeats(mistake.kind())) {
            tally.violations.push(format!("{key}: {value}: {remedy}: {report}\n{followed}"));
        }
    }
}
