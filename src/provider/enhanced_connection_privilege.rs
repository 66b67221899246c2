//! `dli_enhanced_connection_privilege`: the right of another project to bind its queues and pools to a connection.
//!
//! | call | when |
//! |---|---|
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}` | create, read, delete, import |
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}/privileges` | create, read, delete, import |
//! | `PUT /v1.0/{project}/authorization` | create, delete |
//!
//! The connection is read first, because the privileges of a deleted connection are undocumented.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::shared::operation::OperationContext;
use super::shared::part_resource::{ConnectionPart, Deletion, ListedPart, Lookup, PartResource, PartTexts};
use super::shared::plan_checks::PlanChecker;
use super::shared::run_state::PartKey;
use super::shared::semantic_equality::same_text;
use super::shared::validators::MatchesRule;
use super::shared::{connection_part, moved, operation};
use crate::client::{Error, Project};
use crate::dli::rules;
use crate::dli::wire::{self, AuthorizationAction, PRIVILEGE_BIND_QUEUE};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::Computed;
use crate::framework::path::Path;
use crate::framework::plan_modifier::{RequiresReplace, USE_STATE_FOR_UNKNOWN};
use crate::framework::resource::MoveSources;
use crate::framework::schema::Attribute;
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::model;

pub(super) type EnhancedConnectionPrivilege = PartResource<Privilege>;

model! {
    #[derive(Debug, Clone)]
    pub(super) struct Privilege {
        applicant_project_id: String,
        privileges: Computed<BTreeSet<String>>,
    }
}

impl Privilege {
    async fn authorize(
        &self,
        context: &OperationContext,
        id: &str,
        action: AuthorizationAction,
    ) -> operation::Result<()> {
        let (project, applicant) = (&context.project, &self.applicant_project_id);
        let is_done = || async move {
            let granted = privileges(project, id, applicant).await?.contains(PRIVILEGE_BIND_QUEUE);
            Ok(granted == (action == AuthorizationAction::Grant))
        };
        context.write(project.authorize(id, applicant, action).verified(is_done)).await
    }
}

#[async_trait]
impl ConnectionPart for Privilege {
    type Found = BTreeSet<String>;

    const TEXTS: PartTexts = PartTexts {
        type_name: "dli_enhanced_connection_privilege",
        description: "Shares an enhanced datasource connection with another project, whose queues and elastic resource \
                      pools may then use it. Other projects that it is shared with are not changed.",
        list_description: "Lists the projects that an enhanced connection is shared with.",
        noun: "privilege",
        create_summary: "Could Not Share the Connection",
        create_note: "Nothing was recorded in the state. The next apply grants the privilege, or adopts it if it exists.",
        update_summary: None,
        delete_summary: "Could Not Revoke the Privilege",
        import_format: "CONNECTION_ID/APPLICANT_PROJECT_ID",
        import_rules: &[rules::PROJECT_ID],
        identity: &[("applicant_project_id", "ID of the project that the connection is shared with.")],
    };
    const LISTS_PRIVILEGES: bool = true;

    fn attributes() -> Vec<Attribute> {
        vec![
            Attribute::string("applicant_project_id")
                .required()
                .validator(MatchesRule(&[rules::PROJECT_ID]))
                .plan_modifier(RequiresReplace)
                .semantic_equality(same_text)
                .description(
                    "ID of the project, in the same region, that may bind its queues and elastic resource pools to the \
                     connection. Changing it replaces the privilege.",
                ),
            Attribute::new("privileges", Type::set(Type::String))
                .computed()
                .plan_modifier(USE_STATE_FOR_UNKNOWN)
                .description("What the project may do. `BIND_QUEUE` is the only privilege."),
        ]
    }

    fn listed(_: &wire::Connection, privileges: Vec<wire::Privilege>) -> Vec<ListedPart<Self>> {
        let mut projects: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for one in privileges {
            projects.entry(one.applicant_project_id).or_default().extend(one.privileges);
        }
        let granted = projects.into_iter().filter(|(_, privileges)| privileges.contains(PRIVILEGE_BIND_QUEUE));
        let listed = granted.map(|(project, found)| ListedPart {
            display_name: format!("project {project}"),
            part: Self { applicant_project_id: project, privileges: Computed(None) },
            found,
        });
        listed.collect()
    }

