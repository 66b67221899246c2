//! `dli_enhanced_connection_privilege`: the right of another project to bind its queues and pools to a connection.
//!
//! | call | when |
//! |---|---|
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}` | create, read, delete, import |
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}/privileges` | create, read, delete, import |
//! | `PUT /v1.0/{project}/authorization` | create, delete |
//!
//! The connection is read first, because the privileges of a deleted connection are undocumented.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::shared::{
    connection_part, location,
    operation::{OperationContext, OperationError},
    part_resource::{ConnectionPart, Lookup, PartResource, PartTexts, TIMEOUT},
    run_state::PartKey,
    semantic_equality::same_text,
    validators::MatchesRule,
};
use crate::{
    client::{Error, Project},
    dli::{
        rules,
        wire::{AuthorizationAction, PRIVILEGE_BIND_QUEUE},
    },
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::Computed,
        path::Path,
        plan_modifier::{RequiresReplace, USE_STATE_FOR_UNKNOWN},
        schema::{Attribute, BlockBody, Schema},
        timeouts::{Operation, Timeouts},
        types::Type,
    },
    model,
};

pub(super) type EnhancedConnectionPrivilege = PartResource<Privilege>;

model! {
    #[derive(Debug, Clone, Default)]
    pub(super) struct Privilege {
        region: Computed<String>,
        project_id: Computed<String>,
        connection_id: String,
        applicant_project_id: String,
        timeouts: Timeouts,
        id: Computed<String>,
        privileges: Computed<BTreeSet<String>>,
    }
}

impl Privilege {
    async fn authorize(&self, context: &OperationContext, action: AuthorizationAction) -> Result<(), OperationError> {
        let Self { connection_id: id, applicant_project_id: applicant, .. } = self;
        let project = &context.project;
        let is_done = || async move {
            let granted = privileges(project, id, applicant).await?.contains(PRIVILEGE_BIND_QUEUE);
            Ok(granted == (action == AuthorizationAction::Grant))
        };
        context.write(project.run_verified(|| project.authorize(id, applicant, action), is_done)).await
    }
}

#[async_trait]
impl ConnectionPart for Privilege {
    type Found = BTreeSet<String>;

    const TEXTS: PartTexts = PartTexts {
        type_name: "dli_enhanced_connection_privilege",
        noun: "privilege",
        create_summary: "Could Not Share the Connection",
        delete_summary: "Could Not Revoke the Privilege",
        create_note: "The state holds no privilege. The next apply grants it, or takes it over if it exists.",
        import_format: "CONNECTION_ID/APPLICANT_PROJECT_ID",
        import_rules: &[rules::PROJECT_ID],
    };

    fn schema() -> Schema {
        schema()
    }

    fn from_import_id(connection_id: &str, name: &str) -> Self {
        Self { connection_id: connection_id.to_owned(), applicant_project_id: name.to_owned(), ..Self::default() }
    }

    fn connection_id(&self) -> &str {
        &self.connection_id
    }

    fn location(&self) -> (Option<&str>, Option<&str>) {
        (self.region.0.as_deref(), self.project_id.0.as_deref())
    }

    fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    fn subject(&self) -> String {
        format!("privilege of the project {} on the connection {}", self.applicant_project_id, self.connection_id)
    }

    fn key(&self, _: Option<&BTreeSet<String>>) -> PartKey {
        PartKey::Privilege(self.applicant_project_id.to_ascii_lowercase())
    }

    fn set_computed(&mut self, context: &OperationContext, found: Option<BTreeSet<String>>) {
        location::fill_location(&mut self.region, &mut self.project_id, context);
        self.id = Computed(Some(format!("{}/{}", self.connection_id, self.applicant_project_id)));
        self.privileges = Computed(Some(found.unwrap_or_else(|| [PRIVILEGE_BIND_QUEUE.to_owned()].into())));
    }

    async fn find(&self, context: &OperationContext) -> Result<Lookup<BTreeSet<String>>, OperationError> {
        let Self { connection_id: id, applicant_project_id: applicant, .. } = self;
        if connection_part::find_connection(context, id).await?.is_none() {
            return Ok(Lookup::NoConnection);
        }
        match context.read(privileges(&context.project, id, applicant)).await {
            Ok(privileges) if privileges.contains(PRIVILEGE_BIND_QUEUE) => Ok(Lookup::Found(privileges)),
            Ok(_) => Ok(Lookup::Missing),
            // The connection was deleted between the two calls.
            Err(error) if error.is_not_found() => Ok(Lookup::NoConnection),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, context: &OperationContext) -> Result<(), OperationError> {
        self.authorize(context, AuthorizationAction::Grant).await
    }

    async fn delete(&self, context: &OperationContext, _: &BTreeSet<String>) -> Result<(), OperationError> {
        match self.authorize(context, AuthorizationAction::Revoke).await {
            // "Not found" may mean the connection, or another object that the revocation needs.
            Err(error) if error.is_not_found() && !matches!(self.find(context).await?, Lookup::Found(_)) => Ok(()),
            outcome => outcome,
        }
    }

    fn adopt(&self, _: &BTreeSet<String>) -> Result<Diagnostic, Diagnostics> {
        let text = format!(
            "The project {} may already bind to the connection {}: this was granted by somebody else, or by an earlier \
             apply whose answer was lost. The privilege is taken over, and destroying this resource revokes it.",
            self.applicant_project_id, self.connection_id
        );
        Ok(Diagnostic::warning("Already Granted", text).at(Path::attribute("applicant_project_id")))
    }
}

/// All privileges of another project on a connection.
async fn privileges(project: &Project, id: &str, applicant: &str) -> Result<BTreeSet<String>, Error> {
    let listed = project.list_privileges(id).await?.into_iter();
    let of_applicant = listed.filter(|one| one.applicant_project_id.eq_ignore_ascii_case(applicant));
    Ok(of_applicant.flat_map(|one| one.privileges).collect())
}

fn schema() -> Schema {
    let mut attributes = vec![
        connection_part::connection_id(),
        Attribute::string("applicant_project_id")
            .required()
            .validator(MatchesRule(&[rules::PROJECT_ID]))
            .plan_modifier(RequiresReplace)
            .semantic_equality(same_text)
            .description(
                "ID of the project, in the same region, that may bind its queues and elastic resource pools to the \
                 connection. Changing it replaces the privilege.",
            ),
    ];
    attributes.extend(location::resource_attributes());
    attributes.extend([
        Attribute::string("id")
            .computed()
            .plan_modifier(USE_STATE_FOR_UNKNOWN)
            .description("`CONNECTION_ID/APPLICANT_PROJECT_ID`."),
        Attribute::new("privileges", Type::set(Type::String))
            .computed()
            .plan_modifier(USE_STATE_FOR_UNKNOWN)
            .description("What that project may do: `BIND_QUEUE`, the only privilege that there is."),
    ]);
    let description =
        "Shares an enhanced datasource connection with another project, whose queues and elastic resource pools \
                       may then use it. Other projects that it is shared with are not touched."
            .to_owned();
    let operations = [Operation::Create, Operation::Read, Operation::Delete];
    let blocks = vec![Timeouts::block(&operations.map(|operation| (operation, TIMEOUT)))];
    Schema { body: BlockBody { attributes, blocks, description, ..BlockBody::default() }, ..Schema::default() }
}
