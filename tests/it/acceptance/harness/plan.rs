//! A plan, read from `terraform show -json`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A plan as JSON.
#[derive(Debug)]
pub(crate) struct Plan(pub(crate) Value);

impl Plan {
    /// Requires exactly these actions by address: `create`, `update`, `replace`, `delete`, `read` or `import`.
    #[track_caller]
    pub(crate) fn expect(&self, wanted: &[(&str, &str)]) -> &Self {
        let wanted: BTreeMap<_, _> = wanted.iter().map(|&(address, action)| (address.to_owned(), action)).collect();
        assert_eq!(self.actions(), wanted, "{:#}", self.0["resource_changes"]);
        self
    }

    /// Requires exactly these changed attributes, as paths to the element such as `hosts["ecs-97f8-0001"]`.
    ///
    /// Attributes that are known only after the apply count as changed.
    #[track_caller]
    pub(crate) fn expect_changed(&self, address: &str, wanted: &[impl AsRef<str>]) -> &Self {
        let change = self.change(address);
        let mut changed = Vec::new();
        differences("", &change["before"], &change["after"], &change["after_unknown"], &mut changed);
        let wanted: Vec<_> = wanted.iter().map(AsRef::as_ref).collect();
        assert_eq!(changed, wanted, "{change:#}");
        self
    }

    /// Requires exactly these attributes, sorted by name, to force a replacement.
    #[track_caller]
    pub(crate) fn expect_replaced_by(&self, address: &str, wanted: &[&str]) -> &Self {
        let change = self.change(address);
        let paths = change["replace_paths"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut paths: Vec<_> = paths.iter().map(|path| path[0].as_str().unwrap_or_default()).collect();
        // Terraform does not sort the paths.
        paths.sort_unstable();
        assert_eq!(paths, wanted, "{change:#}");
        self
    }

    /// The change of one resource, with `before`, `after` and `after_unknown`.
    #[track_caller]
    pub(crate) fn change(&self, address: &str) -> &Value {
        let found = self.changes().find(|resource| resource["address"] == address);
        &found.unwrap_or_else(|| panic!("{address} is not in {:#}", self.0))["change"]
    }

    fn actions(&self) -> BTreeMap<String, &str> {
        let acting = self.changes().filter_map(|resource| {
            let change = &resource["change"];
            let actions: Vec<_> = change["actions"].as_array()?.iter().filter_map(Value::as_str).collect();
            let action = match actions[..] {
                ["no-op"] if change["importing"].is_object() => "import",
                ["no-op"] => return None,
                [action] => action,
                _ => "replace",
            };
            Some((resource["address"].as_str()?.to_owned(), action))
        });
        acting.collect()
    }

    fn changes(&self) -> impl Iterator<Item = &Value> {
        self.0["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default().iter()
    }
}

/// The paths of the leaves that differ or are not known yet, in the order of their names.
fn differences(path: &str, before: &Value, after: &Value, unknown: &Value, found: &mut Vec<String>) {
    if *unknown == Value::Bool(true) {
        found.push(path.to_owned());
    } else if path.is_empty() || (before.is_object() && after.is_object()) {
        // A resource that is created or destroyed is null on one side; all of its attributes count as changed.
        let keys = [before, after, unknown].into_iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys);
        for key in keys.collect::<BTreeSet<_>>() {
            let path = if path.is_empty() { key.clone() } else { format!("{path}[{key:?}]") };
            differences(&path, &before[key], &after[key], &unknown[key], found);
        }
    } else if before != after {
        found.push(path.to_owned());
    }
}
