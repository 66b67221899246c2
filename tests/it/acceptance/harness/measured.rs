//! What the provider's processes cost: Terraform starts a small Python program in its place, which starts the provider
//! and notes what the kernel says of it afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::Workspace;

/// Standard streams, environment and exit status are handed over. Ctrl-C is not: no measured command is interrupted.
const WRAPPER: &str = r"#!/usr/bin/env python3
import os, resource, subprocess, sys
here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
status = subprocess.call([os.path.join(here, 'measured', 'terraform-provider-dli')] + sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(os.path.join(here, 'usage'), 'a') as file:
    file.write(f'{int((usage.ru_utime + usage.ru_stime) * 1e6)} {usage.ru_maxrss}\n')
sys.exit(status)
";

/// What one process of the provider took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Processor time, in user and kernel mode.
    pub(crate) cpu: Duration,
    /// The most memory that was resident, in KiB.
    pub(crate) peak: u64,
}

impl Workspace {
    /// Measures the provider from now on.
    pub(crate) fn measured(self) -> Self {
        let home = self.path().join("measured");
        fs::create_dir(&home).expect("the directory is ours");
        fs::rename(self.provider(), home.join("terraform-provider-dli")).expect("both are ours");
        fs::write(self.provider(), WRAPPER).expect("the directory is ours");
        fs::set_permissions(self.provider(), fs::Permissions::from_mode(0o755)).expect("the file is ours");
        self
    }

    /// The provider's processes since the last call.
    pub(crate) fn take_usage(&self) -> Vec<Usage> {
        let file = self.path().join("usage");
        let text = fs::read_to_string(&file).expect("a provider was started");
        fs::remove_file(&file).expect("it is ours");
        text.lines().map(|line| parse(line).unwrap_or_else(|| panic!("not a measurement: {line}"))).collect()
    }
}

fn parse(line: &str) -> Option<Usage> {
    let (micros, peak) = line.split_once(' ')?;
    Some(Usage { cpu: Duration::from_micros(micros.parse().ok()?), peak: peak.parse().ok()? })
}
