//! The API gateway's check of signatures and tokens.

use parking_lot::Mutex;
use secrecy::ExposeSecret;
use time::{Duration, OffsetDateTime};

use super::caller::{Caller, Credential};
use super::credential_store::{CredentialStore, Scope, Token};
use super::{api_error::ApiError, request::ApiRequest};
use crate::dli::signature::{
    self, Authorization, DATE_HEADER, MAX_SKEW_MINUTES, Signable, TOKEN_HEADER, canonical_request, string_to_sign,
};

/// Payload hash of a request whose body is not signed.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const CONTENT_HEADER: &str = "x-sdk-content-sha256";

/// Request header that carries a token in place of a signature.
pub(super) const TOKEN: &str = "x-auth-token";

/// Authenticates a request as the gateway does. Returns the caller and, for a token, its scope.
///
/// `now` is the clock that clients see; `time` decides whether a credential has expired. A signature takes precedence
/// over a token (an inference). The signed headers must include the date. Only the error texts about expiry and tokens
/// are known; the others are the emulator's own.
pub(super) fn verify(
    request: &ApiRequest,
    credentials: &Mutex<CredentialStore>,
    now: OffsetDateTime,
    time: OffsetDateTime,
) -> Result<(Caller, Option<Scope>), ApiError> {
    let Some(authorization) = request.header("authorization") else {
        let token = required(request.header(TOKEN), "there is no Authorization header, and no X-Auth-Token")?;
        let token = credentials.lock().token(&token, time);
        let Token { identity, scope } = required(token, "decrypt token fail")?;
        return Ok((Caller { credential: Credential::Token, identity }, Some(scope)));
    };
    let claimed = Authorization::parse(&authorization);
    let claimed = required(claimed, "the Authorization header is not of the form of SDK-HMAC-SHA256")?;
    let key = credentials.lock().key(&claimed.access_key, time);
    let key = required(key, format!("the access key {} does not exist", claimed.access_key))?;

    let date = required(request.header(DATE_HEADER), "there is no X-Sdk-Date header")?;
    let signed_at = signature::parse_date(&date);
    let signed_at = required(signed_at, "the X-Sdk-Date header is not of the form 20260101T000000Z")?;
    if (now - signed_at).abs() > Duration::minutes(MAX_SKEW_MINUTES) {
        let now = signature::format_date(now);
        return Err(ApiError::credentials(format!("signature expired, signature time:{date},server time:{now}")));
    }
    if !claimed.signed_headers.iter().any(|name| name == DATE_HEADER) {
        return Err(ApiError::credentials("X-Sdk-Date is not among the signed headers"));
    }

    let value = |name: &String| required(request.header(name), format!("the signed header {name} is missing"));
    let values = claimed.signed_headers.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    let names = claimed.signed_headers.iter().map(String::as_str);
    let signable = Signable {
        method: request.method(),
        path: request.path(),
        query: &request.query,
        headers: &names.zip(values.iter().map(String::as_str)).collect::<Vec<_>>(),
        payload_hash: &payload_hash(request),
    };
    let to_sign = string_to_sign(&date, &canonical_request(&signable));
    if !signature::is_signature(&claimed.signature, key.secret.expose_secret(), &to_sign) {
        return Err(ApiError::credentials("verify aksk signature fail"));
    }

    match (&key.security_token, request.header(TOKEN_HEADER)) {
        (None, None) => {}
        (Some(expected), Some(sent)) if expected.expose_secret() == sent => {}
        (Some(_), None) => return Err(ApiError::credentials("these temporary keys need a security token")),
        (_, Some(_)) => return Err(ApiError::credentials("the security token is not that of the access key")),
    }
    Ok((key.caller, None))
}

fn required<T>(value: Option<T>, reason: impl AsRef<str>) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::credentials(reason))
}

/// The payload hash of the canonical request. `X-Sdk-Content-Sha256` can exclude the body from the signature. A hash
/// in this header that differs from the body's is rejected with the signature (an inference).
fn payload_hash(request: &ApiRequest) -> String {
    if request.header(CONTENT_HEADER).as_deref() == Some(UNSIGNED_PAYLOAD) && !request.body.is_empty() {
        UNSIGNED_PAYLOAD.to_owned()
    } else {
        signature::payload_hash(&request.body)
    }
}
