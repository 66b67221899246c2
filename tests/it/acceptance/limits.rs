//! Both sides of every limit of the document, as `terraform validate` sees them. The numbers are the document's, written
//! out here once more.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::harness::{Workspace, for_each_terraform};

/// An attribute on each side of a limit: what is allowed, and what is just not.
fn limits() -> Vec<(&'static str, String, String)> {
    let quoted = |text: String| format!("{text:?}");
    let name = |length: usize| quoted("n".repeat(length));
    let queue = |length: usize| format!("[{:?}]", "q".repeat(length));
    let host = |length: usize| format!("{{ {:?} = \"192.168.0.1\" }}", "h".repeat(length));
    let hosts = |count: usize| format!("jsondecode(file(\"{count}.json\"))");
    let address = |text: &str| format!("{{ \"host\" = {text:?} }}");
    let tags = |count: usize| format!("{{ for number in range({count}) : \"tag${{number}}\" => \"\" }}");
    let key = |text: &str, length: usize| format!("{{ {:?} = \"\" }}", text.repeat(length));
    let value = |length: usize| format!("{{ \"tag\" = {:?} }}", "v".repeat(length));
    let uuid = "22094d8f-c310-4621-913d-4c4d655d8495";
    vec![
        ("name", name(64), name(65)),
        ("name", name(1), name(0)),
        ("name", quoted("aZ_09".into()), quoted("aZ-09".into())),
        ("dest_vpc_id", quoted(uuid.into()), quoted(format!("{uuid}0"))),
        ("dest_network_id", quoted(uuid.to_uppercase()), quoted(uuid.replace('-', ""))),
        ("routetable_id", quoted(uuid.into()), quoted(uuid.replace("22", "g2"))),
        ("queues", queue(128), queue(129)),
        ("queues", queue(1), queue(0)),
        ("queues", "[\"1q\"]".into(), "[\"11\"]".into()),
        ("queues", "[\"q_\"]".into(), "[\"_q\"]".into()),
        ("queues", "[\"default1\"]".into(), "[\"dEFAULT\"]".into()),
        ("hosts", hosts(20_000), hosts(20_001)),
        ("hosts", host(128), host(129)),
        ("hosts", host(1), host(0)),
        ("hosts", "{ \"a-b.c_9\" = \"192.168.0.1\" }".into(), "{ \"_a\" = \"192.168.0.1\" }".into()),
        ("hosts", address("255.255.255.255"), address("255.255.255.256")),
        ("hosts", address("0.0.0.0"), address("0.0.0")),
        ("tags", tags(20), tags(21)),
        ("tags", key("键", 128), key("键", 129)),
        ("tags", key("k", 1), key("k", 0)),
        ("tags", value(255), value(256)),
        ("tags", "{ \"sys_\" = \"\" }".into(), "{ \"_sys_\" = \"\" }".into()),
    ]
}

/// A resource whose other attributes are in order. The attribute in question is in its second line.
fn resource(label: &str, attribute: &str, value: &str) -> String {
    let mut text = format!("resource \"dli_enhanced_connection\" \"{label}\" {{\n  {attribute} = {value}\n");
    let required = [
        ("name", "\"test\""),
        ("dest_vpc_id", "\"22094d8f-c310-4621-913d-4c4d655d8495\""),
        ("dest_network_id", "\"78f2562a-36e4-4b39-95b9-f5aab22e1281\""),
    ];
    for (name, value) in required.iter().filter(|(name, _)| *name != attribute) {
        writeln!(text, "  {name} = {value}").expect("a string takes all text");
    }
    text + "}\n"
}

#[test]
fn both_sides_of_each_limit() {
    let mut configuration = String::new();
    let mut bad = BTreeMap::new();
    for (number, (attribute, allowed, refused)) in limits().into_iter().enumerate() {
        configuration += &resource(&format!("allowed{number}"), attribute, &allowed);
        bad.insert(configuration.lines().count() as u64 + 2, format!("{attribute} = {refused}"));
        configuration += &resource(&format!("refused{number}"), attribute, &refused);
    }
    for_each_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        for count in [20_000, 20_001] {
            let hosts: BTreeMap<_, _> = (0..count).map(|number| (format!("host{number}"), "192.168.0.1")).collect();
            workspace.write(&format!("{count}.json"), &serde_json::to_string(&hosts).expect("it is a map of texts"));
        }
        workspace.configure(&configuration);
        let validated = workspace.run(&["validate", "-json"]).expect_code(1).json();
        let mut found = BTreeMap::new();
        for diagnostic in validated["diagnostics"].as_array().into_iter().flatten() {
            if diagnostic["severity"] == "error" {
                let line = diagnostic["range"]["start"]["line"].as_u64().unwrap_or(0);
                *found.entry(line).or_insert(0) += 1;
            }
        }
        for (line, what) in &bad {
            assert_eq!(found.remove(line), Some(1), "left: errors at line {line}, {what:.80}");
        }
        assert!(found.is_empty(), "errors at lines where all is allowed: {found:?} in\n{configuration}");
    });
}
