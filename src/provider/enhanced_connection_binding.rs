//! `dli_enhanced_connection_binding`: one queue or one elastic resource pool that uses a connection, for teams that own
//! the queue and not the connection.
//!
//! `{c}` is `/v2.0/{project}/datasource/enhanced-connections/{id}`.
//!
//! | call | when |
//! |---|---|
//! | `GET  {c}` | create, read, delete, import; again and again while the binding is made or ended |
//! | `POST {c}/associate-queue` | create |
//! | `POST {c}/disassociate-queue` | delete |
//! | `GET  /v1.0/{project}/queues` | plan of a new queue; where the queue may live in a bound pool |
//! | `GET  /v3/{project}/elastic-resource-pools` | plan of a new pool |
//!
//! What has FAILED counts as not bound: it is forgotten, planned again and bound again, because the service neither tries
//! again by itself nor unbinds it.

mod model;
mod schema;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;

use self::{
    model::{Bound, Look, set},
    schema::{POOL, QUEUE},
};
use super::{
    provider_data::ProviderData,
    shared::binding_target::{BindingTarget, DeclaredTargets, PoolOfQueue},
    shared::connection_part,
    shared::location,
    shared::operation::{OperationContext, OperationError},
    shared::ownership::Part,
    shared::plan_checks::PlanChecker,
    shared::run_state::PartKey,
    shared::wait_for_bindings::{self, Changed, WaitError},
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

/// From one look to the next whether it is unbound.
const PAUSE: Duration = Duration::from_secs(2);

/// The kind of resource.
#[derive(Debug)]
pub(super) struct EnhancedConnectionBinding {
    provider_data: Arc<ProviderData>,
}

impl EnhancedConnectionBinding {
    pub(super) fn new(provider_data: Arc<ProviderData>) -> Self {
        Self { provider_data }
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
        let mut bound = Bound::from_value(request.planned, &Path::root())?;
        let limit = bound.timeouts.create(schema::CREATE);
        let to_errors = |error: OperationError| error.into_errors(SUMMARY, STATE_NOTE);
        let context = OperationContext::open(&self.provider_data, bound.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(bound.subject());
        let id = bound.connection_id.clone();

        let guard = connection_part::lock(&context, &self.provider_data, &id).await.map_err(to_errors)?;
        let look = loop {
            let Some(look) = Look::at(&context, &bound).await.map_err(to_errors)? else {
                return Err(connection_part::no_connection(SUMMARY, &id));
            };
            let is_removed = || self.provider_data.run_state().is_removed(&id, PartKey::Peering(look.target(&bound)));
            if look.peering(&bound).is_none() || !is_removed() {
                break look;
            }
            context.pause(PAUSE, || format!("The unbinding of the {}", bound.what())).await.map_err(to_errors)?;
        };
        let target = look.target(&bound);
        let mut before = BTreeMap::new();
        match target.peering(&look.shown) {
            Some(there) if !there.has_status(wire::BINDING_FAILED) => response.add_warning(already_bound(&bound)),
            failed => {
                before.extend(failed.map(|failed| (target, failed.clone())));
                if let Err(error) = bind(&context, &bound, &look.pool_of_queue, &before).await {
                    bound.observe(&context, None);
                    return Err(connection_part::create_failed(error, (SUMMARY, STATE_NOTE), bound, response));
                }
            }
        }
        self.provider_data.run_state().mark_in_use(&id, PartKey::Peering(look.target(&bound)));
        drop(guard);
        // From here on it may be bound, and whatever goes wrong, Terraform knows it.
        bound.observe(&context, None);
        response.set_state(bound.clone());

        let Look { shown, mut pool_of_queue } = look;
        let seen = if bound.wait_for_bindings.unwrap_or(true) {
            wait(&context, &bound, &mut pool_of_queue, &before, &shown.name, response).await?
        } else {
            match Look::at(&context, &bound).await {
                Ok(seen) => {
                    response.add_warning(seen.iter().flat_map(|look| look.failures(&bound)).collect::<Diagnostics>());
                    seen.and_then(|look| look.peering(&bound).cloned())
                }
                Err(error) => {
                    let state_note =
                        "The binding was created and is in the state. Its status is read at the next plan or apply.";
                    response.add_warning(error.warn("Bound, but Not Read Back", state_note));
                    None
                }
            }
        };
        bound.observe(&context, seen.as_ref());
        response.set_state(bound);
        Ok(())
    }

    async fn read(&self, request: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let mut bound = Bound::from_state(request.state)?;
        connection_part::check_state(&bound.connection_id)?;
        let limit = bound.timeouts.read(schema::READ);
        let to_errors =
            |error: OperationError| error.into_errors("Could Not Read the Binding", "The state was not changed.");
        let context = OperationContext::open(&self.provider_data, bound.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(bound.subject());
        let look = Look::at_held(&context, &bound).await.map_err(to_errors)?;
        response.add_warning(look.iter().flat_map(|look| look.failures(&bound)).collect::<Diagnostics>());
        match look.as_ref().and_then(|look| look.peering(&bound)) {
            Some(there) if !there.has_status(wire::BINDING_FAILED) => {
                bound.observe(&context, Some(there));
                response.set_state(bound);
            }
            _ => response.remove_resource(),
        }
        Ok(())
    }

    /// What changes in place is Terraform's alone.
    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        response.set_state(request.planned.clone());
        Ok(())
    }

    async fn delete(&self, request: DeleteRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let bound = Bound::from_state(request.prior)?;
        connection_part::check_state(&bound.connection_id)?;
        let limit = bound.timeouts.delete(schema::DELETE);
        let state_note = "The binding is still in the state. Run the same command again (terraform destroy, or apply).";
        let to_errors = |error: OperationError| error.into_errors("Could Not Unbind", state_note);
        let context = OperationContext::open(&self.provider_data, bound.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(bound.subject());
        match unbind(&self.provider_data, &context, &bound).await.map_err(to_errors)? {
            Some(Ended::Failed(name)) => {
                let text = format!(
                    "The binding of {name} is FAILED, and the service does not unbind what has FAILED. It does no harm, and \
                     disappears with the connection."
                );
                response.add_warning(Diagnostic::warning("Failed Binding Left Behind", text));
            }
            Some(Ended::Unbound(BindingTarget::Pool(pool))) if bound.queue.is_some() => {
                response.add_warning(pool_unbound(&bound, &pool));
            }
            _ => {}
        }
        Ok(())
    }

    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const FORMS: &str = "CONNECTION_ID/queue/NAME or CONNECTION_ID/elastic_resource_pool/NAME";
        let (object, region, project_id) = location::parse_import_id(request.id);
        let words: Vec<&str> = object.split('/').collect();
        let (connection_id, kind, name) = match words[..] {
            [connection_id, kind @ (QUEUE | POOL), name] => (connection_id, kind, name.to_ascii_lowercase()),
            _ => return Err(connection_part::invalid_import(request.id, FORMS)),
        };
        let words: [(&str, &[rules::Rule]); 2] =
            [(connection_id, &[rules::CONNECTION_ID]), (&name, &[rules::QUEUE_NOT_DEFAULT, rules::QUEUE_NAME])];
        connection_part::check_import(request.id, FORMS, &words)?;
        let to_errors =
            |error: OperationError| error.into_errors("Could Not Import the Binding", "Nothing was imported.");
        let context = OperationContext::open(&self.provider_data, (region, project_id), schema::READ, request.stop)
            .await
            .map_err(to_errors)?;
        let (queue, elastic_resource_pool) = if kind == QUEUE { (Some(name), None) } else { (None, Some(name)) };
        let connection_id = connection_id.to_owned();
        let mut bound = Bound { connection_id, queue, elastic_resource_pool, ..Bound::default() };
        let look = Look::at(&context, &bound).await.map_err(to_errors)?;
        let Some(there) = look.as_ref().and_then(|look| look.peering(&bound)) else {
            let what = format!("binding of the {} to an enhanced connection {}", bound.what(), bound.connection_id);
            return Err(connection_part::not_found(&what, "Binding"));
        };
        bound.observe(&context, Some(there));
        response.set_state(bound);
        Ok(())
    }
}

/// Binds what is not bound, or was `before` and has FAILED.
async fn bind(
    context: &OperationContext,
    bound: &Bound,
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

/// Waits until the binding works.
async fn wait(
    context: &OperationContext,
    bound: &Bound,
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
        // All was done but the waiting, and what is bound should not be marked as broken for it.
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

/// How a binding ended that was there.
enum Ended {
    /// It was unbound.
    Unbound(BindingTarget),
    /// It is there, and has FAILED: the service does not unbind it. By its name.
    Failed(String),
}

/// Unbinds it, and waits until it is no longer shown. `None` where there is nothing to unbind, or others rely on it.
async fn unbind(
    provider_data: &ProviderData,
    context: &OperationContext,
    bound: &Bound,
) -> Result<Option<Ended>, OperationError> {
    let (project, id, names) = (&context.project, &bound.connection_id, &bound.names());
    let mut guard = Some(connection_part::lock(context, provider_data, id).await?);
    let mut ended = None;
    loop {
        let look =
            if guard.is_some() { Look::at_held(context, bound).await? } else { Look::at(context, bound).await? };
        let Some(look) = look else { return Ok(ended) };
        let target = &look.target(bound);
        let Some(there) = target.peering(&look.shown) else { return Ok(ended) };
        if there.has_status(wire::BINDING_FAILED) {
            return Ok(Some(Ended::Failed(there.name.clone())));
        }
        // Created before this one is destroyed, or another queue of the same pool.
        if provider_data.run_state().is_in_use(id, PartKey::Peering(target.clone())) {
            tracing::info!(id, "not unbound: another binding of this run relies on it");
            return Ok(ended);
        }
        if guard.is_some() {
            let is_gone = || async move { Ok(target.peering(&project.show_connection(id).await?).is_none()) };
            match context.write(project.run_verified(|| project.unbind(id, names), is_gone)).await {
                Ok(()) => {
                    provider_data.run_state().mark_removed(id, PartKey::Peering(target.clone()));
                    ended = Some(Ended::Unbound(target.clone()));
                    guard = None;
                    continue;
                }
                // One that is still being made may have to be made first.
                Err(error) if error.may_mean_not_yet() && there.has_status(wire::BINDING_CREATING) => {
                    tracing::info!(id, ?error, "the binding is still being made; unbinding it again in a moment");
                }
                // The queue may have gone, and the binding with it.
                Err(error) if error.is_not_found() => {
                    let left = Look::at(context, bound).await?.is_some_and(|look| look.peering(bound).is_some());
                    return if left { Err(error) } else { Ok(None) };
                }
                Err(error) => return Err(error),
            }
        }
        context.pause(PAUSE, || format!("The unbinding of the {}", bound.what())).await?;
    }
}

/// Which other resources rely on the pool nobody here can tell: Terraform shows an apply only what changes.
fn pool_unbound(bound: &Bound, pool: &str) -> Diagnostic {
    let text = format!(
        "The {} lives in the elastic resource pool {pool}, and its binding was that of the pool: no queue of the pool uses the \
         connection {} any more. A resource that binds another of them finds that out at the next plan, and binds the pool \
         again. Where several rely on it, declare the pool itself, once, with elastic_resource_pool.",
        bound.what(),
        bound.connection_id
    );
    Diagnostic::warning("Elastic Resource Pool Unbound", text)
}

fn already_bound(bound: &Bound) -> Diagnostic {
    let text = format!(
        "The {} is already bound to the connection {}: by somebody else, or by an earlier apply whose answer was lost. The \
         binding is taken over, and destroying this resource unbinds it.",
        bound.what(),
        bound.connection_id
    );
    Diagnostic::warning("Already Bound", text)
}
