//! Random schedules of faults, kills and concurrent changes.
//!
//! The configuration has five connections with parts and changes before each apply. During an apply, requests meet
//! faults, the provider, Terraform or the emulator is killed, and another team works in the same project. After the
//! faults stop, at most two applies must reach the configuration. The emulator must then hold exactly its objects and
//! the other team's.
//!
//! In some schedules, a second run with another state works in the same directory at the same time. It declares
//! connections of the same names, so each of them belongs to the run that comes first. A connection must never be in
//! both states. After the apply, the second run destroys what it has.
//!
//! The schedules avoid two cases that a provider cannot handle:
//!
//! - A kill interrupts a creation, and the block is then removed from the configuration. Terraform calls no provider
//!   for a resource that is neither configured nor in the state. Such a block stays until an apply has found the
//!   connection.
//! - Another team creates a duplicate while our own creation is in progress. Duplicates are created at other times.
//!
//! The full run, and the same for one seed:
//!
//! ```text
//! cargo test --test it chaos::schedules -- --ignored --nocapture
//! CHAOS_SEED=17 cargo test --test it chaos::schedules::five_hundred -- --ignored --nocapture
//! ```

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use futures_util::stream::{self, StreamExt};
use terraform_provider_dli::emulator::{Fault, FaultEffect, FaultKind, LoggedRequest, Quirk, Quirks, Settings};
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, Configuration, ConnectionConfig, details};
use super::clock;
use super::cloud::Cloud;
use super::concurrent_clients::OtherTeam;
use super::matrix::operations;
use super::scenario::{FastClock, Scenario, has_expired_signature};
use super::terraform::{RunResult, State, Workspace};

/// The number of schedules that run at a time.
const CONCURRENCY: usize = 40;

/// The maximum age of a stale read, in milliseconds.
const MAX_STALENESS: u64 = 150;

/// Two connections with inline parts, and three with separate parts.
const WHOLE: [&str; 2] = ["dli_enhanced_connection.whole1", "dli_enhanced_connection.whole2"];
const BARE: [&str; 3] =
    ["dli_enhanced_connection.bare1", "dli_enhanced_connection.bare2", "dli_enhanced_connection.bare3"];

/// The result of a schedule.
#[derive(Debug, Default)]
struct Outcome {
    orphans: usize,
    duplicates: usize,
    foreign_adoptions: usize,
    /// Applies after the faults stopped.
    applies: usize,
    /// Applies with a kill.
    kills: usize,
    /// Applies with a second run in the same directory.
    second_runs: usize,
    /// Requests that met a fault.
    faults: usize,
    /// Duplicates of our connections that the other team created.
    foreign_duplicates: usize,
    /// Applies with faults.
    applies_with_faults: usize,
    /// Connections created during these applies.
    created: usize,
    /// Applies with faults that failed.
    failed: usize,
    failures: Vec<String>,
}

impl Outcome {
    fn passed(&self) -> bool {
        self.failures.is_empty() && self.orphans + self.duplicates + self.foreign_adoptions == 0
    }
}

fn some_of(rng: &mut Rng, names: &[&str]) -> BTreeSet<String> {
    names.iter().filter(|_| rng.bool()).map(|name| (*name).to_owned()).collect()
}

/// A random subset of these keys, each with one of its three values.
fn pairs(rng: &mut Rng, keys: &[&str], value: impl Fn(usize, u8) -> String) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for (index, key) in keys.iter().enumerate().filter(|_| rng.bool()).collect::<Vec<_>>() {
        pairs.insert((*key).to_owned(), value(index, rng.u8(..3)));
    }
    pairs
}

fn cidr(index: usize, variant: u8) -> String {
    format!("10.{}.0.0/16", index * 10 + usize::from(variant))
}

/// The next configuration. Blocks that an apply may have created and that are not in the state are kept.
fn next_configuration(rng: &mut Rng, before: &Configuration, state: &State) -> Configuration {
    let mut after = mutate(rng, before);
    for (address, block) in before.iter().filter(|(address, _)| !state.contains_key(*address)) {
        after.insert(address.clone(), block.clone());
        if let Some(connection) = block.connection() {
            after.insert(connection.clone(), before[connection].clone());
        }
    }
    // Parts of a removed connection are removed with it.
    let there: BTreeSet<_> = after.keys().cloned().collect();
    after.retain(|_, block| block.connection().is_none_or(|connection| there.contains(connection)));
    after
}

