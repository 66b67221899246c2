//! Reads of a connection, and texts that the resources of connections and their parts share.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedMutexGuard;

use super::operation::{self, OperationContext, OperationError};
use super::project_lists::MAX_PAGE;
use super::semantic_equality::same_text;
use super::shared_reads::{ListedRow, Lists, Sharing};
use super::tags::{self, Tags};
use super::validators::ObjectId;
use crate::client::{Error, ListedConnection};
use crate::dli::rules::Rule;
use crate::dli::{rules, wire};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::FromValue;
use crate::framework::path::Path;
use crate::framework::plan_modifier::RequiresReplace;
use crate::framework::schema::Attribute;
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;

/// The attribute `connection_id` of a part.
pub(crate) fn connection_id() -> Attribute {
    Attribute::string("connection_id")
        .required()
        .validator(ObjectId(rules::CONNECTION_ID))
        .plan_modifier(RequiresReplace)
        .semantic_equality(same_text)
        .description("ID of the enhanced connection. Changing it replaces the resource.")
}

/// Returns the connection; `None` if it is DELETED, or still not found when read again.
///
/// Until the run changes objects, one read confirms for all resources that a connection is not found.
pub(crate) async fn find_connection(
    context: &OperationContext,
    id: &str,
) -> operation::Result<Option<Arc<wire::Connection>>> {
    let outcome = show(context, id).await;
    if !outcome.as_ref().is_err_and(OperationError::is_not_found) {
        context.run_state.revoke_missing(context.project.id(), id);
        return unless_gone(outcome);
    }
    let confirm = async { Ok(context.run_state.confirm_missing(context.project.id(), id).await) };
    let mut confirmed = context.read(confirm).await?;
    if confirmed.as_deref() == Some(&true) {
        return Ok(None);
    }
    for delay in context.project.consistency_delays() {
        context.pause(delay, String::new).await?;
        let outcome = context.read(context.project.show_connection(id)).await.map(Arc::new);
        if !outcome.as_ref().is_err_and(OperationError::is_not_found) {
            return unless_gone(outcome);
        }
    }
    if let Some(confirmed) = &mut confirmed {
        **confirmed = true;
    }
    Ok(None)
}

/// Maximum time for one page of a list. If the service takes longer, the run reads the objects one by one.
const PAGE_TIMEOUT: Duration = Duration::from_secs(15);

/// Reads one page of a list.
async fn read_page<T, U>(
    context: &OperationContext,
    page: impl Future<Output = Result<Vec<T>, Error>>,
    row: fn(T) -> (String, U),
) -> operation::Result<Vec<(String, U)>> {
    let page = context.with_short_timeout(PAGE_TIMEOUT, context.read(page)).await?;
    Ok(page.into_iter().map(row).collect())
}

/// Reads an object from a list, if the operation uses lists. `None` means that the object must be read on its own.
async fn find_listed<'a, T: Clone + Default>(
    context: &OperationContext,
    lists: &Lists<T>,
    id: &str,
    weight: fn(&T) -> usize,
    fetch: impl Fn(usize) -> BoxFuture<'a, operation::Result<Vec<(String, T)>>>,
) -> operation::Result<Option<T>> {
    if context.sharing() != Sharing::Lists {
        return Ok(None);
    }
    let listed = async { Ok(lists.get(context.project.id(), id, weight, fetch).await) };
    context.read(listed).await
}

/// Reads a connection, from a shared response if the operation shares its reads. A list cannot show that a connection
/// was deleted.
async fn show(context: &OperationContext, id: &str) -> operation::Result<Arc<wire::Connection>> {
    let (project, shared) = (&context.project, &context.run_state.shared_reads);
    let row = |ListedConnection { connection, fields }: ListedConnection| {
        (connection.id.clone(), ListedRow { connection: Arc::new(connection), fields })
    };
    let fetch = |offset| read_page(context, project.list_active_connections(offset, MAX_PAGE), row).boxed();
    let hosts = |row: &ListedRow| row.connection.hosts.len();
    let listed = find_listed(context, &shared.lists_of_connections, id, hosts, fetch).await?;
    if let Some(row) = listed.filter(|row| !row.connection.is_deleted()) {
        context.mark_listed(Some(row.fields));
        return Ok(row.connection);
    }
    let request = async { project.show_connection(id).await.map(Arc::new) };
    context.read_shared(&shared.connections, id, request).await
}

/// Reads the tags of a connection, from a shared response if the operation shares its reads.
pub(crate) async fn list_tags(context: &OperationContext, id: &str) -> operation::Result<Tags> {
    let (project, shared) = (&context.project, &context.run_state.shared_reads);
    let row = |found: wire::TaggedResource| (found.resource_id, tags::from_list(found.tags));
    let fetch = |offset| read_page(context, project.list_tagged_connections(offset), row).boxed();
    if let Some(listed) = find_listed(context, &shared.lists_of_tags, id, |_| 0, fetch).await? {
        context.mark_listed(None);
        return Ok(listed);
    }
    let request = async { project.list_tags(id).await.map(tags::from_list) };
    context.read_shared(&shared.tags, id, request).await
}

