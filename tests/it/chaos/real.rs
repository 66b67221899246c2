//! Some cells of the matrix and some schedules with real Terraform and real `kill -9`.
//!
//! They show that [`super::terraform`] behaves as Terraform does.
//!
//! ```text
//! cargo test --test it chaos::real -- --ignored --nocapture
//! ```

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use terraform_provider_dli::emulator::{ACCESS_KEY, Quirk, Quirks, SECRET_KEY, Settings};

use super::blocks::{Configuration, details};
use super::cloud::{Cloud, PROJECT, REGION};
use super::matrix::{CONNECTIONS_PER_RUN, Phase, configuration};
use super::scenario::Scenario;
use crate::acceptance::harness::{Workspace, for_one_terraform};
use crate::acceptance::signals::processes;
use crate::acceptance::terraform::Terraform;

/// The number of tests that run at a time.
const CONCURRENCY: usize = 4;

/// Every operation that changes something, and every scenario with a different effect, once.
const CELLS: [(&str, Phase, Scenario); 14] = [
    ("CreateEnhancedConnection", Phase::Create, Scenario::LostResponse),
    ("CreateEnhancedConnection", Phase::Create, Scenario::ClockSkew),
    ("ListEnhancedConnections", Phase::Create, Scenario::Throttled),
    ("ShowEnhancedConnection", Phase::Update, Scenario::StaleShow),
    ("UpdateEnhancedConnection", Phase::Update, Scenario::InternalError),
    ("DeleteEnhancedConnection", Phase::Destroy, Scenario::CutResponse),
    ("AssociateQueueToEnhancedConnection", Phase::Create, Scenario::InvalidResponse),
    ("DisassociateQueueFromEnhancedConnection", Phase::Update, Scenario::CutRequest),
    ("CreateRouteToEnhancedConnection", Phase::Create, Scenario::TruncatedResponse),
    ("DeleteRouteFromEnhancedConnection", Phase::Update, Scenario::Unavailable),
    ("RunAuthorizationAction", Phase::Create, Scenario::SoftFailure),
    ("ShowEnhancedConnectionPrivilege", Phase::Update, Scenario::Delay),
    ("ShowResourceTags", Phase::Update, Scenario::Forbidden),
    ("BatchCreateResourceTags", Phase::Update, Scenario::RateLimit),
];

fn workspace(terraform: &Terraform, cloud: &Cloud) -> Workspace {
    let block = format!(
        "provider \"dli\" {{\n  region = {REGION:?}\n  project_id = {PROJECT:?}\n  access_key = {ACCESS_KEY:?}\n  \
         secret_key = {SECRET_KEY:?}\n  endpoints = {{ dli = {:?} }}\n}}\n",
        cloud.endpoint()
    );
    Workspace::new(terraform).with_provider(&block)
}

fn configure(workspace: &Workspace, configuration: &Configuration) {
    let blocks: Vec<_> = configuration.iter().map(|(address, block)| block.hcl(address)).collect();
    workspace.configure(&blocks.join("\n"));
}

/// Requires that at most two applies reach the configuration.
#[track_caller]
fn apply_until_unchanged(workspace: &Workspace, cloud: &Cloud, wanted: &Configuration, what: &str) {
    let mut applies = 0;
    loop {
        let planned = workspace.run(&["plan", "-detailed-exitcode"]);
        if planned.status.code() == Some(0) {
            break;
        }
        assert!(applies < 2, "{what}: the plan is not empty\n{planned}");
        applies += 1;
        workspace.run(&["apply", "-auto-approve"]);
    }
    assert_eq!(cloud.own_connections(&BTreeSet::new()).as_ref(), Ok(&details(wanted)), "{what}");
}

