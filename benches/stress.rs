//! `cargo bench --bench stress`: 64 concurrent clients send valid and invalid requests to the emulator program.
//!
//! Fails on a server error, if an acknowledged change is lost, or if the memory of the program keeps growing. The
//! bounded request log is filled first, and the memory is then compared with that after a minute, before the clients
//! compare their lists. Before the load, it fails if the program takes longer than 10 ms to start, or has more than 10
//! MiB of memory after the first requests. `STRESS_SECONDS` and `STRESS_SEED` override the defaults of 60 and 7.
//! Requires Linux, because it reads `/proc`.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use stress::{Crowd, Report};
use tokio::runtime::Runtime;

#[expect(dead_code, reason = "the emulator's tests use the rest")]
#[path = "../tests/it/emulator/harness.rs"]
mod harness;
#[path = "../tests/it/emulator/stress.rs"]
mod stress;

const CLIENTS: u64 = 64;
/// More than twice the capacity of the request log of 100,000. Requests without a response are not logged, and the log
/// has its final mix only after it has been filled twice.
const FILL: u64 = 250_000;
/// The allowed growth of memory after the log is full, for the connections that are created later.
const MOST_GROWTH: u64 = 10;

/// The number of starts whose median is compared with the limit.
const STARTS: usize = 21;
/// The allowed time until the program prints its address, which can then be used.
const LONGEST_START: Duration = Duration::from_millis(10);
/// The allowed memory before the load, in KiB.
const MOST_AT_REST: u64 = 10 * 1024;

/// The emulator program, which is killed on drop.
struct Program {
    child: Child,
    endpoint: String,
    /// The time until it printed its address.
    start: Duration,
}

impl Program {
    fn start() -> Self {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_dli-emulator"))
            .args(["--port", "0", "--quiet", "--binding-delay", "0s"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let mut greeting = BufReader::new(child.stdout.take().expect("piped")).lines();
        let first = greeting.next().expect("a greeting").expect("text");
        let start = started.elapsed();
        let endpoint = first.split(' ').find(|word| word.starts_with("http://")).expect("an address").to_owned();
        std::thread::spawn(move || greeting.for_each(drop));
        Self { child, endpoint, start }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The median start time, and the memory after requests for the page, the OpenAPI document and the settings, in KiB.
fn at_rest(runtime: &Runtime) -> (Duration, u64) {
    let mut starts: Vec<_> = (0..STARTS).map(|_| Program::start().start).collect();
    starts.sort();
    let program = Program::start();
    for path in ["/_emulator/ui", "/_emulator/openapi.json", "/_emulator/settings"] {
        let page = runtime.block_on(harness::client().get(format!("{}{path}", program.endpoint)).send());
        assert!(page.is_ok_and(|page| page.status().is_success()), "{path}");
    }
    (starts[STARTS / 2], memory(program.child.id()))
}

fn main() -> ExitCode {
    let number = |name: &str, usual| env::var(name).ok().map_or(usual, |text| text.parse().expect("a number"));
    let (seconds, seed) = (number("STRESS_SECONDS", 60), number("STRESS_SEED", 7));
    let runtime = Runtime::new().expect("threads can be started");
    let rest = at_rest(&runtime);
    let program = Program::start();
    let process = program.child.id();
    let crowd = Crowd::new(&program.endpoint, CLIENTS, seed);
    let crowd = runtime.block_on(crowd.work(|round| round < FILL / CLIENTS));
    let full = memory(process);
    let began = Instant::now();
    let span = Duration::from_secs(seconds);
    let crowd = runtime.block_on(crowd.work(move |_| began.elapsed() < span));
    let took = began.elapsed();
    let end = memory(process);
    say(&runtime.block_on(crowd.compare()), took, (full, end), rest)
}

#[expect(clippy::print_stdout, reason = "it is a program")]
fn say(report: &Report, took: Duration, (full, end): (u64, u64), (start, rest): (Duration, u64)) -> ExitCode {
    let mut requests = 0;
    println!("{:<14} {:>6} {:>9}", "request", "status", "times");
    for ((what, status), count) in &report.answers {
        println!("{what:<14} {status:>6} {count:>9}");
        requests += count;
    }
    let faults: u64 = report.answers.iter().filter(|((_, status), _)| *status >= 500).map(|(_, count)| count).sum();
    let growth = end.saturating_sub(full) * 100 / full.max(1);
    println!(
        "\n{CLIENTS} clients, {requests} requests; {FILL} filled the log, the others came in the {} s after that",
        took.as_secs()
    );
    println!("answers that are faults (5xx): {faults}");
    println!("connections compared: {}, lost or other than answered: {}", report.compared, report.wrong.len());
    println!("memory: {} MiB with a full log, {} MiB in the end, {growth} % more", full / 1024, end / 1024);
    let tenths = rest * 10 / 1024;
    println!("median start: {start:.1?}, memory at rest: {}.{} MiB", tenths / 10, tenths % 10);
    for one in report.wrong.iter().take(20) {
        println!("  {one}");
    }
    let is_small = start <= LONGEST_START && rest <= MOST_AT_REST;
    let good = faults == 0 && report.wrong.is_empty() && growth <= MOST_GROWTH && is_small;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The resident memory of a process, in KiB.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}
