//! The provider's arguments, and the environment variables that stand in for them: those that Huawei Cloud's other
//! provider reads, so that an environment which is made for it serves this one too.

use crate::framework::value::Value;

/// Reads one environment variable; `None` if it is not set.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Arguments with the variables that are asked, in this order, for what the configuration leaves out.
const VARIABLES: [(&str, &[&str]); 22] = [
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
    ("insecure", &["HW_INSECURE", "OS_INSECURE"]),
    ("cacert_file", &["OS_CACERT"]),
];

/// The provider block, and the environment of the process.
#[derive(Clone, Copy)]
pub(in crate::provider) struct ConfigOrEnv<'a> {
    pub(in crate::provider) config: &'a Value,
    pub(in crate::provider) environment: &'a Environment,
}

/// A text, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) enum Origin {
    /// In the provider block.
    Argument,
    /// In the environment, under this name.
    Variable(&'static str),
}

impl ConfigOrEnv<'_> {
    /// What the provider block says; an empty text says nothing.
    pub(in crate::provider) fn argument(&self, name: &str) -> Option<String> {
        let value = match name.split_once('.') {
            Some((block, name)) => self.config.get(block).get(name),
            None => self.config.get(name),
        };
        match value {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// What the environment says, and under which name.
    pub(in crate::provider) fn variable(&self, name: &str) -> Option<(String, &'static str)> {
        let read = |variable: &'static str| Some(((self.environment)(variable)?, variable));
        variables(name).iter().filter_map(|variable| read(variable)).find(|(text, _)| !text.is_empty())
    }

    /// The argument, or else the variable.
    pub(in crate::provider) fn either(&self, name: &str) -> Option<(String, Origin)> {
        let argument = self.argument(name).map(|text| (text, Origin::Argument));
        argument.or_else(|| self.variable(name).map(|(text, variable)| (text, Origin::Variable(variable))))
    }

    /// The same, wherever it stands.
    pub(in crate::provider) fn text(&self, name: &str) -> Option<String> {
        self.either(name).map(|(text, _)| text)
    }
}

/// The variables in place of an argument.
pub(in crate::provider) fn variables(name: &str) -> &'static [&'static str] {
    VARIABLES.iter().find(|(argument, _)| *argument == name).map_or(&[], |(_, variables)| variables)
}
