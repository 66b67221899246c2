//! Changes a connection to match the plan, for create and update.
//!
//! The state is saved after each call. A step that fails does not prevent the others.
//!
//! | step | order of the calls |
//! |---|---|
//! | queues and pools | unbind, bind, unbind FAILED ones |
//! | routes | delete routes that are not declared or lead to another network, add |
//! | hosts | one PUT of all records |
//! | tags | delete, add |

mod bindings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryFutureExt;

use super::model::{self, Connection, Scope};
use super::refresh::{check_identity, deleted_since_plan};
use crate::client::{Error, Project};
use crate::dli::rules::same_network;
use crate::dli::wire::{self, Binding};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::{Computed, IntoValue};
use crate::framework::path::Path;
use crate::framework::resource::ResponseState;
use crate::provider::shared::binding_target::BindingTarget;
use crate::provider::shared::connection_part;
use crate::provider::shared::operation::{OperationContext, OperationError};
use crate::provider::shared::pool_of_queue::PoolOfQueue;
use crate::provider::shared::tags::{self, TagPolicy, Tags};
use crate::provider::shared::wait_for_bindings::{self, Changed, WaitError};

/// Limit of the read after the last step.
const READ_BACK_LIMIT: Duration = Duration::from_secs(10);

/// A create or update in progress.
pub(super) struct Reconciler<'a> {
    context: &'a OperationContext,
    tag_policy: &'a TagPolicy,
    planned: &'a Connection,
    /// The state so far.
    now: Connection,
    pub(super) response: &'a mut ResponseState,
    bindings: Bindings,
    errors: Diagnostics,
    summary: &'static str,
    /// What the state contains after a failure, and what to do.
    state_note: String,
}

#[derive(Default)]
struct Bindings {
    pool_of_queue: PoolOfQueue,
    /// FAILED peerings that were requested again, as they were before.
    failed_before: BTreeMap<BindingTarget, Binding>,
    unbound: BTreeSet<BindingTarget>,
}

