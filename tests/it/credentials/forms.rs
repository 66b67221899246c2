//! Each credentials source alone and with an agency: the requests, and the caller that the service sees.

use terraform_provider_dli::client::{AccessKey, Client, Config, CredentialsSource, NameOrId};
use terraform_provider_dli::emulator::{ACCESS_KEY, Fault, IamAccount, Metadata, SECRET_KEY, Settings};

use super::{agency, assuming, call, config, key, login, metadata, named_login, operations, requested, start};

/// Requires these requests with these callers for two calls.
async fn expect(
    settings: Settings,
    configure: impl FnOnce(Config) -> Config,
    source: CredentialsSource,
    expected: &[(&str, &str)],
) {
    let emulator = start(settings).await;
    let shown = format!("{source:?}");
    let client = Client::new(configure(config(&emulator, source))).expect("a valid configuration");
    for _ in 0..2 {
        call(&client).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
    }
    // The second call reuses the credentials of the first.
    let last = *expected.last().expect("the call itself");
    let expected: Vec<_> = expected.iter().copied().chain([last]).collect();
    let requested = requested(&emulator);
    let requested: Vec<_> = requested.iter().map(|(operation, caller)| (operation.as_str(), caller.as_str())).collect();
    assert_eq!(requested, expected, "{shown}");
    emulator.stop().await;
}

const BY_PASSWORD: (&str, &str) = ("KeystoneCreateUserTokenByPassword", "password of user terraform");
const SESSION: (&str, &str) = ("MetadataToken", "");
const MACHINE_KEY: (&str, &str) = ("MetadataSecurityKey", "");

#[tokio::test]
async fn each_credentials_source() {
    let unchanged = |config| config;
    let default = Settings::default;
    expect(default(), unchanged, key(), &[("ListQueues", "access key emulator of user terraform")]).await;

    let temporary = Settings { security_token: Some("a-token".into()), ..default() };
    let source = AccessKey { id: ACCESS_KEY.into(), secret: SECRET_KEY.into(), security_token: Some("a-token".into()) };
    expect(
        temporary,
        unchanged,
        CredentialsSource::Key(source),
        &[("ListQueues", "temporary key emulator of user terraform")],
    )
    .await;

    let iam_account = IamAccount::default();
    let users = [
        (NameOrId::Name(iam_account.user_name.clone()), Some(NameOrId::Name(iam_account.domain_name))),
        (NameOrId::Name(iam_account.user_name), Some(NameOrId::Id(iam_account.domain_id))),
        (NameOrId::Id(iam_account.user_id), None),
    ];
    for (user, domain) in users {
        let expected = [BY_PASSWORD, ("ListQueues", "token of user terraform")];
        expect(default(), unchanged, login(user, domain), &expected).await;
    }

    let expected = [SESSION, MACHINE_KEY, ("ListQueues", "temporary key of agency ecs-agency")];
    expect(default(), unchanged, metadata(), &expected).await;
    expect(Settings { metadata: Metadata::V1, ..default() }, unchanged, metadata(), &expected).await;
}

#[tokio::test]
async fn each_credentials_source_with_an_agency() {
    let as_agency = |config| assuming(config, agency());
    let assumes = |caller| ("CreateTemporaryAccessKeyByAgency", caller);
    let acts = ("ListQueues", "temporary key of agency dli-agency");
    let key_expected = [assumes("access key emulator of user terraform"), acts];
    expect(Settings::default(), as_agency, key(), &key_expected).await;
    let password_expected = [BY_PASSWORD, assumes("token of user terraform"), acts];
    expect(Settings::default(), as_agency, named_login(), &password_expected).await;
    let machine_expected = [SESSION, MACHINE_KEY, assumes("temporary key of agency ecs-agency"), acts];
    expect(Settings::default(), as_agency, metadata(), &machine_expected).await;
}

