//! Creations that Terraform may not know of: each is written down before it is sent, because the service takes no
//! idempotency token, and a process that is killed can tell nobody what it made.
//!
//! A note stays until a plan or a read shows that the state has the connection. The next run that is to create a
//! connection of the same name finds by it the one that an earlier run made, and by it alone: a connection that merely
//! looks the same is somebody else's. Notes lie beside Terraform's own data of the working directory, and hold no secret.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::{enhanced_connection::model::same_network, tagging::Tags};
use crate::dli::wire;

/// The service tells its time to the second, and both clocks are read, not compared.
const TOLERANCE: Duration = Duration::seconds(2);

/// How long after it was sent a request may still be carried out.
const UNDER_WAY: Duration = Duration::minutes(2);

/// The notes of one working directory; none are kept where there is no directory.
#[derive(Debug, Default)]
pub(super) struct Pending {
    directory: Option<PathBuf>,
    /// What creations of this run came to. None of it is another resource's.
    made: Mutex<BTreeSet<String>>,
    /// What the state was seen to have in this process: project, name and id. None of it is what a later creation makes.
    held: Mutex<BTreeSet<[String; 3]>>,
    /// When this run began, by this machine's clock.
    begun: Mutex<Option<OffsetDateTime>>,
}

/// A creation that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Creation {
    pub(super) project_id: String,
    pub(super) name: String,
    pub(super) dest_vpc_id: String,
    pub(super) dest_network_id: String,
    /// Digest of the host records.
    hosts: String,
    /// The routes that it is to get.
    pub(super) routes: BTreeMap<String, String>,
    /// The rest of what it is to have.
    #[serde(default)]
    pub(super) queues: BTreeSet<String>,
    #[serde(default)]
    pub(super) elastic_resource_pools: BTreeSet<String>,
    #[serde(default)]
    pub(super) tags: Tags,
    /// Connections that had the name before.
    before: BTreeSet<String>,
    /// When it was sent first and last, by the service's clock, in milliseconds since the epoch.
    first: i64,
    last: i64,
    /// When it was begun, by this machine's clock.
    #[serde(default)]
    begun: i64,
    /// What the service answered.
    pub(super) id: Option<String>,
}

impl Creation {
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
            queues: body.queues.iter().cloned().collect(),
            elastic_resource_pools: body.elastic_resource_pools.iter().cloned().collect(),
            tags: body.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
            before: before.iter().map(|connection| connection.id.clone()).collect(),
            first: now,
            last: now,
            begun: 0,
            id: None,
        }
    }

    /// Whether this connection was there before.
    pub(super) fn was_there(&self, id: &str) -> bool {
        self.before.contains(id)
    }

    /// Whether it is to have host records.
    pub(super) fn has_hosts(&self) -> bool {
        self.hosts != digest(&[])
    }

    /// Whether it may have made the connection with this id, of which no more is known.
    pub(super) fn may_have_made(&self, id: &str) -> bool {
        self.id.as_ref().map_or_else(|| !self.was_there(id), |made| made == id)
    }

    /// Whether it may be under way still, or done and not shown yet.
    pub(super) fn is_recent(&self, now: OffsetDateTime) -> bool {
        milliseconds(now).abs_diff(self.last) <= whole(UNDER_WAY).unsigned_abs()
    }

    /// It is sent once more.
    pub(super) fn again(&mut self, now: OffsetDateTime) {
        self.last = milliseconds(now);
    }

    /// Whether it made this connection: the one that the service answered with; else one that was not there before, was
    /// created while it was under way, and has all of its facts that can be read.
    pub(super) fn made(&self, shown: &wire::Connection) -> bool {
        if shown.is_deleted() || shown.name != self.name {
            return false;
        }
        if let Some(id) = &self.id {
            return *id == shown.id;
        }
        let from = self.first.saturating_sub(whole(TOLERANCE));
        let until = self.last.saturating_add(whole(UNDER_WAY));
        !self.was_there(&shown.id)
            && (from..=until).contains(&shown.create_time)
            && shown.dest_vpc_id.eq_ignore_ascii_case(&self.dest_vpc_id)
            && shown.dest_network_id.eq_ignore_ascii_case(&self.dest_network_id)
            && digest(&shown.hosts) == self.hosts
            && shown
                .routes
                .iter()
                .all(|route| self.routes.get(&route.name).is_some_and(|network| same_network(network, &route.cidr)))
    }
}

