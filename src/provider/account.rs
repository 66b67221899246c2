//! The provider's configuration, and the client that comes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Environment, claims::Claims, failure, locks::Locks, pending::Pending, survey::Survey, tagging::Tagging};
use crate::{
    client::{Client, Config, Credentials},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        path::Path,
        value::Value,
    },
};

/// Whom the provider acts for. Shared with the resources, which exist before the configuration comes.
pub(super) struct Account {
    environment: Environment,
    configured: Mutex<Option<Configured>>,
    locks: Locks,
    pending: Pending,
}

#[derive(Debug, Clone)]
struct Configured {
    client: Client,
    /// Attributes whose values come from something that does not exist yet.
    unknown: Vec<&'static str>,
    region: Option<String>,
    project_id: Option<String>,
    tagging: Tagging,
    plan_checks: bool,
    /// Of this run: where a process outlives one, the next begins anew.
    claims: Arc<Claims>,
    survey: Arc<Survey>,
}

/// Attributes that the environment can stand in for, with the variable's name.
const FROM_ENVIRONMENT: [(&str, &str); 5] = [
    ("region", "HW_REGION_NAME"),
    ("project_id", "HW_PROJECT_ID"),
    ("access_key", "HW_ACCESS_KEY"),
    ("secret_key", "HW_SECRET_KEY"),
    ("security_token", "HW_SECURITY_TOKEN"),
];

impl Account {
    pub(super) fn new(environment: Environment, pending: Pending) -> Self {
        Self { environment, configured: Mutex::new(None), locks: Locks::default(), pending }
    }

