//! Writes `tracing` events to standard error in hclog's JSON format, one object per line.
//!
//! The client of go-plugin parses each line and logs it with its level, module and fields. It crashes unless `@level`,
//! `@message` and `@timestamp` are strings. It logs a line unparsed if the timestamp does not have six fractional
//! digits or the line exceeds 64 KiB.

use std::backtrace::Backtrace;
use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::panic::{self, PanicHookInfo};

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry, Scope};

/// Maximum length of a line with its newline, the client's buffer size.
const MAX_LINE: usize = 64 * 1024 - 1;

/// Strings are not truncated below this, so that levels and times stay complete.
const MIN_LENGTH: usize = 64;

/// The field with the provider's address, as the Go libraries name it.
const ADDRESS_FIELD: &str = "tf_provider_addr";

/// The target of this crate's events.
const CRATE: &str = env!("CARGO_CRATE_NAME");

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The levels up to which events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// Of this crate.
    pub provider: LevelFilter,
    /// Of the libraries for HTTP, TLS and gRPC.
    pub http: LevelFilter,
}

/// Reads the levels. `name` is the provider's name in upper case.
///
/// `TF_LOG_PROVIDER_<name>` takes precedence over `TF_LOG_PROVIDER` and `TF_LOG`, by which the client filters too. If
/// none is set, logging is off. `TF_LOG_PROVIDER_<name>_HTTP` is the level of the libraries, which otherwise write
/// warnings and errors only: HTTP/2 alone writes a dozen lines for each frame.
pub fn levels(name: &str, environment: impl Fn(&str) -> Option<String>) -> Levels {
    let get = |name: &str| environment(name).filter(|value| !value.is_empty()).map(|word| level(&word));
    let own = format!("TF_LOG_PROVIDER_{name}");
    let provider = [&own, "TF_LOG_PROVIDER", "TF_LOG"].into_iter().find_map(get).unwrap_or(LevelFilter::OFF);
    let http = get(&format!("{own}_HTTP")).unwrap_or(provider.min(LevelFilter::WARN));
    Levels { provider, http }
}

/// Reads a level as Terraform does: an unknown one means TRACE.
fn level(word: &str) -> LevelFilter {
    match word.to_ascii_uppercase().as_str() {
        "OFF" => LevelFilter::OFF,
        "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        // `JSON` means TRACE in core too.
        _ => LevelFilter::TRACE,
    }
}

/// Writes events up to these levels and all panics to standard error. Called once, before the first event.
///
/// `address` is the provider's, which every line contains.
pub fn install(levels: Levels, address: &'static str) {
    panic::set_hook(Box::new(move |panic| to_stderr(&panic_line(address, panic))));
    if levels != (Levels { provider: LevelFilter::OFF, http: LevelFilter::OFF }) {
        let subscriber = Registry::default().with(targets(levels)).with(Hclog { address, write: to_stderr });
        // Fails only if a subscriber is already set, which is then used.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}

fn targets(levels: Levels) -> Targets {
    Targets::new().with_default(levels.http).with_target(CRATE, levels.provider)
}

/// Writes a line at once, so that lines of several threads do not mix. Errors cannot be reported.
fn to_stderr(line: &str) {
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// The `tracing` layer. `write` gets each line with its newline.
struct Hclog<W> {
    address: &'static str,
    write: W,
}

impl<S, W> Layer<S> for Hclog<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).expect("the registry has the new span").extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).expect("the registry has the open span");
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::with_address(self.address);
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(Fields(of_span)) = span.extensions().get::<Fields>() {
                fields.0.extend(of_span.clone());
            }
        }
        event.record(&mut fields);
        let message = match fields.0.remove("message") {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let metadata: &Metadata<'_> = event.metadata();
        (self.write)(&line(OffsetDateTime::now_utc(), *metadata.level(), metadata.target(), message, fields.0));
    }
}

