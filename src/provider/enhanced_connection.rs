//! `dli_enhanced_connection`: joins DLI queues to a subnet of a VPC, with host records and tags.
//!
//! | call | when |
//! |---|---|
//! | `POST   /v2.0/{project}/datasource/enhanced-connections` | create |
//! | `GET    /v2.0/{project}/datasource/enhanced-connections/{id}` | create, read, update, delete, import |
//! | `PUT    /v2.0/{project}/datasource/enhanced-connections/{id}` | update of `hosts` |
//! | `POST   /v2.0/{project}/datasource/enhanced-connections/{id}/associate-queue` | update of `queues` |
//! | `POST   /v2.0/{project}/datasource/enhanced-connections/{id}/disassociate-queue` | update of `queues` |
//! | `DELETE /v2.0/{project}/datasource/enhanced-connections/{id}` | delete, again while bindings are being made |
//! | `GET    /v1.0/{project}/queues` | read and update, where a declared queue lives in a bound pool |
//! | `GET    /v3/{project}/dli_enhanced_datasource/{id}/tags` | read and update where `tags` is set, import |
//! | `POST   /v3/{project}/dli_enhanced_datasource/{id}/tags/{create,delete}` | update of `tags` |
//!
//! What is declared is owned: an optional collection that is not set is neither read nor touched; one that is set is
//! authoritative; one that is taken out of the configuration has what it held removed.

mod bound;
mod model;
mod schema;
mod update;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use self::{bound::Pooled, model::Connection};
use super::{account::Account, failure};
use crate::{
    client::{Client, Error, Project},
    dli::{code, rules, wire},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::FromValue,
        path::Path,
        resource::{
            CreateRequest, DeleteRequest, ImportRequest, PlanRequest, Progress, ReadRequest, Resource, UpdateRequest,
        },
        schema::Schema,
    },
};

/// How long a write that is under way may still take once the practitioner interrupts: its answer is worth the wait,
/// because it says what exists.
const GRACE: Duration = Duration::from_millis(3500);

/// How long a delete waits for a connection that is still being created. (A binding takes 5 to 10 minutes where its queue
/// is new.)
const SETTLE: Duration = Duration::from_mins(15);
/// How long it waits from one try to the next.
const PAUSE: Duration = Duration::from_secs(2);

/// Noted beside the state of a connection that was imported.
const IMPORTED: &[u8] = br#"{"imported":true}"#;

/// The kind of resource.
#[derive(Debug)]
pub(super) struct EnhancedConnection {
    account: Arc<Account>,
}

impl EnhancedConnection {
    pub(super) fn new(account: Arc<Account>) -> Self {
        Self { account }
    }
}

#[async_trait]
impl Resource for EnhancedConnection {
    fn type_name(&self) -> &'static str {
        "dli_enhanced_connection"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    async fn modify_plan(&self, request: PlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        let mut warnings = Diagnostics::new();
        if request.prior.is_null() {
            return Ok(warnings);
        }
        let taken_up = |name: &str| request.prior.get(name).is_null() && !request.planned.get(name).is_null();
        // An import cannot read the route table. The first value that the configuration gives is taken over as it is,
        // where replacing a connection that works would be the alternative.
        let route_table = Path::attribute("routetable_id");
        let on_trust = request.private == IMPORTED && taken_up("routetable_id");
        if on_trust {
            request.replace.retain(|replaced| *replaced != route_table);
        }
        // What takes the place of the connection takes nothing over.
        if !request.replace.is_empty() {
            return Ok(warnings);
        }
        if on_trust {
            let text = "The connection was imported, and the service does not say which route table it was created with. \
                        The value is taken into the state as it is; nothing is sent. If it is not the one of the \
                        connection, replace the connection: terraform apply -replace=ADDRESS.";
            warnings.push(Diagnostic::warning("Route Table Taken on Trust", text).at(route_table));
        }
        for name in ["queues", "hosts", "tags"].into_iter().filter(|name| taken_up(name)) {
            let text = format!(
                "{name} was not managed so far. It becomes exactly what is declared: what the connection has beyond that, \
                 put there by others, is removed. (Elastic resource pools without a declared queue stay bound.)"
            );
            warnings.push(Diagnostic::warning("Taking Over What Others May Have Set", text).at(Path::attribute(name)));
        }
        Ok(warnings)
    }

