//! A matrix of every operation that the provider calls and every fault scenario. This command prints the table:
//!
//! ```text
//! cargo test --test it chaos::matrix -- --nocapture
//! ```
//!
//! A cell creates, updates and destroys one configuration, and the operation meets the fault in one of these three
//! applies. A cell passes if
//!
//! - the request log shows the fault in that apply,
//! - a transient fault causes no error,
//! - at most one more apply reaches the configuration, and the next plan is empty,
//! - nothing is left after the destroy, and
//! - the service created exactly the expected number of connections.
//!
//! Names need not be unique, so the service does not prevent a duplicate. Rows where unique names matter are repeated
//! with unique names. Combinations that cannot occur have no cell; a destroy binds nothing, for example.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::sync::Once;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use terraform_provider_dli::emulator::{IamAccount, Quirk, Quirks, Settings};
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, Configuration, ConnectionConfig, details, names, strings};
use super::clock;
use super::cloud::{Cloud, PROJECT, REGION};
use super::scenario::{self, Scenario};
use super::terraform::{RunResult, Workspace};

/// Suffix of the route operations in a region without version 3 of the route API.
const OLD_ROUTES: &str = "EnhancedConnectionRoutes";

/// How often a cell runs at most until its operation meets the fault.
const MAX_ATTEMPTS: usize = 5;

/// The number of cells that run at a time.
const CONCURRENCY: usize = 8;

/// The number of connections that a cell creates: three, and one replacement.
pub(super) const CONNECTIONS_PER_RUN: usize = 4;

/// The applies of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Create,
    Update,
    Destroy,
}

/// The naming rule of the service and the credentials of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setup {
    /// Names need not be unique, and the provider has an access key.
    Default,
    /// Names are unique.
    UniqueNames,
    /// The provider uses a password, looks up the project ID and assumes an agency.
    PasswordLogin,
}

/// An operation that meets the faults, the apply in which it does, and the setup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    operation: &'static str,
    phase: Phase,
    setup: Setup,
}

impl Row {
    fn name(self) -> String {
        let more = if self.setup == Setup::UniqueNames { ", unique names" } else { "" };
        format!("{}, {:?}{more}", self.operation, self.phase)
    }

    fn settings(self, scenario: Scenario, seed: u64) -> Settings {
        let old_routes = self.operation.ends_with(OLD_ROUTES).then_some(Quirk::NoV3Routes);
        let names = (self.setup != Setup::UniqueNames).then_some(Quirk::NamesNotUnique);
        let quirks = old_routes.into_iter().chain(names).chain(scenario.quirk()).collect();
        let iam_account =
            IamAccount { projects: vec![(REGION.to_owned(), PROJECT.to_owned())], ..IamAccount::default() };
        Settings { quirks, iam_account, seed, ..Settings::default() }
    }

    fn workspace(self, cloud: &Cloud) -> Workspace {
        match self.setup {
            Setup::PasswordLogin => Workspace::with_password(&cloud.endpoint()),
            Setup::Default | Setup::UniqueNames => Workspace::new(&cloud.endpoint()),
        }
    }

    /// The number of connections that the service must create.
    ///
    /// If an inline route of a new connection is rejected, Terraform taints the connection and replaces it. If a
    /// separate route resource is rejected, it does not. The fault can meet either.
    fn expected_creations(self, scenario: Scenario) -> RangeInclusive<usize> {
        let is_route = ["CreateRouteToEnhancedConnection", "CreateEnhancedConnectionRoutes"].contains(&self.operation);
        let is_refused = matches!(scenario, Scenario::Forbidden | Scenario::SoftFailure);
        CONNECTIONS_PER_RUN..=CONNECTIONS_PER_RUN + usize::from(is_route && self.phase == Phase::Create && is_refused)
    }
}

/// Defines one test per group of rows, and the list of all rows. Small groups keep each test short.
macro_rules! groups {
    ($($test:ident, $setup:ident: $($operation:literal in $phase:ident),+;)+) => {
        const ROWS: &[Row] = &[
            $($(Row { operation: $operation, phase: Phase::$phase, setup: Setup::$setup }),+),+
        ];

        $(
            #[test]
            fn $test() {
                run(&[$(Row { operation: $operation, phase: Phase::$phase, setup: Setup::$setup }),+]);
            }
        )+
    };
}

