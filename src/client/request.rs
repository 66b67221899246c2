//! The pipeline of every request: sign, send, classify, decode.
//!
//! Every attempt is signed separately, because a signature is valid for 15 minutes.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::credentials::{AuthScheme, CredentialsScope, ResolvedCredentials, TokenScope};
use super::endpoint::Endpoint;
use super::error::Error;
use super::project::{Inner, Project};
use super::response::{self, Response, sanitize};
use super::retry::{OnUnknownOutcome, Retry};
use crate::dli::error_code::REQUEST_ID_HEADER;
use crate::dli::operation::Operation;
use crate::dli::signature::{
    Authorization, DATE_HEADER, PROJECT_HEADER, Signable, TOKEN_HEADER, canonical_query, format_date, payload_hash,
};

/// Maximum response size in bytes. 20,000 host records are about 3 MB.
const MAX_RESPONSE: usize = 64 << 20;

const JSON: &str = "application/json";

/// Carries an IAM token in place of a signature.
const AUTH_TOKEN: &str = "x-auth-token";
/// Response header with a new IAM token.
const SUBJECT_TOKEN: &str = "x-subject-token";
/// The identity service's name for what the others call [`REQUEST_ID_HEADER`].
const IDENTITY_REQUEST_ID: &str = "x-iam-trace-id";

/// Called with the service's time right before an attempt is sent. If it returns an error, the
/// attempt is not sent.
pub(super) type OnSend<'a> = &'a (dyn Fn(OffsetDateTime) -> Result<(), String> + Sync);

/// A request before it is signed.
pub(super) struct Request<'a> {
    operation: Operation,
    /// Percent-encoded.
    path: String,
    /// Decoded, in any order.
    query: Vec<(String, String)>,
    /// Sent unsigned.
    headers: Vec<(&'static str, SecretString)>,
    /// JSON.
    body: Option<Bytes>,
    /// Maximum size of the response in bytes.
    max_response: usize,
    /// Secrets in the body, to redact from the response.
    secrets: Vec<SecretString>,
    /// Timeout, if not the default one.
    limit: Option<Duration>,
    on_send: Option<OnSend<'a>>,
    /// Number of attempts so far.
    attempts: AtomicU32,
}

impl<'a> Request<'a> {
    /// `values` fill the path template.
    pub(super) fn new(operation: Operation, values: &[&str]) -> Self {
        let (query, headers, secrets) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            operation,
            path: operation.path(values),
            query,
            headers,
            body: None,
            max_response: MAX_RESPONSE,
            secrets,
            limit: None,
            on_send: None,
            attempts: AtomicU32::new(0),
        }
    }

    pub(super) fn query(mut self, key: &str, value: &str) -> Self {
        self.query.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: SecretString) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn body(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).expect("wire types are structs of texts and lists").into());
        self
    }

    pub(super) fn with_secret(mut self, secret: &SecretString) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    pub(super) fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    pub(super) fn on_send(mut self, on_send: OnSend<'a>) -> Self {
        self.on_send = Some(on_send);
        self
    }

    /// The secrets that the request contains, and a response may echo.
    fn all_secrets(&self, dispatch: Dispatch<'_>) -> Vec<SecretString> {
        let of_credentials = dispatch.resolved.into_iter().flat_map(ResolvedCredentials::secrets);
        self.secrets.iter().cloned().chain(of_credentials).collect()
    }

    /// Limits the size of the response, in bytes.
    pub(super) fn max_response(self, max_response: usize) -> Self {
        Self { max_response, ..self }
    }

    /// The body for a log.
    fn loggable_body(&self, body: &[u8], dispatch: Dispatch<'_>) -> String {
        if self.secrets.is_empty() {
            return response::loggable(body, &self.all_secrets(dispatch));
        }
        response::WITHHELD.to_owned()
    }
}

/// Destination and credentials of a request.
#[derive(Clone, Copy)]
pub(super) struct Dispatch<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) project_id: Option<&'a str>,
    /// `None` for token and metadata requests.
    pub(super) resolved: Option<&'a ResolvedCredentials>,
    /// Offset of the signature's date from the local clock.
    pub(super) skew: time::Duration,
}