fn mutate(rng: &mut Rng, before: &Configuration) -> Configuration {
    let mut after = before.clone();
    for address in WHOLE.into_iter().chain(BARE) {
        let is_there = after.contains_key(address);
        if is_there && rng.u8(..12) == 0 {
            after.retain(|other, block| other != address && block.connection().is_none_or(|of| of != address));
            continue;
        }
        if is_there && rng.bool() {
            continue;
        }
        let label = address.rsplit('.').next().unwrap();
        let mut config = match after.remove(address) {
            Some(Block::Connection(config)) => config,
            _ => ConnectionConfig {
                name: label.to_owned(),
                vpc: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
                network: "78f25620-36e4-4b39-95b9-f5aab22e1281".to_owned(),
                ..ConnectionConfig::default()
            },
        };
        match rng.u8(..8) {
            0 => config.network = format!("78f2562{}-36e4-4b39-95b9-f5aab22e1281", rng.u8(..4)),
            1 => config.name = format!("{label}{}", rng.choice(["", "_b"]).unwrap()),
            _ => {}
        }
        if WHOLE.contains(&address) {
            config.queues = Some(some_of(rng, &["q1", "q2", "pooled3"]));
            config.pools = Some(some_of(rng, &["pool1", "pool2"]));
            config.hosts = Some(pairs(rng, &["a", "B", "c"], |index, variant| format!("10.0.{index}.{variant}")));
            config.routes = Some(pairs(rng, &["r1", "r2", "r3"], cidr));
            config.tags = Some(pairs(rng, &["t", "u", "v"], |_, variant| variant.to_string()));
        } else {
            parts(rng, address, label, &mut after);
        }
        after.insert(address.to_owned(), Block::Connection(config));
    }
    after
}

/// Adds random separate parts of a connection.
fn parts(rng: &mut Rng, address: &str, label: &str, all: &mut Configuration) {
    all.retain(|_, block| block.connection().is_none_or(|connection| connection != address));
    let connection = address.to_owned();
    let mut put = |kind: &str, name: &str, block| {
        all.insert(format!("dli_enhanced_connection_{kind}.{label}_{name}"), block);
    };
    for queue in some_of(rng, &["q2", "q3"]) {
        put(
            "binding",
            &queue,
            Block::Binding { connection: connection.clone(), queue: Some(queue.clone()), pool: None },
        );
    }
    for pool in some_of(rng, &["pool1"]) {
        put("binding", &pool, Block::Binding { connection: connection.clone(), queue: None, pool: Some(pool.clone()) });
    }
    for (name, cidr) in pairs(rng, &["x", "y"], |index, variant| cidr(index + 5, variant)) {
        put("route", &name, Block::Route { connection: connection.clone(), name: name.clone(), cidr });
    }
    for project in some_of(rng, &["11111111111111111111111111111111", "22222222222222222222222222222222"]) {
        let name = format!("p{}", &project[..1]);
        put("privilege", &name, Block::Privilege { connection: connection.clone(), project });
    }
}

/// Random quirks of the service.
fn quirks(rng: &mut Rng) -> Quirks {
    let gone = [Quirk::GoneAsDli0001, Quirk::GoneAsDli0001IsNotExist, Quirk::GoneAsDli0002, Quirk::GoneAsDli0023];
    let some = [Quirk::NamesNotUnique, Quirk::ReshuffledOrder, Quirk::StatusInProse, Quirk::UpperCaseNames];
    let mut quirks: Quirks = some.into_iter().filter(|_| rng.u8(..3) == 0).collect();
    quirks.extend(rng.choice(gone).filter(|_| rng.bool()));
    // The connection details are compared unchanged.
    quirks.remove(&Quirk::UpperCaseNames);
    quirks.remove(&Quirk::StatusInProse);
    quirks.extend(Some(Quirk::NoV3Routes).filter(|_| rng.u8(..3) == 0));
    quirks
}

