//! The `dli-emulator` program, a local emulator of DLI's enhanced datasource connections.

#[path = "dli-emulator/run_command.rs"]
mod run_command;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{error::Error, iter::successors, process::ExitCode, thread};

use clap::builder::ArgPredicate;
use clap::{CommandFactory, Parser, ValueEnum};
use clap_complete::Shell;
use terraform_provider_dli::dli::{operation::Operation, vpc::Subnet, wire::Queue};
use terraform_provider_dli::emulator::{
    CONTROL_API, Emulator, IamAccount, Quirk, Settings, StartError, operation_name,
};
use tokio::sync::oneshot;

use self::run_command::{EMULATOR_FAILED, RunError, Signals};

/// Project id of the printed configuration. Any other id works as well.
const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// Local emulator of Huawei Cloud DLI's enhanced datasource connections, for use without an account.
///
/// Checks signatures, limits and states like the gateway and the service. Every project has the same queues at first.
/// A binding becomes ACTIVE after --binding-delay, or FAILED if --fail-binding names it.
///
/// With a COMMAND, such as `dli-emulator -- terraform test`, the emulator listens on a free port, runs the command with
/// the environment variables that make clients use it, stops when the command ends, and returns its exit code.
#[derive(Debug, Parser)]
#[command(name = "dli-emulator", version, after_long_help = CONTROL_API)]
struct Arguments {
    /// Port to listen on; 0 selects a free port, which is the default with COMMAND or --print-env
    #[arg(long, default_value_t = 7080)]
    #[arg(default_value_ifs = ["command", "print_env"].map(|argument| (argument, ArgPredicate::IsPresent, Some("0"))))]
    port: u16,
    /// Address to listen on: an IP address or localhost
    #[arg(long, default_value = "127.0.0.1", value_parser = ip_address, value_name = "ADDRESS")]
    host: IpAddr,
    #[command(flatten)]
    settings: Settings,
    /// Deviate from the documented behavior in this way (repeatable)
    #[arg(long, value_enum, value_name = "NAME")]
    quirk: Vec<Quirk>,
    /// Additional project in IAM (repeatable). The default project of a region has the name of the region
    #[arg(long, value_parser = name_and_id, value_name = "NAME=ID")]
    project: Vec<(String, String)>,
    /// Print the operations that are served
    #[arg(long, exclusive = true)]
    list_operations: bool,
    /// Print a completion script for this shell
    #[arg(long, exclusive = true, value_enum, value_name = "SHELL")]
    completion: Option<Shell>,
    /// When ready, print the environment variables for clients as one line of JSON, and nothing else; null means unset
    #[arg(long)]
    print_env: bool,
    /// Stop when standard input is closed, for example because the program that started the emulator ended
    #[arg(long, conflicts_with = "command")]
    stop_on_eof: bool,
    /// Run this command with the environment variables for clients, and stop when it ends. Disables the request log
    #[arg(last = true, conflicts_with = "print_env", value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn ip_address(text: &str) -> Result<IpAddr, String> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().map_err(|_| "expected an IP address such as 127.0.0.1 or 0.0.0.0, or localhost".to_owned())
}

