//! The steps that bring a connection to what is declared, for create and update alike. What was done is saved after each
//! call, and a step that fails does not keep the others from being done.
//!
//! | step | order within |
//! |---|---|
//! | queues and pools | unbind, then bind, then unbind what has FAILED |
//! | routes | delete what is unwanted or leads elsewhere, then add |
//! | hosts | one PUT of the whole |
//! | tags | delete, then add |

use std::collections::{BTreeMap, BTreeSet};

use super::{
    model::{self, Connection},
    resource::{PAUSE, gone, same_connection},
};
use crate::{
    client::{Error, Project},
    dli::{
        rules::same_network,
        wire::{self, Binding},
    },
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        path::Path,
        resource::ResponseState,
    },
    provider::{
        shared::binding_target::{BindingTarget, PoolOfQueue},
        shared::connection_part,
        shared::operation::{OperationContext, OperationError},
        shared::tags::{TagPolicy, Tags},
        shared::wait_for_bindings::{self, Changed, WaitError},
    },
};

/// A create or an update under way.
pub(super) struct Reconciler<'a> {
    pub(super) context: &'a OperationContext,
    pub(super) tag_policy: &'a TagPolicy,
    /// What is to be.
    pub(super) planned: &'a Connection,
    /// The state so far.
    pub(super) now: Connection,
    pub(super) response: &'a mut ResponseState,
    pub(super) pool_of_queue: PoolOfQueue,
    /// Peerings from before they were bound again.
    pub(super) before: BTreeMap<BindingTarget, Binding>,
    /// What was unbound.
    pub(super) ended: BTreeSet<BindingTarget>,
    pub(super) faults: Diagnostics,
    pub(super) summary: &'static str,
    /// What Terraform holds after a failure, and what to do.
    pub(super) state_note: String,
}

impl<'a> Reconciler<'a> {
    /// Begins from `now`; `told` is the summary of what goes wrong, and what Terraform then holds.
    pub(super) fn new(
        context: &'a OperationContext,
        tag_policy: &'a TagPolicy,
        planned: &'a Connection,
        now: Connection,
        response: &'a mut ResponseState,
        told: (&'static str, String),
    ) -> Self {
        let (summary, state_note) = told;
        let (pool_of_queue, before, ended, faults) = Default::default();
        Self { context, tag_policy, planned, now, response, pool_of_queue, before, ended, faults, summary, state_note }
    }
}

impl Reconciler<'_> {
    /// Brings everything from `prior` to what is planned. Returns whether bindings were begun that are to be waited for.
    pub(super) async fn reconcile(&mut self, prior: &Connection) -> Result<bool, Diagnostics> {
        let (context, planned, tag_policy) = (self.context, self.planned, self.tag_policy);
        let rebinds = prior.queues != planned.queues || prior.elastic_resource_pools != planned.elastic_resource_pools;
        let reroutes = prior.routes != planned.routes;
        let mut wait = false;
        if rebinds || reroutes {
            match connection_part::find_connection(context, prior.id()).await {
                Ok(None) => return Err(gone(self.summary, prior.id())),
                Ok(Some(shown)) => {
                    same_connection(prior, &shown)?;
                    if rebinds {
                        let outcome = self.bindings(prior, &shown).await;
                        wait = outcome.is_ok() && planned.waits();
                        self.step("Queues and Elastic Resource Pools", outcome);
                    }
                    if reroutes && self.goes_on() {
                        let outcome = self.routes(prior.routes.as_ref(), &shown.routes).await;
                        self.step("Routes", outcome);
                    }
                }
                Err(error) => self.step("Bindings and Routes", Err(error)),
            }
        }
        if planned.hosts != prior.hosts && self.goes_on() {
            let outcome = self.hosts().await;
            self.step("Hosts", outcome);
        }
        let all = tag_policy.all(planned.tags.as_ref());
        let retags = planned.tags != prior.tags || all != prior.owned_tags();
        if retags && self.goes_on() {
            let outcome = self.tags(prior).await;
            self.step("Tags", outcome);
        }
        if !self.faults.has_errors()
            && let Err(error) = context.check()
        {
            // What the interruption kept from being begun.
            let undone = self.now.queues != planned.queues
                || self.now.elastic_resource_pools != planned.elastic_resource_pools
                || self.now.routes != planned.routes
                || self.now.hosts != planned.hosts
                || self.now.tags != planned.tags
                || (retags && self.now.owned_tags() != all);
            if undone {
                self.step("Not Everything Was Started", Err(error));
            }
        }
        Ok(wait)
    }

