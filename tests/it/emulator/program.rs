//! The `dli-emulator` program.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use terraform_provider_dli::{
    dli::signature,
    emulator::{ACCESS_KEY, Clock, SECRET_KEY, SystemClock, operations_of},
};

use super::harness::{Draft, PROJECT, Reply, authorization, body, client, connections, try_send};

/// A running program, killed on drop.
pub(super) struct Program {
    pub(super) child: Child,
    pub(super) endpoint: String,
}

impl Program {
    pub(super) fn command(arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dli-emulator"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the program on a free port and reads its address.
    pub(super) fn start(arguments: &[&str]) -> Self {
        let mut child = Self::command(&["--port", "0"]).args(arguments).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let first = lines.next().expect("it prints something").expect("as text");
        let endpoint = first.split(' ').find(|word| word.starts_with("http://")).expect("the address").to_owned();
        // An unread pipe would block the program.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, endpoint }
    }

    /// Standard error of a program that fails to start.
    #[track_caller]
    pub(super) fn refusal(arguments: &[&str]) -> String {
        let mut child = Self::command(&["--port", "0"]).args(arguments).spawn().expect("the program starts");
        let mut greeting = String::new();
        let length = BufReader::new(child.stdout.take().expect("piped")).read_line(&mut greeting).expect("readable");
        if length > 0 {
            child.kill().expect("it runs");
        }
        let Output { status, stderr, .. } = child.wait_with_output().expect("it ends");
        assert!(length == 0 && !status.success(), "{arguments:?} is taken: {greeting}");
        String::from_utf8(stderr).expect("text")
    }

    pub(super) async fn call(&self, method: &str, target: &str, body: &str) -> Reply {
        self.try_call(method, target, body).await.expect("the emulator answers")
    }

    /// `None` if there is no response.
    pub(super) async fn try_call(&self, method: &str, target: &str, body: &str) -> Option<Reply> {
        let host = self.endpoint.trim_start_matches("http://").to_owned();
        let date = signature::format_date(SystemClock.now());
        let headers = vec![("Host".to_owned(), host), ("X-Sdk-Date".to_owned(), date)];
        let mut draft =
            Draft { method: method.to_owned(), target: target.to_owned(), headers, body: body.as_bytes().to_vec() };
        let authorization = authorization(&draft, ACCESS_KEY, SECRET_KEY);
        draft.headers.push(("Authorization".to_owned(), authorization));
        try_send(&client(), &self.endpoint, draft).await.ok()
    }

    /// Sends SIGKILL.
    #[cfg(unix)]
    pub(super) fn send_kill(&self) {
        let killed = Command::new("kill").args(["-9", &self.child.id().to_string()]).status();
        assert!(killed.expect("kill runs").success());
    }

    pub(super) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}

/// Prints the configuration on standard output and one line per request on standard error, and stops at a signal.
#[cfg(unix)]
#[tokio::test]
async fn program_logs_requests_and_stops_on_signal() {
    for signal in ["-INT", "-TERM"] {
        let arguments = ["--latency", "1h", "--fail-binding", "Q2=no subnet", "--access-key", "emulator"];
        let mut program = Program::start(&arguments);
        let mut stderr = BufReader::new(program.child.stderr.take().expect("piped"));
        let call = program.call("GET", "/nothing?a=b", "");
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            stderr.read_line(&mut line).map(|_| (line, stderr))
        });
        let (line, mut stderr) = tokio::select! {
            _ = call => panic!("the answer comes in an hour"),
            line = line => line.expect("no panic").expect("readable"),
        };
        assert!(line.contains("GET") && line.contains("404") && line.contains("/nothing?a=b  APIGW.0101"), "{line}");
        assert!(!line.contains('\x1b'), "no colour where there is no terminal");
        let begun = Instant::now();
        let id = program.child.id().to_string();
        let kill = Command::new("sh").args(["-c", &format!("kill {signal} {id}")]).status();
        assert!(kill.expect("a shell runs").success());
        let status = program.child.wait().expect("it ends");
        assert!(status.success() && begun.elapsed() < Duration::from_secs(2), "{status} after {:?}", begun.elapsed());
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).expect("readable");
        assert_eq!(rest, "", "one line a request");
    }
}

