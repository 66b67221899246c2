//! What the small resources share: each of them is one part of a connection, for teams that own no more than that part.
//!
//! None of them is authoritative: what a connection has beside the part is not looked at. A connection that is gone takes
//! its parts along.

use tokio::sync::OwnedMutexGuard;

use crate::provider::{
    provider_data::ProviderData,
    shared::operation::{OperationContext, OperationError},
    shared::semantic_equality::same_text,
    shared::validators::MatchesRule,
};
use crate::{
    dli::{
        rules::{self, Rule},
        wire,
    },
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::{FromValue, IntoValue},
        path::Path,
        plan_modifier::RequiresReplace,
        resource::ResponseState,
        schema::Attribute,
        value::Value,
    },
};

/// `connection_id`.
pub(in crate::provider) fn connection_id() -> Attribute {
    Attribute::string("connection_id")
        .required()
        .validator(MatchesRule(&[rules::CONNECTION_ID]))
        .plan_modifier(RequiresReplace)
        .semantic_equality(same_text)
        .description("ID of the enhanced connection. Changing it replaces this.")
}

/// The connection; `None` where it is surely gone: DELETED, or not there however often it is looked for.
pub(in crate::provider) async fn find_connection(
    context: &OperationContext,
    id: &str,
) -> Result<Option<wire::Connection>, OperationError> {
    let mut pauses = context.project.consistency_delays().into_iter();
    loop {
        match (context.read(context.project.show_connection(id)).await, pauses.next()) {
            (Err(error), Some(pause)) if error.is_not_found() => context.pause(pause, String::new).await?,
            (outcome, _) => return unless_gone(outcome),
        }
    }
}

/// Looks again while what Terraform holds seems to be missing, and tells what was seen last: an answer may be older than
/// what it is asked about, and a part of a connection that is forgotten or not removed is left behind for good.
pub(in crate::provider) async fn read_until<T, F>(
    context: &OperationContext,
    look: impl Fn() -> F,
    is_missing: impl Fn(&T) -> bool,
) -> Result<T, OperationError>
where
    F: Future<Output = Result<T, OperationError>>,
{
    let mut pauses = context.project.consistency_delays().into_iter();
    loop {
        match (look().await?, pauses.next()) {
            (seen, Some(pause)) if is_missing(&seen) => {
                drop(seen);
                context.pause(pause, String::new).await?;
            }
            (seen, _) => return Ok(seen),
        }
    }
}

/// The connection as it is told at once; `None` where it is said to be gone, in any of the ways in which the service says
/// so. For what was just deleted.
pub(in crate::provider) async fn find_connection_once(
    context: &OperationContext,
    id: &str,
) -> Result<Option<wire::Connection>, OperationError> {
    unless_gone(context.read(context.project.show_connection(id)).await)
}

/// Whether it is gone, or is shown as gone a moment later: an answer may be older than the deletion.
pub(in crate::provider) async fn becomes_gone(context: &OperationContext, id: &str) -> Result<bool, OperationError> {
    let mut pauses = context.project.consistency_delays().into_iter();
    loop {
        match (find_connection_once(context, id).await?, pauses.next()) {
            (None, _) => return Ok(true),
            (Some(_), Some(pause)) => context.pause(pause, String::new).await?,
            (Some(_), None) => return Ok(false),
        }
    }
}

