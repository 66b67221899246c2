//! `dli-emulator -- COMMAND`: environment, signals and exit code of the command; and `--print-env`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::harness::{PROJECT, connections};
use super::program::{Program, text};

const EMULATOR: &str = env!("CARGO_BIN_EXE_dli-emulator");

/// Runs the emulator with these arguments to its end.
fn run(arguments: &[&str]) -> Output {
    Program::command(arguments).env("HW_AUTH_TOKEN", "real-token").output().expect("the program runs")
}

fn lines(output: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(output).lines().map(str::to_owned).collect()
}

/// Reports the signals that it receives, and ends with exit code 3 after `last`.
fn signal_reporter(last: &str) -> String {
    format!(
        "import signal, sys\n\
         signals = signal.valid_signals() - {{signal.SIGCHLD, signal.SIGWINCH}}\n\
         signal.pthread_sigmask(signal.SIG_BLOCK, signals)\n\
         print('ready', flush=True)\n\
         while True:\n\
         \x20   name = signal.Signals(signal.sigtimedwait(signals, 30).si_signo).name\n\
         \x20   print(name, flush=True)\n\
         \x20   if name == '{last}': sys.exit(3)\n"
    )
}

/// A program whose signals all have their default action. The tests may run where some are ignored, as in `nohup`, and
/// an ignored signal stays ignored in every program that is started there.
fn with_default_signals(program: &str) -> Command {
    let script = "import os, signal, sys\n\
                  for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:\n\
                  \x20   signal.signal(number, signal.SIG_DFL)\n\
                  os.execvp(sys.argv[1], sys.argv[1:])\n";
    let mut command = Command::new("python3");
    command.args(["-c", script, program]).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// Sends a signal to a process, or to a process group by its negative number.
fn send(signal: &str, process: i64) {
    let sent = Command::new("kill").args(["-s", signal, "--", &process.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

/// The names are those that the documentation of the provider and of Huawei's SDKs lists.
#[test]
fn command_has_the_variables_for_clients() {
    let Output { status, stdout, stderr } = run(&["--access-key", "AK", "--security-token", "T", "--", "env"]);
    assert!(status.success() && stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    let lines = lines(&stdout);
    let all: BTreeMap<_, _> = lines.iter().filter_map(|line| line.split_once('=')).collect();
    let endpoint = all["DLI_ENDPOINT"];
    assert!(endpoint.starts_with("http://127.0.0.1:") && !endpoint.ends_with(":7080"), "{endpoint}");
    let identity = format!("{endpoint}/v3");
    let project = "0123456789abcdef0123456789abcdef";
    for (name, value) in [
        ("HW_ACCESS_KEY", "AK"),
        ("HW_SECRET_KEY", "emulator-secret"),
        ("HW_SECURITY_TOKEN", "T"),
        ("HW_AUTH_TOKEN", ""),
        ("HW_AUTH_URL", &identity),
        ("HW_REGION_NAME", "emulated"),
        ("HW_PROJECT_ID", project),
        ("HUAWEICLOUD_SDK_AK", "AK"),
        ("HUAWEICLOUD_SDK_SK", "emulator-secret"),
        ("HUAWEICLOUD_SDK_SECURITY_TOKEN", "T"),
        ("HUAWEICLOUD_SDK_PROJECT_ID", project),
        ("HUAWEICLOUD_SDK_REGION_DLI_EMULATED", endpoint),
        ("HUAWEICLOUD_SDK_REGION_DNS_EMULATED", endpoint),
        ("HUAWEICLOUD_SDK_REGION_EPS_EMULATED", endpoint),
        ("HUAWEICLOUD_SDK_REGION_VPC_EMULATED", endpoint),
    ] {
        assert_eq!(all.get(name), Some(&value), "{name}");
    }
    // It was ready before the command started, and is gone after it.
    let address = endpoint.trim_start_matches("http://").to_owned();
    assert!(TcpStream::connect(address).is_err());
    let connect = "import os, socket; host, port = os.environ['DLI_ENDPOINT'][7:].split(':'); \
                   socket.create_connection((host, int(port)))";
    assert!(run(&["--", "python3", "-c", connect]).status.success());
}

#[test]
fn exit_code_is_that_of_the_command() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("data");
    fs::write(&file, "data").expect("writable");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a written file");
    for (arguments, code, said) in [
        (&["--", "true"][..], 0, ""),
        (&["--", "sh", "-c", "exit 7"], 7, ""),
        (&["--", "sh", "-c", "kill -KILL $$"], 137, ""),
        (&["--", "no-such-program"], 127, "dli-emulator: cannot run \"no-such-program\": No such file"),
        (&["--", text(&file)], 126, "Permission denied"),
        (&["--fail-binding", "q9=x", "--", "echo", "started"], 125, "no queue or pool of this name"),
        (&["--print-env", "--", "true"], 2, "cannot be used with"),
        (&["--stop-on-eof", "--", "true"], 2, "cannot be used with"),
    ] {
        let Output { status, stdout, stderr } = run(arguments);
        let stderr = String::from_utf8_lossy(&stderr);
        assert_eq!((status.code(), stdout.is_empty()), (Some(code), true), "{arguments:?}: {stderr}");
        assert!(if said.is_empty() { stderr.is_empty() } else { stderr.contains(said) }, "{arguments:?}: {stderr}");
    }
}

/// Starts a command that reports signals, and waits until it can.
fn start(program: &mut Command) -> (Child, BufReader<impl Read + use<>>) {
    let mut child = program.spawn().expect("the program starts");
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    assert_eq!(line(&mut reader), "ready");
    (child, reader)
}

fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("readable");
    line.trim_end().to_owned()
}

#[test]
fn signals_reach_the_command() {
    let script = signal_reporter("SIGTERM");
    let (mut child, mut reader) = start(with_default_signals(EMULATOR).args(["--", "python3", "-c", &script]));
    for signal in ["HUP", "INT", "QUIT", "USR1", "USR2", "TERM"] {
        send(signal, child.id().into());
        assert_eq!(line(&mut reader), format!("SIG{signal}"));
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
}

/// A signal to the process alone, to its group, and to both, as `timeout` sends it.
#[test]
fn signals_to_process_and_group_arrive_once() {
    let script = signal_reporter("SIGUSR2");
    let mut command = with_default_signals(EMULATOR);
    let (mut child, mut reader) = start(command.args(["--", "python3", "-c", &script]).process_group(0));
    let process = i64::from(child.id());
    let send_to_both = |signal: &str| {
        let script = format!("import os, signal\nfor send in os.kill, os.killpg: send({process}, signal.SIG{signal})");
        assert!(Command::new("python3").args(["-c", &script]).status().expect("Python runs").success());
    };
    for target in [Some(process), Some(-process), None] {
        for signal in ["INT", "TERM"] {
            target.map_or_else(|| send_to_both(signal), |target| send(signal, target));
            assert_eq!(line(&mut reader), format!("SIG{signal}"));
            // A second one would arrive before this one, which takes the longer way.
            send("USR1", process);
            assert_eq!(line(&mut reader), "SIGUSR1", "after {signal} to {target:?}");
        }
    }
    send("USR2", -process);
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
}

/// As in `nohup`: an ignored SIGHUP ends neither the emulator nor the command.
#[cfg(target_os = "linux")]
#[test]
fn ignored_signal_stays_ignored() {
    let script = "import signal; print('ready', flush=True); \
                  print(signal.getsignal(signal.SIGHUP).name, flush=True); signal.pause()";
    let shell = r#"trap '' HUP; exec "$0" "$@""#;
    let mut command = with_default_signals("sh");
    let (mut child, mut reader) = start(command.args(["-c", shell, EMULATOR, "--", "python3", "-c", script]));
    assert_eq!(line(&mut reader), "SIG_IGN");
    send("HUP", child.id().into());
    send("TERM", child.id().into());
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
}

/// Runs a command in the emulator in a terminal with this Python code, which sends keys and signals. Returns what the
/// terminal shows.
fn in_terminal(command: &[&str], steps: &str) -> Vec<String> {
    let driver = r"
import os, pty, signal, sys
process, terminal = pty.fork()
if process == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown = b''
def read():
    global shown
    try: more = os.read(terminal, 1000)
    except OSError: more = b''
    shown += more
    return more
def expect(text):
    global shown
    while text not in shown:
        if not read(): sys.exit(f'{text} does not come after {shown}')
    shown = shown.split(text, 1)[1]
def press(keys): os.write(terminal, keys)
# What is expected does not come; this ends the driver, and closes the terminal.
signal.alarm(30)
STEPS
while read(): pass
print(shown.decode(), os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
";
    let driver = driver.replace("STEPS", steps);
    let mut python = with_default_signals("python3");
    let output = python.args(["-c", &driver]).args(command).output().expect("Python runs");
    assert!(output.status.success(), "{output:?}");
    lines(&output.stdout)
}

/// Terraform, for example, aborts after two.
#[test]
fn terminal_interrupts_the_command_once() {
    // After the first SIGINT, SIGUSR1 takes the way of a forwarded signal, so a second SIGINT would come before it.
    let inner = "import os, signal\n\
                 signals = {signal.SIGINT, signal.SIGUSR1}\n\
                 signal.pthread_sigmask(signal.SIG_BLOCK, signals)\n\
                 READ\n\
                 print('ready', flush=True)\n\
                 first = signal.sigwait(signals)\n\
                 os.kill(os.getppid(), signal.SIGUSR1)\n\
                 second = signal.sigwait(signals)\n\
                 print(first.name, second.name, flush=True)\n";
    for sent in [r"press(b'\x03')", "os.kill(process, signal.SIGINT)", "os.killpg(process, signal.SIGINT)"] {
        // A command that has read from the terminal is in its foreground.
        for (read, typed) in [("", ""), ("input()", r"press(b'\n')")] {
            let inner = inner.replace("READ", read);
            let command = [EMULATOR, "--", "python3", "-c", &inner];
            let shown = in_terminal(&command, &format!("{typed}\nexpect(b'ready')\n{sent}\n"));
            let count = shown.iter().filter(|line| line.contains("SIGINT SIGUSR1")).count();
            assert_eq!(count, 1, "{sent} {read}: {shown:?}");
            assert_eq!(shown.last().map(|line| line.trim()), Some("0"), "{sent} {read}: {shown:?}");
        }
    }
}

/// Ctrl-Z and `fg` in a shell with job control, before and after the command has read from the terminal. The terminal
/// belongs to the shell again in between and at the end.
#[test]
fn command_stops_and_continues_with_the_shell() {
    let inner = "import signal\n\
                 signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCONT})\n\
                 print('ready', flush=True)\n\
                 signal.sigwait({signal.SIGCONT})\n\
                 print('continued', flush=True)\n\
                 print('first is ' + input(), flush=True)\n\
                 print('second is ' + input(), flush=True)\n";
    let script = format!(
        "'{EMULATOR}' -- python3 -c \"$0\"; echo stopped-1; fg; echo stopped-2; fg; echo code-$?; read line; echo \
         shell read $line"
    );
    let steps = r"
expect(b'ready'); press(b'\x1a'); expect(b'stopped-1'); expect(b'continued')
press(b'one\n'); expect(b'first is one'); press(b'\x1a'); expect(b'stopped-2')
press(b'two\n'); expect(b'second is two'); expect(b'code-0')
press(b'three\n'); expect(b'shell read three')
";
    let shown = in_terminal(&["bash", "-m", "-c", &script, inner], steps);
    assert_eq!(shown.last().map(|line| line.trim()), Some("0"), "{shown:?}");
}

/// A script, whose shell does not take the terminal itself, reads from it after the command has done so.
#[test]
fn terminal_is_returned_to_the_script() {
    let script =
        "\"$0\" -- python3 -c \"print('command read ' + input(), flush=True)\"; read line; echo shell read $line";
    let steps = r"
press(b'one\n'); expect(b'command read one'); press(b'two\n'); expect(b'shell read two')
";
    let shown = in_terminal(&["sh", "-c", script, EMULATOR], steps);
    assert_eq!(shown.last().map(|line| line.trim()), Some("0"), "{shown:?}");
}

#[tokio::test]
async fn printed_environment_works_until_end_of_input() {
    let mut command = Program::command(&["--print-env", "--stop-on-eof", "--quiet"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    let environment: BTreeMap<String, Option<String>> =
        serde_json::from_str(&line(&mut reader)).expect("one line of JSON");
    let value = |name: &str| environment[name].clone().expect("a value");
    assert_eq!(environment["HUAWEICLOUD_SDK_SECURITY_TOKEN"], None, "the emulator has none");
    let endpoint = value("DLI_ENDPOINT");
    assert!(!endpoint.ends_with(":7080"), "{endpoint}");
    let program = Program { child, endpoint };
    let path = connections().replace(PROJECT, &value("HW_PROJECT_ID"));
    program.call("GET", &path, "").await.ok(200);

    let mut program = program;
    drop(program.child.stdin.take());
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("readable");
    assert_eq!((program.child.wait().expect("it ends").code(), rest.as_str()), (Some(0), ""));
}

/// `COPY`, `EXPOSE` and `ENTRYPOINT` of `Dockerfile` match the program.
#[tokio::test]
async fn dockerfile_matches_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = fs::read_to_string(root.join("Dockerfile")).expect("a container file");
    let values = |name: &str| -> Vec<&str> { file.lines().filter_map(|line| line.strip_prefix(name)).collect() };
    assert_eq!(values("FROM ").last(), Some(&"scratch"), "the image has nothing but the program");
    let user = values("USER ")[0];
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user} is not a numeric user");

    // With this exact form, the program receives signals, as no shell starts it.
    let entry: Vec<String> = serde_json::from_str(values("ENTRYPOINT ")[0]).expect("the exec form");
    let (program, arguments) = entry.split_first().expect("a program");
    assert_eq!(program, "/dli-emulator");
    assert!(file.contains("--bin dli-emulator ") && file.contains("/dli-emulator\" /image/"), "{file}");
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let started = Program::start(&arguments);
    assert!(started.endpoint.starts_with("http://127.0.0.1:"), "{}", started.endpoint);
    started.call("GET", &connections(), "").await.ok(200);

    let Output { stdout, .. } = run(&["--help"]);
    let help = String::from_utf8_lossy(&stdout).into_owned();
    assert!(help.contains(&format!("[default: {}]", values("EXPOSE ")[0])), "{help}");
    let ignored = fs::read_to_string(root.join(".dockerignore")).expect("a list of ignored files");
    for needed in ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo/config.toml", "proto", "src", "benches", "tests"] {
        let is_ignored = |line: &str| needed.starts_with(line.trim_start_matches('/'));
        assert!(root.join(needed).exists() && !ignored.lines().any(is_ignored), "{needed} is not in the context");
    }
}
