//! The service, the gateway or the identity service says no: each example of the table, from the emulator.

use std::collections::BTreeMap;

use terraform_provider_dli::dli::trouble::{Example, TROUBLES};
use terraform_provider_dli::dli::wire::CreateConnection;
use terraform_provider_dli::emulator::{Fault, Trouble};

use super::{expect_texts, in_colour, label, of, printed};
use crate::acceptance::connection::connection;
use crate::acceptance::harness::{Cloud, Finished, Workspace, for_one_terraform};

const CREATE: &str = "CreateEnhancedConnection";
const ADD_ROUTE: &str = "CreateRouteToEnhancedConnection";

/// What the emulator answers with.
fn fault(operation: &str, Example { status, code, message }: Example, name: &str) -> Fault {
    let fault = match status {
        200 => Fault::new(operation, Trouble::FailSoftly { text: message.to_owned() }),
        _ => Fault::refuse(operation, status, code, message),
    };
    fault.containing(format!("{:?}", label(name)))
}

/// Whether the provider goes on trying for as long as there is time.
fn is_repeated(Example { status, code, .. }: Example) -> bool {
    status >= 500 || status == 429 || ["DLI.0019", "DLI.0999", "APIGW.0103"].contains(&code)
}

/// The provider corrects its clock by this one's words, for all its calls, so that it needs a process of its own.
const CLOCK: &str = "APIGW.0301-clock";

/// What differs from run to run.
fn normalised(cloud: &Cloud, text: &str) -> String {
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
    let printed = printed(applied);
    of_what.map(|(name, address)| (name.to_owned(), normalised(cloud, &of(&printed, &address, applied)))).collect()
}

/// One apply for what is refused at once, and one for what the provider tries again.
#[test]
fn each_answer_of_the_table() {
    let examples = || TROUBLES.iter().filter_map(|trouble| Some((trouble.name, trouble.example?)));
    let at_once = || examples().filter(|(name, example)| !is_repeated(*example) && *name != CLOCK);
    let repeated = || examples().filter(|(_, example)| is_repeated(*example));
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = in_colour(cloud.workspace_with(terraform, "plan_checks = false"));
        let create = |workspace: &Workspace, name: &str, example| {
            let label = label(name);
            let bare = connection("").replace("\"test\" {", &format!("{label:?} {{"));
            workspace.write(&format!("{name}.tf"), bare.replace("= \"test\"", &format!("= {label:?}")).trim_start());
            cloud.emulator().inject(fault(CREATE, example, name)).expect("it can happen");
        };
        at_once().for_each(|(name, example)| create(&workspace, name, example));
        let applied = workspace.run(&["apply", "-auto-approve", "-parallelism=50"]).expect_code(1);
        let address = |(name, _): (&'static str, _)| (name, format!("dli_enhanced_connection.{}", label(name)));
        let mut all = texts(&cloud, &applied, at_once().map(address));
        let workspace = in_colour(cloud.workspace_with(terraform, "plan_checks = false"));
        let clock = examples().filter(|(name, _)| *name == CLOCK);
        clock.clone().for_each(|(name, example)| create(&workspace, name, example));
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        all.extend(texts(&cloud, &applied, clock.map(address)));
        cloud.expect_empty();

        // Throttling is the whole process's, so each has one of its own.
        let id = cloud.edit(|account| account.create(request()));
        for (name, example) in repeated() {
            let workspace = in_colour(cloud.workspace_with(terraform, "plan_checks = false"));
            let label = label(name);
            workspace.write(
                &format!("{name}.tf"),
                &format!(
                    "resource \"dli_enhanced_connection_route\" {label:?} {{\n  connection_id = {id:?}\n  name          = \
                     {label:?}\n  cidr          = \"192.168.2.0/24\"\n  timeouts {{\n    create = \"3s\"\n  }}\n}}\n"
                ),
            );
            cloud.emulator().inject(fault(ADD_ROUTE, example, name)).expect("it can happen");
            let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
            let address = format!("dli_enhanced_connection_route.{label}");
            all.extend(texts(&cloud, &applied, std::iter::once((name, address))));
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

/// A plan asks, too. Where its questions are not allowed the apply may still be; where the credentials are refused it
/// surely is not.
#[test]
fn a_plan_that_may_not_ask() {
    let of = |wanted: &str| TROUBLES.iter().find(|trouble| trouble.name == wanted).and_then(|trouble| trouble.example);
    for_one_terraform(|terraform| {
        let mut all = BTreeMap::new();
        for (name, row, code) in [("plan-401", "APIGW.0301-wrong-secret", 1), ("plan-403", "IAM.0003", 0)] {
            let cloud = Cloud::start();
            let Example { status, code: error, message } = of(row).expect("it is an answer");
            let message = message.replace("edsconnection:create", "edsconnection:list");
            let refused = Fault::refuse("ListEnhancedConnections", status, error, message);
            cloud.emulator().inject(refused).expect("it can happen");
            let workspace = in_colour(cloud.workspace(terraform));
            workspace.configure(&connection(""));
            let planned = workspace.run(&["plan"]).expect_code(code);
            let printed = super::printed(&planned);
            all.insert(
                name.to_owned(),
                normalised(&cloud, &super::of(&printed, "dli_enhanced_connection.test", &planned)),
            );
        }
        expect_texts(&all);
    });
}
