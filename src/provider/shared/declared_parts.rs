//! Parts of connections that one plan declares or removes.
//!
//! Two resources can need the same part. If one of them is removed or replaced, the part must stay. Only the plan sees
//! both resources, and the apply is another process. The plan therefore writes the ID of the removal to a file of the
//! part, in the journal's directory. The planned removal or replacement has this ID as private data, so other plans in
//! the directory neither keep the part nor make the apply of this one remove it.
//!
//! With `create_before_destroy`, Terraform plans the removal of the old object again in the apply, without the private
//! data. For such a removal, the finding of the latest plan counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::overlap::{Overlap, Overlaps};
use crate::dli::rules;

/// How long the record of a plan is kept. A saved plan is applied, or becomes outdated, long before.
const MAX_AGE: Duration = Duration::from_hours(30 * 24);

/// A line of a record: a later plan removes the part.
const REMOVED: &str = "removed";

/// The parts of one plan. A part is a text that identifies it.
#[derive(Debug, Default)]
pub(crate) struct DeclaredParts {
    directory: Option<PathBuf>,
    /// ID of the plan.
    plan: String,
    parts: Mutex<BTreeMap<String, PartPlan>>,
    /// Name and network of the declared routes, by the connection and either of them.
    routes: Mutex<BTreeMap<(String, String), (String, String)>>,
    /// Whether this process applies a plan.
    applies: AtomicBool,
    /// Set once the records of old plans are removed.
    old_removed: OnceLock<()>,
}

#[derive(Debug, Default)]
struct PartPlan {
    /// The plans of resources of its own that declare it.
    declarations: Declarations,
    /// Whether the connection declares it.
    is_inline: bool,
    /// The binding of the pool that the service makes for this binding of a queue.
    pool: Option<String>,
    /// The bindings of queues for which the service makes this binding of a pool.
    queues: BTreeSet<String>,
    /// How many plans remove a resource that holds it.
    removals: usize,
    /// For how many of them it was recorded that the part stays.
    kept: usize,
    /// Whether the apply keeps the part: the latest plan, or that of another removal, has found that it stays.
    stays: bool,
    /// Whether a resource of the state holds it, or a replacement will.
    is_held: bool,
}

/// The number of plans that declare a part.
///
/// With `-minimal-refresh`, Terraform plans an existing resource on its stored state, and reads it and plans it again
/// if it finds a change. Without that option, each plan of an existing resource follows a read, or none does.
#[derive(Debug, Default)]
struct Declarations {
    /// Plans of new resources.
    new: usize,
    /// Plans of existing resources that follow a read.
    after_read: usize,
    /// Plans of existing resources on their stored state.
    stored: usize,
    /// Reads that no plan has followed yet.
    reads: usize,
}

impl Declarations {
    /// Returns whether a read has come before this plan.
    fn take_read(&mut self) -> bool {
        let has_read = self.reads > 0;
        self.reads -= usize::from(has_read);
        has_read
    }

    fn add_new(&mut self) {
        self.new += 1;
        // The read after the plan on the stored state has found that the object is gone.
        if self.stored > 0 && self.take_read() {
            self.stored -= 1;
        }
    }

    /// The number of resources: a plan after a read may repeat one on the stored state.
    fn resources(&self) -> usize {
        self.new + self.after_read.max(self.stored)
    }
}

/// The text for a part of a connection.
pub(crate) fn part_of(part: &str, connection: &str) -> String {
    format!("{part} of the connection {}", connection.to_ascii_lowercase())
}

/// The text for the binding of a queue.
pub(crate) fn queue(name: &str) -> String {
    format!("binding of the queue {}", name.to_ascii_lowercase())
}

/// The text for the binding of an elastic resource pool.
pub(crate) fn pool(name: &str) -> String {
    format!("binding of the elastic resource pool {}", name.to_ascii_lowercase())
}

/// The text for a route.
pub(crate) fn route(name: &str, cidr: &str) -> String {
    let network = rules::network(cidr).map_or_else(|| cidr.to_owned(), |network| network.to_string());
    format!("route {name} to {network}")
}

