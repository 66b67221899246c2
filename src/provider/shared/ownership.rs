//! Who declares what: a connection that declares its queues, pools or routes owns all of them, and a small resource for
//! one of these beside it means that two resources decide the same thing.
//!
//! Known is what this process has planned, which is one configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use crate::framework::{
    diagnostic::{Diagnostic, Diagnostics},
    path::Path,
};

/// A part of a connection that can be declared as a whole or one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::provider) enum Part {
    /// `queues`
    Queues,
    /// `elastic_resource_pools`
    Pools,
    /// `routes`
    Routes,
}

impl Part {
    /// The attribute of the connection that declares it whole.
    pub(in crate::provider) fn attribute(self) -> &'static str {
        match self {
            Self::Queues => "queues",
            Self::Pools => "elastic_resource_pools",
            Self::Routes => "routes",
        }
    }
}

/// All claims of this process.
#[derive(Debug, Default)]
pub(in crate::provider) struct OwnershipConflicts(Mutex<BTreeMap<(String, Part), Declarations>>);

#[derive(Debug, Default)]
struct Declarations {
    /// What the connection declares, where it does.
    all: Option<BTreeSet<String>>,
    /// What small resources declare.
    individual: BTreeSet<String>,
}

impl OwnershipConflicts {
    /// A connection declares a part, or (with `None`) leaves it to others.
    pub(in crate::provider) fn declare_all(
        &self,
        connection: &str,
        part: Part,
        names: Option<BTreeSet<String>>,
    ) -> Diagnostics {
        let mut conflicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let declared = conflicts.entry((connection.to_ascii_lowercase(), part)).or_default();
        declared.all = names.map(|names| names.iter().map(|name| name.to_ascii_lowercase()).collect());
        let attribute = part.attribute();
        declared
            .individual
            .iter()
            .filter_map(|name| Some(conflict(connection, part, name, declared.all.as_ref()?)))
            .map(|warning| warning.at(Path::attribute(attribute)))
            .collect()
    }

    /// A small resource declares one thing.
    pub(in crate::provider) fn declare_one(&self, connection: &str, part: Part, name: &str) -> Diagnostics {
        let name = name.to_ascii_lowercase();
        let mut conflicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let declared = conflicts.entry((connection.to_ascii_lowercase(), part)).or_default();
        declared.individual.insert(name.clone());
        declared.all.iter().map(|all| conflict(connection, part, &name, all)).collect()
    }
}

fn conflict(connection: &str, part: Part, name: &str, all: &BTreeSet<String>) -> Diagnostic {
    let attribute = part.attribute();
    let consequence = if all.contains(name) {
        "Destroying one of the two also removes it from the other."
    } else {
        "It is not listed there, so the connection will remove it again."
    };
    Diagnostic::warning(
        "Declared by Two Resources",
        format!(
            "{name:?} is declared by a resource of its own, and the connection {connection} declares {attribute}, which \
             makes it the owner of all of them. {consequence}\n\nEither remove {attribute} from the connection, or \
             declare {name:?} only there."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(diagnostics: &Diagnostics) -> Vec<bool> {
        diagnostics.iter().map(|diagnostic| diagnostic.detail.contains("will remove it again")).collect()
    }

    #[test]
    fn whoever_comes_second_hears_of_it() {
        let conflicts = OwnershipConflicts::default();
        assert!(said(&conflicts.declare_one("2a62", Part::Queues, "Q1")).is_empty());
        assert!(said(&conflicts.declare_all("2a62", Part::Queues, None)).is_empty());
        assert!(said(&conflicts.declare_all("other", Part::Queues, Some(BTreeSet::new()))).is_empty());
        assert!(said(&conflicts.declare_all("2a62", Part::Routes, Some(BTreeSet::new()))).is_empty());
        assert_eq!(
            said(&conflicts.declare_all("2a62", Part::Queues, Some(BTreeSet::from(["q1".to_owned()])))),
            [false]
        );
        assert_eq!(said(&conflicts.declare_one("2A62", Part::Queues, "q2")), [true]);
    }
}