impl<'a> Dispatch<'a> {
    /// A request without credentials.
    pub(super) fn anonymous(endpoint: &'a Endpoint) -> Self {
        Self { endpoint, project_id: None, resolved: None, skew: time::Duration::ZERO }
    }
}

impl Project {
    /// A request of this project. `values` fill the path template after the project's id.
    pub(super) fn request<'a>(&self, operation: Operation, values: &[&str]) -> Request<'a> {
        Request::new(operation, &[&[self.id.as_str()], values].concat())
    }

    /// Sends an idempotent request and ignores the response body.
    pub(super) async fn run(&self, request: Request<'_>) -> Result<(), Error> {
        self.response(&request, OnUnknownOutcome::Repeat).await.map(drop)
    }

    /// Sends a request and decodes the response. A write is not repeated while its outcome is unknown.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, request: Request<'_>) -> Result<T, Error> {
        let on_unknown = if request.operation.is_write() { OnUnknownOutcome::Fail } else { OnUnknownOutcome::Repeat };
        self.response(&request, on_unknown).await?.expect("only a check replaces a response").decode()
    }

    /// Sends an idempotent request and decodes the response to two types.
    pub(super) async fn fetch_as_both<T: DeserializeOwned, U: DeserializeOwned>(
        &self,
        request: Request<'_>,
    ) -> Result<(T, U), Error> {
        let response = self.response(&request, OnUnknownOutcome::Repeat).await?;
        let response = response.expect("only a check replaces a response");
        Ok((response.decode()?, response.decode()?))
    }

    /// Sends a request with retries. Returns `None` if a check found its effect.
    pub(super) async fn response(
        &self,
        request: &Request<'_>,
        on_unknown: OnUnknownOutcome<'_>,
    ) -> Result<Option<Response>, Error> {
        let host = self.endpoint_of(request.operation).host();
        let retry = Retry::new(&self.client.host_limits, self.retry_policy.as_ref(), request.operation, &host);
        // Boxed: every step of every resource contains this future.
        Box::pin(retry.run(on_unknown, || std::future::ready(None), || self.observed(request))).await
    }

    /// Runs one attempt with the project's credentials.
    async fn observed(&self, request: &Request<'_>) -> Result<Response, Error> {
        let token_scope = TokenScope::Project(self.id.clone());
        let scope = CredentialsScope { region: self.region.as_deref(), token_scope: &token_scope, as_agency: true };
        self.client.authenticated(request, self.endpoint_of(request.operation), Some(&self.id), scope).await
    }
}

impl Inner {
    /// Sends a request once and logs it. The bodies are logged at TRACE.
    pub(super) async fn exchange(&self, request: &Request<'_>, dispatch: Dispatch<'_>) -> Result<Response, Error> {
        let attempt = request.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        let operation = request.operation.name();
        let started = Instant::now();
        // Boxed: every caller's future contains it.
        let result = Box::pin(self.attempt(request, dispatch, attempt)).await;
        let (status, request_id) = match &result {
            Ok(response) => (Some(response.status), response.request_id.as_deref()),
            Err(error) => (error.status, error.request_id.as_deref()),
        };
        tracing::debug!(
            operation,
            attempt,
            method = request.operation.method(),
            path = request.path,
            status = status.map(|status| status.as_u16()),
            request_id,
            milliseconds = started.elapsed().as_millis(),
            success = result.is_ok(),
            "called the service"
        );
        result.map_err(|error| {
            let error = Error { address: Some(dispatch.endpoint.to_string()), ..error };
            match dispatch.resolved {
                Some(resolved) => error.by(&resolved.caller),
                None => error,
            }
        })
    }

    async fn attempt(&self, request: &Request<'_>, dispatch: Dispatch<'_>, attempt: u32) -> Result<Response, Error> {
        let operation = request.operation.name();
        let http_request = sign(request, dispatch, self.clocks.signing(dispatch.skew))?;
        if let Some(body) = &request.body {
            let body_bytes = body.len();
            tracing::trace!(
                operation,
                attempt,
                body_bytes,
                body = request.loggable_body(body, dispatch),
                "request body"
            );
        }
        if let Some(on_send) = request.on_send {
            on_send(self.clocks.now()).map_err(|reason| Error::invalid_request(request.operation, reason))?;
        }
        let response = self.send(request, dispatch, http_request).await?;
        let body_bytes = response.body.len();
        tracing::trace!(operation, attempt, body_bytes, body = response.loggable_body(), "response body");
        response.classify()?;
        Ok(response)
    }

