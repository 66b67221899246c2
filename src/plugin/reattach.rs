//! The shell command that makes Terraform and OpenTofu use a running provider. Pure.

use serde_json::json;

use super::environment::PROTOCOL;
use super::listener::Address;

/// Returns a POSIX shell command that exports `TF_REATTACH_PROVIDERS`.
///
/// The key has no registry host, so Terraform and OpenTofu each add their own. With `Test`, the client does not stop
/// the provider.
pub(super) fn line(provider: &str, pid: u32, address: &Address) -> String {
    let value = json!({
        provider: {
            "Protocol": "grpc",
            "ProtocolVersion": PROTOCOL,
            "Pid": pid,
            "Test": true,
            "Addr": { "Network": address.network, "String": address.address },
        }
    });
    format!("export TF_REATTACH_PROVIDERS='{}'", value.to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn shell_reads_the_value_back() {
        let address = Address { network: "unix", address: "/tmp/it's here/s".to_owned() };
        let line = line("example/thing", 7, &address);
        let script = format!("{line}; printf %s \"$TF_REATTACH_PROVIDERS\"");
        let output = Command::new("sh").arg("-c").arg(script).output().expect("sh runs");
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the value is JSON");
        let expected = json!({"example/thing": {
            "Protocol": "grpc", "ProtocolVersion": 6, "Pid": 7, "Test": true,
            "Addr": {"Network": "unix", "String": "/tmp/it's here/s"},
        }});
        assert_eq!(value, expected);
    }
}
