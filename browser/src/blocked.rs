//! Why a browser keeps a response from a page.

use thiserror::Error;

use crate::header_list::InvalidList;

/// The reason why a page cannot read a response, or why its request is not sent. The text is a sentence without
/// its full stop.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Blocked {
    /// There is no `Access-Control-Allow-Origin`.
    #[error("Access-Control-Allow-Origin is missing")]
    NoAllowOrigin,
    /// `*` came for a request with credentials.
    #[error("Access-Control-Allow-Origin: * does not count for a request with credentials")]
    AnyOriginWithCredentials,
    /// The value is several origins, which came in one line or in several.
    #[error("Access-Control-Allow-Origin has several values ({0:?}), and a browser takes one")]
    SeveralOrigins(String),
    /// The value is another origin than that of the page.
    #[error("Access-Control-Allow-Origin is {found:?}, and the origin of the page is {page:?}")]
    OtherOrigin {
        /// The value of the header.
        found: String,
        /// The origin of the page.
        page: String,
    },
    /// `Access-Control-Allow-Credentials` is not `true`, and the request is with credentials.
    #[error("Access-Control-Allow-Credentials is not true, and the request is with credentials")]
    NoAllowCredentials,
    /// The answer to a preflight has no ok status, as redirects and errors.
    #[error("the preflight got {0}, and a browser takes 200 to 299")]
    PreflightStatus(u16),
    /// A list of an answer to a preflight is none.
    #[error("{name} is not a list of names")]
    InvalidList {
        /// The name of the header.
        name: &'static str,
        /// The fault.
        source: InvalidList,
    },
    /// A preflight does not allow the method.
    #[error("Access-Control-Allow-Methods does not have {0}")]
    Method(String),
    /// A preflight does not allow a header.
    #[error("Access-Control-Allow-Headers does not have {0}")]
    Header(String),
}

impl Blocked {
    /// Whether a request with this origin is refused whatever it asks for, as opposed to a method or a header that
    /// is not allowed.
    pub fn is_about_origin(&self) -> bool {
        !matches!(self, Self::Method(_) | Self::Header(_) | Self::InvalidList { .. })
    }
}
