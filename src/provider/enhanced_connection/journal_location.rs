//! Where the creation journal is, and whose state its entries belong to.

use std::fs;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

/// Returns the journal's directory: below Terraform's data directory, one for each workspace.
pub fn journal_directory(environment: impl Fn(&str) -> Option<String>) -> PathBuf {
    let variable = |name| environment(name).filter(|value| !value.is_empty());
    let data = PathBuf::from(variable("TF_DATA_DIR").unwrap_or_else(|| ".terraform".to_owned()));
    // This file contains the name of the selected workspace.
    let selected = || fs::read_to_string(data.join("environment")).ok();
    let workspace = variable("TF_WORKSPACE").or_else(selected).unwrap_or_default();
    match workspace.trim() {
        "" | "default" => data.join("dli"),
        workspace => data.join(format!("dli-{workspace}")),
    }
}

/// Identifies the state of a client among those of a working directory and workspace: by the configured backend, and by
/// the options in the client's `arguments` and in the environment that name a state file.
pub fn state_identity(environment: impl Fn(&str) -> Option<String>, arguments: &[String]) -> String {
    let data = environment("TF_DATA_DIR").filter(|value| !value.is_empty()).unwrap_or_else(|| ".terraform".to_owned());
    let initialized = fs::read(PathBuf::from(data).join("terraform.tfstate")).ok();
    let initialized = initialized.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    let backend = initialized.map(|initialized| initialized["backend"]["config"].clone());
    let backend = backend.filter(|config| !config.is_null()).map(|config| config.to_string()).unwrap_or_default();
    let variables = ["TF_CLI_ARGS", "TF_CLI_ARGS_plan", "TF_CLI_ARGS_apply", "TF_CLI_ARGS_destroy"];
    let defaults = variables.into_iter().filter_map(environment);
    let defaults: Vec<_> =
        defaults.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    let all: Vec<&str> = defaults.iter().chain(arguments).map(String::as_str).collect();
    let option = |name: &str| {
        all.iter().enumerate().rev().find_map(|(index, argument)| {
            let value = argument.strip_prefix('-')?.trim_start_matches('-').strip_prefix(name)?;
            if value.is_empty() { all.get(index + 1).copied() } else { value.strip_prefix('=') }
        })
    };
    let file = option("state-out").or_else(|| option("state")).unwrap_or_default();
    if backend.is_empty() && file.is_empty() {
        return String::new();
    }
    let hash = Sha256::new().chain_update(backend).chain_update([0]).chain_update(file).finalize();
    hex::encode(&hash[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_identified_by_options_and_backend() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let data = directory.path().display().to_string();
        let identity = |arguments: &[&str], defaults: &str| {
            let environment = |name: &str| match name {
                "TF_DATA_DIR" => Some(data.clone()),
                "TF_CLI_ARGS_apply" => Some(defaults.to_owned()),
                _ => None,
            };
            state_identity(environment, &arguments.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(identity(&["terraform", "apply", "-auto-approve", "-statefile"], ""), "");
        let first = identity(&["terraform", "apply", "-state=a"], "");
        assert!(!first.is_empty());
        for same in [&["apply", "--state=a"][..], &["apply", "-state", "a"], &["apply", "-state=b", "-state-out=a"]] {
            assert_eq!(identity(same, ""), first, "{same:?}");
        }
        assert_eq!(identity(&["apply"], "-lock=false -state=a"), first);
        assert_ne!(identity(&["apply", "-state=b"], ""), first);
        fs::write(directory.path().join("terraform.tfstate"), r#"{"backend": {"config": {"path": "a"}}}"#)
            .expect("a writable directory");
        assert!(!["", &first].contains(&identity(&["apply"], "").as_str()));
    }
}
