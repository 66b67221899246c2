//! Concurrency: no part is lost when several resources write to one connection, and writes to one connection never
//! overlap.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

use terraform_provider_dli::emulator::{LoggedRequest, Settings};

use super::harness::{Cloud, for_one_terraform};

const COUNT: usize = 50;
/// The minimum latency of a response; overlapping writes are detected by it.
const MIN_LATENCY: Duration = Duration::from_millis(50);

/// Fifty connections with ten parts each. Even ones declare all parts inline, odd ones declare half of them as separate
/// resources. Another `version` changes every part.
const CONFIGURATION: &str = r#"
variable "version_of_parts" {}

locals {
  v      = var.version_of_parts
  even   = [for n in range(50) : n if n % 2 == 0]
  odd    = [for n in range(50) : n if n % 2 == 1]
  queues = [["q1", "q2"], ["q3", "yearly1"]][local.v]
  pool   = ["pool1", "pool2"][local.v]
  owned  = { for pair in setproduct(local.odd, [0, 1]) : "${pair[0]}-${pair[1]}" => { n = pair[0], part = pair[1] } }
}

resource "dli_enhanced_connection" "even" {
  for_each               = toset([for n in local.even : tostring(n)])
  name                   = "c${each.key}"
  dest_vpc_id            = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id        = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  hosts                  = { for part in range(3) : "h${part}" => "10.${local.v}.${each.key}.${part}" }
  routes                 = { for part in range(2) : "r${part}" => "172.${16 + local.v}.${each.key}.${part * 16}/28" }
  tags                   = { for part in range(2) : "t${part}" => "${each.key}-${local.v}" }
  queues                 = local.queues
  elastic_resource_pools = [local.pool]
}

resource "dli_enhanced_connection" "odd" {
  for_each        = toset([for n in local.odd : tostring(n)])
  name            = "c${each.key}"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  hosts           = { for part in range(3) : "h${part}" => "10.${local.v}.${each.key}.${part}" }
  tags            = { for part in range(2) : "t${part}" => "${each.key}-${local.v}" }
}

resource "dli_enhanced_connection_route" "part" {
  for_each      = local.owned
  connection_id = dli_enhanced_connection.odd[each.value.n].id
  name          = "r${each.value.part}"
  cidr          = "172.${16 + local.v}.${each.value.n}.${each.value.part * 16}/28"
}

resource "dli_enhanced_connection_binding" "part" {
  for_each              = local.owned
  connection_id         = dli_enhanced_connection.odd[each.value.n].id
  queue                 = each.value.part == 0 ? local.queues[0] : null
  elastic_resource_pool = each.value.part == 1 ? local.pool : null
}

resource "dli_enhanced_connection_privilege" "part" {
  for_each             = toset([for n in local.odd : tostring(n)])
  connection_id        = dli_enhanced_connection.odd[each.key].id
  applicant_project_id = format("%032x", each.key * 2 + local.v + 1)
}
"#;

/// The parts of a connection, one line each.
type Parts = BTreeSet<String>;

/// The configured parts, by connection name.
fn expected_parts(version: usize) -> BTreeMap<String, Parts> {
    let one = |n: usize| {
        let mut parts = Parts::new();
        for part in 0..3 {
            parts.insert(format!("host h{part} 10.{version}.{n}.{part}"));
        }
        for part in 0..2 {
            parts.insert(format!("route r{part} 172.{}.{n}.{}/28", 16 + version, part * 16));
            parts.insert(format!("tag t{part} {n}-{version}"));
        }
        let queues = [["q1", "q2"], ["q3", "yearly1"]][version];
        parts.insert(format!("queue {} ACTIVE", queues[0]));
        parts.insert(format!("pool {} ACTIVE", ["pool1", "pool2"][version]));
        parts.insert(match n % 2 {
            0 => format!("queue {} ACTIVE", queues[1]),
            _ => format!("privilege {:032x}", n * 2 + version + 1),
        });
        assert_eq!(parts.len(), 10);
        (format!("c{n}"), parts)
    };
    (0..COUNT).map(one).collect()
}

/// The parts at the service, by connection name.
fn actual_parts(cloud: &Cloud) -> BTreeMap<String, Parts> {
    let one = |shown: terraform_provider_dli::dli::wire::Connection| {
        let mut parts = Parts::new();
        parts.extend(shown.hosts.iter().map(|host| format!("host {} {}", host.name, host.ip)));
        parts.extend(shown.routes.iter().map(|route| format!("route {} {}", route.name, route.cidr)));
        parts.extend(shown.available_queue_info.iter().map(|queue| format!("queue {} {}", queue.name, queue.status)));
        parts.extend(shown.elastic_resource_pools.iter().map(|pool| format!("pool {} {}", pool.name, pool.status)));
        let tags = cloud.emulator().tags(super::harness::PROJECT, &shown.id);
        parts.extend(tags.iter().map(|(key, value)| format!("tag {key} {value}")));
        let shared = cloud.edit(|account| account.shared_with(&shown.id).cloned());
        parts.extend(shared.iter().map(|project| format!("privilege {project}")));
        (shown.name, parts)
    };
    cloud.connections().into_iter().map(one).collect()
}

