//! What is got once is kept, for however many calls; what is not believed any more is got anew, once.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use terraform_provider_dli::client::{Client, Config, CredentialsSource};
use terraform_provider_dli::emulator::{Fault, Settings};

use super::{agency, asked, assuming, call, config, key, metadata, named_login, operations, start};

fn count(asked: &[String], operation: &str) -> usize {
    asked.iter().filter(|one| *one == operation).count()
}

#[tokio::test]
async fn fifty_first_calls_at_once_ask_once() {
    let emulator = start(Settings { latency: Duration::from_millis(20), ..Settings::default() }).await;
    let config = assuming(Config { project_id: None, ..config(&emulator, named_login()) }, agency());
    let client = Client::new(config).expect("in order");
    for done in join_all((0..50).map(|_| call(&client))).await {
        done.unwrap_or_else(|error| panic!("{error}"));
    }
    let asked = operations(&emulator);
    for once in ["KeystoneCreateUserTokenByPassword", "CreateTemporaryAccessKeyByAgency", "KeystoneListProjects"] {
        assert_eq!(count(&asked, once), 1, "{asked:?}");
    }
    assert_eq!(count(&asked, "ListQueues"), 50);
    emulator.stop().await;
}

#[tokio::test]
async fn what_was_taken_back_is_got_anew_at_each_step() {
    let token = ["KeystoneCreateUserTokenByPassword"];
    let agency_of = |base: &[&'static str]| [base, &["CreateTemporaryAccessKeyByAgency"]].concat();
    let machine = ["MetadataToken", "MetadataSecurityKey"];
    let cases: [(CredentialsSource, bool, Vec<&str>); 5] = [
        (named_login(), false, token.to_vec()),
        (metadata(), false, machine.to_vec()),
        (key(), true, agency_of(&[])),
        // The token, too, is not believed any more, which shows when the agency is assumed with it.
        (named_login(), true, [&["CreateTemporaryAccessKeyByAgency"][..], &agency_of(&token)].concat()),
        (metadata(), true, [&["CreateTemporaryAccessKeyByAgency"][..], &agency_of(&machine)].concat()),
    ];
    for (form, is_acting, anew) in cases {
        let emulator = start(Settings::default()).await;
        let config = config(&emulator, form);
        let client = Client::new(if is_acting { assuming(config, agency()) } else { config }).expect("in order");
        let project = call(&client).await.expect("the first");
        let before = asked(&emulator).len();
        emulator.revoke_credentials();
        let calls = join_all((0..20).map(|_| project.list_queues())).await;
        assert!(calls.iter().all(Result::is_ok), "{calls:?}");
        let asked: Vec<_> = operations(&emulator).split_off(before);
        let others: Vec<_> = asked.iter().filter(|operation| *operation != "ListQueues").collect();
        assert_eq!(others, anew, "{asked:?}");
        // Each of the twenty is refused at most once.
        assert!((21..=40).contains(&count(&asked, "ListQueues")), "{asked:?}");
        emulator.stop().await;
    }
}

/// Tokens that end as they are given: the second refusal is told, and nothing goes round in circles.
#[tokio::test]
async fn a_second_refusal_is_told() {
    let emulator = start(Settings::default()).await;
    emulator.set_credential_lifetime(Some(Duration::ZERO));
    let client = Client::new(config(&emulator, named_login())).expect("in order");
    let error = call(&client).await.expect_err("no token is good");
    assert_eq!((error.status, error.code.as_deref()), (Some(StatusCode::UNAUTHORIZED), Some("APIGW.0301")));
    assert_eq!(error.credentials.as_deref(), Some("the user \"terraform\" from this test"));
    let token = "KeystoneCreateUserTokenByPassword";
    assert_eq!(operations(&emulator), [token, "ListQueues", token, "ListQueues"]);
    emulator.stop().await;
}

/// A gateway that believes nobody: another token is tried once, and not with every call.
#[tokio::test]
async fn a_lasting_refusal_takes_no_new_token_for_each_call() {
    let emulator = start(Settings::default()).await;
    let refused = Fault::refuse("ListQueues", 401, "APIGW.0301", "Incorrect IAM authentication information");
    emulator.inject(refused).expect("it can happen");
    let client = Client::new(config(&emulator, named_login())).expect("in order");
    for _ in 0..3 {
        call(&client).await.expect_err("nobody is believed");
    }
    for outcome in join_all((0..20).map(|_| call(&client))).await {
        outcome.expect_err("nobody is believed");
    }
    assert_eq!(count(&operations(&emulator), "KeystoneCreateUserTokenByPassword"), 2);
    emulator.clear_faults();
    call(&client).await.expect("the second token is good");
    emulator.revoke_credentials();
    call(&client).await.expect("it was believed, so that another one is got");
    assert_eq!(count(&operations(&emulator), "KeystoneCreateUserTokenByPassword"), 3);
    emulator.stop().await;
}
