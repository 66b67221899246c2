//! The way of one call: sign → send → classify → decode. All calls take it, so whatever concerns all of them (what is
//! signed, what is logged, what counts as success) is said once, here.
//!
//! Every attempt is signed for itself: the signature is good for 15 minutes and for exactly one form of the request.

use std::{borrow::Cow, time::Instant};

use http::{
    HeaderName, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER},
};
use secrecy::ExposeSecret;
use serde::{Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

use super::{
    Project,
    answer::{self, Answer, printable},
    error::Error,
    operation::Operation,
    patience::Attempts,
};
use crate::dli::{
    code::REQUEST_ID_HEADER,
    signature::{
        Authorization, DATE_HEADER, PROJECT_HEADER, Signable, TOKEN_HEADER, canonical_query, format_date, payload_hash,
    },
};

/// Longest answer that is read. 20,000 host records are about 3 MB; a list holds many connections.
const MAX_ANSWER: usize = 64 << 20;

const JSON: &str = "application/json";

/// What is asked, before anything is signed.
#[derive(Debug)]
pub(super) struct Call {
    operation: Operation,
    /// Percent-encoded.
    path: String,
    /// Decoded, in any order.
    query: Vec<(String, String)>,
    /// JSON.
    body: Option<Vec<u8>>,
}

impl Call {
    pub(super) fn new(operation: Operation, path: String) -> Self {
        Self { operation, path, query: Vec::new(), body: None }
    }

    pub(super) fn query(mut self, key: &str, value: &str) -> Self {
        self.query.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn body(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).expect("wire types are structs of texts and lists"));
        self
    }
}

impl Project {
    /// Makes a call whose answer has nothing to return.
    pub(super) async fn run(&self, call: Call) -> Result<(), Error> {
        self.answer(&call).await.map(drop)
    }