impl Pending {
    /// Notes that are kept in this directory, which is made when the first is written.
    pub(super) fn in_directory(directory: PathBuf) -> Self {
        Self { directory: Some(directory), ..Self::default() }
    }

    /// Writes a note, or writes it anew. A creation does not fail for it.
    pub(super) fn keep(&self, creation: &Creation) {
        let Some(directory) = &self.directory else { return };
        let path = path(directory, &creation.project_id, &creation.name);
        if let Err(error) = write(directory, &path, creation) {
            tracing::warn!(%error, path = %path.display(), "a creation is not written down: if this run is killed, the next \
                                                            one cannot tell what it made");
        }
    }

    /// What was begun under this name and not seen in the state since.
    pub(super) fn find(&self, project_id: &str, name: &str) -> Option<Creation> {
        let path = path(self.directory.as_ref()?, project_id, name);
        let text = fs::read(&path).ok()?;
        match serde_json::from_slice::<Creation>(&text) {
            Ok(creation) => Some(creation).filter(|noted| noted.project_id == project_id && noted.name == name),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "this note of a creation cannot be read; it is not used");
                None
            }
        }
    }

    /// Nothing of this name is under way any more.
    pub(super) fn forget(&self, project_id: &str, name: &str) {
        let Some(directory) = &self.directory else { return };
        if fs::remove_file(path(directory, project_id, name)).is_ok() {
            // Only an empty directory can be removed.
            let _ = fs::remove_dir(directory);
        }
    }

    /// The state has this connection: whatever was begun for it is over.
    pub(super) fn seen(&self, project_id: &str, name: &str, id: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert([project_id, name, id].map(str::to_owned));
        if let Some(noted) = self.find(project_id, name)
            && noted.may_have_made(id)
        {
            self.forget(project_id, name);
        }
    }

    /// A creation that is about to be sent, where `before` has the name already. What it takes the place of may be gone by
    /// then; a state that was not written since has it still.
    pub(super) fn creation(
        &self,
        project_id: &str,
        body: &wire::CreateConnection,
        routes: Option<&BTreeMap<String, String>>,
        before: &[wire::Connection],
        now: OffsetDateTime,
    ) -> Creation {
        let mut creation = Creation::new(project_id, body, routes, before, now);
        creation.begun = milliseconds(OffsetDateTime::now_utc());
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let namesakes =
            held.iter().filter(|[project, name, _]| (project, name) == (&creation.project_id, &creation.name));
        creation.before.extend(namesakes.map(|[_, _, id]| id.clone()));
        creation
    }

    /// Another run begins in this process: what the one before has made, it may not have told Terraform.
    pub(super) fn begin(&self) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(OffsetDateTime::now_utc());
    }

    /// Whether an earlier run noted this. Each alias of the provider has a process of its own, which notes in the same
    /// directory: what was begun since this process was configured is another resource's.
    pub(super) fn is_earlier(&self, noted: &Creation) -> bool {
        let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.is_none_or(|begun| noted.begun < milliseconds(begun))
    }

    /// A creation of this run came to this connection.
    pub(super) fn claim(&self, id: &str) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    }

    /// Whether a creation of this run came to this connection.
    pub(super) fn is_claimed(&self, id: &str) -> bool {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }
}

/// Project ids are unique in the world, and one name is created once at a time.
fn path(directory: &Path, project_id: &str, name: &str) -> PathBuf {
    let hash = Sha256::new().chain_update(project_id).chain_update([0]).chain_update(name).finalize();
    directory.join(format!("{}.json", hex::encode(&hash[..16])))
}

