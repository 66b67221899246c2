//! The step that binds and unbinds queues and pools.

use std::collections::{BTreeMap, BTreeSet};

use super::Reconciler;
use crate::dli::wire::{self, Binding};
use crate::framework::diagnostic::Diagnostic;
use crate::framework::path::Path;
use crate::provider::enhanced_connection::model::Connection;
use crate::provider::enhanced_connection::refresh::POLL_INTERVAL;
use crate::provider::shared::binding_target::{BindingTarget, bindings};
use crate::provider::shared::operation::OperationError;
use crate::provider::shared::pool_of_queue::{DeclaredTargets, PoolOfQueue};

impl Reconciler<'_> {
    /// Changes the bindings from those in `shown`.
    pub(super) async fn bindings(&mut self, shown: &wire::Connection) -> Result<(), OperationError> {
        let (context, planned) = (self.context, self.planned);
        let (project, id) = (&context.project, &self.now.id().to_owned());
        let declared = [self.now.queues.as_ref(), planned.queues.as_ref()];
        self.bindings.pool_of_queue.ask(context, shown, &declared).await?;
        let changes = BindingChanges::between(&self.bindings.pool_of_queue, &self.now, planned, shown);
        self.bindings.failed_before = changes.failed_before;
        if !changes.unbind.is_empty() {
            self.unbind(id, &changes.unbind).await?;
            self.warn_about_pools(&changes.unbind);
            self.bindings.unbound.extend(changes.unbind);
            let kept = |now: Option<&BTreeSet<String>>, planned: Option<&BTreeSet<String>>| {
                Some(now?.intersection(planned?).cloned().collect())
            };
            let queues = kept(self.now.queues.as_ref(), planned.queues.as_ref());
            let pools = kept(self.now.elastic_resource_pools.as_ref(), planned.elastic_resource_pools.as_ref());
            self.save_bindings(queues, pools);
        }
        if !changes.bind.is_empty() {
            let (wanted, names) = (&changes.bind, &changes.bind_names);
            let (pool_of_queue, failed_before) = (&self.bindings.pool_of_queue, &self.bindings.failed_before);
            let are_bound = || async move {
                let shown = project.show_connection(id).await?;
                let pool_of_queue = pool_of_queue.known(project, &shown, wanted).await?;
                Ok(wanted.iter().all(|target| {
                    let target = pool_of_queue.resolved(&shown, target);
                    target.peering(&shown).is_some_and(|peering| failed_before.get(&target) != Some(peering))
                }))
            };
            context.write(project.bind(id, names).verified(are_bound)).await?;
        }
        self.save_bindings(planned.queues.clone(), planned.elastic_resource_pools.clone());
        // The service rejects this. It comes last because nothing depends on it.
        if !changes.unbind_failed.is_empty()
            && let Err(error) = self.unbind(id, &changes.unbind_failed).await
        {
            let names: Vec<_> = changes.unbind_failed.iter().map(BindingTarget::name).collect();
            let text = format!(
                "The binding of {} is FAILED, and the service does not unbind FAILED ones. The binding has no effect \
                 and disappears with the connection.",
                names.join(", ")
            );
            self.response.add_warning(error.warn("Failed Binding Left Behind", &text));
        }
        Ok(())
    }

    fn save_bindings(&mut self, queues: Option<BTreeSet<String>>, pools: Option<BTreeSet<String>>) {
        self.save("queues", |now| &mut now.queues, queues);
        self.save("elastic_resource_pools", |now| &mut now.elastic_resource_pools, pools);
    }

    async fn unbind(&self, id: &str, targets: &BTreeSet<BindingTarget>) -> Result<(), OperationError> {
        let (context, project) = (self.context, &self.context.project);
        let names = &names(targets);
        let are_unbound = || async move {
            let shown = project.show_connection(id).await?;
            Ok(targets.iter().all(|target| target.peering(&shown).is_none()))
        };
        loop {
            match context.write(project.unbind(id, names).verified(are_unbound)).await {
                // If a queue was deleted, so was its binding.
                Err(error) if error.is_not_found() && context.read(are_unbound()).await? => return Ok(()),
                // A binding that is being created may have to be complete first.
                Err(error) if error.may_mean_not_yet() && self.is_creating(id, targets).await? => {
                    tracing::info!(id, ?error, "the binding is still being created; retrying the unbinding");
                    context.pause(POLL_INTERVAL, || "The unbinding".to_owned()).await?;
                }
                outcome => return outcome,
            }
        }
    }

    /// Whether one of these bindings is CREATING.
    async fn is_creating(&self, id: &str, targets: &BTreeSet<BindingTarget>) -> Result<bool, OperationError> {
        let shown = self.context.read(self.context.project.show_connection(id)).await?;
        let mut peerings = targets.iter().filter_map(|target| target.peering(&shown));
        Ok(peerings.any(|peering| peering.has_status(wire::BINDING_CREATING)))
    }

    /// Warns about pools that were bound for a queue: unbinding one affects all of its queues.
    fn warn_about_pools(&mut self, unbound: &BTreeSet<BindingTarget>) {
        let is_declared = |pool: &&String| {
            self.now.elastic_resource_pools.iter().flatten().any(|declared| declared.eq_ignore_ascii_case(pool))
        };
        let pools = unbound.iter().filter_map(|target| match target {
            BindingTarget::Pool(name) => Some(name),
            BindingTarget::Queue(_) => None,
        });
        let for_queues: Vec<_> = pools.filter(|pool| !is_declared(pool)).map(String::as_str).collect();
        if !for_queues.is_empty() {
            let text = format!(
                "A queue in an elastic resource pool was removed, so its pool ({}) was unbound: no queue of the pool \
                 can use the connection any more. If other queues need it, declare the pool in elastic_resource_pools.",
                for_queues.join(", ")
            );
            let warning = Diagnostic::warning("Elastic Resource Pool Unbound", text);
            self.response.add_warning(warning.at(Path::attribute("queues")));
        }
    }
}

