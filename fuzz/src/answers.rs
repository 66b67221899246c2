//! What the service, or anything in its place, may answer: every call of the client comes to an end, and its error is a
//! bounded text without anything that a terminal would act upon.

use std::{
    cell::RefCell,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use terraform_provider_dli::{
    client::{
        AccessKey, Agency, Client, Config, ConnectionFilter, Credentials, CredentialsSource, Error, NameOrId,
        Operation, PasswordCredentials, Project,
    },
    dli::wire::{AuthorizationAction, CreateConnection, QueueNames},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::{Builder, Runtime},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::source::Source;

const ID: &str = "2a620c33-5609-40c9-affd-2b6453071b0f";
/// Every call, and what the path has in it that is answered by the bytes; to the others on its way there is a usual answer.
const OPERATIONS: [(Operation, &str); 21] = [
    (Operation::ShowConnection, ""),
    (Operation::CreateConnection, ""),
    (Operation::ListConnections, ""),
    (Operation::DeleteConnection, ""),
    (Operation::ReplaceHosts, ""),
    (Operation::Bind, ""),
    (Operation::Unbind, ""),
    (Operation::CreateRoute, ""),
    (Operation::DeleteRoute, ""),
    (Operation::ListPrivileges, ""),
    (Operation::Authorize, ""),
    (Operation::ListQueues, ""),
    (Operation::ListPools, ""),
    (Operation::ListTags, ""),
    (Operation::CreateTags, ""),
    (Operation::DeleteTags, ""),
    (Operation::CreateToken, "/v3/auth/tokens"),
    (Operation::AssumeAgency, "/v3.0/OS-CREDENTIAL/securitytokens"),
    (Operation::ListProjects, "/v3/projects"),
    (Operation::MetadataSession, "/meta-data/latest/api/token"),
    (Operation::MetadataKey, "/openstack/latest/securitykey"),
];
/// What the request under test carries, and an answer may send back.
const TOKEN: &str = "canary-security-token";
/// What no request carries.
const SECRET_KEY: &str = "canary-secret-key";
/// What an answer hands out where it hands out credentials; that is never shown.
const HANDED_OUT: &str = "canary-handed-out";
/// Where an answer says these, it sends the token back, whole or with a mark in it that takes no room.
const ECHOES: [(&str, &str); 2] = [("pooled1", TOKEN), ("pool1", "canary-security\u{200b}-token")];
/// Header of an answer that carries a token.
const SUBJECT_TOKEN: &str = "X-Subject-Token";
/// For how long the one call is repeated that cannot be made without being repeated.
const PATIENCE: Duration = Duration::from_millis(200);
/// Longest text of an error with all its causes: the service's own words are cut at 1000 characters.
const LONGEST: usize = 4000;

/// A server that answers what it is told.
struct Bench {
    runtime: Runtime,
    address: SocketAddr,
    told: Arc<Mutex<Told>>,
}

/// What it is told.
#[derive(Default)]
struct Told {
    /// Requests with this in their paths are answered so.
    path: &'static str,
    answer: Vec<u8>,
    /// How many there were.
    asked: usize,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

impl Bench {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let told = Arc::<Mutex<Told>>::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        runtime.spawn(serve(listener, Arc::clone(&told)));
        Self { runtime, address, told }
    }
}

/// Seen by a caller who first has to do what is under test.
async fn project(address: SocketAddr, operation: Operation) -> Result<Project, Error> {
    let key = AccessKey { id: "AKEXAMPLE".into(), secret: SECRET_KEY.into(), security_token: Some(TOKEN.into()) };
    let name = |name: &str| NameOrId::Name(name.to_owned());
    let form = match operation {
        Operation::CreateToken => CredentialsSource::Password(PasswordCredentials {
            user: name("somebody"),
            password: TOKEN.into(),
            domain: Some(name("somewhere")),
        }),
        Operation::MetadataSession | Operation::MetadataKey => CredentialsSource::Metadata { searched: Vec::new() },
        _ => CredentialsSource::Key(key),
    };
    let origin = "this test".to_owned();
    let agency = Agency { name: "agency".into(), domain: name("elsewhere"), duration: None, origin: origin.clone() };
    let agency = (operation == Operation::AssumeAgency).then_some(agency);
    let endpoint = Some(format!("http://{address}"));
    let config = Config {
        credentials: Some(Credentials { source: form, origin, agency }),
        region: Some("cn-north-4".into()),
        project_id: (operation != Operation::ListProjects).then(|| "48cc2c48765f481480c7db940d6409d1".into()),
        project_name: Some("cn-north-4".into()),
        endpoint: endpoint.clone(),
        identity_endpoint: endpoint.clone(),
        metadata_endpoint: endpoint,
        ..Config::default()
    };
    let client = Client::new(config).expect("in order");
    if operation == Operation::ListProjects {
        return client.open((None, None), Instant::now() + PATIENCE, &CancellationToken::new()).await;
    }
    client.project(None, None)
}

/// One request for each connection; a request is over when its head and the length that it announces are read.
async fn serve(listener: TcpListener, told: Arc<Mutex<Told>>) {
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
        let request = String::from_utf8_lossy(&request);
        let line = request.lines().next().unwrap_or_default();
        let bytes = {
            let mut told = told.lock().expect("nobody panics with it");
            if line.contains(told.path) {
                told.asked += 1;
                told.answer.clone()
            } else {
                usual(line)
            }
        };
        let _ = connection.write_all(&bytes).await;
        let _ = connection.shutdown().await;
    }
}

/// The answer to what is asked before the request under test, or after it: the session of the metadata service, or nothing.
fn usual(line: &str) -> Vec<u8> {
    let body = if line.contains("/meta-data/") { TOKEN } else { "{}" };
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
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
        let (operation, path) = OPERATIONS[source.below(OPERATIONS.len())];
        let answer = if source.rarely(16) { source.rest().to_vec() } else { reply(&mut source, operation) };
        *bench.told.lock().expect("nobody panics with it") = Told { path, answer: answer.clone(), asked: 0 };
        // A client of its own: what one refusal teaches of the service's limits would hold up the calls after it.
        if let Err(error) = bench.runtime.block_on(call(bench.address, operation)) {
            check(&error, &answer);
            let text = error.to_string();
            // The session of the metadata service is asked for without any secret.
            assert!(operation == Operation::MetadataSession || !text.contains(TOKEN), "{text}");
            assert!(is_told_elsewhere(&answer) || !text.contains(HANDED_OUT), "{text}");
        }
        assert!(bench.told.lock().expect("nobody panics with it").asked > 0, "{operation} is not asked for");
    });
}

