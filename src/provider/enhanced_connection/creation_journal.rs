//! The creation journal: an entry for each creation that Terraform may not know of.
//!
//! The service takes no idempotency token, and a killed process cannot report what it created. So the provider writes
//! an entry before it sends a create request. The next run that creates a connection of the same name adopts the
//! connection that the entry proves to be the result; a connection that only looks the same belongs to someone else.
//! Adoption needs an entry that is not acknowledged (Terraform did not receive the response) and that was written by a
//! run of the same state that has ended. A killed run may have stored the connection, and another state must not get
//! it.
//!
//! An entry stays until a plan or a read shows that the state has the connection. Entries are files in Terraform's data
//! directory and hold no secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::creation_entry::CreationEntry;
use super::journal_lock::JournalLock;
use crate::dli::wire;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path;
use crate::provider::shared::declared_parts::remove_if_empty;

/// Minimum age of an entry that a warning reports. A younger one is likely to be resolved by a repeated apply.
const STALE_AGE: Duration = Duration::minutes(10);

/// The journal of one working directory.
#[derive(Debug)]
pub struct CreationJournal {
    directory: Option<PathBuf>,
    client: Option<Client>,
    run: Mutex<Run>,
}

/// The process that started this one, such as Terraform.
#[derive(Debug, Clone)]
pub struct Client {
    /// Identifies the process. No other process has the same key.
    pub key: String,
    /// Reports whether the process with a key is still running.
    pub is_running: fn(&str) -> bool,
    /// Identifies its state among those that share the directory, as returned by
    /// [`state_identity`](crate::provider::state_identity).
    pub state: String,
}

/// The current run.
#[derive(Debug)]
struct Run {
    key: String,
    /// IDs of the connections that this run created, each with a token once the response was handed over for sending.
    /// The token is cancelled if the user interrupts the run, which may then not wait for the response.
    created: BTreeMap<String, Option<CancellationToken>>,
    /// Project, name and ID of the connections that the state had in this run. A later creation did not create them.
    in_state: BTreeSet<[String; 3]>,
    /// Project and name of the entries that this process wrote in this run.
    claimed: BTreeSet<[String; 2]>,
}

/// A journal that keeps no entries.
impl Default for CreationJournal {
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl CreationJournal {
    /// Creates a journal. Without a directory it keeps no entries; a directory is created with the first entry.
    ///
    /// All processes that `client` has started form one run. Without a client, each configuration starts a run.
    pub fn new(directory: Option<PathBuf>, client: Option<Client>) -> Self {
        let key = client.as_ref().map_or_else(|| Uuid::new_v4().to_string(), |client| client.key.clone());
        let run = Run { key, created: BTreeMap::new(), in_state: BTreeSet::new(), claimed: BTreeSet::new() };
        Self { directory, client, run: Mutex::new(run) }
    }

    /// Starts a new run when the provider is configured, unless the client identifies the run.
    pub(in crate::provider) fn start_run(&self) {
        let mut run = self.run.lock();
        run.created.clear();
        run.claimed.clear();
        if self.client.is_none() {
            run.key = Uuid::new_v4().to_string();
        }
    }

    /// Returns an entry for a creation that is about to be sent. `named` are the connections that have the name now.
    ///
    /// Connections of the state count as well: a replaced one may be deleted already and still be in a state that was
    /// not saved.
    pub(super) fn new_entry(
        &self,
        project_id: &str,
        body: &wire::CreateConnection,
        routes: Option<&BTreeMap<String, String>>,
        named: &[wire::Connection],
        now: OffsetDateTime,
    ) -> CreationEntry {
        let run = self.run.lock();
        let in_state = run.in_state.iter().filter(|[project, name, _]| project == project_id && *name == body.name);
        let before = named.iter().map(|shown| &shown.id).chain(in_state.map(|[_, _, id]| id)).cloned().collect();
        let entry = CreationEntry::new(&run.key, project_id, body, routes, before, now);
        CreationEntry { state: self.state().to_owned(), ..entry }
    }

    /// Returns the entry of a connection that this run adopts from an earlier one.
    pub(super) fn adopted_entry(&self, entry: &CreationEntry, id: &str) -> CreationEntry {
        CreationEntry { id: Some(id.to_owned()), run: self.run.lock().key.clone(), ..entry.clone() }
    }

    /// Writes the first entry of a creation in place of `found`, which [`find`](Self::find) returned.
    ///
    /// If several processes found the same entry, one succeeds. The others get the entry that it wrote.
    /// The caller continues if writing fails.
    pub(super) fn claim(
        &self,
        entry: &CreationEntry,
        found: Option<&CreationEntry>,
    ) -> io::Result<Option<CreationEntry>> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let _lock = lock(directory);
        let current = self.find(&entry.project_id, &entry.name).unwrap_or_default();
        if let Some(other) = current.filter(|current| Some(current) != found) {
            return Ok(Some(other));
        }
        self.run.lock().claimed.insert([&entry.project_id, &entry.name].map(Clone::clone));
        self.write(entry).map(|()| None)
    }

