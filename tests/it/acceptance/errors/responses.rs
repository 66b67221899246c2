//! Error responses of the service, the gateway and IAM: each example of the error catalog, returned by the emulator.

use std::collections::BTreeMap;

use terraform_provider_dli::dli::error_catalog::{Example, KNOWN_ERRORS};
use terraform_provider_dli::dli::wire::CreateConnection;
use terraform_provider_dli::emulator::{ACCESS_KEY, Fault, FaultKind, IamAccount, SECRET_KEY};

use super::{expect_texts, in_color, label, of, printed_messages};
use crate::acceptance::connection::connection;
use crate::acceptance::harness::{Cloud, Finished, PROJECT, Workspace, for_one_terraform};

const CREATE: &str = "CreateEnhancedConnection";
const ADD_ROUTE: &str = "CreateRouteToEnhancedConnection";

/// Errors of token authentication only; the service does not return them for a signed request.
const TOKEN_ERRORS: [&str; 4] = ["APIGW.0301-token", "APIGW.0307", "DLI.0015", "DLI.0016"];

/// Errors of route creation only.
const ROUTE_ERRORS: [&str; 3] = ["DLI.0001-not-there", "DLI.0006-route", "DLI.0009"];

/// The fault that makes the emulator return this example, with the key or name of the request.
fn fault(operation: &str, Example { status, code, message, .. }: Example, name: &str) -> Fault {
    let message = message.replace("AKEXAMPLE", ACCESS_KEY);
    let message = message.replace("Connection test", &format!("Connection {}", label(name)));
    match status {
        200 => Fault::new(operation, FaultKind::FailSoftly { text: message }),
        _ => Fault::refuse(operation, status, code, message),
    }
}

/// Whether the provider retries this response until the time limit.
fn is_repeated(Example { status, code, .. }: Example) -> bool {
    status >= 500 || status == 429 || ["DLI.0019", "DLI.0999", "APIGW.0103"].contains(&code)
}

/// Credentials that require an IAM request, and the IAM operation.
fn iam_credentials(name: &str) -> (String, &'static str) {
    let IamAccount { user_name, password, domain_name, agency, .. } = IamAccount::default();
    match name {
        "IAM-password" => (
            format!("  user_name = {user_name:?}\n  password = {password:?}\n  domain_name = {domain_name:?}"),
            "KeystoneCreateUserTokenByPassword",
        ),
        _ => (
            format!(
                "  access_key = {ACCESS_KEY:?}\n  secret_key = {SECRET_KEY:?}\n  assume_role {{\n    \
                agency_name = {agency:?}\n    \
                 domain_name = {domain_name:?}\n  }}"
            ),
            "CreateTemporaryAccessKeyByAgency",
        ),
    }
}

/// A connection named after the example.
fn named(name: &str) -> String {
    let label = label(name);
    let bare = connection("").replace("\"test\" {", &format!("{label:?} {{"));
    bare.replace("= \"test\"", &format!("= {label:?}")).trim_start().to_owned()
}

/// This error changes the clock offset of the whole process, so it needs a process of its own.
const CLOCK: &str = "APIGW.0301-clock";

/// Replaces values that vary between runs.
fn normalized(cloud: &Cloud, text: &str) -> String {
    let mut text = text.to_owned();
    let times: Vec<usize> = text.match_indices("time:20").map(|(at, _)| at + "time:".len()).collect();
    for (at, time) in times.into_iter().zip(["20260101T000000Z", "20260101T010000Z"]) {
        text.replace_range(at..at + time.len(), time);
    }
    for request in cloud.requests() {
        text = text.replace(&request.request_id, &"0".repeat(request.request_id.len()));
    }
    for connection in cloud.connections() {
        text = text.replace(&connection.id, "2a620c33-5609-40c9-affd-2b6453071b0f");
    }
    text
}

#[track_caller]
fn texts<'a>(
    cloud: &Cloud,
    applied: &Finished,
    of_what: impl Iterator<Item = (&'a str, String)>,
) -> BTreeMap<String, String> {
    let printed_messages = printed_messages(applied);
    of_what
        .map(|(name, address)| (name.to_owned(), normalized(cloud, &of(&printed_messages, &address, applied))))
        .collect()
}

