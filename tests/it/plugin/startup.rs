//! The start: what the line says, and when there is none.

use super::client::{COOKIE, Certificate, Handshake, PATIENCE, Plugin, Proof};

#[test]
fn the_line_has_six_fields_in_go_plugins_order() {
    let plugin = Plugin::launch(Some(&Certificate::new()), &[]);
    let handshake = Handshake::of(&plugin);
    assert_eq!(handshake.fields.len(), 6);
    assert_eq!(handshake.fields[..3], ["1", "6", "unix"]);
    assert!(handshake.socket().starts_with(plugin.temp.path()));
    assert_eq!(handshake.fields[4], "grpc");
    // The client takes a certificate only from a field longer than this.
    assert!(handshake.fields[5].len() > 50);
}

#[test]
fn the_seventh_field_is_there_when_asked_for() {
    let plugin = Plugin::launch(None, &[("PLUGIN_MULTIPLEX_GRPC", "true")]);
    let handshake = Handshake::of(&plugin);
    assert_eq!(handshake.fields[5..], ["", "false"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_client_certificate_it_speaks_plaintext() {
    let plugin = Plugin::launch(None, &[]);
    let handshake = Handshake::of(&plugin);
    assert_eq!(handshake.fields[5..], [""]);
    handshake.ask(Proof::Plaintext).await.unwrap();
}

/// A socket's path holds about 100 bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_directory_for_temporary_files_is_no_obstacle() {
    let long = tempfile::tempdir().unwrap();
    let long = long.path().join("d".repeat(100));
    std::fs::create_dir(&long).unwrap();
    let certificate = Certificate::new();
    let plugin = Plugin::launch(Some(&certificate), &[("TMPDIR", long.to_str().unwrap())]);
    let handshake = Handshake::of(&plugin);
    handshake.ask(Proof::Own(&certificate)).await.unwrap();
    let directory = handshake.socket().parent().unwrap().to_owned();
    plugin.signal("TERM");
    plugin.end(PATIENCE);
    assert!(!directory.exists());
    assert_eq!(long.read_dir().unwrap().count(), 0);
}

#[test]
fn started_by_hand_it_says_what_it_is() {
    let (status, text) = Plugin::start(|_| {}).end(PATIENCE);
    assert_eq!(status.code(), Some(1));
    for word in ["opendli/dli", "required_providers", "dev_overrides", "--debug", "dli-emulator", "terraform init"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}

#[test]
fn started_by_another_kind_of_client_it_says_so() {
    let (status, text) = Plugin::start(|command| {
        command.env(COOKIE.0, "the cookie of another program");
    })
    .end(PATIENCE);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("TF_PLUGIN_MAGIC_COOKIE") && text.contains("required_providers"), "{text}");
}

/// The client compares the versions and tells its user; it has to be left the time to do so.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_protocol_6_is_told_the_version() {
    let plugin = Plugin::launch(None, &[("PLUGIN_PROTOCOL_VERSIONS", "4,5"), ("TF_LOG", "ERROR")]);
    let handshake = Handshake::of(&plugin);
    assert_eq!(handshake.fields[1], "6");
    handshake.ask(Proof::Plaintext).await.unwrap();
    let text = plugin.kill();
    assert!(
        text.contains("does not offer plugin protocol 6") && text.contains(r#""protocol_versions":"4,5""#),
        "{text}"
    );
}

#[test]
fn a_client_certificate_that_cannot_be_read_is_no_reason_for_plaintext() {
    for unreadable in ["nonsense", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let (status, text) = Plugin::launch(None, &[("PLUGIN_CLIENT_CERT", unreadable)]).end(PATIENCE);
        assert_eq!(status.code(), Some(1));
        assert!(text.starts_with("[ERROR] ") && text.contains("PLUGIN_CLIENT_CERT"), "{text}");
    }
}
