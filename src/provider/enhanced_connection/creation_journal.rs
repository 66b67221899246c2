//! The creation journal: an entry for each creation that Terraform may not know of.
//!
//! The service takes no idempotency token, and a killed process cannot report what it created. So the provider writes an
//! entry before it sends a create request. The next run that creates a connection of the same name adopts the connection
//! that the entry proves to be the result; a connection that only looks the same belongs to someone else. Adoption needs
//! an entry that is not acknowledged (Terraform did not receive the response) and that was written by a run that has ended.
//!
//! An entry stays until a plan or a read shows that the state has the connection. Entries are files in Terraform's data
//! directory and hold no secrets.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    dli::{rules::same_network, wire},
    framework::diagnostic::{Diagnostic, Diagnostics},
    provider::shared::tags::Tags,
};

/// Tolerated difference between the service's clock readings, which have a resolution of one second.
const CLOCK_TOLERANCE: Duration = Duration::seconds(2);

/// How long the service may take to carry out a request.
const MAX_IN_FLIGHT: Duration = Duration::minutes(2);

/// Margin around the time of the request within which a connection may be its result.
const SUSPICION_MARGIN: Duration = Duration::minutes(15);

/// Minimum age of an entry that a warning reports. A younger one is likely to be resolved by a repeated apply.
const STALE_AGE: Duration = Duration::minutes(10);

/// The journal of one working directory. Without a directory, entries are not kept.
#[derive(Debug)]
pub(in crate::provider) struct CreationJournal {
    directory: Option<PathBuf>,
    /// The client that started this process. All of its processes form one run.
    client: Option<Client>,
    /// Key of the current run.
    run: Mutex<String>,
    /// Connections that this run created, by ID.
    created: Mutex<BTreeMap<String, CompletedCreation>>,
    /// Project, name and ID of the connections that the state had in this run. A later creation did not create them.
    in_state: Mutex<BTreeSet<[String; 3]>>,
}

/// The process that started this one, such as Terraform.
#[derive(Debug, Clone)]
pub struct Client {
    /// Identifies the process. No other process has the same key.
    pub key: String,
    /// Reports whether the process with a key is still running.
    pub is_running: fn(&str) -> bool,
}

#[derive(Debug)]
struct CompletedCreation {
    project_id: String,
    name: String,
    /// Cancelled if the user interrupted the run, which may not have waited for the response.
    stop: CancellationToken,
    response: ResponseSent,
}

/// Whether the response to a create call was handed over for sending. It is not if the client cancelled the call.
#[derive(Debug, Clone, Default)]
pub(super) struct ResponseSent(Arc<AtomicBool>);

impl ResponseSent {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An entry exists but cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the journal entry {} cannot be read: {reason}", path.display())]
pub(in crate::provider) struct UnreadableEntry {
    path: PathBuf,
    reason: String,
}

/// One creation: what was requested, when, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct CreationEntry {
    pub(super) project_id: String,
    pub(super) name: String,
    pub(super) dest_vpc_id: String,
    pub(super) dest_network_id: String,
    /// Digest of the host records.
    hosts: String,
    pub(super) routes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) routetable_id: Option<String>,
    #[serde(default)]
    pub(super) queues: BTreeSet<String>,
    #[serde(default)]
    pub(super) elastic_resource_pools: BTreeSet<String>,
    #[serde(default)]
    pub(super) tags: Tags,
    /// IDs of the connections that had the name before.
    before: BTreeSet<String>,
    /// When the first and the last request were sent: the service's clock, in milliseconds since the epoch.
    first: i64,
    last: i64,
    /// When the creation began: this machine's clock, in milliseconds since the epoch.
    #[serde(default)]
    begun: i64,
    /// Key of the run.
    #[serde(default)]
    run: String,
    /// ID in the service's response.
    pub(super) id: Option<String>,
    /// Whether Terraform received the response.
    #[serde(rename = "told", default)]
    pub(in crate::provider) acknowledged: bool,
}

