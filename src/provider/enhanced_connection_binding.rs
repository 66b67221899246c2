//! `dli_enhanced_connection_binding`: one queue or elastic resource pool bound to a connection managed elsewhere.
//!
//! `{c}` is `/v2.0/{project}/datasource/enhanced-connections/{id}`.
//!
//! | call | when |
//! |---|---|
//! | `GET  {c}` | create, read, delete, import; polled while the binding is created or removed |
//! | `POST {c}/associate-queue` | create |
//! | `POST {c}/disassociate-queue` | delete |
//! | `GET  /v1.0/{project}/queues` | plan of a new queue; when the queue may belong to a bound pool |
//! | `GET  /v3/{project}/elastic-resource-pools` | plan of a new pool |
//! | calls of `network_checks` | plan of a new binding |
//!
//! A FAILED binding counts as missing: the read removes it from the state and the next apply binds again, because the
//! service neither retries nor unbinds it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::enhanced_connection::{model, schema};
use super::provider_data::ProviderData;
use super::shared::binding_target::{BindingTarget, bindings};
use super::shared::operation::{OperationContext, OperationError};
use super::shared::part_resource::{ConnectionPart, Deletion, ListedPart, Lookup, PartResource, PartTexts};
use super::shared::plan_checks::PlanChecker;
use super::shared::pool_of_queue::{DeclaredTargets, PoolOfQueue};
use super::shared::semantic_equality::same_text;
use super::shared::validators::{ExactlyOneOf, MatchesRule};
use super::shared::wait_for_bindings::{Changed, WaitError};
use super::shared::{connection_part, declared_parts, moved, network_checks, operation, wait_for_bindings};
use crate::client::{Error, Project};
use crate::dli::wire::QueueNames;
use crate::dli::{rules, wire};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::Computed;
use crate::framework::path::Path;
use crate::framework::plan_modifier::{RequiresReplace, USE_STATE_FOR_UNKNOWN};
use crate::framework::resource::{ModifyPlanRequest, MoveSources, ResponseState};
use crate::framework::schema::Attribute;
use crate::framework::types::Type;
use crate::framework::validator::Validator;
use crate::framework::value::Value;
use crate::model;

/// The attributes of which one names the target. The import ID contains their names, too.
const QUEUE: &str = "queue";
const POOL: &str = "elastic_resource_pool";

pub(super) type EnhancedConnectionBinding = PartResource<Binding>;

model! {
    #[derive(Debug, Clone, Default)]
    pub(super) struct Binding {
        queue: Option<String>,
        elastic_resource_pool: Option<String>,
        wait_for_bindings: Option<bool>,
        status: Computed<String>,
        peer_id: Computed<String>,
        error: Computed<String>,
        updated_at: Computed<String>,
    }
}

/// A binding as the service returns it.
#[derive(Debug)]
pub(super) struct FoundBinding {
    /// Name of the connection.
    connection: String,
    target: BindingTarget,
    binding: wire::Binding,
}

impl Binding {
    /// Kind and name of the target, for messages.
    fn target_name(&self) -> String {
        let kind = if self.queue.is_some() { "queue" } else { "elastic resource pool" };
        format!("{kind} {}", self.name())
    }

    /// The request body of bind and unbind.
    fn names(&self) -> QueueNames {
        QueueNames {
            queues: self.queue.iter().cloned().collect(),
            elastic_resource_pools: self.elastic_resource_pool.iter().cloned().collect(),
        }
    }

    /// Returns what the service binds: the pool of a queue that belongs to one.
    async fn target(&self, project: &Project, shown: &wire::Connection) -> Result<BindingTarget, Error> {
        let to_target = if self.queue.is_some() { BindingTarget::queue } else { BindingTarget::pool };
        let named = to_target(self.name());
        let pools = PoolOfQueue::default().known(project, shown, &BTreeSet::from([named.clone()])).await?;
        Ok(pools.resolved(shown, &named))
    }
}

#[async_trait]
impl ConnectionPart for Binding {
    type Found = FoundBinding;