/// The connections of a configuration without their parts.
fn only_connections(configuration: &Configuration) -> Configuration {
    let connection = |block: &Block| match block {
        Block::Connection(ConnectionConfig { name, vpc, network, .. }) => {
            let (name, vpc, network) = (name.clone(), vpc.clone(), network.clone());
            Some(Block::Connection(ConnectionConfig { name, vpc, network, ..ConnectionConfig::default() }))
        }
        _ => None,
    };
    configuration.iter().filter_map(|(address, block)| Some((address.clone(), connection(block)?))).collect()
}

fn milliseconds(rng: &mut Rng, most: u64) -> Duration {
    Duration::from_millis(rng.u64(..most))
}

/// A running schedule.
struct Schedule {
    cloud: Cloud,
    workspace: Workspace,
    /// Another state in the same directory.
    second: Workspace,
    has_second_run: bool,
    other_team: Mutex<OtherTeam>,
    names_are_unique: bool,
    operations: BTreeSet<&'static str>,
    killable: bool,
    /// The maximum time between two faults, in milliseconds.
    max_fault_interval: u64,
}

impl Schedule {
    fn new(rng: &mut Rng) -> Self {
        let quirks = quirks(rng);
        let operations = operations(&quirks);
        let names_are_unique = !quirks.contains(&Quirk::NamesNotUnique);
        let mut span = |most| if rng.bool() { milliseconds(rng, most) } else { Duration::ZERO };
        let (binding_delay, delete_delay) = (span(150), span(100));
        let killable = rng.u8(..3) == 0;
        let max_fault_interval = *rng.choice(&[50, 250, 1000]).unwrap();
        let minutes = *rng.choice(&[0, 0, 0, 5, 20, 20]).unwrap();
        let settings = Settings {
            quirks,
            binding_delay,
            delete_delay,
            clock: Arc::new(FastClock(Duration::from_mins(minutes))),
            seed: rng.u64(..),
            ..Settings::default()
        };
        let cloud = if killable { Cloud::start_killable(settings) } else { Cloud::start(settings) };
        let workspace = Workspace::new(&cloud.endpoint());
        let has_second_run = names_are_unique && rng.bool();
        Self {
            cloud,
            second: workspace.with_another_state(),
            has_second_run,
            workspace,
            other_team: Mutex::default(),
            names_are_unique,
            operations,
            killable,
            max_fault_interval,
        }
    }

    /// The other team creates a duplicate of one of our connections, which may or may not exist.
    ///
    /// No creation of that connection is in progress or in the journal. Afterwards, reads are no longer stale enough to
    /// miss the duplicate.
    async fn create_foreign_duplicate(&self, rng: &mut Rng, configuration: &Configuration) {
        if self.names_are_unique || rng.bool() {
            return;
        }
        let journaled = self.journaled_names();
        let connections = configuration.values().filter_map(|block| match block {
            Block::Connection(config) if !journaled.contains(&config.name) => Some(config),
            _ => None,
        });
        let Some(ConnectionConfig { name, vpc, network, .. }) = rng.choice(connections.collect::<Vec<_>>()) else {
            return;
        };
        self.other_team.lock().unwrap().create_duplicate(&self.cloud, name, vpc, network);
        clock::pause(Duration::from_millis(MAX_STALENESS)).await;
    }

    /// The connection names in the creation journal.
    fn journaled_names(&self) -> BTreeSet<String> {
        let files = std::fs::read_dir(self.workspace.journal_directory()).into_iter().flatten();
        let name = |file: std::io::Result<std::fs::DirEntry>| {
            let entry: serde_json::Value =
                serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
            entry["name"].as_str().unwrap().to_owned()
        };
        files.map(name).collect()
    }

