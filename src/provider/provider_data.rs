//! The provider's configuration, and the client that comes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    configuration::{
        credential_chain::{self, Resolved},
        settings::{ConfigOrEnv, Environment, Origin},
    },
    enhanced_connection::creation_journal::CreationJournal,
    shared::error_detail,
    shared::operation::{OperationContext, OperationError},
    shared::ownership::OwnershipConflicts,
    shared::run_state::RunState,
    shared::tags::TagPolicy,
    shared::write_locks::WriteLocks,
};
use crate::{
    client::{self, Client, Config, ConfigError},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        path::Path,
        value::Value,
    },
};

/// How long the provider reads an object again that the service reports as missing, in seconds.
const CONSISTENCY_TIMEOUT: &str = "DLI_CONSISTENCY_TIMEOUT";

/// Whom the provider acts for. Shared with the resources, which exist before the configuration comes.
pub(super) struct ProviderData {
    environment: Environment,
    configured: Mutex<Option<Configured>>,
    write_locks: WriteLocks,
    journal: CreationJournal,
}

#[derive(Debug, Clone)]
struct Configured {
    client: Client,
    /// Attributes whose values come from something that does not exist yet.
    unknown: Vec<&'static str>,
    region: Option<String>,
    project_id: Option<String>,
    tag_policy: TagPolicy,
    plan_checks: bool,
    /// Of this run: where a process outlives one, the next begins anew.
    ownership_conflicts: Arc<OwnershipConflicts>,
    run_state: Arc<RunState>,
}

impl ProviderData {
    pub(super) fn new(environment: Environment, journal: CreationJournal) -> Self {
        Self { environment, configured: Mutex::new(None), write_locks: WriteLocks::default(), journal }
    }

    /// Takes the provider block in. Reads files, uses no network.
    pub(super) fn configure(&self, config: &Value) -> Result<Diagnostics, Diagnostics> {
        let settings = ConfigOrEnv { config, environment: &self.environment };
        let open = |names: &[&'static str]| -> Vec<_> {
            names.iter().filter(|name| !config.get(name).is_wholly_known()).copied().collect()
        };
        let mut unknown = open(&credential_chain::CREDENTIALS_ARGUMENTS);
        // While a part is open, what is there may be no half but a whole.
        let found = if unknown.is_empty() { Some(credential_chain::resolve(settings)?) } else { None };
        unknown.extend(open(&CONNECTION_ARGUMENTS));
        let (region, project_id) = place(settings, found.as_ref());
        let (insecure, mut warnings) = insecure(settings)?;
        warnings.extend(found.as_ref().and_then(|found| credential_chain::ignored_identity(settings, found)));
        let tag_policy = tag_policy(config);
        if let Some(key) = tag_policy.defaults.keys().find(|key| tag_policy.ignores(key)) {
            return Err(ignored_default(key));
        }
        let endpoint = |service: &str| {
            let endpoints = Some(config.get("endpoints")).filter(|endpoints| endpoints.is_wholly_known())?;
            endpoints.get(service).as_str().map(str::to_owned)
        };
        let identity_endpoint = match endpoint("iam") {
            Some(address) => Some(address),
            None => auth_url(settings)?,
        };
        let file = found.as_ref().filter(|found| found.is_file).map(|found| found.credentials.origin.clone());
        let client = Client::new(Config {
            credentials: found.map(|found| found.credentials),
            region: region.clone(),
            project_id: project_id.clone(),
            project_name: settings.text("project_name"),
            cloud: settings.text("cloud"),
            endpoint: endpoint("dli"),
            identity_endpoint,
            metadata_endpoint: endpoint("metadata"),
            insecure,
            cacert_file: settings.text("cacert_file").map(PathBuf::from),
            consistency_timeout: consistency_timeout(&self.environment)?,
            ..Config::default()
        });
        let client = client.map_err(|error| {
            let setting = if let ConfigError::Text { setting, .. } = &error { setting } else { "" };
            let place = file.or_else(|| match settings.either(setting)? {
                (_, Origin::Variable(name)) => Some(format!("{name} in the environment")),
                (_, Origin::Argument) => None,
            });
            error_detail::configuration(&error, place.as_deref())
        })?;
        self.journal.start_run();
        *self.configured.lock().unwrap_or_else(PoisonError::into_inner) = Some(Configured {
            client,
            unknown,
            region,
            project_id,
            tag_policy,
            plan_checks: config.get("plan_checks") != &Value::Bool(false),
            ownership_conflicts: Arc::default(),
            run_state: Arc::default(),
        });
        warnings.extend(self.journal.stale_warnings());
        Ok(warnings)
    }

