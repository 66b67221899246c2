//! Changing a connection in place: queues, hosts, tags. What was done is saved after each call, and a step that fails
//! does not keep the others from being done.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use super::{Connection, EnhancedConnection, Pooled, interrupted, model, not_looked, project, unless, write};
use crate::{
    client::{Error, Project},
    dli::wire,
    framework::{
        diagnostic::Diagnostics,
        model::FromValue,
        path::Path,
        resource::{Progress, UpdateRequest},
    },
    provider::failure,
};

const SUMMARY: &str = "Could Not Change the Enhanced Connection";
const HOLDS: &str = "The state holds what was done. Once the cause is mended, apply again: only what is missing will be \
                     done.";
const FAILED_BINDING: &str = "The service does not unbind what has FAILED. Make the binding work (bindings in the state \
                              says why it failed) and apply again, or replace the connection: terraform apply \
                              -replace=ADDRESS.";

/// An update under way.
struct Update<'a> {
    project: &'a Project<'a>,
    stop: &'a CancellationToken,
    prior: &'a Connection,
    planned: &'a Connection,
    /// The state so far.
    now: Connection,
    progress: &'a mut Progress,
}

impl EnhancedConnection {
    pub(super) async fn update_in_place(
        &self,
        request: UpdateRequest<'_>,
        progress: &mut Progress,
    ) -> Result<(), Diagnostics> {
        let prior = Connection::from_value(request.prior, &Path::root())?;
        let planned = Connection::from_value(request.planned, &Path::root())?;
        let client = self.account.client()?;
        let project = project(&client, SUMMARY, HOLDS)?;
        let stop = request.stop;
        let mut update =
            Update { project: &project, stop, prior: &prior, planned: &planned, now: prior.clone(), progress };
        let mut faults = Diagnostics::new();
        if planned.queues != prior.queues {
            faults.extend(update.queues().await.err().into_iter().flatten());
        }
        if planned.hosts != prior.hosts && !stop.is_cancelled() {
            faults.extend(update.hosts().await.err().into_iter().flatten());
        }
        if planned.tags != prior.tags && !stop.is_cancelled() {
            faults.extend(update.tags().await.err().into_iter().flatten());
        }
        let now = &update.now;
        if !faults.has_errors()
            && (&now.queues, &now.hosts, &now.tags) != (&planned.queues, &planned.hosts, &planned.tags)
        {
            faults.extend(stopped());
        }
        if faults.has_errors() {
            return Err(faults);
        }

        // All that was planned is done; the route table changes in place only where an import is told of it, and then
        // there is nothing to send. What the plan left open, the bindings where queues change, is looked at.
        let mut done = planned;
        if !request.planned.is_wholly_known() {
            match unless(stop, project.show_connection(prior.id())).await {
                Some(Ok(shown)) => done.observe_computed(&shown),
                Some(Err(error)) => progress.warn(failure::aside(
                    "Changed, but Not Read Back",
                    &error,
                    "All changes were made and are in the state. The bindings are read at the next plan or apply.",
                )),
                None => progress.warn(not_looked("All changes were made and are in the state.")),
            }
        }
        progress.save(done);
        progress.note(&[]);
        Ok(())
    }
}