    /// Keeps what a step came to. After an interruption nothing more is begun.
    pub(super) fn step(&mut self, name: &str, outcome: Result<(), OperationError>) {
        if let Err(error) = outcome {
            self.faults.extend(error.into_errors(&format!("{}: {name}", self.summary), &self.state_note));
        }
    }

    /// Whether another step may begin.
    pub(super) fn goes_on(&self) -> bool {
        self.context.check().is_ok()
    }

    pub(super) fn save(&mut self, change: impl FnOnce(&mut Connection)) {
        change(&mut self.now);
        self.response.set_state(self.now.clone());
    }

    /// Brings the bindings from `prior`, where they are as `shown`, to what is planned.
    pub(super) async fn bindings(
        &mut self,
        prior: &Connection,
        shown: &wire::Connection,
    ) -> Result<(), OperationError> {
        let planned = self.planned;
        let declared = [prior.queues.as_ref(), planned.queues.as_ref()];
        self.pool_of_queue.ask(self.context, shown, &declared).await?;
        let moves = Moves::between(&self.pool_of_queue, prior, planned, shown);
        self.before = moves.before;
        let id = prior.id().to_owned();
        if !is_empty(&moves.unbind) {
            self.unbind(&id, &moves.unbind).await?;
            let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>();
            self.ended.extend(lower(&moves.unbind.queues).into_iter().map(BindingTarget::Queue));
            self.ended.extend(lower(&moves.unbind.elastic_resource_pools).into_iter().map(BindingTarget::Pool));
            self.warn_of_pools(prior, &moves.unbind.elastic_resource_pools);
            self.save(|now| {
                let kept = |prior: &Option<BTreeSet<String>>, planned: &Option<BTreeSet<String>>| {
                    Some(prior.as_ref()?.intersection(planned.as_ref()?).cloned().collect())
                };
                now.queues = kept(&now.queues, &planned.queues);
                now.elastic_resource_pools = kept(&now.elastic_resource_pools, &planned.elastic_resource_pools);
            });
        }
        if !is_empty(&moves.bind) {
            let (project, pool_of_queue, before, id) =
                (&self.context.project, &self.pool_of_queue, &self.before, id.as_str());
            let (wanted, names) = (&moves.bind_targets, &moves.bind);
            let bound = || async move {
                let shown = project.show_connection(id).await?;
                let pool_of_queue = pool_of_queue.known(project, &shown, wanted).await?;
                Ok(wanted.iter().all(|target| {
                    let target = pool_of_queue.resolved(&shown, target);
                    target.peering(&shown).is_some_and(|peering| before.get(&target) != Some(peering))
                }))
            };
            self.context.write(project.run_verified(|| project.bind(id, names), bound)).await?;
        }
        self.save(|now| {
            now.queues.clone_from(&planned.queues);
            now.elastic_resource_pools.clone_from(&planned.elastic_resource_pools);
        });
        // The service refuses to unbind what has FAILED; nothing should wait for it, and nothing depends on it.
        if !is_empty(&moves.unbind_failed)
            && let Err(error) = self.unbind(&id, &moves.unbind_failed).await
        {
            let names =
                [&moves.unbind_failed.queues[..], &moves.unbind_failed.elastic_resource_pools].concat().join(", ");
            let text = format!(
                "The binding of {names} is FAILED, and the service does not unbind what has FAILED. It does no harm, and \
                 disappears with the connection."
            );
            self.response.add_warning(error.warn("Failed Binding Left Behind", &text));
        }
        Ok(())
    }

