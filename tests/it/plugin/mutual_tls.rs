//! Who is let in. With TLS 1.3 a refused client sees its handshake succeed; what counts is that no call is answered.

use std::os::unix::fs::PermissionsExt as _;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

use super::client::{Certificate, Handshake, Plugin, Proof};

#[tokio::test]
async fn only_the_clients_own_certificate_is_let_in() {
    let (client, stranger) = (Certificate::new(), Certificate::new());
    let plugin = Plugin::launch(Some(&client), &[]);
    let handshake = Handshake::of(&plugin);

    handshake.ask(Proof::Own(&client)).await.unwrap();
    for (who, proof) in [
        ("a certificate with the same names", Proof::Own(&stranger)),
        ("the certificate without its key", Proof::Stolen(&client, &stranger)),
        ("no certificate", Proof::Nothing),
        ("no TLS", Proof::Plaintext),
    ] {
        assert!(handshake.ask(proof).await.is_err(), "{who}");
    }
    // The refused ones were in nobody's way.
    handshake.ask(Proof::Own(&client)).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_says_nothing_keeps_nobody_waiting() {
    let client = Certificate::new();
    let plugin = Plugin::launch(Some(&client), &[]);
    let handshake = Handshake::of(&plugin);
    let silent = UnixStream::connect(handshake.socket()).await.unwrap();
    // The first bytes of a TLS record, and no more.
    let mut halting = UnixStream::connect(handshake.socket()).await.unwrap();
    halting.write_all(&[22, 3, 1]).await.unwrap();
    handshake.ask(Proof::Own(&client)).await.unwrap();
    drop((silent, halting));
}

#[test]
fn the_socket_is_this_users_alone() {
    let plugin = Plugin::launch(None, &[]);
    let handshake = Handshake::of(&plugin);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(handshake.socket()), 0o600);
    assert_eq!(mode(handshake.socket().parent().unwrap()), 0o700);
}
