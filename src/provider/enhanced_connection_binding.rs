//! `dli_enhanced_connection_binding`: one queue or one elastic resource pool bound to a connection that is managed
//! elsewhere.
//!
//! `{c}` is `/v2.0/{project}/datasource/enhanced-connections/{id}`.
//!
//! | call | when |
//! |---|---|
//! | `GET  {c}` | create, read, delete, import; polled while the binding is created or removed |
//! | `POST {c}/associate-queue` | create |
//! | `POST {c}/disassociate-queue` | delete |
//! | `GET  /v1.0/{project}/queues` | plan of a new queue; where the queue may live in a bound pool |
//! | `GET  /v3/{project}/elastic-resource-pools` | plan of a new pool |
//!
//! A FAILED binding counts as missing: the read removes it from the state and the next apply binds again, because the
//! service neither retries nor unbinds it.

mod model;
mod schema;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use self::{
    model::{BindingModel, Snapshot, set},
    schema::{POOL, QUEUE},
};
use super::{
    provider_data::ProviderData,
    shared::{
        binding_target::{BindingTarget, DeclaredTargets, PoolOfQueue},
        connection_part, location,
        operation::{OperationContext, OperationError, report},
        ownership::Part,
        plan_checks::PlanChecker,
        wait_for_bindings::{self, Changed, WaitError},
    },
};
use crate::{
    dli::{
        rules,
        wire::{self, Binding},
    },
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::FromValue,
        path::Path,
        resource::{
            CreateRequest, DeleteRequest, ImportRequest, ModifyPlanRequest, ReadRequest, Resource, ResponseState,
            UpdateRequest,
        },
        schema::Schema,
    },
};

/// Interval between checks whether the target is unbound.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct EnhancedConnectionBinding {
    provider_data: Arc<ProviderData>,
}

impl EnhancedConnectionBinding {
    pub(super) fn new(provider_data: Arc<ProviderData>) -> Self {
        Self { provider_data }
    }

    async fn begin(
        &self,
        bound: &BindingModel,
        timeout: Duration,
        stop: &CancellationToken,
    ) -> Result<OperationContext, OperationError> {
        let context = self.provider_data.begin(bound.location(), timeout, stop).await?;
        Ok(context.subject(bound.subject()))
    }
}

