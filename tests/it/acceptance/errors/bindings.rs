//! Bindings that fail: the service reports the reason as a text without a code.

use std::collections::BTreeMap;

use terraform_provider_dli::emulator::Settings;

use super::{expect_texts, in_color, of, printed_messages};
use crate::acceptance::connection::connection;
use crate::acceptance::harness::{Cloud, for_one_terraform};

/// File, queue and message. The messages are from the documents and from user reports.
const FAILING: [(&str, &str, &str); 3] = [
    ("cidr-overlap-binding", "q1", "CIDR conflict with the VPC"),
    ("subnet-not-found-binding", "q2", "Failed to get subnet 78f2562a-36e4-4b39-95b9-f5aab22e1281"),
    ("binding-failed", "q3", ""),
];

#[test]
fn binding_failures_match_golden_files() {
    for_one_terraform(|terraform| {
        let failing = FAILING.iter().map(|(_, queue, text)| ((*queue).to_owned(), (*text).to_owned())).collect();
        let cloud = Cloud::start_with(Settings { failing, ..Settings::default() });
        let workspace = in_color(cloud.workspace(terraform));
        for (name, queue, _) in FAILING {
            let one = connection(&format!("queues          = [{queue:?}]"));
            let one =
                one.replace("\"test\" {", &format!("{queue:?} {{")).replace("= \"test\"", &format!("= {queue:?}"));
            workspace.write(&format!("{name}.tf"), one.trim_start());
        }
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        let printed_messages = printed_messages(&applied);
        let mut all = BTreeMap::new();
        for (name, queue, _) in FAILING {
            let mut text = of(&printed_messages, &format!("dli_enhanced_connection.{queue}"), &applied);
            for connection in cloud.connections() {
                text = text.replace(&connection.id, "2a620c33-5609-40c9-affd-2b6453071b0f");
            }
            all.insert(name.to_owned(), text);
        }
        expect_texts(&all);
        workspace.destroy();
        cloud.expect_empty();
    });
}
