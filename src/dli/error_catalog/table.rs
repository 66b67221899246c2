//! The table of known errors, the most specific first.
//!
//! Sources: the error codes of the DLI API Reference, of the API gateway and of IAM; the gateway's "Common Errors
//! Related to IAM Authentication Information"; the questions about datasource connections in the DLI User Guide; users'
//! reports.

use super::{CallMatcher, CodeMatcher, Example, KnownError, Matcher, TransportFailure};
use crate::dli::operation::Operation;

const ANY_STATUS: (u16, u16) = (0, 999);

/// Words of messages about overlapping networks.
const OVERLAP: &[&str] = &["overlap", "cidr conflict", "conflicting cidr"];

/// Words of messages about objects that do not exist.
const MISSING: &[&str] = &["does not exist", "is not exist"];

const NOT_THERE: &str = "An object in the request does not exist in this project. It was deleted, its name is \
                         misspelt, or it is in another project or region.";
const LOOK_FOR_IT: &str = "Run terraform plan: it proposes to re-create objects that were deleted outside of \
                           Terraform. Otherwise check the names, region and project_id.";
const SUPPORT: &str = "Give the request ID to Huawei Cloud support.";
const LATER: &str = "Try again in a few minutes. If the error persists, give the request ID to Huawei Cloud support.";
const MORE_TIME: &str = "Check which other programs use this account. To let a resource wait longer, set a longer time \
                         in its timeouts block.";
const IN_BETWEEN: &str =
    "Try again. If the error persists, check the proxies and firewalls between this machine and the service.";

const fn response(
    statuses: (u16, u16),
    code: CodeMatcher,
    words: &'static [&'static str],
    calls: CallMatcher,
) -> Matcher {
    Matcher::Response { statuses, code, words, calls }
}

/// Any status, with one of these codes.
const fn code(codes: &'static [&'static str]) -> Matcher {
    code_with(codes, &[])
}

/// Any status, with one of these codes and one of these words.
const fn code_with(codes: &'static [&'static str], words: &'static [&'static str]) -> Matcher {
    Matcher::Response { statuses: ANY_STATUS, code: CodeMatcher::OneOf(codes), words, calls: CallMatcher::Any }
}

/// Any status and code, with one of these words.
const fn words(words: &'static [&'static str]) -> Matcher {
    Matcher::Response { statuses: ANY_STATUS, code: CodeMatcher::Any, words, calls: CallMatcher::Any }
}

/// A status in this range, with any code and any message.
const fn status(first: u16, last: u16) -> Matcher {
    response((first, last), CodeMatcher::Any, &[], CallMatcher::Any)
}

const fn example(status: u16, code: &'static str, message: &'static str) -> Example {
    Example { status, code, message, call: Operation::CreateConnection }
}

const fn of_iam(status: u16, code: &'static str, message: &'static str) -> Example {
    Example { call: Operation::CreateToken, ..example(status, code, message) }
}

