//! The working directory of the quickstart: the configuration, a mirror that holds the provider, Terraform's own
//! settings, and a `./terraform` that uses them.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde_json::Value;
use terraform_provider_dli::emulator::{ACCESS_KEY, SECRET_KEY};

use crate::terraform::{Terraform, isolated, target_directory};

/// The document's example request.
pub(crate) const CONFIGURATION: &str = include_str!("main.tf");
/// A project id of the form that real ones have; the emulator takes any.
pub(crate) const PROJECT: &str = "0123456789abcdef0123456789abcdef";
/// The version of the provider in the mirror.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The binary, as `Cargo.toml` names it.
const PROVIDER: &str = "terraform-provider-dli";

/// Why a step did not end as announced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("could not run {program}")]
    Run { program: String, source: io::Error },
    #[error("`{command}` ended with {status}")]
    Failed { command: String, status: ExitStatus },
    #[error("`terraform plan` should have found nothing to change")]
    Changes,
    #[error("cargo built no {PROVIDER}")]
    NotBuilt,
    #[error("`terraform {command}` printed no JSON")]
    NoJson { command: String, source: serde_json::Error },
}

/// The working directory.
#[derive(Debug)]
pub(crate) struct Stage {
    directory: PathBuf,
    /// Terraform with the settings of the first directory.
    launcher: PathBuf,
}

/// Builds the provider in the profile of this program, and returns the path of its executable.
pub(crate) fn build_provider() -> Result<PathBuf, Error> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(&cargo);
    // Naming the example too keeps the features of the dependencies as they are, so that none is built again.
    command.args(["build", "--bin", PROVIDER, "--example", "quickstart", "--message-format=json-render-diagnostics"]);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| Error::Run { program: cargo, source })?;
    if !output.status.success() {
        return Err(Error::Failed { command: "cargo build".to_owned(), status: output.status });
    }
    let messages = output.stdout.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let mut built = messages.filter(|message: &Value| message["target"]["name"] == PROVIDER);
    built.find_map(|message| message["executable"].as_str().map(PathBuf::from)).ok_or(Error::NotBuilt)
}

