//! `cargo run --example release` builds the provider and the emulator and writes the files of a release.
//!
//! `target/release-artifacts/` then holds what the registries of Terraform and OpenTofu expect, an archive of the
//! emulator, and `mirror/` for a `filesystem_mirror` or a web server. `--help` lists the options.

mod package;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Instant;

use clap::Parser;
use package::{EMULATOR, Entry, PROVIDER};
use terraform_provider_dli::install::{self, VERSION};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Build the provider and the emulator, and write the files of a release
///
/// Linux binaries are static: they run in every image, with any C library or none. Two runs of the same toolchain on
/// the same sources write the same bytes.
#[derive(Parser)]
struct Arguments {
    /// Rust targets to build for; by default this machine's
    #[arg(long = "target", value_name = "TRIPLE")]
    targets: Vec<String>,
    /// Do not build; checksum, mirror and sign the archives that the directory already holds
    #[arg(long, conflicts_with = "targets")]
    no_build: bool,
    /// Git tag of the release; an error unless it is the version in Cargo.toml with a `v` before it
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Do not build; pack the programs that this directory holds for this machine
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["no_build", "targets"])]
    programs: Option<PathBuf>,
    /// Sign the checksums with this key of the GPG keyring; the Terraform Registry accepts RSA keys
    #[arg(long, value_name = "KEY")]
    gpg_key: Option<String>,
    /// Directory to write to
    #[arg(long, value_name = "DIRECTORY", default_value_os_t = Path::new(ROOT).join("target/release-artifacts"))]
    out: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("could not run {program}")]
    Run { program: String, source: io::Error },
    #[error("`{command}` failed with {status}")]
    Failed { command: String, status: ExitStatus },
    #[error("the Rust toolchain has no standard library for {target}; run `rustup target add {target}`")]
    TargetMissing { target: String },
    #[error("the tag is {tag}, but Cargo.toml has version {VERSION}; tag v{VERSION} or change Cargo.toml")]
    WrongTag { tag: String },
    #[error("{} holds no archive of version {VERSION}; run this without --no-build first", directory.display())]
    NoArchives { directory: PathBuf },
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

#[expect(clippy::print_stderr, reason = "the program writes to the terminal")]
fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("\nerror: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    let out = std::path::absolute(&arguments.out).map_err(write_error(&arguments.out))?;
    if let Some(tag) = arguments.tag.as_ref().filter(|tag| tag.strip_prefix('v') != Some(VERSION)) {
        return Err(Error::WrongTag { tag: tag.clone() });
    }
    let host = host()?;
    let targets = if arguments.targets.is_empty() { std::slice::from_ref(&host) } else { &arguments.targets[..] };
    let mut steps = Steps { done: 0, total: 2 + usize::from(arguments.gpg_key.is_some()) };
    if !arguments.no_build {
        steps.total += if arguments.programs.is_some() { 1 } else { 2 * targets.len() };
        for target in targets {
            require_installed(target)?;
        }
        fs::create_dir_all(&out).and_then(|()| package::remove_artifacts(&out)).map_err(write_error(&out))?;
        for target in targets {
            let programs = match &arguments.programs {
                Some(programs) => programs.clone(),
                None => steps.run(&format!("Build for {target}"), || build(target))?,
            };
            steps.run(&format!("Pack for {target}"), || pack(target, &programs, &out))?;
        }
    }
    let sums = steps.run("Write the checksums", || {
        if !out.is_dir() || package::archives(&out, PROVIDER).map_err(write_error(&out))?.is_empty() {
            return Err(Error::NoArchives { directory: out.clone() });
        }
        package::write_checksums(&out).map_err(write_error(&out))
    })?;
    if let Some(key) = &arguments.gpg_key {
        steps.run("Sign the checksums", || sign(&sums, key))?;
    }
    steps.run("Write the mirror", || package::write_mirror(&out).map_err(write_error(&out)))?;
    list(&out).map_err(write_error(&out))
}

/// The steps, with their number and time.
struct Steps {
    done: usize,
    total: usize,
}

impl Steps {
    #[expect(clippy::print_stdout, reason = "the program writes to the terminal")]
    fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.done += 1;
        println!("[{}/{}] {name}", self.done, self.total);
        let started = Instant::now();
        let result = step()?;
        println!("      done in {:.1} s", started.elapsed().as_secs_f64());
        Ok(result)
    }
}

/// The target of this machine's toolchain.
fn host() -> Result<String, Error> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    Ok(text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned())
}

