//! Installation: `terraform init` finds the provider in the local mirror, in a filesystem mirror and on a web server.
//!
//! The ignored tests need the archives that `cargo run --example release` writes. `.github/workflows/release.yml` runs
//! them; `.ci/run` packs the programs of the dev profile and runs the installation test only.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use terraform_provider_dli::emulator::Settings;
use terraform_provider_dli::install::{VERSION, executable_name, platform};

use super::connection::EXAMPLE;
use super::environment::behind_tls;
use super::harness::{Cloud, Running, Workspace, for_each_terraform, for_one_terraform};
use super::terraform::{Terraform, target_directory};

#[path = "../../../examples/release/package.rs"]
mod package;

use package::{EMULATOR, Entry, PROVIDER};

/// The built provider of this test run.
const BUILT: &str = env!("CARGO_BIN_EXE_terraform-provider-dli");
/// A module that has its own version constraint.
const MODULE: &str = r#"terraform {
  required_providers {
    dli = {
      source  = "opendli/dli"
      version = ">= 0.1.0"
    }
  }
}
"#;
const CALLER: &str = r#"terraform {
  required_providers {
    dli = {
      source  = "opendli/dli"
      version = "~> 0.1"
    }
  }
}

module "connection" {
  source = "./connection"
}
"#;

fn this_platform() -> String {
    platform(std::env::consts::OS, std::env::consts::ARCH)
}

/// A workspace that has to find the provider with `init`, with the example in a module.
fn workspace(terraform: &Terraform, cloud: &Cloud, cli_configuration: &str) -> Workspace {
    let workspace = cloud.workspace(terraform);
    workspace.write("cli.tfrc", cli_configuration);
    workspace.write("versions.tf", CALLER);
    fs::create_dir(workspace.path().join("connection")).expect("a new directory");
    workspace.write("connection/main.tf", &format!("{MODULE}{EXAMPLE}"));
    workspace
}

fn filesystem_mirror(directory: &Path) -> String {
    format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n", directory.display())
}

/// Installs, applies and destroys, and returns the hashes of the lock file.
fn init_and_apply(workspace: &Workspace, cloud: &Cloud) -> Vec<String> {
    workspace.run(&["init"]).expect_code(0);
    workspace.run(&["apply", "-auto-approve"]).expect_code(0);
    assert_eq!(cloud.connection().name, "test");
    workspace.run(&["plan", "-detailed-exitcode"]).expect_code(0);
    workspace.destroy();
    cloud.expect_empty();
    locked_hashes(workspace)
}

/// The hashes of the only provider in the lock file.
fn locked_hashes(workspace: &Workspace) -> Vec<String> {
    let lock = fs::read_to_string(workspace.path().join(".terraform.lock.hcl")).expect("init has written it");
    assert!(lock.contains(&format!("version     = \"{VERSION}\"")), "{lock}");
    let quoted = lock.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","));
    quoted.map(str::to_owned).collect()
}

/// Writes an archive and a mirror with this executable.
fn mirror(directory: &Path, executable: Vec<u8>) -> PathBuf {
    let entry = Entry { name: executable_name(), is_executable: true, content: executable };
    let archive = package::archive(vec![entry]).expect("memory is writable");
    fs::write(directory.join(package::archive_name(PROVIDER, &this_platform())), archive).expect("writable");
    package::write_checksums(directory).expect("writable");
    package::write_mirror(directory).expect("writable")
}

/// The hashes of this platform's archive in the mirror's JSON.
fn published_hashes(mirror: &Path, terraform: &Terraform) -> Vec<String> {
    let host =
        if terraform.version.starts_with("OpenTofu") { "registry.opentofu.org" } else { "registry.terraform.io" };
    let path = mirror.join(host).join(format!("opendli/dli/{VERSION}.json"));
    let json: Value = serde_json::from_slice(&fs::read(path).expect("the mirror has it")).expect("JSON");
    let hashes = json["archives"][this_platform()]["hashes"].as_array().expect("a list");
    hashes.iter().map(|hash| hash.as_str().expect("text").to_owned()).collect()
}

