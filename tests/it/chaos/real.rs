//! The same with real Terraform: some cells of the matrix, and some schedules with real `kill -9`. It is what says that
//! [`super::terraform`] does as Terraform does.
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

use super::blocks::{Configuration, facts};
use super::cloud::{Cloud, PROJECT, REGION};
use super::matrix::{NEEDED, Phase, declared};
use super::trouble::Kind;
use crate::acceptance::harness::{Workspace, for_one_terraform};
use crate::acceptance::signals::processes;
use crate::acceptance::terraform::Terraform;

/// How many go on at a time.
const AT_ONCE: usize = 4;

/// Each operation that changes something and each kind of trouble that is told apart by what was done, once.
const CELLS: [(&str, Phase, Kind); 14] = [
    ("CreateEnhancedConnection", Phase::Make, Kind::Lost),
    ("CreateEnhancedConnection", Phase::Make, Kind::Skewed),
    ("ListEnhancedConnections", Phase::Make, Kind::Throttled),
    ("ShowEnhancedConnection", Phase::Change, Kind::StaleShow),
    ("UpdateEnhancedConnection", Phase::Change, Kind::Internal),
    ("DeleteEnhancedConnection", Phase::Destroy, Kind::CutAnswer),
    ("AssociateQueueToEnhancedConnection", Phase::Make, Kind::Garbled),
    ("DisassociateQueueFromEnhancedConnection", Phase::Change, Kind::Cut),
    ("CreateRouteToEnhancedConnection", Phase::Make, Kind::Half),
    ("DeleteRouteFromEnhancedConnection", Phase::Change, Kind::Unavailable),
    ("RunAuthorizationAction", Phase::Make, Kind::Soft),
    ("ShowEnhancedConnectionPrivilege", Phase::Change, Kind::Late),
    ("ShowResourceTags", Phase::Change, Kind::Forbidden),
    ("BatchCreateResourceTags", Phase::Change, Kind::Limited),
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

/// At most two applies reach what is declared.
#[track_caller]
fn settle(workspace: &Workspace, cloud: &Cloud, wanted: &Configuration, what: &str) {
    let mut applies = 0;
    loop {
        let planned = workspace.run(&["plan", "-detailed-exitcode"]);
        if planned.status.code() == Some(0) {
            break;
        }
        assert!(applies < 2, "{what}: not reached\n{planned}");
        applies += 1;
        workspace.run(&["apply", "-auto-approve"]);
    }
    assert_eq!(cloud.ours(&BTreeSet::new()).as_ref(), Ok(&facts(wanted)), "{what}");
}

fn life(terraform: &Terraform, (operation, met_in, kind): (&str, Phase, Kind)) {
    let what = format!("{operation}, {met_in:?} × {}", kind.name());
    let quirks = [Quirk::NamesNotUnique].into_iter().chain(kind.quirk()).collect();
    let cloud = Cloud::start(Settings { quirks, ..Settings::default() });
    let workspace = workspace(terraform, &cloud);
    for phase in [Phase::Make, Phase::Change, Phase::Destroy] {
        let wanted = declared(phase);
        configure(&workspace, &wanted);
        if phase != met_in {
            workspace.run(&["apply", "-auto-approve"]).expect_code(0);
            continue;
        }
        let before = cloud.requests().len();
        kind.bring(&cloud, operation);
        let applied = workspace.run(&["apply", "-auto-approve"]);
        assert_eq!(kind.unmet(operation, &cloud.requests()[before..]), None, "{what}\n{applied}");
        Kind::end(&cloud);
        settle(&workspace, &cloud, &wanted, &what);
    }
    assert_eq!(cloud.connections(), [], "{what}: left");
    assert_eq!((cloud.created(), cloud.ever().len()), (NEEDED, NEEDED), "{what}: made");
}

fn kill(processes: &[String]) {
    for process in processes {
        // It may have ended by itself meanwhile.
        let _ = Command::new("sh").args(["-c", &format!("kill -9 {process} 2>/dev/null")]).status();
    }
}

fn schedule(terraform: &Terraform, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let quirks: Quirks = [Quirk::NamesNotUnique].into_iter().filter(|_| seed.is_multiple_of(2)).collect();
    let cloud = Cloud::start_mortal(Settings { quirks, ..Settings::default() });
    let workspace = workspace(terraform, &cloud);
    let mut wanted = Configuration::new();
    for round in 0..4 {
        // What a killed run may have made stays declared until the next apply has found it.
        let phase = if round < 2 { Phase::Make } else { Phase::Change };
        wanted = declared(phase);
        configure(&workspace, &wanted);
        let ended = AtomicBool::new(false);
        let (mut troubles, moment, victim) = (rng.fork(), Duration::from_millis(rng.u64(300..4000)), rng.u8(..4));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let kind = troubles.choice(Kind::OF_REQUESTS).expect("there are some");
                    let fault = kind.fault("*").expect("it befalls requests");
                    if cloud.lives() {
                        cloud.emulator().inject(fault.times(1)).expect("it can happen");
                    }
                    thread::sleep(Duration::from_millis(troubles.u64(100..500)));
                }
            });
            let applying = workspace.start(&["apply", "-auto-approve"]);
            thread::sleep(moment);
            match victim {
                0 => kill(&processes(&workspace.provider())),
                1 => applying.signal_group("KILL"),
                2 => {
                    cloud.die();
                    thread::sleep(Duration::from_millis(300));
                    cloud.revive();
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
        assert!(cloud.ours(&BTreeSet::new()).is_ok(), "seed {seed}, apply {round}: {:?}", cloud.ours(&BTreeSet::new()));
    }
    settle(&workspace, &cloud, &wanted, &format!("seed {seed}"));
    configure(&workspace, &Configuration::new());
    settle(&workspace, &cloud, &Configuration::new(), &format!("seed {seed}, destroy"));
}

#[expect(clippy::print_stdout, reason = "so that one sees how far it is")]
fn for_all<T: Copy + Sync + std::fmt::Debug>(all: &[T], test: impl Fn(&Terraform, T) + Sync) {
    for_one_terraform(|terraform| {
        for some in all.chunks(AT_ONCE) {
            thread::scope(|scope| {
                for one in some {
                    scope.spawn(|| test(terraform, *one));
                }
            });
            println!("well: {some:?}");
        }
    });
}

#[test]
#[ignore = "it takes some minutes"]
fn some_cells_of_the_matrix_are_as_with_real_terraform() {
    for_all(&CELLS, life);
}

#[test]
#[ignore = "it takes some minutes"]
fn some_schedules_end_well_with_real_terraform() {
    for_all(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], schedule);
}