    async fn create(&self, request: CreateRequest<'_>, progress: &mut Progress) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Create the Enhanced Connection";
        let planned = Connection::from_value(request.planned, &Path::root())?;
        let client = self.account.client()?;
        let project = project(&client, SUMMARY, "Nothing was created.")?;
        if request.stop.is_cancelled() {
            return Err(interrupted("Nothing was created."));
        }

        let Some(created) = write(request.stop, project.create_connection(&planned.to_create())).await else {
            return Err(unanswered(&planned.name));
        };
        let id = created.map_err(|error| {
            let holds =
                if error.may_have_taken_effect() { look_for(&planned.name) } else { "Nothing was created.".to_owned() };
            failed(SUMMARY, &error, &holds)
        })?;
        let mut connection = planned.with_id(id);
        // From here on the connection exists, and whatever goes wrong, Terraform knows it.
        progress.save(connection.clone());
        match unless(request.stop, project.show_connection(connection.id())).await {
            Some(Ok(shown)) => {
                connection.observe_computed(&shown);
                progress.warn(connection.failures(&shown));
            }
            Some(Err(error)) => progress.warn(failure::aside(
                "Created, but Not Read Back",
                &error,
                "The connection was created and is in the state. Its status, creation time and bindings are read at the \
                 next plan or apply.",
            )),
            None => progress.warn(not_looked(
                "The connection was created and is in the state; the rest is read at the next plan or apply.",
            )),
        }
        progress.save(connection);
        Ok(())
    }

    async fn read(&self, request: ReadRequest<'_>, progress: &mut Progress) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Read the Enhanced Connection";
        const HOLDS: &str = "The state was left as it is.";
        let known = Connection::from_value(request.state, &Path::root())?;
        let client = self.account.client()?;
        let project = project(&client, SUMMARY, HOLDS)?;
        let looked = unless(request.stop, look(&project, known, Scope::Declared)).await;
        match looked.ok_or_else(|| interrupted(HOLDS))? {
            Ok(Some((connection, warnings))) => {
                progress.warn(warnings);
                progress.save(connection);
            }
            Ok(None) => progress.forget(),
            Err(error) => return Err(failed(SUMMARY, &error, HOLDS)),
        }
        Ok(())
    }

    async fn update(&self, request: UpdateRequest<'_>, progress: &mut Progress) -> Result<(), Diagnostics> {
        self.update_in_place(request, progress).await
    }

    async fn delete(&self, request: DeleteRequest<'_>, _: &mut Progress) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Delete the Enhanced Connection";
        const HOLDS: &str = "The connection is still in the state. Apply again to try once more.";
        let known = Connection::from_value(request.prior, &Path::root())?;
        let client = self.account.client()?;
        let project = project(&client, SUMMARY, HOLDS)?;
        let deadline = Instant::now() + SETTLE;
        let mut settled = false;
        loop {
            let error = match write(request.stop, project.delete_connection(known.id())).await {
                None => return Err(interrupted(HOLDS)),
                Some(Ok(())) => return Ok(()),
                // What is gone already needs no deleting.
                Some(Err(error)) if error.is_not_found() => return Ok(()),
                Some(Err(error)) => error,
            };
            // A connection that is still being created cannot be deleted.
            if settled || !may_be_settling(&error) || Instant::now() >= deadline {
                return Err(failed(SUMMARY, &error, HOLDS));
            }
            // It may have settled between the refusal and this look: then the next answer counts.
            settled = !unless(request.stop, is_settling(&project, known.id())).await.unwrap_or(false);
            if settled {
                continue;
            }
            tracing::info!(id = known.id(), %error, "the connection is still being created; deleting it again in a moment");
            unless(request.stop, tokio::time::sleep(PAUSE)).await.ok_or_else(|| interrupted(HOLDS))?;
        }
    }

    async fn import(&self, request: ImportRequest<'_>, progress: &mut Progress) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Import the Enhanced Connection";
        if let Some(broken) = rules::CONNECTION_ID.broken_by(request.id) {
            let text = format!(
                "The import ID {:?} {broken}.\n\nAllowed: the ID of a connection, {}. The console and \"List enhanced \
                 connections\" of the API show it.",
                request.id,
                rules::CONNECTION_ID.allowed
            );
            return Err(Diagnostic::error("Invalid Import ID", text).into());
        }
        let client = self.account.client()?;
        let project = project(&client, SUMMARY, "Nothing was imported.")?;
        let asked = Connection::default().with_id(request.id.to_owned());
        let looked = unless(request.stop, look(&project, asked, Scope::Everything)).await;
        match looked.ok_or_else(|| interrupted("Nothing was imported."))? {
            Ok(Some((connection, warnings))) => {
                progress.warn(warnings);
                progress.save(connection);
                progress.note(IMPORTED);
                Ok(())
            }
            Ok(None) => {
                let text = format!(
                    "There is no enhanced connection {} in this project. Check the ID, the region and the project_id of \
                     the provider.",
                    request.id
                );
                Err(Diagnostic::error("Enhanced Connection Not Found", text).into())
            }
            Err(error) => Err(failed(SUMMARY, &error, "Nothing was imported.")),
        }
    }
}