/// Repeats a read while `is_missing` holds, and returns the last result. A response may be older than the object.
pub(crate) async fn read_until<T, F>(
    context: &OperationContext,
    read: impl Fn() -> F,
    is_missing: impl Fn(&T) -> bool,
) -> operation::Result<T>
where
    F: Future<Output = operation::Result<T>>,
{
    for delay in context.project.consistency_delays() {
        let result = read().await?;
        if !is_missing(&result) {
            return Ok(result);
        }
        drop(result);
        context.pause(delay, String::new).await?;
    }
    read().await
}

/// Reads a connection once; `None` if it is deleted or not found.
pub(crate) async fn find_connection_once(
    context: &OperationContext,
    id: &str,
) -> operation::Result<Option<Arc<wire::Connection>>> {
    unless_gone(show(context, id).await)
}

fn unless_gone(outcome: operation::Result<Arc<wire::Connection>>) -> operation::Result<Option<Arc<wire::Connection>>> {
    match outcome {
        Ok(shown) => Ok(Some(shown).filter(|shown| !shown.is_deleted())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits until no other resource writes to a connection, at most until the deadline.
pub(crate) async fn lock(
    context: &OperationContext,
    provider_data: &ProviderData,
    id: &str,
) -> operation::Result<OwnedMutexGuard<()>> {
    context.run_state.mark_applying();
    let lock = async {
        let mut lock = pin!(provider_data.write_locks.lock(id));
        if let Some(guard) = lock.as_mut().now_or_never() {
            return Ok(guard);
        }
        context.log_wait("Another change of the connection");
        Ok(lock.await)
    };
    context.read(lock).await
}

/// Rejects a connection ID of the state that cannot be one: the service would report it as not found, and Terraform
/// would forget the object.
pub(crate) fn check_state(id: &str) -> Result<(), Diagnostics> {
    // Weaker than the rule for configurations: an ID that the service returned is accepted.
    if rules::OBJECT_ID.allows(id) {
        return Ok(());
    }
    let expected = rules::CONNECTION_ID.expected;
    let text = format!("The connection ID {id:?} in the state is not valid; it must be {expected}. {DAMAGED}");
    Err(Diagnostic::error("Invalid Connection ID in the State", text).at(Path::attribute("id")).into())
}

const DAMAGED: &str = "The state was damaged or edited by hand. Nothing was sent, and nothing was \
                       changed.\n\nRestore the state from a backup (terraform.tfstate.backup), or remove the resource \
                       from it and import it again: terraform state rm ADDRESS, then terraform import ADDRESS ID.";

/// Reads a model from the state. Null where a value is required means a damaged state, not a bug.
pub(crate) fn from_state<T: FromValue>(state: &Value) -> Result<T, Diagnostics> {
    let damaged = |error: &Diagnostic| damaged(error.detail_without_report_request(), error.path.clone());
    T::from_value(state, &Path::root()).map_err(|errors| errors.iter().map(damaged).collect())
}

/// An error about a damaged state; `fact` is a sentence.
pub(crate) fn damaged(fact: &str, path: Path) -> Diagnostic {
    Diagnostic::error("Damaged State", format!("In the state, {fact} {DAMAGED}")).at(path)
}

/// An error about a part of a connection that does not exist.
pub(crate) fn no_connection(summary: &str, id: &str) -> Diagnostics {
    let hint = if rules::CONNECTION_ID.allows(id) {
        ""
    } else {
        " The data source dli_enhanced_connection finds an ID by name."
    };
    let text = format!(
        "There is no enhanced connection {id} in this project: it never existed, or it was deleted. Check \
         connection_id, region and project_id. region and project_id default to the provider's.{hint}"
    );
    Diagnostic::error(format!("{summary}: No Such Connection"), text).into()
}

/// Checks the segments of an import ID, each against its rules.
pub(crate) fn check_import(id: &str, format: &str, segments: &[(&str, &[Rule])]) -> Result<(), Diagnostics> {
    let error = |(segment, rules): &(&str, &[Rule])| {
        let (rule, violation) = rules.iter().find_map(|rule| Some((rule, rule.violation(segment)?)))?;
        Some(format!("is not valid: {segment:?} {violation}; allowed: {}.", rule.expected))
    };
    segments.iter().find_map(error).map_or(Ok(()), |error| Err(invalid(id, format, &error)))
}

/// An error about an import ID. `error` is the end of a sentence about it.
pub(crate) fn invalid(id: &str, format: &str, error: &str) -> Diagnostics {
    let text = format!(
        "The import ID {id:?} {error}\n\nWrite it as {format}, followed by @REGION or @REGION/PROJECT_ID if these \
         differ from the provider's."
    );
    Diagnostic::error("Invalid Import ID", text).into()
}

/// Where an import looks for an object.
pub(crate) const IMPORT_LOCATION: &str =
    "Also check the region and the project: those of the import ID, or of the provider if the import ID names none.";

/// An error about an import of an object that does not exist.
pub(crate) fn not_found(object: &str, title: &str) -> Diagnostics {
    let text = format!("There is no {object} in this project. Check the ID. {IMPORT_LOCATION}");
    Diagnostic::error(format!("{title} Not Found"), text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_in_place_of_an_id_is_explained() {
        let is_explained = |id: &str| {
            no_connection("Failed", id).iter().any(|error| error.detail.contains("data source dli_enhanced_connection"))
        };
        assert!(is_explained("mrs_production") && !is_explained("2a620c33-5609-40c9-affd-2b6453071b0f"));
    }
}
