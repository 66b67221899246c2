//! Credentials are cached for all calls, and renewed once after a rejection.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use terraform_provider_dli::client::{Client, Config, CredentialsSource};
use terraform_provider_dli::emulator::{Fault, Settings};

use super::{agency, assuming, call, config, key, metadata, named_login, operations, requested, start};

fn count(requested: &[String], operation: &str) -> usize {
    requested.iter().filter(|one| *one == operation).count()
}

#[tokio::test]
async fn concurrent_first_calls_share_credentials() {
    let emulator = start(Settings { latency: Duration::from_millis(20), ..Settings::default() }).await;
    let config = assuming(Config { project_id: None, ..config(&emulator, named_login()) }, agency());
    let client = Client::new(config).expect("a valid configuration");
    for done in join_all((0..50).map(|_| call(&client))).await {
        done.unwrap_or_else(|error| panic!("{error}"));
    }
    let requested = operations(&emulator);
    for once in ["KeystoneCreateUserTokenByPassword", "CreateTemporaryAccessKeyByAgency", "KeystoneListProjects"] {
        assert_eq!(count(&requested, once), 1, "{requested:?}");
    }
    assert_eq!(count(&requested, "ListQueues"), 50);
    emulator.stop().await;
}

#[tokio::test]
async fn revoked_credentials_are_renewed_at_each_step() {
    let token = ["KeystoneCreateUserTokenByPassword"];
    let agency_of = |base: &[&'static str]| [base, &["CreateTemporaryAccessKeyByAgency"]].concat();
    let machine = ["MetadataToken", "MetadataSecurityKey"];
    let cases: [(CredentialsSource, bool, Vec<&str>); 5] = [
        (named_login(), false, token.to_vec()),
        (metadata(), false, machine.to_vec()),
        (key(), true, agency_of(&[])),
        // The token is revoked too, which shows when it is used to assume the agency.
        (named_login(), true, [&["CreateTemporaryAccessKeyByAgency"][..], &agency_of(&token)].concat()),
        (metadata(), true, [&["CreateTemporaryAccessKeyByAgency"][..], &agency_of(&machine)].concat()),
    ];
    for (form, uses_agency, renewal) in cases {
        let emulator = start(Settings::default()).await;
        let config = config(&emulator, form);
        let client =
            Client::new(if uses_agency { assuming(config, agency()) } else { config }).expect("a valid configuration");
        let project = call(&client).await.expect("a first call");
        let before = requested(&emulator).len();
        emulator.revoke_credentials();
        let calls = join_all((0..20).map(|_| project.list_queues())).await;
        assert!(calls.iter().all(Result::is_ok), "{calls:?}");
        let requested: Vec<_> = operations(&emulator).split_off(before);
        let others: Vec<_> = requested.iter().filter(|operation| *operation != "ListQueues").collect();
        assert_eq!(others, renewal, "{requested:?}");
        // Each of the twenty calls is rejected at most once.
        assert!((21..=40).contains(&count(&requested, "ListQueues")), "{requested:?}");
        emulator.stop().await;
    }
}

/// Tokens that are expired when they are issued. The second rejection is reported instead of another renewal.
#[tokio::test]
async fn second_rejection_is_an_error() {
    let emulator = start(Settings::default()).await;
    emulator.set_credential_lifetime(Some(Duration::ZERO));
    let client = Client::new(config(&emulator, named_login())).expect("a valid configuration");
    let error = call(&client).await.expect_err("expired tokens");
    assert_eq!((error.status, error.code.as_deref()), (Some(StatusCode::UNAUTHORIZED), Some("APIGW.0301")));
    assert_eq!(error.credentials.as_deref(), Some("the user \"terraform\" from this test"));
    let token = "KeystoneCreateUserTokenByPassword";
    assert_eq!(operations(&emulator), [token, "ListQueues", token, "ListQueues"]);
    emulator.stop().await;
}

/// If the gateway rejects every token, the client renews the token once and not for each call.
#[tokio::test]
async fn lasting_rejection_renews_the_token_once() {
    let emulator = start(Settings::default()).await;
    let refused = Fault::refuse("ListQueues", 401, "APIGW.0301", "Incorrect IAM authentication information");
    emulator.inject(refused).expect("a valid fault");
    let client = Client::new(config(&emulator, named_login())).expect("a valid configuration");
    for _ in 0..3 {
        call(&client).await.expect_err("rejected credentials");
    }
    for outcome in join_all((0..20).map(|_| call(&client))).await {
        outcome.expect_err("rejected credentials");
    }
    assert_eq!(count(&operations(&emulator), "KeystoneCreateUserTokenByPassword"), 2);
    emulator.clear_faults();
    call(&client).await.expect("an accepted token");
    emulator.revoke_credentials();
    call(&client).await.expect("a renewed token");
    assert_eq!(count(&operations(&emulator), "KeystoneCreateUserTokenByPassword"), 3);
    emulator.stop().await;
}
