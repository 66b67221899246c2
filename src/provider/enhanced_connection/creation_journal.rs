//! Creations that Terraform may not know of: each is written down before it is sent, because the service takes no
//! idempotency token, and a process that is killed can tell nobody what it made.
//!
//! A note stays until a plan or a read shows that the state has the connection. The next run that is to create a
//! connection of the same name finds by it the one that an earlier run made, and by it alone: a connection that merely
//! looks the same is somebody else's. Where the client has said goodbye after the creation was answered, Terraform was told,
//! and what it did with that is not known: then nothing is taken over and nothing is made, and the error says so. Notes lie beside Terraform's own data of the working directory, and hold no secret.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::provider::{enhanced_connection::model::same_network, shared::tags::Tags};
use crate::{
    dli::wire,
    framework::diagnostic::{Diagnostic, Diagnostics},
};

/// The service tells its time to the second, and both clocks are read, not compared.
const CLOCK_TOLERANCE: Duration = Duration::seconds(2);

/// How long after it was sent a request may still be carried out.
const MAX_IN_FLIGHT: Duration = Duration::minutes(2);

/// By how much two clocks within the cloud may differ where nobody's connection should be overlooked.
const SUSPICION_MARGIN: Duration = Duration::minutes(15);

/// From this age on a note that nothing has come of is told of. Until then the run that was ended is run again.
const STALE_AGE: Duration = Duration::minutes(10);

/// The notes of one working directory; none are kept where there is no directory.
#[derive(Debug)]
pub(in crate::provider) struct CreationJournal {
    directory: Option<PathBuf>,
    /// Names the run for all processes that take part in it; where there is no name, a process is a run of its own.
    client: Option<String>,
    run: Mutex<String>,
    /// What creations of this process came to, by id. None of it is another resource's.
    made: Mutex<BTreeMap<String, CompletedCreation>>,
    /// What the state was seen to have in this process: project, name and id. None of it is what a later creation makes.
    held: Mutex<BTreeSet<[String; 3]>>,
}

/// What a creation of this process came to.
#[derive(Debug)]
struct CompletedCreation {
    project_id: String,
    name: String,
    /// Triggered where the practitioner interrupted while it was made, and may not have waited for the answer.
    stop: CancellationToken,
}

/// A note that is there and tells nothing.
#[derive(Debug, thiserror::Error)]
#[error("the note {} cannot be read: {why}", path.display())]
pub(in crate::provider) struct UnreadableEntry {
    /// The file.
    pub(in crate::provider) path: PathBuf,
    why: String,
}

