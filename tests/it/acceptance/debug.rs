//! Debug mode: one process that a developer has started serves Terraform again and again.

use std::fs;
use std::process::{Command, Stdio};

use super::connection::{ADDRESS, EXAMPLE};
use super::harness::{Cloud, Running, for_each_terraform};

/// The line that it prints is pasted into a shell as it is. Terraform finds no other binary: what it runs is this one.
#[test]
fn debug_process_serves_several_runs() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let provider = Running::start(Command::new(workspace.provider()).arg("--debug"), Stdio::null());
        let workspace = workspace.after_pasting(&provider.first_line());
        fs::remove_file(workspace.provider()).expect("it is ours");

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