impl<'a> Reconciler<'a> {
    /// Starts from the state `now`. `texts` are the summary of errors and the note on the state.
    pub(super) fn new(
        context: &'a OperationContext,
        tag_policy: &'a TagPolicy,
        planned: &'a Connection,
        now: Connection,
        response: &'a mut ResponseState,
        (summary, state_note): (&'static str, String),
    ) -> Self {
        let (bindings, errors) = Default::default();
        Self { context, tag_policy, planned, now, response, bindings, errors, summary, state_note }
    }

    /// Changes every part that differs from the plan. Returns whether to wait for bindings.
    pub(super) async fn reconcile(&mut self) -> Result<bool, Diagnostics> {
        let context = self.context;
        let [bindings, routes, hosts, tags] = self.differences();
        let mut wait = false;
        // After an interruption, no further step starts.
        if bindings || routes {
            match connection_part::find_connection(context, self.now.id()).await {
                Ok(None) => return Err(deleted_since_plan(self.summary, self.now.id())),
                Ok(Some(shown)) => {
                    check_identity(&self.now, &shown)?;
                    if bindings {
                        let outcome = self.bindings(&shown).await;
                        wait = outcome.is_ok() && self.planned.waits();
                        self.step("Queues and Elastic Resource Pools", outcome);
                    }
                    if routes && context.check().is_ok() {
                        self.routes(&shown.routes).await;
                    }
                }
                Err(error) => self.step("Bindings and Routes", Err(error)),
            }
        }
        if hosts && context.check().is_ok() {
            let outcome = self.hosts().await;
            self.step("Hosts", outcome);
        }
        if tags && context.check().is_ok() {
            let outcome = self.tags().await;
            self.step("Tags", outcome);
        }
        if !self.errors.has_errors() && self.differences().contains(&true) {
            self.step("Not Everything Was Started", context.check());
        }
        Ok(wait)
    }

    /// Whether bindings, routes, hosts and tags differ from the plan. A collection that is not planned does not.
    fn differences(&self) -> [bool; 4] {
        fn differs<T: PartialEq>(now: Option<&T>, planned: Option<&T>) -> bool {
            planned.is_some() && now != planned
        }
        let Self { now, planned, .. } = self;
        [
            differs(now.queues.as_ref(), planned.queues.as_ref())
                || differs(now.elastic_resource_pools.as_ref(), planned.elastic_resource_pools.as_ref()),
            differs(now.routes.as_ref(), planned.routes.as_ref()),
            differs(now.hosts.as_ref(), planned.hosts.as_ref()),
            differs(now.tags.as_ref(), planned.tags.as_ref())
                || self.managed_tags() != self.tag_policy.all(planned.tags.as_ref()),
        ]
    }

    /// Returns the tags of the state that the plan manages: without `tags` it manages only those of `default_tags`.
    fn managed_tags(&self) -> Tags {
        let mut managed = self.now.owned_tags();
        if self.planned.tags.is_none() {
            let own = self.now.tags.as_ref();
            managed.retain(|key, _| self.tag_policy.is_default(key, own.is_some_and(|own| own.contains_key(key))));
        }
        managed
    }

    /// Records the error of a step.
    fn step(&mut self, name: &str, outcome: Result<(), OperationError>) {
        if let Err(error) = outcome {
            self.errors.extend(error.into_errors(&format!("{}: {name}", self.summary), &self.state_note));
        }
    }

    /// Sets an attribute in `now` and in the response.
    fn save<T: Clone + IntoValue>(&mut self, name: &str, field: impl Fn(&mut Connection) -> &mut T, value: T) {
        self.response.set_attribute(name, value.clone());
        *field(&mut self.now) = value;
    }

    /// Changes the routes from those in `shown`.
    pub(super) async fn routes(&mut self, shown: &[wire::Route]) {
        let outcome = self.change_routes(shown).await;
        self.step("Routes", outcome);
    }

    /// If the state manages no routes, all existing ones are changed. Otherwise, of the routes that are not in the
    /// state, only those with the name of a planned one are.
    async fn change_routes(&mut self, shown: &[wire::Route]) -> Result<(), OperationError> {
        let context = self.context;
        let (project, id) = (&context.project, &self.now.id().to_owned());
        let none = BTreeMap::new();
        let planned = self.planned.routes.as_ref().unwrap_or(&none);
        let present = model::routes(shown, self.now.routes.as_ref());
        let mut routes = present.clone();
        if let Some(managed) = &self.now.routes {
            routes.retain(|name, _| managed.contains_key(name));
        }
        for (name, cidr) in &present {
            let is_same = planned.get(name).is_some_and(|planned| same_network(planned, cidr));
            if is_same || !(routes.contains_key(name) || planned.contains_key(name)) {
                continue;
            }
            // A route of this name to another network is a new one, added elsewhere in the meantime.
            let is_deleted = || leads_to(project, id, name, cidr).map_ok(|leads| !leads);
            // The service may use another case in names.
            let spelling = shown
                .iter()
                .find(|route| route.name == *name)
                .or_else(|| shown.iter().find(|route| route.name.eq_ignore_ascii_case(name)))
                .map_or(name, |route| &route.name);
            match context.write(project.delete_route(id, spelling).verified(is_deleted)).await {
                Err(error) if !error.is_not_found() => return Err(self.at_route(name, error)),
                _ => {}
            }
            routes.remove(name);
            self.save("routes", |now| &mut now.routes, Some(routes.clone()));
        }
        for (name, cidr) in planned {
            if present.get(name).is_some_and(|present| same_network(present, cidr)) {
                continue;
            }
            let is_added = || leads_to(project, id, name, cidr);
            let add = project.create_route(id, name, cidr).verified(is_added);
            context.write(add).await.map_err(|error| self.at_route(name, error))?;
            routes.insert(name.clone(), cidr.clone());
            self.save("routes", |now| &mut now.routes, Some(routes.clone()));
        }
        self.save("routes", |now| &mut now.routes, self.planned.routes.clone());
        Ok(())
    }

    /// Names the route in an error, because the service does not.
    fn at_route(&self, name: &str, error: OperationError) -> OperationError {
        let path = Path::attribute("routes").key(name);
        let errors = error.into_errors(&format!("{}: Route {name}", self.summary), &self.state_note);
        OperationError::Reported(errors.into_iter().map(|diagnostic| diagnostic.at(path.clone())).collect())
    }

    async fn hosts(&mut self) -> Result<(), OperationError> {
        let hosts = &self.planned.hosts;
        let records = model::host_records(hosts.as_ref());
        self.context.write(self.context.project.replace_hosts(self.now.id(), records)).await?;
        self.save("hosts", |now| &mut now.hosts, hosts.clone());
        Ok(())
    }

    /// Deletes the managed tags that are not planned with this value, then adds the missing ones.
    async fn tags(&mut self) -> Result<(), OperationError> {
        let (context, planned) = (self.context, self.planned);
        let (project, id) = (&context.project, &self.now.id().to_owned());
        let wanted = self.tag_policy.all(planned.tags.as_ref());
        let mut present = self.managed_tags();
        if self.now.tags.is_none() && planned.tags.is_some() {
            present = context.read(list_tags(project, id)).await.map_err(describe_unpublished)?;
        }
        // Tags in an older state may be ignored by now.
        present.retain(|key, _| !self.tag_policy.ignores(key));
        let superfluous = &model::tag_list(present.iter().filter(|(key, value)| wanted.get(*key) != Some(value)));
        if !superfluous.is_empty() {
            let is_absent = |listed: Tags| superfluous.iter().all(|tag| !listed.contains_key(&tag.key));
            let are_deleted = || list_tags(project, id).map_ok(is_absent);
            let delete = project.delete_tags(id, superfluous).verified(are_deleted);
            context.write(delete).await.map_err(describe_unpublished)?;
            present.retain(|key, value| wanted.get(key) == Some(value));
            let (own, all) = self.tag_policy.read(present.clone(), planned.tags.as_ref(), &present);
            self.save_tags(own, all);
        }
        let missing = &model::tag_list(wanted.iter().filter(|(key, value)| present.get(*key) != Some(value)));
        if !missing.is_empty() {
            let is_present = |listed: Tags| missing.iter().all(|tag| listed.get(&tag.key) == Some(&tag.value));
            let are_added = || list_tags(project, id).map_ok(is_present);
            let create = project.create_tags(id, missing).verified(are_added);
            context.write(create).await.map_err(describe_unpublished)?;
        }
        self.save_tags(planned.tags.clone(), wanted);
        Ok(())
    }

    fn save_tags(&mut self, own: Option<Tags>, all: Tags) {
        self.save("tags", |now| &mut now.tags, own);
        self.save("tags_all", |now| &mut now.tags_all, Computed(Some(all)));
    }

    /// Waits until the declared bindings are ACTIVE.
    async fn wait(&mut self) -> Option<Arc<wire::Connection>> {
        let (context, id, declared) = (self.context, self.now.id(), self.planned.declared());
        let Bindings { pool_of_queue, failed_before, unbound } = &mut self.bindings;
        let changed = Changed { before: failed_before, ended: unbound };
        let waiting = wait_for_bindings::until_active(context, id, declared, pool_of_queue, changed);
        match waiting.await {
            Ok(shown) => return Some(shown),
            Err(WaitError::Failed { bindings, .. }) => {
                self.errors.extend(wait_for_bindings::failure_errors(&self.planned.name, &bindings, &self.state_note));
            }
            Err(WaitError::Gone) => self.errors.extend(deleted_since_plan(self.summary, id)),
            // Only the wait is missing. An error would taint a new connection.
            Err(WaitError::Operation(error @ OperationError::Interrupted { .. })) => {
                let note = wait_for_bindings::WAIT_INTERRUPTED;
                self.response.add_warning(error.warn("Interrupted While Waiting for Bindings", note));
            }
            Err(WaitError::Operation(error)) => self.step("Waiting for Bindings", Err(error)),
        }
        None
    }

    /// Ends the operation and sets the final state. `done` is the verb for warnings.
    ///
    /// With `wait` it waits for the bindings; otherwise with `read_back` it reads the connection. After a failed step,
    /// the state shows the connection as it is.
    pub(super) async fn finish(mut self, wait: bool, done: &str, read_back: bool) -> Result<(), Diagnostics> {
        let mut shown = None;
        if !self.errors.has_errors() {
            if wait {
                shown = self.wait().await;
            } else if read_back {
                shown = self.read_back(done).await;
            }
        }
        if self.errors.has_errors() {
            self.save_remote_state().await;
            return Err(self.errors);
        }
        let mut state = self.planned.clone();
        state.id = self.now.id;
        // An update may be the first to plan these.
        state.region.0 = state.region.0.or(self.now.region.0);
        state.project_id.0 = state.project_id.0.or(self.now.project_id.0);
        state.tags_all.0 = Some(self.tag_policy.all(state.tags.as_ref()));
        if let Some(shown) = shown {
            state.apply_computed(&shown, &self.bindings.pool_of_queue);
            if !wait {
                let failures = state.failures(&shown, &self.bindings.pool_of_queue).into_iter();
                self.response.add_warning(failures.map(|(_, warning)| warning).collect::<Diagnostics>());
            }
        }
        self.response.set_state(state);
        Ok(())
    }

    /// Reads the connection; a failure is a warning.
    async fn read_back(&mut self, done: &str) -> Option<Arc<wire::Connection>> {
        let Self { context, planned, now, bindings: Bindings { pool_of_queue, .. }, .. } = self;
        let find = async {
            let shown = connection_part::find_connection(context, now.id()).await?;
            if let Some(shown) = &shown {
                pool_of_queue.ask(context, shown, &[planned.queues.as_ref()]).await?;
            }
            Ok(shown)
        };
        match self.context.with_short_timeout(READ_BACK_LIMIT, find).await {
            Ok(shown) => shown,
            Err(error) => {
                let text = "Everything was done and is in the state. The next plan or apply reads the attributes that \
                            the service sets, such as the status.";
                self.response.add_warning(error.warn(&format!("{done}, but Not Read Back"), text));
                None
            }
        }
    }

    /// Sets the state to the connection as it is. If that cannot be read in time, the state of the last step stays.
    async fn save_remote_state(&mut self) {
        let Self { context, tag_policy, now, bindings: Bindings { pool_of_queue, .. }, .. } = self;
        let show = tokio::time::timeout(READ_BACK_LIMIT, context.project.show_connection(now.id()));
        if let Ok(Ok(shown)) = show.await
            && !shown.is_deleted()
            && pool_of_queue.ask(context, &shown, &[now.queues.as_ref()]).await.is_ok()
        {
            now.apply_remote(&shown, None, pool_of_queue, tag_policy, Scope::Declared);
            self.response.set_state(self.now.clone());
        }
    }
}

/// Whether the connection has a route of this name to this network.
async fn leads_to(project: &Project, id: &str, name: &str, cidr: &str) -> Result<bool, Error> {
    let shown = project.show_connection(id).await?;
    Ok(model::routes(&shown.routes, None).get(name).is_some_and(|network| same_network(network, cidr)))
}

async fn list_tags(project: &Project, id: &str) -> Result<Tags, Error> {
    project.list_tags(id).await.map(tags::from_list)
}

/// Explains that a region does not publish the tag API.
fn describe_unpublished(error: OperationError) -> OperationError {
    if !error.is_not_published() {
        return error;
    }
    let text = "The tag API is not published in this region (APIGW.0101). Tags can be set when a connection is \
                created, but not read or changed later.\n\nRestore the previous tags, or remove them from the \
                configuration (and default_tags from the provider's).";
    OperationError::Reported(
        Diagnostic::error("Tags Cannot Be Changed in This Region", text).at(Path::attribute("tags")).into(),
    )
}