fn reply(source: &mut Source<'_>, operation: Operation) -> Vec<u8> {
    const STATUSES: [u16; 16] = [200, 200, 200, 201, 204, 400, 401, 403, 404, 408, 429, 500, 502, 503, 302, 101];
    let status = STATUSES[source.below(STATUSES.len())];
    let mut head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\n");
    for name in ["X-Request-Id", "Location", "Retry-After", "Content-Type"] {
        if source.rarely(8) {
            head += &format!("{name}: {}\r\n", echo(source.text()).replace(['\r', '\n'], ""));
        }
    }
    let hands_out = matches!(
        operation,
        Operation::CreateToken | Operation::AssumeAgency | Operation::MetadataSession | Operation::MetadataKey
    );
    let body = if hands_out && status < 300 {
        if !source.rarely(4) {
            head += &format!("{SUBJECT_TOKEN}: {}\r\n", secret(source).replace(['\r', '\n'], ""));
        }
        credential(source)
    } else if operation == Operation::ListProjects && !source.rarely(2) {
        let project =
            |source: &mut Source<'_>| json!({"id": source.text(), "name": source.pick(&["cn-north-4", "test"])});
        let one = project(source);
        let all = if source.rarely(4) { vec![one; 64] } else { vec![one, project(source)] };
        json!({"projects": all}).to_string().into_bytes()
    } else {
        source.body()
    };
    let body = String::from_utf8(body).map_or_else(|binary| binary.into_bytes(), |text| echo(text).into_bytes());
    let length = body.len() + usize::from(source.rarely(16));
    [format!("{head}Content-Length: {length}\r\n\r\n").as_bytes(), &body].concat()
}

