//! The places where documents, SDKs and live answers disagree, as switches: each turns the emulator from the form that
//! the pages print to another one that has been seen, or that nothing rules out.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One way in which the service may differ from its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Quirk {
    /// Lists come in another order at each read: connections within a page, queues, hosts, routes, bindings, tags.
    ReshuffledOrder,
    /// Queues in lists have the four keys that "show" spells in camel case spelt so, too: `queueName`, …
    CamelCase,
    /// `"is_success": "true"`, as many of the pages' samples have it.
    BooleansAsStrings,
    /// `"create_time": "1553168490000"`.
    NumbersAsStrings,
    /// A connection may have the name of another: whether it may is not documented.
    NamesNotUnique,
    /// The service's refusals come as HTTP 200 with `is_success: false` and the text in `message`. The gateway's stay.
    SoftFailures,
    /// "Show privileges" has `project_id`, as live answers do, in place of `applicant_project_id`.
    PrivilegeProjectId,
    /// States as the pages' prose has them: `Active`.
    StatusInProse,
    /// Bindings have their names in upper case.
    UpperCaseNames,
    /// The region publishes no route calls of version 3.
    NoV3Routes,
    /// The region publishes no tag calls.
    NoTagApi,
    /// A deleted connection is HTTP 400 `DLI.0001` "does not exist", where it was `DELETED`.
    GoneAsDli0001,
    /// … HTTP 400 `DLI.0001` "is not exist".
    GoneAsDli0001IsNotExist,
    /// … HTTP 400 `DLI.0002`.
    GoneAsDli0002,
    /// … HTTP 404 `DLI.0023`.
    GoneAsDli0023,
}

/// The quirks that are switched on.
pub type Quirks = BTreeSet<Quirk>;

impl Quirk {
    /// Every one.
    pub const ALL: [Self; 15] = [
        Self::ReshuffledOrder,
        Self::CamelCase,
        Self::BooleansAsStrings,
        Self::NumbersAsStrings,
        Self::NamesNotUnique,
        Self::SoftFailures,
        Self::PrivilegeProjectId,
        Self::StatusInProse,
        Self::UpperCaseNames,
        Self::NoV3Routes,
        Self::NoTagApi,
        Self::GoneAsDli0001,
        Self::GoneAsDli0001IsNotExist,
        Self::GoneAsDli0002,
        Self::GoneAsDli0023,
    ];

    /// As it is written on the command line and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReshuffledOrder => "reshuffled-order",
            Self::CamelCase => "camel-case",
            Self::BooleansAsStrings => "booleans-as-strings",
            Self::NumbersAsStrings => "numbers-as-strings",
            Self::NamesNotUnique => "names-not-unique",
            Self::SoftFailures => "soft-failures",
            Self::PrivilegeProjectId => "privilege-project-id",
            Self::StatusInProse => "status-in-prose",
            Self::UpperCaseNames => "upper-case-names",
            Self::NoV3Routes => "no-v3-routes",
            Self::NoTagApi => "no-tag-api",
            Self::GoneAsDli0001 => "gone-as-dli-0001",
            Self::GoneAsDli0001IsNotExist => "gone-as-dli-0001-is-not-exist",
            Self::GoneAsDli0002 => "gone-as-dli-0002",
            Self::GoneAsDli0023 => "gone-as-dli-0023",
        }
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No quirk has that name.
#[derive(Debug, thiserror::Error)]
#[error("there is no quirk {0:?}; there are {names}", names = Quirk::ALL.map(Quirk::name).join(", "))]
pub struct UnknownQuirk(String);

impl FromStr for Quirk {
    type Err = UnknownQuirk;

    fn from_str(name: &str) -> Result<Self, UnknownQuirk> {
        Self::ALL.into_iter().find(|quirk| quirk.name() == name).ok_or_else(|| UnknownQuirk(name.to_owned()))
    }
}

impl TryFrom<String> for Quirk {
    type Error = UnknownQuirk;

    fn try_from(name: String) -> Result<Self, UnknownQuirk> {
        name.parse()
    }
}

impl From<Quirk> for &'static str {
    fn from(quirk: Quirk) -> Self {
        quirk.name()
    }
}