    /// Takes back an entry that [`claim`](Self::claim) wrote in place of `found`, because its request had no effect. The
    /// outcome of the request of `found` is still unknown.
    pub(super) fn withdraw(&self, entry: &CreationEntry, found: Option<&CreationEntry>) {
        self.replace_if(&entry.project_id, &entry.name, |current| current == entry, found);
    }

    /// Replaces the entry for this name if it `is_replaced`, or removes it, and the directories that are empty then. No
    /// other process changes it in between.
    fn replace_if(
        &self,
        project_id: &str,
        name: &str,
        is_replaced: impl FnOnce(&CreationEntry) -> bool,
        replacement: Option<&CreationEntry>,
    ) {
        let Some(directory) = &self.directory else { return };
        let path = path(directory, project_id, name);
        if !path.exists() {
            return;
        }
        let _lock = lock(directory);
        if !read(&path).ok().flatten().is_some_and(|entry| is_replaced(&entry)) {
            return;
        }
        if let Some(replacement) = replacement {
            let _ = self.write(replacement);
        } else if fs::remove_file(path).is_ok() {
            remove_if_empty(directory);
        }
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
            tracing::warn!(%error, path = %path.display(), "cannot write the creation journal; if this run is killed, \
                                                            the next run cannot find what it created");
        })
    }

    /// Returns the entry for this name, or why it cannot be read.
    pub(in crate::provider) fn find(&self, project_id: &str, name: &str) -> Result<Option<CreationEntry>, String> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let entry = read(&path(directory, project_id, name))?;
        Ok(entry.filter(|entry| entry.project_id == project_id && entry.name == name))
    }

    /// Path of the entry for this name, for messages.
    pub(super) fn display_path(&self, project_id: &str, name: &str) -> String {
        let path = self.directory.as_ref().map(|directory| path(directory, project_id, name));
        path.map(|path| path.display().to_string()).unwrap_or_default()
    }

    /// Removes the entry of a connection that the state has.
    pub(super) fn confirm(&self, project_id: &str, name: &str, id: &str) {
        self.run.lock().in_state.insert([project_id, name, id].map(str::to_owned));
        let is_confirmed = |entry: &CreationEntry| {
            // Another process is still sending a request. Its entry without an ID does not belong to this connection.
            entry.may_have_created(id) && (entry.id.is_some() || !self.is_of_other_process(entry))
        };
        self.replace_if(project_id, name, is_confirmed, None);
    }

    /// The directory of the entries.
    pub(in crate::provider) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Whether a read or a plan of this run found the connection in the state.
    pub(in crate::provider) fn is_in_state(&self, project_id: &str, name: &str, id: &str) -> bool {
        self.run.lock().in_state.contains(&[project_id, name, id].map(str::to_owned))
    }

    /// Whether an earlier run wrote this entry. The processes of one run (one for each alias of the provider) share the
    /// directory, and so may runs that are active at the same time.
    pub(super) fn is_earlier(&self, entry: &CreationEntry) -> bool {
        entry.run != self.run.lock().key && !self.is_concurrent(entry)
    }

    /// Whether another run that is still active wrote this entry.
    pub(in crate::provider) fn is_concurrent(&self, entry: &CreationEntry) -> bool {
        self.client.as_ref().is_some_and(|client| entry.run != client.key && (client.is_running)(&entry.run))
    }

    /// Whether an active process other than this one wrote this entry: one of another run, or of this run with another
    /// configuration of the provider.
    pub(super) fn is_of_other_process(&self, entry: &CreationEntry) -> bool {
        self.is_concurrent(entry) || {
            let run = self.run.lock();
            entry.run == run.key && !run.claimed.contains(&[&entry.project_id, &entry.name].map(Clone::clone))
        }
    }

    /// Whether a process of this run wrote this entry.
    pub(super) fn is_of_this_run(&self, entry: &CreationEntry) -> bool {
        entry.run == self.run.lock().key
    }

    /// Whether an entry belongs to the state of this run.
    pub(super) fn is_of_this_state(&self, entry: &CreationEntry) -> bool {
        entry.state == self.state()
    }

    fn state(&self) -> &str {
        self.client.as_ref().map(|client| client.state.as_str()).unwrap_or_default()
    }

    /// Whether this run may adopt the connection of an entry.
    pub(in crate::provider) fn may_adopt(&self, entry: &CreationEntry) -> bool {
        !entry.acknowledged && !self.is_concurrent(entry) && self.is_of_this_state(entry)
    }

    /// Records that this run created the connection with this ID.
    pub(super) fn record_created(&self, id: &str) {
        self.run.lock().created.insert(id.to_owned(), None);
    }

    /// Records that the response with this ID was handed over for sending. `stop` is cancelled on an interruption.
    pub(super) fn record_response(&self, id: &str, stop: &CancellationToken) {
        self.run.lock().created.insert(id.to_owned(), Some(stop.clone()));
    }

    pub(super) fn was_created_in_this_run(&self, id: &str) -> bool {
        self.run.lock().created.contains_key(id)
    }

    /// Acknowledges the creations whose responses were sent. Call it after the client's Shutdown call: the client has
    /// received these responses by then.
    pub(in crate::provider) fn acknowledge_all(&self) {
        let created = std::mem::take(&mut self.run.lock().created);
        for entry in self.paths().into_iter().filter_map(|path| read(&path).ok()?) {
            let stop = entry.id.as_ref().and_then(|id| created.get(id)?.as_ref());
            if stop.is_some_and(|stop| !stop.is_cancelled()) {
                let acknowledged = CreationEntry { acknowledged: true, ..entry.clone() };
                self.replace_if(&entry.project_id, &entry.name, |current| *current == entry, Some(&acknowledged));
            }
        }
    }

    /// Returns the warning that the creation of this name will look for the connection of an earlier run first.
    pub(super) fn adoption_warning(&self, project_id: &str, name: &str) -> Option<Diagnostic> {
        let entry = self.find(project_id, name).ok()??;
        let text = format!(
            "A run that started at {} may have created the enhanced connection {name:?}{} and ended before it could \
             report it to Terraform. The apply looks for that connection first, and adopts it or reports why it cannot.",
            entry.begun_text(),
            entry.id_text()
        );
        let warning = Diagnostic::warning("Connection May Exist Already", text).at(path::Path::attribute("name"));
        (self.may_adopt(&entry) && self.is_earlier(&entry)).then_some(warning)
    }

    /// Returns warnings about old entries. Nothing else reports an entry whose name is no longer declared.
    pub(in crate::provider) fn stale_warnings(&self) -> Diagnostics {
        self.paths().iter().filter_map(|path| self.stale_warning(path)).collect()
    }

    /// Paths of all entries, in a fixed order.
    fn paths(&self) -> BTreeSet<PathBuf> {
        let files = self.directory.as_ref().and_then(|directory| fs::read_dir(directory).ok());
        let paths = files.into_iter().flatten().filter_map(|file| Some(file.ok()?.path()));
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
    }

    fn stale_warning(&self, path: &Path) -> Option<Diagnostic> {
        let text = match read(path) {
            Ok(entry) => {
                let is_stale =
                    |entry: &CreationEntry| self.is_earlier(entry) && !entry.acknowledged && entry.age() >= STALE_AGE;
                let entry = entry.filter(is_stale)?;
                format!(
                    "A run that started at {} may have created the enhanced connection {:?}{} and ended \
                     before it could report it to Terraform. If terraform state list shows the connection, or the \
                     configuration declares it, there is nothing to do: the next apply checks for it. Otherwise look \
                     for the name in the console, import the connection or delete it, and then delete the journal \
                     entry of that run: {}",
                    entry.begun_text(),
                    entry.name,
                    entry.id_text(),
                    path.display()
                )
            }
            Err(unreadable) => format!(
                "An earlier run left a journal entry for a connection that it was creating, but {unreadable}. Make the \
                 file readable. If it is damaged, check the console for connections that Terraform does not manage, \
                 then delete it."
            ),
        };
        Some(Diagnostic::warning("An Earlier Run May Have Left a Connection", text))
    }
}

