//! The arguments of the provider block that say who calls, where, and how the service is reached.

use crate::{
    framework::{
        schema::{Attribute, Block, BlockBody, BlockNesting},
        types::Type,
        validator::{KeysAre, ValuesAre},
    },
    provider::shared::validators,
};

/// Who calls, and where.
pub(in crate::provider) fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::string("region").description(
            "Region of the service, for example `cn-north-4`. Environment: `HW_REGION_NAME`. Not needed where \
             `endpoints.dli` is set.",
        ),
        Attribute::string("project_id").description(
            "Id of the project, in `region`. Environment: `HW_PROJECT_ID`. Where it is not set, the first call asks IAM for \
             the project that `project_name` names.",
        ),
        Attribute::string("project_name").description(
            "Name of the project, where `project_id` is not set. Environment: `HW_PROJECT_NAME`. Default: the region, \
             after which IAM names the project of each region.",
        ),
        Attribute::string("access_key").sensitive().description("Access key (AK). Environment: `HW_ACCESS_KEY`."),
        Attribute::string("secret_key").sensitive().description("Secret key (SK). Environment: `HW_SECRET_KEY`."),
        Attribute::string("security_token")
            .sensitive()
            .description("Security token of a temporary access key. Environment: `HW_SECURITY_TOKEN`."),
        Attribute::string("token").sensitive().description(
            "Token of IAM for the project, in place of a key. Environment: `HW_AUTH_TOKEN`. It cannot be renewed here.",
        ),
        Attribute::string("user_name")
            .description("Name of an IAM user, with `password` and `domain_name`. Environment: `HW_USER_NAME`."),
        Attribute::string("user_id").description("Id of an IAM user, with `password`. Environment: `HW_USER_ID`."),
        Attribute::string("password")
            .sensitive()
            .description("Password of the IAM user. Environment: `HW_USER_PASSWORD`."),
        Attribute::string("domain_name")
            .description("Name of the account that the IAM user belongs to. Environment: `HW_DOMAIN_NAME`."),
        Attribute::string("domain_id")
            .description("Id of the account that the IAM user belongs to. Environment: `HW_DOMAIN_ID`."),
        Attribute::string("shared_config_file").description(
            "Configuration file of KooCLI, out of which a profile gives the access key. Environment: \
             `HW_SHARED_CONFIG_FILE`. Default: `~/.hcloud/config.json`.",
        ),
        Attribute::string("profile").description(
            "Name of the profile in that file. Environment: `HW_PROFILE`. Default: the one that the file names as current.",
        ),
        Attribute::string("cloud").description(
            "Domain of the site, from which the endpoints are derived. Environment: `HW_CLOUD`. Default: \
             `myhuaweicloud.com`, and `myhuaweicloud.eu` for `eu-west-101`.",
        ),
        Attribute::string("auth_url").validator(validators::IdentityEndpoint).description(
            "Address of IAM, as in `https://iam.cn-north-4.myhuaweicloud.com/v3`. Environment: `HW_AUTH_URL`. Default: that \
             of the region. `endpoints.iam` goes before it.",
        ),
        Attribute::new("endpoints", Type::map(Type::String))
            .validator(KeysAre(validators::ServiceName))
            .validator(ValuesAre(validators::Endpoint))
            .description(
                "Addresses that take the place of those derived from the region, by service (`dli`, `iam`, `metadata`): \
                 `{ dli = \"https://…\" }`. Plain `http://` is accepted only for a loopback address, where the emulator \
                 listens.",
            ),
    ]
}

/// The agency that is to be assumed.
pub(in crate::provider) fn assume_role() -> Block {
    let attributes = vec![
        Attribute::string("agency_name").description("Name of the agency. Environment: `HW_ASSUME_ROLE_AGENCY_NAME`."),
        Attribute::string("domain_name")
            .description("Name of the account that has created the agency. Environment: `HW_ASSUME_ROLE_DOMAIN_NAME`."),
        Attribute::string("domain_id")
            .description("Id of that account, in place of its name. Environment: `HW_ASSUME_ROLE_DOMAIN_ID`."),
        Attribute::new("duration", Type::Number).description(
            "Seconds that each key is good for which is got with the agency, from 900 to 86400; it is renewed in time. \
             Environment: `HW_ASSUME_ROLE_DURATION`. Default: 900.",
        ),
    ];
    let description = "An agency to act as, assumed with whatever credentials there are.".to_owned();
    Block {
        name: "assume_role",
        nesting: BlockNesting::Single,
        body: BlockBody { attributes, description, ..BlockBody::default() },
    }
}
