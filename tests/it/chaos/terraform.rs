//! What Terraform core does with a provider, in this process: refresh, plan and apply a configuration over a state that
//! outlives every crash. Hundreds of runs at once cost little, and any of them can be killed at any moment.
//!
//! As core does it: each plan and each apply has a provider process of its own; a refresh that fails ends the plan; what
//! a create that failed left is tainted, and replaced by the next apply; what is taken out is destroyed before what it
//! depended on; what depends on something that failed is left out; the state is saved after each operation. Of a
//! provider that died, core keeps what it had.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use futures_util::future::join_all;
use tempfile::TempDir;
use terraform_provider_dli::emulator::{ACCESS_KEY, IamAccount, SECRET_KEY};
use terraform_provider_dli::framework::diagnostic::{Diagnostics, Severity};
use terraform_provider_dli::framework::schema::Schema;
use terraform_provider_dli::framework::server::{
    ApplyResourceChangeRequest, PlanResourceChangeRequest, ResourceResponse, Server,
};
use terraform_provider_dli::framework::value::{UNKNOWN, Value};
use terraform_provider_dli::provider::DliProvider;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, Configuration};
use super::cloud::{PROJECT, REGION};

/// Core's default.
const PARALLELISM: usize = 10;

/// A resource as the state has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) kind: &'static str,
    /// The address of the connection that it is a part of.
    pub(super) connection: Option<String>,
    pub(super) value: Value,
    private: Vec<u8>,
    pub(super) tainted: bool,
}

/// Resources by address.
pub(super) type State = BTreeMap<String, Object>;

/// What a run says and does.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// What the plan wanted, such as `create dli_enhanced_connection.a`.
    pub(super) actions: Vec<String>,
}

/// The stale reads of the schedules are 6 seconds old, which is more than the default of this setting.
fn environment(name: &str) -> Option<String> {
    (name == "DLI_CONSISTENCY_TIMEOUT").then(|| "10".to_owned())
}

impl Told {
    /// Whether a plan went well and has nothing to do.
    pub(super) fn is_nothing(&self) -> bool {
        self.actions.is_empty() && self.errors.is_empty()
    }

    /// Takes diagnostics in; whether there were errors among them.
    fn take(&mut self, address: &str, diagnostics: &Diagnostics) -> bool {
        for diagnostic in diagnostics {
            let kind = if diagnostic.severity == Severity::Error { &mut self.errors } else { &mut self.warnings };
            kind.push(format!("{address}: {}\n{}", diagnostic.summary, diagnostic.detail));
        }
        diagnostics.has_errors()
    }
}

/// A working directory.
pub(super) struct Workspace {
    provider: Value,
    directory: TempDir,
    state: Mutex<State>,
}

/// One life of the provider.
struct Process {
    server: Server,
    death: CancellationToken,
    turns: Semaphore,
}

/// What is to be done with a resource; with the plan for what is made or changed.
enum Action {
    Create(Value),
    Update(Value),
    Replace(Value),
    Delete,
}

/// A plan, and the state as it was refreshed for it.
struct Plan {
    refreshed: State,
    actions: BTreeMap<String, Action>,
}

impl Workspace {
    /// An empty one, whose provider talks to this endpoint.
    pub(super) fn new(endpoint: &str) -> Self {
        Self::with_provider(vec![
            ("project_id", PROJECT.into()),
            ("access_key", ACCESS_KEY.into()),
            ("secret_key", SECRET_KEY.into()),
            ("endpoints", Value::map([("dli", endpoint.into())])),
        ])
    }

