//! The command `terraform-provider-dli install`: copies the provider into the local mirrors of Terraform and OpenTofu.
//!
//! During `init`, both programs search `~/.terraform.d/plugins` (`%APPDATA%\terraform.d\plugins` on Windows) before
//! they ask a registry, unless the CLI configuration file has a `provider_installation` block. See
//! <https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories>.

use std::env::consts::{ARCH, EXE_SUFFIX, OS};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Source address of the provider, without the registry host.
pub const ADDRESS: &str = "opendli/dli";
/// Version of the provider, without `v`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version requirement for a configuration: all patch releases of this minor version, which may differ from others
/// in incompatible ways before 1.0.
pub const VERSION_REQUIREMENT: &str =
    concat!("~> ", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"), ".0");
/// The registry hosts that Terraform and OpenTofu add to [`ADDRESS`].
pub const REGISTRY_HOSTS: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// Name of the provider's executable in a package, without the `.exe` of Windows.
pub fn executable_name() -> String {
    format!("terraform-provider-dli_v{VERSION}")
}

/// A platform in the notation of Terraform, such as `linux_amd64`, from the names that Rust uses.
pub fn platform(os: &str, arch: &str) -> String {
    let os = if os == "macos" { "darwin" } else { os };
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" | "i686" => "386",
        other => other,
    };
    format!("{os}_{arch}")
}

