//! Huawei's own Python packages as independent judges: their interpreter, and their signer for signatures.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use terraform_provider_dli::emulator::LoggedRequest;

const PACKAGES: [&str; 3] = ["huaweicloudsdkcore==3.1.219", "huaweicloudsdkdli==3.1.219", "huaweicloudsdkiam==3.1.219"];

/// Python with Huawei's packages, about to run this script of `tests/python`. Whatever proxy this machine has, what is
/// asked for is on this machine.
pub(crate) fn python(script: &str) -> Command {
    let mut command = Command::new(interpreter());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script)).env("NO_PROXY", "127.0.0.1");
    command
}

/// Gives a script of `tests/python` a JSON document, and returns the one that it writes.
#[track_caller]
pub(crate) fn ask(command: &mut Command, input: &Value) -> Value {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter of the environment starts");
    child.stdin.take().expect("piped").write_all(input.to_string().as_bytes()).expect("the script reads its input");
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{command:?} failed, see its standard error");
    serde_json::from_slice(&output.stdout).expect("the script writes JSON")
}

/// A request as the wire has it, with the headers that are to be signed.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    pub(crate) method: String,
    /// Percent-encoded.
    pub(crate) path: String,
    /// Percent-encoded, without the question mark.
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Signs each request with Huawei's signer; returns its headers with `Authorization` among them.
pub(crate) fn sign(requests: &[Plain], access_key: &str, secret_key: &str) -> Vec<Vec<(String, String)>> {
    let requests: Vec<Value> = requests
        .iter()
        .map(|request| {
            json!({
                "method": request.method, "path": request.path, "query": request.query,
                "headers": request.headers, "body": STANDARD.encode(&request.body),
            })
        })
        .collect();
    let input = json!({ "access_key": access_key, "secret_key": secret_key, "requests": requests });
    serde_json::from_value(ask(&mut python("signer.py"), &input)).expect("the script writes lists of pairs")
}

/// For each request that was received: the `Authorization` header that Huawei's signer computes for it, given the
/// headers that its own `Authorization` says are signed.
pub(crate) fn recompute(requests: &[LoggedRequest], access_key: &str, secret_key: &str) -> Vec<String> {
    let plain: Vec<_> = requests
        .iter()
        .map(|request| {
            let header = |name: &str| {
                let found = request.headers.iter().find(|(key, _)| key == name);
                found.unwrap_or_else(|| panic!("{} {} has no header {name}", request.method, request.path)).1.clone()
            };
            let authorization = header("authorization");
            let names = authorization.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next());
            let names = names.expect("Authorization names the signed headers");
            Plain {
                method: request.method.clone(),
                path: request.path.clone(),
                query: request.query.clone(),
                headers: names.split(';').map(|name| (name.to_owned(), header(name))).collect(),
                body: request.body.to_vec(),
            }
        })
        .collect();
    sign(&plain, access_key, secret_key).into_iter().map(|headers| authorization(&headers)).collect()
}

fn authorization(headers: &[(String, String)]) -> String {
    headers.iter().find(|(name, _)| name == "Authorization").expect("the signer adds it").1.clone()
}

/// Python of a virtual environment with the packages in it, made once under `target/`. Tests run side by side and may
/// be killed: a lock keeps them apart, a mark says that the environment is whole.
fn interpreter() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let environment = home.join("huaweicloudsdk");
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let mark = environment.join("complete");
    let lock = File::create(home.join("huaweicloudsdk.lock")).expect("target/ can be written to");
    lock.lock().expect("the file system has locks");
    if fs::read_to_string(&mark).is_ok_and(|held| held == PACKAGES.join(" ")) {
        return python;
    }
    let _ = fs::remove_dir_all(&environment);
    run(Command::new(if cfg!(windows) { "python" } else { "python3" }).args(["-m", "venv"]).arg(&environment));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES));
    fs::write(&mark, PACKAGES.join(" ")).expect("target/ can be written to");
    python
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(status.success(), "{command:?} failed");
}
