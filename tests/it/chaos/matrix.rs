//! Every operation that the provider asks for × every kind of trouble. One command prints the table:
//!
//! ```text
//! cargo test --test it chaos::matrix -- --nocapture
//! ```
//!
//! A cell is one life: what is declared is made, changed and destroyed, and in one of these three applies the operation
//! meets the trouble. It is green where the trouble was met, and is no error where it passes, no second connection was made at any time, at most one more
//! apply reached what is declared, the plan after it is empty, and nothing was left at the end.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use terraform_provider_dli::emulator::{Quirk, Settings};
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, Configuration, Declared, facts, names, texts};
use super::clock;
use super::cloud::Cloud;
use super::terraform::{Told, Workspace};
use super::trouble::Kind;

/// The route calls of a region that publishes none of version 3.
const OLD_ROUTES: &str = "EnhancedConnectionRoutes";

/// How many lives go on at a time.
const AT_ONCE: usize = 24;

/// The applies of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Make,
    Change,
    Destroy,
}

/// Which operation meets the trouble, and in which apply.
const ROWS: [(&str, Phase); 30] = [
    ("CreateEnhancedConnection", Phase::Make),
    ("ListEnhancedConnections", Phase::Make),
    ("ShowEnhancedConnection", Phase::Make),
    ("ShowEnhancedConnection", Phase::Change),
    ("ShowEnhancedConnection", Phase::Destroy),
    ("UpdateEnhancedConnection", Phase::Change),
    ("DeleteEnhancedConnection", Phase::Change),
    ("DeleteEnhancedConnection", Phase::Destroy),
    ("CreateEnhancedConnection", Phase::Change),
    ("AssociateQueueToEnhancedConnection", Phase::Make),
    ("AssociateQueueToEnhancedConnection", Phase::Change),
    ("DisassociateQueueFromEnhancedConnection", Phase::Change),
    ("DisassociateQueueFromEnhancedConnection", Phase::Destroy),
    ("CreateRouteToEnhancedConnection", Phase::Make),
    ("CreateRouteToEnhancedConnection", Phase::Change),
    ("DeleteRouteFromEnhancedConnection", Phase::Change),
    ("DeleteRouteFromEnhancedConnection", Phase::Destroy),
    ("CreateEnhancedConnectionRoutes", Phase::Make),
    ("CreateEnhancedConnectionRoutes", Phase::Change),
    ("DeleteEnhancedConnectionRoutes", Phase::Change),
    ("DeleteEnhancedConnectionRoutes", Phase::Destroy),
    ("ShowEnhancedConnectionPrivilege", Phase::Make),
    ("ShowEnhancedConnectionPrivilege", Phase::Change),
    ("RunAuthorizationAction", Phase::Make),
    ("RunAuthorizationAction", Phase::Destroy),
    ("ShowResourceTags", Phase::Change),
    ("BatchCreateResourceTags", Phase::Change),
    ("BatchDeleteResourceTags", Phase::Change),
    ("ListQueues", Phase::Make),
    ("ListElasticResourcePools", Phase::Make),
];

/// All that the provider asks for.
pub(super) fn operations() -> BTreeSet<&'static str> {
    ROWS.iter().map(|(operation, _)| *operation).collect()
}

const WHOLE: &str = "dli_enhanced_connection.whole";
const BARE: &str = "dli_enhanced_connection.bare";
const MOVED: &str = "dli_enhanced_connection.moved";

