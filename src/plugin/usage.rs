//! Texts for people who start the program by hand. Pure.

use std::path::Path;

use super::environment::NotLaunched;

/// The identity of the plugin, for texts that people read.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Source address without a registry host, such as `opendli/dli`; each client adds its own registry.
    pub address: &'static str,
    /// Semantic version without `v`.
    pub version: &'static str,
    /// What the plugin provides, in a few words.
    pub title: &'static str,
    /// One line that says how to try the plugin without an account.
    pub try_hint: &'static str,
}

/// Returns the instructions for the reattach line of debug mode.
pub(super) fn waiting(identity: &Identity) -> String {
    format!(
        "Provider {} {} is waiting. Paste this line into the shell where you run Terraform or OpenTofu; Ctrl-C ends it.\n\n",
        identity.address, identity.version
    )
}

/// Returns the help text for a start by hand. `program` is the path of the executable.
pub fn text(identity: &Identity, reason: NotLaunched, program: &Path) -> String {
    let Identity { address, version, title, try_hint } = identity;
    let name = program.file_stem().unwrap_or_default().to_string_lossy();
    let directory = program.parent().unwrap_or(Path::new(".")).display();
    let local = address.rsplit('/').next().unwrap_or(address);
    let opening = match reason {
        NotLaunched::NoCookie => "This is a plugin: Terraform and OpenTofu start it. On its own it does nothing.",
        NotLaunched::WrongCookie => {
            "This is a plugin of Terraform and OpenTofu. What started it was neither: TF_PLUGIN_MAGIC_COOKIE differs."
        }
    };
    format!(
        r#"
{title}: provider {address} {version}

{opening}

To use it from a registry or a mirror, name it in a configuration and run `terraform init` or `tofu init`:

    terraform {{
      required_providers {{
        {local} = {{ source = "{address}" }}
      }}
    }}

To use this very file without a registry, put this into ~/.terraformrc or ~/.tofurc and skip `init`:

    provider_installation {{
      dev_overrides {{ "{address}" = "{directory}" }}
      direct {{}}
    }}

To watch it work, start `{name} --debug`, which waits for Terraform and tells how to reach it.
{try_hint}

"#
    )
}