#[async_trait]
impl Resource for EnhancedConnectionBinding {
    fn type_name(&self) -> &'static str {
        "dli_enhanced_connection_binding"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    async fn modify_plan(&self, request: ModifyPlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        let ModifyPlanRequest { prior, config, planned, replace, stop, .. } = request;
        location::fill_planned(&self.provider_data, config, planned);
        let mut report = Diagnostics::new();
        let connection = planned.get("connection_id").as_str();
        for (attribute, part) in [(QUEUE, Part::Queues), (POOL, Part::Pools)] {
            let Some(name) = planned.get(attribute).as_str() else { continue };
            if let Some(connection) = connection {
                report.extend(self.provider_data.ownership_conflicts().declare_one(connection, part, name));
            }
            let is_new = prior.is_null() || !replace.is_empty();
            if is_new && let Some(checker) = PlanChecker::open(&self.provider_data, config, planned, stop).await {
                let wanted = [(Path::attribute(attribute), name.to_owned())];
                report.extend(match part {
                    Part::Pools => checker.check_pools(&wanted).await,
                    _ => checker.check_queues(&wanted).await,
                });
            }
        }
        if report.has_errors() { Err(report) } else { Ok(report) }
    }

    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Bind";
        const STATE_NOTE: &str =
            "The state holds no binding. The next apply creates it, or takes it over if it exists.";
        let mut bound = BindingModel::from_value(request.planned, &Path::root())?;
        report(SUMMARY, STATE_NOTE, async {
        let context = self.begin(&bound, bound.timeouts.create(schema::CREATE), request.stop).await?;
        let id = bound.connection_id.clone();

        let guard = connection_part::lock(&context, &self.provider_data, &id).await?;
        let snapshot = loop {
            let Some(snapshot) = Snapshot::read(&context, &bound).await? else {
                return Err(connection_part::no_connection(SUMMARY, &id).into());
            };
            let is_removed = || self.provider_data.run_state().is_removed(&id, (&snapshot.target(&bound)).into());
            if snapshot.peering(&bound).is_none() || !is_removed() {
                break snapshot;
            }
            context.pause(POLL_INTERVAL, || format!("The unbinding of the {}", bound.target_name())).await?;
        };
        let target = snapshot.target(&bound);
        let mut before = BTreeMap::new();
        match target.peering(&snapshot.shown) {
            Some(there) if !there.has_status(wire::BINDING_FAILED) => response.add_warning(already_bound(&bound)),
            failed => {
                before.extend(failed.map(|failed| (target, failed.clone())));
                if let Err(error) = bind(&context, &bound, &snapshot.pool_of_queue, &before).await {
                    bound.set_computed(&context, None);
                    return Err(connection_part::create_failed(error, (SUMMARY, STATE_NOTE), bound, response).into());
                }
            }
        }
        self.provider_data.run_state().mark_in_use(&id, (&snapshot.target(&bound)).into());
        drop(guard);
        // The binding may exist from now on, so the state holds it before any later error.
        bound.set_computed(&context, None);
        response.set_state(bound.clone());

        let Snapshot { shown, mut pool_of_queue } = snapshot;
        let seen = if bound.wait_for_bindings.unwrap_or(true) {
            wait(&context, &bound, &mut pool_of_queue, &before, &shown.name, response).await?
        } else {
            match Snapshot::read(&context, &bound).await {
                Ok(seen) => {
                    response.add_warning(seen.iter().flat_map(|snapshot| snapshot.failures(&bound)).collect::<Diagnostics>());
                    seen.and_then(|snapshot| snapshot.peering(&bound).cloned())
                }
                Err(error) => {
                    let state_note =
                        "The binding was created and is in the state. Its status is read at the next plan or apply.";
                    response.add_warning(error.warn("Bound, but Not Read Back", state_note));
                    None
                }
            }
        };
        bound.set_computed(&context, seen.as_ref());
        response.set_state(bound);
        Ok(())
        }).await
    }

    async fn read(&self, request: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let mut bound = BindingModel::from_state(request.state)?;
        report("Could Not Read the Binding", "The state was not changed.", async {
            let context = self.begin(&bound, bound.timeouts.read(schema::READ), request.stop).await?;
            let snapshot = Snapshot::read_held(&context, &bound).await?;
            response
                .add_warning(snapshot.iter().flat_map(|snapshot| snapshot.failures(&bound)).collect::<Diagnostics>());
            match snapshot.as_ref().and_then(|snapshot| snapshot.peering(&bound)) {
                Some(there) if !there.has_status(wire::BINDING_FAILED) => {
                    bound.set_computed(&context, Some(there));
                    response.set_state(bound);
                }
                _ => response.remove_resource(),
            }
            Ok(())
        })
        .await
    }

    /// Changes only the state: every other change replaces the binding.
    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        response.set_state(request.planned.clone());
        Ok(())
    }

    async fn delete(&self, request: DeleteRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const STATE_NOTE: &str =
            "The binding is still in the state. Run the same command again (terraform destroy, or apply).";
        let bound = BindingModel::from_state(request.prior)?;
        report("Could Not Unbind", STATE_NOTE, async {
        let context = self.begin(&bound, bound.timeouts.delete(schema::DELETE), request.stop).await?;
        match unbind(&self.provider_data, &context, &bound).await? {
            Some(UnbindOutcome::Failed(name)) => {
                let text = format!(
                    "The binding of {name} is FAILED, and the service does not unbind what has FAILED. It does no harm, and \
                     disappears with the connection."
                );
                response.add_warning(Diagnostic::warning("Failed Binding Left Behind", text));
            }
            Some(UnbindOutcome::Unbound(BindingTarget::Pool(pool))) if bound.queue.is_some() => {
                response.add_warning(pool_unbound(&bound, &pool));
            }
            _ => {}
        }
        Ok(())
        }).await
    }

    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const FORMAT: &str = "CONNECTION_ID/queue/NAME or CONNECTION_ID/elastic_resource_pool/NAME";
        let (object, region, project_id) = location::parse_import_id(request.id);
        let segments: Vec<&str> = object.split('/').collect();
        let (connection_id, kind, name) = match segments[..] {
            [connection_id, kind @ (QUEUE | POOL), name] => (connection_id, kind, name.to_ascii_lowercase()),
            _ => return Err(connection_part::invalid_import(request.id, FORMAT)),
        };
        let segments: [(&str, &[rules::Rule]); 2] =
            [(connection_id, &[rules::CONNECTION_ID]), (&name, &[rules::QUEUE_NOT_DEFAULT, rules::QUEUE_NAME])];
        connection_part::check_import(request.id, FORMAT, &segments)?;
        report("Could Not Import the Binding", "Nothing was imported.", async {
            let context = self.provider_data.begin((region, project_id), schema::READ, request.stop).await?;
            let (queue, elastic_resource_pool) = if kind == QUEUE { (Some(name), None) } else { (None, Some(name)) };
            let connection_id = connection_id.to_owned();
            let mut bound = BindingModel { connection_id, queue, elastic_resource_pool, ..BindingModel::default() };
            let snapshot = Snapshot::read(&context, &bound).await?;
            let Some(there) = snapshot.as_ref().and_then(|snapshot| snapshot.peering(&bound)) else {
                return Err(connection_part::not_found(&bound.subject(), "Binding").into());
            };
            bound.set_computed(&context, Some(there));
            response.set_state(bound);
            Ok(())
        })
        .await
    }
}