    /// Makes a call and reads its answer.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        self.answer(&call).await?.decode()
    }

    /// An answer that says success; what fails for a passing reason is repeated where that does no harm.
    async fn answer(&self, call: &Call) -> Result<Answer<'_>, Error> {
        let lane = self.lane();
        let mut attempts = Attempts::new(&self.client.traffic, &lane, self.patience.as_ref());
        loop {
            let turn = attempts.turn(call.operation, &self.endpoint.host()).await?;
            let outcome = self.observed(call).await;
            lane.learn(turn, outcome.as_ref().err());
            match outcome {
                Ok(answer) => {
                    attempts.succeed();
                    return Ok(answer);
                }
                Err(error) => attempts.again(error, call.operation.is_repeatable()).await?,
            }
        }
    }

    /// One attempt, with a line in the log.
    async fn observed(&self, call: &Call) -> Result<Answer<'_>, Error> {
        let started = Instant::now();
        let result = self.attempt(call).await;
        let (status, request_id) = match &result {
            Ok(answer) => (Some(answer.status), answer.request_id.as_deref()),
            Err(error) => (error.status(), error.request_id()),
        };
        tracing::debug!(
            operation = call.operation.name(),
            method = call.operation.method().as_str(),
            path = call.path,
            status = status.map(|status| status.as_u16()),
            request_id,
            milliseconds = started.elapsed().as_millis(),
            success = result.is_ok(),
            "called the service"
        );
        result
    }

    async fn attempt(&self, call: &Call) -> Result<Answer<'_>, Error> {
        let request = self.sign(call, (self.client.clock)())?;
        let answer = self.send(call.operation, request).await?;
        answer.classify()?;
        Ok(answer)
    }

    /// The time by the service's clock, as its latest answer told; until it has told any, by ours.
    pub fn time(&self) -> OffsetDateTime {
        self.lane().time((self.client.clock)())
    }

    fn sign(&self, call: &Call, time: OffsetDateTime) -> Result<reqwest::Request, Error> {
        let operation = call.operation;
        let method = operation.method();
        let query = canonical_query(&call.query);
        let url = self.endpoint.join(&call.path, &query).ok_or_else(|| Error::Request {
            operation,
            source: format!("{:?} is not a path that can be sent: an identifier is empty or made of dots", call.path)
                .into(),
        })?;

        let date = format_date(time);
        let host = self.endpoint.host();
        let token = self.credentials.security_token.as_ref().map(ExposeSecret::expose_secret);
        let mut signed = vec![(DATE_HEADER, date.as_str()), (PROJECT_HEADER, &self.id)];
        signed.extend(call.body.is_some().then_some((CONTENT_TYPE.as_str(), JSON)));
        signed.extend(token.map(|token| (TOKEN_HEADER, token)));
        let mut headers = signed.clone();
        // Sent by the HTTP layer, from the address.
        signed.push(("host", &host));

        let signable = Signable {
            method: method.as_str(),
            path: &call.path,
            query: &call.query,
            headers: &signed,
            payload_hash: &payload_hash(call.body.as_deref().unwrap_or_default()),
        };
        let secret_key = self.credentials.secret_key.expose_secret();
        let authorization = Authorization::sign(&signable, &date, &self.credentials.access_key, secret_key);
        headers.extend([(AUTHORIZATION.as_str(), authorization.as_str()), (ACCEPT.as_str(), JSON)]);

        let mut request = reqwest::Request::new(method, url);
        for (name, value) in headers {
            let mut value = HeaderValue::from_str(value)
                .map_err(|source| Error::Request { operation, source: Box::new(source) })?;
            let name = HeaderName::from_static(name);
            value.set_sensitive(name == AUTHORIZATION || name == TOKEN_HEADER);
            request.headers_mut().insert(name, value);
        }
        *request.body_mut() = call.body.clone().map(Into::into);
        Ok(request)
    }

    async fn send(&self, operation: Operation, request: reqwest::Request) -> Result<Answer<'_>, Error> {
        let transport = &self.client.transport;
        let host = || self.endpoint.host();
        let not_built = |source: reqwest::Error| Error::Request { operation, source: Box::new(source.without_url()) };
        let timeout = |source| Error::Timeout { operation, host: host(), limit: transport.timeouts().request, source };

        let client = transport.client().await.map_err(not_built)?;
        let mut response = client.execute(request).await.map_err(|source| match source.without_url() {
            source if source.is_builder() => not_built(source),
            source if source.is_connect() => Error::Connect { operation, host: host(), source },
            source if source.is_timeout() => timeout(source),
            source => Error::Lost { operation, host: host(), source },
        })?;

        let status = response.status();
        let header = |name: &str| response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let request_id = header(REQUEST_ID_HEADER).map(|id| printable(&id, 100)).filter(|id| !id.is_empty());
        let location = header(LOCATION.as_str()).map(Cow::into_owned);
        let retry_after = header(RETRY_AFTER.as_str()).and_then(|wait| answer::wait(&wait, (self.client.clock)()));
        if let Some(time) = header(DATE.as_str()).and_then(|date| answer::date(&date)) {
            self.lane().tells(time, (self.client.clock)());
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER => {
                    return Err(Error::TooLarge { operation, status, request_id, limit: MAX_ANSWER });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(source) if source.is_timeout() => return Err(timeout(source.without_url())),
                Err(source) => {
                    return Err(Error::Interrupted { operation, status, request_id, source: source.without_url() });
                }
            }
        }
        let security_token = self.credentials.security_token.as_ref();
        Ok(Answer { operation, status, request_id, location, retry_after, body, security_token })
    }
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
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        client::{
            ApiError, Client, Config, Credentials,
            test_server::{
                ACCESS_KEY, ID, PROJECT, SECRET_KEY, SECURITY_TOKEN, Server, answer, config, exchange, raw_server,
                signing_config,
            },
        },
        dli::{path, signature},
    };

    fn temporary(config: Config) -> Config {
        let credentials = Credentials {
            access_key: ACCESS_KEY.into(),
            secret_key: SECRET_KEY.into(),
            security_token: Some(SECURITY_TOKEN.into()),
        };
        Config { credentials: Some(credentials), ..config }
    }

    fn sign(config: Config, call: &Call) -> reqwest::Request {
        let client = Client::new(config).expect("in order");
        let project = client.project(None, None).expect("complete");
        project.sign(call, (project.client.clock)()).expect("it can be built")
    }

    async fn show(config: Config) -> Result<(), Error> {
        let client = Client::new(config).expect("in order");
        client.project(None, None).expect("complete").show_connection(ID).await.map(drop)
    }

    async fn delete(config: Config) -> Result<(), Error> {
        let client = Client::new(config).expect("in order");
        let project = client.project(None, None).expect("complete");
        tokio::time::timeout(Duration::from_secs(30), project.delete_connection(ID)).await.expect("every call ends")
    }

    /// A request made with the service's own Python SDK, same keys and date.
    #[test]
    fn a_create_is_signed_as_the_services_own_signer_does() {
        let mut call = Call::new(Operation::CreateConnection, path::connections(PROJECT));
        call.body = Some(br#"{"name":"test","dest_vpc_id":"22094d8f-c310-4621-913d-4c4d655d8495","dest_network_id":"78f2562a-36e4-4b39-95b9-f5aab22e1281"}"#.to_vec());
        let request = sign(signing_config(), &call);
        assert_eq!(
            request.headers()["authorization"],
            "SDK-HMAC-SHA256 Access=AKEXAMPLE0000000000A, SignedHeaders=content-type;host;x-project-id;x-sdk-date, \
             Signature=461dc2f4f20bbc67131911a2a1301388690bc834a8e88f623cd69ca7e8d2c21f"
        );
        assert_eq!(request.headers()["x-sdk-date"], "20260101T000000Z");
        assert_eq!(request.headers()["content-type"], "application/json");
        assert_eq!(request.headers()["x-project-id"], PROJECT);
        assert!(!request.headers().contains_key("x-security-token"));
    }

    #[test]
    fn a_list_with_a_token_is_signed_as_the_services_own_signer_does() {
        let call = Call::new(Operation::ListConnections, path::connections(PROJECT))
            .query("tags", "a b=c+d,owner=x@y")
            .query("limit", "100")
            .query("offset", "0")
            .query("name", "t_1");
        let request = sign(temporary(signing_config()), &call);
        assert_eq!(
            request.headers()["authorization"],
            "SDK-HMAC-SHA256 Access=AKEXAMPLE0000000000A, \
             SignedHeaders=host;x-project-id;x-sdk-date;x-security-token, \
             Signature=2859201794f4cb3d8b209d81e1001efe573372b0e22ebd4b949f1e2ac17a0db0"
        );
        assert_eq!(request.url().query(), Some("limit=100&name=t_1&offset=0&tags=a%20b%3Dc%2Bd%2Cowner%3Dx%40y"));
        assert!(request.headers()["authorization"].is_sensitive());
        assert!(request.headers()["x-security-token"].is_sensitive());
        let shown = format!("{request:?}");
        assert!(!shown.contains(SECURITY_TOKEN) && !shown.contains("Signature="), "{shown}");
    }

    /// What arrives, `Host` with its port included, is what was signed.
    #[tokio::test]
    async fn what_is_sent_is_what_was_signed() {
        let mut server = Server::answering(|| answer(200, "{}")).await;
        let client = Client::new(temporary(config(server.address))).expect("in order");
        let project = client.project(None, None).expect("complete");
        let queues = crate::dli::wire::QueueNames { queues: vec!["q1".into()], ..Default::default() };
        project.bind("a b/ü", &queues).await.expect("bound");
        let filter = crate::client::ConnectionFilter { name: Some("ü+ /'(x)*~"), ..Default::default() };
        project.list_connections(&filter).await.expect("listed");

        for signed in [
            "content-type;host;x-project-id;x-sdk-date;x-security-token",
            "host;x-project-id;x-sdk-date;x-security-token",
        ] {
            let request = server.request().await;
            assert_eq!(request.header("host"), Some(server.address.to_string().as_str()));
            assert_eq!(request.header("accept"), Some("application/json"));
            assert_eq!(
                request.header("user-agent"),
                Some(concat!("terraform-provider-dli/", env!("CARGO_PKG_VERSION")))
            );
            let headers: Vec<_> =
                signed.split(';').map(|name| (name, request.header(name).expect("it is sent"))).collect();
            let query: Vec<_> = request
                .query
                .split_terminator('&')
                .map(|pair| {
                    let decode = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
                    let (key, value) = pair.split_once('=').expect("each has a value");
                    (decode(key), decode(value))
                })
                .collect();
            assert_eq!(signature::canonical_query(&query), request.query, "the canonical query is what is sent");
            let signable = Signable {
                method: &request.method,
                path: &request.path,
                query: &query,
                headers: &headers,
                payload_hash: &payload_hash(request.body.as_bytes()),
            };
            let expected = Authorization::sign(&signable, "20260101T000000Z", ACCESS_KEY, SECRET_KEY);
            assert_eq!(request.header("authorization"), Some(expected.as_str()));
        }
    }

    #[tokio::test]
    async fn an_identifier_cannot_lead_to_another_object() {
        let server = Server::answering(|| answer(200, "{}")).await;
        let client = Client::new(config(server.address)).expect("in order");
        let project = client.project(None, None).expect("complete");
        for id in ["", ".", ".."] {
            let error = project.delete_connection(id).await.expect_err("it would reach something else");
            assert!(matches!(error, Error::Request { .. }) && !error.may_have_taken_effect());
            assert_eq!(
                error.with_causes(),
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
    async fn the_services_error_arrives_with_all_its_parts() {
        let body = r#"{"error_code":"DLI.0001","error_msg":"Connection 2a62 does not exist"}"#;
        let server = Server::answering(move || {
            let mut answer = answer(400, body);
            answer.headers_mut().insert("X-Request-Id", HeaderValue::from_static("5f6d2a"));
            answer
        })
        .await;
        let error = show(config(server.address)).await.expect_err("refused");
        assert_eq!(
            error.api(),
            Some(&ApiError {
                operation: Operation::ShowConnection,
                status: http::StatusCode::BAD_REQUEST,
                code: Some("DLI.0001".into()),
                message: "Connection 2a62 does not exist".into(),
                request_id: Some("5f6d2a".into()),
                caller: None,
                retry_after: None,
            })
        );
        assert_eq!(
            error.to_string(),
            "ShowEnhancedConnection: HTTP 400 Bad Request, DLI.0001: Connection 2a62 does not exist (request id 5f6d2a)"
        );
        assert!(error.is_not_found());
        assert_eq!((error.operation(), error.request_id()), (Some(Operation::ShowConnection), Some("5f6d2a")));
    }

    #[tokio::test]
    async fn a_soft_failure_is_a_failure() {
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
    async fn a_redirect_is_refused_and_not_followed() {
        let mut server = Server::answering(|| {
            let mut answer = answer(307, "");
            answer.headers_mut().insert("location", HeaderValue::from_static("/elsewhere"));
            answer
        })
        .await;
        let error = delete(config(server.address)).await.expect_err("it is no answer");
        assert_eq!(
            error.to_string(),
            "DeleteEnhancedConnection: HTTP 307 Temporary Redirect: redirects to /elsewhere, which is not followed"
        );
        assert!(!error.may_have_taken_effect());
        server.request().await;
        assert_eq!(server.unseen(), 0);
    }

    #[tokio::test]
    async fn a_closed_port_is_no_connection() {
        let address = TcpListener::bind("127.0.0.1:0").await.and_then(|l| l.local_addr()).expect("a free port");
        let error = delete(config(address)).await.expect_err("nobody listens");
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
        let text = error.with_causes();
        assert!(text.starts_with(&format!("DeleteEnhancedConnection: no connection to {address}: ")), "{text}");
        assert!(text.contains("refused"), "{text}");
        assert!(!error.may_have_taken_effect());
    }

    /// The kernel completes the TCP connection; nobody ever answers the TLS greeting.
    #[tokio::test]
    async fn the_time_to_connect_is_limited() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let mut config = Config { endpoint: Some(format!("https://{address}")), ..config(address) };
        config.timeouts.connect = Duration::from_millis(100);
        let error = delete(config).await.expect_err("nobody answers");
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
        assert!(error.with_causes().contains("timed out"), "{}", error.with_causes());
        assert!(!error.may_have_taken_effect());
    }

    #[tokio::test]
    async fn the_time_for_an_answer_is_limited() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let mut config = config(address);
        config.timeouts.request = Duration::from_millis(100);
        let error = delete(config).await.expect_err("nobody answers");
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("DeleteEnhancedConnection: no complete answer from {address} within 100ms")
        );
        assert!(error.may_have_taken_effect());
    }

    #[tokio::test]
    async fn the_time_for_a_body_is_limited() {
        let body = || Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let server = Server::answering(move || answer(200, body())).await;
        let mut config = config(server.address);
        config.timeouts.request = Duration::from_millis(100);
        let error = delete(config).await.expect_err("the body never ends");
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        assert!(error.may_have_taken_effect());
    }

    #[tokio::test]
    async fn a_connection_that_closes_without_an_answer_leaves_it_open() {
        let address = raw_server("").await;
        let error = delete(config(address)).await.expect_err("no answer came");
        assert!(matches!(error, Error::Lost { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("DeleteEnhancedConnection: the connection to {address} was lost before an answer came")
        );
        assert!(error.may_have_taken_effect());
    }

    #[tokio::test]
    async fn an_answer_cut_in_its_body_keeps_what_its_head_said() {
        for (head, status, open) in [("200 OK", "200 OK", true), ("400 Bad Request", "400 Bad Request", false)] {
            let text = format!("HTTP/1.1 {head}\r\nX-Request-Id: 77aa\r\nContent-Length: 100\r\n\r\n{{\"is_suc");
            let address = raw_server(text.leak()).await;
            let error = delete(config(address)).await.expect_err("cut off");
            assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
            assert_eq!(
                error.to_string(),
                format!("DeleteEnhancedConnection: the answer (HTTP {status}) was cut off (request id 77aa)")
            );
            assert_eq!(error.may_have_taken_effect(), open, "{status}");
        }
    }

    #[tokio::test]
    async fn an_endless_answer_is_not_read_to_its_end() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let chunk = || {
            MADE.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(vec![b' '; 1 << 20])
        };
        let body = move || Body::from_stream(futures_util::stream::repeat_with(chunk));
        let server = Server::answering(move || answer(200, body())).await;
        let error = delete(config(server.address)).await.expect_err("it never ends");
        assert_eq!(
            error.to_string(),
            "DeleteEnhancedConnection: the answer (HTTP 200 OK) has more than 67108864 bytes"
        );
        // MiB; what is beyond 64 was under way.
        let made = MADE.load(Ordering::Relaxed);
        assert!((64..96).contains(&made), "{made}");
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_read_is_shown_in_part() {
        let server = Server::answering(|| {
            let mut answer = answer(200, r#"{"is_success":true,"id":7}"#);
            answer.headers_mut().insert("X-Request-Id", HeaderValue::from_static("5f6d2a"));
            answer
        })
        .await;
        assert_eq!(
            show(config(server.address)).await.expect_err("an id is a text").to_string(),
            "ShowEnhancedConnection: the answer (HTTP 200 OK) cannot be read: invalid type: integer `7`, expected a \
             string at line 1 column 25; it begins with \"{\\\"is_success\\\":true,\\\"id\\\":7}\" (request id 5f6d2a)"
        );
    }

    /// Everything that this process logs, in one text: name of each field with its value.
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
    async fn a_call_is_logged_without_bodies_and_secrets() {
        use tracing_subscriber::layer::SubscriberExt;
        let log = Log::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
        let server = Server::answering(|| {
            let mut answer = answer(400, r#"{"error_code":"DLI.0001","error_msg":"canary-answer"}"#);
            answer.headers_mut().insert("X-Request-Id", HeaderValue::from_static("5f6d2a"));
            answer
        })
        .await;
        let client = Client::new(temporary(config(server.address))).expect("in order");
        let project = client.project(None, None).expect("complete");
        let body = crate::dli::wire::QueueNames { queues: vec!["canary_queue".into()], ..Default::default() };
        // Another test may have met the log's line first, while nobody listened; what it found is kept until asked anew.
        project.bind(ID, &body).await.expect_err("refused");
        tracing::callsite::rebuild_interest_cache();
        log.0.lock().expect("no test fails while it writes").clear();
        project.bind(ID, &body).await.expect_err("refused");
        drop(guard);

        let log = log.0.lock().expect("no test fails while it writes");
        let ours: Vec<_> = log.lines().filter(|line| line.contains(" terraform_provider_dli::client")).collect();
        let [line] = ours[..] else { panic!("one line for one call: {log}") };
        assert!(
            line.starts_with(&format!(
                "DEBUG terraform_provider_dli::client::call message=called the service \
                 operation=\"AssociateQueueToEnhancedConnection\" method=\"POST\" \
                 path=\"/v2.0/{PROJECT}/datasource/enhanced-connections/{ID}/associate-queue\" status=400 \
                 request_id=\"5f6d2a\" milliseconds="
            )),
            "{line}"
        );
        for secret in [SECRET_KEY, SECURITY_TOKEN, "Signature=", "canary"] {
            assert!(!log.contains(secret), "{log}");
        }
    }
}