/// A creation that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct CreationEntry {
    pub(in crate::provider) project_id: String,
    pub(in crate::provider) name: String,
    pub(in crate::provider) dest_vpc_id: String,
    pub(in crate::provider) dest_network_id: String,
    /// Digest of the host records.
    hosts: String,
    /// The routes that it is to get.
    pub(in crate::provider) routes: BTreeMap<String, String>,
    /// The rest of what it is to have.
    #[serde(default)]
    pub(in crate::provider) routetable_id: Option<String>,
    #[serde(default)]
    pub(in crate::provider) queues: BTreeSet<String>,
    #[serde(default)]
    pub(in crate::provider) elastic_resource_pools: BTreeSet<String>,
    #[serde(default)]
    pub(in crate::provider) tags: Tags,
    /// Connections that had the name before.
    before: BTreeSet<String>,
    /// When it was sent first and last, by the service's clock, in milliseconds since the epoch.
    first: i64,
    last: i64,
    /// When it was begun, by this machine's clock, and in which run.
    #[serde(default)]
    begun: i64,
    #[serde(default)]
    run: String,
    /// What the service answered.
    pub(in crate::provider) id: Option<String>,
    /// Whether Terraform was told.
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

    /// Whether this connection was there before.
    pub(in crate::provider) fn existed_before(&self, id: &str) -> bool {
        self.before.contains(id)
    }

    /// Whether it is to have host records.
    pub(in crate::provider) fn has_hosts(&self) -> bool {
        self.hosts != digest(&[])
    }

    /// Whether it may have made the connection with this id, of which no more is known.
    pub(in crate::provider) fn may_have_created(&self, id: &str) -> bool {
        self.id.as_ref().map_or_else(|| !self.existed_before(id), |made| made == id)
    }

    /// How much longer it may be under way, or done and not shown yet, where that is looked for so long after it was sent.
    pub(in crate::provider) fn remaining(
        &self,
        now: OffsetDateTime,
        watch: std::time::Duration,
    ) -> Option<std::time::Duration> {
        let age = milliseconds(now).saturating_sub(self.last);
        let is_recent = age.unsigned_abs() <= whole(MAX_IN_FLIGHT).unsigned_abs();
        let age = std::time::Duration::from_millis(u64::try_from(age).unwrap_or_default());
        is_recent.then(|| watch.saturating_sub(age))
    }

    /// It is sent now, for the first time or once more.
    pub(in crate::provider) fn mark_sent(&mut self, first: bool, now: OffsetDateTime) {
        self.last = milliseconds(now);
        if first {
            self.first = self.last;
        }
    }

    /// Whether it made this connection: the one that the service answered with; else one that was not there before, was
    /// created while it was under way, and has all of its facts that are shown with it. Tags are read apart.
    pub(in crate::provider) fn created(&self, shown: &wire::Connection) -> bool {
        match &self.id {
            Some(id) => *id == shown.id && !shown.is_deleted() && shown.name == self.name,
            None => self.matches(shown),
        }
    }

    /// Whether this connection is what it was to make, in all that is shown with it.
    pub(in crate::provider) fn matches(&self, shown: &wire::Connection) -> bool {
        self.is_from_its_time(shown, CLOCK_TOLERANCE, Duration::ZERO)
            && shown.create_time != 0
            && digest(&shown.hosts) == self.hosts
            && shown
                .routes
                .iter()
                .all(|route| self.routes.get(&route.name).is_some_and(|network| same_network(network, &route.cidr)))
            && shown.available_queue_info.iter().all(|binding| holds(&self.queues, &binding.name))
            // A queue that lives in a pool is shown as its pool.
            && (!self.queues.is_empty()
                || shown.elastic_resource_pools.iter().all(|b| holds(&self.elastic_resource_pools, &b.name)))
    }

    /// Whether it may have made this connection after all, although something about it that can be changed is other than it
    /// was asked for.
    pub(in crate::provider) fn possibly_created(&self, shown: &wire::Connection) -> bool {
        self.is_from_its_time(shown, SUSPICION_MARGIN, SUSPICION_MARGIN)
    }

    /// Whether these tags are those that it sent.
    pub(in crate::provider) fn has_tags(&self, listed: &[wire::Tag], is_ignored: impl Fn(&str) -> bool) -> bool {
        let listed = listed.iter().filter(|tag| !is_ignored(&tag.key)).map(|tag| (&tag.key, &tag.value));
        listed.collect::<BTreeMap<_, _>>() == self.tags.iter().filter(|(key, _)| !is_ignored(key)).collect()
    }

    /// A living connection of the name and the place that was not there before, and was created while this was under way, or
    /// nobody knows when.
    fn is_from_its_time(&self, shown: &wire::Connection, before: Duration, after: Duration) -> bool {
        let from = self.first.saturating_sub(whole(before));
        let until = self.last.saturating_add(whole(MAX_IN_FLIGHT)).saturating_add(whole(after));
        let in_time = (from..=until).contains(&shown.create_time) || shown.create_time == 0;
        in_time
            && shown.name == self.name
            && shown.dest_vpc_id.eq_ignore_ascii_case(&self.dest_vpc_id)
            && shown.dest_network_id.eq_ignore_ascii_case(&self.dest_network_id)
            && !shown.is_deleted()
            && !self.existed_before(&shown.id)
    }
}

