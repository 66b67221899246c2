//! The table: what is known of errors, the most specific first.
//!
//! Sources: the error codes of the DLI API Reference, of the API gateway and of IAM; the gateway's "Common Errors Related to
//! IAM Authentication Information"; the DLI User Guide's questions about datasource connections; users' reports.

use super::{Code, Example, Obstacle, Sign, Trouble};

const ANY_STATUS: (u16, u16) = (0, 999);

const NOT_THERE: &str = "The request names something that is not in this project: it was deleted, it is misspelt, or it \
                         belongs to another project or region.";
const LOOK_FOR_IT: &str = "Run terraform plan: what was deleted behind Terraform's back is planned anew. Otherwise check the \
                           names, and the region and project_id of the resource and of the provider.";
const SUPPORT: &str = "Give the request ID to Huawei Cloud's support, who can look the request up.";
const LATER: &str = "Apply again in a few minutes: only what is missing will be done. If it stays, give the request ID to \
                     Huawei Cloud's support.";

/// Whatever the status, with one of these codes.
const fn code(codes: &'static [&'static str]) -> Sign {
    Sign::Answer { statuses: ANY_STATUS, code: Code::OneOf(codes), words: &[] }
}

/// Whatever the status, with one of these codes and one of these words.
const fn code_with(codes: &'static [&'static str], words: &'static [&'static str]) -> Sign {
    Sign::Answer { statuses: ANY_STATUS, code: Code::OneOf(codes), words }
}

/// Whatever the status and the code, with one of these words.
const fn words(words: &'static [&'static str]) -> Sign {
    Sign::Answer { statuses: ANY_STATUS, code: Code::Any, words }
}

/// Whatever the code and the words, with one of these statuses.
const fn status(first: u16, last: u16) -> Sign {
    Sign::Answer { statuses: (first, last), code: Code::Any, words: &[] }
}

const fn example(status: u16, code: &'static str, message: &'static str) -> Example {
    Example { status, code, message }
}

