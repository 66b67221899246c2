//! The metadata service of a machine in the cloud, which hands out the temporary keys of its agency.
//!
//! Version 2 asks for a token first; version 1 is the same without. It is answered on the service's own listener; on a
//! real machine it has an address of its own.

use std::{fmt, str::FromStr, time::Duration};

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{api_error::ApiError, credential_store::CredentialStore, iam, operation::ApiResponse};

const TOKEN: &str = "x-metadata-token";
const TTL: &str = "x-metadata-token-ttl-seconds";

/// Which metadata service there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metadata {
    /// Keys are given for a token only.
    #[default]
    V2,
    /// There are no tokens (HTTP 405); keys are given to whoever asks.
    V1,
    /// The machine has no agency, so it has no keys.
    NoAgency,
    /// None at all (HTTP 404).
    Absent,
}

impl Metadata {
    /// Each, as it is written on the command line and in JSON.
    pub const NAMES: [(&str, Self); 4] =
        [("v2", Self::V2), ("v1", Self::V1), ("no-agency", Self::NoAgency), ("absent", Self::Absent)];
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.into_iter().find(|(_, metadata)| metadata == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// No metadata service has that name.
#[derive(Debug, thiserror::Error)]
#[error("there is no metadata service {0:?}; there are v2, v1, no-agency, absent")]
pub struct UnknownMetadata(String);

impl FromStr for Metadata {
    type Err = UnknownMetadata;

    fn from_str(name: &str) -> Result<Self, UnknownMetadata> {
        let found = Self::NAMES.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, metadata)| metadata).ok_or_else(|| UnknownMetadata(name.to_owned()))
    }
}

/// One thing that it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetadataOperation {
    Token,
    SecurityKey,
}

impl MetadataOperation {
    pub(super) const ALL: [Self; 2] = [Self::Token, Self::SecurityKey];

    /// No SDK names it; the names are ours.
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
            (_, Metadata::Absent) => Err(ApiError::plain(404, "Not Found")),
            (Self::Token, Metadata::V1) => Err(ApiError::plain(405, "Method Not Allowed")),
            (Self::Token, _) if method != "PUT" => Err(ApiError::plain(405, "Method Not Allowed")),
            (Self::Token, _) => {
                let seconds =
                    header(TTL).and_then(|text| text.parse().ok()).filter(|seconds| (1..=21_600).contains(seconds));
                let seconds = seconds.ok_or_else(|| ApiError::plain(400, format!("{TTL} must be from 1 to 21600")))?;
                Ok(plain(&credentials.issue_metadata_token(Duration::from_secs(seconds), now)))
            }
            (Self::SecurityKey, metadata) => {
                let believed = header(TOKEN).is_some_and(|token| credentials.is_metadata_token(token, now));
                if metadata != Metadata::V1 && !believed {
                    return Err(ApiError::plain(401, "Unauthorized"));
                }
                if metadata == Metadata::NoAgency {
                    return Err(ApiError::plain(401, "Please configure Cloud Service Agency first"));
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