/// The project named like the region, or the configured project name. It is looked up once.
#[tokio::test]
async fn project_is_found_by_name() {
    let by_region = |config: Config| Config { project_id: None, ..config };
    let finds = ("KeystoneListProjects", "access key emulator of user terraform");
    let acts = ("ListQueues", "access key emulator of user terraform");
    expect(Settings::default(), by_region, key(), &[finds, acts]).await;

    let by_name = |config: Config| Config {
        region: Some("another-1".into()),
        project_name: Some("emulated".into()),
        ..by_region(config)
    };
    expect(Settings::default(), by_name, key(), &[finds, acts]).await;

    // A domain token finds the project, and a project token is used for the call.
    let finds = ("KeystoneListProjects", "token of user terraform");
    let acts = ("ListQueues", "token of user terraform");
    expect(Settings::default(), by_region, named_login(), &[BY_PASSWORD, finds, BY_PASSWORD, acts]).await;
    // The agency has other projects than the user who assumes it.
    let as_agency = |config| assuming(by_region(config), agency());
    let assumes = ("CreateTemporaryAccessKeyByAgency", "access key emulator of user terraform");
    let finds = ("KeystoneListProjects", "temporary key of agency dli-agency");
    let acts = ("ListQueues", "temporary key of agency dli-agency");
    expect(Settings::default(), as_agency, key(), &[assumes, finds, acts]).await;
}

/// A user with permissions in one project only may not get a domain token or list the projects.
#[tokio::test]
async fn project_is_found_with_a_project_token() {
    const LOGIN: &str = "KeystoneCreateUserTokenByPassword";
    let no_list = Fault::refuse("KeystoneListProjects", 403, "403", "You are not authorized to perform the action.");
    let no_account = Fault::refuse(LOGIN, 401, "401", "The request you have made requires authentication.");
    let cases = [
        (no_list, vec![LOGIN, "KeystoneListProjects", LOGIN, "ListQueues", "ListQueues"]),
        (no_account.containing("\"scope\":{\"domain\""), vec![LOGIN, LOGIN, "ListQueues", "ListQueues"]),
    ];
    for (fault, expected) in cases {
        let emulator = start(Settings::default()).await;
        emulator.inject(fault).expect("a valid fault");
        let by_region = Config { project_id: None, ..config(&emulator, named_login()) };
        let client = Client::new(by_region).expect("a valid configuration");
        for _ in 0..2 {
            let project = call(&client).await.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(project.id(), super::PROJECT);
        }
        // The token that contains the project ID is reused.
        assert_eq!(operations(&emulator), expected);
        emulator.stop().await;
    }
}

/// If that fails too, the first error is reported.
#[tokio::test]
async fn failed_project_lookup_reports_the_first_error() {
    let emulator = start(Settings::default()).await;
    let no_list = Fault::refuse("KeystoneListProjects", 403, "403", "You are not authorized to perform the action.");
    emulator.inject(no_list).expect("a valid fault");
    let elsewhere = Config { project_id: None, region: Some("another-1".into()), ..config(&emulator, named_login()) };
    let error = call(&Client::new(elsewhere).expect("a valid configuration")).await.expect_err("an unknown project");
    assert!(error.to_string().contains("You are not authorized to perform the action."), "{error}");
    emulator.stop().await;
}

/// The provider does not exchange a configured token.
#[tokio::test]
async fn configured_token_is_used_unchanged() {
    let emulator = start(Settings::default()).await;
    let IamAccount { user_name, password, domain_name, .. } = IamAccount::default();
    let body = serde_json::json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user":
            {"name": user_name, "password": password, "domain": {"name": domain_name}}}},
        "scope": {"project": {"name": super::REGION}},
    }});
    let request = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = request.post(format!("{}/v3/auth/tokens", emulator.endpoint())).body(body.to_string());
    let response = request.send().await.expect("a response");
    let token = response.headers()["x-subject-token"].to_str().expect("ASCII").to_owned();
    let client = Client::new(config(&emulator, CredentialsSource::Token(token.into()))).expect("a valid configuration");
    call(&client).await.expect("accepted credentials");
    let last = requested(&emulator).pop().expect("a request");
    assert_eq!(last, ("ListQueues".to_owned(), "token of user terraform".to_owned()));
    emulator.stop().await;
}