groups! {
    create_connection, Default: "CreateEnhancedConnection" in Create, "CreateEnhancedConnection" in Update;
    find_connection, Default: "ListEnhancedConnections" in Create, "ShowEnhancedConnection" in Create;
    show_connection, Default: "ShowEnhancedConnection" in Update, "ShowEnhancedConnection" in Destroy;
    update_connection, Default: "UpdateEnhancedConnection" in Update;
    delete_connection, Default: "DeleteEnhancedConnection" in Update, "DeleteEnhancedConnection" in Destroy;
    bind_queue, Default:
        "AssociateQueueToEnhancedConnection" in Create, "AssociateQueueToEnhancedConnection" in Update;
    unbind_queue, Default:
        "DisassociateQueueFromEnhancedConnection" in Update, "DisassociateQueueFromEnhancedConnection" in Destroy;
    create_route, Default: "CreateRouteToEnhancedConnection" in Create, "CreateRouteToEnhancedConnection" in Update;
    delete_route, Default:
        "DeleteRouteFromEnhancedConnection" in Update, "DeleteRouteFromEnhancedConnection" in Destroy;
    create_old_route, Default: "CreateEnhancedConnectionRoutes" in Create, "CreateEnhancedConnectionRoutes" in Update;
    delete_old_route, Default:
        "DeleteEnhancedConnectionRoutes" in Update, "DeleteEnhancedConnectionRoutes" in Destroy;
    show_privileges, Default:
        "ShowEnhancedConnectionPrivilege" in Create, "ShowEnhancedConnectionPrivilege" in Update;
    change_privileges, Default: "RunAuthorizationAction" in Create, "RunAuthorizationAction" in Destroy;
    show_tags, Default: "ShowResourceTags" in Update;
    change_tags, Default: "BatchCreateResourceTags" in Update, "BatchDeleteResourceTags" in Update;
    list_queues_and_pools, Default: "ListQueues" in Create, "ListElasticResourcePools" in Create;
    create_with_unique_name, UniqueNames: "CreateEnhancedConnection" in Create, "CreateEnhancedConnection" in Update;
    delete_with_unique_name, UniqueNames: "DeleteEnhancedConnection" in Update;
    create_token, PasswordLogin:
        "KeystoneCreateUserTokenByPassword" in Create, "KeystoneCreateUserTokenByPassword" in Update;
    list_projects, PasswordLogin: "KeystoneListProjects" in Create, "KeystoneListProjects" in Update;
    assume_agency, PasswordLogin:
        "CreateTemporaryAccessKeyByAgency" in Create, "CreateTemporaryAccessKeyByAgency" in Update;
}

/// The operations that the provider calls at a service with these quirks.
pub(super) fn operations(quirks: &Quirks) -> BTreeSet<&'static str> {
    let is_there = |operation: &&str| {
        let is_new = ["CreateRouteToEnhancedConnection", "DeleteRouteFromEnhancedConnection"].contains(operation);
        if quirks.contains(&Quirk::NoV3Routes) { !is_new } else { !operation.ends_with(OLD_ROUTES) }
    };
    let rows = ROWS.iter().filter(|row| row.setup == Setup::Default);
    rows.map(|row| row.operation).filter(is_there).collect()
}

const WHOLE: &str = "dli_enhanced_connection.whole";
const BARE: &str = "dli_enhanced_connection.bare";
const MOVED: &str = "dli_enhanced_connection.moved";

/// The configuration of a phase: a connection with all inline parts, one with separate parts, and one that is replaced.
pub(super) fn configuration(phase: Phase) -> Configuration {
    let change = phase == Phase::Update;
    let either = |before: &'static str, after: &'static str| if change { after } else { before };
    let connection = |name: &str, network: &str| ConnectionConfig {
        name: name.to_owned(),
        vpc: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
        network: format!("{network}-36e4-4b39-95b9-f5aab22e1281"),
        ..ConnectionConfig::default()
    };
    let whole = ConnectionConfig {
        queues: Some(names(["q1", either("q2", "pooled3")])),
        pools: Some(names([either("pool1", "pool2")])),
        hosts: Some(strings([("a", "10.0.0.1"), ("B", either("10.0.0.2", "10.0.0.3"))])),
        routes: Some(strings([("r1", "10.1.0.0/16"), (either("r2", "r3"), "10.2.0.0/16")])),
        tags: Some(strings([("kept", "1"), ("changed", either("1", "2")), (either("old", "new"), "1")])),
        ..connection("whole", "78f2562a")
    };
    let part = || BARE.to_owned();
    let project = if change { "22222222222222222222222222222222" } else { "11111111111111111111111111111111" };
    let parts = [
        (
            "binding.queue",
            Block::Binding { connection: part(), queue: Some(either("q3", "q2").to_owned()), pool: None },
        ),
        ("binding.pool", Block::Binding { connection: part(), queue: None, pool: Some("pool1".to_owned()) }),
        (
            "route.r",
            Block::Route {
                connection: part(),
                name: "r".to_owned(),
                cidr: either("10.3.0.0/16", "10.4.0.0/16").to_owned(),
            },
        ),
        ("privilege.p", Block::Privilege { connection: part(), project: project.to_owned() }),
    ];
    if phase == Phase::Destroy {
        return Configuration::new();
    }
    let mut all: Configuration =
        parts.map(|(name, block)| (format!("dli_enhanced_connection_{name}"), block)).into_iter().collect();
    all.insert(WHOLE.to_owned(), Block::Connection(whole));
    all.insert(BARE.to_owned(), Block::Connection(connection("bare", "78f2562b")));
    let moved = ConnectionConfig { queues: Some(names(["q3"])), ..connection("moved", either("78f2562c", "78f2562d")) };
    all.insert(MOVED.to_owned(), Block::Connection(moved));
    all
}

