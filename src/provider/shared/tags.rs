//! The effect of `default_tags` and `ignore_tags` of the provider.
//!
//! `tags` holds the declared tags, `tags_all` also the default tags. If `tags` is not set, only the default tags are
//! managed. If neither `tags` nor `default_tags` is set, no tags are managed.

use std::collections::{BTreeMap, BTreeSet};

use crate::dli::wire;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::model::FromValue;
use crate::framework::path::Path;
use crate::framework::value::Value;

/// Tags, key to value.
pub(crate) type Tags = BTreeMap<String, String>;

/// Tags as a map.
pub(crate) fn from_list(tags: Vec<wire::Tag>) -> Tags {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// The known strings of a map.
pub(crate) fn known(value: &Value) -> Tags {
    value.entries().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The tags that the objects of a list must have.
#[derive(Debug, Clone)]
pub(crate) struct TagFilter {
    wanted: Tags,
    /// Those that the request can hold. The escape of `,` and `=` is undocumented.
    pub(crate) sent: Tags,
}

impl TagFilter {
    /// Reads the attribute `tags` of a configuration.
    pub(crate) fn from_config(config: &Value) -> Result<Self, Diagnostics> {
        let wanted = Option::<Tags>::from_value(config.get("tags"), &Path::attribute("tags"))?.unwrap_or_default();
        let mut sent = wanted.clone();
        sent.retain(|key, value| ![key.as_str(), value].iter().any(|text| text.contains([',', '='])));
        Ok(Self { wanted, sent })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Whether an object with these tags matches. If its tags cannot be read, only the filter of the service applies.
    pub(crate) fn matches(&self, tags: Option<&Tags>) -> bool {
        let has = |(key, value)| tags.map_or(self.sent.contains_key(key), |tags| tags.get(key) == Some(value));
        self.wanted.iter().all(has)
    }
}

/// `default_tags` and `ignore_tags`.
#[derive(Debug, Clone, Default)]
pub(crate) struct TagPolicy {
    /// Tags that are added to every connection.
    pub(crate) defaults: Tags,
    /// Whether `default_tags` is set. If not, former default tags are not managed any more.
    pub(crate) has_defaults: bool,
    /// Keys of ignored tags.
    pub(crate) ignored_keys: BTreeSet<String>,
    /// Key prefixes of ignored tags.
    pub(crate) ignored_prefixes: BTreeSet<String>,
    /// Whether the configuration contains unknown values, which are left out here.
    pub(crate) has_unknown: bool,
}

impl TagPolicy {
    /// Whether the provider ignores this tag.
    pub(crate) fn ignores(&self, key: &str) -> bool {
        // Tags of the service itself cannot be declared.
        key.starts_with("_sys_")
            || self.ignored_keys.contains(key)
            || self.ignored_prefixes.iter().any(|prefix| key.starts_with(prefix))
    }

    /// Whether a connection that does not declare `tags` manages this tag of its prior `tags_all`. `is_own` is whether
    /// its prior `tags` declared the tag.
    pub(crate) fn is_default(&self, key: &str, is_own: bool) -> bool {
        self.defaults.contains_key(key) || (self.has_defaults && !is_own)
    }

    /// Returns `tags_all` of a resource with these `tags`, which override the defaults.
    pub(crate) fn all(&self, declared: Option<&Tags>) -> Tags {
        let mut all = self.defaults.clone();
        all.extend(declared.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
        all
    }

    /// Returns `tags` and `tags_all` of a connection with the tags `present`; `declared` and `owned` are the prior
    /// values.
    ///
    /// A default tag is in `tags` only if it is also declared there. The same is true of a tag of the prior `tags_all`:
    /// it was a default, and the defaults may have changed or be unknown.
    pub(crate) fn read(&self, present: Tags, declared: Option<&Tags>, owned: &Tags) -> (Option<Tags>, Tags) {
        let seen: Tags = present.into_iter().filter(|(key, _)| !self.ignores(key)).collect();
        let is_default = |key: &String| self.defaults.contains_key(key) || owned.contains_key(key);
        let Some(declared) = declared else {
            return (None, seen.into_iter().filter(|(key, _)| is_default(key)).collect());
        };
        let is_own = |key: &String| declared.contains_key(key) || !is_default(key);
        (Some(seen.clone().into_iter().filter(|(key, _)| is_own(key)).collect()), seen)
    }

    /// Returns the tags that differ from the defaults; `None` if there are none.
    ///
    /// The state of another provider has its default tags among the declared ones.
    pub(crate) fn without_defaults(&self, declared: Option<Tags>) -> Option<Tags> {
        let own: Tags = declared?.into_iter().filter(|(key, value)| self.defaults.get(key) != Some(value)).collect();
        (!own.is_empty()).then_some(own)
    }

    /// Returns `tags` and `tags_all` of an imported connection. Default tags are not in `tags`.
    pub(crate) fn import(&self, present: Tags) -> (Option<Tags>, Tags) {
        let seen: Tags = present.into_iter().filter(|(key, _)| !self.ignores(key)).collect();
        (self.without_defaults(Some(seen.clone())), seen)
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
            has_defaults: true,
            ignored_keys: BTreeSet::from(["owner".to_owned()]),
            ignored_prefixes: BTreeSet::from(["cost:".to_owned()]),
            has_unknown: false,
        }
    }

    #[test]
    fn declared_tags_override_defaults() {
        assert_eq!(tag_policy().all(None), tags(&[("team", "data"), ("env", "prod")]));
        let declared = tags(&[("env", "test"), ("a", "")]);
        assert_eq!(tag_policy().all(Some(&declared)), tags(&[("team", "data"), ("env", "test"), ("a", "")]));
    }

    #[test]
    fn declared_tags_exclude_ignored_and_defaults() {
        let present =
            tags(&[("team", "data"), ("env", "test"), ("x", "1"), ("owner", "me"), ("cost:a", "1"), ("_sys_b", "1")]);
        let declared = tags(&[("env", "test")]);
        let (own, all) = tag_policy().read(present.clone(), Some(&declared), &Tags::new());
        assert_eq!(own, Some(tags(&[("env", "test"), ("x", "1")])));
        assert_eq!(all, tags(&[("team", "data"), ("env", "test"), ("x", "1")]));
    }

    /// A tag of `tags_all` that is not in `tags` was a default tag.
    #[test]
    fn former_default_tag_is_not_declared() {
        let present = tags(&[("team", "data"), ("old", "1"), ("x", "1"), ("env", "test")]);
        let (declared, owned) = (tags(&[("env", "test")]), tags(&[("env", "test"), ("old", "1")]));
        let (own, all) = tag_policy().read(present.clone(), Some(&declared), &owned);
        assert_eq!((own, all), (Some(tags(&[("env", "test"), ("x", "1")])), present));
    }

    #[test]
    fn undeclared_tags_show_only_owned_ones() {
        let present = tags(&[("team", "other"), ("old", "1"), ("foreign", "1")]);
        let owned = tags(&[("old", "1"), ("env", "prod")]);
        assert_eq!(tag_policy().read(present, None, &owned), (None, tags(&[("team", "other"), ("old", "1")])));
    }

    #[test]
    fn import_takes_all_but_the_defaults() {
        let present = tags(&[("team", "data"), ("env", "test"), ("owner", "me")]);
        let (own, all) = tag_policy().import(present);
        assert_eq!((own, all), (Some(tags(&[("env", "test")])), tags(&[("team", "data"), ("env", "test")])));
        assert_eq!(tag_policy().import(tags(&[("team", "data")])).0, None);
    }
}