/// Serves a directory over HTTPS. The server ends with the returned process.
fn web_server(directory: &Path) -> (Running, String, String) {
    let mut command = Command::new("python3");
    command.args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0", "--directory"]).arg(directory);
    let server = Running::start(&mut command, Stdio::null());
    // Serving HTTP on 127.0.0.1 port 41234 (http://127.0.0.1:41234/) ...
    let line = server.first_line();
    let port = line.split(' ').nth(5).unwrap_or_else(|| panic!("{line}")).to_owned();
    let (url, certificate) = behind_tls(&format!("127.0.0.1:{port}"), "localhost");
    (server, url, certificate)
}

#[test]
fn installed_provider_is_found_by_init() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = workspace(terraform, &cloud, "");
        install(BUILT, workspace.path());
        let hashes = init_and_apply(&workspace, &cloud);
        assert!(hashes.iter().all(|hash| hash.starts_with("h1:")) && hashes.len() == 1, "{hashes:?}");

        workspace.write("versions.tf", &CALLER.replace("~> 0.1", "~> 9.0"));
        let refused = workspace.run(&["init", "-upgrade"]).expect_code(1);
        assert!(refused.stderr.contains("no available releases match"), "{refused}");
    });
}

/// The second provider is a copy of the first one under another address.
#[test]
fn installed_provider_works_beside_another_one() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = workspace(terraform, &cloud, "");
        install(BUILT, workspace.path());
        let installed = provider_directory(&workspace.path().join(".terraform.d/plugins"), terraform);
        let host = installed.parent().and_then(Path::parent).expect("a host directory");
        let package = PathBuf::from(VERSION).join(this_platform());
        let other = host.join("example/dli").join(&package);
        fs::create_dir_all(&other).expect("a new directory");
        let name = executable_name();
        fs::hard_link(installed.join(package).join(&name), other.join(name)).expect("a new name");
        workspace.write(
            "versions.tf",
            &CALLER.replace("    dli = {", "    other = { source = \"example/dli\" }\n    dli = {"),
        );
        workspace.run(&["init"]).expect_code(0);
        let lock = fs::read_to_string(workspace.path().join(".terraform.lock.hcl")).expect("init has written it");
        assert_eq!(lock.matches("\nprovider ").count(), 2, "{lock}");
    });
}

/// Runs the command `install` in this home directory.
pub(super) fn install(program: impl AsRef<std::ffi::OsStr>, home: &Path) -> String {
    let output = Command::new(program).arg("install").env_clear().env("HOME", home).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("source  = \"opendli/dli\"") && text.lines().all(|line| line.len() <= 160), "{text}");
    text
}

/// `init` does not start the provider, so a text in its place is enough.
#[test]
fn lock_file_has_the_hashes_of_the_mirror() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let directory = tempfile::tempdir().expect("a directory");
        let mirror = mirror(directory.path(), b"a provider".to_vec());
        let expected = published_hashes(&mirror, terraform);

        let from_disk = workspace(terraform, &cloud, &filesystem_mirror(&mirror));
        from_disk.run(&["init"]).expect_code(0);
        // Of a mirror, the lock file records the hash that `init` has computed: that of the content.
        assert_eq!(locked_hashes(&from_disk), expected[..1]);

        let (_server, url, certificate) = web_server(&mirror);
        let settings = format!("provider_installation {{\n  network_mirror {{\n    url = \"{url}/\"\n  }}\n}}\n");
        let from_web = workspace(terraform, &cloud, &settings).with_variable("SSL_CERT_FILE", "ca.pem");
        from_web.write("ca.pem", &certificate);
        from_web.run(&["init"]).expect_code(0);
        // OpenTofu also records the hash of the archive.
        let locked = locked_hashes(&from_web);
        assert_eq!(locked[..1], expected[..1]);
        assert!(locked.iter().all(|hash| expected.contains(hash)), "{locked:?}");

        // Terraform verifies the archive against the hashes.
        let path = provider_directory(&mirror, terraform).join(package::archive_name(PROVIDER, &this_platform()));
        let entry = Entry { name: executable_name(), is_executable: true, content: b"another".to_vec() };
        fs::write(path, package::archive(vec![entry]).expect("memory is writable")).expect("writable");
        let changed = workspace(terraform, &cloud, &settings).with_variable("SSL_CERT_FILE", "ca.pem");
        changed.write("ca.pem", &certificate);
        let refused = changed.run(&["init"]).expect_code(1);
        assert!(refused.stderr.contains("checksum"), "{refused}");
    });
}