fn run_cell(terraform: &Terraform, (operation, fault_phase, scenario): (&str, Phase, Scenario)) {
    let what = format!("{operation}, {fault_phase:?} × {}", scenario.name());
    let quirks = [Quirk::NamesNotUnique].into_iter().chain(scenario.quirk()).collect();
    let cloud = Cloud::start(Settings { quirks, ..Settings::default() });
    let workspace = workspace(terraform, &cloud);
    for phase in [Phase::Create, Phase::Update, Phase::Destroy] {
        let wanted = configuration(phase);
        configure(&workspace, &wanted);
        if phase != fault_phase {
            workspace.run(&["apply", "-auto-approve"]).expect_code(0);
            continue;
        }
        let before = cloud.requests().len();
        scenario.inject(&cloud, operation);
        let applied = workspace.run(&["apply", "-auto-approve"]);
        assert_eq!(scenario.missing_effect(operation, &cloud.requests()[before..]), None, "{what}\n{applied}");
        Scenario::clear(&cloud);
        apply_until_unchanged(&workspace, &cloud, &wanted, &what);
    }
    assert_eq!(cloud.connections(), [], "{what}: left behind");
    assert_eq!(
        (cloud.creation_count(), cloud.all_connections().len()),
        (CONNECTIONS_PER_RUN, CONNECTIONS_PER_RUN),
        "{what}: created"
    );
}

fn kill(processes: &[String]) {
    for process in processes {
        // The process may have exited already.
        let _ = Command::new("sh").args(["-c", &format!("kill -9 {process} 2>/dev/null")]).status();
    }
}

fn schedule(terraform: &Terraform, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let quirks: Quirks = [Quirk::NamesNotUnique].into_iter().filter(|_| seed.is_multiple_of(2)).collect();
    let cloud = Cloud::start_killable(Settings { quirks, ..Settings::default() });
    let workspace = workspace(terraform, &cloud);
    let mut wanted = Configuration::new();
    for round in 0..4 {
        // A connection that a killed run may have created stays configured until the next apply has found it.
        let phase = if round < 2 { Phase::Create } else { Phase::Update };
        wanted = configuration(phase);
        configure(&workspace, &wanted);
        let ended = AtomicBool::new(false);
        let (mut fault_rng, moment, victim) = (rng.fork(), Duration::from_millis(rng.u64(300..4000)), rng.u8(..4));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let scenario = fault_rng.choice(Scenario::PER_REQUEST).expect("a scenario");
                    let fault = scenario.fault("*").expect("a fault for requests");
                    if cloud.is_running() {
                        cloud.emulator().inject(fault.times(1)).expect("a valid fault");
                    }
                    thread::sleep(Duration::from_millis(fault_rng.u64(100..500)));
                }
            });
            let applying = workspace.start(&["apply", "-auto-approve"]);
            thread::sleep(moment);
            match victim {
                0 => kill(&processes(&workspace.provider())),
                1 => applying.signal_group("KILL"),
                2 => {
                    cloud.kill();
                    thread::sleep(Duration::from_millis(300));
                    cloud.restart();
                }
                _ => {}
            }
            if victim == 1 {
                drop(applying);
                kill(&processes(&workspace.provider()));
                let _ = std::fs::remove_file(workspace.path().join(".terraform.tfstate.lock.info"));
            } else {
                applying.wait();
            }
            ended.store(true, Ordering::Relaxed);
        });
        cloud.emulator().clear_faults();
        assert!(
            cloud.own_connections(&BTreeSet::new()).is_ok(),
            "seed {seed}, apply {round}: {:?}",
            cloud.own_connections(&BTreeSet::new())
        );
    }
    apply_until_unchanged(&workspace, &cloud, &wanted, &format!("seed {seed}"));
    configure(&workspace, &Configuration::new());
    apply_until_unchanged(&workspace, &cloud, &Configuration::new(), &format!("seed {seed}, destroy"));
}

#[expect(clippy::print_stdout, reason = "shows the progress")]
fn run_concurrently<T: Copy + Sync + std::fmt::Debug>(all: &[T], test: impl Fn(&Terraform, T) + Sync) {
    for_one_terraform(|terraform| {
        for some in all.chunks(CONCURRENCY) {
            thread::scope(|scope| {
                for one in some {
                    scope.spawn(|| test(terraform, *one));
                }
            });
            println!("passed: {some:?}");
        }
    });
}

#[test]
#[ignore = "takes some minutes"]
fn matrix_cells_pass_with_real_terraform() {
    run_concurrently(&CELLS, run_cell);
}

#[test]
#[ignore = "takes some minutes"]
fn schedules_pass_with_real_terraform() {
    run_concurrently(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], schedule);
}