    async fn unbind(&self, id: &str, names: &wire::QueueNames) -> Result<(), OperationError> {
        let project = &self.context.project;
        let queues = names.queues.iter().map(|name| BindingTarget::Queue(name.to_ascii_lowercase()));
        let pools = names.elastic_resource_pools.iter().map(|name| BindingTarget::Pool(name.to_ascii_lowercase()));
        let targets: &Vec<BindingTarget> = &queues.chain(pools).collect();
        let gone = || async move {
            let shown = project.show_connection(id).await?;
            Ok(targets.iter().all(|target| target.peering(&shown).is_none()))
        };
        loop {
            match self.context.write(project.run_verified(|| project.unbind(id, names), gone)).await {
                // The queue may have gone, and its binding with it.
                Err(error) if error.is_not_found() && self.context.read(gone()).await? => return Ok(()),
                // What is still being made may have to be made first.
                Err(error) if error.may_mean_not_yet() && self.is_being_made(id, targets).await? => {
                    tracing::info!(id, ?error, "the binding is still being made; unbinding it again in a moment");
                    self.context.pause(PAUSE, || "The unbinding".to_owned()).await?;
                }
                outcome => return outcome,
            }
        }
    }

    /// A pool that was bound for a queue takes all its queues along.
    fn warn_of_pools(&mut self, prior: &Connection, pools: &[String]) {
        let listed = |pool: &&String| {
            prior.elastic_resource_pools.iter().flatten().any(|listed| listed.eq_ignore_ascii_case(pool))
        };
        let for_queues: Vec<_> = pools.iter().filter(|pool| !listed(pool)).map(String::as_str).collect();
        if !for_queues.is_empty() {
            let text = format!(
                "A queue in an elastic resource pool was taken out, and with it the binding of its pool ({}): no queue of the \
                 pool uses the connection any more. If others rely on it, declare the pool in elastic_resource_pools.",
                for_queues.join(", ")
            );
            let warning = Diagnostic::warning("Elastic Resource Pool Unbound", text);
            self.response.add_warning(warning.at(Path::attribute("queues")));
        }
    }

    async fn is_being_made(&self, id: &str, targets: &[BindingTarget]) -> Result<bool, OperationError> {
        let shown = self.context.read(self.context.project.show_connection(id)).await?;
        let peerings = targets.iter().filter_map(|target| target.peering(&shown));
        Ok(peerings.into_iter().any(|peering| peering.has_status(wire::BINDING_CREATING)))
    }

    /// Brings the routes from those `shown` to what is planned; of those that `owned` does not name, only what stands in
    /// the way is touched.
    pub(super) async fn routes(
        &mut self,
        owned: Option<&BTreeMap<String, String>>,
        shown: &[wire::Route],
    ) -> Result<(), OperationError> {
        let planned = self.planned.routes.clone().unwrap_or_default();
        let present = model::routes(shown, owned);
        let id = self.now.id().to_owned();
        let (project, id) = (&self.context.project, id.as_str());
        let mut now = owned.map_or_else(
            || present.clone(),
            |owned| {
                present
                    .iter()
                    .filter(|(name, _)| owned.contains_key(*name))
                    .map(|(n, c)| (n.clone(), c.clone()))
                    .collect()
            },
        );
        for (name, cidr) in &present {
            let same = planned.get(name).is_some_and(|planned| same_network(planned, cidr));
            if same || !(now.contains_key(name) || planned.contains_key(name)) {
                continue;
            }
            // One of its name that leads elsewhere is another, which somebody added meanwhile.
            let gone =
                || async move { Ok(!route(project, id, name).await?.is_some_and(|there| same_network(&there, cidr))) };
            // The service may keep another case.
            let exact = shown.iter().find(|route| route.name == *name);
            let kept = exact.or_else(|| shown.iter().find(|route| route.name.eq_ignore_ascii_case(name)));
            let kept = kept.map_or(name.as_str(), |route| route.name.as_str());
            match self.context.write(project.run_verified(|| project.delete_route(id, kept), gone)).await {
                // What is gone already needs no removing.
                Err(error) if !error.is_not_found() => return Err(self.at_route(name, error)),
                _ => {}
            }
            now.remove(name);
            self.save(|state| state.routes = Some(now.clone()));
        }
        for (name, cidr) in &planned {
            if present.get(name).is_some_and(|present| same_network(present, cidr)) {
                continue;
            }
            let added =
                || async move { Ok(route(project, id, name).await?.is_some_and(|there| same_network(&there, cidr))) };
            let adding = project.run_verified(|| project.create_route(id, name, cidr), added);
            self.context.write(adding).await.map_err(|error| self.at_route(name, error))?;
            now.insert(name.clone(), cidr.clone());
            self.save(|state| state.routes = Some(now.clone()));
        }
        self.save(|state| state.routes.clone_from(&self.planned.routes));
        Ok(())
    }