/// Binds the target; `before` holds its FAILED peering, if any.
async fn bind(
    context: &OperationContext,
    bound: &BindingModel,
    pool_of_queue: &PoolOfQueue,
    before: &BTreeMap<BindingTarget, Binding>,
) -> Result<(), OperationError> {
    let (project, id, names) = (&context.project, &bound.connection_id, &bound.names());
    let is_bound = || async move {
        let shown = project.show_connection(id).await?;
        let wanted = BTreeSet::from([bound.target(pool_of_queue, &shown)]);
        let target = bound.target(&pool_of_queue.known(project, &shown, &wanted).await?, &shown);
        Ok(target.peering(&shown).is_some_and(|peering| before.get(&target) != Some(peering)))
    };
    context.write(project.run_verified(|| project.bind(id, names), is_bound)).await
}

/// Waits until the binding is ACTIVE.
async fn wait(
    context: &OperationContext,
    bound: &BindingModel,
    pool_of_queue: &mut PoolOfQueue,
    before: &BTreeMap<BindingTarget, Binding>,
    connection: &str,
    response: &mut ResponseState,
) -> Result<Option<Binding>, Diagnostics> {
    const SUMMARY: &str = "Could Not Bind: Waiting for the Binding";
    let (queues, pools) = (set(bound.queue.as_ref()), set(bound.elastic_resource_pool.as_ref()));
    let declared = DeclaredTargets { queues: queues.as_ref(), pools: pools.as_ref() };
    let changed = Changed { before, ended: &BTreeSet::new() };
    match wait_for_bindings::until_active(context, &bound.connection_id, declared, pool_of_queue, changed).await {
        Ok(shown) => Ok(bound.target(pool_of_queue, &shown).peering(&shown).cloned()),
        Err(WaitError::Failed(failed)) => {
            let state_note =
                "The state holds the binding as failed. Fix the cause and apply again: it will be bound again.";
            Err(wait_for_bindings::failure_errors(connection, &failed, state_note))
        }
        Err(WaitError::Gone) => Err(connection_part::no_connection(SUMMARY, &bound.connection_id)),
        // The binding exists, so an interrupted wait must not taint it.
        Err(WaitError::Operation(error @ OperationError::Interrupted { .. })) => {
            response.add_warning(
                error.warn("Interrupted While Waiting for the Binding", wait_for_bindings::WAIT_INTERRUPTED),
            );
            Ok(None)
        }
        Err(WaitError::Operation(error)) => {
            let state_note = "The binding exists and is in the state. Do not simply apply again: Terraform has marked it as tainted, \
                         and would unbind it and bind it again. To keep it: run terraform untaint ADDRESS, then apply.";
            Err(error.into_errors(SUMMARY, state_note))
        }
    }
}

