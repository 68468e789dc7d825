//! Recognizing a format by the content of a file.

use super::buckets::{self, Storage};
use super::kubernetes::{self, Object};
use super::yaml::{Document, Located};
use super::{apisix, gateway_api, ingress, istio, kong, traefik};
use crate::args::ForeignFormat;

/// The format of documents in YAML or JSON, or `None` if it is none that is known.
pub(crate) fn of_documents(documents: &[Document]) -> Option<ForeignFormat> {
    let objects = kubernetes::objects(documents);
    let roots = || documents.iter().map(Document::root);
    objects.iter().find_map(of_object).or_else(|| roots().find_map(of_root))
}

fn of_object(object: &Object<'_>) -> Option<ForeignFormat> {
    if gateway_api::is_read(object) {
        Some(ForeignFormat::GatewayApi)
    } else if istio::is_read(object) {
        Some(ForeignFormat::Istio)
    } else if traefik::is_middleware(object) {
        Some(ForeignFormat::Traefik)
    } else if kong::is_read(object.value) {
        Some(ForeignFormat::Kong)
    } else if object.group == "apisix.apache.org" {
        Some(ForeignFormat::Apisix)
    } else if ingress::is_read(object) {
        Some(ForeignFormat::Ingress)
    } else {
        None
    }
}

fn of_root(root: Located<'_>) -> Option<ForeignFormat> {
    if kong::is_read(root) {
        return Some(ForeignFormat::Kong);
    }
    if traefik::is_read(root) {
        return Some(ForeignFormat::Traefik);
    }
    match buckets::recognize(root) {
        Some(Storage::S3) => Some(ForeignFormat::S3),
        Some(Storage::Gcs) => Some(ForeignFormat::Gcs),
        Some(Storage::R2) => Some(ForeignFormat::R2),
        None if apisix::is_read(root) => Some(ForeignFormat::Apisix),
        None => None,
    }
}

/// Whether a text looks like nginx.conf: it begins with the name of a directive, which has no colon as a
/// key of YAML has, and a line ends a directive or begins a block.
pub(crate) fn is_nginx(text: &str) -> bool {
    let lines =
        || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let is_name = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let first = lines().next().and_then(|line| line.split([' ', '\t', ';', '{']).next());
    let without_comment =
        |line: &str| line.split(" #").next().unwrap_or_default().trim_end().to_owned();
    first.is_some_and(is_name)
        && lines().any(|line| without_comment(line).ends_with([';', '{', '}']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_conf_is_told_from_what_is_no_yaml() {
        for text in [
            "server {\n",
            "# x\n\n  location / { add_header A b; }\n",
            "add_header Access-Control-Allow-Origin *; # x\n",
            "map $http_origin\n    $x {\n}\n",
            "worker_processes auto;events{}",
        ] {
            assert!(is_nginx(text), "{text}");
        }
        for text in [
            "",
            "a",
            "a: &a {<<: *a}\n",
            "[{\"origin\": [}",
            "apiVersion: v1\nmetadata:\n  annotations:\n    snippet: |\n      add_header A b;\n  - [\n",
            "<CORSConfiguration>\n",
            "A sentence;",
        ] {
            assert!(!is_nginx(text), "{text}");
        }
    }
}
