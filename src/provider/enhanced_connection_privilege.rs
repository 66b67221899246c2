//! `dli_enhanced_connection_privilege`: another project that may bind its queues and pools to a connection.
//!
//! | call | when |
//! |---|---|
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}` | create, read, delete, import |
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}/privileges` | create, read, delete, import |
//! | `PUT /v1.0/{project}/authorization` | create, delete |
//!
//! The connection is looked at first: the list of privileges of one that was deleted is not documented.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    enhanced_connection::schema::{USE_STATE_FOR_UNKNOWN, same_text},
    provider_data::ProviderData,
    shared::connection_part,
    shared::location,
    shared::operation::{OperationContext, OperationError},
    shared::run_state::PartKey,
    shared::validators::MatchesRule,
};
use crate::{
    client::{Error, Project},
    dli::{
        rules,
        wire::{AuthorizationAction, PRIVILEGE_BIND_QUEUE},
    },
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::{Computed, FromValue},
        path::Path,
        plan_modifier::RequiresReplace,
        resource::{
            CreateRequest, DeleteRequest, ImportRequest, ModifyPlanRequest, ReadRequest, Resource, ResponseState,
            UpdateRequest,
        },
        schema::{Attribute, BlockBody, Schema},
        timeouts::{Operation, Timeouts},
        types::Type,
    },
    model,
};

/// How long each operation may take where the configuration does not say.
const LIMIT: Duration = Duration::from_mins(20);

/// From one look to the next whether what was revoked is still shown.
const PAUSE: Duration = Duration::from_secs(1);

/// The kind of resource.
#[derive(Debug)]
pub(super) struct EnhancedConnectionPrivilege {
    provider_data: Arc<ProviderData>,
}

impl EnhancedConnectionPrivilege {
    pub(super) fn new(provider_data: Arc<ProviderData>) -> Self {
        Self { provider_data }
    }
}

model! {
    #[derive(Debug, Clone, Default)]
    struct Shared {
        region: Computed<String>,
        project_id: Computed<String>,
        connection_id: String,
        applicant_project_id: String,
        timeouts: Timeouts,
        id: Computed<String>,
        privileges: Computed<BTreeSet<String>>,
    }
}

impl Shared {
    /// As messages name it.
    fn subject(&self) -> String {
        format!("privilege of the project {} on the connection {}", self.applicant_project_id, self.connection_id)
    }

    /// Its region and project, as far as they are known.
    fn location(&self) -> (Option<&str>, Option<&str>) {
        (self.region.0.as_deref(), self.project_id.0.as_deref())
    }

    /// What another resource of the same project and connection would have, too.
    fn part_key(&self) -> PartKey {
        PartKey::Privilege(self.applicant_project_id.to_ascii_lowercase())
    }

    /// Takes over what the provider decides.
    fn observe(&mut self, context: &OperationContext, privileges: BTreeSet<String>) {
        location::fill_location(&mut self.region, &mut self.project_id, context);
        self.id = Computed(Some(format!("{}/{}", self.connection_id, self.applicant_project_id)));
        self.privileges = Computed(Some(privileges));
    }
}

