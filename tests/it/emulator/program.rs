//! The `dli-emulator` program and its state file.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use terraform_provider_dli::{
    dli::signature,
    emulator::{ACCESS_KEY, Clock, Emulator, SECRET_KEY, Settings, StartError, SystemClock},
};

use super::harness::{Cloud, Draft, PROJECT, Reply, authorization, body, body_with, client, connections, send};

/// A running program, killed on drop.
struct Program {
    child: Child,
    endpoint: String,
}

impl Program {
    fn command(arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dli-emulator"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the program on a free port and reads its address.
    fn start(arguments: &[&str]) -> Self {
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
    fn refusal(arguments: &[&str]) -> String {
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

    async fn call(&self, method: &str, target: &str, body: &str) -> Reply {
        let host = self.endpoint.trim_start_matches("http://").to_owned();
        let date = signature::format_date(SystemClock.now());
        let headers = vec![("Host".to_owned(), host), ("X-Sdk-Date".to_owned(), date)];
        let mut draft =
            Draft { method: method.to_owned(), target: target.to_owned(), headers, body: body.as_bytes().to_vec() };
        let authorization = authorization(&draft, ACCESS_KEY, SECRET_KEY);
        draft.headers.push(("Authorization".to_owned(), authorization));
        send(&client(), &self.endpoint, draft).await
    }

    fn kill(mut self) {
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

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}

/// After SIGKILL all acknowledged changes are in the state file, with tags, route table and bindings.
#[tokio::test]
async fn state_survives_sigkill() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("state.json");
    let more = json!({
        "queues": ["q1"], "tags": [{"key": "owner", "value": "me"}], "hosts": [{"name": "a", "ip": "10.0.0.1"}],
        "routetable_id": "22094d8f-c310-4621-913d-4c4d655d8495",
    });
    let arguments = ["--state", text(&file), "--binding-delay", "0s"];
    let first = Program::start(&arguments);
    let created = first.call("POST", &connections(), &body_with("test", more).to_string()).await.ok(201);
    let path = format!("{}/{}", connections(), created["connection_id"].as_str().expect("an id"));
    let before = first.call("GET", &path, "").await.ok(200);
    first.kill();

    let second = Program::start(&arguments);
    assert_eq!(second.call("GET", &path, "").await.ok(200), before);
    second.call("DELETE", &path, "").await.ok(200);
    second.kill();

    let settings = Settings { state: Some(file.clone()), ..Settings::default() };
    let third = Emulator::start(([127, 0, 0, 1], 0).into(), settings).await.expect("the file is whole");
    let held = third.connections(PROJECT);
    assert_eq!((held.len(), held[0].is_deleted(), held[0].name.as_str()), (1, true, "test"));
    assert!(third.routetable_id(PROJECT, &held[0].id).is_some());
    let left: Vec<_> =
        fs::read_dir(home.path()).expect("the directory").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["state.json"], "nothing is left beside it");
}

/// The program is killed repeatedly while it writes. The file stays valid and holds all acknowledged changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn state_file_is_valid_at_any_time() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("state.json");
    let hosts: serde_json::Value = (0..2_000).map(|n| json!({"name": format!("h{n}"), "ip": "10.0.0.1"})).collect();
    let mut answered = 0;
    for round in 0..4 {
        let program = Program::start(&["--state", text(&file), "--quiet"]);
        for number in 0..5 {
            let body = body_with(&format!("c{round}_{number}"), json!({"hosts": hosts}));
            program.call("POST", &connections(), &body.to_string()).await.ok(201);
            answered += 1;
        }
        let body = body_with(&format!("lost{round}"), json!({"hosts": hosts})).to_string();
        let path = connections();
        tokio::select! {
            _ = program.call("POST", &path, &body) => {}
            () = tokio::time::sleep(Duration::from_millis(3 * round)) => {}
        }
        program.kill();
        let settings = Settings { state: Some(file.clone()), ..Settings::default() };
        let after = Emulator::start(([127, 0, 0, 1], 0).into(), settings).await.expect("the file is whole");
        let named =
            after.connections(PROJECT).into_iter().filter(|connection| connection.name.starts_with('c')).count();
        assert_eq!(named, answered);
    }
}

#[tokio::test]
async fn foreign_state_file_is_not_changed() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("state.json");
    let cases = [
        ("", "not a state file"),
        ("garbage\0", "not a state file"),
        ("{}", "not a state file"),
        (r#"{"format":"terraform","version":1,"projects":{}}"#, "not a state file"),
        (r#"{"format":"dli-emulator state","version":1}"#, "not a state file"),
        (r#"{"format":"dli-emulator state","version":2,"cells":[]}"#, "has version 2; this emulator reads version 1"),
    ];
    for (content, said) in cases {
        fs::write(&file, content).expect("the file is written");
        let settings = Settings { state: Some(file.clone()), ..Settings::default() };
        let error = Emulator::start(([127, 0, 0, 1], 0).into(), settings).await.expect_err("it is not ours");
        assert!(matches!(error, StartError::State(_)) && error.to_string().contains(said), "{error}");
        let Output { status, stderr, stdout } =
            Program::command(&["--port", "0", "--state", text(&file)]).output().expect("the program runs");
        let stderr = String::from_utf8(stderr).expect("text");
        assert!(!status.success() && stdout.is_empty());
        assert!(stderr.contains(said) && stderr.contains("state.json") && stderr.lines().count() == 1, "{stderr}");
        assert_eq!(fs::read_to_string(&file).expect("the file"), content);
    }
}

#[tokio::test]
async fn unwritable_state_file_is_reported() {
    let home = tempfile::tempdir().expect("a directory");
    let place = home.path().join("place");
    let settings = Settings { state: Some(place.join("state.json")), ..Settings::default() };
    let error =
        Emulator::start(([127, 0, 0, 1], 0).into(), settings.clone()).await.expect_err("there is no such place");
    assert!(error.to_string().starts_with("cannot write the state file"), "{error}");

    fs::create_dir(&place).expect("a directory");
    let cloud = Cloud::with(settings).await;
    fs::remove_dir_all(&place).expect("it is there");
    let text = cloud.call("POST", &connections(), body("test")).await.refused(500, "DLI.0999");
    assert!(text.contains("cannot write the state file"), "{text}");
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
        (["--project", "eu"], "REGION=ID"),
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