fn name_and_id(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, id)) if !name.is_empty() && !id.is_empty() => Ok((name.to_owned(), id.to_owned())),
        _ => Err("expected NAME=ID".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let failure = if arguments.command.is_empty() { ExitCode::FAILURE } else { EMULATOR_FAILED.into() };
    run(arguments).await.unwrap_or_else(|error| {
        let causes = successors(Some(&*error), |&error| error.source()).map(|error| format!(": {error}"));
        let _ = writeln!(io::stderr(), "dli-emulator{}", causes.collect::<String>());
        error.downcast_ref::<RunError>().map_or(failure, |error| error.exit_code().into())
    })
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let Arguments { port, host, mut settings, quirk, project, list_operations, completion, .. } = arguments;
    let Arguments { print_env, stop_on_eof, command, .. } = arguments;
    if let Some(shell) = completion {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "dli-emulator", &mut script);
        io::stdout().write_all(&script)?;
        return Ok(ExitCode::SUCCESS);
    }
    if list_operations {
        print_operations()?;
        return Ok(ExitCode::SUCCESS);
    }
    settings.quirks = quirk.into_iter().collect();
    settings.iam_account.projects.extend(project);
    // Only the command writes to standard error.
    settings.log &= command.is_empty();
    let address = SocketAddr::new(host, port);
    if let Some(command) = command.split_first() {
        let signals = Signals::register()?;
        let emulator = start(address, &settings).await?;
        let code = run_command::run(signals, command, emulator.client_environment()).await;
        emulator.stop().await;
        return Ok(code?.into());
    }
    // Signal handlers must exist before the address is printed.
    let shutdown = shutdown_signal()?;
    let emulator = start(address, &settings).await?;
    // A closed standard output is not an error.
    let _ = if print_env { print_environment(&emulator) } else { print_greeting(&emulator, &settings) };
    tokio::select! {
        () = shutdown => {}
        () = end_of_input(), if stop_on_eof => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn start(address: SocketAddr, settings: &Settings) -> Result<Emulator, Box<dyn Error>> {
    let emulator = Emulator::start(address, settings.clone()).await.map_err(explain)?;
    settings.failing.iter().try_for_each(|(name, _)| check_fail_binding(&emulator, name))?;
    Ok(emulator)
}

/// Completes at the end of standard input. The thread that reads it does not keep the process running.
async fn end_of_input() {
    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

/// Rejects a --fail-binding that matches nothing that can be bound.
fn check_fail_binding(emulator: &Emulator, name: &str) -> Result<(), String> {
    let (queues, pools) = (emulator.queues(PROJECT), emulator.pools(PROJECT));
    let bound = |queue: &&Queue| queue.may_be_bound() && queue.elastic_resource_pool_name.is_empty();
    let names = queues.iter().filter(bound).map(|queue| queue.queue_name.as_str());
    let names: Vec<_> = names.chain(pools.iter().map(|pool| pool.name.as_str())).collect();
    if names.contains(&name) {
        return Ok(());
    }
    let pool = pools.iter().find(|pool| pool.queues.iter().any(|queue| queue == name));
    Err(match pool {
        Some(pool) => {
            format!("--fail-binding {name}: the queue is in pool {0}, which is bound instead; use {0}", pool.name)
        }
        None => format!(
            "--fail-binding {name}: no queue or pool of this name can be bound; available: {}",
            names.join(", ")
        ),
    })
}

/// Completes at Ctrl-C or SIGTERM.
fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Adds advice to the error of an address in use.
fn explain(error: StartError) -> Box<dyn Error> {
    match &error {
        StartError::Listen { source, address } if source.kind() == io::ErrorKind::AddrInUse => {
            format!("{address} is in use; choose another port with --port, or use --port 0 for a free one").into()
        }
        _ => error.into(),
    }
}

fn print_operations() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for operation in Operation::value_variants() {
        let (service, name) = (operation.service(), operation_name(*operation));
        let (method, path) = (operation.method(), operation.path_template());
        writeln!(out, "{service:<12}  {name:<39}  {method:<6}  {path}")?;
    }
    writeln!(out, "\nAll other paths return HTTP 404 APIGW.0101.")
}

/// Prints the variables for clients as one line of JSON, with null for those that must not be set.
fn print_environment(emulator: &Emulator) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &emulator.client_environment())?;
    writeln!(out)?;
    out.flush()
}

/// Prints the configuration, and the objects that a connection can use.
fn print_greeting(emulator: &Emulator, settings: &Settings) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (bold, dim, plain) = if out.is_terminal() { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    let Settings { state, iam_account, log, .. } = settings;
    let endpoint = emulator.endpoint();
    writeln!(out, "DLI emulator at {bold}{endpoint}{plain}")?;
    if emulator.address().ip().is_loopback() {
        writeln!(out, "Web page at {endpoint}/_emulator/ui")?;
    }
    match state {
        Some(path) => writeln!(out, "State in {}", path.display())?,
        None => writeln!(out, "State in memory only; use --state FILE to keep it")?,
    }
    writeln!(out, "\nConfigure Terraform with:\n\n{}", emulator.provider_block())?;
    let IamAccount { domain_name, user_name, agency, .. } = iam_account;
    writeln!(out, "IAM and the metadata service are at the same address (endpoints iam and metadata):")?;
    writeln!(out, "  user {user_name:?} of domain {domain_name:?} with --password, agency {agency:?}")?;
    writeln!(out, "The VPC service is there too (endpoints vpc). If you set this endpoint, plans check networks.")?;
    writeln!(out, "\nQueues of every project:\n")?;
    for queue in emulator.queues(PROJECT) {
        let note = match queue.elastic_resource_pool_name.as_str() {
            "" if !queue.may_be_bound() => "shared, cannot be bound".to_owned(),
            "" if queue.resource_mode == 1 => "dedicated".to_owned(),
            "" => "shared with yearly billing, can be bound".to_owned(),
            pool => format!("in elastic resource pool {pool}, which is bound instead"),
        };
        writeln!(out, "  {:<8}  {dim}{note}{plain}", queue.queue_name)?;
    }
    writeln!(out, "\nElastic resource pools:\n")?;
    for pool in emulator.pools(PROJECT) {
        writeln!(out, "  {:<8}  {dim}{}{plain}", pool.name, pool.cidr_in_vpc)?;
    }
    writeln!(out, "\nSubnets (dest_network_id) of the VPC service; connections accept any other ID too:\n")?;
    for Subnet { id, vpc_id, cidr, .. } in emulator.subnets(PROJECT) {
        writeln!(out, "  {id}  {dim}{cidr}, dest_vpc_id {vpc_id}{plain}")?;
    }
    writeln!(out, "\nPress Ctrl-C to stop.{}\n", if *log { " Requests:" } else { "" })?;
    out.flush()
}