    /// The service does not say which of many routes it refuses.
    fn at_route(&self, name: &str, error: OperationError) -> OperationError {
        let path = Path::attribute("routes").key(name);
        let told = error.into_errors(&format!("{}: Route {name}", self.summary), &self.state_note);
        OperationError::Reported(told.into_iter().map(|diagnostic| diagnostic.at(path.clone())).collect())
    }

    pub(super) async fn hosts(&mut self) -> Result<(), OperationError> {
        let planned = self.planned;
        let records = model::host_records(planned.hosts.as_ref());
        self.context.write(self.context.project.replace_hosts(self.now.id(), &records)).await?;
        self.save(|now| now.hosts.clone_from(&planned.hosts));
        Ok(())
    }

    /// Deletes what is ours and no longer wanted, or not with this value, then adds.
    pub(super) async fn tags(&mut self, prior: &Connection) -> Result<(), OperationError> {
        let planned = self.planned;
        let wanted = self.tag_policy.all(planned.tags.as_ref());
        let (context, id) = (self.context, prior.id());
        let project = &context.project;
        let mut present = prior.owned_tags();
        if prior.tags.is_none() && planned.tags.is_some() {
            let listed = context.read(tags(project, id)).await.map_err(unpublished)?;
            present = listed;
        }
        // A state that was not read since may hold what is left to others by now.
        present.retain(|key, _| !self.tag_policy.ignores(key));
        let superfluous = model::tag_list(present.iter().filter(|(key, value)| wanted.get(*key) != Some(value)));
        if !superfluous.is_empty() {
            let superfluous = &superfluous;
            let gone = || async move {
                let listed = tags(project, id).await?;
                Ok(superfluous.iter().all(|tag| !listed.contains_key(&tag.key)))
            };
            let delete = project.run_verified(|| project.delete_tags(id, superfluous), gone);
            context.write(delete).await.map_err(unpublished)?;
            present.retain(|key, value| wanted.get(key) == Some(value));
            let (own, all) = self.tag_policy.read(present.clone(), planned.tags.as_ref(), &present);
            self.save(|now| {
                now.tags = own;
                now.tags_all.0 = Some(all);
            });
        }
        let missing = model::tag_list(wanted.iter().filter(|(key, value)| present.get(*key) != Some(value)));
        if !missing.is_empty() {
            let missing = &missing;
            let there = || async move {
                let listed = tags(project, id).await?;
                Ok(missing.iter().all(|tag| listed.get(&tag.key) == Some(&tag.value)))
            };
            let create = project.run_verified(|| project.create_tags(id, missing), there);
            context.write(create).await.map_err(unpublished)?;
        }
        self.save(|now| {
            now.tags.clone_from(&planned.tags);
            now.tags_all.0 = Some(wanted);
        });
        Ok(())
    }

    /// Waits until what is declared works.
    pub(super) async fn wait(&mut self) -> Option<wire::Connection> {
        let declared = self.planned.declared();
        let changed = Changed { before: &self.before, ended: &self.ended };
        let settled =
            wait_for_bindings::until_active(self.context, self.now.id(), declared, &mut self.pool_of_queue, changed)
                .await;
        match settled {
            Ok(shown) => return Some(shown),
            Err(WaitError::Failed(failed)) => {
                self.faults.extend(wait_for_bindings::failure_errors(&self.planned.name, &failed, &self.state_note));
            }
            Err(WaitError::Gone) => {
                let text = format!("The connection {} was deleted by someone else in the meantime.", self.now.id());
                self.faults.push(Diagnostic::error(format!("{}: Gone", self.summary), text));
            }
            // All was done but the waiting, and nothing that is there should be marked as broken for it.
            Err(WaitError::Operation(error @ OperationError::Interrupted { .. })) => {
                self.response.add_warning(
                    error.warn("Interrupted While Waiting for Bindings", wait_for_bindings::WAIT_INTERRUPTED),
                );
            }
            Err(WaitError::Operation(error)) => self.step("Waiting for Bindings", Err(error)),
        }
        None
    }
}