/// Requires that writes to one connection are at least `min_latency` apart. Returns the number of pairs.
#[track_caller]
fn expect_one_writer(cloud: &Cloud, requests: &[LoggedRequest], min_latency: Duration) -> usize {
    let mut pairs = 0;
    for connection in cloud.connections() {
        let id = connection.id.as_str();
        let to_it = |request: &&LoggedRequest| {
            let body = String::from_utf8_lossy(&request.body);
            request.method != "GET" && (request.path.contains(id) || body.contains(id))
        };
        let mut writes: Vec<_> = requests.iter().filter(to_it).collect();
        writes.sort_by_key(|request| request.at);
        for pair in writes.windows(2) {
            let gap = pair[1].at - pair[0].at;
            pairs += 1;
            let text = |request: &LoggedRequest| format!("{} {}", request.method, request.path);
            assert!(gap >= min_latency, "{} began {gap} after {}", text(pair[1]), text(pair[0]));
        }
    }
    pairs
}

/// Terraform's own share of this test is minutes of CPU time, so one version is enough.
#[test]
fn fifty_connections_with_one_writer_each() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings { binding_delay: Duration::from_millis(200), ..Settings::default() });
        cloud.fault(&format!("*:delay={MIN_LATENCY:?}..300ms@1/7"));
        let workspace = cloud.workspace(terraform);
        workspace.configure(CONFIGURATION);
        for version in 0..2 {
            let variable = format!("-var=version_of_parts={version}");
            let began = Instant::now();
            workspace.run(&["apply", "-auto-approve", "-parallelism=20", &variable]).expect_code(0);
            let took = began.elapsed();
            assert_eq!(actual_parts(&cloud), expected_parts(version), "version {version}");
            workspace.run(&["plan", "-detailed-exitcode", "-parallelism=20", &variable]).expect_code(0);
            let pairs = expect_one_writer(&cloud, &cloud.requests(), MIN_LATENCY);
            #[expect(clippy::print_stdout, reason = "shows the measured delay")]
            {
                println!("version {version} took {took:.1?}; {pairs} pairs of writes, none at the same time");
            }
        }
    });
}

/// Changes a connection and nine separate parts of it at the same moment.
#[test]
fn writes_to_one_connection_are_serialized() {
    let latency = Duration::from_millis(150);
    let configuration = |version: usize| {
        let mut text = super::connection::connection(&format!(
            "hosts = {{ a = \"10.0.0.{version}\" }}\n  tags = {{ a = \"{version}\" }}\n  timeouts {{\n    \
            update = \"2m\"\n  }}"
        ));
        for n in 0..5 {
            let _ = write!(
                text,
                "resource \"dli_enhanced_connection_route\" \"r{n}\" {{\n  connection_id = var.id\n  \
                name = \"r{n}\"\n  \
                 cidr = \"10.{version}{n}.0.0/16\"\n}}\n"
            );
        }
        for queue in [["q1", "q2"], ["q3", "yearly1"]][version] {
            let _ = write!(
                text,
                "resource \"dli_enhanced_connection_binding\" \"{queue}\" {{\n  connection_id = var.id\n  \
                queue = \"{queue}\"\n}}\n"
            );
        }
        for n in 0..2 {
            let _ = write!(
                text,
                "resource \"dli_enhanced_connection_privilege\" \"p{n}\" {{\n  connection_id = var.id\n  \
                 applicant_project_id = \"{:032x}\"\n}}\n",
                2 * version + n + 1
            );
        }
        format!("variable \"id\" {{}}\n{text}")
    };
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&super::connection::connection(""), super::connection::CREATE);
        cloud.emulator().set_latency(latency);
        let id = format!("-var=id={}", cloud.connection().id);
        for version in 0..2 {
            workspace.configure(&configuration(version));
            workspace.run(&["apply", "-auto-approve", "-parallelism=20", &id]).expect_code(0);
            let shown = cloud.connection();
            assert_eq!(shown.hosts[0].ip, format!("10.0.0.{version}"));
            let routes: BTreeSet<_> = shown.routes.into_iter().map(|route| route.cidr).collect();
            assert_eq!(routes, (0..5).map(|n| format!("10.{version}{n}.0.0/16")).collect());
            let bound: BTreeSet<_> = shown.available_queue_info.into_iter().map(|queue| queue.name).collect();
            assert_eq!(bound, [["q1", "q2"], ["q3", "yearly1"]][version].map(str::to_owned).into());
            let shared = cloud.edit(|account| account.shared_with(&shown.id).cloned());
            assert_eq!(shared, (0..2).map(|n| format!("{:032x}", 2 * version + n + 1)).collect());
            workspace.run(&["plan", "-detailed-exitcode", &id]).expect_code(0);
        }
        let pairs = expect_one_writer(&cloud, &cloud.requests(), latency);
        assert!(pairs >= 30, "too few writes to compare: {pairs} pairs");
    });
}