    fn from_import_id(id: &str) -> Option<Self> {
        Some(Self { applicant_project_id: id.to_owned(), privileges: Computed(None) })
    }

    fn move_sources() -> Option<MoveSources> {
        let attributes = [
            ("id", Type::String),
            ("region", Type::String),
            ("connection_id", Type::String),
            ("project_id", Type::String),
            ("privileges", Type::list(Type::String)),
        ];
        Some(moved::sources("dli_datasource_connection_privilege", attributes))
    }

    fn from_source(source: &Value) -> Result<Self, Diagnostics> {
        let privileges = moved::texts(source, "privileges").map(str::to_owned).collect();
        Ok(Self {
            // In the source, the owner of the connection has no attribute.
            applicant_project_id: moved::required(source, "project_id")?,
            privileges: Computed(Some(privileges)),
        })
    }

    fn name(&self) -> &str {
        &self.applicant_project_id
    }

    fn identity(value: &Value) -> Option<String> {
        let project = value.get("applicant_project_id").as_str()?.to_ascii_lowercase();
        Some(format!("privilege of the project {project}"))
    }

    async fn exists(checker: &PlanChecker, connection: &str, planned: &Value) -> bool {
        let Some(applicant) = planned.get("applicant_project_id").as_str() else { return false };
        let Some(listed) = checker.privileges(connection).await else { return false };
        listed.iter().any(|one| {
            one.applicant_project_id.eq_ignore_ascii_case(applicant)
                && one.privileges.iter().any(|privilege| privilege == PRIVILEGE_BIND_QUEUE)
        })
    }

    fn subject(&self, connection_id: &str) -> String {
        format!("privilege of the project {} on the connection {connection_id}", self.applicant_project_id)
    }

    fn set_computed(&mut self, found: Option<Self::Found>) {
        self.privileges = Computed(Some(found.unwrap_or_else(|| [PRIVILEGE_BIND_QUEUE.to_owned()].into())));
    }

    async fn find(&self, context: &OperationContext, id: &str) -> operation::Result<Option<Lookup<Self::Found>>> {
        let applicant = &self.applicant_project_id;
        if connection_part::find_connection(context, id).await?.is_none() {
            return Ok(None);
        }
        match context.read(privileges(&context.project, id, applicant)).await {
            Ok(privileges) => {
                let found = Some(privileges).filter(|privileges| privileges.contains(PRIVILEGE_BIND_QUEUE));
                Ok(Some(Lookup { key: PartKey::Privilege(applicant.to_ascii_lowercase()), found, holder: None }))
            }
            // The connection was deleted between the two calls.
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, context: &OperationContext, id: &str, _: Option<&Self::Found>) -> operation::Result<()> {
        self.authorize(context, id, AuthorizationAction::Grant).await
    }

    async fn delete(&self, context: &OperationContext, id: &str, _: &Self::Found) -> operation::Result<Deletion> {
        if let Err(error) = self.authorize(context, id, AuthorizationAction::Revoke).await {
            // "Not found" may mean the connection, or another object that the revocation needs.
            let is_gone =
                error.is_not_found() && self.find(context, id).await?.is_none_or(|lookup| lookup.found.is_none());
            return if is_gone { Ok(Deletion::Done) } else { Err(error) };
        }
        Ok(Deletion::Done)
    }

    fn adopt(&self, connection_id: &str, _: &Self::Found) -> Result<Diagnostic, Diagnostic> {
        let text = format!(
            "The project {} already has this privilege on the connection {connection_id}. It was granted outside of \
             this resource, or by an earlier apply whose response was lost. This resource adopts the privilege, and \
             destroying the resource revokes it.",
            self.applicant_project_id
        );
        Ok(Diagnostic::warning("Already Granted", text).at(Path::attribute("applicant_project_id")))
    }
}

/// Returns all privileges of another project on a connection.
async fn privileges(project: &Project, id: &str, applicant: &str) -> Result<BTreeSet<String>, Error> {
    let listed = project.list_privileges(id).await?.into_iter();
    let of_applicant = listed.filter(|one| one.applicant_project_id.eq_ignore_ascii_case(applicant));
    Ok(of_applicant.flat_map(|one| one.privileges).collect())
}
