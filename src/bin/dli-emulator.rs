//! The emulator as a program: `dli-emulator --help`.

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

use clap::{
    Parser,
    builder::{PossibleValuesParser, TypedValueParser},
};
use terraform_provider_dli::{
    dli::wire::Queue,
    emulator::{
        ACCESS_KEY, CONTROL_API, Emulator, Fault, IamAccount, Limit, Metadata, Quirk, SECRET_KEY, Settings, StartError,
        read_skew,
    },
};

/// Project of the printed configuration; every other id works as well.
const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// Huawei Cloud DLI's enhanced datasource connections in a process, for trying things without an account.
///
/// Requests are checked as the real gateway and service do: signature, limits, states. Each project id that is seen
/// for the first time gets its queues. A binding becomes ACTIVE after a delay, or FAILED where --fail-binding says so.
#[derive(Debug, Parser)]
#[command(version, after_long_help = CONTROL_API)]
struct Arguments {
    /// Port to listen on; 0 takes a free one and prints it
    #[arg(long, default_value_t = 7080)]
    port: u16,
    /// Address to listen on
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST.into())]
    host: IpAddr,
    /// Keep the state in this file, across restarts
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The access key that requests must be signed with
    #[arg(long, default_value = ACCESS_KEY, value_name = "KEY")]
    access_key: String,
    /// Its secret key
    #[arg(long, default_value = SECRET_KEY, value_name = "KEY")]
    secret_key: String,
    /// The security token that requests must carry, as with temporary keys
    #[arg(long, value_name = "TOKEN")]
    security_token: Option<String>,
    /// How long a binding stays CREATING, such as 500ms or 1m
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration, value_name = "TIME")]
    binding_delay: Duration,
    /// Added to each answer, after its effect
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration, value_name = "TIME")]
    latency: Duration,
    /// Let the bindings of a queue, or of a pool for its queues, end FAILED with this text (repeatable)
    #[arg(long, value_parser = failure, value_name = "NAME=TEXT")]
    fail_binding: Vec<(String, String)>,
    /// How long a deleted connection stays ACTIVE
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration, value_name = "TIME")]
    delete_delay: Duration,
    /// Differ from the documents in this way, which has been seen or which nothing rules out (repeatable)
    #[arg(long, value_parser = quirk(), value_name = "NAME")]
    quirk: Vec<Quirk>,
    /// Bring a trouble on, such as 'CreateEnhancedConnection:lose-answer*1' or '*:throttle@0.2/7' (repeatable)
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// How often one user may ask, such as 5/1s; more are throttled
    #[arg(long, value_name = "REQUESTS/TIME")]
    limit: Option<Limit>,
    /// How far the clock is ahead of the right time, such as 20m, or behind, such as -20m
    #[arg(long, default_value = "0s", value_parser = read_skew, allow_hyphen_values = true, value_name = "TIME")]
    clock_skew: time::Duration,
    /// The password of the user terraform of the domain emulator, for tokens
    #[arg(long, default_value_t = IamAccount::default().password, value_name = "TEXT")]
    password: String,
    /// One more project that IAM knows by its region (repeatable)
    #[arg(long, value_parser = project, value_name = "REGION=ID")]
    project: Vec<(String, String)>,
    /// How long tokens and temporary keys live; by default as the service's do
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    credential_lifetime: Option<Duration>,
    /// Which metadata service there is: v2, v1, no-agency, absent
    #[arg(long, default_value_t, value_name = "NAME")]
    metadata: Metadata,
    /// Where chance begins: the same number gives the same orders of lists
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    seed: u64,
    /// Write no request log
    #[arg(long)]
    quiet: bool,
}

fn failure(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, text)) if !name.is_empty() => Ok((name.to_ascii_lowercase(), text.to_owned())),
        _ => Err("write it as NAME=TEXT, such as q2='Failed to get subnet'".to_owned()),
    }
}

fn quirk() -> impl TypedValueParser<Value = Quirk> {
    PossibleValuesParser::new(Quirk::ALL.map(Quirk::name)).try_map(|name| name.parse::<Quirk>())
}

fn project(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((region, id)) if !region.is_empty() && !id.is_empty() => Ok((region.to_owned(), id.to_owned())),
        _ => Err("write it as REGION=ID".to_owned()),
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
    // Before the address is printed: whoever reads it may end the emulator at once.
    let ended = end()?;
    let emulator = Emulator::start(address, settings).await.map_err(explain)?;
    for (name, _) in &arguments.fail_binding {
        check_fate(&emulator, name)?;
    }
    let greeting = Greeting { emulator: &emulator, arguments: &arguments, colour: io::stdout().is_terminal() };
    let mut stdout = io::stdout();
    // Nobody has to listen to it.
    let _ = write!(stdout, "{greeting}").and_then(|()| stdout.flush());
    ended.await;
    Ok(())
}

/// A fate that no binding would ever meet is a slip of the pen.
fn check_fate(emulator: &Emulator, name: &str) -> Result<(), String> {
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
            format!("--fail-binding {name}: that queue lives in {0}, which is bound in its place; name {0}", pool.name)
        }
        None => format!("--fail-binding {name}: nothing of that name is ever bound; there are {}", names.join(", ")),
    })
}

/// Completes at Ctrl-C or SIGTERM.
fn end() -> io::Result<impl Future<Output = ()>> {
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

/// What to do about an address that is taken, which is what happens most.
fn explain(error: StartError) -> Box<dyn Error> {
    match &error {
        StartError::Listen { source, address } if source.kind() == io::ErrorKind::AddrInUse => {
            format!("{address} is in use; name another port with --port, or let --port 0 take a free one").into()
        }
        _ => error.into(),
    }
}

/// What a newcomer needs to begin.
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
            None => writeln!(f, "State in memory only; --state FILE keeps it")?,
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
                "" => "shared, but charged by the year, so it can be bound".to_owned(),
                pool => format!("in elastic resource pool {pool}, which is bound in its place"),
            };
            writeln!(f, "  {:<8}  {dim}{what}{plain}", queue.queue_name)?;
        }
        writeln!(f, "\nCtrl-C ends it.{}\n", if self.arguments.quiet { "" } else { " Requests:" })
    }
}
