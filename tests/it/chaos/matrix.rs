//! Every operation that the provider asks for × every kind of trouble. One command prints the table:
//!
//! ```text
//! cargo test --test it chaos::matrix -- --nocapture
//! ```
//!
//! A cell is one life: what is declared is made, changed and destroyed, and in one of these three applies the operation
//! meets the trouble. It is green where the request log says that the trouble was met in that apply, where it is no error
//! if it passes, at most one more apply reached what is declared, the plan after it is empty, nothing was left at the end,
//! and the service carried out exactly as many creations as the life needs. Names need not be unique: the service itself
//! keeps nobody from making a second connection. Where a name may be taken, the row is there once more with unique names.
//!
//! A combination that cannot occur is no cell: nothing is bound in a destroy, for instance.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::sync::Once;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use terraform_provider_dli::emulator::{IamAccount, Quirk, Quirks, Settings};
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, Configuration, Declared, facts, names, texts};
use super::clock;
use super::cloud::{Cloud, PROJECT, REGION};
use super::terraform::{Told, Workspace};
use super::trouble::{self, Kind};

/// The route calls of a region that publishes none of version 3.
const OLD_ROUTES: &str = "EnhancedConnectionRoutes";

/// How often a life is lived at most until its trouble is met.
const MOST_LIVES: usize = 5;

/// How many lives go on at a time.
const AT_ONCE: usize = 8;

/// How many connections a life makes: three, and one that takes the place of another.
pub(super) const NEEDED: usize = 4;

/// The applies of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Make,
    Change,
    Destroy,
}

/// How the connections of a life are called, and its provider proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    /// Names need not be unique, and requests are signed with a key of the configuration.
    Usual,
    /// Names are unique.
    UniqueNames,
    /// The provider logs in with a password, asks for the id of its project, and assumes an agency.
    Login,
}

/// Which operation meets the trouble, in which apply of which life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    operation: &'static str,
    phase: Phase,
    setting: Setting,
}

impl Row {
    fn name(self) -> String {
        let more = if self.setting == Setting::UniqueNames { ", unique names" } else { "" };
        format!("{}, {:?}{more}", self.operation, self.phase)
    }

    fn settings(self, kind: Kind, seed: u64) -> Settings {
        let old_routes = self.operation.ends_with(OLD_ROUTES).then_some(Quirk::NoV3Routes);
        let names = (self.setting != Setting::UniqueNames).then_some(Quirk::NamesNotUnique);
        let quirks = old_routes.into_iter().chain(names).chain(kind.quirk()).collect();
        let iam_account =
            IamAccount { projects: vec![(REGION.to_owned(), PROJECT.to_owned())], ..IamAccount::default() };
        Settings { quirks, iam_account, seed, ..Settings::default() }
    }

    fn workspace(self, cloud: &Cloud) -> Workspace {
        match self.setting {
            Setting::Login => Workspace::logging_in(&cloud.endpoint()),
            Setting::Usual | Setting::UniqueNames => Workspace::new(&cloud.endpoint()),
        }
    }

    /// How many connections the life has to make. Where the route of a new one is refused, Terraform takes the connection
    /// for broken, and makes it anew; but only where the route is in its own block and not in one beside it, and either
    /// may be met first.
    fn needs(self, kind: Kind) -> RangeInclusive<usize> {
        let is_route = ["CreateRouteToEnhancedConnection", "CreateEnhancedConnectionRoutes"].contains(&self.operation);
        let is_refused = matches!(kind, Kind::Forbidden | Kind::Soft);
        NEEDED..=NEEDED + usize::from(is_route && self.phase == Phase::Make && is_refused)
    }
}

/// Declares one test for each group of rows, and the list of all rows. Small groups keep each test short.
macro_rules! groups {
    ($($test:ident, $setting:ident: $($operation:literal in $phase:ident),+;)+) => {
        const ROWS: &[Row] = &[
            $($(Row { operation: $operation, phase: Phase::$phase, setting: Setting::$setting }),+),+
        ];

        $(
            #[test]
            fn $test() {
                run(&[$(Row { operation: $operation, phase: Phase::$phase, setting: Setting::$setting }),+]);
            }
        )+
    };
}

