//! Making a connection once and only once, although the service takes no idempotency token and an answer can be lost.
//!
//! | what happens | what is done |
//! |---|---|
//! | an earlier run was killed, and left a note of it | what the note proves is taken over; nothing is sent |
//! | an earlier run told Terraform of it, and the state does not have it | nothing is done, and the error says so |
//! | the answer is lost | what has the name now is looked at; what is surely ours is taken over |
//! | nothing has the name, for some seconds, or longer where the service may be at work on it | it is sent again |
//! | something has the name that is not surely ours | nothing is done, and the error says what is there |
//!
//! What is surely ours, [`Creation::made`] says, and its tags. A note is written right before each attempt leaves.

use std::{
    collections::BTreeMap,
    iter::repeat_n,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::time::Instant;

use super::{
    model::Connection,
    resource::{advice_for_candidates, advice_for_unknown_outcome},
};
use crate::{
    client::{ConnectionFilter, Error, Operation},
    dli::{error_code, wire},
    framework::diagnostic::{Diagnostic, Diagnostics},
    provider::{
        enhanced_connection::creation_journal::{CreationEntry, CreationJournal, ResponseSent},
        enhanced_connection::model::timestamp,
        provider_data::ProviderData,
        shared::connection_part,
        shared::operation::{OperationContext, OperationError},
        shared::tags::{TagPolicy, Tags},
    },
};

/// How often it is sent at most.
const ATTEMPTS: usize = 5;

/// Pauses between the looks for something that may show up late: what was written is not always read at once.
const LOOKS: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_millis(3500),
];
/// All of them.
const LOOKED: Duration = Duration::from_secs(10);
/// The pause between the looks after those.
const SLOW: Duration = Duration::from_secs(5);

/// How long after it was sent something is looked for that the service may be at work on still: as long as this side waits
/// for an answer at most.
const WATCH: Duration = Duration::from_mins(1);

const NOTHING: &str = "Nothing was created.";
const NOT_SEEN: &str = "Nothing was created. Before a connection is created, the provider checks which connections have its name: \
                        without that, a lost answer could leave a connection behind that Terraform does not know. This \
                        needs the permission to list connections.";

/// How a connection came about.
#[derive(Debug)]
pub(super) enum CreateOutcome {
    /// The service answered with this id.
    Answered(String),
    /// It was found, because the answer was lost.
    Found(wire::Connection),
    /// An earlier run made it, of which this was noted.
    Earlier(wire::Connection, Box<CreationEntry>),
}

/// A creation under way.
struct CreateOnce<'a> {
    context: &'a OperationContext,
    journal: &'a CreationJournal,
    tag_policy: TagPolicy,
    summary: &'a str,
    planned: &'a Connection,
    body: wire::CreateConnection,
}

/// The note of a creation, and the latest attempt.
struct SentRequest {
    creation: CreationEntry,
    at: Option<Instant>,
    /// Why the note is not written.
    unkept: Option<String>,
}

/// Makes the connection, or finds that it was made. What there is to say about that beside comes with it.
pub(super) async fn run(
    context: &OperationContext,
    provider_data: &ProviderData,
    planned: &Connection,
    tags: &Tags,
    summary: &str,
    response: &ResponseSent,
) -> Result<(CreateOutcome, Diagnostics), Diagnostics> {
    let to_errors = |error: OperationError| error.into_errors(summary, NOTHING);
    // Two resources of one name, one after the other: what the first has made is not the second's.
    let name = format!("{}/{}", context.project.id(), planned.name);
    let _turn = context.read(async { Ok(provider_data.write_locks().lock(&name).await) }).await.map_err(to_errors)?;
    let (journal, tag_policy) = (provider_data.creation_journal(), provider_data.tag_policy());
    let create = CreateOnce { context, journal, tag_policy, summary, planned, body: planned.to_create(tags) };
    let (made, warnings) = create.run().await?;
    let id = match &made {
        CreateOutcome::Answered(id) => id,
        CreateOutcome::Found(shown) | CreateOutcome::Earlier(shown, _) => &shown.id,
    };
    journal.record_created(context.project.id(), &planned.name, id, context.stop(), response);
    Ok((made, warnings))
}