/// Path of an entry. Project IDs are globally unique, and one name is created once at a time.
fn path(directory: &Path, project_id: &str, name: &str) -> PathBuf {
    let hash = Sha256::new().chain_update(project_id).chain_update([0]).chain_update(name).finalize();
    directory.join(format!("{}.json", hex::encode(&hash[..16])))
}

/// Locks the journal's directory. The caller continues if this fails.
fn lock(directory: &Path) -> Option<JournalLock> {
    let lock = JournalLock::acquire(directory);
    lock.inspect_err(|error| tracing::warn!(%error, path = %directory.display(), "cannot lock the journal")).ok()
}

/// Reads an entry; `None` if the file does not exist.
fn read(path: &Path) -> Result<Option<CreationEntry>, String> {
    let entry = match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| error.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    entry.map_err(|error| format!("the journal entry {} cannot be read: {error}", path.display()))
}

/// Replaces a file atomically.
fn write_file(directory: &Path, path: &Path, entry: &CreationEntry) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&file, entry)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn body() -> wire::CreateConnection {
        wire::CreateConnection { name: "c".into(), ..wire::CreateConnection::default() }
    }

    fn creation() -> CreationEntry {
        CreationEntry { begun: 0, ..CreationEntry::new("", "p", &body(), None, ["old".to_owned()].into(), NOW) }
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
        let home = directory.path().join(".terraform").join("dli");
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
        assert!(!directory.path().join(".terraform").exists(), "the empty directories are removed");
    }

    /// A killed run may not have saved that the connection was replaced.
    #[test]
    fn connection_of_the_state_is_not_the_result() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let journal = in_directory(&directory.path().join("dli"));
        journal.confirm("p", "c", "replaced");
        let entry = journal.new_entry("p", &body(), None, &[], NOW);
        assert_eq!(journal.claim(&entry, None).expect("the directory is writable"), None);
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
        let cases = [
            ("x", Some(&running), true),
            ("x", None, false),
            ("x", Some(&interrupted), false),
            ("y", Some(&running), false),
        ];
        for (id, sent, acknowledged) in cases {
            let journal = in_directory(&directory.path().join("dli"));
            journal.write(&CreationEntry { id: Some("x".into()), ..creation() }).expect("the directory is writable");
            journal.record_created(id);
            if let Some(stop) = sent {
                journal.record_response(id, stop);
            }
            journal.acknowledge_all();
            assert_eq!(found(&journal).map(|entry| entry.acknowledged), Some(acknowledged), "{id}");
        }
    }

    /// Two runs may be active in one directory at the same time, each with its own state.
    #[test]
    fn entry_of_running_client_is_not_earlier() {
        let of = |key: &str| {
            let is_running = |key: &str| key.starts_with("running");
            CreationJournal::new(None, Some(Client { key: key.to_owned(), is_running, state: String::new() }))
        };
        let entry = |key: &str| of(key).new_entry("p", &body(), None, &[], NOW);
        let run = of("running 1");
        assert!(!run.is_earlier(&entry("running 2")) && run.is_concurrent(&entry("running 2")));
        assert!(!run.is_earlier(&entry("running 1")) && !run.is_concurrent(&entry("running 1")));
        assert!(run.is_earlier(&entry("ended")) && !run.is_concurrent(&entry("ended")));
    }

    #[test]
    fn processes_of_one_client_form_one_run() {
        let client = |key: &str| Client { key: key.to_owned(), is_running: |_| false, state: String::new() };
        let of = |key: &str| CreationJournal::new(None, Some(client(key)));
        let entry = |journal: &CreationJournal| journal.new_entry("p", &body(), None, &[], NOW);
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
        let now = i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).expect("a valid time");
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
    fn adoptable_entry_is_announced() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let of = |key: &str, state: &str| {
            let is_running = |key: &str| key == "running";
            let client = Client { key: key.to_owned(), is_running, state: state.to_owned() };
            CreationJournal::new(Some(directory.path().join("dli")), Some(client))
        };
        let announced = |project, name| of("now", "").adoption_warning(project, name).map(|it| it.detail);
        let open = CreationEntry { run: "ended".to_owned(), ..creation() };
        let write = |entry: CreationEntry| of("now", "").write(&entry).expect("the directory is writable");
        assert_eq!(announced("p", "c"), None);
        write(open.clone());
        let text = announced("p", "c").expect("it may be adopted");
        assert!(text.contains("started at 1970-01-01T00:00:00Z may have created the enhanced connection \"c\" and"));
        assert_eq!([announced("q", "c"), announced("p", "d")], [None, None]);
        assert_eq!(of("now", "other").adoption_warning("p", "c"), None, "another state");
        write(CreationEntry { run: "running".to_owned(), ..open.clone() });
        assert_eq!(announced("p", "c"), None, "an active run");
        write(CreationEntry { run: "now".to_owned(), ..open.clone() });
        assert_eq!(announced("p", "c"), None, "this run");
        write(CreationEntry { acknowledged: true, ..open.clone() });
        assert_eq!(announced("p", "c"), None, "reported to Terraform");
        write(CreationEntry { id: Some("x".to_owned()), ..open });
        assert!(announced("p", "c").is_some_and(|text| text.contains("\"c\" with the ID x and ended")));
    }

    #[test]
    fn unreadable_entry_is_an_error() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let journal = in_directory(directory.path());
        journal.write(&creation()).expect("the directory is writable");
        let file = path(directory.path(), "p", "c");
        fs::write(&file, "{\"id\":").expect("the file is writable");
        let error = journal.find("p", "c").expect_err("invalid JSON");
        assert!(error.contains(&file.display().to_string()), "{error}");
        let nowhere = in_directory(&file.join("x"));
        nowhere.write(&creation()).expect_err("a file is not a directory");
        nowhere.confirm("p", "c", "x");
        assert!(CreationJournal::new(None, None).find("p", "c").expect("no directory").is_none());
    }

    /// The processes are threads here. Without the lock, several of them write.
    #[test]
    fn one_of_many_processes_claims_a_name() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let of = |run: usize| {
            let client = Client { key: run.to_string(), is_running: |_| true, state: run.to_string() };
            CreationJournal::new(Some(directory.path().join(".terraform").join("dli")), Some(client))
        };
        let earlier = CreationEntry { id: Some("x".into()), ..creation() };
        for round in 0..200 {
            let before = if round % 2 == 0 { None } else { Some(&earlier) };
            if let Some(before) = before {
                of(0).write(before).expect("the directory is writable");
            }
            let start = std::sync::Barrier::new(4);
            let claimed: Vec<_> = std::thread::scope(|scope| {
                let claim = |run| {
                    let (journal, start) = (of(run), &start);
                    scope.spawn(move || {
                        let entry = journal.new_entry("p", &body(), None, &[], NOW);
                        start.wait();
                        journal.claim(&entry, before).expect("the directory is writable")
                    })
                };
                let claims: Vec<_> = (1..=4).map(claim).collect();
                claims.into_iter().map(|claim| claim.join().expect("no panic")).collect()
            });
            let winner = found(&of(0)).expect("one has written its entry");
            let expected = (1..=4).map(|run| Some(&winner).filter(|winner| winner.run != run.to_string()).cloned());
            assert_eq!(claimed, expected.collect::<Vec<_>>(), "round {round}");
            of(0).withdraw(&winner, None);
            assert!(!directory.path().join(".terraform").exists(), "the empty directories are removed");
        }
    }

    /// The other run's list may have been too old to show the connection.
    #[test]
    fn confirmed_connection_keeps_the_entry_of_a_concurrent_request() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let of = |key: &str| {
            let client = Client { key: key.to_owned(), is_running: |key| key == "other", state: key.to_owned() };
            CreationJournal::new(Some(directory.path().join("dli")), Some(client))
        };
        let open = of("other").new_entry("p", &body(), None, &[], NOW);
        of("other").write(&open).expect("the directory is writable");
        of("ours").confirm("p", "c", "x");
        assert_eq!(found(&of("ours")), Some(open.clone()));
        of("other").write(&CreationEntry { id: Some("x".into()), ..open }).expect("the directory is writable");
        of("ours").confirm("p", "c", "x");
        assert_eq!(found(&of("ours")), None);
    }

    /// Each alias of the provider is a process of its own in the same run.
    #[test]
    fn open_entry_of_another_process_of_the_run_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let process = || {
            let client = Client { key: "run".to_owned(), is_running: |_| true, state: String::new() };
            CreationJournal::new(Some(directory.path().join("dli")), Some(client))
        };
        let (first, second) = (process(), process());
        let open = first.new_entry("p", &body(), None, &[], NOW);
        assert_eq!(first.claim(&open, None).expect("the directory is writable"), None);
        assert!(second.is_of_other_process(&open) && !first.is_of_other_process(&open));
        let theirs = CreationEntry { first: 1, ..open.clone() };
        assert_eq!(second.claim(&theirs, None).expect("the directory is writable"), Some(open.clone()));
        second.withdraw(&theirs, None);
        second.confirm("p", "c", "x");
        assert_eq!(found(&second), Some(open.clone()));
        first.withdraw(&open, Some(&theirs));
        assert_eq!(found(&first), Some(theirs));
    }
}
