//! Parts of connections that the plans of one run declare or remove.
//!
//! Two resources can declare the same part. If one of them is removed from the configuration, the part must stay. Only
//! the plan sees both resources, and the apply is another process. The plan therefore writes a file to the journal's
//! directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::dli::rules;

/// The parts of one run. A part is a text that identifies it.
#[derive(Debug, Default)]
pub(crate) struct DeclaredParts {
    directory: Option<PathBuf>,
    parts: Mutex<BTreeMap<String, PartPlan>>,
}

#[derive(Debug, Default)]
struct PartPlan {
    /// The plans of resources of its own that declare it.
    declarations: Declarations,
    /// Whether the connection declares it.
    is_inline: bool,
    /// The binding of the pool that the service has made for this binding of a queue.
    pool: Option<String>,
    /// Whether a resource that held it is removed.
    is_removed: bool,
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
    fn add(&mut self, is_new: bool) {
        if is_new {
            self.new += 1;
            // The read after the plan on the stored state has found that the object is gone.
            if self.reads > 0 && self.stored > 0 {
                (self.reads, self.stored) = (self.reads - 1, self.stored - 1);
            }
        } else if self.reads > 0 {
            self.reads -= 1;
            self.after_read += 1;
        } else {
            self.stored += 1;
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

/// What another resource of the run does with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// It declares the part, too.
    Declared,
    /// One of the two resources is removed, and the other declares the part.
    Removed,
    /// As before, but the apply will remove the part, because the plan could not record that it stays.
    NotRecorded,
}

impl DeclaredParts {
    /// Without a directory, an apply does not learn which parts stay.
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, parts: Mutex::default() }
    }

    /// Records that the service has bound the pool of a queue in place of the queue. Terraform may plan the removal of
    /// the queue's resource before it reads the resource.
    pub(crate) fn bind_pool(&self, queue: &str, pool: &str) -> Option<Overlap> {
        let mut parts = self.parts.lock();
        let plan = parts.entry(queue.to_owned()).or_default();
        plan.pool = Some(pool.to_owned());
        let is_removed = plan.is_removed;
        (is_removed && is_declared(&parts, pool)).then(|| self.keep(queue))
    }

    /// Records that the plan of a new or existing resource declares a part.
    pub(crate) fn declare(&self, part: &str, is_new: bool) -> Option<Overlap> {
        let mut parts = self.parts.lock();
        let plan = parts.entry(part.to_owned()).or_default();
        plan.declarations.add(is_new);
        let is_second = plan.declarations.resources() > 1;
        self.keep_removed(&parts, part).or_else(|| is_second.then_some(Overlap::Declared))
    }

    /// Records that the plan of the connection declares a part, which stays if a resource for it is removed.
    pub(crate) fn declare_inline(&self, part: &str) -> Option<Overlap> {
        let mut parts = self.parts.lock();
        parts.entry(part.to_owned()).or_default().is_inline = true;
        self.keep_removed(&parts, part)
    }

    /// Keeps what removed resources hold of a declared part: the part itself, or the pool of a queue.
    fn keep_removed(&self, parts: &BTreeMap<String, PartPlan>, declared: &str) -> Option<Overlap> {
        let is_held = |(name, plan): &(&String, &PartPlan)| {
            plan.is_removed && (*name == declared || plan.pool.as_deref() == Some(declared))
        };
        let kept: Vec<_> = parts.iter().filter(is_held).map(|(name, _)| self.keep(name)).collect();
        kept.iter().copied().find(|overlap| *overlap == Overlap::NotRecorded).or(kept.first().copied())
    }