/// The message for a call that failed.
fn failed(summary: &str, error: &Error, holds: &str) -> Diagnostics {
    failure::call(summary, error, holds).into()
}

fn project<'a>(client: &'a Client, summary: &str, holds: &str) -> Result<Project<'a>, Diagnostics> {
    client.project(None, None).map_err(|error| failed(summary, &error, holds))
}

/// Which collections to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Those that are declared.
    Declared,
    /// All that the connection has.
    Everything,
}

/// Looks at a connection; `None` where it is gone.
async fn look(
    project: &Project<'_>,
    known: Connection,
    scope: Scope,
) -> Result<Option<(Connection, Diagnostics)>, Error> {
    let shown = match project.show_connection(known.id()).await {
        Ok(shown) if shown.is_deleted() => return Ok(None),
        Ok(shown) => shown,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut warnings = Diagnostics::new();
    let everything = scope == Scope::Everything;
    let tags = if everything || known.tags.is_some() {
        match project.list_tags(known.id()).await {
            Ok(tags) => Some(tags),
            Err(error) if not_published(&error) => {
                if !everything {
                    warnings.push(failure::aside("Tags Cannot Be Read", &error, TAGS_NOT_PUBLISHED));
                }
                None
            }
            Err(error) => return Err(error),
        }
    } else {
        None
    };
    let pooled = Pooled::of(project, &shown, known.queues.iter().flatten()).await?;
    let mut connection = known;
    warnings.extend(connection.observe(&shown, tags, &pooled, everything));
    Ok(Some((connection, warnings)))
}

const TAGS_NOT_PUBLISHED: &str = "The tag API is not published in this region. The state keeps the tags that it has.";

fn not_published(error: &Error) -> bool {
    error.api().is_some_and(|error| error.code.as_deref() == Some(code::API_NOT_PUBLISHED))
}

/// Whether the service refuses in one of the ways in which it may say "not yet" (which one, is not documented).
fn may_be_settling(error: &Error) -> bool {
    const NOT_YET: [&str; 4] =
        [code::NOT_SUPPORTED, code::SYSTEM_RESTRICTION, code::RESOURCE_UNAVAILABLE, code::SERVER_FAULT];
    error.api().and_then(|error| error.code.as_deref()).is_some_and(|code| NOT_YET.contains(&code))
}

/// Whether any of its bindings is still being made.
async fn is_settling(project: &Project<'_>, id: &str) -> bool {
    let Ok(shown) = project.show_connection(id).await else { return false };
    let mut bindings = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools);
    bindings.any(|binding| binding.status.eq_ignore_ascii_case(wire::BINDING_CREATING))
}

/// A read ends at once when the practitioner interrupts.
async fn unless<T>(stop: &CancellationToken, call: impl Future<Output = T>) -> Option<T> {
    stop.run_until_cancelled(call).await
}

/// A write that is under way gets [`GRACE`]; one that is not under way yet is not begun.
async fn write<T>(stop: &CancellationToken, call: impl Future<Output = T>) -> Option<T> {
    if stop.is_cancelled() {
        return None;
    }
    let patience = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        outcome = call => Some(outcome),
        () = patience => None,
    }
}

fn interrupted(holds: &str) -> Diagnostics {
    Diagnostic::error("Interrupted", holds).into()
}

/// The work was done; only the look afterwards fell to the interruption, which must not taint what was made.
fn not_looked(holds: &str) -> Diagnostic {
    Diagnostic::warning("Interrupted Before Reading Back", holds)
}

fn unanswered(name: &str) -> Diagnostics {
    let text = format!(
        "The request to create the connection was sent, but the run was interrupted before its answer came.\n\n{}",
        look_for(name)
    );
    Diagnostic::error("Interrupted While Creating the Enhanced Connection", text).into()
}

/// What to do where a connection may exist that Terraform does not know.
fn look_for(name: &str) -> String {
    format!(
        "Terraform holds no connection. Look for an enhanced connection named {name:?} in the console: if it is there, \
         import it (terraform import ADDRESS ID) or delete it before the next apply."
    )
}
