//! The client with the emulator's IAM and metadata services: each credentials source, the requests that it sends, and
//! the errors when credentials are rejected. The credentials in use are read from the emulator's request log.

mod clock;
mod forms;
mod machine;
mod refusals;
mod renewal;

use std::net::SocketAddr;
use std::time::Duration;

use terraform_provider_dli::client::{
    AccessKey, Agency, Client, Config, Credentials, CredentialsSource, Error, NameOrId, PasswordCredentials, Project,
};
use terraform_provider_dli::emulator::{ACCESS_KEY, Emulator, IamAccount, SECRET_KEY, Settings};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The region and project in the emulator's IAM.
const REGION: &str = "emulated";
const PROJECT: &str = "0123456789abcdef0123456789abcdef";

async fn start(settings: Settings) -> Emulator {
    Emulator::start(SocketAddr::from(([127, 0, 0, 1], 0)), settings).await.expect("a free port")
}

/// A configuration with these credentials, the emulator's endpoints and the project ID.
fn config(emulator: &Emulator, source: CredentialsSource) -> Config {
    let endpoint = Some(emulator.endpoint());
    Config {
        credentials: Some(Credentials::new(source, "this test")),
        region: Some(REGION.to_owned()),
        project_id: Some(PROJECT.to_owned()),
        endpoint: endpoint.clone(),
        identity_endpoint: endpoint.clone(),
        metadata_endpoint: endpoint,
        ..Config::default()
    }
}

fn key() -> CredentialsSource {
    CredentialsSource::Key(AccessKey { id: ACCESS_KEY.to_owned(), secret: SECRET_KEY.into(), security_token: None })
}

fn login(user: NameOrId, domain: Option<NameOrId>) -> CredentialsSource {
    CredentialsSource::Password(PasswordCredentials { user, password: IamAccount::default().password.into(), domain })
}

fn named_login() -> CredentialsSource {
    login(NameOrId::Name(IamAccount::default().user_name), Some(NameOrId::Name(IamAccount::default().domain_name)))
}

fn metadata() -> CredentialsSource {
    CredentialsSource::Metadata { searched: vec!["the environment of this test".to_owned()] }
}

fn agency() -> Agency {
    let IamAccount { agency, domain_name, .. } = IamAccount::default();
    Agency { name: agency, domain: NameOrId::Name(domain_name), duration: None, origin: "this test".to_owned() }
}

fn assuming(config: Config, agency: Agency) -> Config {
    let credentials = config.credentials.map(|credentials| Credentials { agency: Some(agency), ..credentials });
    Config { credentials, ..config }
}

async fn open(client: &Client) -> Result<Project, Error> {
    client.open((None, None), Instant::now() + Duration::from_secs(20), &CancellationToken::new()).await
}

/// Opens the project and lists its queues.
async fn call(client: &Client) -> Result<Project, Error> {
    let project = open(client).await?;
    project.list_queues().await?;
    Ok(project)
}

/// The requested operations, each with the description of its caller.
fn requested(emulator: &Emulator) -> Vec<(String, String)> {
    let requests = emulator.requests().into_iter();
    let caller = |caller: Option<terraform_provider_dli::emulator::Caller>| match caller {
        None => String::new(),
        // The ID of a temporary key is random.
        Some(caller) => {
            caller.to_string().split(' ').filter(|word| !word.starts_with("HST")).collect::<Vec<_>>().join(" ")
        }
    };
    requests.map(|request| (request.operation.unwrap_or_default().to_owned(), caller(request.caller))).collect()
}

fn operations(emulator: &Emulator) -> Vec<String> {
    requested(emulator).into_iter().map(|(operation, _)| operation).collect()
}
