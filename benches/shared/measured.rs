//! Measures the provider's processes while Terraform runs: CPU time, peak memory and run time.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::acceptance::harness::{Cloud, Workspace};
use crate::acceptance::terraform::Terraform;

/// A wrapper that Terraform starts instead of the provider, and that measures it.
const MEASURE: &str = include_str!("measure.py");

/// A workspace with the measured provider.
pub(crate) struct Measured {
    pub(crate) workspace: Workspace,
}

/// The measurements of one command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// CPU time in user and kernel mode of all provider processes.
    pub(crate) cpu: Duration,
    /// The maximum resident memory of a provider process, in KiB.
    pub(crate) peak: u64,
    /// The number of provider processes.
    pub(crate) processes: usize,
    /// Terraform's run time.
    pub(crate) whole: Duration,
}

impl Measured {
    pub(crate) fn new(cloud: &Cloud, terraform: &Terraform, arguments: &str) -> Self {
        let workspace = cloud.workspace_with(terraform, arguments);
        let home = workspace.path().join("measured");
        fs::create_dir(&home).expect("a new directory");
        fs::rename(workspace.provider(), home.join("terraform-provider-dli")).expect("a file of the harness");
        fs::write(workspace.provider(), MEASURE).expect("a writable directory");
        fs::set_permissions(workspace.provider(), fs::Permissions::from_mode(0o755)).expect("a written file");
        Self { workspace }
    }

    /// Writes `hosts.json`, which the configuration can read.
    pub(crate) fn write_hosts(&self, hosts: &BTreeMap<String, String>) {
        self.workspace.write("hosts.json", &serde_json::to_string(hosts).expect("a map of strings"));
    }

    /// Runs a command, which must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Cost {
        let file = self.workspace.path().join("usage");
        let started = Instant::now();
        self.workspace.run(arguments).expect_code(0);
        let whole = started.elapsed();
        let text = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(&file);
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
    /// The least times and the greatest peak of several runs of one command: other work on the machine only adds to the
    /// times.
    pub(crate) fn of_runs(runs: impl Iterator<Item = Self>) -> Self {
        let merge = |a: Self, b: Self| Self {
            cpu: a.cpu.min(b.cpu),
            whole: a.whole.min(b.whole),
            peak: a.peak.max(b.peak),
            processes: a.processes.max(b.processes),
        };
        runs.reduce(merge).expect("at least one run")
    }

    pub(crate) fn peak_text(&self) -> String {
        format!("{} MiB", tenths(self.peak, 1024))
    }
}

/// Host records with names of about 80 characters, so that one message exceeds gRPC's default limit of 4 MiB.
pub(crate) fn hosts(count: usize) -> BTreeMap<String, String> {
    (0..count).map(|number| (host(number), format!("10.0.{}.{}", number / 250, number % 250))).collect()
}

pub(crate) fn host(number: usize) -> String {
    format!("host-{number:05}.{}.example.com", "a-long-department-name".repeat(3))
}

/// Formats `count` in this unit with one decimal.
pub(crate) fn tenths(count: u64, unit: u64) -> String {
    let tenths = count * 10 / unit;
    format!("{}.{}", tenths / 10, tenths % 10)
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
