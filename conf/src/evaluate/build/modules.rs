//! What the directives of other modules mean for a request.

use crate::{Directive, evaluate::Content};

/// Directives that hand a response over to another server.
pub(super) const UPSTREAMS: [&str; 6] =
    ["proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"];

/// The variable that a directive defines by something that is not followed.
pub(super) fn defined_elsewhere(directive: &Directive) -> Option<&str> {
    let variable = match directive.name.as_str() {
        // An address may come before it.
        "geo" => directive.args.last()?,
        "split_clients" | "keyval" => directive.arg(1)?,
        "js_set"
        | "js_var"
        | "perl_set"
        | "auth_request_set"
        | "auth_jwt_claim_set"
        | "auth_jwt_header_set" => directive.arg(0)?,
        // `set_by_lua` and the many of the set-misc module, but not `set_real_ip_from`.
        name if name.starts_with("set_") => directive.arg(0)?,
        _ => return None,
    };
    variable.strip_prefix('$')
}

/// What makes the response, if a directive says it.
pub(super) fn content(directive: &Directive) -> Option<Content> {
    let name = directive.name.as_str();
    let site = directive.site;
    if UPSTREAMS.contains(&name) {
        return Some(Content::Upstream(name.to_owned(), site));
    }
    match name {
        "empty_gif" | "stub_status" | "flv" | "mp4" => Some(Content::Static),
        "content_by_lua"
        | "content_by_lua_block"
        | "content_by_lua_file"
        | "js_content"
        | "perl" => Some(Content::Script(name.to_owned(), site)),
        _ => None,
    }
}

/// Whether a directive runs a program that may change headers or answer requests.
pub(super) fn is_script(name: &str) -> bool {
    ["rewrite_by_lua", "access_by_lua", "header_filter_by_lua", "server_rewrite_by_lua"]
        .iter()
        .any(|start| name.starts_with(start))
        || matches!(name, "js_header_filter" | "js_access")
}
