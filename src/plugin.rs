//! A go-plugin process, as Terraform and OpenTofu expect it of any plugin.
//!
//! A client starts the program for each phase of a run and each provider configuration, so processes are short-lived:
//!
//! 1. [`environment`] reads the variables that the client sets.
//! 2. The process binds a private socket, creates a certificate and prints both in one line on stdout. The client waits
//!    for this line, so everything else comes after it.
//! 3. The client connects with mutual TLS. The provider's service runs beside those of go-plugin: controller, stdio,
//!    broker, health.
//! 4. The process ends on the client's Shutdown call, on a signal, or when the client has exited.
//!
//! With [`Mode::Debug`] the same service runs on its own, for a debugger. The provider is passed as [`Routes`].

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
pub use self::shutdown::{is_process_running, parent_arguments, parent_process_key};
use self::tls::Tls;
pub use self::usage::Identity;

/// Time for running calls to finish after the client's Shutdown call. A client that closes properly has none.
const DRAIN: Duration = Duration::from_millis(50);

/// Time for running calls to finish after SIGTERM. The client still waits for their responses, which contain the
/// objects that they created.
const TERMINATION: Duration = Duration::from_secs(5);

/// Flow-control windows and frame size for large messages on a local socket. The defaults of HTTP/2, 64 KiB and 16 KiB,
/// would interrupt such a message hundreds of times.
const STREAM_WINDOW: u32 = 16 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;
const FRAME: u32 = 1 << 20;

/// How the process was started.
#[derive(Clone, Debug)]
pub enum Mode {
    /// By a client, which waits for the handshake line on stdout.
    Launched(PluginEnv),
    /// By hand with `TF_REATTACH_PROVIDERS`: no TLS, no cookie, one process for all phases and configurations.
    Debug,
}

/// An error that keeps the process from serving.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PluginError {
    #[error("cannot watch for signals")]
    Signals(#[source] io::Error),
    #[error("cannot set up mutual TLS")]
    Tls(#[from] tls::TlsError),
    #[error("cannot listen for the client")]
    Listen(#[from] listener::ListenError),
    #[error("cannot write the address to stdout")]
    Announce(#[source] io::Error),
    #[error("the gRPC server failed")]
    Serve(#[from] tonic::transport::Error),
}

/// Why serving ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The client's Shutdown call.
    ShutdownRpc,
    /// A signal, or the client exited.
    Interrupted,
}

/// Serves `provider` until shutdown.
///
/// `provider` is called after the handshake line is printed. The socket file is removed before this returns.
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
    // The socket files are removed when this function returns.
    let Listener { socket, address, files: _files } = listener::listen(&env)?;
    if debug {
        // Only the line goes to stdout, so that scripts can read it.
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
        () = wait_for_shutdown(life, &stop, interrupt) => {}
    }
    Ok(if stop.requested_by_client() { Exit::ShutdownRpc } else { Exit::Interrupted })
}

/// Waits for a shutdown request and then for running calls, up to a limit.
async fn wait_for_shutdown(life: ShutdownWatcher, stop: &Shutdown, interrupt: impl FnOnce()) {
    let drain = tokio::select! {
        cause = life.end() => {
            tracing::debug!(%cause, "shutting down");
            if cause.client_is_waiting() {
                // The client cannot call StopProvider any more once the shutdown has begun.
                interrupt();
                TERMINATION
            } else {
                DRAIN
            }
        }
        () = stop.requested() => DRAIN,
    };
    stop.request();
    tokio::time::sleep(drain).await;
}

/// Writes the line that the client reads. Nothing else writes to stdout while serving.
fn announce(line: &str) -> Result<(), PluginError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(PluginError::Announce)
}