/// All that is known, the most specific first.
pub static TROUBLES: &[Trouble] = &[
    Trouble {
        name: "cidr-overlap",
        title: "Two networks overlap",
        signs: &[
            words(&["overlap", "cidr conflict", "conflicting cidr"]),
            Sign::Binding(&["cidr", "overlap", "conflict"]),
        ],
        meaning: "The network of the queue or pool overlaps that of the subnet, or that of another queue that is bound to the \
                  same subnet.",
        remedy: "The network of a pool is fixed for its life: use another subnet, or a pool with another network. The data \
                 sources dli_elastic_resource_pools and dli_queues show them (cidr_in_vpc).",
        example: Some(example(400, "DLI.0007", "The CIDR block of queue q1 overlaps the CIDR block of the subnet")),
    },
    Trouble {
        name: "subnet-not-found",
        title: "The subnet cannot be found",
        signs: &[
            words(&["failed to get subnet", "subnet could not be found", "subnet not found", "subnet does not exist"]),
            Sign::Binding(&["subnet", "permission", "agency", "denied", "forbidden", "not authorized"]),
        ],
        meaning: "Most often DLI lacks the permission to look at the VPC, which shows as a subnet that is not there. It may \
                  also be that dest_network_id is not a subnet of dest_vpc_id.",
        remedy: "In the DLI console, under Global Configuration, Service Authorization, grant DLI Datasource Connections Agency \
                 Access. See that dest_network_id is the network ID of a subnet of dest_vpc_id, in the same project.",
        example: Some(example(400, "DLI.0007", "The subnet could not be found")),
    },
    Trouble {
        name: "binding-failed",
        title: "A binding failed for another reason, or for none that is told",
        signs: &[Sign::Binding(&[])],
        meaning: "One of three things: the network of the queue or pool overlaps that of the subnet; DLI may not look at the VPC; \
                  or the queue is new, or its network was changed a moment ago.",
        remedy: "Compare the networks. In the DLI console, under Global Configuration, Service Authorization, see that DLI \
                 Datasource Connections Agency Access is granted. Give a new queue 5 to 10 minutes, then apply again: what \
                 failed is bound anew.",
        example: None,
    },
    Trouble {
        name: "DLI.1028",
        title: "The quota is used up",
        signs: &[code(&["DLI.1028"]), words(&["quota"])],
        meaning: "The project has as many of these as its quota allows.",
        remedy: "Delete what is no longer needed, or ask for a higher quota (in the console: Resources, My Quotas).",
        example: Some(example(400, "DLI.1028", "Insufficient quota")),
    },
    Trouble {
        name: "DLI.0001-not-there",
        title: "What the request names is not there",
        signs: &[code_with(&["DLI.0001"], &["does not exist", "is not exist"])],
        meaning: NOT_THERE,
        remedy: LOOK_FOR_IT,
        example: Some(example(400, "DLI.0001", "Connection 2a620c33-5609-40c9-affd-2b6453071b0f does not exist")),
    },
    Trouble {
        name: "DLI.0001",
        title: "A parameter is not accepted",
        signs: &[code(&["DLI.0001"])],
        meaning: "The service does not accept a value of the request. Its message usually names the parameter.",
        remedy: "Change that value. If a plan could have told it before, please report that to the provider's authors.",
        example: Some(example(400, "DLI.0001", "The parameter dest_network_id is invalid")),
    },
    Trouble {
        name: "DLI.0002",
        title: "An object does not exist",
        signs: &[code(&["DLI.0002"])],
        meaning: NOT_THERE,
        remedy: LOOK_FOR_IT,
        example: Some(example(400, "DLI.0002", "There is no queue named q9")),
    },
    Trouble {
        name: "DLI.0023",
        title: "A related resource does not exist",
        signs: &[code(&["DLI.0023"])],
        meaning: NOT_THERE,
        remedy: LOOK_FOR_IT,
        example: Some(example(404, "DLI.0023", "The related resource is not found")),
    },
    Trouble {
        name: "DLI.0006",
        title: "It exists already",
        signs: &[code(&["DLI.0006"])],
        meaning: "There is such a thing already: a connection of this name in the project, or a route of this name or to this \
                  network on the connection.",
        remedy: "Choose another name. Or take what is there under Terraform with terraform import; the data source \
                 dli_enhanced_connections shows connections with their IDs.",
        example: Some(example(400, "DLI.0006", "Connection test already exists")),
    },
    Trouble {
        name: "DLI.0007",
        title: "The operation is not supported",
        signs: &[code(&["DLI.0007"])],
        meaning: "The service does not do this, or not as things are: a shared queue cannot be bound, a connection that is \
                  being created cannot be deleted, a binding that is FAILED cannot be unbound.",
        remedy: "Look at the connection and its queues in the DLI console. What is still being made needs some minutes; then \
                 apply again.",
        example: Some(example(400, "DLI.0007", "Queue shared1 is not a dedicated queue")),
    },
    Trouble {
        name: "DLI.0009",
        title: "A restriction of the system",
        signs: &[code(&["DLI.0009"])],
        meaning: "The service has a limit that this goes beyond. Its message usually names it.",
        remedy: "Keep within the limit. Where the message does not say which one it is, give the request ID to Huawei Cloud's \
                 support.",
        example: Some(example(400, "DLI.0009", "The number of routes exceeds the limit")),
    },
    Trouble {
        name: "DLI.0012",
        title: "The object is not available",
        signs: &[code(&["DLI.0012"])],
        meaning: "The queue or pool cannot be used at present: it is being created, changed or restarted, or it is frozen \
                  because the account is in arrears.",
        remedy: "Look at its status in the DLI console. Once it is available, apply again.",
        example: Some(example(400, "DLI.0012", "Queue q1 is not available")),
    },
    Trouble {
        name: "DLI.0013",
        title: "DLI does not know the user",
        signs: &[code(&["DLI.0013"])],
        meaning: "The gateway accepted the credentials, but DLI could not authenticate their user for this project.",
        remedy: "See that the credentials belong to the account that owns the project, and that project_id is a project of \
                 this region.",
        example: Some(example(401, "DLI.0013", "User authentication failed")),
    },
    Trouble {
        name: "DLI.0014",
        title: "DLI could not act for you",
        signs: &[code(&["DLI.0014"])],
        meaning: "DLI could not authenticate itself to another service in your name. Usually its agency is missing or was \
                  changed.",
        remedy: "In the DLI console, under Global Configuration, Service Authorization, grant the agency's permissions again, \
                 DLI Datasource Connections Agency Access among them.",
        example: Some(example(401, "DLI.0014", "Service authentication failed")),
    },
    Trouble {
        name: "DLI.0015",
        title: "The token cannot be read",
        signs: &[code(&["DLI.0015"])],
        meaning: "The token has expired, was cut off when it was copied, or belongs to another region.",
        remedy: "Get a new token for this region and project; a token is good for 24 hours.",
        example: Some(example(400, "DLI.0015", "Failed to parse the token")),
    },
    Trouble {
        name: "DLI.0016",
        title: "The role does not allow it",
        signs: &[code(&["DLI.0016"])],
        meaning: "The credentials are good, but their user has no role in this project that allows this.",
        remedy: "Have an administrator give the user, or the agency, a role for DLI in this project.",
        example: Some(example(400, "DLI.0016", "The role of the token is incorrect")),
    },
    Trouble {
        name: "DLI.0019",
        title: "The service took too long",
        signs: &[code(&["DLI.0019"])],
        meaning: "A task within the service did not end in its time.",
        remedy: LATER,
        example: Some(example(400, "DLI.0019", "Task timed out")),
    },
    Trouble {
        name: "DLI-other",
        title: "A code of SQL and jobs",
        signs: &[code(&["DLI.0003", "DLI.0004", "DLI.0005", "DLI.0008", "DLI.0011", "DLI.0018", "DLI.0100"])],
        meaning: "The service's documents have this code for SQL, files and the results of jobs, not for connections.",
        remedy: SUPPORT,
        example: Some(example(400, "DLI.0008", "Metadata error")),
    },
    Trouble {
        name: "DLI.0999",
        title: "A fault of the service",
        signs: &[code(&["DLI.0999"])],
        meaning: "Something went wrong within the service; the request is not at fault, even where the status is 400.",
        remedy: LATER,
        example: Some(example(400, "DLI.0999", "Internal server error")),
    },
    Trouble {
        name: "APIGW.0101",
        title: "The API is not published here",
        signs: &[code(&["APIGW.0101"])],
        meaning: "This API is not published in this region, or not in this version. That says nothing about what it was asked \
                  for: nothing is gone.",
        remedy: "Check region, and endpoints in the provider block. If other calls work, this region's DLI is older: do \
                 without what needs this call.",
        example: Some(example(
            404,
            "APIGW.0101",
            "The API does not exist or has not been published in the environment",
        )),
    },
    Trouble {
        name: "APIGW.0103",
        title: "The gateway finds no service",
        signs: &[code(&["APIGW.0103"])],
        meaning: "The gateway knows the API, but not the service behind it. That says nothing about what it was asked for: \
                  nothing is gone.",
        remedy: LATER,
        example: Some(example(404, "APIGW.0103", "The backend is not found")),
    },
    Trouble {
        name: "APIGW.0104",
        title: "The gateway is not set up for this",
        signs: &[code(&["APIGW.0104", "APIGW.0105", "APIGW.0106"])],
        meaning: "The gateway's own configuration of this API is at fault.",
        remedy: SUPPORT,
        example: Some(example(400, "APIGW.0106", "Orchestration error")),
    },
    Trouble {
        name: "APIGW.0201-too-large",
        title: "The request is too large",
        signs: &[status(413, 413)],
        meaning: "The gateway takes at most 12 MB in one request.",
        remedy: "Host records are what makes a request large: spread them over several connections.",
        example: Some(example(413, "APIGW.0201", "Request entity too large")),
    },
    Trouble {
        name: "APIGW.0201-too-long",
        title: "The address or the headers are too long",
        signs: &[status(414, 414), status(431, 431), status(494, 494)],
        meaning: "The gateway takes neither an address nor headers of this length. A token is the longest header by far.",
        remedy: "Use an access key in the place of a token, or get the token without its catalogue (?nocatalog=true). Filter \
                 by fewer tags.",
        example: Some(example(494, "APIGW.0201", "Request header too large")),
    },
    Trouble {
        name: "APIGW.0201-backend",
        title: "The service behind the gateway does not answer",
        signs: &[Sign::Answer { statuses: (500, 599), code: Code::OneOf(&["APIGW.0201"]), words: &[] }],
        meaning: "The gateway passed the request on and had no answer in time.",
        remedy: LATER,
        example: Some(example(504, "APIGW.0201", "Backend timeout")),
    },
    Trouble {
        name: "APIGW.0201",
        title: "The gateway cannot read the request",
        signs: &[code(&["APIGW.0201"])],
        meaning: "The request did not arrive as it was sent: something on the way changed it or cut it off.",
        remedy: "See whether a proxy is in between (HTTPS_PROXY) and have it pass requests through as they are.",
        example: Some(example(400, "APIGW.0201", "Bad request")),
    },
    Trouble {
        name: "APIGW.0301-clock",
        title: "The clock is wrong",
        signs: &[words(&["signature expired"])],
        meaning: "The clock of this machine and that of the service are more than 15 minutes apart; the message shows both. The \
                  keys are not at fault.",
        remedy: "Set the clock (for example: timedatectl set-ntp true), and run Terraform again.",
        example: Some(example(
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: signature expired, signature time:20260101T000000Z,server \
             time:20260101T010000Z",
        )),
    },
    Trouble {
        name: "APIGW.0301-unknown-key",
        title: "There is no such access key",
        signs: &[code_with(&["APIGW.0301"], &["not exist", "get secretkey failed"])],
        meaning: "The access key was deleted or disabled, is misspelt, or belongs to another cloud than this endpoint does.",
        remedy: "Compare it with the keys in the console (My Credentials, Access Keys). See that region, and endpoints where it \
                 is set, name the cloud that the key was made in.",
        example: Some(example(
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: Get secretKey failed,ak:AKEXAMPLE,err:ak not exist",
        )),
    },
    Trouble {
        name: "APIGW.0301-wrong-secret",
        title: "The secret key is not that of the access key",
        signs: &[code_with(&["APIGW.0301"], &["verify aksk signature fail"])],
        meaning: "The signature does not fit: the secret key is not that of this access key. More rarely a proxy changed the \
                  request on its way.",
        remedy: "Correct the secret key; it can be seen only when it is made, so make a new pair if in doubt. After five \
                 failures in a row a key is locked for 5 minutes.",
        example: Some(example(
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: verify aksk signature fail",
        )),
    },
    Trouble {
        name: "APIGW.0301-locked",
        title: "The access key is locked",
        signs: &[code_with(&["APIGW.0301"], &["reach the limit"])],
        meaning: "Five requests in a row failed to authenticate with this access key, so it is locked for 5 minutes, even with \
                  the right secret key.",
        remedy: "Correct the secret key, wait 5 minutes, and run Terraform again. See whether some other program still uses the \
                 key with a wrong secret.",
        example: Some(example(
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: AK access failed to reach the limit,forbidden",
        )),
    },
    Trouble {
        name: "APIGW.0301-security-token",
        title: "The security token is missing or is another key's",
        signs: &[code_with(&["APIGW.0301"], &["security token", "securitytoken", "security-token"])],
        meaning: "Temporary keys are three parts that were issued together: access key, secret key and security token. They do \
                  not fit each other, or have expired.",
        remedy: "Get new temporary keys and set all three in one place (access_key, secret_key, security_token; or \
                 HW_ACCESS_KEY, HW_SECRET_KEY, HW_SECURITY_TOKEN).",
        example: Some(example(
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: the security token is not that of the access key",
        )),
    },
    Trouble {
        name: "APIGW.0301-token",
        title: "The token has expired or cannot be read",
        signs: &[code_with(&["APIGW.0301"], &["token"])],
        meaning: "A token is good for 24 hours, and in the cloud that issued it. This one has expired, was cut off when it was \
                  copied, or comes from elsewhere.",
        remedy: "Get a new token for this region. Or let the provider get its own: with user_name and password, or with an \
                 access key.",
        example: Some(example(401, "APIGW.0301", "Incorrect IAM authentication information: decrypt token fail")),
    },
    Trouble {
        name: "APIGW.0301",
        title: "The credentials are refused",
        signs: &[code(&["APIGW.0301"])],
        meaning: "The gateway does not accept the credentials: an unknown access key, a secret key that is not that of the \
                  access key, or an account that is in arrears or frozen.",
        remedy: "Check them in the console (My Credentials), and the state of the account (Billing Center).",
        example: Some(example(401, "APIGW.0301", "Incorrect IAM authentication information")),
    },
    Trouble {
        name: "APIGW.0302",
        title: "The user may not call this API",
        signs: &[code(&["APIGW.0302"])],
        meaning: "The gateway keeps this user away from the API: through a black list, or a white list without it.",
        remedy: "Use the credentials of another user, or have the account's administrator lift the restriction.",
        example: Some(example(403, "APIGW.0302", "The IAM user is not allowed to access the API")),
    },
    Trouble {
        name: "APIGW.0303",
        title: "The credentials are an application's",
        signs: &[code(&["APIGW.0303"])],
        meaning: "The gateway took the credentials for those of an application (an app key), which DLI does not take.",
        remedy: "Use an access key of an IAM user (in the console: My Credentials, Access Keys).",
        example: Some(example(401, "APIGW.0303", "Incorrect app authentication information")),
    },
    Trouble {
        name: "APIGW.0308",
        title: "Too many requests",
        signs: &[code(&["APIGW.0308"]), status(429, 429)],
        meaning: "The service takes only so many requests in a time (the message says how many), from all programs of the user \
                  together. The provider waited as long as the operation had time.",
        remedy: "Apply again: only what is missing will be done. If it comes again, set a longer time in the timeouts block, or \
                 see what else uses the account.",
        example: Some(example(
            429,
            "APIGW.0308",
            "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute",
        )),
    },
    Trouble {
        name: "IAM-password",
        title: "The user name or the password is wrong",
        signs: &[words(&["username or password", "user name or password"])],
        meaning: "IAM does not know this user with this password in this account. After several failures it locks the user for \
                  a while.",
        remedy: "Check user_name, password, and domain_name, which is the name of the account. A user whose login needs a second \
                 factor needs an access key instead.",
        example: Some(example(401, "401", "The username or password is wrong.")),
    },
    Trouble {
        name: "IAM.0003",
        title: "The permission is missing",
        signs: &[
            Sign::Answer { statuses: (403, 403), code: Code::Present, words: &[] },
            code(&["IAM.0003", "PAP5.0001"]),
            words(&["policy doesn't allow", "not authorized to perform"]),
        ],
        meaning: "The credentials are good, but they may not do this in this project.",
        remedy: "Have an administrator give the user, or the agency, a policy with this action in this project (DLI FullAccess \
                 has all of DLI's). It can take some minutes until a new permission counts.",
        example: Some(example(403, "IAM.0003", "Policy doesn't allow dli:edsconnection:create to be performed.")),
    },
    Trouble {
        name: "IAM.0004",
        title: "IAM does not find it",
        signs: &[code(&["IAM.0004"])],
        meaning: "There is no such user, agency, account or project.",
        remedy: "Check the names in the credentials: the account (domain_name), the user, the agency, and the project, which is \
                 that of the region unless project_id or project_name says otherwise.",
        example: Some(example(404, "IAM.0004", "Could not find agency: terraform.")),
    },
    Trouble {
        name: "IAM.0011",
        title: "IAM does not accept the request",
        signs: &[code(&["IAM.0007", "IAM.0011"])],
        meaning: "One of the values that identify the user, the agency, the account or the project does not have the form that \
                  IAM wants.",
        remedy: "Check names and IDs in the credentials: where an ID is asked for, a name does not do.",
        example: Some(example(400, "IAM.0011", "Request body is invalid.")),
    },
    Trouble {
        name: "HTTP-401",
        title: "Nobody knows who is calling",
        signs: &[code(&["IAM.0001"]), Sign::Answer { statuses: (401, 401), code: Code::Present, words: &[] }],
        meaning: "The credentials are not accepted, or have expired.",
        remedy: "Check them in the console (My Credentials). Temporary keys and tokens have to be made anew once they have \
                 expired.",
        example: Some(example(401, "IAM.0001", "The request you have made requires authentication.")),
    },
    Trouble {
        name: "proxy",
        title: "The proxy",
        signs: &[Sign::Way(Obstacle::Proxy), status(407, 407)],
        meaning: "The environment names a proxy (HTTPS_PROXY), and it is not there, does not let this call through, or wants a \
                  password.",
        remedy: "Check HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT, with special characters percent-encoded. Hosts that are \
                 reached without it are listed in NO_PROXY. Have the proxy's owner allow this host.",
        example: None,
    },
    Trouble {
        name: "not-the-service",
        title: "Somebody else answered",
        signs: &[
            Sign::Way(Obstacle::NotTheService),
            status(300, 399),
            Sign::Answer { statuses: (400, 499), code: Code::Missing, words: &[] },
        ],
        meaning: "What answered is not DLI: the login page of a network, the error page of a proxy, or another service at this \
                  address.",
        remedy: "Open the address with a browser or curl to see who answers. Log in to the network, or correct HTTPS_PROXY, \
                 region, or endpoints in the provider block.",
        example: None,
    },
    Trouble {
        name: "HTTP-5xx",
        title: "A fault at the other end",
        signs: &[status(500, 599)],
        meaning: "The service, or a gateway or proxy before it, had a fault; the request is not to blame.",
        remedy: LATER,
        example: Some(example(
            500,
            "IAM.0006",
            "An unexpected error prevented the server from fulfilling your request.",
        )),
    },
    Trouble {
        name: "is_success-false",
        title: "Refused with HTTP 200",
        signs: &[status(200, 299)],
        meaning: "The service refuses this although its status says success. It gives no code, so its message is the only \
                  reason.",
        remedy: "Do what the message says. If it does not help, give the request ID to Huawei Cloud's support.",
        example: Some(example(200, "", "Failed to create the datasource connection")),
    },
    Trouble {
        name: "unlisted",
        title: "A code that is not listed here",
        signs: &[status(0, 999)],
        meaning: "This code is not among those whose meaning the provider knows; the service's own words are all there is.",
        remedy: "Look it up in the DLI API Reference, Error Codes, or give the request ID to Huawei Cloud's support.",
        example: Some(example(409, "DLI.4711", "The state of the connection conflicts with the operation")),
    },
    Trouble {
        name: "no-turn",
        title: "Its turn did not come in time",
        signs: &[Sign::Way(Obstacle::NoTurn)],
        meaning: "The service takes only so many requests in a time, from all programs of the user together. The provider lets \
                  its calls take turns, and there was no time left for this one.",
        remedy: "Apply again: only what is missing will be done. For many resources, set a longer time in the timeouts block. \
                 See what else uses the account.",
        example: None,
    },
    Trouble {
        name: "name-not-resolved",
        title: "The host's name has no address",
        signs: &[Sign::Way(Obstacle::Unresolved)],
        meaning: "The region is misspelt, this machine has no name server that answers, or only a proxy may look names up.",
        remedy: "Check region (such as cn-north-4 or ap-southeast-3), and endpoints where it is set. See whether other names \
                 resolve (nslookup). Behind a proxy, set HTTPS_PROXY.",
        example: None,
    },
    Trouble {
        name: "connection-refused",
        title: "Nothing listens at the address",
        signs: &[Sign::Way(Obstacle::Refused)],
        meaning: "The host is there, but nothing listens on this port: the port is wrong, the service was not started, or a \
                  firewall refuses in its place.",
        remedy: "Check endpoints in the provider block. If it is the emulator, start it first (dli-emulator).",
        example: None,
    },
    Trouble {
        name: "connect-timeout",
        title: "No connection in time",
        signs: &[Sign::Way(Obstacle::ConnectTimeout)],
        meaning: "Nothing came back from the host: a firewall drops what is sent, or the way out leads through a proxy.",
        remedy: "Behind a proxy, set HTTPS_PROXY. Otherwise have the firewall let this machine through to the host, or run \
                 Terraform where it may go there.",
        example: None,
    },
    Trouble {
        name: "unreachable",
        title: "No way to the host",
        signs: &[Sign::Way(Obstacle::Unreachable)],
        meaning: "This machine's network has no way to the host.",
        remedy: "See that the network is up and has a route there. Behind a proxy, set HTTPS_PROXY.",
        example: None,
    },
    Trouble {
        name: "tls-not-trusted",
        title: "The certificate is not trusted",
        signs: &[Sign::Way(Obstacle::Untrusted)],
        meaning: "Nobody whom this machine trusts vouches for the host's certificate, or it is not for this host or this time. \
                  Often a proxy opens TLS connections and shows a certificate of its own.",
        remedy: "Ask for the certificate of the authority that signed it, and name its PEM file in cacert_file. Check the \
                 machine's date, and endpoints where it is set.",
        example: None,
    },
    Trouble {
        name: "tls-failed",
        title: "The host does not speak TLS",
        signs: &[Sign::Way(Obstacle::TlsFailed)],
        meaning: "The host answers, but not with TLS 1.2 or newer: the port is one of plain HTTP, or something very old or \
                  strange is in between.",
        remedy: "Check the port in endpoints. Only an emulator on this machine is reached with http://.",
        example: None,
    },
    Trouble {
        name: "connection-lost",
        title: "The connection ended without an answer",
        signs: &[Sign::Way(Obstacle::Lost)],
        meaning: "The service, or a proxy or firewall in between, closed the connection after the request was sent.",
        remedy: "Apply again: only what is missing will be done. If it stays, see what is between this machine and the \
                 service.",
        example: None,
    },
    Trouble {
        name: "timeout",
        title: "No answer in time",
        signs: &[Sign::Way(Obstacle::Timeout)],
        meaning: "The connection stood, and the service did not answer in time.",
        remedy: "Apply again in a few minutes: only what is missing will be done.",
        example: None,
    },
    Trouble {
        name: "cut-off",
        title: "The answer was cut off",
        signs: &[Sign::Way(Obstacle::CutOff)],
        meaning: "The answer began, and the connection ended before it was whole. A proxy or firewall may limit the length or \
                  the time of an answer.",
        remedy: "Apply again: only what is missing will be done. If it stays, see what is between this machine and the \
                 service.",
        example: None,
    },
];
