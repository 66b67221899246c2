//! What a check of the network found.

use super::target::Target;
use crate::framework::diagnostic::{Diagnostic, Severity};
use crate::framework::path::Path;
use crate::provider::shared::binding_target::BindingTarget;

/// A contradiction between a connection and the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) summary: String,
    /// The facts and what to do.
    pub(crate) detail: String,
    pub(super) subject: Subject,
}

/// The argument that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Object(Kind),
    Target(BindingTarget),
    Route(String),
    Hosts,
}

/// A kind of object. Permissions differ by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Vpc,
    Subnet,
    RouteTable,
}

/// Whether an object is certainly missing or may be hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// The object does not exist in the project.
    Certain,
    /// The object does not exist, or belongs to another project, or the caller may not see it.
    Possible,
}

/// A target that is bound to a VPC, or that a configuration declares for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) target: Target,
    /// The connection, in words.
    pub(crate) connection: String,
    /// Whether the configuration declares it.
    pub(crate) is_declared: bool,
}

/// The end of every error.
const STOPPED: &str = "This resource was not changed. To plan without these checks, set plan_checks = false in the \
                       provider block.";

impl Finding {
    pub(super) fn error(subject: Subject, summary: impl Into<String>, detail: String) -> Self {
        Self { severity: Severity::Error, summary: summary.into(), detail, subject }
    }

    pub(super) fn warning(subject: Subject, summary: impl Into<String>, detail: String) -> Self {
        Self { severity: Severity::Warning, ..Self::error(subject, summary, detail) }
    }

    /// There is no object of this ID.
    pub(super) fn missing(kind: Kind, id: &str, absence: Absence) -> Self {
        let (title, noun) = match kind {
            Kind::Vpc => ("VPC", "VPC"),
            Kind::Subnet => ("Subnet", "subnet"),
            Kind::RouteTable => ("Route Table", "route table"),
        };
        let subject = Subject::Object(kind);
        match absence {
            Absence::Certain => {
                let text =
                    format!("There is no {noun} {id} in the project. Correct the ID, the region or the project.");
                Self::error(subject, format!("{title} Does Not Exist"), text)
            }
            Absence::Possible => {
                let text = format!(
                    "The project has no visible {noun} {id}. The VPC may belong to another project or account that \
                     shares it, or the credentials may lack the permission to see it. Otherwise correct the ID."
                );
                Self::warning(subject, format!("{title} Not Found"), text)
            }
        }
    }

    /// The project has no such queue or pool.
    pub(crate) fn target_missing(target: &BindingTarget) -> Self {
        let text = format!("The project has no {target}, so its network was not checked. Correct the name.");
        Self::warning(Subject::Target(target.clone()), "Queue or Pool Not Found", text)
    }

    /// The service never binds a queue of this kind. `kind` is in words.
    pub(crate) fn never_bound(target: &BindingTarget, kind: &str) -> Self {
        let text =
            format!("The {target} is {kind}. Use a dedicated queue, a yearly/monthly queue, or a queue in a pool.");
        Self::error(Subject::Target(target.clone()), "Queue Cannot Be Bound", text)
    }

    /// As a diagnostic of a plan at `path`.
    pub(super) fn diagnostic(&self, path: Path) -> Diagnostic {
        let stopped = if self.severity == Severity::Error { STOPPED } else { "" };
        let text = format!("{path}: {}\n\n{stopped}", self.detail);
        Diagnostic { severity: self.severity, ..Diagnostic::error(&self.summary, text.trim_end()) }.at(path)
    }
}
