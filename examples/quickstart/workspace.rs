//! The working directory of the quickstart.
//!
//! Contains the configuration, a mirror with the provider, the settings of Terraform, and a `./terraform` that uses
//! them.

use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde_json::Value;
use terraform_provider_dli::emulator::{ACCESS_KEY, SECRET_KEY};
use terraform_provider_dli::install::{self, InstallError, VERSION_REQUIREMENT};

use crate::terraform::{Terraform, isolated, target_directory};

/// The example request of the API Reference as a configuration.
pub(crate) const CONFIGURATION: &str = include_str!("main.tf");
/// A project ID; the emulator accepts any.
pub(crate) const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// Name of the provider binary in `Cargo.toml`.
const PROVIDER: &str = "terraform-provider-dli";

/// An error of a quickstart step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("could not run {program}")]
    Run { program: String, source: io::Error },
    #[error("`{command}` failed with {status}")]
    Failed { command: String, status: ExitStatus },
    #[error("`terraform plan` found changes, expected none")]
    UnexpectedChanges,
    #[error("could not install the provider into the mirror")]
    Install(#[from] InstallError),
    #[error("cargo did not build {PROVIDER}")]
    NotBuilt,
    #[error("`terraform {command}` printed invalid JSON")]
    InvalidJson { command: String, source: serde_json::Error },
}

/// A working directory with a launcher for Terraform.
#[derive(Debug)]
pub(crate) struct Workspace {
    directory: PathBuf,
    /// Path of the script that runs Terraform with the settings of the first directory.
    launcher: PathBuf,
}

/// Builds the provider in the profile of this program, and returns the path of its executable.
pub(crate) fn build_provider() -> Result<PathBuf, Error> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(&cargo);
    // Building the example too keeps the features of the dependencies, so that cargo does not rebuild them.
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

impl Workspace {
    /// Creates the directory, replacing that of an earlier run.
    pub(crate) fn create(terraform: &Terraform, provider: &Path, endpoint: &str) -> Result<Self, Error> {
        let directory = target_directory().join("quickstart");
        let workspace = Self { launcher: directory.join("terraform"), directory };
        let directory = &workspace.directory;
        if directory.exists() {
            fs::remove_dir_all(directory).map_err(write_error(directory))?;
        }
        let mirror = directory.join("mirror");
        install::install(provider, Some(&mirror), |_| None)?;
        workspace.write("main.tf", CONFIGURATION)?;
        workspace.write("provider.tf", &provider_block(endpoint))?;
        let installation = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
            mirror.display()
        );
        workspace.write("terraform.rc", &installation)?;
        let settings = directory.join("terraform.rc");
        workspace.write("terraform", &launcher(&settings, &terraform.program))?;
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&workspace.launcher, executable).map_err(write_error(&workspace.launcher))?;
        workspace.lock()?;
        Ok(workspace)
    }

    /// Creates a subdirectory with the same configuration, initialized and without a state.
    pub(crate) fn with_empty_state(&self, name: &str) -> Result<Self, Error> {
        let workspace = Self { directory: self.directory.join(name), launcher: self.launcher.clone() };
        fs::create_dir_all(&workspace.directory).map_err(write_error(&workspace.directory))?;
        for file in ["main.tf", "provider.tf", ".terraform.lock.hcl"] {
            let copy = workspace.directory.join(file);
            fs::copy(self.directory.join(file), &copy).map_err(write_error(&copy))?;
        }
        workspace.run_quietly(&["init"])?;
        Ok(workspace)
    }

    /// Writes the lock file. Without it, `init` warns that it knows the checksum of this platform only.
    fn lock(&self) -> Result<(), Error> {
        self.run_quietly(&["providers", "lock", "-fs-mirror=mirror"])
    }

    /// The path of the directory.
    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }

    /// Replaces the configuration.
    pub(crate) fn configure(&self, text: &str) -> Result<(), Error> {
        self.write("main.tf", text)
    }

    /// Runs Terraform in the terminal of this program.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<(), Error> {
        let status = self.status(arguments)?;
        check_status(arguments, status)
    }

    /// Plans, and requires an empty plan.
    pub(crate) fn expect_no_changes(&self) -> Result<(), Error> {
        let arguments = ["plan", "-detailed-exitcode"];
        let status = self.status(&arguments)?;
        if status.code() == Some(2) { Err(Error::UnexpectedChanges) } else { check_status(&arguments, status) }
    }

    /// Runs Terraform and discards its standard output.
    fn run_quietly(&self, arguments: &[&str]) -> Result<(), Error> {
        let status = self.command(arguments).stdout(Stdio::null()).status().map_err(run_error())?;
        check_status(arguments, status)
    }

    /// Returns the attributes of a resource in the state, or `null` if there is none.
    pub(crate) fn state(&self, address: &str) -> Result<Value, Error> {
        let state = self.json(&["show", "-json"])?;
        let mut resources = state["values"]["root_module"]["resources"].as_array().into_iter().flatten();
        Ok(resources
            .find(|resource| resource["address"] == address)
            .map_or(Value::Null, |found| found["values"].clone()))
    }

    /// Runs Terraform and parses its standard output as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Result<Value, Error> {
        let command = arguments.join(" ");
        let output = self.command(arguments).stderr(Stdio::inherit()).output().map_err(run_error())?;
        serde_json::from_slice(&output.stdout).map_err(|source| Error::InvalidJson { command, source })
    }

    fn status(&self, arguments: &[&str]) -> Result<ExitStatus, Error> {
        #[expect(clippy::print_stdout, reason = "the program writes to the terminal")]
        {
            println!("$ terraform {}", arguments.join(" "));
        }
        self.command(arguments).status().map_err(run_error())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = isolated(&self.launcher);
        // Omit hints about the next command.
        command.args(arguments).current_dir(&self.directory).env("TF_IN_AUTOMATION", "1");
        if !in_colour() {
            command.env("TF_CLI_ARGS", "-no-color");
        }
        command
    }

    fn write(&self, file: &str, text: &str) -> Result<(), Error> {
        let path = self.directory.join(file);
        fs::write(&path, text).map_err(write_error(&path))
    }
}

/// Whether output may be coloured: on a terminal without `NO_COLOR` (<https://no-color.org>).
pub(crate) fn in_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn provider_block(endpoint: &str) -> String {
    format!(
        r#"terraform {{
  required_providers {{
    dli = {{
      source  = "opendli/dli"
      version = "{VERSION_REQUIREMENT}"
    }}
  }}
}}

# The keys of the emulator. For a real account, set HW_ACCESS_KEY and HW_SECRET_KEY instead.
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

/// A script that runs Terraform with only the settings of this directory.
fn launcher(settings: &Path, terraform: &Path) -> String {
    format!(
        "#!/bin/sh\nTF_CLI_CONFIG_FILE={} CHECKPOINT_DISABLE=1 exec {} \"$@\"\n",
        quoted(settings),
        quoted(terraform)
    )
}

/// Quotes a path for a shell if necessary.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+@:".contains(&b));
    if plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}

fn check_status(arguments: &[&str], status: ExitStatus) -> Result<(), Error> {
    let command = || format!("terraform {}", arguments.join(" "));
    if status.success() { Ok(()) } else { Err(Error::Failed { command: command(), status }) }
}

fn run_error() -> impl FnOnce(io::Error) -> Error {
    |source| Error::Run { program: "terraform".to_owned(), source }
}
