//! The response headers of the CORS protocol, in one file each. Each type owns its header, from the
//! keys of a policy to the bytes that are sent.

pub(crate) mod allow_credentials;
pub(crate) mod allow_headers;
pub(crate) mod allow_methods;
pub(crate) mod allow_origin;
pub(crate) mod allow_private_network;
pub(crate) mod expose_headers;
mod header_name;
pub(crate) mod max_age;
pub(crate) mod request_headers;
pub(crate) mod timing_allow_origin;
pub(crate) mod vary;

pub(crate) use allow_methods::is_known as is_known_method;
pub use allow_methods::{MethodError, check as check_method};
pub use expose_headers::ExposedNames;
pub use header_name::{
    HeaderNameError, check_request_header, check_response_header, is_cors_response_header,
    is_forbidden_request_header, is_permission_header,
};
pub use max_age::MaxAgeError;
pub use vary::Vary;

/// A response header that a policy sends. `Vary` is not among them, because it is merged with
/// what the response already has: see [`Vary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FieldName {
    /// `Access-Control-Allow-Origin`
    AllowOrigin,
    /// `Access-Control-Allow-Credentials`
    AllowCredentials,
    /// `Access-Control-Allow-Methods`
    AllowMethods,
    /// `Access-Control-Allow-Headers`
    AllowHeaders,
    /// `Access-Control-Expose-Headers`
    ExposeHeaders,
    /// `Access-Control-Max-Age`
    MaxAge,
    /// `Access-Control-Allow-Private-Network`
    AllowPrivateNetwork,
    /// `Timing-Allow-Origin`
    TimingAllowOrigin,
}

impl FieldName {
    /// Every name.
    pub const ALL: [Self; 8] = [
        Self::AllowOrigin,
        Self::AllowCredentials,
        Self::AllowMethods,
        Self::AllowHeaders,
        Self::ExposeHeaders,
        Self::MaxAge,
        Self::AllowPrivateNetwork,
        Self::TimingAllowOrigin,
    ];

    /// The headers by which an application answers a preflight: what it permits, and for how long. `upstream_headers:
    /// merge` keeps those of a forwarded preflight.
    pub const OF_PREFLIGHT: [Self; 3] = [Self::AllowMethods, Self::AllowHeaders, Self::MaxAge];

    /// The name as it is usually written, `Access-Control-Allow-Origin`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllowOrigin => "Access-Control-Allow-Origin",
            Self::AllowCredentials => "Access-Control-Allow-Credentials",
            Self::AllowMethods => "Access-Control-Allow-Methods",
            Self::AllowHeaders => "Access-Control-Allow-Headers",
            Self::ExposeHeaders => "Access-Control-Expose-Headers",
            Self::MaxAge => "Access-Control-Max-Age",
            Self::AllowPrivateNetwork => "Access-Control-Allow-Private-Network",
            Self::TimingAllowOrigin => "Timing-Allow-Origin",
        }
    }

    /// The name in lower case, as HTTP/2 sends it and as nginx keeps it next to the name.
    pub const fn lowercase(self) -> &'static str {
        match self {
            Self::AllowOrigin => "access-control-allow-origin",
            Self::AllowCredentials => "access-control-allow-credentials",
            Self::AllowMethods => "access-control-allow-methods",
            Self::AllowHeaders => "access-control-allow-headers",
            Self::ExposeHeaders => "access-control-expose-headers",
            Self::MaxAge => "access-control-max-age",
            Self::AllowPrivateNetwork => "access-control-allow-private-network",
            Self::TimingAllowOrigin => "timing-allow-origin",
        }
    }
}

/// The value of a response header: finished bytes of the policy, or a part of the request that is
/// sent back unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue<'p> {
    /// These bytes, which live as long as the policy.
    Ready(&'p [u8]),
    /// The value of the request's `Origin`.
    EchoOrigin,
    /// The value of the request's `Access-Control-Request-Method`. Checked to be a method.
    EchoMethod,
    /// Each `Access-Control-Request-Headers` line of the request, as one response line each. Checked
    /// to be lists of header names.
    EchoHeaders,
}

/// One header of a compiled rule.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: FieldName,
    pub(crate) value: OwnedFieldValue,
}

/// A [`FieldValue`] that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnedFieldValue {
    Ready(Box<str>),
    EchoOrigin,
    EchoMethod,
    EchoHeaders,
}

impl OwnedFieldValue {
    pub(crate) fn borrow(&self) -> FieldValue<'_> {
        match self {
            Self::Ready(text) => FieldValue::Ready(text.as_bytes()),
            Self::EchoOrigin => FieldValue::EchoOrigin,
            Self::EchoMethod => FieldValue::EchoMethod,
            Self::EchoHeaders => FieldValue::EchoHeaders,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FieldName;

    #[test]
    fn the_lower_case_names_are_the_names_in_lower_case() {
        for name in FieldName::ALL {
            assert_eq!(name.as_str().to_ascii_lowercase(), name.lowercase());
        }
    }
}
