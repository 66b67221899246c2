//! Switches for points where the documents, the SDKs and observed responses disagree. Each switch changes one
//! documented form to another observed or possible form.

use std::collections::BTreeSet;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A deviation from the documented behavior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Quirk {
    /// Lists are in random order: connections within a page, queues, hosts, routes, bindings, tags.
    ReshuffledOrder,
    /// Queue lists use camel case for the four keys that "show" spells so, such as `queueName`.
    CamelCase,
    /// Booleans are strings, as in many documented samples: `"is_success": "true"`.
    BooleansAsStrings,
    /// Numbers are strings: `"create_time": "1553168490000"`.
    NumbersAsStrings,
    /// Connection names are not unique. The documents do not say whether they are.
    NamesNotUnique,
    /// Service errors are HTTP 200 with `is_success: false` and the text in `message`. Gateway errors are unchanged.
    SoftFailures,
    /// "Show privileges" returns `project_id` without `applicant_project_id`, as observed responses do.
    PrivilegeProjectId,
    /// "Show privileges" returns `applicant_project_id` without `project_id`, as documented.
    PrivilegeApplicantProjectId,
    /// States are in title case, such as `Active`.
    StatusInProse,
    /// Binding names are in upper case.
    UpperCaseNames,
    /// The region does not publish the v3 route operations.
    NoV3Routes,
    /// The region does not publish the operations on queue properties.
    NoQueueProperties,
    /// The region does not publish the tag operations.
    NoTagApi,
    /// The region does not publish version 3 of the VPC service.
    #[serde(rename = "no-v3-vpcs")]
    #[value(name = "no-v3-vpcs")]
    NoV3Vpcs,
    /// Lists of connections and of their tags return at most 100 rows, whatever the limit.
    #[serde(rename = "pages-of-100")]
    #[value(name = "pages-of-100")]
    PagesOf100,
    /// Lists of connections return no bindings, hosts or routes.
    BriefLists,
    /// Reading a deleted connection returns HTTP 400 `DLI.0001` "does not exist" in place of status `DELETED`.
    #[serde(rename = "gone-as-dli-0001")]
    #[value(name = "gone-as-dli-0001")]
    GoneAsDli0001,
    /// Reading a deleted connection returns HTTP 400 `DLI.0001` "is not exist".
    #[serde(rename = "gone-as-dli-0001-is-not-exist")]
    #[value(name = "gone-as-dli-0001-is-not-exist")]
    GoneAsDli0001IsNotExist,
    /// Reading a deleted connection returns HTTP 400 `DLI.0002`.
    #[serde(rename = "gone-as-dli-0002")]
    #[value(name = "gone-as-dli-0002")]
    GoneAsDli0002,
    /// Reading a deleted connection returns HTTP 404 `DLI.0023`.
    #[serde(rename = "gone-as-dli-0023")]
    #[value(name = "gone-as-dli-0023")]
    GoneAsDli0023,
}

/// The active quirks.
pub type Quirks = BTreeSet<Quirk>;

impl Quirk {
    /// The name on the command line and in JSON.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}
