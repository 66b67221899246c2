//! A command in a process group of its own, whose output is collected and which never outlives its test.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::secret_leak::Before;

/// How long any one command may take: ten times what the slowest of them needs on two busy cores.
const LIMIT: Duration = Duration::from_mins(5);

/// A command that was started. Dropping it kills its process group.
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

/// What a command has printed so far.
#[derive(Debug, Default)]
struct Collected {
    streams: Mutex<Streams>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Streams {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// How many of the two have ended.
    ended: usize,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The command line.
    pub(crate) command: String,
    /// Where it ran.
    pub(crate) directory: PathBuf,
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

/// A diagnostic of a command that ran with `-json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// Whether it is an error; else a warning.
    pub(crate) is_error: bool,
    /// The resource that it is about; empty where it is about none.
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
        // Its own group, so that one signal reaches Terraform and the providers, as Ctrl-C at a terminal does.
        command.process_group(0).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("could not start `{shown}`: {error}"));
        let output = Arc::new(Collected::default());
        collect(child.stdout.take().expect("it was piped"), &output, |streams| &mut streams.stdout);
        collect(child.stderr.take().expect("it was piped"), &output, |streams| &mut streams.stderr);
        Self { child, shown, directory, before, output, waited: false }
    }

    /// Waits until its standard output holds this text.
    #[track_caller]
    pub(crate) fn wait_for_output(&self, text: &str) {
        let reached = |streams: &Streams| String::from_utf8_lossy(&streams.stdout).contains(text);
        self.wait_until(&format!("print {text:?}"), LIMIT, reached);
    }

    /// The first line of its standard output, waited for.
    #[track_caller]
    pub(crate) fn first_line(&self) -> String {
        self.wait_for_output("\n");
        let streams = self.output.lock();
        String::from_utf8_lossy(&streams.stdout).lines().next().unwrap_or_default().to_owned()
    }

    /// Sends a signal, named as `kill` names it, to Terraform and all that it has started.
    pub(crate) fn signal_group(&self, signal: &str) {
        kill(signal, &format!("-{}", self.child.id()));
    }

    /// Sends a signal to Terraform alone.
    pub(crate) fn signal(&self, signal: &str) {
        kill(signal, &self.child.id().to_string());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(self) -> Finished {
        self.wait_at_most(LIMIT)
    }

    /// Waits for its end, which must come in this time.
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

    /// Waits for something elsewhere that this command brings about, and fails where the command ends without it.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, reached: impl Fn() -> bool) {
        // Nothing announces it, so it is looked for again and again.
        let deadline = Instant::now() + LIMIT;
        while !reached() {
            let over = Instant::now() > deadline || self.output.lock().ended == 2;
            assert!(!over || reached(), "{self}\nexpected that {what}");
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
            streams = self.output.changed.wait_timeout(streams, left).expect("no reader panics").0;
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
        // Until it is waited for, its id cannot pass to anyone else; what it has started may outlive it.
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

    /// What it told, each as it came from the provider: `-json` breaks no lines.
    #[track_caller]
    pub(crate) fn told(&self) -> Vec<Told> {
        let lines = self.stdout.lines().map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("{self}\nit ran without -json"))
        });
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        lines
            .filter_map(|line| line.get("diagnostic").cloned())
            // That the provider was just built is not to be told.
            .filter(|told| told["summary"] != "Provider development overrides are in effect")
            .map(|told| Told {
                is_error: told["severity"] == "error",
                address: text(&told["address"]),
                text: format!("{}\n{}", text(&told["summary"]), text(&told["detail"])),
            })
            .collect()
    }

    /// The errors that it told about one resource, of which there must be one.
    #[track_caller]
    pub(crate) fn error_of(&self, address: &str) -> String {
        let mut errors: Vec<_> =
            self.told().into_iter().filter(|told| told.is_error && told.address == address).collect();
        assert_eq!(errors.len(), 1, "{errors:#?}\n{self}\nexpected one error of {address}");
        errors.remove(0).text
    }

    /// Requires that it told nothing, neither an error nor a warning.
    #[track_caller]
    pub(crate) fn expect_silence(self) -> Self {
        assert!(self.told().is_empty(), "{:#?}\n{self}\nexpected neither errors nor warnings", self.told());
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
        self.streams.lock().expect("no reader panics")
    }
}

/// Reads a stream to its end in a thread.
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

/// The shell's own `kill`: nothing to install, and no unsafe code.
fn kill(signal: &str, target: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -s {signal} -- {target}")]).status();
    assert!(status.expect("there is a shell").success(), "could not send SIG{signal} to {target}");
}
