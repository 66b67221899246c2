//! `tracing` events as the log lines that a client of go-plugin reads from stderr: hclog's JSON, one object a line.
//!
//! The client takes such a line apart and logs it as its own, level, module and fields included. Its reader is strict:
//! `@level`, `@message` and `@timestamp` must be strings, or the client itself crashes; the timestamp has exactly six
//! fractional digits, and a line has to stay under 64 KiB, or it is shown raw.

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

/// The longest line, newline included: the client's buffer.
const LINE: usize = 64 * 1024 - 1;

/// No text is cut below this, so that levels and times stay whole.
const SHORT: usize = 64;

/// The target of this crate's events, and the only one that may say more than warnings.
const CRATE: &str = env!("CARGO_CRATE_NAME");

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// What the client will show: `TF_LOG_PROVIDER`, else `TF_LOG`. The client filters by the same rule, so that anything
/// more would be formatted for nobody. Nothing set is off; a word that is no level counts as TRACE.
pub fn level(environment: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let get = |name: &str| environment(name).filter(|value| !value.is_empty());
    let Some(word) = get("TF_LOG_PROVIDER").or_else(|| get("TF_LOG")) else {
        return LevelFilter::OFF;
    };
    match word.to_ascii_uppercase().as_str() {
        "OFF" => LevelFilter::OFF,
        "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        // `JSON` asks core for TRACE as well.
        _ => LevelFilter::TRACE,
    }
}

/// Sends this process's events up to `level` and all panics to stderr. To be called once, before anything is logged.
pub fn install(level: LevelFilter) {
    panic::set_hook(Box::new(|panic| to_stderr(&panic_line(panic))));
    if level != LevelFilter::OFF {
        let subscriber = Registry::default().with(targets(level)).with(Hclog { write: to_stderr });
        // Fails only when there is one already, and then that one is meant.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}

/// This crate's events up to `level`. The libraries below may warn, and with TRACE be heard up to DEBUG: further down,
/// HTTP/2 alone has a dozen lines for each frame.
fn targets(level: LevelFilter) -> Targets {
    let others = if level == LevelFilter::TRACE { LevelFilter::DEBUG } else { level.min(LevelFilter::WARN) };
    Targets::new().with_default(others).with_target(CRATE, level)
}

/// Writes a line in one piece, so that the threads' lines do not mix. There is nobody to tell of a failure.
fn to_stderr(line: &str) {
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// The `tracing` layer; `write` takes a line with its newline.
struct Hclog<W> {
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
        let mut fields = Fields::default();
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

/// The fields of a span or an event as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
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

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, with_sources(value));
    }
}

/// An error and what caused it, in one line.
pub fn with_sources(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_sources(cause)),
        None => error.to_string(),
    }
}

/// One log line with its newline, shortened where it would be too long for the client.
fn line(now: OffsetDateTime, level: Level, module: &str, message: String, fields: Map<String, Value>) -> String {
    let mut record = fields;
    // Last, so that no field can take the place of these.
    let level = level.as_str().to_ascii_lowercase();
    let timestamp = now.format(TIMESTAMP).expect("a UTC time has every component");
    for (key, text) in
        [("@level", level), ("@message", message), ("@module", module.to_owned()), ("@timestamp", timestamp)]
    {
        record.insert(key.to_owned(), Value::String(text));
    }
    let mut limit = LINE;
    loop {
        let mut line = serde_json::to_string(&record).expect("a map with text keys is JSON");
        line.push('\n');
        if line.len() <= LINE || limit <= SHORT {
            return line;
        }
        limit /= 2;
        record.values_mut().for_each(|value| shorten(value, limit));
    }
}

/// Cuts a text to at most `limit` bytes, whole characters.
fn shorten(value: &mut Value, limit: usize) {
    if let Value::String(text) = value
        && text.len() > limit
    {
        text.truncate(text.floor_char_boundary(limit - '…'.len_utf8()));
        text.push('…');
    }
}