impl CreationEntry {
    fn new(
        project_id: &str,
        body: &wire::CreateConnection,
        routes: Option<&BTreeMap<String, String>>,
        before: &[wire::Connection],
        now: OffsetDateTime,
    ) -> Self {
        let now = milliseconds(now);
        Self {
            project_id: project_id.to_owned(),
            name: body.name.clone(),
            dest_vpc_id: body.dest_vpc_id.clone(),
            dest_network_id: body.dest_network_id.clone(),
            hosts: digest(&body.hosts),
            routes: routes.cloned().unwrap_or_default(),
            routetable_id: body.routetable_id.clone(),
            queues: body.queues.iter().cloned().collect(),
            elastic_resource_pools: body.elastic_resource_pools.iter().cloned().collect(),
            tags: body.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
            before: before.iter().map(|connection| connection.id.clone()).collect(),
            first: now,
            last: now,
            begun: 0,
            run: String::new(),
            id: None,
            acknowledged: false,
        }
    }

    pub(super) fn existed_before(&self, id: &str) -> bool {
        self.before.contains(id)
    }

    pub(super) fn has_hosts(&self) -> bool {
        self.hosts != digest(&[])
    }

    /// Whether this creation may have created the connection with this ID, of which nothing else is known.
    pub(in crate::provider) fn may_have_created(&self, id: &str) -> bool {
        self.id.as_ref().map_or_else(|| !self.existed_before(id), |created| created == id)
    }

    /// Time left of `watch`, counted from the last request. `None` if the request is too old to be in flight.
    pub(super) fn remaining(&self, now: OffsetDateTime, watch: std::time::Duration) -> Option<std::time::Duration> {
        let age = milliseconds(now).saturating_sub(self.last);
        let is_recent = age.unsigned_abs() <= span(MAX_IN_FLIGHT).unsigned_abs();
        let age = std::time::Duration::from_millis(u64::try_from(age).unwrap_or_default());
        is_recent.then(|| watch.saturating_sub(age))
    }

    /// Records that a request is sent now; `first` if no earlier one has been sent.
    pub(super) fn mark_sent(&mut self, first: bool, now: OffsetDateTime) {
        self.last = milliseconds(now);
        if first {
            self.first = self.last;
        }
    }

    /// Whether this creation created the connection `shown`: it has the ID of the response, or if there was no response, it
    /// matches the request. Tags are compared separately.
    pub(super) fn created(&self, shown: &wire::Connection) -> bool {
        match &self.id {
            Some(id) => *id == shown.id && !shown.is_deleted() && shown.name == self.name,
            None => self.matches(shown),
        }
    }

    /// Whether `shown` is new, was created while the request was in flight, and has the requested attributes.
    pub(super) fn matches(&self, shown: &wire::Connection) -> bool {
        self.is_from_its_time(shown, CLOCK_TOLERANCE, Duration::ZERO)
            && shown.create_time != 0
            && digest(&shown.hosts) == self.hosts
            && shown
                .routes
                .iter()
                .all(|route| self.routes.get(&route.name).is_some_and(|network| same_network(network, &route.cidr)))
            && shown.available_queue_info.iter().all(|binding| contains(&self.queues, &binding.name))
            // The service shows a queue in a pool as its pool.
            && (!self.queues.is_empty()
                || shown.elastic_resource_pools.iter().all(|b| contains(&self.elastic_resource_pools, &b.name)))
    }

    /// Whether this creation may have created `shown`, although an attribute that can be changed differs.
    pub(super) fn possibly_created(&self, shown: &wire::Connection) -> bool {
        self.is_from_its_time(shown, SUSPICION_MARGIN, SUSPICION_MARGIN)
    }

    /// Whether `listed` are the requested tags, apart from ignored ones.
    pub(super) fn has_tags(&self, listed: &[wire::Tag], is_ignored: impl Fn(&str) -> bool) -> bool {
        let listed = listed.iter().filter(|tag| !is_ignored(&tag.key)).map(|tag| (&tag.key, &tag.value));
        listed.collect::<BTreeMap<_, _>>() == self.tags.iter().filter(|(key, _)| !is_ignored(key)).collect()
    }

    /// Whether `shown` is a new connection of the same name, VPC and subnet, created while the request was in flight or at
    /// an unknown time.
    fn is_from_its_time(&self, shown: &wire::Connection, before: Duration, after: Duration) -> bool {
        let from = self.first.saturating_sub(span(before));
        let until = self.last.saturating_add(span(MAX_IN_FLIGHT)).saturating_add(span(after));
        let in_time = (from..=until).contains(&shown.create_time) || shown.create_time == 0;
        in_time
            && shown.name == self.name
            && shown.dest_vpc_id.eq_ignore_ascii_case(&self.dest_vpc_id)
            && shown.dest_network_id.eq_ignore_ascii_case(&self.dest_network_id)
            && !shown.is_deleted()
            && !self.existed_before(&shown.id)
    }
}