    /// Begins an operation in a region and project that may take as long as `timeout`.
    pub(super) async fn begin(
        &self,
        location: (Option<&str>, Option<&str>),
        timeout: Duration,
        stop: &CancellationToken,
    ) -> Result<OperationContext, OperationError> {
        OperationContext::open(self.client()?, location, timeout, stop).await
    }

    /// Returns the client, unless an argument is unknown: a fallback could mean another cloud or account.
    fn client(&self) -> Result<Client, Diagnostics> {
        let Configured { client, unknown, .. } = self
            .configured()
            .ok_or_else(|| Diagnostic::bug("A resource was used before the provider was configured."))?;
        if unknown.is_empty() {
            return Ok(client);
        }
        let text = format!(
            "The provider's {} comes from a resource that has not been applied yet, but this resource already exists and \
             must be read. Nothing was sent.\n\nApply the other resource first (terraform apply -target=ADDRESS), \
             or configure the provider with values that do not depend on resources.",
            unknown.join(", ")
        );
        Err(Diagnostic::error("Provider Configuration Not Known Yet", text).into())
    }

    fn configured(&self) -> Option<Configured> {
        self.configured.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The region of what names none, where it is known.
    pub(super) fn region(&self) -> Option<String> {
        self.configured().filter(|known| !known.unknown.contains(&"region"))?.region
    }

    /// The project of what names none, where it is known.
    pub(super) fn project_id(&self) -> Option<String> {
        self.configured().filter(|known| !known.unknown.contains(&"project_id"))?.project_id
    }

    /// Whether this region is the provider's; where the provider has none, every one is. `None` is one that is not known.
    pub(super) fn is_in(&self, region: Option<&str>) -> bool {
        self.configured().is_some_and(|known| {
            let is_open = known.unknown.contains(&"region");
            !is_open && (known.region.is_none() || known.region.as_deref() == region)
        })
    }

    /// What the provider block says about tags.
    pub(super) fn tag_policy(&self) -> TagPolicy {
        self.configured().map(|known| known.tag_policy).unwrap_or_default()
    }

    /// Whether a plan may ask the service, and has anything to ask it with.
    pub(super) async fn may_ask(&self) -> bool {
        let known = self.configured().filter(|known| known.plan_checks && known.unknown.is_empty());
        match known {
            Some(known) => known.client.has_credentials().await,
            None => false,
        }
    }

    /// Who writes to which connection.
    pub(super) fn write_locks(&self) -> &WriteLocks {
        &self.write_locks
    }

    /// Creations that Terraform may not know of.
    pub(super) fn creation_journal(&self) -> &CreationJournal {
        &self.journal
    }

    /// Who declares which part of a connection.
    pub(super) fn ownership_conflicts(&self) -> Arc<OwnershipConflicts> {
        self.configured().map(|known| known.ownership_conflicts).unwrap_or_default()
    }

    /// What plans have asked the service.
    pub(super) fn run_state(&self) -> Arc<RunState> {
        self.configured().map(|known| known.run_state).unwrap_or_default()
    }
}

/// What every call depends on, beside the credentials.
const CONNECTION_ARGUMENTS: [&str; 8] =
    ["region", "project_id", "project_name", "cloud", "auth_url", "endpoints", "insecure", "cacert_file"];

/// Region and project id. What a file says goes after the environment, and its project is one of its region.
fn place(settings: ConfigOrEnv<'_>, found: Option<&Resolved>) -> (Option<String>, Option<String>) {
    let is_unknown = |name: &str| settings.config.get(name).is_unknown();
    let text = |name: &str| if is_unknown(name) { None } else { settings.text(name) };
    let file_region = found.and_then(|found| found.region.clone());
    let region = text("region").or_else(|| file_region.clone().filter(|_| !is_unknown("region")));
    // A name that is written down goes before an id of the environment.
    let is_named = settings.argument("project_name").is_some() && settings.argument("project_id").is_none();
    if is_named || is_unknown("project_id") {
        return (region, None);
    }
    let of_file = || {
        found
            .and_then(|found| found.project_id.clone())
            .filter(|_| settings.text("project_name").is_none() && (file_region.is_none() || file_region == region))
    };
    let project_id = text("project_id").or_else(of_file);
    (region, project_id)
}

/// The address of the identity service. The block's own is checked before; what the environment says nobody has seen yet.
fn auth_url(settings: ConfigOrEnv<'_>) -> Result<Option<String>, Diagnostics> {
    let Some((address, place)) = settings.either("auth_url") else { return Ok(None) };
    if let (Origin::Variable(name), Err(error)) = (place, client::check_identity_endpoint(&address)) {
        let text = format!("{name} in the environment: {error}.\n\nAllowed: https://HOST[:PORT][/v3].");
        return Err(Diagnostic::error("Invalid Provider Configuration", text).at(Path::attribute("auth_url")).into());
    }
    Ok(Some(address))
}

/// Whether any certificate is accepted, and the warning that it is.
fn insecure(settings: ConfigOrEnv<'_>) -> Result<(bool, Diagnostics), Diagnostics> {
    let (insecure, place) = match settings.config.get("insecure") {
        Value::Bool(insecure) => (*insecure, Origin::Argument),
        Value::Unknown(_) => (false, Origin::Argument),
        _ => match settings.variable("insecure") {
            None => (false, Origin::Argument),
            // As the other provider reads it.
            Some((text, name)) => match text.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => (true, Origin::Variable(name)),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => (false, Origin::Variable(name)),
                _ => {
                    let text = format!("{name} in the environment is {text:?}.\n\nAllowed: true or false.");
                    return Err(Diagnostic::error("Invalid Provider Configuration", text)
                        .at(Path::attribute("insecure"))
                        .into());
                }
            },
        },
    };
    let mut warnings = Diagnostics::new();
    if insecure {
        let said = match place {
            Origin::Argument => "insecure = true".to_owned(),
            Origin::Variable(name) => format!("{name} in the environment"),
        };
        let text = format!(
            "{said}: any TLS certificate is accepted, so anyone between this machine and the service can read and change \
             everything. Use cacert_file to trust a certificate of your own."
        );
        warnings.push(Diagnostic::warning("TLS Certificates Are Not Checked", text).at(Path::attribute("insecure")));
    }
    Ok((insecure, warnings))
}