    /// One whose provider logs in with a password, assumes an agency, and asks for the id of its project.
    pub(super) fn logging_in(endpoint: &str) -> Self {
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

    fn with_provider(given: Vec<(&'static str, Value)>) -> Self {
        let mut provider = Server::new(DliProvider::new(Box::new(|_| None))).provider_schema().empty();
        provider.set_attribute("region", REGION.into());
        for (name, value) in given {
            provider.set_attribute(name, value);
        }
        let directory = TempDir::new().expect("there is room for a directory");
        Self { provider, directory, state: Mutex::default() }
    }

    /// The state as it was last saved.
    pub(super) fn state(&self) -> State {
        self.saved().clone()
    }

    fn saved(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test goes on after a panic")
    }

    /// Where the provider keeps its notes.
    pub(super) fn notes(&self) -> std::path::PathBuf {
        self.directory.path().join(".terraform").join("dli")
    }

    async fn start(&self, death: &CancellationToken) -> Process {
        let server = Server::new(DliProvider::with_journal(Box::new(environment), self.notes(), None));
        let faults = server.configure(&self.provider).await;
        assert!(!faults.has_errors(), "{faults:?}");
        Process { server, death: death.clone(), turns: Semaphore::new(PARALLELISM) }
    }

    /// What an apply would do, and what the plan has to say. It changes nothing.
    pub(super) async fn plan(&self, configuration: &Configuration) -> Told {
        let told = Mutex::default();
        let process = self.start(&CancellationToken::new()).await;
        process.plan(self.state(), configuration, &told).await;
        told.into_inner().expect("no panic")
    }

    /// Applies the configuration. Dropping it is a kill -9 of Terraform; `death` is one of the provider.
    pub(super) async fn apply(&self, configuration: &Configuration, death: &CancellationToken) -> Told {
        let told = Mutex::default();
        let process = self.start(death).await;
        let plan = process.plan(self.state(), configuration, &told).await;
        drop(process);
        if lock(&told).errors.is_empty() {
            let applying = Applying {
                workspace: self,
                process: self.start(death).await,
                configuration,
                working: Mutex::new(plan.refreshed),
                told: &told,
            };
            applying.run(plan.actions).await;
            applying.save();
        }
        told.into_inner().expect("no panic")
    }
}

impl Process {
    /// A call to the provider; `None` where it dies before it answers.
    async fn call<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let _turn = self.turns.acquire().await.expect("nobody closes it");
        self.death.run_until_cancelled(call).await
    }

    async fn plan(&self, state: State, configuration: &Configuration, told: &Mutex<Told>) -> Plan {
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
                let known = connection_of(address).and_then(|connection| ids.get(connection));
                let planning = self.plan_one(address, state.get(address), configuration.get(address), known, told);
                async move { (address.clone(), planning.await) }
            });
            for (address, planned) in join_all(planning).await {
                let Some((refreshed, action)) = planned else { continue };
                let id = match &action {
                    Some(Action::Create(planned) | Action::Update(planned) | Action::Replace(planned)) => {
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
            Action::Replace(_) => "replace",
            Action::Delete => "delete",
        };
        lock(told).actions.extend(plan.actions.iter().map(|(address, action)| format!("{} {address}", verb(action))));
        plan
    }

    /// The refreshed object, and what is to be done with it; `None` where that failed, and the plan with it.
    async fn plan_one(
        &self,
        address: &str,
        prior: Option<&Object>,
        block: Option<&Block>,
        connection_id: Option<&Value>,
        told: &Mutex<Told>,
    ) -> Option<(Option<Object>, Option<Action>)> {
        let mut refreshed = None;
        if let Some(object) = prior {
            let read = self.call(self.server.read(object.kind, object.value.clone(), object.private.clone())).await;
            let Some(ResourceResponse { state, private, diagnostics }) = read else { return died(address, told) };
            if lock(told).take(address, &diagnostics) {
                return None;
            }
            refreshed =
                Some(Object { value: state, private, ..object.clone() }).filter(|object| !object.value.is_null());
        }
        let Some(block) = block else {
            let action = refreshed.is_some().then_some(Action::Delete);
            return Some((refreshed, action));
        };
        if block.connection().is_some() && connection_id.is_none() {
            return None;
        }
        // What is tainted is planned as if it were not there.
        let known = refreshed.as_ref().filter(|object| !object.tainted);
        let config = block.value(self.schema(block), connection_id.unwrap_or(&Value::Null));
        let (mut planned, replaces) = self.ask(address, block, known, &config, told).await?;
        let action = match known {
            None if refreshed.is_some() => Some(Action::Replace(planned)),
            None => Some(Action::Create(planned)),
            Some(_) if replaces => {
                (planned, _) = self.ask(address, block, None, &config, told).await?;
                Some(Action::Replace(planned))
            }
            Some(object) if object.value == planned => None,
            Some(_) => Some(Action::Update(planned)),
        };
        Some((refreshed, action))
    }

    fn schema(&self, block: &Block) -> &Schema {
        self.server.resource_schema(block.kind()).expect("the provider has it")
    }

    /// The provider's plan, and whether it replaces what is there.
    async fn ask(
        &self,
        address: &str,
        block: &Block,
        known: Option<&Object>,
        config: &Value,
        told: &Mutex<Told>,
    ) -> Option<(Value, bool)> {
        let prior = known.map_or(Value::Null, |object| object.value.clone());
        let private = known.map_or_else(Vec::new, |object| object.private.clone());
        let proposed = proposed(self.schema(block), &prior, config);
        let type_name = block.kind().into();
        let request = PlanResourceChangeRequest { type_name, prior, proposed, config: config.clone(), private };
        let Some(answer) = self.call(self.server.plan(request)).await else { return died(address, told) };
        (!lock(told).take(address, &answer.diagnostics)).then_some((answer.planned, !answer.replace.is_empty()))
    }
}

/// The configuration, and where it says nothing of what the provider decides, what was there.
fn proposed(schema: &Schema, prior: &Value, config: &Value) -> Value {
    let mut proposed = config.clone();
    for attribute in schema.body.attributes.iter().filter(|attribute| attribute.is_computed()) {
        if config.get(attribute.name).is_null() {
            proposed.set_attribute(attribute.name, prior.get(attribute.name).clone());
        }
    }
    proposed
}

/// An apply under way.
struct Applying<'a> {
    workspace: &'a Workspace,
    process: Process,
    configuration: &'a Configuration,
    /// The state in memory; it is in the file only where it was saved.
    working: Mutex<State>,
    told: &'a Mutex<Told>,
}