/// How the removal of an existing binding ended.
enum UnbindOutcome {
    Unbound(BindingTarget),
    /// The service does not unbind a FAILED binding; holds its name.
    Failed(String),
}

/// Unbinds the target and waits until it is gone. `None` if it is not bound or still in use.
async fn unbind(
    provider_data: &ProviderData,
    context: &OperationContext,
    bound: &BindingModel,
) -> Result<Option<UnbindOutcome>, OperationError> {
    let (project, id, names) = (&context.project, &bound.connection_id, &bound.names());
    let mut guard = Some(connection_part::lock(context, provider_data, id).await?);
    let mut ended = None;
    loop {
        let snapshot = if guard.is_some() {
            Snapshot::read_held(context, bound).await?
        } else {
            Snapshot::read(context, bound).await?
        };
        let Some(snapshot) = snapshot else { return Ok(ended) };
        let target = &snapshot.target(bound);
        let Some(there) = target.peering(&snapshot.shown) else { return Ok(ended) };
        if there.has_status(wire::BINDING_FAILED) {
            return Ok(Some(UnbindOutcome::Failed(there.name.clone())));
        }
        // Another resource of this run uses it: create_before_destroy, or another queue of the same pool.
        if provider_data.run_state().is_in_use(id, target.into()) {
            tracing::info!(id, "not unbound: another binding of this run uses it");
            return Ok(ended);
        }
        if guard.is_some() {
            let is_gone = || async move { Ok(target.peering(&project.show_connection(id).await?).is_none()) };
            match context.write(project.run_verified(|| project.unbind(id, names), is_gone)).await {
                Ok(()) => {
                    provider_data.run_state().mark_removed(id, target.into());
                    ended = Some(UnbindOutcome::Unbound(target.clone()));
                    guard = None;
                    continue;
                }
                // The service may refuse to unbind a binding that is still CREATING.
                Err(error) if error.may_mean_not_yet() && there.has_status(wire::BINDING_CREATING) => {
                    tracing::info!(id, ?error, "the binding is still being created; retrying the unbind");
                }
                // The queue may have been deleted together with its binding.
                Err(error) if error.is_not_found() => {
                    let left =
                        Snapshot::read(context, bound).await?.is_some_and(|snapshot| snapshot.peering(bound).is_some());
                    return if left { Err(error) } else { Ok(None) };
                }
                Err(error) => return Err(error),
            }
        }
        context.pause(POLL_INTERVAL, || format!("The unbinding of the {}", bound.target_name())).await?;
    }
}

/// The provider cannot name the affected resources: an apply receives only the changed ones.
fn pool_unbound(bound: &BindingModel, pool: &str) -> Diagnostic {
    let text = format!(
        "The {} lives in the elastic resource pool {pool}, and its binding was that of the pool: no queue of the pool uses the \
         connection {} any more. A resource that binds another of them finds that out at the next plan, and binds the pool \
         again. Where several rely on it, declare the pool itself, once, with elastic_resource_pool.",
        bound.target_name(),
        bound.connection_id
    );
    Diagnostic::warning("Elastic Resource Pool Unbound", text)
}

fn already_bound(bound: &BindingModel) -> Diagnostic {
    let text = format!(
        "The {} is already bound to the connection {}: by somebody else, or by an earlier apply whose answer was lost. The \
         binding is taken over, and destroying this resource unbinds it.",
        bound.target_name(),
        bound.connection_id
    );
    Diagnostic::warning("Already Bound", text)
}
