//! The `dli-emulator` program, a local emulator of DLI's enhanced datasource connections.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    io::{self, IsTerminal, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use terraform_provider_dli::{
    dli::wire::Queue,
    emulator::{
        ACCESS_KEY, CONTROL_API, Emulator, Fault, IamAccount, Limit, Metadata, Quirk, SECRET_KEY, Settings, StartError,
        read_skew,
    },
};

/// Project id of the printed configuration. Any other id works as well.
const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// Local emulator of Huawei Cloud DLI's enhanced datasource connections, for use without an account.
///
/// Checks signatures, limits and states like the gateway and the service. Every project has the same queues at first.
/// A binding becomes ACTIVE after --binding-delay, or FAILED if --fail-binding names it.
#[derive(Debug, Parser)]
#[command(version, after_long_help = CONTROL_API)]
struct Arguments {
    /// Port to listen on; 0 selects a free port and prints it
    #[arg(long, default_value_t = 7080)]
    port: u16,
    /// Address to listen on
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST.into())]
    host: IpAddr,
    /// File that keeps the state across restarts
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Access key that requests must be signed with
    #[arg(long, default_value = ACCESS_KEY, value_name = "KEY")]
    access_key: String,
    /// Secret key of the access key
    #[arg(long, default_value = SECRET_KEY, value_name = "KEY")]
    secret_key: String,
    /// Security token that requests must carry; makes the keys temporary
    #[arg(long, value_name = "TOKEN")]
    security_token: Option<String>,
    /// Time that a binding stays CREATING, such as 500ms or 1m
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration, value_name = "TIME")]
    binding_delay: Duration,
    /// Delay of each response, after the request has taken effect
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration, value_name = "TIME")]
    latency: Duration,
    /// Make bindings of this queue or pool FAILED with this text (repeatable)
    #[arg(long, value_parser = name_and_text, value_name = "NAME=TEXT")]
    fail_binding: Vec<(String, String)>,
    /// Time that a deleted connection stays ACTIVE
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration, value_name = "TIME")]
    delete_delay: Duration,
    /// Deviate from the documented behavior in this way (repeatable)
    #[arg(long, value_enum, value_name = "NAME")]
    quirk: Vec<Quirk>,
    /// Inject a fault, such as 'CreateEnhancedConnection:lose-answer*1' or '*:throttle@0.2/7' (repeatable)
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// Request limit per user, such as 5/1s
    #[arg(long, value_name = "REQUESTS/TIME")]
    limit: Option<Limit>,
    /// Difference between the emulator's clock and the correct time, such as 20m or -20m
    #[arg(long, default_value = "0s", value_parser = read_skew, allow_hyphen_values = true, value_name = "TIME")]
    clock_skew: time::Duration,
    /// Password of the user terraform in the domain emulator
    #[arg(long, default_value_t = IamAccount::default().password, value_name = "TEXT")]
    password: String,
    /// Additional project in IAM, named after its region (repeatable)
    #[arg(long, value_parser = region_and_id, value_name = "REGION=ID")]
    project: Vec<(String, String)>,
    /// Lifetime of tokens and temporary keys; as documented by default
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    credential_lifetime: Option<Duration>,
    /// Version of the metadata service
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    metadata: Metadata,
    /// Random seed for the order of lists
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    seed: u64,
    /// Disable the request log
    #[arg(long)]
    quiet: bool,
}

fn name_and_text(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, text)) if !name.is_empty() => Ok((name.to_ascii_lowercase(), text.to_owned())),
        _ => Err("expected NAME=TEXT, such as q2='Failed to get subnet'".to_owned()),
    }
}