    /// Injects random faults until it is dropped.
    async fn inject_faults(&self, rng: &mut Rng) {
        // Some reads are stale.
        let reads = rng.choice(["Show*", "List*", "*"]).unwrap();
        let stale = Fault::new(reads, FaultKind::Stale(milliseconds(rng, MAX_STALENESS))).probability(0.3, rng.u64(..));
        self.cloud.emulator().inject(stale).expect("a valid fault");
        loop {
            clock::pause(Duration::from_millis(5) + milliseconds(rng, self.max_fault_interval)).await;
            let operation = rng.choice(&self.operations).filter(|_| rng.bool()).unwrap_or(&"*");
            let scenario = rng.choice(Scenario::PER_REQUEST).unwrap();
            if self.cloud.is_running() {
                let fault = scenario.fault(operation).expect("a fault for requests");
                self.cloud.emulator().inject(fault.times(rng.u32(1..=2))).expect("a valid fault");
            }
        }
    }

    /// Runs the other team until it is dropped.
    async fn run_other_team(&self, rng: &mut Rng) {
        let names = WHOLE.into_iter().chain(BARE).map(|address| address.rsplit('.').next().unwrap().to_owned());
        let names: Vec<_> = if self.names_are_unique { Vec::new() } else { names.collect() };
        loop {
            clock::pause(Duration::from_millis(10) + milliseconds(rng, 100)).await;
            let state = self.workspace.state();
            self.other_team.lock().unwrap().act(&self.cloud, rng, &names, &BARE, &state);
        }
    }

    /// Applies with faults, a possible kill and the other team. Returns `None` if Terraform was killed.
    async fn apply_with_faults(
        &self,
        rng: &mut Rng,
        configuration: &Configuration,
        outcome: &mut Outcome,
    ) -> Option<RunResult> {
        let death = CancellationToken::new();
        let moment = milliseconds(rng, 1000);
        let absence = milliseconds(rng, 150);
        let victim = rng.u8(..6);
        let cancels = rng.bool();
        let second_start = Some(milliseconds(rng, 300)).filter(|_| self.has_second_run && rng.bool());
        let (mut first, mut second) = (rng.fork(), rng.fork());
        let killed = Cell::new(false);
        let killing = async {
            match victim {
                0 => {
                    clock::pause(moment).await;
                    killed.set(true);
                    death.cancel();
                }
                1 if self.killable => {
                    clock::pause(moment).await;
                    killed.set(true);
                    self.cloud.kill();
                    clock::pause(absence).await;
                    self.cloud.restart();
                }
                2 => {
                    clock::pause(moment).await;
                    killed.set(true);
                    return;
                }
                _ => {}
            }
            std::future::pending::<()>().await;
        };
        let both_runs = async {
            let second_run = async {
                let Some(delay) = second_start else { return };
                clock::pause(delay).await;
                self.second.apply_until(&only_connections(configuration), &death, cancels).await;
            };
            tokio::join!(self.workspace.apply_until(configuration, &death, cancels), second_run).0
        };
        let result = tokio::select! {
            result = both_runs => Some(result),
            () = killing => None,
            () = self.inject_faults(&mut first) => None,
            () = self.run_other_team(&mut second) => None,
        };
        if !self.cloud.is_running() {
            self.cloud.restart();
        }
        if rng.bool() {
            // Faults that this apply did not meet do not remain for the next.
            self.cloud.emulator().clear_faults();
        }
        outcome.second_runs += usize::from(second_start.is_some());
        outcome.applies_with_faults += 1;
        outcome.kills += usize::from(killed.get());
        outcome.failed += usize::from(result.as_ref().is_none_or(|result| !result.errors.is_empty()));
        result
    }

    /// Checks what must hold at any time.
    fn check_invariants(&self, when: &str, outcome: &mut Outcome) {
        let other_team = self.other_team.lock().unwrap();
        if let Err(duplicates) = self.cloud.own_connections(&other_team.ever_created) {
            outcome.duplicates += 1;
            outcome.failures.push(format!("{when}: {duplicates}"));
        }
        let violations = other_team.violations(&self.cloud);
        let state = self.workspace.state();
        let adopted = state.iter().filter(|(_, object)| {
            object.connection.is_none()
                && object.value.get("id").as_str().is_some_and(|id| other_team.ever_created.contains(id))
        });
        let adopted: Vec<_> = adopted.map(|(address, _)| format!("{address} is the other team's")).collect();
        let second = self.second.state();
        let ids = |state: &State| -> BTreeSet<String> {
            let connections = state.values().filter(|object| object.connection.is_none());
            connections.filter_map(|object| object.value.get("id").as_str().map(str::to_owned)).collect()
        };
        let shared: Vec<_> =
            ids(&state).intersection(&ids(&second)).map(|id| format!("{id} is in two states")).collect();
        outcome.foreign_adoptions += violations.len() + adopted.len() + shared.len();
        let failures = violations.into_iter().chain(adopted).chain(shared);
        outcome.failures.extend(failures.map(|what| format!("{when}: {what}")));
    }

