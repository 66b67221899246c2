//! Errors and warnings that Terraform shows to the practitioner.

use std::collections::BTreeMap;

use derive_more::{Deref, DerefMut, IntoIterator};

use super::path::{Path, Step};

/// Severity of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Terraform stops.
    Error,
    /// Terraform shows it and continues.
    Warning,
}

const REPORT: &str = "This is always a bug in the provider, not in the configuration. Please report it.";

/// An error or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Short title in title case, without a full stop.
    pub summary: String,
    /// What happened, what the state contains now, and what to do.
    pub detail: String,
    /// The attribute; the root stands for the whole object.
    pub path: Path,
}

impl Diagnostic {
    /// Creates an error without an attribute path.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Error, summary: summary.into(), detail: detail.into(), path: Path::root() }
    }

    /// Creates a warning without an attribute path.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary, detail) }
    }

    /// Turns an error into a warning.
    #[must_use]
    pub fn into_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// Sets the attribute path.
    pub fn at(self, path: Path) -> Self {
        Self { path, ..self }
    }

    /// Creates the error for a bug in the provider.
    pub fn bug(detail: impl std::fmt::Display) -> Self {
        Self::error("Bug in the Provider", format!("{detail}\n\n{REPORT}"))
    }

    /// Returns the detail of a bug without the request to report it.
    pub fn detail_without_report_request(&self) -> &str {
        self.detail.trim_end_matches(REPORT).trim_end()
    }
}

/// The diagnostics of one call, in order of occurrence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deref, DerefMut, IntoIterator)]
#[into_iterator(owned, ref)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Creates an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns whether any diagnostic is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Keeps the first `limit` diagnostics of a kind and summarises the others in one.
    ///
    /// Diagnostics of a kind share summary and root attribute.
    pub fn limit_repeated(self, limit: usize) -> Self {
        type Kind = (Severity, String, Option<Step>);
        let kind = |d: &Diagnostic| -> Kind { (d.severity, d.summary.clone(), d.path.head().cloned()) };
        let mut seen: BTreeMap<Kind, (usize, Vec<String>)> = BTreeMap::new();
        let mut shown = Vec::new();
        for diagnostic in self.0 {
            let (count, examples) = seen.entry(kind(&diagnostic)).or_default();
            *count += 1;
            if *count <= limit {
                shown.push(diagnostic);
            } else if examples.len() < 3 {
                examples.push(diagnostic.path.to_string());
            }
        }
        for ((severity, summary, head), (count, examples)) in seen {
            if count > limit {
                let more = count - limit;
                let ellipsis = if more > examples.len() { ", …" } else { "" };
                shown.push(Diagnostic {
                    severity,
                    detail: format!(
                        "{more} more of this kind, {count} in all: {}{ellipsis}\n\n\
                         The first {limit} are shown one by one.",
                        examples.join(", ")
                    ),
                    summary,
                    path: head.into_iter().fold(Path::root(), |path, step| path.step(step)),
                });
            }
        }
        Self(shown)
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<T: IntoIterator<Item = Diagnostic>>(diagnostics: T) -> Self {
        Self(diagnostics.into_iter().collect())
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl From<Option<Diagnostic>> for Diagnostics {
    fn from(diagnostic: Option<Diagnostic>) -> Self {
        Self(diagnostic.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_diagnostics_are_summarised() {
        let mut all = Diagnostics::new();
        for n in 0..25 {
            all.push(Diagnostic::error("Invalid Host Name", "…").at(Path::attribute("hosts").key(format!("{n}bad"))));
        }
        all.push(Diagnostic::error("Invalid Tag Key", "…").at(Path::attribute("tags").key("x/y")));
        let shown = all.limit_repeated(20);
        assert_eq!(shown.iter().count(), 22);
        let last = shown.iter().last().expect("there are 22");
        assert_eq!(last.path, Path::attribute("hosts"));
        assert!(last.detail.starts_with(r#"5 more of this kind, 25 in all: hosts["20bad"], "#), "{}", last.detail);
    }

    #[test]
    fn limit_is_inclusive() {
        let mut all = Diagnostics::new();
        for n in 0..20 {
            all.push(Diagnostic::error("Invalid Host Name", "…").at(Path::attribute("hosts").key(format!("{n}bad"))));
        }
        assert_eq!(all.clone().limit_repeated(20), all);
    }
}
