//! The provider's arguments, and the environment variables that replace them.
//!
//! The huaweicloud provider reads the same variables, except `DLI_ENDPOINT`, so one environment serves both providers.

use crate::dli::rules;
use crate::framework::value::Value;

/// Reads one environment variable; `None` if it is not set.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The variables of each argument, in order of precedence.
const VARIABLES: [(&str, &[&str]); 23] = [
    ("region", &["HW_REGION_NAME", "OS_REGION_NAME"]),
    ("project_id", &["HW_PROJECT_ID", "OS_PROJECT_ID", "OS_TENANT_ID"]),
    ("project_name", &["HW_PROJECT_NAME", "OS_PROJECT_NAME", "OS_TENANT_NAME"]),
    ("access_key", &["HW_ACCESS_KEY", "OS_ACCESS_KEY"]),
    ("secret_key", &["HW_SECRET_KEY", "OS_SECRET_KEY"]),
    ("security_token", &["HW_SECURITY_TOKEN"]),
    ("token", &["HW_AUTH_TOKEN", "OS_AUTH_TOKEN"]),
    ("user_name", &["HW_USER_NAME", "OS_USERNAME"]),
    ("user_id", &["HW_USER_ID", "OS_USER_ID"]),
    ("password", &["HW_USER_PASSWORD", "OS_PASSWORD"]),
    ("domain_name", &["HW_DOMAIN_NAME", "OS_DOMAIN_NAME", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME"]),
    ("domain_id", &["HW_DOMAIN_ID", "OS_DOMAIN_ID", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_ID"]),
    ("assume_role.agency_name", &["HW_ASSUME_ROLE_AGENCY_NAME"]),
    ("assume_role.domain_name", &["HW_ASSUME_ROLE_DOMAIN_NAME"]),
    ("assume_role.domain_id", &["HW_ASSUME_ROLE_DOMAIN_ID"]),
    ("assume_role.duration", &["HW_ASSUME_ROLE_DURATION"]),
    ("shared_config_file", &["HW_SHARED_CONFIG_FILE"]),
    ("profile", &["HW_PROFILE"]),
    ("cloud", &["HW_CLOUD"]),
    ("auth_url", &["HW_AUTH_URL", "OS_AUTH_URL"]),
    ("endpoints.dli", &["DLI_ENDPOINT"]),
    ("insecure", &["HW_INSECURE", "OS_INSECURE"]),
    ("cacert_file", &["OS_CACERT"]),
];

/// The provider block and the environment of the process.
#[derive(Clone, Copy)]
pub(crate) struct ConfigOrEnv<'a> {
    pub(crate) config: &'a Value,
    pub(crate) environment: &'a Environment,
}

/// The origin of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The provider block.
    Argument,
    /// This environment variable.
    Variable(&'static str),
}

impl Origin {
    /// Where the setting is, for messages. `argument` is its name in the provider block.
    pub(crate) fn place(self, argument: &str) -> String {
        match self {
            Self::Argument => argument.to_owned(),
            Self::Variable(name) => format!("{name} in the environment"),
        }
    }
}

impl ConfigOrEnv<'_> {
    /// Returns a string or number of the provider block; `None` if it is blank.
    pub(crate) fn argument(&self, name: &str) -> Option<String> {
        let value = match name.split_once('.') {
            Some((block, name)) => self.config.get(block).get(name),
            None => self.config.get(name),
        };
        match value {
            Value::String(text) => given(name, text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Returns the first variable of an argument that is not blank, and its name.
    pub(crate) fn variable(&self, name: &str) -> Option<(String, &'static str)> {
        variables(name).iter().find_map(|variable| Some((given(name, &(self.environment)(variable)?)?, *variable)))
    }

    /// Returns the argument, else its variable.
    pub(crate) fn either(&self, name: &str) -> Option<(String, Origin)> {
        let argument = self.argument(name).map(|text| (text, Origin::Argument));
        argument.or_else(|| self.variable(name).map(|(text, variable)| (text, Origin::Variable(variable))))
    }

    /// Returns the address of the service. Ignores the variable while a value of `endpoints` is unknown.
    pub(crate) fn dli_endpoint(&self) -> Option<(String, Origin)> {
        const NAME: &str = "endpoints.dli";
        if self.config.get("endpoints").is_wholly_known() {
            return self.either(NAME);
        }
        self.argument(NAME).map(|text| (text, Origin::Argument))
    }

    /// Returns the argument, else its variable, without the origin.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.either(name).map(|(text, _)| text)
    }
}

/// Arguments whose white space may be part of a secret.
const SECRETS: [&str; 4] = ["secret_key", "security_token", "token", "password"];

/// Returns the text of a setting without the white space around it; `None` if it is blank. Secrets are not changed.
fn given(name: &str, text: &str) -> Option<String> {
    let trimmed = text.trim();
    let text = match name {
        _ if trimmed.is_empty() => return None,
        "region" => rules::normal_region(trimmed),
        _ if SECRETS.contains(&name) => text.to_owned(),
        _ => trimmed.to_owned(),
    };
    Some(text)
}

/// Returns the variables of an argument.
pub(crate) fn variables(name: &str) -> &'static [&'static str] {
    VARIABLES.iter().find(|(argument, _)| *argument == name).map_or(&[], |(_, variables)| variables)
}