    /// Lets the second run find what its killed creates left, and destroys it.
    async fn destroy_second(&self, configuration: &Configuration, outcome: &mut Outcome) {
        let alive = CancellationToken::new();
        self.cloud.emulator().clear_faults();
        // Names that the first run uses are refused.
        self.second.apply(&only_connections(configuration), &alive).await;
        self.check_invariants("second apply", outcome);
        let destroyed = self.second.apply(&Configuration::new(), &alive).await;
        if !self.second.state().is_empty() {
            outcome.failures.push(format!("the second run is not destroyed: {:?}", destroyed.errors));
        }
    }

    /// Checks that the emulator holds exactly the configured objects and the other team's.
    fn check_final(&self, configuration: &Configuration, when: &str, outcome: &mut Outcome) {
        let other_team = self.other_team.lock().unwrap();
        let mut wanted = details(configuration);
        let state = self.workspace.state();
        for shown in self.cloud.connections().iter().filter(|shown| !other_team.ever_created.contains(&shown.id)) {
            let holds = |id: &str| id == shown.id;
            if !state
                .values()
                .any(|object| object.connection.is_none() && object.value.get("id").as_str().is_some_and(holds))
            {
                outcome.orphans += 1;
                outcome.failures.push(format!("{when}: orphan {} {}", shown.name, shown.id));
            }
            if let Some(details) = wanted.get_mut(&shown.name) {
                other_team.add_to(&shown.id, details);
            }
        }
        match self.cloud.own_connections(&other_team.ever_created) {
            Ok(found) => {
                for name in found.keys().chain(wanted.keys()).collect::<BTreeSet<_>>() {
                    let (found, wanted) = (found.get(name), wanted.get(name));
                    if found != wanted {
                        outcome.failures.push(format!("{when}: {name}: found {found:?}, expected {wanted:?}"));
                    }
                }
            }
            Err(duplicates) => outcome.failures.push(format!("{when}: {duplicates}")),
        }
    }

    /// Applies without faults until the plan is empty. Returns the number of applies.
    async fn apply_until_unchanged(&self, configuration: &Configuration, when: &str, outcome: &mut Outcome) -> usize {
        let alive = CancellationToken::new();
        let mut result = RunResult::default();
        for applies in 0..=2 {
            let plan = self.workspace.plan(configuration).await;
            if plan.is_empty() {
                return applies;
            }
            if applies == 2 {
                let text = format!(
                    "{when}: the plan is not empty: {:?} {:?}, after {:?}",
                    plan.actions, plan.errors, result.errors
                );
                outcome.failures.push(text);
            } else {
                result = self.workspace.apply(configuration, &alive).await;
                self.check_invariants(when, outcome);
            }
        }
        3
    }
}

/// Whether the request met a fault.
fn met_fault(request: &LoggedRequest) -> bool {
    let FaultEffect { fault, delay, is_stale, .. } = &request.fault_effect;
    fault.is_some() || !delay.is_zero() || *is_stale || has_expired_signature(request)
}

