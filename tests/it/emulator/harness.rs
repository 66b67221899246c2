//! An emulator with a manual clock, and a client that signs requests.

use std::sync::Arc;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use terraform_provider_dli::{
    dli::signature::{self, Authorization, Signable},
    emulator::{ACCESS_KEY, Emulator, ManualClock, SECRET_KEY, Settings},
};
use time::macros::datetime;

pub(super) const PROJECT: &str = "48cc2c48765f481480c7db940d6409d1";
pub(super) const NOWHERE: &str = "2a620c33-5609-40c9-affd-2b6453071b0f";

/// `P` in the document.
pub(super) fn connections() -> String {
    format!("/v2.0/{PROJECT}/datasource/enhanced-connections")
}

/// A valid body of "create".
pub(super) fn body(name: &str) -> Value {
    json!({
        "name": name,
        "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
        "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281",
    })
}

/// [`body`] with additional or replaced fields.
pub(super) fn body_with(name: &str, more: Value) -> Value {
    let mut body = body(name);
    let (Value::Object(fields), Value::Object(more)) = (&mut body, more) else { panic!("objects are given") };
    fields.extend(more);
    body
}

/// A response.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) request_id: String,
    /// `Null` if there is no body.
    pub(super) body: Value,
}

impl Reply {
    #[track_caller]
    pub(super) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Checks status and code and returns the error text.
    #[track_caller]
    pub(super) fn refused(self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.body["error_code"].as_str()), (status, Some(code)), "{}", self.body);
        self.body["error_msg"].as_str().expect("a refusal has a text").to_owned()
    }
}

/// A request that a test can modify before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) method: String,
    /// Path and query as sent.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Draft {
    /// Mutable access to the value of a header.
    pub(super) fn header(&mut self, name: &str) -> &mut String {
        let found = self.headers.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name));
        &mut found.unwrap_or_else(|| panic!("there is no header {name}")).1
    }
}

/// An emulator and a client.
pub(super) struct Cloud {
    pub(super) emulator: Emulator,
    pub(super) clock: Arc<ManualClock>,
    client: Client,
}

impl Cloud {
    pub(super) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// 2026-01-01T00:00:00Z is 1767225600000.
    pub(super) async fn with(settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::new(datetime!(2026-01-01 00:00:00 UTC)));
        let settings = Settings { clock: clock.clone(), ..settings };
        let emulator = Emulator::start(([127, 0, 0, 1], 0).into(), settings).await.expect("the emulator starts");
        Self { emulator, clock, client: client() }
    }

    /// Sends a signed request.
    pub(super) fn draft(&self, method: &str, target: &str, body: &[u8]) -> Draft {
        use terraform_provider_dli::emulator::Clock;
        let mut headers = vec![
            ("Host".to_owned(), self.emulator.address().to_string()),
            ("X-Sdk-Date".to_owned(), signature::format_date(self.clock.now())),
            ("X-Project-Id".to_owned(), PROJECT.to_owned()),
        ];
        if !body.is_empty() {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        Self::sign(method, target, headers, body)
    }

    pub(super) fn sign(method: &str, target: &str, headers: Vec<(String, String)>, body: &[u8]) -> Draft {
        let mut draft = Draft { method: method.to_owned(), target: target.to_owned(), headers, body: body.to_owned() };
        let authorization = authorization(&draft, ACCESS_KEY, SECRET_KEY);
        draft.headers.push(("Authorization".to_owned(), authorization));
        draft
    }

    /// Injects a fault in its short form.
    #[track_caller]
    pub(super) fn fault(&self, text: &str) {
        let fault = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        self.emulator.inject(fault).expect("it was read");
    }

    pub(super) async fn send(&self, draft: Draft) -> Reply {
        send(&self.client, &self.emulator.endpoint(), draft).await
    }

    /// Sends a request whose response may be missing or not JSON.
    pub(super) async fn try_call(&self, method: &str, target: &str, body: Value) -> reqwest::Result<String> {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        request(&self.client, &self.emulator.endpoint(), self.draft(method, target, &bytes)).send().await?.text().await
    }

    pub(super) async fn call(&self, method: &str, target: &str, body: Value) -> Reply {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(self.draft(method, target, &bytes)).await
    }

    pub(super) async fn get(&self, target: &str) -> Reply {
        self.call("GET", target, Value::Null).await
    }

    /// Creates a connection and returns its path.
    pub(super) async fn create(&self, body: Value) -> String {
        let created = self.call("POST", &connections(), body).await.ok(201);
        format!("{}/{}", connections(), created["connection_id"].as_str().expect("an id is given"))
    }
}

pub(super) fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client without options")
}

/// The `Authorization` header of a draft with all headers signed.
pub(super) fn authorization(draft: &Draft, access_key: &str, secret_key: &str) -> String {
    let (path, query) = draft.target.split_once('?').unwrap_or((&draft.target, ""));
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    let headers: Vec<_> = draft.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let payload_hash = signature::payload_hash(&draft.body);
    let signable =
        Signable { method: &draft.method, path, query: &query, headers: &headers, payload_hash: &payload_hash };
    let date = draft.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-sdk-date")).map_or("", |(_, v)| v);
    Authorization::sign(&signable, date, access_key, secret_key)
}

fn request(client: &Client, endpoint: &str, draft: Draft) -> RequestBuilder {
    let method = draft.method.parse().expect("a method");
    let request = client.request(method, format!("{endpoint}{}", draft.target)).body(draft.body);
    draft.headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
}

pub(super) async fn send(client: &Client, endpoint: &str, draft: Draft) -> Reply {
    try_send(client, endpoint, draft).await.expect("the emulator answers")
}

/// Fails if there is no whole response.
pub(super) async fn try_send(client: &Client, endpoint: &str, draft: Draft) -> reqwest::Result<Reply> {
    let response = request(client, endpoint, draft).send().await?;
    let status = response.status().as_u16();
    let request_id = response.headers().get("x-request-id").expect("every answer has an X-Request-Id");
    let request_id = request_id.to_str().expect("ASCII").to_owned();
    let bytes = response.bytes().await?;
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("answers are JSON") };
    Ok(Reply { status, request_id, body })
}
