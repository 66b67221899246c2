//! Texts for users who start the program by hand.

use std::path::Path;

use super::environment::NotLaunched;

/// Name, version and description of the plugin, for texts.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Source address without a registry host, such as `opendli/dli`; each client adds its own registry.
    pub address: &'static str,
    /// Semantic version without `v`.
    pub version: &'static str,
    /// What the plugin provides, in a few words.
    pub title: &'static str,
    /// One line about how to try the plugin without an account.
    pub try_hint: &'static str,
}

/// Returns the instructions for the reattach line of debug mode.
pub(super) fn waiting(identity: &Identity) -> String {
    format!(
        "Provider {} {} is running. Paste this line into the shell in which you run Terraform or OpenTofu. Press \
         Ctrl-C to stop.\n\n",
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
        NotLaunched::NoCookie => {
            "This program is a plugin that Terraform and OpenTofu start. It does nothing on its own."
        }
        NotLaunched::WrongCookie => {
            "This program is a plugin of Terraform and OpenTofu. Another program started it: \
             TF_PLUGIN_MAGIC_COOKIE differs."
        }
    };
    format!(
        r#"
{title}: provider {address} {version}

{opening}

Run `{name} install` once, so that `terraform init` and `tofu init` find it. Then require it:

    terraform {{
      required_providers {{
        {local} = {{ source = "{address}" }}
      }}
    }}

To use this file without a registry, add these lines to ~/.terraformrc or ~/.tofurc. `init` is then not needed:

    provider_installation {{
      dev_overrides {{ "{address}" = "{directory}" }}
      direct {{}}
    }}

To debug it, run `{name} --debug`, which waits for Terraform and prints the environment variable to set.
{try_hint}

"#
    )
}
