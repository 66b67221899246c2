//! The arguments of the provider block for credentials, location and endpoints.

use crate::framework::schema::{Attribute, Block, BlockBody, BlockNesting};
use crate::framework::types::Type;
use crate::framework::validator::{KeysAre, ValuesAre};
use crate::provider::shared::validators;

/// The arguments for credentials, location, endpoints and TLS.
pub(crate) fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::string("region").description(
            "Region of the service, for example `cn-north-4`. Environment: `HW_REGION_NAME`. Not needed if \
             `endpoints.dli` is set.",
        ),
        Attribute::string("project_id").description(
            "ID of the project, in `region`. Environment: `HW_PROJECT_ID`. Default: the provider finds the ID of the \
             project `project_name` in IAM.",
        ),
        Attribute::string("project_name").description(
            "Name of the project, if `project_id` is not set. Environment: `HW_PROJECT_NAME`. Default: the name of the \
             region, which is the name of its default project.",
        ),
        Attribute::string("access_key").sensitive().description("Access key (AK). Environment: `HW_ACCESS_KEY`."),
        Attribute::string("secret_key").sensitive().description("Secret key (SK). Environment: `HW_SECRET_KEY`."),
        Attribute::string("security_token")
            .sensitive()
            .description("Security token of a temporary access key. Environment: `HW_SECURITY_TOKEN`."),
        Attribute::string("token").sensitive().description(
            "IAM token for the project, instead of an access key. Environment: `HW_AUTH_TOKEN`. The provider cannot \
             renew it.",
        ),
        Attribute::string("user_name")
            .description("Name of an IAM user, with `password` and `domain_name`. Environment: `HW_USER_NAME`."),
        Attribute::string("user_id").description("ID of an IAM user, with `password`. Environment: `HW_USER_ID`."),
        Attribute::string("password")
            .sensitive()
            .description("Password of the IAM user. Environment: `HW_USER_PASSWORD`."),
        Attribute::string("domain_name")
            .description("Name of the account that the IAM user belongs to. Environment: `HW_DOMAIN_NAME`."),
        Attribute::string("domain_id")
            .description("ID of the account that the IAM user belongs to. Environment: `HW_DOMAIN_ID`."),
        Attribute::string("shared_config_file").description(
            "Configuration file of KooCLI with a profile that contains an access key. Environment: \
             `HW_SHARED_CONFIG_FILE`. Default: `~/.hcloud/config.json`.",
        ),
        Attribute::string("profile").description(
            "Name of the profile in that file. Environment: `HW_PROFILE`. Default: the current profile of the file.",
        ),
        Attribute::string("cloud").description(
            "Domain of the site, from which the endpoints are derived. Environment: `HW_CLOUD`. Default: \
             `myhuaweicloud.com`; for `eu-west-101`, `myhuaweicloud.eu`, except for the VPC service.",
        ),
        Attribute::string("auth_url").validator(validators::IDENTITY_ENDPOINT).description(
            "Address of IAM, such as `https://iam.cn-north-4.myhuaweicloud.com/v3`. Environment: `HW_AUTH_URL`. \
             Default: the address in the region. `endpoints.iam` takes precedence.",
        ),
        Attribute::new("endpoints", Type::map(Type::String))
            .validator(KeysAre(validators::service_name))
            .validator(ValuesAre(validators::ENDPOINT))
            .description(
                "Addresses by service (`dli`, `iam`, `metadata`, `vpc`), instead of those of the region: `{ dli = \
                 \"https://…\" }`. Environment for `dli`: `DLI_ENDPOINT`. `http://` is allowed only for a loopback \
                 address, for example for the emulator. If `dli` is not an address that Huawei Cloud publishes for a \
                 region, the provider uses the VPC service only if `vpc` is set too.",
            ),
        Attribute::bool("insecure").description(
            "Accepts any TLS certificate of the service. Use it for tests only: others can read and change all \
             traffic. Environment: `HW_INSECURE`.",
        ),
        Attribute::string("cacert_file").description(
            "File with certificates (PEM) to trust in addition to those of the operating system, or its content. A \
             server's own self-signed certificate is accepted too. Environment: `OS_CACERT`.",
        ),
    ]
}

/// The block `assume_role`.
pub(crate) fn assume_role() -> Block {
    let attributes = vec![
        Attribute::string("agency_name").description(
            "Name of the agency. Without a name, no agency is assumed. Environment: `HW_ASSUME_ROLE_AGENCY_NAME`.",
        ),
        Attribute::string("domain_name")
            .description("Name of the account that created the agency. Environment: `HW_ASSUME_ROLE_DOMAIN_NAME`."),
        Attribute::string("domain_id")
            .description("ID of that account, instead of its name. Environment: `HW_ASSUME_ROLE_DOMAIN_ID`."),
        Attribute::new("duration", Type::Number).description(
            "Lifetime of the agency's keys in seconds, from 900 to 86400. The provider renews the keys. Environment: \
             `HW_ASSUME_ROLE_DURATION`. Default: 900.",
        ),
    ];
    let description = "The agency that the provider assumes with its credentials.".to_owned();
    Block {
        name: "assume_role",
        nesting: BlockNesting::Single,
        body: BlockBody { attributes, description, ..BlockBody::default() },
    }
}
