//! A working directory with a configuration, Terraform and the built provider.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use super::{Finished, Plan, Running};
use crate::acceptance::terraform::{Terraform, isolated};

/// The file of the saved plan.
const PLAN: &str = "saved.tfplan";
/// Without this block, Terraform assumes that `dli` is a HashiCorp provider.
const VERSIONS: &str = r#"terraform {
  required_providers {
    dli = { source = "opendli/dli" }
  }
}
"#;

/// A temporary directory, which is kept if the test fails.
#[derive(Debug)]
pub(crate) struct Workspace {
    terraform: Terraform,
    directory: TempDir,
    environment: Vec<(String, String)>,
    /// A line for the shell before each command.
    shell_line: Option<String>,
    /// Whether the directory is kept if the test fails.
    keep_on_failure: bool,
    /// The number of started commands.
    started: AtomicUsize,
}

impl Workspace {
    /// An empty configuration without a provider block. The provider's binary is alone in `provider/`, so each test has
    /// its own path.
    pub(crate) fn new(terraform: &Terraform) -> Self {
        let directory = tempfile::Builder::new().prefix("acceptance-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let directory = directory.expect("a directory created by cargo");
        let workspace = Self {
            terraform: terraform.clone(),
            directory,
            environment: Vec::new(),
            shell_line: None,
            keep_on_failure: true,
            started: AtomicUsize::new(0),
        };
        let built = Path::new(env!("CARGO_BIN_EXE_terraform-provider-dli"));
        let provider = workspace.provider();
        let home = provider.parent().expect("a joined path");
        fs::create_dir(home).expect("a new directory");
        // A hard link requires the same file system.
        fs::hard_link(built, &provider).or_else(|_| fs::copy(built, &provider).map(drop)).expect("a built provider");
        workspace.write("cli.tfrc", &dev_overrides(home));
        workspace.write("versions.tf", VERSIONS);
        workspace
    }

    /// Sets the provider block.
    pub(crate) fn with_provider(self, block: &str) -> Self {
        self.write("provider.tf", block);
        self
    }

    /// Sets a variable in Terraform's environment, which otherwise has none of the provider's variables.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs this line in a shell before each command.
    pub(crate) fn after_shell_line(mut self, line: &str) -> Self {
        self.shell_line = Some(line.to_owned());
        self
    }

    /// Removes the directory even if the test fails, for tests that must fail.
    pub(crate) fn discarded(mut self) -> Self {
        self.keep_on_failure = false;
        self
    }

    /// Another empty directory with the same Terraform, provider block and environment.
    pub(crate) fn fresh(&self) -> Self {
        let mut fresh = Self::new(&self.terraform);
        fresh.environment.clone_from(&self.environment);
        fresh.keep_on_failure = self.keep_on_failure;
        for file in ["versions.tf", "provider.tf"] {
            if self.path().join(file).exists() {
                fs::copy(self.path().join(file), fresh.path().join(file)).expect("a copied file");
            }
        }
        fresh
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The provider's binary in this workspace.
    pub(crate) fn provider(&self) -> PathBuf {
        self.path().join("provider").join(format!("terraform-provider-dli{}", std::env::consts::EXE_SUFFIX))
    }

    /// Writes a file in the directory.
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).expect("a writable directory");
    }

    /// Sets the configuration without the provider block.
    pub(crate) fn configure(&self, text: &str) {
        self.write("main.tf", text);
    }

