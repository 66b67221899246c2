//! Debug mode: one process, started by a developer, serves several Terraform runs.

use std::fs;
use std::process::{Command, Stdio};

use super::connection::{ADDRESS, EXAMPLE};
use super::harness::{Cloud, Running, for_each_terraform};

/// The test runs the printed line in a shell and removes the binary, so Terraform can only use the running process.
#[test]
fn debug_process_serves_several_runs() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let provider = Running::start(Command::new(workspace.provider()).arg("--debug"), Stdio::null());
        let workspace = workspace.after_shell_line(&provider.first_line());
        fs::remove_file(workspace.provider()).expect("a writable directory");

        for ip in ["192.168.0.2", "192.168.0.22"] {
            workspace.configure(&EXAMPLE.replace("192.168.0.2", ip));
            workspace.run(&["apply", "-auto-approve"]).expect_code(0);
            assert_eq!(workspace.state(ADDRESS)["hosts"]["ecs-97f8-0002"], ip);
        }
        workspace.destroy();
        cloud.expect_empty();

        provider.signal("INT");
        provider.wait().expect_code(0);
    });
}