/// The fields of a span or event as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn with_address(address: &str) -> Self {
        Self(Map::from_iter([(ADDRESS_FIELD.to_owned(), address.into())]))
    }

    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.set(field, u64::try_from(value).unwrap_or(u64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, with_sources(value));
    }
}

/// Formats an error with its sources on one line.
pub fn with_sources(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_sources(cause)),
        None => error.to_string(),
    }
}

/// Formats a log line with its newline, truncated to the client's limit.
fn line(now: OffsetDateTime, level: Level, module: &str, message: String, fields: Map<String, Value>) -> String {
    let mut record = fields;
    // Inserted last, so that no field replaces these.
    let level = level.as_str().to_ascii_lowercase();
    let timestamp = now.format(TIMESTAMP).expect("a UTC time has every component");
    for (key, text) in
        [("@level", level), ("@message", message), ("@module", module.to_owned()), ("@timestamp", timestamp)]
    {
        record.insert(key.to_owned(), Value::String(text));
    }
    let mut limit = MAX_LINE;
    loop {
        let mut line = serde_json::to_string(&record).expect("a map with string keys is JSON");
        line.push('\n');
        if line.len() <= MAX_LINE || limit <= MIN_LENGTH {
            return line;
        }
        limit /= 2;
        record.values_mut().for_each(|value| truncate_value(value, limit));
    }
}

/// Truncates a string to at most `limit` bytes, at a character boundary.
fn truncate_value(value: &mut Value, limit: usize) {
    if let Value::String(text) = value
        && text.len() > limit
    {
        text.truncate(text.floor_char_boundary(limit - '…'.len_utf8()));
        text.push('…');
    }
}