/// The bindings to remove and to create.
#[derive(Debug, Default)]
struct BindingChanges {
    unbind: BTreeSet<BindingTarget>,
    unbind_failed: BTreeSet<BindingTarget>,
    bind: BTreeSet<BindingTarget>,
    /// The names of `bind` as they are declared.
    bind_names: wire::QueueNames,
    /// FAILED peerings of `bind`, which are created again.
    failed_before: BTreeMap<BindingTarget, Binding>,
}

impl BindingChanges {
    fn between(
        pool_of_queue: &PoolOfQueue,
        prior: &Connection,
        planned: &Connection,
        shown: &wire::Connection,
    ) -> Self {
        let wanted = pool_of_queue.targets(shown, planned.declared());
        let mut owned = pool_of_queue.targets(shown, prior.declared());
        // Bindings of a collection that is not managed any more stay, unless the other collection excludes them.
        let kept = DeclaredTargets {
            queues: prior.queues.as_ref().filter(|_| planned.queues.is_none()),
            pools: prior.elastic_resource_pools.as_ref().filter(|_| planned.elastic_resource_pools.is_none()),
        };
        let kept = pool_of_queue.targets(shown, kept);
        owned.retain(|target| !kept.contains(target));
        // A set that was not managed before adopts all existing bindings.
        let adopts_queues = prior.queues.is_none() && planned.queues.is_some();
        let adopts_pools = prior.elastic_resource_pools.is_none() && planned.elastic_resource_pools.is_some();
        let existing = bindings(shown).map(|(target, _)| target);
        owned.extend(existing.filter(|target| if target.is_pool() { adopts_pools } else { adopts_queues }));
        let mut changes = Self::default();
        for target in owned.difference(&wanted) {
            let Some(peering) = target.peering(shown) else { continue };
            let failed = peering.has_status(wire::BINDING_FAILED);
            let unbind = if failed { &mut changes.unbind_failed } else { &mut changes.unbind };
            unbind.insert(target.clone());
        }
        for target in wanted {
            let peering = target.peering(shown);
            if let Some(failed) = peering.filter(|peering| peering.has_status(wire::BINDING_FAILED)) {
                changes.failed_before.insert(target.clone(), failed.clone());
            } else if peering.is_some() {
                continue;
            }
            changes.bind.insert(target);
        }
        // A pool that is declared and also needed for a queue is bound once, under its own name.
        let mut to_bind = changes.bind.clone();
        for pool in planned.elastic_resource_pools.iter().flatten() {
            if to_bind.remove(&BindingTarget::Pool(pool.to_ascii_lowercase())) {
                changes.bind_names.elastic_resource_pools.push(pool.clone());
            }
        }
        for queue in planned.queues.iter().flatten() {
            if to_bind.remove(&pool_of_queue.of(shown, queue)) {
                changes.bind_names.queues.push(queue.clone());
            }
        }
        changes
    }
}

/// The names of targets, in lower case as the service keeps them.
fn names(targets: &BTreeSet<BindingTarget>) -> wire::QueueNames {
    let mut names = wire::QueueNames::default();
    for target in targets {
        match target {
            BindingTarget::Queue(name) => names.queues.push(name.clone()),
            BindingTarget::Pool(name) => names.elastic_resource_pools.push(name.clone()),
        }
    }
    names
}
