//! `cargo bench --bench refresh`: measures a plan without changes of up to 1,000 connections, beside Terraform's own
//! resource `terraform_data`.
//!
//! Fails if a value exceeds its limit. Takes some minutes. Requires Linux, because it reads `/proc`. Uses the first
//! Terraform on the machine, or `TF_ACC_TERRAFORM_PATH`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use acceptance::harness::{self, Cloud, PROJECT, Workspace};
use acceptance::terraform::Terraform;
use measured::{Cost, Measured, hosts, millis};
use terraform_provider_dli::dli::wire::Queue;
use terraform_provider_dli::emulator::Quirk;

/// The shared code of the acceptance tests, at the same module path.
#[expect(dead_code, unused_imports, reason = "the acceptance tests use the rest")]
#[path = "../tests/it/acceptance"]
mod acceptance {
    pub(super) mod harness;
    #[path = "../../../examples/quickstart/terraform.rs"]
    pub(super) mod terraform;
}
#[path = "shared/measured.rs"]
mod measured;

const PLAN: [&str; 2] = ["plan", "-detailed-exitcode"];
/// Without a refresh, the provider reads nothing, and nearly all of the run time is Terraform's.
const PLAN_WITHOUT_REFRESH: [&str; 3] = ["plan", "-detailed-exitcode", "-refresh=false"];
const APPLY: [&str; 3] = ["apply", "-auto-approve", "-parallelism=40"];
/// How often a plan is measured; the least time and the greatest peak count.
const RUNS: usize = 3;

const BINDINGS: u8 = 10;

/// Maximum of the run time, as a multiple of that of `terraform_data`.
const MAX_RATIO: f64 = 1.5;
/// Maximum exponent of the CPU time as a power of the number of connections; 1 is linear.
const MAX_EXPONENT: f64 = 1.05;
const MAX_PEAK_MIB: u64 = 40;
const MAX_PEAK_WITH_HOSTS_MIB: u64 = 200;