/// Where a route of this name leads.
async fn route(project: &Project, id: &str, name: &str) -> Result<Option<String>, Error> {
    let shown = project.show_connection(id).await?;
    Ok(model::routes(&shown.routes, None).remove(name))
}

async fn tags(project: &Project, id: &str) -> Result<Tags, Error> {
    Ok(project.list_tags(id).await?.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Tags cannot be changed everywhere.
fn unpublished(error: OperationError) -> OperationError {
    if !error.is_not_published() {
        return error;
    }
    let text = "The tag API is not published in this region (APIGW.0101): tags can be set when a connection is created, but \
                neither read nor changed later.\n\nLeave tags as they were, or remove them from the configuration (and \
                default_tags from the provider's).";
    OperationError::Reported(
        Diagnostic::error("Tags Cannot Be Changed in This Region", text).at(Path::attribute("tags")).into(),
    )
}

/// What to unbind and to bind.
#[derive(Debug, Default)]
struct Moves {
    unbind: wire::QueueNames,
    /// What has FAILED.
    unbind_failed: wire::QueueNames,
    bind: wire::QueueNames,
    bind_targets: BTreeSet<BindingTarget>,
    /// Peerings that are bound again although they are there: they have FAILED.
    before: BTreeMap<BindingTarget, Binding>,
}

impl Moves {
    fn between(
        pool_of_queue: &PoolOfQueue,
        prior: &Connection,
        planned: &Connection,
        shown: &wire::Connection,
    ) -> Self {
        let wanted = pool_of_queue.targets(shown, planned.declared());
        let mut owned = pool_of_queue.targets(shown, prior.declared());
        // Where nothing was declared before, what is bound is taken over: a declared set is authoritative.
        if prior.queues.is_none() && planned.queues.is_some() {
            owned.extend(shown.available_queue_info.iter().map(|b| BindingTarget::Queue(b.name.to_ascii_lowercase())));
        }
        if prior.elastic_resource_pools.is_none() && planned.elastic_resource_pools.is_some() {
            owned.extend(shown.elastic_resource_pools.iter().map(|b| BindingTarget::Pool(b.name.to_ascii_lowercase())));
        }
        let mut moves = Self::default();
        for target in owned.difference(&wanted) {
            let Some(peering) = target.peering(shown) else { continue };
            let failed = peering.has_status(wire::BINDING_FAILED);
            let names = if failed { &mut moves.unbind_failed } else { &mut moves.unbind };
            match target {
                // In the case in which the service keeps names, whichever it has answered in.
                BindingTarget::Queue(name) => names.queues.push(name.clone()),
                BindingTarget::Pool(name) => names.elastic_resource_pools.push(name.clone()),
            }
        }
        let mut to_bind: BTreeSet<&BindingTarget> = BTreeSet::new();
        for target in &wanted {
            match target.peering(shown) {
                None => drop(to_bind.insert(target)),
                Some(peering) if peering.has_status(wire::BINDING_FAILED) => {
                    moves.before.insert(target.clone(), peering.clone());
                    to_bind.insert(target);
                }
                Some(_) => {}
            }
        }
        moves.bind_targets = to_bind.iter().map(|target| (*target).clone()).collect();
        // A pool that is declared itself is bound under its own name, and once.
        for pool in planned.elastic_resource_pools.iter().flatten() {
            if to_bind.remove(&BindingTarget::Pool(pool.to_ascii_lowercase())) {
                moves.bind.elastic_resource_pools.push(pool.clone());
            }
        }
        for queue in planned.queues.iter().flatten() {
            if to_bind.remove(&pool_of_queue.of(shown, queue)) {
                moves.bind.queues.push(queue.clone());
            }
        }
        moves
    }
}

fn is_empty(names: &wire::QueueNames) -> bool {
    names.queues.is_empty() && names.elastic_resource_pools.is_empty()
}