/// The directory of the provider in a mirror.
fn provider_directory(mirror: &Path, terraform: &Terraform) -> PathBuf {
    let host =
        if terraform.version.starts_with("OpenTofu") { "registry.opentofu.org" } else { "registry.terraform.io" };
    mirror.join(host).join("opendli/dli")
}

#[test]
fn same_files_result_in_the_same_archive() {
    let entries = || {
        let entry = |name: &str, is_executable| Entry { name: name.to_owned(), is_executable, content: name.into() };
        vec![entry("README.md", false), entry("LICENSE", false), entry("terraform-provider-dli_v1.0.0", true)]
    };
    let archive = package::archive(entries()).expect("memory is writable");
    let reversed = package::archive(entries().into_iter().rev().collect()).expect("memory is writable");
    assert_eq!(archive, reversed);

    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&archive)).expect("a zip file");
    let mut files = Vec::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).expect("an entry");
        let mut content = String::new();
        file.read_to_string(&mut content).expect("UTF-8");
        assert_eq!(content, file.name().expect("UTF-8"));
        assert_eq!(file.compression(), zip::CompressionMethod::Deflated);
        files.push((content, file.unix_mode().map(|mode| mode & 0o777)));
    }
    let file = |name: &str, mode| (name.to_owned(), Some(mode));
    assert_eq!(files, [file("LICENSE", 0o644), file("README.md", 0o644), file("terraform-provider-dli_v1.0.0", 0o755)]);
}

/// `sha256sum` is the judge.
#[test]
fn checksums_cover_all_archives_and_the_manifest() {
    let directory = tempfile::tempdir().expect("a directory");
    mirror(directory.path(), b"a provider".to_vec());
    let sums = format!("{PROVIDER}_{VERSION}_SHA256SUMS");
    let mut command = Command::new("sha256sum");
    let output =
        command.args(["--check", "--strict", &sums]).current_dir(directory.path()).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    let platform = this_platform();
    let expected = format!("{PROVIDER}_{VERSION}_{platform}.zip: OK\n{PROVIDER}_{VERSION}_manifest.json: OK\n");
    assert_eq!(text, expected);

    let manifest = fs::read(directory.path().join(format!("{PROVIDER}_{VERSION}_manifest.json"))).expect("written");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest, json!({ "version": 1, "metadata": { "protocol_versions": ["6.0"] } }));
}

/// The directory that the release command writes.
fn artifacts() -> PathBuf {
    let directory = target_directory().join("release-artifacts");
    assert!(directory.is_dir(), "{} is missing; run `cargo run --example release`", directory.display());
    directory
}

/// Unpacks an archive of the release, as `unzip` does, and returns the path of the program.
fn unpack(project: &str, program: &str, to: &Path) -> PathBuf {
    let archive =
        fs::File::open(artifacts().join(package::archive_name(project, &this_platform()))).expect("an archive");
    zip::ZipArchive::new(archive).expect("a zip file").extract(to).expect("writable");
    let path = to.join(program);
    assert_eq!(fs::metadata(&path).expect("the archive has it").permissions().mode() & 0o777, 0o755);
    path
}