fn main() -> ExitCode {
    let terraform = Terraform::find().next().expect("Terraform is installed if there is none");
    let terraform = terraform.unwrap_or_else(|error| panic!("{}", harness::chain(&error)));
    let mut report = Report { has_failed: false };
    say(&format!("{}\n", terraform.version));

    say("Requests of a plan without changes:");
    for (objects, pages_of_100, configuration, max) in [
        ("3 connections with tags", false, connections(3), 6),
        ("1 connection with 30 routes and 10 bindings", false, parts(), 3),
        ("1,000 connections with tags, pages of 100", true, connections(1000), 25),
        ("1,000 connections with tags, pages of 1,000", false, connections(1000), 4),
    ] {
        let (cloud, workspace) = applied(&terraform, &configuration);
        if pages_of_100 {
            cloud.emulator().set_quirks([Quirk::PagesOf100]);
        }
        let before = cloud.requests().len();
        workspace.run(&PLAN);
        let requests = cloud.requests().len() - before;
        report.line(objects, &requests.to_string(), requests <= max, &max.to_string());
    }

    say("\nRun time, CPU time and memory of the same plan:");
    let builtin = Workspace::new(&terraform);
    builtin.write("versions.tf", "");
    builtin.configure("resource \"terraform_data\" \"test\" {\n  count = 1000\n  input = count.index\n}\n");
    builtin.run(&APPLY).expect_code(0);
    let mut costs = Vec::new();
    let mut fastest_builtin = Duration::MAX;
    let mut fastest_without_refresh = Duration::MAX;
    for count in [10, 100, 1000] {
        let (_cloud, workspace) = applied(&terraform, &connections(count));
        let runs = (0..RUNS).map(|_| {
            let cost = workspace.run(&PLAN);
            // In turn, so that both meet the same load of the machine.
            let started = std::time::Instant::now();
            builtin.run(&PLAN).expect_code(0);
            fastest_builtin = fastest_builtin.min(started.elapsed());
            if count == 1000 {
                fastest_without_refresh = fastest_without_refresh.min(workspace.run(&PLAN_WITHOUT_REFRESH).whole);
            }
            cost
        });
        let cost = Cost::of_runs(runs);
        say(&format!(
            "{:<46} {:>9.2} s   {:>6.0} ms CPU in {} processes   {:>9}",
            format!("{count} connections with tags"),
            cost.whole.as_secs_f64(),
            millis(cost.cpu),
            cost.processes,
            cost.peak_text()
        ));
        costs.push((f64::from(count), cost));
    }
    for (plan, took) in
        [("1000 connections with -refresh=false", fastest_without_refresh), ("1000 terraform_data", fastest_builtin)]
    {
        say(&format!("{plan:<46} {:>9.2} s", took.as_secs_f64()));
    }
    let [(_, ten), (_, hundred), (_, thousand)] = costs[..] else { unreachable!("three measurements") };
    let ratio = thousand.whole.as_secs_f64() / fastest_builtin.as_secs_f64();
    report.line("run time / run time of terraform_data", &format!("{ratio:.2}"), ratio <= MAX_RATIO, "1.5");
    for (name, from, to) in [("10 to 100", ten, hundred), ("100 to 1,000", hundred, thousand)] {
        let exponent = (to.cpu.as_secs_f64() / from.cpu.as_secs_f64()).log10();
        report.line(&format!("exponent of CPU, {name}"), &format!("{exponent:.2}"), exponent <= MAX_EXPONENT, "1.05");
    }
    report.peak("1,000 connections: peak memory", &thousand, MAX_PEAK_MIB);

    let (_cloud, workspace) = applied(&terraform, &many(20, "hosts           = jsondecode(file(\"hosts.json\"))"));
    report.peak("20 connections with 20,000 hosts: peak memory", &workspace.run(&PLAN), MAX_PEAK_WITH_HOSTS_MIB);
    if report.has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// An emulator and a workspace in which the configuration is applied.
fn applied(terraform: &Terraform, configuration: &str) -> (Cloud, Measured) {
    let cloud = Cloud::start();
    let template =
        cloud.emulator().queues(PROJECT).into_iter().find(|queue| queue.queue_name == "q1").expect("a queue");
    for number in 0..BINDINGS {
        let cidr_in_vpc = format!("10.200.{number}.0/24");
        cloud.edit(|project| project.put_queue(Queue { queue_name: queue(number), cidr_in_vpc, ..template.clone() }));
    }
    let workspace = Measured::new(&cloud, terraform, "plan_checks = false");
    workspace.workspace.configure(configuration);
    workspace.write_hosts(&hosts(20_000));
    workspace.run(&APPLY);
    (cloud, workspace)
}

fn connections(count: u16) -> String {
    many(count, "tags            = { number = count.index }")
}

/// The name of a queue that can be bound.
fn queue(number: u8) -> String {
    format!("queue_{number}")
}

fn many(count: u16, attribute: &str) -> String {
    format!(
        r#"
resource "dli_enhanced_connection" "test" {{
  count           = {count}
  name            = "test_${{count.index}}"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  {attribute}
}}
"#
    )
}

/// A connection with 30 routes and 10 bindings as separate resources.
fn parts() -> String {
    let mut text = many(1, "");
    for number in 0..30 {
        let _ = write!(
            text,
            "resource \"dli_enhanced_connection_route\" \"r{number}\" {{\n  connection_id = \
             dli_enhanced_connection.test[0].id\n  name = \"r{number}\"\n  cidr = \"10.{number}.0.0/16\"\n}}\n"
        );
    }
    for number in 0..BINDINGS {
        let name = queue(number);
        let _ = write!(
            text,
            "resource \"dli_enhanced_connection_binding\" \"{name}\" {{\n  connection_id = \
             dli_enhanced_connection.test[0].id\n  queue = \"{name}\"\n}}\n"
        );
    }
    text
}

struct Report {
    has_failed: bool,
}

impl Report {
    fn line(&mut self, what: &str, figure: &str, is_met: bool, limit: &str) {
        self.has_failed |= !is_met;
        say(&format!("{what:<46} {figure:>11}   {} at most {limit}", if is_met { "met:    " } else { "NOT MET:" }));
    }

    fn peak(&mut self, what: &str, cost: &Cost, max: u64) {
        self.line(what, &cost.peak_text(), cost.peak <= max * 1024, &format!("{max} MiB"));
    }
}

#[expect(clippy::print_stdout, reason = "the report is the program's output")]
fn say(text: &str) {
    println!("{text}");
}
