//! `cargo run --example quickstart` creates, updates, imports and destroys a connection with Terraform.
//!
//! Builds the provider, starts the emulator in this process, creates a working directory under cargo's target
//! directory, and runs Terraform there. Each step checks its result; the first failure ends the run.

mod terraform;
mod workspace;

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use terraform_provider_dli::emulator::{Emulator, Settings, StartError};
use tokio::runtime::Runtime;

use terraform::Terraform;
use workspace::Workspace;

/// Default port of `dli-emulator`, so that the working directory can be used with it later.
const PORT: u16 = 7080;
/// Address of the resource in `main.tf`.
const ADDRESS: &str = "dli_enhanced_connection.test";
/// File name of the saved plan.
const PLAN: &str = "saved.tfplan";

#[expect(clippy::print_stderr, reason = "the program writes to the terminal")]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("\nThe quickstart stopped: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the program writes to the terminal")]
fn run() -> Result<(), Box<dyn Error>> {
    let provider = workspace::build_provider()?;
    let terraform = Terraform::find().next().expect("find installs one if none is found")?;
    let runtime = Runtime::new()?;
    let emulator = runtime.block_on(start())?;
    // Ignore Ctrl-C: Terraform receives it too and stops, and then the step fails.
    runtime.spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });

    let workspace = Workspace::create(&terraform, &provider, &emulator.endpoint())?;
    println!("{}, a DLI emulator at {}, and", terraform.version, emulator.endpoint());
    println!("the working directory {}", workspace.path().display());
    let mut steps = Steps { number: 0, in_colour: workspace::in_colour() };

    steps.start("Install the provider from a local mirror and verify it against the lock file.");
    workspace.run(&["init"])?;

    steps.start("Plan the example request of the API Reference as a resource.");
    workspace.run(&["plan", "-out", PLAN])?;

    steps.start("Create the connection and wait until both bindings are active.");
    workspace.run(&["apply", PLAN])?;
    let created = workspace.state(ADDRESS)?;

    steps.start("Plan again: there are no changes.");
    workspace.expect_no_changes()?;

    steps.start("Change the address of one host: the plan shows only that change.");
    workspace.configure(&workspace::CONFIGURATION.replace("192.168.0.2", "192.168.0.22"))?;
    workspace.run(&["plan", "-out", PLAN])?;
    expect_one_host(&workspace.json(&["show", "-json", PLAN])?)?;

    steps.start("Update the connection in place: it keeps its ID and its bindings.");
    workspace.run(&["apply", PLAN])?;

    steps.start("Import the connection by its ID into an empty state, then plan: there are no changes.");
    let id = created["id"].as_str().ok_or("the state contains no ID")?;
    let second = workspace.with_empty_state("import")?;
    second.run(&["import", ADDRESS, id])?;
    second.expect_no_changes()?;

    steps.start("Destroy the connection.");
    workspace.run(&["destroy", "-auto-approve"])?;

    steps.start("Ask the emulator for the remaining connections.");
    let remaining: Vec<_> = emulator.connections(workspace::PROJECT).into_iter().filter(|c| !c.is_deleted()).collect();
    if !remaining.is_empty() {
        return Err(format!("the emulator still has {remaining:#?}").into());
    }
    println!("None. The status of connection {id} is DELETED.");

    let port = emulator.address().port();
    runtime.block_on(emulator.stop());
    println!("\n{}", steps.strong("To continue by hand, run these commands in two terminals:"));
    let is_default = port == PORT;
    println!(
        "    cargo run --bin dli-emulator{}",
        if is_default { String::new() } else { format!(" -- --port {port}") }
    );
    println!("    cd {} && ./terraform plan", workspace::quoted(workspace.path()));
    Ok(())
}

/// Starts the emulator on the default port, or on any free port if that one is in use.
///
/// Bindings become active after 2 seconds.
async fn start() -> Result<Emulator, StartError> {
    let settings = Settings { binding_delay: Duration::from_secs(2), ..Settings::default() };
    match Emulator::start((Ipv4Addr::LOCALHOST, PORT).into(), settings.clone()).await {
        Err(StartError::Listen { .. }) => Emulator::start((Ipv4Addr::LOCALHOST, 0).into(), settings).await,
        started => started,
    }
}

/// Checks that the plan changes only the address of the second host.
fn expect_one_host(plan: &Value) -> Result<(), Box<dyn Error>> {
    let change = &plan["resource_changes"][0]["change"];
    let mut expected = change["before"].clone();
    expected["hosts"]["ecs-97f8-0002"] = "192.168.0.22".into();
    if change["actions"] != serde_json::json!(["update"]) || change["after"] != expected {
        return Err(format!("the plan changes more than one host: {change:#}").into());
    }
    Ok(())
}

/// Prints numbered step titles.
struct Steps {
    number: usize,
    in_colour: bool,
}

impl Steps {
    #[expect(clippy::print_stdout, reason = "the program writes to the terminal")]
    fn start(&mut self, title: &str) {
        self.number += 1;
        println!("\n{}", self.strong(&format!("{}. {title}", self.number)));
    }

    fn strong(&self, text: &str) -> String {
        if self.in_colour { format!("\u{1b}[1;36m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