/// Formats a panic as one log line. The client would log the lines of Rust's own report separately.
fn panic_line(address: &str, panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("(no message)");
    let Fields(mut fields) = Fields::with_address(address);
    if let Some(location) = panic.location() {
        fields.insert("location".to_owned(), location.to_string().into());
    }
    if let Some(name) = std::thread::current().name() {
        fields.insert("thread".to_owned(), name.into());
    }
    fields.insert("backtrace".to_owned(), Backtrace::force_capture().to_string().into());
    line(OffsetDateTime::now_utc(), Level::ERROR, CRATE, format!("the provider panicked: {message}"), fields)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use serde_json::json;
    use time::macros::datetime;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn from(variables: &[(&str, &str)]) -> Levels {
        levels("DLI", |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    /// Returns the events of `work` as JSON.
    fn logged(levels: Levels, work: impl FnOnce()) -> Vec<Value> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let write = move |line: &str| sink.lock().push(line.to_owned());
        let subscriber = Registry::default().with(targets(levels)).with(Hclog { address: "a/b", write });
        tracing::subscriber::with_default(subscriber, work);
        let lines = lines.lock();
        lines.iter().map(|line| serde_json::from_str(line.strip_suffix('\n').unwrap()).unwrap()).collect()
    }

    /// As in Terraform's `internal/logging`.
    #[test]
    fn level_follows_terraforms_rules() {
        let provider = |variables: &[(&str, &str)]| from(variables).provider;
        assert_eq!(provider(&[]), LevelFilter::OFF);
        assert_eq!(provider(&[("TF_LOG", "")]), LevelFilter::OFF);
        assert_eq!(provider(&[("TF_LOG", "warn")]), LevelFilter::WARN);
        assert_eq!(provider(&[("TF_LOG", "JSON")]), LevelFilter::TRACE);
        assert_eq!(provider(&[("TF_LOG", "loud")]), LevelFilter::TRACE);
        assert_eq!(provider(&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "OFF")]), LevelFilter::OFF);
        assert_eq!(provider(&[("TF_LOG", "ERROR"), ("TF_LOG_PROVIDER", "Info")]), LevelFilter::INFO);
        assert_eq!(provider(&[("TF_LOG_PROVIDER", "TRACE"), ("TF_LOG_PROVIDER_DLI", "INFO")]), LevelFilter::INFO);
        assert_eq!(provider(&[("TF_LOG_CORE", "TRACE")]), LevelFilter::OFF);
    }

    #[test]
    fn libraries_write_only_warnings_by_default() {
        let http = |variables: &[(&str, &str)]| from(variables).http;
        assert_eq!(http(&[]), LevelFilter::OFF);
        assert_eq!(http(&[("TF_LOG", "ERROR")]), LevelFilter::ERROR);
        assert_eq!(http(&[("TF_LOG", "TRACE")]), LevelFilter::WARN);
        assert_eq!(http(&[("TF_LOG", "INFO"), ("TF_LOG_PROVIDER_DLI_HTTP", "DEBUG")]), LevelFilter::DEBUG);
    }

    #[test]
    fn line_is_hclog_json() {
        let now = datetime!(2026-11-23 17:05:09.000012 UTC);
        let fields = json!({"attempt": 2, "@level": 7}).as_object().unwrap().clone();
        assert_eq!(
            line(now, Level::WARN, "a::b", "two\nlines".to_owned(), fields),
            "{\"@level\":\"warn\",\"@message\":\"two\\nlines\",\"@module\":\"a::b\",\
             \"@timestamp\":\"2026-11-23T17:05:09.000012Z\",\"attempt\":2}\n"
        );
    }

    #[test]
    fn line_contains_fields_of_spans_and_event() {
        let levels = Levels { provider: LevelFilter::INFO, http: LevelFilter::WARN };
        let lines = logged(levels, || {
            let outer = tracing::info_span!("call", rpc = "Read", status = tracing::field::Empty, depth = 1);
            let _outer = outer.enter();
            outer.record("status", "late");
            let _inner = tracing::info_span!("send", depth = 2).entered();
            let error = io::Error::other("refused");
            tracing::info!(error = &error as &dyn Error, ok = false, share = 0.5, "no {}", "answer");
        });
        let [line] = lines.as_slice() else { panic!("one line, not {lines:?}") };
        let mut line = line.as_object().unwrap().clone();
        assert!(line.remove("@timestamp").is_some_and(|time| time.as_str().is_some_and(|text| text.len() == 27)));
        let expected = json!({
            "@level": "info", "@message": "no answer", "@module": "terraform_provider_dli::plugin::logging::tests",
            "tf_provider_addr": "a/b", "rpc": "Read", "status": "late", "depth": 2, "error": "refused", "ok": false, "share": 0.5,
        });
        assert_eq!(Value::Object(line), expected);
    }

    #[test]
    fn each_level_has_its_crates() {
        let chat = || {
            tracing::trace!(target: "h2::codec", "poll");
            tracing::debug!(target: "h2::codec", "frame");
            tracing::warn!(target: "h2::codec", "reset");
            tracing::debug!("own");
        };
        let messages = |provider, http| -> Vec<_> {
            logged(Levels { provider, http }, chat)
                .iter()
                .map(|line| line["@message"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(messages(LevelFilter::TRACE, LevelFilter::WARN), ["reset", "own"]);
        assert_eq!(messages(LevelFilter::WARN, LevelFilter::DEBUG), ["frame", "reset"]);
        assert!(messages(LevelFilter::ERROR, LevelFilter::ERROR).is_empty());
    }

    #[test]
    fn long_line_is_truncated_but_valid() {
        // A character of one byte that is six bytes in JSON, and one of three bytes.
        let long = "\u{1}€".repeat(40_000);
        let fields = json!({"body": long, "id": "short"}).as_object().unwrap().clone();
        let line = line(OffsetDateTime::UNIX_EPOCH, Level::INFO, "m", long.clone(), fields);
        assert!(line.len() <= MAX_LINE, "{}", line.len());
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["id"], "short");
        assert_eq!(read["@timestamp"], "1970-01-01T00:00:00.000000Z");
        for key in ["@message", "body"] {
            let head = read[key].as_str().unwrap().strip_suffix('…').unwrap();
            assert!(long.starts_with(head) && head.len() > 1000);
        }
    }
}
