//! Errors of the client in the words of a practitioner, all in one order: what failed (object and call), what the service
//! said with its code and request id, what that usually means, what Terraform now holds, what to do.
//!
//! Terraform breaks the lines itself, at the width of the terminal. What errors usually mean is [`KnownError`]'s to know.

use std::time::Duration;

use crate::{
    client::{ApiError, ConfigError, Error, Operation},
    dli::error_catalog::{CallKind, KnownError, TransportFailure},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        path::Path,
    },
};

/// What a failed call says. `subject` is what it was about (empty where nothing is known), `state_note` what Terraform now holds
/// and how it goes on.
pub(in crate::provider) fn describe(subject: &str, error: &Error, state_note: &str) -> String {
    describe_facts(object(subject), error, state_note)
}

/// The same of a call whose time was up; `what` says so. Told is what its latest attempt came to that ended.
pub(in crate::provider) fn describe_timeout(subject: &str, what: &str, error: &Error, state_note: &str) -> String {
    let what = format!("{what} This is what came of the latest attempt that ended:");
    describe_facts(object(subject).into_iter().chain([what]), error, state_note)
}

fn describe_facts(facts: impl IntoIterator<Item = String>, error: &Error, state_note: &str) -> String {
    let known = match error.api() {
        Some(ApiError { operation, status, code, message, .. }) => {
            KnownError::for_response(kind(*operation), status.as_u16(), code.as_deref(), message)
        }
        None => error.transport_failure().and_then(KnownError::for_transport_failure),
    };
    let facts = facts.into_iter().chain([response_lines(error)]).collect::<Vec<_>>().join("\n");
    compose(&facts, known, error.may_have_taken_effect(), state_note)
}

/// The kind of a call in the error catalog.
fn kind(operation: Operation) -> CallKind {
    if operation.is_identity() {
        CallKind::Identity
    } else if operation.is_route_write() {
        CallKind::Route
    } else {
        CallKind::Other
    }
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
    let what = match error {
        Error::Configuration(_) => return sentence(&error.with_causes()),
        Error::Identity(error) => return response_lines(error),
        Error::Repeated { attempts, elapsed, last, .. } => {
            let elapsed = humantime::format_duration(Duration::from_secs(elapsed.as_secs().max(1)));
            return format!("{}\nTried: {attempts} times in {elapsed}", response_lines(last));
        }
        Error::QueuedTooLong { host, limit, .. } => {
            let limited =
                limit.map_or("is limiting the number of calls".to_owned(), |limit| format!("allows only {limit}"));
            format!(
                "Failure: not sent: the gateway of {host} {limited}, and the time ran out before this call's turn came"
            )
        }
        Error::Request { .. } => format!("Failure: the request could not be built: {}", cause(error)),
        Error::Connect { host, .. } => format!("Failure: no connection to {host}{}", unconnected(error)),
        Error::Lost { host, .. } => format!("Failure: the connection to {host} ended before an answer came"),
        Error::Timeout { host, limit, .. } => {
            format!("Failure: no complete answer from {host} within {}", humantime::format_duration(*limit))
        }
        Error::Interrupted { status, .. } => format!("Failure: the answer (HTTP {}) was cut off", number(status)),
        Error::TooLarge { status, limit, .. } => {
            format!("Failure: the answer (HTTP {}) is longer than {limit} bytes", number(status))
        }
        Error::Api(ApiError { status, code, message, .. }) => {
            let soft = if status.is_success() { " with is_success false" } else { "" };
            // The identity service repeats the status as its code.
            let code = code.as_ref().filter(|code| *code != status.as_str());
            let code = code.map(|code| format!(", {code}")).unwrap_or_default();
            format!("Answer: HTTP {}{soft}{code}: {message}", number(status))
        }
        Error::Undecodable { status, problem, excerpt, .. } => {
            let why = if excerpt.starts_with('{') { format!(" ({problem})") } else { String::new() };
            format!("Answer: HTTP {}, but not in the service's format{why}; it begins with {excerpt:?}", number(status))
        }
    };
    let mut lines: Vec<String> = error.operation().map(|operation| format!("Call: {operation}")).into_iter().collect();
    lines.push(what);
    lines.extend(error.request_id().map(|id| format!("Request ID: {id}")));
    if let Error::Api(ApiError { operation, status, code, caller, .. }) = error {
        lines.extend(caller.as_ref().map(|caller| format!("Credentials: {caller}")));
        // A rejection by the gateway is not about IAM permissions.
        let by_iam = status.as_u16() == 403 && !code.as_deref().is_some_and(|code| code.starts_with("APIGW."));
        lines.extend(operation.action().filter(|_| by_iam).map(|action| format!("Needed: the IAM action {action}")));
    }
    lines.join("\n")
}

/// A status with its name, where it has one.
fn number(status: impl std::fmt::Display) -> String {
    status.to_string().replace(" <unknown status code>", "")
}

/// The end of the sentence "no connection to …".
fn unconnected(error: &Error) -> String {
    match error.transport_failure() {
        Some(TransportFailure::Unresolved) => ": the name has no address".to_owned(),
        Some(TransportFailure::Refused) => ": connection refused".to_owned(),
        Some(TransportFailure::ConnectTimeout) => " in time".to_owned(),
        Some(TransportFailure::Proxy) => {
            format!(" through the proxy: {}", cause(error).trim_start_matches("tunnel error: "))
        }
        _ => format!(": {}", cause(error)),
    }
}

/// The innermost cause, without the system's number for it.
fn cause(error: &Error) -> String {
    let cause = error.root_cause().unwrap_or_default();
    cause.split(" (os error").next().unwrap_or_default().to_owned()
}

/// The provider block cannot be used. A text that is not in it may be at another `place`.
pub(in crate::provider) fn configuration(error: &ConfigError, place: Option<&str>) -> Diagnostics {
    let mut text = format!("The provider cannot be configured: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    let path = match error {
        ConfigError::Text { setting, .. } => {
            text.extend(place.map(|place| format!("; it comes from {place}")));
            Path::attribute(*setting)
        }
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
            timeouts: Timeouts { connect: Duration::from_millis(50), request: Duration::from_millis(100) },
            ..Config::default()
        });
        let project = client.expect("in order").project(None, None).expect("complete");
        let error = project.delete_connection("2a62").await.expect_err("nobody answers");
        describe("enhanced connection \"test\" (2a62)", &error, HOLDS).replace(&port.to_string(), "12345")
    }

    #[tokio::test]
    async fn a_connection_that_does_not_come_about_in_time() {
        let text = include_str!("../../../tests/data/errors/connect-timeout.txt");
        assert_eq!(silent("https").await + "\n", text);
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_in_time() {
        assert_eq!(silent("http").await + "\n", include_str!("../../../tests/data/errors/timeout.txt"));
    }

    #[test]
    fn a_turn_that_does_not_come_in_time() {
        let limit = RateLimit::find("policy user over ratelimit,limit:200,time:5 minute");
        let operation = Operation::DeleteConnection;
        let error =
            Error::QueuedTooLong { operation, host: "dli.example.com".into(), waited: Duration::from_secs(9), limit };
        let text = describe("enhanced connection \"test\" (2a62)", &error, HOLDS);
        assert_eq!(text + "\n", include_str!("../../../tests/data/errors/no-turn.txt"));
    }

    #[test]
    fn a_sentence_starts_large_and_ends_once() {
        assert_eq!(sentence("no connection to dli"), "No connection to dli.");
        assert_eq!(sentence("It is gone."), "It is gone.");
        assert_eq!(sentence(""), ".");
    }
}
