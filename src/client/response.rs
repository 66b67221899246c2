//! Classification and decoding of responses. Pure.
//!
//! Every text from outside is made printable and truncated here.

use std::time::Duration;

use http::StatusCode;
use reqwest::Url;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{error::Error, redact::redacted};
use crate::dli::{operation::Operation, wire::Outcome};

/// Maximum length of a message, in characters.
const MAX_MESSAGE: usize = 1000;
/// Maximum length of an excerpt or identifier, in characters.
const MAX_EXCERPT: usize = 200;
/// Maximum length of a body in a log, in characters.
const MAX_LOGGED: usize = 16 << 10;
/// Replaces a body that holds a secret.
pub(super) const WITHHELD: &str = "(omitted: may contain a secret)";
/// Maximum length of a text that is scanned, in bytes.
const MAX_SCANNED: usize = 64 << 10;

/// Field names in the error bodies of the service, the gateway and the identity service.
const CODE: &[&str] = &["error_code", "errorCode", "code"];
const TEXT: &[&str] = &["error_msg", "errorMsg", "message"];
const REQUEST_ID: &[&str] = &["request_id"];

/// A complete response.
pub(super) struct Response {
    pub(super) operation: Operation,
    /// Where the request was sent.
    pub(super) address: String,
    pub(super) status: StatusCode,
    /// From the header.
    pub(super) request_id: Option<String>,
    pub(super) location: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
    /// Secrets of the request, to redact.
    pub(super) secrets: Vec<SecretString>,
    /// A new IAM token, from the header.
    pub(super) token: Option<SecretString>,
}

impl Response {
    /// Success is a 2xx status **and** `is_success` not false. A success may have no body (tags: HTTP 204).
    pub(super) fn classify(&self) -> Result<(), Error> {
        if !self.status.is_success() {
            return Err(self.failure());
        }
        // The body is plain text.
        if self.operation == Operation::MetadataSession {
            return Ok(());
        }
        if self.body.is_empty() {
            return Ok(());
        }
        // serde would read a list's elements as fields in order, and an empty list as success.
        if self.body.trim_ascii_start().starts_with(b"[") {
            return Err(self.undecodable("it is a list, not an object"));
        }
        if self.decode::<Outcome>()?.is_success { Ok(()) } else { Err(self.failure()) }
    }

    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The message of serde quotes the body.
            let (line, column) = (error.line(), error.column());
            let withheld = || format!("it does not have the expected form (line {line}, column {column})");
            let problem = if self.operation.returns_secrets() { withheld() } else { error.to_string() };
            self.undecodable(&problem)
        })
    }

    /// The error of a body that does not match the API. The problem is omitted if the body is not JSON.
    pub(super) fn undecodable(&self, problem: &str) -> Error {
        let is_json = self.body.trim_ascii_start().starts_with(b"{") || self.body.trim_ascii_start().starts_with(b"[");
        let problem = if is_json { format!(" ({})", self.sanitize(problem, MAX_EXCERPT)) } else { String::new() };
        let problem = match self.body.trim_ascii() {
            [] => "; it has no body".to_owned(),
            _ => format!("{problem}; it begins with {:?}", self.excerpt()),
        };
        let error = Error::invalid_response(self.operation, self.status, &problem);
        Error { address: Some(self.address.clone()), request_id: self.request_id.clone(), ..error }
    }

    fn failure(&self) -> Error {
        let body = match serde_json::from_slice(&self.body) {
            Ok(Value::Object(body)) => body,
            _ => Map::new(),
        };
        // The identity service puts its error one level down.
        let names_error = |object: &Map<String, Value>| field(object, CODE).or_else(|| field(object, TEXT)).is_some();
        let error = if names_error(&body) {
            &body
        } else {
            body.values().filter_map(Value::as_object).find(|inner| names_error(inner)).unwrap_or(&body)
        };
        let request_id = field(&body, REQUEST_ID).or_else(|| field(error, REQUEST_ID));
        let code = field(error, CODE).map(|code| self.sanitize(&code, MAX_EXCERPT));
        let message = field(error, TEXT).map_or_else(|| self.unexplained(), |text| self.sanitize(&text, MAX_MESSAGE));
        Error {
            request_id: self.request_id.clone().or_else(|| request_id.map(|id| self.sanitize(&id, MAX_EXCERPT))),
            retry_after: self.retry_after,
            ..Error::reported(self.operation, self.status, code, message)
        }
    }

    /// The message of a failure whose body has none.
    fn unexplained(&self) -> String {
        match &self.location {
            Some(location) if self.status.is_redirection() => {
                format!("redirects to {}, which is not followed", self.sanitize(&destination(location), MAX_EXCERPT))
            }
            _ if self.body.trim_ascii().is_empty() => "the response has no body".to_owned(),
            _ if self.status.is_success() => "the service gave no reason".to_owned(),
            _ => format!("the response is not in the service's format; it begins with {:?}", self.excerpt()),
        }
    }

    fn excerpt(&self) -> String {
        if self.is_secret() {
            return WITHHELD.to_owned();
        }
        self.sanitize(&String::from_utf8_lossy(&self.body), MAX_EXCERPT)
    }

    /// Whether the body holds a new secret, which cannot be recognised in it.
    fn is_secret(&self) -> bool {
        self.operation.returns_secrets() && self.status.is_success()
    }

    /// The body for a log.
    pub(super) fn loggable_body(&self) -> String {
        if self.is_secret() { WITHHELD.to_owned() } else { loggable(&self.body, &self.secrets) }
    }

    /// Sanitizes an identifier for an error.
    pub(super) fn sanitize_id(&self, id: &str) -> String {
        self.sanitize(id, MAX_EXCERPT)
    }

    fn sanitize(&self, text: &str, max: usize) -> String {
        sanitize(text, &self.secrets, max)
    }
}

