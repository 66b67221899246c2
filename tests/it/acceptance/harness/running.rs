//! A command in its own process group. Its output is collected, and it is killed when the test ends.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::secret_leak::Before;

/// The time limit of a command: ten times what the slowest one takes on two busy cores.
const LIMIT: Duration = Duration::from_mins(5);

/// A running command. Dropping it kills its process group.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// The command line, for messages.
    shown: String,
    directory: PathBuf,
    before: Before,
    output: Arc<Collected>,
    waited: bool,
}

/// The output of a command so far.
#[derive(Debug, Default)]
struct Collected {
    streams: Mutex<Streams>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Streams {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// How many of the two streams have ended.
    ended: usize,
}

/// A finished command.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The command line.
    pub(crate) command: String,
    /// The working directory.
    pub(crate) directory: PathBuf,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A diagnostic of a command that ran with `-json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    /// Whether it is an error or a warning.
    pub(crate) is_error: bool,
    /// The address of the resource, or an empty string.
    pub(crate) address: String,
    /// Summary and detail.
    pub(crate) text: String,
}

impl Running {
    /// Starts the command with this standard input.
    pub(crate) fn start(command: &mut Command, stdin: impl Into<Stdio>) -> Self {
        let arguments = std::iter::once(command.get_program()).chain(command.get_args());
        let shown = arguments.map(|text| text.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let directory = command.get_current_dir().map(PathBuf::from).unwrap_or_default();
        let before = Before::in_directory(&directory);
        // As with Ctrl-C at a terminal, a signal to the group reaches Terraform and the providers.
        command.process_group(0).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("could not start `{shown}`: {error}"));
        let output = Arc::new(Collected::default());
        collect(child.stdout.take().expect("it was piped"), &output, |streams| &mut streams.stdout);
        collect(child.stderr.take().expect("it was piped"), &output, |streams| &mut streams.stderr);
        Self { child, shown, directory, before, output, waited: false }
    }

    /// Waits until standard output contains this text.
    #[track_caller]
    pub(crate) fn wait_for_output(&self, text: &str) {
        let reached = |streams: &Streams| String::from_utf8_lossy(&streams.stdout).contains(text);
        self.wait_until(&format!("print {text:?}"), LIMIT, reached);
    }

    /// Waits for the first line of standard output.
    #[track_caller]
    pub(crate) fn first_line(&self) -> String {
        self.wait_for_output("\n");
        let streams = self.output.lock();
        String::from_utf8_lossy(&streams.stdout).lines().next().unwrap_or_default().to_owned()
    }

    /// Sends a signal such as `INT` to Terraform and the processes that it has started.
    pub(crate) fn signal_group(&self, signal: &str) {
        kill(signal, &format!("-{}", self.child.id()));
    }

    /// Sends a signal to Terraform only.
    pub(crate) fn signal(&self, signal: &str) {
        kill(signal, &self.child.id().to_string());
    }

    /// Waits until it ends.
    #[track_caller]
    pub(crate) fn wait(self) -> Finished {
        self.wait_at_most(LIMIT)
    }

    /// Waits until it ends, which must happen within this time.
    #[track_caller]
    pub(crate) fn wait_at_most(mut self, limit: Duration) -> Finished {
        self.wait_until("end", limit, |streams| streams.ended == 2);
        let status = self.child.wait().expect("a child can be waited for");
        self.waited = true;
        let streams = self.output.lock();
        self.before.expect_no_secret(&self.shown, &streams.stdout, &streams.stderr);
        Finished {
            command: self.shown.clone(),
            directory: self.directory.clone(),
            status,
            stdout: String::from_utf8_lossy(&streams.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&streams.stderr).into_owned(),
        }
    }

    /// Waits for an effect of the command. Fails if the command ends before.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, reached: impl Fn() -> bool) {
        // There is no event to wait for.
        let deadline = Instant::now() + LIMIT;
        while !reached() {
            let expired = Instant::now() > deadline || self.output.lock().ended == 2;
            assert!(!expired || reached(), "{self}\nexpected that {what}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn wait_until(&self, what: &str, limit: Duration, reached: impl Fn(&Streams) -> bool) {
        let deadline = Instant::now() + limit;
        let mut streams = self.output.lock();
        while !reached(&streams) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || streams.ended == 2 {
                drop(streams);
                panic!("{self}\nexpected that it would {what} within {limit:?}");
            }
            streams = self.output.changed.wait_timeout(streams, left).expect("no panic in a reader").0;
        }
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = self.output.lock();
        let (stdout, stderr) = (String::from_utf8_lossy(&streams.stdout), String::from_utf8_lossy(&streams.stderr));
        write!(f, "$ cd {}\n$ {}\n{stdout}{stderr}", self.directory.display(), self.shown)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process ID stays valid until `wait`; child processes can outlive the command.
        if !self.waited {
            self.signal_group("KILL");
            let _ = self.child.wait();
            if !thread::panicking() {
                let streams = self.output.lock();
                self.before.expect_no_secret(&self.shown, &streams.stdout, &streams.stderr);
            }
        }
    }
}

impl Finished {
    /// Requires this exit code.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert!(self.status.code() == Some(code), "{self}\nexpected exit code {code}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{self}\nexpected JSON: {error}"))
    }

    /// The diagnostics of a command with `-json`, which does not wrap their lines.
    #[track_caller]
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        let lines = self.stdout.lines().map(|line| {
            serde_json::from_str::<serde_json::Value>(line)
                .unwrap_or_else(|_| panic!("{self}\nthe command ran without -json"))
        });
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        lines
            .filter_map(|line| line.get("diagnostic").cloned())
            // Terraform warns that the provider is a local build.
            .filter(|diagnostic| diagnostic["summary"] != "Provider development overrides are in effect")
            .map(|diagnostic| Diagnostic {
                is_error: diagnostic["severity"] == "error",
                address: text(&diagnostic["address"]),
                text: format!("{}\n{}", text(&diagnostic["summary"]), text(&diagnostic["detail"])),
            })
            .collect()
    }

    /// The only error of one resource.
    #[track_caller]
    pub(crate) fn error_of(&self, address: &str) -> String {
        let mut errors: Vec<_> = self
            .diagnostics()
            .into_iter()
            .filter(|diagnostic| diagnostic.is_error && diagnostic.address == address)
            .collect();
        assert_eq!(errors.len(), 1, "{errors:#?}\n{self}\nexpected one error of {address}");
        errors.remove(0).text
    }

    /// Requires that there are no errors or warnings.
    #[track_caller]
    pub(crate) fn expect_no_diagnostics(self) -> Self {
        assert!(self.diagnostics().is_empty(), "{:#?}\n{self}\nexpected no errors or warnings", self.diagnostics());
        self
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, directory, status, stdout, stderr } = self;
        write!(f, "$ cd {}\n$ {command}\n{stdout}{stderr}({status})", directory.display())
    }
}

impl Collected {
    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().expect("no panic in a reader")
    }
}

/// Reads a stream to its end on a thread.
fn collect(mut stream: impl Read + Send + 'static, into: &Arc<Collected>, which: fn(&mut Streams) -> &mut Vec<u8>) {
    let into = Arc::clone(into);
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        loop {
            let read = match stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.unwrap_or(0),
            };
            let mut streams = into.lock();
            which(&mut streams).extend_from_slice(&buffer[..read]);
            streams.ended += usize::from(read == 0);
            into.changed.notify_all();
            if read == 0 {
                break;
            }
        }
    });
}

/// Uses the shell's built-in `kill`, which needs no package and no unsafe code.
fn kill(signal: &str, target: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -s {signal} -- {target}")]).status();
    assert!(status.expect("a shell").success(), "could not send SIG{signal} to {target}");
}