fn contains(names: &BTreeSet<String>, name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

impl CreationJournal {
    /// A journal in `directory`, which is created with the first entry. Without a client, each configuration is a run.
    pub(in crate::provider) fn new(directory: Option<PathBuf>, client: Option<Client>) -> Self {
        let run = client.as_ref().map_or_else(|| Uuid::new_v4().to_string(), |client| client.key.clone());
        Self { directory, client, run: Mutex::new(run), created: Mutex::default(), in_state: Mutex::default() }
    }

    /// Writes or replaces an entry. The caller continues if this fails.
    pub(super) fn write(&self, entry: &CreationEntry) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let path = path(directory, &entry.project_id, &entry.name);
        let written = write_file(directory, &path, entry).or_else(|error| match error.kind() {
            // Another process of this run has just removed the empty directory.
            io::ErrorKind::NotFound => write_file(directory, &path, entry),
            _ => Err(error),
        });
        written.inspect_err(|error| {
            tracing::warn!(%error, path = %path.display(), "cannot write the creation journal; if this run is killed, the \
                                                            next run cannot find what it created");
        })
    }

    /// The entry for this name.
    pub(in crate::provider) fn find(
        &self,
        project_id: &str,
        name: &str,
    ) -> Result<Option<CreationEntry>, UnreadableEntry> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let entry = read(path(directory, project_id, name))?;
        Ok(entry.filter(|entry| entry.project_id == project_id && entry.name == name))
    }

    /// Path of the entry for this name, for messages.
    pub(super) fn display_path(&self, project_id: &str, name: &str) -> String {
        let path = self.directory.as_ref().map(|directory| path(directory, project_id, name));
        path.map(|path| path.display().to_string()).unwrap_or_default()
    }

    /// Removes the entry for this name, and the directory if it is empty.
    pub(super) fn remove(&self, project_id: &str, name: &str) {
        let Some(directory) = &self.directory else { return };
        if fs::remove_file(path(directory, project_id, name)).is_ok() {
            let _ = fs::remove_dir(directory);
        }
    }

    /// Removes the entry of a connection that the state has.
    pub(super) fn confirm(&self, project_id: &str, name: &str, id: &str) {
        lock(&self.in_state).insert([project_id, name, id].map(str::to_owned));
        if let Ok(Some(entry)) = self.find(project_id, name)
            && entry.may_have_created(id)
        {
            self.remove(project_id, name);
        }
    }

    /// An entry for a creation that is about to be sent. `before` are the connections that have the name now. Connections of
    /// the state count as well: a replaced one may be deleted already and still be in a state that was not saved.
    pub(super) fn creation(
        &self,
        project_id: &str,
        body: &wire::CreateConnection,
        routes: Option<&BTreeMap<String, String>>,
        before: &[wire::Connection],
        now: OffsetDateTime,
    ) -> CreationEntry {
        let mut entry = CreationEntry::new(project_id, body, routes, before, now);
        entry.begun = milliseconds(OffsetDateTime::now_utc());
        entry.run.clone_from(&lock(&self.run));
        let in_state = lock(&self.in_state);
        let same_name =
            in_state.iter().filter(|[project, name, _]| (project, name) == (&entry.project_id, &entry.name));
        entry.before.extend(same_name.map(|[_, _, id]| id.clone()));
        entry
    }

    /// Starts a new run when the provider is configured, unless the client identifies the run.
    pub(in crate::provider) fn start_run(&self) {
        lock(&self.created).clear();
        if self.client.is_none() {
            *lock(&self.run) = Uuid::new_v4().to_string();
        }
    }

    /// Acknowledges the creations whose responses were sent. Call it after the client's Shutdown call: the client has
    /// received these responses by then.
    pub(in crate::provider) fn acknowledge_all(&self) {
        for (id, created) in std::mem::take(&mut *lock(&self.created)) {
            if let Ok(Some(mut entry)) = self.find(&created.project_id, &created.name)
                && entry.id == Some(id)
                && created.response.0.load(Ordering::Relaxed)
                && !created.stop.is_cancelled()
            {
                entry.acknowledged = true;
                let _ = self.write(&entry);
            }
        }
    }

    /// Whether an earlier run wrote this entry. The processes of one run (one for each alias of the provider) share the
    /// directory, and so may runs that are active at the same time.
    pub(super) fn is_earlier(&self, entry: &CreationEntry) -> bool {
        entry.run != *lock(&self.run) && !self.is_concurrent(entry)
    }

    /// Whether another run that is still active wrote this entry.
    pub(in crate::provider) fn is_concurrent(&self, entry: &CreationEntry) -> bool {
        self.client.as_ref().is_some_and(|client| entry.run != client.key && (client.is_running)(&entry.run))
    }

    /// Records that this run created a connection. `stop` is cancelled when the user interrupts the run.
    pub(super) fn record_created(
        &self,
        project_id: &str,
        name: &str,
        id: &str,
        stop: &CancellationToken,
        response: &ResponseSent,
    ) {
        let (project_id, name) = (project_id.to_owned(), name.to_owned());
        let created = CompletedCreation { project_id, name, stop: stop.clone(), response: response.clone() };
        lock(&self.created).insert(id.to_owned(), created);
    }

    pub(super) fn was_created_in_this_run(&self, id: &str) -> bool {
        lock(&self.created).contains_key(id)
    }

    /// Warnings about old entries. A name that is no longer declared would not be reported otherwise.
    pub(in crate::provider) fn stale_warnings(&self) -> Diagnostics {
        let Some(files) = self.directory.as_ref().and_then(|directory| fs::read_dir(directory).ok()) else {
            return Diagnostics::new();
        };
        let mut paths: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths.into_iter().filter_map(|path| self.stale_warning(path)).collect()
    }

    fn stale_warning(&self, path: PathBuf) -> Option<Diagnostic> {
        let shown_path = path.display().to_string();
        let text = match read(path) {
            Ok(entry) => {
                let entry = entry.filter(|entry| self.is_earlier(entry) && !entry.acknowledged)?;
                let age = milliseconds(OffsetDateTime::now_utc()).saturating_sub(entry.begun);
                if age < span(STALE_AGE) {
                    return None;
                }
                let CreationEntry { name, id, begun, .. } = &entry;
                let id = id.as_ref().map(|id| format!(" with the ID {id}")).unwrap_or_default();
                let when = OffsetDateTime::from_unix_timestamp_nanos(i128::from(*begun) * 1_000_000).ok();
                let when = when.and_then(|when| when.replace_nanosecond(0).ok()?.format(&Rfc3339).ok());
                format!(
                    "A run that started at {} may have created the enhanced connection {name:?}{id} and ended before it could \
                     report it to Terraform. If terraform state list shows the connection, or the configuration declares it, \
                     there is nothing to do: the next apply checks for it. Otherwise look for the name in the console, import \
                     the connection or delete it, and then delete the journal entry of that run: {shown_path}",
                    when.unwrap_or_default()
                )
            }
            Err(unreadable) => format!(
                "An earlier run left a journal entry for a connection that it was creating, but {unreadable}. Make the file \
                 readable. If it is damaged, check the console for connections that Terraform does not manage, then delete it."
            ),
        };
        Some(Diagnostic::warning("An Earlier Run May Have Left a Connection", text))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Path of an entry. Project IDs are globally unique, and one name is created once at a time.
fn path(directory: &Path, project_id: &str, name: &str) -> PathBuf {
    let hash = Sha256::new().chain_update(project_id).chain_update([0]).chain_update(name).finalize();
    directory.join(format!("{}.json", hex::encode(&hash[..16])))
}

/// Reads an entry; `None` if the file does not exist.
fn read(path: PathBuf) -> Result<Option<CreationEntry>, UnreadableEntry> {
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(UnreadableEntry { path, reason: error.to_string() }),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| UnreadableEntry { path, reason: error.to_string() })
}