impl DeclaredParts {
    /// Without a directory, an apply does not learn which parts stay.
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, plan: Uuid::new_v4().simple().to_string(), ..Self::default() }
    }

    /// Records that a resource declares a route. Returns another declared route that has its name or its network, which
    /// a connection cannot have twice.
    pub(crate) fn declare_route(&self, connection: &str, name: &str, cidr: &str) -> Option<(String, String)> {
        let network = rules::network(cidr)?.to_string();
        let mut routes = self.routes.lock();
        // A name has no slash.
        [name, &network].into_iter().find_map(|key| {
            let key = (connection.to_ascii_lowercase(), key.to_owned());
            let route = (name.to_owned(), network.clone());
            let first = routes.entry(key).or_insert_with(|| route.clone());
            (*first != route).then(|| first.clone())
        })
    }

    /// Records that the service binds the pool of a queue in place of the queue. Terraform may plan the removal of the
    /// queue's resource before it reads the resource. Does nothing if the two parts are the same.
    pub(crate) fn bind_pool(&self, queue: &str, pool: &str) -> Overlaps {
        if queue == pool {
            return Overlaps::new();
        }
        let mut parts = self.parts.lock();
        parts.entry(queue.to_owned()).or_default().pool = Some(pool.to_owned());
        parts.entry(pool.to_owned()).or_default().queues.insert(queue.to_owned());
        let found = self.keep_needed(&mut parts, queue);
        found.into_iter().chain(removed_pool(&parts, queue)).collect()
    }

    /// As [`DeclaredParts::bind_pool`], with names.
    pub(crate) fn bind_pool_of(&self, connection: &str, queue_name: &str, pool_name: &str) -> Overlaps {
        self.bind_pool(&part_of(&queue(queue_name), connection), &part_of(&pool(pool_name), connection))
    }

    /// Records that the plan of a resource declares a part. `held` is the part of its state; `None` if it is new.
    pub(crate) fn declare(&self, part: &str, held: Option<&str>) -> Overlaps {
        let mut parts = self.parts.lock();
        let follows_read = held.and_then(|held| parts.get_mut(held)).is_some_and(|plan| plan.declarations.take_read());
        let declarations = &mut parts.entry(part.to_owned()).or_default().declarations;
        match held {
            None => declarations.add_new(),
            Some(_) if follows_read => declarations.after_read += 1,
            Some(_) => declarations.stored += 1,
        }
        let is_second = declarations.resources() > 1;
        let found = self.keep_needed(&mut parts, part);
        if found.is_empty() && is_second { vec![(part.to_owned(), Overlap::Declared)] } else { found }
    }

    /// Records that the plan of the connection declares a part, which stays if a resource for it is removed.
    pub(crate) fn declare_inline(&self, part: &str) -> Overlaps {
        let mut parts = self.parts.lock();
        parts.entry(part.to_owned()).or_default().is_inline = true;
        self.keep_needed(&mut parts, part)
    }

    /// Records that a plan removes a resource that holds a part. Returns the ID of the removal, too, with which its apply
    /// finds whether the part stays.
    pub(crate) fn remove(&self, part: &str) -> (String, Overlaps) {
        let mut parts = self.parts.lock();
        let plan = parts.entry(part.to_owned()).or_default();
        if plan.removals == 0
            && let Some(file) = self.file(part)
            && let Ok(record) = fs::read_to_string(&file)
        {
            plan.stays = record.lines().next_back() != Some(REMOVED);
            // If it cannot be written, an apply without the private data keeps the part.
            let _ = append(&file, REMOVED);
        }
        plan.removals += 1;
        let removal = self.removal(plan.removals);
        let found = self.keep_needed(&mut parts, part);
        (removal, found.into_iter().chain(removed_pool(&parts, part)).collect())
    }

    fn removal(&self, number: usize) -> String {
        format!("{}-{number}", self.plan)
    }

    /// Records that this process applies a plan. Its findings hold for itself, so it does not write them.
    pub(crate) fn mark_applying(&self) {
        self.applies.store(true, Ordering::Relaxed);
    }

    /// Records that the part stays, if it is declared and a resource for it is removed. The bindings of a pool and of its
    /// queues are one part.
    fn keep_needed(&self, parts: &mut BTreeMap<String, PartPlan>, part: &str) -> Overlaps {
        let pool = parts.get(part).and_then(|plan| plan.pool.clone()).unwrap_or_else(|| part.to_owned());
        let queues = parts.get(&pool).map(|plan| &plan.queues);
        let same = || queues.into_iter().flatten().chain([&pool]).filter_map(|part| Some((part, parts.get(part)?)));
        if !same().any(|(_, plan)| plan.is_declared()) {
            return Overlaps::new();
        }
        let removed: Vec<_> =
            same().filter(|(_, plan)| plan.removals > plan.kept).map(|(part, _)| part.clone()).collect();
        let keep = |part: String| {
            let plan = parts.entry(part.clone()).or_default();
            let open = plan.kept + 1..=plan.removals;
            plan.kept = plan.removals;
            if self.applies.load(Ordering::Relaxed) {
                plan.stays = true;
                return (part, Overlap::Kept);
            }
            let mut overlaps = open.map(|number| self.keep(&part, &self.removal(number)));
            let overlap = overlaps.find(|overlap| *overlap == Overlap::NotRecorded).unwrap_or(Overlap::Removed);
            (part, overlap)
        };
        removed.into_iter().map(keep).collect()
    }

    /// Records that a resource of the state holds a part, or that a replacement will.
    pub(crate) fn hold(&self, part: &str) {
        self.parts.lock().entry(part.to_owned()).or_default().is_held = true;
    }

    /// Records the read of a resource that holds a part.
    pub(crate) fn mark_read(&self, part: &str) {
        let mut parts = self.parts.lock();
        let plan = parts.entry(part.to_owned()).or_default();
        plan.is_held = true;
        plan.declarations.reads += 1;
    }

    /// Whether the service has bound the pool of a queue in place of the queue.
    pub(crate) fn has_pool(&self, queue: &str) -> bool {
        self.parts.lock().get(queue).is_some_and(|plan| plan.pool.is_some())
    }

    /// Whether a resource of the state holds a part, or a replacement will.
    pub(crate) fn is_held(&self, part: &str) -> bool {
        self.parts.lock().get(part).is_some_and(|plan| plan.is_held)
    }

    /// Whether the plan of this removal found that the part must stay. Forgets the finding.
    ///
    /// # Errors
    ///
    /// Fails if the record may exist, but cannot be read.
    pub(crate) fn take_kept(&self, part: &str, removal: &[u8]) -> io::Result<bool> {
        let removal = str::from_utf8(removal).ok().filter(|removal| !removal.is_empty());
        let mut parts = self.parts.lock();
        let plan = parts.entry(part.to_owned()).or_default();
        let Some((file, removal)) = self.file(part).zip(removal) else { return Ok(plan.stays) };
        // The record is removed with the first of several removals.
        plan.stays = plan.stays
            || match fs::read_to_string(&file) {
                Ok(record) => record.lines().any(|line| line == removal),
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            };
        if plan.stays && fs::remove_file(&file).is_ok() {
            file.parent().into_iter().for_each(remove_if_empty);
        }
        Ok(plan.stays)
    }

    /// Records that a part stays.
    fn keep(&self, part: &str, removal: &str) -> Overlap {
        let Some(file) = self.file(part) else { return Overlap::NotRecorded };
        let directory = file.parent().unwrap_or(&file);
        let write = || fs::create_dir_all(directory).and_then(|()| append(&file, removal));
        // Another process may remove the empty directory in between.
        match write().or_else(|_| write()) {
            Ok(()) => {
                self.old_removed.get_or_init(|| remove_old(directory));
                Overlap::Removed
            }
            Err(error) => {
                tracing::error!(%error, path = %file.display(), part, "cannot record that the part stays");
                Overlap::NotRecorded
            }
        }
    }

    /// The record of a part.
    fn file(&self, part: &str) -> Option<PathBuf> {
        let hash = hex::encode(&Sha256::digest(part)[..16]);
        self.directory.as_ref().map(|directory| directory.join(hash).with_extension("kept"))
    }
}