/// The host of a redirect. Its path and query may hold secrets.
fn destination(location: &str) -> String {
    let here = Url::parse("https://here.invalid").expect("a constant");
    let Ok(there) = here.join(location) else { return "another address".to_owned() };
    match there.host_str() {
        None => "another address".to_owned(),
        Some(host) if Some(host) == here.host_str() => "another path on the same host".to_owned(),
        Some(host) => {
            let port = there.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{host}{port}", there.scheme())
        }
    }
}

/// Parses a `Retry-After` header: seconds or a date.
pub(super) fn parse_retry_after(retry_after: &str, now: OffsetDateTime) -> Option<Duration> {
    let text = retry_after.trim();
    let until = |date: OffsetDateTime| (date - now).try_into().unwrap_or_default();
    text.parse().map(Duration::from_secs).ok().or_else(|| OffsetDateTime::parse(text, &Rfc2822).ok().map(until))
}

/// The first of `names` that holds a text or a number (the identity service's codes are numbers).
fn field(object: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match object.get(*name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// A body for a log: without these secrets, and cut after [`MAX_LOGGED`] characters.
pub(super) fn loggable(body: &[u8], secrets: &[SecretString]) -> String {
    sanitize(&String::from_utf8_lossy(body), secrets, MAX_LOGGED)
}

/// Makes a foreign text safe to show: one line, at most `max` characters, no control characters, no secrets.
pub(super) fn sanitize(text: &str, secrets: &[SecretString], max: usize) -> String {
    // Twice: before white space of a password is collapsed, and after invisible characters inside a secret are removed.
    let line = redacted(&in_one_line(&redacted(beginning(text), secrets), max), secrets);
    match line.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The part of a text that is scanned, cut at a word.
fn beginning(text: &str) -> &str {
    if text.len() <= MAX_SCANNED {
        return text;
    }
    let text = &text[..text.floor_char_boundary(MAX_SCANNED)];
    text.rfind(char::is_whitespace).map_or(text, |end| &text[..end])
}

/// Joins whole words to one line of at least `max` characters, if there are enough.
fn in_one_line(text: &str, max: usize) -> String {
    let mut words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut line = words.next().unwrap_or_default().to_owned();
    for word in words {
        line.push(' ');
        line.push_str(word);
        // A character has at most four bytes.
        if line.len() > 4 * max {
            break;
        }
    }
    // Zero-width and bidirectional marks can make a text look like another one.
    line.replace(
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'),
        "",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response {
            operation: Operation::CreateConnection,
            address: String::new(),
            status: StatusCode::from_u16(status).expect("a status"),
            request_id: None,
            location: None,
            retry_after: None,
            body: body.as_bytes().to_vec(),
            secrets: Vec::new(),
            token: None,
        }
    }

    /// Code, message and request id of a failure.
    fn failure(status: u16, body: &str) -> (Option<String>, String, Option<String>) {
        match response(status, body).classify() {
            Err(Error { code, message, request_id, .. }) => (code, message, request_id),
            other => panic!("{status} {body}: {other:?}"),
        }
    }

    #[test]
    fn all_forms_of_error_bodies_are_read() {
        for (body, code, message, request_id) in [
            (r#"{"error_code":"DLI.0001","error_msg":"Name is invalid"}"#, "DLI.0001", "Name is invalid", None),
            (
                r#"{"error_msg":"The API does not exist","error_code":"APIGW.0101","request_id":"acbc548a"}"#,
                "APIGW.0101",
                "The API does not exist",
                Some("acbc548a"),
            ),
            (
                r#"{"error":{"code":401,"message":"The request is unauthorized","title":"Unauthorized"}}"#,
                "401",
                "The request is unauthorized",
                None,
            ),
            (r#"{"error":{"code":"IAM.0011","message":"expired"},"request_id":"7"}"#, "IAM.0011", "expired", Some("7")),
            (r#"{"errorCode":"DLI.0999","errorMsg":"oops"}"#, "DLI.0999", "oops", None),
            (r#"{"code":"DLI.0012","message":"unavailable"}"#, "DLI.0012", "unavailable", None),
        ] {
            assert_eq!(
                failure(400, body),
                (Some(code.to_owned()), message.to_owned(), request_id.map(str::to_owned)),
                "{body}"
            );
        }
    }

    #[test]
    fn foreign_bodies_make_clear_errors() {
        let form = "the response is not in the service's format; it begins with ";
        for (status, body, message) in [
            (502, "", "the response has no body".to_owned()),
            (502, "<html>\r\n<h1>Bad \"Gateway\"</h1>", format!("{form}{:?}", "<html> <h1>Bad \"Gateway\"</h1>")),
            (500, "[1]", format!("{form}\"[1]\"")),
            (500, r#"{"a":null}"#, format!("{form}{:?}", r#"{"a":null}"#)),
            (200, r#"{"is_success":false}"#, "the service gave no reason".to_owned()),
            (201, r#"{"is_success":"false","message":"no quota"}"#, "no quota".to_owned()),
            (200, r#"{"is_success":false,"message":""}"#, "the service gave no reason".to_owned()),
        ] {
            assert_eq!(failure(status, body), (None, message, None), "{status} {body}");
        }
        assert_eq!(
            failure(500, r#"{"error_code":"DLI.0999"}"#).1,
            format!("{form}{:?}", r#"{"error_code":"DLI.0999"}"#)
        );
    }

    #[test]
    fn success_has_an_empty_or_a_valid_body() {
        for (status, body) in
            [(204, ""), (200, "{}"), (200, r#"{"is_success":true,"message":null}"#), (200, r#"{"tags":[],"count":0}"#)]
        {
            assert!(response(status, body).classify().is_ok(), "{status} {body}");
        }
        let error = response(200, "<html>log in here</html>").classify().expect_err("not the service's answer");
        assert_eq!(
            error.to_string(),
            "CreateEnhancedConnection: HTTP 200 OK, but not in the service's format; it begins with \"<html>log in \
             here</html>\""
        );
        assert!(error.may_have_taken_effect());
        for list in ["[]", " [true]", r#"["id", "true"]"#] {
            let error = response(200, list).classify().expect_err("no answer of the service is a list");
            assert!(error.to_string().contains("it is a list, not an object"), "{error}");
            assert!(error.may_have_taken_effect());
        }
    }

    #[test]
    fn echoed_token_is_redacted() {
        let token = SecretString::from("canary-token");
        let body = r#"{"error_code":"APIGW.0301","error_msg":"token canary-token has expired"}"#;
        let echo = Response { secrets: vec![token.clone()], ..response(401, body) };
        let error = echo.classify().expect_err("unauthorized").to_string();
        assert_eq!(error, "CreateEnhancedConnection: HTTP 401 Unauthorized, APIGW.0301: token [REDACTED] has expired");
        let echo = Response { secrets: vec![token.clone()], ..response(200, "canary-token") };
        assert!(!echo.classify().expect_err("not JSON").to_string().contains("canary"));
    }

    #[test]
    fn split_or_truncated_secret_is_redacted() {
        let secrets = ["canary-token".into(), "canary  password".into()];
        assert_eq!(sanitize("a can\u{200b}ary-\u{202e}token b", &secrets, 50), "a [REDACTED] b");
        assert_eq!(sanitize("a canary  password b", &secrets, 50), "a [REDACTED] b");
        assert_eq!(sanitize("a canary-token", &secrets, 8), "a [REDAC…");
        // As in the request's body, which a server may echo.
        let secrets = [r#"cana"ry\word""#.into()];
        assert_eq!(
            sanitize(r#"{"password":"cana\"ry\\word\""} cana"ry\word""#, &secrets, 80),
            r#"{"password":"[REDACTED]"} [REDACTED]"#
        );
    }

    #[test]
    fn escaped_secret_is_redacted() {
        let token = "MIIEAgYJKoZIhvcNAQ/cCoIID8z=CCA+8CAQExDTALBglghkgBZQMEAgEwgg==";
        let escaped = token.replace('/', "\\/").replace('=', "\\u003d");
        let shown_error = |status, location: Option<&str>, body: &str| {
            let location = location.map(str::to_owned);
            let echo = Response { secrets: vec![token.into()], location, ..response(status, body) };
            echo.classify().expect_err("refused").to_string()
        };
        let at = "CreateEnhancedConnection: HTTP 403 Forbidden: the response is not in the service's format; it begins with ";
        assert_eq!(
            shown_error(403, None, &format!("{{\"headers\":\"{escaped}\"}}")),
            format!("{at}{:?}", "{\"headers\":\"[REDACTED]\"}")
        );
        let cut = format!("{{\"error_msg\":\"the token {} is no good\"}}", &token[..40]);
        assert!(shown_error(401, None, &cut).ends_with("the token [REDACTED] is no good"));
        let echo = "{\"error_msg\":\"SDK-HMAC-SHA256 Access=AK, Signature=461dc2f4f20bbc67\"}";
        assert!(shown_error(401, None, echo).ends_with("Access=AK, Signature=[REDACTED]"));
        let percent = token.replace('/', "%2F").replace('=', "%3D").replace('+', "%2B");
        for (location, shown) in [
            (format!("https://sso.example.com/login?t={percent}#{percent}"), "https://sso.example.com"),
            (format!("http://me:{percent}@sso.example.com:8080/{percent}"), "http://sso.example.com:8080"),
            (format!("//sso.example.com/{percent}"), "https://sso.example.com"),
            (format!("/login?t={percent}"), "another path on the same host"),
            (format!("data:text/plain,{percent}"), "another address"),
        ] {
            let expected =
                format!("CreateEnhancedConnection: HTTP 302 Found: redirects to {shown}, which is not followed");
            assert_eq!(shown_error(302, Some(&location), ""), expected);
        }
    }

    /// RFC 9110, 10.2.3: either form; a past date means no wait.
    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = time::macros::datetime!(1999-12-31 23:59:29 UTC);
        let wait = |text| parse_retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait(" 0 "), Some(0));
        assert_eq!(wait("Fri, 31 Dec 1999 23:59:59 GMT"), Some(30));
        assert_eq!(wait("Fri, 31 Dec 1999 23:59:00 GMT"), Some(0));
        for nonsense in ["", "soon", "-1", "1.5", "99999999999999999999999", "31 December"] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn response_with_secrets_is_withheld() {
        for body in
            [r#"{"credential":{"access":7,"secret":"canary-secret"}}"#, r#"{"credential":"canary-secret"}"#, "canary"]
        {
            let response = Response { operation: Operation::AssumeAgency, ..response(201, body) };
            let error = response.decode::<Vec<u8>>().expect_err("not of that form");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
            assert!(!error.may_have_taken_effect());
        }
    }

    #[test]
    fn foreign_texts_are_bounded_and_printable() {
        let printable = |text: &str, max| sanitize(text, &[], max);
        assert_eq!(printable(" a\r\n\tb\u{1b}[31m\u{202e}c\u{0}", 20), "a b [31mc");
        assert_eq!(printable("größer", 6), "größer");
        assert_eq!(printable("größer", 3), "grö…");
        assert_eq!(printable(&"x ".repeat(100_000), 4), "x x …");
        assert_eq!(failure(500, &format!(r#"{{"error_msg":"{}"}}"#, "x".repeat(5000))).1.chars().count(), 1001);
    }
}
