//! The life of a go-plugin process: what Terraform and OpenTofu expect of any plugin, whatever it provides.
//!
//! A client starts the program once for each phase of a run and again for each provider configuration, so a process
//! is born often and lives shortly:
//!
//! 1. [`handshake`] reads the environment: was this started by a client, and with which certificate?
//! 2. a private socket is bound, a certificate made for this process alone, and one line on stdout tells the client
//!    of both. Everything before that line is waiting time for a user; what can wait comes after it.
//! 3. the client connects, the two certificates prove each end to the other, and the provider's service is served
//!    beside go-plugin's own: controller, stdio, broker, health.
//! 4. the process ends when the client says so, when it is terminated, or when the client is gone.
//!
//! With [`Mode::Debug`] the same service runs on its own, for a debugger or for reading the wire.
//!
//! This room knows nothing of Terraform's schema or of any cloud: the provider arrives as [`Routes`].

mod connection;
mod control;
pub mod environment;
mod handshake;
mod listener;
pub mod logging;
mod reattach;
mod shutdown;
mod tls;
pub mod usage;
pub mod wire;

use std::io::{self, Write as _};
use std::time::Duration;

use tonic::service::Routes;
use tonic::transport::Server;

use self::environment::{PROTOCOL, PluginEnv};
use self::listener::Listener;
use self::shutdown::{Shutdown, ShutdownWatcher};
pub use self::shutdown::{is_process_running, parent_process_key};
use self::tls::Tls;
pub use self::usage::Identity;

/// How long calls in flight may take to finish once the end was asked for. A client that closes in an orderly way has
/// none open, and it waits for the process.
const DRAIN: Duration = Duration::from_millis(50);

/// How long they may take after SIGTERM, which reaches a whole process group when a run is cancelled: the client is then
/// waiting for their answers, and what a call has made is in its answer.
const TERMINATION: Duration = Duration::from_secs(5);

/// Flow-control windows and frame size for messages of many megabytes on a local socket; HTTP/2's own defaults of
/// 64 KiB and 16 KiB would stop such a message hundreds of times.
const STREAM_WINDOW: u32 = 16 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;
const FRAME: u32 = 1 << 20;

/// How the process was started.
#[derive(Clone, Debug)]
pub enum Mode {
    /// By a client, which waits for the line on stdout.
    Launched(PluginEnv),
    /// By a person, who tells clients of it through `TF_REATTACH_PROVIDERS`: no certificates, no cookie, one process for
    /// all phases and configurations.
    Debug,
}

/// Why the process cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// No signal handlers: the process could be stopped in the middle of a change.
    #[error("cannot watch for signals")]
    Signals(#[source] io::Error),
    /// The client's certificate cannot be read, or none can be made for this side.
    #[error("cannot set up mutual TLS")]
    Tls(#[from] tls::TlsError),
    /// No place to listen.
    #[error("cannot listen for the client")]
    Listen(#[from] listener::ListenError),
    /// The client went away before it was told the address.
    #[error("cannot write the address to stdout")]
    Announce(#[source] io::Error),
    /// The server failed as a whole, not one connection.
    #[error("the gRPC server failed")]
    Serve(#[from] tonic::transport::Error),
}

/// How an orderly end came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The client said goodbye, having had all the answers that it wanted.
    ShutdownRpc,
    /// A signal, or the death of the client.
    Interrupted,
}

/// Serves `provider` until the client or the system ends it; `Ok` is an orderly end.
///
/// `provider` is called after the client was told where to connect. The socket file is removed before this returns;
/// the caller then leaves `main` without waiting for what still runs in the runtime.
pub async fn serve<I: FnOnce()>(
    identity: &Identity,
    mode: Mode,
    provider: impl FnOnce() -> (Routes, I),
) -> Result<Exit, PluginError> {
    let debug = matches!(mode, Mode::Debug);
    let life = ShutdownWatcher::begin(debug).map_err(PluginError::Signals)?;
    let env = match mode {
        Mode::Launched(env) => env,
        Mode::Debug => PluginEnv::default(),
    };

    let tls = env.certificate()?.map(Tls::for_client).transpose()?;
    // The traces are removed at the end of this function, on every way out.
    let Listener { socket, address, files: _files } = listener::listen(&env)?;
    if debug {
        // Stdout has the line alone, so that a script can read it.
        let _ = io::stderr().write_all(usage::waiting(identity).as_bytes());
        announce(&reattach::line(identity.address, std::process::id(), &address))?;
    } else {
        announce(&handshake::line(&address, tls.as_ref().map(Tls::certificate), env.multiplex))?;
    }
    if !env.offers_protocol_6() {
        tracing::error!(
            protocol_versions = env.protocol_versions,
            "the client does not offer plugin protocol {}",
            PROTOCOL
        );
    }

    let stop = Shutdown::default();
    let (routes, interrupt) = provider();
    let routes = control::add_to(routes, &stop).await;
    let serving = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .add_routes(routes)
        .serve_with_incoming_shutdown(connection::accept(socket, tls.as_ref().map(Tls::acceptor)), stop.requested());

    tokio::select! {
        served = serving => served?,
        () = time_to_leave(life, &stop, interrupt) => {}
    }
    Ok(if stop.requested_by_client() { Exit::ShutdownRpc } else { Exit::Interrupted })
}

/// Resolves when the process has to be gone, calls in flight or not, after the end was asked for.
async fn time_to_leave(life: ShutdownWatcher, stop: &Shutdown, interrupt: impl FnOnce()) {
    let drain = tokio::select! {
        cause = life.end() => {
            tracing::debug!(%cause, "ending");
            if cause.leaves_a_client() {
                // The client would say so itself, but after the end has begun nothing new reaches this process.
                interrupt();
                TERMINATION
            } else {
                DRAIN
            }
        }
        () = stop.requested() => {
            tracing::debug!(cause = "the client said so", "ending");
            DRAIN
        }
    };
    stop.request();
    tokio::time::sleep(drain).await;
}

/// Writes the one line that a client reads. Nothing else in the program writes to stdout while it serves.
fn announce(line: &str) -> Result<(), PluginError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(PluginError::Announce)
}
