//! Both sides of every documented limit, checked by `terraform validate`. The numbers are written out again from the
//! documents.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::harness::{Workspace, errors, for_one_terraform};

/// One limit, with an attribute on each side of it.
struct Limit {
    /// The place of the error, as the message names it.
    place: String,
    /// The last attribute value that is allowed.
    allowed: String,
    /// The first attribute value that is not.
    refused: String,
}

/// A limit of a string attribute.
fn text(attribute: &str, allowed: &str, refused: &str) -> Limit {
    let one = |text: &str| format!("{attribute} = {text:?}");
    Limit { place: attribute.to_owned(), allowed: one(allowed), refused: one(refused) }
}

/// A limit of a queue name.
fn queue(allowed: &str, refused: &str) -> Limit {
    let one = |name: &str| format!("queues = [{name:?}]");
    Limit { place: format!("queues[{refused:?}]"), allowed: one(allowed), refused: one(refused) }
}

/// A limit of a map key.
fn key(attribute: &str, value: &str, allowed: &str, refused: &str) -> Limit {
    let one = |key: &str| format!("{attribute} = {{ {key:?} = {value:?} }}");
    Limit { place: format!("{attribute}[{refused:?}]"), allowed: one(allowed), refused: one(refused) }
}

/// A limit of a map value.
fn value(attribute: &str, allowed: &str, refused: &str) -> Limit {
    let one = |value: &str| format!("{attribute} = {{ \"key\" = {value:?} }}");
    Limit { place: format!("{attribute}[\"key\"]"), allowed: one(allowed), refused: one(refused) }
}

/// A limit of the number of map elements, read from files that the test writes.
fn count(attribute: &str, allowed: usize, refused: usize) -> Limit {
    let many = |count: usize| format!("{attribute} = jsondecode(file(\"{attribute}{count}.json\"))");
    Limit { place: format!("{attribute} has {refused}"), allowed: many(allowed), refused: many(refused) }
}

/// Repeats `text`.
fn times(text: &str, count: usize) -> String {
    text.repeat(count)
}

fn limits() -> Vec<Limit> {
    let uuid = "22094d8f-c310-4621-913d-4c4d655d8495";
    let bare = "22094d8fc3104621913d4c4d655d8495";
    let host = |allowed: &str, refused: &str| key("hosts", "192.168.0.1", allowed, refused);
    let tag_key = |allowed: &str, refused: &str| key("tags", "", allowed, refused);
    let mut limits = vec![
        text("name", &times("n", 64), &times("n", 65)),
        text("name", "n", ""),
        text("name", "aZ_09", "aZ-09"),
        text("name", "_", "ä"),
        queue(&times("q", 128), &times("q", 129)),
        queue("q", ""),
        queue("1q", "11"),
        queue("q_", "_q"),
        queue("default1", "default"),
        queue("q_default", "Default"),
        queue("defaul", "DEFAULT"),
        queue("Q1", "q-1"),
        host(&times("h", 128), &times("h", 129)),
        host("h", ""),
        host("a-b.c_9", "9bad"),
        host("Z", "_a"),
        host("a-", "-a"),
        host("a.", "a b"),
        value("hosts", "255.255.255.255", "255.255.255.256"),
        value("hosts", "0.0.0.0", "0.0.0"),
        value("hosts", "10.0.0.1", "10.0.0.01"),
        value("hosts", "10.0.0.1", "10.0.0.1/32"),
        value("hosts", "10.0.0.1", " 10.0.0.1"),
        value("hosts", "10.0.0.1", "::ffff:10.0.0.1"),
        value("hosts", "10.0.0.1", ""),
        count("hosts", 20_000, 20_001),
        count("tags", 20, 21),
        tag_key(&times("键", 128), &times("键", 129)),
        tag_key("k", ""),
        tag_key("sys_", "_sys_"),
        tag_key("a b", " a"),
        tag_key("_.:+-@", "a "),
        tag_key("größe", "a=b"),
        value("tags", &times("v", 255), &times("v", 256)),
        value("tags", &times("键", 255), &times("键", 256)),
        value("tags", " a ", "a,b"),
    ];
    for attribute in ["dest_vpc_id", "dest_network_id", "routetable_id"] {
        // Other forms than that of the documents are warnings.
        limits.push(text(attribute, bare, ""));
        limits.push(text(attribute, &uuid.to_uppercase(), &format!("{{{uuid}}}")));
        limits.push(text(attribute, &format!("{uuid}0"), &format!("urn:uuid:{uuid}")));
        limits.push(text(attribute, &times("i", 64), &times("i", 65)));
        limits.push(text(attribute, "vpc_x-1", &format!("{uuid} ")));
    }
    limits
}

/// A resource whose other attributes are valid. The attribute under test is in its second line.
fn resource(label: &str, attribute: &str) -> String {
    let mut text = format!("resource \"dli_enhanced_connection\" \"{label}\" {{\n  {attribute}\n");
    let required = [
        ("name", "\"test\""),
        ("dest_vpc_id", "\"22094d8f-c310-4621-913d-4c4d655d8495\""),
        ("dest_network_id", "\"78f2562a-36e4-4b39-95b9-f5aab22e1281\""),
    ];
    for (name, value) in required.iter().filter(|(name, _)| !attribute.starts_with(&format!("{name} "))) {
        writeln!(text, "  {name} = {value}").expect("writing to a string succeeds");
    }
    text + "}\n"
}

#[test]
fn each_limit_is_exact() {
    let mut configuration = String::new();
    let mut refused = BTreeMap::new();
    for (number, limit) in limits().into_iter().enumerate() {
        configuration += &resource(&format!("allowed{number}"), &limit.allowed);
        let line = configuration.lines().count() as u64 + 2;
        configuration += &resource(&format!("refused{number}"), &limit.refused);
        refused.insert(line, limit);
    }
    for_one_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        for (attribute, count, value) in
            [("hosts", 20_000, "10.0.0.1"), ("hosts", 20_001, "10.0.0.1"), ("tags", 20, ""), ("tags", 21, "")]
        {
            let elements: BTreeMap<_, _> = (0..count).map(|number| (format!("e{number}"), value)).collect();
            let elements = serde_json::to_string(&elements).expect("a map of strings");
            workspace.write(&format!("{attribute}{count}.json"), &elements);
        }
        workspace.configure(&configuration);
        let mut found: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (line, message) in errors(&workspace.run(&["validate", "-json"]).expect_code(1)) {
            found.entry(line).or_default().push(message);
        }
        for (line, limit) in &refused {
            let messages = found.remove(line).unwrap_or_default();
            assert_eq!(messages.len(), 1, "left: errors at line {line}, {:.80}\n{messages:#?}", limit.refused);
            assert!(messages[0].contains(&limit.place), "missing {}:\n{}", limit.place, messages[0]);
        }
        let lines: BTreeMap<_, _> = (1..).zip(configuration.lines()).collect();
        let wrong: Vec<_> = found.iter().map(|(line, messages)| (lines.get(line), messages)).collect();
        assert!(wrong.is_empty(), "errors for allowed values: {wrong:#?}");
    });
}