/// Reads `DLI_CONSISTENCY_TIMEOUT`; at most an hour.
fn consistency_timeout(environment: &Environment) -> Result<Duration, Diagnostics> {
    let Some(text) = environment(CONSISTENCY_TIMEOUT).filter(|text| !text.is_empty()) else {
        return Ok(Config::default().consistency_timeout);
    };
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        let text = format!(
            "{CONSISTENCY_TIMEOUT} in the environment is {text:?}. It must be a number of seconds from 0 to 3600, such as 5 \
             or 0.5."
        );
        Diagnostic::error("Invalid Consistency Timeout", text).into()
    })
}

/// What the provider block says about tags, as far as it is known.
fn tag_policy(config: &Value) -> TagPolicy {
    let (defaults, ignored) = (config.get("default_tags"), config.get("ignore_tags"));
    let texts = |name: &str| -> BTreeSet<String> {
        let elements = ignored.get(name).as_elements().unwrap_or_default();
        elements.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let pairs = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    TagPolicy {
        defaults: defaults.as_map().into_iter().flatten().filter_map(pairs).collect::<BTreeMap<_, _>>(),
        ignored_keys: texts("keys"),
        ignored_prefixes: texts("key_prefixes"),
        open: !(defaults.is_wholly_known() && ignored.is_wholly_known()),
    }
}

fn ignored_default(key: &str) -> Diagnostics {
    let path = Path::attribute("default_tags").key(key);
    let text = format!(
        "{path} puts this tag on everything, but ignore_tags says that somebody else manages it.\n\nRemove it from one of the \
         two."
    );
    Diagnostic::error("Tag Both Declared and Ignored", text).at(path).into()
}

impl fmt::Debug for ProviderData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderData").field("configured", &self.configured).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Duration, Diagnostics> {
        let environment: Environment =
            Box::new(move |name| (name == "DLI_CONSISTENCY_TIMEOUT").then(|| text.to_owned()));
        consistency_timeout(&environment)
    }

    #[test]
    fn consistency_timeout_is_read_in_seconds() {
        for (text, milliseconds) in [("", 5000), ("0.5", 500), ("30", 30_000), ("0", 0)] {
            assert_eq!(read(text).expect("it is valid"), Duration::from_millis(milliseconds), "{text}");
        }
    }

    #[test]
    fn invalid_consistency_timeout_is_rejected() {
        for text in ["5s", "-1", "NaN", "inf", "3601", " "] {
            let rejected = read(text).expect_err(text);
            assert!(rejected.iter().any(|error| error.detail.contains("DLI_CONSISTENCY_TIMEOUT")), "{text}");
        }
    }
}