/// Whole or not at all.
fn write(directory: &Path, path: &Path, creation: &Creation) -> io::Result<()> {
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

    fn creation() -> Creation {
        let routes = BTreeMap::from([("r".to_owned(), "10.0.0.0/8".to_owned())]);
        Creation::new("p", &body(), Some(&routes), &[shown("old")], NOW)
    }

    #[test]
    fn only_what_is_like_it_in_all_that_can_be_read_was_made_by_it() {
        assert!(creation().made(&shown("new")));
        let other = |change: fn(&mut wire::Connection)| {
            let mut other = shown("new");
            change(&mut other);
            creation().made(&other)
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
            creation().made(&routed)
        };
        assert!(routed("r", "10.0.0.0/8"));
        assert!(!routed("r", "10.0.0.0/9") && !routed("s", "10.0.0.0/8"));
    }

    #[test]
    fn the_answers_word_counts_more_than_any_likeness() {
        let answered = Creation { id: Some("x".into()), ..creation() };
        assert!(!answered.made(&shown("new")));
        let changed = wire::Connection { hosts: Vec::new(), create_time: 0, ..shown("x") };
        assert!(answered.made(&changed));
    }

    #[test]
    fn a_later_attempt_may_have_made_it() {
        let mut creation = creation();
        creation.again(NOW + Duration::minutes(5));
        let late = wire::Connection { create_time: milliseconds(NOW + Duration::minutes(6)), ..shown("new") };
        assert!(creation.made(&late));
    }

    #[test]
    fn a_note_stays_until_the_state_has_the_connection() {
        let directory = tempfile::tempdir().expect("a directory");
        let home = directory.path().join("dli");
        let pending = || Pending::in_directory(home.clone());
        assert_eq!(pending().find("p", "c"), None);
        pending().keep(&creation());
        assert_eq!(pending().find("p", "c"), Some(creation()), "another process finds it");
        assert_eq!(pending().find("q", "c"), None);
        pending().seen("p", "c", "old");
        assert!(pending().find("p", "c").is_some(), "the old one was there before");
        pending().keep(&Creation { id: Some("x".into()), ..creation() });
        pending().seen("p", "c", "y");
        assert!(pending().find("p", "c").is_some(), "y is not what was made");
        pending().seen("p", "c", "x");
        assert_eq!(pending().find("p", "c"), None);
        assert!(!home.exists(), "nothing is left");
    }

    /// The state of a run that was killed may have it still.
    #[test]
    fn what_was_held_before_is_not_what_a_creation_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let pending = Pending::in_directory(directory.path().to_owned());
        pending.seen("p", "c", "replaced");
        pending.keep(&pending.creation("p", &body(), None, &[], NOW));
        pending.seen("p", "c", "replaced");
        assert!(pending.find("p", "c").is_some());
        pending.seen("p", "c", "new");
        assert_eq!(pending.find("p", "c"), None);
    }

    #[test]
    fn what_another_process_of_this_run_notes_is_not_an_earlier_runs() {
        let pending = Pending::default();
        let earlier = pending.creation("p", &body(), None, &[], NOW);
        // Both are told to the millisecond.
        std::thread::sleep(std::time::Duration::from_millis(2));
        pending.begin();
        assert!(pending.is_earlier(&earlier));
        assert!(!pending.is_earlier(&Pending::default().creation("p", &body(), None, &[], NOW)));
    }

    #[test]
    fn a_broken_note_is_no_proof() {
        let directory = tempfile::tempdir().expect("a directory");
        let pending = Pending::in_directory(directory.path().to_owned());
        pending.keep(&creation());
        fs::write(path(directory.path(), "p", "c"), "{\"id\":").expect("it is ours");
        assert_eq!(pending.find("p", "c"), None);
        // Where nothing can be written, nothing fails.
        let nowhere = Pending::in_directory(directory.path().join(path(directory.path(), "p", "c")).join("x"));
        nowhere.keep(&creation());
        nowhere.forget("p", "c");
        assert_eq!(Pending::default().find("p", "c"), None);
    }
}
