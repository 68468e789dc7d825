//! The errors of one pattern, and of all patterns of a policy together.
//!
//! [`diagnose`](super::diagnose) finds the mistakes; [`remedy`](super::remedy) says what to write
//! instead.

use std::{fmt, slice};

use thiserror::Error;

use super::ports::PortSet;

/// A mistake in a pattern. Its `Display` says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The text is empty.
    #[error("an empty entry names no origin")]
    Empty,
    /// White space within or around the pattern.
    #[error("an origin holds no white space")]
    Whitespace {
        /// The parts between the white space.
        entries: Vec<String>,
    },
    /// Several origins in one pattern.
    #[error("one entry is one origin")]
    List {
        /// The origins.
        entries: Vec<String>,
    },
    /// A regular expression without the prefix `regex:`.
    #[error("a regular expression has to begin with `regex:`")]
    UnmarkedRegex {
        /// The same with the prefix and without classes for any byte, or the origin if it names one.
        /// `None` if no expression says what was meant.
        replacement: Option<String>,
    },
    /// Characters that stand for others in file names and in other software, such as `?` or `[ab]`.
    #[error("nothing but `*` stands for other characters in a host")]
    Glob {
        /// An expression for the same hosts, where one can say it.
        replacement: Option<String>,
    },
    /// `- ` before the pattern, as in a list of YAML.
    #[error("`- ` begins an entry of YAML, and no pattern")]
    YamlEntry {
        /// The text without it.
        replacement: String,
    },
    /// Quotation marks or brackets around the pattern.
    #[error("there are quotation marks or brackets around it")]
    Enclosed {
        /// The same without them.
        replacement: String,
    },
    /// Characters beyond ASCII.
    #[error("characters beyond ASCII never match: browsers send the punycode form")]
    NonAscii {
        /// The same in ASCII (punycode), if the host has such a form.
        replacement: Option<String>,
    },
    /// Upper case.
    #[error("upper case in an origin never matches: browsers send lower case")]
    UpperCase {
        /// The same in lower case.
        replacement: String,
    },
    /// No scheme.
    #[error("an origin begins with a scheme")]
    MissingScheme {
        /// The same with the most likely scheme.
        replacement: String,
    },
    /// The text before `://` is not a scheme, such as `*`.
    #[error("`{}` is not the name of a scheme", .scheme.escape_debug())]
    InvalidScheme {
        /// The text before `://`.
        scheme: String,
        /// The same with `https`, and with `http` if the text means both.
        replacements: Vec<String>,
    },
    /// A scheme after the scheme.
    #[error("the scheme is there twice")]
    DoubledScheme {
        /// The same with the second one.
        replacement: String,
    },
    /// More than two slashes after the scheme.
    #[error("two slashes are between scheme and host")]
    ExtraSlashes {
        /// The same with two slashes.
        replacement: String,
    },
    /// A scheme longer than 64 bytes.
    #[error("the scheme has {length} bytes, more than 64")]
    SchemeTooLong {
        /// Its length, in bytes.
        length: usize,
    },
    /// The scheme `file`, with more after `file://`.
    #[error("pages opened as files have no host: browsers send `null`, and some shells `file://`")]
    FileScheme,
    /// A scheme that no page has as its origin.
    #[error("no page has an origin with the scheme `{scheme}`")]
    NeverAnOrigin {
        /// The scheme.
        scheme: String,
        /// The origin of the page, if the text tells it.
        replacement: Option<String>,
    },
    /// A word in place of an origin, such as `all` or `nulll`.
    #[error("not an origin")]
    Word {
        /// What was probably meant.
        replacement: String,
    },
    /// A word such as `self`, for the origin of the server.
    #[error("pages of the same origin need no permission")]
    SameOrigin,
    /// No host after the scheme.
    #[error("the host is missing")]
    MissingHost {
        /// The scheme.
        scheme: String,
    },
    /// A user name or password.
    #[error("an origin holds no user name or password")]
    UserInfo {
        /// The same without it.
        replacement: String,
    },
    /// A slash at the end.
    #[error("an origin does not end with a slash")]
    TrailingSlash {
        /// The same without it.
        replacement: String,
    },
    /// A path.
    #[error("an origin has no path")]
    Path {
        /// The same without it.
        replacement: String,
    },
    /// A query.
    #[error("an origin has no query")]
    Query {
        /// The same without it.
        replacement: String,
    },
    /// A fragment.
    #[error("an origin has no fragment")]
    Fragment {
        /// The same without it.
        replacement: String,
    },
    /// A colon without a port after it.
    #[error("there is no port after the colon")]
    EmptyPort {
        /// The same without the colon.
        replacement: String,
    },
    /// A port that is not a number from 1 to 65535.
    #[error("`{}` is not a port", .port.escape_debug())]
    InvalidPort {
        /// The port.
        port: String,
    },
    /// A port with leading zeros.
    #[error("browsers send the port without leading zeros")]
    PortWithLeadingZeros {
        /// The same without them.
        replacement: String,
    },
    /// The default port of the scheme.
    #[error("{port} is the scheme's default port, which browsers leave out")]
    DefaultPort {
        /// The port.
        port: u16,
        /// The same without it.
        replacement: String,
    },
    /// `[]` in place of a port.
    #[error("the list of ports is empty")]
    EmptyPortList,
    /// A list with too many ports.
    #[error("{count} ports in one list, more than {}", PortSet::MAX_ENTRIES)]
    TooManyPorts {
        /// The number of its entries.
        count: usize,
    },
    /// A range of ports that holds none, or only one.
    #[error("a range of ports begins with the lower one and ends with the higher one")]
    EmptyPortRange {
        /// The range that was probably meant.
        replacement: String,
    },
    /// A port that two entries of a list hold.
    #[error("port {port} is in the list twice")]
    DuplicatePort {
        /// The port.
        port: u16,
        /// The same without the second one.
        replacement: String,
    },
    /// Several ports without brackets.
    #[error("several ports have to be in brackets")]
    UnbracketedPorts {
        /// The same with brackets.
        replacement: String,
    },
    /// A mask of a subnet after an address.
    #[error("an origin has one address, and no subnet")]
    Subnet {
        /// An expression for the addresses of the subnet, where one can say it.
        replacement: Option<String>,
    },
    /// Alternatives in braces.
    #[error("braces have no meaning in an origin")]
    Braces {
        /// The alternatives, written out.
        entries: Vec<String>,
    },
    /// Several `*` side by side.
    #[error("two `*` side by side mean no more than one")]
    AdjacentStars {
        /// The same with one.
        replacement: String,
    },
    /// A `*` in a part of the host that can be registered.
    #[error("anyone could register a domain that the `*` matches")]
    OpenRegistrableDomain {
        /// The pattern that was probably meant.
        replacement: Option<String>,
    },
    /// A `*` in a host of one label.
    #[error("a host of one label has no place for a `*`")]
    StarInSingleLabel {
        /// What was probably meant: an expression for such names, or any port.
        replacement: Option<String>,
    },
    /// A `*` within an address.
    #[error("a `*` cannot be a part of an address")]
    StarInAddress {
        /// An expression for such addresses, where one can say it.
        replacement: Option<String>,
    },
    /// A `*` before an address, which has no subdomains.
    #[error("an address has no subdomains")]
    WildcardBelowAddress {
        /// The address alone.
        replacement: String,
    },
    /// Two dots in a row, or a dot at the beginning.
    #[error("there is nothing before a dot of the host")]
    EmptyLabel {
        /// The pattern that was probably meant.
        replacement: String,
    },
    /// A dot at the end.
    #[error("the host ends with a dot, which makes it another origin")]
    TrailingDot {
        /// The same without it.
        replacement: String,
    },
    /// A label that begins like punycode and cannot be decoded (RFC 3492).
    #[error("`{label}` is not punycode, so browsers refuse the host")]
    InvalidPunycode {
        /// The label.
        label: String,
    },
    /// A character that no host has.
    #[error("`{}` is not part of any host", .character.escape_debug())]
    ForbiddenCharacter {
        /// The character.
        character: char,
    },
    /// A label longer than 63 bytes.
    #[error("a label of the host has {length} bytes, more than 63")]
    LabelTooLong {
        /// Its length, in bytes.
        length: usize,
    },
    /// A host longer than 253 bytes, including the shortest label that can replace `*`.
    #[error("the host has {length} bytes, more than 253")]
    HostTooLong {
        /// Its length, in bytes.
        length: usize,
    },
    /// An IPv4 address that is not written as four decimal numbers.
    #[error("a host that ends in a number is an IPv4 address, sent as a dotted quad")]
    InvalidIpv4 {
        /// The same as a dotted quad, if it is an address.
        replacement: Option<String>,
    },
    /// Brackets around something other than an IPv6 address.
    #[error("there is no IPv6 address in the brackets")]
    InvalidIpv6,
    /// A scheme and its colon alone: `app:`.
    #[error("an origin has `://` behind its scheme")]
    MissingSlashes {
        /// The same with slashes, which is an origin without a host.
        replacement: String,
    },
    /// An IPv6 address without brackets.
    #[error("an IPv6 address stands in brackets")]
    UnbracketedIpv6 {
        /// The same with brackets.
        replacement: String,
    },
    /// An IPv6 address in another form than browsers send.
    #[error("browsers send IPv6 addresses in compressed form")]
    UncompressedIpv6 {
        /// The same in compressed form.
        replacement: String,
    },
    /// A regular expression that is too long.
    #[error("the expression has {length} bytes, more than {limit}")]
    RegexTooLong {
        /// Its length, in bytes.
        length: usize,
        /// The greatest length allowed, in bytes.
        limit: usize,
    },
    /// A regular expression that does not compile.
    #[error("the expression does not compile: {reason}")]
    RegexSyntax {
        /// The compiler's message, on one line.
        reason: String,
    },
    /// A regular expression whose automaton would take too much memory.
    #[error("the compiled expression would be too large")]
    RegexTooLarge,
    /// A regular expression that matches no well-formed origin.
    #[error(fmt = fmt_matches_no_origin)]
    RegexMatchesNoOrigin {
        /// A text that it does match, escaped.
        example: Option<String>,
    },
    /// A regular expression that also matches texts that are more than one origin.
    #[error("the expression also matches `{example}`, which is not an origin")]
    RegexBeyondOrigin {
        /// Such a text, escaped.
        example: String,
    },
}