fn require_installed(target: &str) -> Result<(), Error> {
    let libraries = output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]))?;
    let is_installed = fs::read_dir(libraries.trim()).is_ok_and(|mut files| files.next().is_some());
    if is_installed { Ok(()) } else { Err(Error::TargetMissing { target: target.to_owned() }) }
}

fn default_cargo_home() -> String {
    let home = std::env::home_dir().unwrap_or_default();
    home.join(".cargo").to_string_lossy().into_owned()
}

/// Builds both programs, and returns the directory that holds them.
fn build(target: &str) -> Result<PathBuf, Error> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let cargo_home = std::env::var("CARGO_HOME").unwrap_or_else(|_| default_cargo_home());
    let mut flags = vec![
        // Paths of this machine must not be part of the binary.
        format!("--remap-path-prefix={ROOT}=."),
        format!("--remap-path-prefix={cargo_home}=/cargo"),
    ];
    // Targets with musl are static by default; those of macOS cannot be.
    if target.contains("linux-gnu") || target.contains("windows-msvc") {
        flags.push("-Ctarget-feature=+crt-static".to_owned());
    }
    // A static program would read /dev/urandom, which an empty root directory does not have.
    if target.contains("linux") {
        flags.push("--cfg=getrandom_backend=\"linux_getrandom\"".to_owned());
    }
    let flags = flags.iter().map(|flag| format!("{flag:?}")).collect::<Vec<_>>().join(", ");
    let mut command = Command::new(cargo);
    command
        // With `--target`, cargo applies the flags to the programs and not to build scripts and macros.
        .args(["build", "--locked", "--bin", PROVIDER, "--bin", EMULATOR, "--release", "--target", target])
        .args(["--config", &format!("target.{target}.rustflags=[{flags}]")])
        .current_dir(ROOT)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run_command(&mut command)?;
    let target_directory =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(ROOT).join("target"), PathBuf::from);
    Ok(target_directory.join(target).join("release"))
}

/// Writes the archives of both programs for one target.
fn pack(target: &str, built: &Path, out: &Path) -> Result<(), Error> {
    let mut parts = target.split('-');
    let arch = parts.next().unwrap_or_default();
    let os = ["linux", "windows", "freebsd"].into_iter().find(|os| target.contains(os)).unwrap_or("darwin");
    let platform = install::platform(os, arch);
    let suffix = if os == "windows" { ".exe" } else { "" };
    for (project, name) in [(PROVIDER, install::executable_name()), (EMULATOR, EMULATOR.to_owned())] {
        let program = built.join(format!("{project}{suffix}"));
        let mut entries = vec![Entry {
            name: name + suffix,
            is_executable: true,
            content: fs::read(&program).map_err(write_error(&program))?,
        }];
        for document in ["CHANGELOG.md", "LICENSE", "README.md"] {
            let path = Path::new(ROOT).join(document);
            let content = fs::read(&path).map_err(write_error(&path))?;
            entries.push(Entry { name: document.to_owned(), is_executable: false, content });
        }
        let path = out.join(package::archive_name(project, &platform));
        package::archive(entries).and_then(|archive| fs::write(&path, archive)).map_err(write_error(&path))?;
    }
    Ok(())
}

/// Writes the detached signature beside the checksums.
fn sign(sums: &Path, key: &str) -> Result<(), Error> {
    let mut signature = sums.as_os_str().to_owned();
    signature.push(".sig");
    let mut command = Command::new("gpg");
    command.args(["--batch", "--yes", "--local-user", key, "--output"]).arg(signature).arg("--detach-sign").arg(sums);
    run_command(&mut command)
}

/// Prints the files with their sizes.
#[expect(clippy::print_stdout, reason = "the program writes to the terminal")]
fn list(out: &Path) -> io::Result<()> {
    println!("\n{}:", out.display());
    let mut files: Vec<_> = fs::read_dir(out)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        let (name, metadata) = (file.file_name().to_string_lossy().into_owned(), file.metadata()?);
        if metadata.is_dir() {
            println!("{:>12}  {name}/", "");
        } else {
            println!("{:>12}  {name}", metadata.len());
        }
    }
    Ok(())
}

fn output(command: &mut Command) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output().map_err(|source| Error::Run { program, source })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::Failed { command: command_line(command), status: output.status })
    }
}

fn run_command(command: &mut Command) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|source| Error::Run { program, source })?;
    if status.success() { Ok(()) } else { Err(Error::Failed { command: command_line(command), status }) }
}

fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}