fn unless_gone(outcome: Result<wire::Connection, OperationError>) -> Result<Option<wire::Connection>, OperationError> {
    match outcome {
        Ok(shown) => Ok(Some(shown).filter(|shown| !shown.is_deleted())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits for the turn to write to a connection, as long as there is time.
pub(in crate::provider) async fn lock(
    context: &OperationContext,
    provider_data: &ProviderData,
    id: &str,
) -> Result<OwnedMutexGuard<()>, OperationError> {
    provider_data.run_state().mark_applying();
    context.read(async { Ok(provider_data.write_locks().lock(id).await) }).await
}

/// Whether the state names a connection by what is an ID at all: asked for anything else, the service would say that there
/// is none, and Terraform would forget what it has.
pub(in crate::provider) fn check_state(id: &str) -> Result<(), Diagnostics> {
    // Not the rule that a practitioner's hand has to keep: what the service gave out is believed.
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Ok(());
    }
    let fact = format!(
        "The state names the connection {id:?}, which is not an ID; an ID is {}.",
        rules::CONNECTION_ID.expected
    );
    let text = format!("{fact} {DAMAGED}");
    Err(Diagnostic::error("Invalid Connection ID in the State", text).at(Path::attribute("id")).into())
}

const DAMAGED: &str = "The state was damaged or edited by hand. Nothing was sent to the service, and nothing was changed.\n\n\
                       Restore the state from a backup (terraform.tfstate.backup), or remove the resource from it and import \
                       it again: terraform state rm ADDRESS, then terraform import ADDRESS ID.";

/// Reads what the state holds. That it holds null where there is always something is nobody's fault here.
pub(in crate::provider) fn from_state<T: FromValue>(state: &Value) -> Result<T, Diagnostics> {
    let told = |error: Diagnostic| damaged(error.detail_without_report_request(), error.path.clone());
    T::from_value(state, &Path::root()).map_err(|faults| faults.iter().cloned().map(told).collect())
}

/// The state holds what it cannot, as `fact` says in a sentence that begins with the path.
pub(in crate::provider) fn damaged(fact: &str, path: Path) -> Diagnostic {
    Diagnostic::error("Damaged State", format!("In the state, {fact} {DAMAGED}")).at(path)
}

/// What could not be made is told, with what the state holds then: `nothing`, unless it may have been made all the same. Then
/// the state gets it as it was `planned`, for nobody else would ever remove it.
pub(in crate::provider) fn create_failed(
    error: OperationError,
    (summary, nothing): (&str, &str),
    planned: impl IntoValue,
    response: &mut ResponseState,
) -> Diagnostics {
    if !error.may_have_taken_effect() {
        return error.into_errors(summary, nothing);
    }
    response.set_state(planned);
    error.into_errors(summary, PERHAPS)
}

/// Terraform forgets by itself what the next refresh does not find.
const PERHAPS: &str = "The state holds it in case it exists, and Terraform marks it as tainted: the next apply removes what \
                       exists and creates it again. To keep what exists: run terraform untaint ADDRESS, then apply; only what \
                       is missing is created.";

/// There is no connection to do it to.
pub(in crate::provider) fn no_connection(summary: &str, id: &str) -> Diagnostics {
    let text = format!(
        "There is no enhanced connection {id} in this project: it never existed, or it was deleted. Check connection_id, and \
         region and project_id of this resource or of the provider."
    );
    Diagnostic::error(format!("{summary}: No Such Connection"), text).into()
}

/// What was written for an import does not have the form that `forms` describes.
pub(in crate::provider) fn invalid_import(id: &str, forms: &str) -> Diagnostics {
    invalid(id, forms, "does not have the right form.")
}

/// The words of an import ID, each with the rules that it must keep.
pub(in crate::provider) fn check_import(id: &str, forms: &str, words: &[(&str, &[Rule])]) -> Result<(), Diagnostics> {
    let broken = |(word, rules): &(&str, &[Rule])| {
        let (rule, broken) = rules.iter().find_map(|rule| Some((rule, rule.violation(word)?)))?;
        Some(format!("is not valid: {word:?} {broken}; allowed: {}.", rule.expected))
    };
    words.iter().find_map(broken).map_or(Ok(()), |broken| Err(invalid(id, forms, &broken)))
}

fn invalid(id: &str, forms: &str, error: &str) -> Diagnostics {
    let text = format!(
        "The import ID {id:?} {error}\n\nWrite it as {forms}, followed by @REGION or @REGION/PROJECT_ID if these differ from \
         the provider's."
    );
    Diagnostic::error("Invalid Import ID", text).into()
}

/// There is nothing to import.
pub(in crate::provider) fn not_found(what: &str, title: &str) -> Diagnostics {
    let text = format!("There is no {what} in this project. Check the ID, and region and project_id of the provider.");
    Diagnostic::error(format!("{title} Not Found"), text).into()
}