fn fmt_matches_no_origin(example: &Option<String>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match example {
        Some(example) => write!(
            f,
            "the expression matches no origin that a browser sends, only texts such as `{example}`"
        ),
        None => f.write_str("the expression matches nothing"),
    }
}

impl PatternError {
    /// The text with this one mistake removed, where that is possible: one text, or several that mean
    /// the same together. They may have further mistakes.
    pub(super) fn replacements(&self) -> &[String] {
        match self {
            Self::Whitespace { entries } | Self::List { entries } | Self::Braces { entries } => {
                entries
            }
            Self::InvalidScheme { replacements, .. } => replacements,
            Self::YamlEntry { replacement }
            | Self::Enclosed { replacement }
            | Self::UpperCase { replacement }
            | Self::MissingScheme { replacement }
            | Self::DoubledScheme { replacement }
            | Self::ExtraSlashes { replacement }
            | Self::UserInfo { replacement }
            | Self::TrailingSlash { replacement }
            | Self::Path { replacement }
            | Self::Query { replacement }
            | Self::Fragment { replacement }
            | Self::EmptyPort { replacement }
            | Self::PortWithLeadingZeros { replacement }
            | Self::DefaultPort { replacement, .. }
            | Self::EmptyPortRange { replacement }
            | Self::DuplicatePort { replacement, .. }
            | Self::UnbracketedPorts { replacement }
            | Self::Word { replacement }
            | Self::AdjacentStars { replacement }
            | Self::WildcardBelowAddress { replacement }
            | Self::EmptyLabel { replacement }
            | Self::TrailingDot { replacement }
            | Self::MissingSlashes { replacement }
            | Self::UnbracketedIpv6 { replacement }
            | Self::UncompressedIpv6 { replacement } => slice::from_ref(replacement),
            Self::UnmarkedRegex { replacement }
            | Self::Glob { replacement }
            | Self::NonAscii { replacement }
            | Self::NeverAnOrigin { replacement, .. }
            | Self::Subnet { replacement }
            | Self::OpenRegistrableDomain { replacement }
            | Self::StarInSingleLabel { replacement }
            | Self::StarInAddress { replacement }
            | Self::InvalidIpv4 { replacement } => replacement.as_slice(),
            Self::Empty
            | Self::SchemeTooLong { .. }
            | Self::FileScheme
            | Self::SameOrigin
            | Self::MissingHost { .. }
            | Self::InvalidPort { .. }
            | Self::EmptyPortList
            | Self::TooManyPorts { .. }
            | Self::InvalidPunycode { .. }
            | Self::ForbiddenCharacter { .. }
            | Self::LabelTooLong { .. }
            | Self::HostTooLong { .. }
            | Self::InvalidIpv6
            | Self::RegexTooLong { .. }
            | Self::RegexSyntax { .. }
            | Self::RegexTooLarge
            | Self::RegexMatchesNoOrigin { .. }
            | Self::RegexBeyondOrigin { .. } => &[],
        }
    }
}

/// All patterns of a policy cannot be held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MatcherError {
    /// The origins take more than 4 GiB.
    #[error("the origins of the policy take more than 4 GiB together")]
    TooManyOrigins,
    /// The automaton of all regular expressions would take too much memory.
    #[error("the regular expressions of the policy would be too large together")]
    RegexesTooLarge,
    /// The automaton of all patterns with a `*` inside the host would take too much memory.
    #[error("the patterns with `*` inside the host would be too large together")]
    GlobsTooLarge,
    /// Ranges of ports overlap in too many ways.
    #[error("the ports of the policy overlap in too many ways")]
    PortsTooMany,
    /// The system provides no more memory for the origins.
    #[error("there is not enough memory for the origins of the policy")]
    OutOfMemory,
}
