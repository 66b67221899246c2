//! Adopts the connection of an earlier run that ended before it could report the connection to Terraform.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::texts::describe;
use super::{CreateOnce, Created, MAX_SEARCH, NOTHING_CREATED, SUMMARY, search_delays};
use crate::dli::wire;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::resource::ResponseState;
use crate::provider::enhanced_connection::creation_entry::CreationEntry;
use crate::provider::enhanced_connection::list::list;
use crate::provider::shared::connection_part;
use crate::provider::shared::operation::OperationError;
use crate::provider::shared::optional::timestamp;

/// A shorter search is not reported.
const NOTICEABLE: Duration = Duration::from_secs(2);

impl CreateOnce<'_> {
    /// Adopts the connection that an earlier run's entry proves. `existing` are the connections that have the name.
    pub(super) async fn adopt(
        &self,
        entry: &CreationEntry,
        existing: &[wire::Connection],
        response: &mut ResponseState,
    ) -> Result<Option<Created>, OperationError> {
        let began = Instant::now();
        let result = self.find_result(entry, existing).await?;
        let waited = Some(began.elapsed()).filter(|elapsed| *elapsed >= NOTICEABLE).map(describe_search);
        let Some(shown) = result else {
            let warning = match &entry.id {
                None => waited.map(|waited| nothing_found(self.name, &waited)),
                Some(id) => (!entry.acknowledged).then(|| gone(self.name, id)),
            };
            response.add_warning(warning);
            return Ok(None);
        };
        if !self.journal.is_of_this_state(entry) {
            let why = "An earlier run with another state in this directory created this connection. The connection \
                       may be in that state.";
            return Err(self.undecided(&[shown], why).into());
        }
        if !entry.has_same_network(&self.body) {
            let text = format!(
                "{}\n\nAn earlier run created it and could not report it to Terraform. Since then, dest_vpc_id, \
                 dest_network_id or routetable_id was changed in the configuration. {NOTHING_CREATED} Import the \
                 connection, then replace it: terraform import ADDRESS {}, then terraform apply -replace=ADDRESS",
                describe(self.name, std::slice::from_ref(&shown)),
                shown.id
            );
            return Err(left_by_earlier_run(text).into());
        }
        if let Ok(Some(other)) = self.journal.claim(&self.journal.adopted_entry(entry, &shown.id), Some(entry)) {
            return Err(self.taken_by_other(&other, &[shown]).into());
        }
        response.add_warning(adopted(&shown, &waited.unwrap_or_default()));
        Ok(Some(Created { id: shown.id, is_found: true, is_earlier: true }))
    }

    /// Finds the connection that the entry proves.
    ///
    /// If the request of that run is recent, lists may not show the connection yet, so the search is repeated.
    async fn find_result(
        &self,
        entry: &CreationEntry,
        existing: &[wire::Connection],
    ) -> Result<Option<wire::Connection>, OperationError> {
        if let Some(id) = &entry.id {
            if self.journal.was_created_in_this_run(id) {
                return Ok(None);
            }
            // The service shows a connection that it has confirmed, unless it is deleted. For a while after the request,
            // a response may be older than the connection, and one that the list has shown is not gone.
            let is_old = entry.age_of_request(self.context.project.server_now()) >= MAX_SEARCH;
            let is_listed = existing.iter().any(|listed| listed.id == *id);
            let shown = if entry.acknowledged || (is_old && !is_listed) {
                connection_part::find_connection_once(self.context, id).await?
            } else {
                connection_part::find_connection(self.context, id).await?
            };
            let shown = shown.filter(|shown| entry.created(shown)).map(Arc::unwrap_or_clone);
            if let Some(shown) = shown.as_ref().filter(|_| entry.acknowledged) {
                let why = "An earlier run created this connection and reported it to Terraform, but it is missing from \
                           the current state. It may be in another state of this directory, or it was removed from the \
                           state, or the state was lost.";
                return Err(self.undecided(std::slice::from_ref(shown), why).into());
            }
            return Ok(shown);
        }
        let is_candidate = |shown: &wire::Connection| {
            entry.possibly_created(shown) && !self.journal.was_created_in_this_run(&shown.id)
        };
        let now = self.context.project.server_now();
        let remaining = entry.remaining(now, MAX_SEARCH);
        let end = now + remaining.into_iter().flat_map(search_delays).sum::<Duration>();
        let waiting_for = format!(
            "The search for the connection of an earlier run's request (until about {:02}:{:02}:{:02} UTC, a minute \
             after that request; a create timeout of 2m is long enough for it)",
            end.hour(),
            end.minute(),
            end.second()
        );
        let mut delays = remaining.into_iter().flat_map(search_delays);
        let mut named = existing.to_vec();
        let mut proven = loop {
            let proven = self.proven(entry, &named).await?;
            let is_done = !proven.is_empty() || named.iter().any(is_candidate);
            let Some(delay) = delays.next().filter(|_| !is_done) else { break proven };
            self.context.pause(delay, || waiting_for.clone()).await?;
            named = list(self.context, Some(self.name), None).await?;
        };
        match proven.len() {
            0 => {
                named.retain(is_candidate);
                let why = "An earlier run was stopped while it created a connection of this name, and it is unclear \
                           whether this is that connection.";
                if named.is_empty() { Ok(None) } else { Err(self.undecided(&named, why).into()) }
            }
            1 => Ok(proven.pop()),
            _ => {
                let why = "An earlier run created one of them, and it is unclear which.";
                Err(self.undecided(&proven, why).into())
            }
        }
    }

    /// The error if an earlier run may have created one of these connections.
    pub(super) fn undecided(&self, existing: &[wire::Connection], why: &str) -> Diagnostics {
        left_by_earlier_run(format!(
            "{}\n\n{why} {NOTHING_CREATED} Import the connection that is yours: terraform import ADDRESS ID. If none \
             is, delete the journal entry of that run, {}, and apply again.",
            describe(self.name, existing),
            self.journal.display_path(self.context.project.id(), self.name)
        ))
    }

    /// The error if another process, whose run is still active, wrote the entry `other` for the name.
    pub(super) fn taken_by_other(&self, other: &CreationEntry, existing: &[wire::Connection]) -> Diagnostics {
        let name = self.name;
        let existing = if existing.is_empty() { String::new() } else { describe(name, existing) + "\n\n" };
        let (who, choice) = if self.journal.is_of_this_run(other) {
            ("Another provider block in this run", "Choose")
        } else {
            (
                "Another run in this directory",
                "If that run applies the same configuration, wait until it has ended, then plan again. Otherwise choose",
            )
        };
        let text = format!(
            "{existing}{who} is creating, or has just created, an enhanced connection named {name:?}. \
             {NOTHING_CREATED} {choice} another name. If the connection was meant to be shared, wait until it exists, \
             then use the data source dli_enhanced_connection or import it: terraform import ADDRESS ID."
        );
        Diagnostic::error(format!("{SUMMARY}: Name Is Taken"), text).into()
    }
}

