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

/// Whether a text looks like nginx.conf: a line ends a directive or begins a block.
pub(crate) fn is_nginx(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let is_directive = line.starts_with(|c: char| c.is_ascii_alphabetic());
        is_directive && (line.ends_with(';') || line.ends_with('{') || line.ends_with('}'))
    })
}