async fn run(seed: u64) -> Outcome {
    let rng = &mut Rng::with_seed(seed);
    let mut outcome = Outcome::default();
    let schedule = Schedule::new(rng);
    let mut configuration = Configuration::new();
    for round in 0..rng.u8(3..=5) {
        configuration = next_configuration(rng, &configuration, &schedule.workspace.state());
        schedule.create_foreign_duplicate(rng, &configuration).await;
        let second_runs = outcome.second_runs;
        schedule.apply_with_faults(rng, &configuration, &mut outcome).await;
        schedule.check_invariants(&format!("apply {round}"), &mut outcome);
        if outcome.second_runs > second_runs {
            schedule.destroy_second(&configuration, &mut outcome).await;
        }
    }
    schedule.cloud.emulator().clear_faults();
    outcome.created = schedule.cloud.creation_count();
    outcome.applies = schedule.apply_until_unchanged(&configuration, "after the faults", &mut outcome).await;
    schedule.check_final(&configuration, "after the faults", &mut outcome);

    let nothing = Configuration::new();
    schedule.apply_until_unchanged(&nothing, "destroy", &mut outcome).await;
    schedule.check_final(&nothing, "destroy", &mut outcome);
    // A killed second run may leave an entry for a name that the service refused to it.
    let has_entries = schedule.workspace.journal_directory().exists() && outcome.second_runs == 0;
    if !schedule.workspace.state().is_empty() || has_entries {
        outcome.failures.push("the state or the creation journal is not empty".to_owned());
    }
    outcome.faults = schedule.cloud.requests().iter().filter(|request| met_fault(request)).count();
    outcome.foreign_duplicates = schedule.other_team.lock().unwrap().duplicates;
    outcome
}

#[expect(clippy::print_stdout, reason = "the table is the result of the test")]
fn run_all(seeds: impl Iterator<Item = u64>) {
    let mut outcomes: BTreeMap<u64, Outcome> = BTreeMap::new();
    clock::run(async {
        let runs = stream::iter(seeds).map(|seed| async move {
            let outcome = tokio::time::timeout(Duration::from_hours(3), run(seed)).await;
            let stuck = || Outcome { failures: vec!["timeout".to_owned()], ..Outcome::default() };
            (seed, outcome.unwrap_or_else(|_| stuck()))
        });
        let mut runs = std::pin::pin!(runs.buffer_unordered(CONCURRENCY));
        while let Some((seed, outcome)) = runs.next().await {
            if !outcome.passed() {
                println!("seed {seed}: {outcome:#?}");
            }
            outcomes.insert(seed, outcome);
            if outcomes.len().is_multiple_of(25) {
                println!("{} schedules", outcomes.len());
            }
        }
    });
    let sum = |of: fn(&Outcome) -> usize| outcomes.values().map(of).sum::<usize>();
    let bad: Vec<_> = outcomes.iter().filter(|(_, outcome)| !outcome.passed()).map(|(seed, _)| seed).collect();
    println!("schedules                        {:>6}", outcomes.len());
    println!("  requests that met a fault      {:>6}", sum(|outcome| outcome.faults));
    println!("  kills                          {:>6}", sum(|outcome| outcome.kills));
    println!("  second runs                    {:>6}", sum(|outcome| outcome.second_runs));
    println!("  foreign duplicates of ours     {:>6}", sum(|outcome| outcome.foreign_duplicates));
    println!("  applies with faults            {:>6}", sum(|outcome| outcome.applies_with_faults));
    println!("  connections created by them    {:>6}", sum(|outcome| outcome.created));
    println!("  of these applies, failed       {:>6}", sum(|outcome| outcome.failed));
    for applies in 0..=2 {
        let count = outcomes.values().filter(|outcome| outcome.applies == applies).count();
        println!("  {applies} applies without faults       {count:>6}");
    }
    println!("orphans                          {:>6}", sum(|outcome| outcome.orphans));
    println!("duplicates                       {:>6}", sum(|outcome| outcome.duplicates));
    println!("foreign adoptions                {:>6}", sum(|outcome| outcome.foreign_adoptions));
    println!("failed                           {:>6} {bad:?}", bad.len());
    assert!(bad.is_empty() && !outcomes.is_empty());
}

#[test]
fn ten_schedules_lose_no_connection() {
    run_all(0..10);
}

#[test]
fn ten_more_schedules_lose_no_connection() {
    run_all(10..20);
}

#[test]
#[ignore = "takes some minutes"]
fn five_hundred_schedules_lose_no_connection() {
    match std::env::var("CHAOS_SEED") {
        Ok(seed) => run_all(std::iter::once(seed.parse().unwrap())),
        Err(_) => run_all(1000..1500),
    }
}
