//! A working directory: a configuration, Terraform, and the provider that was just built.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use super::{Finished, Plan, Running};
use crate::acceptance::terraform::{Terraform, isolated};

/// The file that a saved plan is kept in.
const PLAN: &str = "saved.tfplan";
/// Without it Terraform takes `dli` to be one of its maker's own providers.
const VERSIONS: &str = r#"terraform {
  required_providers {
    dli = { source = "opendli/dli" }
  }
}
"#;

/// A directory of its own for one run of a test. It stays where the test fails.
#[derive(Debug)]
pub(crate) struct Workspace {
    terraform: Terraform,
    directory: TempDir,
    environment: Vec<(String, String)>,
    /// What a shell does before each command.
    before: Option<String>,
    /// Whether the directory stays where the test fails.
    kept: bool,
    /// How many commands have been started.
    started: AtomicUsize,
}

impl Workspace {
    /// An empty configuration without a provider block. The provider's binary lies alone in `provider/`, under a path
    /// that no other test uses.
    pub(crate) fn new(terraform: &Terraform) -> Self {
        let directory = tempfile::Builder::new().prefix("acceptance-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let directory = directory.expect("cargo made the directory above");
        let workspace = Self {
            terraform: terraform.clone(),
            directory,
            environment: Vec::new(),
            before: None,
            kept: true,
            started: AtomicUsize::new(0),
        };
        let built = Path::new(env!("CARGO_BIN_EXE_terraform-provider-dli"));
        let provider = workspace.provider();
        let home = provider.parent().expect("it was joined");
        fs::create_dir(home).expect("the directory is new");
        // A link costs nothing; it takes the same file system.
        fs::hard_link(built, &provider).or_else(|_| fs::copy(built, &provider).map(drop)).expect("it was built");
        workspace.write("cli.tfrc", &dev_overrides(home));
        workspace.write("versions.tf", VERSIONS);
        workspace
    }

    /// With the provider block that this cloud wants.
    pub(crate) fn with_provider(self, block: &str) -> Self {
        self.write("provider.tf", block);
        self
    }

    /// With a variable in Terraform's environment; those of the provider are otherwise not there at all.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a line that was pasted into the shell before Terraform is called there.
    pub(crate) fn after_pasting(mut self, line: &str) -> Self {
        self.before = Some(line.to_owned());
        self
    }

    /// For a test that fails on purpose: its directory is removed all the same.
    pub(crate) fn not_kept(mut self) -> Self {
        self.kept = false;
        self
    }

    /// Another empty directory with the same Terraform, provider block and environment.
    pub(crate) fn fresh(&self) -> Self {
        let mut fresh = Self::new(&self.terraform);
        fresh.environment.clone_from(&self.environment);
        fresh.kept = self.kept;
        for file in ["versions.tf", "provider.tf"] {
            if self.path().join(file).exists() {
                fs::copy(self.path().join(file), fresh.path().join(file)).expect("both are ours");
            }
        }
        fresh
    }

    /// Where the configuration is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The provider's binary in this workspace.
    pub(crate) fn provider(&self) -> PathBuf {
        self.path().join("provider").join(format!("terraform-provider-dli{}", std::env::consts::EXE_SUFFIX))
    }

    /// Writes a file beside the configuration, or over it.
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).expect("the directory is ours");
    }

    /// Sets the configuration: all but the provider block.
    pub(crate) fn configure(&self, text: &str) {
        self.write("main.tf", text);
    }

    /// Plans what the configuration asks for, keeps the plan for [`Workspace::apply`], and reads it.
    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        self.plan_with(&[])
    }

    /// As [`Workspace::plan`], with more arguments.
    #[track_caller]
    pub(crate) fn plan_with(&self, more: &[&str]) -> Plan {
        let out = format!("-out={PLAN}");
        self.run(&[&["plan", &out], more].concat()).expect_code(0);
        Plan(self.run(&["show", "-json", PLAN]).expect_code(0).json())
    }

    /// Applies the kept plan, and requires that nothing is left to do: without asking the service, and after asking.
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

    /// Requires an empty plan, from the state alone and with a refresh.
    #[track_caller]
    pub(crate) fn expect_no_changes(&self) {
        // 0 is an empty plan, 2 one with changes, 1 an error.
        self.run(&["plan", "-detailed-exitcode", "-refresh=false"]).expect_code(0);
        self.run(&["plan", "-detailed-exitcode"]).expect_code(0);
    }

    /// The attributes of one resource in the state.
    #[track_caller]
    pub(crate) fn state(&self, address: &str) -> Value {
        self.find_state(address).unwrap_or_else(|| panic!("{address} is not in the state in {}", self.path().display()))
    }

    /// The attributes of one resource, where it is in the state.
    #[track_caller]
    pub(crate) fn find_state(&self, address: &str) -> Option<Value> {
        let state = self.run(&["show", "-json"]).expect_code(0).json();
        let resources = state["values"]["root_module"]["resources"].as_array()?;
        resources.iter().find(|resource| resource["address"] == address).map(|resource| resource["values"].clone())
    }

    /// Imports the resource into a fresh state, by the command and by an import block, and requires what is in this
    /// state, except for the attributes that the service does not tell.
    #[track_caller]
    pub(crate) fn expect_import(&self, address: &str, unreadable: &[&str]) {
        self.expect_import_by_command(address, unreadable);
        let original = self.state(address);
        let id = original["id"].as_str().expect("every resource has an id");
        let configuration = fs::read_to_string(self.path().join("main.tf")).expect("it was configured");

        let by_block = self.fresh();
        by_block.configure(&format!("{configuration}\nimport {{\n  to = {address}\n  id = {id:?}\n}}\n"));
        // An attribute that import cannot know and that forces a replacement makes another plan than an empty one.
        if unreadable.iter().all(|name| original[name].is_null()) {
            by_block.plan().expect(&[(address, "import")]);
            by_block.apply();
            assert_eq!(by_block.state(address), original, "left: imported {address}");
        }
    }

    /// As [`Workspace::expect_import`], by the command alone: the configuration may have other resources, too.
    #[track_caller]
    pub(crate) fn expect_import_by_command(&self, address: &str, unreadable: &[&str]) {
        let original = self.state(address);
        let id = original["id"].as_str().expect("every resource has an id");
        let importing = self.fresh();
        fs::copy(self.path().join("main.tf"), importing.path().join("main.tf")).expect("it was configured");
        importing.run(&["import", address, id]).expect_code(0);
        assert_eq!(without(importing.state(address), unreadable), without(original, unreadable), "left: {address}");
    }

    /// Destroys all that the state holds.
    #[track_caller]
    pub(crate) fn destroy(&self) -> Finished {
        self.run(&["destroy", "-auto-approve"]).expect_code(0)
    }

    /// Starts `terraform` with these arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments), Stdio::null())
    }

    /// Runs `terraform` with these arguments to its end, however it ends.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).wait()
    }

    /// Runs `terraform` with these arguments and this text on its standard input.
    #[track_caller]
    pub(crate) fn run_answering(&self, text: &str, arguments: &[&str]) -> Finished {
        let answers = self.path().join("answers");
        fs::write(&answers, text).expect("the directory is ours");
        Running::start(&mut self.command(arguments), File::open(answers).expect("it was written")).wait()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.before {
            None => isolated(&self.terraform.program),
            Some(line) => {
                let mut shell = isolated(Path::new("sh"));
                shell.args(["-c", &format!("{line}\nexec \"$0\" \"$@\"")]).arg(&self.terraform.program);
                shell
            }
        };
        command.args(arguments).current_dir(self.path());
        // Whoever runs the tests may have a configuration of Huawei Cloud's command line at home.
        command.env("HOME", self.path());
        command.env("TF_CLI_CONFIG_FILE", self.path().join("cli.tfrc")).env("TF_IN_AUTOMATION", "1");
        command.env("TF_CLI_ARGS", "-no-color").env("TF_INPUT", "0");
        // The emulator is consistent; tests that make it stale set the default again.
        command.env("DLI_CONSISTENCY_TIMEOUT", "0.5");
        // A log that whoever runs the tests asks for goes to a file: tests read what Terraform prints.
        if std::env::var_os("TF_LOG").is_some() {
            let number = self.started.fetch_add(1, Ordering::Relaxed);
            command.env("TF_LOG_PATH", self.path().join(format!("{number}.log")));
        }
        // One that a test asks for goes where the test reads it.
        if self.environment.iter().any(|(name, _)| name == "TF_LOG") {
            command.env_remove("TF_LOG_PATH");
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        self.directory.disable_cleanup(self.kept && std::thread::panicking());
    }
}

/// The attributes but for these.
fn without(mut attributes: Value, names: &[&str]) -> Value {
    if let Value::Object(attributes) = &mut attributes {
        attributes.retain(|name, _| !names.contains(&name.as_str()));
    }
    attributes
}

/// The command-line configuration that has Terraform take the provider from this directory.
fn dev_overrides(directory: &Path) -> String {
    format!(
        "provider_installation {{\n  dev_overrides {{\n    \"opendli/dli\" = \"{}\"\n  }}\n}}\n",
        directory.display()
    )
}
