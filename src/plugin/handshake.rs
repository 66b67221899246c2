//! The handshake line, in which a plugin gives its client the address. Pure.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use super::environment::PROTOCOL;
use super::listener::Address;

/// Version of go-plugin's own handshake.
const CORE: u32 = 1;

/// Returns the line without its newline: `CORE|APP|NETWORK|ADDRESS|PROTOCOL|CERTIFICATE[|MULTIPLEX]`.
///
/// `certificate` is the server's, DER; it is written without padding, which Go's decoder rejects. `MULTIPLEX` is
/// written only on request: other clients split the line into six fields and would add it to the certificate.
pub(super) fn line(address: &Address, certificate: Option<&[u8]>, multiplex: bool) -> String {
    let certificate = certificate.map(|der| BASE64_STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    let Address { network, address } = address;
    let multiplex = if multiplex { "|false" } else { "" };
    format!("{CORE}|{PROTOCOL}|{network}|{address}|grpc|{certificate}{multiplex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_the_fields_of_go_plugin() {
        let address = Address { network: "unix", address: "/tmp/p/s".to_owned() };
        // RFC 4648, section 10: BASE64("foob") = "Zm9vYg==", here without the padding.
        assert_eq!(line(&address, Some(b"foob"), false), "1|6|unix|/tmp/p/s|grpc|Zm9vYg");
        assert_eq!(line(&address, None, false), "1|6|unix|/tmp/p/s|grpc|");
        assert_eq!(line(&address, None, true), "1|6|unix|/tmp/p/s|grpc||false");
        let address = Address { network: "tcp", address: "127.0.0.1:10001".to_owned() };
        assert_eq!(line(&address, None, false), "1|6|tcp|127.0.0.1:10001|grpc|");
    }
}
