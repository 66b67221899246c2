//! Changing a connection in place: unbind, bind, hosts, tags. What was done is saved after each step.

use std::collections::{BTreeMap, BTreeSet};

use super::{Connection, EnhancedConnection, Pooled, interrupted, model, not_looked, unless, write};
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
const HOLDS: &str = "The state holds what was done before this step. Once the cause is mended, apply again: only what is \
                     missing will be done.";

impl EnhancedConnection {
    pub(super) async fn update_in_place(
        &self,
        request: UpdateRequest<'_>,
        progress: &mut Progress,
    ) -> Result<(), Diagnostics> {
        let prior = Connection::from_value(request.prior, &Path::root())?;
        let planned = Connection::from_value(request.planned, &Path::root())?;
        let client = self.account.client()?;
        let project = self.project(&client, SUMMARY, HOLDS)?;
        let stop = request.stop;
        let failed = |step: &str, error: &Error| self.failed(&format!("{SUMMARY}: {step}"), error, HOLDS);
        let stopped = || interrupted(HOLDS);
        let mut now = prior.clone();

        if planned.queues != prior.queues {
            let moves = unless(stop, Moves::between(&project, &prior, &planned)).await.ok_or_else(stopped)?;
            let moves = moves.map_err(|error| failed("Queues", &error))?;
            if moves.unbinds() {
                let done = write(stop, project.unbind(prior.id(), &moves.unbind)).await.ok_or_else(stopped)?;
                done.map_err(|error| failed("Unbinding Queues", &error))?;
                now.queues = Some(moves.kept.clone());
                progress.save(now.clone());
            }
            if !moves.bind.queues.is_empty() {
                let done = write(stop, project.bind(prior.id(), &moves.bind)).await.ok_or_else(stopped)?;
                done.map_err(|error| failed("Binding Queues", &error))?;
            }
            now.queues.clone_from(&planned.queues);
            progress.save(now.clone());
        }
        if planned.hosts != prior.hosts {
            let records = model::host_records(planned.hosts.as_ref());
            let done = write(stop, project.replace_hosts(prior.id(), &records)).await.ok_or_else(stopped)?;
            done.map_err(|error| failed("Hosts", &error))?;
            now.hosts.clone_from(&planned.hosts);
            progress.save(now.clone());
        }
        if planned.tags != prior.tags {
            let done = write(stop, change_tags(&project, &prior, &planned)).await.ok_or_else(stopped)?;
            done.map_err(|error| failed("Tags", &error))?;
            now.tags.clone_from(&planned.tags);
            progress.save(now.clone());
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
        Ok(())
    }
}

/// Which queues to unbind and to bind.
#[derive(Debug)]
struct Moves {
    unbind: wire::QueueNames,
    bind: wire::QueueNames,
    /// What stays bound in between.
    kept: BTreeSet<String>,
}

impl Moves {
    async fn between(project: &Project<'_>, prior: &Connection, planned: &Connection) -> Result<Self, Error> {
        let lower = |queues: &BTreeSet<String>| -> BTreeSet<String> {
            queues.iter().map(|queue| queue.to_ascii_lowercase()).collect()
        };
        let shown = project.show_connection(prior.id()).await?;
        let wanted = planned.queues.clone().unwrap_or_default();
        let declared: BTreeSet<String> = wanted.iter().chain(prior.queues.iter().flatten()).cloned().collect();
        let pooled = Pooled::of(project, &shown, &declared).await?;
        // Where nothing was declared before, what is bound is taken over: a declared set is authoritative.
        let bound = match &prior.queues {
            Some(queues) => queues.clone(),
            None => pooled.queues_of(&shown, Some(&wanted)),
        };
        let (wanted_lower, bound_lower) = (lower(&wanted), lower(&bound));

        let mut unbind = wire::QueueNames::default();
        for queue in bound.iter().filter(|queue| !wanted_lower.contains(&queue.to_ascii_lowercase())) {
            match pooled.pool_of(queue) {
                // The pool stays for another declared queue that lives in it.
                Some(pool) if wanted.iter().any(|other| pooled.pool_of(other) == Some(pool)) => {}
                Some(pool) if unbind.elastic_resource_pools.iter().any(|other| other == pool) => {}
                Some(pool) => unbind.elastic_resource_pools.push(pool.to_owned()),
                None => unbind.queues.push(queue.clone()),
            }
        }
        let bind = wanted.iter().filter(|queue| !bound_lower.contains(&queue.to_ascii_lowercase())).cloned().collect();
        let kept = bound.into_iter().filter(|queue| wanted_lower.contains(&queue.to_ascii_lowercase())).collect();
        Ok(Self { unbind, bind: wire::QueueNames { queues: bind, ..wire::QueueNames::default() }, kept })
    }

    fn unbinds(&self) -> bool {
        !self.unbind.queues.is_empty() || !self.unbind.elastic_resource_pools.is_empty()
    }
}

/// Deletes what is no longer wanted, or not with this value, then adds.
async fn change_tags(project: &Project<'_>, prior: &Connection, planned: &Connection) -> Result<(), Error> {
    let wanted = planned.tags.clone().unwrap_or_default();
    let present: BTreeMap<String, String> = match &prior.tags {
        Some(tags) => tags.clone(),
        None => project.list_tags(prior.id()).await?.into_iter().map(|tag| (tag.key, tag.value)).collect(),
    };
    let superfluous: Vec<_> = model::tags(present.iter().filter(|(key, value)| wanted.get(*key) != Some(value)));
    if !superfluous.is_empty() {
        project.delete_tags(prior.id(), &superfluous).await?;
    }
    let missing: Vec<_> = model::tags(wanted.iter().filter(|(key, value)| present.get(*key) != Some(value)));
    if !missing.is_empty() {
        project.create_tags(prior.id(), &missing).await?;
    }
    Ok(())
}
