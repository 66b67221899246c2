//! The state file: lock, format, and writes that a kill cannot lose.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use terraform_provider_dli::emulator::{Emulator, Settings, StartError};
use tokio::task::JoinSet;

use super::harness::{Cloud, PROJECT, body, body_with, connections};
use super::program::{Program, text};

/// The connections of the project in a state file, which can be read while it is in use.
pub(super) fn saved(file: &Path) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&fs::read(file).expect("the file")).expect("it is whole");
    document["projects"][PROJECT]["connections"].as_array().cloned().unwrap_or_default()
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
    let left = fs::read_dir(home.path()).expect("the directory");
    let left: BTreeSet<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["state.json".into(), "state.json.lock".into()].into());
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
        (r#"{"format":"dli-emulator state","version":2,"cells":[]}"#, "not a state file"),
        (
            r#"{"format":"dli-emulator state","version":3,"cells":[]}"#,
            "has version 3; this emulator reads versions 1 to 2",
        ),
        (r#"{"format":"dli-emulator state","version":0,"cells":[]}"#, "has version 0"),
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
        assert!(
            stderr.matches(said).count() == 1 && stderr.contains("state.json") && stderr.lines().count() == 1,
            "{stderr}"
        );
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

#[tokio::test]
async fn second_process_is_refused() {
    let home = tempfile::tempdir().expect("a directory");
    let (file, link) = (home.path().join("state.json"), home.path().join("link.json"));
    let first = Program::start(&["--state", text(&file)]);
    first.call("POST", &connections(), &body("test").to_string()).await.ok(201);
    let user = format!("(process {}, {})", first.child.id(), first.endpoint);
    let mut paths = vec![file.clone()];
    if cfg!(unix) {
        let linked = Command::new("ln").args(["-s", "state.json", text(&link)]).status();
        assert!(linked.expect("ln runs").success());
        paths.push(link);
    }
    for path in paths {
        let stderr = Program::refusal(&["--state", text(&path)]);
        assert!(stderr.contains(text(&path)) && stderr.contains("is in use by another dli-emulator"), "{stderr}");
        assert!(stderr.contains(&user) && stderr.contains("choose another file with --state"), "{stderr}");
    }
    // The refused processes have changed nothing, and a kill ends the lock.
    first.call("POST", &connections(), &body("test2").to_string()).await.ok(201);
    first.kill();
    let second = Program::start(&["--state", text(&file)]);
    assert_eq!(second.call("GET", &connections(), "").await.ok(200)["connections"].as_array().map(Vec::len), Some(2));
}

/// A new process waits for one that is about to end.
#[tokio::test]
async fn lock_ends_with_emulator() {
    let home = tempfile::tempdir().expect("a directory");
    let settings = Settings { state: Some(home.path().join("state.json")), ..Settings::default() };
    for _ in 0..3 {
        Emulator::start(([127, 0, 0, 1], 0).into(), settings.clone()).await.expect("the file is free").stop().await;
        drop(Cloud::with(settings.clone()).await);
    }
}

/// Clients write until the program is killed. All acknowledged writes are in the file.
async fn kill_during_writes(rounds: usize, writes: usize) {
    let home = tempfile::tempdir().expect("a directory");
    let mut rng = fastrand::Rng::with_seed(7);
    for round in 0..rounds {
        let file = home.path().join(format!("state{round}.json"));
        let program = Arc::new(Program::start(&["--state", text(&file), "--quiet"]));
        let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
        let mut clients = JoinSet::new();
        for client in 0..8 {
            let (program, acknowledged) = (Arc::clone(&program), Arc::clone(&acknowledged));
            clients.spawn(async move {
                for number in (client..writes).step_by(8) {
                    let name = format!("c{number}");
                    let Some(reply) = program.try_call("POST", &connections(), &body(&name).to_string()).await else {
                        return;
                    };
                    reply.ok(201);
                    acknowledged.lock().expect("no panic").insert(name);
                }
            });
        }
        let enough = rng.usize(1..writes);
        while acknowledged.lock().expect("no panic").len() < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        program.send_kill();
        clients.join_all().await;
        let acknowledged = acknowledged.lock().expect("no panic").clone();
        assert!(acknowledged.len() < writes, "it was killed too late");
        let saved = saved(&file);
        let saved: BTreeSet<_> = saved.iter().filter_map(|connection| connection["name"].as_str()).collect();
        let lost: Vec<_> = acknowledged.iter().filter(|name| !saved.contains(name.as_str())).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        Program::start(&["--state", text(&file)]).kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_loses_no_acknowledged_write() {
    kill_during_writes(3, 100).await;
}

/// The same with more writes. It takes a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute"]
async fn ten_kills_lose_no_acknowledged_write() {
    kill_during_writes(10, 1_000).await;
}

/// The file was written by the first version.
#[tokio::test]
async fn old_state_file_is_upgraded() {
    const FIRST: &[u8] = include_bytes!("../../data/state/cloud-v0.1-first.json");
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("state.json");
    fs::write(&file, FIRST).expect("the file is written");
    let count = saved(&file).len();
    let cloud = Cloud::with(Settings { state: Some(file.clone()), ..Settings::default() }).await;
    assert_eq!(cloud.emulator.connections(PROJECT).len(), count);
    let version = |path: &Path| -> Value {
        serde_json::from_slice::<Value>(&fs::read(path).expect("the file")).expect("JSON")["version"].clone()
    };
    assert_eq!((version(&file), saved(&file).len()), (json!(2), count));
    assert_eq!(fs::read(home.path().join("state.json.v1")).expect("the previous version"), FIRST);
}
