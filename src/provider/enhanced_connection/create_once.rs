//! Creates a connection exactly once.
//!
//! The service takes no idempotency token, and a response can be lost. The provider writes a journal entry before each
//! attempt is sent.
//!
//! | situation | action |
//! |---|---|
//! | an earlier run was killed and left a journal entry | adopt the connection that the entry proves; send nothing |
//! | such a run had another state | error that names the connection |
//! | another active run has an entry, or writes one first | error; send nothing |
//! | another process of this run has an entry without a result, or writes one first | error; send nothing |
//! | an earlier run reported the connection to Terraform, but the state lacks it | error |
//! | the response is lost | search by name; use the connection that the entry and the tags prove |
//! | the search finds nothing for 10 seconds, or a minute if the service may still be working | send again |
//! | the search finds only a connection without proof | error that names it |
//!
//! Whether another run is active is known on Linux, within one container. Elsewhere it counts as an earlier run.

mod adopt;
mod texts;

use std::iter::repeat_n;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use self::texts::{advice_for_candidates, advice_for_unknown_outcome, describe, no_journal};
use super::creation_entry::CreationEntry;
use super::creation_journal::CreationJournal;
use super::list::list;
use super::model::Connection;
use crate::client::{Error, Operation};
use crate::dli::{error_code, wire};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::resource::ResponseState;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::connection_part;
use crate::provider::shared::operation::{OperationContext, OperationError};
use crate::provider::shared::tags::{TagPolicy, Tags};

const MAX_ATTEMPTS: usize = 5;

/// Delays between searches for a connection, because lists may lag.
const SEARCH_DELAYS: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_millis(3500),
];
/// Delay between later searches.
const SLOW_SEARCH_DELAY: Duration = Duration::from_secs(5);

/// How long after a request the search continues if the service may still be working on it: the client's longest wait
/// for a response.
const MAX_SEARCH: Duration = Duration::from_mins(1);

/// Summary of errors.
pub(super) const SUMMARY: &str = "Could Not Create the Enhanced Connection";
/// The state after an error before the first request.
pub(super) const NOTHING_CREATED: &str = "Nothing was created.";
const LIST_REFUSED: &str = "Nothing was created. Before the provider creates a connection, it lists the connections \
                            with the same name: otherwise a lost response could leave a connection that Terraform does \
                            not manage. This requires the permission to list connections.";

/// A connection that this run or an earlier one created.
#[derive(Debug)]
pub(super) struct Created {
    pub(super) id: String,
    /// Whether it was found, so that it is unknown which parts it has.
    pub(super) is_found: bool,
    /// Whether an earlier run created it.
    pub(super) is_earlier: bool,
}

/// A creation in progress.
struct CreateOnce<'a> {
    context: &'a OperationContext,
    journal: &'a CreationJournal,
    tag_policy: TagPolicy,
    name: &'a str,
    body: wire::CreateConnection,
}

/// The journal entry, and the latest attempt.
struct SentRequest {
    entry: CreationEntry,
    sent_at: Option<Instant>,
    /// Why the entry could not be written.
    write_error: Option<String>,
    /// The entry that another process wrote before this one could.
    other: Option<CreationEntry>,
}

/// The result of a search for the connection of a lost response.
enum Search {
    Found(String),
    /// New connections of the name, without proof that this run created one of them.
    Candidates(Vec<wire::Connection>),
}

/// Creates the connection, or finds that it was created.
pub(super) async fn run(
    context: &OperationContext,
    provider_data: &ProviderData,
    planned: &Connection,
    tags: &Tags,
    response: &mut ResponseState,
) -> Result<Created, OperationError> {
    let (project_id, name) = (context.project.id(), planned.name.as_str());
    // Of two resources with the same name, the second must not mistake the connection of the first for its own.
    let key = format!("{project_id}/{name}");
    let _guard = context.read(async { Ok(provider_data.write_locks.lock(&key).await) }).await?;
    let (journal, tag_policy) = (&provider_data.creation_journal, provider_data.tag_policy());
    let create = CreateOnce { context, journal, tag_policy, name, body: planned.to_create(tags) };
    let created = create.run(planned, response).await?;
    journal.record_created(&created.id);
    Ok(created)
}