impl CreateOnce<'_> {
    async fn run(&self) -> Result<(CreateOutcome, Diagnostics), Diagnostics> {
        let to_errors = |error: OperationError| error.into_errors(self.summary, NOTHING);
        let (project_id, name) = (self.context.project.id(), self.planned.name.as_str());
        let before = match self.named().await {
            // Of what is made without this, nobody could tell afterwards whose it is.
            Err(error) if error.is_refused() && is_of_list(&error) => {
                return Err(error.into_errors(self.summary, NOT_SEEN));
            }
            before => before.map_err(to_errors)?,
        };
        let noted = match self.journal.find(project_id, name) {
            Ok(noted) => noted,
            Err(_) if before.is_empty() => None,
            Err(unreadable) => return Err(self.left(&before, &unreadable.to_string())),
        };
        if noted.as_ref().is_some_and(|noted| self.journal.is_concurrent(noted)) {
            return Err(self.taken_by_concurrent_run(&before));
        }
        if let Some(noted) = noted.as_ref().filter(|noted| self.journal.is_earlier(noted))
            && let Some(earlier) = self.earlier(noted, &before).await?
        {
            let mut noted = Box::new(noted.clone());
            noted.id = Some(earlier.id.clone());
            let _ = self.journal.write(&noted);
            return Ok((CreateOutcome::Earlier(earlier, noted), Diagnostics::new()));
        }
        let routes = self.planned.routes.as_ref();
        let now = self.context.project.server_now();
        let creation = self.journal.creation(project_id, &self.body, routes, &before, now);
        let sent = Mutex::new(SentRequest { creation, at: None, unkept: None });
        let tell = || lock(&sent);
        let sending = |now: OffsetDateTime| {
            let mut sent = tell();
            let first = sent.at.replace(Instant::now()).is_none();
            sent.creation.mark_sent(first, now);
            sent.unkept = self.journal.write(&sent.creation).err().map(|error| error.to_string());
        };
        let keep = |id: &str| {
            let mut sent = tell();
            sent.creation.id = Some(id.to_owned());
            let _ = self.journal.write(&sent.creation);
            sent.creation.clone()
        };
        let advice_for_unknown_outcome = || advice_for_unknown_outcome(name, tell().unkept.as_deref());
        let mut open = false;
        let mut attempt = 1;
        loop {
            let creating = self.context.project.create_connection(&self.body, &sending);
            let error = match self.context.write(creating).await {
                Ok(id) => {
                    let creation = keep(&id);
                    let twin = if open { self.possible_duplicate(&creation, &id).await } else { None };
                    return Ok((CreateOutcome::Answered(id), twin.into_iter().collect()));
                }
                Err(error) => error,
            };
            let taken = error.has_code(error_code::ALREADY_EXISTS);
            if !(error.may_have_taken_effect() || open && taken) {
                match &noted {
                    _ if open => {}
                    // Of what an earlier run began, this tells nothing.
                    Some(noted) => drop(self.journal.write(noted)),
                    None => self.journal.remove(project_id, name),
                }
                let there = if taken { self.named().await.unwrap_or_default() } else { Vec::new() };
                let state_note = open.then(advice_for_unknown_outcome);
                return Err(self.refused(error, state_note, &there));
            }
            open = true;
            if matches!(error, OperationError::Interrupted { .. } | OperationError::TimedOut { .. }) {
                return Err(error.into_errors(self.summary, &advice_for_unknown_outcome()));
            }
            tracing::info!(?error, name, "the answer to a creation was lost; looking whether it was made");
            let creation = tell().creation.clone();
            let age = tell().at.map(|at| at.elapsed()).unwrap_or_default();
            let watch = if error.may_be_under_way() { WATCH.saturating_sub(age) } else { Duration::ZERO };
            let others = match self.found(&creation, watch).await {
                Ok(Ok(shown)) => {
                    keep(&shown.id);
                    return Ok((CreateOutcome::Found(shown), Diagnostics::new()));
                }
                Ok(Err(others)) => others,
                // The first fault is what matters; that nobody could look is beside the point.
                Err(_) => return Err(error.into_errors(self.summary, &advice_for_unknown_outcome())),
            };
            if !others.is_empty() {
                return Err(error.into_errors(
                    self.summary,
                    &format!("{}\n\n{}", described(name, &others), advice_for_candidates(&others)),
                ));
            }
            if taken || attempt == ATTEMPTS || !error.is_transient() {
                return Err(error.into_errors(self.summary, &advice_for_unknown_outcome()));
            }
            attempt += 1;
        }
    }

    /// What has the name.
    async fn named(&self) -> Result<Vec<wire::Connection>, OperationError> {
        let name = &self.planned.name;
        let filter =
            ConnectionFilter { name: Some(name), status: Some(wire::STATUS_ACTIVE), ..ConnectionFilter::default() };
        let mut named = self.context.read(self.context.project.list_connections(&filter)).await?;
        named.retain(|connection| connection.name == *name && !connection.is_deleted());
        Ok(named)
    }

    /// What an earlier run made, and could not tell. Where that was a moment ago, it may show up late.
    async fn earlier(
        &self,
        noted: &CreationEntry,
        named: &[wire::Connection],
    ) -> Result<Option<wire::Connection>, Diagnostics> {
        let to_errors = |error: OperationError| error.into_errors(self.summary, NOTHING);
        if let Some(id) = &noted.id {
            if self.journal.was_created_in_this_run(id) {
                return Ok(None);
            }
            let shown = connection_part::find_connection(self.context, id)
                .await
                .map_err(to_errors)?
                .filter(|shown| noted.created(shown));
            let Some(shown) = shown else { return Ok(None) };
            if noted.acknowledged {
                let why = "an earlier run made it and told Terraform, and the state that is used now does not have it. Another \
                           state of this directory may, or it was taken out of the state, or the state was lost";
                return Err(self.left(&[shown], why));
            }
            return self.fits(noted, shown).map(Some);
        }
        let suspected = |shown: &wire::Connection| {
            noted.possibly_created(shown) && !self.journal.was_created_in_this_run(&shown.id)
        };
        let mut named = named.to_vec();
        let mut found = self.ours(noted, &named).await.map_err(to_errors)?;
        let remaining = noted.remaining(self.context.project.server_now(), WATCH);
        for pause in remaining.into_iter().flat_map(pauses) {
            if !found.is_empty() || named.iter().any(suspected) {
                break;
            }
            self.context.pause(pause, String::new).await.map_err(to_errors)?;
            named = self.named().await.map_err(to_errors)?;
            found = self.ours(noted, &named).await.map_err(to_errors)?;
        }
        match &found[..] {
            [] => {
                named.retain(suspected);
                let why = "an earlier run was ended while it created a connection of this name, and nothing proves that \
                           this is it or that it is not";
                if named.is_empty() { Ok(None) } else { Err(self.left(&named, why)) }
            }
            [shown] => self.fits(noted, shown.clone()).map(Some),
            several => Err(self.left(several, "an earlier run made one of them, and nothing tells which")),
        }
    }

    /// Whether what an earlier run made is what is declared now, as far as that cannot be changed.
    fn fits(&self, noted: &CreationEntry, shown: wire::Connection) -> Result<wire::Connection, Diagnostics> {
        let Connection { name, dest_vpc_id, dest_network_id, routetable_id, .. } = self.planned;
        let same = shown.dest_vpc_id.eq_ignore_ascii_case(dest_vpc_id)
            && shown.dest_network_id.eq_ignore_ascii_case(dest_network_id)
            && noted.routetable_id == *routetable_id;
        if same {
            return Ok(shown);
        }
        let text = format!(
            "{}\n\nAn earlier run created it and could not tell Terraform, and since then dest_vpc_id, dest_network_id or \
             routetable_id was changed in the configuration. {NOTHING} Import it, and apply with -replace=ADDRESS: terraform \
             import ADDRESS {}",
            described(name, std::slice::from_ref(&shown)),
            shown.id
        );
        Err(self.by_an_earlier_run(text))
    }

    /// An earlier run may have left one of these.
    fn left(&self, there: &[wire::Connection], why: &str) -> Diagnostics {
        let name = &self.planned.name;
        self.by_an_earlier_run(format!(
            "{}\n\nThis needs a decision: {why}. {NOTHING} Import the one that is yours: terraform import ADDRESS ID. If none \
             is, delete the note of that run, {}, and apply again.",
            described(name, there),
            self.journal.display_path(self.context.project.id(), name)
        ))
    }

    /// Another run that is still active uses the name.
    fn taken_by_concurrent_run(&self, there: &[wire::Connection]) -> Diagnostics {
        let name = &self.planned.name;
        let existing = if there.is_empty() { String::new() } else { format!("{}\n\n", described(name, there)) };
        let text = format!(
            "{existing}Another run in this directory is still active and creates an enhanced connection named {name:?}, or has \
             created it. {NOTHING} Choose another name. If the connection was meant to be shared, wait until that run has \
             ended, then use the data source dli_enhanced_connection or import it: terraform import ADDRESS ID."
        );
        Diagnostic::error(format!("{}: Name Is Taken", self.summary), text).into()
    }

    fn by_an_earlier_run(&self, text: String) -> Diagnostics {
        Diagnostic::error(format!("{}: Left by an Earlier Run", self.summary), text).into()
    }

    /// Looks until what was made is there, or until it would have been by now: what is surely ours, else all that has the
    /// name and was not there before.
    async fn found(
        &self,
        creation: &CreationEntry,
        watch: Duration,
    ) -> Result<Result<wire::Connection, Vec<wire::Connection>>, OperationError> {
        let mut pauses = pauses(watch);
        loop {
            let mut named = self.named().await?;
            named.retain(|connection| !creation.existed_before(&connection.id));
            let ours = self.ours(creation, &named).await?;
            match (&ours[..], pauses.next()) {
                ([shown], _) => return Ok(Ok(shown.clone())),
                ([], Some(pause)) if named.is_empty() => self.context.pause(pause, String::new).await?,
                _ => return Ok(Err(named)),
            }
        }
    }

    /// What this creation surely made.
    async fn ours(
        &self,
        creation: &CreationEntry,
        named: &[wire::Connection],
    ) -> Result<Vec<wire::Connection>, OperationError> {
        let mut ours = Vec::new();
        for shown in
            named.iter().filter(|shown| creation.created(shown) && !self.journal.was_created_in_this_run(&shown.id))
        {
            if creation.id.is_some() || self.has_tags(creation, &shown.id).await? {
                ours.push(shown.clone());
            }
        }
        Ok(ours)
    }

    /// Whether it has the tags that were sent, as far as they can be read.
    async fn has_tags(&self, creation: &CreationEntry, id: &str) -> Result<bool, OperationError> {
        let mut pauses = self.context.project.consistency_delays().into_iter();
        loop {
            let fits = match self.context.read(self.context.project.list_tags(id)).await {
                Ok(listed) => creation.has_tags(&listed, |key| self.tag_policy.ignores(key)),
                Err(error) if error.is_not_found() => false,
                Err(error) if error.is_refused() => return Ok(true),
                Err(error) => return Err(error),
            };
            match pauses.next() {
                Some(pause) if !fits => self.context.pause(pause, String::new).await?,
                _ => return Ok(fits),
            }
        }
    }

    /// Of an earlier attempt that nothing was seen of, after a later one was answered with this id.
    async fn possible_duplicate(&self, creation: &CreationEntry, id: &str) -> Option<Diagnostic> {
        let mut there = self.named().await.ok()?;
        there.retain(|shown| {
            shown.id != id && creation.matches(shown) && !self.journal.was_created_in_this_run(&shown.id)
        });
        let twin = there.first()?.id.clone();
        let text = format!(
            "The answer to the first request to create the connection was lost, nothing showed that it had been carried out, \
             and so it was sent again, which made {id}. Now there is another one that looks the same. {} If nobody else has \
             made it, the first request has: delete {twin} in the DLI console.",
            described(&self.planned.name, &there)
        );
        Some(Diagnostic::warning("There May Be a Second Connection", text))
    }

    /// The service says that it did nothing. `state_note` is what is known where an attempt before was lost.
    fn refused(&self, error: OperationError, state_note: Option<String>, there: &[wire::Connection]) -> Diagnostics {
        if let Some(state_note) = state_note {
            return error.into_errors(self.summary, &state_note);
        }
        if there.is_empty() {
            return error.into_errors(self.summary, NOTHING);
        }
        let text = format!(
            "{}\n\n{NOTHING} Choose another name, or import the existing one: terraform import ADDRESS {}",
            described(&self.planned.name, there),
            there[0].id
        );
        error.into_errors(self.summary, &text)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From one look to the next, for as long as that at least.
fn pauses(watch: Duration) -> impl Iterator<Item = Duration> {
    let more = watch.saturating_sub(LOOKED).as_millis().div_ceil(SLOW.as_millis());
    LOOKS.into_iter().chain(repeat_n(SLOW, usize::try_from(more).unwrap_or_default()))
}

/// What a state would hold that the earlier run had written: what it declared and the configuration does no longer, is its
/// own to remove.
pub(super) fn as_noted(now: Connection, noted: &CreationEntry) -> Connection {
    let CreationEntry { queues, elastic_resource_pools: pools, routes, tags, .. } = noted;
    Connection {
        queues: now.queues.or_else(|| (!queues.is_empty()).then(|| queues.clone())),
        elastic_resource_pools: now.elastic_resource_pools.or_else(|| (!pools.is_empty()).then(|| pools.clone())),
        hosts: now.hosts.or_else(|| noted.has_hosts().then(BTreeMap::new)),
        routes: now.routes.or_else(|| (!routes.is_empty()).then(|| routes.clone())),
        tags: now.tags.or_else(|| (!tags.is_empty()).then(|| tags.clone())),
        ..now
    }
}

/// Whether it was the list that was refused, and not IAM that was asked before.
fn is_of_list(error: &OperationError) -> bool {
    error.called().and_then(Error::operation) == Some(Operation::ListConnections)
}

/// What is there, exactly.
fn described(name: &str, there: &[wire::Connection]) -> String {
    let one = |connection: &wire::Connection| {
        let wire::Connection { id, dest_vpc_id, dest_network_id, create_time, .. } = connection;
        let created = timestamp(*create_time).unwrap_or_else(|| "at an unknown time".to_owned());
        format!("{id} (created {created}, VPC {dest_vpc_id}, subnet {dest_network_id})")
    };
    let some = if there.len() == 1 { "is an enhanced connection" } else { "are enhanced connections" };
    format!("There {some} named {name:?}: {}.", there.iter().map(one).collect::<Vec<_>>().join(", "))
}