#[async_trait]
impl Resource for EnhancedConnectionPrivilege {
    fn type_name(&self) -> &'static str {
        "dli_enhanced_connection_privilege"
    }

    fn schema(&self) -> Schema {
        schema()
    }

    async fn modify_plan(&self, request: ModifyPlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        location::fill_planned(&self.provider_data, request.config, request.planned);
        Ok(Diagnostics::new())
    }

    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Share the Connection";
        const STATE_NOTE: &str =
            "The state holds no privilege. The next apply grants it, or takes it over if it exists.";
        let mut shared = Shared::from_value(request.planned, &Path::root())?;
        let limit = shared.timeouts.create(LIMIT);
        let to_errors = |error: OperationError| error.into_errors(SUMMARY, STATE_NOTE);
        let context = OperationContext::open(&self.provider_data, shared.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(shared.subject());
        let _guard =
            connection_part::lock(&context, &self.provider_data, &shared.connection_id).await.map_err(to_errors)?;
        let run_state = self.provider_data.run_state();
        let seen = loop {
            let seen = look(&context, &shared).await.map_err(to_errors)?;
            if !matches!(seen, Seen::Granted(_)) || !run_state.is_removed(&shared.connection_id, shared.part_key()) {
                break seen;
            }
            context.pause(PAUSE, || "The revocation of the old privilege".to_owned()).await.map_err(to_errors)?;
        };
        let privileges = match seen {
            Seen::NoConnection => return Err(connection_part::no_connection(SUMMARY, &shared.connection_id)),
            Seen::Granted(privileges) => {
                response.add_warning(already_granted(&shared));
                privileges
            }
            Seen::NotGranted => {
                let outcome = authorize(&context, &shared, AuthorizationAction::Grant).await;
                let granted = BTreeSet::from([PRIVILEGE_BIND_QUEUE.to_owned()]);
                if let Err(error) = outcome {
                    shared.observe(&context, granted);
                    return Err(connection_part::create_failed(error, (SUMMARY, STATE_NOTE), shared, response));
                }
                granted
            }
        };
        run_state.mark_in_use(&shared.connection_id, shared.part_key());
        shared.observe(&context, privileges);
        response.set_state(shared);
        Ok(())
    }

    async fn read(&self, request: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let mut shared: Shared = connection_part::from_state(request.state)?;
        connection_part::check_state(&shared.connection_id)?;
        let limit = shared.timeouts.read(LIMIT);
        let to_errors =
            |error: OperationError| error.into_errors("Could Not Read the Privilege", "The state was not changed.");
        let context = OperationContext::open(&self.provider_data, shared.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(shared.subject());
        match look_for_held(&context, &shared).await.map_err(to_errors)? {
            Seen::Granted(privileges) => {
                shared.observe(&context, privileges);
                response.set_state(shared);
            }
            Seen::NotGranted | Seen::NoConnection => response.remove_resource(),
        }
        Ok(())
    }

    /// What changes in place is Terraform's alone.
    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        response.set_state(request.planned.clone());
        Ok(())
    }

    async fn delete(&self, request: DeleteRequest<'_>, _: &mut ResponseState) -> Result<(), Diagnostics> {
        const STATE_NOTE: &str =
            "The privilege is still in the state. Run the same command again (terraform destroy, or apply).";
        let shared: Shared = connection_part::from_state(request.prior)?;
        connection_part::check_state(&shared.connection_id)?;
        let limit = shared.timeouts.delete(LIMIT);
        let to_errors = |error: OperationError| error.into_errors("Could Not Revoke the Privilege", STATE_NOTE);
        let context = OperationContext::open(&self.provider_data, shared.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(shared.subject());
        let _guard =
            connection_part::lock(&context, &self.provider_data, &shared.connection_id).await.map_err(to_errors)?;
        if !matches!(look_for_held(&context, &shared).await.map_err(to_errors)?, Seen::Granted(_)) {
            return Ok(());
        }
        // Created before this one is destroyed.
        if self.provider_data.run_state().is_in_use(&shared.connection_id, shared.part_key()) {
            tracing::info!(id = shared.connection_id, "not revoked: another resource of this run relies on it");
            return Ok(());
        }
        let is_granted = async || Ok(matches!(look(&context, &shared).await?, Seen::Granted(_)));
        match authorize(&context, &shared, AuthorizationAction::Revoke).await {
            // It may be the connection that is not found, or something else that the revocation needs.
            Err(error) if error.is_not_found() && !is_granted().await.map_err(to_errors)? => Ok(()),
            outcome => {
                outcome.map_err(to_errors)?;
                self.provider_data.run_state().mark_removed(&shared.connection_id, shared.part_key());
                Ok(())
            }
        }
    }

    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const FORMS: &str = "CONNECTION_ID/APPLICANT_PROJECT_ID";
        let (object, region, project_id) = location::parse_import_id(request.id);
        let Some((connection_id, applicant)) = object.split_once('/') else {
            return Err(connection_part::invalid_import(request.id, FORMS));
        };
        let words: [(&str, &[rules::Rule]); 2] =
            [(connection_id, &[rules::CONNECTION_ID]), (applicant, &[rules::PROJECT_ID])];
        connection_part::check_import(request.id, FORMS, &words)?;
        let to_errors =
            |error: OperationError| error.into_errors("Could Not Import the Privilege", "Nothing was imported.");
        let context = OperationContext::open(&self.provider_data, (region, project_id), LIMIT, request.stop)
            .await
            .map_err(to_errors)?;
        let (connection_id, applicant_project_id) = (connection_id.to_owned(), applicant.to_owned());
        let mut shared = Shared { connection_id, applicant_project_id, ..Shared::default() };
        let Seen::Granted(privileges) = look(&context, &shared).await.map_err(to_errors)? else {
            let what =
                format!("privilege of the project {applicant} on an enhanced connection {}", shared.connection_id);
            return Err(connection_part::not_found(&what, "Privilege"));
        };
        shared.observe(&context, privileges);
        response.set_state(shared);
        Ok(())
    }
}