#[test]
fn port_in_use_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = Program::command(&["--port", &port]).output().expect("the program runs");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success() && stderr.contains("is in use; choose another port with --port"), "{stderr}");
}

#[test]
fn invalid_argument_is_reported() {
    for (arguments, said) in [
        (["--fail-binding", "q2"], "expected NAME=TEXT"),
        (["--latency", "soon"], "--latency"),
        (["--host", "nowhere"], "--host"),
        (
            ["--fail-binding", "q9=x"],
            "no queue or pool of this name can be bound; available: q1, q2, q3, yearly1, pool1, ",
        ),
        (["--fail-binding", "Pooled1=x"], "use pool1"),
        (["--fail-binding", "shared1=x"], "no queue or pool of this name"),
        (["--quirk", "camelcase"], "camel-case"),
        (["--fault", "*:lose"], "unknown fault"),
        (["--limit", "5"], "REQUESTS/TIME"),
        (["--clock-skew", "soon"], "--clock-skew"),
        (["--metadata", "v3"], "[possible values: v2, v1, no-agency, absent]"),
        (["--project", "eu"], "NAME=ID"),
        (["--fault", "{}"], "missing field `trouble`"),
        (["--fault", r#"{"operation":"Create","trouble":"lose-answer"}"#], "CreateEnhancedConnection"),
    ] {
        let stderr = Program::refusal(&arguments);
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[tokio::test]
async fn quirks_and_faults_can_be_arguments() {
    let program = Program::start(&[
        "--quirk",
        "gone-as-dli-0023",
        "--quirk",
        "booleans-as-strings",
        "--fault",
        r#"{"operation": "ListQueues", "times": 1,
            "trouble": {"refuse": {"status": 400, "code": "DLI.0999", "text": "busy"}}}"#,
    ]);
    let queues = format!("/v1.0/{PROJECT}/queues");
    assert_eq!(program.call("GET", &queues, "").await.refused(400, "DLI.0999"), "busy");
    assert_eq!(program.call("GET", &queues, "").await.ok(200)["is_success"], "true");
    let created = program.call("POST", &connections(), &body("test").to_string()).await.ok(201);
    let path = format!("{}/{}", connections(), created["connection_id"].as_str().expect("an id"));
    program.call("DELETE", &path, "").await.ok(200);
    program.call("GET", &path, "").await.refused(404, "DLI.0023");
}

#[tokio::test]
async fn seed_file_replaces_builtin_objects() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("seed.json");
    let seed = json!({
        "queues": ["etl", {"queue_name": "bi", "queue_type": "sql", "elastic_resource_pool_name": "shared_pool"}],
        "elastic_resource_pools": [{"elastic_resource_pool_name": "shared_pool", "cidr_in_vpc": "10.9.0.0/18"}],
    });
    fs::write(&file, seed.to_string()).expect("the file is written");
    let program = Program::start(&["--seed-file", text(&file), "--fail-binding", "etl=no subnet"]);
    for project in [PROJECT, "0123456789abcdef0123456789abcdef"] {
        let queues = program.call("GET", &format!("/v1.0/{project}/queues?queue_type=all"), "").await.ok(200);
        let names: Vec<_> = queues["queues"].as_array().expect("a list").iter().map(|q| &q["queue_name"]).collect();
        assert_eq!(names, ["bi", "etl"]);
    }
    let pools = program.call("GET", &format!("/v3/{PROJECT}/elastic-resource-pools"), "").await.ok(200);
    let pools = &pools["elastic_resource_pools"];
    assert_eq!((&pools[0]["cidr_in_vpc"], &pools[0]["queues"]), (&json!("10.9.0.0/18"), &json!(["bi"])));
    assert_eq!(pools[1], Value::Null);
    let mut bound = body("test");
    bound["queues"] = json!(["etl"]);
    program.call("POST", &connections(), &bound.to_string()).await.ok(201);

    fs::write(&file, r#"{"queues": ["a b"]}"#).expect("the file is written");
    let stderr = Program::refusal(&["--seed-file", text(&file)]);
    assert!(stderr.contains("--seed-file") && stderr.contains(text(&file)), "{stderr}");
    assert!(stderr.contains("queues[0]: The parameter queue_name is invalid"), "{stderr}");
    let stderr = Program::refusal(&["--seed-file", "/nowhere.json"]);
    assert!(stderr.contains("/nowhere.json") && stderr.contains("it cannot be read: No such file"), "{stderr}");
}

#[test]
fn version_names_the_program() {
    let Output { stdout, .. } = Program::command(&["--version"]).output().expect("the program runs");
    let version = String::from_utf8(stdout).expect("text");
    assert!(version.starts_with("dli-emulator "), "{version}");
}

/// The greeting names the objects that a connection can use, and the page where it is served.
#[test]
fn greeting_names_page_pools_and_networks() {
    for (host, has_page) in [("127.0.0.1", true), ("0.0.0.0", false)] {
        let mut command = Program::command(&["--port", "0", "--host", host, "--stop-on-eof"]);
        let Output { stdout, .. } = command.output().expect("the program runs");
        let greeting = String::from_utf8(stdout).expect("text");
        assert_eq!(greeting.contains("/_emulator/ui\n"), has_page, "{greeting}");
        for name in ["pool1", "22094d8f-c310-4621-913d-4c4d655d8495", "78f2562a-36e4-4b39-95b9-f5aab22e1281"] {
            assert!(greeting.lines().any(|line| line.split([' ', ',']).any(|word| word == name)), "{name}: {greeting}");
        }
    }
}

#[tokio::test]
async fn host_can_be_localhost() {
    let program = Program::start(&["--host", "localhost"]);
    assert!(program.endpoint.starts_with("http://127.0.0.1:"), "{}", program.endpoint);
    program.call("GET", &connections(), "").await.ok(200);
}

fn output(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = Program::command(arguments).output().expect("the program runs");
    assert!(status.success() && stderr.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("text")
}

#[test]
fn served_operations_are_listed() {
    let printed = output(&["--list-operations"]);
    for name in operations_of(&["DLI", "VPC", "DNS", "EPS", "IAM"]) {
        assert!(printed.contains(&format!("  {name} ")), "{name}");
    }
    let line =
        "DLI           ShowQueue                                GET     /v1.0/{project_id}/queues/{queue_name}\n";
    assert!(printed.contains(line) && printed.contains("/openstack/latest/securitykey"), "{printed}");
    assert!(printed.ends_with("All other paths return HTTP 404 APIGW.0101.\n"), "{printed}");
}

#[test]
fn completion_scripts_are_printed() {
    for (shell, said) in
        [("bash", "complete -F"), ("zsh", "#compdef"), ("fish", "complete -c"), ("powershell", "Register-")]
    {
        let script = output(&["--completion", shell]);
        assert!(script.contains(said) && script.contains("seed-file"), "{script}");
    }
    let mut bash = Command::new("bash").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash runs");
    let mut input = bash.stdin.take().expect("piped");
    let script = output(&["--completion", "bash"]);
    let used = "COMP_WORDS=(dli-emulator --metadata no); COMP_CWORD=2\n\
        words=($(complete -p dli-emulator)); ${words[@]: -2:1} dli-emulator no --metadata\n";
    let typed = format!("{script}\n{used}echo \"${{COMPREPLY[@]}}\"\n");
    std::thread::spawn(move || input.write_all(typed.as_bytes()));
    let Output { stdout, .. } = bash.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&stdout), "no-agency\n");
}

/// The emulator is in its own program only.
#[test]
fn provider_does_not_contain_the_emulator() {
    let contains = |program: &str, text: &str| {
        let program = fs::read(program).expect("it was built");
        String::from_utf8_lossy(&program).contains(text)
    };
    for text in ["Control API: unsigned", "<title>DLI emulator</title>"] {
        assert!(contains(env!("CARGO_BIN_EXE_dli-emulator"), text), "{text}");
        assert!(!contains(env!("CARGO_BIN_EXE_terraform-provider-dli"), text), "{text}");
    }
}
