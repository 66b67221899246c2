//! Texts for a create whose outcome is unknown.

use crate::dli::wire;
use crate::framework::diagnostic::Diagnostic;
use crate::provider::shared::client_kind::ClientKind;
use crate::provider::shared::optional::timestamp;

/// Describes connections that have a name.
pub(super) fn describe(name: &str, connections: &[wire::Connection]) -> String {
    let one = |connection: &wire::Connection| {
        let wire::Connection { id, dest_vpc_id, dest_network_id, create_time, .. } = connection;
        let created = timestamp(*create_time).unwrap_or_else(|| "at an unknown time".to_owned());
        format!("{id} (created {created}, VPC {dest_vpc_id}, subnet {dest_network_id})")
    };
    let are = if connections.len() == 1 { "is an enhanced connection" } else { "are enhanced connections" };
    format!("There {are} named {name:?}: {}.", connections.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// Advice if a connection may exist that is not in the state. With `write_error`, no journal entry was written.
pub(super) fn advice_for_unknown_outcome(client: ClientKind, name: &str, write_error: Option<&str>) -> String {
    let unknown = "The state contains no connection, but one may exist.";
    let import = format!(
        "look for the name in the console. If this run created the connection (compare the creation time), import it: \
         {}",
        client.import(&format!("name:{name}"))
    );
    match write_error {
        Some(error) => format!(
            "{unknown} No journal entry could be written to Terraform's data directory ({error}). Before you apply \
             again, {import}"
        ),
        None => format!(
            "{unknown} Apply again in this directory: if this run created an enhanced connection named {name:?}, the \
             next run finds it by the journal entry in Terraform's data directory and adopts it. Otherwise the next \
             run creates one.\n\nIf the directory no longer exists, {import}"
        ),
    }
}

/// The warning about a create without a journal entry.
pub(super) fn no_journal(error: &str) -> Diagnostic {
    let text = format!(
        "No journal entry could be written to Terraform's data directory ({error}). The connection was created and is \
         in the state. If a run is killed while it creates a connection, the next run will not find that \
         connection.\n\nMake \
         the directory writable for Terraform (.terraform, or TF_DATA_DIR)."
    );
    Diagnostic::warning("No Journal of Created Connections", text)
}

/// Advice if connections have the name, and it is unclear whether this run created one of them.
pub(super) fn advice_for_candidates(client: ClientKind, candidates: &[wire::Connection]) -> String {
    let (which, id) = if let [one] = candidates { ("it", one.id.as_str()) } else { ("one of them", "ID") };
    format!(
        "The state contains no connection. This run may have created {which}, but there is no proof, so none was \
         adopted. If {which} is yours (compare the creation time), import it: {}. Otherwise choose another \
         name.",
        client.import(id)
    )
}
