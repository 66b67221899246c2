//! Failures without a response from the service. The two timeouts are unit tests of the provider, which can shorten
//! them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{expect_texts, in_color, label, of, printed_messages, servers};
use crate::acceptance::harness::{Finished, PROJECT, Workspace, for_one_terraform};

const LOGIN_PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 52\r\nConnection: close\r\n\r\n\
                          <html><body><h1>Welcome, please log in</h1></body>\r\n";
/// The response of a proxy that waited too long for the rest of a request.
const HTTP_408: &str = "HTTP/1.1 408 Request Time-out\r\nContent-Type: text/html\r\nContent-Length: 46\r\n\
                        Connection: close\r\n\r\n\
                        <html><body>408 Request Time-out</body></html>";
/// The response of a proxy that does not allow the host. No IAM action would help.
const PROXY_PAGE: &str = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 43\r\n\
                          Connection: close\r\n\r\n<html><body>Blocked by policy</body></html>";
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const TRUNCATED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"is_success\":true,";
/// The response of an HTTP server to a TLS client.
const BAD_REQUEST: &str = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
const HTTP_407: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";

/// One provider per endpoint and one route per provider: adding a route reads its connection first.
fn configure(workspace: &Workspace, endpoints: &[(&str, String)]) {
    let mut providers = String::new();
    for (name, endpoint) in endpoints {
        let label = label(name);
        writeln!(
            providers,
            "provider \"dli\" {{\n  alias = {label:?}\n  region = \"eu-west-101\"\n  project_id = {PROJECT:?}\n  \
             access_key = \"AKEXAMPLE\"\n  secret_key = \"canary-secret\"\n  endpoints = {{ dli = {endpoint:?} }}\n}}"
        )
        .expect("writing to a string succeeds");
        let route = format!(
            "resource \"dli_enhanced_connection_route\" {label:?} {{\n  provider      = dli.{label}\n  connection_id = \
             \"2a620c33-5609-40c9-affd-2b6453071b0f\"\n  name          = \"db\"\n  \
             cidr          = \"192.168.2.0/24\"\n  timeouts {{\n    create = \"5s\"\n  }}\n}}\n"
        );
        workspace.write(&format!("{name}.tf"), &route);
    }
    workspace.write("provider.tf", &providers);
}

/// Returns the text for each endpoint, with 12345 instead of the port of a test server.
fn texts(applied: &Finished, endpoints: &[(&str, String)]) -> BTreeMap<String, String> {
    let printed_messages = printed_messages(applied);
    let text = |name: &str, endpoint: &str| {
        let text = of(&printed_messages, &format!("dli_enhanced_connection_route.{}", label(name)), applied);
        let port = endpoint.rsplit(':').next().filter(|port| port.len() == 5 && port.parse::<u16>().is_ok());
        port.map_or(text.clone(), |port| text.replace(port, "12345"))
    };
    endpoints.iter().map(|(name, endpoint)| ((*name).to_owned(), text(name, endpoint))).collect()
}

#[test]
fn transport_failures_match_golden_files() {
    let plain = |port: u16| format!("http://127.0.0.1:{port}");
    let tls = |port: u16| format!("https://localhost:{port}");
    let endpoints = [
        ("connection-refused", "http://127.0.0.1:9".to_owned()),
        ("name-not-resolved", "https://dli.cn-nroth-4.invalid".to_owned()),
        // TCP cannot connect to a broadcast address on Linux.
        ("unreachable", "https://255.255.255.255".to_owned()),
        ("tls-not-trusted", tls(servers::present_self_signed_certificate())),
        ("tls-failed", tls(servers::respond_immediately(BAD_REQUEST))),
        ("connection-lost", plain(servers::respond_with(""))),
        ("truncated-response", plain(servers::respond_with(TRUNCATED))),
        ("HTTP-408", plain(servers::respond_with(HTTP_408))),
        ("unexpected-response", plain(servers::respond_with(LOGIN_PAGE))),
        ("unexpected-response-403", plain(servers::respond_with(PROXY_PAGE))),
        ("unexpected-response-empty", plain(servers::respond_with(EMPTY))),
    ];
    for_one_terraform(|terraform| {
        // Bypasses a proxy of the machine that runs the tests.
        let workspace = in_color(Workspace::new(terraform)).with_variable("NO_PROXY", "*");
        configure(&workspace, &endpoints);
        let applied = workspace.run(&["apply", "-auto-approve", "-parallelism=50"]).expect_code(1);
        expect_texts(&texts(&applied, &endpoints));
    });
}

#[test]
fn proxy_authentication_error_is_reported() {
    let endpoints = [("proxy", "https://dli.eu-west-101.example.com".to_owned())];
    let proxy = format!("http://somebody:canary-secret@127.0.0.1:{}", servers::respond_with(HTTP_407));
    for_one_terraform(|terraform| {
        let workspace = ["HTTPS_PROXY", "https_proxy"]
            .iter()
            .fold(in_color(Workspace::new(terraform)), |workspace, name| workspace.with_variable(name, &proxy));
        configure(&workspace, &endpoints);
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        expect_texts(&texts(&applied, &endpoints));
    });
}