    async fn send(
        &self,
        request: &Request<'_>,
        dispatch: Dispatch<'_>,
        mut http_request: reqwest::Request,
    ) -> Result<Response, Error> {
        let (transport, operation) = (&self.transport, request.operation);
        let host = dispatch.endpoint.host();
        let limit = request.limit.unwrap_or(transport.timeouts().request);
        let no_response = |source| Error::no_response(operation, &host, limit, source);
        *http_request.timeout_mut() = Some(limit);

        let client = transport.client(dispatch.endpoint).await.map_err(no_response)?;
        let mut http_response = client.execute(http_request).await.map_err(no_response)?;

        let secrets = request.all_secrets(dispatch);
        let status = http_response.status();
        let header =
            |name: &str| http_response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        if let Some(date) = header(DATE.as_str()).filter(|_| !operation.is_metadata()) {
            self.clocks.observe_date(&date);
        }
        let request_id = header(REQUEST_ID_HEADER).or_else(|| header(IDENTITY_REQUEST_ID));
        let request_id = request_id.map(|id| sanitize(&id, &secrets, 100)).filter(|id| !id.is_empty());
        let location = header(LOCATION.as_str()).map(Cow::into_owned);
        let retry_after =
            header(RETRY_AFTER.as_str()).and_then(|wait| response::parse_retry_after(&wait, self.clocks.now()));
        let token = header(SUBJECT_TOKEN).map(|token| SecretString::from(token.into_owned()));
        let mut body = Vec::new();
        loop {
            match http_response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > request.max_response => {
                    return Err(Error { request_id, ..Error::too_large(operation, status, request.max_response) });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(source) if source.is_timeout() => return Err(no_response(source)),
                Err(source) => return Err(Error { request_id, ..Error::truncated(operation, status, source) }),
            }
        }
        let address = dispatch.endpoint.to_string();
        Ok(Response { operation, address, status, request_id, location, retry_after, body, secrets, token })
    }
}

/// Builds the HTTP request with its signature or token.
fn sign(request: &Request<'_>, dispatch: Dispatch<'_>, time: OffsetDateTime) -> Result<reqwest::Request, Error> {
    let operation = request.operation;
    let query = canonical_query(&request.query);
    let url = dispatch.endpoint.join(&request.path, &query).ok_or_else(|| {
        let path = &request.path;
        let reason = format!("{path:?} is not a path that can be sent: an identifier is empty or made of dots");
        Error::invalid_request(operation, reason)
    })?;

    let mut headers: Vec<(&'static str, Cow<'_, str>)> = Vec::new();
    headers.extend(dispatch.project_id.map(|id| (PROJECT_HEADER, id.into())));
    headers.extend(request.body.is_some().then_some((CONTENT_TYPE.as_str(), JSON.into())));
    match dispatch.resolved.map(|resolved| &resolved.scheme) {
        None => {}
        Some(AuthScheme::Token(token)) => headers.push((AUTH_TOKEN, token.expose_secret().into())),
        Some(AuthScheme::Key(key)) => {
            let date = format_date(time);
            headers.push((DATE_HEADER, date.clone().into()));
            headers.extend(key.security_token.as_ref().map(|token| (TOKEN_HEADER, token.expose_secret().into())));
            // Sent by the HTTP layer, from the address.
            let host = dispatch.endpoint.host();
            let signed = headers.iter().map(|(name, value)| (*name, value.as_ref())).chain([("host", host.as_str())]);
            let signable = Signable {
                method: operation.method(),
                path: &request.path,
                query: &request.query,
                headers: &signed.collect::<Vec<_>>(),
                payload_hash: &payload_hash(request.body.as_deref().unwrap_or_default()),
            };
            let authorization = Authorization::sign(&signable, &date, &key.id, key.secret.expose_secret());
            headers.push((AUTHORIZATION.as_str(), authorization.into()));
        }
    }
    headers.push((ACCEPT.as_str(), JSON.into()));
    headers.extend(request.headers.iter().map(|(name, value)| (*name, value.expose_secret().into())));

    let method = Method::from_bytes(operation.method().as_bytes()).expect("a method of the operation table");
    let mut http_request = reqwest::Request::new(method, url);
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(&value).map_err(|source| Error::invalid_request(operation, source))?;
        let is_public = [PROJECT_HEADER, DATE_HEADER, CONTENT_TYPE.as_str(), ACCEPT.as_str()].contains(&name);
        value.set_sensitive(!is_public);
        http_request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    *http_request.body_mut() = request.body.clone().map(Into::into);
    Ok(http_request)
}

