//! What single directives are for.

use nginx_conf::Directive;
use nginx_conf::evaluate::Template;

use crate::import::nginx::is_cors_header;

/// Whether a directive only sets or hides headers of CORS.
pub(super) fn is_about_cors(directive: &Directive) -> bool {
    let name = directive.arg(0).unwrap_or_default();
    match directive.name.as_str() {
        "add_header" => {
            is_cors_header(name) || is_vary_origin(name, directive.arg(1).unwrap_or_default())
        }
        "more_set_headers" | "more_clear_headers" => {
            let headers = || directive.args.iter().filter(|arg| !arg.starts_with('-'));
            let decides = |header: &String| {
                let (name, value) = header.split_once(':').unwrap_or((header, ""));
                is_cors_header(name.trim()) || is_vary_origin(name.trim(), value)
            };
            headers().count() > 0 && headers().all(decides)
        }
        other => other.ends_with("_hide_header") && is_cors_header(name),
    }
}

fn is_vary_origin(name: &str, value: &str) -> bool {
    name.eq_ignore_ascii_case("vary") && value.trim().eq_ignore_ascii_case("origin")
}

/// Whether a directive is no more than a part of the answer to a preflight.
pub(super) fn is_part_of_preflight(directive: &Directive) -> bool {
    match directive.name.as_str() {
        "return" => {
            matches!(directive.arg(0), Some("200" | "204"))
                && directive.arg(1).is_none_or(|text| text.trim().is_empty() || text == "OK")
        }
        "add_header" | "more_set_headers" => {
            let header = directive.arg(0).unwrap_or_default().to_ascii_lowercase();
            ["content-type", "content-length", "vary"].iter().any(|name| header.starts_with(name))
        }
        "break" => true,
        _ => false,
    }
}

/// The variables that a directive uses.
pub(super) fn used(directive: &Directive) -> Vec<String> {
    let args = match directive.name.as_str() {
        "set" => directive.args.get(1..),
        "map" => directive.args.get(..1),
        _ => Some(&directive.args[..]),
    };
    // A `set` of a variable to a text with itself is no reason to keep it.
    let assigned = directive.arg(0).filter(|_| directive.is("set"));
    let mut used: Vec<String> = Vec::new();
    for arg in args.unwrap_or_default().iter().chain([&directive.name]) {
        for variable in Template::new(arg).variables() {
            let is_itself = assigned.is_some_and(|name| name.trim_start_matches('$') == variable);
            if !is_itself && !used.iter().any(|known| known == variable) {
                used.push(variable.to_owned());
            }
        }
    }
    used
}