#[test]
#[ignore = "needs the archives of `cargo run --example release`"]
fn release_archive_installs_and_applies() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let home = workspace(terraform, &cloud, "");
        let unpacked = tempfile::tempdir().expect("a directory");
        install(unpack(PROVIDER, &executable_name(), unpacked.path()), home.path());
        init_and_apply(&home, &cloud);

        let mirror = artifacts().join("mirror");
        let from_disk = workspace(terraform, &cloud, &filesystem_mirror(&mirror));
        assert_eq!(init_and_apply(&from_disk, &cloud), published_hashes(&mirror, terraform)[..1]);

        let (_server, url, certificate) = web_server(&mirror);
        let settings = format!("provider_installation {{\n  network_mirror {{\n    url = \"{url}/\"\n  }}\n}}\n");
        let from_web = workspace(terraform, &cloud, &settings).with_variable("SSL_CERT_FILE", "ca.pem");
        from_web.write("ca.pem", &certificate);
        assert_eq!(init_and_apply(&from_web, &cloud), published_hashes(&mirror, terraform)[..1]);
    });
}

#[test]
#[ignore = "needs the archives of `cargo run --example release`"]
fn release_programs_are_static() {
    let unpacked = tempfile::tempdir().expect("a directory");
    for (project, program) in [(PROVIDER, executable_name()), (EMULATOR, EMULATOR.to_owned())] {
        let program = unpack(project, &program, unpacked.path());
        let output = Command::new("ldd").arg(&program).output().expect("ldd is installed");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(text.contains("statically linked") || text.contains("not a dynamic executable"), "{text}");
    }
}

#[test]
#[ignore = "needs the archives of `cargo run --example release`"]
fn release_provider_is_small() {
    let unpacked = tempfile::tempdir().expect("a directory");
    let size = fs::metadata(unpack(PROVIDER, &executable_name(), unpacked.path())).expect("it exists").len();
    assert!(size <= 10_500_000, "{size} bytes");
}

/// A root directory with Terraform, the provider, a CA file and a hosts file, and nothing else: no C library, no
/// `/etc/nsswitch.conf`. Terraform on `PATH` must be static, as those of HashiCorp and OpenTofu are.
#[test]
#[ignore = "needs the archives of `cargo run --example release`, and root or user namespaces"]
fn release_provider_works_in_an_empty_root_directory() {
    const HOST: &str = "dli.emulator.internal";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings { allowed_hosts: vec![HOST.to_owned()], ..Settings::default() });
        let (url, certificate) = behind_tls(&cloud.emulator().endpoint(), HOST);
        let root = tempfile::tempdir().expect("a directory");
        let write = |path: &str, content: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a file has a parent")).expect("writable");
            fs::write(path, content).expect("writable");
        };
        write("etc/hosts", &format!("127.0.0.1 {HOST} proxy.internal\n"));
        write("etc/ssl/certs/ca-certificates.crt", &certificate);
        write("tmp/.keep", "");
        let provider = cloud.provider_block("").replace(&cloud.emulator().endpoint(), &url);
        write("work/main.tf", &format!("{CALLER}{provider}"));
        write("work/connection/main.tf", &format!("{MODULE}{EXAMPLE}"));
        let file = fs::File::open(&terraform.program).and_then(|mut file| {
            let mut start = [0; 4];
            file.read_exact(&mut start).map(|()| start)
        });
        assert_eq!(
            file.expect("readable"),
            *b"\x7fELF",
            "{} is a script; install Terraform",
            terraform.program.display()
        );
        fs::copy(&terraform.program, root.path().join("terraform")).expect("writable");
        let home = root.path().join("home");
        fs::create_dir(&home).expect("writable");
        let unpacked = tempfile::tempdir().expect("a directory");
        install(unpack(PROVIDER, &executable_name(), unpacked.path()), &home);

        let (proxy, tunnels) = tunnel(url.rsplit(':').next().expect("it has a port"));
        let run = |arguments: &[&str], proxied: bool| {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "chroot"]).arg(root.path()).args(["/terraform", "-chdir=/work"]);
            command.args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            command.env("HOME", "/home").env("CHECKPOINT_DISABLE", "1");
            if proxied {
                command.env("HTTPS_PROXY", format!("http://proxy.internal:{proxy}"));
            }
            Running::start(&mut command, Stdio::null()).wait().expect_code(0)
        };
        run(&["init", "-no-color"], false);
        run(&["apply", "-auto-approve", "-no-color"], false);
        assert_eq!(cloud.connection().name, "test");
        assert_eq!(*tunnels.lock().expect("no panic while locked"), Vec::<String>::new());
        run(&["destroy", "-auto-approve", "-no-color"], true);
        cloud.expect_empty();
        let tunnels = tunnels.lock().expect("no panic while locked");
        assert!(!tunnels.is_empty() && tunnels.iter().all(|host| host.starts_with(HOST)), "{tunnels:?}");
    });
}