/// The result of a cell.
#[derive(Debug, Default)]
struct Cell {
    result: RunResult,
    /// Creations that took effect.
    created: usize,
    /// Whether one more apply was necessary.
    needed_second_apply: bool,
    /// Whether the service rejected the date of a signature of the operation itself.
    own_signature_rejected: bool,
    /// The effect of the fault that the request log does not show.
    missing_effect: Option<String>,
    /// How often the cell ran until the operation met the fault.
    attempts: usize,
    failures: Vec<String>,
}

impl Cell {
    fn symbols(&self) -> String {
        let result = match (self.result.errors.is_empty(), self.result.warnings.is_empty()) {
            (false, _) => "e",
            (true, false) => "w",
            (true, true) => "·",
        };
        let failed = if self.failures.is_empty() { "" } else { "!" };
        format!("{failed}{result}{} {}", if self.needed_second_apply { "+" } else { " " }, self.created)
    }
}

async fn attempt(row: Row, scenario: Scenario, seed: u64) -> Cell {
    let Row { operation, phase: fault_phase, .. } = row;
    let cloud = Cloud::start(row.settings(scenario, seed));
    let workspace = row.workspace(&cloud);
    let alive = CancellationToken::new();
    let mut cell = Cell::default();
    for phase in [Phase::Create, Phase::Update, Phase::Destroy] {
        let wanted = configuration(phase);
        let before = cloud.requests().len();
        if phase == fault_phase {
            scenario.inject(&cloud, operation);
        }
        let mut result = workspace.apply(&wanted, &alive).await;
        let mut plan = None;
        if phase == fault_phase {
            let requests = cloud.requests().split_off(before);
            cell.missing_effect = scenario.missing_effect(operation, &requests);
            cell.own_signature_rejected =
                requests.iter().any(|r| r.operation == Some(operation) && scenario::has_expired_signature(r));
            if unused_faults(&cloud).await != 0 {
                cell.failures.push("a fault was not used".to_owned());
            }
            Scenario::clear(&cloud);
            cell.failures.extend(cloud.own_connections(&BTreeSet::new()).err());
            if result.errors.is_empty() {
                plan = Some(workspace.plan(&wanted).await).filter(RunResult::is_empty);
            }
            if plan.is_none() {
                cell.needed_second_apply = true;
                let again = workspace.apply(&wanted, &alive).await;
                cell.result = std::mem::replace(&mut result, again);
            } else {
                cell.result = std::mem::take(&mut result);
            }
        }
        if scenario.is_transient() {
            cell.failures.extend(cell.result.errors.iter().map(|error| format!("unexpected error: {error}")));
        }
        cell.failures.extend(result.errors.iter().map(|error| format!("{phase:?}: {error}")));
        match cloud.own_connections(&BTreeSet::new()) {
            Ok(found) if found == details(&wanted) => {}
            Ok(found) => cell.failures.push(format!("{phase:?}: found {found:#?}, expected {:#?}", details(&wanted))),
            Err(duplicates) => cell.failures.push(format!("{phase:?}: {duplicates}")),
        }
        // The plan matters only after the fault.
        if phase < fault_phase {
            continue;
        }
        let plan = match plan {
            Some(plan) => plan,
            None => workspace.plan(&wanted).await,
        };
        if !plan.is_empty() {
            cell.failures.push(format!("{phase:?}: the plan is not empty: {:?} {:?}", plan.actions, plan.errors));
        }
    }
    if !workspace.state().is_empty() || workspace.journal_directory().exists() {
        cell.failures.push("the state or the creation journal is not empty".to_owned());
    }
    let (created, all, expected) =
        (cloud.creation_count(), cloud.all_connections().len(), row.expected_creations(scenario));
    cell.created = created;
    if !expected.contains(&created) || created != all {
        cell.failures
            .push(format!("{created} creations took effect, expected {expected:?}; {all} connections existed"));
    }
    cell
}

