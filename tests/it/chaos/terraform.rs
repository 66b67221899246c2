//! A model of Terraform core in this process: refresh, plan and apply, with a state that survives crashes.
//!
//! Hundreds of runs can run at once, and each can be killed at any moment. As in core:
//!
//! - Each plan and each apply starts a provider.
//! - A failed refresh ends the plan.
//! - A failed create that returns a state taints the resource, and the next apply replaces it.
//! - A removed resource is destroyed before the resources that it depends on.
//! - Resources that depend on a failed resource are skipped.
//! - The state is saved after each operation. If the provider crashes, the state keeps the previous values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::future::join_all;
use tempfile::TempDir;
use terraform_provider_dli::emulator::{ACCESS_KEY, IamAccount, SECRET_KEY};
use terraform_provider_dli::framework::diagnostic::{Diagnostics, Severity};
use terraform_provider_dli::framework::schema::Schema;
use terraform_provider_dli::framework::server::{ResourceChange, ResourceResponse, Server};
use terraform_provider_dli::framework::value::{UNKNOWN, Value};
use terraform_provider_dli::provider::{Client, CreationJournal, DliProvider};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, Configuration};
use super::cloud::{PROJECT, REGION};

/// Terraform's default.
const PARALLELISM: usize = 10;

/// A resource in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) kind: &'static str,
    /// The address of the connection that this part belongs to.
    pub(super) connection: Option<String>,
    pub(super) value: Value,
    private: Vec<u8>,
    identity: Value,
    pub(super) tainted: bool,
}

/// Resources by address.
pub(super) type State = BTreeMap<String, Object>;

/// The diagnostics and planned actions of a run.
#[derive(Debug, Default)]
pub(super) struct RunResult {
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// Planned actions, such as `create dli_enhanced_connection.a`.
    pub(super) actions: Vec<String>,
}

/// Stale reads are up to 6 seconds old by the provider's clock, more than the default of this setting.
fn environment(name: &str) -> Option<String> {
    (name == "DLI_CONSISTENCY_TIMEOUT").then(|| "10".to_owned())
}

impl RunResult {
    /// Whether a plan succeeded without actions.
    pub(super) fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.errors.is_empty()
    }

    /// Adds diagnostics. Returns whether they contain errors.
    fn add(&mut self, address: &str, diagnostics: &Diagnostics) -> bool {
        for diagnostic in diagnostics {
            let kind = if diagnostic.severity == Severity::Error { &mut self.errors } else { &mut self.warnings };
            kind.push(format!("{address}: {}\n{}", diagnostic.summary, diagnostic.detail));
        }
        diagnostics.has_errors()
    }
}

/// A working directory and one state.
pub(super) struct Workspace {
    provider: Value,
    directory: Arc<TempDir>,
    /// Name of the state in the directory.
    state_file: &'static str,
    state: Mutex<State>,
}

/// Keys of the runs that have not ended.
static ACTIVE_RUNS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A run of Terraform, which ends when it is dropped.
struct Run(String);

impl Run {
    fn start() -> Self {
        let key = uuid::Uuid::new_v4().to_string();
        lock(&ACTIVE_RUNS).insert(key.clone());
        Self(key)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        lock(&ACTIVE_RUNS).remove(&self.0);
    }
}

/// A provider process.
struct Process {
    server: Server,
    /// What the process does after the Shutdown call.
    on_shutdown: Box<dyn FnOnce() + Send>,
    killed: CancellationToken,
    slots: Semaphore,
}

/// A planned action, with the planned value if it creates or changes the resource, and with the planned private data if
/// it deletes an object.
enum Action {
    Create(Value),
    Update(Value),
    Replace(Value, Vec<u8>),
    Delete(Vec<u8>),
}

/// The response to a planned change.
struct Planned {
    value: Value,
    /// Whether the resource must be replaced.
    replaces: bool,
    private: Vec<u8>,
}

/// The refreshed state and the planned actions.
struct Plan {
    refreshed: State,
    actions: BTreeMap<String, Action>,
}

