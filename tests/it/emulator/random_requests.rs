//! Random requests receive a documented response and never make the emulator fail.

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use super::harness::{Cloud, Draft, NOWHERE, PROJECT, body_with, connections};

/// JSON with the API's field names, which passes the first checks.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::sample::select(vec!["q1", "Q2", "pooled1", "pool1", "default", "10.0.0.1", "test", "grant", NOWHERE])
            .prop_map(Value::from),
    ];
    let field = proptest::sample::select(vec![
        "name",
        "dest_vpc_id",
        "dest_network_id",
        "queues",
        "elastic_resource_pools",
        "routetable_id",
        "hosts",
        "ip",
        "tags",
        "key",
        "value",
        "cidr",
        "projectId",
        "action",
        "privileges",
        "object",
    ]);
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((field.clone(), inner), 0..8)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..200),
        document().prop_map(|document| document.to_string().into_bytes()),
        document().prop_filter_map("an object", |more| {
            more.is_object().then(|| body_with("test", more).to_string().into_bytes())
        }),
        vec((any::<String>(), ".{0,3}"), 0..3).prop_map(|tags| {
            let tags: Value = tags.into_iter().map(|(value, key)| json!({"key": key, "value": value})).collect();
            json!({ "tags": tags }).to_string().into_bytes()
        }),
        (1_usize..100_000).prop_map(|depth| b"[".repeat(depth)),
    ]
}

#[test]
fn random_request_never_fails() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cloud = runtime.block_on(Cloud::start());
    let living = runtime.block_on(cloud.create(body_with("living", json!({"queues": ["q1"]}))));
    let id = living.rsplit('/').next().expect("an id").to_owned();
    let all = connections();
    let tags = format!("/v3/{PROJECT}/dli_enhanced_datasource/{id}/tags");
    let routes = vec![
        ("POST", all.clone()),
        ("GET", all),
        ("GET", living.clone()),
        ("PUT", living.clone()),
        ("DELETE", format!("/v2.0/{PROJECT}/datasource/enhanced-connections/{NOWHERE}")),
        ("POST", format!("{living}/associate-queue")),
        ("POST", format!("{living}/disassociate-queue")),
        ("GET", format!("/v1.0/{PROJECT}/queues")),
        ("GET", format!("/v1.0/{PROJECT}/queues/q1")),
        ("GET", tags.clone()),
        ("POST", format!("{tags}/create")),
        ("POST", format!("{tags}/delete")),
        ("POST", format!("{living}/routes")),
        ("POST", format!("{}/routes", living.replace("v2.0", "v3"))),
        ("DELETE", format!("{living}/routes/test")),
        ("GET", format!("{living}/privileges")),
        ("PUT", format!("/v1.0/{PROJECT}/authorization")),
        ("GET", format!("/v3/{PROJECT}/elastic-resource-pools")),
        ("GET", format!("/v3/{PROJECT}/elastic-resource-pools/pool1/queues")),
        ("GET", format!("/v3/{PROJECT}/quotas")),
    ];
    let request = (
        proptest::sample::select(routes),
        "[a-z0-9%/._~-]{0,12}",
        "((limit|offset|name|tags|status|page-size|current-page|order|queue_type|queue_name)=[ -~]{0,12}&?){0,3}",
        payload(),
        proptest::option::of("\\PC{0,40}"),
    );
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() });
    runner
        .run(&request, |((method, path), tail, query, body, authorization)| {
            let query = query.replace(['#', ' ', '"', '<', '>', '\'', '%', '`'], "+");
            let target = format!("{path}?{query}");
            let mut draft = cloud.draft(method, &target, &body);
            if let Some(authorization) = authorization {
                *draft.header("Authorization") = authorization.replace(|c: char| !c.is_ascii(), "x");
            }
            let stray = Draft { target: format!("{path}{tail}"), ..draft.clone() };
            for draft in [draft, stray] {
                let reply = runtime.block_on(cloud.send(draft));
                prop_assert!(reply.status < 500, "{}: {}", reply.status, reply.body);
                prop_assert!(reply.status < 400 || reply.body["error_code"].is_string(), "{}", reply.body);
            }
            Ok(())
        })
        .expect("no request is a fault");
    let statuses: std::collections::BTreeSet<_> =
        cloud.emulator.requests().iter().map(|request| request.status).collect();
    for reached in [200, 201, 204, 400, 401, 404] {
        assert!(statuses.contains(&reached), "the requests are too tame: {statuses:?}");
    }
}