/// All known errors, the most specific first. An action never says what an apply would do: that depends on the state,
/// which only the caller knows.
pub static KNOWN_ERRORS: &[KnownError] = &[
    KnownError {
        name: "cidr-overlap",
        title: "Two networks overlap",
        matchers: &[
            response(ANY_STATUS, CodeMatcher::OneOf(&["DLI.0007", "DLI.0009"]), OVERLAP, CallMatcher::NotOfRoutes),
            response(ANY_STATUS, CodeMatcher::Missing, OVERLAP, CallMatcher::NotOfRoutes),
            Matcher::Binding(&["cidr", "overlap", "conflict"]),
        ],
        meaning: "The network of the queue or pool overlaps that of the subnet, or that of another queue that is bound \
                  to the same subnet.",
        action: "Use another subnet (this replaces the connection), or a queue or pool with another network. The \
                 network of a pool cannot be changed. The network of a queue outside of any pool can be changed (API \
                 UpdateQueueCidr) while no job runs on the queue and no connection binds it. The data sources \
                 dli_elastic_resource_pools and dli_queues show the networks (cidr_in_vpc).",
        example: Some(example(400, "DLI.0007", "The CIDR block of queue q1 overlaps the CIDR block of the subnet")),
    },
    KnownError {
        name: "subnet-not-found",
        title: "The subnet cannot be found",
        matchers: &[
            words(&["failed to get subnet", "subnet could not be found", "subnet not found", "subnet does not exist"]),
            Matcher::Binding(&["subnet", "permission", "agency", "denied", "forbidden", "not authorized"]),
        ],
        meaning: "Most often DLI lacks the permission to see the VPC, and then reports that the subnet does not exist. \
                  Otherwise, dest_network_id is not a subnet of dest_vpc_id.",
        action: "In the DLI console, under Global Configuration, Service Authorization, grant DLI Datasource \
                 Connections Agency Access. Check that dest_network_id is the network ID of a subnet of dest_vpc_id, \
                 in the same project.",
        example: Some(example(400, "DLI.0007", "The subnet could not be found")),
    },
    KnownError {
        name: "binding-failed",
        title: "A binding failed for another or an unknown reason",
        matchers: &[Matcher::Binding(&[])],
        meaning: "The network of the queue or pool overlaps that of the subnet, DLI lacks the permission to see the \
                  VPC, or the queue or pool was created, or its network changed, less than 10 minutes ago.",
        action: "Compare the networks. In the DLI console, under Global Configuration, Service Authorization, check \
                 that DLI Datasource Connections Agency Access is granted. If the queue or pool is new, wait 5 to 10 \
                 minutes.",
        example: None,
    },
    KnownError {
        name: "DLI.1028",
        title: "The quota is used up",
        matchers: &[
            code(&["DLI.1028"]),
            code_with(&["DLI.0001", "DLI.0007", "DLI.0009", "DLI.0012"], &["quota"]),
            response(ANY_STATUS, CodeMatcher::Missing, &["quota"], CallMatcher::Any),
        ],
        meaning: "The project's quota for this kind of resource is used up.",
        action: "Delete objects that are no longer needed, or ask for a higher quota (in the console: Resources, My \
                 Quotas).",
        example: Some(example(400, "DLI.1028", "Insufficient quota")),
    },
    KnownError {
        name: "queue-not-found",
        title: "The queue of a connectivity test does not exist",
        matchers: &[
            response(ANY_STATUS, CodeMatcher::OneOf(&["DLI.0001"]), MISSING, CallMatcher::OfConnectivityTests),
            response(ANY_STATUS, CodeMatcher::OneOf(&["DLI.0002", "DLI.0023"]), &[], CallMatcher::OfConnectivityTests),
        ],
        meaning: "The project has no queue of this name.",
        action: "Correct queue, region or project_id. The data source dli_queues lists the queues.",
        example: None,
    },
    KnownError {
        name: "DLI.0001-not-there",
        title: "An object in the request does not exist",
        matchers: &[code_with(&["DLI.0001"], MISSING)],
        meaning: NOT_THERE,
        action: LOOK_FOR_IT,
        example: Some(example(400, "DLI.0001", "Connection 2a620c33-5609-40c9-affd-2b6453071b0f does not exist")),
    },
    KnownError {
        name: "DLI.0001",
        title: "A value is invalid",
        matchers: &[code(&["DLI.0001"])],
        meaning: "The service rejected a value in the request. The message usually names the parameter.",
        action: "Correct that value.",
        example: Some(example(400, "DLI.0001", "The parameter dest_network_id is invalid")),
    },
    KnownError {
        name: "DLI.0002",
        title: "An object does not exist",
        matchers: &[code(&["DLI.0002"])],
        meaning: NOT_THERE,
        action: LOOK_FOR_IT,
        example: Some(example(400, "DLI.0002", "There is no queue named q9")),
    },
    KnownError {
        name: "DLI.0023",
        title: "A related resource does not exist",
        matchers: &[code(&["DLI.0023"])],
        meaning: NOT_THERE,
        action: LOOK_FOR_IT,
        example: Some(example(404, "DLI.0023", "The related resource is not found")),
    },
    KnownError {
        name: "DLI.0006-route",
        title: "The route exists already",
        matchers: &[response(ANY_STATUS, CodeMatcher::OneOf(&["DLI.0006"]), &[], CallMatcher::OfRoutes)],
        meaning: "The connection already has a route of this name, or a route to this network.",
        action: "Choose another name or network for the route, or import the existing route with terraform import.",
        example: Some(Example {
            call: Operation::CreateRoute,
            ..example(400, "DLI.0006", "The CIDR 10.1.0.0/16 is already that of the route r1")
        }),
    },
    KnownError {
        name: "DLI.0006",
        title: "An object with this name exists already",
        matchers: &[code(&["DLI.0006"])],
        meaning: "An object with this name already exists, most often a connection in the project.",
        action: "Choose another name, or import the existing object with terraform import. The data source \
                 dli_enhanced_connections shows connections with their IDs.",
        example: Some(example(400, "DLI.0006", "Connection test already exists")),
    },
    KnownError {
        name: "DLI.0007",
        title: "The operation is not supported",
        matchers: &[code(&["DLI.0007"])],
        meaning: "The service does not support this operation, or does not support it in the current state. For \
                  example, a shared queue cannot be bound, a connection that is still being created cannot be deleted, \
                  and a FAILED binding cannot be unbound.",
        action: "Check the connection and its queues in the DLI console. If an object is still being created, wait a \
                 few minutes.",
        example: Some(example(400, "DLI.0007", "Queue shared1 is not a dedicated queue")),
    },
    KnownError {
        name: "DLI.0009",
        title: "A limit of the service is exceeded",
        matchers: &[code(&["DLI.0009"])],
        meaning: "The request exceeds a limit of the service. The message usually names it.",
        action: "Stay within the limit. If the message does not name it, give the request ID to Huawei Cloud support.",
        example: Some(example(400, "DLI.0009", "The number of routes exceeds the limit")),
    },
    KnownError {
        name: "DLI.0012",
        title: "The queue or pool is not available",
        matchers: &[code(&["DLI.0012"])],
        meaning: "The queue or pool cannot be used now: it is being created, changed or restarted, or it is frozen \
                  because the account is in arrears.",
        action: "Check its status in the DLI console, and wait until it is available.",
        example: Some(example(400, "DLI.0012", "Queue q1 is not available")),
    },
    KnownError {
        name: "DLI.0013",
        title: "DLI does not know the user",
        matchers: &[code(&["DLI.0013"])],
        meaning: "The gateway accepted the credentials, but DLI could not authenticate their user for this project.",
        action: "Check that the credentials belong to the account that owns the project, and that project_id is a \
                 project of this region.",
        example: Some(example(401, "DLI.0013", "User authentication failed")),
    },
    KnownError {
        name: "DLI.0014",
        title: "DLI could not act for you",
        matchers: &[code(&["DLI.0014"])],
        meaning: "DLI failed to authenticate to another service on your behalf. Usually, the agency that DLI uses is \
                  missing or was changed.",
        action: "In the DLI console, under Global Configuration, Service Authorization, grant the agency's permissions \
                 again, including DLI Datasource Connections Agency Access.",
        example: Some(example(401, "DLI.0014", "Service authentication failed")),
    },
    KnownError {
        name: "DLI.0015",
        title: "The token cannot be read",
        matchers: &[code(&["DLI.0015"])],
        meaning: "The token has expired, is incomplete, or belongs to another region.",
        action: "Get a new token for this region and project. A token is valid for 24 hours.",
        example: Some(example(400, "DLI.0015", "Failed to parse the token")),
    },
    KnownError {
        name: "DLI.0016",
        title: "The user's role does not allow the call",
        matchers: &[code(&["DLI.0016"])],
        meaning: "The credentials are valid, but their user has no role in this project that allows this call.",
        action: "Ask an administrator to give the user or the agency a role for DLI in this project.",
        example: Some(example(400, "DLI.0016", "The role of the token is incorrect")),
    },
    KnownError {
        name: "DLI.0019",
        title: "The service took too long",
        matchers: &[code(&["DLI.0019"])],
        meaning: "A task inside the service did not finish in time.",
        action: LATER,
        example: Some(example(400, "DLI.0019", "Task timed out")),
    },
    KnownError {
        name: "DLI-other",
        title: "A code for SQL and jobs",
        matchers: &[code(&["DLI.0003", "DLI.0004", "DLI.0005", "DLI.0008", "DLI.0011", "DLI.0018", "DLI.0100"])],
        meaning: "This code is documented for SQL, files and job results, not for connections.",
        action: SUPPORT,
        example: Some(example(400, "DLI.0008", "Metadata error")),
    },
    KnownError {
        name: "DLI.0999",
        title: "An error inside the service",
        matchers: &[code(&["DLI.0999"])],
        meaning: "An error occurred inside the service. Your request is not the cause, even if the status is 400.",
        action: LATER,
        example: Some(example(400, "DLI.0999", "Internal server error")),
    },
    KnownError {
        name: "APIGW.0101",
        title: "The API is not published here",
        matchers: &[code(&["APIGW.0101"])],
        meaning: "This API is not published in this region, or not in this version. This does not mean that your \
                  resource is gone.",
        action: "Check region, and endpoints in the provider block. If other calls work, this region does not offer \
                 this call: remove the resource or argument that needs it.",
        example: Some(example(
            404,
            "APIGW.0101",
            "The API does not exist or has not been published in the environment",
        )),
    },
    KnownError {
        name: "APIGW.0103",
        title: "The gateway does not find the service",
        matchers: &[code(&["APIGW.0103"])],
        meaning: "The gateway knows the API, but not the service behind it. This does not mean that your resource is \
                  gone.",
        action: LATER,
        example: Some(example(404, "APIGW.0103", "The backend does not exist")),
    },
    KnownError {
        name: "APIGW.0104",
        title: "The gateway is misconfigured",
        matchers: &[code(&["APIGW.0104", "APIGW.0105", "APIGW.0106", "APIGW.0311", "APIGW.0404"])],
        meaning: "The gateway is misconfigured for this API, on the service's side.",
        action: SUPPORT,
        example: Some(example(400, "APIGW.0106", "Orchestration error")),
    },
    KnownError {
        name: "APIGW.0201-too-large",
        title: "The request is too large",
        matchers: &[status(413, 413)],
        meaning: "The gateway accepts at most 12 MB in one request.",
        action: "Distribute the host records over several connections. They make up most of a large request.",
        example: Some(example(413, "APIGW.0201", "Request entity too large")),
    },
    KnownError {
        name: "APIGW.0201-too-long",
        title: "The URL or a header is too long",
        matchers: &[status(414, 414), status(431, 431), status(494, 494)],
        meaning: "The URL or a header is too long for the gateway. The token is by far the longest header.",
        action: "Use an access key instead of a token, or request the token with ?nocatalog=true. If you filter by \
                 tags, use fewer tags.",
        example: Some(example(494, "APIGW.0201", "Request headers too large")),
    },
    KnownError {
        name: "APIGW.0201-backend",
        title: "The service behind the gateway does not respond",
        matchers: &[response((500, 599), CodeMatcher::OneOf(&["APIGW.0201"]), &[], CallMatcher::Any)],
        meaning: "The gateway forwarded the request to the service but received no response in time.",
        action: LATER,
        example: Some(example(504, "APIGW.0201", "Backend timeout")),
    },
    KnownError {
        name: "APIGW.0201",
        title: "The gateway cannot read the request",
        matchers: &[code(&["APIGW.0201", "APIGW.0602"])],
        meaning: "The request did not arrive as it was sent. A proxy or firewall may have changed or truncated it.",
        action: "Check whether requests pass through a proxy (HTTPS_PROXY). The proxy must not change them.",
        example: Some(example(400, "APIGW.0201", "Bad request")),
    },
    KnownError {
        name: "APIGW.0301-clock",
        title: "The clock is wrong",
        matchers: &[words(&["signature expired"])],
        meaning: "The clocks of this machine and of the service are more than 15 minutes apart; the message shows both \
                  times. The keys are not the cause.",
        action: "Set the clock (for example: timedatectl set-ntp true).",
        example: Some(example(
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: signature expired, signature time:20260101T000000Z,server \
             time:20260101T010000Z",
        )),
    },
    KnownError {
        name: "APIGW.0301-unknown-key",
        title: "The access key does not exist",
        matchers: &[code_with(&["APIGW.0301"], &["not exist", "get secretkey failed"])],
        meaning: "The access key was deleted or disabled, is misspelt, or belongs to another cloud than this endpoint.",
        action: "Check that the key is listed in the console (My Credentials, Access Keys), and that region and \
                 endpoints belong to the cloud where it was created.",
        example: Some(example(
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: Get secretKey failed,ak:AKEXAMPLE,err:ak not exist",
        )),
    },
    KnownError {
        name: "APIGW.0301-wrong-secret",
        title: "The secret key does not belong to the access key",
        matchers: &[code_with(&["APIGW.0301"], &["verify aksk signature fail"])],
        meaning: "The signature does not match: the secret key does not belong to this access key. More rarely, a \
                  proxy changed the request.",
        action: "Correct the secret key. It is shown only once, when created: if it is lost, create a new pair. After \
                 five failures in a row a key is locked for 5 minutes.",
        example: Some(example(
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: verify aksk signature fail",
        )),
    },
    KnownError {
        name: "APIGW.0301-locked",
        title: "The access key is locked",
        matchers: &[code_with(&["APIGW.0301"], &["reach the limit"])],
        meaning: "The gateway locked this access key for 5 minutes after five failed authentications in a row. During \
                  this time it rejects even the correct secret key.",
        action: "Correct the secret key and wait 5 minutes. Check whether another program still uses the key with a \
                 wrong secret.",
        example: Some(example(
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: AK access failed to reach the limit,forbidden",
        )),
    },
    KnownError {
        name: "APIGW.0301-security-token",
        title: "The security token is missing or belongs to another key",
        matchers: &[code_with(&["APIGW.0301"], &["security token", "securitytoken", "security-token"])],
        meaning: "Temporary keys have three parts that are issued together: access key, secret key and security token. \
                  The three do not belong together, or have expired.",
        action: "Get new temporary keys and set all three in one place (access_key, secret_key, security_token; or \
                 HW_ACCESS_KEY, HW_SECRET_KEY, HW_SECURITY_TOKEN).",
        example: Some(example(
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: the security token is not that of the access key",
        )),
    },
    KnownError {
        name: "APIGW.0301-token",
        title: "The token has expired or cannot be read",
        matchers: &[code_with(&["APIGW.0301"], &["token"])],
        meaning: "A token is valid for 24 hours and only in the cloud that issued it. This one has expired, is \
                  incomplete, or was issued by another cloud.",
        action: "Get a new token, or configure user_name and password, or an access key.",
        example: Some(example(401, "APIGW.0301", "Incorrect IAM authentication information: decrypt token fail")),
    },
    KnownError {
        name: "APIGW.0301",
        title: "The credentials are rejected",
        matchers: &[code(&["APIGW.0301", "APIGW.0305"])],
        meaning: "The gateway does not accept the credentials: the access key is unknown, the secret key does not \
                  belong to it, or the account is in arrears or frozen.",
        action: "Check the credentials in the console (My Credentials), and the state of the account (Billing Center).",
        example: Some(example(401, "APIGW.0301", "Incorrect IAM authentication information")),
    },
    KnownError {
        name: "APIGW.0302",
        title: "The user may not call this API",
        matchers: &[code(&["APIGW.0302"])],
        meaning: "A deny list or allow list at the gateway excludes this user.",
        action: "Use the credentials of another user, or ask the account's administrator to lift the restriction.",
        example: Some(example(403, "APIGW.0302", "The IAM user is not authorized to access the API")),
    },
    KnownError {
        name: "APIGW.0303",
        title: "The credentials belong to an application",
        matchers: &[code(&["APIGW.0303"])],
        meaning: "The gateway read the credentials as those of an application (app), which DLI does not accept.",
        action: "Use an access key of an IAM user (in the console: My Credentials, Access Keys).",
        example: Some(example(401, "APIGW.0303", "Incorrect app authentication information")),
    },
    KnownError {
        name: "APIGW.0304",
        title: "The credentials may not call this API",
        matchers: &[code(&["APIGW.0304", "APIGW.0306"])],
        meaning: "The gateway does not allow these credentials to call this API.",
        action: "Ask the account's administrator to lift the restriction.",
        example: Some(example(403, "APIGW.0306", "API access denied")),
    },
    KnownError {
        name: "APIGW.0307",
        title: "The token must be renewed",
        matchers: &[code(&["APIGW.0307"])],
        meaning: "The token has expired, or was issued for another region.",
        action: "Get a new token for this region.",
        example: Some(example(401, "APIGW.0307", "The token must be updated")),
    },
    KnownError {
        name: "APIGW.0308",
        title: "Too many requests",
        matchers: &[code(&["APIGW.0308"]), status(429, 429)],
        meaning: "The gateway limits how many requests one user may send in a period (see the message). All programs \
                  of that user share the limit. The provider slowed down and retried until the timeout expired.",
        action: MORE_TIME,
        example: Some(example(
            429,
            "APIGW.0308",
            "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute",
        )),
    },
    KnownError {
        name: "APIGW.0310",
        title: "The project is unavailable",
        matchers: &[code(&["APIGW.0310"])],
        meaning: "The project is unavailable, usually frozen.",
        action: "Check the account's balance, and project_id.",
        example: Some(example(403, "APIGW.0310", "The project is unavailable")),
    },
    KnownError {
        name: "APIGW.0401",
        title: "The IP address is not allowed",
        matchers: &[code(&["APIGW.0401", "APIGW.0402"])],
        meaning: "The gateway does not allow requests from this machine's IP address, or cannot tell the address.",
        action: "Run Terraform from an allowed address, or ask the account's administrator to lift the restriction.",
        example: Some(example(403, "APIGW.0402", "The IP address is not authorized to access the API")),
    },
    KnownError {
        name: "APIGW.0501",
        title: "The caller is frozen, or its quota of calls is used up",
        matchers: &[code(&["APIGW.0501", "APIGW.0502"])],
        meaning: "The gateway has frozen the caller, usually because the account has no balance, or the caller's quota \
                  of calls is used up.",
        action: "Check the balance in Billing Center.",
        example: Some(example(405, "APIGW.0502", "The app has been frozen")),
    },
    KnownError {
        name: "APIGW.0801",
        title: "The service or the user is not allowed in this region",
        matchers: &[code(&["APIGW.0801", "APIGW.0802"])],
        meaning: "The service, or this user, is not allowed in this region.",
        action: "Check region, or ask the account's administrator.",
        example: Some(example(403, "APIGW.0802", "The IAM user is forbidden in the currently selected region")),
    },
    KnownError {
        name: "IAM-password",
        title: "The user name or the password is wrong",
        matchers: &[response(
            ANY_STATUS,
            CodeMatcher::Any,
            &["username or password", "user name or password"],
            CallMatcher::OfIdentity,
        )],
        meaning: "IAM does not know this user with this password in this account. After several failures it locks the \
                  user for a while.",
        action: "Check user_name, password, and domain_name, which is the name of the account. A user who logs in with \
                 a second factor (MFA) needs an access key instead.",
        example: Some(of_iam(401, "401", "The username or password is wrong.")),
    },
    KnownError {
        name: "IAM.0003",
        title: "The permission is missing",
        matchers: &[
            response((403, 403), CodeMatcher::Present, &[], CallMatcher::Any),
            code(&["IAM.0003", "PAP5.0001"]),
            words(&["policy doesn't allow", "not authorized to perform"]),
        ],
        meaning: "The credentials are valid, but do not have the permission for this call in this project.",
        action: "Ask an administrator to give the user or the agency a policy that allows this call. The line Needed \
                 of the error names the IAM action, if known. DLI FullAccess allows all actions of DLI. A new \
                 permission can take some minutes to take effect.",
        example: Some(example(403, "IAM.0003", "Policy doesn't allow dli:edsconnection:create to be performed.")),
    },
    KnownError {
        name: "IAM.0004",
        title: "IAM does not find the user, agency, account or project",
        matchers: &[
            code(&["IAM.0004"]),
            response((404, 404), CodeMatcher::OneOf(&["404"]), &[], CallMatcher::OfIdentity),
        ],
        meaning: "The request names a user, agency, account or project that does not exist.",
        action: "Check the names in the credentials: the account (domain_name), the user, the agency, and the project \
                 (by default the one named after the region).",
        example: Some(of_iam(404, "IAM.0004", "Could not find agency: dli-agency.")),
    },
    KnownError {
        name: "IAM.0011",
        title: "IAM rejects the request",
        matchers: &[
            code(&["IAM.0007", "IAM.0011"]),
            response((400, 400), CodeMatcher::OneOf(&["400"]), &[], CallMatcher::OfIdentity),
        ],
        meaning: "A value that identifies the user, the agency, the account or the project is missing, or does not \
                  have the form that IAM requires.",
        action: "Check the names and IDs in the credentials. A name does not work where an ID is required.",
        example: Some(of_iam(400, "IAM.0011", "Request body is invalid.")),
    },
    KnownError {
        name: "HTTP-401",
        title: "The credentials are not accepted",
        matchers: &[code(&["IAM.0001"]), response((401, 401), CodeMatcher::Present, &[], CallMatcher::Any)],
        meaning: "The credentials are not accepted, or have expired.",
        action: "Check them in the console (My Credentials). Expired temporary keys and tokens must be replaced.",
        example: Some(of_iam(401, "IAM.0001", "The request you have made requires authentication.")),
    },
    KnownError {
        name: "proxy",
        title: "The proxy is unreachable or rejects the request",
        matchers: &[Matcher::Transport(TransportFailure::Proxy), status(407, 407)],
        meaning: "The proxy named in HTTPS_PROXY is unreachable, rejects this host, or requires a password.",
        action: "Check HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT, with special characters percent-encoded. List \
                 hosts that are reached without the proxy in NO_PROXY. If the proxy rejects this host, ask its \
                 operator to allow the host.",
        example: None,
    },
    KnownError {
        name: "HTTP-408",
        title: "The request did not arrive in time",
        matchers: &[response((408, 408), CodeMatcher::Missing, &[], CallMatcher::Any)],
        meaning: "The server did not receive the whole request in time. The network is slow, or a proxy delays \
                  requests.",
        action: LATER,
        example: None,
    },
    KnownError {
        name: "unexpected-response",
        title: "The response does not come from DLI",
        matchers: &[
            Matcher::Transport(TransportFailure::UnexpectedResponse),
            status(300, 399),
            response((400, 499), CodeMatcher::Missing, &[], CallMatcher::Any),
        ],
        meaning: "The response does not come from DLI, but from the login page of a network, from a proxy, or from \
                  another service at this address.",
        action: "Open the address in the error with a browser or curl. Log in to the \
                 network, or correct HTTPS_PROXY, region, or endpoints in the provider block.",
        example: None,
    },
    KnownError {
        name: "HTTP-5xx",
        title: "A server error (HTTP 5xx)",
        matchers: &[status(500, 599)],
        meaning: "The service, or a gateway or proxy in front of it, failed. Your request is not the cause.",
        action: LATER,
        example: Some(example(500, "APIGW.0601", "Internal server error")),
    },
    KnownError {
        name: "is_success-false",
        title: "An error with HTTP 200",
        matchers: &[response((200, 299), CodeMatcher::Missing, &[], CallMatcher::Any)],
        meaning: "The service rejected the request, although the HTTP status indicates success. The response has no \
                  error code, only a message.",
        action: "Fix the cause stated in the message. If that does not help, give the request ID to Huawei Cloud \
                 support.",
        example: Some(example(200, "", "Failed to create the datasource connection")),
    },
    KnownError {
        name: "unlisted",
        title: "A code that is not in this list",
        matchers: &[status(0, 999)],
        meaning: "The provider does not know this code. Only the message of the service explains it.",
        action: "Look up the code in the DLI API Reference, Error Codes, or give the request ID to Huawei Cloud \
                 support.",
        example: Some(example(409, "DLI.4711", "The state of the connection conflicts with the operation")),
    },
    KnownError {
        name: "queued-too-long",
        title: "The call waited too long for the rate limit",
        matchers: &[Matcher::Transport(TransportFailure::QueuedTooLong)],
        meaning: "The gateway limits how many requests one user may send in a period. All programs of that user share \
                  the limit. The provider queues its calls.",
        action: MORE_TIME,
        example: None,
    },
    KnownError {
        name: "name-not-resolved",
        title: "The host name cannot be resolved",
        matchers: &[Matcher::Transport(TransportFailure::Unresolved)],
        meaning: "The region is misspelt, this machine cannot reach its DNS server, or names can be resolved only \
                  through a proxy.",
        action: "Check region (such as cn-north-4 or ap-southeast-3), and endpoints if it is set. Check whether other \
                 names resolve (nslookup). Behind a proxy, set HTTPS_PROXY.",
        example: None,
    },
    KnownError {
        name: "connection-refused",
        title: "Nothing listens at the address",
        matchers: &[Matcher::Transport(TransportFailure::Refused)],
        meaning: "The host is reachable, but nothing listens on this port: the port is wrong, the service is not \
                  running, or a firewall rejects the connection.",
        action: "Check endpoints in the provider block. If this is the address of the emulator, start dli-emulator \
                 first.",
        example: None,
    },
    KnownError {
        name: "connect-timeout",
        title: "The connection timed out",
        matchers: &[Matcher::Transport(TransportFailure::ConnectTimeout)],
        meaning: "The host did not respond: a firewall may drop the packets, or this network needs a proxy.",
        action: "Behind a proxy, set HTTPS_PROXY. Otherwise allow the connection in the firewall, or run Terraform \
                 where the host can be reached.",
        example: None,
    },
    KnownError {
        name: "unreachable",
        title: "No route to the host",
        matchers: &[Matcher::Transport(TransportFailure::Unreachable)],
        meaning: "This machine's network has no route to the host.",
        action: "Check that the network is up and has a route to the host. Behind a proxy, set HTTPS_PROXY.",
        example: None,
    },
    KnownError {
        name: "tls-not-trusted",
        title: "The certificate is not trusted",
        matchers: &[Matcher::Transport(TransportFailure::UntrustedCertificate)],
        meaning: "The certificate is not signed by a certificate authority (CA) that this machine trusts, is for \
                  another host, or is not valid now. Often a proxy intercepts TLS with its own certificate.",
        action: "Ask for the certificate of the CA that signed it, or for the server's own certificate if it is \
                 self-signed, and name its PEM file in cacert_file. Check this machine's date, and endpoints if it is \
                 set.",
        example: None,
    },
    KnownError {
        name: "tls-failed",
        title: "The host does not speak TLS",
        matchers: &[Matcher::Transport(TransportFailure::TlsFailed)],
        meaning: "The host responds, but not with TLS 1.2 or newer: the port is for plain HTTP, or a proxy does not \
                  support TLS 1.2.",
        action: "Check the port in endpoints. http:// is accepted only for an emulator on this machine.",
        example: None,
    },
    KnownError {
        name: "connection-lost",
        title: "The connection was closed before the response arrived",
        matchers: &[Matcher::Transport(TransportFailure::Lost)],
        meaning: "The service, or a proxy or firewall in between, closed the connection after the request was sent.",
        action: IN_BETWEEN,
        example: None,
    },
    KnownError {
        name: "timeout",
        title: "The response timed out",
        matchers: &[Matcher::Transport(TransportFailure::Timeout)],
        meaning: "The connection was established, but the service did not respond in time.",
        action: "Try again in a few minutes.",
        example: None,
    },
    KnownError {
        name: "truncated-response",
        title: "The response was truncated",
        matchers: &[Matcher::Transport(TransportFailure::TruncatedResponse)],
        meaning: "The response began, but the connection ended before it was complete. A proxy or firewall may limit \
                  the length or the duration of a response.",
        action: IN_BETWEEN,
        example: None,
    },
];
