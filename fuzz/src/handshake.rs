//! Random environments of the plugin process. Only the cookie makes it a plugin, and the client certificate is parsed
//! or rejected.

use terraform_provider_dli::plugin::environment::{self, NotLaunched, PluginEnv};

use super::source::Source;

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

pub fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let cookie = match source.below(8) {
        1 => None,
        2 => Some(String::new()),
        3 => Some(String::from_utf8_lossy(source.bytes()).into_owned()),
        _ => Some(COOKIE.to_owned()),
    };
    let mut variable = |known: &[&str]| match source.below(4) {
        0 => None,
        1 => Some(String::from_utf8_lossy(source.bytes()).into_owned()),
        _ => Some(source.pick(known).to_owned()),
    };
    let variables = [
        ("TF_PLUGIN_MAGIC_COOKIE", cookie.clone()),
        ("PLUGIN_PROTOCOL_VERSIONS", variable(&["5,6", "6", "", "5", " 6 ,5", "6,66666666666666666666"])),
        ("PLUGIN_MIN_PORT", variable(&["10000", "0", "65536", "-1", "+7"])),
        ("PLUGIN_MAX_PORT", variable(&["25000", "0", "65535", "1e3"])),
        ("PLUGIN_UNIX_SOCKET_DIR", variable(&["/run/plugins", "", "relative"])),
        ("PLUGIN_UNIX_SOCKET_GROUP", variable(&["staff", "0", "4294967296"])),
        ("PLUGIN_MULTIPLEX_GRPC", variable(&["true", "false", ""])),
        ("PLUGIN_CLIENT_CERT", (source.rarely(2)).then(|| certificate(&mut source))),
    ];
    let given = |name: &str| variables.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.clone());
    let filled = |name: &str| given(name).filter(|value| !value.is_empty());

    match environment::read(given) {
        Ok(env) => {
            assert_eq!(cookie.as_deref(), Some(COOKIE));
            assert_eq!(env.protocol_versions, filled("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default());
            assert_eq!(env.client_certificate, filled("PLUGIN_CLIENT_CERT"));
            assert_eq!(env.socket_group, filled("PLUGIN_UNIX_SOCKET_GROUP"));
            check(&env);
        }
        Err(NotLaunched::NoCookie) => assert_eq!(filled("TF_PLUGIN_MAGIC_COOKIE"), None),
        Err(NotLaunched::WrongCookie) => assert_ne!(cookie.as_deref(), Some(COOKIE)),
    }
}

fn check(env: &PluginEnv) {
    let numbers: Vec<_> = env.protocol_versions.split(',').map(|text| text.trim().parse::<u32>()).collect();
    assert_eq!(
        env.offers_protocol_6(),
        env.protocol_versions.is_empty() || numbers.contains(&Ok(6)),
        "{:?}",
        env.protocol_versions
    );
    // An invalid certificate must not be ignored, because that would mean plaintext.
    match env.certificate() {
        Ok(certificate) => assert_eq!(certificate.is_some(), env.client_certificate.is_some()),
        Err(error) => assert!(env.client_certificate.is_some(), "{error}"),
    }
}

/// Valid or almost valid PEM.
fn certificate(source: &mut Source<'_>) -> String {
    let mut text = String::new();
    while !source.is_empty() {
        match source.below(5) {
            0 => text += "-----BEGIN CERTIFICATE-----\n",
            1 => text += "-----END CERTIFICATE-----\n",
            2 => text += "MIIBhTCCASugAwIBAgIQ\n",
            3 => text += source.pick(&["-----BEGIN ", "-----", "\r\n", "=", "EC PRIVATE KEY-----\n"]),
            _ => text += &String::from_utf8_lossy(source.bytes()),
        }
    }
    text
}
