//! Many clients send valid and invalid requests of every kind at once. The emulator must not fail or lose a change.
//!
//! Each client records the responses for its own connections and compares them with the final state. The same seed
//! sends the same requests. `cargo bench --bench stress` runs this for a minute.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use fastrand::Rng;
use reqwest::Client;
use serde_json::{Value, json};
use terraform_provider_dli::{
    dli::signature,
    emulator::{ACCESS_KEY, SECRET_KEY},
};
use time::OffsetDateTime;
use tokio::task::JoinSet;

use super::harness::{Draft, NOWHERE, PROJECT, authorization, body_with, client, connections, send};

/// The outcome of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Number of responses for each request and status.
    pub(crate) answers: BTreeMap<(&'static str, u16), u64>,
    /// Unexpected responses and differences in the final state.
    pub(crate) wrong: Vec<String>,
    /// Connections whose final state was compared.
    pub(crate) compared: usize,
}

impl Report {
    fn merge(mut self, other: Self) -> Self {
        for (key, count) in other.answers {
            *self.answers.entry(key).or_default() += count;
        }
        self.wrong.extend(other.wrong);
        self.compared += other.compared;
        self
    }
}

/// Clients that run at the same time.
pub(crate) struct Crowd(Vec<One>);

impl Crowd {
    /// A number of new clients.
    pub(crate) fn new(endpoint: &str, clients: u64, seed: u64) -> Self {
        let http = client();
        let one = |number| One {
            http: http.clone(),
            endpoint: endpoint.to_owned(),
            rng: Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(number)),
            prefix: format!("s{seed}c{number}_"),
            made: 0,
            held: BTreeMap::new(),
            report: Report::default(),
        };
        Self((0..clients).map(one).collect())
    }

    /// Runs all clients while `goes_on` accepts the round number.
    pub(crate) async fn work(self, goes_on: impl Fn(u64) -> bool + Clone + Send + 'static) -> Self {
        let mut working = JoinSet::new();
        for mut one in self.0 {
            let goes_on = goes_on.clone();
            working.spawn(async move {
                let mut round = 0;
                while goes_on(round) {
                    one.step().await;
                    round += 1;
                }
                one
            });
        }
        Self(working.join_all().await)
    }

    /// Compares each client's expectations with the final state.
    pub(crate) async fn compare(self) -> Report {
        let mut comparing = JoinSet::new();
        for mut one in self.0 {
            comparing.spawn(async move {
                one.compare().await;
                one.report
            });
        }
        comparing.join_all().await.into_iter().fold(Report::default(), Report::merge)
    }
}

/// The expected state of a connection.
#[derive(Debug, Default, Clone, PartialEq)]
struct Held {
    hosts: BTreeMap<String, String>,
    routes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    bound: BTreeSet<String>,
    shared_with: BTreeSet<String>,
    deleted: bool,
}

pub(crate) struct One {
    http: Client,
    endpoint: String,
    rng: Rng,
    prefix: String,
    made: u32,
    /// By the path of the connection.
    held: BTreeMap<String, Held>,
    report: Report,
}

impl One {
    async fn step(&mut self) {
        let living =
            self.held.iter().filter(|(_, held)| !held.deleted).map(|(path, _)| path.clone()).collect::<Vec<_>>();
        let Some(path) = self.rng.choice(living.iter()).cloned() else { return self.create().await };
        match self.rng.u32(0..100) {
            0..2 if living.len() < 4 && self.rng.bool() => self.create().await,
            0..2 => self.delete(&path).await,
            2..12 => self.hosts(&path).await,
            12..22 => self.routes(&path).await,
            22..32 => self.tags(&path).await,
            32..42 => self.bindings(&path).await,
            42..48 => self.privileges(&path).await,
            48..60 => drop(self.right("show", "GET", &path, Value::Null, 200).await),
            60..66 => {
                let offset = self.rng.u32(0..50);
                let target = format!("{}?limit=20&offset={offset}&status=ACTIVE", connections());
                self.right("list", "GET", &target, Value::Null, 200).await;
            }
            66..70 => {
                let queues = format!("/v1.0/{PROJECT}/queues?queue_type=all");
                self.right("list queues", "GET", &queues, Value::Null, 200).await;
            }
            70..74 => self.hang_up().await,
            _ => self.wrong(&path).await,
        }
    }

    async fn create(&mut self) {
        self.made += 1;
        let mut held = Held::default();
        if self.rng.bool() {
            held.hosts = self.some_hosts();
            held.tags.insert("made".to_owned(), self.made.to_string());
            held.bound.insert("q1".to_owned());
        }
        let more = json!({"hosts": hosts(&held.hosts), "tags": tags(&held.tags), "queues": held.bound});
        let name = format!("{}{}", self.prefix, self.made);
        if let Some(created) = self.right("create", "POST", &connections(), body_with(&name, more), 201).await {
            let id = created["connection_id"].as_str().unwrap_or_default();
            self.held.insert(format!("{}/{id}", connections()), held);
        }
    }