groups! {
    create_connection, Usual: "CreateEnhancedConnection" in Make, "CreateEnhancedConnection" in Change;
    find_connection, Usual: "ListEnhancedConnections" in Make, "ShowEnhancedConnection" in Make;
    show_connection, Usual: "ShowEnhancedConnection" in Change, "ShowEnhancedConnection" in Destroy;
    update_connection, Usual: "UpdateEnhancedConnection" in Change;
    delete_connection, Usual: "DeleteEnhancedConnection" in Change, "DeleteEnhancedConnection" in Destroy;
    bind_queue, Usual:
        "AssociateQueueToEnhancedConnection" in Make, "AssociateQueueToEnhancedConnection" in Change;
    unbind_queue, Usual:
        "DisassociateQueueFromEnhancedConnection" in Change, "DisassociateQueueFromEnhancedConnection" in Destroy;
    create_route, Usual: "CreateRouteToEnhancedConnection" in Make, "CreateRouteToEnhancedConnection" in Change;
    delete_route, Usual:
        "DeleteRouteFromEnhancedConnection" in Change, "DeleteRouteFromEnhancedConnection" in Destroy;
    create_old_route, Usual: "CreateEnhancedConnectionRoutes" in Make, "CreateEnhancedConnectionRoutes" in Change;
    delete_old_route, Usual:
        "DeleteEnhancedConnectionRoutes" in Change, "DeleteEnhancedConnectionRoutes" in Destroy;
    show_privileges, Usual:
        "ShowEnhancedConnectionPrivilege" in Make, "ShowEnhancedConnectionPrivilege" in Change;
    change_privileges, Usual: "RunAuthorizationAction" in Make, "RunAuthorizationAction" in Destroy;
    tags, Usual:
        "ShowResourceTags" in Change, "BatchCreateResourceTags" in Change, "BatchDeleteResourceTags" in Change;
    list_queues_and_pools, Usual: "ListQueues" in Make, "ListElasticResourcePools" in Make;
    unique_names, UniqueNames:
        "CreateEnhancedConnection" in Make, "CreateEnhancedConnection" in Change, "DeleteEnhancedConnection" in Change;
    create_token, Login:
        "KeystoneCreateUserTokenByPassword" in Make, "KeystoneCreateUserTokenByPassword" in Change;
    list_projects, Login: "KeystoneListProjects" in Make, "KeystoneListProjects" in Change;
    assume_agency, Login:
        "CreateTemporaryAccessKeyByAgency" in Make, "CreateTemporaryAccessKeyByAgency" in Change;
}