fn region_and_id(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((region, id)) if !region.is_empty() && !id.is_empty() => Ok((region.to_owned(), id.to_owned())),
        _ => Err("expected REGION=ID".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut cause = error.source();
            let mut text = format!("dli-emulator: {error}");
            while let Some(next) = cause {
                text = format!("{text}: {next}");
                cause = next.source();
            }
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let address = SocketAddr::new(arguments.host, arguments.port);
    let mut iam_account = IamAccount {
        password: arguments.password.clone(),
        lifetime: arguments.credential_lifetime,
        ..IamAccount::default()
    };
    iam_account.projects.extend(arguments.project.iter().cloned());
    let settings = Settings {
        access_key: arguments.access_key.clone(),
        secret_key: arguments.secret_key.clone(),
        security_token: arguments.security_token.clone(),
        latency: arguments.latency,
        binding_delay: arguments.binding_delay,
        failing: BTreeMap::from_iter(arguments.fail_binding.clone()),
        state: arguments.state.clone(),
        log: !arguments.quiet,
        delete_delay: arguments.delete_delay,
        quirks: arguments.quirk.iter().copied().collect(),
        faults: arguments.fault.clone(),
        limit: arguments.limit,
        clock_skew: arguments.clock_skew,
        iam_account,
        metadata: arguments.metadata,
        seed: arguments.seed,
        ..Settings::default()
    };
    // Signal handlers must exist before the address is printed.
    let shutdown = shutdown_signal()?;
    let emulator = Emulator::start(address, settings).await.map_err(explain)?;
    for (name, _) in &arguments.fail_binding {
        check_fail_binding(&emulator, name)?;
    }
    let greeting = Greeting { emulator: &emulator, arguments: &arguments, colour: io::stdout().is_terminal() };
    let mut stdout = io::stdout();
    // A closed standard output is not an error.
    let _ = write!(stdout, "{greeting}").and_then(|()| stdout.flush());
    shutdown.await;
    Ok(())
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

/// The text on standard output at start.
struct Greeting<'a> {
    emulator: &'a Emulator,
    arguments: &'a Arguments,
    colour: bool,
}

impl fmt::Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bold, dim, plain) = if self.colour { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
        let Arguments { access_key, secret_key, security_token, state, .. } = self.arguments;
        let endpoint = self.emulator.endpoint();
        writeln!(f, "DLI emulator at {bold}{endpoint}{plain}")?;
        match state {
            Some(path) => writeln!(f, "State in {}", path.display())?,
            None => writeln!(f, "State in memory only; use --state FILE to keep it")?,
        }
        writeln!(f, "\nConfigure Terraform with:\n")?;
        writeln!(f, "  provider \"dli\" {{")?;
        let line = |f: &mut fmt::Formatter<'_>, name, value: &str| writeln!(f, "    {name:<14} = {value:?}");
        line(f, "region", "emulated")?;
        line(f, "project_id", PROJECT)?;
        line(f, "access_key", access_key)?;
        line(f, "secret_key", secret_key)?;
        if let Some(token) = security_token {
            line(f, "security_token", token)?;
        }
        writeln!(f, "    {:<14} = {{ dli = {endpoint:?} }}", "endpoints")?;
        writeln!(f, "  }}")?;
        let IamAccount { domain_name, user_name, agency, .. } = IamAccount::default();
        writeln!(f, "\nIAM and the metadata service are at the same address (endpoints iam and metadata):")?;
        writeln!(f, "  user {user_name:?} of domain {domain_name:?} with --password, agency {agency:?}")?;
        writeln!(f, "\nQueues of every project:\n")?;
        for queue in self.emulator.queues(PROJECT) {
            let what = match queue.elastic_resource_pool_name.as_str() {
                "" if !queue.may_be_bound() => "shared, cannot be bound".to_owned(),
                "" if queue.resource_mode == 1 => "dedicated".to_owned(),
                "" => "shared with yearly billing, can be bound".to_owned(),
                pool => format!("in elastic resource pool {pool}, which is bound instead"),
            };
            writeln!(f, "  {:<8}  {dim}{what}{plain}", queue.queue_name)?;
        }
        writeln!(f, "\nPress Ctrl-C to stop.{}\n", if self.arguments.quiet { "" } else { " Requests:" })
    }
}
