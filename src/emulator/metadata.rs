//! The metadata service of a cloud server, which issues temporary keys of the server's agency.
//!
//! Version 2 requires a token; version 1 does not. The emulator serves it on its own listener; on a cloud server it
//! has a separate address.

use std::time::Duration;

use clap::ValueEnum;
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{api_error::ApiError, credential_store::CredentialStore, iam, operation::ApiResponse};

const TOKEN: &str = "x-metadata-token";
const TTL: &str = "x-metadata-token-ttl-seconds";

/// The version of the metadata service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Metadata {
    /// Keys require a token.
    #[default]
    V2,
    /// Token requests fail with HTTP 405; keys require no token.
    V1,
    /// The server has no agency and therefore no keys.
    NoAgency,
    /// There is no metadata service (HTTP 404).
    Absent,
}

/// An operation of the metadata service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetadataOperation {
    Token,
    SecurityKey,
}

impl MetadataOperation {
    pub(super) const ALL: [Self; 2] = [Self::Token, Self::SecurityKey];

    /// The SDKs define no name for it; this one is the emulator's.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Token => "MetadataToken",
            Self::SecurityKey => "MetadataSecurityKey",
        }
    }

    pub(super) fn find(method: &str, path: &str) -> Option<Self> {
        match (method, path) {
            (_, "/meta-data/latest/api/token") => Some(Self::Token),
            ("GET", "/openstack/latest/securitykey") => Some(Self::SecurityKey),
            _ => None,
        }
    }

    pub(super) fn run(
        self,
        metadata: Metadata,
        method: &str,
        headers: &HeaderMap,
        credentials: &mut CredentialStore,
        now: OffsetDateTime,
    ) -> Result<ApiResponse, ApiError> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        match (self, metadata) {
            (_, Metadata::Absent) => Err(ApiError::plain_text(404, "Not Found")),
            (Self::Token, Metadata::V1) => Err(ApiError::plain_text(405, "Method Not Allowed")),
            (Self::Token, _) if method != "PUT" => Err(ApiError::plain_text(405, "Method Not Allowed")),
            (Self::Token, _) => {
                let seconds =
                    header(TTL).and_then(|text| text.parse().ok()).filter(|seconds| (1..=21_600).contains(seconds));
                let seconds =
                    seconds.ok_or_else(|| ApiError::plain_text(400, format!("{TTL} must be from 1 to 21600")))?;
                Ok(plain(&credentials.issue_metadata_token(Duration::from_secs(seconds), now)))
            }
            (Self::SecurityKey, metadata) => {
                let is_authenticated = header(TOKEN).is_some_and(|token| credentials.is_metadata_token(token, now));
                if metadata != Metadata::V1 && !is_authenticated {
                    return Err(ApiError::plain_text(401, "Unauthorized"));
                }
                if metadata == Metadata::NoAgency {
                    return Err(ApiError::plain_text(401, "Please configure Cloud Service Agency first"));
                }
                Ok(ApiResponse::ok(&iam::credential(&credentials.issue_machine_key(now))))
            }
        }
    }
}

fn plain(text: &str) -> ApiResponse {
    let kind = (CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    ApiResponse { status: 200, body: Some(text.as_bytes().to_owned()), headers: vec![kind] }
}
