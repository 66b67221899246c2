//! `cargo bench --bench cost`: measures start time, CPU time, memory and binary size of the release build.
//!
//! Fails if a value exceeds its limit. Requires Linux, because it reads `/proc`. Uses the first Terraform on the
//! machine, or `TF_ACC_TERRAFORM_PATH`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use acceptance::harness::{self, Cloud};
use acceptance::terraform::Terraform;
use measured::{Cost, Measured, host, hosts, millis, tenths};

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

const PROVIDER: &str = env!("CARGO_BIN_EXE_terraform-provider-dli");
const STARTS: usize = 20;
/// How often the plan without a change is measured; the least time and the greatest peak count.
const PLANS: usize = 3;
const HOSTS: usize = 20_000;

const MAX_START: Duration = Duration::from_millis(4);
const MAX_SMALL_PEAK: u64 = 11 * 1024;
const MAX_BINARY: u64 = 9_000_000;
const MAX_PLAN_CPU: Duration = Duration::from_millis(120);
const MAX_PEAK: u64 = 60 * 1024;

const EXAMPLE: &str = include_str!("../examples/quickstart/main.tf");
const CONFIGURATION: &str = r#"
resource "dli_enhanced_connection" "test" {
  name            = "test"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  hosts           = jsondecode(file("hosts.json"))
}
"#;

fn main() -> ExitCode {
    let terraform = Terraform::find().next().expect("Terraform is installed if there is none");
    let terraform = terraform.unwrap_or_else(|error| panic!("{}", harness::chain(&error)));
    let mut report = Report { has_failed: false };
    report.say(&format!("{}, {PROVIDER}\n", terraform.version));

    let size = fs::metadata(PROVIDER).expect("cargo built it").len();
    report.line("size of the binary", &format!("{} MB", tenths(size, 1_000_000)), size <= MAX_BINARY, "9 MB");

    let mut starts: Vec<_> = (0..=STARTS).map(|_| start()).skip(1).collect();
    starts.sort();
    let median = (starts[STARTS / 2 - 1] + starts[STARTS / 2]) / 2;
    let shown = format!("{:.1} ms ({:.1}–{:.1})", millis(median), millis(starts[0]), millis(starts[STARTS - 1]));
    report.line("start to handshake line, median of 20", &shown, median <= MAX_START, "4 ms");

    let cloud = Cloud::start();
    let workspace = Measured::new(&cloud, &terraform, "");
    workspace.workspace.configure(EXAMPLE);
    let small = workspace.run(&["plan"]);
    report.line("a small plan: peak memory", &small.peak_text(), small.peak <= MAX_SMALL_PEAK, "11 MiB");

    report.say(&format!("\nWith {HOSTS} hosts of one connection, over all the provider's processes:\n"));
    let mut hosts = hosts(HOSTS);
    workspace.workspace.configure(CONFIGURATION);
    workspace.write_hosts(&hosts);
    report.step("create", &workspace.run(&["apply", "-auto-approve"]), None);
    let plans = (0..PLANS).map(|_| workspace.run(&["plan", "-detailed-exitcode"]));
    report.step("plan without a change", &Cost::of_runs(plans), Some(MAX_PLAN_CPU));
    hosts.insert(host(12_345), "10.9.9.9".to_owned());
    workspace.write_hosts(&hosts);
    report.step("change of one host", &workspace.run(&["apply", "-auto-approve"]), None);
    report.step("destroy", &workspace.run(&["destroy", "-auto-approve"]), None);
    cloud.expect_empty();
    if report.has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The time from the start of the process to its handshake line, with a client certificate as from Terraform.
fn start() -> Duration {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).expect("a supported algorithm");
    let parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a valid name");
    let certificate = parameters.self_signed(&key).expect("a key of this algorithm").pem();
    let mut command = Command::new(PROVIDER);
    command.env("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");
    command.env("PLUGIN_PROTOCOL_VERSIONS", "6").env("PLUGIN_CLIENT_CERT", certificate);
    // A killed provider does not remove its socket.
    let directory = tempfile::tempdir().expect("a writable directory");
    command.env("TMPDIR", directory.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().expect("cargo built it");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("standard output is piped")).read_line(&mut line).expect("a line");
    let took = started.elapsed();
    child.kill().and_then(|()| child.wait()).expect("a child process");
    assert!(line.starts_with("1|6|unix|"), "not a handshake: {line}");
    took
}

/// Prints the table. Returns whether all values are within their limits.
struct Report {
    has_failed: bool,
}

impl Report {
    fn line(&mut self, what: &str, figure: &str, is_met: bool, limit: &str) {
        self.has_failed |= !is_met;
        self.say(&format!("{what:<40} {figure:>22}   {} at most {limit}", if is_met { "met:   " } else { "NOT MET:" }));
    }

    fn step(&mut self, what: &str, cost: &Cost, max_cpu: Option<Duration>) {
        let cpu = format!("{:.0} ms in {} processes", millis(cost.cpu), cost.processes);
        match max_cpu {
            Some(max) => self.line(&format!("{what}: CPU"), &cpu, cost.cpu <= max, "120 ms"),
            None => self.say(&format!(
                "{:<40} {cpu:>22}   ({:.1} s in all)",
                format!("{what}: CPU"),
                cost.whole.as_secs_f64()
            )),
        }
        self.line(&format!("{what}: peak memory"), &cost.peak_text(), cost.peak <= MAX_PEAK, "60 MiB each");
    }

    #[expect(clippy::print_stdout, clippy::unused_self, reason = "the report is the program's output")]
    fn say(&self, text: &str) {
        println!("{text}");
    }
}
