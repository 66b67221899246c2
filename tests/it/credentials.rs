//! The client against the emulator's identity and metadata services: each form of credentials alone, what is asked how
//! often, and what a person is told where it is refused. What was used is read from what the emulator received.

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

/// The project that the emulator's identity service knows, by the name of its region.
const REGION: &str = "emulated";
const PROJECT: &str = "0123456789abcdef0123456789abcdef";

async fn start(settings: Settings) -> Emulator {
    Emulator::start(SocketAddr::from(([127, 0, 0, 1], 0)), settings).await.expect("there is a free port")
}

/// Such credentials for this emulator, with the project's id.
fn config(emulator: &Emulator, form: CredentialsSource) -> Config {
    let endpoint = Some(emulator.endpoint());
    Config {
        credentials: Some(Credentials::new(form, "this test")),
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
    CredentialsSource::Metadata { searched: vec!["the pockets of this test".to_owned()] }
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

/// Opens the project and asks for the queues there.
async fn call(client: &Client) -> Result<Project, Error> {
    let project = open(client).await?;
    project.list_queues().await?;
    Ok(project)
}

/// The operations that the emulator was asked for, with the words for who did.
fn asked(emulator: &Emulator) -> Vec<(String, String)> {
    let requests = emulator.requests().into_iter();
    let caller = |caller: Option<terraform_provider_dli::emulator::Caller>| match caller {
        None => String::new(),
        // The name of a temporary key is another one each time.
        Some(caller) => {
            caller.to_string().split(' ').filter(|word| !word.starts_with("HST")).collect::<Vec<_>>().join(" ")
        }
    };
    requests.map(|request| (request.operation.unwrap_or_default().to_owned(), caller(request.caller))).collect()
}

fn operations(emulator: &Emulator) -> Vec<String> {
    asked(emulator).into_iter().map(|(operation, _)| operation).collect()
}
