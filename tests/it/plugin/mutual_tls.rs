//! Client authentication. With TLS 1.3, the handshake of a rejected client succeeds, so the tests send a call.

use std::os::unix::fs::PermissionsExt as _;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

use super::client::{Certificate, ClientIdentity, Handshake, Plugin};

#[tokio::test]
async fn only_the_client_certificate_is_accepted() {
    let (client, stranger) = (Certificate::new(), Certificate::new());
    let plugin = Plugin::launch(Some(&client), &[]);
    let handshake = Handshake::of(&plugin);

    handshake.request_schema(ClientIdentity::Own(&client)).await.unwrap();
    for (who, identity) in [
        ("a certificate with the same names", ClientIdentity::Own(&stranger)),
        ("the certificate without its key", ClientIdentity::WrongKey(&client, &stranger)),
        ("no certificate", ClientIdentity::Nothing),
        ("no TLS", ClientIdentity::Plaintext),
    ] {
        assert!(handshake.request_schema(identity).await.is_err(), "{who}");
    }
    // Rejected clients do not block others.
    handshake.request_schema(ClientIdentity::Own(&client)).await.unwrap();
}

#[tokio::test]
async fn silent_client_does_not_block_others() {
    let client = Certificate::new();
    let plugin = Plugin::launch(Some(&client), &[]);
    let handshake = Handshake::of(&plugin);
    let silent = UnixStream::connect(handshake.socket()).await.unwrap();
    // Only the first bytes of a TLS record.
    let mut halting = UnixStream::connect(handshake.socket()).await.unwrap();
    halting.write_all(&[22, 3, 1]).await.unwrap();
    handshake.request_schema(ClientIdentity::Own(&client)).await.unwrap();
    drop((silent, halting));
}

#[test]
fn socket_is_accessible_only_to_the_user() {
    let plugin = Plugin::launch(None, &[]);
    let handshake = Handshake::of(&plugin);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(handshake.socket()), 0o600);
    assert_eq!(mode(handshake.socket().parent().unwrap()), 0o700);
}