    /// Plans, saves the plan for [`Workspace::apply`], and reads it.
    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        self.plan_with(&[])
    }

    /// As [`Workspace::plan`], with more arguments.
    #[track_caller]
    pub(crate) fn plan_with(&self, more: &[&str]) -> Plan {
        self.save_plan_with(more);
        self.saved_plan()
    }

    /// As [`Workspace::plan`], without reading the plan.
    #[track_caller]
    pub(crate) fn save_plan(&self) -> Finished {
        self.save_plan_with(&[])
    }

    #[track_caller]
    fn save_plan_with(&self, more: &[&str]) -> Finished {
        let out = format!("-out={PLAN}");
        self.run(&[&["plan", &out], more].concat()).expect_code(0)
    }

    /// Reads the saved plan.
    #[track_caller]
    pub(crate) fn saved_plan(&self) -> Plan {
        Plan(self.run(&["show", "-json", PLAN]).expect_code(0).json())
    }

    /// Applies the saved plan, and requires an empty plan with and without a refresh.
    #[track_caller]
    pub(crate) fn apply(&self) -> Finished {
        let applied = self.run(&["apply", PLAN]).expect_code(0);
        self.expect_no_changes();
        applied
    }

    /// Configures, plans, requires these actions, and applies.
    #[track_caller]
    pub(crate) fn step(&self, configuration: &str, actions: &[(&str, &str)]) -> Plan {
        self.configure(configuration);
        let plan = self.plan();
        plan.expect(actions);
        self.apply();
        plan
    }

    /// Requires an empty plan with and without a refresh.
    #[track_caller]
    pub(crate) fn expect_no_changes(&self) {
        // 0 is an empty plan, 1 an error, 2 a plan with changes.
        self.run(&["plan", "-detailed-exitcode", "-refresh=false"]).expect_code(0);
        self.run(&["plan", "-detailed-exitcode"]).expect_code(0);
    }

    /// The attributes of one resource in the state.
    #[track_caller]
    pub(crate) fn state(&self, address: &str) -> Value {
        self.find_state(address).unwrap_or_else(|| panic!("{address} is not in the state in {}", self.path().display()))
    }

    /// The attributes of one resource, if it is in the state.
    #[track_caller]
    pub(crate) fn find_state(&self, address: &str) -> Option<Value> {
        let state = self.run(&["show", "-json"]).expect_code(0).json();
        let resources = state["values"]["root_module"]["resources"].as_array()?;
        resources.iter().find(|resource| resource["address"] == address).map(|resource| resource["values"].clone())
    }

    /// The identity of one resource in the state; null if it has none.
    #[track_caller]
    pub(crate) fn identity(&self, address: &str) -> Value {
        let state = self.run(&["show", "-json"]).expect_code(0).json();
        let resources = state["values"]["root_module"]["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = resources.iter().find(|resource| resource["address"] == address);
        found.unwrap_or_else(|| panic!("{address} is not in {state:#}"))["identity"].clone()
    }

    /// Imports the resource with the command and with an import block, and requires the attributes of this state.
    ///
    /// `unreadable` attributes are not compared.
    #[track_caller]
    pub(crate) fn expect_import(&self, address: &str, unreadable: &[&str]) {
        self.expect_import_by_command(address, unreadable);
        let original = self.state(address);
        let id = original["id"].as_str().expect("every resource has an ID");
        let configuration = fs::read_to_string(self.path().join("main.tf")).expect("a configuration");

        let by_block = self.fresh();
        by_block.configure(&format!("{configuration}\nimport {{\n  to = {address}\n  id = {id:?}\n}}\n"));
        // An unreadable attribute that forces a replacement makes the plan non-empty.
        if unreadable.iter().all(|name| original[name].is_null()) {
            by_block.plan().expect(&[(address, "import")]);
            by_block.apply();
            assert_eq!(by_block.state(address), original, "left: imported {address}");
        }
    }

    /// As [`Workspace::expect_import`], with the command only. The configuration may have other resources.
    #[track_caller]
    pub(crate) fn expect_import_by_command(&self, address: &str, unreadable: &[&str]) {
        let original = self.state(address);
        let id = original["id"].as_str().expect("every resource has an ID");
        let importing = self.fresh();
        fs::copy(self.path().join("main.tf"), importing.path().join("main.tf")).expect("a configuration");
        importing.run(&["import", address, id]).expect_code(0);
        assert_eq!(without(importing.state(address), unreadable), without(original, unreadable), "left: {address}");
    }

    #[track_caller]
    pub(crate) fn destroy(&self) -> Finished {
        self.run(&["destroy", "-auto-approve"]).expect_code(0)
    }

    /// Starts `terraform` with these arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments), Stdio::null())
    }

    /// Runs `terraform` with these arguments until it ends.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).wait()
    }

    /// Runs `terraform` with these arguments and this standard input.
    #[track_caller]
    pub(crate) fn run_with_input(&self, text: &str, arguments: &[&str]) -> Finished {
        let answers = self.path().join("answers");
        fs::write(&answers, text).expect("a writable directory");
        Running::start(&mut self.command(arguments), File::open(answers).expect("a written file")).wait()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.shell_line {
            None => isolated(&self.terraform.program),
            Some(line) => {
                let mut shell = isolated(Path::new("sh"));
                shell.args(["-c", &format!("{line}\nexec \"$0\" \"$@\"")]).arg(&self.terraform.program);
                shell
            }
        };
        command.args(arguments).current_dir(self.path());
        // The home directory of the user may contain a KooCLI configuration.
        command.env("HOME", self.path());
        command.env("TF_CLI_CONFIG_FILE", self.path().join("cli.tfrc")).env("TF_IN_AUTOMATION", "1");
        command.env("TF_CLI_ARGS", "-no-color").env("TF_INPUT", "0");
        // Terraform's commands are short: without garbage collection they need an eighth less CPU time.
        // They need a tenth less with one thread at a time, and other tests use the other cores.
        command.env("GOGC", "off").env("GOMEMLIMIT", "1GiB").env("GOMAXPROCS", "1");
        // The emulator is consistent; tests that make it stale set the default again.
        command.env("DLI_CONSISTENCY_TIMEOUT", "0.5");
        // Tests read Terraform's output, so a log that the user requests goes to a file.
        if std::env::var_os("TF_LOG").is_some() {
            let number = self.started.fetch_add(1, Ordering::Relaxed);
            command.env("TF_LOG_PATH", self.path().join(format!("{number}.log")));
        }
        // A log that the test requests goes to standard error.
        if self.environment.iter().any(|(name, _)| name == "TF_LOG") {
            command.env_remove("TF_LOG_PATH");
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        self.directory.disable_cleanup(self.keep_on_failure && std::thread::panicking());
    }
}

/// The attributes except these.
fn without(mut attributes: Value, names: &[&str]) -> Value {
    if let Value::Object(attributes) = &mut attributes {
        attributes.retain(|name, _| !names.contains(&name.as_str()));
    }
    attributes
}

/// A CLI configuration that makes Terraform use the provider in this directory.
fn dev_overrides(directory: &Path) -> String {
    format!(
        "provider_installation {{\n  dev_overrides {{\n    \"opendli/dli\" = \"{}\"\n  }}\n}}\n",
        directory.display()
    )
}