impl CreateOnce<'_> {
    async fn run(&self, planned: &Connection, response: &mut ResponseState) -> Result<Created, OperationError> {
        let project = &self.context.project;
        let existing = match list(self.context, Some(self.name), None).await {
            // Without the list, a lost response would leave it open which connection this run created.
            Err(error) if error.is_refused() && is_from_list(&error) => {
                return Err(error.into_errors(SUMMARY, LIST_REFUSED).into());
            }
            existing => existing?,
        };
        let entry = match self.journal.find(project.id(), self.name) {
            Ok(entry) => entry,
            Err(_) if existing.is_empty() => None,
            Err(unreadable) => {
                let why = format!("An earlier run left a journal entry, but {unreadable}.");
                return Err(self.undecided(&existing, &why).into());
            }
        };
        if let Some(entry) = &entry {
            let is_open = entry.id.is_none() && self.journal.is_of_other_process(entry);
            if is_open || self.journal.is_concurrent(entry) {
                return Err(self.taken_by_other(entry, &existing).into());
            }
            if self.journal.is_earlier(entry)
                && let Some(adopted) = self.adopt(entry, &existing, response).await?
            {
                return Ok(adopted);
            }
        }
        let routes = planned.routes.as_ref();
        let mut new_entry = self.journal.new_entry(project.id(), &self.body, routes, &existing, project.server_now());
        // The list may not show the latest connections yet.
        new_entry.before.extend(entry.iter().filter_map(|entry| entry.id.clone()));
        let request = Mutex::new(SentRequest { entry: new_entry, sent_at: None, write_error: None, other: None });
        self.send(&request, entry, response).await
    }

    /// Sends the request until its outcome is known. `earlier` is the entry that the new one replaces.
    async fn send(
        &self,
        request: &Mutex<SentRequest>,
        earlier: Option<CreationEntry>,
        response: &mut ResponseState,
    ) -> Result<Created, OperationError> {
        let on_send = |now| {
            let mut request = request.lock();
            let is_first = request.sent_at.replace(Instant::now()).is_none();
            request.entry.mark_sent(is_first, now);
            let written = if is_first {
                self.journal.claim(&request.entry, earlier.as_ref())
            } else {
                self.journal.write(&request.entry).map(|()| None)
            };
            request.write_error = written.as_ref().err().map(ToString::to_string);
            request.other = written.unwrap_or_default();
            if request.other.is_some() { Err("another process creates the connection".to_owned()) } else { Ok(()) }
        };
        let record_id = |id: &str| {
            let mut request = request.lock();
            request.entry.id = Some(id.to_owned());
            let _ = self.journal.write(&request.entry);
        };
        let client = self.context.run_state.client;
        let unknown_outcome = |error: OperationError| {
            let advice = advice_for_unknown_outcome(client, self.name, request.lock().write_error.as_deref());
            Err(error.into_errors(SUMMARY, &advice).into())
        };
        // Whether the outcome of an attempt is unknown.
        let mut is_unknown = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let create = self.context.project.create_connection(&self.body, &on_send);
            let error = match self.context.write(create).await {
                Ok(id) => {
                    record_id(&id);
                    if let Some(error) = &request.lock().write_error {
                        response.add_warning(no_journal(error));
                    }
                    if is_unknown {
                        let entry = request.lock().entry.clone();
                        response.add_warning(self.possible_duplicate(&entry, &id).await);
                    }
                    return Ok(Created { id, is_found: false, is_earlier: false });
                }
                Err(error) => error,
            };
            if let Some(other) = request.lock().other.take() {
                return Err(self.taken_by_other(&other, &[]).into());
            }
            let is_taken = error.has_code(error_code::ALREADY_EXISTS);
            if !(error.may_have_taken_effect() || is_unknown && is_taken) {
                if is_unknown {
                    return unknown_outcome(error);
                }
                self.journal.withdraw(&request.lock().entry, earlier.as_ref());
                return Err(self.rejected(error, is_taken).await.into());
            }
            is_unknown = true;
            if matches!(error, OperationError::Interrupted { .. } | OperationError::TimedOut { .. }) {
                return unknown_outcome(error);
            }
            tracing::info!(?error, name = self.name, "the outcome of the create request is unknown");
            let (entry, age) = {
                let request = request.lock();
                (request.entry.clone(), request.sent_at.map(|at| at.elapsed()).unwrap_or_default())
            };
            let is_under_way = error.called().is_some_and(Error::may_be_under_way);
            let duration = if is_under_way { MAX_SEARCH.saturating_sub(age) } else { Duration::ZERO };
            match self.search(&entry, duration).await {
                Ok(Search::Found(id)) => {
                    record_id(&id);
                    return Ok(Created { id, is_found: true, is_earlier: false });
                }
                Ok(Search::Candidates(candidates)) if !candidates.is_empty() => {
                    let existing = describe(self.name, &candidates);
                    let note = format!("{existing}\n\n{}", advice_for_candidates(client, &candidates));
                    return Err(error.into_errors(SUMMARY, &note).into());
                }
                Ok(Search::Candidates(_))
                    if !is_taken && attempt < MAX_ATTEMPTS && error.called().is_some_and(Error::is_transient) => {}
                // The first error matters, not that of the search.
                Ok(_) | Err(_) => return unknown_outcome(error),
            }
        }
    }

    /// Searches for at least `duration`, until there is a new connection of the name.
    async fn search(&self, entry: &CreationEntry, duration: Duration) -> Result<Search, OperationError> {
        let mut delays = search_delays(duration);
        loop {
            let mut named = list(self.context, Some(self.name), None).await?;
            named.retain(|connection| !entry.existed_before(&connection.id));
            let proven = self.proven(entry, &named).await?;
            match (&proven[..], delays.next()) {
                ([shown], _) => return Ok(Search::Found(shown.id.clone())),
                ([], Some(delay)) if named.is_empty() => {
                    let waiting_for = || "The search for the connection of the lost response".to_owned();
                    self.context.pause(delay, waiting_for).await?;
                }
                _ => return Ok(Search::Candidates(named)),
            }
        }
    }

    /// Returns those of `named` that the entry and the tags prove to be its result.
    async fn proven(
        &self,
        entry: &CreationEntry,
        named: &[wire::Connection],
    ) -> Result<Vec<wire::Connection>, OperationError> {
        let mut proven = Vec::new();
        for shown in named {
            if entry.created(shown)
                && !self.journal.was_created_in_this_run(&shown.id)
                && (entry.id.is_some() || self.has_tags(entry, &shown.id).await?)
            {
                proven.push(shown.clone());
            }
        }
        Ok(proven)
    }

    /// Whether a connection has the requested tags. If they cannot be read, the other attributes decide.
    async fn has_tags(&self, entry: &CreationEntry, id: &str) -> Result<bool, OperationError> {
        let read = || async {
            match self.context.read(self.context.project.list_tags(id)).await {
                Ok(listed) => Ok(entry.has_tags(&listed, |key| self.tag_policy.ignores(key))),
                Err(error) if error.is_not_found() => Ok(false),
                Err(error) if error.is_refused() => Ok(true),
                Err(error) => Err(error),
            }
        };
        connection_part::read_until(self.context, read, |has_tags| !has_tags).await
    }

    /// Warns about a connection that a request with an unknown outcome may have created besides `id`.
    async fn possible_duplicate(&self, entry: &CreationEntry, id: &str) -> Diagnostics {
        let mut named = list(self.context, Some(self.name), None).await.unwrap_or_default();
        named
            .retain(|shown| shown.id != id && entry.matches(shown) && !self.journal.was_created_in_this_run(&shown.id));
        let Some(duplicate) = named.first() else { return Diagnostics::new() };
        let text = format!(
            "The response to the first create request was lost, and no connection appeared, so the provider sent the \
             request again, which created {id}. Now another connection has the same attributes. {} If nobody else \
             created it, the first request did: delete {} in the DLI console.",
            describe(self.name, &named),
            duplicate.id
        );
        Diagnostic::warning("There May Be a Second Connection", text).into()
    }

    /// The error of a request that the service rejected without effect.
    async fn rejected(&self, error: OperationError, is_taken: bool) -> Diagnostics {
        let existing = if is_taken { list(self.context, Some(self.name), None).await } else { Ok(Vec::new()) };
        let existing = existing.unwrap_or_default();
        let Some(first) = existing.first() else { return error.into_errors(SUMMARY, NOTHING_CREATED) };
        let note = format!(
            "{}\n\n{NOTHING_CREATED} If this run replaces that connection, it keeps its name until the new one exists \
             (create_before_destroy): change the name together with what replaces the connection, or delete the old \
             one first. Otherwise choose another name, or import the existing connection: {}",
            describe(self.name, &existing),
            self.context.run_state.client.import(&first.id)
        );
        error.into_errors_with_advice(SUMMARY, &note)
    }
}

/// Returns the delays of a search that lasts for at least `duration`.
fn search_delays(duration: Duration) -> impl Iterator<Item = Duration> {
    let remaining = duration.saturating_sub(SEARCH_DELAYS.iter().sum());
    let slow = remaining.as_millis().div_ceil(SLOW_SEARCH_DELAY.as_millis());
    SEARCH_DELAYS.into_iter().chain(repeat_n(SLOW_SEARCH_DELAY, usize::try_from(slow).unwrap_or_default()))
}

/// Whether the list was rejected, and not the preceding request for credentials.
fn is_from_list(error: &OperationError) -> bool {
    error.called().and_then(|error| error.operation) == Some(Operation::ListConnections)
}