/// As in the image that `Dockerfile` builds: nothing but the program, in an empty root directory.
#[test]
#[ignore = "needs the archives of `cargo run --example release`, and root or user namespaces"]
fn release_emulator_works_in_an_empty_root_directory() {
    let (root, unpacked) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let program = unpack(EMULATOR, EMULATOR, unpacked.path());
    fs::copy(program, root.path().join(EMULATOR)).expect("a new file");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "chroot"]).arg(root.path());
    command.args(["/dli-emulator", "--host", "0.0.0.0", "--allowed-host", "127.0.0.1", "--state", "/state.json"]);
    command.args(["--print-env", "--stop-on-eof"]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare is installed");
    let mut line = String::new();
    BufReader::new(running.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
    let environment: Value = serde_json::from_str(&line).expect("one line of JSON");
    let endpoint = environment["DLI_ENDPOINT"].as_str().expect("an address");
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let response = runtime.block_on(client.get(format!("{endpoint}/_emulator/info")).send()).expect("a response");
    assert_eq!(response.status(), 200);
    assert!(root.path().join("state.json.lock").exists());
    drop(running.stdin.take());
    assert!(running.wait().expect("it ends").success());
}

/// An HTTP proxy whose tunnels all lead to this port of the loopback address. Returns its port and the hosts that were
/// asked for.
fn tunnel(port: &str) -> (u16, Arc<Mutex<Vec<String>>>) {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let own_port = listener.local_addr().expect("a bound socket").port();
    let tunnels = Arc::<Mutex<Vec<String>>>::default();
    let (log, to) = (Arc::clone(&tunnels), format!("127.0.0.1:{port}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let serve = async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
        while let Ok((stream, _)) = listener.accept().await {
            let (log, to) = (Arc::clone(&log), to.clone());
            tokio::spawn(async move {
                let mut client = BufReader::new(stream);
                let mut line = String::new();
                client.read_line(&mut line).await?;
                let host = line.split(' ').nth(1).unwrap_or_default().to_owned();
                while line != "\r\n" {
                    line.clear();
                    client.read_line(&mut line).await?;
                }
                log.lock().expect("no panic while locked").push(host);
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                let mut server = tokio::net::TcpStream::connect(to).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    };
    thread::spawn(move || runtime.block_on(serve));
    (own_port, tunnels)
}

#[test]
fn new_release_keeps_other_files_of_its_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    mirror(directory.path(), b"a provider".to_vec());
    fs::write(directory.path().join("notes.txt"), "keep").expect("writable");
    package::remove_artifacts(directory.path()).expect("writable");
    let mut left: Vec<_> =
        directory.path().read_dir().expect("a directory").map(|entry| entry.expect("an entry").file_name()).collect();
    left.sort();
    assert_eq!(left, ["mirror", "notes.txt"]);
    let providers = directory.path().join("mirror/registry.terraform.io/opendli");
    assert_eq!(providers.read_dir().expect("a directory").count(), 0);
}
