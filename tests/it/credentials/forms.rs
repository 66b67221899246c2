//! Each form alone, and with an agency on top of it: which requests it takes, and as whom the service sees it.

use terraform_provider_dli::client::{AccessKey, Client, Config, CredentialsSource, NameOrId};
use terraform_provider_dli::emulator::{ACCESS_KEY, Fault, IamAccount, Metadata, SECRET_KEY, Settings};

use super::{agency, asked, assuming, call, config, key, login, metadata, named_login, operations, start};

/// The expected requests, and who makes them.
async fn expect(
    settings: Settings,
    make: impl FnOnce(Config) -> Config,
    form: CredentialsSource,
    expected: &[(&str, &str)],
) {
    let emulator = start(settings).await;
    let shown = format!("{form:?}");
    let client = Client::new(make(config(&emulator, form))).expect("in order");
    for _ in 0..2 {
        call(&client).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
    }
    // Whatever was got for the first call serves the second.
    let last = *expected.last().expect("the call itself");
    let expected: Vec<_> = expected.iter().copied().chain([last]).collect();
    let asked = asked(&emulator);
    let asked: Vec<_> = asked.iter().map(|(operation, caller)| (operation.as_str(), caller.as_str())).collect();
    assert_eq!(asked, expected, "{shown}");
    emulator.stop().await;
}

const BY_PASSWORD: (&str, &str) = ("KeystoneCreateUserTokenByPassword", "password of user terraform");
const SESSION: (&str, &str) = ("MetadataToken", "");
const MACHINE_KEY: (&str, &str) = ("MetadataSecurityKey", "");

#[tokio::test]
async fn each_form_alone() {
    let plain = |config| config;
    let default = Settings::default;
    expect(default(), plain, key(), &[("ListQueues", "access key emulator of user terraform")]).await;

    let temporary = Settings { security_token: Some("a-token".into()), ..default() };
    let form = AccessKey { id: ACCESS_KEY.into(), secret: SECRET_KEY.into(), security_token: Some("a-token".into()) };
    expect(
        temporary,
        plain,
        CredentialsSource::Key(form),
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
        expect(default(), plain, login(user, domain), &expected).await;
    }

    let expected = [SESSION, MACHINE_KEY, ("ListQueues", "temporary key of agency ecs-agency")];
    expect(default(), plain, metadata(), &expected).await;
    expect(Settings { metadata: Metadata::V1, ..default() }, plain, metadata(), &expected).await;
}

#[tokio::test]
async fn each_form_with_an_agency() {
    let acting = |config| assuming(config, agency());
    let assumes = |caller| ("CreateTemporaryAccessKeyByAgency", caller);
    let acts = ("ListQueues", "temporary key of agency dli-agency");
    let key_expected = [assumes("access key emulator of user terraform"), acts];
    expect(Settings::default(), acting, key(), &key_expected).await;
    let password_expected = [BY_PASSWORD, assumes("token of user terraform"), acts];
    expect(Settings::default(), acting, named_login(), &password_expected).await;
    let machine_expected = [SESSION, MACHINE_KEY, assumes("temporary key of agency ecs-agency"), acts];
    expect(Settings::default(), acting, metadata(), &machine_expected).await;
}

/// The account's own project of the region's name, or of the name that is given: asked for once.
#[tokio::test]
async fn a_project_is_found_by_its_name() {
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

    // A token for the account finds it, a token for the project acts in it.
    let finds = ("KeystoneListProjects", "token of user terraform");
    let acts = ("ListQueues", "token of user terraform");
    expect(Settings::default(), by_region, named_login(), &[BY_PASSWORD, finds, BY_PASSWORD, acts]).await;
    // The agency's projects are not those of whoever assumes it.
    let acting = |config| assuming(by_region(config), agency());
    let assumes = ("CreateTemporaryAccessKeyByAgency", "access key emulator of user terraform");
    let finds = ("KeystoneListProjects", "temporary key of agency dli-agency");
    let acts = ("ListQueues", "temporary key of agency dli-agency");
    expect(Settings::default(), acting, key(), &[assumes, finds, acts]).await;
}

/// A user who has rights in one project only may see neither the account nor its list of projects.
#[tokio::test]
async fn a_project_is_found_by_logging_in_to_it() {
    const LOGIN: &str = "KeystoneCreateUserTokenByPassword";
    let no_list = Fault::refuse("KeystoneListProjects", 403, "403", "You are not authorized to perform the action.");
    let no_account = Fault::refuse(LOGIN, 401, "401", "The request you have made requires authentication.");
    let cases = [
        (no_list, vec![LOGIN, "KeystoneListProjects", LOGIN, "ListQueues", "ListQueues"]),
        (no_account.containing("\"scope\":{\"domain\""), vec![LOGIN, LOGIN, "ListQueues", "ListQueues"]),
    ];
    for (fault, expected) in cases {
        let emulator = start(Settings::default()).await;
        emulator.inject(fault).expect("it can happen");
        let by_region = Config { project_id: None, ..config(&emulator, named_login()) };
        let client = Client::new(by_region).expect("in order");
        for _ in 0..2 {
            let project = call(&client).await.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(project.id(), super::PROJECT);
        }
        // The token that told the id is the one that is used.
        assert_eq!(operations(&emulator), expected);
        emulator.stop().await;
    }
}

/// Where that is of no help either, the first refusal is what is told.
#[tokio::test]
async fn a_project_that_cannot_be_logged_in_to_is_refused_as_the_list_was() {
    let emulator = start(Settings::default()).await;
    let no_list = Fault::refuse("KeystoneListProjects", 403, "403", "You are not authorized to perform the action.");
    emulator.inject(no_list).expect("it can happen");
    let elsewhere = Config { project_id: None, region: Some("another-1".into()), ..config(&emulator, named_login()) };
    let error = call(&Client::new(elsewhere).expect("in order")).await.expect_err("there is no such project");
    assert!(error.to_string().contains("You are not authorized to perform the action."), "{error}");
    emulator.stop().await;
}

/// A token that somebody else has got.
#[tokio::test]
async fn a_token_is_used_as_it_is() {
    let emulator = start(Settings::default()).await;
    let IamAccount { user_name, password, domain_name, .. } = IamAccount::default();
    let body = serde_json::json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user":
            {"name": user_name, "password": password, "domain": {"name": domain_name}}}},
        "scope": {"project": {"name": super::REGION}},
    }});
    let request = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = request.post(format!("{}/v3/auth/tokens", emulator.endpoint())).body(body.to_string());
    let answer = request.send().await.expect("it is there");
    let token = answer.headers()["x-subject-token"].to_str().expect("ASCII").to_owned();
    let client = Client::new(config(&emulator, CredentialsSource::Token(token.into()))).expect("in order");
    call(&client).await.expect("it is good");
    let last = asked(&emulator).pop().expect("one was sent");
    assert_eq!(last, ("ListQueues".to_owned(), "token of user terraform".to_owned()));
    emulator.stop().await;
}
