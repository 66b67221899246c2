//! `cargo bench --bench pace`: manages a hundred connections through a gateway with a limit of five calls per second.
//!
//! Fails if a command that needs more than a second takes over 25% longer than necessary. The necessary time is the
//! number of calls without a limit, divided by five. Takes some minutes. Uses the first Terraform on the machine, or
//! `TF_ACC_TERRAFORM_PATH`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use acceptance::harness::{self, Cloud};
use acceptance::terraform::Terraform;
use terraform_provider_dli::emulator::Settings;

/// The shared code of the acceptance tests, at the same module path.
#[expect(dead_code, unused_imports, reason = "the acceptance tests use the rest")]
#[path = "../tests/it/acceptance"]
mod acceptance {
    pub(super) mod harness;
    #[path = "../../../examples/quickstart/terraform.rs"]
    pub(super) mod terraform;
}

const MOST: f64 = 1.25;
const CALLS_A_SECOND: f64 = 5.0;

const CONFIGURATION: &str = r#"
resource "dli_enhanced_connection" "test" {
  count           = 100
  name            = "c${count.index}"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  tags            = { number = count.index }
}
"#;

/// The commands. Each starts its own provider processes.
const COMMANDS: [(&str, &[&str]); 4] = [
    ("plan", &["plan", "-out=made", "-json", "-parallelism=50"]),
    ("apply", &["apply", "-json", "-parallelism=50", "made"]),
    ("refresh", &["plan", "-detailed-exitcode", "-json", "-parallelism=50"]),
    ("destroy", &["destroy", "-auto-approve", "-json", "-parallelism=50"]),
];

/// The measurements of one command.
struct Measured {
    time: Duration,
    answered: usize,
    refused: usize,
}

fn main() -> ExitCode {
    let terraform = Terraform::find().next().expect("where none is found, one is installed");
    let terraform = terraform.unwrap_or_else(|error| panic!("{}", harness::chain(&error)));
    let free = run(&terraform, None);
    let paced = run(&terraform, Some("5/1s"));
    say("command   calls  needed  refused     ideal      took  ratio");
    let mut broken = false;
    for (((name, _), free), paced) in COMMANDS.iter().zip(free).zip(paced) {
        let ideal = Duration::from_secs_f64(f64::from(u32::try_from(free.answered).expect("few")) / CALLS_A_SECOND);
        let ratio = if ideal.is_zero() { 1.0 } else { paced.time.as_secs_f64() / ideal.as_secs_f64() };
        // For a command with few calls, the start takes most of the time.
        broken |= ratio > MOST && ideal >= Duration::from_secs(1);
        let Measured { time, answered, refused } = paced;
        let needed = free.answered;
        say(&format!(
            "{name:8} {answered:6} {needed:7} {refused:8} {:>8.1}s {:>8.1}s {ratio:6.2}",
            ideal.as_secs_f64(),
            time.as_secs_f64()
        ));
    }
    say(&format!("most: {MOST:.2}; no command reported an error or a warning"));
    if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn run(terraform: &Terraform, limit: Option<&str>) -> Vec<Measured> {
    let limit = limit.map(|limit| limit.parse().expect("a limit"));
    let cloud = Cloud::start_with(Settings { limit, ..Settings::default() });
    let workspace = cloud.workspace(terraform);
    workspace.configure(CONFIGURATION);
    let measure = |(name, arguments): (&str, &[&str])| {
        let (before, began) = (cloud.requests().len(), Instant::now());
        let finished = workspace.start(arguments).wait_at_most(Duration::from_mins(5));
        let time = began.elapsed();
        let diagnostics = finished.expect_code(0).diagnostics();
        assert!(diagnostics.is_empty(), "{name}: {diagnostics:?}");
        let requests = &cloud.requests()[before..];
        let refused = requests.iter().filter(|request| request.status == 429).count();
        Measured { time, answered: requests.len() - refused, refused }
    };
    let measured = COMMANDS.map(measure).into();
    cloud.expect_empty();
    measured
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its results")]
fn say(line: &str) {
    println!("{line}");
}
