//! The OpenAPI document of the control API describes what is served.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use terraform_provider_dli::emulator::CONTROL_API;

use super::control::control;
use super::harness::{Cloud, PROJECT, body_with};

/// The problems of a value, by the keywords of JSON Schema that the document uses.
fn problems(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(path) = schema["$ref"].as_str() {
        let found = document.pointer(path.strip_prefix('#').expect("a local reference"));
        return problems(document, found.unwrap_or_else(|| panic!("{path} does not exist")), value, at);
    }
    let mut found = Vec::new();
    let is_a = |kind: &Value| match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        other => panic!("{at}: unknown type {other:?}"),
    };
    let is_of_kind = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is_a),
        kind => is_a(kind),
    };
    if !is_of_kind {
        found.push(format!("{at}: {value} is not of type {}", schema["type"]));
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        found.push(format!("{at}: {value} is not one of {values:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(schema) => found.extend(problems(document, schema, field, &format!("{at}.{name}"))),
            None if schema["additionalProperties"] == json!(false) => found.push(format!("{at}: unknown {name}")),
            None => {}
        }
    }
    for item in value.as_array().into_iter().flatten() {
        found.extend(problems(document, &schema["items"], item, &format!("{at}[]")));
    }
    for schema in schema["allOf"].as_array().into_iter().flatten() {
        found.extend(problems(document, schema, value, at));
    }
    if let Some(any) = schema["anyOf"].as_array()
        && any.iter().all(|schema| !problems(document, schema, value, at).is_empty())
    {
        found.push(format!("{at}: {value} matches none"));
    }
    found
}

/// Each response is what the document says.
#[tokio::test]
async fn responses_match_schemas() {
    let cloud = Cloud::start().await;
    let more = json!({"queues": ["q1"], "hosts": [{"name": "a", "ip": "10.0.0.1"}]});
    let path = cloud.create(body_with("test", more)).await;
    let id = path.rsplit('/').next().expect("an id");
    cloud.emulator.edit(PROJECT, |service| service.grant(id, "a1")).expect("no file").expect("allowed");
    cloud
        .emulator
        .edit(PROJECT, |service| service.add_route(id, "r", "10.0.0.0/8"))
        .expect("no file")
        .expect("allowed");
    cloud.fault("ListQueues:delay=1ms*3");
    let (_, document) = control(&cloud.emulator, "GET", "openapi.json", Value::Null).await;
    let mut checked = 0;
    for (path, operations) in document["paths"].as_object().expect("an object") {
        let operation = &operations["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if operation.is_null() || schema.is_null() {
            continue;
        }
        let tail = path.replace("{project}", PROJECT).replace("{id}", id).replace("{number}", "1");
        let tail = tail.strip_prefix("/_emulator/").expect("it is below");
        let (status, value) = control(&cloud.emulator, "GET", tail, Value::Null).await;
        assert_eq!(status, 200, "{tail}: {value}");
        let problems = problems(&document, schema, &value, tail);
        assert!(problems.is_empty(), "{problems:#?}");
        checked += 1;
    }
    assert!(checked >= 20, "{checked}");
    let missing = control(&cloud.emulator, "GET", "nothing", Value::Null).await.1;
    let error = json!({"$ref": "#/components/schemas/Error"});
    assert_eq!(problems(&document, &error, &missing, "nothing"), Vec::<String>::new());
}

/// The help lists the same routes, and every example of a body is accepted.
#[tokio::test]
async fn help_and_document_agree() {
    let cloud = Cloud::start().await;
    let (_, document) = control(&cloud.emulator, "GET", "openapi.json", Value::Null).await;
    let paths = document["paths"].as_object().expect("an object");
    let described: BTreeSet<_> = paths.keys().filter(|path| !path.contains("/projects/")).cloned().collect();
    let words = CONTROL_API.split_whitespace().filter(|word| word.starts_with("/_emulator/"));
    let named: BTreeSet<_> = words
        .map(|word| {
            word.trim_end_matches([',', '.', ':']).replace("/N", "/{number}").replace("faults/ID", "faults/{id}")
        })
        .filter(|path| !path.contains("/projects/") && path != "/_emulator/ui")
        .collect();
    assert_eq!(named, described);
    for part in paths.keys().filter_map(|path| path.strip_prefix("/_emulator/projects/{project}/")) {
        assert!(CONTROL_API.contains(&format!("/{}", part.replace("{id}", "ID"))), "{part}");
    }
    let ids: Vec<_> = paths.values().flat_map(|path| path.as_object().expect("an object").values()).collect();
    let ids: BTreeSet<_> = ids.iter().map(|operation| operation["operationId"].as_str().expect("a name")).collect();
    assert_eq!(ids.len(), 41, "each operation has a name of its own");
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("an object") {
            let reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
            let schema = reference.and_then(|path| document.pointer(&path[1..]));
            for example in schema.into_iter().flat_map(|schema| schema["examples"].as_array().into_iter().flatten()) {
                let tail = path.strip_prefix("/_emulator/").expect("it is below");
                let (status, answer) =
                    control(&cloud.emulator, &method.to_ascii_uppercase(), tail, example.clone()).await;
                assert!(status < 300, "{method} {path} {example}: {answer}");
            }
        }
    }
}