/// Appends a line to a record.
fn append(file: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(file)?.write_all(format!("{line}\n").as_bytes())
}

impl PartPlan {
    /// Whether a resource that the plan does not remove declares it.
    fn is_declared(&self) -> bool {
        self.declarations.resources() > 0 || self.is_inline
    }
}

/// The finding that a removal may unbind the pool of a queue.
fn removed_pool(parts: &BTreeMap<String, PartPlan>, queue: &str) -> Option<(String, Overlap)> {
    let plan = parts.get(queue)?;
    (plan.removals > plan.kept && plan.pool.is_some()).then(|| (queue.to_owned(), Overlap::PoolRemoved))
}

/// Removes the records of plans that were never applied.
fn remove_old(directory: &Path) {
    let is_old = |file: &fs::DirEntry| {
        let written = file.metadata().and_then(|metadata| metadata.modified());
        let age = written.ok().and_then(|written| SystemTime::now().duration_since(written).ok());
        file.path().extension().is_some_and(|extension| extension == "kept") && age.is_some_and(|age| age > MAX_AGE)
    };
    for file in fs::read_dir(directory).into_iter().flatten().flatten().filter(is_old) {
        let _ = fs::remove_file(file.path());
    }
}

/// Removes the provider's directory if it is empty, and then an empty `.terraform` above it: not every client has one.
pub(crate) fn remove_if_empty(directory: &Path) {
    let parent = directory.parent().filter(|parent| parent.ends_with(".terraform"));
    if fs::remove_dir(directory).is_ok()
        && let Some(parent) = parent
    {
        let _ = fs::remove_dir(parent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: [Overlap; 1] = [Overlap::Removed];

    fn found(overlaps: Overlaps) -> Vec<Overlap> {
        overlaps.into_iter().map(|(_, overlap)| overlap).collect()
    }

    fn removed(plan: &DeclaredParts, part: &str) -> Vec<Overlap> {
        found(plan.remove(part).1)
    }

    /// Whether the apply of this plan keeps a part.
    fn is_kept(plan: &DeclaredParts, part: &str) -> bool {
        let apply = DeclaredParts::new(plan.directory.clone());
        apply.take_kept(part, plan.removal(1).as_bytes()).expect("a readable directory")
    }

    #[test]
    fn part_stays_while_another_resource_declares_it() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let home = directory.path().join(".terraform").join("dli");
        let run = || DeclaredParts::new(Some(home.clone()));
        for removal_first in [true, false] {
            let plan = run();
            let [first, second] = if removal_first {
                [removed(&plan, "a"), found(plan.declare("a", None))]
            } else {
                [found(plan.declare("a", None)), removed(&plan, "a")]
            };
            assert_eq!((first, second.as_slice()), (Vec::new(), &KEPT[..]));
            // Another plan in the directory, which removes the part, changes nothing.
            let other = run();
            assert_eq!(removed(&other, "a"), []);
            assert!(!is_kept(&other, "a"));
            assert!(is_kept(&plan, "a") && !is_kept(&plan, "a"));
            assert!(!directory.path().join(".terraform").exists(), "the empty directories are removed");
        }
        let plan = run();
        assert_eq!([plan.declare("a", None), plan.declare("a", None)].map(found), [vec![], vec![Overlap::Declared]]);
        plan.remove("a");
        for private in [&b""[..], b"../a", b"other"] {
            assert!(!run().take_kept("a", private).expect("a readable directory"), "{private:?}");
        }
    }

    /// Each of two removed resources leaves the part to the third one.
    #[test]
    fn part_of_two_removed_resources_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for order in ["drr", "rdr", "rrd"] {
            let plan = DeclaredParts::new(Some(directory.path().join("dli")));
            let step = |step| {
                if step == 'r' { Some(plan.remove("a").0) } else { plan.declare("a", Some("a")).pop().and(None) }
            };
            let removals: Vec<_> = order.chars().filter_map(step).collect();
            let apply = DeclaredParts::new(plan.directory.clone());
            let kept = removals.iter().map(|removal| apply.take_kept("a", removal.as_bytes()).expect("readable"));
            assert_eq!(kept.collect::<Vec<_>>(), [true, true], "{order}");
        }
    }

    /// As with `create_before_destroy`. The plans keep the part (`k`) or remove it (`r`), one after the other.
    #[test]
    fn removal_without_private_data_follows_the_latest_plan() {
        for (plans, is_kept) in [("k", true), ("kr", false), ("rk", true), ("r", false), ("krk", true)] {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let run = || DeclaredParts::new(Some(directory.path().join("dli")));
            for step in plans.chars() {
                let plan = run();
                plan.remove("a");
                // The second removal of a plan does not forget what the first one found.
                if step == 'k' {
                    plan.declare("a", Some("a"));
                    plan.remove("a");
                }
            }
            let apply = run();
            let removals = [apply.remove("a").0, apply.remove("a").0];
            let kept = removals.map(|removal| apply.take_kept("a", removal.as_bytes()).expect("readable"));
            assert_eq!(kept, [is_kept; 2], "{plans}");
        }
    }

    /// The record is for the apply, which needs none itself.
    #[test]
    fn apply_writes_no_record() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let apply = DeclaredParts::new(Some(file.path().to_owned()));
        apply.mark_applying();
        assert_eq!(found(apply.declare("a", None)), []);
        let (removal, overlaps) = apply.remove("a");
        assert_eq!(found(overlaps), [Overlap::Kept]);
        assert!(apply.take_kept("a", removal.as_bytes()).expect("no record is read"));
    }

    /// As in a directory that the apply cannot write to, or that is not one.
    #[test]
    fn unreadable_record_is_an_error() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let apply = DeclaredParts::new(Some(file.path().join("dli")));
        assert!(apply.take_kept("a", apply.removal(1).as_bytes()).is_err());
        assert!(!apply.take_kept("a", b"").expect("no removal of a plan"));
    }

    /// Reads (`r`), plans of an existing resource (`p`) and plans of a new one (`n`), as Terraform sends them.
    #[test]
    fn repeated_plan_is_not_a_second_resource() {
        for (calls, is_second) in [
            ("rp", false),
            ("rprp", true),
            ("rrpp", true),
            ("rpn", true),
            // Without a refresh.
            ("pp", true),
            // With a minimal refresh: a change, an object that is gone, two resources without a change, one with a
            // change, and a new one.
            ("prp", false),
            ("prn", false),
            ("pp", true),
            ("prpp", true),
            ("pprp", true),
            ("pprprp", true),
            ("prpn", true),
            // A replacement of another part: `o` and `s` for `r` and `p`. The last is a new resource.
            ("os", false),
            ("sos", false),
            ("osn", true),
        ] {
            let plan = DeclaredParts::default();
            let last = calls.chars().filter_map(|call| match call {
                'r' | 'o' => {
                    plan.mark_read(if call == 'r' { "a" } else { "old" });
                    None
                }
                call => {
                    let held = ['p', 's'].contains(&call).then_some(if call == 'p' { "a" } else { "old" });
                    Some(found(plan.declare("a", held)))
                }
            });
            assert_eq!(last.last() == Some(vec![Overlap::Declared]), is_second, "{calls}");
        }
    }

    #[test]
    fn unwritable_directory_is_reported() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        for directory in [Some(file.path().to_owned()), None] {
            let plan = DeclaredParts::new(directory.clone());
            assert_eq!([removed(&plan, "a"), found(plan.declare("a", None))], [vec![], vec![Overlap::NotRecorded]]);
            let inline = DeclaredParts::new(directory);
            assert_eq!(
                [removed(&inline, "a"), found(inline.declare_inline("a"))],
                [vec![], vec![Overlap::NotRecorded]]
            );
        }
    }

    /// All orders of these steps.
    fn orders(steps: &[usize]) -> Vec<Vec<usize>> {
        let [] = steps else {
            let after = |&first: &usize| {
                let rest: Vec<_> = steps.iter().copied().filter(|step| *step != first).collect();
                orders(&rest).into_iter().map(move |rest| [vec![first], rest].concat())
            };
            return steps.iter().flat_map(after).collect();
        };
        vec![Vec::new()]
    }

    /// The pool is declared itself, or a queue in it is, which the service has bound as the pool, too.
    #[test]
    fn pool_of_a_removed_queue_stays_in_any_order() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let remove = |plan: &DeclaredParts| plan.remove("queue").1;
        let bind = |plan: &DeclaredParts| plan.bind_pool("queue", "pool");
        let declare_pool = |plan: &DeclaredParts| plan.declare("pool", None);
        let declare = |plan: &DeclaredParts| plan.declare("sibling", None);
        let bind_sibling = |plan: &DeclaredParts| plan.bind_pool("sibling", "pool");
        let by_pool: [&dyn Fn(&DeclaredParts) -> Overlaps; 3] = [&remove, &bind, &declare_pool];
        let by_sibling: [&dyn Fn(&DeclaredParts) -> Overlaps; 4] = [&remove, &bind, &declare, &bind_sibling];
        for (steps, orders) in [(&by_pool[..], orders(&[0, 1, 2])), (&by_sibling[..], orders(&[0, 1, 2, 3]))] {
            for order in orders {
                let plan = DeclaredParts::new(Some(directory.path().join("dli")));
                let all: Vec<_> = order.iter().flat_map(|&step| found(steps[step](&plan))).collect();
                assert_eq!(all.iter().filter(|overlap| **overlap == Overlap::Removed).count(), 1, "{order:?}");
                assert!(is_kept(&plan, "queue"), "{order:?}");
            }
        }
    }

    /// In either order, because Terraform may plan the removal before it reads the resource.
    #[test]
    fn removed_pool_of_a_queue_is_found() {
        let plan = DeclaredParts::default();
        assert_eq!(found(plan.bind_pool("a", "pool")), []);
        assert_eq!(removed(&plan, "a"), [Overlap::PoolRemoved]);
        assert_eq!(removed(&plan, "b"), []);
        assert_eq!(found(plan.bind_pool("b", "other")), [Overlap::PoolRemoved]);
        plan.remove("c");
        assert_eq!(found(plan.declare("d", None)), [], "another part");
    }

    #[test]
    fn part_of_the_connection_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let plan = DeclaredParts::new(Some(directory.path().join("dli")));
        assert_eq!(found(plan.declare_inline("a")), []);
        assert_eq!(removed(&plan, "a"), KEPT);
        assert!(is_kept(&plan, "a"));
    }

    #[test]
    fn route_with_a_used_name_or_network_is_found() {
        let plan = DeclaredParts::default();
        let declare = |name, cidr| plan.declare_route("2A62", name, cidr).map(|(name, cidr)| format!("{name} {cidr}"));
        assert_eq!(declare("a", "10.1.0.0/16"), None);
        assert_eq!(declare("a", "10.1.2.3/16"), None, "the same route, planned again");
        assert_eq!(declare("b", "10.2.0.0/16"), None);
        assert_eq!(declare("c", "10.1.0.0/16").as_deref(), Some("a 10.1.0.0/16"));
        assert_eq!(declare("b", "10.3.0.0/16").as_deref(), Some("b 10.2.0.0/16"));
        assert_eq!(plan.declare_route("other", "a", "10.2.0.0/16"), None);
    }

    #[test]
    fn old_records_are_removed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let old = SystemTime::now() - MAX_AGE - Duration::from_mins(1);
        for (name, modified) in [("a.kept", old), ("b.kept", SystemTime::now()), ("c.json", old)] {
            let file = fs::File::create(directory.path().join(name)).expect("a writable directory");
            file.set_modified(modified).expect("a file of the test");
        }
        let plan = DeclaredParts::new(Some(directory.path().to_owned()));
        plan.declare_inline("part");
        plan.remove("part");
        let is_left = |name| directory.path().join(name).exists();
        assert_eq!(["a.kept", "b.kept", "c.json"].map(is_left), [false, true, true]);
    }
}