    async fn delete(&mut self, path: &str) {
        if self.right("delete", "DELETE", path, Value::Null, 200).await.is_some() {
            *self.at(path) = Held { deleted: true, ..Held::default() };
        }
    }

    async fn hosts(&mut self, path: &str) {
        let all = self.some_hosts();
        if self.right("update hosts", "PUT", path, json!({"hosts": hosts(&all)}), 200).await.is_some() {
            self.at(path).hosts = all;
        }
    }

    async fn routes(&mut self, path: &str) {
        let number = self.rng.u8(0..20);
        let (name, cidr) = (format!("r{number}"), format!("10.{number}.0.0/16"));
        if self.at(path).routes.contains_key(&name) {
            let target = format!("{path}/routes/{name}").replace("/v2.0/", "/v3/");
            if self.right("delete route", "DELETE", &target, Value::Null, 200).await.is_some() {
                self.at(path).routes.remove(&name);
            }
        } else {
            let target = format!("{path}/routes").replace("/v2.0/", "/v3/");
            let body = json!({"name": name, "cidr": cidr});
            if self.right("add route", "POST", &target, body, 200).await.is_some() {
                self.at(path).routes.insert(name, cidr);
            }
        }
    }

    async fn tags(&mut self, path: &str) {
        let some: BTreeMap<_, _> =
            (0..self.rng.u8(1..4)).map(|_| (format!("k{}", self.rng.u8(0..15)), self.rng.u8(..).to_string())).collect();
        let change = if self.rng.bool() { "create" } else { "delete" };
        let target = format!("{}/{change}", tags_path(path));
        if self.right("tag", "POST", &target, json!({"tags": tags(&some)}), 204).await.is_some() {
            let held = &mut self.at(path).tags;
            match change {
                "create" => held.extend(some),
                _ => held.retain(|key, _| !some.contains_key(key)),
            }
        }
    }

    async fn bindings(&mut self, path: &str) {
        let queue = self.rng.choice(["q1", "q2", "q3", "yearly1"]).unwrap_or("q1");
        let body = json!({"queues": [queue]});
        if self.at(path).bound.contains(queue) {
            if self.right("unbind", "POST", &format!("{path}/disassociate-queue"), body, 200).await.is_some() {
                self.at(path).bound.remove(queue);
            }
        } else if self.right("bind", "POST", &format!("{path}/associate-queue"), body, 200).await.is_some() {
            self.at(path).bound.insert(queue.to_owned());
        }
    }

    async fn privileges(&mut self, path: &str) {
        let project = format!("a{}", self.rng.u8(0..5));
        let grants = !self.at(path).shared_with.contains(&project);
        let id = path.rsplit('/').next().unwrap_or_default();
        let body = json!({
            "projectId": project, "action": if grants { "grant" } else { "revoke" },
            "privileges": [{"object": format!("edsconnections.{id}"), "privileges": ["BIND_QUEUE"]}],
        });
        if self.right("authorize", "PUT", &format!("/v1.0/{PROJECT}/authorization"), body, 200).await.is_some() {
            let held = &mut self.at(path).shared_with;
            if grants {
                held.insert(project);
            } else {
                held.remove(&project);
            }
        }
    }

    /// A client that disconnects before the response. The name marks the connection, because the outcome is unknown.
    async fn hang_up(&mut self) {
        self.made += 1;
        let body = body_with(&format!("hung_{}{}", self.prefix, self.made), json!({}));
        let draft = self.draft("POST", &connections(), body.to_string().into_bytes());
        let patience = Duration::from_micros(self.rng.u64(0..3_000));
        let _ = tokio::time::timeout(patience, send(&self.http, &self.endpoint, draft)).await;
    }

    /// An invalid request, which must be rejected without effect.
    async fn wrong(&mut self, path: &str) {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let routes = format!("{path}/routes").replace("/v2.0/", "/v3/");
        let noise: String = std::iter::repeat_with(|| self.rng.char(..)).take(40).collect();
        let (method, target, body) = match self.rng.u8(0..10) {
            0 => ("GET", format!("{}/{NOWHERE}", connections()), Vec::new()),
            1 => ("PATCH", path.to_owned(), Vec::new()),
            2 => ("GET", format!("/v9/{PROJECT}/{name}"), Vec::new()),
            3 => ("POST", connections(), noise.into_bytes()),
            4 => ("POST", connections(), body_with("a-b", json!({})).to_string().into_bytes()),
            5 => ("POST", connections(), body_with("test", json!({"queues": ["default"]})).to_string().into_bytes()),
            6 => ("PUT", path.to_owned(), json!({"hosts": [{"name": "a", "ip": noise}]}).to_string().into_bytes()),
            7 => ("POST", routes, json!({"name": "r", "cidr": noise}).to_string().into_bytes()),
            8 => ("POST", format!("{}/create", tags_path(path)), b"{\"tags\": [{}]}".to_vec()),
            _ => ("POST", format!("{path}/associate-queue"), b"{\"queues\": [\"missing\"]}".to_vec()),
        };
        let mut draft = self.draft(method, &target, body);
        let unsigned = self.rng.u8(0..4) == 0;
        if unsigned {
            draft.header("Authorization").push('0');
        }
        let reply = send(&self.http, &self.endpoint, draft).await;
        *self.report.answers.entry(("wrong", reply.status)).or_default() += 1;
        if !(400..500).contains(&reply.status) {
            self.report.wrong.push(format!("{method} {target}: HTTP {} {}", reply.status, reply.body));
        }
    }

