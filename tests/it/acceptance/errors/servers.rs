//! Servers that accept connections and send one fixed response, or none.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection};

/// Sends this response to each request and closes the connection. The thread lives as long as the test process. Returns
/// the port.
pub(super) fn respond_with(response: &'static str) -> u16 {
    serve(move |mut stream| {
        if read_head(&mut stream) {
            // The client may be gone already.
            let _ = stream.write_all(response.as_bytes());
        }
    })
}

/// Sends this response to the first bytes received and closes the connection. Returns the port.
pub(super) fn respond_immediately(response: &'static str) -> u16 {
    serve(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(response.as_bytes());
    })
}

/// Presents a self-signed certificate for `localhost`. Returns the port.
pub(super) fn present_self_signed_certificate() -> u16 {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("PKCS #8");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("supported TLS versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a matching key and certificate");
    let config = Arc::new(config);
    serve(move |mut stream| {
        let mut tls = ServerConnection::new(Arc::clone(&config)).expect("a valid configuration");
        // The client aborts the handshake.
        let _ = tls.complete_io(&mut stream);
    })
}

fn serve(handle: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound socket").port();
    thread::spawn(move || listener.incoming().flatten().for_each(handle));
    port
}

/// Reads up to the empty line after the headers. Returns false if the client disconnects first.
fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}
