//! What ends the process: the client's Shutdown, a signal, or the death of the client.
//!
//! A process that outlives its client would hold the provider's binary open and its credentials in memory for ever, and
//! nobody would notice.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(unix)]
use std::time::Duration;

use tokio::sync::watch;

/// How often the parent is looked at. Nothing tells a process portably that its parent died: Linux's parent-death
/// signal follows the parent's thread, and Go moves its work between threads.
#[cfg(unix)]
const PARENT_CHECK: Duration = Duration::from_millis(500);

/// Names the process that started this one so that no other has its name, on Linux ever, elsewhere while it lives; `None`
/// where the system does not tell. All plugins of one run have the same client.
#[cfg(unix)]
pub fn parent_process_key() -> Option<String> {
    let process = std::os::unix::process::parent_id();
    let (boot, start) = boot_and_start(process).unwrap_or_default();
    Some(format!("{boot}/{process}/{start}"))
}

/// Whether the process with a key of [`parent_process_key`] still runs; `false` if the system does not tell.
pub fn is_process_running(key: &str) -> bool {
    let process = key.split('/').nth(1).and_then(|process| process.parse().ok());
    let Some((process, (boot, start))) = process.and_then(|process| Some((process, boot_and_start(process)?))) else {
        return false;
    };
    key == format!("{boot}/{process}/{start}")
}

/// ID of the system's boot and start time of a running process; `None` if there is no such process, or outside Linux.
fn boot_and_start(process: u32) -> Option<(String, String)> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // A program's name may contain spaces and parentheses. The state is the first field after it, the start time the 20th.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let is_running = !matches!(*fields.first()?, "Z" | "X");
    is_running.then_some((boot.trim().to_owned(), (*fields.get(19)?).to_owned()))
}

/// Nothing tells portably who started this process.
#[cfg(not(unix))]
pub fn parent_process_key() -> Option<String> {
    None
}

/// The wish to end, which any part of the process may utter and all can wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Shutdown(Arc<ShutdownState>);

#[derive(Debug, Default)]
struct ShutdownState {
    end: watch::Sender<bool>,
    /// Whether it was the client's.
    by_client: AtomicBool,
}

impl Shutdown {
    /// Asks for the end.
    pub(super) fn request(&self) {
        self.0.end.send_replace(true);
    }

    /// The client asks for the end.
    pub(super) fn request_by_client(&self) {
        self.0.by_client.store(true, Ordering::Release);
        self.request();
    }

    /// Whether the client has asked for the end.
    pub(super) fn requested_by_client(&self) -> bool {
        self.0.by_client.load(Ordering::Acquire)
    }

    /// Resolves once the end was asked for, also when that was before this call.
    pub(super) fn requested(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut wish = self.0.end.subscribe();
        async move {
            // An error means that nobody is left to ask: that is the end as well.
            let _ = wish.wait_for(|requested| *requested).await;
        }
    }
}

/// What ended the process from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShutdownCause {
    /// SIGINT, or Ctrl-C where there are no signals; in debug mode only.
    Interrupt,
    #[cfg(unix)]
    Terminate,
    #[cfg(unix)]
    ParentGone,
}

impl ShutdownCause {
    /// Whether somebody may still be waiting for answers.
    pub(super) fn leaves_a_client(self) -> bool {
        match self {
            Self::Interrupt => false,
            #[cfg(unix)]
            Self::Terminate => true,
            #[cfg(unix)]
            Self::ParentGone => false,
        }
    }
}

impl fmt::Display for ShutdownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "interrupted",
            #[cfg(unix)]
            Self::Terminate => "terminated",
            #[cfg(unix)]
            Self::ParentGone => "the client is gone",
        })
    }
}

/// The watch over signals and parent.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct ShutdownWatcher {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    parent: u32,
    debug: bool,
}

#[cfg(unix)]
impl ShutdownWatcher {
    /// Takes over the signals. To be called before the client learns of the process: Ctrl-C reaches the whole process
    /// group, and a plugin that died of it would take running calls with it, while the client has its own, gentler way
    /// (`StopProvider`) of passing the interrupt on. SIGHUP stays as it was inherited, so that `nohup` works.
    pub(super) fn begin(debug: bool) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            parent: std::os::unix::process::parent_id(),
            debug,
        })
    }

    /// Resolves when the process has to end. An interrupt ends it only in debug mode, and there a parent may die: it is
    /// often a shell or a debugger's launcher.
    pub(super) async fn end(mut self) -> ShutdownCause {
        let mut look = tokio::time::interval(PARENT_CHECK);
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return ShutdownCause::Terminate,
                _ = self.interrupt.recv() => {
                    if self.debug {
                        return ShutdownCause::Interrupt;
                    }
                    tracing::debug!("interrupt left to the client");
                }
                _ = look.tick(), if !self.debug => {
                    if std::os::unix::process::parent_id() != self.parent {
                        return ShutdownCause::ParentGone;
                    }
                }
            }
        }
    }
}

/// The watch over Ctrl-C.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct ShutdownWatcher {
    debug: bool,
}

#[cfg(not(unix))]
impl ShutdownWatcher {
    /// Nothing is taken over yet.
    pub(super) fn begin(debug: bool) -> io::Result<Self> {
        Ok(Self { debug })
    }

    /// Resolves at Ctrl-C in debug mode, and never else: the client ends the process.
    pub(super) async fn end(self) -> ShutdownCause {
        loop {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            if self.debug {
                return ShutdownCause::Interrupt;
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn process_runs_until_it_is_reaped_or_dead() {
        let parent = parent_process_key().expect("Linux names the parent");
        assert!(is_process_running(&parent));
        assert!(!is_process_running(&format!("{parent}0")), "another start time");
        assert!(!is_process_running("") && !is_process_running("6e1a/x/1"));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep exists");
        let (boot, start) = boot_and_start(child.id()).expect("it runs");
        let key = format!("{boot}/{}/{start}", child.id());
        assert!(is_process_running(&key));
        child.kill().expect("it runs");
        // A killed process stays in the process table until it is waited for.
        while is_process_running(&key) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        child.wait().expect("it was killed");
        assert!(!is_process_running(&key));
    }
}