impl Workspace {
    /// An empty workspace with an access key for this endpoint.
    pub(super) fn new(endpoint: &str) -> Self {
        Self::with_provider(vec![
            ("project_id", PROJECT.into()),
            ("access_key", ACCESS_KEY.into()),
            ("secret_key", SECRET_KEY.into()),
            ("endpoints", Value::map([("dli", endpoint.into())])),
        ])
    }

    /// An empty workspace whose provider uses a password, assumes an agency and looks up the project ID.
    pub(super) fn with_password(endpoint: &str) -> Self {
        let IamAccount { user_name, password, domain_name, agency, .. } = IamAccount::default();
        let domain = || Value::from(domain_name.as_str());
        let assumed = [
            ("agency_name", agency.as_str().into()),
            ("domain_name", domain()),
            ("domain_id", Value::Null),
            ("duration", Value::Null),
        ];
        Self::with_provider(vec![
            ("user_name", user_name.as_str().into()),
            ("password", password.as_str().into()),
            ("domain_name", domain()),
            ("assume_role", Value::map(assumed)),
            ("endpoints", Value::map([("dli", endpoint.into()), ("iam", endpoint.into())])),
        ])
    }

    fn with_provider(arguments: Vec<(&'static str, Value)>) -> Self {
        let mut provider =
            Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default())).provider_schema().empty();
        provider.set_attribute("region", REGION.into());
        for (name, value) in arguments {
            provider.set_attribute(name, value);
        }
        let directory = Arc::new(TempDir::new().expect("a temporary directory"));
        Self { provider, directory, state_file: "", state: Mutex::default() }
    }

    /// The provider sends no request for plan checks.
    pub(super) fn without_plan_checks(mut self) -> Self {
        self.provider.set_attribute("plan_checks", false.into());
        self
    }

    /// The same directory with another state, as with `-state=FILE`.
    pub(super) fn with_another_state(&self) -> Self {
        let (provider, directory) = (self.provider.clone(), Arc::clone(&self.directory));
        Self { provider, directory, state_file: "second", state: Mutex::default() }
    }

    /// The saved state.
    pub(super) fn state(&self) -> State {
        self.lock_state().clone()
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// The directory of the provider's creation journal.
    pub(super) fn journal_directory(&self) -> std::path::PathBuf {
        self.directory.path().join(".terraform").join("dli")
    }

    async fn start(&self, run: &Run, killed: &CancellationToken) -> Process {
        let is_running = |key: &str| lock(&ACTIVE_RUNS).contains(key);
        let client = Client { key: run.0.clone(), is_running, state: self.state_file.to_owned() };
        let journal = CreationJournal::new(Some(self.journal_directory()), Some(client));
        let provider = DliProvider::new(Box::new(environment), journal);
        let on_shutdown = Box::new(provider.on_shutdown());
        let server = Server::new(provider);
        let diagnostics = server.configure(&self.provider).await;
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
        Process { server, on_shutdown, killed: killed.clone(), slots: Semaphore::new(PARALLELISM) }
    }

    /// Plans without changing the state.
    pub(super) async fn plan(&self, configuration: &Configuration) -> RunResult {
        let result = Mutex::default();
        let process = self.start(&Run::start(), &CancellationToken::new()).await;
        process.plan(self.state(), configuration, &result).await;
        result.into_inner().expect("no panic")
    }

    /// Applies the configuration. Dropping the future kills Terraform; `killed` kills the provider.
    pub(super) async fn apply(&self, configuration: &Configuration, killed: &CancellationToken) -> RunResult {
        self.apply_until(configuration, killed, false).await
    }

    /// As [`Workspace::apply`]. If `cancels`, the token cancels the running calls, and Terraform then calls Shutdown.
    pub(super) async fn apply_until(
        &self,
        configuration: &Configuration,
        killed: &CancellationToken,
        cancels: bool,
    ) -> RunResult {
        let result = Mutex::default();
        let run = Run::start();
        let process = self.start(&run, killed).await;
        let plan = process.plan(self.state(), configuration, &result).await;
        drop(process);
        if lock(&result).errors.is_empty() {
            let applying = Apply {
                workspace: self,
                process: self.start(&run, killed).await,
                configuration,
                state: Mutex::new(plan.refreshed),
                result: &result,
            };
            applying.run(plan.actions).await;
            applying.save();
            if cancels || !killed.is_cancelled() {
                (applying.process.on_shutdown)();
            }
        }
        result.into_inner().expect("no panic")
    }
}

