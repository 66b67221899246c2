//! A local server for tests: it returns a given response and records the requests.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    response::Response,
};
use http::HeaderMap;
use time::{OffsetDateTime, macros::datetime};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use super::{AccessKey, Client, Config, Credentials, CredentialsSource, Error, Project};

pub(super) const ACCESS_KEY: &str = "AKEXAMPLE0000000000A";
pub(super) const SECRET_KEY: &str = "SKEXAMPLE000000000000000000000000000000A";
pub(super) const SECURITY_TOKEN: &str = "TOKEN==";
pub(super) const PROJECT: &str = "48cc2c48765f481480c7db940d6409d1";
pub(super) const ID: &str = "2a620c33-5609-40c9-affd-2b6453071b0f";

/// A request as it came over the wire.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Recorded {
    /// Method, path with query, and body.
    pub(super) fn parts(&self) -> (&str, String, &str) {
        let separator = if self.query.is_empty() { "" } else { "?" };
        (&self.method, format!("{}{separator}{}", self.path, self.query), &self.body)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }
}

/// Lives as long as the test's runtime.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Recorded>,
}

impl Server {
    /// Starts a server that calls `response` for every request.
    pub(super) async fn answering(response: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let (sender, requests) = mpsc::unbounded_channel();
        let handle = move |request: Request| {
            let (sender, response) = (sender.clone(), response.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.expect("the body arrives");
                let recorded = Recorded {
                    method: head.method.to_string(),
                    path: head.uri.path().to_owned(),
                    query: head.uri.query().unwrap_or_default().to_owned(),
                    headers: head.headers,
                    body: String::from_utf8(body.into()).expect("JSON is UTF-8"),
                };
                let _ = sender.send(recorded);
                response()
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handle)).await });
        Self { address, requests }
    }

    /// The next request; fails after some time without one.
    pub(super) async fn request(&mut self) -> Recorded {
        let next = timeout(Duration::from_secs(10), self.requests.recv()).await;
        next.expect("a request comes").expect("the server lives as long as the test")
    }

    /// How many requests came that nobody has looked at.
    pub(super) fn unseen(&self) -> usize {
        self.requests.len()
    }
}

pub(super) fn response(status: u16, body: impl Into<Body>) -> Response {
    Response::builder().status(status).body(body.into()).expect("a status and a body")
}

/// Makes one call against a server that answers with `status` and `body`.
pub(super) async fn exchange<T>(
    status: u16,
    body: &'static str,
    request: impl AsyncFnOnce(&Project) -> Result<T, Error>,
) -> (Recorded, Result<T, Error>) {
    let mut server = Server::answering(move || response(status, body)).await;
    let client = Client::new(config(server.address)).expect("valid configuration");
    let result = request(&client.project(None, None).expect("complete settings")).await;
    (server.request().await, result)
}

pub(super) fn config(address: SocketAddr) -> Config {
    Config { endpoint: Some(format!("http://{address}")), ..signing_config() }
}

/// The keys, the project and the date of the golden vectors.
pub(super) fn signing_config() -> Config {
    fn clock() -> OffsetDateTime {
        datetime!(2026-01-01 00:00 UTC)
    }
    let key = AccessKey { id: ACCESS_KEY.into(), secret: SECRET_KEY.into(), security_token: None };
    Config {
        credentials: Some(Credentials::new(CredentialsSource::Key(key), "this test")),
        region: Some("cn-north-4".into()),
        project_id: Some(PROJECT.into()),
        clock,
        ..Config::default()
    }
}

/// Accepts one connection, reads the head of a request, writes `response` and closes.
pub(super) async fn raw_server(response: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    tokio::spawn(async move {
        let (connection, _) = listener.accept().await.expect("the client comes");
        reply(connection, response).await.expect("a whole request");
    });
    address
}

/// The same with TLS and an empty object as its answer; a client may break off the handshake.
pub(super) async fn tls_server(config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    tokio::spawn(async move {
        let (connection, _) = listener.accept().await.expect("the client comes");
        if let Ok(connection) = TlsAcceptor::from(Arc::new(config)).accept(connection).await {
            reply(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await.expect("a whole request");
        }
    });
    address
}

async fn reply(mut connection: impl AsyncRead + AsyncWrite + Unpin, response: &str) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await?);
    }
    connection.write_all(response.as_bytes()).await?;
    connection.shutdown().await
}
