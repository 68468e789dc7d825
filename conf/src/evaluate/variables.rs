//! The variables of nginx itself.

use super::{
    request::Request,
    value::{Unknown, Value},
};

/// The value of a variable that no directive defines.
pub(crate) fn builtin(name: &str, request: &Request, path: Option<&str>, args: &str) -> Value {
    let unknown = || Value::Unknown(Unknown::Request(name.to_owned()));
    match name {
        "request_method" => Value::text(request.method.as_str()),
        "uri" | "document_uri" => path.map_or_else(unknown, Value::text),
        "args" | "query_string" if path.is_some() => Value::text(args),
        "is_args" if path.is_some() => Value::text(if args.is_empty() { "" } else { "?" }),
        _ => {
            if let Some(header) = name.strip_prefix("http_") {
                let header = header.replace('_', "-");
                return request.header(&header).map_or_else(unknown, Value::text);
            }
            if let Some(arg) = name.strip_prefix("arg_").filter(|_| path.is_some()) {
                let value = args.split('&').find_map(|pair| {
                    let (key, value) = pair.split_once('=')?;
                    key.eq_ignore_ascii_case(arg).then_some(value)
                });
                return Value::text(value.unwrap_or_default());
            }
            if is_known_to_nginx(name) {
                unknown()
            } else {
                Value::Unknown(Unknown::Undefined(name.to_owned()))
            }
        }
    }
}

/// Whether nginx has a variable of this name, by the list of its documentation.
fn is_known_to_nginx(name: &str) -> bool {
    const PREFIXES: [&str; 12] = [
        "arg_",
        "cookie_",
        "sent_http_",
        "sent_trailer_",
        "upstream_",
        "ssl_",
        "proxy_",
        "geoip_",
        "jwt_",
        "realip_",
        "connections_",
        "tcpinfo_",
    ];
    const NAMES: &str = "\
        args query_string is_args ancient_browser binary_remote_addr body_bytes_sent \
        bytes_sent connection connection_requests connection_time content_length \
        content_type date_gmt date_local document_root fastcgi_script_name fastcgi_path_info \
        gzip_ratio host hostname http2 http3 https invalid_referer is_request_port \
        limit_conn_status limit_rate limit_req_status memcached_key modern_browser msec msie \
        nginx_version pid pipe realpath_root remote_addr remote_port remote_user request \
        request_body request_body_file request_completion request_filename request_id \
        request_length request_port request_time request_uri scheme secure_link \
        secure_link_expires server_addr server_name server_port server_protocol slice_range \
        status time_iso8601 time_local uid_got uid_reset uid_set cors_policy cors_decision \
        cors_allow_origin";
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || NAMES.split_whitespace().any(|known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_nginx_lacks_are_undefined() {
        let value = |name| builtin(name, &Request::default(), None, "");
        for name in
            ["host", "request_port", "limit_req_status", "tcpinfo_rttvar", "cookie_a", "uri"]
        {
            assert_eq!(value(name), Value::Unknown(Unknown::Request(name.to_owned())));
        }
        for name in ["cors", "hosts", "request_por", "tcpinfo"] {
            assert_eq!(value(name), Value::Unknown(Unknown::Undefined(name.to_owned())));
        }
    }
}