#[cfg(test)]
mod tests {
    use std::{
        fmt::Write,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use axum::body::Body;
    use http::StatusCode;
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        client::{
            AccessKey, Client, Config, Credentials, CredentialsSource, ErrorKind,
            test_server::{
                ACCESS_KEY, ID, PROJECT, SECRET_KEY, SECURITY_TOKEN, Server, config, exchange, raw_server, response,
                signing_config,
            },
        },
        dli::{error_catalog::TransportFailure, signature},
    };

    fn temporary(config: Config) -> Config {
        let key =
            AccessKey { id: ACCESS_KEY.into(), secret: SECRET_KEY.into(), security_token: Some(SECURITY_TOKEN.into()) };
        Config { credentials: Some(Credentials::new(CredentialsSource::Key(key), "this test")), ..config }
    }

    async fn signed(config: Config, request: &Request<'_>) -> reqwest::Request {
        let client = Client::new(config).expect("valid configuration");
        let project = client.project(None, None).expect("complete settings");
        let token_scope = TokenScope::Project(project.id.clone());
        let scope = CredentialsScope { region: None, token_scope: &token_scope, as_agency: true };
        let resolved = project.client.resolve(scope).await.expect("it is given");
        let skew = time::Duration::ZERO;
        let dispatch =
            Dispatch { endpoint: &project.endpoint, project_id: Some(&project.id), resolved: Some(&resolved), skew };
        sign(request, dispatch, project.client.clocks.signing(skew)).expect("it can be built")
    }

    async fn show(config: Config) -> Result<(), Error> {
        let client = Client::new(config).expect("valid configuration");
        client.project(None, None).expect("complete settings").show_connection(ID).await.map(drop)
    }

    async fn delete(config: Config) -> Result<(), Error> {
        let client = Client::new(config).expect("valid configuration");
        let project = client.project(None, None).expect("complete settings");
        tokio::time::timeout(Duration::from_secs(30), project.delete_connection(ID)).await.expect("every call ends")
    }

