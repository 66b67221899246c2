//! The plugin that Terraform and OpenTofu start.

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use clap::{Parser, Subcommand};
use terraform_provider_dli::install;
use terraform_provider_dli::plugin::{self, Exit, Identity, Mode, environment, logging, usage};
use terraform_provider_dli::provider::{Client, CreationJournal, DliProvider, journal_directory, state_identity};
use terraform_provider_dli::{framework::server::Server, protocol};
use tokio::runtime::Builder;
use tonic::service::Routes;

const IDENTITY: Identity = Identity {
    address: install::ADDRESS,
    version: install::VERSION,
    title: "Huawei Cloud Data Lake Insight (DLI)",
    try_hint: "To try it without an account, start `dli-emulator`, which comes with the provider.",
};

/// Maximum number of worker threads. Calls mostly wait for the service.
const WORKERS: usize = 4;

/// Terraform provider for Huawei Cloud Data Lake Insight (DLI).
///
/// Terraform and OpenTofu start this program as a plugin, without arguments. `install` makes it available to them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Run standalone until Ctrl-C and print the shell command that makes Terraform use this process
    #[arg(long)]
    debug: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Copy this program into the directory where `terraform init` and `tofu init` find it
    Install {
        /// Another directory, to be used as a filesystem mirror
        #[arg(long, value_name = "DIRECTORY")]
        dir: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::Install { dir }) = &arguments.command {
        return install(dir.as_deref());
    }
    // Replaces invalid Unicode: an ignored client certificate would disable TLS.
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());

    let mode = match (arguments.debug, environment::read(variable)) {
        (true, _) => Mode::Debug,
        (false, Ok(env)) => Mode::Launched(env),
        (false, Err(reason)) => {
            let program = env::current_exe().unwrap_or_default();
            return fail(&usage::text(&IDENTITY, reason, &program));
        }
    };
    logging::install(logging::levels("DLI", variable), install::ADDRESS);

    let workers = thread::available_parallelism().map_or(1, usize::from).min(WORKERS);
    let runtime = match Builder::new_multi_thread().worker_threads(workers).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("[ERROR] cannot start the runtime: {error}\n")),
    };
    // In debug mode one process serves many runs, so the parent process does not identify the run.
    let key = if arguments.debug { None } else { plugin::parent_process_key() };
    let state = state_identity(variable, &plugin::parent_arguments());
    let client = key.map(|key| Client { key, is_running: plugin::is_process_running, state });
    let journal = CreationJournal::new(Some(journal_directory(variable)), client);
    let provider = DliProvider::new(Box::new(variable), journal);
    let on_shutdown = provider.on_shutdown();
    let served = runtime.block_on(plugin::serve(&IDENTITY, mode, || {
        let server = Server::new(provider);
        let service = protocol::Service::new(server);
        (Routes::new(protocol::grpc(service.clone())), move || service.interrupt())
    }));
    // The client is gone, so remaining tasks are dropped.
    runtime.shutdown_background();
    match served {
        Ok(Exit::ShutdownRpc) => {
            on_shutdown();
            ExitCode::SUCCESS
        }
        Ok(Exit::Interrupted) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("[ERROR] {}\n", logging::with_sources(&error))),
    }
}

/// Runs the command `install`.
fn install(directory: Option<&Path>) -> ExitCode {
    let program = env::current_exe().unwrap_or_default();
    match install::install(&program, directory, |name| env::var_os(name)) {
        Ok(text) => {
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => fail(&format!("[ERROR] {}\n", logging::with_sources(&error))),
    }
}

/// Prints an error to stderr; clients recognise the prefix `[ERROR]`.
fn fail(text: &str) -> ExitCode {
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::FAILURE
}