/// An error of the command `install`.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The environment names no home directory.
    #[error("{0} is not set, so the plugin directory is unknown; set it, or choose a directory with --dir")]
    NoHome(&'static str),
    /// A file could not be read or written.
    #[error("could not {action} {}", path.display())]
    File {
        /// What failed, such as `write`.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Copies `program` into the mirror `directory`, and returns the text to print.
///
/// Without `directory`, uses the directory that Terraform and OpenTofu search on their own.
pub fn install(
    program: &Path,
    directory: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<String, InstallError> {
    let home = Home::new(variable);
    let mirror = match directory {
        Some(directory) => {
            std::path::absolute(directory).map_err(|source| file_error("find", directory.to_owned(), source))?
        }
        None => home.plugin_directory()?,
    };
    let mut parts = vec![format!("Installed terraform-provider-dli {VERSION} for Terraform and OpenTofu:\n\n")];
    for host in REGISTRY_HOSTS {
        let package: PathBuf = [host].into_iter().chain(ADDRESS.split('/')).collect();
        let package = mirror.join(package).join(VERSION).join(platform(OS, ARCH));
        let installed = package.join(executable_name() + EXE_SUFFIX);
        copy(program, &mirror, &package, &installed)?;
        parts.push(format!("    {}\n", installed.display()));
    }
    if directory.is_some() {
        parts.push(format!(
            "\nPut this into the CLI configuration file ({}), so that `init` searches this directory:\n\n{}",
            default_configuration_file(),
            provider_installation(&mirror)
        ));
    } else if let Some(file) = home.configuration_with_provider_installation() {
        parts.push(format!(
            "\n{} has a provider_installation block. `init` therefore searches only the places that the block names. \
             Remove the block\n(and any dev_overrides of {ADDRESS}), or let it say:\n\n{}",
            file.display(),
            provider_installation(&mirror)
        ));
    }
    parts.push(format!(
        "\nPut this into the configuration, and run `terraform init` or `tofu init`:\n\n{}\
         \nIf `init` reports a checksum that does not match, the lock file describes another build of version {VERSION}:\n\
         delete the entry of {ADDRESS} from .terraform.lock.hcl and run `init` again.\n",
        required_providers()
    ));
    Ok(parts.concat())
}

/// Where Terraform and OpenTofu look for a CLI configuration file.
fn default_configuration_file() -> &'static str {
    if cfg!(windows) { "%APPDATA%\\terraform.rc" } else { "~/.terraformrc or ~/.tofurc" }
}

/// The block that makes `init` find the provider.
fn required_providers() -> String {
    format!(
        "    terraform {{\n      required_providers {{\n        dli = {{\n          source  = \"{ADDRESS}\"\n          \
         version = \"{VERSION_REQUIREMENT}\"\n        }}\n      }}\n    }}\n"
    )
}

/// The block that makes `init` search a mirror for this provider, and the registries for all others.
fn provider_installation(mirror: &Path) -> String {
    // HCL strings escape the backslashes of Windows.
    let path = mirror.display().to_string().replace('\\', "\\\\");
    format!(
        "    provider_installation {{\n      filesystem_mirror {{\n        path    = \"{path}\"\n        \
         include = [\"*/{ADDRESS}\"]\n      }}\n      direct {{\n        exclude = [\"*/{ADDRESS}\"]\n      }}\n    }}\n"
    )
}

/// Copies the executable. The new file replaces an old one at once; on Windows, not while Terraform runs that one.
///
/// The incomplete copy is outside of the package, because a checksum covers all files of the package.
fn copy(program: &Path, mirror: &Path, package: &Path, installed: &Path) -> Result<(), InstallError> {
    fs::create_dir_all(package).map_err(|source| file_error("create", package.to_owned(), source))?;
    let mut original = File::open(program).map_err(|source| file_error("read", program.to_owned(), source))?;
    let write = |source| file_error("write", installed.to_owned(), source);
    let mut copied = tempfile::NamedTempFile::new_in(mirror).map_err(write)?;
    io::copy(&mut original, &mut copied).map_err(write)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        copied.as_file().set_permissions(fs::Permissions::from_mode(0o755)).map_err(write)?;
    }
    copied.persist(installed).map_err(|error| write(error.error))?;
    Ok(())
}

fn file_error(action: &'static str, path: PathBuf, source: io::Error) -> InstallError {
    InstallError::File { action, path, source }
}

/// The places of a user's files.
struct Home<F> {
    variable: F,
}

impl<F: Fn(&str) -> Option<OsString>> Home<F> {
    const VARIABLE: &str = if cfg!(windows) { "APPDATA" } else { "HOME" };

    fn new(variable: F) -> Self {
        Self { variable }
    }

    fn directory(&self) -> Option<PathBuf> {
        (self.variable)(Self::VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn plugin_directory(&self) -> Result<PathBuf, InstallError> {
        let home = self.directory().ok_or(InstallError::NoHome(Self::VARIABLE))?;
        Ok(home.join(if cfg!(windows) { "terraform.d" } else { ".terraform.d" }).join("plugins"))
    }

    /// The first CLI configuration file with a `provider_installation` block.
    fn configuration_with_provider_installation(&self) -> Option<PathBuf> {
        // A file that is named in the environment replaces those of the home directory.
        let chosen: Vec<_> =
            ["TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG"].iter().filter_map(|name| (self.variable)(name)).collect();
        let names = if cfg!(windows) { ["terraform.rc", "tofu.rc"] } else { [".terraformrc", ".tofurc"] };
        let files: Vec<PathBuf> = if chosen.is_empty() {
            self.directory().into_iter().flat_map(|home| names.map(|name| home.join(name))).collect()
        } else {
            chosen.into_iter().map(PathBuf::from).collect()
        };
        files.into_iter().find(|file| {
            let text = fs::read_to_string(file).unwrap_or_default();
            text.lines().any(|line| line.trim_start().starts_with("provider_installation"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(home: &Path) -> impl Fn(&str) -> Option<OsString> {
        let home = home.to_owned();
        move |name| (name == Home::<fn(&str) -> Option<OsString>>::VARIABLE).then(|| home.clone().into_os_string())
    }

    #[test]
    fn platforms_have_the_names_of_terraform() {
        assert_eq!(platform("linux", "x86_64"), "linux_amd64");
        assert_eq!(platform("macos", "aarch64"), "darwin_arm64");
        assert_eq!(platform("windows", "x86"), "windows_386");
        assert_eq!(platform("freebsd", "arm"), "freebsd_arm");
    }

    #[test]
    fn missing_home_is_an_error_that_names_dir() {
        let error = install(Path::new("unused"), None, |_| None).expect_err("no home directory");
        assert!(error.to_string().contains("HOME is not set") && error.to_string().contains("--dir"), "{error}");
    }

    #[test]
    fn unreadable_program_is_an_error_with_its_path() {
        let home = tempfile::tempdir().expect("a directory");
        let error = install(Path::new("/nowhere/provider"), None, environment(home.path())).expect_err("no such file");
        assert_eq!(error.to_string(), "could not read /nowhere/provider");
    }

    #[test]
    fn second_installation_replaces_the_first() {
        let home = tempfile::tempdir().expect("a directory");
        let program = home.path().join("built");
        for content in ["old", "new"] {
            fs::write(&program, content).expect("written");
            let text = install(&program, None, environment(home.path())).expect("installed");
            for host in REGISTRY_HOSTS {
                let package = home.path().join(".terraform.d/plugins").join(host).join("opendli/dli").join(VERSION);
                let package = package.join(platform(OS, ARCH));
                let files: Vec<_> =
                    package.read_dir().expect("a directory").map(|entry| entry.unwrap().path()).collect();
                assert_eq!(files, [package.join(executable_name())]);
                assert_eq!(fs::read_to_string(&files[0]).expect("readable"), content);
                assert!(text.contains(files[0].to_str().expect("UTF-8")), "{text}");
                assert!(text.contains(&format!("version = \"{VERSION_REQUIREMENT}\"")), "{text}");
            }
        }
    }

    #[test]
    fn provider_installation_block_is_reported() {
        let home = tempfile::tempdir().expect("a directory");
        let program = home.path().join("built");
        fs::write(&program, "binary").expect("written");
        let run = || install(&program, None, environment(home.path())).expect("installed");
        assert!(!run().contains("filesystem_mirror"));
        fs::write(home.path().join(".tofurc"), "# comment\nprovider_installation {\n}\n").expect("written");
        let text = run();
        assert!(text.contains(".tofurc has a provider_installation block"), "{text}");
        assert!(text.contains("filesystem_mirror"), "{text}");
    }
}