/// Whether it went well.
type Went = bool;

impl Applying<'_> {
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
            let deletes = parts.iter().filter(|part| matches!(actions[**part], Action::Delete | Action::Replace(_)));
            let mut well = join_all(deletes.map(|part| self.delete(part))).await.into_iter().all(|went| went);
            match actions.get(&connection) {
                None => {}
                Some(Action::Delete) => well = well && self.delete(&connection).await,
                Some(Action::Replace(planned)) => {
                    well = well && self.delete(&connection).await && self.make(&connection, planned).await;
                }
                Some(Action::Create(planned)) => well = well && self.make(&connection, planned).await,
                Some(Action::Update(planned)) => well = well && self.change(&connection, planned).await,
            }
            if !well {
                return;
            }
            join_all(parts.iter().map(|part| async move {
                match &actions[*part] {
                    Action::Delete => true,
                    Action::Replace(planned) | Action::Create(planned) => self.make(part, planned).await,
                    Action::Update(planned) => self.change(part, planned).await,
                }
            }))
            .await;
        }))
        .await;
    }

    fn object(&self, address: &str) -> Option<Object> {
        lock(&self.working).get(address).cloned()
    }

    async fn make(&self, address: &str, planned: &Value) -> Went {
        self.carry_out(address, None, planned).await
    }

    async fn change(&self, address: &str, planned: &Value) -> Went {
        let object = self.object(address);
        self.carry_out(address, object, planned).await
    }

    /// Plans once more with all that is known by now, and makes or changes it.
    async fn carry_out(&self, address: &str, prior: Option<Object>, first: &Value) -> Went {
        let block = &self.configuration[address];
        let id = block.connection().and_then(|connection| self.object(connection));
        let id = id.map_or(Value::Null, |connection| connection.value.get("id").clone());
        let config = block.value(self.process.schema(block), &id);
        let Some((planned, _)) = self.process.ask(address, block, prior.as_ref(), &config, self.told).await else {
            return false;
        };
        for attribute in &self.process.schema(block).body.attributes {
            let promised = first.get(attribute.name);
            if promised.is_wholly_known() && promised != planned.get(attribute.name) {
                let text = format!("{address}: Provider produced inconsistent final plan: {}", attribute.name);
                lock(self.told).errors.push(text);
                return false;
            }
        }
        let request = ApplyResourceChangeRequest {
            type_name: block.kind().into(),
            prior: prior.as_ref().map_or(Value::Null, |object| object.value.clone()),
            planned,
            config,
            private: prior.as_ref().map_or_else(Vec::new, |object| object.private.clone()),
        };
        let Some(outcome) = self.process.call(self.process.server.apply(request)).await else {
            died::<()>(address, self.told);
            return false;
        };
        let failed = lock(self.told).take(address, &outcome.diagnostics);
        assert!(outcome.state.is_wholly_known(), "{address}: {:?}", outcome.state);
        if !outcome.state.is_null() {
            let object = Object {
                kind: block.kind(),
                connection: block.connection().cloned(),
                value: outcome.state,
                private: outcome.private,
                tainted: failed && prior.is_none(),
            };
            lock(&self.working).insert(address.to_owned(), object);
        }
        self.save();
        !failed
    }

    async fn delete(&self, address: &str) -> Went {
        let Some(object) = self.object(address) else { return true };
        let request = ApplyResourceChangeRequest {
            type_name: object.kind.into(),
            prior: object.value.clone(),
            planned: Value::Null,
            config: Value::Null,
            private: object.private.clone(),
        };
        let Some(outcome) = self.process.call(self.process.server.apply(request)).await else {
            died::<()>(address, self.told);
            return false;
        };
        let failed = lock(self.told).take(address, &outcome.diagnostics);
        if !failed {
            lock(&self.working).remove(address);
        } else if !outcome.state.is_null() {
            lock(&self.working).insert(address.to_owned(), Object { value: outcome.state, ..object });
        }
        self.save();
        !failed
    }

    fn save(&self) {
        *self.workspace.saved() = lock(&self.working).clone();
    }
}

fn died<T>(address: &str, told: &Mutex<Told>) -> Option<T> {
    lock(told).errors.push(format!("{address}: The plugin did not respond"));
    None
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test goes on after a panic")
}