/// Runs a cell, and repeats it if the operation did not meet the fault and nothing else failed.
///
/// On a busy machine the provider can send a request after a stale or slow period has ended.
async fn run_cell(row: Row, scenario: Scenario, seed: u64) -> Cell {
    for attempts in 1.. {
        let mut cell = attempt(row, scenario, seed).await;
        cell.attempts = attempts;
        if cell.missing_effect.is_none() || attempts == MAX_ATTEMPTS || !cell.failures.is_empty() {
            cell.failures.extend(cell.missing_effect.take());
            return cell;
        }
    }
    unreachable!("the last attempt returns")
}

/// The number of faults for single requests that are still waiting.
async fn unused_faults(cloud: &Cloud) -> usize {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let answer = client.get(format!("{}/_emulator/faults", cloud.endpoint())).send().await.unwrap();
    let faults: Vec<serde_json::Value> = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    faults.iter().filter(|fault| !fault["times"].is_null()).count()
}

/// The cells to run, by row and column. `CHAOS_CELL` restricts them to those whose name contains it.
fn selected(rows: &[Row], only: &str) -> Vec<(usize, usize)> {
    let all = (0..rows.len()).flat_map(|row| (0..Scenario::ALL.len()).map(move |column| (row, column)));
    all.filter(|(row, column)| {
        let (row, scenario) = (rows[*row], Scenario::ALL[*column]);
        scenario.applies_to(row.operation, row.phase) && format!("{} {}", row.name(), scenario.name()).contains(only)
    })
    .collect()
}

fn table(rows: &[Row], cells: &BTreeMap<(usize, usize), Cell>) -> String {
    let mut table = format!("{:<52}", "operation, apply");
    for scenario in Scenario::ALL {
        write!(table, "{:>8}", scenario.name()).unwrap();
    }
    for (index, row) in rows.iter().enumerate() {
        write!(table, "\n{:<52}", row.name()).unwrap();
        for column in 0..Scenario::ALL.len() {
            let is_none = !Scenario::ALL[column].applies_to(row.operation, row.phase);
            let none = || if is_none { "-   ".to_owned() } else { String::new() };
            write!(table, "{:>8}", cells.get(&(index, column)).map_or_else(none, Cell::symbols)).unwrap();
        }
    }
    table
}

/// Runs the cells of these rows and prints their part of the table.
#[expect(clippy::print_stdout, reason = "the table is the result of the test")]
fn run(rows: &[Row]) {
    static LEGEND: Once = Once::new();
    let only = std::env::var("CHAOS_CELL").unwrap_or_default();
    let selected = selected(rows, &only);
    let cells: BTreeMap<(usize, usize), Cell> = clock::run(async {
        stream::iter(selected)
            .map(|(row, column)| {
                let number = ROWS.iter().position(|other| *other == rows[row]).unwrap();
                let (which, seed) = (rows[row], (number * 100 + column) as u64);
                async move {
                    let cell = run_cell(which, Scenario::ALL[column], seed);
                    let cell = tokio::time::timeout(Duration::from_hours(3), cell).await;
                    let stuck = || Cell { failures: vec!["timeout".into()], ..Cell::default() };
                    ((row, column), cell.unwrap_or_else(|_| stuck()))
                }
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await
    });
    LEGEND.call_once(|| println!("{}", legend()));
    // One call prints everything, because other tests print at the same time.
    println!("{}\n{}", table(rows, &cells), summary(rows, &cells));
    let all_green = cells.values().all(|cell| cell.failures.is_empty());
    assert!(all_green && (!cells.is_empty() || !only.is_empty()));
}

fn legend() -> String {
    let mut legend = format!(
        "· no diagnostics, w warning, e error; + one more apply; number of created connections, {CONNECTIONS_PER_RUN} \
         expected; ! failed; - cannot occur\n"
    );
    for scenario in Scenario::ALL {
        writeln!(legend, "{:>8}  {}", scenario.name(), scenario.description()).unwrap();
    }
    legend
}

/// The failed cells in full, and the counts.
fn summary(rows: &[Row], cells: &BTreeMap<(usize, usize), Cell>) -> String {
    let mut text = String::new();
    let failed: Vec<_> = cells.iter().filter(|(_, cell)| !cell.failures.is_empty()).collect();
    for ((row, column), cell) in &failed {
        writeln!(text, "\n{} × {}: {cell:#?}", rows[*row].name(), Scenario::ALL[*column].name()).unwrap();
    }
    let skewed = cells.iter().filter(|((_, column), _)| Scenario::ALL[*column] == Scenario::ClockSkew);
    let (by_itself, all) =
        skewed.fold((0, 0), |(some, all), (_, cell)| (some + usize::from(cell.own_signature_rejected), all + 1));
    writeln!(text, "clock: in {by_itself} of {all} cells the signature of the row's own operation was rejected")
        .unwrap();
    let attempts: usize = cells.values().map(|cell| cell.attempts).sum();
    writeln!(text, "{} cells, {} failed, {attempts} runs", cells.len(), failed.len()).unwrap();
    text
}
