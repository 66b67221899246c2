//! What the service, or anything in its place, may answer: every call of the client comes to an end, and its error is a
//! bounded text without anything that a terminal would act upon.

use std::{
    cell::RefCell,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use terraform_provider_dli::{
    client::{AccessKey, Client, Config, ConnectionFilter, Credentials, Error, Form, Project},
    dli::wire::{AuthorizationAction, CreateConnection, QueueNames},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::{Builder, Runtime},
};

use super::source::Source;

const ID: &str = "2a620c33-5609-40c9-affd-2b6453071b0f";
/// What every request carries, and an answer may send back.
const TOKEN: &str = "canary-security-token";
/// What no request carries.
const SECRET_KEY: &str = "canary-secret-key";
/// Where an answer says these, it sends the token back, whole or with a mark in it that takes no room.
const ECHOES: [(&str, &str); 2] = [("pooled1", TOKEN), ("pool1", "canary-security\u{200b}-token")];
/// Longest text of an error with all its causes: the service's own words are cut at 1000 characters.
const LONGEST: usize = 4000;

/// A client, and a server that answers what it is told.
struct Bench {
    runtime: Runtime,
    address: SocketAddr,
    answer: Arc<Mutex<Vec<u8>>>,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

impl Bench {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let answer = Arc::<Mutex<Vec<u8>>>::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        runtime.spawn(serve(listener, Arc::clone(&answer)));
        Self { runtime, address, answer }
    }
}

fn project(address: SocketAddr) -> Project {
    let key = AccessKey { id: "AKEXAMPLE".into(), secret: SECRET_KEY.into(), security_token: Some(TOKEN.into()) };
    let config = Config {
        credentials: Some(Credentials::new(Form::Key(key), "this test")),
        project_id: Some("48cc2c48765f481480c7db940d6409d1".into()),
        endpoint: Some(format!("http://{address}")),
        ..Config::default()
    };
    Client::new(config).map(|client| client.project(None, None)).expect("in order").expect("complete")
}

/// One request for each connection; a request is over when its head and the length that it announces are read.
async fn serve(listener: TcpListener, answer: Arc<Mutex<Vec<u8>>>) {
    while let Ok((mut connection, _)) = listener.accept().await {
        let mut request = Vec::new();
        loop {
            let whole = request.windows(4).position(|end| end == b"\r\n\r\n").map(|end| end + 4 + announced(&request));
            if whole.is_some_and(|length| request.len() >= length) {
                break;
            }
            if connection.read_buf(&mut request).await.unwrap_or(0) == 0 {
                break;
            }
        }
        let bytes = answer.lock().expect("nobody panics with it").clone();
        let _ = connection.write_all(&bytes).await;
        let _ = connection.shutdown().await;
    }
}

fn announced(request: &[u8]) -> usize {
    let head = String::from_utf8_lossy(request).to_ascii_lowercase();
    let length = head.split("content-length:").nth(1).and_then(|rest| rest.split("\r\n").next());
    length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

pub fn run(bytes: &[u8]) {
    BENCH.with_borrow_mut(|bench| {
        let bench = bench.get_or_insert_with(Bench::new);
        let mut source = Source::new(bytes);
        let operation = source.below(16);
        let answer = reply(&mut source);
        bench.answer.lock().expect("nobody panics with it").clone_from(&answer);
        // A client of its own: what one refusal teaches of the service's limits would hold up the calls after it.
        if let Err(error) = bench.runtime.block_on(call(&project(bench.address), operation)) {
            check(&error, &answer);
        }
    });
}

fn reply(source: &mut Source<'_>) -> Vec<u8> {
    if source.rarely(16) {
        return source.rest().to_vec();
    }
    const STATUSES: [u16; 16] = [200, 200, 200, 201, 204, 400, 401, 403, 404, 408, 429, 500, 502, 503, 302, 101];
    let status = STATUSES[source.below(STATUSES.len())];
    let mut head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\n");
    for name in ["X-Request-Id", "Location", "Retry-After", "Content-Type"] {
        if source.rarely(8) {
            head += &format!("{name}: {}\r\n", echo(source.text()).replace(['\r', '\n'], ""));
        }
    }
    let body =
        String::from_utf8(source.body()).map_or_else(|binary| binary.into_bytes(), |text| echo(text).into_bytes());
    let length = body.len() + usize::from(source.rarely(16));
    [format!("{head}Content-Length: {length}\r\n\r\n").as_bytes(), &body].concat()
}

fn echo(text: String) -> String {
    ECHOES.iter().fold(text, |text, (word, token)| text.replace(word, token))
}

async fn call(project: &Project, operation: usize) -> Result<(), Error> {
    match operation {
        0 => project.show_connection(ID).await.map(drop),
        1 => {
            let id = project.create_connection(&CreateConnection::default(), &|_| {}).await?;
            assert!(!id.is_empty(), "an id without text");
            Ok(())
        }
        2 => project.list_connections(&ConnectionFilter::default()).await.map(drop),
        3 => project.delete_connection(ID).await,
        4 => project.replace_hosts(ID, &[]).await,
        5 => project.bind(ID, &QueueNames::default()).await,
        6 => project.unbind(ID, &QueueNames::default()).await,
        7 => project.create_route(ID, "r", "10.0.0.0/8").await,
        8 => project.delete_route(ID, "r").await,
        9 => project.list_privileges(ID).await.map(drop),
        10 => project.authorize(ID, "0123", AuthorizationAction::Grant).await,
        11 => project.list_queues().await.map(drop),
        12 => project.list_pools().await.map(drop),
        13 => project.list_tags(ID).await.map(drop),
        14 => project.create_tags(ID, &[]).await,
        _ => project.delete_tags(ID, &[]).await,
    }
}

fn check(error: &Error, answer: &[u8]) {
    let text = error.with_causes();
    assert!(text.chars().count() <= LONGEST, "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(!text.contains(TOKEN), "{text}");
    // The key is not known to who answers, but a fuzzer reads it out of this very comparison and makes answers of it.
    let visible: String = String::from_utf8_lossy(answer).chars().filter(char::is_ascii_graphic).collect();
    assert!(visible.contains(SECRET_KEY) || !text.contains(SECRET_KEY), "{text}");
    let _ = (error.is_not_found(), error.is_not_published(), error.is_transient());
    if !error.operation().is_some_and(terraform_provider_dli::client::Operation::is_write) {
        assert!(!error.may_have_taken_effect(), "a read changes nothing: {text}");
    }
}
