//! `cargo bench --bench cost`: measures start time, CPU time, memory and binary size of the release build.
//!
//! Fails if a value exceeds its limit. Requires Linux, because it reads `/proc`. Uses the first Terraform on the
//! machine, or `TF_ACC_TERRAFORM_PATH`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use acceptance::harness::{self, Cloud, Workspace};
use acceptance::terraform::Terraform;

/// The shared code of the acceptance tests, at the same module path.
#[expect(dead_code, unused_imports, reason = "the acceptance tests use the rest")]
#[path = "../tests/it/acceptance"]
mod acceptance {
    pub(super) mod harness;
    #[path = "../../../examples/quickstart/terraform.rs"]
    pub(super) mod terraform;
}

const PROVIDER: &str = env!("CARGO_BIN_EXE_terraform-provider-dli");
/// A wrapper that Terraform starts instead of the provider, and that measures it.
const MEASURE: &str = include_str!("measure.py");
const STARTS: usize = 20;
const HOSTS: usize = 20_000;

const MOST_START: Duration = Duration::from_millis(10);
const MOST_SMALL_PEAK: u64 = 20 * 1024;
const MOST_BINARY: u64 = 10_000_000;
const MOST_PLAN_CPU: Duration = Duration::from_millis(500);
const MOST_PEAK: u64 = 80 * 1024;

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
    let terraform = Terraform::find().next().expect("where none is found, one is installed");
    let terraform = terraform.unwrap_or_else(|error| panic!("{}", harness::chain(&error)));
    let mut report = Report { broken: false };
    report.say(&format!("{}, {PROVIDER}\n", terraform.version));

    let size = fs::metadata(PROVIDER).expect("it was built").len();
    report.line("size of the binary", &format!("{} MB", tenths(size, 1_000_000)), size <= MOST_BINARY, "10 MB");

    let mut starts: Vec<_> = (0..=STARTS).map(|_| start()).skip(1).collect();
    starts.sort();
    let median = (starts[STARTS / 2 - 1] + starts[STARTS / 2]) / 2;
    let shown = format!("{:.1} ms ({:.1}–{:.1})", millis(median), millis(starts[0]), millis(starts[STARTS - 1]));
    report.line("start to handshake line, median of 20", &shown, median <= MOST_START, "10 ms");

    let cloud = Cloud::start();
    let workspace = Measured::new(&cloud, &terraform);
    workspace.workspace.configure(EXAMPLE);
    let small = workspace.run(&["plan"]);
    report.line("a small plan: peak memory", &small.peak_text(), small.peak <= MOST_SMALL_PEAK, "20 MiB");

    report.say(&format!("\nWith {HOSTS} hosts of one connection, over all the provider's processes:\n"));
    let mut hosts: BTreeMap<_, _> = (0..HOSTS).map(|number| (host(number), address(number))).collect();
    workspace.workspace.configure(CONFIGURATION);
    workspace.write(&hosts);
    report.step("create", &workspace.run(&["apply", "-auto-approve"]), None);
    report.step("plan without a change", &workspace.run(&["plan", "-detailed-exitcode"]), Some(MOST_PLAN_CPU));
    hosts.insert(host(12_345), "10.9.9.9".to_owned());
    workspace.write(&hosts);
    report.step("change of one host", &workspace.run(&["apply", "-auto-approve"]), None);
    report.step("destroy", &workspace.run(&["destroy", "-auto-approve"]), None);
    cloud.expect_empty();
    if report.broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The time from the start of the process to its handshake line, with a client certificate as from Terraform.
fn start() -> Duration {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).expect("the algorithm is supported");
    let parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("the name is one");
    let certificate = parameters.self_signed(&key).expect("the key fits").pem();
    let mut command = Command::new(PROVIDER);
    command.env("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");
    command.env("PLUGIN_PROTOCOL_VERSIONS", "6").env("PLUGIN_CLIENT_CERT", certificate);
    // A killed provider does not remove its socket.
    let traces = tempfile::tempdir().expect("a directory can be made");
    command.env("TMPDIR", traces.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().expect("it was built");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it was piped")).read_line(&mut line).expect("it writes a line");
    let took = begun.elapsed();
    child.kill().and_then(|()| child.wait()).expect("it is our child");
    assert!(line.starts_with("1|6|unix|"), "not a handshake: {line}");
    took
}

