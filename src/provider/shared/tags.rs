//! Tags that the provider adds to everything (`default_tags`), and tags that it does not see (`ignore_tags`). Pure.
//!
//! `tags` holds what the resource declares, `tags_all` what Terraform owns: those and the default ones. Where `tags` is
//! not set, only the default ones are owned, and every other tag is left alone.

use std::collections::{BTreeMap, BTreeSet};

/// Tags, key to value.
pub(in crate::provider) type Tags = BTreeMap<String, String>;

/// What the provider block says about tags.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct TagPolicy {
    /// Added to every resource that has tags.
    pub(in crate::provider) defaults: Tags,
    /// Keys that are not seen.
    pub(in crate::provider) ignored_keys: BTreeSet<String>,
    /// Beginnings of keys that are not seen.
    pub(in crate::provider) ignored_prefixes: BTreeSet<String>,
    /// Whether any of it is still unknown, and left out here.
    pub(in crate::provider) open: bool,
}

impl TagPolicy {
    /// Whether somebody else looks after this tag.
    pub(in crate::provider) fn ignores(&self, key: &str) -> bool {
        // The service's own tags cannot be declared by anyone.
        key.starts_with("_sys_")
            || self.ignored_keys.contains(key)
            || self.ignored_prefixes.iter().any(|prefix| key.starts_with(prefix))
    }

    /// `tags_all` of a resource with these `tags`. What it declares goes before the defaults.
    pub(in crate::provider) fn all(&self, declared: Option<&Tags>) -> Tags {
        let mut all = self.defaults.clone();
        all.extend(declared.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
        all
    }

    /// `tags` and `tags_all` of a connection that has the tags `present`; `declared` and `owned` are what they were.
    ///
    /// A default tag belongs to `tags` only where it was declared there, too; so does one that was a default when it was
    /// last owned, for the defaults may have changed since, or not be known yet.
    pub(in crate::provider) fn read(
        &self,
        present: Tags,
        declared: Option<&Tags>,
        owned: &Tags,
    ) -> (Option<Tags>, Tags) {
        let seen: Tags = present.into_iter().filter(|(key, _)| !self.ignores(key)).collect();
        let Some(declared) = declared else {
            let ours = |key: &String| self.defaults.contains_key(key) || owned.contains_key(key);
            return (None, seen.into_iter().filter(|(key, _)| ours(key)).collect());
        };
        let default = |key: &String| self.defaults.contains_key(key) || owned.contains_key(key);
        let own = |key: &String| declared.contains_key(key) || !default(key);
        (Some(seen.clone().into_iter().filter(|(key, _)| own(key)).collect()), seen)
    }

    /// `tags` and `tags_all` of a connection that was not managed so far: everything, default tags aside.
    pub(in crate::provider) fn import(&self, present: Tags) -> (Option<Tags>, Tags) {
        let seen: Tags = present.into_iter().filter(|(key, _)| !self.ignores(key)).collect();
        let own: Tags = seen.clone().into_iter().filter(|(key, value)| self.defaults.get(key) != Some(value)).collect();
        ((!own.is_empty()).then_some(own), seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn tag_policy() -> TagPolicy {
        TagPolicy {
            defaults: tags(&[("team", "data"), ("env", "prod")]),
            ignored_keys: BTreeSet::from(["owner".to_owned()]),
            ignored_prefixes: BTreeSet::from(["cost:".to_owned()]),
            open: false,
        }
    }

    #[test]
    fn what_is_declared_goes_before_the_defaults() {
        assert_eq!(tag_policy().all(None), tags(&[("team", "data"), ("env", "prod")]));
        let declared = tags(&[("env", "test"), ("a", "")]);
        assert_eq!(tag_policy().all(Some(&declared)), tags(&[("team", "data"), ("env", "test"), ("a", "")]));
    }

    #[test]
    fn a_declared_set_sees_all_but_the_ignored_and_the_defaults() {
        let present =
            tags(&[("team", "data"), ("env", "test"), ("x", "1"), ("owner", "me"), ("cost:a", "1"), ("_sys_b", "1")]);
        let declared = tags(&[("env", "test")]);
        let (own, all) = tag_policy().read(present.clone(), Some(&declared), &Tags::new());
        assert_eq!(own, Some(tags(&[("env", "test"), ("x", "1")])));
        assert_eq!(all, tags(&[("team", "data"), ("env", "test"), ("x", "1")]));
    }

    /// Of `tags_all`, what is not in `tags` was a default.
    #[test]
    fn what_is_no_default_any_more_is_not_taken_for_declared() {
        let present = tags(&[("team", "data"), ("old", "1"), ("x", "1"), ("env", "test")]);
        let (declared, owned) = (tags(&[("env", "test")]), tags(&[("env", "test"), ("old", "1")]));
        let (own, all) = tag_policy().read(present.clone(), Some(&declared), &owned);
        assert_eq!((own, all), (Some(tags(&[("env", "test"), ("x", "1")])), present));
    }

    #[test]
    fn without_a_declaration_only_what_is_owned_is_seen() {
        let present = tags(&[("team", "other"), ("old", "1"), ("foreign", "1")]);
        let owned = tags(&[("old", "1"), ("env", "prod")]);
        assert_eq!(tag_policy().read(present, None, &owned), (None, tags(&[("team", "other"), ("old", "1")])));
    }

    #[test]
    fn an_import_takes_everything_but_the_defaults() {
        let present = tags(&[("team", "data"), ("env", "test"), ("owner", "me")]);
        let (own, all) = tag_policy().import(present);
        assert_eq!((own, all), (Some(tags(&[("env", "test")])), tags(&[("team", "data"), ("env", "test")])));
        assert_eq!(tag_policy().import(tags(&[("team", "data")])).0, None);
    }
}
