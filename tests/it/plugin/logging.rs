//! Logs on standard error.

use serde_json::Value;
use terraform_provider_dli::plugin::logging::{self, Levels};
use tracing::level_filters::LevelFilter;

use super::client::{Certificate, ClientIdentity, Handshake, Plugin, TIMEOUT};

/// Parses a line as go-plugin does. The client crashes if the special keys are not strings.
fn parse(line: &str) -> Value {
    assert!(line.len() < 64 * 1024, "{} bytes", line.len());
    let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    let text = |key: &str| record[key].as_str().unwrap_or_else(|| panic!("{key} is text in {line}"));
    assert!(["trace", "debug", "info", "warn", "error"].contains(&text("@level")), "{line}");
    text("@message");
    text("@module");
    // Go's layout 2006-01-02T15:04:05.000000Z07:00.
    let form: String = text("@timestamp").chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00.000000Z");
    record
}

/// The log of a process that rejects one client and serves another.
async fn log_of(extra: &[(&str, &str)]) -> Vec<Value> {
    let client = Certificate::new();
    let plugin = Plugin::launch(Some(&client), extra);
    let handshake = Handshake::of(&plugin);
    handshake.request_schema(ClientIdentity::Nothing).await.unwrap_err();
    handshake.request_schema(ClientIdentity::Own(&client)).await.unwrap();
    plugin.signal("TERM");
    plugin.wait_exit(TIMEOUT).1.lines().map(parse).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_hclog_json() {
    let levels = |lines: &[Value]| -> Vec<String> {
        let mut levels: Vec<_> = lines.iter().map(|line| line["@level"].as_str().unwrap().to_owned()).collect();
        levels.sort();
        levels.dedup();
        levels
    };
    let warnings = log_of(&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "WARN")]).await;
    assert_eq!(levels(&warnings), ["warn"]);
    assert!(warnings[0]["@message"].as_str().unwrap().contains("refused a connection"), "{warnings:?}");
    let all = log_of(&[("TF_LOG", "TRACE")]).await;
    assert!(levels(&all).contains(&"debug".to_owned()), "{all:?}");
    assert!(all.iter().any(|line| line["cause"] == "terminated"), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_without_tf_log() {
    assert!(log_of(&[]).await.is_empty());
    assert!(log_of(&[("TF_LOG", "OFF")]).await.is_empty());
}

/// The test starts itself with the variable set.
#[test]
fn panic_is_one_log_line() {
    const CHILD: &str = "LOG_TEST_PANICS";
    if std::env::var_os(CHILD).is_some() {
        logging::install(Levels { provider: LevelFilter::OFF, http: LevelFilter::OFF }, "a/b");
        panic!("two\nlines");
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "plugin::logging::panic_is_one_log_line", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    // The test harness prints more lines.
    let line = text.lines().next().expect("a line");
    let record = parse(line);
    assert_eq!(record["@level"], "error");
    assert_eq!(record["@message"], "the provider panicked: two\nlines");
    assert!(record["location"].as_str().unwrap().contains("tests/it/plugin/logging.rs:"), "{record}");
    assert!(record["backtrace"].as_str().unwrap().contains("panic_is_one_log_line"), "{record}");
    assert!(!text.contains("panicked at"), "{text}");
}
