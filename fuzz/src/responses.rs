//! Random responses to every call of the client. Each call returns, and its error is a short text without control
//! characters and secrets.

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
/// Every operation, and a part of the path that gets the random response. Other requests get a default response.
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
/// A secret of the request under test, which a response may contain.
const TOKEN: &str = "canary-security-token";
/// A secret that no request contains.
const SECRET_KEY: &str = "canary-secret-key";
/// The secret in responses that issue credentials. No error may contain it.
const ISSUED: &str = "canary-issued-secret";
/// Words in a response that are replaced by the token, unchanged or with a zero-width character.
const ECHOES: [(&str, &str); 2] = [("pooled1", TOKEN), ("pool1", "canary-security\u{200b}-token")];
/// The response header that contains a token.
const SUBJECT_TOKEN: &str = "X-Subject-Token";
/// The deadline of the call that always retries.
const DEADLINE: Duration = Duration::from_millis(200);
/// The maximum length of an error with its sources. The service's text is cut at 1000 characters.
const MAX_LENGTH: usize = 4000;

/// A server with a scripted response.
struct Server {
    runtime: Runtime,
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

/// The scripted response.
#[derive(Default)]
struct Script {
    /// Requests whose path contains this get the response.
    path: &'static str,
    response: Vec<u8>,
    /// The number of these requests.
    requests: usize,
}

thread_local! {
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

impl Server {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let script = Arc::<Mutex<Script>>::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        runtime.spawn(serve(listener, Arc::clone(&script)));
        Self { runtime, address, script }
    }
}

/// Opens a project with a configuration whose first call is the operation under test.
async fn project(address: SocketAddr, operation: Operation) -> Result<Project, Error> {
    let key = AccessKey { id: "AKEXAMPLE".into(), secret: SECRET_KEY.into(), security_token: Some(TOKEN.into()) };
    let name = |name: &str| NameOrId::Name(name.to_owned());
    let credentials_source = match operation {
        Operation::CreateToken => CredentialsSource::Password(PasswordCredentials {
            user: name("user"),
            password: TOKEN.into(),
            domain: Some(name("domain")),
        }),
        Operation::MetadataSession | Operation::MetadataKey => CredentialsSource::Metadata { searched: Vec::new() },
        _ => CredentialsSource::Key(key),
    };
    let origin = "this test".to_owned();
    let agency = Agency { name: "agency".into(), domain: name("elsewhere"), duration: None, origin: origin.clone() };
    let agency = (operation == Operation::AssumeAgency).then_some(agency);
    let endpoint = Some(format!("http://{address}"));
    let config = Config {
        credentials: Some(Credentials { source: credentials_source, origin, agency }),
        region: Some("cn-north-4".into()),
        project_id: (operation != Operation::ListProjects).then(|| "48cc2c48765f481480c7db940d6409d1".into()),
        project_name: Some("cn-north-4".into()),
        endpoint: endpoint.clone(),
        identity_endpoint: endpoint.clone(),
        metadata_endpoint: endpoint,
        ..Config::default()
    };
    let client = Client::new(config).expect("a valid configuration");
    if operation == Operation::ListProjects {
        return client.open((None, None), Instant::now() + DEADLINE, &CancellationToken::new()).await;
    }
    client.project(None, None)
}

/// Serves one request per connection. A request is complete when its head and `Content-Length` are read.
async fn serve(listener: TcpListener, script: Arc<Mutex<Script>>) {
    while let Ok((mut connection, _)) = listener.accept().await {
        let mut request = Vec::new();
        loop {
            let whole =
                request.windows(4).position(|end| end == b"\r\n\r\n").map(|end| end + 4 + content_length(&request));
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
            let mut script = script.lock().expect("no panic");
            if line.contains(script.path) {
                script.requests += 1;
                script.response.clone()
            } else {
                default_response(line)
            }
        };
        let _ = connection.write_all(&bytes).await;
        let _ = connection.shutdown().await;
    }
}

/// The response to requests before or after the one under test.
fn default_response(line: &str) -> Vec<u8> {
    let body = if line.contains("/meta-data/") { TOKEN } else { "{}" };
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn content_length(request: &[u8]) -> usize {
    let head = String::from_utf8_lossy(request).to_ascii_lowercase();
    let length = head.split("content-length:").nth(1).and_then(|rest| rest.split("\r\n").next());
    length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

pub fn run(bytes: &[u8]) {
    SERVER.with_borrow_mut(|server| {
        let server = server.get_or_insert_with(Server::new);
        let mut source = Source::new(bytes);
        let (operation, path) = OPERATIONS[source.below(OPERATIONS.len())];
        let response = if source.rarely(16) { source.rest().to_vec() } else { random_response(&mut source, operation) };
        *server.script.lock().expect("no panic") = Script { path, response: response.clone(), requests: 0 };
        // Each run has its own client, because a learned rate limit would delay later calls.
        if let Err(error) = server.runtime.block_on(call(server.address, operation)) {
            check(&error, &response);
            let text = error.to_string();
            // A metadata session request contains no secret.
            assert!(operation == Operation::MetadataSession || !text.contains(TOKEN), "{text}");
            assert!(echoes_issued_elsewhere(&response) || !text.contains(ISSUED), "{text}");
        }
        assert!(server.script.lock().expect("no panic").requests > 0, "{operation} was not requested");
    });
}

fn random_response(source: &mut Source<'_>, operation: Operation) -> Vec<u8> {
    const STATUSES: [u16; 16] = [200, 200, 200, 201, 204, 400, 401, 403, 404, 408, 429, 500, 502, 503, 302, 101];
    let status = STATUSES[source.below(STATUSES.len())];
    let mut head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\n");
    for name in ["X-Request-Id", "Location", "Retry-After", "Content-Type"] {
        if source.rarely(8) {
            head += &format!("{name}: {}\r\n", echo(source.text()).replace(['\r', '\n'], ""));
        }
    }
    let issues_credentials = matches!(
        operation,
        Operation::CreateToken | Operation::AssumeAgency | Operation::MetadataSession | Operation::MetadataKey
    );
    let body = if issues_credentials && status < 300 {
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

/// A response of IAM or the metadata service with a complete or truncated credential.
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
    if source.rarely(4) { source.text() } else { ISSUED.to_owned() }
}

/// Whether the head of a response contains the issued secret outside the token header, which the fuzzer can invent.
fn echoes_issued_elsewhere(response: &[u8]) -> bool {
    let response = String::from_utf8_lossy(response);
    let Some((head, _)) = response.split_once("\r\n\r\n") else { return true };
    let lines = head.lines().filter(|line| !line.starts_with(SUBJECT_TOKEN));
    lines.flat_map(str::chars).filter(char::is_ascii_graphic).collect::<String>().contains(ISSUED)
}

fn echo(text: String) -> String {
    ECHOES.iter().fold(text, |text, (word, token)| text.replace(word, token))
}

async fn call(address: SocketAddr, operation: Operation) -> Result<(), Error> {
    let project = project(address, operation).await?;
    match operation {
        Operation::ShowConnection => project.show_connection(ID).await.map(drop),
        Operation::CreateConnection => {
            let id = project.create_connection(&CreateConnection::default(), &|_| Ok(())).await?;
            assert!(!id.is_empty(), "an empty ID");
            Ok(())
        }
        Operation::ListConnections => project.list_connections(&ConnectionFilter::default()).await.map(drop),
        Operation::DeleteConnection => project.delete_connection(ID).await,
        Operation::ReplaceHosts => project.replace_hosts(ID, Vec::new()).await,
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
        // These precede any call of the service.
        Operation::CreateToken
        | Operation::AssumeAgency
        | Operation::ListProjects
        | Operation::MetadataSession
        | Operation::MetadataKey => project.show_connection(ID).await.map(drop),
        _ => unreachable!("{operation} is not in the list"),
    }
}

fn check(error: &Error, response: &[u8]) {
    let text = error.to_string();
    assert!(text.chars().count() <= MAX_LENGTH, "{text}");
    // An error about missing credentials lists the searched sources, one per line.
    let line = if error.operation.is_none() { text.replacen("\n  - ", "", 1) } else { text.clone() };
    assert!(!line.chars().any(char::is_control), "{text:?}");
    // The server does not know the key, but the fuzzer can learn it from this comparison.
    let visible: String = String::from_utf8_lossy(response).chars().filter(char::is_ascii_graphic).collect();
    assert!(visible.contains(SECRET_KEY) || !text.contains(SECRET_KEY), "{text}");
    let _ = (error.is_not_found(), error.is_not_published(), error.is_transient());
    if !error.operation.is_some_and(Operation::is_write) {
        assert!(!error.may_have_taken_effect(), "a read has no effect: {text}");
    }
}
