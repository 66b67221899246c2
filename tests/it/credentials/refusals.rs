//! Errors for missing or rejected credentials: they name the credentials, their origin and the searched sources, and
//! never contain a secret.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use terraform_provider_dli::client::{
    AccessKey, Agency, Client, Config, CredentialsSource, Error, NameOrId, PasswordCredentials,
};
use terraform_provider_dli::emulator::{ACCESS_KEY, Fault, IamAccount, Metadata, SECRET_KEY, Settings};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{agency, assuming, call, config, key, metadata, named_login, operations, start};

async fn rejected(
    settings: Settings,
    configure: impl FnOnce(Config) -> Config,
    source: CredentialsSource,
) -> (Error, Vec<String>) {
    let emulator = start(settings).await;
    let client = Client::new(configure(config(&emulator, source))).expect("a valid configuration");
    let error = call(&client).await.expect_err("rejected credentials");
    assert!(!error.may_have_taken_effect() && !error.is_not_found());
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains("canary"), "{shown}");
    let requested = operations(&emulator);
    emulator.stop().await;
    (error, requested)
}

#[tokio::test]
async fn error_names_the_rejected_credentials() {
    let check = |error: &Error, credentials: &str| {
        let found = (error.status, error.credentials.as_deref());
        assert_eq!(found, (Some(StatusCode::UNAUTHORIZED), Some(credentials)), "{error}");
    };
    let unchanged = |config| config;
    let wrong = AccessKey { id: ACCESS_KEY.into(), secret: "canary-secret".into(), security_token: None };
    let (error, requested) = rejected(Settings::default(), unchanged, CredentialsSource::Key(wrong)).await;
    check(&error, "the access key emul… from this test");
    assert_eq!(requested, ["ListQueues"], "there is no other key");

    let (error, requested) =
        rejected(Settings::default(), unchanged, CredentialsSource::Token("canary-token".into())).await;
    check(&error, "the token from this test");
    assert_eq!(requested, ["ListQueues"]);

    let IamAccount { user_name, domain_name, .. } = IamAccount::default();
    let login = PasswordCredentials {
        user: NameOrId::Name(user_name),
        password: "canary-password".into(),
        domain: Some(NameOrId::Name(domain_name)),
    };
    let (error, requested) = rejected(Settings::default(), unchanged, CredentialsSource::Password(login)).await;
    check(&error, "the user \"terraform\" from this test");
    assert_eq!(requested, ["KeystoneCreateUserTokenByPassword"]);
    assert!(error.to_string().contains("The username or password is wrong"), "{error}");
}

/// IAM locks a user after a few wrong passwords, and a configuration has many resources.
#[tokio::test]
async fn rejected_password_is_not_retried() {
    let emulator = start(Settings::default()).await;
    let IamAccount { user_id, .. } = IamAccount::default();
    let login = PasswordCredentials { user: NameOrId::Id(user_id), password: "canary-password".into(), domain: None };
    let client = Client::new(config(&emulator, CredentialsSource::Password(login))).expect("a valid configuration");
    let text = call(&client).await.expect_err("rejected credentials").to_string();
    assert_eq!(call(&client).await.expect_err("rejected credentials").to_string(), text);
    assert_eq!(operations(&emulator), ["KeystoneCreateUserTokenByPassword"]);
    emulator.stop().await;
}

/// Eight resources in eight projects, each of which needs its own token.
#[tokio::test]
async fn rejected_password_is_not_used_for_others() {
    let emulator = start(Settings { latency: Duration::from_millis(20), ..Settings::default() }).await;
    let login = PasswordCredentials {
        user: NameOrId::Id(IamAccount::default().user_id),
        password: "canary-password".into(),
        domain: None,
    };
    let client = Client::new(config(&emulator, CredentialsSource::Password(login))).expect("a valid configuration");
    let calls = (0..8).map(|number| {
        let client = client.clone();
        async move {
            let (project, stop) = (number.to_string().repeat(32), CancellationToken::new());
            let deadline = Instant::now() + Duration::from_secs(20);
            client.open((None, Some(&project)), deadline, &stop).await.expect("a project ID").list_queues().await
        }
    });
    for outcome in join_all(calls).await {
        let error = outcome.expect_err("rejected credentials");
        assert!(error.to_string().contains("The username or password is wrong"), "{error}");
    }
    assert_eq!(operations(&emulator), ["KeystoneCreateUserTokenByPassword"]);
    emulator.stop().await;
}

/// The password changes during the run. An error with another cause does not reject the password.
#[tokio::test]
async fn rejected_renewal_is_not_retried() {
    const LOGIN: &str = "KeystoneCreateUserTokenByPassword";
    for (words, logins) in [("The username or password is wrong.", 2), ("Service unavailable.", 4)] {
        let emulator = start(Settings::default()).await;
        let client = Client::new(config(&emulator, named_login())).expect("a valid configuration");
        call(&client).await.expect("accepted credentials");
        emulator.revoke_credentials();
        emulator.inject(Fault::refuse(LOGIN, 401, "401", words)).expect("a valid fault");
        for project in ["1", "2", "3"] {
            let (project, stop) = (project.repeat(32), CancellationToken::new());
            let location = (None, Some(project.as_str()));
            let project =
                client.open(location, Instant::now() + Duration::from_secs(20), &stop).await.expect("a project");
            project.list_queues().await.expect_err("a missing token");
        }
        let requested = operations(&emulator);
        assert_eq!(requested.iter().filter(|operation| *operation == LOGIN).count(), logins, "{requested:?}");
        emulator.stop().await;
    }
}

