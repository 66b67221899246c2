//! A catalog of known errors: how to recognize them, what they mean and what to do.
//!
//! One code has several meanings (`DLI.0001`, `APIGW.0301`) and one cause has several codes, so a row matches code,
//! words, status or all of them. The first match wins: specific rows come first, and the last rows match everything.
//! The texts are for users only; the client does not use the catalog to classify errors.

mod table;

pub use table::KNOWN_ERRORS;

use super::operation::Operation;

/// A known error.
#[derive(Debug)]
pub struct KnownError {
    /// Unique name: the code, with a word if one code has several rows.
    pub name: &'static str,
    /// Title.
    pub title: &'static str,
    /// Matchers; any of them recognizes the error.
    pub matchers: &'static [Matcher],
    /// What it usually means.
    pub meaning: &'static str,
    /// What to do.
    pub action: &'static str,
    /// An example response, with a message from the documents or users' reports if there is one.
    pub example: Option<Example>,
}

/// An example response.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// HTTP status; 200 stands for `is_success: false`, which has no code.
    pub status: u16,
    /// Error code; empty if the response has none.
    pub code: &'static str,
    /// Message.
    pub message: &'static str,
    /// The failed operation.
    pub call: Operation,
}

/// Recognizes an error.
#[derive(Debug)]
pub enum Matcher {
    /// A response of the service, the gateway or IAM.
    Response {
        /// First and last of the HTTP statuses.
        statuses: (u16, u16),
        /// The error code.
        code: CodeMatcher,
        /// The message contains one of these, ignoring case; an empty list matches every message.
        words: &'static [&'static str],
        /// Operations that it applies to.
        calls: CallMatcher,
    },
    /// A failed binding whose `err_msg` contains one of these; an empty list matches every message.
    Binding(&'static [&'static str]),
    /// No response of the service.
    Transport(TransportFailure),
}

/// Matches an error code.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CodeMatcher {
    /// Any code or none.
    Any,
    Missing,
    Present,
    OneOf(&'static [&'static str]),
}

/// Matches the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallMatcher {
    /// Any call.
    Any,
    /// A call to IAM.
    OfIdentity,
    /// A call that changes a route.
    OfRoutes,
    /// Any call that does not change a route.
    NotOfRoutes,
    /// A call that starts a connectivity test, which names a queue.
    OfConnectivityTests,
}

/// Why no valid response arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TransportFailure {
    /// The call waited too long for the rate limiter.
    QueuedTooLong,
    Unresolved,
    Refused,
    ConnectTimeout,
    /// No connection for another reason, such as a missing network route.
    Unreachable,
    Proxy,
    UntrustedCertificate,
    TlsFailed,
    Lost,
    Timeout,
    TruncatedResponse,
    /// A complete response that is not the service's.
    UnexpectedResponse,
}

impl KnownError {
    /// Finds the entry for an error response; `status` is 2xx for `is_success: false`.
    #[must_use]
    pub fn for_response(operation: Operation, status: u16, code: Option<&str>, message: &str) -> Option<&'static Self> {
        find(|matcher| match matcher {
            Matcher::Response { statuses: (first, last), code: wanted, words, calls } => {
                (*first..=*last).contains(&status)
                    && wanted.fits(code)
                    && has_one_of(message, words)
                    && calls.include(operation)
            }
            _ => false,
        })
    }

    /// Finds the entry for a failed binding.
    #[must_use]
    pub fn for_binding(err_msg: &str) -> Option<&'static Self> {
        find(|matcher| matches!(matcher, Matcher::Binding(words) if has_one_of(err_msg, words)))
    }

    /// Finds the entry for a transport failure.
    #[must_use]
    pub fn for_transport_failure(failure: TransportFailure) -> Option<&'static Self> {
        find(|matcher| matches!(matcher, Matcher::Transport(way) if *way == failure))
    }
}

impl CodeMatcher {
    fn fits(&self, code: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Missing => code.is_none(),
            Self::Present => code.is_some(),
            Self::OneOf(codes) => code.is_some_and(|code| codes.contains(&code)),
        }
    }
}

impl CallMatcher {
    fn include(self, operation: Operation) -> bool {
        match self {
            Self::Any => true,
            Self::OfIdentity => operation.is_identity(),
            Self::OfRoutes => operation.is_route_write(),
            Self::NotOfRoutes => !operation.is_route_write(),
            Self::OfConnectivityTests => operation == Operation::CreateConnectivityTask,
        }
    }
}

fn find(fits: impl Fn(&Matcher) -> bool) -> Option<&'static KnownError> {
    KNOWN_ERRORS.iter().find(|known| known.matchers.iter().any(&fits))
}

