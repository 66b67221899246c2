//! The API gateway's check of signatures and tokens.

use std::sync::Mutex;

use http::{HeaderMap, HeaderName};
use secrecy::ExposeSecret;
use time::{Duration, OffsetDateTime};

use super::{
    api_error::ApiError,
    credential_store::{Caller, Credential, CredentialStore, Scope, Token},
    lock::lock,
};
use crate::dli::signature::{
    self, Authorization, DATE_HEADER, MAX_SKEW_MINUTES, Signable, TOKEN_HEADER, canonical_request, string_to_sign,
};

/// A request as received.
#[derive(Debug, Clone, Copy)]
pub(super) struct IncomingRequest<'a> {
    pub(super) method: &'a str,
    /// Percent-encoded.
    pub(super) path: &'a str,
    /// Decoded, in the order of the request line.
    pub(super) query: &'a [(String, String)],
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// Payload hash of a request whose body is not signed.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const CONTENT_HEADER: &str = "x-sdk-content-sha256";

/// Request header that carries a token in place of a signature.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// An authenticated caller and the scope of the token.
#[derive(Debug)]
pub(super) struct Authenticated {
    pub(super) caller: Caller,
    /// `None` for a signed request.
    pub(super) scope: Option<Scope>,
}

/// Authenticates a request as the gateway does. `now` is the clock that clients see; `time` decides whether a
/// credential has expired.
///
/// A signature takes precedence over a token (an inference). The signed headers must include the date. Only the error
/// texts about expiry and tokens are known; the others are the emulator's own.
pub(super) fn verify(
    request: &IncomingRequest<'_>,
    credentials: &Mutex<CredentialStore>,
    now: OffsetDateTime,
    time: OffsetDateTime,
) -> Result<Authenticated, ApiError> {
    let header = |name: &str| value(request.headers, name);
    let Some(authorization) = header("authorization") else {
        let token = header(TOKEN.as_str());
        let token =
            token.ok_or_else(|| ApiError::credentials("there is no Authorization header, and no X-Auth-Token"))?;
        let Token { identity, scope, .. } = lock(credentials).authenticate(&token, time)?;
        return Ok(Authenticated { caller: Caller { credential: Credential::Token, identity }, scope: Some(scope) });
    };
    let claimed = Authorization::parse(&authorization)
        .ok_or_else(|| ApiError::credentials("the Authorization header is not of the form of SDK-HMAC-SHA256"))?;
    let key = lock(credentials)
        .key(&claimed.access_key, time)
        .ok_or_else(|| ApiError::credentials(format!("the access key {} does not exist", claimed.access_key)))?;

    let date = header(DATE_HEADER).ok_or_else(|| ApiError::credentials("there is no X-Sdk-Date header"))?;
    let signed_at = signature::parse_date(&date)
        .ok_or_else(|| ApiError::credentials("the X-Sdk-Date header is not of the form 20260101T000000Z"))?;
    if (now - signed_at).abs() > Duration::minutes(MAX_SKEW_MINUTES) {
        let now = signature::format_date(now);
        return Err(ApiError::credentials(format!("signature expired, signature time:{date},server time:{now}")));
    }
    if !claimed.signed_headers.iter().any(|name| name == DATE_HEADER) {
        return Err(ApiError::credentials("X-Sdk-Date is not among the signed headers"));
    }

    let mut headers = Vec::new();
    for name in &claimed.signed_headers {
        let value =
            header(name).ok_or_else(|| ApiError::credentials(format!("the signed header {name} is missing")))?;
        headers.push((name.as_str(), value));
    }
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let signable = Signable {
        method: request.method,
        path: request.path,
        query: request.query,
        headers: &headers,
        payload_hash: &payload_hash(request, header(CONTENT_HEADER).as_deref()),
    };
    let to_sign = string_to_sign(&date, &canonical_request(&signable));
    if !signature::is_signature(&claimed.signature, key.secret.expose_secret(), &to_sign) {
        return Err(ApiError::credentials("verify aksk signature fail"));
    }

    match (&key.security_token, header(TOKEN_HEADER)) {
        (None, None) => {}
        (Some(expected), Some(sent)) if expected.expose_secret() == sent => {}
        (Some(_), None) => return Err(ApiError::credentials("these temporary keys need a security token")),
        (_, Some(_)) => return Err(ApiError::credentials("the security token is not that of the access key")),
    }
    Ok(Authenticated { caller: key.caller, scope: None })
}

/// The payload hash of the canonical request. `X-Sdk-Content-Sha256` can exclude the body from the signature. A hash
/// in this header that differs from the body's is rejected with the signature (an inference).
fn payload_hash(request: &IncomingRequest<'_>, announced: Option<&str>) -> String {
    if announced == Some(UNSIGNED_PAYLOAD) && !request.body.is_empty() {
        UNSIGNED_PAYLOAD.to_owned()
    } else {
        signature::payload_hash(request.body)
    }
}

/// The value of a header. Repeated headers are joined with commas, so that none of them can bypass the signature.
fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    let name: HeaderName = name.parse().ok()?;
    let values: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(",").trim().to_owned())
}