    /// A request made with the service's own Python SDK, same keys and date.
    #[tokio::test]
    async fn create_matches_the_official_signer() {
        let mut request = Request::new(Operation::CreateConnection, &[PROJECT]);
        request.body = Some(br#"{"name":"test","dest_vpc_id":"22094d8f-c310-4621-913d-4c4d655d8495","dest_network_id":"78f2562a-36e4-4b39-95b9-f5aab22e1281"}"#.as_slice().into());
        let http_request = signed(signing_config(), &request).await;
        assert_eq!(
            http_request.headers()["authorization"],
            "SDK-HMAC-SHA256 Access=AKEXAMPLE0000000000A, SignedHeaders=content-type;host;x-project-id;x-sdk-date, \
             Signature=461dc2f4f20bbc67131911a2a1301388690bc834a8e88f623cd69ca7e8d2c21f"
        );
        assert_eq!(http_request.headers()["x-sdk-date"], "20260101T000000Z");
        assert_eq!(http_request.headers()["content-type"], "application/json");
        assert_eq!(http_request.headers()["x-project-id"], PROJECT);
        assert!(!http_request.headers().contains_key("x-security-token"));
    }

    #[tokio::test]
    async fn list_with_token_matches_the_official_signer() {
        let request = Request::new(Operation::ListConnections, &[PROJECT])
            .query("tags", "a b=c+d,owner=x@y")
            .query("limit", "100")
            .query("offset", "0")
            .query("name", "t_1");
        let http_request = signed(temporary(signing_config()), &request).await;
        assert_eq!(
            http_request.headers()["authorization"],
            "SDK-HMAC-SHA256 Access=AKEXAMPLE0000000000A, \
             SignedHeaders=host;x-project-id;x-sdk-date;x-security-token, \
             Signature=2859201794f4cb3d8b209d81e1001efe573372b0e22ebd4b949f1e2ac17a0db0"
        );
        assert_eq!(http_request.url().query(), Some("limit=100&name=t_1&offset=0&tags=a%20b%3Dc%2Bd%2Cowner%3Dx%40y"));
        assert!(http_request.headers()["authorization"].is_sensitive());
        assert!(http_request.headers()["x-security-token"].is_sensitive());
        let shown = format!("{http_request:?}");
        assert!(!shown.contains(SECURITY_TOKEN) && !shown.contains("Signature="), "{shown}");
    }

    /// The request arrives as it was signed, including the port of `Host`.
    #[tokio::test]
    async fn sent_request_matches_its_signature() {
        let mut server = Server::answering(|| response(200, "{}")).await;
        let client = Client::new(temporary(config(server.address))).expect("valid configuration");
        let project = client.project(None, None).expect("complete settings");
        let queues = crate::dli::wire::QueueNames { queues: vec!["q1".into()], ..Default::default() };
        project.bind("a b/ü", &queues).send().await.expect("bound");
        let filter = crate::client::ConnectionFilter { name: Some("ü+ /'(x)*~"), ..Default::default() };
        project.list_connections(&filter).await.expect("listed");

        for signed in [
            "content-type;host;x-project-id;x-sdk-date;x-security-token",
            "host;x-project-id;x-sdk-date;x-security-token",
        ] {
            let http_request = server.request().await;
            assert_eq!(http_request.header("host"), Some(server.address.to_string().as_str()));
            assert_eq!(http_request.header("accept"), Some("application/json"));
            assert_eq!(
                http_request.header("user-agent"),
                Some(concat!("terraform-provider-dli/", env!("CARGO_PKG_VERSION")))
            );
            let headers: Vec<_> =
                signed.split(';').map(|name| (name, http_request.header(name).expect("it is sent"))).collect();
            let query: Vec<_> = http_request
                .query
                .split_terminator('&')
                .map(|pair| {
                    let decode = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
                    let (key, value) = pair.split_once('=').expect("each has a value");
                    (decode(key), decode(value))
                })
                .collect();
            assert_eq!(signature::canonical_query(&query), http_request.query, "the canonical query is what is sent");
            let signable = Signable {
                method: &http_request.method,
                path: &http_request.path,
                query: &query,
                headers: &headers,
                payload_hash: &payload_hash(http_request.body.as_bytes()),
            };
            let expected = Authorization::sign(&signable, "20260101T000000Z", ACCESS_KEY, SECRET_KEY);
            assert_eq!(http_request.header("authorization"), Some(expected.as_str()));
        }
    }

    #[tokio::test]
    async fn identifier_cannot_reach_another_object() {
        let server = Server::answering(|| response(200, "{}")).await;
        let client = Client::new(config(server.address)).expect("valid configuration");
        let project = client.project(None, None).expect("complete settings");
        for id in ["", ".", ".."] {
            let error = project.delete_connection(id).await.expect_err("it would reach something else");
            assert_eq!((error.kind(), error.may_have_taken_effect()), (ErrorKind::InvalidRequest, false));
            assert_eq!(
                error.to_string(),
                format!(
                    "DeleteEnhancedConnection: the request could not be built: \
                     \"/v2.0/{PROJECT}/datasource/enhanced-connections/{id}\" is not a path that can be sent: an \
                     identifier is empty or made of dots"
                )
            );
        }
        assert_eq!(server.unseen(), 0);
    }

    #[tokio::test]
    async fn service_error_keeps_all_fields() {
        let body = r#"{"error_code":"DLI.0001","error_msg":"Connection 2a62 does not exist"}"#;
        let server = Server::answering(move || {
            let mut response = response(400, body);
            response.headers_mut().insert("X-Request-Id", HeaderValue::from_static("5f6d2a"));
            response
        })
        .await;
        let error = show(config(server.address)).await.expect_err("refused");
        assert_eq!((error.operation, error.status), (Some(Operation::ShowConnection), Some(StatusCode::BAD_REQUEST)));
        assert_eq!((error.code.as_deref(), error.request_id.as_deref()), (Some("DLI.0001"), Some("5f6d2a")));
        assert_eq!((error.message.as_str(), error.credentials.as_deref()), ("Connection 2a62 does not exist", None));
        assert_eq!(
            error.to_string(),
            "ShowEnhancedConnection: HTTP 400 Bad Request, DLI.0001: Connection 2a62 does not exist (request id 5f6d2a)"
        );
        assert!(error.is_not_found());
    }

    #[tokio::test]
    async fn is_success_false_is_a_failure() {
        for (status, name) in [(200, "200 OK"), (201, "201 Created")] {
            let body = r#"{"is_success":false,"message":"the queue q1 is not ready"}"#;
            let (_, done) = exchange(status, body, async |project| project.delete_connection(ID).await).await;
            assert_eq!(
                done.expect_err("is_success is false").to_string(),
                format!("DeleteEnhancedConnection: HTTP {name} with is_success false: the queue q1 is not ready")
            );
        }
    }

    #[tokio::test]
    async fn redirect_is_not_followed() {
        let mut server = Server::answering(|| {
            let mut response = response(307, "");
            response.headers_mut().insert("location", HeaderValue::from_static("/elsewhere"));
            response
        })
        .await;
        let error = delete(config(server.address)).await.expect_err("it is no answer");
        assert_eq!(
            error.to_string(),
            "DeleteEnhancedConnection: HTTP 307 Temporary Redirect: redirects to another path on the \
             same host, which is not followed"
        );
        assert!(!error.may_have_taken_effect());
        server.request().await;
        assert_eq!(server.unseen(), 0);
    }

    #[tokio::test]
    async fn closed_port_is_a_connect_failure() {
        let address = TcpListener::bind("127.0.0.1:0").await.and_then(|l| l.local_addr()).expect("a free port");
        let error = delete(config(address)).await.expect_err("closed port");
        let text = format!("DeleteEnhancedConnection: no connection to {address}: connection refused");
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::ConnectFailed, text));
        assert!(!error.may_have_taken_effect());
    }

    /// The kernel completes the TCP connection; the TLS handshake gets no response.
    #[tokio::test]
    async fn connect_timeout_applies() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let mut config = Config { endpoint: Some(format!("https://{address}")), ..config(address) };
        config.timeouts.connect = Duration::from_millis(100);
        let error = delete(config).await.expect_err("no response");
        let text = format!("DeleteEnhancedConnection: no connection to {address} in time");
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::ConnectFailed, text));
        assert!(!error.may_have_taken_effect());
    }

    #[tokio::test]
    async fn response_timeout_applies() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let mut config = config(address);
        config.timeouts.request = Duration::from_millis(100);
        let error = delete(config).await.expect_err("no response");
        assert_eq!(error.transport_failure, Some(TransportFailure::Timeout), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("DeleteEnhancedConnection: no complete response from {address} within 100ms")
        );
        assert!(error.may_have_taken_effect());
    }

    #[tokio::test]
    async fn body_timeout_applies() {
        let body = || Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let server = Server::answering(move || response(200, body())).await;
        let mut config = config(server.address);
        config.timeouts.request = Duration::from_millis(100);
        let error = delete(config).await.expect_err("the body never ends");
        assert_eq!(error.transport_failure, Some(TransportFailure::Timeout), "{error:?}");
        assert!(error.may_have_taken_effect());
    }

    #[tokio::test]
    async fn lost_connection_leaves_outcome_unknown() {
        let address = raw_server("").await;
        let error = delete(config(address)).await.expect_err("no answer came");
        assert_eq!(error.transport_failure, Some(TransportFailure::Lost), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("DeleteEnhancedConnection: the connection to {address} ended before a response arrived")
        );
        assert!(error.may_have_taken_effect());
    }

    #[tokio::test]
    async fn truncated_response_keeps_its_status() {
        for (head, status, open) in [("200 OK", "200 OK", true), ("400 Bad Request", "400 Bad Request", false)] {
            let text = format!("HTTP/1.1 {head}\r\nX-Request-Id: 77aa\r\nContent-Length: 100\r\n\r\n{{\"is_suc");
            let address = raw_server(text.leak()).await;
            let error = delete(config(address)).await.expect_err("cut off");
            assert_eq!(error.transport_failure, Some(TransportFailure::TruncatedResponse), "{error:?}");
            assert_eq!(
                error.to_string(),
                format!("DeleteEnhancedConnection: the response (HTTP {status}) was truncated (request id 77aa)")
            );
            assert_eq!(error.may_have_taken_effect(), open, "{status}");
        }
    }

    #[tokio::test]
    async fn endless_response_is_cut_at_the_maximum() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let chunk = || {
            MADE.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(vec![b' '; 1 << 20])
        };
        let body = move || Body::from_stream(futures_util::stream::repeat_with(chunk));
        let server = Server::answering(move || response(200, body())).await;
        let error = delete(config(server.address)).await.expect_err("it never ends");
        assert_eq!(error.to_string(), "DeleteEnhancedConnection: HTTP 200 OK, but longer than 67108864 bytes");
        // MiB; more than 64 may be in buffers.
        let made = MADE.load(Ordering::Relaxed);
        assert!((64..96).contains(&made), "{made}");
    }

    #[tokio::test]
    async fn invalid_response_is_shown_in_part() {
        let server = Server::answering(|| {
            let mut response = response(200, r#"{"is_success":true,"id":7}"#);
            response.headers_mut().insert("X-Request-Id", HeaderValue::from_static("5f6d2a"));
            response
        })
        .await;
        assert_eq!(
            show(config(server.address)).await.expect_err("an id is a text").to_string(),
            "ShowEnhancedConnection: HTTP 200 OK, but not in the service's format (invalid type: integer `7`, expected \
             a string at line 1 column 25); it begins with \"{\\\"is_success\\\":true,\\\"id\\\":7}\" (request id \
             5f6d2a)"
        );
    }

    /// The log of this process as text: each field's name and value.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<String>>);

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Log {
        fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            struct Fields<'a>(&'a mut String);
            impl tracing::field::Visit for Fields<'_> {
                fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                    let _ = write!(self.0, "{field}={value:?} ");
                }
            }
            let mut text = self.0.lock().expect("no test fails while it writes");
            let _ = write!(text, "{} {} ", event.metadata().level(), event.metadata().target());
            event.record(&mut Fields(&mut text));
            text.push('\n');
        }
    }

    #[tokio::test]
    async fn log_has_bodies_but_no_secrets() {
        use tracing_subscriber::layer::SubscriberExt;
        let log = Log::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
        let server = Server::answering(|| {
            let mut response =
                response(400, format!(r#"{{"error_code":"DLI.0001","error_msg":"no queue, token {SECURITY_TOKEN}"}}"#));
            response.headers_mut().insert("X-Request-Id", HeaderValue::from_static("5f6d2a"));
            response
        })
        .await;
        let client = Client::new(temporary(config(server.address))).expect("valid configuration");
        let project = client.project(None, None).expect("complete settings");
        let body = crate::dli::wire::QueueNames { queues: vec!["q1".into()], ..Default::default() };
        // Another test may have registered the callsite without a subscriber; its cached interest is rebuilt.
        project.bind(ID, &body).send().await.expect_err("refused");
        tracing::callsite::rebuild_interest_cache();
        log.0.lock().expect("no test fails while it writes").clear();
        project.bind(ID, &body).send().await.expect_err("refused");
        drop(guard);

        let log = log.0.lock().expect("no test fails while it writes");
        let ours: Vec<_> = log.lines().filter(|line| line.contains(" terraform_provider_dli::client")).collect();
        let [sent, received, line] = ours[..] else { panic!("three lines for one call: {log}") };
        let of_call = "operation=\"AssociateQueueToEnhancedConnection\" attempt=1";
        let expected = format!("message=request body {of_call} body_bytes=17 body=\"{{\\\"queues\\\":[\\\"q1\\\"]}}\"");
        assert!(sent.contains(&expected), "{sent}");
        let shown = "{\\\"error_code\\\":\\\"DLI.0001\\\",\\\"error_msg\\\":\\\"no queue, token [REDACTED]\\\"}";
        assert!(received.contains("message=response body") && received.contains(shown), "{received}");
        assert!(
            line.starts_with(&format!(
                "DEBUG terraform_provider_dli::client::request message=called the service \
                 {of_call} method=\"POST\" \
                 path=\"/v2.0/{PROJECT}/datasource/enhanced-connections/{ID}/associate-queue\" status=400 \
                 request_id=\"5f6d2a\" milliseconds="
            )),
            "{line}"
        );
        for secret in [SECRET_KEY, SECURITY_TOKEN, "Signature="] {
            assert!(!log.contains(secret), "{log}");
        }
    }
}