/// What was seen of a privilege.
enum Seen {
    /// There is no connection.
    NoConnection,
    /// The other project may not bind.
    NotGranted,
    /// It may, and this is all that it may.
    Granted(BTreeSet<String>),
}

async fn look(context: &OperationContext, shared: &Shared) -> Result<Seen, OperationError> {
    let Shared { connection_id: id, applicant_project_id: applicant, .. } = shared;
    if connection_part::find_connection(context, id).await?.is_none() {
        return Ok(Seen::NoConnection);
    }
    match context.read(privileges(&context.project, id, applicant)).await {
        Ok(privileges) if privileges.contains(PRIVILEGE_BIND_QUEUE) => Ok(Seen::Granted(privileges)),
        Ok(_) => Ok(Seen::NotGranted),
        // It went between the two looks.
        Err(error) if error.is_not_found() => Ok(Seen::NoConnection),
        Err(error) => Err(error),
    }
}

/// The same of a privilege that Terraform holds: where it seems to be missing, it is looked for again.
async fn look_for_held(context: &OperationContext, shared: &Shared) -> Result<Seen, OperationError> {
    connection_part::read_until(context, || look(context, shared), |seen| matches!(seen, Seen::NotGranted)).await
}

/// All that another project may do with a connection.
async fn privileges(project: &Project, id: &str, applicant: &str) -> Result<BTreeSet<String>, Error> {
    let listed = project.list_privileges(id).await?.into_iter();
    let of_applicant = listed.filter(|one| one.applicant_project_id.eq_ignore_ascii_case(applicant));
    Ok(of_applicant.flat_map(|one| one.privileges).collect())
}

async fn authorize(
    context: &OperationContext,
    shared: &Shared,
    action: AuthorizationAction,
) -> Result<(), OperationError> {
    let Shared { connection_id: id, applicant_project_id: applicant, .. } = shared;
    let project = &context.project;
    let is_done = || async move {
        let granted = privileges(project, id, applicant).await?.contains(PRIVILEGE_BIND_QUEUE);
        Ok(granted == (action == AuthorizationAction::Grant))
    };
    context.write(project.run_verified(|| project.authorize(id, applicant, action), is_done)).await
}

fn already_granted(shared: &Shared) -> Diagnostic {
    let text = format!(
        "The project {} may already bind to the connection {}: this was granted by somebody else, or by an earlier apply \
         whose answer was lost. The privilege is taken over, and destroying this resource revokes it.",
        shared.applicant_project_id, shared.connection_id
    );
    Diagnostic::warning("Already Granted", text).at(Path::attribute("applicant_project_id"))
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
    let blocks = vec![Timeouts::block(&operations.map(|operation| (operation, LIMIT)))];
    Schema { body: BlockBody { attributes, blocks, description, ..BlockBody::default() }, ..Schema::default() }
}