/// A workspace with the measured provider.
struct Measured {
    workspace: Workspace,
}

/// The measurements of one command.
struct Cost {
    /// CPU time in user and kernel mode of all provider processes.
    cpu: Duration,
    /// The maximum resident memory of a provider process, in KiB.
    peak: u64,
    /// The number of provider processes.
    processes: usize,
    /// Terraform's run time.
    whole: Duration,
}

impl Measured {
    fn new(cloud: &Cloud, terraform: &Terraform) -> Self {
        let workspace = cloud.workspace(terraform);
        let home = workspace.path().join("measured");
        fs::create_dir(&home).expect("the directory is ours");
        fs::rename(workspace.provider(), home.join("terraform-provider-dli")).expect("both are ours");
        fs::write(workspace.provider(), MEASURE).expect("the directory is ours");
        fs::set_permissions(workspace.provider(), fs::Permissions::from_mode(0o755)).expect("the file is ours");
        Self { workspace }
    }

    fn write(&self, hosts: &BTreeMap<String, String>) {
        self.workspace.write("hosts.json", &serde_json::to_string(hosts).expect("it is a map of texts"));
    }

    fn run(&self, arguments: &[&str]) -> Cost {
        let file = self.workspace.path().join("usage");
        let begun = Instant::now();
        self.workspace.run(arguments).expect_code(0);
        let whole = begun.elapsed();
        let text = fs::read_to_string(&file).expect("a provider was started");
        fs::remove_file(&file).expect("it is ours");
        let parse = |line: &str| -> Option<(u64, u64)> {
            let (cpu, peak) = line.split_once(' ')?;
            Some((cpu.parse().ok()?, peak.parse().ok()?))
        };
        let usage: Vec<_> = text.lines().map(|line| parse(line).expect("measure.py writes two numbers")).collect();
        Cost {
            cpu: Duration::from_micros(usage.iter().map(|(cpu, _)| cpu).sum()),
            peak: usage.iter().map(|&(_, peak)| peak).max().unwrap_or(0),
            processes: usage.len(),
            whole,
        }
    }
}

impl Cost {
    fn peak_text(&self) -> String {
        format!("{} MiB", tenths(self.peak, 1024))
    }
}

/// Names of about 80 characters, so that one message exceeds gRPC's default limit of 4 MiB.
fn host(number: usize) -> String {
    format!("host-{number:05}.{}.example.com", "a-long-department-name".repeat(3))
}

fn address(number: usize) -> String {
    format!("10.0.{}.{}", number / 250, number % 250)
}

/// Formats `count` in this unit with one decimal.
fn tenths(count: u64, unit: u64) -> String {
    let tenths = count * 10 / unit;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Prints the table. Returns whether all values are within their limits.
struct Report {
    broken: bool,
}

impl Report {
    fn line(&mut self, what: &str, figure: &str, kept: bool, promise: &str) {
        self.broken |= !kept;
        self.say(&format!("{what:<40} {figure:>22}   {} at most {promise}", if kept { "kept:  " } else { "BROKEN:" }));
    }

    fn step(&mut self, what: &str, cost: &Cost, most_cpu: Option<Duration>) {
        let cpu = format!("{:.0} ms in {} processes", millis(cost.cpu), cost.processes);
        match most_cpu {
            Some(most) => self.line(&format!("{what}: CPU"), &cpu, cost.cpu <= most, "500 ms"),
            None => self.say(&format!(
                "{:<40} {cpu:>22}   ({:.1} s in all)",
                format!("{what}: CPU"),
                cost.whole.as_secs_f64()
            )),
        }
        self.line(&format!("{what}: peak memory"), &cost.peak_text(), cost.peak <= MOST_PEAK, "80 MiB each");
    }

    #[expect(clippy::print_stdout, clippy::unused_self, reason = "it is a program for people")]
    fn say(&self, text: &str) {
        println!("{text}");
    }
}
