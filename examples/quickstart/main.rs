//! `cargo run --example quickstart`: the life of one connection, with real Terraform and no account.
//!
//! Builds the provider, starts the emulator in this process, lays out a working directory under cargo's target
//! directory, and runs Terraform there step by step. Each step that claims something checks it; the first that fails
//! ends the run.

mod stage;
mod terraform;

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use terraform_provider_dli::emulator::{Emulator, Settings, StartError};
use tokio::runtime::Runtime;

use stage::Stage;
use terraform::Terraform;

/// Where `dli-emulator` listens unless it is told otherwise: the working directory names this port, and is to be used
/// again by hand.
const PORT: u16 = 7080;
/// The resource of `main.tf`.
const ADDRESS: &str = "dli_enhanced_connection.test";
/// The file that a plan is kept in between `plan` and `apply`.
const PLAN: &str = "saved.tfplan";

#[expect(clippy::print_stderr, reason = "it is a program for people")]
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

#[expect(clippy::print_stdout, reason = "it is a program for people")]
fn run() -> Result<(), Box<dyn Error>> {
    let provider = stage::build_provider()?;
    let terraform = Terraform::find().next().expect("where none is found, one is installed")?;
    let runtime = Runtime::new()?;
    let emulator = runtime.block_on(start())?;
    // Ctrl-C is for Terraform, which shares the terminal: it ends in its own way, and the step then fails.
    runtime.spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });

    let stage = Stage::set(&terraform, &provider, &emulator.endpoint())?;
    println!("{}, a DLI emulator at {}, and", terraform.version, emulator.endpoint());
    println!("the working directory {}", stage.path().display());
    let mut steps = Steps { number: 0, in_colour: stage::in_colour() };

    steps.announce("Terraform installs the provider from a mirror on disk, after checking it against the lock file.");
    stage.run(&["init"])?;

    steps.announce("The document's own example request, as a resource: what would be created?");
    stage.run(&["plan", "-out", PLAN])?;

    steps.announce("Create it, and wait until its two queues can use it.");
    stage.run(&["apply", PLAN])?;
    let created = stage.state(ADDRESS)?;

    steps.announce("Plan again: what was declared is what is there, so nothing is to be done.");
    stage.expect_no_changes()?;

    steps.announce("Give one host another address: the plan shows that one line.");
    stage.configure(&stage::CONFIGURATION.replace("192.168.0.2", "192.168.0.22"))?;
    stage.run(&["plan", "-out", PLAN])?;
    expect_one_host(&stage.json(&["show", "-json", PLAN])?)?;

    steps.announce("Change it in place: the connection and its bindings stay.");
    stage.run(&["apply", PLAN])?;

    steps.announce(
        "Someone else's connection comes under Terraform by its id: import where there is no state, then plan.",
    );
    let id = created["id"].as_str().ok_or("the state holds no id")?;
    let elsewhere = stage.fresh("elsewhere")?;
    elsewhere.run(&["import", ADDRESS, id])?;
    elsewhere.expect_no_changes()?;

    steps.announce("Delete it.");
    stage.run(&["destroy", "-auto-approve"])?;

    steps.announce("Ask the emulator itself, not Terraform, what is left.");
    let left: Vec<_> = emulator.connections(stage::PROJECT).into_iter().filter(|c| !c.is_deleted()).collect();
    if !left.is_empty() {
        return Err(format!("the emulator still has {left:#?}").into());
    }
    println!("Nothing: the one connection it ever had ({id}) is DELETED.");

    let port = emulator.address().port();
    runtime.block_on(emulator.stop());
    println!("\n{}", steps.strong("To go on by hand, in two terminals:"));
    let usual = port == PORT;
    println!("    cargo run --bin dli-emulator{}", if usual { String::new() } else { format!(" -- --port {port}") });
    println!("    cd {} && ./terraform plan", stage::quoted(stage.path()));
    Ok(())
}

/// On the usual port, or on any where something else has that one. A binding takes its time, as in the service.
async fn start() -> Result<Emulator, StartError> {
    let settings = Settings { binding_delay: Duration::from_secs(2), ..Settings::default() };
    match Emulator::start((Ipv4Addr::LOCALHOST, PORT).into(), settings.clone()).await {
        Err(StartError::Listen { .. }) => Emulator::start((Ipv4Addr::LOCALHOST, 0).into(), settings).await,
        started => started,
    }
}

/// The plan changes the address of the second host and nothing else.
fn expect_one_host(plan: &Value) -> Result<(), Box<dyn Error>> {
    let change = &plan["resource_changes"][0]["change"];
    let mut expected = change["before"].clone();
    expected["hosts"]["ecs-97f8-0002"] = "192.168.0.22".into();
    if change["actions"] != serde_json::json!(["update"]) || change["after"] != expected {
        return Err(format!("the plan changes more than one host: {change:#}").into());
    }
    Ok(())
}

/// Tells what comes next and why.
struct Steps {
    number: usize,
    in_colour: bool,
}

impl Steps {
    #[expect(clippy::print_stdout, reason = "it is a program for people")]
    fn announce(&mut self, sentence: &str) {
        self.number += 1;
        println!("\n{}", self.strong(&format!("{}. {sentence}", self.number)));
    }

    fn strong(&self, text: &str) -> String {
        if self.in_colour { format!("\u{1b}[1;36m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