impl Update<'_> {
    async fn queues(&mut self) -> Result<(), Diagnostics> {
        let moves = unless(self.stop, Moves::between(self.project, self.prior, self.planned)).await;
        let moves = moves.ok_or_else(stopped)?.map_err(|error| failed("Queues", &error, HOLDS))?;
        if moves.unbinds() {
            let done =
                write(self.stop, self.project.unbind(self.prior.id(), &moves.unbind)).await.ok_or_else(stopped)?;
            let holds = if moves.unbinds_failed { FAILED_BINDING } else { HOLDS };
            done.map_err(|error| failed("Unbinding Queues", &error, holds))?;
            self.save(|now| now.queues = Some(moves.kept.clone()));
        }
        if !moves.bind.queues.is_empty() {
            let done = write(self.stop, self.project.bind(self.prior.id(), &moves.bind)).await.ok_or_else(stopped)?;
            done.map_err(|error| failed("Binding Queues", &error, HOLDS))?;
        }
        let planned = self.planned;
        self.save(|now| now.queues.clone_from(&planned.queues));
        Ok(())
    }

    async fn hosts(&mut self) -> Result<(), Diagnostics> {
        let planned = self.planned;
        let records = model::host_records(planned.hosts.as_ref());
        let done = write(self.stop, self.project.replace_hosts(self.prior.id(), &records)).await.ok_or_else(stopped)?;
        done.map_err(|error| failed("Hosts", &error, HOLDS))?;
        self.save(|now| now.hosts.clone_from(&planned.hosts));
        Ok(())
    }

    /// Deletes what is no longer wanted, or not with this value, then adds.
    async fn tags(&mut self) -> Result<(), Diagnostics> {
        let planned = self.planned;
        let wanted = planned.tags.clone().unwrap_or_default();
        let mut present: BTreeMap<String, String> = if let Some(tags) = &self.prior.tags {
            tags.clone()
        } else {
            let listed = unless(self.stop, self.project.list_tags(self.prior.id())).await.ok_or_else(stopped)?;
            let listed = listed.map_err(|error| failed("Tags", &error, HOLDS))?;
            listed.into_iter().map(|tag| (tag.key, tag.value)).collect()
        };
        let superfluous = model::tags(present.iter().filter(|(key, value)| wanted.get(*key) != Some(value)));
        if !superfluous.is_empty() {
            let done = write(self.stop, self.project.delete_tags(self.prior.id(), &superfluous)).await;
            done.ok_or_else(stopped)?.map_err(|error| failed("Deleting Tags", &error, HOLDS))?;
            present.retain(|key, value| wanted.get(key) == Some(value));
            self.save(|now| now.tags = Some(present.clone()));
        }
        let missing = model::tags(wanted.iter().filter(|(key, value)| present.get(*key) != Some(value)));
        if !missing.is_empty() {
            let done = write(self.stop, self.project.create_tags(self.prior.id(), &missing)).await;
            done.ok_or_else(stopped)?.map_err(|error| failed("Adding Tags", &error, HOLDS))?;
        }
        self.save(|now| now.tags.clone_from(&planned.tags));
        Ok(())
    }

    fn save(&mut self, change: impl FnOnce(&mut Connection)) {
        change(&mut self.now);
        self.progress.save(self.now.clone());
    }
}

fn failed(step: &str, error: &Error, holds: &str) -> Diagnostics {
    super::failed(&format!("{SUMMARY}: {step}"), error, holds)
}

fn stopped() -> Diagnostics {
    interrupted(HOLDS)
}

/// Which queues to unbind and to bind.
#[derive(Debug)]
struct Moves {
    unbind: wire::QueueNames,
    /// One of them has FAILED, which the service does not unbind.
    unbinds_failed: bool,
    bind: wire::QueueNames,
    /// What stays bound in between.
    kept: BTreeSet<String>,
}

impl Moves {
    async fn between(project: &Project<'_>, prior: &Connection, planned: &Connection) -> Result<Self, Error> {
        let shown = project.show_connection(prior.id()).await?;
        let wanted = planned.queues.clone().unwrap_or_default();
        let declared: BTreeSet<String> = wanted.iter().chain(prior.queues.iter().flatten()).cloned().collect();
        let pooled = Pooled::of(project, &shown, &declared).await?;
        let bound = pooled.queues_of(&shown, Some(&declared));
        // Where nothing was declared before, what is bound is taken over: a declared set is authoritative.
        let owned = prior.queues.clone().unwrap_or_else(|| bound.clone());
        let (wanted_lower, bound_lower) = (lower(&wanted), lower(&bound));

        let mut unbind = wire::QueueNames::default();
        for queue in owned.iter().filter(|queue| !wanted_lower.contains(&queue.to_ascii_lowercase())) {
            match pooled.pool_of(queue) {
                // The pool stays for another declared queue that lives in it.
                Some(pool) if wanted.iter().any(|other| pooled.pool_of(other) == Some(pool)) => {}
                Some(pool) if unbind.elastic_resource_pools.iter().any(|other| other == pool) => {}
                Some(pool) => unbind.elastic_resource_pools.push(pool.to_owned()),
                None => unbind.queues.push(queue.clone()),
            }
        }
        let unbinds = lower(unbind.queues.iter().chain(&unbind.elastic_resource_pools));
        let unbinds_failed = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools).any(|binding| {
            binding.status.eq_ignore_ascii_case(wire::BINDING_FAILED)
                && unbinds.contains(&binding.name.to_ascii_lowercase())
        });
        let bind = wanted.iter().filter(|queue| !bound_lower.contains(&queue.to_ascii_lowercase())).cloned().collect();
        let kept = owned.into_iter().filter(|queue| wanted_lower.contains(&queue.to_ascii_lowercase())).collect();
        Ok(Self {
            unbind,
            unbinds_failed,
            bind: wire::QueueNames { queues: bind, ..wire::QueueNames::default() },
            kept,
        })
    }

    fn unbinds(&self) -> bool {
        !self.unbind.queues.is_empty() || !self.unbind.elastic_resource_pools.is_empty()
    }
}

fn lower<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    names.into_iter().map(|name| name.to_ascii_lowercase()).collect()
}
