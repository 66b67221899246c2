//! The handshake line and startup errors.

use super::client::{COOKIE, Certificate, ClientIdentity, Handshake, Plugin, TIMEOUT};

#[test]
fn handshake_line_has_six_fields() {
    let plugin = Plugin::launch(Some(&Certificate::new()), &[]);
    let handshake = Handshake::of(&plugin);
    assert_eq!(handshake.fields.len(), 6);
    assert_eq!(handshake.fields[..3], ["1", "6", "unix"]);
    assert!(handshake.socket().starts_with(plugin.temp.path()));
    assert_eq!(handshake.fields[4], "grpc");
    // The client ignores a shorter certificate field.
    assert!(handshake.fields[5].len() > 50);
}

#[test]
fn seventh_field_is_optional() {
    let plugin = Plugin::launch(None, &[("PLUGIN_MULTIPLEX_GRPC", "true")]);
    let handshake = Handshake::of(&plugin);
    assert_eq!(handshake.fields[5..], ["", "false"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_certificate_means_plaintext() {
    let plugin = Plugin::launch(None, &[]);
    let handshake = Handshake::of(&plugin);
    assert_eq!(handshake.fields[5..], [""]);
    handshake.request_schema(ClientIdentity::Plaintext).await.unwrap();
}

/// The path of a socket is limited to about 100 bytes.
#[tokio::test(flavor = "multi_thread")]
async fn long_tmpdir_is_supported() {
    let long = tempfile::tempdir().unwrap();
    let long = long.path().join("d".repeat(100));
    std::fs::create_dir(&long).unwrap();
    let certificate = Certificate::new();
    let plugin = Plugin::launch(Some(&certificate), &[("TMPDIR", long.to_str().unwrap())]);
    let handshake = Handshake::of(&plugin);
    handshake.request_schema(ClientIdentity::Own(&certificate)).await.unwrap();
    let directory = handshake.socket().parent().unwrap().to_owned();
    plugin.signal("TERM");
    plugin.wait_exit(TIMEOUT);
    assert!(!directory.exists());
    assert_eq!(long.read_dir().unwrap().count(), 0);
}

#[test]
fn manual_start_prints_usage() {
    let (status, text) = Plugin::start(|_| {}).wait_exit(TIMEOUT);
    assert_eq!(status.code(), Some(1));
    for word in ["opendli/dli", "required_providers", "dev_overrides", "--debug", "dli-emulator", "terraform init"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}

#[test]
fn unknown_cookie_is_an_error() {
    let (status, text) = Plugin::start(|command| {
        command.env(COOKIE.0, "the cookie of another program");
    })
    .wait_exit(TIMEOUT);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("TF_PLUGIN_MAGIC_COOKIE") && text.contains("required_providers"), "{text}");
}

/// The client compares the versions and reports the error, so the process must not exit first.
#[tokio::test(flavor = "multi_thread")]
async fn client_without_protocol_6_gets_the_version() {
    let plugin = Plugin::launch(None, &[("PLUGIN_PROTOCOL_VERSIONS", "4,5"), ("TF_LOG", "ERROR")]);
    let handshake = Handshake::of(&plugin);
    assert_eq!(handshake.fields[1], "6");
    handshake.request_schema(ClientIdentity::Plaintext).await.unwrap();
    let text = plugin.kill();
    assert!(
        text.contains("does not offer plugin protocol 6") && text.contains(r#""protocol_versions":"4,5""#),
        "{text}"
    );
}

#[test]
fn invalid_client_certificate_is_an_error() {
    for unreadable in ["nonsense", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let (status, text) = Plugin::launch(None, &[("PLUGIN_CLIENT_CERT", unreadable)]).wait_exit(TIMEOUT);
        assert_eq!(status.code(), Some(1));
        assert!(text.starts_with("[ERROR] ") && text.contains("PLUGIN_CLIENT_CERT"), "{text}");
    }
}