/// What should hold a credential, of IAM or of the metadata service, and may hold half of one.
fn credential(source: &mut Source<'_>) -> Vec<u8> {
    const TIMES: [&str; 4] = ["2020-01-08T02:56:19.587000Z", "9999-12-31T23:59:59Z", "soon", ""];
    let mut body = match source.below(4) {
        0 => json!({"token": {"expires_at": source.pick(&TIMES), "id": secret(source)}}).to_string(),
        1 => secret(source),
        2 => return source.body(),
        _ => json!({"credential": {
            "access": source.text(), "secret": secret(source), "securitytoken": secret(source),
            "expires_at": source.pick(&TIMES),
        }})
        .to_string(),
    };
    if source.rarely(8) {
        let half = body.chars().count() / 2;
        body = body.chars().take(half).collect();
    }
    body.into_bytes()
}

fn secret(source: &mut Source<'_>) -> String {
    if source.rarely(4) { source.text() } else { HANDED_OUT.to_owned() }
}

/// Whether an answer says in its head, where nobody would look for it, what it hands out: a fuzzer makes that up.
fn is_told_elsewhere(answer: &[u8]) -> bool {
    let answer = String::from_utf8_lossy(answer);
    let Some((head, _)) = answer.split_once("\r\n\r\n") else { return true };
    let lines = head.lines().filter(|line| !line.starts_with(SUBJECT_TOKEN));
    lines.flat_map(str::chars).filter(char::is_ascii_graphic).collect::<String>().contains(HANDED_OUT)
}

fn echo(text: String) -> String {
    ECHOES.iter().fold(text, |text, (word, token)| text.replace(word, token))
}

async fn call(address: SocketAddr, operation: Operation) -> Result<(), Error> {
    let project = project(address, operation).await?;
    match operation {
        Operation::ShowConnection => project.show_connection(ID).await.map(drop),
        Operation::CreateConnection => {
            let id = project.create_connection(&CreateConnection::default(), &|_| {}).await?;
            assert!(!id.is_empty(), "an id without text");
            Ok(())
        }
        Operation::ListConnections => project.list_connections(&ConnectionFilter::default()).await.map(drop),
        Operation::DeleteConnection => project.delete_connection(ID).await,
        Operation::ReplaceHosts => project.replace_hosts(ID, &[]).await,
        Operation::Bind => project.bind(ID, &QueueNames::default()).send().await,
        Operation::Unbind => project.unbind(ID, &QueueNames::default()).send().await,
        Operation::CreateRoute => project.create_route(ID, "r", "10.0.0.0/8").send().await,
        Operation::DeleteRoute => project.delete_route(ID, "r").send().await,
        Operation::ListPrivileges => project.list_privileges(ID).await.map(drop),
        Operation::Authorize => project.authorize(ID, "0123", AuthorizationAction::Grant).send().await,
        Operation::ListQueues => project.list_queues().await.map(drop),
        Operation::ListPools => project.list_pools().await.map(drop),
        Operation::ListTags => project.list_tags(ID).await.map(drop),
        Operation::CreateTags => project.create_tags(ID, &[]).send().await,
        Operation::DeleteTags => project.delete_tags(ID, &[]).send().await,
        // What comes before any call of the service.
        Operation::CreateToken
        | Operation::AssumeAgency
        | Operation::ListProjects
        | Operation::MetadataSession
        | Operation::MetadataKey => project.show_connection(ID).await.map(drop),
        _ => unreachable!("{operation} is not in the list"),
    }
}

fn check(error: &Error, answer: &[u8]) {
    let text = error.to_string();
    assert!(text.chars().count() <= LONGEST, "{text}");
    // Without credentials it tells where they were looked for, a place a line.
    let line = if error.operation.is_none() { text.replacen("\n  - ", "", 1) } else { text.clone() };
    assert!(!line.chars().any(char::is_control), "{text:?}");
    // The key is not known to who answers, but a fuzzer reads it out of this very comparison and makes answers of it.
    let visible: String = String::from_utf8_lossy(answer).chars().filter(char::is_ascii_graphic).collect();
    assert!(visible.contains(SECRET_KEY) || !text.contains(SECRET_KEY), "{text}");
    let _ = (error.is_not_found(), error.is_not_published(), error.is_transient());
    if !error.operation.is_some_and(Operation::is_write) {
        assert!(!error.may_have_taken_effect(), "a read changes nothing: {text}");
    }
}
