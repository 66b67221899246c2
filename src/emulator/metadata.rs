//! The metadata service of a cloud server, which issues temporary keys of the server's agency.
//!
//! Version 2 requires a token; version 1 does not. The emulator serves it on its own listener; on a cloud server it
//! has a separate address.

use std::time::Duration;

use http::{HeaderValue, header::CONTENT_TYPE};
use time::OffsetDateTime;

use super::{
    api_error::ApiError, caller::Identity, credential_store::CredentialStore, request::ApiRequest,
    response::ApiResponse, settings::Metadata,
};
use crate::dli::operation::Operation;

const TOKEN: &str = "x-metadata-token";
/// Lifetime of the keys. The documents only say that the keys change.
const KEY_LIFETIME: Duration = Duration::from_hours(24);
const TTL: &str = "x-metadata-token-ttl-seconds";

pub(super) fn run(
    operation: Operation,
    request: &ApiRequest,
    metadata: Metadata,
    credentials: &mut CredentialStore,
    now: OffsetDateTime,
) -> Result<ApiResponse, ApiError> {
    match (operation, metadata) {
        (_, Metadata::Absent) => Err(ApiError::plain_text(404, "Not Found")),
        (Operation::MetadataSession, _) if metadata == Metadata::V1 || request.method() != "PUT" => {
            Err(ApiError::plain_text(405, "Method Not Allowed"))
        }
        (Operation::MetadataSession, _) => {
            let seconds = request.header(TTL).and_then(|text| text.parse().ok());
            let seconds = seconds.filter(|seconds| (1..=21_600).contains(seconds));
            let seconds = seconds.ok_or_else(|| ApiError::plain_text(400, format!("{TTL} must be from 1 to 21600")))?;
            let token = credentials.issue_metadata_token(Duration::from_secs(seconds), now);
            let headers = vec![(CONTENT_TYPE, HeaderValue::from_static("text/plain"))];
            Ok(ApiResponse { status: 200, body: Some(token.into_bytes()), headers })
        }
        _ => {
            let has_token = request.header(TOKEN).is_some_and(|token| credentials.is_metadata_token(&token, now));
            if metadata != Metadata::V1 && !has_token {
                return Err(ApiError::plain_text(401, "Unauthorized"));
            }
            if metadata == Metadata::NoAgency {
                return Err(ApiError::plain_text(401, "Please configure Cloud Service Agency first"));
            }
            let agency = Identity::Agency(credentials.iam_account.machine.clone());
            Ok(ApiResponse::ok(&credentials.issue_key(agency, KEY_LIFETIME, now)))
        }
    }
}