fn left_by_earlier_run(text: String) -> Diagnostics {
    Diagnostic::error(format!("{SUMMARY}: Left by an Earlier Run"), text).into()
}

/// How long a search took, and why.
fn describe_search(elapsed: Duration) -> String {
    format!(
        " The provider searched for it for {} seconds, because the service may still have been working on the request.",
        elapsed.as_secs()
    )
}

/// The warning about a long search without a result.
fn nothing_found(name: &str, waited: &str) -> Diagnostic {
    let text = format!(
        "An earlier run sent a request to create the connection {name:?}, and its outcome was unknown.{waited} No such \
         connection appeared, so this run sent a new request."
    );
    Diagnostic::warning("Waited for the Request of an Earlier Run", text)
}

/// The warning about a connection that Terraform never knew and that is deleted.
fn gone(name: &str, id: &str) -> Diagnostic {
    let text = format!(
        "An earlier run created the connection {name:?} ({id}) and was stopped before it could report it to Terraform. \
         That connection does not exist any more, so this run sent a new request."
    );
    Diagnostic::warning("Connection of an Earlier Run Is Gone", text)
}

/// The warning about an adopted connection.
fn adopted(connection: &wire::Connection, waited: &str) -> Diagnostic {
    let wire::Connection { name, id, create_time, .. } = connection;
    let created = timestamp(*create_time).map(|time| format!(", created {time}")).unwrap_or_default();
    let text = format!(
        "An earlier run was stopped before it could report to Terraform that it had created the connection {name:?} \
         ({id}{created}).{waited} This connection is now in the state and is changed to match the configuration. No \
         second connection was created."
    );
    Diagnostic::warning("Connection of an Earlier Run Adopted", text).at(Path::attribute("name"))
}