impl Stage {
    /// Lays out the directory anew; what an earlier run left there is removed.
    pub(crate) fn set(terraform: &Terraform, provider: &Path, endpoint: &str) -> Result<Self, Error> {
        let directory = target_directory().join("quickstart");
        let stage = Self { launcher: directory.join("terraform"), directory };
        let directory = &stage.directory;
        if directory.exists() {
            fs::remove_dir_all(directory).map_err(writing(directory))?;
        }
        let mirror = directory.join("mirror");
        for host in ["registry.terraform.io", "registry.opentofu.org"] {
            let package = mirror.join(host).join("opendli/dli").join(VERSION).join(platform());
            let executable = package.join(format!("terraform-provider-dli_v{VERSION}"));
            fs::create_dir_all(&package).map_err(writing(&package))?;
            fs::copy(provider, &executable).map_err(writing(&executable))?;
        }
        stage.write("main.tf", CONFIGURATION)?;
        stage.write("provider.tf", &provider_block(endpoint))?;
        let installation = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
            mirror.display()
        );
        stage.write("terraform.rc", &installation)?;
        let settings = directory.join("terraform.rc");
        stage.write("terraform", &launcher(&settings, &terraform.program))?;
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&stage.launcher, executable).map_err(writing(&stage.launcher))?;
        stage.lock()?;
        Ok(stage)
    }

    /// Another working directory below this one: the same configuration, ready to use, and no state.
    pub(crate) fn fresh(&self, name: &str) -> Result<Self, Error> {
        let fresh = Self { directory: self.directory.join(name), launcher: self.launcher.clone() };
        fs::create_dir_all(&fresh.directory).map_err(writing(&fresh.directory))?;
        for file in ["main.tf", "provider.tf", ".terraform.lock.hcl"] {
            let copy = fresh.directory.join(file);
            fs::copy(self.directory.join(file), &copy).map_err(writing(&copy))?;
        }
        fresh.quietly(&["init"])?;
        Ok(fresh)
    }

    /// Writes the lock file, as a configuration that is shared comes with one. Without it `init` warns at length that
    /// it knows the checksum of this platform only.
    fn lock(&self) -> Result<(), Error> {
        self.quietly(&["providers", "lock", "-fs-mirror=mirror"])
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }

    /// Changes the configuration.
    pub(crate) fn configure(&self, text: &str) -> Result<(), Error> {
        self.write("main.tf", text)
    }

    /// Runs Terraform with the terminal that this program has.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<(), Error> {
        let status = self.status(arguments)?;
        succeeded(arguments, status)
    }

    /// Plans, and requires an empty plan.
    pub(crate) fn expect_no_changes(&self) -> Result<(), Error> {
        let arguments = ["plan", "-detailed-exitcode"];
        let status = self.status(&arguments)?;
        if status.code() == Some(2) { Err(Error::Changes) } else { succeeded(&arguments, status) }
    }

    /// Runs Terraform where only its errors are of interest.
    fn quietly(&self, arguments: &[&str]) -> Result<(), Error> {
        let status = self.command(arguments).stdout(Stdio::null()).status().map_err(running())?;
        succeeded(arguments, status)
    }

    /// The attributes of a resource in the state, `null` where it is not there.
    pub(crate) fn state(&self, address: &str) -> Result<Value, Error> {
        let state = self.json(&["show", "-json"])?;
        let mut resources = state["values"]["root_module"]["resources"].as_array().into_iter().flatten();
        Ok(resources
            .find(|resource| resource["address"] == address)
            .map_or(Value::Null, |found| found["values"].clone()))
    }

    /// What Terraform tells as JSON; the person is not shown it.
    pub(crate) fn json(&self, arguments: &[&str]) -> Result<Value, Error> {
        let command = arguments.join(" ");
        let output = self.command(arguments).stderr(Stdio::inherit()).output().map_err(running())?;
        serde_json::from_slice(&output.stdout).map_err(|source| Error::NoJson { command, source })
    }

    fn status(&self, arguments: &[&str]) -> Result<ExitStatus, Error> {
        #[expect(clippy::print_stdout, reason = "it is a program for people")]
        {
            println!("$ terraform {}", arguments.join(" "));
        }
        self.command(arguments).status().map_err(running())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = isolated(&self.launcher);
        // Fewer hints about what to type next: the next step types it.
        command.args(arguments).current_dir(&self.directory).env("TF_IN_AUTOMATION", "1");
        if !in_colour() {
            command.env("TF_CLI_ARGS", "-no-color");
        }
        command
    }

    fn write(&self, file: &str, text: &str) -> Result<(), Error> {
        let path = self.directory.join(file);
        fs::write(&path, text).map_err(writing(&path))
    }
}

/// Whether what is printed may be coloured: at a terminal, unless the person wants none (<https://no-color.org>).
pub(crate) fn in_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The operating system and processor as Go names them.
fn platform() -> String {
    let os = if OS == "macos" { "darwin" } else { OS };
    let arch = match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    format!("{os}_{arch}")
}

fn provider_block(endpoint: &str) -> String {
    format!(
        r#"terraform {{
  required_providers {{
    dli = {{
      source  = "opendli/dli"
      version = "{VERSION}"
    }}
  }}
}}

# The emulator's own keys. A real account's belong into HW_ACCESS_KEY and HW_SECRET_KEY.
provider "dli" {{
  region     = "emulated"
  project_id = "{PROJECT}"
  access_key = "{ACCESS_KEY}"
  secret_key = "{SECRET_KEY}"
  endpoints  = {{ dli = "{endpoint}" }}
}}
"#
    )
}

/// Terraform with the settings of this directory and no others.
fn launcher(settings: &Path, terraform: &Path) -> String {
    format!(
        "#!/bin/sh\nTF_CLI_CONFIG_FILE={} CHECKPOINT_DISABLE=1 exec {} \"$@\"\n",
        quoted(settings),
        quoted(terraform)
    )
}

/// A path as a shell reads it back, with quotation marks where it needs them.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+@:".contains(&b));
    if plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}

fn succeeded(arguments: &[&str], status: ExitStatus) -> Result<(), Error> {
    let command = || format!("terraform {}", arguments.join(" "));
    if status.success() { Ok(()) } else { Err(Error::Failed { command: command(), status }) }
}

fn running() -> impl FnOnce(io::Error) -> Error {
    |source| Error::Run { program: "terraform".to_owned(), source }
}
