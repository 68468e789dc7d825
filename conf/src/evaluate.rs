//! Follows a request through a configuration, up to the headers of the response.
//!
//! [`Config`] is what a tree of directives means for this: its servers, locations, `if` blocks and
//! variables. [`Config::evaluate`] answers a [`Request`]. What the request does not say, such as the
//! path of one that only has to reach a certain location, and what the configuration does not say,
//! such as a variable that Lua sets, is [`Value::Unknown`], never guessed. Where a condition depends on
//! it, both ways are gone, and there are several answers.
//!
//! `error_page` is followed for the statuses that the configuration itself makes, and `try_files` for
//! methods that no file answers. Not followed: files that `try_files` finds, `index`, `satisfy`, `expires`,
//! and everything that Lua, njs and Perl do.

mod answer;
mod build;
mod condition;
mod config;
mod hand_over;
mod headers;
mod location;
mod map;
mod more_headers;
mod regex;
mod request;
mod run;
mod steps;
mod template;
mod value;
mod variables;

pub use answer::{Answer, Content, OriginTest, Tested};
pub use condition::Test;
pub use config::{Config, Script};
pub use headers::{AddHeader, Header};
pub use location::{Kind, Level, LevelId, Location};
pub use map::{Key, Map};
pub use regex::Regex;
pub use request::Request;
pub use run::{MAX_ANSWERS, Start};
pub use template::Template;
pub use value::{Unknown, Value};
