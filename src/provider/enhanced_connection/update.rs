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
        let route_table_told = planned.routetable_id.is_some();
        let mut done = planned;
        if !request.planned.is_wholly_known() {
            match unless(stop, project.show_connection(prior.id())).await {
                Some(Ok(shown)) => {
                    done.observe_computed(&shown);
                    progress.warn(done.failures(&shown));
                }
                Some(Err(error)) => progress.warn(failure::aside(
                    "Changed, but Not Read Back",
                    &error,
                    "All changes were made and are in the state. The bindings are read at the next plan or apply.",
                )),
                None => progress.warn(not_looked("All changes were made and are in the state.")),
            }
        }
        progress.save(done);
        if route_table_told {
            progress.note(&[]);
        }
        Ok(())
    }
}

impl Update<'_> {
    /// What has FAILED is unbound last: the service refuses that, and nothing else should wait for it.
    async fn queues(&mut self) -> Result<(), Diagnostics> {
        let moves = unless(self.stop, Moves::between(self.project, self.prior, self.planned)).await;
        let moves = moves.ok_or_else(stopped)?.map_err(|error| failed("Queues", &error, HOLDS))?;
        let with_failed = |queues: &BTreeSet<String>| Some(queues | &moves.failed);
        if !is_empty(&moves.unbind) {
            let done =
                write(self.stop, self.project.unbind(self.prior.id(), &moves.unbind)).await.ok_or_else(stopped)?;
            done.map_err(|error| failed("Unbinding Queues", &error, HOLDS))?;
            self.save(|now| now.queues = with_failed(&moves.kept));
        }
        let planned = self.planned;
        if !is_empty(&moves.bind) {
            let done = write(self.stop, self.project.bind(self.prior.id(), &moves.bind)).await.ok_or_else(stopped)?;
            done.map_err(|error| failed("Binding Queues", &error, HOLDS))?;
            self.save(|now| now.queues = with_failed(&planned.queues.clone().unwrap_or_default()));
        }
        if !is_empty(&moves.unbind_failed) {
            let done = write(self.stop, self.project.unbind(self.prior.id(), &moves.unbind_failed)).await;
            done.ok_or_else(stopped)?.map_err(|error| failed("Unbinding Queues", &error, FAILED_BINDING))?;
        }
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
    /// What has FAILED.
    unbind_failed: wire::QueueNames,
    bind: wire::QueueNames,
    /// What is declared and stays bound.
    kept: BTreeSet<String>,
    /// The queues behind `unbind_failed`, as they are declared.
    failed: BTreeSet<String>,
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
        let is_wanted = |queue: &String| wanted_lower.contains(&queue.to_ascii_lowercase());
        let is_bound = |queue: &String| bound_lower.contains(&queue.to_ascii_lowercase());

        let mut moves = Self {
            unbind: wire::QueueNames::default(),
            unbind_failed: wire::QueueNames::default(),
            bind: wire::QueueNames::default(),
            kept: owned.iter().filter(|queue| is_wanted(queue)).cloned().collect(),
            failed: BTreeSet::new(),
        };
        moves.bind.queues = wanted.iter().filter(|queue| !is_bound(queue)).cloned().collect();
        for queue in owned.iter().filter(|queue| is_bound(queue) && !is_wanted(queue)) {
            let pool = pooled.pool_of(queue);
            // The pool stays for another declared queue that lives in it.
            if pool.is_some() && wanted.iter().any(|other| pooled.pool_of(other) == pool) {
                continue;
            }
            let name = pool.unwrap_or(queue);
            let peerings = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools);
            let peering = peerings.into_iter().find(|binding| binding.name.eq_ignore_ascii_case(name));
            let has_failed = peering.is_some_and(|b| b.status.eq_ignore_ascii_case(wire::BINDING_FAILED));
            if has_failed {
                moves.failed.insert(queue.clone());
            }
            let unbind = if has_failed { &mut moves.unbind_failed } else { &mut moves.unbind };
            let names = if pool.is_some() { &mut unbind.elastic_resource_pools } else { &mut unbind.queues };
            let name = peering.map_or(name, |binding| &binding.name).to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(moves)
    }
}

fn is_empty(names: &wire::QueueNames) -> bool {
    names.queues.is_empty() && names.elastic_resource_pools.is_empty()
}

fn lower<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    names.into_iter().map(|name| name.to_ascii_lowercase()).collect()
}