/// Replaces a file atomically.
fn write_file(directory: &Path, path: &Path, entry: &CreationEntry) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&file, entry)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Digest of host records, independent of their order and of the case of names.
fn digest(hosts: &[wire::Host]) -> String {
    let records: BTreeSet<_> = hosts.iter().map(|host| (host.name.to_ascii_lowercase(), host.ip.as_str())).collect();
    let mut hash = Sha256::new();
    for (name, ip) in records {
        hash = hash.chain_update(name).chain_update([0]).chain_update(ip).chain_update([0]);
    }
    hex::encode(hash.finalize())
}

fn milliseconds(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()
}

fn span(span: Duration) -> i64 {
    i64::try_from(span.whole_milliseconds()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn host(name: &str) -> wire::Host {
        wire::Host { name: name.into(), ip: "10.0.0.1".into() }
    }

    fn body() -> wire::CreateConnection {
        wire::CreateConnection {
            name: "c".into(),
            dest_vpc_id: "v".into(),
            dest_network_id: "n".into(),
            hosts: vec![host("a"), host("B")],
            ..wire::CreateConnection::default()
        }
    }

    fn shown(id: &str) -> wire::Connection {
        wire::Connection {
            id: id.into(),
            name: "c".into(),
            status: "ACTIVE".into(),
            dest_vpc_id: "V".into(),
            dest_network_id: "n".into(),
            hosts: vec![host("b"), host("a")],
            create_time: milliseconds(NOW),
            ..wire::Connection::default()
        }
    }

    fn creation() -> CreationEntry {
        let routes = BTreeMap::from([("r".to_owned(), "10.0.0.0/8".to_owned())]);
        CreationEntry::new("p", &body(), Some(&routes), &[shown("old")], NOW)
    }

    #[test]
    fn created_requires_all_requested_attributes() {
        assert!(creation().created(&shown("new")));
        let other = |change: fn(&mut wire::Connection)| {
            let mut other = shown("new");
            change(&mut other);
            creation().created(&other)
        };
        assert!(!other(|c| c.id = "old".into()), "it existed before");
        assert!(!other(|c| c.status = "DELETED".into()));
        assert!(!other(|c| c.name = "C".into()));
        assert!(!other(|c| c.dest_vpc_id = "w".into()));
        assert!(!other(|c| c.dest_network_id = "w".into()));
        assert!(!other(|c| c.hosts.truncate(1)));
        assert!(!other(|c| c.hosts[0].ip = "10.0.0.2".into()));
        assert!(!other(|c| c.create_time = 0), "unknown time of creation");
        assert!(!other(|c| c.create_time -= 2001), "too early");
        assert!(other(|c| c.create_time -= 2000));
        assert!(!other(|c| c.create_time += 120_001), "too late");
        let routed = |name: &str, cidr: &str| {
            let mut routed = shown("new");
            routed.routes = vec![wire::Route { name: name.into(), cidr: cidr.into(), create_time: 0 }];
            creation().created(&routed)
        };
        assert!(routed("r", "10.0.0.0/8"));
        assert!(!routed("r", "10.0.0.0/9") && !routed("s", "10.0.0.0/8"));
    }

    #[test]
    fn response_id_outweighs_attributes() {
        let answered = CreationEntry { id: Some("x".into()), ..creation() };
        assert!(!answered.created(&shown("new")));
        let changed = wire::Connection { hosts: Vec::new(), create_time: 0, ..shown("x") };
        assert!(answered.created(&changed));
    }

    /// The service shows a queue in a pool as its pool.
    #[test]
    fn other_bindings_do_not_match() {
        let binding = |name: &str| wire::Binding { name: name.into(), ..wire::Binding::default() };
        let bound = |queues: &[&str], pools: &[&str]| wire::Connection {
            available_queue_info: queues.iter().map(|name| binding(name)).collect(),
            elastic_resource_pools: pools.iter().map(|name| binding(name)).collect(),
            ..shown("new")
        };
        let asked = |queues: &[&str], pools: &[&str]| CreationEntry {
            queues: queues.iter().map(|name| (*name).to_owned()).collect(),
            elastic_resource_pools: pools.iter().map(|name| (*name).to_owned()).collect(),
            ..creation()
        };
        assert!(asked(&["Q1"], &["p"]).created(&bound(&["q1"], &["P"])));
        assert!(asked(&["q1"], &[]).created(&bound(&[], &["its_pool"])));
        assert!(asked(&["q1"], &[]).created(&bound(&[], &[])), "a binding may appear later");
        assert!(!asked(&["q2"], &[]).created(&bound(&["q1"], &[])));
        assert!(!asked(&[], &["p"]).created(&bound(&[], &["q"])));
        assert!(!asked(&[], &[]).created(&bound(&["q1"], &[])));
    }

    #[test]
    fn has_tags_skips_ignored_tags() {
        let tag = |key: &str| wire::Tag { key: key.into(), value: "1".into() };
        let sent = CreationEntry { tags: [("a".to_owned(), "1".to_owned())].into(), ..creation() };
        let fits = |listed: &[&str]| {
            let listed: Vec<_> = listed.iter().map(|key| tag(key)).collect();
            sent.has_tags(&listed, |key| key.starts_with("bot:"))
        };
        assert!(fits(&["a"]) && fits(&["a", "bot:x"]));
        assert!(!fits(&[]) && !fits(&["a", "b"]) && !fits(&["b"]));
    }

    #[test]
    fn changed_connection_is_possibly_created() {
        let other = |change: fn(&mut wire::Connection)| {
            let mut other = shown("new");
            change(&mut other);
            (creation().created(&other), creation().possibly_created(&other))
        };
        assert_eq!(other(|c| c.hosts.clear()), (false, true));
        assert_eq!(other(|c| c.create_time = 0), (false, true));
        assert_eq!(other(|c| c.create_time -= 800_000), (false, true));
        assert_eq!(other(|c| c.create_time -= 1_000_000), (false, false), "long before");
        assert_eq!(other(|c| c.create_time += 1_100_000), (false, false), "long after");
        assert_eq!(other(|c| c.id = "old".into()), (false, false));
        assert_eq!(other(|c| c.dest_vpc_id = "w".into()), (false, false), "the VPC cannot change");
        assert_eq!(other(|c| c.dest_network_id = "w".into()), (false, false));
    }

    #[test]
    fn later_attempt_extends_the_time_window() {
        let mut creation = creation();
        creation.mark_sent(false, NOW + Duration::minutes(5));
        let late = wire::Connection { create_time: milliseconds(NOW + Duration::minutes(6)), ..shown("new") };
        assert!(creation.created(&late) && creation.created(&shown("new")));
        // A connection from before the first request is not the result.
        creation.mark_sent(true, NOW + Duration::minutes(5));
        assert!(creation.created(&late) && !creation.created(&shown("new")));
    }

    #[test]
    fn remaining_counts_from_the_last_request() {
        let minute = std::time::Duration::from_mins(1);
        let after = |seconds| creation().remaining(NOW + Duration::seconds(seconds), minute);
        let seconds = |seconds| Some(std::time::Duration::from_secs(seconds));
        assert_eq!([after(0), after(20), after(60), after(120)], [seconds(60), seconds(40), seconds(0), seconds(0)]);
        assert_eq!(after(121), None);
        // The clock was set back.
        assert_eq!([after(-20), after(-121)], [seconds(60), None]);
    }

    fn in_directory(directory: &Path) -> CreationJournal {
        CreationJournal::new(Some(directory.to_owned()), None)
    }

    fn found(journal: &CreationJournal) -> Option<CreationEntry> {
        journal.find("p", "c").expect("the entry is readable")
    }

    #[test]
    fn entry_stays_until_confirmed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let home = directory.path().join("dli");
        let journal = || in_directory(&home);
        assert_eq!(found(&journal()), None);
        journal().write(&creation()).expect("the directory is writable");
        assert_eq!(found(&journal()), Some(creation()), "another process reads it");
        assert!(journal().find("q", "c").expect("the entry is readable").is_none());
        journal().confirm("p", "c", "old");
        assert!(found(&journal()).is_some(), "it existed before");
        journal().write(&CreationEntry { id: Some("x".into()), ..creation() }).expect("the directory is writable");
        journal().confirm("p", "c", "y");
        assert!(found(&journal()).is_some(), "the response had another ID");
        journal().confirm("p", "c", "x");
        assert_eq!(found(&journal()), None);
        assert!(!home.exists(), "the empty directory is removed");
    }

    /// A killed run may not have saved that the connection was replaced.
    #[test]
    fn connection_of_the_state_is_not_the_result() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let journal = in_directory(&directory.path().join("dli"));
        journal.confirm("p", "c", "replaced");
        journal.write(&journal.creation("p", &body(), None, &[], NOW)).expect("the directory is writable");
        journal.confirm("p", "c", "replaced");
        assert!(found(&journal).is_some());
        journal.confirm("p", "c", "new");
        assert_eq!(found(&journal), None);
    }

    #[test]
    fn only_sent_responses_are_acknowledged() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (running, interrupted) = (CancellationToken::new(), CancellationToken::new());
        interrupted.cancel();
        let (sent, pending) = (ResponseSent::default(), ResponseSent::default());
        sent.set();
        let cases = [
            ("x", &running, &sent, true),
            ("x", &running, &pending, false),
            ("x", &interrupted, &sent, false),
            ("y", &running, &sent, false),
        ];
        for (id, stop, response, acknowledged) in cases {
            let journal = in_directory(&directory.path().join("dli"));
            journal.write(&CreationEntry { id: Some("x".into()), ..creation() }).expect("the directory is writable");
            journal.record_created("p", "c", id, stop, response);
            journal.acknowledge_all();
            assert_eq!(found(&journal).map(|entry| entry.acknowledged), Some(acknowledged), "{id}");
        }
    }

    /// Two runs may be active in one directory at the same time, each with its own state.
    #[test]
    fn entry_of_running_client_is_not_earlier() {
        let of = |key: &str| {
            let is_running = |key: &str| key.starts_with("running");
            CreationJournal::new(None, Some(Client { key: key.to_owned(), is_running }))
        };
        let entry = |key: &str| of(key).creation("p", &body(), None, &[], NOW);
        let run = of("running 1");
        assert!(!run.is_earlier(&entry("running 2")) && run.is_concurrent(&entry("running 2")));
        assert!(!run.is_earlier(&entry("running 1")) && !run.is_concurrent(&entry("running 1")));
        assert!(run.is_earlier(&entry("ended")) && !run.is_concurrent(&entry("ended")));
    }

    #[test]
    fn processes_of_one_client_form_one_run() {
        let of = |key: &str| CreationJournal::new(None, Some(Client { key: key.to_owned(), is_running: |_| false }));
        let entry = |journal: &CreationJournal| journal.creation("p", &body(), None, &[], NOW);
        assert!(!of("a").is_earlier(&entry(&of("a"))));
        assert!(of("b").is_earlier(&entry(&of("a"))));
        let configured = of("a");
        let before = entry(&configured);
        configured.start_run();
        assert!(!configured.is_earlier(&before));
        // Without a client, each configuration starts a run.
        let alone = CreationJournal::new(None, None);
        let before = entry(&alone);
        assert!(!alone.is_earlier(&before));
        alone.start_run();
        assert!(alone.is_earlier(&before));
    }

    #[test]
    fn old_entry_is_reported() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let journal = in_directory(&directory.path().join("dli"));
        let warnings = || journal.stale_warnings().iter().map(|warning| warning.detail.clone()).collect::<Vec<_>>();
        assert_eq!(warnings(), Vec::<String>::new());
        let now = milliseconds(OffsetDateTime::now_utc());
        journal.write(&CreationEntry { begun: now - 599_000, ..creation() }).expect("the directory is writable");
        assert_eq!(warnings(), Vec::<String>::new(), "too young");
        journal
            .write(&CreationEntry { begun: now - 601_000, id: Some("x".into()), ..creation() })
            .expect("the directory is writable");
        let known = CreationEntry { begun: now - 601_000, id: Some("x".into()), acknowledged: true, ..creation() };
        let other = in_directory(&directory.path().join("other"));
        other.write(&known).expect("the directory is writable");
        assert_eq!(other.stale_warnings().iter().count(), 0, "acknowledged");
        let [text] = &warnings()[..] else { panic!("expected one warning: {:?}", warnings()) };
        assert!(text.contains("\"c\" with the ID x") && text.contains(&journal.display_path("p", "c")), "{text}");
        fs::write(journal.display_path("p", "c"), "{").expect("the file is writable");
        let [text] = &warnings()[..] else { panic!("expected one warning: {:?}", warnings()) };
        assert!(text.contains("cannot be read") && text.contains(&journal.display_path("p", "c")), "{text}");
    }

    #[test]
    fn unreadable_entry_is_an_error() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let journal = in_directory(directory.path());
        journal.write(&creation()).expect("the directory is writable");
        let file = path(directory.path(), "p", "c");
        fs::write(&file, "{\"id\":").expect("the file is writable");
        assert_eq!(journal.find("p", "c").expect_err("invalid JSON").path, file);
        let nowhere = in_directory(&file.join("x"));
        nowhere.write(&creation()).expect_err("a file is not a directory");
        nowhere.remove("p", "c");
        assert!(CreationJournal::new(None, None).find("p", "c").expect("no directory").is_none());
    }
}