fn holds(names: &BTreeSet<String>, name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

impl Default for CreationJournal {
    fn default() -> Self {
        let run = Mutex::new(Uuid::new_v4().to_string());
        Self { directory: None, client: None, run, made: Mutex::default(), held: Mutex::default() }
    }
}

impl CreationJournal {
    /// Notes that are kept in this directory, which is made when the first is written.
    pub(in crate::provider) fn in_directory(directory: PathBuf) -> Self {
        Self { directory: Some(directory), ..Self::default() }
    }

    /// The same where all processes that were started by this client belong to one run.
    pub(in crate::provider) fn of_client(self, client: String) -> Self {
        Self { run: Mutex::new(client.clone()), client: Some(client), ..self }
    }

    /// Writes a note, or writes it anew. A creation does not fail for it.
    pub(in crate::provider) fn write(&self, creation: &CreationEntry) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let path = path(directory, &creation.project_id, &creation.name);
        let written = write_file(directory, &path, creation).or_else(|error| match error.kind() {
            // Another process of this run has removed the directory, which was empty until now.
            io::ErrorKind::NotFound => write_file(directory, &path, creation),
            _ => Err(error),
        });
        written.inspect_err(|error| {
            tracing::warn!(%error, path = %path.display(), "a creation is not written down: if this run is killed, the next \
                                                            one cannot tell what it made");
        })
    }

    /// What was begun under this name and is not known to be over.
    pub(in crate::provider) fn find(
        &self,
        project_id: &str,
        name: &str,
    ) -> Result<Option<CreationEntry>, UnreadableEntry> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let noted = read(path(directory, project_id, name))?;
        Ok(noted.filter(|noted| noted.project_id == project_id && noted.name == name))
    }

    /// Where the note of this name is, for messages.
    pub(in crate::provider) fn display_path(&self, project_id: &str, name: &str) -> String {
        let place = self.directory.as_ref().map(|directory| path(directory, project_id, name));
        place.map(|place| place.display().to_string()).unwrap_or_default()
    }

    /// Nothing of this name is under way any more.
    pub(in crate::provider) fn remove(&self, project_id: &str, name: &str) {
        let Some(directory) = &self.directory else { return };
        if fs::remove_file(path(directory, project_id, name)).is_ok() {
            // Only an empty directory can be removed.
            let _ = fs::remove_dir(directory);
        }
    }

    /// The state has this connection: whatever was begun for it is over.
    pub(in crate::provider) fn confirm(&self, project_id: &str, name: &str, id: &str) {
        lock(&self.held).insert([project_id, name, id].map(str::to_owned));
        if let Ok(Some(noted)) = self.find(project_id, name)
            && noted.may_have_created(id)
        {
            self.remove(project_id, name);
        }
    }

    /// A creation that is about to be sent, where `before` has the name already. What it takes the place of may be gone by
    /// then; a state that was not written since has it still.
    pub(in crate::provider) fn creation(
        &self,
        project_id: &str,
        body: &wire::CreateConnection,
        routes: Option<&BTreeMap<String, String>>,
        before: &[wire::Connection],
        now: OffsetDateTime,
    ) -> CreationEntry {
        let mut creation = CreationEntry::new(project_id, body, routes, before, now);
        creation.begun = milliseconds(OffsetDateTime::now_utc());
        creation.run.clone_from(&lock(&self.run));
        let held = lock(&self.held);
        let namesakes =
            held.iter().filter(|[project, name, _]| (project, name) == (&creation.project_id, &creation.name));
        creation.before.extend(namesakes.map(|[_, _, id]| id.clone()));
        creation
    }

    /// The provider is configured. Where no client names the run, that begins another one: what the one before has made,
    /// it may not have told Terraform.
    pub(in crate::provider) fn start_run(&self) {
        lock(&self.made).clear();
        if self.client.is_none() {
            *lock(&self.run) = Uuid::new_v4().to_string();
        }
    }

    /// The client says goodbye: it has had all answers. What it had them of while nobody interrupted, it was told. The state
    /// may still be on its way to where it is kept.
    pub(in crate::provider) fn acknowledge_all(&self) {
        for (id, CompletedCreation { project_id, name, stop }) in std::mem::take(&mut *lock(&self.made)) {
            if let Ok(Some(mut noted)) = self.find(&project_id, &name)
                && noted.id == Some(id)
                && !stop.is_cancelled()
            {
                noted.acknowledged = true;
                let _ = self.write(&noted);
            }
        }
    }

    /// Whether an earlier run noted this. Each alias of the provider has a process of its own, which notes in the same
    /// directory.
    pub(in crate::provider) fn is_earlier(&self, noted: &CreationEntry) -> bool {
        noted.run != *lock(&self.run)
    }

    /// A creation of this run came to this connection. `stop` is what an interruption triggers.
    pub(in crate::provider) fn record_created(&self, project_id: &str, name: &str, id: &str, stop: &CancellationToken) {
        let made = CompletedCreation { project_id: project_id.to_owned(), name: name.to_owned(), stop: stop.clone() };
        lock(&self.made).insert(id.to_owned(), made);
    }

    /// Whether a creation of this run came to this connection.
    pub(in crate::provider) fn was_created_in_this_run(&self, id: &str) -> bool {
        lock(&self.made).contains_key(id)
    }

    /// Tells of notes that nothing has come of. Where the configuration declares the name no longer, nobody else would.
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
        let place = path.display().to_string();
        let text = match read(path) {
            Ok(noted) => {
                let noted = noted.filter(|noted| self.is_earlier(noted) && !noted.acknowledged)?;
                let age = milliseconds(OffsetDateTime::now_utc()).saturating_sub(noted.begun);
                if age < whole(STALE_AGE) {
                    return None;
                }
                let CreationEntry { name, id, begun, .. } = &noted;
                let id = id.as_ref().map(|id| format!(" with the ID {id}")).unwrap_or_default();
                let when = OffsetDateTime::from_unix_timestamp_nanos(i128::from(*begun) * 1_000_000).ok();
                let when = when.and_then(|when| when.replace_nanosecond(0).ok()?.format(&Rfc3339).ok());
                format!(
                    "A run that began at {} created the enhanced connection {name:?}{id}, or was about to, and may have been \
                     ended before Terraform knew of it. If terraform state list shows it, or the configuration declares it, \
                     nothing needs to be done: the next apply looks for it. If not, look for the name in the console, import \
                     the connection or delete it, and then delete the note of that run: {place}",
                    when.unwrap_or_default()
                )
            }
            Err(unreadable) => format!(
                "An earlier run left a note of a connection that it was creating, and {unreadable}. Make the file readable. If \
                 it is damaged, look in the console for connections that Terraform does not know, and then delete it."
            ),
        };
        Some(Diagnostic::warning("An Earlier Run May Have Left a Connection", text))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Project ids are unique in the world, and one name is created once at a time.