    /// Sends a request and returns the response if it has the expected status.
    async fn right(
        &mut self,
        what: &'static str,
        method: &str,
        target: &str,
        body: Value,
        status: u16,
    ) -> Option<Value> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let draft = self.draft(method, target, body);
        let reply = send(&self.http, &self.endpoint, draft).await;
        *self.report.answers.entry((what, reply.status)).or_default() += 1;
        if reply.status != status || reply.body["is_success"] == false {
            self.report.wrong.push(format!("{what} {target}: HTTP {} {}", reply.status, reply.body));
            return None;
        }
        Some(reply.body)
    }

    fn draft(&self, method: &str, target: &str, body: Vec<u8>) -> Draft {
        let host = self.endpoint.trim_start_matches("http://").to_owned();
        let date = signature::format_date(OffsetDateTime::now_utc());
        let headers = vec![("Host".to_owned(), host), ("X-Sdk-Date".to_owned(), date)];
        let mut draft = Draft { method: method.to_owned(), target: target.to_owned(), headers, body };
        let authorization = authorization(&draft, ACCESS_KEY, SECRET_KEY);
        draft.headers.push(("Authorization".to_owned(), authorization));
        draft
    }

    fn at(&mut self, path: &str) -> &mut Held {
        self.held.get_mut(path).expect("it was created")
    }

    fn some_hosts(&mut self) -> BTreeMap<String, String> {
        (0..self.rng.u8(0..5)).map(|number| (format!("h{number}"), format!("10.0.0.{}", self.rng.u8(..)))).collect()
    }

    /// Compares the final state with the responses.
    async fn compare(&mut self) {
        for (path, expected) in self.held.clone() {
            // Older deleted connections may be dropped.
            if expected.deleted {
                let reply = send(&self.http, &self.endpoint, self.draft("GET", &path, Vec::new())).await;
                if reply.body["status"] != "DELETED" && reply.status != 400 {
                    self.report.wrong.push(format!("{path}: deleted, and found {reply:?}"));
                }
                continue;
            }
            let Some(shown) = self.right("compare", "GET", &path, Value::Null, 200).await else { continue };
            let mut found = Held { deleted: shown["status"] == "DELETED", ..Held::default() };
            found.hosts = pairs(&shown["hosts"], "name", "ip");
            found.routes = pairs(&shown["routes"], "name", "cidr");
            found.bound = pairs(&shown["available_queue_info"], "name", "status").into_keys().collect();
            let tags = self.right("compare", "GET", &tags_path(&path), Value::Null, 200).await.unwrap_or_default();
            found.tags = pairs(&tags["tags"], "key", "value");
            let shared = format!("{path}/privileges");
            let shared = self.right("compare", "GET", &shared, Value::Null, 200).await.unwrap_or_default();
            found.shared_with = pairs(&shared["privileges"], "applicant_project_id", "object").into_keys().collect();
            self.report.compared += 1;
            if found != expected {
                self.report.wrong.push(format!("{path}: expected {expected:?}, found {found:?}"));
            }
        }
        let target = format!("{}?limit=0&status=ACTIVE", connections());
        let all = self.right("compare", "GET", &target, Value::Null, 200).await.unwrap_or_default();
        let mine = |row: &&Value| row["name"].as_str().is_some_and(|name| name.starts_with(&self.prefix));
        let there = all["connections"].as_array().map_or(0, |rows| rows.iter().filter(mine).count());
        let living = self.held.values().filter(|held| !held.deleted).count();
        if there != living {
            self.report.wrong.push(format!("{}: {living} were created, {there} are there", self.prefix));
        }
    }
}

fn tags_path(path: &str) -> String {
    format!("/v3/{PROJECT}/dli_enhanced_datasource/{}/tags", path.rsplit('/').next().unwrap_or_default())
}

fn hosts(hosts: &BTreeMap<String, String>) -> Value {
    hosts.iter().map(|(name, ip)| json!({"name": name, "ip": ip})).collect()
}

fn tags(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

fn pairs(rows: &Value, key: &str, value: &str) -> BTreeMap<String, String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    rows.as_array().into_iter().flatten().map(|row| (text(row, key), text(row, value))).collect()
}
