//! Facts about networks that one run has read, and the targets that its plans declare.
//!
//! They are never kept longer than a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;
use parking_lot::Mutex;

use super::target::TargetName;
use crate::dli::vpc::{RouteTable, Subnet, Vpc};
use crate::provider::shared::shared_reads::Objects;

/// What the service has responded about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadOutcome<T> {
    Found(T),
    /// It does not exist.
    Missing,
    /// It does not exist, or the caller may not see it.
    Hidden,
    /// The service refused to show it, or did not respond.
    Unknown,
}

/// What a read is about. Permissions differ by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Vpc,
    Subnet,
    RouteTable,
}

/// Project and ID in lower case.
type Key = (String, String);

/// Which responses a read accepts instead of sending its own request. None accepts [`ReadOutcome::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Those about objects that exist. Another object of the run may have created a missing one.
    Found,
    /// Those about missing objects too.
    All,
}

impl Reuse {
    pub(crate) fn accepts<T>(self, outcome: &ReadOutcome<T>) -> bool {
        match outcome {
            ReadOutcome::Found(_) => true,
            ReadOutcome::Missing | ReadOutcome::Hidden => self == Self::All,
            ReadOutcome::Unknown => false,
        }
    }
}

/// Outcomes of reads, by project and ID.
pub(super) type Outcomes<T> = Objects<ReadOutcome<T>>;

/// The VPC and the subnet of a connection, which never change, and the rest as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) name: String,
    pub(crate) vpc: String,
    pub(crate) subnet: String,
    pub(crate) has_ipv6: Option<bool>,
    pub(crate) bound: Vec<TargetName>,
    pub(crate) routes: Vec<(String, IpNet)>,
}

/// What a run knows about networks.
#[derive(Debug, Default)]
pub(crate) struct NetworkCache {
    pub(super) vpcs: Outcomes<Arc<Vpc>>,
    pub(super) subnets: Outcomes<Arc<Subnet>>,
    /// By ID of the VPC.
    pub(super) subnets_of_vpc: Outcomes<Arc<Vec<Subnet>>>,
    pub(super) route_tables: Outcomes<Arc<RouteTable>>,
    pub(super) connections: Outcomes<Arc<Ends>>,
    /// What the service refuses to show, by project.
    refused: Mutex<BTreeSet<(String, Kind)>>,
    has_warned: AtomicBool,
    pub(crate) declared: DeclaredNetworks,
}

impl NetworkCache {
    /// Records that objects of these kinds cannot be read.
    pub(crate) fn refuse(&self, project: &str, kinds: &[Kind]) {
        self.refused.lock().extend(kinds.iter().map(|kind| (project.to_owned(), *kind)));
    }

    pub(crate) fn is_refused(&self, project: &str, kind: Kind) -> bool {
        self.refused.lock().contains(&(project.to_owned(), kind))
    }

    /// Records the warning about networks that were not checked. Returns whether it is the first.
    pub(crate) fn warn_once(&self) -> bool {
        !self.has_warned.swap(true, Ordering::Relaxed)
    }
}

/// The targets that one planned object binds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Declaration {
    /// The connection, in words.
    pub(crate) connection: String,
    /// ID of the connection; `None` if it does not exist yet.
    pub(crate) id: Option<String>,
    /// The declared targets, and whether the plan binds them.
    pub(crate) targets: BTreeMap<TargetName, bool>,
    /// Whether the object declares all queues, and all pools, of the connection.
    pub(crate) owns: (bool, bool),
}

/// What the planned objects of a run bind.
#[derive(Debug, Default)]
pub(crate) struct DeclaredNetworks {
    /// By project and VPC in lower case, then by object.
    by_vpc: Mutex<BTreeMap<Key, BTreeMap<String, Declaration>>>,
    /// Targets of separate bindings that do not change, by project and connection ID in lower case. Their VPC is
    /// unknown as long as nothing has read it.
    unchanged: Mutex<BTreeMap<Key, BTreeSet<TargetName>>>,
}