fn path(directory: &Path, project_id: &str, name: &str) -> PathBuf {
    let hash = Sha256::new().chain_update(project_id).chain_update([0]).chain_update(name).finalize();
    directory.join(format!("{}.json", hex::encode(&hash[..16])))
}

/// The note in this file; none where there is no file.
fn read(path: PathBuf) -> Result<Option<CreationEntry>, UnreadableEntry> {
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(UnreadableEntry { path, why: error.to_string() }),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| UnreadableEntry { path, why: error.to_string() })
}

/// Whole or not at all.
fn write_file(directory: &Path, path: &Path, creation: &CreationEntry) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&file, creation)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Of the records in no particular order; the service may keep names in another case.
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

fn whole(span: Duration) -> i64 {
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
    fn only_what_is_like_it_in_all_that_can_be_read_was_made_by_it() {
        assert!(creation().created(&shown("new")));
        let other = |change: fn(&mut wire::Connection)| {
            let mut other = shown("new");
            change(&mut other);
            creation().created(&other)
        };
        assert!(!other(|c| c.id = "old".into()), "it was there before");
        assert!(!other(|c| c.status = "DELETED".into()));
        assert!(!other(|c| c.name = "C".into()));
        assert!(!other(|c| c.dest_vpc_id = "w".into()));
        assert!(!other(|c| c.dest_network_id = "w".into()));
        assert!(!other(|c| c.hosts.truncate(1)));
        assert!(!other(|c| c.hosts[0].ip = "10.0.0.2".into()));
        assert!(!other(|c| c.create_time = 0), "nobody knows when it was made");
        assert!(!other(|c| c.create_time -= 2001), "it was made before");
        assert!(other(|c| c.create_time -= 2000));
        assert!(!other(|c| c.create_time += 120_001), "it was made long after");
        let routed = |name: &str, cidr: &str| {
            let mut routed = shown("new");
            routed.routes = vec![wire::Route { name: name.into(), cidr: cidr.into(), create_time: 0 }];
            creation().created(&routed)
        };
        assert!(routed("r", "10.0.0.0/8"));
        assert!(!routed("r", "10.0.0.0/9") && !routed("s", "10.0.0.0/8"));
    }

    #[test]
    fn the_answers_word_counts_more_than_any_likeness() {
        let answered = CreationEntry { id: Some("x".into()), ..creation() };
        assert!(!answered.created(&shown("new")));
        let changed = wire::Connection { hosts: Vec::new(), create_time: 0, ..shown("x") };
        assert!(answered.created(&changed));
    }

    /// A queue may be shown as the pool that it lives in.
    #[test]
    fn what_is_bound_otherwise_was_made_by_somebody_else() {
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
        assert!(asked(&["q1"], &[]).created(&bound(&[], &[])), "it may be shown a moment later");
        assert!(!asked(&["q2"], &[]).created(&bound(&["q1"], &[])));
        assert!(!asked(&[], &["p"]).created(&bound(&[], &["q"])));
        assert!(!asked(&[], &[]).created(&bound(&["q1"], &[])));
    }

    #[test]
    fn tags_are_all_that_were_sent_but_for_those_that_nobody_sees() {
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
    fn what_may_be_its_own_is_suspected() {
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
        assert_eq!(other(|c| c.dest_vpc_id = "w".into()), (false, false), "nobody can move it");
        assert_eq!(other(|c| c.dest_network_id = "w".into()), (false, false));
    }

    #[test]
    fn a_later_attempt_may_have_made_it() {
        let mut creation = creation();
        creation.mark_sent(false, NOW + Duration::minutes(5));
        let late = wire::Connection { create_time: milliseconds(NOW + Duration::minutes(6)), ..shown("new") };
        assert!(creation.created(&late) && creation.created(&shown("new")));
        // Whoever was first in the meantime is not ours.
        creation.mark_sent(true, NOW + Duration::minutes(5));
        assert!(creation.created(&late) && !creation.created(&shown("new")));
    }

    #[test]
    fn what_was_sent_a_moment_ago_is_looked_for_a_while() {
        let minute = std::time::Duration::from_mins(1);
        let after = |seconds| creation().remaining(NOW + Duration::seconds(seconds), minute);
        let seconds = |seconds| Some(std::time::Duration::from_secs(seconds));
        assert_eq!([after(0), after(20), after(60), after(120)], [seconds(60), seconds(40), seconds(0), seconds(0)]);
        assert_eq!(after(121), None);
        // A clock that was set back.
        assert_eq!([after(-20), after(-121)], [seconds(60), None]);
    }

    fn found(journal: &CreationJournal) -> Option<CreationEntry> {
        journal.find("p", "c").expect("it can be read")
    }

    #[test]
    fn a_note_stays_until_the_state_has_the_connection() {
        let directory = tempfile::tempdir().expect("a directory");
        let home = directory.path().join("dli");
        let journal = || CreationJournal::in_directory(home.clone());
        assert_eq!(found(&journal()), None);
        journal().write(&creation()).expect("there is room");
        assert_eq!(found(&journal()), Some(creation()), "another process finds it");
        assert!(journal().find("q", "c").expect("it can be read").is_none());
        journal().confirm("p", "c", "old");
        assert!(found(&journal()).is_some(), "the old one was there before");
        journal().write(&CreationEntry { id: Some("x".into()), ..creation() }).expect("there is room");
        journal().confirm("p", "c", "y");
        assert!(found(&journal()).is_some(), "y is not what was made");
        journal().confirm("p", "c", "x");
        assert_eq!(found(&journal()), None);
        assert!(!home.exists(), "nothing is left");
    }

    /// The state of a run that was killed may have it still.
    #[test]
    fn what_was_held_before_is_not_what_a_creation_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let journal = CreationJournal::in_directory(directory.path().join("dli"));
        journal.confirm("p", "c", "replaced");
        journal.write(&journal.creation("p", &body(), None, &[], NOW)).expect("there is room");
        journal.confirm("p", "c", "replaced");
        assert!(found(&journal).is_some());
        journal.confirm("p", "c", "new");
        assert_eq!(found(&journal), None);
    }

    /// Unless somebody had interrupted and gone.
    #[test]
    fn a_client_that_says_goodbye_has_been_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let begun = || {
            let journal = CreationJournal::in_directory(directory.path().join("dli"));
            journal.write(&CreationEntry { id: Some("x".into()), ..creation() }).expect("there is room");
            journal
        };
        let (calm, interrupted) = (CancellationToken::new(), CancellationToken::new());
        interrupted.cancel();
        for (id, stop, told) in [("x", &calm, true), ("x", &interrupted, false), ("y", &calm, false)] {
            let journal = begun();
            journal.record_created("p", "c", id, stop);
            journal.acknowledge_all();
            assert_eq!(found(&journal).map(|noted| noted.acknowledged), Some(told), "{id}");
        }
        let journal = begun();
        journal.acknowledge_all();
        assert!(found(&journal).is_some_and(|noted| !noted.acknowledged), "nobody was told of it");
    }

    /// All processes that one client has started are one run, whatever the clocks say.
    #[test]
    fn what_another_process_of_this_run_notes_is_not_an_earlier_runs() {
        let of = |client: &str| CreationJournal::default().of_client(client.to_owned());
        let noted = |journal: &CreationJournal| journal.creation("p", &body(), None, &[], NOW);
        assert!(!of("a").is_earlier(&noted(&of("a"))));
        assert!(of("b").is_earlier(&noted(&of("a"))));
        let configured = of("a");
        let before = noted(&configured);
        configured.start_run();
        assert!(!configured.is_earlier(&before));
        // A process that serves many clients begins a run with each configuration.
        let alone = CreationJournal::default();
        let before = noted(&alone);
        assert!(!alone.is_earlier(&before));
        alone.start_run();
        assert!(alone.is_earlier(&before));
    }

    #[test]
    fn an_old_note_is_told_of() {
        let directory = tempfile::tempdir().expect("a directory");
        let journal = CreationJournal::in_directory(directory.path().join("dli"));
        let told = || journal.stale_warnings().iter().map(|told| told.detail.clone()).collect::<Vec<_>>();
        assert_eq!(told(), Vec::<String>::new());
        let now = milliseconds(OffsetDateTime::now_utc());
        journal.write(&CreationEntry { begun: now - 599_000, ..creation() }).expect("there is room");
        assert_eq!(told(), Vec::<String>::new(), "it may be run again any moment");
        journal
            .write(&CreationEntry { begun: now - 601_000, id: Some("x".into()), ..creation() })
            .expect("there is room");
        let known = CreationEntry { begun: now - 601_000, id: Some("x".into()), acknowledged: true, ..creation() };
        let other = CreationJournal::in_directory(directory.path().join("other"));
        other.write(&known).expect("there is room");
        assert_eq!(other.stale_warnings().iter().count(), 0, "Terraform was told");
        let [text] = &told()[..] else { panic!("one note: {:?}", told()) };
        assert!(text.contains("\"c\" with the ID x") && text.contains(&journal.display_path("p", "c")), "{text}");
        fs::write(journal.display_path("p", "c"), "{").expect("it is ours");
        let [text] = &told()[..] else { panic!("one note: {:?}", told()) };
        assert!(text.contains("cannot be read") && text.contains(&journal.display_path("p", "c")), "{text}");
    }

    #[test]
    fn a_broken_note_is_no_proof_and_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let journal = CreationJournal::in_directory(directory.path().to_owned());
        journal.write(&creation()).expect("there is room");
        let file = path(directory.path(), "p", "c");
        fs::write(&file, "{\"id\":").expect("it is ours");
        assert_eq!(journal.find("p", "c").expect_err("it is no note").path, file);
        // Where nothing can be written, that is said, and nothing panics.
        let nowhere = CreationJournal::in_directory(file.join("x"));
        nowhere.write(&creation()).expect_err("a file is no directory");
        nowhere.remove("p", "c");
        assert!(CreationJournal::default().find("p", "c").expect("there is none").is_none());
    }
}