    const TEXTS: PartTexts = PartTexts {
        type_name: "dli_enhanced_connection_binding",
        description: "One queue or one elastic resource pool that uses an enhanced datasource connection. Other queues \
                      and pools of the connection are not changed. Use it for a connection that does not set `queues` \
                      (for a pool: `elastic_resource_pools`).",
        list_description: "Lists the queues and elastic resource pools that are bound to enhanced connections. A \
                           binding that has failed is not listed.",
        noun: "binding",
        create_summary: "Could Not Bind",
        create_note: "Nothing was recorded in the state. The next apply creates the binding, or adopts it if it exists.",
        update_summary: None,
        delete_summary: "Could Not Unbind",
        import_format: "CONNECTION_ID/queue/NAME or CONNECTION_ID/elastic_resource_pool/NAME",
        import_rules: &[rules::QUEUE_NOT_DEFAULT, rules::QUEUE_NAME],
        identity: &[
            (QUEUE, "Name of the queue. Exactly one of `queue` and `elastic_resource_pool` must be set."),
            (POOL, "Name of the elastic resource pool."),
        ],
    };
    const READ_TIMEOUT: Duration = Duration::from_mins(5);
    const POLL_INTERVAL: Duration = Duration::from_secs(2);

    fn attributes() -> Vec<Attribute> {
        let mut attributes = vec![
            Attribute::string(QUEUE)
                .validator(MatchesRule(&[rules::QUEUE_NOT_DEFAULT, rules::QUEUE_NAME]))
                .plan_modifier(RequiresReplace)
                .semantic_equality(same_text)
                .description(
                    "Name of the queue: a dedicated or yearly/monthly queue, or one in an elastic resource pool, never \
                     `default`. The service keeps it in lower case. A queue in a pool binds and unbinds the pool with \
                     all its queues; prefer `elastic_resource_pool` for it. Exactly one of `queue` and \
                     `elastic_resource_pool` must be set. Changing it replaces the binding.",
                ),
            Attribute::string(POOL)
                .validator(MatchesRule(&[rules::POOL_NAME]))
                .plan_modifier(RequiresReplace)
                .description(
                    "Name of the elastic resource pool, bound with all its queues. Exactly one of `queue` and \
                     `elastic_resource_pool` must be set. Changing it replaces the binding.",
                ),
            Attribute::bool("wait_for_bindings").description(
                "Whether create waits until the binding is `ACTIVE`, and fails if it is `FAILED`. Default: `true`. If \
                 the binding fails later, the next plan creates it again.",
            ),
        ];
        let computed = schema::peering().into_iter();
        attributes.extend(computed.map(|attribute| attribute.plan_modifier(USE_STATE_FOR_UNKNOWN)));
        attributes
    }

    fn validators() -> Vec<Arc<dyn Validator>> {
        vec![Arc::new(ExactlyOneOf(&[QUEUE, POOL]))]
    }

    fn listed(shown: &wire::Connection, _: Vec<wire::Privilege>) -> Vec<ListedPart<Self>> {
        let queue = |name: String| Self { queue: Some(name), ..Self::default() };
        let pool = |name: String| Self { elastic_resource_pool: Some(name), ..Self::default() };
        let bound = bindings(shown).filter(|(_, binding)| !binding.has_status(wire::BINDING_FAILED));
        let listed = bound.map(|(target, binding)| {
            let name = target.name().to_owned();
            let part = if target.is_pool() { pool(name) } else { queue(name) };
            let found = FoundBinding { connection: shown.name.clone(), target, binding: binding.clone() };
            ListedPart { display_name: part.target_name(), part, found }
        });
        listed.collect()
    }

    fn from_import_id(id: &str) -> Option<Self> {
        let (kind, name) = id.split_once('/')?;
        let name = Some(name.to_ascii_lowercase());
        match kind {
            QUEUE => Some(Self { queue: name, ..Self::default() }),
            POOL => Some(Self { elastic_resource_pool: name, ..Self::default() }),
            _ => None,
        }
    }

