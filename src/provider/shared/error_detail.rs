//! Errors of the client as text for users: what failed (object and call), what the service responded, what that usually
//! means, what Terraform now holds, and what to do.

use crate::client::{ConfigError, Error, Operation};
use crate::dli::error_catalog::{KnownError, TransportFailure};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;

/// Describes a failed call. `subject` names its object, and may be empty; `state_note` says what Terraform now holds.
pub(in crate::provider) fn describe(subject: &str, error: &Error, state_note: &str) -> String {
    describe_facts(object(subject), error, state_note)
}

/// Describes a failed call. `advice` says what Terraform now holds and what to do.
pub(in crate::provider) fn describe_with_advice(subject: &str, error: &Error, advice: &str) -> String {
    let facts: Vec<_> = object(subject).into_iter().chain([response_lines(error)]).collect();
    let meaning = known(error).map(|known| format!("\n\nWhat it usually means: {}", known.meaning));
    compose(&(facts.join("\n") + &meaning.unwrap_or_default()), None, error.may_have_taken_effect(), advice)
}

/// Describes a failed call whose cause another error of the run describes.
pub(in crate::provider) fn describe_again(subject: &str, error: &Error, state_note: &str) -> String {
    let summary = error.summary();
    let is_short = if error.operation.is_some() { known(error).is_none() } else { !summary.contains('\n') };
    if is_short {
        return describe(subject, error, state_note);
    }
    // The sources of a missing setting are on lines of their own.
    let summary = summary.lines().next().unwrap_or_default();
    let facts: Vec<_> = object(subject)
        .into_iter()
        .chain(error.operation.map(|operation| format!("Call: {operation}")))
        .chain([format!("{}: {summary}", label(error))])
        .chain(error.request_id.as_ref().map(|id| format!("Request ID: {id}")))
        .chain(error.operation.and_then(|operation| needed_action(operation, error)))
        .collect();
    let state_note = compose(&facts.join("\n"), None, error.may_have_taken_effect(), state_note);
    format!("{state_note}\n\nAnother message of this run has the same cause and says what to do.")
}

/// Describes a call whose time ran out, as `what` says, by the error of its last completed attempt.
pub(in crate::provider) fn describe_timeout(subject: &str, what: &str, error: &Error, state_note: &str) -> String {
    let what = format!("{what} This is what came of the latest attempt that ended:");
    describe_facts(object(subject).into_iter().chain([what]), error, state_note)
}

fn describe_facts(facts: impl IntoIterator<Item = String>, error: &Error, state_note: &str) -> String {
    let facts = facts.into_iter().chain([response_lines(error)]).collect::<Vec<_>>().join("\n");
    compose(&facts, known(error), error.may_have_taken_effect(), state_note)
}

/// The entry of the error catalog.
fn known(error: &Error) -> Option<&'static KnownError> {
    if let Some(failure) = error.transport_failure {
        return KnownError::for_transport_failure(failure);
    }
    KnownError::for_response(error.operation?, error.status?.as_u16(), error.code.as_deref(), &error.message)
}

/// Composes an error detail; `open` if the request may have taken effect.
pub(in crate::provider) fn compose(facts: &str, known: Option<&KnownError>, open: bool, state_note: &str) -> String {
    let open = if open { "The request was sent and may have taken effect. " } else { "" };
    let state_note = format!("{open}{state_note}");
    let mut parts = vec![facts.to_owned()];
    parts.extend(known.map(|known| format!("What it usually means: {}", known.meaning)));
    parts.extend(Some(state_note.trim_end().to_owned()).filter(|state_note| !state_note.is_empty()));
    parts.extend(known.map(|known| format!("What to do: {}", known.action)));
    parts.join("\n\n")
}

/// The line that names the object of a call.
pub(in crate::provider) fn object(subject: &str) -> Option<String> {
    (!subject.is_empty()).then(|| format!("Object: {subject}"))
}

/// The lines that describe a failure.
fn response_lines(error: &Error) -> String {
    let Some(operation) = error.operation else { return sentence(&error.message) };
    let mut lines = vec![format!("Call: {operation}"), format!("{}: {}", label(error), error.summary())];
    let unexpected = KnownError::for_transport_failure(TransportFailure::UnexpectedResponse);
    let is_unexpected = known(error).zip(unexpected).is_some_and(|(known, unexpected)| std::ptr::eq(known, unexpected));
    lines.extend(error.address.as_ref().filter(|_| is_unexpected).map(|address| format!("Address: {address}")));
    lines.extend(error.request_id.as_ref().map(|id| format!("Request ID: {id}")));
    lines.extend(error.credentials.as_ref().map(|caller| format!("Credentials: {caller}")));
    lines.extend(needed_action(operation, error));
    lines.extend(error.tried().map(|tried| format!("Tried: {tried}")));
    lines.join("\n")
}