/// What is declared in an apply: a connection with all that it can have, one whose parts are resources of their own, and one
/// that is replaced.
pub(super) fn declared(phase: Phase) -> Configuration {
    let change = phase == Phase::Change;
    let either = |before: &'static str, after: &'static str| if change { after } else { before };
    let connection = |name: &str, network: &str| Declared {
        name: name.to_owned(),
        vpc: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
        network: format!("{network}-36e4-4b39-95b9-f5aab22e1281"),
        ..Declared::default()
    };
    let whole = Declared {
        queues: Some(names(["q1", either("q2", "pooled3")])),
        pools: Some(names([either("pool1", "pool2")])),
        hosts: Some(texts([("a", "10.0.0.1"), ("B", either("10.0.0.2", "10.0.0.3"))])),
        routes: Some(texts([("r1", "10.1.0.0/16"), (either("r2", "r3"), "10.2.0.0/16")])),
        tags: Some(texts([("kept", "1"), ("changed", either("1", "2")), (either("old", "new"), "1")])),
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
    let moved = Declared { queues: Some(names(["q3"])), ..connection("moved", either("78f2562c", "78f2562d")) };
    all.insert(MOVED.to_owned(), Block::Connection(moved));
    all
}

/// What a life came to.
#[derive(Debug)]
struct Cell {
    told: Told,
    /// Connections that were ever made.
    made: usize,
    /// Whether one more apply was needed.
    again: bool,
    wrong: Vec<String>,
}

impl Cell {
    fn shown(&self) -> String {
        let told = match (self.told.errors.is_empty(), self.told.warnings.is_empty()) {
            (false, _) => "e",
            (true, false) => "w",
            (true, true) => "·",
        };
        let wrong = if self.wrong.is_empty() { "" } else { "!" };
        format!("{wrong}{told}{} {}", if self.again { "+" } else { " " }, self.made)
    }
}

async fn life(operation: &str, met_in: Phase, kind: Kind, seed: u64) -> Cell {
    let quirks = operation.ends_with(OLD_ROUTES).then_some(Quirk::NoV3Routes).into_iter().chain(kind.quirk()).collect();
    let cloud = Cloud::start(Settings { clock: Arc::new(kind.clock()), quirks, seed, ..Settings::default() });
    let workspace = Workspace::new(&cloud.endpoint());
    let alive = CancellationToken::new();
    let mut cell = Cell { told: Told::default(), made: 0, again: false, wrong: Vec::new() };
    let mut replaced = 0;
    for phase in [Phase::Make, Phase::Change, Phase::Destroy] {
        let wanted = declared(phase);
        let count = cloud.count(operation);
        if phase == met_in {
            kind.bring(&cloud, operation);
        }
        let mut told = workspace.apply(&wanted, &alive).await;
        let replacements = |told: &Told| {
            told.actions.iter().filter(|action| action.starts_with("replace dli_enhanced_connection.")).count()
        };
        replaced += replacements(&told);
        if phase == met_in {
            let refused =
                kind == Kind::Limited && !cloud.emulator().requests().iter().any(|request| request.status == 429);
            if refused || cloud.count(operation) == count || remaining(&cloud).await != 0 {
                cell.wrong.push("the trouble was not met".to_owned());
            }
            Kind::end(&cloud);
            cell.wrong.extend(cloud.ours(&BTreeSet::new()).err());
            let plan = workspace.plan(&wanted).await;
            if !told.errors.is_empty() || !plan.actions.is_empty() {
                cell.again = true;
                let again = workspace.apply(&wanted, &alive).await;
                replaced += replacements(&again);
                cell.told = std::mem::replace(&mut told, again);
            } else {
                cell.told = std::mem::take(&mut told);
            }
        }
        if kind.passes() {
            cell.wrong.extend(cell.told.errors.iter().map(|error| format!("it should pass: {error}")));
        }
        cell.wrong.extend(told.errors.iter().map(|error| format!("{phase:?}: {error}")));
        match cloud.ours(&BTreeSet::new()) {
            Ok(held) if held == facts(&wanted) => {}
            Ok(held) => cell.wrong.push(format!("{phase:?}: held {held:#?}, wanted {:#?}", facts(&wanted))),
            Err(twins) => cell.wrong.push(format!("{phase:?}: {twins}")),
        }
        // Before the trouble there is nothing to learn from it.
        if phase < met_in {
            continue;
        }
        let plan = workspace.plan(&wanted).await;
        if !plan.actions.is_empty() || !plan.errors.is_empty() {
            cell.wrong.push(format!("{phase:?}: the plan is not empty: {:?} {:?}", plan.actions, plan.errors));
        }
    }
    if !workspace.state().is_empty() || workspace.notes().exists() {
        cell.wrong.push("something is left in the working directory".to_owned());
    }
    cell.made = cloud.ever().len();
    if cell.made > 3 + replaced {
        cell.wrong.push(format!("{} connections were made, and {replaced} replaced", cell.made));
    }
    cell
}

/// How many faults of single requests have not been met.
async fn remaining(cloud: &Cloud) -> usize {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("{}/_emulator/faults", cloud.endpoint())).send().await.unwrap();
    let faults: Vec<serde_json::Value> = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    faults.iter().filter(|fault| !fault["times"].is_null()).count()
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn every_operation_meets_every_trouble() {
    let only = std::env::var("CHAOS_CELL").unwrap_or_default();
    let lives = ROWS.iter().enumerate().flat_map(|(row, &(operation, phase))| {
        Kind::ALL.into_iter().enumerate().map(move |(column, kind)| (row, column, operation, phase, kind))
    });
    let chosen =
        lives.filter(|(_, _, operation, phase, kind)| format!("{operation} {phase:?} {}", kind.name()).contains(&only));
    let cells: std::collections::BTreeMap<(usize, usize), Cell> = clock::run(async {
        stream::iter(chosen)
            .map(|(row, column, operation, phase, kind)| async move {
                let seed = (row * 100 + column) as u64;
                let limit = Duration::from_hours(1);
                let cell = tokio::time::timeout(limit, life(operation, phase, kind, seed)).await;
                let stuck =
                    || Cell { told: Told::default(), made: 0, again: false, wrong: vec!["it has no end".into()] };
                ((row, column), cell.unwrap_or_else(|_| stuck()))
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await
    });
    let mut table = format!("{:<52}", "operation, apply");
    for kind in Kind::ALL {
        write!(table, "{:>8}", kind.name()).unwrap();
    }
    for (row, (operation, phase)) in ROWS.iter().enumerate() {
        write!(table, "\n{:<52}", format!("{operation}, {phase:?}")).unwrap();
        for column in 0..Kind::ALL.len() {
            write!(table, "{:>8}", cells.get(&(row, column)).map_or_else(String::new, Cell::shown)).unwrap();
        }
    }
    println!("{table}\n");
    println!("· silent, w warned, e error, + one more apply; how many connections were ever made; ! not green");
    for kind in Kind::ALL {
        println!("{:>8}  {}", kind.name(), kind.meaning());
    }
    let bad: Vec<_> = cells.iter().filter(|(_, cell)| !cell.wrong.is_empty()).collect();
    for ((row, column), cell) in &bad {
        println!("\n{:?} × {}: {:#?}", ROWS[*row], Kind::ALL[*column].name(), cell);
    }
    println!("\n{} cells, {} not green", cells.len(), bad.len());
    assert!(bad.is_empty() && !cells.is_empty());
}