impl DeclaredNetworks {
    /// Records what a planned object binds, and returns what the other objects bind. Terraform may plan an object
    /// twice.
    pub(crate) fn declare(&self, project: &str, vpc: &str, object: &str, own: Declaration) -> Vec<Declaration> {
        let mut declared = self.by_vpc.lock();
        let of_vpc = declared.entry((project.to_owned(), vpc.to_ascii_lowercase())).or_default();
        of_vpc.insert(object.to_ascii_lowercase(), own);
        let others = of_vpc.iter().filter(|(other, _)| **other != object.to_ascii_lowercase());
        others.map(|(_, declaration)| declaration.clone()).collect()
    }

    /// Records the target of a separate binding that does not change.
    pub(crate) fn declare_unchanged(&self, project: &str, connection: &str, target: TargetName) {
        let key = (project.to_owned(), connection.to_ascii_lowercase());
        self.unchanged.lock().entry(key).or_default().insert(target);
    }

    /// The targets of separate bindings of a connection that do not change, as far as they were planned.
    pub(crate) fn unchanged(&self, project: &str, connection: &str) -> BTreeSet<TargetName> {
        let key = (project.to_owned(), connection.to_ascii_lowercase());
        self.unchanged.lock().get(&key).cloned().unwrap_or_default()
    }

    /// The targets that the planned objects declare for a connection.
    pub(crate) fn of_connection(&self, project: &str, connection: &str) -> BTreeSet<TargetName> {
        let declared = self.by_vpc.lock();
        let of_project = declared.iter().filter(|((of, _), _)| of == project).flat_map(|(_, of_vpc)| of_vpc.values());
        let is_it = |id: &String| id.eq_ignore_ascii_case(connection);
        let own = of_project.filter(|declaration| declaration.id.as_ref().is_some_and(is_it));
        own.flat_map(|declaration| declaration.targets.keys().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn outcome_is_reused_if_allowed() {
        let outcomes = Outcomes::default();
        let get = async |project: &str, id: &str, reuse: Reuse, outcome: ReadOutcome<u8>| {
            let request = async { Ok::<_, ()>(outcome) };
            outcomes.get_if(project, id, |_, kept| reuse.accepts(kept), request).await.expect("no error")
        };
        assert_eq!(get("p", "A", Reuse::All, ReadOutcome::Found(1)).await, ReadOutcome::Found(1));
        assert_eq!(get("p", "a", Reuse::Found, ReadOutcome::Found(2)).await, ReadOutcome::Found(1));
        assert_eq!(get("q", "a", Reuse::All, ReadOutcome::Missing).await, ReadOutcome::Missing);
        assert_eq!(get("q", "a", Reuse::All, ReadOutcome::Found(3)).await, ReadOutcome::Missing);
        assert_eq!(get("q", "a", Reuse::Found, ReadOutcome::Found(4)).await, ReadOutcome::Found(4));
        assert_eq!(get("q", "b", Reuse::All, ReadOutcome::Unknown).await, ReadOutcome::Unknown);
        assert_eq!(get("q", "b", Reuse::All, ReadOutcome::Found(5)).await, ReadOutcome::Found(5));
        let refused = outcomes.get_if("q", "c", |_, _| true, async { Err("refused") });
        assert_eq!(refused.await, Err("refused"));
        assert_eq!(get("q", "c", Reuse::All, ReadOutcome::Found(6)).await, ReadOutcome::Found(6));
    }

    #[test]
    fn object_that_is_planned_twice_declares_once() {
        let declared = DeclaredNetworks::default();
        let own = || Declaration { connection: "c".into(), ..Declaration::default() };
        assert_eq!(declared.declare("p", "V", "one", own()), []);
        assert_eq!(declared.declare("p", "v", "One", own()), []);
        assert_eq!(declared.declare("p", "v", "two", own()), [own()]);
        assert_eq!(declared.declare("p", "w", "three", own()), []);
    }
}
