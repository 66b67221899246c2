//! States of other providers for `moved` blocks, of the right form, damaged, or from any origin.
//!
//! A move is a pure function: it ends with an error and no state, or with a wholly known state of the target type that
//! keeps the ID and names every host once. It works on a provider that was never configured.

use std::collections::BTreeSet;

use terraform_provider_dli::{
    framework::{
        server::{MoveSource, Server},
        types::Type,
        value::Value,
    },
    protocol::json,
    provider::{CreationJournal, DliProvider},
};

use super::{
    json::write,
    msgpack,
    source::{Source, fits},
};

const TARGETS: [&str; 4] = [
    "dli_enhanced_connection",
    "dli_enhanced_connection_binding",
    "dli_enhanced_connection_privilege",
    "dli_enhanced_connection_route",
];
const KINDS: [&str; 4] = [
    "dli_datasource_connection",
    "dli_datasource_connection_associate",
    "dli_datasource_connection_privilege",
    "dli_queue",
];
const PROVIDERS: [&str; 4] = ["huaweicloud", "flexibleengine", "g42cloud", "xhuaweicloud"];
const HOSTS: [&str; 4] = ["registry.terraform.io/a/", "registry.opentofu.org/b/", "", "/"];

thread_local! {
    static SERVER: Server = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()));
}

pub fn run(bytes: &[u8]) {
    SERVER.with(|server| check(server, &mut Source::new(bytes)));
}

fn check(server: &Server, source: &mut Source<'_>) {
    let kind = source.below(KINDS.len());
    let target = TARGETS[if source.rarely(8) { source.below(TARGETS.len()) } else { kind }];
    let provider = PROVIDERS[source.below(PROVIDERS.len())];
    let provider_address = format!("{}{provider}", HOSTS[source.below(HOSTS.len())]);
    let type_name = format!("{provider}_{}", KINDS[kind]);
    let version = if source.rarely(16) { source.integer() } else { 0 };
    let origin = MoveSource { provider_address: &provider_address, type_name: &type_name, version };
    let Ok(ty) = server.move_source_type(target, origin) else { return };
    let (known, ours) = (provider != "xhuaweicloud", TARGETS[kind] == target);
    assert!(known && ours && kind < 3 && version == 0, "{origin:?} to {target}");

    let text = match source.below(4) {
        0 => source.body(),
        1 => source.rest().to_vec(),
        _ => state(source, &ty).into_bytes(),
    };
    let Ok(state) = json::decode(&text, &ty) else { return };
    let outcome = server.move_state(target, &state);
    if outcome.diagnostics.has_errors() {
        assert!(outcome.state.is_null() && outcome.identity.is_null(), "{outcome:?}");
        return;
    }
    let target_type = server.resources.ty(target).expect("a resource type");
    assert!(fits(&outcome.state, target_type) && outcome.state.is_wholly_known(), "{outcome:?}");
    msgpack::written(&outcome.state, target_type);
    let id = if kind == 0 { "id" } else { "connection_id" };
    assert_eq!(outcome.state.get(id), state.get(id));
    assert_eq!(outcome.identity.get(id), state.get(id));
    let names: BTreeSet<_> = state.get("hosts").as_elements().into_iter().flatten().map(|h| h.get("name")).collect();
    let hosts = outcome.state.get("hosts").as_map().into_iter().flatten();
    assert!(hosts.map(|(name, _)| Value::from(name.as_str())).all(|name| names.contains(&name)), "{outcome:?}");
    let again = server.move_state(target, &state);
    assert_eq!((again.state, again.private), (outcome.state, outcome.private));
}

/// A state of this type as JSON. Most of its IDs can be IDs.
fn state(source: &mut Source<'_>, ty: &Type) -> String {
    let mut value = source.value(ty);
    value.nullify_unknowns();
    for name in ["id", "connection_id", "name", "vpc_id", "subnet_id", "project_id"] {
        if !value.get(name).is_null() && !source.rarely(8) {
            value.set_attribute(name, "2a620c33-5609-40c9-affd-2b6453071b0f".into());
        }
    }
    let mut text = String::new();
    write(&mut text, &value);
    text
}