/// All that the provider asks a service for that differs from its pages in these ways.
pub(super) fn operations(quirks: &Quirks) -> BTreeSet<&'static str> {
    let is_there = |operation: &&str| {
        let is_new = ["CreateRouteToEnhancedConnection", "DeleteRouteFromEnhancedConnection"].contains(operation);
        if quirks.contains(&Quirk::NoV3Routes) { !is_new } else { !operation.ends_with(OLD_ROUTES) }
    };
    let rows = ROWS.iter().filter(|row| row.setting == Setting::Usual);
    rows.map(|row| row.operation).filter(is_there).collect()
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
#[derive(Debug, Default)]
struct Cell {
    told: Told,
    /// Creations that the service carried out.
    made: usize,
    /// Whether one more apply was needed.
    again: bool,
    /// Whether a signature of the operation itself was refused for its date.
    by_itself: bool,
    /// What of the trouble did not come about.
    unmet: Option<String>,
    /// How many lives it took until the trouble was met.
    lives: usize,
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

async fn life(row: Row, kind: Kind, seed: u64) -> Cell {
    let Row { operation, phase: met_in, .. } = row;
    let cloud = Cloud::start(row.settings(kind, seed));
    let workspace = row.workspace(&cloud);
    let alive = CancellationToken::new();
    let mut cell = Cell::default();
    for phase in [Phase::Make, Phase::Change, Phase::Destroy] {
        let wanted = declared(phase);
        let before = cloud.requests().len();
        if phase == met_in {
            kind.bring(&cloud, operation);
        }
        let mut told = workspace.apply(&wanted, &alive).await;
        let mut plan = None;
        if phase == met_in {
            let requests = cloud.requests().split_off(before);
            cell.unmet = kind.unmet(operation, &requests);
            cell.by_itself = requests.iter().any(|r| r.operation == Some(operation) && trouble::is_for_the_date(r));
            if remaining(&cloud).await != 0 {
                cell.wrong.push("a fault was not met".to_owned());
            }
            Kind::end(&cloud);
            cell.wrong.extend(cloud.ours(&BTreeSet::new()).err());
            if told.errors.is_empty() {
                plan = Some(workspace.plan(&wanted).await).filter(Told::is_nothing);
            }
            if plan.is_none() {
                cell.again = true;
                let again = workspace.apply(&wanted, &alive).await;
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
        let plan = match plan {
            Some(plan) => plan,
            None => workspace.plan(&wanted).await,
        };
        if !plan.is_nothing() {
            cell.wrong.push(format!("{phase:?}: the plan is not empty: {:?} {:?}", plan.actions, plan.errors));
        }
    }
    if !workspace.state().is_empty() || workspace.notes().exists() {
        cell.wrong.push("something is left in the working directory".to_owned());
    }
    let (made, ever, needs) = (cloud.created(), cloud.ever().len(), row.needs(kind));
    cell.made = made;
    if !needs.contains(&made) || made != ever {
        cell.wrong
            .push(format!("{made} creations were carried out, {needs:?} are needed, and {ever} connections were made"));
    }
    cell
}

/// One life, or more where the trouble was not met: what is old or slow for a while is so for nobody who asks later, as on
/// a machine with too much to do. Such a life shows nothing, and is lived anew unless something else was wrong in it.
async fn cell(row: Row, kind: Kind, seed: u64) -> Cell {
    for lives in 1.. {
        let mut cell = life(row, kind, seed).await;
        cell.lives = lives;
        if cell.unmet.is_none() || lives == MOST_LIVES || !cell.wrong.is_empty() {
            cell.wrong.extend(cell.unmet.take());
            return cell;
        }
    }
    unreachable!("it ends with the last life")
}

/// How many faults of single requests have not been met.
async fn remaining(cloud: &Cloud) -> usize {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let answer = client.get(format!("{}/_emulator/faults", cloud.endpoint())).send().await.unwrap();
    let faults: Vec<serde_json::Value> = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    faults.iter().filter(|fault| !fault["times"].is_null()).count()
}

/// The cells to run, by row and column. `CHAOS_CELL` restricts them to those whose name contains it.
fn selected(rows: &[Row], only: &str) -> Vec<(usize, usize)> {
    let all = (0..rows.len()).flat_map(|row| (0..Kind::ALL.len()).map(move |column| (row, column)));
    all.filter(|(row, column)| {
        let (row, kind) = (rows[*row], Kind::ALL[*column]);
        kind.befalls(row.operation, row.phase) && format!("{} {}", row.name(), kind.name()).contains(only)
    })
    .collect()
}

fn table(rows: &[Row], cells: &BTreeMap<(usize, usize), Cell>) -> String {
    let mut table = format!("{:<52}", "operation, apply");
    for kind in Kind::ALL {
        write!(table, "{:>8}", kind.name()).unwrap();
    }
    for (index, row) in rows.iter().enumerate() {
        write!(table, "\n{:<52}", row.name()).unwrap();
        for column in 0..Kind::ALL.len() {
            let is_none = !Kind::ALL[column].befalls(row.operation, row.phase);
            let none = || if is_none { "-   ".to_owned() } else { String::new() };
            write!(table, "{:>8}", cells.get(&(index, column)).map_or_else(none, Cell::shown)).unwrap();
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
                    let cell = cell(which, Kind::ALL[column], seed);
                    let cell = tokio::time::timeout(Duration::from_hours(3), cell).await;
                    let stuck = || Cell { wrong: vec!["it does not end".into()], ..Cell::default() };
                    ((row, column), cell.unwrap_or_else(|_| stuck()))
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await
    });
    LEGEND.call_once(|| println!("{}", legend()));
    // One call prints everything, because other tests print at the same time.
    println!("{}\n{}", table(rows, &cells), summary(rows, &cells));
    let all_green = cells.values().all(|cell| cell.wrong.is_empty());
    assert!(all_green && (!cells.is_empty() || !only.is_empty()));
}

fn legend() -> String {
    let mut legend = format!(
        "· silent, w warning, e error, + one more apply; number of connections that the service created, where {NEEDED} \
         are needed; ! failed; - cannot occur\n"
    );
    for kind in Kind::ALL {
        writeln!(legend, "{:>8}  {}", kind.name(), kind.meaning()).unwrap();
    }
    legend
}

/// The failed cells in full, and the counts.
fn summary(rows: &[Row], cells: &BTreeMap<(usize, usize), Cell>) -> String {
    let mut text = String::new();
    let failed: Vec<_> = cells.iter().filter(|(_, cell)| !cell.wrong.is_empty()).collect();
    for ((row, column), cell) in &failed {
        writeln!(text, "\n{} × {}: {cell:#?}", rows[*row].name(), Kind::ALL[*column].name()).unwrap();
    }
    let skewed = cells.iter().filter(|((_, column), _)| Kind::ALL[*column] == Kind::Skewed);
    let (by_itself, all) = skewed.fold((0, 0), |(some, all), (_, cell)| (some + usize::from(cell.by_itself), all + 1));
    writeln!(text, "clock: in {by_itself} of {all} cells the signature of the row's own operation was rejected")
        .unwrap();
    let lives: usize = cells.values().map(|cell| cell.lives).sum();
    writeln!(text, "{} cells, {} failed, {lives} lives", cells.len(), failed.len()).unwrap();
    text
}