fn label(error: &Error) -> &'static str {
    let is_response = error.is_reported() || error.transport_failure == Some(TransportFailure::UnexpectedResponse);
    if is_response { "Response" } else { "Failure" }
}

/// The `Needed` line: the IAM action that the credentials lack.
///
/// None for an error of the gateway, and none without an error code, which may come from a proxy.
fn needed_action(operation: Operation, error: &Error) -> Option<String> {
    let is_by_service = error.code.as_deref().is_some_and(|code| !code.starts_with("APIGW."));
    let is_denied = error.is_reported() && error.status.is_some_and(|status| status.as_u16() == 403);
    let action = operation.action().filter(|_| is_denied && is_by_service)?;
    Some(format!("Needed: the IAM action {action}"))
}

/// The error of an unusable provider block. `origin` is where a text comes from that is not in the block.
pub(in crate::provider) fn configuration(error: &ConfigError, origin: Option<&str>) -> Diagnostics {
    let mut text = format!("The provider cannot be configured: {error}");
    let path = match error {
        ConfigError::Text { setting, problem } => {
            if let Some(origin) = origin {
                text = format!("The provider cannot be configured: {setting} (from {origin}) {problem}");
            }
            Path::attribute(*setting)
        }
        ConfigError::Endpoint { .. } => Path::attribute("endpoints").key("dli"),
        ConfigError::Certificate { .. } => Path::attribute("cacert_file"),
        _ => Path::root(),
    };
    Diagnostic::error("Invalid Provider Configuration", sentence(&text)).at(path).into()
}

/// Capitalizes a text and adds a full stop if needed.
fn sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    capitalized(text) + stop
}

pub(in crate::provider) fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    first + characters.as_str()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        client::{AccessKey, Client, Config, Credentials, CredentialsSource, Operation, Timeouts},
        dli::rate_limit::RateLimit,
    };

    const HOLDS: &str =
        "The connection is still in the state. Run the same command again (terraform destroy, or apply).";

    /// What takes its time, shortened: a host that takes the connection and says nothing.
    async fn silent(scheme: &str) -> String {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = server.local_addr().expect("it is bound").port();
        let key = AccessKey { id: "AK".into(), secret: "SK".into(), security_token: None };
        let client = Client::new(Config {
            credentials: Some(Credentials::new(CredentialsSource::Key(key), "this test")),
            project_id: Some("0123456789abcdef0123456789abcdef".into()),
            endpoint: Some(format!("{scheme}://localhost:{port}")),
            // A busy machine must not reach the second limit before the first.
            timeouts: Timeouts {
                connect: Duration::from_millis(50),
                request: if scheme == "https" { Duration::from_mins(1) } else { Duration::from_millis(100) },
            },
            ..Config::default()
        });
        let project = client.expect("in order").project(None, None).expect("complete");
        let error = project.delete_connection("2a62").await.expect_err("no response");
        describe("enhanced connection \"test\" (2a62)", &error, HOLDS).replace(&port.to_string(), "12345")
    }

    #[tokio::test]
    async fn connect_timeout_matches_golden_file() {
        let text = include_str!("../../../tests/data/errors/connect-timeout.txt");
        assert_eq!(silent("https").await + "\n", text);
    }

    #[tokio::test]
    async fn timeout_matches_golden_file() {
        assert_eq!(silent("http").await + "\n", include_str!("../../../tests/data/errors/timeout.txt"));
    }

    #[test]
    fn queued_too_long_matches_golden_file() {
        let limit = RateLimit::find("policy user over ratelimit,limit:200,time:5 minute");
        let operation = Operation::DeleteConnection;
        let error = Error::queued_too_long(operation, "dli.example.com", limit);
        let text = describe("enhanced connection \"test\" (2a62)", &error, HOLDS);
        assert_eq!(text + "\n", include_str!("../../../tests/data/errors/queued-too-long.txt"));
    }

    #[test]
    fn sentence_is_capitalized_and_ends_once() {
        assert_eq!(sentence("no connection to dli"), "No connection to dli.");
        assert_eq!(sentence("It is gone."), "It is gone.");
        assert_eq!(sentence(""), ".");
    }
}
