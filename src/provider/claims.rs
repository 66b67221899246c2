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
pub(super) enum Part {
    /// `queues`
    Queues,
    /// `elastic_resource_pools`
    Pools,
    /// `routes`
    Routes,
}

impl Part {
    /// The attribute of the connection that declares it whole.
    pub(super) fn attribute(self) -> &'static str {
        match self {
            Self::Queues => "queues",
            Self::Pools => "elastic_resource_pools",
            Self::Routes => "routes",
        }
    }
}

/// All claims of this process.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<BTreeMap<(String, Part), Claimed>>);

#[derive(Debug, Default)]
struct Claimed {
    /// What the connection declares, where it does.
    whole: Option<BTreeSet<String>>,
    /// What small resources declare.
    single: BTreeSet<String>,
}

impl Claims {
    /// A connection declares a part, or (with `None`) leaves it to others.
    pub(super) fn whole(&self, connection: &str, part: Part, names: Option<BTreeSet<String>>) -> Diagnostics {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let claimed = claims.entry((connection.to_ascii_lowercase(), part)).or_default();
        claimed.whole = names.map(|names| names.iter().map(|name| name.to_ascii_lowercase()).collect());
        let attribute = part.attribute();
        claimed
            .single
            .iter()
            .filter_map(|name| Some(conflict(connection, part, name, claimed.whole.as_ref()?)))
            .map(|warning| warning.at(Path::attribute(attribute)))
            .collect()
    }

    /// A small resource declares one thing.
    pub(super) fn single(&self, connection: &str, part: Part, name: &str) -> Diagnostics {
        let name = name.to_ascii_lowercase();
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let claimed = claims.entry((connection.to_ascii_lowercase(), part)).or_default();
        claimed.single.insert(name.clone());
        claimed.whole.iter().map(|whole| conflict(connection, part, &name, whole)).collect()
    }
}

fn conflict(connection: &str, part: Part, name: &str, whole: &BTreeSet<String>) -> Diagnostic {
    let attribute = part.attribute();
    let consequence = if whole.contains(name) {
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
        let claims = Claims::default();
        assert!(said(&claims.single("2a62", Part::Queues, "Q1")).is_empty());
        assert!(said(&claims.whole("2a62", Part::Queues, None)).is_empty());
        assert!(said(&claims.whole("other", Part::Queues, Some(BTreeSet::new()))).is_empty());
        assert!(said(&claims.whole("2a62", Part::Routes, Some(BTreeSet::new()))).is_empty());
        assert_eq!(said(&claims.whole("2a62", Part::Queues, Some(BTreeSet::from(["q1".to_owned()])))), [false]);
        assert_eq!(said(&claims.single("2A62", Part::Queues, "q2")), [true]);
    }
}