    /// A source binds all elastic resource pools of a connection, and a `moved` block has one target.
    fn move_sources() -> Option<MoveSources> {
        let attributes = [
            ("id", Type::String),
            ("region", Type::String),
            ("connection_id", Type::String),
            ("elastic_resource_pools", Type::list(Type::String)),
        ];
        Some(moved::sources("dli_datasource_connection_associate", attributes))
    }

    fn from_source(source: &Value) -> Result<Self, Diagnostics> {
        let pools: Vec<_> = moved::texts(source, "elastic_resource_pools").collect();
        if let [pool] = pools[..] {
            return Ok(Self { elastic_resource_pool: Some(pool.to_owned()), ..Self::default() });
        }
        let id = source.get("connection_id").as_str().unwrap_or_default();
        let count = if pools.is_empty() { "no elastic resource pool" } else { "several elastic resource pools" };
        let names = if pools.is_empty() { String::new() } else { format!(": {}", pools.join(", ")) };
        let text = format!(
            "The resource that binds pools to the connection {id} binds {count}{names}. A \
             dli_enhanced_connection_binding binds one, and a moved block has one target. Nothing was moved.\n\nReplace \
             the moved block with a removed block that has destroy = false. Then declare the pools as \
             elastic_resource_pools of the dli_enhanced_connection. Or declare one dli_enhanced_connection_binding for each \
             pool, each with an import block whose id is {id}/elastic_resource_pool/NAME."
        );
        Err(Diagnostic::error("Not Exactly One Pool", text).into())
    }

    fn name(&self) -> &str {
        self.queue.as_deref().or(self.elastic_resource_pool.as_deref()).unwrap_or_default()
    }

    fn id(&self) -> String {
        let kind = if self.queue.is_some() { QUEUE } else { POOL };
        format!("{kind}/{}", self.name().to_ascii_lowercase())
    }

    fn identity(value: &Value) -> Option<String> {
        let queue = value.get(QUEUE).as_str().map(declared_parts::queue);
        queue.or_else(|| value.get(POOL).as_str().map(declared_parts::pool))
    }

    /// A queue that belongs to a pool is not looked for.
    async fn exists(checker: &PlanChecker, connection: &str, planned: &Value) -> bool {
        let name = |attribute: &str| planned.get(attribute).as_str();
        let Some(shown) = checker.connection(connection).await else { return false };
        let targets = [name(QUEUE).map(BindingTarget::queue), name(POOL).map(BindingTarget::pool)];
        targets.iter().flatten().any(|target| target.is_bound(&shown))
    }

    fn subject(&self, connection_id: &str) -> String {
        format!("binding of the {} to the connection {connection_id}", self.target_name())
    }

    fn set_computed(&mut self, found: Option<Self::Found>) {
        let found = found.map(|found| model::peering(&found.binding));
        let model::Peering { status, peer_id, error, updated_at } = found.unwrap_or_default();
        [self.status.0, self.peer_id.0, self.error.0, self.updated_at.0] = [status, peer_id, error, updated_at];
    }

    async fn find(&self, context: &OperationContext, id: &str) -> operation::Result<Option<Lookup<Self::Found>>> {
        let Some(shown) = connection_part::find_connection(context, id).await? else { return Ok(None) };
        let target = context.read(self.target(&context.project, &shown)).await?;
        let (key, binding) = ((&target).into(), target.peering(&shown).cloned());
        let found = binding.map(|binding| FoundBinding { connection: shown.name.clone(), target, binding });
        Ok(Some(Lookup { key, found, holder: None }))
    }

    fn failure(found: &Self::Found) -> Option<Diagnostic> {
        let warning = || wait_for_bindings::failure_warning(&found.connection, &found.binding).at(Path::root());
        found.binding.has_status(wire::BINDING_FAILED).then(warning)
    }

    async fn create(&self, context: &OperationContext, id: &str, old: Option<&Self::Found>) -> operation::Result<()> {
        let (project, names) = (&context.project, &self.names());
        let is_bound = || async move {
            let shown = project.show_connection(id).await?;
            let binding = self.target(project, &shown).await?.peering(&shown).cloned();
            Ok(binding.is_some_and(|binding| old.is_none_or(|old| old.binding != binding)))
        };
        context.write(project.bind(id, names).verified(is_bound)).await
    }

