//! Reads a connection, by ID or by name.

use std::time::Duration;

use super::list::list;
use super::model::{Connection, Scope};
use crate::dli::wire;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::provider::shared::binding_target::BindingTarget;
use crate::provider::shared::operation::{OperationContext, OperationError};
use crate::provider::shared::pool_of_queue::PoolOfQueue;
use crate::provider::shared::tags::TagPolicy;
use crate::provider::shared::{connection_part, location, overlap};

/// Interval between attempts, and between reads that wait for a change.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Reads the connection of a state; `None` if it was deleted.
pub(super) async fn refresh(
    context: &OperationContext,
    mut connection: Connection,
    tag_policy: &TagPolicy,
    scope: Scope,
) -> Result<Option<(Connection, Diagnostics)>, OperationError> {
    let Some(shown) = connection_part::find_connection(context, connection.id()).await? else { return Ok(None) };
    check_identity(&connection, &shown)?;
    let mut warnings = Diagnostics::new();
    let mut tags = None;
    let everything = scope == Scope::Everything;
    if everything || connection.tags.is_some() || !tag_policy.defaults.is_empty() || !connection.owned_tags().is_empty()
    {
        match connection_part::list_tags(context, connection.id()).await {
            Ok(listed) => tags = Some(listed),
            // An import reads tags even if the configuration has none.
            Err(error) if error.is_not_published() && everything => {}
            Err(error) if error.is_refused() => {
                let is_published = !error.is_not_published();
                let reason = if is_published { "" } else { "The tag API is not published in this region. " };
                let note = format!("{reason}The state keeps the tags that it has.");
                warnings.extend(error.warn("Tags Cannot Be Read", &note));
            }
            Err(error) => return Err(error),
        }
    }
    let mut pool_of_queue = PoolOfQueue::default();
    pool_of_queue.ask(context, &shown, &[connection.queues.as_ref()]).await?;
    for queue in connection.queues.iter().flatten() {
        if let BindingTarget::Pool(pool) = pool_of_queue.of(&shown, queue) {
            let overlaps = context.run_state.declared_parts.bind_pool_of(connection.id(), queue, &pool);
            warnings.extend(overlap::report(overlaps));
        }
    }
    context.run_state.keep_failed_bindings(connection.id(), connection.failures(&shown, &pool_of_queue));
    warnings.extend(connection.apply_remote(&shown, tags, &pool_of_queue, tag_policy, scope));
    location::fill_location(&mut connection.region, &mut connection.project_id, context);
    Ok(Some((connection, warnings)))
}

/// Checks that `shown` has the name, VPC and subnet of the state.
///
/// No operation can change these, so the ID of a different connection got into the state. Attributes that the response
/// omits are not compared.
pub(super) fn check_identity(known: &Connection, shown: &wire::Connection) -> Result<(), Diagnostics> {
    let attributes = [
        ("name", &known.name, &shown.name),
        ("dest_vpc_id", &known.dest_vpc_id, &shown.dest_vpc_id),
        ("dest_network_id", &known.dest_network_id, &shown.dest_network_id),
    ];
    let differs = |(_, known, shown): &&(_, &String, &String)| {
        !known.is_empty() && !shown.is_empty() && !known.eq_ignore_ascii_case(shown)
    };
    let Some((attribute, in_state, in_response)) = attributes.iter().find(differs) else { return Ok(()) };
    let text = format!(
        "In the state, the connection {} has the {attribute} {in_state:?}. The service returns {in_response:?}, and \
         this attribute cannot change. So the ID belongs to another connection: the state was damaged or edited by \
         hand. Nothing was changed.\n\nRestore the state from a backup (terraform.tfstate.backup), or remove the \
         resource from it and import the right connection: terraform state rm ADDRESS, then terraform import ADDRESS \
         ID.",
        known.id()
    );
    Err(Diagnostic::error("The State Names Another Connection", text).at(Path::attribute("id")).into())
}

/// The error for a connection that was deleted since the plan.
pub(super) fn deleted_since_plan(summary: &str, id: &str) -> Diagnostics {
    let text =
        format!("The connection {id} was deleted outside of Terraform after the plan. Plan again to recreate it.");
    Diagnostic::error(format!("{summary}: Gone"), text).into()
}

/// Finds the only connection with this name. If there are several, the error at `path` gives `advice`.
pub(super) async fn find_by_name(
    context: &OperationContext,
    name: &str,
    path: Path,
    advice: &str,
) -> Result<Option<wire::Connection>, OperationError> {
    let mut named = list(context, Some(name), None).await?;
    if named.len() <= 1 {
        return Ok(named.pop());
    }
    let mut ids: Vec<_> = named.iter().map(|connection| connection.id.as_str()).collect();
    ids.sort_unstable();
    let (count, ids) = (ids.len(), ids.join(", "));
    let text = format!("There are {count} enhanced connections named {name:?}: {ids}. {advice}");
    Err(Diagnostics::from(Diagnostic::error("Name Is Not Unique", text).at(path)).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::model::Computed;

    #[test]
    fn check_identity_skips_omitted_attributes() {
        let known = || Connection {
            id: Computed(Some("2a62".to_owned())),
            name: "test".to_owned(),
            dest_vpc_id: "v".to_owned(),
            dest_network_id: "n".to_owned(),
            ..Connection::default()
        };
        let shown = |name: &str, vpc: &str, network: &str| wire::Connection {
            name: name.to_owned(),
            dest_vpc_id: vpc.to_owned(),
            dest_network_id: network.to_owned(),
            ..wire::Connection::default()
        };
        for (name, vpc, network) in [("test", "v", "n"), ("TEST", "V", "N"), ("", "", "")] {
            assert!(check_identity(&known(), &shown(name, vpc, network)).is_ok(), "{name} {vpc} {network}");
        }
        for (name, vpc, network) in [("other", "v", "n"), ("test", "w", "n"), ("test", "v", "m")] {
            assert!(check_identity(&known(), &shown(name, vpc, network)).is_err(), "{name} {vpc} {network}");
        }
        assert!(check_identity(&Connection::default(), &shown("test", "v", "n")).is_ok(), "an import");
    }
}