impl Process {
    /// Calls the provider. Returns `None` if it is killed before it responds.
    async fn call<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let _slot = self.slots.acquire().await.expect("an open semaphore");
        self.killed.run_until_cancelled(call).await
    }

    async fn plan(&self, state: State, configuration: &Configuration, result: &Mutex<RunResult>) -> Plan {
        let connection_of = |address: &String| match configuration.get(address) {
            Some(block) => block.connection(),
            None => state.get(address).and_then(|object| object.connection.as_ref()),
        };
        let addresses = state.keys().chain(configuration.keys().filter(|address| !state.contains_key(*address)));
        let (parts, connections): (Vec<_>, Vec<_>) = addresses.partition(|address| connection_of(address).is_some());
        let mut plan = Plan { refreshed: State::new(), actions: BTreeMap::new() };
        let mut ids: BTreeMap<String, Value> = BTreeMap::new();
        for addresses in [connections, parts] {
            let planning = addresses.into_iter().map(|address| {
                let current = connection_of(address).and_then(|connection| ids.get(connection));
                let planning = self.plan_one(address, state.get(address), configuration.get(address), current, result);
                async move { (address.clone(), planning.await) }
            });
            for (address, planned) in join_all(planning).await {
                let Some((refreshed, action)) = planned else { continue };
                let id = match &action {
                    Some(Action::Create(planned) | Action::Update(planned) | Action::Replace(planned, _)) => {
                        planned.get("id").clone()
                    }
                    _ => refreshed.as_ref().map_or(UNKNOWN, |object| object.value.get("id").clone()),
                };
                ids.insert(address.clone(), id);
                plan.refreshed.extend(refreshed.map(|object| (address.clone(), object)));
                plan.actions.extend(action.map(|action| (address, action)));
            }
        }
        let verb = |action: &Action| match action {
            Action::Create(_) => "create",
            Action::Update(_) => "update",
            Action::Replace(..) => "replace",
            Action::Delete(_) => "delete",
        };
        lock(result).actions.extend(plan.actions.iter().map(|(address, action)| format!("{} {address}", verb(action))));
        plan
    }

    /// The refreshed object and its action, or `None` if the plan failed.
    async fn plan_one(
        &self,
        address: &str,
        prior: Option<&Object>,
        block: Option<&Block>,
        connection_id: Option<&Value>,
        result: &Mutex<RunResult>,
    ) -> Option<(Option<Object>, Option<Action>)> {
        let mut refreshed = None;
        if let Some(object) = prior {
            let read = self
                .call(self.server.read(
                    object.kind,
                    object.value.clone(),
                    object.private.clone(),
                    object.identity.clone(),
                ))
                .await;
            let Some(ResourceResponse { state, private, identity, diagnostics }) = read else {
                return push_crash(address, result);
            };
            if lock(result).add(address, &diagnostics) {
                return None;
            }
            refreshed = Some(Object { value: state, private, identity, ..object.clone() })
                .filter(|object| !object.value.is_null());
        }
        let Some(block) = block else {
            let action = match &refreshed {
                Some(object) => Some(Action::Delete(self.plan_delete(address, object, result).await?)),
                None => None,
            };
            return Some((refreshed, action));
        };
        if block.connection().is_some() && connection_id.is_none() {
            return None;
        }
        // A tainted object is planned as if it did not exist.
        let current = refreshed.as_ref().filter(|object| !object.tainted);
        let config = block.value(self.schema(block), connection_id.unwrap_or(&Value::Null));
        let prior = current.map_or(Value::Null, |object| object.value.clone());
        let private = current.map_or_else(Vec::new, |object| object.private.clone());
        let identity = current.map_or(Value::Null, |object| object.identity.clone());
        let mut planned = self.plan_change(address, block, prior, private, identity, &config, result).await?;
        if planned.replaces {
            let private = planned.private;
            planned = self.plan_change(address, block, Value::Null, private, Value::Null, &config, result).await?;
            return Some((refreshed, Some(Action::Replace(planned.value, planned.private))));
        }
        let action = match current {
            None if refreshed.is_some() => Some(Action::Replace(planned.value, planned.private)),
            None => Some(Action::Create(planned.value)),
            Some(object) if object.value == planned.value => None,
            Some(_) => Some(Action::Update(planned.value)),
        };
        Some((refreshed, action))
    }

    /// The private data of a planned deletion, or `None` if the plan failed.
    async fn plan_delete(&self, address: &str, object: &Object, result: &Mutex<RunResult>) -> Option<Vec<u8>> {
        let request = ResourceChange {
            type_name: object.kind.into(),
            prior: object.value.clone(),
            planned: Value::Null,
            config: Value::Null,
            private: object.private.clone(),
            identity: object.identity.clone(),
        };
        let Some(response) = self.call(self.server.plan(request)).await else { return push_crash(address, result) };
        (!lock(result).add(address, &response.diagnostics)).then_some(response.private)
    }

    fn schema(&self, block: &Block) -> &Schema {
        self.server.resources.schema(block.kind()).expect("a known resource type")
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of the request")]
    async fn plan_change(
        &self,
        address: &str,
        block: &Block,
        prior: Value,
        private: Vec<u8>,
        identity: Value,
        config: &Value,
        result: &Mutex<RunResult>,
    ) -> Option<Planned> {
        let planned = proposed(self.schema(block), &prior, config);
        let type_name = block.kind().into();
        let config = config.clone();
        let request = ResourceChange { type_name, prior, planned, config, private, identity };
        let Some(response) = self.call(self.server.plan(request)).await else { return push_crash(address, result) };
        let planned =
            Planned { value: response.planned, replaces: !response.replace.is_empty(), private: response.private };
        (!lock(result).add(address, &response.diagnostics)).then_some(planned)
    }
}