    async fn wait(
        &self,
        context: &OperationContext,
        id: &str,
        failed: Option<&Self::Found>,
        response: &mut ResponseState,
    ) -> operation::Result<Option<Self::Found>> {
        const SUMMARY: &str = "Could Not Bind: Waiting for the Binding";
        const FAILED: &str =
            "The state holds the failed binding. Fix the cause and apply again: it will be bound again.";
        const UNRECORDED: &str = "Pulumi records nothing about a failed create. Fix the cause and run pulumi up again: \
                                  the provider adopts the binding, or binds again if it has failed.";
        const TAINTED: &str = "The binding exists, but Terraform has marked it as tainted: another apply would unbind \
                               and bind it again. To keep it, run terraform untaint ADDRESS, then apply.";
        const NOT_READ: &str = "The binding is in the state. The next plan or apply reads its status.";
        if !self.wait_for_bindings.unwrap_or(true) {
            let lookup = self.find(context, id).await.unwrap_or_else(|error| {
                response.add_warning(error.warn("Bound, but Not Read Back", NOT_READ));
                None
            });
            let found = lookup.and_then(|lookup| lookup.found);
            response.add_warning(found.as_ref().and_then(Self::failure));
            return Ok(found);
        }
        let [queues, pools] =
            [&self.queue, &self.elastic_resource_pool].map(|name| name.clone().map(|name| BTreeSet::from([name])));
        let declared = DeclaredTargets { queues: queues.as_ref(), pools: pools.as_ref() };
        let before = failed.map(|failed| (failed.target.clone(), failed.binding.clone())).into_iter().collect();
        let changed = Changed { before: &before, ended: &BTreeSet::new() };
        let mut pools = PoolOfQueue::default();
        let keeps = context.run_state.client.keeps_failed_creates();
        let (failed_note, late_note) = if keeps { (FAILED, TAINTED) } else { (UNRECORDED, UNRECORDED) };
        match wait_for_bindings::until_active(context, id, declared, &mut pools, changed).await {
            Ok(shown) => Ok(pools.targets(&shown, declared).into_iter().next().and_then(|target| {
                let binding = target.peering(&shown)?.clone();
                Some(FoundBinding { connection: shown.name.clone(), target, binding })
            })),
            Err(WaitError::Failed { connection, bindings }) => {
                Err(wait_for_bindings::failure_errors(&connection, &bindings, failed_note).into())
            }
            Err(WaitError::Gone) => Err(connection_part::no_connection(SUMMARY, id).into()),
            // The binding exists, so an interrupted wait must not taint it.
            Err(WaitError::Operation(error @ OperationError::Interrupted { .. })) => {
                let summary = "Interrupted While Waiting for the Binding";
                response.add_warning(error.warn(summary, wait_for_bindings::WAIT_INTERRUPTED));
                Ok(None)
            }
            Err(WaitError::Operation(error)) => Err(error.into_errors(SUMMARY, late_note).into()),
        }
    }

    fn adopt(&self, connection_id: &str, _: &Self::Found) -> Result<Diagnostic, Diagnostic> {
        let text = format!(
            "The {} is already bound to the connection {connection_id}. It was bound outside of this resource, or by \
             an earlier apply whose response was lost. This resource adopts the binding, and destroying the resource \
             unbinds it.",
            self.target_name()
        );
        Ok(Diagnostic::warning("Already Bound", text))
    }