/// A panic as one log line in the place of Rust's own report, whose lines the client would show raw and apart.
fn panic_line(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("(no message)");
    let mut fields = Map::new();
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
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use time::macros::datetime;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn from(variables: &[(&str, &str)]) -> LevelFilter {
        level(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    /// What `work` logs, as JSON.
    fn logged(filter: LevelFilter, work: impl FnOnce()) -> Vec<Value> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let write = move |line: &str| sink.lock().unwrap().push(line.to_owned());
        let subscriber = Registry::default().with(targets(filter)).with(Hclog { write });
        tracing::subscriber::with_default(subscriber, work);
        let lines = lines.lock().unwrap();
        lines.iter().map(|line| serde_json::from_str(line.strip_suffix('\n').unwrap()).unwrap()).collect()
    }

    /// The rules are those of Terraform's `internal/logging`.
    #[test]
    fn the_level_is_the_one_core_shows() {
        assert_eq!(from(&[]), LevelFilter::OFF);
        assert_eq!(from(&[("TF_LOG", "")]), LevelFilter::OFF);
        assert_eq!(from(&[("TF_LOG", "warn")]), LevelFilter::WARN);
        assert_eq!(from(&[("TF_LOG", "JSON")]), LevelFilter::TRACE);
        assert_eq!(from(&[("TF_LOG", "loud")]), LevelFilter::TRACE);
        assert_eq!(from(&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "OFF")]), LevelFilter::OFF);
        assert_eq!(from(&[("TF_LOG", "ERROR"), ("TF_LOG_PROVIDER", "Info")]), LevelFilter::INFO);
        assert_eq!(from(&[("TF_LOG_CORE", "TRACE")]), LevelFilter::OFF);
    }

    #[test]
    fn a_line_is_hclogs() {
        let now = datetime!(2026-11-23 17:05:09.000012 UTC);
        let fields = json!({"attempt": 2, "@level": 7}).as_object().unwrap().clone();
        assert_eq!(
            line(now, Level::WARN, "a::b", "two\nlines".to_owned(), fields),
            "{\"@level\":\"warn\",\"@message\":\"two\\nlines\",\"@module\":\"a::b\",\
             \"@timestamp\":\"2026-11-23T17:05:09.000012Z\",\"attempt\":2}\n"
        );
    }

    #[test]
    fn fields_of_spans_and_events_come_together() {
        let lines = logged(LevelFilter::INFO, || {
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
            "rpc": "Read", "status": "late", "depth": 2, "error": "refused", "ok": false, "share": 0.5,
        });
        assert_eq!(Value::Object(line), expected);
    }

    #[test]
    fn only_trace_lets_other_crates_chat() {
        let chat = || {
            tracing::trace!(target: "h2::codec", "poll");
            tracing::debug!(target: "h2::codec", "frame");
            tracing::warn!(target: "h2::codec", "reset");
            tracing::debug!("ours");
        };
        let messages = |filter| -> Vec<_> {
            logged(filter, chat).iter().map(|line| line["@message"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(messages(LevelFilter::TRACE), ["frame", "reset", "ours"]);
        assert_eq!(messages(LevelFilter::DEBUG), ["reset", "ours"]);
        assert_eq!(messages(LevelFilter::WARN), ["reset"]);
        assert!(messages(LevelFilter::ERROR).is_empty());
    }

    #[test]
    fn a_long_line_keeps_its_head_and_its_form() {
        // Two characters that grow: one byte to six in JSON, and one of three bytes.
        let long = "\u{1}€".repeat(40_000);
        let fields = json!({"body": long, "id": "short"}).as_object().unwrap().clone();
        let line = line(OffsetDateTime::UNIX_EPOCH, Level::INFO, "m", long.clone(), fields);
        assert!(line.len() <= LINE, "{}", line.len());
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["id"], "short");
        assert_eq!(read["@timestamp"], "1970-01-01T00:00:00.000000Z");
        for key in ["@message", "body"] {
            let head = read[key].as_str().unwrap().strip_suffix('…').unwrap();
            assert!(long.starts_with(head) && head.len() > 1000);
        }
    }
}
