//! Errors of the client in the words of a practitioner: what failed, what the service said, what Terraform now holds,
//! what to do.

use crate::{
    client::{ConfigError, Error},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        path::Path,
    },
};

/// A call failed. `summary` says what could not be done, `holds` what Terraform now holds and what to do.
pub(super) fn call(summary: &str, error: &Error, holds: &str) -> Diagnostic {
    Diagnostic::error(summary, describe(error, holds))
}

/// A call failed after the work was done: what is missing comes with the next refresh.
pub(super) fn aside(summary: &str, error: &Error, holds: &str) -> Diagnostic {
    Diagnostic::warning(summary, describe(error, holds))
}

fn describe(error: &Error, holds: &str) -> String {
    let mut text = sentence(&error.with_causes());
    if error.is_not_published() {
        text.push_str("\n\nThis API is not published in this region. That says nothing about what it was asked for.");
    }
    if error.may_have_taken_effect() {
        text.push_str("\n\nThe request was sent, and the service may have carried it out all the same.");
    }
    if holds.is_empty() { text } else { format!("{text}\n\n{holds}") }
}

/// The provider block cannot be used.
pub(super) fn configuration(error: &ConfigError) -> Diagnostics {
    let mut text = format!("The provider cannot be configured: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    let path = match error {
        ConfigError::Text { setting, .. } => Path::attribute(*setting),
        ConfigError::Endpoint { .. } => Path::attribute("endpoints").key("dli"),
        ConfigError::CertificateFile { .. } => Path::attribute("cacert_file"),
        _ => Path::root(),
    };
    Diagnostic::error("Invalid Provider Configuration", sentence(&text)).at(path).into()
}

/// Starts with a capital and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_starts_large_and_ends_once() {
        assert_eq!(sentence("no connection to dli"), "No connection to dli.");
        assert_eq!(sentence("It is gone."), "It is gone.");
        assert_eq!(sentence(""), ".");
    }
}