fn has_one_of(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.is_empty() || words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn name(known: Option<&KnownError>) -> &'static str {
        known.map_or("none", |known| known.name)
    }

    #[test]
    fn each_row_is_found_by_its_example() {
        for known in KNOWN_ERRORS {
            if let Some(Example { status, code, message, call }) = known.example {
                let code = Some(code).filter(|code| !code.is_empty());
                assert_eq!(
                    name(KnownError::for_response(call, status, code, message)),
                    known.name,
                    "{status} {code:?} {message}"
                );
            }
        }
    }

    /// The codes and statuses in the documents of the API, the gateway and the identity service.
    #[test]
    fn documented_codes_have_their_own_advice() {
        for (status, code) in [
            (400, "DLI.0001"),
            (400, "DLI.0002"),
            (400, "DLI.0003"),
            (400, "DLI.0004"),
            (400, "DLI.0005"),
            (400, "DLI.0006"),
            (400, "DLI.0007"),
            (400, "DLI.0008"),
            (400, "DLI.0009"),
            (400, "DLI.0011"),
            (400, "DLI.0012"),
            (401, "DLI.0013"),
            (401, "DLI.0014"),
            (400, "DLI.0015"),
            (400, "DLI.0016"),
            (400, "DLI.0018"),
            (400, "DLI.0019"),
            (400, "DLI.0100"),
            (404, "DLI.0023"),
            (400, "DLI.0999"),
            (500, "DLI.0999"),
            (400, "DLI.1028"),
            (404, "APIGW.0101"),
            (404, "APIGW.0103"),
            (400, "APIGW.0104"),
            (400, "APIGW.0105"),
            (400, "APIGW.0106"),
            (400, "APIGW.0201"),
            (400, "APIGW.0602"),
            (413, "APIGW.0201"),
            (414, "APIGW.0201"),
            (494, "APIGW.0201"),
            (502, "APIGW.0201"),
            (504, "APIGW.0201"),
            (401, "APIGW.0301"),
            (403, "APIGW.0302"),
            (401, "APIGW.0303"),
            (403, "APIGW.0304"),
            (401, "APIGW.0305"),
            (403, "APIGW.0306"),
            (401, "APIGW.0307"),
            (429, "APIGW.0308"),
            (403, "APIGW.0310"),
            (401, "APIGW.0311"),
            (403, "APIGW.0401"),
            (403, "APIGW.0402"),
            (403, "APIGW.0404"),
            (405, "APIGW.0501"),
            (405, "APIGW.0502"),
            (403, "APIGW.0801"),
            (403, "APIGW.0802"),
            (401, "IAM.0001"),
            (403, "IAM.0003"),
            (404, "IAM.0004"),
            (400, "IAM.0007"),
            (400, "IAM.0011"),
            (403, "PAP5.0001"),
        ] {
            let found = name(KnownError::for_response(Operation::Bind, status, Some(code), ""));
            assert!(
                !["none", "unlisted", "HTTP-5xx", "HTTP-401"].contains(&found) || code == "IAM.0001",
                "{code}: {found}"
            );
            // A policy does not help against a rejection by the gateway.
            assert!(found != "IAM.0003" || !code.starts_with("APIGW."), "{code}");
        }
    }

    /// The provider has no resource that could create the queue again.
    #[test]
    fn test_on_a_missing_queue_has_its_own_advice() {
        let of = |call, code, message| name(KnownError::for_response(call, 400, Some(code), message));
        let test = Operation::CreateConnectivityTask;
        assert_eq!(of(test, "DLI.0002", "There is no queue named q9"), "queue-not-found");
        assert_eq!(of(test, "DLI.0023", ""), "queue-not-found");
        assert_eq!(of(test, "DLI.0001", "Queue q9 does not exist"), "queue-not-found");
        assert_eq!(of(test, "DLI.0001", "The address is not allowed"), "DLI.0001");
        assert_eq!(of(Operation::Bind, "DLI.0002", "There is no queue named q9"), "DLI.0002");
    }

    /// The gateway's messages for these codes contain words of other rows.
    #[test]
    fn gateway_quota_differs_from_service_quota() {
        let of = |code, message| name(KnownError::for_response(Operation::Bind, 405, Some(code), message));
        assert_eq!(of("APIGW.0501", "The app quota has been used up."), "APIGW.0501");
        assert_eq!(of("DLI.0009", "The quota of connections is used up"), "DLI.1028");
    }

    /// The identity service repeats the status as its code.
    #[test]
    fn iam_codes_repeat_the_status() {
        let of = |status: u16, message| {
            name(KnownError::for_response(Operation::CreateToken, status, Some(&status.to_string()), message))
        };
        assert_eq!(of(400, "Expecting to find identity.password in auth."), "IAM.0011");
        assert_eq!(of(401, "The username or password is wrong."), "IAM-password");
        assert_eq!(of(401, "The request you have made requires authentication."), "HTTP-401");
        assert_eq!(of(403, "You are not authorized to perform the requested action."), "IAM.0003");
        assert_eq!(of(404, "Could not find agency: dli-agency."), "IAM.0004");
        assert_eq!(name(KnownError::for_response(Operation::Bind, 404, Some("404"), "Not Found")), "unlisted");
    }

    /// Routes may overlap; other codes keep their meaning.
    #[test]
    fn overlap_is_recognized_except_for_routes() {
        let of = |call, code, message| name(KnownError::for_response(call, 400, code, message));
        let text = "The CIDR overlaps another one";
        assert_eq!(of(Operation::Bind, Some("DLI.0007"), text), "cidr-overlap");
        assert_eq!(of(Operation::Bind, Some("DLI.0009"), text), "cidr-overlap");
        assert_eq!(of(Operation::Bind, None, text), "cidr-overlap");
        assert_eq!(of(Operation::Bind, Some("DLI.0001"), text), "DLI.0001");
        assert_eq!(of(Operation::CreateRoute, Some("DLI.0007"), text), "DLI.0007");
    }

    /// The messages are quoted from the service's documents and from users.
    #[test]
    fn message_precedes_code() {
        fn of(status: u16, code: &str, message: &str) -> &'static str {
            name(KnownError::for_response(Operation::Bind, status, Some(code), message))
        }
        let iam = |reason: &str| of(401, "APIGW.0301", &format!("Incorrect IAM authentication information: {reason}"));
        let expired = "signature expired, signature time:20260101T000000Z,server time:20260101T010000Z";
        assert_eq!(iam(expired), "APIGW.0301-clock");
        assert_eq!(iam("Get secretKey failed,ak:AKEXAMPLE,err:ak not exist"), "APIGW.0301-unknown-key");
        assert_eq!(iam("verify aksk signature fail"), "APIGW.0301-wrong-secret");
        assert_eq!(iam("AK access failed to reach the limit,forbidden."), "APIGW.0301-locked");
        assert_eq!(iam("decrypt token fail"), "APIGW.0301-token");
        assert_eq!(iam(""), "APIGW.0301");
        assert_eq!(of(400, "DLI.0001", "Connection 2a62 does not exist"), "DLI.0001-not-there");
        assert_eq!(of(400, "DLI.0001", "The parameter hosts is invalid"), "DLI.0001");
        assert_eq!(of(400, "DLI.0007", "The subnet could not be found"), "subnet-not-found");
        let bare = |status, message| name(KnownError::for_response(Operation::Bind, status, None, message));
        assert_eq!(bare(200, "The quota of connections is exceeded"), "DLI.1028");
        assert_eq!(bare(200, "Failed to create the connection"), "is_success-false");
        assert_eq!(of(200, "DLI.4711", "Failed to create the connection"), "unlisted");
        assert_eq!(bare(403, "Policy doesn't allow dli:queue:list"), "IAM.0003");
        assert_eq!(bare(408, ""), "HTTP-408");
    }

    #[test]
    fn failed_binding_is_recognized_by_message() {
        let of = |err_msg| name(KnownError::for_binding(err_msg));
        assert_eq!(of("Failed to get subnet 86ddcf50-233a-449d-9811-cfef2f603213"), "subnet-not-found");
        assert_eq!(of("CIDR conflict with the VPC"), "cidr-overlap");
        assert_eq!(of(""), "binding-failed");
    }

    #[test]
    fn every_status_has_advice() {
        for status in (200..600).filter(|status| !(300..400).contains(status)) {
            assert!(KnownError::for_response(Operation::Bind, status, Some("X.1"), "").is_some(), "{status}");
            assert!(KnownError::for_response(Operation::Bind, status, None, "").is_some(), "{status}");
        }
        assert!(KnownError::for_response(Operation::Bind, 302, None, "redirects").is_some());
    }

    #[test]
    fn rows_have_unique_names_and_sentences() {
        let names: BTreeSet<_> = KNOWN_ERRORS.iter().map(|known| known.name).collect();
        assert_eq!(names.len(), KNOWN_ERRORS.len());
        for KnownError { name, title, matchers, meaning, action, .. } in KNOWN_ERRORS {
            assert!(!title.ends_with('.') && !title.is_empty(), "{name}");
            assert!(meaning.ends_with('.') && action.ends_with('.'), "{name}");
            assert!(!matchers.is_empty(), "{name} is never found");
            for matcher in *matchers {
                if let Matcher::Response { words, .. } | Matcher::Binding(words) = matcher {
                    assert!(words.iter().all(|word| *word == word.to_ascii_lowercase()), "{name}: {words:?}");
                }
            }
        }
    }
}
