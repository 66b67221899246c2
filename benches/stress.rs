//! `cargo bench --bench stress`: 64 clients at once against the emulator as a program, with requests right and wrong. Fails
//! where one of them is answered with a fault of the server, where something that was answered is lost, or where the
//! program's memory goes on growing.
//!
//! First the request log is filled, which is bounded and large; what memory there is then is compared with that after the
//! minute. (Before the clients compare: 64 lists of all that there is, all at once, are no measure of what is kept.)
//! `STRESS_SECONDS` and `STRESS_SEED` set other figures than 60 and 7. Linux only, for it reads `/proc`.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use stress::{Crowd, Report};

#[expect(dead_code, reason = "the emulator's tests use the rest")]
#[path = "../tests/it/emulator/harness.rs"]
mod harness;
#[path = "../tests/it/emulator/stress.rs"]
mod stress;

const CLIENTS: u64 = 64;
/// More than twice what the log holds, which is 100,000: requests whose client hung up are not in it, and what it holds is
/// of the mix that it keeps only after it has been filled a second time.
const FILL: u64 = 250_000;
/// By how much the memory may have grown since the log was full, for the connections that were made since then.
const MOST_GROWTH: u64 = 10;

/// The emulator as a program; killed when it is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> ExitCode {
    let number = |name: &str, usual| env::var(name).ok().map_or(usual, |text| text.parse().expect("a number"));
    let (seconds, seed) = (number("STRESS_SECONDS", 60), number("STRESS_SEED", 7));
    let mut child = Command::new(env!("CARGO_BIN_EXE_dli-emulator"))
        .args(["--port", "0", "--quiet", "--binding-delay", "0s"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was built");
    let mut greeting = BufReader::new(child.stdout.take().expect("piped")).lines();
    let first = greeting.next().expect("a greeting").expect("text");
    let endpoint = first.split(' ').find(|word| word.starts_with("http://")).expect("an address").to_owned();
    let process = child.id();
    let _program = Program(child);
    std::thread::spawn(move || greeting.for_each(drop));

    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let crowd = Crowd::new(&endpoint, CLIENTS, seed);
    let crowd = runtime.block_on(crowd.work(|round| round < FILL / CLIENTS));
    let full = memory(process);
    let began = Instant::now();
    let span = Duration::from_secs(seconds);
    let crowd = runtime.block_on(crowd.work(move |_| began.elapsed() < span));
    let took = began.elapsed();
    let end = memory(process);
    say(&runtime.block_on(crowd.compare()), took, (full, end))
}

#[expect(clippy::print_stdout, reason = "it is a program")]
fn say(report: &Report, took: Duration, (full, end): (u64, u64)) -> ExitCode {
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
    for one in report.wrong.iter().take(20) {
        println!("  {one}");
    }
    let good = faults == 0 && report.wrong.is_empty() && growth <= MOST_GROWTH;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a process holds in memory, in KiB.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}
