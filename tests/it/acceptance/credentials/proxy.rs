//! The proxy from the environment: which requests use it, and which do not.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use super::key_arguments;
use crate::acceptance::connection::{ADDRESS, EXAMPLE};
use crate::acceptance::harness::{Workspace, for_one_terraform};

/// A proxy that rejects every request with the same response and records the request lines.
struct Proxy {
    address: String,
    request_lines: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        Self::answering("HTTP/1.1 403 Forbidden")
    }

    fn answering(status_line: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let request_lines = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&request_lines);
        // The thread ends with the process.
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let mut line = String::new();
                let _ = BufReader::new(&connection).read_line(&mut line);
                log.lock().expect("no panic while locked").push(line.trim().to_owned());
                let response = format!("{status_line}\r\nContent-Length: 0\r\n\r\n");
                let _ = (&connection).write_all(response.as_bytes());
            }
        });
        Self { address, request_lines }
    }

    fn request_lines(&self) -> Vec<String> {
        self.request_lines.lock().expect("no panic while locked").clone()
    }
}

/// A region without a DNS entry, so that no request leaves this machine.
fn block(arguments: &str) -> String {
    let project = "0123456789abcdef0123456789abcdef";
    format!(
        "provider \"dli\" {{\n  region = \"nowhere-1\"\n  cloud = \"cloud.invalid\"\n  project_id = {project:?}\n  \
         plan_checks = false\n{arguments}\n}}\n"
    )
}

fn apply(workspace: Workspace, proxy: &Proxy) -> String {
    let workspace = workspace
        .with_variable("HTTPS_PROXY", &proxy.address)
        .with_variable("HTTP_PROXY", &proxy.address)
        .with_variable("ALL_PROXY", &proxy.address);
    workspace.configure(EXAMPLE);
    workspace.run(&["apply", "-auto-approve", "-json"]).expect_code(1).error_of(ADDRESS)
}

#[test]
fn proxy_is_used_unless_no_proxy_matches() {
    for_one_terraform(|terraform| {
        let proxy = Proxy::start();
        let error = apply(Workspace::new(terraform).with_provider(&block(&key_arguments())), &proxy);
        assert!(error.contains("no connection to dli.nowhere-1.cloud.invalid"), "{error}");
        let request_lines = proxy.request_lines();
        assert!(!request_lines.is_empty(), "{error}");
        assert!(
            request_lines.iter().all(|line| line == "CONNECT dli.nowhere-1.cloud.invalid:443 HTTP/1.1"),
            "{request_lines:?}"
        );

        let proxy = Proxy::start();
        let workspace = Workspace::new(terraform).with_provider(&block(&key_arguments()));
        let error = apply(workspace.with_variable("NO_PROXY", ".cloud.invalid"), &proxy);
        assert!(error.contains("no connection to dli.nowhere-1.cloud.invalid"), "{error}");
        assert_eq!(proxy.request_lines(), Vec::<String>::new());
    });
}

/// A proxy may lock a user after a few wrong passwords.
#[test]
fn proxy_407_is_not_retried() {
    for_one_terraform(|terraform| {
        let proxy = Proxy::answering("HTTP/1.1 407 Proxy Authentication Required");
        let error = apply(Workspace::new(terraform).with_provider(&block(&key_arguments())), &proxy);
        assert!(error.contains("proxy authorization required") && !error.contains("Tried:"), "{error}");
        assert_eq!(proxy.request_lines().len(), 1, "{:?}", proxy.request_lines());
    });
}

#[test]
fn white_space_around_the_proxy_is_ignored() {
    for_one_terraform(|terraform| {
        let proxy = Proxy::start();
        let workspace = Workspace::new(terraform).with_provider(&block(&key_arguments()));
        let workspace = workspace
            .with_variable("HTTPS_PROXY", " ")
            .with_variable("https_proxy", &format!(" {}\n", proxy.address))
            .with_variable("NO_PROXY", "other.invalid");
        workspace.configure(EXAMPLE);
        let error = workspace.run(&["apply", "-auto-approve", "-json"]).expect_code(1).error_of(ADDRESS);
        assert!(error.contains("through the proxy"), "{error}");
        assert!(!proxy.request_lines().is_empty());
    });
}

/// Requests would bypass the proxy.
#[test]
fn proxy_that_cannot_be_parsed_is_an_error() {
    for_one_terraform(|terraform| {
        for (name, value) in [
            ("HTTPS_PROXY", "\"http://me:canary@127.0.0.1:1\""),
            ("https_proxy", "http//me:canary@127.0.0.1:1"),
            ("HTTPS_PROXY", "http://me:canary@127.0.0.1:\n1"),
            ("ALL_PROXY", "socks5://me:canary@127.0.0.1:1"),
        ] {
            let workspace = Workspace::new(terraform).with_provider(&block(&key_arguments()));
            let workspace = workspace.with_variable(name, value);
            workspace.configure(EXAMPLE);
            let planned = workspace.run(&["plan", "-json"]).expect_code(1);
            let diagnostics = planned.diagnostics();
            let [error] = &diagnostics[..] else { panic!("{value:?}: {diagnostics:#?}") };
            assert!(error.text.contains(name) && !error.text.contains("canary"), "{value:?}: {error:?}");
        }
    });
}

/// Through a proxy, the metadata service would return the key of the proxy's machine.
#[test]
fn metadata_service_bypasses_the_proxy() {
    for_one_terraform(|terraform| {
        let proxy = Proxy::start();
        let error = apply(Workspace::new(terraform).with_provider(&block("")), &proxy);
        assert!(error.contains("(ECS, http://169.254.169.254): "), "{error}");
        assert_eq!(proxy.request_lines(), Vec::<String>::new());
    });
}