/// The gateway locks a key after five rejected signatures, and a configuration has many connections.
#[tokio::test]
async fn rejected_key_is_not_retried() {
    let wrong = |id: &str, secret: &str| {
        CredentialsSource::Key(AccessKey { id: id.to_owned(), secret: secret.into(), security_token: None })
    };
    for source in [wrong(ACCESS_KEY, "canary-secret"), wrong("AKANOTHER", SECRET_KEY)] {
        let emulator = start(Settings { latency: Duration::from_millis(20), ..Settings::default() }).await;
        let client = Client::new(config(&emulator, source)).expect("a valid configuration");
        for round in 0..2 {
            for outcome in join_all((0..20).map(|_| call(&client))).await {
                let error = outcome.expect_err("rejected credentials");
                assert_eq!(error.status, Some(StatusCode::UNAUTHORIZED), "{round} {error}");
            }
        }
        assert_eq!(operations(&emulator), ["ListQueues"]);
        emulator.stop().await;
    }
}

/// A key stays in use if it was accepted before, or if the error has another cause.
#[tokio::test]
async fn accepted_key_is_retried_after_an_error() {
    let emulator = start(Settings::default()).await;
    let client = Client::new(config(&emulator, key())).expect("a valid configuration");
    let refuse = |words: &str| {
        emulator.inject(Fault::refuse("ListQueues", 401, "APIGW.0301", words).times(2)).expect("a valid fault");
    };
    for words in ["the project is frozen", "verify aksk signature fail"] {
        refuse(words);
        for _ in 0..2 {
            call(&client).await.expect_err("rejected credentials");
        }
        call(&client).await.expect("accepted credentials");
    }
    emulator.stop().await;
}

#[tokio::test]
async fn missing_agency_is_named() {
    let as_agency = |config| assuming(config, Agency { name: "nobody".into(), ..agency() });
    let (error, requested) = rejected(Settings::default(), as_agency, key()).await;
    assert_eq!(
        error.to_string().split(" (request id").next(),
        Some("CreateTemporaryAccessKeyByAgency: HTTP 404 Not Found: Could not find agency: nobody.")
    );
    assert_eq!(requested, ["CreateTemporaryAccessKeyByAgency"]);
}

#[tokio::test]
async fn missing_or_ambiguous_project_is_named() {
    let named = |config: Config| Config { project_id: None, region: Some("cn-north-4".into()), ..config };
    let (error, _) = rejected(Settings::default(), named, key()).await;
    assert_eq!(
        error.to_string(),
        "IAM has no project named \"cn-north-4\" that the access key emul… from this test can see. By default, the \
         provider uses the project named after the region. Set project_id or project_name"
    );
    let projects = ["a1", "b2"].map(|id| ("cn-north-4".to_owned(), id.to_owned())).to_vec();
    let twice = Settings { iam_account: IamAccount { projects, ..IamAccount::default() }, ..Settings::default() };
    let (error, _) = rejected(twice, named, key()).await;
    let text = error.to_string();
    assert!(text.contains("2 projects named \"cn-north-4\"") && text.contains("a1") && text.contains("b2"), "{text}");
}

/// With a local DLI endpoint, the client does not use the cloud's IAM endpoint, so no password is sent there.
#[tokio::test]
async fn local_endpoint_does_not_use_the_clouds_iam() {
    let without = |config: Config| Config { identity_endpoint: None, ..config };
    let (error, requested) = rejected(Settings::default(), without, named_login()).await;
    let text = error.to_string();
    for part in ["to log in as the user \"terraform\" from this test", "endpoints.iam", "http://127.0.0.1:"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(requested, Vec::<String>::new());
    let unnamed = |config: Config| Config { project_id: None, ..without(config) };
    let (error, _) = rejected(Settings::default(), unnamed, key()).await;
    assert!(error.to_string().contains("to find the project \"emulated\""), "{error}");
}

#[tokio::test]
async fn missing_credentials_error_lists_the_sources() {
    let cases = [
        (Metadata::Absent, "HTTP 404 Not Found", vec!["MetadataToken", "MetadataSecurityKey"]),
        (
            Metadata::NoAgency,
            "Please configure Cloud Service Agency first",
            vec!["MetadataToken", "MetadataSecurityKey"],
        ),
    ];
    for (kind, words, expected) in cases {
        let emulator = start(Settings { metadata: kind, ..Settings::default() }).await;
        let client = Client::new(config(&emulator, metadata())).expect("a valid configuration");
        assert!(!client.has_credentials().await);
        let text = call(&client).await.expect_err("missing credentials").to_string();
        assert!(text.starts_with("no credentials were found; these sources were searched, in this order:\n"), "{text}");
        assert!(
            text.contains("\n  - the environment of this test\n  - the metadata service of this machine (ECS, "),
            "{text}"
        );
        assert!(text.contains(words), "{text}");
        assert_eq!(operations(&emulator), expected, "the metadata service is queried once");
        emulator.stop().await;
    }

    let emulator = start(Settings::default()).await;
    let silent = Config { metadata_endpoint: None, region: None, project_id: None, ..config(&emulator, metadata()) };
    let text =
        call(&Client::new(silent).expect("a valid configuration")).await.expect_err("missing credentials").to_string();
    assert!(
        text.starts_with("no project is configured") && text.contains("not queried, because endpoints.dli"),
        "{text}"
    );
    assert_eq!(operations(&emulator), Vec::<String>::new());
    emulator.stop().await;
}
