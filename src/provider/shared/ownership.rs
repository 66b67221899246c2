//! Warnings about parts of a connection that two resources declare.
//!
//! A connection that declares `queues`, `elastic_resource_pools` or `routes` owns all of them. A resource for one of
//! them conflicts with it. Only the resources that this process has planned are compared.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;

/// The declarations of this process, by connection ID and the attribute of the connection that declares all.
#[derive(Debug, Default)]
pub(crate) struct OwnershipConflicts(Mutex<BTreeMap<(String, &'static str), Declarations>>);

#[derive(Debug, Default)]
struct Declarations {
    /// Names that the connection declares; `None` if it does not manage them.
    all: Option<BTreeSet<String>>,
    /// Names that other resources declare.
    individual: BTreeSet<String>,
}

impl OwnershipConflicts {
    /// Records the names that a connection declares; `None` if it does not manage them.
    pub(crate) fn declare_all(
        &self,
        connection: &str,
        attribute: &'static str,
        names: Option<BTreeSet<String>>,
    ) -> Diagnostics {
        let mut conflicts = self.0.lock();
        let declared = conflicts.entry((connection.to_ascii_lowercase(), attribute)).or_default();
        declared.all = names.map(|names| names.iter().map(|name| name.to_ascii_lowercase()).collect());
        declared
            .individual
            .iter()
            .filter_map(|name| Some(conflict(connection, attribute, name, declared.all.as_ref()?)))
            .map(|warning| warning.at(Path::attribute(attribute)))
            .collect()
    }

    /// Records a name that a resource of its own declares.
    pub(crate) fn declare_one(&self, connection: &str, attribute: &'static str, name: &str) -> Diagnostics {
        let name = name.to_ascii_lowercase();
        let mut conflicts = self.0.lock();
        let declared = conflicts.entry((connection.to_ascii_lowercase(), attribute)).or_default();
        declared.individual.insert(name.clone());
        declared.all.iter().map(|all| conflict(connection, attribute, &name, all)).collect()
    }
}

fn conflict(connection: &str, attribute: &str, name: &str, all: &BTreeSet<String>) -> Diagnostic {
    let consequence = if all.contains(name) {
        "Both manage the same object."
    } else {
        "It is not listed there. Each apply of the connection removes it, and the next apply adds it again."
    };
    Diagnostic::warning(
        "Declared by Two Resources",
        format!(
            "{name:?} is declared by a resource of its own, and the connection {connection} declares {attribute}, \
             which makes it the owner of all of them. {consequence}\n\nEither remove {attribute} from the connection, \
             or declare {name:?} only there."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(diagnostics: &Diagnostics) -> Vec<bool> {
        diagnostics
            .iter()
            .map(|diagnostic| {
                diagnostic.detail.contains("Each apply of the connection removes it, and the next apply adds it again.")
            })
            .collect()
    }

    #[test]
    fn second_declaration_is_reported() {
        let conflicts = OwnershipConflicts::default();
        assert!(said(&conflicts.declare_one("2a62", "queues", "Q1")).is_empty());
        assert!(said(&conflicts.declare_all("2a62", "queues", None)).is_empty());
        assert!(said(&conflicts.declare_all("other", "queues", Some(BTreeSet::new()))).is_empty());
        assert!(said(&conflicts.declare_all("2a62", "routes", Some(BTreeSet::new()))).is_empty());
        assert_eq!(said(&conflicts.declare_all("2a62", "queues", Some(BTreeSet::from(["q1".to_owned()])))), [false]);
        assert_eq!(said(&conflicts.declare_one("2A62", "queues", "q2")), [true]);
    }
}