    /// Takes the provider block in. Uses no network.
    pub(super) fn configure(&self, config: &Value) -> Result<Diagnostics, Diagnostics> {
        let mut warnings = Diagnostics::new();
        let mut unknown = Vec::new();
        // A text of the configuration, else of the environment; an unknown one waits for the apply.
        let mut text = |name: &'static str| match config.get(name) {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Unknown(_) => {
                unknown.push(name);
                None
            }
            _ => FROM_ENVIRONMENT
                .iter()
                .find(|(attribute, _)| *attribute == name)
                .and_then(|(_, variable)| (self.environment)(variable))
                .filter(|text| !text.is_empty()),
        };
        let (region, project_id) = (text("region"), text("project_id"));
        let (access_key, secret_key) = (text("access_key"), text("secret_key"));
        // The token belongs to the access key: one of the environment is not that of a key in the configuration.
        let given = |name: &str| !config.get(name).is_null() && config.get(name).as_str() != Some("");
        let foreign = given("access_key") && !given("security_token");
        let security_token = text("security_token").filter(|_| !foreign);
        let cacert_file = text("cacert_file");
        let endpoint = match config.get("endpoints") {
            Value::Null => None,
            endpoints if !endpoints.is_wholly_known() => {
                unknown.push("endpoints");
                None
            }
            endpoints => endpoints.get("dli").as_str().map(str::to_owned),
        };
        let credentials = match (access_key, secret_key) {
            (Some(access_key), Some(secret_key)) => Some(Credentials {
                access_key,
                secret_key: secret_key.into(),
                security_token: security_token.map(Into::into),
            }),
            (None, None) => None,
            // Half a pair whose other half is unknown is no mistake.
            _ if unknown.contains(&"access_key") || unknown.contains(&"secret_key") => None,
            (given, _) => {
                let missing = if given.is_some() { "secret_key" } else { "access_key" };
                return Err(half_a_pair(missing));
            }
        };
        if config.get("insecure").is_unknown() {
            unknown.push("insecure");
        }
        let insecure = config.get("insecure") == &Value::Bool(true);
        if insecure {
            let text = "insecure = true: any TLS certificate is accepted, so whoever sits between this machine and the \
                        service can read and change everything. Use cacert_file to trust a certificate of your own.";
            warnings
                .push(Diagnostic::warning("TLS Certificates Are Not Checked", text).at(Path::attribute("insecure")));
        }
        let tagging = tagging(config);
        if let Some(key) = tagging.defaults.keys().find(|key| tagging.ignores(key)) {
            return Err(ignored_default(key));
        }
        let plan_checks = config.get("plan_checks") != &Value::Bool(false);
        let (own_region, own_project_id) = (region.clone(), project_id.clone());
        let config = Config {
            credentials,
            region,
            project_id,
            endpoint,
            insecure,
            cacert_file: cacert_file.map(PathBuf::from),
            ..Config::default()
        };
        let client = Client::new(config).map_err(|error| failure::configuration(&error))?;
        self.pending.begin();
        *self.configured.lock().unwrap_or_else(PoisonError::into_inner) = Some(Configured {
            client,
            unknown,
            region: own_region,
            project_id: own_project_id,
            tagging,
            plan_checks,
            claims: Arc::default(),
            survey: Arc::default(),
        });
        Ok(warnings)
    }

    /// The client, for a resource that is about to make its first call. There is none while a part of the configuration
    /// is unknown: what stands in for it could be another cloud, or another account.
    pub(super) fn client(&self) -> Result<Client, Diagnostics> {
        let Configured { client, unknown, .. } = self
            .configured()
            .ok_or_else(|| Diagnostic::bug("A resource was used before the provider was configured."))?;
        if unknown.is_empty() {
            return Ok(client);
        }
        let text = format!(
            "The provider's {} comes from a resource that has not been applied yet, and this resource exists already and \
             has to be looked at. Nothing was sent.\n\nApply the other resource first (terraform apply -target=ADDRESS), \
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

    /// What the provider block says about tags.
    pub(super) fn tagging(&self) -> Tagging {
        self.configured().map(|known| known.tagging).unwrap_or_default()
    }

    /// Whether a plan may ask the service.
    pub(super) fn may_ask(&self) -> bool {
        self.configured()
            .is_some_and(|known| known.plan_checks && known.unknown.is_empty() && known.client.has_credentials())
    }

    /// Who writes to which connection.
    pub(super) fn locks(&self) -> &Locks {
        &self.locks
    }

    /// Creations that Terraform may not know of.
    pub(super) fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Who declares which part of a connection.
    pub(super) fn claims(&self) -> Arc<Claims> {
        self.configured().map(|known| known.claims).unwrap_or_default()
    }

    /// What plans have asked the service.
    pub(super) fn survey(&self) -> Arc<Survey> {
        self.configured().map(|known| known.survey).unwrap_or_default()
    }
}

/// What the provider block says about tags, as far as it is known.
fn tagging(config: &Value) -> Tagging {
    let (defaults, ignored) = (config.get("default_tags"), config.get("ignore_tags"));
    let texts = |name: &str| -> BTreeSet<String> {
        let elements = ignored.get(name).as_elements().unwrap_or_default();
        elements.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let pairs = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    Tagging {
        defaults: defaults.as_map().into_iter().flatten().filter_map(pairs).collect::<BTreeMap<_, _>>(),
        ignored_keys: texts("keys"),
        ignored_prefixes: texts("key_prefixes"),
        open: !(defaults.is_wholly_known() && ignored.is_wholly_known()),
    }
}

fn ignored_default(key: &str) -> Diagnostics {
    let path = Path::attribute("default_tags").key(key);
    let text = format!(
        "{path} puts this tag on everything, and ignore_tags says that somebody else looks after it.\n\nTake it out of one \
         of the two."
    );
    Diagnostic::error("Tag Both Declared and Ignored", text).at(path).into()
}

fn half_a_pair(missing: &'static str) -> Diagnostics {
    let variable = FROM_ENVIRONMENT.iter().find(|(name, _)| *name == missing).map_or("", |(_, variable)| variable);
    let text = format!(
        "access_key and secret_key belong together, but {missing} is set neither in the provider's configuration nor as \
         {variable} in the environment."
    );
    Diagnostic::error("Incomplete Credentials", text).at(Path::attribute(missing)).into()
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("configured", &self.configured).finish_non_exhaustive()
    }
}