    async fn delete(&self, context: &OperationContext, id: &str, found: &Self::Found) -> operation::Result<Deletion> {
        let (project, names, target) = (&context.project, &self.names(), &found.target);
        let is_gone = || async move { Ok(target.peering(&project.show_connection(id).await?).is_none()) };
        let Err(error) = context.write(project.unbind(id, names).verified(is_gone)).await else {
            return Ok(Deletion::Accepted);
        };
        // The service may reject unbinding a binding that is still CREATING.
        if error.may_mean_not_yet() && found.binding.has_status(wire::BINDING_CREATING) {
            tracing::info!(id, ?error, "the binding is still being created; retrying the unbind");
            return Ok(Deletion::NotYet);
        }
        // The queue may have been deleted together with its binding.
        if error.is_not_found() && self.find(context, id).await?.is_none_or(|lookup| lookup.found.is_none()) {
            return Ok(Deletion::Done);
        }
        Err(error)
    }

    /// The provider cannot name the affected resources: an apply receives only the changed ones.
    fn removed(&self, connection_id: &str, found: &Self::Found) -> Option<Diagnostic> {
        let (BindingTarget::Pool(pool), Some(queue)) = (&found.target, &self.queue) else { return None };
        let text = format!(
            "The queue {queue} lives in the elastic resource pool {pool}, so the whole pool was unbound: no queue of \
             the pool uses the connection {connection_id} any more. The next plan binds the pool again if another \
             resource binds one of its queues. If several resources need the pool, declare it once with \
             elastic_resource_pool."
        );
        Some(Diagnostic::warning("Elastic Resource Pool Unbound", text))
    }

    async fn check_plan(provider_data: &ProviderData, request: &ModifyPlanRequest<'_>) -> Diagnostics {
        let ModifyPlanRequest { prior, config, planned, replace, stop, .. } = request;
        let is_queue = planned.get(QUEUE).as_str().is_some();
        let (attribute, all) = if is_queue { (QUEUE, "queues") } else { (POOL, "elastic_resource_pools") };
        let Some(name) = planned.get(attribute).as_str() else { return Diagnostics::new() };
        let (mut report, run_state) = (Diagnostics::new(), provider_data.run_state());
        let connection = planned.get("connection_id").as_str();
        if let Some(connection) = connection {
            report.extend(run_state.ownership_conflicts.declare_one(connection, all, name));
        }
        let is_new = prior.is_null() || !replace.is_empty();
        let target = if is_queue { BindingTarget::queue(name) } else { BindingTarget::pool(name) };
        let path = Path::attribute(attribute);
        if is_new && let Some(checker) = PlanChecker::open(provider_data, config, planned, stop, &mut report).await {
            let wanted = [(path.clone(), name.to_owned())];
            report.extend(if is_queue {
                checker.check_queues(connection, &wanted).await
            } else {
                checker.check_pools(&wanted).await
            });
            if let Some(connection) = connection {
                report.extend(Box::pin(network_checks::check_binding(&checker, connection, target, &path)).await);
            }
        } else if !is_new {
            report.extend(network_checks::check_unchanged_binding(&run_state, planned, target, &path).await);
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        framework::{
            resource::Resource,
            validate::validate,
            value::{UNKNOWN, Value},
        },
        provider::{CreationJournal, DliProvider},
    };

    #[test]
    fn exactly_one_target_must_be_set() {
        let cases: [(Value, Value, &[&str]); 5] = [
            (Value::Null, Value::Null, &["queue or elastic_resource_pool Must Be Set at queue"]),
            (
                "q1".into(),
                "pool1".into(),
                &["Only One of queue and elastic_resource_pool Can Be Set at elastic_resource_pool"],
            ),
            ("q1".into(), UNKNOWN, &[]),
            (UNKNOWN, Value::Null, &[]),
            (Value::Null, "pool1".into(), &[]),
        ];
        let provider = DliProvider::new(Box::new(|_| None), CreationJournal::new(None, None));
        let schema = EnhancedConnectionBinding::new(provider.provider_data).schema();
        for (queue, pool, expected) in cases {
            let mut config = schema.empty();
            config.set_attribute("connection_id", "2a620c33-5609-40c9-affd-2b6453071b0f".into());
            config.set_attribute(QUEUE, queue);
            config.set_attribute(POOL, pool);
            let report = validate(&schema, &config);
            let report: Vec<_> = report.iter().map(|error| format!("{} at {}", error.summary, error.path)).collect();
            assert_eq!(report, expected);
        }
    }
}