/// Separate applies for permanent errors, token errors, retried errors and route errors.
#[test]
fn error_responses_match_golden_files() {
    let examples = || {
        let all = KNOWN_ERRORS.iter().filter_map(|trouble| Some((trouble.name, trouble.example?)));
        all.filter(|(_, example)| !example.call.is_identity())
    };
    let of_tokens = || examples().filter(|(name, _)| TOKEN_ERRORS.contains(name));
    let at_once = || {
        let own = |name| name == CLOCK || TOKEN_ERRORS.contains(&name) || ROUTE_ERRORS.contains(&name);
        examples().filter(move |(name, example)| !is_repeated(*example) && !own(*name))
    };
    let of_routes = || examples().filter(|(name, example)| is_repeated(*example) || ROUTE_ERRORS.contains(name));
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = in_color(cloud.workspace_with(terraform, "plan_checks = false"));
        let create = |workspace: &Workspace, name: &str, example| {
            workspace.write(&format!("{name}.tf"), &named(name));
            let fault = fault(CREATE, example, name).containing(format!("{:?}", label(name)));
            cloud.emulator().inject(fault).expect("a valid fault");
        };
        at_once().for_each(|(name, example)| create(&workspace, name, example));
        let applied = workspace.run(&["apply", "-auto-approve", "-parallelism=50"]).expect_code(1);
        let address = |(name, _): (&'static str, _)| (name, format!("dli_enhanced_connection.{}", label(name)));
        let mut all = texts(&cloud, &applied, at_once().map(address));
        let workspace = in_color(cloud.workspace_with(terraform, "plan_checks = false"));
        let clock = examples().filter(|(name, _)| *name == CLOCK);
        clock.clone().for_each(|(name, example)| create(&workspace, name, example));
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        all.extend(texts(&cloud, &applied, clock.map(address)));
        let token = format!("plan_checks = false\n  token = {:?}", cloud.token());
        let workspace = in_color(cloud.workspace_with(terraform, &token));
        of_tokens().for_each(|(name, example)| create(&workspace, name, example));
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        all.extend(texts(&cloud, &applied, of_tokens().map(address)));
        cloud.expect_empty();

        // Throttling affects the whole process, so each example has its own.
        let id = cloud.edit(|account| account.create(request()));
        for (name, example) in of_routes() {
            let workspace = in_color(cloud.workspace_with(terraform, "plan_checks = false"));
            let label = label(name);
            workspace.write(
                &format!("{name}.tf"),
                &format!(
                    "resource \"dli_enhanced_connection_route\" {label:?} {{\n  connection_id = {id:?}\n  \
                    name          = \
                     {label:?}\n  cidr          = \"192.168.2.0/24\"\n  timeouts {{\n    create = \"3s\"\n  }}\n}}\n"
                ),
            );
            let fault = fault(ADD_ROUTE, example, name).containing(format!("{label:?}"));
            cloud.emulator().inject(fault).expect("a valid fault");
            let address = format!("dli_enhanced_connection_route.{label}");
            let apply = || {
                let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
                texts(&cloud, &applied, std::iter::once((name, address.clone())))
            };
            // A random delay can put the last attempt across the time limit. That text has a test of its own.
            let mut found = apply();
            for _ in 0..4 {
                if found[name].starts_with("Error: Timed Out: ") {
                    found = apply();
                }
            }
            all.extend(found);
        }
        expect_texts(&all);
    });
}

/// The provider has no resource for a queue, so the advice is not to apply.
#[test]
fn missing_queue_of_a_test_matches_golden_file() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = in_color(cloud.workspace(terraform));
        let test = "data \"dli_connectivity\" \"it\" {\n  queue   = \"missing\"\n  address = \"db:3306\"\n}\n";
        workspace.write("queue-not-found.tf", test);
        let planned = workspace.run(&["plan"]).expect_code(1);
        let address = "data.dli_connectivity.it".to_owned();
        expect_texts(&texts(&cloud, &planned, std::iter::once(("queue-not-found", address))));
    });
}

/// IAM rejects the request before anything is sent to the service.
#[test]
fn iam_error_responses_match_golden_files() {
    let examples = KNOWN_ERRORS.iter().filter_map(|trouble| Some((trouble.name, trouble.example?)));
    for_one_terraform(|terraform| {
        let mut all = BTreeMap::new();
        for (name, example) in examples.clone().filter(|(_, example)| example.call.is_identity()) {
            let cloud = Cloud::start();
            let endpoint = cloud.emulator().endpoint();
            let (who, operation) = iam_credentials(name);
            let workspace = in_color(Workspace::new(terraform).with_provider(&format!(
                "provider \"dli\" {{\n  region = \"emulated\"\n  project_id = {PROJECT:?}\n  \
                plan_checks = false\n  endpoints = {{ \
                 dli = {endpoint:?}, iam = {endpoint:?} }}\n{who}\n}}\n"
            )));
            workspace.write(&format!("{name}.tf"), &named(name));
            cloud.emulator().inject(fault(operation, example, name)).expect("a valid fault");
            let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
            let address = format!("dli_enhanced_connection.{}", label(name));
            all.extend(texts(&cloud, &applied, std::iter::once((name, address))));
            cloud.expect_empty();
        }
        expect_texts(&all);
    });
}

fn request() -> CreateConnection {
    CreateConnection {
        name: "test".into(),
        dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".into(),
        dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".into(),
        ..CreateConnection::default()
    }
}

/// Errors of plan checks: a permission error is a warning, because the apply may be allowed; rejected credentials are
/// an error.
#[test]
fn plan_check_errors_match_golden_files() {
    let of =
        |wanted: &str| KNOWN_ERRORS.iter().find(|trouble| trouble.name == wanted).and_then(|trouble| trouble.example);
    for_one_terraform(|terraform| {
        let mut all = BTreeMap::new();
        for (name, row, code) in [("plan-401", "APIGW.0301-wrong-secret", 1), ("plan-403", "IAM.0003", 0)] {
            let cloud = Cloud::start();
            let Example { status, code: error, message, .. } = of(row).expect("a response");
            let message = message.replace("edsconnection:create", "edsconnection:list");
            let refused = Fault::refuse("ListEnhancedConnections", status, error, message);
            cloud.emulator().inject(refused).expect("a valid fault");
            let workspace = in_color(cloud.workspace(terraform));
            workspace.configure(&connection(""));
            let planned = workspace.run(&["plan"]).expect_code(code);
            let printed_messages = super::printed_messages(&planned);
            all.insert(
                name.to_owned(),
                normalized(&cloud, &super::of(&printed_messages, "dli_enhanced_connection.test", &planned)),
            );
        }
        expect_texts(&all);
    });
}
