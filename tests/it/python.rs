//! Runs Python scripts with Huawei's packages, which check the emulator and the client independently, and pytest.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use terraform_provider_dli::emulator::LoggedRequest;

const PACKAGES: [&str; 7] = [
    "huaweicloudsdkcore==3.1.219",
    "huaweicloudsdkdli==3.1.219",
    "huaweicloudsdkdns==3.1.219",
    "huaweicloudsdkeps==3.1.219",
    "huaweicloudsdkiam==3.1.219",
    "huaweicloudsdkvpc==3.1.219",
    "pytest==9.1.1",
];

/// A command that runs this script of `tests/python` with Huawei's packages and without a proxy.
pub(crate) fn python(script: &str) -> Command {
    let mut command = Command::new(interpreter());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script)).env("NO_PROXY", "127.0.0.1");
    command
}

/// Sends a JSON document to a script and returns the JSON that it prints.
#[track_caller]
pub(crate) fn ask(command: &mut Command, input: &Value) -> Value {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a started interpreter");
    child.stdin.take().expect("piped").write_all(input.to_string().as_bytes()).expect("a script that reads its input");
    let output = child.wait_with_output().expect("an exited script");
    assert!(output.status.success(), "{command:?} failed, see its standard error");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// An HTTP request with the headers to sign.
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

/// Signs each request with Huawei's signer. Returns its headers, including `Authorization`.
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
    serde_json::from_value(ask(&mut python("signer.py"), &input)).expect("lists of pairs")
}

/// The `Authorization` header that Huawei's signer computes for each received request.
///
/// It signs the headers that the request's own `Authorization` names.
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
            let names = names.expect("the names of the signed headers");
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
    headers.iter().find(|(name, _)| name == "Authorization").expect("an Authorization header").1.clone()
}

/// Python of a virtual environment with the packages, which is created once under `target/`.
///
/// A lock serializes concurrent tests, and a file marks a complete environment.
pub(crate) fn interpreter() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let environment = home.join("huaweicloudsdk");
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let mark = environment.join("complete");
    let lock = File::create(home.join("huaweicloudsdk.lock")).expect("a writable target/");
    lock.lock().expect("a file system with locks");
    if fs::read_to_string(&mark).is_ok_and(|packages| packages == PACKAGES.join(" ")) {
        return python;
    }
    let _ = fs::remove_dir_all(&environment);
    run(Command::new(if cfg!(windows) { "python" } else { "python3" }).args(["-m", "venv"]).arg(&environment));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES));
    fs::write(&mark, PACKAGES.join(" ")).expect("a writable target/");
    python
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(status.success(), "{command:?} failed");
}