/// The configuration, with prior values of computed attributes that it does not set.
fn proposed(schema: &Schema, prior: &Value, config: &Value) -> Value {
    let mut proposed = config.clone();
    for attribute in schema.body.attributes.iter().filter(|attribute| attribute.is_computed()) {
        if config.get(attribute.name).is_null() {
            proposed.set_attribute(attribute.name, prior.get(attribute.name).clone());
        }
    }
    proposed
}

/// A running apply.
struct Apply<'a> {
    workspace: &'a Workspace,
    process: Process,
    configuration: &'a Configuration,
    /// The state in memory, which is saved after each operation.
    state: Mutex<State>,
    result: &'a Mutex<RunResult>,
}

impl Apply<'_> {
    async fn run(&self, actions: BTreeMap<String, Action>) {
        let actions = &actions;
        let connection_of = |address: &String| {
            let block = self.configuration.get(address).and_then(Block::connection).cloned();
            block.or_else(|| self.object(address).and_then(|object| object.connection))
        };
        let mut groups: BTreeMap<String, Vec<&String>> = BTreeMap::new();
        for address in actions.keys() {
            match connection_of(address) {
                None => drop(groups.entry(address.clone()).or_default()),
                Some(connection) => groups.entry(connection).or_default().push(address),
            }
        }
        join_all(groups.into_iter().map(|(connection, parts)| async move {
            let deletes =
                parts.iter().filter(|part| matches!(actions[**part], Action::Delete(_) | Action::Replace(..)));
            let mut succeeded = join_all(deletes.map(|part| self.delete(part, &actions[*part])))
                .await
                .into_iter()
                .all(|deleted| deleted);
            match actions.get(&connection) {
                None => {}
                Some(delete @ Action::Delete(_)) => succeeded = succeeded && self.delete(&connection, delete).await,
                Some(replace @ Action::Replace(planned, _)) => {
                    succeeded = succeeded && self.delete(&connection, replace).await;
                    succeeded = succeeded && self.create(&connection, planned).await;
                }
                Some(Action::Create(planned)) => succeeded = succeeded && self.create(&connection, planned).await,
                Some(Action::Update(planned)) => succeeded = succeeded && self.update(&connection, planned).await,
            }
            if !succeeded {
                return;
            }
            join_all(parts.iter().map(|part| async move {
                match &actions[*part] {
                    Action::Delete(_) => true,
                    Action::Replace(planned, _) | Action::Create(planned) => self.create(part, planned).await,
                    Action::Update(planned) => self.update(part, planned).await,
                }
            }))
            .await;
        }))
        .await;
    }

    fn object(&self, address: &str) -> Option<Object> {
        lock(&self.state).get(address).cloned()
    }

    async fn create(&self, address: &str, planned: &Value) -> bool {
        self.create_or_update(address, None, planned).await
    }

    async fn update(&self, address: &str, planned: &Value) -> bool {
        let object = self.object(address);
        self.create_or_update(address, object, planned).await
    }

    /// Plans again with the values that are now known, and creates or updates the resource. Returns whether it
    /// succeeded.
    async fn create_or_update(&self, address: &str, prior: Option<Object>, first: &Value) -> bool {
        let block = &self.configuration[address];
        let id = block.connection().and_then(|connection| self.object(connection));
        let id = id.map_or(Value::Null, |connection| connection.value.get("id").clone());
        let config = block.value(self.process.schema(block), &id);
        let value = prior.as_ref().map_or(Value::Null, |object| object.value.clone());
        let private = prior.as_ref().map_or_else(Vec::new, |object| object.private.clone());
        let identity = prior.as_ref().map_or(Value::Null, |object| object.identity.clone());
        let planning = self.process.plan_change(address, block, value, private, identity, &config, self.result);
        let Some(Planned { value: planned, .. }) = planning.await else { return false };
        for attribute in &self.process.schema(block).body.attributes {
            let initial = first.get(attribute.name);
            if initial.is_wholly_known() && initial != planned.get(attribute.name) {
                let text = format!("{address}: Provider produced inconsistent final plan: {}", attribute.name);
                lock(self.result).errors.push(text);
                return false;
            }
        }
        let request = ResourceChange {
            type_name: block.kind().into(),
            prior: prior.as_ref().map_or(Value::Null, |object| object.value.clone()),
            planned,
            config,
            private: prior.as_ref().map_or_else(Vec::new, |object| object.private.clone()),
            identity: prior.as_ref().map_or(Value::Null, |object| object.identity.clone()),
        };
        let Some(response) = self.process.call(self.process.server.apply(request)).await else {
            push_crash::<()>(address, self.result);
            return false;
        };
        let failed = lock(self.result).add(address, &response.diagnostics);
        assert!(response.state.is_wholly_known(), "{address}: {:?}", response.state);
        if !response.state.is_null() {
            let object = Object {
                kind: block.kind(),
                connection: block.connection().cloned(),
                value: response.state,
                private: response.private,
                identity: response.identity,
                tainted: failed && prior.is_none(),
            };
            lock(&self.state).insert(address.to_owned(), object);
        }
        self.save();
        !failed
    }

    async fn delete(&self, address: &str, action: &Action) -> bool {
        let Some(object) = self.object(address) else { return true };
        let private = match action {
            Action::Delete(private) | Action::Replace(_, private) => private.clone(),
            Action::Create(_) | Action::Update(_) => Vec::new(),
        };
        let request = ResourceChange {
            type_name: object.kind.into(),
            prior: object.value.clone(),
            planned: Value::Null,
            config: Value::Null,
            private,
            identity: object.identity.clone(),
        };
        let Some(response) = self.process.call(self.process.server.apply(request)).await else {
            push_crash::<()>(address, self.result);
            return false;
        };
        let failed = lock(self.result).add(address, &response.diagnostics);
        if !failed {
            lock(&self.state).remove(address);
        } else if !response.state.is_null() {
            lock(&self.state).insert(address.to_owned(), Object { value: response.state, ..object });
        }
        self.save();
        !failed
    }

    fn save(&self) {
        *self.workspace.lock_state() = lock(&self.state).clone();
    }
}

fn push_crash<T>(address: &str, result: &Mutex<RunResult>) -> Option<T> {
    lock(result).errors.push(format!("{address}: The plugin did not respond"));
    None
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic")
}