    /// Records that a plan removes a resource that holds a part.
    pub(crate) fn remove(&self, part: &str) -> Option<Overlap> {
        let mut parts = self.parts.lock();
        let plan = parts.entry(part.to_owned()).or_default();
        plan.is_removed = true;
        let pool = plan.pool.clone();
        if !is_declared(&parts, part) && !pool.is_some_and(|pool| is_declared(&parts, &pool)) {
            // An earlier plan may have left it.
            self.take_kept(part);
            return None;
        }
        Some(self.keep(part))
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

    /// Whether a resource of the state holds a part, or a replacement will.
    pub(crate) fn is_held(&self, part: &str) -> bool {
        self.parts.lock().get(part).is_some_and(|plan| plan.is_held)
    }

    /// Whether the last plan found that a part must stay although a resource for it is removed. Forgets the finding.
    pub(crate) fn take_kept(&self, part: &str) -> bool {
        let Some(file) = self.file(part) else { return false };
        let is_kept = fs::remove_file(&file).is_ok();
        if let Some(directory) = file.parent().filter(|_| is_kept) {
            remove_if_empty(directory);
        }
        is_kept
    }

    /// Records that a part stays.
    fn keep(&self, part: &str) -> Overlap {
        let Some(file) = self.file(part) else { return Overlap::NotRecorded };
        let write = || file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, part));
        // Another process may remove the empty directory in between.
        match write().or_else(|_| write()) {
            Ok(()) => Overlap::Removed,
            Err(error) => {
                tracing::error!(%error, path = %file.display(), part, "cannot record that the part stays");
                Overlap::NotRecorded
            }
        }
    }

    fn file(&self, part: &str) -> Option<PathBuf> {
        let hash = hex::encode(&Sha256::digest(part)[..16]);
        self.directory.as_ref().map(|directory| directory.join(format!("{hash}.kept")))
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

/// Whether a plan declares a part.
fn is_declared(parts: &BTreeMap<String, PartPlan>, part: &str) -> bool {
    parts.get(part).is_some_and(|plan| plan.declarations.resources() > 0 || plan.is_inline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_stays_while_another_resource_declares_it() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let home = directory.path().join(".terraform").join("dli");
        let run = || DeclaredParts::new(Some(home.clone()));
        for removal_first in [true, false] {
            let plan = run();
            let found = if removal_first {
                [plan.remove("a"), plan.declare("a", true)]
            } else {
                [plan.declare("a", true), plan.remove("a")]
            };
            assert_eq!(found, [None, Some(Overlap::Removed)]);
            assert!(run().take_kept("a") && !run().take_kept("a"));
            assert!(!directory.path().join(".terraform").exists(), "the empty directories are removed");
        }
        // The next plan removes both resources.
        let plan = run();
        assert_eq!((plan.declare("a", true), plan.declare("a", true)), (None, Some(Overlap::Declared)));
        plan.remove("a");
        let next = run();
        assert_eq!((next.remove("a"), next.remove("a")), (None, None));
        assert!(!run().take_kept("a"));
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
        ] {
            let plan = DeclaredParts::default();
            let found = calls.chars().filter_map(|call| match call {
                'r' => {
                    plan.mark_read("a");
                    None
                }
                call => plan.declare("a", call == 'n'),
            });
            assert_eq!(found.last() == Some(Overlap::Declared), is_second, "{calls}");
        }
    }

    #[test]
    fn unwritable_directory_is_reported() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        for directory in [Some(file.path().to_owned()), None] {
            let plan = DeclaredParts::new(directory.clone());
            assert_eq!([plan.remove("a"), plan.declare("a", true)], [None, Some(Overlap::NotRecorded)]);
            let inline = DeclaredParts::new(directory);
            assert_eq!([inline.remove("a"), inline.declare_inline("a")], [None, Some(Overlap::NotRecorded)]);
        }
    }

    #[test]
    fn pool_of_a_removed_queue_stays_in_any_order() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let run = || DeclaredParts::new(Some(directory.path().join("dli")));
        let steps: [fn(&DeclaredParts) -> Option<Overlap>; 3] =
            [|plan| plan.remove("queue"), |plan| plan.bind_pool("queue", "pool"), |plan| plan.declare("pool", true)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let plan = run();
            assert_eq!(order.map(|step| steps[step](&plan)), [None, None, Some(Overlap::Removed)], "{order:?}");
            assert!(run().take_kept("queue"), "{order:?}");
        }
    }

    #[test]
    fn part_of_the_connection_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let run = || DeclaredParts::new(Some(directory.path().join("dli")));
        let plan = run();
        assert_eq!((plan.declare_inline("a"), plan.remove("a")), (None, Some(Overlap::Removed)));
        assert!(run().take_kept("a"));
    }
}
