//! The provider block that makes Terraform use the emulator.

use super::settings::Settings;

/// The block, formatted as by `terraform fmt`, for the first project in IAM.
pub(super) fn provider_block(settings: &Settings, endpoint: &str) -> String {
    let (region, project) = settings.iam_account.projects.first().cloned().unwrap_or_default();
    let mut arguments = vec![
        ("region", quoted(&region)),
        ("project_id", quoted(&project)),
        ("access_key", quoted(&settings.access_key)),
        ("secret_key", quoted(&settings.secret_key)),
    ];
    arguments.extend(settings.security_token.as_deref().map(|token| ("security_token", quoted(token))));
    arguments.push(("endpoints", format!("{{ dli = {} }}", quoted(endpoint))));
    let width = arguments.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = arguments.iter().map(|(name, value)| format!("  {name:<width$} = {value}\n"));
    format!("provider \"dli\" {{\n{}}}\n", lines.collect::<String>())
}

/// A string literal of the Terraform language.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{");
    format!("\"{}\"", escaped.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_is_aligned_and_quoted() {
        let settings = Settings { secret_key: "a\"${b}\\".to_owned(), ..Settings::default() };
        let expected = r#"provider "dli" {
  region     = "emulated"
  project_id = "0123456789abcdef0123456789abcdef"
  access_key = "emulator"
  secret_key = "a\"$${b}\\"
  endpoints  = { dli = "http://127.0.0.1:7080" }
}
"#;
        assert_eq!(provider_block(&settings, "http://127.0.0.1:7080"), expected);
    }
}
