//! Facts about networks that one run has read, and the targets that its plans declare.
//!
//! They are never kept longer than a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;
use parking_lot::Mutex;

use super::finding::{Absence, Kind};
use crate::dli::vpc::{RouteTable, Subnet, Vpc};
use crate::provider::shared::binding_target::BindingTarget;
use crate::provider::shared::shared_reads::Objects;

/// What the service has responded about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadOutcome<T> {
    Found(T),
    /// It does not exist.
    Missing,
    /// It does not exist, or the caller may not see it.
    Hidden,
    /// The service rejected the read, or did not respond.
    Unknown,
}

/// Project and ID in lower case.
type Key = (String, String);

impl<T> ReadOutcome<T> {
    pub(super) fn found(self) -> Option<T> {
        match self {
            Self::Found(object) => Some(object),
            Self::Missing | Self::Hidden | Self::Unknown => None,
        }
    }

    pub(super) fn absence(&self) -> Option<Absence> {
        match self {
            Self::Missing => Some(Absence::Certain),
            Self::Hidden => Some(Absence::Possible),
            Self::Found(_) | Self::Unknown => None,
        }
    }

    /// Whether another read may use the outcome. With `if_found`, one about a missing object is not used: another
    /// object of the run may have created it.
    pub(super) fn may_be_reused(&self, if_found: bool) -> bool {
        match self {
            Self::Found(_) => true,
            Self::Missing | Self::Hidden => !if_found,
            Self::Unknown => false,
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
    pub(crate) bound: Vec<BindingTarget>,
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
    pub(super) connections: Objects<Arc<Ends>>,
    /// Kinds of objects whose reads the service rejects, by project.
    refused: Mutex<BTreeSet<(String, Kind)>>,
    has_warned: AtomicBool,
    pub(crate) declared: DeclaredNetworks,
}

impl NetworkCache {
    /// Records that objects of these kinds cannot be read.
    pub(super) fn refuse(&self, project: &str, kinds: &[Kind]) {
        self.refused.lock().extend(kinds.iter().map(|kind| (project.to_owned(), *kind)));
    }

    pub(super) fn is_refused(&self, project: &str, kind: Kind) -> bool {
        self.refused.lock().contains(&(project.to_owned(), kind))
    }

    /// Records the warning about networks that were not checked. Returns whether it is the first.
    pub(super) fn warn_once(&self) -> bool {
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
    pub(crate) targets: BTreeMap<BindingTarget, bool>,
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
    unchanged: Mutex<BTreeMap<Key, BTreeSet<BindingTarget>>>,
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
    pub(crate) fn declare_unchanged(&self, project: &str, connection: &str, target: BindingTarget) {
        let key = (project.to_owned(), connection.to_ascii_lowercase());
        self.unchanged.lock().entry(key).or_default().insert(target);
    }

    /// The targets of separate bindings of a connection that do not change, as far as they were planned.
    pub(crate) fn unchanged(&self, project: &str, connection: &str) -> BTreeSet<BindingTarget> {
        let key = (project.to_owned(), connection.to_ascii_lowercase());
        self.unchanged.lock().get(&key).cloned().unwrap_or_default()
    }

    /// The targets that the planned objects declare for a connection.
    pub(crate) fn of_connection(&self, project: &str, connection: &str) -> BTreeSet<BindingTarget> {
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
        let get = async |project: &str, id: &str, if_found: bool, outcome: ReadOutcome<u8>| {
            let request = async { Ok::<_, ()>(outcome) };
            outcomes.get_if(project, id, |_, kept| kept.may_be_reused(if_found), request).await.expect("no error")
        };
        assert_eq!(get("p", "A", false, ReadOutcome::Found(1)).await, ReadOutcome::Found(1));
        assert_eq!(get("p", "a", true, ReadOutcome::Found(2)).await, ReadOutcome::Found(1));
        assert_eq!(get("q", "a", false, ReadOutcome::Missing).await, ReadOutcome::Missing);
        assert_eq!(get("q", "a", false, ReadOutcome::Found(3)).await, ReadOutcome::Missing);
        assert_eq!(get("q", "a", true, ReadOutcome::Found(4)).await, ReadOutcome::Found(4));
        assert_eq!(get("q", "b", false, ReadOutcome::Unknown).await, ReadOutcome::Unknown);
        assert_eq!(get("q", "b", false, ReadOutcome::Found(5)).await, ReadOutcome::Found(5));
        let refused = outcomes.get_if("q", "c", |_, _| true, async { Err("refused") });
        assert_eq!(refused.await, Err("refused"));
        assert_eq!(get("q", "c", false, ReadOutcome::Found(6)).await, ReadOutcome::Found(6));
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
