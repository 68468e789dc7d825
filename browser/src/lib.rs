//! What a browser makes of CORS headers: the client's side of the
//! [CORS protocol](https://fetch.spec.whatwg.org/#http-cors-protocol).
//!
//! A page's [`Request`] and the [`Response`]s of a server go in. Out comes what the browser does: whether it
//! asks by a preflight first, whether it sends the request after the answer, whether the page may read the
//! response, and which of its headers. Nothing here knows a policy, a server or the network.
//!
//! ```
//! use cors_browser::{Credentials, HeaderList, Request, Response, read};
//!
//! let request = Request {
//!     origin: "https://app.example.com",
//!     method: "GET",
//!     headers: &[],
//!     credentials: Credentials::Include,
//! };
//! let headers = HeaderList::from_iter([("Access-Control-Allow-Origin", "*")]);
//! let blocked = read(&request, None, &Response { status: 200, headers }).unwrap_err();
//! assert_eq!(
//!     blocked.to_string(),
//!     "Access-Control-Allow-Origin: * does not count for a request with credentials",
//! );
//! ```
//!
//! The model follows the standard, and departs from it where all browsers do: `*` in
//! `Access-Control-Allow-Headers` stands for `Authorization`, too. See [`preflight_check`].
#![forbid(unsafe_code)]

mod blocked;
mod check;
mod header_list;
mod request;

pub use blocked::Blocked;
pub use check::{cors_check, is_exposable, preflight_check, read, readable_headers};
pub use header_list::{HeaderList, InvalidList, tokens};
pub use request::{Credentials, Request, Response, SAFELISTED_METHODS};
